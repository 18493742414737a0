# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests in the web client share.

The screenshots of the documentation are made with SCREENSHOTS=doc/images.
"""
import shutil
from contextlib import contextmanager

from proteus import Model

from ..installed_case import (
    CONFIGURATION, IMAGING, SCREENSHOTS, InstalledTestCase)
from demo.installation import ROOT, WEB_CLIENT
from demo.orthanc_server import is_available

try:
    from .sao import WebClient, expect, new_page, running_browser
except ImportError:
    WebClient = expect = None

__all__ = [
    'CONFIGURATION', 'IMAGING', 'BrowserTestCase', 'expect',
    'make_allergic_to_contrast']


def make_allergic_to_contrast(patient):
    contrast = Model.get('gnuhealth.pathology')(
        name="Iodinated contrast", code='CONTRAST')
    contrast.save()
    Model.get('gnuhealth.patient.disease')(
        patient=patient, pathology=contrast, is_allergy=True).save()


class BrowserTestCase(InstalledTestCase):
    "A person at the web client"

    @classmethod
    def missing(cls):
        if not WebClient:
            return "playwright is not installed"
        if not shutil.which('chromium'):
            return "Chromium is not installed"
        if not (WEB_CLIENT / 'dist').exists():
            return f"the web client is not in {WEB_CLIENT.relative_to(ROOT)}"
        if not is_available():
            return "Orthanc is not installed"
        return None

    @contextmanager
    def logged_in(self, login, **options):
        "The web client of the user, in a browser of its own"
        with running_browser(**options) as page:
            try:
                client = self.client(page, login)
                yield client
                self.assertEqual((client.error, client.errors), (None, []))
            except Exception:
                for context in page.context.browser.contexts:
                    for shown in context.pages:
                        shown.screenshot(path=str(
                                SCREENSHOTS / f'failed_{id(shown)}.png'))
                raise

    def client(self, page, login):
        "The web client of the user on the page"
        client = WebClient(page, self.installation.url)
        client.log_in('hospital', login, self.installation.password)
        return client

    def beside(self, client, login):
        "The web client of another user, beside that one"
        return self.client(new_page(client.page.context.browser), login)

    def screenshot(self, client, name):
        client.screenshot(SCREENSHOTS / f'{name}.png')

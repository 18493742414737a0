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
from demo.hospital import create_user
from demo.installation import ROOT, WEB_CLIENT
from demo.orthanc_server import is_available

try:
    from .sao import WebClient, expect, new_page, running_browser
except ImportError:
    WebClient = expect = None

__all__ = [
    'CONFIGURATION', 'IMAGING', 'BrowserTestCase', 'create_radiographer',
    'expect', 'first_doctor', 'make_allergic_to_contrast', 'request_tests']


def create_radiographer(password):
    create_user(
        'radiographer', 'health_imaging.group_health_imaging',
        name="Rosa Luz", password=password)


def first_doctor():
    doctor, = Model.get('gnuhealth.healthprofessional').find(
        [], limit=1, order=[('id', 'ASC')])
    return doctor


def request_tests(patient, tests, **values):
    "Return the requests of the first doctor for the tests, as requested"
    Request = Model.get('gnuhealth.imaging.test.request')
    doctor = first_doctor()
    requests = [
        Request(patient=patient, requested_test=test, doctor=doctor, **values)
        for test in tests]
    for request in requests:
        request.save()
    Request.click(requests, 'requested')
    return requests


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

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests in the web client share.

Screenshots are left in the folder SCREENSHOTS, .cache/screenshots by default;
those of the documentation are made with SCREENSHOTS=doc/images.
"""
import os
import shutil
import tempfile
import unittest
from contextlib import contextmanager
from pathlib import Path

from demo.installation import ROOT, WEB_CLIENT, Installation, free_port
from demo.orthanc_server import OrthancServer, is_available

try:
    from .sao import WebClient, expect, new_page, running_browser
except ImportError:
    WebClient = expect = None

SCREENSHOTS = Path(
    os.environ.get('SCREENSHOTS') or ROOT / '.cache' / 'screenshots')
IMAGING = "Health", "Imaging"
CONFIGURATION = "Health", "Configuration", "Orthanc"


def missing():
    "What the tests need and is not here, as a sentence"
    if not WebClient:
        return "playwright is not installed"
    if not shutil.which('chromium'):
        return "Chromium is not installed"
    if not (WEB_CLIENT / 'dist').exists():
        return f"the web client is not in {WEB_CLIENT.relative_to(ROOT)}"
    if not is_available():
        return "Orthanc is not installed"
    return None


class BrowserTestCase(unittest.TestCase):
    "An installation of its own on about that port, filled by fill"
    port = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        reason = missing()
        if reason:
            raise unittest.SkipTest(f"{reason}; bin/test brings it")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        cls.folder = Path(cls.enterClassContext(
                tempfile.TemporaryDirectory(prefix='browser-')))
        cls.installation = Installation(cls.folder, free_port(cls.port))
        cls.installation.prepare()
        cls.config = cls.installation.connect()
        cls.fill()
        cls.enterClassContext(cls.installation.running())

    @classmethod
    def start_orthanc(cls):
        "Start the Orthanc that the tests use"
        cls.orthanc = cls.enterClassContext(
            OrthancServer(cls.folder / 'orthanc'))

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

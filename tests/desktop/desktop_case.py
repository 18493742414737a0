# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What tests in the desktop client share"
import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from ..installed_case import (
    CONFIGURATION, IMAGING, SCREENSHOTS, InstalledTestCase)
from .desktop import PYTHON, running_client, running_screen
from demo.installation import ROOT
from demo.orthanc_server import is_available

__all__ = ['CONFIGURATION', 'IMAGING', 'DesktopTestCase']

_TROUBLE = re.compile(r'#ERROR|Traceback|Application Error')


class DesktopTestCase(InstalledTestCase):
    "A person at the desktop client"
    web_client = False

    @classmethod
    def missing(cls):
        for program in ['Xvfb', 'openbox', 'xdotool']:
            if not shutil.which(program):
                return f"{program} is not installed"
        if not PYTHON.exists():
            return f"the desktop client is not in {PYTHON.relative_to(ROOT)}"
        if not is_available():
            return "Orthanc is not installed"
        return None

    @contextmanager
    def logged_in(self, login):
        "The desktop client of the user, on a screen of its own"
        folder = Path(self.enterContext(
                tempfile.TemporaryDirectory(prefix='desktop-')))
        self.opened = folder / 'opened'
        with running_screen() as screen, running_client(
                screen, f'localhost:{self.installation.port}', login,
                folder) as client:
            try:
                client.log_in('hospital', self.installation.password)
                yield client
                self.assertIsNone(client.error())
            except Exception:
                self.screenshot(client, f'failed_{self.id()}')
                raise
        self.check(folder / 'stderr')

    def save(self, client):
        "Save the file that the client brings, and return what is in it"
        file = self.opened.with_name('saved')
        client.type(str(file))
        client.click("Save")
        end = time.monotonic() + 60
        while not file.exists() and time.monotonic() < end:
            time.sleep(0.2)
        return file.read_bytes()

    def check(self, log):
        "Nothing went wrong that the client says to a terminal only"
        # Renewing its cookie fails where the connection is new
        told = re.sub(
            r'ERROR:tryton\.device_cookie:.*\n(Traceback.*\n( .*\n)+.+\n)?',
            '', log.read_text())
        self.assertNotRegex(told, r'Traceback|ERROR:')

    def check_tab(self, client, name):
        "Each page of what was opened, as a list and as a form, is in order"
        pages = client.pages()
        for page in pages or [None]:
            if page:
                client.show_page(page)
            self.check_front(client, f'{name}_{page}' if page else name)
        # A list has the row on the page that it was opened with
        if pages:
            client.show_page(pages[0])
        if client.switch():
            self.check_front(client, f'{name}_form')

    def check_front(self, client, name):
        "What is in front has no error, and can be read"
        self.screenshot(client, re.sub(r'\W+', '_', name))
        self.assertIsNone(client.error())
        self.assertNotRegex(client.text(), _TROUBLE)
        self.assertEqual(client.cut_columns(), [])

    def screenshot(self, client, name):
        client.screenshot(str(SCREENSHOTS / f'desktop_{name}.png'))

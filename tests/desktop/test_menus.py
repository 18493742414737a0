# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Every menu of ours opens in the desktop client, as a list and as a form"
import re

from .department import fill
from .desktop_case import DesktopTestCase

# Where there are menus of ours, and how many open at least for whom
_FOLDERS = {
    'radiologist': {("Health", "Imaging"): 16},
    'orthanc': {
        ("Health", "Configuration", "Orthanc"): 8,
        },
    }
_TROUBLE = re.compile(r'#ERROR|Traceback|Application Error')


class MenusTestCase(DesktopTestCase):
    port = 8033

    @classmethod
    def fill(cls):
        fill(cls)

    def test_menus(self):
        for login, folders in _FOLDERS.items():
            with self.logged_in(login) as client:
                for folder, least in folders.items():
                    menus = client.menu_below(*folder)
                    self.assertGreaterEqual(len(menus), least)
                    for names in menus:
                        with self.subTest(' / '.join(names), login=login):
                            self.open(client, names)

    def open(self, client, names):
        "Look at what a menu opens, and close it"
        tabs = client.tabs()
        client.open_menu(*names)
        self.check_front(client, '_'.join(names[1:]))
        if client.tabs() == tabs:
            client.click("Cancel")
            return
        if client.switch():
            self.check_front(client, '_'.join([*names[1:], 'form']))
        client.close_tab()
        # What was not saved is nobody's
        if "No" in client.buttons():
            client.click("No")
        self.assertEqual(client.tabs(), tabs)

    def check_front(self, client, name):
        "What is in front has no error, and can be read"
        self.screenshot(client, re.sub(r'\W+', '_', f'menu_{name}'))
        self.assertIsNone(client.error())
        self.assertNotRegex(client.text(), _TROUBLE)
        self.assertEqual(client.cut_columns(), [])

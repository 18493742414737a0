# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Every menu of ours opens in the desktop client, with each page of lists"
from .department import fill
from .desktop_case import DesktopTestCase

# Where there are menus of ours, and how many open at least for whom
_FOLDERS = {
    'radiologist': {("Health", "Imaging"): 16},
    'orthanc': {
        ("Health", "Configuration", "Orthanc"): 8,
        },
    }


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
        name = '_'.join(['menu', *names[1:]])
        if client.tabs() == tabs:
            self.check_front(client, name)
            client.click("Cancel")
            return
        self.check_tab(client, name)
        client.close_tab()
        # What was not saved is nobody's
        if "No" in client.buttons():
            client.click("No")
        self.assertEqual(client.tabs(), tabs)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The lists of the desktop client can be read in other languages, too"
from ..languages import create_user_of, menu_names, words
from .department import fill
from .desktop_case import DesktopTestCase

_MENUS = [
    ('health_imaging', 'menu_imaging_test_request_view'),
    ('health_imaging', 'menu_department_worklist'),
    ('health_imaging', 'menu_reading'),
    ('health_imaging', 'menu_imaging_test_result_view'),
    ('health_orthanc', 'menu_study_form'),
    ('health_orthanc', 'menu_reconciliation_form'),
    ]


class LanguagesTestCase(DesktopTestCase):
    port = 8035
    # From right to left, and with long words
    languages = ['es', 'ar', 'de']

    @classmethod
    def fill(cls):
        fill(cls)
        cls.menus = {}
        for code in cls.languages:
            create_user_of(
                code, cls.installation.password,
                'health_orthanc.group_imaging_reconciliation')
            cls.menus[code] = {
                menu: menu_names(cls.config, code, *menu) for menu in _MENUS}

    def test_languages(self):
        for code in self.languages:
            with self.logged_in(code) as client:
                for (module, menu), names in self.menus[code].items():
                    with self.subTest(menu, code=code):
                        told, = words(
                            code, module, [f'model:ir.ui.menu,name:{menu}'])
                        self.assertEqual(names[-1], told)
                        client.open_menu(*names)
                        self.check_tab(client, f'language_{code}_{menu}')
                        client.close_tab()

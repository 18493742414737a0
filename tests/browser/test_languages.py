# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"In another language people read what the catalogue has, in its direction"
import datetime as dt

from ..languages import create_user_of, menu_names, words
from .browser_case import BrowserTestCase, request_tests
from demo import story
from demo.dicom_files import generated_study
from demo.hospital import create_patient, create_test

# Whether it is written from right to left, by the code of the language
_LANGUAGES = {'es': False, 'ar': True, 'el': False, 'zh_CN': False}
_IMAGING = ('health_imaging', 'menu_imaging')
_MENUS = {
    'studies': [
        _IMAGING, ('health_orthanc', 'menu_orthanc'),
        ('health_orthanc', 'menu_study_form')],
    'requests': [
        _IMAGING, ('health_imaging', 'menu_imaging_test_request_view')],
    }
_STUDY = 'field:gnuhealth.orthanc.study,{}:'
_REQUEST = 'field:gnuhealth.imaging.test.request,{}:'
# What the list of each menu says, and the form of a study
_LISTS = {
    'studies': ('health_orthanc', [
            _STUDY.format('modalities'), _STUDY.format('patient_identity'),
            _STUDY.format('description')]),
    'requests': ('health_imaging', [
            _REQUEST.format('urgent'), _REQUEST.format('patient_identity'),
            'model:ir.model.button,string:image_request_button']),
    }
_FORM = ('health_orthanc', [
        _STUDY.format('study_instance_uid'),
        'model:ir.model.button,string:study_open_orthanc_explorer_button'])
_ALL = (
    'model:ir.action.act_window.domain,name:'
    'act_imaging_test_request_domain_all')
# The texts of entries in front of which one does not see all
_CUT = """front => [...front.querySelectorAll('input')]
    .filter(el => el.scrollWidth > el.clientWidth + 1).map(el => el.value)"""


class LanguagesTestCase(BrowserTestCase):
    port = 8012

    @classmethod
    def fill(cls):
        cls.start_orthanc()
        password = cls.installation.password
        story.staff(password)
        cls.orthanc.upload_all(generated_study(
                patient_id='X1', patient_name='ADAMS^EVE',
                birth_date='19900505', sex='F', modality='CT',
                accession_number='A1', study_description="Head", series=1,
                images=1))
        story.synchronize(story.add_server(cls.orthanc))
        request_tests(
            create_patient(
                "Eve", "Adams", puid='GNU666ORG', dob=dt.date(1990, 5, 5)),
            [create_test("CT Head", code='HEAD', modality='CT')])
        # Before the server runs, which has no session while this writes
        cls.menus = {}
        for code in _LANGUAGES:
            create_user_of(code, password)
            cls.menus[code] = {
                key: menu_names(cls.config, code, *menus[-1])
                for key, menus in _MENUS.items()}

    def test_languages(self):
        for code, is_rtl in _LANGUAGES.items():
            with self.subTest(code), self.logged_in(code) as client:
                self.assertEqual(
                    client.page.evaluate("document.documentElement.dir"),
                    'rtl' if is_rtl else 'ltr')
                self.check_menus(code)
                self.look(client, code)

    def check_menus(self, code):
        for key, menus in _MENUS.items():
            told = [
                words(code, module, [f'model:ir.ui.menu,name:{fs_id}'])[0]
                for module, fs_id in menus]
            self.assertEqual(self.menus[code][key][1:], told)

    def look(self, client, code):
        "Look at the lists and a study, which the menus lead to"
        for key, (module, contexts) in _LISTS.items():
            client.open_menu(*self.menus[code][key])
            self.assertSays(client, words(code, module, contexts))
            self.screenshot(client, f'language_{code}_{key}')
            if key == 'studies':
                client.open_row("Head")
                self.assertSays(client, words(code, *_FORM))
                self.screenshot(client, f'language_{code}_study')
            else:
                client.show_page(*words(code, module, [_ALL]))
                client.open_row("CT Head")
                self.screenshot(client, f'language_{code}_request')
                self.assertFalse([
                        text for text in client.front.evaluate(_CUT)
                        if 'GNU666ORG' in text])

    def assertSays(self, client, expected):
        shown = client.front.text_content()
        for word in expected:
            self.assertIn(word, shown)

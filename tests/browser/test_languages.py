# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"In another language people read what the catalogue has, in its direction"
import polib
from proteus import Model

from .browser_case import BrowserTestCase
from demo import story
from demo.dicom_files import generated_study
from demo.hospital import create_user
from demo.installation import ROOT

# Whether it is written from right to left, by the code of the language
_LANGUAGES = {'es': False, 'ar': True, 'zh_CN': False}
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


def words(language, module, contexts):
    "The words of the catalogue for these"
    catalogue = polib.pofile(
        str(ROOT / module / 'locale' / f'{language}.po'))
    told = {entry.msgctxt: entry.msgstr for entry in catalogue}
    return [told[context] for context in contexts]


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
        # Before the server runs, which has no session while this writes
        Lang = Model.get('ir.lang')
        cls.menus = {}
        for code, is_rtl in _LANGUAGES.items():
            lang = next(iter(Lang.find([('code', '=', code)])), None)
            if not lang:
                lang = Lang(name=code, code=code)
                lang.direction = 'rtl' if is_rtl else 'ltr'
                lang.save()
            lang.click('load_translations')
            user = create_user(
                code, 'health.group_health_doctor',
                'health_imaging.group_health_imaging_reporting',
                name=code, password=password)
            user.language = lang
            user.save()
            cls.menus[code] = cls.read_menus(code)

    @classmethod
    def read_menus(cls, code):
        "The names of the menus, from the first, as they are in the language"
        ModelData = Model.get('ir.model.data')
        Menu = Model.get('ir.ui.menu')
        names = {}
        for key, ids in _MENUS.items():
            with cls.config.set_context(language=code):
                path = [
                    Menu(ModelData.find([
                                ('module', '=', module),
                                ('fs_id', '=', fs_id)])[0].db_id)
                    for module, fs_id in ids]
                names[key] = [path[0].parent.name, *(m.name for m in path)]
        return names

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
                client.row("Head").locator(
                    'td:not(:has(a, button)) .widget:visible').first.dblclick()
                client.settle()
                self.assertSays(client, words(code, *_FORM))
                self.screenshot(client, f'language_{code}_study')

    def assertSays(self, client, expected):
        shown = client.front.text_content()
        for word in expected:
            self.assertIn(word, shown)

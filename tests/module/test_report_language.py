# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A report is printed in the language of the patient, else of the user"
import re
import unittest
import zipfile
from io import BytesIO
from unittest.mock import patch

from proteus import Model, Report

from trytond.modules.health_imaging import report_print
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME, drop_db
from trytond.transaction import Transaction

from .. import catalogues
from ..tools import (
    activate, as_user, create_health_professional, create_patient, create_test,
    create_user)

RESULT = 'gnuhealth.imaging.test.result'
# The title of the template, a label, the name of a field, a date
SAID = {
    'en': ["Imaging Report", "Requested by", "Impression", "10/04/1985"],
    'de': ["Bildgebungsbefund", "Angefordert von", "Beurteilung",
        "04.10.1985"],
    'es': ["Paciente", "Solicitado por", "Impresión diagnóstica",
        "04/10/1985"],
    }


class ReportLanguageTestCase(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        cls.config = activate('health_imaging')
        cls.chest = create_test()
        cls.languages = {
            lang.code: lang for lang in Model.get('ir.lang').find(
                [('code', 'in', [*SAID, 'fr'])])}
        pool = Pool(DB_NAME)
        Lang = pool.get('ir.lang')
        Translation = pool.get('ir.translation')
        with Transaction().start(DB_NAME, 1) as transaction:
            for code in ['de', 'es']:
                Lang.write(
                    Lang.search([('code', '=', code)]), {'translatable': True})
                Translation.translation_import(
                    code, 'health_imaging',
                    [str(catalogues.path('health_imaging', code))])
            transaction.commit()

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

    def result(self, language):
        patient = create_patient()
        patient.party.lang = self.languages.get(language)
        patient.party.save()
        result = Model.get(RESULT)(
            patient=patient, requested_test=self.chest, impression="OK")
        result.save()
        return result

    def printed(self, *results, name='patient.imaging_report_results'):
        "The text of each report, without LibreOffice"
        with patch.object(
                report_print, 'has_converter', return_value=False):
            extension, content, _, _ = Report(name).execute(list(results))
        files = [content]
        if extension == 'zip':
            with zipfile.ZipFile(BytesIO(content)) as bundle:
                files = [bundle.read(name) for name in bundle.namelist()]
        for file in files:
            yield re.sub('<[^>]+>', ' ', self.xml(file))

    def xml(self, file):
        if file.startswith(b'PK'):
            with zipfile.ZipFile(BytesIO(file)) as document:
                file = document.read('content.xml')
        return file.decode()

    def test_language(self):
        for of_user, of_patient, language in [
                ('en', None, 'en'), ('de', None, 'de'), ('de', 'es', 'es'),
                ('es', 'en', 'en'), ('en', 'de', 'de')]:
            result = self.result(of_patient)
            with self.subTest(user=of_user, patient=of_patient), \
                    self.config.set_context(language=of_user):
                text, = self.printed(result)
                for said in SAID[language]:
                    self.assertIn(f' {said} ', text)

    def test_languages_at_once(self):
        "Each is in the language of its patient"
        results = [self.result(language) for language in ['es', None, 'de']]
        for language, text in zip(
                ['es', 'en', 'de'], self.printed(*results), strict=True):
            for said in SAID[language]:
                self.assertIn(f' {said} ', text)

    def test_language_without_translations(self):
        "Nobody gets a language that the database does not speak"
        with self.config.set_context(language='de'):
            text, = self.printed(self.result('fr'))
        self.assertIn(" Beurteilung ", text)

    def test_version(self):
        "So is a version of a signed report"
        text, = self.printed(
            self.signed('es'), name=f'{RESULT}.version.report')
        self.assertIn(" Solicitado por ", text)

    def test_kept(self):
        "And the PDF that is kept of it, whoever signed"
        Version = Pool(DB_NAME).get(f'{RESULT}.version')
        for of_patient, language in [('es', 'es'), (None, 'de')]:
            version = self.signed(of_patient, of_user='de')
            with self.subTest(patient=of_patient), \
                    Transaction().start(DB_NAME, 0), \
                    patch.object(
                        report_print, 'has_converter', return_value=True), \
                    patch(
                        'trytond.report.Report.convert',
                        lambda report, data, **kwargs: ('pdf', data)):
                file = Version(version.id).as_pdf()
            text = re.sub('<[^>]+>', ' ', self.xml(file))
            for said in SAID[language]:
                self.assertIn(f' {said} ', text)

    def signed(self, of_patient, of_user=None):
        "The version of a report that a reader signed"
        result = self.result(of_patient)
        reader = create_user(
            f'reader{result.id}',
            'health_imaging.group_health_imaging_reporting')
        reader.language = self.languages.get(of_user)
        reader.save()
        create_health_professional("Rita", "Roe", reader)
        administrator = self.config.user
        as_user(reader)
        self.addCleanup(as_user, administrator)
        result = Model.get(RESULT)(result.id)
        result.click('sign')
        as_user(administrator)
        return Model.get(f'{RESULT}.version')(result.versions[0].id)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"All that the modules say is said in each language"
import unittest

from trytond.pool import Pool
from trytond.tests.test_tryton import drop_db, with_transaction
from trytond.transaction import Transaction

from .. import catalogues
from ..tools import install


class TranslationsTestCase(unittest.TestCase):
    "Test the translations"

    @classmethod
    def setUpClass(cls):
        drop_db()
        install(*catalogues.MODULES)

    @with_transaction()
    def test_catalogues_are_complete(self):
        "Each catalogue has all that its module says, and nothing else"
        for module in catalogues.MODULES:
            expected = set(map(catalogues.key, catalogues.export(module)))
            for language in [None, *catalogues.LANGUAGES]:
                with self.subTest(module=module, language=language):
                    self.assertEqual(
                        set(map(
                                catalogues.key,
                                catalogues.read(module, language))),
                        expected, "Run bin/translate")

    @with_transaction()
    def test_languages_of_hospitals(self):
        "GNU Health's codes of languages show what Tryton's have"
        pool = Pool()
        Language = pool.get('ir.lang')
        Translation = pool.get('ir.translation')
        Request = pool.get('gnuhealth.imaging.test.request')
        for code, language in [
                ('it_IT', 'it'), ('pt_BR', 'pt'), ('ja_JP', 'ja_JP')]:
            if not Language.search([('code', '=', code)]):
                Language.create([{
                            'code': code, 'name': code,
                            'translatable': True}])
            Translation.translation_import(
                language, 'health_imaging',
                [str(catalogues.path('health_imaging', language))])
            with self.subTest(code=code), Transaction().set_context(
                    language=code):
                self.assertEqual(
                    Request.fields_get(['patient'])['patient']['string'],
                    self.translated(
                        'health_imaging', language,
                        'field:gnuhealth.imaging.test.request,patient:'))

    def translated(self, module, language, context):
        return next(
            entry.msgstr for entry in catalogues.read(module, language)
            if entry.msgctxt == context)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What helps to write a report: templates, macros, former examinations"
import datetime as dt
import unittest

from proteus import Model

from trytond.pyson import PYSONDecoder
from trytond.tests.test_tryton import drop_db

from ..tools import activate, create_patient, create_test, get_test_type

RESULT = 'gnuhealth.imaging.test.result'
SECTIONS = [
    'indication', 'technique', 'comparison', 'comment', 'impression',
    'recommendation']


class ReportTextTestCase(unittest.TestCase):
    "Test how a report is written"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        cls.config = activate('health_imaging')
        cls.chest, cls.skull = create_test(), create_test("Skull", 'SKULL')
        cls.head = create_test("CT of the head", 'CTHEAD', 'CT')

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

    def result(self, patient=None, test=None, date=None, **values):
        result = Model.get(RESULT)(
            patient=patient or create_patient(),
            requested_test=test or self.chest, **values)
        if date:
            result.date = dt.datetime.combine(date, dt.time(12))
        result.save()
        return result

    def template(self, *tests, **values):
        Template = Model.get('gnuhealth.imaging.report.template')
        template = Template(name="Normal", **values)
        for test in tests:
            template.tests.append(type(test)(test.id))
        template.save()
        return template

    def test_template(self):
        "A template fills what is empty and takes nothing away"
        template = self.template(
            technique="Two views.", comment="Normal.", impression="Normal.")
        result = self.result(comment="Mass of 5 cm.")
        result.template = template
        result.save()
        result = Model.get(RESULT)(result.id)
        self.assertEqual(
            [getattr(result, name) for name in SECTIONS],
            [None, "Two views.", None, "Mass of 5 cm.", "Normal.", None])
        self.assertIsNone(result.template)

    def offered(self, result, language='en'):
        "Return the templates that the form of the result offers"
        with self.config.set_context(language=language):
            Result = Model.get(RESULT)
            domain = Result._proxy.fields_get(
                ['template'], {})['template']['domain']
            result = Result(result.id)
            return set(Model.get('gnuhealth.imaging.report.template').find(
                    PYSONDecoder({
                            'requested_test': result.requested_test.id,
                            'template_languages': [
                                lang.id for lang in result.template_languages],
                            }).decode(domain)))

    def test_template_of_tests(self):
        "What is offered is of the test, or of all"
        for_all, other = self.template(), self.template(self.skull)
        mine = self.template(self.chest, self.head)
        result = self.result()
        offered = self.offered(result)
        self.assertLessEqual({for_all, mine}, offered)
        self.assertNotIn(other, offered)
        result.template = mine
        result.save()

    def test_template_of_languages(self):
        "What is offered is of the user's language, the patient's, or of none"
        Lang = Model.get('ir.lang')
        templates = {
            code: self.template(language=lang) for code in ['en', 'es', 'de']
            for lang in Lang.find([('code', '=', code)])}
        templates[None] = self.template()
        patient = create_patient()
        for language, of_patient, codes in [
                ('en', None, {'en'}), ('es', None, {'es'}),
                ('es', 'de', {'es', 'de'}), ('de', 'de', {'de'})]:
            with self.subTest(language=language, of_patient=of_patient):
                patient.party.lang = (
                    templates[of_patient].language if of_patient else None)
                patient.party.save()
                self.assertEqual(
                    self.offered(self.result(patient), language)
                    & set(templates.values()),
                    {templates[code] for code in [*codes, None]})
        # Nor is one of another test, whatever its language
        other = self.template(
            self.skull, language=templates['en'].language)
        self.assertNotIn(other, self.offered(self.result()))

    def test_template_name(self):
        "The name says in which language it is"
        lang, = Model.get('ir.lang').find([('code', '=', 'es')])
        self.assertEqual(
            self.template(language=lang).rec_name, f"Normal ({lang.name})")

    def test_macro(self):
        "Each section has macros"
        Macro = Model.get('gnuhealth.imaging.report.macro')
        Macro(code='nl', text="Normal lungs.").save()
        old = Macro(code='old', text="Old.", active=False)
        old.save()
        for name in SECTIONS:
            with self.subTest(section=name):
                result = self.result()
                setattr(result, name, "Seen: .nl .old .5")
                self.assertEqual(
                    getattr(result, name), "Seen: Normal lungs. .old .5")

    def test_priors(self):
        "Former reports: the same test first, then the same type, the newest"
        patient = create_patient()
        day = dt.date(2026, 1, 1)
        days = [day + dt.timedelta(n) for n in range(9)]
        skull = self.result(patient, self.skull, days[1])
        old = self.result(patient, self.chest, days[2])
        new = self.result(patient, self.chest, days[3])
        head = self.result(patient, self.head, days[4])
        withdrawn = self.result(patient, self.chest, days[5])
        result = self.result(patient, self.chest, days[7])
        self.result(patient, self.chest, days[8])
        self.result(None, self.chest, days[5])
        self.assertEqual(get_test_type('CT'), self.head.test_type)
        withdraw = withdrawn.click('withdraw_report')
        withdraw.form.reason = "Wrong"
        withdraw.execute('withdraw')
        self.assertEqual(
            Model.get(RESULT)(result.id).priors, [new, old, skull, head])

    def test_compare(self):
        "One click adds the former examination, once"
        patient = create_patient()
        Request = Model.get('gnuhealth.imaging.test.request')
        request = Request(
            patient=patient, requested_test=self.chest,
            date=dt.datetime(2026, 1, 2, 12))
        request.save()
        request.click('requested')
        request.click('generate_results')
        older = self.result(patient, self.head, dt.date(2026, 1, 1))
        result = self.result(
            patient, self.chest, dt.date(2100, 1, 1), comparison="None.")
        result.click('compare')
        result.click('compare')
        line = (
            f"{self.chest.rec_name} of 01/02/2026, accession number "
            f"{request.accession_number}")
        self.assertEqual(result.comparison, f"None.\n{line}")
        result.prior = older
        result.save()
        result.reload()
        self.assertEqual(
            result.comparison,
            f"None.\n{line}\n{self.head.rec_name} of 01/01/2026")

    def test_prior_of_another(self):
        "Nobody compares with the examination of somebody else"
        result = self.result()
        result.prior = self.result()
        self.assertIsNone(result.comparison)

    def test_indication(self):
        "The clinical question is the indication, and shown"
        Request = Model.get('gnuhealth.imaging.test.request')
        request = Request(
            patient=create_patient(), requested_test=self.chest,
            clinical_question="Pneumonia?")
        request.save()
        request.click('requested')
        (result,), = request.click('generate_results').actions
        self.assertEqual(
            (result.indication, result.clinical_question),
            ("Pneumonia?", "Pneumonia?"))

    def test_correct(self):
        "All sections are corrected, and what was there is kept"
        Group = Model.get('res.group')
        ModelData = Model.get('ir.model.data')
        data, = ModelData.find([
                ('fs_id', '=', 'group_health_imaging_reporting')])
        user = Model.get('res.user')(self.config.user)
        user.groups.append(Group(data.db_id))
        user.save()
        before = {name: f"{name} 1" for name in SECTIONS}
        after = {**{name: f"{name} 2" for name in SECTIONS}, 'technique': None}
        result = self.result(**before)
        result.click('sign')
        correct = result.click('correct')
        self.assertEqual(
            {name: getattr(correct.form, name) for name in SECTIONS}, before)
        for name, text in after.items():
            setattr(correct.form, name, text)
        correct.form.reason = "Sides"
        correct.execute('sign')
        result.reload()
        self.assertEqual(
            {name: getattr(result, name) for name in SECTIONS}, after)
        new, old = result.versions
        for version, sections in [(old, before), (new, after)]:
            for text in filter(None, sections.values()):
                self.assertIn(text, version.comment)

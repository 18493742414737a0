# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What a clerk sees, searches and is asked before a link is made"
import unittest
from unittest.mock import patch

from trytond.exceptions import UserWarning
from trytond.model.exceptions import AccessError
from trytond.modules.health_orthanc import bulk
from trytond.modules.health_orthanc.exceptions import LinkError
from trytond.pool import Pool
from trytond.transaction import Transaction

from .stored import ANNA, NOBODY, StoredTestCase, orthanc_study

# Somebody else under Anna's ID
STRANGER = {
    'patient_id': 'GNU1', 'patient_name': 'Jones^Bob',
    'birth_date': '19701231', 'sex': 'M'}
IDENTITY = 'PUID GNU1, 02/01/1980, F'


class WindowTestCase(StoredTestCase):
    "The wizards of the worklist"

    def wizard(self, name, *records):
        Wizard = Pool().get(name, type='wizard')
        session, _, _ = Wizard.create()
        wizard = Wizard(session)
        wizard.model, wizard.records = type(records[0]), list(records)
        wizard.record = records[0]
        return wizard

    def reconcile(self, *studies, **values):
        wizard = self.wizard('gnuhealth.orthanc.reconcile', *studies)
        defaults = wizard.default_start([])
        for name in ['studies', 'patient']:
            setattr(wizard.start, name, defaults[name])
        wizard.start.reason = None
        for name, value in values.items():
            setattr(wizard.start, name, value)
        return wizard, defaults

    def test_conflict(self):
        "Nobody is filled in, and both sides of what differs are shown"
        study, = self.store(orthanc_study('s', **STRANGER))
        self.assertEqual(study.match, 'conflict')
        _, values = self.reconcile(study)
        self.assertIsNone(values['patient'])
        self.assertEqual(values['compared_with'], f"Smith, Anna ({IDENTITY})")
        self.assertEqual([
                tuple(line.values()) for line in values['comparison']], [
                ("Name", 'Jones^Bob', "Smith, Anna", True),
                ("Birth Date", '12/31/1970', '02/01/1980', True),
                ("Sex", "Male", "Female", True),
                ("ID", 'GNU1', 'GNU1', False)])

    def test_other_conflicts(self):
        "What the rules hold against a link is not left out here"
        study, = self.store(orthanc_study('s', **ANNA))
        bulk.assign(self.Study, [study.id], {
                'local_patient': None, 'match': 'conflict',
                'match_differences': 'result', 'candidate': self.anna})
        _, values = self.reconcile(self.study(study))
        self.assertIsNone(values['patient'])
        self.assertFalse(values['differs'])
        party = self.patient(self.anna).party
        party.active = False
        party.save()
        study, = self.store(orthanc_study('t', uid='1.2.4', **ANNA))
        self.assertEqual(study.match_differences, 'inactive')
        wizard, values = self.reconcile(study, patient=self.patient(self.anna))
        self.assertIsNone(values['patient'])
        self.assertTrue(values['differs'])
        self.assertIn("not active", values['comparison'][-1]['attribute'])
        with self.assertRaisesRegex(LinkError, "not active"):
            wizard.transition_link()

    def test_nothing_differs(self):
        study, = self.store(orthanc_study('s', **ANNA))
        wizard, values = self.reconcile(study)
        self.assertEqual(values['patient'], self.anna)
        self.assertFalse(values['differs'])
        self.assertEqual(wizard.transition_link(), 'end')

    def test_nobody(self):
        study, = self.store(orthanc_study('s', **NOBODY))
        wizard, values = self.reconcile(study)
        self.assertIsNone(values['patient'])
        for transition in ['link', 'refuse']:
            with self.assertRaises(LinkError):
                getattr(wizard, f'transition_{transition}')()

    def test_several_persons(self):
        studies = self.store(
            orthanc_study('s', **STRANGER),
            orthanc_study('t', uid='1.2.4', **{
                    **STRANGER, 'patient_id': 'GNU2'}))
        _, values = self.reconcile(*studies)
        self.assertIsNone(values['patient'])
        self.assertIsNone(values['compared_with'])

    def test_link_though_it_differs(self):
        "It takes a reason and a yes to what differs by name"
        study, = self.store(orthanc_study('s', **STRANGER))
        wizard, _ = self.reconcile(study, patient=self.anna)
        for reason in [None, '', '  ']:
            wizard.start.reason = reason
            with self.assertRaises(LinkError) as refused:
                wizard.transition_link()
            self.assertIn("Name, Birth Date, Sex", str(refused.exception))
        wizard.start.reason = "The wristband was right"
        with self.assertRaises(UserWarning) as warned:
            wizard.transition_link()
        self.assertIn("Name, Birth Date, Sex", str(warned.exception))
        self.assertIn(IDENTITY, str(warned.exception))
        self.assertIsNone(self.study(study).local_patient)
        Pool().get('res.user.warning').create([{
                    'user': 1, 'name': warned.exception.name}])
        wizard.transition_link()
        study = self.study(study)
        self.assertEqual(study.local_patient.id, self.anna)
        self.assertEqual(study.decisions[0].reason, "The wristband was right")

    def test_warned_with_the_rights_of_a_clerk(self):
        "Who may write studies, and nothing else, is asked"
        study, = self.store(orthanc_study('s', **STRANGER))
        wizard, _ = self.reconcile(study, patient=self.anna, reason="Sure")
        Access = Pool().get('ir.model.access')
        check = Access.check.__func__

        def only_ours(cls, model_name, *args, **kwargs):
            self.assertFalse(
                model_name == 'res.user.warning'
                and Transaction().check_access)
            return check(cls, model_name, *args, **kwargs)

        with patch.object(Access, 'check', classmethod(only_ours)), \
                self.assertRaises(UserWarning):
            wizard.transition_link()

    def test_refuse_whom_the_id_means(self):
        "What is most often right takes no choice"
        study, = self.store(orthanc_study('s', **STRANGER))
        wizard, _ = self.reconcile(study)
        with self.assertRaises(LinkError):
            wizard.transition_refuse()
        wizard.start.reason = "Another person"
        wizard.transition_refuse()
        decision, = self.study(study).decisions
        self.assertEqual(decision.refused.id, self.anna)

    def test_other_person_is_compared(self):
        study, = self.store(orthanc_study('s', **STRANGER))
        Start = Pool().get('gnuhealth.orthanc.reconcile.start')
        start = Start(studies=[study.id], patient=self.olga)
        start.on_change_patient()
        self.assertIn("Petrova", start.compared_with)
        self.assertEqual(start.comparison[3].known, 'GNU2')
        self.assertTrue(start.differs)

    def test_order(self):
        "Link to Order opens from the row of the order"
        request = self.order(self.anna, accession_number='A1')
        study, = self.store(orthanc_study(
                's', modality='MR', AccessionNumber='A1', **ANNA))
        self.assertEqual(study.order_match, 'conflict')
        self.assertIn(IDENTITY, study.order_explanation)
        Row = Pool().get('gnuhealth.orthanc.reconciliation')
        row, = Row.search([('kind', '=', 'order')])
        wizard = self.wizard('gnuhealth.orthanc.study.link_order', row)
        values = wizard.default_start([])
        self.assertEqual(values['study'], study.id)
        self.assertEqual(values['patient'], self.anna)
        self.assertFalse(values['by_request'])
        self.assertEqual(values['suggested_requests'], [request.id])
        self.assertEqual(
            values['reported'], "Smith, Anna (GNU1, 02/01/1980, F)")
        self.assertEqual(wizard.end(), 'reload')
        wizard = self.wizard('gnuhealth.orthanc.study.link_order', request)
        values = wizard.default_start([])
        self.assertTrue(values['by_request'])
        self.assertEqual(values['patient'], self.anna)

    def test_order_of_what_is_set_aside(self):
        "There is no study to link, and that is said"
        Row = Pool().get('gnuhealth.orthanc.reconciliation')
        wizard = self.wizard(
            'gnuhealth.orthanc.study.link_order', Row(study=None))
        with self.assertRaisesRegex(LinkError, "set aside"):
            wizard.default_start([])

    def test_patient_of_an_order(self):
        "Who the chosen patient is stands beside the orders to choose from"
        Start = Pool().get('gnuhealth.orthanc.study.link_order.start')
        self.assertEqual(
            Start(patient=self.anna).on_change_with_patient_identity(),
            IDENTITY)
        self.assertIsNone(
            Start(patient=None).on_change_with_patient_identity())

    def test_patient_identity(self):
        study, other = self.store(
            orthanc_study('s', **ANNA),
            orthanc_study('t', uid='1.2.4', **NOBODY))
        self.assertEqual(study.patient_identity, IDENTITY)
        self.assertEqual(study.patient.patient_identity, IDENTITY)
        self.assertIsNone(other.patient_identity)
        self.assertEqual(
            self.order(self.anna).patient_identity, IDENTITY)
        self.assertEqual(
            self.result(self.anna).patient_identity, IDENTITY)
        self.link(study, self.olga)
        decision, = Pool().get('gnuhealth.orthanc.decision').search([
                ('study', '=', study.id)])
        self.assertEqual(decision.before_identity, IDENTITY)
        self.assertIn('GNU2', decision.after_identity)
        self.assertIsNone(decision.refused_identity)


class SearchTestCase(StoredTestCase):
    "What people type finds the row"

    def found(self, model, text):
        Model = Pool().get(model)
        with self.checked():
            return [
                record.id for record in Model.search([
                        ('rec_name', 'ilike', f'%{text}%')])]

    def assertFinds(self, record, texts, others=()):
        model = record.__name__
        for text in texts:
            with self.subTest(text=text):
                self.assertEqual(self.found(model, text), [record.id])
        for text in others:
            with self.subTest(text=text):
                self.assertEqual(self.found(model, text), [])

    def test_studies(self):
        head, _ = self.store(
            orthanc_study('s', StudyDescription="Head", **{
                    **NOBODY, 'patient_name': 'Smth^A'}),
            orthanc_study(
                't', uid='1.2.4', modality='MR', StudyDescription="Knee",
                **NOBODY))
        self.link(head, self.anna)
        self.assertFinds(head, [
                "CT head", "head ct", "Anna", "smith, anna", "anna head",
                "smth", "GNU1 head", "sm he", "a h", "ct sm"],
            ["MR head", "anna knee", "mt", "ea", "r he"])

    def test_requests(self):
        request = self.order(self.anna, accession_number='ACC-7')
        self.order(self.olga)
        self.assertFinds(
            request, ["smith head", "head anna", "HEAD smith", "smith CT",
                "ACC-7", "acc-7 anna"], ["smith knee", "petrova acc-7"])
        self.assertEqual(
            len(self.found('gnuhealth.imaging.test.request', "CT head")), 2)

    def test_results(self):
        request = self.order(self.anna, accession_number='ACC-8')
        Request = Pool().get('gnuhealth.imaging.test.request')
        result, = Request.create_results([request])
        self.result(self.olga)
        self.assertFinds(
            result, ["ACC-8", "anna head", "smith ct", "acc-8 head"],
            ["olga acc-8"])

    def test_none_of_it(self):
        "The opposite search finds all others"
        request, other = self.order(self.anna), self.order(self.olga)
        Request = type(request)
        self.assertEqual(
            Request.search([('rec_name', 'not ilike', '%smith head%')]),
            [other])


if __name__ == '__main__':
    unittest.main()


class OrthancPatientTestCase(StoredTestCase):
    "Orthanc patients say what holds for their studies, and what they are"

    def test_found(self):
        "By name or ID, and left out by either"
        one, other = (
            study.patient for study in self.store(
                orthanc_study('s', **ANNA),
                orthanc_study('t', uid='1.2.4', **NOBODY)))
        Patient = type(one)
        for operator, text, found in [
                ('ilike', '%Smith%', one), ('ilike', '%GNU1%', one),
                ('ilike', '%sm%', one), ('ilike', '%anna smith%', one),
                ('not ilike', '%Smith%', other),
                ('not ilike', '%GNU1%', other), ('=', 'X1', other),
                ('!=', 'X1', one)]:
            with self.subTest(operator=operator, text=text):
                self.assertEqual(
                    Patient.search([('rec_name', operator, text)]), [found])

    def test_differences(self):
        "What differs of a study is told of the patient as well"
        study, = self.store(orthanc_study('s', **{**ANNA, 'sex': 'M'}))
        self.assertEqual(study.patient.match, 'conflict')
        self.assertEqual(study.patient.match_differences, 'sex')
        self.assertIn("differ: sex", study.patient.match_explanation)
        study, = self.store(orthanc_study('s', **ANNA))
        self.assertEqual(
            (study.patient.match, study.patient.match_differences),
            ('identifier', None))

    def test_differences_after_a_decision(self):
        "What differs of the other studies is still told"
        values = {**ANNA, 'sex': 'M'}
        study, other = self.store(
            orthanc_study('s', **values),
            orthanc_study('t', uid='1.2.4', **values))
        self.link(study, self.anna)
        patient = self.study(other).patient
        self.assertEqual(
            (patient.match, patient.match_differences), ('conflict', 'sex'))

    def test_what_the_server_says(self):
        "Nobody writes it, or erases it"
        study, = self.store(orthanc_study('s', **ANNA))
        with self.checked():
            for record, values in [
                    (study, {'description': "Mine"}),
                    (study, {'missing_since': None}),
                    (study, {'match': 'unmatched'}),
                    (study.patient, {'name': "Mine"}),
                    (study.patient, {'name': None}),
                    (study.patient, {
                            'patient': self.olga, 'patient_id': "Mine"})]:
                with self.subTest(values=values), \
                        self.assertRaises(AccessError):
                    record.write([record], values)

    def test_copied(self):
        "A copy of a patient has none of the images"
        study, = self.store(orthanc_study('s', **ANNA))
        party, = Pool().get('party.party').create([{
                    'name': "Ana", 'is_person': True, 'is_patient': True,
                    'ref': 'GNU9', 'gender': 'f', 'fed_country': None}])
        copy, = Pool().get('gnuhealth.patient').copy(
            [self.patient(self.anna)], {'party': party.id})
        self.assertEqual(
            (copy.orthanc_studies, copy.orthanc_patients), ((), ()))
        self.assertEqual(self.study(study).local_patient.id, self.anna)

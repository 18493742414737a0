# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Missing studies that people dismiss, and studies that they take off a patient"

import datetime as dt
from unittest import mock

from trytond.modules.health_orthanc import bulk
from trytond.modules.health_orthanc.exceptions import LinkError
from trytond.pool import Pool

from tests.module.stored import ANNA, StoredTestCase, orthanc_study


class DismissTestCase(StoredTestCase):

    def setUp(self):
        super().setUp()
        self.gone, self.other = self.store(
            orthanc_study('gone', **ANNA),
            orthanc_study('other', uid='1.2.4', **ANNA))
        self.lose('gone', 'other')

    def lose(self, *orthanc_ids, seconds=0):
        later = bulk.now() + dt.timedelta(seconds=seconds)
        with mock.patch.object(bulk, 'now', return_value=later):
            self.Study.mark_missing(self.server.id, orthanc_ids)

    def missed(self):
        Reconciliation = Pool().get('gnuhealth.orthanc.reconciliation')
        rows = Reconciliation.search([('kind', '=', 'missing')])
        studies = {row.study for row in rows}
        # The tab of the studies shows the same
        self.assertEqual(studies, set(self.Study.search([
                    ('missing_since', '!=', None),
                    ('dismissed', '=', False)])))
        return studies

    def wizard(self, *records):
        Dismiss = Pool().get('gnuhealth.orthanc.dismiss', type='wizard')
        session, _, _ = Dismiss.create()
        wizard = Dismiss(session)
        wizard.model, wizard.records = type(records[0]), list(records)
        wizard.start.reason = None
        return wizard

    def dismiss(self, *records, reason="Sent twice"):
        wizard = self.wizard(*records)
        wizard.start.reason = reason
        self.assertEqual(wizard.transition_dismiss(), 'end')

    def test_dismiss(self):
        "A missing study is dismissed with a reason, and listed as such"
        self.assertEqual(self.missed(), {self.gone, self.other})
        self.dismiss(self.gone)
        self.assertEqual(self.missed(), {self.other})
        self.assertTrue(self.Study(self.gone.id).dismissed)
        self.assertFalse(self.Study(self.other.id).dismissed)
        self.assertEqual(
            self.Study.search([('dismissed', '=', True)]), [self.gone])
        decision = self.Study(self.gone.id).decisions[0]
        self.assertEqual(
            (decision.action, decision.reason), ('dismiss', "Sent twice"))

    def test_from_worklist(self):
        "A row of the worklist is read by who dismissed it"
        Reconciliation = Pool().get('gnuhealth.orthanc.reconciliation')
        row, = Reconciliation.search([('study', '=', self.gone.id)])
        self.dismiss(row)
        self.assertEqual(self.missed(), {self.other})
        self.assertEqual(
            Reconciliation.read([row.id], ['kind'])[0]['kind'], 'settled')

    def test_reason(self):
        for reason in [None, '', '  ']:
            with self.subTest(reason=reason), self.assertRaisesRegex(
                    LinkError, "Enter the reason"):
                self.dismiss(self.gone, reason=reason)
        self.assertEqual(self.missed(), {self.gone, self.other})

    def test_not_missing(self):
        "What is there, or was dismissed, is not dismissed"
        there, = self.store(orthanc_study('there', uid='1.2.5', **ANNA))
        self.dismiss(self.gone)
        for study in [there, self.gone]:
            with self.assertRaises(LinkError):
                self.wizard(study).default_start([])
        wizard = self.wizard(there, self.gone, self.other)
        self.assertEqual(
            wizard.default_start([]), {'studies': [self.other.id]})
        wizard.start.reason = "Once"
        wizard.transition_dismiss()
        self.assertEqual(self.missed(), set())
        self.assertEqual([
                d.reason for d in self.Study(self.gone.id).decisions
                if d.action == 'dismiss'], ["Sent twice"])
        self.assertFalse(self.Study(there.id).dismissed)
        self.assertEqual(list(there.decisions), [])

    def test_back(self):
        "What the server has again is there, and missed when gone once more"
        self.dismiss(self.gone)
        self.store(orthanc_study('gone', **ANNA))
        back = self.Study(self.gone.id)
        self.assertIsNone(back.missing_since)
        self.assertFalse(back.dismissed)
        self.lose('gone', seconds=60)
        self.assertIn(self.gone, self.missed())

    def test_list_again(self):
        self.dismiss(self.gone)
        self.Study.list_again([self.gone, self.other])
        self.assertEqual(self.missed(), {self.gone, self.other})
        self.assertEqual(
            self.Study(self.gone.id).decisions[0].action, 'list_again')
        self.assertEqual(
            [d.action for d in self.Study(self.other.id).decisions], [])


class TakenOffTestCase(StoredTestCase):

    def setUp(self):
        super().setUp()
        self.study, = self.store(orthanc_study('s', **ANNA))

    def shown(self, record, name, value):
        "Return the record as a form has it where the link was changed"
        link = type(record)(
            **{name: value, 'linked_to': record.linked_to})
        return link.on_change_with_is_taken_off()

    def check_form(self, record, name):
        self.assertEqual(record.linked_to, self.anna)
        self.assertFalse(record.is_taken_off)
        self.assertTrue(self.shown(record, name, None))
        self.assertTrue(self.shown(record, name, self.olga))
        self.assertFalse(self.shown(record, name, self.anna))
        type(record).write([record], {
                name: None, 'taken_off_because': "Other person"})
        record = type(record)(record.id)
        self.assertIsNone(record.linked_to)
        self.assertIsNone(record.taken_off_because)
        self.assertFalse(self.shown(record, name, None))
        self.assertFalse(self.shown(record, name, self.olga))
        decision = record.decisions[0]
        self.assertEqual(
            (decision.action, decision.reason), ('unlink', "Other person"))

    def test_study(self):
        "The form asks why it is taken off, and it is kept"
        self.check_form(self.study, 'local_patient')

    def test_orthanc_patient(self):
        "So does that of the Orthanc patient"
        self.check_form(self.study.patient, 'patient')


class ChosenTestCase(StoredTestCase):

    def test_identity(self):
        "What stands beside a patient is of who is chosen, not of who was"
        pool = Pool()
        for model, name in [
                ('gnuhealth.orthanc.study', 'local_patient'),
                ('gnuhealth.orthanc.patient', 'patient'),
                ('gnuhealth.imaging.test.request', 'patient'),
                ('gnuhealth.imaging.test.result', 'patient')]:
            Model = pool.get(model)
            with self.subTest(model=model):
                self.assertIn(
                    name, Model.patient_identity.on_change_with)
                chosen = Model(**{name: self.olga})
                self.assertIn('GNU2', chosen.on_change_with_patient_identity())
                chosen = Model(**{name: None})
                self.assertIsNone(chosen.on_change_with_patient_identity())

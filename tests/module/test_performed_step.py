# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"People say for which order a machine worked, and that stays said"
import datetime as dt
import itertools
from unittest.mock import patch

from pydicom.dataset import Dataset
from sql import Null

from trytond.modules.health_imaging.locking import forget
from trytond.modules.health_orthanc import mpps
from trytond.modules.health_orthanc.exceptions import LinkError
from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction
from trytond.transaction import Transaction

from .module_case import ModuleCase
from .test_imaging_request import create_needed

_numbers = itertools.count(1)


def report(*uids, **others):
    "The attributes of an N-CREATE for the studies"
    attributes = Dataset()
    attributes.PatientName = 'Betz^Ana'
    attributes.PatientBirthDate = '19851004'
    attributes.PerformedProcedureStepID = 'PPS1'
    attributes.PerformedStationAETitle = 'CT01'
    attributes.PerformedProcedureStepStartDate = '20261125'
    attributes.PerformedProcedureStepStartTime = '101500'
    attributes.PerformedProcedureStepStatus = 'IN PROGRESS'
    attributes.Modality = 'CT'
    attributes.ScheduledStepAttributesSequence = [
        Dataset() for _ in uids]
    for item, uid in zip(
            attributes.ScheduledStepAttributesSequence, uids, strict=True):
        item.StudyInstanceUID = uid
    for keyword, value in others.items():
        setattr(attributes, keyword, value)
    return attributes


def end(status='COMPLETED'):
    modification = Dataset()
    modification.PerformedProcedureStepStatus = status
    modification.PerformedProcedureStepEndDate = '20261125'
    modification.PerformedProcedureStepEndTime = '103000'
    return modification


def earlier(record):
    "Record as record does, an hour before"
    def recorded(requests, *args):
        record(requests, *args)
        Procedure = Pool().get('gnuhealth.imaging.test.request.step')
        table = Procedure.__table__()
        step = Procedure.search([], limit=1, order=[('id', 'DESC')])[0]
        if step.procedure_status == 'started':
            Transaction().connection.cursor().execute(*table.update(
                    [table.date], [step.date - dt.timedelta(hours=1)],
                    where=table.id == step.id))
            forget(Procedure)
    return recorded


class PerformedStepTestCase(ModuleCase):
    "Test how performed steps are settled"

    @property
    def Step(self):
        return Pool().get('gnuhealth.imaging.performed_step')

    def requests(self, count=1):
        Request = Pool().get('gnuhealth.imaging.test.request')
        requests = Request.create([create_needed()] * count)
        Request.requested(requests)
        return Request.browse(requests)

    def report(self, *args, **kwargs):
        "Store what a machine reports; return the UID of the step"
        uid = f'2.25.{next(_numbers)}'
        self.Step.report_creation(uid, report(*args, **kwargs), lambda t: t)
        return uid

    def status(self, request):
        return type(request)(request.id).procedure_status

    def rows(self, kind='step'):
        Reconciliation = Pool().get('gnuhealth.orthanc.reconciliation')
        return Reconciliation.search([('kind', '=', kind)])

    def wizard(self, record, **values):
        Settle = Pool().get(
            'gnuhealth.imaging.performed_step.settle', type='wizard')
        session, _, _ = Settle.create()
        with Transaction().set_context(
                active_id=record.id, active_ids=[record.id],
                active_model=record.__name__):
            wizard = Settle(session)
            defaults = wizard.default_start([])
            for name, value in {**defaults, **values}.items():
                setattr(wizard.start, name, value)
        return wizard, defaults

    @with_transaction()
    def test_latest(self):
        "What was reported last says so, also once the column is new"
        uid, other = self.report('2.25.98'), self.report('2.25.97')
        self.Step.report_modification(uid, end(), lambda t: t)

        def check():
            self.assertEqual({
                    (step.sop_instance_uid, step.number): step.latest
                    for step in self.Step.search([])}, {
                        (uid, 1): False, (uid, 2): True, (other, 1): True})

        check()
        table = self.Step.__table__()
        Transaction().connection.cursor().execute(
            *table.update([table.latest], [Null]))
        self.Step._note_latest()
        forget(self.Step)
        check()

    @with_transaction()
    def test_unscheduled(self):
        "What names no order is on the worklist until a person settles it"
        request, = self.requests()
        uid = self.report('2.25.99')
        step, = self.Step.current(uid)
        self.assertEqual((step.match, step.request), ('unscheduled', None))
        row, = self.rows()
        self.assertEqual(
            (row.performed_step, row.patient_name, row.modalities),
            (step, 'Betz^Ana', 'CT'))
        self.assertIn("names no order", row.explanation)
        self.assertEqual(row.rec_name, step.rec_name)

        wizard, defaults = self.wizard(row)
        self.assertEqual(defaults['step'], step.id)
        self.assertEqual(defaults['reported'], "Betz^Ana (1985-10-04)")
        wizard.start.request, wizard.start.reason = request, "Emergency"
        with Transaction().set_context(
                active_id=row.id, active_ids=[row.id],
                active_model=row.__name__):
            self.assertEqual(wizard.transition_link(), 'end')
        self.assertEqual(self.status(request), 'started')
        self.assertEqual(self.rows(), [])
        new, = self.Step.current(uid)
        self.assertEqual(
            (new.request, new.match, new.reason, new.user.id, new.number),
            (request, 'manual', "Emergency", Transaction().user, 2))
        self.assertIsNone(new.differences)
        self.assertEqual(wizard.end(), 'reload')
        # What the machine reported stays as it was
        old = self.Step(step.id)
        self.assertEqual(
            (old.request, old.match, old.reason), (None, 'unscheduled', None))
        self.assertEqual(list(new.reports), [new, old])

        self.Step.report_modification(uid, end(), lambda t: t)
        last, = self.Step.current(uid)
        self.assertEqual(
            (last.request, last.match, last.reason, last.number),
            (request, 'manual', "Emergency", 3))
        self.assertEqual(self.status(request), 'completed')

    @with_transaction()
    def test_conflict(self):
        "What differs is said before and kept after"
        request, = self.requests()
        uid = self.report(
            request.study_instance_uid, PatientName='House^Greg',
            PatientID='GNU9')
        row, = self.rows()
        self.assertIn("name, the ID", row.explanation)
        step, = self.Step.current(uid)
        self.assertEqual(
            self.Step.suggested_requests(step), [request.id])
        self.assertEqual(
            self.Step.contradictions(step, request), ('name', 'identifier'))
        Start = Pool().get('gnuhealth.imaging.performed_step.settle.start')
        start = Start(step=step, request=request)
        self.assertEqual(start.on_change_with_differences(), "name, the ID")
        self.assertEqual(start.on_change_with_patient(), request.patient)
        self.assertIn(
            "10/04/1985", start.on_change_with_patient_identity())
        start = Start(step=step, request=None)
        self.assertIsNone(start.on_change_with_differences())
        self.assertIsNone(start.on_change_with_patient())
        self.assertIsNone(start.on_change_with_patient_identity())
        self.Step.settle([step], request, "Wrong name at the console")
        step, = self.Step.current(uid)
        self.assertEqual(step.differences, 'name identifier')
        self.assertEqual(self.status(request), 'started')

    def take_away(self, before=(), after=(), status='COMPLETED'):
        """Return where the procedure is that another one's step is taken off.

        before and after name the buttons that people click before the machine
        reports and after.
        """
        first, second = self.requests(2)
        for button in before:
            getattr(type(first), button)([type(first)(first.id)])
        uid = self.report(first.study_instance_uid)
        if status:
            self.Step.report_modification(uid, end(status), lambda t: t)
        for button in after:
            getattr(type(first), button)([type(first)(first.id)])
        step, = self.Step.current(uid)
        self.Step.settle([step], second, "Chosen wrongly at the console")
        self.assertEqual(
            self.status(second),
            {None: 'started'}.get(status, (status or '').lower()))
        return first

    @with_transaction()
    def test_of_another_order(self):
        "The one that it was of is where people said, and is to be made"
        for before, after, status, expected in [
                ([], [], None, 'scheduled'),
                ([], [], 'COMPLETED', 'scheduled'),
                ([], [], 'DISCONTINUED', 'scheduled'),
                (['arrive'], [], 'COMPLETED', 'arrived'),
                # What no machine said
                ([], ['schedule_again'], None, 'scheduled'),
                ([], ['schedule_again', 'arrive'], None, 'arrived'),
                ]:
            with self.subTest(before=before, after=after, status=status):
                request = self.take_away(before, after, status)
                self.assertEqual(self.status(request), expected)
                step, *_ = request.steps
                self.assertEqual(step.procedure_status, expected)

    @with_transaction()
    def test_of_another_order_later(self):
        "What people said before the machine did is theirs, whatever it is"
        Procedure = Pool().get('gnuhealth.imaging.test.request.step')
        with patch.object(
                Procedure, 'record_procedure',
                earlier(Procedure.record_procedure)):
            request = self.take_away(['start'])
        self.assertEqual(self.status(request), 'started')

    @with_transaction()
    def test_of_another_order_reported(self):
        "It is made, whoever made it"
        request, other = self.requests(2)
        uid = self.report(request.study_instance_uid)
        self.Step.report_modification(uid, end(), lambda t: t)
        type(request).write([request], {'state': 'done'})
        step, = self.Step.current(uid)
        self.Step.settle([step], other, "So")
        self.assertEqual(self.status(request), 'completed')

    @with_transaction()
    def test_identifiers(self):
        "Each ID of the patient is right, another one is not"
        request, = self.requests()
        Party = Pool().get('party.party')
        Party.write([request.patient.party], {
                'alternative_identification': True,
                'alternative_ids': [('create', [{
                                'code': 'PASS77',
                                'alternative_id_type': 'passport'}])]})
        for identifier, differences in [
                (request.patient.party.ref, None), ('PASS77', None),
                ('PASS78', 'identifier')]:
            with self.subTest(identifier=identifier):
                step, = self.Step.current(self.report(
                        request.study_instance_uid, PatientID=identifier))
                self.assertEqual(step.differences, differences)

    @with_transaction()
    def test_of_two(self):
        "One identifier names an order, another one names another"
        first, second = self.requests(2)
        self.assertNotEqual(first.accession_number, second.accession_number)
        attributes = report(first.study_instance_uid)
        item, = attributes.ScheduledStepAttributesSequence
        item.AccessionNumber = second.accession_number
        self.Step.report_creation('2.25.98', attributes, lambda t: t)
        step, = self.Step.current('2.25.98')
        self.assertEqual(
            (step.request, step.match, step.differences),
            (None, 'conflict', 'accession_number'))

    @with_transaction()
    def test_suggested(self):
        "What a step does not name suggests nothing"
        request, other = self.requests(2)
        table = type(request).__table__()
        Transaction().connection.cursor().execute(*table.update(
                [table.accession_number], [None],
                where=table.id == other.id))
        step, = self.Step.current(self.report(request.study_instance_uid))
        self.assertIsNone(step.accession_number)
        self.assertEqual(self.Step.suggested_requests(step), [request.id])

    @with_transaction()
    def test_suggested_by_identifier(self):
        "A step that names no order is perhaps one of its patient's"
        request, = self.requests()
        party = request.patient.party
        for patient_id, suggested in [
                (party.ref, [request.id]), (f'{party.ref}9', []), (None, [])]:
            step, = self.Step.current(
                self.report('2.25.99', PatientID=patient_id))
            with self.subTest(patient_id=patient_id):
                self.assertEqual(
                    self.Step.suggested_requests(step), suggested)

    @with_transaction()
    def test_reported_identity(self):
        "What a machine does not say is left out"
        for values, identity in [
                ({}, 'Betz^Ana (1985-10-04)'),
                ({'PatientBirthDate': '', 'PatientSex': 'F'}, 'Betz^Ana (F)'),
                ({'PatientName': None, 'PatientID': 'GNU1'},
                    '(GNU1, 1985-10-04)')]:
            step, = self.Step.current(self.report('2.25.99', **values))
            with self.subTest(values=values):
                self.assertEqual(step.reported_identity, identity)

    @with_transaction()
    def test_refused(self):
        "A step begins once, and before it goes on"
        uid = self.report('2.25.99')
        with self.assertRaises(mpps.Refusal) as refused:
            self.Step.report_creation(uid, report('2.25.99'), lambda t: t)
        self.assertEqual(refused.exception.status, mpps.DUPLICATE_INSTANCE)
        with self.assertRaises(mpps.Refusal) as refused:
            self.Step.report_modification(f'{uid}.1', end(), lambda t: t)
        self.assertEqual(refused.exception.status, mpps.NO_SUCH_INSTANCE)

    @with_transaction()
    def test_settled_stays_said(self):
        "Who settled a step is known after the machine goes on with it"
        request, = self.requests()
        uid = self.report('2.25.99')
        step, = self.Step.current(uid)
        self.Step.settle([step], request, "So")
        settled, = self.Step.current(uid)
        self.Step.report_modification(uid, end(), lambda t: t)
        new, = self.Step.current(uid)
        self.assertGreater(new.id, settled.id)
        self.assertEqual(
            (new.request, new.user, new.reason, new.match),
            (request, settled.user, "So", 'manual'))
        _, defaults = self.wizard(new)
        self.assertEqual(defaults['request'], request.id)

    @with_transaction()
    def test_of_no_order(self):
        "It leaves the worklist, and its order follows it no more"
        request, = self.requests()
        uid = self.report('2.25.99')
        step, = self.Step.current(uid)
        self.Step.settle([step], None, "Phantom")
        self.assertEqual(self.rows(), [])
        self.Step.report_modification(uid, end(), lambda t: t)
        self.assertEqual(self.status(request), 'scheduled')

    @with_transaction()
    def test_buttons(self):
        "Link takes an order, and Of No Order ignores the one in the form"
        request, = self.requests()
        uid = self.report('2.25.99')
        step, = self.Step.current(uid)
        wizard, _ = self.wizard(step, request=None, reason="Phantom")
        with Transaction().set_context(
                active_id=step.id, active_ids=[step.id],
                active_model=step.__name__):
            with self.assertRaises(LinkError):
                wizard.transition_link()
            wizard.start.request = request
            self.assertEqual(wizard.transition_refuse(), 'end')
        new, = self.Step.current(uid)
        self.assertEqual(
            (new.request, new.match, new.reason), (None, 'manual', "Phantom"))

    @with_transaction()
    def test_items(self):
        "Of a step for two orders, one is settled and the other stays"
        first, second = self.requests(2)
        uid = self.report(first.study_instance_uid, '2.25.99')
        _, unscheduled = self.Step.current(uid)
        self.Step.settle([unscheduled], second, "Both at once")
        self.assertEqual(
            [(s.request, s.match, s.number) for s in self.Step.current(uid)],
            [(first, 'study_instance_uid', 2), (second, 'manual', 2)])
        self.Step.report_modification(uid, end(), lambda t: t)
        self.assertEqual(
            {self.status(r) for r in [first, second]}, {'completed'})

    @with_transaction()
    def test_reason(self):
        request, = self.requests()
        step, = self.Step.current(self.report('2.25.99'))
        for reason in [None, '', '  ']:
            with self.subTest(reason=reason), self.assertRaises(LinkError):
                self.Step.settle([step], request, reason)

    @with_transaction()
    def test_not_requested(self):
        "Whatever the form offered, or who cancelled it meanwhile"
        request, = self.requests()
        step, = self.Step.current(self.report('2.25.99'))
        for state in ['draft', 'cancelled']:
            type(request).write([request], {'state': state})
            with self.subTest(state=state), self.assertRaises(LinkError):
                self.Step.settle([step], request, "So")

    @with_transaction()
    def test_latest_only(self):
        request, = self.requests()
        uid = self.report('2.25.99')
        old, = self.Step.current(uid)
        self.Step.settle([old], request, "So")
        with self.assertRaises(LinkError):
            self.wizard(self.Step(old.id))

    @with_transaction()
    def test_settled_row_is_read(self):
        "The row is still in front of who settled it"
        request, = self.requests()
        step, = self.Step.current(self.report('2.25.99'))
        row, = self.rows()
        self.Step.settle([step], request, "So")
        Reconciliation = type(row)
        read, = Reconciliation.read([row.id], ['kind', 'patient_name'])
        self.assertEqual(
            (read['kind'], read['patient_name']), ('settled', 'Betz^Ana'))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What scenario_imaging_order_life.rst does not show of a request's life"
from unittest import mock

from trytond.model.exceptions import SQLConstraintError
from trytond.modules.health_imaging.exceptions import (
    CancellationWarning, IdentifierError, RequestStateError,
    ResultGenerationError)
from trytond.modules.health_imaging.step import REFUSALS, STATES
from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction

from .module_case import ModuleCase
from .test_imaging_request import create_needed, create_request


def arrived(*requests):
    "Let images of these requests have arrived"
    Request = Pool().get('gnuhealth.imaging.test.request')
    return mock.patch.object(
        Request, '_images_arrived',
        lambda asked: {r.id for r in requests} & {r.id for r in asked})


class RequestLifeTestCase(ModuleCase):
    "Test the life of imaging requests"
    modules = ['health_imaging']

    @with_transaction()
    def test_refusals(self):
        "Each state either goes on to another or says why not"
        Request = Pool().get('gnuhealth.imaging.test.request')
        states = [state for state, _ in STATES]
        self.assertEqual(
            {(a, b) for a in states for b in states},
            Request._transitions ^ REFUSALS.keys())

    @with_transaction()
    def test_all_or_none(self):
        "One that can not go on keeps all where they are"
        Request = Pool().get('gnuhealth.imaging.test.request')
        draft, done = create_request(), create_request(state='done')
        for step in [
                Request.requested, Request.reopen,
                lambda requests: Request.cancelled(requests, "Reason")]:
            with self.assertRaises(RequestStateError):
                step([draft, done])
        self.assertEqual(Request(draft.id).state, 'draft')
        self.assertEqual(len(Request(draft.id).steps), 1)

    @with_transaction()
    def test_cancel_images_arrived(self):
        "Where images arrived, cancelling is confirmed and reopening refused"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Warning = pool.get('res.user.warning')
        requests = [create_request(), create_request()]
        Request.requested(requests)
        first, second = requests

        with arrived(second):
            with self.assertRaises(RequestStateError) as refused:
                Request.reopen(requests)
            self.assertIn(second.rec_name, refused.exception.message)
            with self.assertRaises(CancellationWarning) as asked:
                Request.cancelled(requests, "Reason")
            self.assertIn(second.rec_name, asked.exception.message)
            self.assertNotIn(first.rec_name, asked.exception.message)
            self.assertEqual(
                [r.state for r in Request.browse(requests)],
                ['requested', 'requested'])

            Request.cancelled([first], "Reason")
            Request.reopen([first])
            requests = Request.browse(requests)
            Warning(user=1, name=asked.exception.name).save()
            Request.cancelled(requests, "Reason")
            # A mistake can be put right.
            Request.reopen(Request.browse(requests))
            # Also a draft is not cancelled without a question.
            with self.assertRaises(CancellationWarning):
                Request.cancelled([Request(second.id)], "Reason")

    @with_transaction()
    def test_result_by_hand(self):
        "What has a result that was made by hand is not cancelled or reopened"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Result = pool.get('gnuhealth.imaging.test.result')
        request, other = create_request(), create_request()
        Request.requested([request, other])
        Result.create([Request(request.id)._get_result_values()])
        for step in [
                Request.reopen,
                lambda requests: Request.cancelled(requests, "Reason")]:
            with self.assertRaises(RequestStateError):
                step([Request(request.id)])

        Request.cancelled([Request(other.id)], "Reason")
        with self.assertRaises(ResultGenerationError):
            Result.create([Request(other.id)._get_result_values()])

    @with_transaction()
    def test_done_without_result(self):
        "A request whose result is gone from the database gets another"
        Request = Pool().get('gnuhealth.imaging.test.request')
        request = create_request(state='done')
        result, = Request.create_results([request])
        self.assertEqual((result.request, result.state), (request, 'draft'))
        self.assertEqual(Request.create_results([request]), [result])
        self.assertEqual(Request(request.id).state, 'done')

    @with_transaction()
    def test_deleted_draft(self):
        "A request whose draft of a report is deleted waits for another"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Result = pool.get('gnuhealth.imaging.test.result')
        requests = [create_request(), create_request()]
        Request.requested(requests)
        results = Request.create_results(requests)
        self.assertEqual({r.state for r in Request.browse(requests)}, {'done'})
        Result.delete(results)
        for request in Request.browse(requests):
            self.assertEqual(request.state, 'requested')
            self.assertEqual(
                request.steps[0].reason,
                "The draft of its report was deleted.")
        another, = Request.create_results(requests[:1])
        self.assertEqual(Request(requests[0].id).state, 'done')
        # What is not in an order has nothing that waits
        Result.write([another], {'request': None})
        Result.delete([another])

    @with_transaction()
    def test_requested_before_upgrade(self):
        "What an earlier version requested gets its numbers when reopened"
        Request = Pool().get('gnuhealth.imaging.test.request')
        old = create_request(state='requested')
        Request.reopen([old])
        Request.requested([Request(old.id)])
        old = Request(old.id)
        self.assertTrue(old.accession_number and old.study_instance_uid)

    @with_transaction()
    def test_given_identifiers_stay(self):
        "What an integrator gave the request is kept, the rest is added"
        Request = Pool().get('gnuhealth.imaging.test.request')
        given = create_request(accession_number='RIS1')
        Request.requested([given])
        given = Request(given.id)
        self.assertEqual(given.accession_number, 'RIS1')
        self.assertTrue(given.study_instance_uid)
        for name in ['accession_number', 'study_instance_uid']:
            with self.subTest(name=name), self.assertRaises(RequestStateError):
                Request.write([given], {name: '1.2'})
        Request.write([given], {'accession_number': 'RIS1'})

    @with_transaction()
    def test_identifiers_invalid(self):
        "What DICOM does not allow is refused"
        for values in [
                {'accession_number': 'A' * 17},
                {'study_instance_uid': '1.02'}]:
            with self.subTest(**values), self.assertRaises(IdentifierError):
                create_request(**values)

    @with_transaction()
    def test_accession_number_twice(self):
        "Two requests do not have the same accession number"
        create_request(accession_number='A')
        with self.assertRaises(SQLConstraintError):
            create_request(accession_number='A')

    @with_transaction()
    def test_accession_number_shared_beyond_order(self):
        "Requests of two orders do not share an accession number"
        create_request(accession_number='A')
        with self.assertRaises(IdentifierError):
            create_request(accession_number='A', accession_number_shared=True)

    @with_transaction()
    def test_study_instance_uid_twice(self):
        "Two requests do not have the same Study Instance UID"
        create_request(study_instance_uid='1.2')
        with self.assertRaises(SQLConstraintError):
            create_request(study_instance_uid='1.2')

    @with_transaction()
    def test_accession_number_per_order(self):
        "Only requests of the same order and patient share their number"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Sequences = pool.get('gnuhealth.sequences')
        needed, other = create_needed(), create_needed()

        before, = Request.create([{**needed, 'request': 'A'}])
        Request.requested([before])
        sequences = Sequences(1)
        sequences.imaging_accession_per_order = True
        sequences.save()
        requests = Request.create([
                {**needed, 'request': 'A'},
                {**needed, 'request': 'B'},
                {**needed, 'request': 'B'},
                {**other, 'request': 'B'},
                ])
        Request.requested(requests)

        numbers = [r.accession_number for r in Request.browse(requests)]
        self.assertEqual(numbers[0], Request(before.id).accession_number)
        self.assertEqual(numbers[1], numbers[2])
        self.assertEqual(len(set(numbers)), 3)

        late, = Request.create([{**needed, 'request': 'B'}])
        Request.requested([late])
        self.assertEqual(Request(late.id).accession_number, numbers[1])

    @with_transaction()
    def test_one_query_for_all(self):
        "The steps of many requests are written at once"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Step = pool.get('gnuhealth.imaging.test.request.step')
        requests = [create_request() for _ in range(5)]
        with mock.patch.object(Step, 'create', wraps=Step.create) as create:
            Request.requested(requests)
            Request.cancelled(Request.browse(requests), "Reason")
        self.assertEqual(create.call_count, 2)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The requests, their states and their lists"
import datetime as dt
import unittest

from trytond import backend
from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction
from trytond.transaction import Transaction

from .module_case import ModuleCase


def create_request(**values):
    Request = Pool().get('gnuhealth.imaging.test.request')
    request, = Request.create([{**create_needed(), **values}])
    return request


def create_party(**values):
    # GNU Health needs the country of the federation account.
    party, = Pool().get('party.party').create(
        [{'fed_country': None, **values}])
    return party


def create_needed():
    "Return the values that each request needs"
    pool = Pool()
    Product = pool.get('product.product')
    patient_party = create_party(
        name="Ana", lastname="Betz", gender='f', dob=dt.date(1985, 10, 4),
        is_person=True, is_patient=True)
    doctor_party = create_party(
        name="Greg", lastname="House", gender='m',
        is_person=True, is_healthprof=True)
    patient, = pool.get('gnuhealth.patient').create(
        [{'party': patient_party.id}])
    doctor, = pool.get('gnuhealth.healthprofessional').create(
        [{'party': doctor_party.id}])
    test_type, = pool.get('gnuhealth.imaging.test.type').search(
        [('code', '=', 'CT')])
    product = Product.search([], limit=1)[0]
    test, = pool.get('gnuhealth.imaging.test').create([{
                'code': 'CT', 'name': "CT", 'test_type': test_type.id,
                'product': product.id}])
    return {
        'patient': patient.id, 'doctor': doctor.id,
        'requested_test': test.id}


def set_company(timezone):
    "Return the context of a company in the time zone"
    pool = Pool()
    Currency = pool.get('currency.currency')
    currency, = Currency.create(
        [{'name': "Euro", 'symbol': "E", 'code': 'EUR'}])
    party = create_party(name="Hospital")
    company, = pool.get('company.company').create([{
                'party': party.id, 'currency': currency.id,
                'timezone': timezone}])
    return Transaction().set_context(company=company.id)


class RequestTestCase(ModuleCase):
    "Test imaging requests"
    modules = ['health_imaging']

    def order(self, rows):
        Request = Pool().get('gnuhealth.imaging.test.request')
        needed = create_needed()
        created = Request.create([{
                    **needed, 'date': when, 'urgent': urgent,
                    'comment': comment}
                for comment, when, urgent in rows])
        found = Request.search([('id', 'in', [r.id for r in created])])
        return [r.comment for r in found]

    @with_transaction()
    def test_order_day_urgent_time(self):
        "The newest day comes first, in each day what is urgent"
        self.assertEqual(
            self.order([
                    ("old, urgent", dt.datetime(2026, 3, 1, 23, 59), True),
                    ("early", dt.datetime(2026, 3, 2, 8), False),
                    ("early, urgent", dt.datetime(2026, 3, 2, 7), True),
                    ("unknown", dt.datetime(2026, 3, 2, 9), None),
                    ("late", dt.datetime(2026, 3, 2, 18), False),
                    ("late, urgent", dt.datetime(2026, 3, 2, 10), True),
                    ]), [
                "late, urgent", "early, urgent", "late", "unknown", "early",
                "old, urgent"])

    @with_transaction()
    def test_order_same_time(self):
        "At the same time the order is still certain"
        when = dt.datetime(2026, 3, 2, 8)
        self.assertEqual(
            self.order([(str(i), when, False) for i in range(20)]),
            [str(i) for i in reversed(range(20))])

    @with_transaction()
    def test_order_of_pages(self):
        "A page holds what it would of all, wherever days begin and end in it"
        when = dt.datetime(2026, 3, 2, 8)
        self.order([
                (str(i), when + dt.timedelta(hours=5 * (i * 7 % 12)),
                    i % 3 == 0)
                for i in range(12)])
        Request = Pool().get('gnuhealth.imaging.test.request')
        ids = [r.id for r in Request.search([])]
        for offset in range(len(ids) + 2):
            for limit in range(len(ids) + 2):
                with self.subTest(offset=offset, limit=limit):
                    self.assertEqual(
                        [r.id for r in Request.search([], offset, limit)],
                        ids[offset:offset + limit])

    @with_transaction()
    def test_order_of_alternatives(self):
        "Of alternatives, which one query unites, is the same order"
        when = dt.datetime(2026, 3, 2, 8)
        self.order([
                (str(i), when + dt.timedelta(hours=7 * i), False)
                for i in range(6)])
        Request = Pool().get('gnuhealth.imaging.test.request')
        ids = [r.id for r in Request.search([])]
        test = Request(ids[0]).requested_test
        for domain in [
                [('requested_test.test_type', '=', test.test_type.id)],
                [('state', '=', 'done'),
                    ('requested_test.test_type', '=', test.test_type.id)],
                [('patient', 'where', [('puid', '=', None)]),
                    ('requested_test.code', '=', test.code)],
                [('steps.to_state', '=', 'draft'),
                    ('requested_test.code', '=', test.code)]]:
            for limit in [None, 3, 6, 100]:
                with self.subTest(domain=domain, limit=limit):
                    self.assertEqual([
                            r.id for r in Request.search(
                                ['OR', *domain], limit=limit)], ids[:limit])

    @unittest.skipIf(
        backend.name == 'sqlite', "SQLite does not know time zones")
    @with_transaction()
    def test_order_local_day(self):
        "The day begins where the institution is"
        with set_company('America/Lima'):
            self.assertEqual(
                self.order([
                        # 20:00 and 18:00 of the first of March in Lima
                        ("evening", dt.datetime(2026, 3, 2, 1), False),
                        ("afternoon, urgent",
                            dt.datetime(2026, 3, 1, 23), True),
                        ]), ["afternoon, urgent", "evening"])

    @with_transaction()
    def test_day(self):
        "The day is the one where the institution is"
        request = create_request(date=dt.datetime(2026, 3, 2, 1))
        self.assertEqual(request.day, dt.date(2026, 3, 2))
        with set_company('America/Lima'):
            request = type(request)(request.id)
            self.assertEqual(request.day, dt.date(2026, 3, 1))

    @with_transaction()
    def test_numbers(self):
        "Rows of one order share its number, others have their own"
        Request = Pool().get('gnuhealth.imaging.test.request')
        needed = create_needed()
        requests = Request.create([
                {**needed, 'request': "A"},
                {**needed},
                {**needed, 'request': "A"},
                {**needed},
                {**needed, 'request': "B", 'request_line': "B/1"},
                ])
        own = [r.request for r in requests[1::2]]
        self.assertEqual(len(set(own)), 2)
        self.assertEqual(
            [r.request_line for r in requests], [
                "A-02-01", f"{own[0]}-01-01", "A-02-02", f"{own[1]}-01-01",
                "B/1"])

    @with_transaction()
    def test_default_doctor_without_professional(self):
        "A user who is no health professional gets no error"
        pool = Pool()
        # In tests GNU Health's core is silent about it.
        pool.test = False
        self.addCleanup(setattr, pool, 'test', True)
        for name in [
                'gnuhealth.imaging.test.request',
                'gnuhealth.imaging.test.result',
                'gnuhealth.patient.imaging.test.request.start']:
            with self.subTest(model=name):
                Model = pool.get(name)
                self.assertIsNone(
                    Model.default_get(['doctor']).get('doctor'))

    @with_transaction()
    def test_result_of_requesting_doctor(self):
        "Without another evaluator it is the requesting doctor"
        Request = Pool().get('gnuhealth.imaging.test.request')
        request = create_request()
        Request.requested([request])
        result, = Request.create_results([request])
        self.assertEqual(result.doctor, request.doctor)

    @with_transaction()
    def test_result_of_requested_with_result(self):
        "A request that has a result already gets no other and is done"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Result = pool.get('gnuhealth.imaging.test.result')
        request = create_request(state='requested')
        result, = Result.create([request._get_result_values()])
        self.assertEqual(Request.create_results([request]), [result])
        self.assertEqual(Request(request.id).state, 'done')

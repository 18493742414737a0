# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The reading worklist: no order falls out of it, nobody takes it twice"
import datetime as dt
import itertools
import unittest

from trytond.modules.health_imaging.exceptions import ReadingError
from trytond.modules.health_imaging.locking import forget
from trytond.modules.health_imaging.step import STATES
from trytond.pool import Pool
from trytond.pyson import PYSONDecoder
from trytond.tests.test_tryton import with_transaction
from trytond.transaction import Transaction

from .module_case import ModuleCase
from .test_imaging_request import create_needed

# Each order is on exactly one of these, of those that "All" has
TABS = ["To Read", "Preliminary", "Final Today", "Final Earlier"]
NOW, LONG_AGO = dt.timedelta(), dt.timedelta(days=2)
# The results of an order: their states, and how long ago they were signed
REPORTS = [
    [],
    [('draft', None)],
    [('preliminary', None)],
    [('final', NOW)],
    [('final', LONG_AGO)],
    # Recorded by an earlier version
    [('final', None)],
    [('amended', NOW)],
    [('amended', LONG_AGO)],
    [('entered_in_error', NOW)],
    [('entered_in_error', LONG_AGO), ('draft', None)],
    [('entered_in_error', NOW), ('final', LONG_AGO)],
    # As GNU Health 5.0 let people make them
    [('final', LONG_AGO), ('draft', None)],
    [('draft', None), ('final', NOW)],
    [('final', LONG_AGO), ('final', NOW)],
    [('final', LONG_AGO), ('entered_in_error', NOW)],
    [('preliminary', None), ('entered_in_error', LONG_AGO)],
    ]


def update(Model, record, **values):
    "Write past all that looks after the values"
    table = Model.__table__()
    Transaction().connection.cursor().execute(*table.update(
            [getattr(table, name) for name in values], list(values.values()),
            where=table.id == record.id))
    forget(Model)


def before(ago):
    "Return the time so long ago, None where that is not known"
    if ago is None:
        return None
    return dt.datetime.now().replace(microsecond=0) - ago


def expected(arrived, reports):
    "Return the tab that a plain reading of the issue puts an order on"
    live = [r for r in reports if r[0] != 'entered_in_error']
    if not live:
        return "To Read" if arrived else None
    state, ago = live[-1]
    if state in {'final', 'amended'}:
        return "Final Today" if ago == NOW else "Final Earlier"
    return {'draft': "To Read", 'preliminary': "Preliminary"}[state]


class ReadingTestCase(ModuleCase):
    "Test the reading worklist"

    modules = ['health_imaging']

    def needed(self):
        "Return what each order needs, the same in a transaction"
        pool = Pool()
        existing = pool.get('gnuhealth.imaging.test.request').search(
            [], limit=1)
        if not existing:
            return create_needed()
        return {
            name: getattr(existing[0], name).id
            for name in ['patient', 'doctor', 'requested_test']}

    def order(self, state='requested', arrived=True, reports=()):
        "Return an order, with the results, as anything may have left it"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Result = pool.get('gnuhealth.imaging.test.result')
        request, = Request.create([self.needed()])
        Request.requested([request])
        if arrived:
            Request.complete([Request(request.id)])
        for report_state, ago in reports:
            result, = Result.create(
                [Request(request.id)._get_result_values()])
            update(
                Result, result, state=report_state, signed_at=before(ago))
        Request.keep_report_status([request])
        update(Request, request, state=state)
        return request.id

    def tabs(self):
        "Return the domains of the tabs by their names"
        pool = Pool()
        Action = pool.get('ir.action.act_window')
        action = Action(pool.get('ir.model.data').get_id(
                'health_imaging', 'act_reading_worklist'))
        return {
            name: PYSONDecoder().decode(domain)
            for name, domain, _ in action.domains}

    @with_transaction()
    def test_each_order_is_on_one_tab(self):
        "Whatever happened to it"
        Request = Pool().get('gnuhealth.imaging.test.request')
        orders = {}
        for (state, _), arrived, reports in itertools.product(
                STATES, [True, False], REPORTS):
            id_ = self.order(state, arrived, reports)
            orders[id_] = (state, arrived, reports)
        domains = self.tabs()
        found = {
            name: set(map(int, Request.search(domains[name])))
            for name in [*TABS, "All"]}
        for id_, (state, arrived, reports) in orders.items():
            with self.subTest(
                    state=state, arrived=arrived, reports=reports):
                tab = expected(arrived, reports)
                self.assertEqual(
                    [name for name in TABS if id_ in found[name]],
                    [tab] if tab else [])
                self.assertEqual(id_ in found["All"], bool(tab))
        # The front desk is told the same
        Status = Pool().get('gnuhealth.imaging.order_status')
        for status in Status.browse(list(orders)):
            live = [
                state for state, _ in orders[status.id][2]
                if state != 'entered_in_error']
            self.assertEqual(status.report_status, live[-1] if live else None)
        # What is shown is what is searched
        for request in Request.browse(list(orders)):
            name = dict(Request.reading.selection)[request.reading]
            self.assertTrue((expected(*orders[request.id][1:]) or '')
                .startswith(name))

    @with_transaction()
    def test_clauses(self):
        "Every operator finds what a plain reading finds"
        Request = Pool().get('gnuhealth.imaging.test.request')
        ids = {
            None: self.order(arrived=False),
            'to_read': self.order(),
            'preliminary': self.order(reports=[('preliminary', None)]),
            'final': self.order(reports=[('final', NOW)]),
            }
        for values in itertools.chain.from_iterable(
                itertools.combinations(ids, n) for n in range(1, 5)):
            for operator, wanted in [
                    ('in', set(values)), ('not in', ids.keys() - values)]:
                clauses = [('reading', operator, list(values))]
                if len(values) == 1:
                    clauses.append((
                            'reading', {'in': '=', 'not in': '!='}[operator],
                            *values))
                for clause in clauses:
                    with self.subTest(clause=clause):
                        self.assertEqual(
                            set(map(int, Request.search([
                                        ('id', 'in', list(ids.values())),
                                        clause]))),
                            {ids[value] for value in wanted})

    @with_transaction()
    def test_take(self):
        "Who comes second is told who was first"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        User = pool.get('res.user')
        first, second = User.create([
                {'login': name, 'name': name.title()}
                for name in ['first', 'second']])
        request = Request(self.order())
        mine = [('id', '=', request.id), ('read_by_me', '!=', True)]
        with Transaction().set_user(first.id):
            self.assertEqual(Request.search(mine), [request])
            Request.take([request])
            self.assertEqual(Request.search(mine), [])
            # It is theirs since they took it first
            taken_at = before(LONG_AGO)
            update(Request, request, taken_at=taken_at)
            Request.take([Request(request.id)])
            self.assertEqual(Request(request.id).taken_at, taken_at)
            copy, = Request.copy([Request(request.id)])
            self.assertEqual((copy.reader, copy.taken_at), (None, None))
        free = self.order()
        with Transaction().set_user(second.id):
            for press, others in itertools.product(
                    [Request.take, Request.give_back, Request.read_images],
                    [[], [free]]):
                with self.assertRaises(ReadingError) as refused:
                    press(Request.browse([*others, request.id]))
                self.assertIn('"First"', refused.exception.message)
        with Transaction().set_user(first.id):
            self.assertTrue(Request(request.id).read_by_me)
            Request.give_back([Request(request.id)])
        given = Request(request.id)
        self.assertEqual((given.reader, given.taken_at), (None, None))
        with Transaction().set_user(second.id):
            Request.take([Request(request.id)])
            self.assertEqual(Request(request.id).reader, second)

    @with_transaction()
    def test_give_back_for_others(self):
        "Who administers imaging gives back what others took and left"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        User = pool.get('res.user')
        ModelData = pool.get('ir.model.data')
        admin, reader = User.create([
                {'login': 'a', 'name': "A", 'groups': [('add', [
                                ModelData.get_id(
                                    'health_imaging',
                                    'group_health_imaging_admin')])]},
                {'login': 'b', 'name': "B"}])
        request = Request(self.order())
        with Transaction().set_user(reader.id):
            Request.take([request])
        with Transaction().set_user(admin.id):
            Request.give_back([Request(request.id)])
        self.assertFalse(Request(request.id).reader)

    @with_transaction()
    def test_nothing_to_read(self):
        "Without images, or with a signed report, nobody takes it"
        Request = Pool().get('gnuhealth.imaging.test.request')
        for values in [
                {'arrived': False}, {'reports': [('final', NOW)]}]:
            request = Request(self.order(**values))
            self.assertIsNone(request.reading_wait)
            for press in [Request.take, Request.read_images]:
                with self.assertRaises(ReadingError):
                    press([request])

    @with_transaction()
    def test_withdrawn(self):
        "Whose report is withdrawn is to be read again, by anybody"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Result = pool.get('gnuhealth.imaging.test.result')
        request = Request(self.order())
        Request.take([request])
        result, = Request.create_results([Request(request.id)])
        Result.withdraw(result, "Mixed up")
        request = Request(request.id)
        self.assertEqual((request.reading, request.reader), ('to_read', None))

    @with_transaction()
    def test_deleted(self):
        "Whose draft is deleted is to be read again, by anybody"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Result = pool.get('gnuhealth.imaging.test.result')
        request = Request(self.order())
        Request.take([request])
        Result.delete(Request.create_results([Request(request.id)]))
        request = Request(request.id)
        self.assertEqual((request.reading, request.reader), ('to_read', None))
        Request.take([request])
        self.assertTrue(Request.create_results([Request(request.id)]))

    @with_transaction()
    def test_waiting(self):
        "The limit is that of the type of the test, and of urgency"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Step = pool.get('gnuhealth.imaging.test.request.step')
        request = Request(self.order())
        step, = Step.search([
                ('request', '=', request.id),
                ('procedure_status', '=', 'completed')])
        test_type = request.requested_test.test_type
        hour = dt.timedelta(hours=1)
        for waits, urgent, limit, urgent_limit, overdue in [
                (25 * hour, False, None, None, True),
                (23 * hour, False, None, None, False),
                (2 * hour, True, None, None, True),
                (hour / 2, True, None, None, False),
                (2 * hour, False, hour, None, True),
                (2 * hour, True, hour, 3 * hour, False),
                # By a clock that goes ahead
                (-hour, False, None, None, False)]:
            with self.subTest(
                    waits=waits, urgent=urgent, limit=limit,
                    urgent_limit=urgent_limit):
                update(Step, step, date=before(waits))
                test_type.reading_limit = limit
                test_type.urgent_reading_limit = urgent_limit
                test_type.save()
                Request.write([request], {'urgent': urgent})
                read = Request(request.id)
                self.assertGreaterEqual(
                    read.reading_wait, max(waits, dt.timedelta()))
                self.assertEqual(read.reading_overdue, overdue)


if __name__ == '__main__':
    unittest.main()

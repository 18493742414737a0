# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The figures are what a plain reading of the rows gives"
import datetime as dt
import math
import random
import unittest
from collections import Counter, defaultdict

from trytond import backend
from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction
from trytond.transaction import Transaction

from .module_case import ModuleCase
from .test_imaging_request import create_needed, set_company
from .test_reading import update

LAST = dt.date(2026, 11, 20)
FIRST = LAST - dt.timedelta(days=10)
# UTC-5, so that some are of another day there than in UTC, which is all that
# SQLite knows
ZONE = 'America/Bogota'
OFFSET = dt.timedelta(hours=0 if backend.name == 'sqlite' else -5)


def percentile(values, share):
    "Return the percentile of the nearest rank"
    values = sorted(values)
    return values[math.ceil(share * len(values)) - 1] if values else None


class FiguresTestCase(ModuleCase):
    "Test the figures"

    modules = ['health_imaging']

    def fill(self):
        "Create orders, and return what is plainly known of them"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Result = pool.get('gnuhealth.imaging.test.result')
        Step = pool.get('gnuhealth.imaging.test.request.step')
        Version = pool.get('gnuhealth.imaging.test.result.version')
        needed = create_needed()
        tests = self.create_tests(needed)
        users = pool.get('res.user').create([
                {'login': name, 'name': name.title()} for name in 'ab'])
        choose = random.Random(3)
        requests = Request.create([{
                    **needed,
                    'requested_test': choose.choice(tests).id,
                    'date': dt.datetime.combine(FIRST, dt.time())
                        + dt.timedelta(minutes=choose.randrange(
                                -3 * 1440, 14 * 1440)),
                    } for _ in range(60)])
        Request.requested(requests[5:])
        Request.cancelled(requests[5:8], "Not needed")
        Request.complete(requests[15:])
        rows = {}
        for request in Request.browse(requests):
            row = rows[request.id] = {
                'type': request.requested_test.test_type.id,
                'ordered': request.date
                    if request.state == 'requested' else None,
                'arrived': None, 'result': None, 'signed': None}
            for step in request.steps:
                if step.procedure_status == 'completed':
                    row['arrived'] = request.date + dt.timedelta(
                        minutes=choose.randrange(0, 3000))
                    update(Step, step, date=row['arrived'])
        results = Result.create([
                {**r._get_result_values(), 'comment': "Text"}
                for r in Request.browse(requests[25:])])
        for result in results[5:]:
            user = choose.choice(users)
            version, = Version.append([result], 'final', signer="Somebody")
            row = rows[result.request.id]
            row.update({
                    'result': result.id, 'user': user.id,
                    # Some are signed before the last image comes
                    'signed': row['arrived'] + dt.timedelta(
                        minutes=choose.randrange(-100, 4000))})
            update(Version, version, date=row['signed'], user=user.id)
        # Neither a later version counts, nor what is no signature
        Version.append(results[6:9], 'correction', signer="Somebody")
        Version.append(results[:3], 'preliminary')
        return rows

    def create_tests(self, needed):
        pool = Pool()
        Test = pool.get('gnuhealth.imaging.test')
        Type = pool.get('gnuhealth.imaging.test.type')
        test = Test(needed['requested_test'])
        mr, = Type.search([('code', '=', 'MR')])
        other, = Test.create([{
                    'code': 'MR', 'name': "MR", 'test_type': mr.id,
                    'product': test.product.id}])
        return [test, other]

    def within(self, moment):
        return moment and FIRST <= (moment + OFFSET).date() <= LAST

    def figures(self, name):
        Figure = Pool().get(f'gnuhealth.imaging.figure.{name}')
        return Figure.search([])

    def check_opened(self, figure, orders=None, reports=None):
        "What a figure opens is what it is of"
        pool = Pool()
        for domain, model, ids in [
                (figure.orders_domain, 'request', orders),
                (figure.reports_domain, 'result', reports)]:
            if ids is not None:
                Model = pool.get(f'gnuhealth.imaging.test.{model}')
                self.assertEqual(
                    set(map(int, Model.search(domain()))), set(ids))

    def check_times(self, figure, name, values):
        for column, share in [('median', 0.5), ('ninetieth', 0.9)]:
            expected = percentile(values, share)
            value = getattr(figure, f'{name}_{column}')
            if expected is None:
                self.assertIsNone(value)
            else:
                self.assertAlmostEqual(value, expected, 5)

    @with_transaction()
    def test_figures(self):
        with set_company(ZONE):
            rows = self.fill()
            types = {row['type'] for row in rows.values()}
            for test_type in [None, *types]:
                with self.subTest(type=test_type), \
                        Transaction().set_context(
                            from_date=FIRST, to_date=LAST,
                            test_type=test_type):
                    chosen = {
                        id_: row for id_, row in rows.items()
                        if test_type in {None, row['type']}}
                    self.check_days(chosen)
                    self.check_types(chosen)
                    self.check_readers(chosen)

    def check_days(self, rows):
        counts = Counter()
        for row in rows.values():
            for kind in ['ordered', 'signed']:
                if self.within(row[kind]):
                    day = (row[kind] + OFFSET).date()
                    counts[day, row['type'], kind] += 1
        figures = self.figures('day')
        self.assertEqual({
                (f.day, f.test_type.id, kind): number for f in figures
                for kind, number in [
                    ('ordered', f.orders), ('signed', f.reports)]
                if number}, dict(counts))
        self.assertEqual(len(figures), len({f.id for f in figures}))
        for figure in figures:
            self.check_opened(figure, *(
                    [row['result'] if kind == 'signed' else id_
                        for id_, row in rows.items()
                        if row['type'] == figure.test_type.id and row[kind]
                        and (row[kind] + OFFSET).date() == figure.day]
                    for kind in ['ordered', 'signed']))

    def check_types(self, rows):
        images, signatures = defaultdict(list), defaultdict(list)
        ordered = set()
        for row in rows.values():
            if self.within(row['ordered']):
                ordered.add(row['type'])
            if self.within(row['ordered']) and row['arrived']:
                images[row['type']].append(
                    (row['arrived'] - row['ordered'])
                    / dt.timedelta(hours=1))
            if self.within(row['signed']):
                signatures[row['type']].append(max(
                        0, (row['signed'] - row['arrived'])
                        / dt.timedelta(hours=1)))
        figures = {f.test_type.id: f for f in self.figures('time')}
        self.assertEqual(figures.keys(), ordered | signatures.keys())
        for test_type, figure in figures.items():
            self.assertEqual(
                (figure.images, figure.reports),
                (len(images[test_type]), len(signatures[test_type])))
            self.check_times(figure, 'images', images[test_type])
            self.check_times(figure, 'signature', signatures[test_type])
            self.check_opened(figure, [
                    id_ for id_, row in rows.items()
                    if row['type'] == test_type
                    and self.within(row['ordered'])], [
                    row['result'] for row in rows.values()
                    if row['type'] == test_type
                    and self.within(row['signed'])])

    def check_readers(self, rows):
        readers = defaultdict(list)
        for row in rows.values():
            if self.within(row['signed']):
                readers[row['user']].append(row)
        figures = {f.user.id: f for f in self.figures('reader')}
        self.assertEqual(figures.keys(), readers.keys())
        for user, figure in figures.items():
            self.assertEqual(figure.reports, len(readers[user]))
            self.check_times(figure, 'signature', [
                    max(0, (row['signed'] - row['arrived'])
                        / dt.timedelta(hours=1)) for row in readers[user]])
            self.check_opened(
                figure,
                reports=[row['result'] for row in readers[user]])


if __name__ == '__main__':
    unittest.main()

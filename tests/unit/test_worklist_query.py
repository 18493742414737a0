# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What modalities ask the worklist for is read as the standard has it"
import datetime as dt
import unittest

from pydicom.dataset import Dataset

from trytond.modules.health_orthanc.worklist_query import (
    NAME, Query, QueryError, read_query)


def identifier(step=(), **root):
    dataset = Dataset()
    item = Dataset()
    for target, values in [(dataset, root), (item, dict(step))]:
        for keyword, value in values.items():
            setattr(target, keyword, value)
    dataset.ScheduledProcedureStepSequence = [item]
    return dataset


def at(date=None, time=None):
    step = {}
    if date is not None:
        step['ScheduledProcedureStepStartDate'] = date
    if time is not None:
        step['ScheduledProcedureStepStartTime'] = time
    return read_query(identifier(step))


class PeriodTestCase(unittest.TestCase):
    "Date and time of the step"

    def check(self, date, time, start, end, times=None):
        with self.subTest(date=date, time=time):
            moments = [
                moment and dt.datetime.fromisoformat(moment)
                for moment in [start, end]]
            times = times and tuple(map(dt.time.fromisoformat, times))
            self.assertEqual(at(date, time)[1:], (*moments, times))

    def test_period(self):
        "Two ranges are one period, other times are of each day"
        last = '23:59:59.999999'
        for row in [
                (None, None, None, None),
                ('', '', None, None),
                ('*', '*', None, None),
                ('20260705', '', '2026-07-05', f'2026-07-05T{last}'),
                ('20260705-', '', '2026-07-05', None),
                ('-20260705', '', None, f'2026-07-05T{last}'),
                ('20260705-20260707', '', '2026-07-05', f'2026-07-07T{last}'),
                # K.6.1.2.2: the 6th at 02:00 is in it
                ('20260705-20260707', '100000-180000', '2026-07-05T10:00',
                    '2026-07-07T18:00:00.999999'),
                ('20260705', '10-12', '2026-07-05T10:00',
                    '2026-07-05T12:59:59.999999'),
                ('20260705-', '1000-', '2026-07-05T10:00', None),
                ('-20260707', '-18', None, '2026-07-07T18:59:59.999999'),
                ('20260705', '1030', '2026-07-05T10:30',
                    '2026-07-05T10:30:59.999999'),
                (None, '1000-1200', None, None,
                    ('10:00', '12:00:59.999999')),
                ('20260705-20260707', '10', '2026-07-05',
                    f'2026-07-07T{last}', ('10:00', '10:59:59.999999')),
                ('2026.07.05', '10:30', '2026-07-05T10:30',
                    '2026-07-05T10:30:59.999999'),
                ]:
            self.check(*row)

    def test_unreadable(self):
        "What is no date or time is told"
        for values in [
                ('yesterday', None), ('20260231', None), ('-', None),
                (None, '25'), (None, '1060'), ('20260705-2026', None),
                ('20260705\\20260706', None)]:
            with self.subTest(values=values), self.assertRaises(QueryError):
                at(*values)


class CriteriaTestCase(unittest.TestCase):
    "The other keys"

    def criteria(self, **root):
        return [tuple(c) for c in read_query(identifier(**root)).criteria]

    def test_universal(self):
        "A key without value, and one that is a star, wants all"
        self.assertEqual(read_query(Dataset()), Query())
        self.assertEqual(self.criteria(
                PatientName='*', PatientID='', AccessionNumber='*',
                StudyInstanceUID=''), [])
        self.assertEqual(self.criteria(PatientName='*^*'), [])

    def test_names(self):
        "What stands for components that may be empty is left out"
        for value, pattern in [
                ('Betz^Ana', 'Betz^Ana'), ('Betz^Ana^^^', 'Betz^Ana'),
                ('Betz^Ana^*', 'Betz^Ana'), ('Betz*', 'Betz*'),
                ('Betz^*', 'Betz*'), (' Betz ^ Ana ', 'Betz^Ana')]:
            with self.subTest(value=value):
                self.assertEqual(
                    self.criteria(PatientName=value),
                    [(NAME, 'patient_name', (pattern,))])
        self.assertEqual(
            self.criteria(PatientName='Yamada^Tarou=山田^太郎'),
            [(NAME, 'patient_name', ('Yamada^Tarou', '山田^太郎'))])

    def test_two_steps(self):
        dataset = identifier()
        dataset.ScheduledProcedureStepSequence.append(Dataset())
        with self.assertRaises(QueryError):
            read_query(dataset)

    def test_birth_date(self):
        day = dt.date(1980, 2, 1)
        for value, range_ in [
                ('19800201', (day, day)), ('19800201-', (day, None)),
                ('-19800201', (None, day))]:
            with self.subTest(value=value):
                (_, column, values), = self.criteria(PatientBirthDate=value)
                self.assertEqual((column, values), ('birth_date', (range_,)))


if __name__ == '__main__':
    unittest.main()

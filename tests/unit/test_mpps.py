# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What machines report is refused exactly as the standard has it"
import datetime as dt
import json
import unittest

from pydicom.dataset import Dataset

from trytond.modules.health_orthanc import mpps, order_matching
from trytond.modules.health_orthanc.matching import Person, Reported
from trytond.modules.health_orthanc.order_matching import RequestLine


def scheduled(**values):
    item = Dataset()
    item.StudyInstanceUID = '2.25.1'
    item.AccessionNumber = 'IM1'
    item.ScheduledProcedureStepID = 'RP1'
    item.RequestedProcedureID = 'RP1'
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def report(**values):
    attributes = Dataset()
    for keyword, value in {
            'PatientName': 'Betz^Ana', 'PatientID': 'GNU1',
            'PatientBirthDate': '19851004', 'PatientSex': 'F',
            'PerformedProcedureStepID': 'PPS1',
            'PerformedStationAETitle': 'CT01',
            'PerformedProcedureStepStartDate': '20260705',
            'PerformedProcedureStepStartTime': '103000.5',
            'PerformedProcedureStepStatus': 'IN PROGRESS',
            'Modality': 'CT',
            'ScheduledStepAttributesSequence': [scheduled()],
            **values}.items():
        setattr(attributes, keyword, value)
    return attributes


def change(**values):
    modification = Dataset()
    for keyword, value in values.items():
        setattr(modification, keyword, value)
    return modification


END = {
    'PerformedProcedureStepStatus': 'COMPLETED',
    'PerformedProcedureStepEndDate': '20260705',
    'PerformedProcedureStepEndTime': '104500'}


class RefusalTestCase(unittest.TestCase):
    "Test what is refused"

    def check(self, status, function, *args, error_id=None):
        with self.assertRaises(mpps.Refusal) as refused:
            function(*args)
        self.assertEqual(refused.exception.status, status)
        self.assertEqual(refused.exception.error_id, error_id)

    def test_creation(self):
        mpps.create(report())
        for keyword in [
                'PerformedProcedureStepID', 'PerformedStationAETitle',
                'PerformedProcedureStepStartDate',
                'PerformedProcedureStepStartTime',
                'PerformedProcedureStepStatus', 'Modality',
                'ScheduledStepAttributesSequence']:
            for without in [report(), report(**{keyword: None})]:
                if without.get(keyword):
                    del without[keyword]
                with self.subTest(keyword=keyword):
                    self.check(0x0120, mpps.create, without)
        for status in ['COMPLETED', 'DISCONTINUED', 'SCHEDULED']:
            with self.subTest(status=status):
                self.check(0x0106, mpps.create, report(
                        PerformedProcedureStepStatus=status))
        self.check(0x0120, mpps.create, report(
                ScheduledStepAttributesSequence=[
                    scheduled(StudyInstanceUID='')]))
        self.check(0x0106, mpps.create, report(
                PerformedProcedureStepStartTime='2500'))

    def test_modification(self):
        known = report()
        for status in ['COMPLETED', 'DISCONTINUED']:
            ended = mpps.modify(known, change(
                    **{**END, 'PerformedProcedureStepStatus': status}))
            for again in [change(), change(**END)]:
                self.check(
                    0x0110, mpps.modify, ended, again, error_id=0xA710)
        self.assertEqual(
            known.PerformedProcedureStepStatus, 'IN PROGRESS')
        self.check(0x0120, mpps.modify, known, change(
                PerformedProcedureStepStatus='COMPLETED'))
        self.check(0x0106, mpps.modify, known, change(
                PerformedProcedureStepStatus='SCHEDULED'))
        self.check(0x0106, mpps.modify, known, change(PatientID='GNU2'))
        mpps.modify(known, change(PatientID='GNU1', PatientName='Betz^Ana'))
        series = Dataset()
        series.SeriesInstanceUID = '2.25.9'
        self.check(0x0120, mpps.modify, known, change(
                PerformedSeriesSequence=[series]))

    def test_replaces_sequences(self):
        "A sequence is replaced as a whole, what is not named stays"
        def series(uid):
            dataset = Dataset()
            dataset.SeriesInstanceUID = uid
            dataset.ProtocolName = "Head"
            return dataset

        step = mpps.modify(report(), change(
                PerformedSeriesSequence=[series('2.25.8'), series('2.25.9')]))
        step = mpps.modify(step, change(
                PerformedSeriesSequence=[series('2.25.7')], **END))
        row, = mpps.values(step, lambda moment: moment)
        self.assertEqual(row['series'], '2.25.7 Head (0)')
        self.assertEqual(row['patient_name'], 'Betz^Ana')

    def test_stored_and_read(self):
        "What was stored as JSON goes on as what it was"
        row, = mpps.values(report(), lambda moment: moment)
        known = Dataset.from_json(json.loads(row['attributes']))
        mpps.modify(known, report())
        self.assertEqual(mpps.values(
                known, lambda moment: moment)[0], row)
        self.assertEqual(
            row['started'], dt.datetime(2026, 7, 5, 10, 30))


class MatchTestCase(unittest.TestCase):
    "Test of which line of an order a step is"
    known = Person(
        1, (('Betz', 'Ana'),), dt.date(1985, 10, 4), frozenset('F'))
    other = Person(2, (('House', 'Greg'),), None, frozenset('M'))

    def match(self, named, line=None, **values):
        lines = {
            1: line or RequestLine(1, 1, 'A', 'CT'),
            2: RequestLine(2, 2, 'B', 'CT')}
        verdict = order_matching.match_performed_step(
            order_matching.PerformedStep(**{
                    'reported': Reported(
                        'Betz^Ana', dt.date(1985, 10, 4), 'F'),
                    'patient_id': 'GNU1', 'modality': 'CT', **values}),
            {name: [lines[n] for n in ns] for name, ns in named.items()},
            {1: self.known, 2: self.other}, {1: {'GNU1'}, 2: {'GNU2'}})
        return verdict.lines, verdict.reason, verdict.differences

    def test_uid(self):
        "What we issued needs no patient, but none may contradict"
        named = {'study_instance_uid': [1]}
        linked = ((1,), 'study_instance_uid', ())
        self.assertEqual(self.match(named), linked)
        self.assertEqual(self.match(
                named, reported=Reported(), patient_id=None), linked)
        for values, difference in [
                ({'patient_id': 'GNU2'}, 'identifier'),
                ({'reported': Reported('House^Greg')}, 'name'),
                ({'reported': Reported(birth_date=dt.date(1999, 1, 1))},
                    'birth_date'),
                ({'modality': 'MR'}, 'modality'),
                ({'line': RequestLine(1, 1, 'A', 'CT', True)}, 'cancelled')]:
            with self.subTest(difference=difference):
                self.assertEqual(
                    self.match(named, **values),
                    ((), 'conflict', (difference,)))

    def test_other_identifiers(self):
        "An accession number or a step ID needs a patient who agrees"
        for name in ['accession_number', 'scheduled_procedure_step_id']:
            with self.subTest(name=name):
                self.assertEqual(
                    self.match({name: [1]}), ((1,), name, ()))
                for values in [
                        {'patient_id': None},
                        {'reported': Reported()},
                        {'reported': Reported(sex='F')}]:
                    self.assertEqual(
                        self.match({name: [1]}, **values),
                        ((), 'unscheduled', ()))

    def test_contradicting_identifiers(self):
        self.assertEqual(
            self.match({'study_instance_uid': [1], 'accession_number': [2]}),
            ((), 'conflict', ('accession_number',)))

    def test_none(self):
        self.assertEqual(self.match({}), ((), 'unscheduled', ()))

    def test_shared_accession_number(self):
        "The step ID tells which of the lines it is"
        self.assertEqual(
            self.match({
                    'accession_number': [1, 2],
                    'scheduled_procedure_step_id': [1]}),
            ((1,), 'accession_number', ()))
        self.assertEqual(
            self.match({'accession_number': [1, 2]}),
            ((), 'conflict', ('ambiguous',)))


if __name__ == '__main__':
    unittest.main()

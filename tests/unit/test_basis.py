# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A doubt knows what it was decided on: whatever differs is decided anew"
import datetime as dt
import unittest
from unittest import mock

from trytond.modules.health_orthanc import matching
from trytond.modules.health_orthanc.matching import (
    Before, Person, Reported, Rules, Subject, decide)
from trytond.modules.health_orthanc.order_matching import (
    ACCESSION_NUMBER, OPEN, STUDY_INSTANCE_UID, Answer, Case, RequestLine)

BORN = dt.date(1980, 2, 1)
ANNA = Person(7, (('Smith', 'Anna'),), BORN, frozenset('F'))
OLGA = Person(8, (('Petrova', 'Olga'),), BORN, frozenset('F'))
SUBJECT = Subject(
    'GNU1', None, Reported('Petrova^Olga', BORN, 'F'), date=dt.date(2026, 1, 1)
    )
RULES = Rules()
# What is not what a field of that name has in these tests
OTHER = {
    'patient_id': ' GNU1', 'issuer': 'US', 'reported': Reported('Doe^Jane'),
    'linked': True, 'person': 8, 'seen': Reported('Doe^Jane'),
    'refused': frozenset([8]), 'results': frozenset([8]),
    'before': Before(8, 'x'), 'claims': frozenset([8]),
    'date': dt.date(2026, 1, 2), 'prefix': 'GN', 'ignore_case': True,
    'types': ('passport',), 'ignore_separators': True,
    'trust_birth_date': True, 'id': 9, 'names': (('Smith', 'Ann'),),
    'birth_date': dt.date(1980, 2, 3), 'sexes': frozenset('FM'),
    'is_active': False, 'death_date': dt.date(2026, 2, 2),
    'reason': 'conflict', 'candidate': 8, 'modalities': ('MR',),
    'day': dt.date(2026, 1, 2), 'accession_number': 'A2', 'patient': 8,
    'number': '002', 'modality': 'US', 'cancelled': True}


def others(value):
    "Yield the name of each field, and the named tuple with another one"
    for name in value._fields:
        other = value._replace(**{name: OTHER[name]})
        assert other != value
        yield name, other


class BasisTestCase(unittest.TestCase):

    def decide(self, subject=SUBJECT, rules=RULES, anna=ANNA, **values):
        key, _ = rules.read(subject.patient_id, subject.issuer)
        return decide(subject, rules, {key: [anna]}, {8: OLGA}, **values)

    def setUp(self):
        self.basis = self.decide().basis

    def test_the_same(self):
        self.assertIsNotNone(self.basis)
        self.assertIsNone(self.decide(basis=self.basis))

    def test_what_differs(self):
        for field, value in [
                ('subject', SUBJECT), ('rules', RULES), ('anna', ANNA)]:
            for name, other in others(value):
                with self.subTest(field, name=name):
                    self.assertIsNotNone(
                        self.decide(**{field: other}, basis=self.basis))

    def test_persons(self):
        "Also more or fewer of them, and those whom it is linked to"
        linked = SUBJECT._replace(linked=True, person=8)
        before = SUBJECT._replace(before=Before(8))
        for subject, persons, by_id in [
                (SUBJECT, [ANNA, OLGA], {}), (SUBJECT, [], {}),
                (linked, [], {}), (linked, [], {8: ANNA}),
                (before, [ANNA], {}), (before, [ANNA], {8: ANNA})]:
            with self.subTest(subject=subject, persons=persons, by_id=by_id):
                basis = decide(
                    subject._replace(results=frozenset([99])), Rules(),
                    {'GNU1': [ANNA]}, {8: OLGA}).basis
                self.assertIsNotNone(decide(
                        subject._replace(results=frozenset([99])), Rules(),
                        {'GNU1': persons}, by_id, basis))

    def test_ids(self):
        "What is linked counts, also where that person is no more"
        nobodys = SUBJECT._replace(
            patient_id='X1', results=frozenset([99]), before=Before(98, 'x'))
        basis = self.decide(nobodys, anna=OLGA).basis
        for name, other in [
                ('linked', True), ('person', 98), ('before', None),
                ('before', Before(97, 'x')), ('before', Before(98, 'y'))]:
            with self.subTest(name, other=other):
                self.assertIsNotNone(decide(
                        nobodys._replace(**{name: other}), RULES,
                        {'X1': [OLGA]}, {}, basis))
                self.assertIsNotNone(decide(
                        nobodys._replace(**{name: other}), RULES, {}, {},
                        decide(nobodys, RULES, {}, {}).basis))

    def test_today(self):
        "Ages are as of today where the study has no day"
        subject = SUBJECT._replace(date=None)
        basis = self.decide(subject).basis
        self.assertIsNone(self.decide(subject, basis=basis))
        later = dt.date(2999, 1, 1)
        with mock.patch.object(matching.dt, 'date') as date:
            date.today.return_value = later
            self.assertIsNotNone(self.decide(subject, basis=basis))

    def test_sets(self):
        "They have no order"
        one, other = (
            SUBJECT._replace(refused=frozenset(ids))
            for ids in [(8, 16, 24), (24, 16, 8)])
        self.assertIsNone(
            self.decide(one, basis=self.decide(other).basis))

    def test_only_doubts(self):
        "What is not in doubt is decided anew where somebody changed"
        agrees = SUBJECT._replace(reported=Reported('Smith^Anna', BORN, 'F'))
        self.assertEqual(self.decide(agrees).reason, matching.IDENTIFIER)
        self.assertIsNone(self.decide(agrees).basis)
        # Of none that is known everything is decided
        self.assertIsNotNone(self.decide(basis=None))


ANSWER = Answer(
    7, 'identifier', None, Reported('Smith^Anna', BORN, 'F'), ('CT',),
    frozenset([3]), dt.date(2026, 1, 1), 'A1')
LINE = RequestLine(1, 7, '001', 'MR', False, dt.date(2026, 1, 1), 'A1')
CASE = Case(
    ANSWER, {STUDY_INSTANCE_UID: [], ACCESSION_NUMBER: [LINE]}, [LINE], [],
    {7: ANNA})
OTHER_CASE = {**OTHER, 'person': 8, 'linked': frozenset([4])}


class OrderBasisTestCase(unittest.TestCase):

    def setUp(self):
        _, self.columns = CASE.decide()

    def test_the_same(self):
        self.assertIn(self.columns[0], OPEN)
        self.assertTrue(CASE.is_told(self.columns))

    def test_what_differs(self):
        lines = [LINE._replace(id=2), LINE]
        others_ = [
            *((name, CASE._replace(answer=ANSWER._replace(
                            **{name: OTHER_CASE[name]})))
                for name in Answer._fields),
            *((name, CASE._replace(named={
                            **CASE.named, ACCESSION_NUMBER: [line]}))
                for name, line in others(LINE)),
            *((name, CASE._replace(waiting=[line]))
                for name, line in others(LINE)),
            *((name, CASE._replace(persons={7: anna}))
                for name, anna in others(ANNA)),
            ("by hand", CASE._replace(by_hand=[LINE])),
            ("identifier", CASE._replace(named={STUDY_INSTANCE_UID: [LINE]})),
            ("lines", CASE._replace(named={
                        **CASE.named, ACCESSION_NUMBER: lines})),
            ("none", CASE._replace(waiting=[])),
            ]
        for name, case in others_:
            with self.subTest(name, case=case):
                self.assertFalse(case.is_told(self.columns))

    def test_order_of_links(self):
        "It is as the database has it, and says nothing"
        lines = [LINE._replace(id=2, patient=8), LINE]
        one, other = (
            CASE._replace(by_hand=by_hand) for by_hand in [lines, lines[::-1]])
        _, columns = one.decide()
        self.assertTrue(other.is_told(columns))

    def test_today(self):
        case = CASE._replace(answer=ANSWER._replace(day=None))
        _, columns = case.decide()
        self.assertTrue(case.is_told(columns))
        later = dt.date(2999, 1, 1)
        with mock.patch.object(matching.dt, 'date') as date:
            date.today.return_value = later
            self.assertFalse(case.is_told(columns))

    def test_only_doubts(self):
        case = CASE._replace(answer=ANSWER._replace(modalities=('MR',)))
        _, (reason, _, basis) = case.decide()
        self.assertEqual((reason, basis), (ACCESSION_NUMBER, None))
        self.assertFalse(case.is_told((reason, None, case.basis())))


if __name__ == '__main__':
    unittest.main()

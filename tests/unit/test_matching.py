# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose study it is: every rule, and what must never link or separate."""
import datetime as dt
import unittest
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st
from trytond.modules.health_orthanc import matching
from trytond.modules.health_orthanc.matching import (
    Person, Reported, Rules, Subject, Verdict, compare, contradictions,
    match_study, summarize)

BORN = dt.date(1980, 2, 1)
OTHER_DAY = dt.date(1980, 1, 2)
ANNA = 'Smith', 'Anna'


def person(*names, id=7, birth_date=BORN, sexes=frozenset('F')):
    return Person(id, names or (ANNA,), birth_date, sexes)


# The same ones each time; change this to look for others
unhurried = settings(max_examples=300, deadline=None, derandomize=True)


class ContradictionsTestCase(unittest.TestCase):

    def assertComparison(self, name, expected, reported, known):
        with self.subTest(reported=reported, known=known):
            differences, agreements = compare(reported, known)
            self.assertEqual(
                differences, (name,) if expected is False else ())
            self.assertEqual(agreements, {name} if expected else set())
            self.assertEqual(contradictions(reported, known), differences)

    def test_birth_date(self):
        for reported, known, expected in [
                (BORN, BORN, True),
                (BORN, OTHER_DAY, False),
                (BORN, dt.date(1981, 2, 1), False),
                (None, BORN, None),
                (BORN, None, None),
                (None, None, None)]:
            self.assertComparison(
                'birth_date', expected, Reported(birth_date=reported),
                person(birth_date=known))

    def test_sex(self):
        for reported, known, expected in [
                ('F', 'F', True), ('M', 'M', True),
                ('M', 'F', False), ('F', 'M', False),
                ('O', 'F', None), ('O', 'M', None), ('O', '', None),
                ('M', '', None), ('F', '', None),
                # Gender and biological sex can differ: both are right.
                ('M', 'MF', True), ('F', 'MF', True),
                (None, 'F', None)]:
            self.assertComparison(
                'sex', expected, Reported(sex=reported),
                person(sexes=frozenset(known)))

    def test_all(self):
        self.assertEqual(
            contradictions(
                Reported('Jones^Bob', OTHER_DAY, 'M'), person()),
            ('birth_date', 'sex', 'name'))

    @unhurried
    @given(st.dates(), st.dates())
    def test_any_date(self, reported, known):
        self.assertEqual(
            bool(contradictions(
                    Reported(birth_date=reported),
                    person(birth_date=known))),
            reported != known)

    def test_sexes(self):
        for recorded, expected in [
                (['f', 'f'], 'F'), (['m', 'm'], 'M'), (['m', 'f'], 'MF'),
                (['f', None], 'F'), ([None, None], ''), (['u', ''], ''),
                (['nb', 'f'], 'F'), (['other', 'nd'], '')]:
            with self.subTest(recorded=recorded):
                self.assertEqual(
                    matching.sexes(*recorded), frozenset(expected))


class RulesTestCase(unittest.TestCase):
    "Which identifier a PatientID is on a server"

    def test_read(self):
        for rules, patient_id, issuer, expected in [
                (Rules(), 'P1', None, ('P1', None)),
                (Rules(), ' P1 ', None, ('P1', None)),
                (Rules(), 'p1', None, ('p1', None)),
                (Rules(ignore_case=True), 'P1', None, ('p1', None)),
                (Rules(prefix='H-'), 'H-P1', None, ('P1', None)),
                (Rules(prefix='H-'), 'H- P1', None, ('P1', None)),
                (Rules(prefix='H-'), 'P1', None, ('P1', 'prefix')),
                (Rules(prefix='H-'), 'h-P1', None, ('h-P1', 'prefix')),
                (Rules(prefix='H-'), 'H-', None, ('', None)),
                (Rules(prefix='H-'), 'H-H-P1', None, ('H-P1', None)),
                (Rules(prefix='H-', ignore_case=True), 'h-P1', None,
                    ('p1', None)),
                (Rules(prefix='H-'), None, None, ('', None)),
                (Rules(issuer='US'), 'P1', None, ('P1', None)),
                (Rules(issuer='US'), 'P1', ' US ', ('P1', None)),
                (Rules(issuer='US'), 'P1', 'THEM', ('P1', 'issuer')),
                (Rules(issuer='US'), 'P1', 'us', ('P1', 'issuer')),
                (Rules(issuer='US', ignore_case=True), 'P1', 'us',
                    ('p1', None)),
                (Rules(), 'P1', 'THEM', ('P1', None)),
                (Rules(issuer='US'), '', 'THEM', ('', None))]:
            with self.subTest(rules=rules, patient_id=patient_id):
                self.assertEqual(rules.read(patient_id, issuer), expected)


class StudyTestCase(unittest.TestCase):
    "A study links to the person whose its PatientID is, unless contradicted"

    anna = person()
    same = Reported('Smith^Anna', BORN, 'F')

    def decide(
            self, patient_id='P1', reported=same, issuer=None, persons=None,
            rules=None, by_id=None, **subject):
        return match_study(
            Subject(patient_id, issuer, reported, **subject),
            rules or Rules(),
            {'P1': [self.anna]} if persons is None else persons,
            by_id or {})

    def test_identifier(self):
        for reported in [
                self.same,
                Reported('Smith^Anna', None, None),
                Reported('Anna^Smith', BORN, 'O'),
                Reported(None, BORN, None),
                Reported('スミス^アンナ', BORN, 'F')]:
            with self.subTest(reported=reported):
                self.assertEqual(
                    self.decide(reported=reported),
                    Verdict(7, matching.IDENTIFIER, (), (7,)))

    def test_nothing_else_agrees(self):
        "An ID alone is a typing error away from that of another patient"
        for reported in [
                Reported(), Reported(sex='F'), Reported('', None, 'O'),
                Reported('Smith^A', None, 'F'), Reported('Smith'),
                Reported('=山田^太郎')]:
            with self.subTest(reported=reported):
                self.assertEqual(
                    self.decide(reported=reported),
                    Verdict(None, matching.UNVERIFIED, (), (7,)))

    def test_surrounding_space(self):
        for patient_id in [' P1', 'P1 ', '  P1  ']:
            self.assertEqual(self.decide(patient_id).person, 7)

    def test_exact(self):
        "What only resembles an ID is another one"
        for patient_id in ['p1', 'P 1', 'P01', 'P1-1', '1', 'P', 'Ｐ1']:
            with self.subTest(patient_id=patient_id):
                self.assertEqual(
                    self.decide(patient_id),
                    Verdict(None, matching.UNMATCHED))

    def test_no_identifier(self):
        "The empty ID is nobody's, even where a person is registered so"
        persons = {'': [self.anna], ' ': [self.anna], None: [self.anna]}
        for rules in [Rules(), Rules(prefix='H-')]:
            for patient_id in [None, '', ' ', '   ']:
                with self.subTest(patient_id=patient_id):
                    self.assertEqual(
                        self.decide(
                            patient_id, persons=persons, rules=rules),
                        Verdict(None, matching.NO_IDENTIFIER))

    def test_other_system(self):
        for rules, difference in [
                (Rules(prefix='H-'), 'prefix'), (Rules(issuer='US'), 'issuer')
                ]:
            self.assertEqual(
                self.decide(issuer='THEM', rules=rules),
                Verdict(None, matching.UNMATCHED, (difference,)))
        self.assertEqual(
            self.decide('H-P1', rules=Rules(prefix='H-')).person, 7)

    def test_conflict(self):
        for reported, differences in [
                (Reported('Smith^Anna', OTHER_DAY, 'F'), ('birth_date',)),
                (Reported('Smith^Anna', BORN, 'M'), ('sex',)),
                (Reported('Jones^Mary', BORN, 'F'), ('name',)),
                (Reported('Smith^Mary', BORN, 'F'), ('name',)),
                (Reported('Jones^Bob', OTHER_DAY, 'M'),
                    ('birth_date', 'sex', 'name'))]:
            with self.subTest(reported=reported):
                verdict = self.decide(reported=reported)
                self.assertEqual(verdict, Verdict(
                        None, matching.CONFLICT, differences, (7,)))
                self.assertEqual(verdict.values()['candidate'], 7)

    def test_ambiguous(self):
        "Even where the study agrees with but one of them"
        for other in [person(id=8), person(('Jones', 'Bob'), id=8)]:
            verdict = self.decide(persons={'P1': [self.anna, other]})
            self.assertEqual(
                verdict,
                Verdict(None, matching.AMBIGUOUS, (), (7, 8)))
            self.assertIsNone(verdict.values()['candidate'])

    def test_refused(self):
        refused = frozenset([7])
        self.assertEqual(
            self.decide(refused=refused), Verdict(None, matching.REFUSED))
        self.assertEqual(
            self.decide(refused=frozenset([8])).person, 7)
        other = person(id=8)
        self.assertEqual(
            self.decide(
                refused=refused, persons={'P1': [self.anna, other]}),
            Verdict(8, matching.IDENTIFIER, (), (8,)))

    def test_follows(self):
        "What a person decided of the Orthanc patient, whatever the ID"
        for patient_id in ['P1', 'OTHER']:
            self.assertEqual(
                self.decide(
                    patient_id, linked=True, person=7, seen=self.same,
                    by_id={7: self.anna}),
                Verdict(7, matching.FOLLOWS, (), (7,)))
        self.assertEqual(
            self.decide(linked=True, seen=self.same),
            Verdict(None, matching.FOLLOWS))
        self.assertEqual(
            self.decide(
                linked=True, person=7, seen=self.same, by_id={7: self.anna},
                refused=frozenset([7])),
            Verdict(None, matching.REFUSED))

    def test_follows_what_was_seen(self):
        "Who linked the Orthanc patient saw that it contradicts"
        bob = Reported('Jones^Bob', OTHER_DAY, 'M')
        hand = {'linked': True, 'person': 7, 'by_id': {7: self.anna}}
        self.assertEqual(
            self.decide(reported=bob, seen=bob, **hand).person, 7)
        # A study of somebody else under the same PatientID stays behind
        for seen in [self.same, Reported(), bob._replace(sex='O')]:
            self.assertEqual(
                self.decide(reported=bob, seen=seen, **hand),
                Verdict(
                    None, matching.CONFLICT,
                    ('birth_date', 'sex', 'name'), (7,)))

    def test_result(self):
        "A study does not leave the person whose result it is on unnoticed"
        for on, kwargs, expected in [
                ([7], {}, Verdict(7, matching.IDENTIFIER, (), (7,))),
                ([8], {}, Verdict(
                        None, matching.CONFLICT, ('result',), (7,))),
                ([7, 8], {}, Verdict(
                        None, matching.CONFLICT, ('result',), (7,))),
                ([7], {'patient_id': 'OTHER'}, Verdict(
                        None, matching.CONFLICT, ('result',))),
                ([7], {'reported': Reported('Jones^Bob')}, Verdict(
                        None, matching.CONFLICT, ('name', 'result'), (7,))),
                ([7], {'linked': True}, Verdict(
                        None, matching.CONFLICT, ('result',)))]:
            with self.subTest(on=on, **kwargs):
                self.assertEqual(
                    self.decide(results=frozenset(on), **kwargs), expected)


class SummaryTestCase(unittest.TestCase):
    "What an Orthanc patient says of its studies"

    def test_summary(self):
        linked = Verdict(7, matching.IDENTIFIER, (), (7,))
        other = Verdict(8, matching.MANUAL)
        conflict = Verdict(None, matching.CONFLICT, ('sex',), (7,))
        for verdicts, expected in [
                ([], Verdict(None, matching.UNMATCHED)),
                ([linked, linked], Verdict(7, matching.IDENTIFIER)),
                ([linked, other], Verdict(None, matching.STUDIES)),
                ([other], Verdict(8, matching.STUDIES)),
                ([linked, Verdict(7, matching.MANUAL)],
                    Verdict(7, matching.STUDIES)),
                ([linked, Verdict(None, matching.MANUAL)],
                    Verdict(None, matching.STUDIES)),
                ([linked, conflict],
                    Verdict(None, matching.CONFLICT, ('sex',))),
                ([conflict, conflict._replace(differences=('name',)),
                        Verdict(None, matching.UNMATCHED, ('prefix',))],
                    Verdict(None, matching.CONFLICT, ('sex', 'name'))),
                ([Verdict(None, matching.UNMATCHED)] * 2,
                    Verdict(None, matching.UNMATCHED)),
                ([Verdict(None, matching.NO_IDENTIFIER)],
                    Verdict(None, matching.NO_IDENTIFIER)),
                ([linked, Verdict(None, matching.AMBIGUOUS)],
                    Verdict(None, matching.AMBIGUOUS)),
                # What needs a person most
                *((
                        [Verdict(None, reason) for reason in reasons],
                        Verdict(None, reasons[0]))
                    for reasons in combinations([
                            'conflict', 'ambiguous', 'unverified', 'refused',
                            'unmatched', 'no_identifier'], 2))]:
            with self.subTest(verdicts=verdicts):
                self.assertEqual(summarize(verdicts), expected)
                self.assertEqual(summarize(verdicts[::-1]), expected)


class DecisionTestCase(unittest.TestCase):

    def test_values(self):
        for verdict, expected in [
                (Verdict(7, matching.IDENTIFIER, (), (7,)),
                    (7, 'identifier', None, None)),
                (Verdict(None, matching.CONFLICT, ('sex', 'name'), (7,)),
                    (None, 'conflict', 'sex name', 7)),
                (Verdict(None, matching.AMBIGUOUS, (), (7, 8)),
                    (None, 'ambiguous', None, None))]:
            with self.subTest(verdict=verdict):
                self.assertEqual(verdict.columns(), expected)
                self.assertEqual(
                    list(verdict.values().items()), list(zip(
                            ['local_patient', 'match', 'match_differences',
                                'candidate'], expected, strict=True)))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose study it is: every rule, and what must never link or separate."""
import datetime as dt
import unittest

from trytond.modules.health_orthanc import matching
from trytond.modules.health_orthanc.matching import (
    Decision, Person, Reported, contradictions, match_patient, match_study)

BORN = dt.date(1980, 2, 1)
OTHER_DAY = dt.date(1980, 1, 2)


def person(
        *names, id=7, identifier='P1', birth_date=BORN,
        sexes=frozenset('F')):
    return Person(id, identifier, names, birth_date, sexes)


class NamesTestCase(unittest.TestCase):
    "Two names contradict when both can be read and share no word"

    def assertNames(self, reported, names, contradict):
        with self.subTest(reported=reported, names=names):
            self.assertEqual(
                contradictions(Reported(reported), person(*names)),
                ('name',) if contradict else ())

    def test_order_and_case(self):
        for reported in [
                'Smith^Anna', 'SMITH^ANNA', 'smith^anna', 'Anna^Smith',
                'Anna Smith', 'Smith, Anna', 'SMITH^ANNA^MARIA^DR^PHD',
                ' Smith ^ Anna ', 'Smith-Jones^Anna', 'Jones^Anna',
                'Smith^^^^']:
            self.assertNames(reported, ['Anna Smith'], False)
        for reported in [
                'Jones^Mary', 'Annabel', 'Smithson', 'Ann^Smit',
                # Titles are no names.
                'Jones^Mary^^Smith^Anna']:
            self.assertNames(reported, ['Anna Smith'], True)

    def test_accents(self):
        for reported, known in [
                ('Muller^Jurgen', 'Jürgen Müller'),
                ('MÜLLER^X', 'Y Muller'),
                ('Mu\u0308ller^X', 'Y M\xfcller'),
                ('Strasse', 'Straße'),
                ('Nguyen', 'Nguyễn'),
                ('ＳＭＩＴＨ', 'Smith'),
                ('İpek', 'Ipek')]:
            self.assertNames(reported, [known], False)
            self.assertNames(known, [reported], False)

    def test_groups(self):
        yamada = 'Yamada^Tarou=山田^太郎=やまだ^たろう'
        for known in [
                'Tarou Yamada', '山田 太郎', 'やまだ', 'Jiro Yamada',
                '山田 花子']:
            self.assertNames(yamada, [known], False)
        for known in ['Suzuki Hanako', '鈴木 花子', 'すずき はなこ']:
            self.assertNames(yamada, [known], True)
        self.assertNames('=山田^太郎', ['鈴木 花子'], True)
        self.assertNames('=山田^太郎', ['山田 太郎'], False)

    def test_scripts_do_not_contradict_each_other(self):
        for reported, known in [
                ('=山田^太郎', 'Tarou Yamada'),
                ('Yamada^Tarou', '山田 太郎'),
                ('Иванов^Иван', 'Ivan Ivanov')]:
            self.assertNames(reported, [known], False)

    def test_marks_are_part_of_a_word(self):
        # Vowel signs are not letters to a regular expression's \w.
        for reported, same, other in [
                ('राम^कुमार', 'कुमार राम', 'रमा मीना'),
                ('สมชาย', 'สมชาย', 'สมหญิง')]:
            self.assertNames(reported, [same], False)
            self.assertNames(reported, [other], True)

    def test_further_names(self):
        "One name of several is enough"
        self.assertNames('Jones^Ann', ['Ann Smith', 'Mary Jones'], False)
        self.assertNames('Jones^Mary', ['Anna Smith', 'Anna Brown'], True)

    def test_nothing_to_read(self):
        for reported in [None, '', '^^^^', '=', '^', '...', '-']:
            self.assertNames(reported, ['Anna Smith'], False)
        for names in [[], [''], ['...']]:
            self.assertNames('Smith^Anna', names, False)


class ContradictionsTestCase(unittest.TestCase):

    def test_birth_date(self):
        for reported, known, contradict in [
                (BORN, BORN, False),
                (BORN, OTHER_DAY, True),
                (None, BORN, False),
                (BORN, None, False),
                (None, None, False)]:
            with self.subTest(reported=reported, known=known):
                self.assertEqual(
                    contradictions(
                        Reported(birth_date=reported),
                        person(birth_date=known)),
                    ('birth_date',) if contradict else ())

    def test_sex(self):
        for reported, known, contradict in [
                ('F', 'F', False), ('M', 'M', False),
                ('M', 'F', True), ('F', 'M', True),
                ('O', 'F', False), ('O', 'M', False), ('O', '', False),
                ('M', '', False), ('F', '', False),
                # Gender and biological sex can differ: both are right.
                ('M', 'MF', False), ('F', 'MF', False),
                (None, 'F', False)]:
            with self.subTest(reported=reported, known=known):
                self.assertEqual(
                    contradictions(
                        Reported(sex=reported),
                        person(sexes=frozenset(known))),
                    ('sex',) if contradict else ())

    def test_all(self):
        self.assertEqual(
            contradictions(
                Reported('Jones^Bob', OTHER_DAY, 'M'), person('Anna Smith')),
            ('birth_date', 'sex', 'name'))

    def test_sexes(self):
        for recorded, expected in [
                (['f', 'f'], 'F'), (['m', 'm'], 'M'), (['m', 'f'], 'MF'),
                (['f', None], 'F'), ([None, None], ''), (['u', ''], ''),
                (['nb', 'f'], 'F'), (['other', 'nd'], '')]:
            with self.subTest(recorded=recorded):
                self.assertEqual(
                    matching.sexes(*recorded), frozenset(expected))


class PatientTestCase(unittest.TestCase):
    "A PatientID links to the person whose it is, unless contradicted"

    anna = person('Anna Smith')
    persons = {'P1': anna}

    def assertDecision(self, patient_id, reported, *expected):
        with self.subTest(patient_id=patient_id, reported=reported):
            self.assertEqual(
                match_patient(patient_id, reported, self.persons),
                Decision(*expected))

    def test_identifier(self):
        for reported in [
                Reported('Smith^Anna', BORN, 'F'),
                Reported('Smith^Anna', None, None),
                Reported(None, None, 'O'),
                Reported()]:
            self.assertDecision('P1', reported, 7, matching.IDENTIFIER)

    def test_surrounding_space(self):
        for patient_id in [' P1', 'P1 ', '  P1  ']:
            self.assertDecision(
                patient_id, Reported(), 7, matching.IDENTIFIER)

    def test_exact(self):
        "What only resembles an ID is another one"
        for patient_id in ['p1', 'P 1', 'P01', 'P1-1', '1', 'P', 'Ｐ1']:
            self.assertDecision(
                patient_id, Reported('Smith^Anna', BORN, 'F'), None,
                matching.UNMATCHED)

    def test_no_identifier(self):
        "The empty ID is nobody's, even where a person is registered so"
        persons = {'': self.anna, ' ': self.anna, None: self.anna}
        for patient_id in [None, '', ' ', '   ']:
            with self.subTest(patient_id=patient_id):
                self.assertEqual(
                    match_patient(patient_id, Reported(), persons),
                    Decision(None, matching.NO_IDENTIFIER))

    def test_conflict(self):
        for reported, differences in [
                (Reported('Smith^Anna', OTHER_DAY, 'F'), ('birth_date',)),
                (Reported('Smith^Anna', BORN, 'M'), ('sex',)),
                (Reported('Jones^Mary', BORN, 'F'), ('name',)),
                (Reported('Jones^Bob', OTHER_DAY, 'M'),
                    ('birth_date', 'sex', 'name'))]:
            self.assertDecision(
                'P1', reported, None, matching.CONFLICT, differences)


class StudyTestCase(unittest.TestCase):
    "A study follows its Orthanc patient, unless it contradicts the person"

    anna = person('Anna Smith')
    same = Reported('Smith^Anna', BORN, 'F')
    other = Reported('Jones^Bob', OTHER_DAY, 'M')

    def assertDecision(
            self, expected, reported, patient_reported, patient_decision,
            person):
        self.assertEqual(
            match_study(
                reported, patient_reported, patient_decision, person),
            expected)

    def test_not_linked(self):
        "Where the Orthanc patient is not linked the reason is the same"
        for decision in [
                Decision(None, matching.UNMATCHED),
                Decision(None, matching.NO_IDENTIFIER),
                Decision(None, matching.CONFLICT, ('sex',))]:
            with self.subTest(decision=decision):
                self.assertDecision(
                    decision, self.same, self.same, decision, None)

    def test_link_removed_by_hand(self):
        self.assertDecision(
            Decision(None, matching.FOLLOWS), self.same, self.same,
            Decision(None, matching.MANUAL), None)

    def test_follows(self):
        for reason in [matching.IDENTIFIER, matching.MANUAL]:
            with self.subTest(reason=reason):
                self.assertDecision(
                    Decision(7, matching.FOLLOWS), self.same, self.same,
                    Decision(7, reason), self.anna)

    def test_contradicts(self):
        "A study of somebody else under the same PatientID stays behind"
        for reason in [matching.IDENTIFIER, matching.MANUAL]:
            with self.subTest(reason=reason):
                self.assertDecision(
                    Decision(
                        None, matching.CONFLICT,
                        ('birth_date', 'sex', 'name')),
                    self.other, self.same, Decision(7, reason), self.anna)

    def test_person_saw_the_contradiction(self):
        "Who linked the Orthanc patient saw what this study says too"
        self.assertDecision(
            Decision(7, matching.FOLLOWS), self.other, self.other,
            Decision(7, matching.MANUAL), self.anna)

    def test_rule_does_not_see(self):
        self.assertDecision(
            Decision(
                None, matching.CONFLICT, ('birth_date', 'sex', 'name')),
            self.other, self.other, Decision(7, matching.IDENTIFIER),
            self.anna)


class DecisionTestCase(unittest.TestCase):

    def test_columns(self):
        for decision, expected in [
                (Decision(7, matching.IDENTIFIER), (7, 'identifier', None)),
                (Decision(None, matching.CONFLICT, ('sex', 'name')),
                    (None, 'conflict', 'sex name'))]:
            with self.subTest(decision=decision):
                self.assertEqual(decision.columns(), expected)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose study it is: every rule, and what must never link or separate."""
import datetime as dt
import unicodedata
import unittest

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from trytond.modules.health_orthanc import matching
from trytond.modules.health_orthanc.matching import (
    Decision, Person, Reported, Rules, Subject, compare, contradictions,
    match_study, names_agree, summarize)

BORN = dt.date(1980, 2, 1)
OTHER_DAY = dt.date(1980, 1, 2)
ANNA = 'Smith', 'Anna'


def person(*names, id=7, birth_date=BORN, sexes=frozenset('F')):
    return Person(id, names or (ANNA,), birth_date, sexes)


class NamesTestCase(unittest.TestCase):
    "Both the family and the given name agree, contradict or say nothing"

    def assertNames(self, expected, reported, *names):
        with self.subTest(reported=reported, names=names):
            self.assertIs(names_agree(reported, names), expected)

    def test_order_and_case(self):
        for reported in [
                'Smith^Anna', 'SMITH^ANNA', 'smith^anna', 'Anna^Smith',
                'Anna Smith', 'Smith, Anna', ' Smith ^ Anna ', 'Smith Anna^',
                '^Anna Smith']:
            self.assertNames(True, reported, ANNA)
            self.assertNames(True, reported, ('Smith Anna', None))
            self.assertNames(True, reported, (None, 'Anna Smith'))

    def test_titles(self):
        self.assertNames(True, 'Smith^Anna^^DR^PHD', ANNA)
        self.assertNames(False, 'Jones^Mary^^Smith^Anna', ANNA)

    def test_relatives_share_a_part(self):
        for reported in [
                'Smith^Mary', 'Jones^Anna', 'Anna^Jones', 'Mary Smith',
                'Annabel^Smith', 'Smithson^Anna', 'Smith^Ann', 'Smit^Anna',
                'Anna^Anna', 'Smith^Smith', 'Mary', 'Jones']:
            self.assertNames(False, reported, ANNA)

    def test_second_given_names(self):
        for reported, known in [
                ('Smith^Anna^Maria', ANNA),
                ('Smith^Anna', ('Smith', 'Anna Maria')),
                ('Smith^Maria', ('Smith', 'Anna Maria')),
                ('Smith^Anna Maria', ('Smith', 'Maria Anna')),
                ('Smith-Jones^Anna', ANNA),
                ('Garcia^Maria', ('García López', 'María José'))]:
            self.assertNames(True, reported, known)
        self.assertNames(
            False, 'Smith^Anna^Maria', ('Smith', 'Anna Sophia'))

    def test_initials(self):
        for reported in ['Smith^A', 'A^Smith', 'S^Anna', 'S^A', 'Smith A',
                'A', 'S', 'Smith^A.']:
            self.assertNames(None, reported, ANNA)
        for reported in ['Smith^B', 'B^Smith', 'J^Anna', 'Smith B']:
            self.assertNames(False, reported, ANNA)
        self.assertNames(None, 'S^A', ('S', 'A'))
        self.assertNames(True, 'Smith^Anna^M', ('Smith', 'Anna Maria'))
        self.assertNames(True, 'Smith^Anna^M', ANNA)
        self.assertNames(False, 'Smith^Anna^B', ('Smith', 'Anna Maria'))
        # One character is a whole name elsewhere
        self.assertNames(True, '=王^明', ('王', '明'))
        self.assertNames(False, '=王^明', ('王', '芳'))

    def test_one_part(self):
        "What lacks a part says nothing of it"
        for reported in ['Smith', 'Smith^', '^Anna', 'Anna']:
            self.assertNames(None, reported, ANNA)
        self.assertNames(None, 'Smith^Anna', ('Smith', None))
        self.assertNames(True, 'Suharto', (None, 'Suharto'))

    def test_parts_elsewhere(self):
        for reported, known in [
                ('Berg^Jan van der', ('van der Berg', 'Jan')),
                ('van der Berg^Jan', ('Berg', 'Jan van der')),
                ('DeSouza^Ana', ('de Souza', 'Ana')),
                ("O'Brien^Pat", ('OBrien', 'Pat')),
                ('O Brien^Pat', ('O’Brien', 'Pat')),
                ('=山田太郎', ('山田', '太郎')),
                ('=山田^太郎', (None, '山田太郎')),
                ('=太郎^山田', (None, '山田太郎'))]:
            self.assertNames(True, reported, known)
        self.assertNames(False, '=山田花子', ('山田', '太郎'))

    def test_accents(self):
        for reported, known in [
                ('Muller^Jurgen', ('Müller', 'Jürgen')),
                ('MUELLER^JUERGEN', ('Müller', 'Jürgen')),
                ('Mu\u0308ller^Ina', ('M\xfcller', 'Ina')),
                ('Strasse^Ina', ('Straße', 'Ina')),
                ('Nguyen^Duc', ('Nguyễn', 'Đức')),
                ('ＳＭＩＴＨ^Anna', ANNA),
                ('Yilmaz^IPEK', ('Yılmaz', 'İpek')),
                ('Wojcik^Lukasz', ('Wójcik', 'Łukasz')),
                ('Sorensen^Bjorn', ('Sørensen', 'Bjørn')),
                ('SOERENSEN^BJOERN', ('Sørensen', 'Bjørn')),
                ('Aase^Ida', ('Åse', 'Ida')),
                ('Aegir^Thor', ('Ægir', 'Þór')),
                ('מֹשֶׁה^כהן', ('כהן', 'משה'))]:
            self.assertNames(True, reported, known)
            self.assertNames(True, '^'.join(known), reported.split('^'))
        self.assertNames(False, 'Muller^Ina', ('Mueller', 'Ina'))

    def test_marks_that_are_no_accents(self):
        for reported, same, other in [
                ('राम^कुमार', ('कुमार', 'राम'), ('रमा', 'मीना')),
                ('แดง^สมชาย', ('แดง', 'สมชาย'), ('แดง', 'สมหญิง')),
                ('ทอง^สุดา', ('ทอง', 'สุดา'), ('ทอง', 'สดา')),
                ('==かぎ^はな', ('かぎ', 'はな'), ('かき', 'はな'))]:
            self.assertNames(True, reported, same)
            self.assertNames(False, reported, other)

    def test_groups(self):
        yamada = 'Yamada^Tarou=山田^太郎=やまだ^たろう'
        for known in [
                ('Yamada', 'Tarou'), ('山田', '太郎'), ('やまだ', 'たろう'),
                ('ヤマダ', 'タロウ'), ('ﾔﾏﾀﾞ', 'ﾀﾛｳ')]:
            self.assertNames(True, yamada, known)
        for known in [
                ('Yamada', 'Jiro'), ('山田', '花子'), ('鈴木', '太郎'),
                ('すずき', 'はなこ')]:
            self.assertNames(False, yamada, known)
        # They sound the same, but are written otherwise
        self.assertNames(
            False, 'Sato^Yuki=佐藤^由紀',
            ('Sato', 'Yuki'), ('佐藤', '有希'))

    def test_scripts_say_nothing_of_each_other(self):
        for reported, known in [
                ('=山田^太郎', ('Yamada', 'Tarou')),
                ('Yamada^Tarou', ('山田', '太郎')),
                ('Иванов^Иван', ('Ivanov', 'Ivan'))]:
            self.assertNames(None, reported, known)
        # Nor does the half that is in the same one tell who it is
        self.assertNames(None, 'حداد^Omar', ('حداد', 'عمر'))
        self.assertNames(None, 'Papadopoulos^Γιώργος', ('Papadopoulos', 'Jo'))
        self.assertNames(None, 'Haddad^عمر', ('Haddad', 'Омар'))
        self.assertNames(False, 'Haddad^Omar', ('Khan', 'عمر'))
        # But what is in the same script does
        self.assertNames(
            False, 'Jones^Mary', ANNA, ('Смит', 'Анна'))

    def test_further_names(self):
        "The name before the marriage is one, parts of two are none"
        names = [('Smith', 'Anna'), ('Jones', 'Anna')]
        self.assertNames(True, 'Jones^Anna', *names)
        self.assertNames(
            False, 'Jones^Mary', ('Smith', 'Mary'), ('Jones', 'Anna'))

    def test_nothing_to_read(self):
        for reported in [None, '', '^^^^', '=', '^', '...', '-']:
            self.assertNames(None, reported, ANNA)
        for names in [[], [('', '')], [(None, None)], [('...', None)]]:
            self.assertNames(None, 'Smith^Anna', *names)


# The same ones each time; change this to look for others
unhurried = settings(max_examples=300, deadline=None, derandomize=True)
_PART = st.text(st.characters(categories=['L']), min_size=2, max_size=12)


class AnyNameTestCase(unittest.TestCase):
    "What holds of all names"

    @staticmethod
    def is_readable(*parts):
        # Some letters are but marks of others
        return all(
            not all(word.is_initial for word in matching._words(part))
            for part in parts)

    @unhurried
    @given(_PART, _PART)
    def test_same(self, family, given_name):
        assume(self.is_readable(family, given_name))
        for reported in [
                f'{family}^{given_name}', f'{given_name}^{family}',
                f'{family} {given_name}', f'{given_name} {family}',
                f'{family}^{given_name}^^Dr^Jr']:
            self.assertTrue(names_agree(reported, [(family, given_name)]))

    @unhurried
    @given(_PART, _PART)
    def test_forms(self, family, given_name):
        "Case and the way accents are coded make no difference"
        assume(self.is_readable(family, given_name))
        name = f'{family}^{given_name}'
        for reported in [
                name.casefold(), unicodedata.normalize('NFD', name),
                unicodedata.normalize('NFC', name)]:
            self.assertTrue(
                names_agree(reported, [(family, given_name)]), reported)

    @unhurried
    @given(st.text(max_size=30), st.lists(
            st.tuples(st.text(max_size=15), st.text(max_size=15)),
            max_size=3))
    def test_anything(self, reported, names):
        self.assertIn(names_agree(reported, names), {True, False, None})

    @unhurried
    @given(*[st.text('abcABC', min_size=2, max_size=4)] * 4)
    def test_parts(self, family, given_name, other_family, other_given):
        "The usual case is taken for itself, with the same outcome"
        known = other_family, other_given
        same = {family.lower(), given_name.lower()} == {
            part.lower() for part in known} or (
                (family + given_name).lower() == ''.join(known).lower())
        # A number beside each part keeps it from being the usual case
        slow = names_agree(
            f'{family} ab9^{given_name} cd9',
            [(f'{other_family} ab9', f'{other_given} cd9')])
        fast = names_agree(f'{family}^{given_name}', [known])
        if not same:
            self.assertIsNot(fast, True)
        elif family.lower() == other_family.lower():
            self.assertTrue(slow)
            self.assertTrue(fast)


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
                    Decision(7, matching.IDENTIFIER, (), (7,)))

    def test_nothing_else_agrees(self):
        "An ID alone is a typing error away from that of another patient"
        for reported in [
                Reported(), Reported(sex='F'), Reported('', None, 'O'),
                Reported('Smith^A', None, 'F'), Reported('Smith'),
                Reported('=山田^太郎')]:
            with self.subTest(reported=reported):
                self.assertEqual(
                    self.decide(reported=reported),
                    Decision(None, matching.UNVERIFIED, (), (7,)))

    def test_surrounding_space(self):
        for patient_id in [' P1', 'P1 ', '  P1  ']:
            self.assertEqual(self.decide(patient_id).person, 7)

    def test_exact(self):
        "What only resembles an ID is another one"
        for patient_id in ['p1', 'P 1', 'P01', 'P1-1', '1', 'P', 'Ｐ1']:
            with self.subTest(patient_id=patient_id):
                self.assertEqual(
                    self.decide(patient_id),
                    Decision(None, matching.UNMATCHED))

    def test_no_identifier(self):
        "The empty ID is nobody's, even where a person is registered so"
        persons = {'': [self.anna], ' ': [self.anna], None: [self.anna]}
        for rules in [Rules(), Rules(prefix='H-')]:
            for patient_id in [None, '', ' ', '   ']:
                with self.subTest(patient_id=patient_id):
                    self.assertEqual(
                        self.decide(
                            patient_id, persons=persons, rules=rules),
                        Decision(None, matching.NO_IDENTIFIER))

    def test_other_system(self):
        for rules, difference in [
                (Rules(prefix='H-'), 'prefix'), (Rules(issuer='US'), 'issuer')
                ]:
            self.assertEqual(
                self.decide(issuer='THEM', rules=rules),
                Decision(None, matching.UNMATCHED, (difference,)))
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
                decision = self.decide(reported=reported)
                self.assertEqual(decision, Decision(
                        None, matching.CONFLICT, differences, (7,)))
                self.assertEqual(decision.values()['candidate'], 7)

    def test_ambiguous(self):
        "Even where the study agrees with but one of them"
        for other in [person(id=8), person(('Jones', 'Bob'), id=8)]:
            decision = self.decide(persons={'P1': [self.anna, other]})
            self.assertEqual(
                decision,
                Decision(None, matching.AMBIGUOUS, (), (7, 8)))
            self.assertIsNone(decision.values()['candidate'])

    def test_refused(self):
        refused = frozenset([7])
        self.assertEqual(
            self.decide(refused=refused), Decision(None, matching.REFUSED))
        self.assertEqual(
            self.decide(refused=frozenset([8])).person, 7)
        other = person(id=8)
        self.assertEqual(
            self.decide(
                refused=refused, persons={'P1': [self.anna, other]}),
            Decision(8, matching.IDENTIFIER, (), (8,)))

    def test_follows(self):
        "What a person decided of the Orthanc patient, whatever the ID"
        for patient_id in ['P1', 'OTHER']:
            self.assertEqual(
                self.decide(
                    patient_id, linked=True, person=7, seen=self.same,
                    by_id={7: self.anna}),
                Decision(7, matching.FOLLOWS, (), (7,)))
        self.assertEqual(
            self.decide(linked=True, seen=self.same),
            Decision(None, matching.FOLLOWS))
        self.assertEqual(
            self.decide(
                linked=True, person=7, seen=self.same, by_id={7: self.anna},
                refused=frozenset([7])),
            Decision(None, matching.REFUSED))

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
                Decision(
                    None, matching.CONFLICT,
                    ('birth_date', 'sex', 'name'), (7,)))

    def test_result(self):
        "A study does not leave the person whose result it is on unnoticed"
        for on, kwargs, expected in [
                ([7], {}, Decision(7, matching.IDENTIFIER, (), (7,))),
                ([8], {}, Decision(
                        None, matching.CONFLICT, ('result',), (7,))),
                ([7, 8], {}, Decision(
                        None, matching.CONFLICT, ('result',), (7,))),
                ([7], {'patient_id': 'OTHER'}, Decision(
                        None, matching.CONFLICT, ('result',))),
                ([7], {'reported': Reported('Jones^Bob')}, Decision(
                        None, matching.CONFLICT, ('name', 'result'), (7,))),
                ([7], {'linked': True}, Decision(
                        None, matching.CONFLICT, ('result',)))]:
            with self.subTest(on=on, **kwargs):
                self.assertEqual(
                    self.decide(results=frozenset(on), **kwargs), expected)


class SummaryTestCase(unittest.TestCase):
    "What an Orthanc patient says of its studies"

    def test_summary(self):
        linked = Decision(7, matching.IDENTIFIER, (), (7,))
        other = Decision(8, matching.MANUAL)
        conflict = Decision(None, matching.CONFLICT, ('sex',), (7,))
        for decisions, expected in [
                ([], Decision(None, matching.UNMATCHED)),
                ([linked, linked], Decision(7, matching.IDENTIFIER)),
                ([linked, other], Decision(None, matching.STUDIES)),
                ([other], Decision(8, matching.STUDIES)),
                ([linked, Decision(7, matching.MANUAL)],
                    Decision(7, matching.STUDIES)),
                ([linked, Decision(None, matching.MANUAL)],
                    Decision(None, matching.STUDIES)),
                ([linked, conflict],
                    Decision(None, matching.CONFLICT, ('sex',))),
                ([conflict, conflict._replace(differences=('name',)),
                        Decision(None, matching.UNMATCHED, ('prefix',))],
                    Decision(None, matching.CONFLICT, ('sex', 'name'))),
                ([Decision(None, matching.UNMATCHED)] * 2,
                    Decision(None, matching.UNMATCHED)),
                ([Decision(None, matching.NO_IDENTIFIER)],
                    Decision(None, matching.NO_IDENTIFIER)),
                ([linked, Decision(None, matching.AMBIGUOUS)],
                    Decision(None, matching.AMBIGUOUS))]:
            with self.subTest(decisions=decisions):
                self.assertEqual(summarize(decisions), expected)
                self.assertEqual(summarize(decisions[::-1]), expected)


class DecisionTestCase(unittest.TestCase):

    def test_values(self):
        for decision, expected in [
                (Decision(7, matching.IDENTIFIER, (), (7,)),
                    (7, 'identifier', None, None)),
                (Decision(None, matching.CONFLICT, ('sex', 'name'), (7,)),
                    (None, 'conflict', 'sex name', 7)),
                (Decision(None, matching.AMBIGUOUS, (), (7, 8)),
                    (None, 'ambiguous', None, None))]:
            with self.subTest(decision=decision):
                self.assertEqual(decision.columns(), expected)
                self.assertEqual(
                    list(decision.values().items()), list(zip(
                            ['local_patient', 'match', 'match_differences',
                                'candidate'], expected, strict=True)))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Whose study it is: every rule, and what must never link or separate"
import datetime as dt
import unittest
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from trytond.modules.health_orthanc import matching
from trytond.modules.health_orthanc.matching import (
    Before, Person, Reported, Rules, Subject, Verdict, compare, contradictions,
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
            differences, agreements, _ = compare(reported, known)
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
    @given(*[st.dates(dt.date(1910, 1, 1), dt.date(2020, 1, 1))] * 2)
    def test_any_date(self, reported, known):
        expected = reported != known
        if any((date.month, date.day) == (1, 1) for date in [reported, known]):
            expected = reported.year != known.year
        self.assertEqual(
            bool(contradictions(
                    Reported(birth_date=reported),
                    person(birth_date=known))),
            expected and not {reported, known} & {
                dt.date(1970, 1, 1), dt.date(1910, 10, 10),
                dt.date(1911, 11, 11)})

    def test_placeholders(self):
        "They confirm nobody, and contradict but by their year"
        for reported, known, expected in [
                (dt.date(1980, 1, 1), BORN, None),
                (dt.date(1980, 1, 1), dt.date(1980, 1, 1), None),
                (dt.date(1981, 1, 1), BORN, False),
                (dt.date(1900, 1, 1), BORN, None),
                (dt.date(1800, 1, 1), BORN, None),
                (dt.date(1753, 1, 1), BORN, None),
                (dt.date(1970, 1, 1), BORN, None),
                (dt.date(1899, 12, 30), BORN, None),
                (dt.date(1899, 12, 31), BORN, None),
                (dt.date(1858, 11, 17), BORN, None),
                (dt.date(1911, 11, 11), BORN, None),
                (dt.date(1111, 11, 11), BORN, None),
                (dt.date(1910, 10, 10), BORN, None),
                (dt.date(2999, 12, 31), BORN, None),
                (dt.date(1890, 5, 5), BORN, None)]:
            for one, other in [(reported, known), (known, reported)]:
                self.assertComparison(
                    'birth_date', expected, Reported(birth_date=one),
                    person(birth_date=other))
        # At the day of the study it is an age
        born = Reported(birth_date=dt.date(1890, 5, 5))
        self.assertEqual(
            compare(
                born, person(birth_date=born.birth_date),
                dt.date(1990, 5, 5)).agreements, {'birth_date'})

    def test_name_with_birth_date(self):
        "What agrees with the birth date only needs it"
        for birth_date, expected in [
                (BORN, {'name', 'birth_date'}), (None, set()),
                (dt.date(1980, 1, 1), set())]:
            compared = compare(Reported('Smiht^Anna', birth_date), person())
            self.assertEqual(compared.agreements, expected)
            self.assertEqual(compared.differences, ())

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
            by_id or {})._replace(agreed_with=None)

    def test_identifier(self):
        for reported in [
                self.same,
                Reported('Smith^Anna', None, None),
                Reported('Anna^Smith', BORN, 'O'),
                Reported('Smiht^Anna', BORN, None)]:
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


class ChangedTestCase(unittest.TestCase):
    "A link stays while the record of the person changes"

    anna = person()
    same = Reported('Smith^Anna', BORN, 'F')

    def decide(self, known, before=anna, patient_id='P1', **subject):
        "Return the verdict on what was linked while the person was so"
        subject = {
            'reported': self.same,
            'before': before and Before(before.id, before.digest()),
            **subject}
        known = [known] if isinstance(known, Person) else known
        by_id = {7: self.anna, **{p.id: p for p in known}}
        return match_study(
            Subject(patient_id, None, **subject), Rules(), {'P1': known},
            by_id)

    def assertStays(self, verdict, *differences):
        self.assertEqual(
            (verdict.person, verdict.reason, verdict.differences),
            (7, matching.CHANGED, differences))
        # It is to be seen for as long as it differs
        self.assertEqual(verdict.agreed_with, self.anna.digest())

    def test_what_changed_is_told(self):
        for known, differences in [
                (person(('Jones', 'Anna')), ['name']),
                (person(('Smith-Jones', 'Mary')), ['name']),
                (person(birth_date=OTHER_DAY), ['birth_date']),
                (person(('Jones', 'Anna'), birth_date=OTHER_DAY),
                    ['birth_date', 'name']),
                (person(sexes=frozenset('M')), ['sex']),
                # Nothing of the name is left, and the birth date is
                (person(('Jones', 'Mary')), ['name']),
                ]:
            with self.subTest(known=known):
                self.assertStays(self.decide(known), *differences)

    def test_another_person(self):
        "Neither the birth date nor any word of the name is left"
        verdict = self.decide(person(('Jones', 'Bob'), birth_date=OTHER_DAY))
        self.assertEqual(
            (verdict.person, verdict.reason), (None, matching.CONFLICT))

    def test_initial_is_no_word(self):
        verdict = self.decide(
            person(('Jones', 'A'), birth_date=OTHER_DAY),
            reported=Reported('Smith^A', BORN, 'F'))
        self.assertEqual(verdict.reason, matching.CONFLICT)

    def test_agrees_again(self):
        "Or still: then nothing is to be told"
        for known in [self.anna, person(('Smith', 'Anna'), ('Jones', 'Anna'))]:
            verdict = self.decide(known)
            self.assertEqual(
                (verdict.person, verdict.reason, verdict.agreed_with),
                (7, matching.IDENTIFIER, known.digest()))

    def test_only_the_record_may_change(self):
        "A study that reports somebody else, or what the rules never linked"
        jones = person(('Jones', 'Anna'))
        for kwargs in [
                {'before': None},
                # The person is as when it agreed: it is the rules that differ
                {'before': jones}]:
            with self.subTest(**kwargs):
                verdict = self.decide(jones, **kwargs)
                self.assertEqual(
                    (verdict.person, verdict.reason),
                    (None, matching.CONFLICT))
        verdict = match_study(
            Subject('P1', None, self.same, before=Before(7)), Rules(),
            {'P1': [jones]}, {7: jones})
        self.assertEqual(verdict.reason, matching.CONFLICT)

    def test_people_decide(self):
        jones = person(('Jones', 'Anna'))
        for kwargs, reason in [
                ({'refused': frozenset([7])}, matching.REFUSED),
                ({'linked': True}, matching.FOLLOWS)]:
            verdict = self.decide(jones, **kwargs)
            self.assertEqual((verdict.person, verdict.reason), (None, reason))

    def test_follows(self):
        "As what follows an Orthanc patient that people linked"
        self.assertStays(self.decide(
                person(('Jones', 'Anna')), linked=True, person=7,
                seen=Reported('Somebody^Else', BORN, 'F')), 'name')

    def test_follows_until_the_death(self):
        "Who linked the Orthanc patient did not know of the death"
        day = dt.date(2026, 1, 1)
        for days, expected in [
                (0, (7, matching.FOLLOWS, ())),
                (1, (None, matching.CONFLICT, ('death',)))]:
            verdict = self.decide(
                self.anna._replace(death_date=day), before=None, linked=True,
                person=7, seen=self.same, date=day + dt.timedelta(days))
            self.assertEqual(
                (verdict.person, verdict.reason, verdict.differences),
                expected)

    def test_unlinked_on_a_result(self):
        "Who unlinked the Orthanc patient is not overruled by a result"
        verdict = self.decide(
            self.anna, linked=True, results=frozenset([7]))
        self.assertEqual(
            (verdict.person, verdict.reason, verdict.differences),
            (None, matching.CONFLICT, ('result',)))

    def test_identifier_lost(self):
        "Nothing stays where the ID is not that of the person any more"
        verdict = match_study(
            Subject('P1', None, self.same, before=Before(
                    7, self.anna.digest())),
            Rules(), {}, {7: person(('Jones', 'Anna'))})
        self.assertEqual(
            (verdict.person, verdict.reason), (None, matching.UNMATCHED))

    def test_two_inactive(self):
        "The one it is linked to stays"
        known = [
            person(id=id_)._replace(is_active=False) for id_ in (8, 7)]
        verdict = self.decide(known)
        self.assertEqual(
            (verdict.person, verdict.reason), (7, matching.IDENTIFIER))

    def test_identifier_of_another(self):
        other = person(id=8)
        for known, expected in [
                ([], (None, matching.UNMATCHED)),
                ([other], (8, matching.IDENTIFIER)),
                ([self.anna, other], (None, matching.AMBIGUOUS))]:
            with self.subTest(known=known):
                verdict = self.decide(known)
                self.assertEqual(
                    (verdict.person, verdict.reason), expected)
        self.assertStays(
            self.decide([person(('Jones', 'Anna')), other]), 'name')

    def test_on_a_result(self):
        "Nothing takes it from whom the result is about"
        results = frozenset([7])
        bob = person(('Jones', 'Bob'), birth_date=OTHER_DAY)
        self.assertStays(
            self.decide(bob, results=results), 'birth_date', 'name')
        for known in [[], [person(id=8)]]:
            self.assertStays(
                self.decide(known, results=results), 'identifier')
        # But for what the study reports now
        verdict = self.decide(bob, results=results, before=None)
        self.assertEqual(
            verdict.differences, ('birth_date', 'name', 'result'))

    def test_inactive(self):
        "Who is not active keeps what was linked, and gets nothing new"
        inactive = person()._replace(is_active=False)
        verdict = self.decide(inactive)
        self.assertEqual(
            (verdict.person, verdict.reason), (7, matching.IDENTIFIER))
        verdict = self.decide(inactive, before=None)
        self.assertEqual(
            verdict, Verdict(None, matching.CONFLICT, ('inactive',), (7,)))
        # The one of two records that stays
        other = person(id=8)
        for before in [None, self.anna]:
            verdict = self.decide([inactive, other], before)
            self.assertEqual(
                (verdict.person, verdict.reason), (8, matching.IDENTIFIER))
        # It is somebody else
        self.assertStays(self.decide(
                [inactive, person(('Jones', 'Bob'), id=8)]), 'inactive')


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
                expected += (verdict.agreed_with, verdict.basis)
                self.assertEqual(verdict.columns(), expected)
                self.assertEqual(
                    list(verdict.values().items()), list(zip(
                            matching.COLUMNS, expected, strict=True)))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Where the rules of matching begin and end: one more or less is another case"
import datetime as dt
import unittest

from trytond.modules.health_orthanc.matching import (
    Person, Reported, Rules, Subject, Verdict, compare, decide, digest,
    match_study)

BORN = dt.date(1980, 2, 1)
ANNA = Person(7, (('Smith', 'Anna'),), BORN, frozenset('F'))
AGREES = Reported('Smith^Anna', BORN, 'F')


def birth_dates(reported, date, known=None):
    "Return what says that birth dates agree, None where they say nothing"
    known = known or (date - dt.timedelta(days=365 * 20 + 40))
    differences, agreements, _ = compare(
        Reported(birth_date=reported), ANNA._replace(birth_date=known), date)
    return False if differences else True if agreements else None


class BirthDateTestCase(unittest.TestCase):
    "What is a birth date of somebody, on the day of the study"

    def test_placeholders(self):
        "They say nothing, whatever the age would be"
        for day in [(1858, 11, 17), (1899, 12, 30), (1899, 12, 31),
                (1111, 11, 11), (1911, 11, 11), (1910, 10, 10)]:
            day = dt.date(*day)
            date = day.replace(year=day.year + 80)
            with self.subTest(day=day):
                self.assertIsNone(birth_dates(day, date))
                self.assertIsNone(birth_dates(day, date, day))
                before = day - dt.timedelta(days=3)
                self.assertIs(birth_dates(before, date), False)

    def test_first_of_january(self):
        "It says nothing but its year, where that is not an epoch"
        for year, expected in [
                (1900, None), (1901, None), (1902, False), (1903, False),
                (1904, None), (1905, False), (1969, False), (1970, None),
                (1971, False)]:
            with self.subTest(year=year):
                day = dt.date(year, 1, 1)
                self.assertIs(
                    birth_dates(day, day.replace(year=year + 50)), expected)

    def test_oldest(self):
        day = dt.date(1850, 5, 5)
        for age, expected in [(122, True), (123, None)]:
            self.assertIs(
                birth_dates(day, day.replace(year=1850 + age), day), expected)

    def test_newborn(self):
        "Who is born that day is examined, who is born the next is not"
        day = dt.date(2026, 5, 5)
        self.assertIs(birth_dates(day, day, day), True)
        self.assertIsNone(
            birth_dates(day + dt.timedelta(days=1), day, day))

    def test_death(self):
        "It says nothing of a study without a day"
        dead = ANNA._replace(death_date=dt.date(2020, 1, 1))
        subject = Subject(
            'GNU1', None, AGREES, linked=True, person=7, seen=AGREES)
        self.assertEqual(
            match_study(subject, Rules(), {}, {7: dead}).person, 7)
        self.assertEqual(
            match_study(
                subject._replace(date=dt.date(2020, 1, 2)), Rules(), {},
                {7: dead}).differences, ('death',))


class TrustedBirthDateTestCase(unittest.TestCase):
    "An equal birth date is enough where the server says so"

    def test_trusted(self):
        other_script = '山田^太郎'
        for reported, trusted, expected in [
                (Reported(other_script, BORN, 'F'), True, 'identifier'),
                (Reported(other_script, BORN, 'F'), False, 'unverified'),
                (Reported(other_script, None, 'F'), True, 'unverified'),
                (Reported(other_script, dt.date(1980, 1, 1)), True,
                    'unverified'),
                # Other names, which could be compared
                (Reported('Smtih^Olga', BORN, 'F'), True, 'conflict'),
                (Reported('Smith^A', BORN, 'F'), True, 'unverified')]:
            with self.subTest(reported=reported, trusted=trusted):
                verdict = match_study(
                    Subject('GNU1', None, reported),
                    Rules(trust_birth_date=trusted), {'GNU1': (ANNA,)}, {})
                self.assertEqual(verdict.reason, expected)


class BasisTestCase(unittest.TestCase):
    "What a doubt was decided on"

    OLGA = ANNA._replace(id=8, names=(('Petrova', 'Olga'),))

    def basis(self, subject, persons):
        return decide(subject, Rules(), persons, {7: ANNA}).basis

    def test_linked(self):
        "Who has the identifier is not asked where people linked"
        subject = Subject(
            'GNU1', None, AGREES, linked=True, person=7,
            seen=Reported('Other^Name'), refused=frozenset({7}))
        self.assertTrue(self.basis(subject, {}))
        self.assertEqual(
            self.basis(subject, {}),
            self.basis(subject, {'GNU1': (self.OLGA,)}))

    def test_no_identifier(self):
        "Nobody has none"
        subject = Subject(
            ' ', None, AGREES, results=frozenset({9}), claims=frozenset({9}))
        self.assertTrue(self.basis(subject, {}))
        self.assertEqual(
            self.basis(subject, {}),
            self.basis(subject, {'': (self.OLGA,), None: (self.OLGA,)}))

    def test_digest(self):
        "Of any text, and as long as its column was made for"
        self.assertRegex(digest('\udcff', 'é'), '^[0-9a-f]{16}$')


class VerdictTestCase(unittest.TestCase):

    def test_claimed(self):
        "Who is claimed is suggested, if the identifier says nobody"
        verdict = match_study(
            Subject('GNU5', None, AGREES, claims=frozenset({9})), Rules(),
            {}, {})
        self.assertEqual(
            verdict, Verdict(None, 'conflict', ('taken_over',), (9,)))

    def test_values(self):
        "They are columns of a study"
        self.assertEqual(Verdict(
                None, 'conflict', ('sex', 'name'), (7,), 'a', 'b').values(), {
                    'local_patient': None, 'match': 'conflict',
                    'match_differences': 'sex name', 'candidate': 7,
                    'agreed_with': 'a', 'basis': 'b'})


if __name__ == '__main__':
    unittest.main()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Who is suggested, and in which order"
import datetime as dt
import unittest

from hypothesis import given
from hypothesis import strategies as st

from trytond.modules.health_orthanc.matching import Person, Reported
from trytond.modules.health_orthanc.spelling import lookup_key
from trytond.modules.health_orthanc.suggestion import (
    MOST, name_likeness, name_words, near_dates, possible_birth_dates, rank,
    reported_words)

BIRTH_DATE = dt.date(1990, 3, 7)
dates = st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1))


def person(id_, family, given_, birth_date=None, sex='F'):
    return Person(id_, ((family, given_),), birth_date, frozenset(sex))


class SuggestionTestCase(unittest.TestCase):
    "Test suggestions"

    reported = Reported('MUELLER^LENA', BIRTH_DATE, 'F')

    def suggested(self, *persons, **kwargs):
        return [
            (s.person, s.reasons)
            for s in rank(self.reported, persons, **kwargs)]

    def test_reasons(self):
        for other, reasons in [
                (person(1, 'Mueller', 'Lena', BIRTH_DATE),
                    ('same_name', 'same_birth_date', 'same_sex')),
                (person(1, 'Lena', 'Mueller', BIRTH_DATE),
                    ('same_name', 'same_birth_date', 'same_sex')),
                (person(1, 'Müller', 'Lena', dt.date(1990, 7, 3)),
                    ('same_name', 'swapped_birth_date', 'same_sex')),
                (person(1, 'Miller', 'Lena', dt.date(1990, 3, 8), 'M'),
                    ('similar_name', 'near_birth_date')),
                (person(1, 'Mueller', 'Lena', dt.date(1950, 1, 1), 'M'),
                    ('same_name',)),
                (person(1, 'Ito', 'Ken', BIRTH_DATE, 'M'),
                    ('same_birth_date',))]:
            with self.subTest(other=other):
                self.assertEqual(self.suggested(other), [(1, reasons)])

    def test_same_as_matching(self):
        "What is one name to the rules that link is one here"
        for name, known in [
                ('SOEREN^BO', ('Søren', 'Bo')),
                ("D'Angelo^Al", ('Dangelo', 'Al')),
                ('DeSouza^Ana', ('de Souza', 'Ana'))]:
            with self.subTest(name=name):
                suggestion, = rank(
                    Reported(name), [Person(1, (known,))])
                self.assertEqual(suggestion.reasons, ('same_name',))

    def test_agreement_and_likeness(self):
        "What links with the birth date is alike; the same words are the same"
        for name, known, reason in [
                ('Ivanov^Ivan', ('Иванов', 'Иван'), 'similar_name'),
                ('Garcia^Eva', ('García', 'Eva'), 'same_name'),
                ('Lopez^Garcia Eva', ('Garcia Lopez', 'Eva'), 'same_name')]:
            with self.subTest(name=name):
                suggestion, = rank(
                    Reported(name, BIRTH_DATE),
                    [Person(1, (known,), BIRTH_DATE)])
                self.assertEqual(
                    suggestion.reasons, (reason, 'same_birth_date'))

    def test_chance(self):
        "What many have in common suggests nobody"
        for other in [
                person(1, 'Ito', 'Aya'),
                person(1, 'Ito', 'Aya', dt.date(1990, 3, 8)),
                person(1, 'Mueller', 'Hans', dt.date(1950, 1, 1), 'M'),
                person(1, 'Miller', 'Lena', dt.date(1950, 1, 1))]:
            with self.subTest(other=other):
                self.assertEqual(self.suggested(other), [])

    def test_identifier_and_order(self):
        "They suggest a person who has nothing else in common"
        other = person(1, 'Ito', 'Ken', dt.date(1950, 1, 1), 'M')
        self.assertEqual(
            self.suggested(other, identified={1}),
            [(1, ('same_identifier',))])
        self.assertEqual(
            self.suggested(other, ordered={1}), [(1, ('open_order',))])

    def test_rank(self):
        "The best first, and not too many"
        persons = [
            person(1, 'Ito', 'Ken', BIRTH_DATE, 'M'),
            person(2, 'Müller', 'Lena', dt.date(1990, 7, 3)),
            person(3, 'Mueller', 'Lena', BIRTH_DATE)]
        self.assertEqual(
            [id_ for id_, _ in self.suggested(*persons)], [3, 2, 1])
        self.assertEqual(
            [id_ for id_, _ in self.suggested(*persons, ordered={1})],
            [3, 1, 2])
        many = [person(i, 'Mueller', 'Lena') for i in range(100)]
        self.assertEqual(
            [id_ for id_, _ in self.suggested(*many)], list(range(MOST)))

    def test_nothing_reported(self):
        "Nothing suggests nobody"
        persons = [person(1, 'Mueller', 'Lena', BIRTH_DATE), Person(2)]
        self.assertEqual(rank(Reported(), persons), [])

    def test_unknown_birth_date(self):
        "It is not one with day and month swapped that no calendar has"
        suggestion, = rank(
            Reported('MUELLER^LENA', dt.date(1990, 3, 20)),
            [person(1, 'Mueller', 'Lena')])
        self.assertEqual(suggestion.reasons, ('same_name',))

    def test_names(self):
        for reported, known in [
                ('Yamada^Tarou=山田^太郎', ('山田', '太郎')),
                ('DE LA CRUZ^JOSÉ', ('de la Cruz', 'Jose')),
                ('Doe^Jane^Mary', ('Doe', 'Jane Mary'))]:
            with self.subTest(reported=reported):
                self.assertEqual(name_likeness(reported, [known]), 1)
        self.assertEqual(name_likeness(None, [('Doe', 'Jane')]), 0)
        self.assertEqual(name_likeness('Doe^Jane', [(None, None)]), 0)
        self.assertLess(name_likeness('Doe', [('Doe', 'Jane')]), 0.8)

    def test_likeness(self):
        "Words in any order, each counted once"
        self.assertAlmostEqual(
            name_likeness('Hauser^Carla', [('Hauser', 'Karla')]), 0.9)
        self.assertAlmostEqual(
            name_likeness('Annalena^Zoe', [('Anna Lena', 'Zoe')]), 0.96)
        self.assertLess(
            name_likeness('Anna^Anna', [('Smith', 'Anna')]), 0.8)
        more = name_likeness('Smith^Anna', [('Smith', 'Anna Maria')])
        self.assertTrue(0.8 < more < 1)
        self.assertEqual(
            name_words(("D'Angelo", 'Al María')), ['al', 'dangelo', 'maria'])

    def test_reported_words(self):
        self.assertEqual(reported_words('De La Cruz^Ana^B'), [
                'ana', 'cruz', 'de', 'delacruz', 'la'])
        for reported, known in [
                ('MUELLER^LENA', 'müller'), ('Müller^Lena', 'mueller'),
                ('SOERENSEN^BO', 'sørensen'), ('Sørensen^Bo', 'soerensen'),
                ('de Souza^Ana', 'desouza'), ('Strauss^Jo', 'strauß'),
                ('KJAER^BO', 'kjær'), ('AABERG^BO', 'åberg'),
                ('THORSSON^BO', 'þorsson'), ('Peña^Ana', 'pena')]:
            with self.subTest(reported=reported):
                self.assertIn(lookup_key(known), reported_words(reported))
        self.assertEqual(reported_words(None), [])

    def test_swapped_digits(self):
        near = near_dates(dt.date(1990, 3, 21))
        for date in [
                dt.date(1990, 3, 12), dt.date(1909, 3, 21),
                dt.date(1990, 3, 31), dt.date(1980, 3, 21)]:
            self.assertIn(date, near)
        self.assertNotIn(dt.date(1980, 3, 12), near)

    @given(dates)
    def test_birth_dates(self, date):
        "Near is near in both directions, and never the same"
        near = near_dates(date)
        self.assertNotIn(date, near)
        for other in near:
            self.assertIn(date, near_dates(other))
        self.assertLessEqual(near | {date}, possible_birth_dates(date))

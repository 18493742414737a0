# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Whose study it is by its issuer, by what it was before and what is claimed"
import datetime as dt
import unittest

from trytond.modules.health_orthanc.matching import (
    Before, Reported, Rules, Subject, Verdict, compare, match_study, summarize)

from .test_matching import BORN, person

AGREES = Reported('Smith^Anna', BORN, 'F')
ANNA = person()
RULES = Rules(issuer='US')


def matched(issuer=None, rules=RULES, reported=AGREES, **values):
    return match_study(
        Subject('GNU1', issuer, reported, **values), rules,
        {rules.key('GNU1'): [ANNA]}, {ANNA.id: ANNA})


class IssuerTestCase(unittest.TestCase):
    "Where a server has an issuer set"

    def test_issuer(self):
        for issuer, expected in [
                ('US', (7, 'identifier', ())),
                (None, (None, 'unverified', ('no_issuer',))),
                ('', (None, 'unverified', ('no_issuer',))),
                (' ', (None, 'unverified', ('no_issuer',))),
                ('EU', (None, 'unmatched', ('issuer',)))]:
            with self.subTest(issuer):
                self.assertEqual(matched(issuer)[:3], expected)

    def test_whom_it_would_be(self):
        self.assertEqual(matched(None).candidates, (7,))
        self.assertEqual(matched('EU').candidates, ())

    def test_contradicted(self):
        "What differs counts more than what nobody says"
        self.assertEqual(
            matched(None, reported=Reported('Smith^Anna', BORN, 'M'))[:3],
            (None, 'conflict', ('sex',)))

    def test_not_set(self):
        for issuer in [None, 'US', 'EU']:
            self.assertEqual(matched(issuer, Rules())[:2], (7, 'identifier'))

    def test_link_of_before(self):
        "What is of another issuer keeps no link"
        before = Before(7, 'as it was')
        self.assertEqual(
            matched('EU', before=before)[:3], (None, 'unmatched', ('issuer',)))
        self.assertEqual(
            matched(
                'US', before=before, reported=Reported('Jones^Anna', BORN)
                )[:2], (7, 'changed'))


class BeforeTestCase(unittest.TestCase):
    "What was decided before the record changed, and what is claimed"

    def test_agrees_on_a_result(self):
        "What agrees with the record of now does so by it"
        verdict = matched(
            'US', before=Before(7, 'as it was'), results=frozenset({7}))
        self.assertEqual(verdict[:2], (7, 'identifier'))
        self.assertEqual(verdict.agreed_with, ANNA.digest())

    def test_follows(self):
        "So does what follows its Orthanc patient"
        verdict = matched('US', linked=True, person=7, seen=AGREES)
        self.assertEqual(verdict[:2], (7, 'follows'))
        self.assertEqual(verdict.candidates, (7,))
        self.assertEqual(verdict.agreed_with, ANNA.digest())

    def test_claimed(self):
        "Both what it is on and what was said are told"
        for results, claims, differences in [
                ({8}, {9}, ('result', 'taken_over')), ({8}, (), ('result',)),
                ((), {9}, ('taken_over',))]:
            self.assertEqual(
                matched(
                    'US', results=frozenset(results),
                    claims=frozenset(claims))[:3],
                (None, 'conflict', differences))
        self.assertEqual(
            matched(
                'US', claims=frozenset({9}), refused=frozenset({9}))[:2],
            (7, 'identifier'))

    def test_death(self):
        dead = person()._replace(death_date=dt.date(2020, 1, 1))
        self.assertEqual(
            compare(AGREES, dead, dt.date(2021, 1, 1)).differences, ('death',))

    def test_birth_date_alone(self):
        "It confirms nobody, unless a server says so"
        reported = Reported('山田^太郎', BORN, 'F')
        self.assertFalse(Rules().trust_birth_date)
        self.assertEqual(
            matched(rules=Rules(), reported=reported)[:2],
            (None, 'unverified'))


class SummaryTestCase(unittest.TestCase):
    "What an Orthanc patient says"

    def test_agrees_and_changed(self):
        agrees, changed = (
            Verdict(7, reason) for reason in ['identifier', 'changed'])
        for verdicts, reason in [
                ([agrees], 'identifier'), ([changed], 'changed'),
                ([agrees, changed], 'changed'),
                ([agrees, Verdict(7, 'manual')], 'studies')]:
            self.assertEqual(summarize(verdicts)[:2], (7, reason))

    def test_differences(self):
        "In one order"
        verdicts = [
            Verdict(None, 'conflict', (difference,))
            for difference in [
                'taken_over', 'result', 'death', 'name', 'sex', 'birth_date',
                'inactive', 'identifier', 'prefix', 'no_issuer', 'issuer']]
        self.assertEqual(
            summarize(verdicts).differences, (
                'issuer', 'no_issuer', 'prefix', 'identifier', 'inactive',
                'birth_date', 'sex', 'name', 'death', 'result', 'taken_over'))

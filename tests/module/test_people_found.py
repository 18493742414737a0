# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"People are found as GNU Health finds them, with indexes and without"
import unittest
from itertools import product
from unittest.mock import patch

from trytond import backend
from trytond.modules.health_imaging import common
from trytond.modules.health_imaging.searched_char import (
    BEFORE, SearchedChar, WordBeginning)
from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction
from trytond.transaction import Transaction

from .module_case import ModuleCase
from .test_imaging_request import create_needed, create_party


class PeopleFoundTestCase(ModuleCase):
    "Searching for people, tests and numbers"
    modules = ['health_imaging']

    def create_people(self):
        pool = Pool()
        Party = pool.get('party.party')
        Patient = pool.get('gnuhealth.patient')
        parties = [
            create_party(
                name=name, lastname=lastname, ref=ref, gender='f',
                is_person=True, is_patient=True)
            for name, lastname, ref in [
                ("Anna María", "Okafor", 'GNU11'), ("Ben", "Okafor", 'GNU12'),
                ("Eve", "Moss", 'GNU13')]]
        people = Patient.create([{'party': p.id} for p in parties])
        Party.write(parties[:1], {
                'alternative_identification': True,
                'alternative_ids': [('create', [{
                                'code': 'PASS77',
                                'alternative_id_type': 'passport'}])],
                'person_names': [('create', [{
                                'family': "Müller", 'given': "Anni",
                                'use': 'maiden'}])],
                'contact_mechanisms': [('create', [{
                                'type': 'email',
                                'value': 'anna@example.com'}])]})
        Party.write(parties[1:2], {'active': False})
        Patient.write(people[2:], {'active': False})
        return people

    def create_tests(self, needed):
        Test = Pool().get('gnuhealth.imaging.test')
        ct = Test(needed['requested_test'])
        return Test.create([{
                    'name': name, 'code': code, 'test_type': ct.test_type.id,
                    'product': ct.product.id}
                for name, code in [("Chest", 'CH1'), ("Head", 'HD1')]])

    def create_requests(self):
        "Return the id of the request of each test for each of the people"
        Request = Pool().get('gnuhealth.imaging.test.request')
        needed = create_needed()
        people, tests = self.create_people(), self.create_tests(needed)
        keys = [(p, t) for p in people for t in tests]
        requests = Request.create([
                {**needed, 'patient': p.id, 'requested_test': t.id}
                for p, t in keys])
        return {
            (p.party.ref[3:], t.name): r.id
            for (p, t), r in zip(keys, requests, strict=True)}

    def check(self, text, expected, everything):
        "Check what is found with indexes and without, of few and of many"
        Request = Pool().get('gnuhealth.imaging.test.request')
        for has_indexes, few in [(True, 5000), (True, 1), (False, 5000)]:
            with self.subTest(text=text, has_indexes=has_indexes, few=few), \
                    indexed(has_indexes), patch.multiple(
                        common, _FEW=few, _FEW_PEOPLE=few):
                for operator, ids in [
                        ('ilike', expected),
                        ('not ilike', everything - expected)]:
                    self.assertEqual({
                            r.id for r in Request.search([
                                    ('rec_name', operator, f'%{text}%')])},
                        ids)

    @with_transaction()
    def test_as_patients(self):
        "By whatever of a person GNU Health searches in"
        Patient = Pool().get('gnuhealth.patient')
        requests = self.create_requests()
        for text in [
                'okafor', 'OKAFOR', 'anna', 'maria', 'María', 'GNU1', 'GNU13',
                'PASS7', 'muller', 'Müller', 'anni', 'example.com', 'moss',
                'zzz', 'ok_for', 'a%a']:
            found = {
                p.party.ref[3:] for p in Patient.search([
                        ('rec_name', 'ilike', f'%{text}%'),
                        ('active', 'in', [True, False])])}
            self.check(
                text, {id_ for (ref, _), id_ in requests.items()
                    if ref in found}, set(requests.values()))

    @with_transaction()
    def test_words(self):
        "Each word is found somewhere"
        requests = self.create_requests()
        for text, expected in [
                ("okafor chest", ['11 Chest', '12 Chest']),
                ("chest okafor", ['11 Chest', '12 Chest']),
                ("Okafor, Anna", ['11 Chest', '11 Head']),
                ("okafor GNU12 hd1", ['12 Head']),
                ("moss zzz", []), ("chest head", []),
                ("okafor  María", ['11 Chest', '11 Head'])]:
            self.check(
                text, {requests[tuple(key.split())] for key in expected},
                set(requests.values()))

    @with_transaction()
    def test_short(self):
        "A word of one or two letters is found where a word begins"
        requests = self.create_requests()
        for text, expected in [
                ("ok", ['11 Chest', '11 Head', '12 Chest', '12 Head']),
                ("OK", ['11 Chest', '11 Head', '12 Chest', '12 Head']),
                ("b", ['12 Chest', '12 Head']),
                ("mü", ['11 Chest', '11 Head']),
                # Not the first word
                ("Ma", ['11 Chest', '11 Head']),
                ("ma ch", ['11 Chest']),
                ("he ok gnu12", ['12 Head']),
                ("af", []), ("or he", []), ("zz", []),
                # Of a person's other names, and numbers
                ("pa he", ['11 Head'])]:
            self.check(
                text, {requests[tuple(key.split())] for key in expected},
                set(requests.values()))

    @with_transaction()
    def test_short_after_marks(self):
        "Whatever parts words: the projection in Thorax (AP) is a word, too"
        requests = self.create_requests()
        Test = Pool().get('gnuhealth.imaging.test')
        tests = Test.search([('name', '=', "Chest")])
        for before in ' ^=-\'/(.':
            with self.subTest(before=before):
                Test.write(tests, {'name': f"Chest{before}AP)"})
                self.check(
                    "ap ok", {requests[ref, "Chest"] for ref in ['11', '12']},
                    set(requests.values()))

    @unittest.skipIf(
        backend.name == 'sqlite', "SQLite has no regular expressions")
    @with_transaction()
    def test_short_expression(self):
        "It finds in a text what the patterns find that it stands for"
        Address = Pool().get('party.address')
        words = [
            'ct', 'b', 'c+', '+c', '(a', 'a)', '[a', 'a]', '{a', 'a|', '^a',
            'a$', '.b', 'b.', 'a*', '?a', "o'", '-1', 'a_', '_b', 'a%b',
            r'a\_', r'a\%', r'\\b', 'é', 'ß', 'ж', 'Ж']
        texts = [
            before + word + after for before in ['', *BEFORE, 'x', '_']
            for word in [
                *words, 'CT', 'aXb', 'axb', 'a_', 'a%', r'\b', 'Q', 'É', 'B']
            for after in ['', 'z']]
        party = create_party(name="Ann")
        Address.create([
                {'party': party.id, 'party_name': text} for text in texts])
        for operator, word in product(['like', 'ilike'], words):
            name = SearchedChar("Party Name")
            name.name = 'party_name'
            with self.subTest(operator=operator, word=word):
                expected = Address.search(['OR', *(
                            ('party_name', operator, pattern)
                            for pattern in [
                                f'{word}%',
                                *(f'%{b}{word}%' for b in BEFORE)])])
                with patch.dict(Address._fields, {name.name: name}):
                    found = Address.search([
                            (name.name, operator, WordBeginning(word))])
                self.assertCountEqual(found, expected)
                self.assertTrue(expected)

    @with_transaction()
    def test_short_sign(self):
        "What unaccent makes a bracket of is no error"
        requests = self.create_requests()
        if backend.name == 'postgresql':
            Transaction().connection.cursor().execute(
                "CREATE EXTENSION IF NOT EXISTS unaccent")
        with patch.object(
                type(Transaction().database), 'has_unaccent',
                lambda self: backend.name == 'postgresql'):
            for text in ["\u2045a", "a\u2216", "2\xd7", "\u2474", "[a"]:
                self.check(text, set(), set(requests.values()))

    @with_transaction()
    def test_short_undivided(self):
        "Where a script does not divide words, it is found anywhere"
        requests = self.create_requests()
        Party = Pool().get('party.party')
        Party.write(
            Party.search([('ref', '=', 'GNU13')]), {'lastname': "王小东"})
        for text in ["小东", "王", "东 ch"]:
            self.check(
                text, {
                    id_ for (ref, test), id_ in requests.items()
                    if ref == '13' and (test == "Chest" or ' ' not in text)},
                set(requests.values()))

    @with_transaction()
    def test_whole(self):
        "What is no part of a text, but a whole one"
        pool = Pool()
        Patient = pool.get('gnuhealth.patient')
        Request = pool.get('gnuhealth.imaging.test.request')
        requests = self.create_requests()
        for value in ['Okafor', 'GNU12', 'Oka', 'zzz']:
            found = {
                p.party.ref[3:] for p in Patient.search([
                        ('rec_name', '=', value),
                        ('active', 'in', [True, False])])}
            expected = {
                id_ for (ref, _), id_ in requests.items() if ref in found}
            for operator, ids in [
                    ('=', expected),
                    ('!=', set(requests.values()) - expected)]:
                for has_indexes in [True, False]:
                    with self.subTest(
                            value=value, operator=operator,
                            has_indexes=has_indexes), indexed(has_indexes):
                        self.assertEqual({
                                r.id for r in Request.search(
                                    [('rec_name', operator, value)])}, ids)


def indexed(has_indexes):
    "As in a database with indexes for parts of texts, or without"
    return patch.object(
        type(Transaction().database), 'has_similarity',
        lambda self: has_indexes)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Who is suggested for a study, by what the database knows"
import datetime as dt
import unittest

from sql import Select

from trytond import backend
from trytond.modules.health_orthanc import candidate, spelling, suggestion
from trytond.pool import Pool
from trytond.transaction import Transaction

from .stored import ANNA, NOBODY, StoredTestCase, orthanc_study

# Anna's but for the PatientID
UNKNOWN_ID = {**ANNA, 'patient_id': 'X1'}


class SuggestionsTestCase(StoredTestCase):
    "Persons suggested"

    def suggested(self, study):
        return {s.person: set(s.reasons) for s in study.suggest()}

    def refuse(self, record):
        with self.checked():
            type(record).refuse([record], self.patient(self.anna))

    def test_refused(self):
        "Whom a person refused is not suggested again"
        study, other = self.store(
            orthanc_study('s', **UNKNOWN_ID),
            orthanc_study('t', uid='1.2.4', **UNKNOWN_ID))
        self.assertIn(self.anna, self.suggested(study))
        self.refuse(study)
        self.assertNotIn(self.anna, self.suggested(self.study(study)))
        self.assertIn(self.anna, self.suggested(self.study(other)))

    def test_linked_after_all(self):
        study, = self.store(orthanc_study('s', **UNKNOWN_ID))
        self.refuse(study)
        self.link(study, self.anna)
        self.assertIn(self.anna, self.suggested(self.study(study)))

    def test_identifier(self):
        study, = self.store(orthanc_study(
                's', **{**NOBODY, 'patient_id': 'GNU1'}))
        self.assertEqual(
            self.suggested(study)[self.anna],
            {suggestion.SAME_IDENTIFIER, suggestion.SAME_SEX})

    def test_other_identifiers(self):
        "They suggest whom they mean by the rules of the server, and link none"
        for number, (ids, means_anna) in enumerate([
                ('GNU1', True), ('OLD\\GNU1', True), (' GNU1 ', True),
                ('GNU12', False), ('gnu1', False), ('OLD', False),
                ('', False)]):
            record = orthanc_study(
                f's{number}', **{**NOBODY, 'patient_id': 'X1'})
            study, = self.store(record._replace(study={
                        **record.study, 'other_patient_ids': ids}))
            with self.subTest(ids=ids):
                self.assertEqual(
                    suggestion.SAME_IDENTIFIER
                    in self.suggested(study).get(self.anna, set()),
                    means_anna)
                self.assertIsNone(study.local_patient)
                self.assertEqual(study.match, 'unmatched')

    # However a name is written

    def known_as(self, lastname, name):
        party, = Pool().get('party.party').create([{
                    'name': name, 'lastname': lastname, 'is_person': True,
                    'is_patient': True, 'gender': 'f', 'fed_country': None,
                    'ref': f'{lastname} {name}'}])
        patient, = Pool().get('gnuhealth.patient').create([
                {'party': party.id}])
        return patient.id

    def test_written_forms(self):
        "Who is written otherwise here or there is found"
        for number, (lastname, name, *reported) in enumerate([
                ('José', 'Ana', 'JOSE^ANA', 'Jose\u0301^Ana'),
                ('JOSÉ', 'ÁNGELA', 'Jose^Angela', 'josé^ángela'),
                ('Muñoz', 'Íñigo', 'MUNOZ^INIGO'),
                ('Müller', 'Lena', 'MUELLER^LENA', 'Muller^Lena'),
                ('Mueller', 'Mia', 'MÜLLER^MIA', 'Müller^Mia'),
                ('Sørensen', 'Øivind', 'SOERENSEN^OEIVIND'),
                ('Aaberg', 'Åse', 'ÅBERG^AASE'),
                ('Kjær', 'Bo', 'KJAER^BO'), ('Kjaer', 'Bo', 'KJÆR^BO'),
                ('Strauß', 'Jo', 'STRAUSS^JO'), ('Strauss', 'Jo', 'Strauß^Jo'),
                ('Łukasiewicz', 'Ewa', 'LUKASIEWICZ^EWA'),
                ('ŞAHİN', 'Işıl', 'Sahin^Isil', 'şahin^ışıl'),
                ('Nguyễn', 'Thị', 'NGUYEN^THI'),
                ('de Souza', 'Ana', 'DESOUZA^ANA', 'DE SOUZA^ANA'),
                ("D'Angelo", 'Al', 'DANGELO^AL', 'D’Angelo^Al'),
                ('García-López', 'Eva', 'GARCIA LOPEZ^EVA'),
                ('Иванов', 'Пётр', 'ИВАНОВ^ПЁТР', 'иванов^петр'),
                ('ΠΑΠΑΔΆΚΗΣ', 'Νίκος', 'Παπαδάκης^Νικος')]):
            person = self.known_as(lastname, name)
            for index, name in enumerate(reported):
                study, = self.store(orthanc_study(
                        f's{number}-{index}', uid=f'1.2.{number}',
                        **{**NOBODY, 'patient_name': name}))
                with self.subTest(lastname=lastname, reported=name):
                    self.assertIn(person, study._similar())

    def test_lookup_key(self):
        "The database makes of each letter what spelling.lookup_key does"
        letters = [
            chr(c) for first, last in [
                (0x20, 0x590), (0x1e00, 0x2020)]
            for c in range(first, last) if chr(c).isalpha()
            or chr(c) in spelling.LEFT_OUT]
        # Of letters that are looked up as none, databases differ in the case
        letters = [c for c in letters if c == c.lower() or (
                c.isascii() or c in spelling.LOOKUP)]
        if backend.name == 'sqlite':
            candidate._teach_sqlite()
        cursor = Transaction().connection.cursor()
        cursor.execute(*Select(
                [candidate._lookup_key(''.join(letters))]))
        (text,), = cursor.fetchall()
        self.assertEqual(text, spelling.lookup_key(''.join(letters)))

    # An open order of that day

    def ordered(self, request=None, **study):
        "Return whether Anna's order is a reason to suggest her"
        request = request or self.order(
            self.anna, date=dt.datetime(2026, 1, 5, 9))
        study, = self.store(orthanc_study(
                's', **{**NOBODY, 'StudyDate': '20260105', **study}))
        return suggestion.OPEN_ORDER in self.suggested(study).get(
            self.anna, set())

    def test_states_of_an_order(self):
        "An open one is a draft, or requested"
        request = self.order(self.anna, date=dt.datetime(2026, 1, 5, 9))
        for state, expected in [
                ('draft', True), ('requested', True), ('done', False),
                ('cancelled', False)]:
            with self.subTest(state=state):
                type(request).write([request], {'state': state})
                self.assertIs(self.ordered(request), expected)

    def test_day_of_an_order(self):
        "It is that of the study, wherever midnight is"
        request = self.order(self.anna)
        for date, expected in [
                (dt.datetime(2026, 1, 4), True),
                (dt.datetime(2026, 1, 6, 23, 59), True),
                (dt.datetime(2026, 1, 3, 23, 59), False),
                (dt.datetime(2026, 1, 7), False),
                ]:
            with self.subTest(date=date):
                type(request).write([request], {'date': date})
                self.assertIs(self.ordered(request), expected)

    def test_order_of_another_modality(self):
        self.assertFalse(self.ordered(modality='MR'))

    def test_order_and_a_study_without_date(self):
        self.assertFalse(self.ordered(StudyDate=''))


if __name__ == '__main__':
    unittest.main()

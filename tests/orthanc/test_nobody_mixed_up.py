# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of whose study it is, end to end, as one table.

All studies of the table are on one real Orthanc, and are synchronized once;
then records, orders and reports change, and they are once more.
"""
import datetime as dt
from typing import NamedTuple

from proteus import Model, Wizard
from pydicom.uid import EncapsulatedPDFStorage, SecondaryCaptureImageStorage

from trytond.pool import Pool

from .server_case import ServerTestCase
from tests.tools import create_patient, create_test, generate_result

LINKED = 'identifier'
# Given name, family name, sex, birth date and how a modality has the name
PEOPLE = {
    'anna': ("Anna", "Smith", 'F', '19800201', 'Smith^Anna'),
    'jose': ("María José", "García", 'F', '19850607', 'García^María José'),
    'hung': ("Hùng", "Nguyễn", 'M', '19900303', 'Nguyễn^Hùng'),
    'junior': ("John", "Brown Jr", 'M', '19700505', 'Brown^John^^^Jr'),
    'filho': ("João", "Silva Filho", 'M', '19720606', 'Silva Filho^João'),
    'cruz': ("Ana", "de la Cruz", 'F', '19910809', 'de la Cruz^Ana'),
    'january': ("Eve", "Moss", 'F', '19750101', 'Moss^Eve'),
    'ivan': ("Сергей", "Иванов", 'M', '19820404', 'Иванов^Сергей'),
    'twin': ("Twin 1", "Adams", 'F', '20260110', 'Adams^Twin 1'),
    'dead': ("Carl", "Young", 'M', '19400711', 'Young^Carl'),
    'ali': ("علي", "حسن", 'M', '19881212', 'حسن^علي'),
    'wei': ("伟", "张", 'M', '19930314', '张^伟'),
    'luc': ("Luc", "Saint-Pierre", 'M', '19660830', 'Saint-Pierre^Luc'),
    'ale': (
        "Alexandra", "Papadopoulou", 'F', '19770415',
        'Papadopoulou^Alexandra'),
    'bride': ("Ida", "Maiden", 'F', '19950505', 'Maiden^Ida'),
    'born': ("Max", "Stone", 'M', '19670203', 'Stone^Max'),
    'gone': ("Rosa", "Field", 'F', '19480610', 'Field^Rosa'),
    'died': ("Otto", "Lake", 'M', '19390920', 'Lake^Otto'),
    'other': ("Nora", "Hill", 'F', '19690117', 'Hill^Nora'),
    'number': ("Paul", "Reed", 'M', '19840727', 'Reed^Paul'),
    'order': ("Olga", "Petrova", 'F', '19900505', 'Petrova^Olga'),
    }


class Case(NamedTuple):
    "A study that is of a person but for what is sent, and what comes of it"
    kind: str
    person: str
    sent: dict
    match: str
    differences: str = ''


def named(name, **sent):
    return {'patient_name': name, **sent}


CASES = [
    Case("The same", 'anna', {}, LINKED),
    Case("No name of the ID", 'anna', named('Jones^Bob'), 'conflict', 'name'),
    Case("No such ID", 'anna', {'patient_id': 'NOBODY'}, 'unmatched'),
    Case("No ID", 'anna', {'patient_id': ''}, 'no_identifier'),
    # A1: a child under the ID of the mother
    *[
        Case("Child: " + name, 'anna', named(name), 'conflict', 'name')
        for name in [
            'Smith^Baby', 'Baby of Smith^Anna', 'Smith^B/O Anna', 'Smith^RN',
            'Smith^Anna^^BB', 'Hijo de Smith^Anna', 'Smith^Anna^^^Twin A',
            'Smith^Neugeborenes']],
    Case("Second name", 'anna', named('Smith^Anna Maria'), LINKED),
    Case("Second name, no birth date", 'anna', named(
            'Smith^Anna Maria', birth_date=''), 'unverified'),
    # A2: numbers and generations
    Case("The same twin", 'twin', {}, LINKED),
    Case("The other twin", 'twin', named('Adams^Twin 2'), 'conflict', 'name'),
    Case("Senior", 'junior', named('Brown^John^^^Sr'), 'conflict', 'name'),
    Case("Junior or not", 'junior', named('Brown^John', birth_date=''),
        'unverified'),
    Case("Grandson", 'filho', named('Silva Neto^João'), 'conflict', 'name'),
    # A3 to A5: order, marks, particles
    Case("Order", 'jose', named('García^José María'), 'conflict', 'name'),
    Case("Exchanged", 'jose', named('María José^García'), LINKED),
    Case("Other mark", 'hung', named('Nguyễn^Hưng'), 'conflict', 'name'),
    Case("No marks", 'hung', named('Nguyen^Hung'), LINKED),
    Case("Particle", 'cruz', named('de la Vega^Ana'), 'conflict', 'name'),
    Case("Particles only", 'cruz', named('de la'), 'conflict', 'name'),
    # A6: birth dates and scripts
    Case("Birth date alone", 'anna', named(''), 'unverified'),
    Case("Another birth date", 'anna', {'birth_date': '19800202'}, 'conflict',
        'birth_date'),
    Case("Placeholder", 'anna', {'birth_date': '19000101'}, LINKED),
    Case("Placeholder confirms no slip", 'january', named('Mosss^Eve'),
        'unverified'),
    Case("Another year", 'january', {'birth_date': '19760101'}, 'conflict',
        'birth_date'),
    Case("Another script", 'ivan', named('Ivanov^Sergei'), LINKED),
    Case("Another script, no birth date", 'ivan', named(
            'Ivanov^Sergei', birth_date=''), 'unverified'),
    Case("Another name", 'ivan', named('Petrov^Boris'), 'conflict', 'name'),
    Case("Sex", 'anna', {'sex': 'M'}, 'conflict', 'sex'),
    # A7 and A8: the dead, the issuer
    Case("Before the death", 'dead', {'date': '20200101'}, LINKED),
    Case("After the death", 'dead', {'date': '20240101'}, 'conflict', 'death'),
    Case("Other issuer", 'anna', {'IssuerOfPatientID': 'ELSEWHERE'},
        'unverified', 'no_issuer'),
    Case("No issuer", 'anna', {'IssuerOfPatientID': ''},
        'unverified', 'no_issuer'),
    # B: those that need nobody, and their near misses
    Case("Slip", 'ale', named('Papadopuolou^Alexandra'), LINKED),
    Case("Slip, no birth date", 'ale', named(
            'Papadopuolou^Alexandra', birth_date=''), 'unverified'),
    Case("Given name", 'anna', named('Smith^Hanna'), 'conflict', 'name'),
    Case("Cut", 'ale', named('Papadopoulou^Ale'), LINKED),
    Case("Keyboard", 'ali', named('حسن^على'), LINKED),
    Case("Traditional", 'wei', named('張^偉'), LINKED),
    Case("Abbreviation", 'luc', named('St-Pierre^Luc'), LINKED),
    Case("Garbled", 'jose', named('GarcÃ­a^MarÃ­a JosÃ©'), LINKED),
    Case("Counter", 'anna', named('Smith^Anna 2'), LINKED),
    # D8: other IDs link nobody
    Case("Other ID", 'anna', {
            'patient_id': 'OLD', 'OtherPatientIDs': 'ID-ANNA'}, 'unmatched'),
    ]


class Change(NamedTuple):
    "What changes in a record after its study was linked, and what comes of it"
    kind: str
    person: str
    changes: dict
    match: str
    is_linked: bool = True
    differences: str = ''


# C: a link that was right stays
CHANGES = [
    Change("Marriage", 'bride', {'lastname': "Married"}, 'changed',
        differences='name'),
    Change("Birth date", 'born', {'dob': dt.date(1967, 3, 2)}, 'changed',
        differences='birth_date'),
    Change("Deactivated", 'gone', {'active': False}, LINKED),
    Change("Somebody else", 'other', {
            'name': "Zoe", 'lastname': "Quinn", 'dob': dt.date(2001, 9, 9)},
        'conflict', False, 'birth_date name'),
    Change("Another ID", 'number', {'ref': 'ID-NEW'}, 'unmatched', False),
    ]


class Answer(NamedTuple):
    """A study of an order's patient but for what is sent, what comes of it.

    named_by says what it has of the order: its number, its UID, or an altered
    number. The date that is sent is how long after the order's.
    """
    kind: str
    named_by: str
    sent: dict
    match: str
    differences: str = ''
    images: int = 0


NUMBER, UID = 'accession_number', 'study_instance_uid'
DAY = dt.timedelta(days=1)
# D1 to D6
ANSWERS = [
    Answer("Number", NUMBER, {}, NUMBER, images=1),
    Answer("UID", UID, {}, UID, images=1),
    Answer("The day before", NUMBER, {'date': -DAY}, NUMBER, images=1),
    Answer("Years before", NUMBER, {'date': -3650 * DAY}, 'conflict',
        'date'),
    Answer("UID of a month ago", UID, {'date': -30 * DAY}, UID, 'date',
        images=1),
    Answer("Two orders", 'both', {}, 'conflict', NUMBER),
    Answer("Report", NUMBER, {'modality': 'SR'}, NUMBER),
    Answer("PDF", NUMBER, {
            'modality': 'OT', 'SOPClassUID': EncapsulatedPDFStorage}, NUMBER),
    Answer("Film", NUMBER, {
            'modality': 'OT', 'SOPClassUID': SecondaryCaptureImageStorage},
        NUMBER, images=1),
    Answer("Other case", 'lower', {}, 'almost'),
    Answer("Prefix", 'prefix', {}, 'almost'),
    Answer("Modality", NUMBER, {'modality': 'MR'}, 'conflict', 'modality'),
    Answer("Patient", NUMBER, {
            'patient_id': 'ID-ANNA', 'patient_name': 'Smith^Anna',
            'birth_date': '19800201'}, 'conflict', 'patient'),
    Answer("Unknown ID", NUMBER, {'patient_id': 'NOBODY'}, 'unconfirmed'),
    Answer("UID of unknown ID", UID, {'patient_id': 'NOBODY'}, UID, images=1),
    Answer("UID, nothing agrees", UID, {
            'patient_id': 'NOBODY', 'patient_name': '', 'birth_date': ''},
        'unconfirmed'),
    Answer("UID, another name", UID, {
            'patient_id': 'NOBODY', 'patient_name': 'Jones^Bob'},
        'conflict', 'name'),
    ]


class NobodyMixedUpTestCase(ServerTestCase):
    "Whose study is it, and which order does it answer"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.test = create_test("CT", code='CT', modality='CT')
        cls.people = {
            key: create_patient(
                name, lastname, f'ID-{key.upper()}', sex.lower(),
                dt.datetime.strptime(born, '%Y%m%d').date())
            for key, (name, lastname, sex, born, _) in PEOPLE.items()}

    def setUp(self):
        super().setUp()
        self.server.issuer_of_patient_id = 'HOSPITAL'
        self.server.save()
        self.die('dead', dt.datetime(2022, 5, 5))

    def send(self, number, key, **sent):
        "Upload a study of the person, which no other row of the table is"
        *_, sex, birth_date, name = PEOPLE[key]
        return self.upload(**{
                'patient_id': f'ID-{key.upper()}', 'patient_name': name,
                'birth_date': birth_date, 'sex': sex, 'modality': 'CT',
                'study_description': f"Row {number}",
                'IssuerOfPatientID': 'HOSPITAL', 'date': '20260302', **sent})

    def die(self, key, moment):
        "Let the person have a certificate of death"
        party_id = self.people[key].party.id
        with self.transaction() as transaction:
            pool = Pool()
            certificate = pool.get('gnuhealth.death_certificate').__table__()
            party = pool.get('party.party').__table__()
            country, = pool.get('country.country').create([{'name': "Spain"}])
            cause, = pool.get('gnuhealth.pathology').create([
                    {'name': "Old age", 'code': key}])
            cursor = transaction.connection.cursor()
            cursor.execute(*certificate.insert([
                        certificate.party, certificate.code, certificate.dod,
                        certificate.cod, certificate.country,
                        certificate.type_of_death, certificate.place_of_death],
                    [[
                            party_id, key, moment, cause.id, country.id,
                            'natural', 'home']]))
            cursor.execute(*certificate.select(
                    certificate.id, where=certificate.code == key))
            id_, = cursor.fetchone()
            cursor.execute(*party.update(
                    [party.death_certificate, party.write_date],
                    [id_, dt.datetime.now()],
                    where=party.id == party_id))

    def send_answers(self):
        "Upload the studies that name orders, and return IDs and orders"
        sent = []
        for number, row in enumerate(ANSWERS):
            request = self.order(patient=self.people['order'])
            issued = {
                NUMBER: {NUMBER: request.accession_number},
                UID: {UID: request.study_instance_uid},
                'both': {
                    UID: request.study_instance_uid,
                    NUMBER: sent[0][1].accession_number if sent else None},
                'lower': {NUMBER: request.accession_number.lower()},
                'prefix': {NUMBER: f'CT-{request.accession_number}'},
                }[row.named_by]
            date = request.date.date() + row.sent.get('date', 0 * DAY)
            sent.append((self.send(f'answer {number}', 'order', **{
                            **issued, **row.sent, 'date': date}), request))
        return sent

    def test_rules(self):
        cases = [
            self.send(number, row.person, **row.sent)
            for number, row in enumerate(CASES)]
        changes = [self.send('change', row.person) for row in CHANGES]
        died = self.send('change', 'died')
        answers = self.send_answers()
        self.sync()
        self.check_cases(cases)
        self.check_answers(answers)
        self.check_window(cases)
        for row, id_ in zip(CHANGES, changes, strict=True):
            with self.subTest(row.kind):
                self.assertEqual(self.study(id_).match, LINKED)
        self.change(answers[0])
        self.sync()
        self.check_changes(changes)
        with self.subTest("Died since"):
            self.assertTrue(self.study(died).local_patient)
        self.check_late(answers[0])

    def check_cases(self, ids):
        for row, id_ in zip(CASES, ids, strict=True):
            with self.subTest(row.kind):
                study = self.study(id_)
                self.assertEqual(
                    (study.match, study.match_differences or ''),
                    (row.match, row.differences), study.match_explanation)
                self.assertEqual(
                    study.local_patient, self.people[row.person]
                    if row.match == LINKED else None)

    def check_answers(self, sent):
        for row, (id_, request) in zip(ANSWERS, sent, strict=True):
            with self.subTest(row.kind):
                study = self.study(id_)
                request.reload()
                self.assertEqual(
                    (study.order_match, study.order_differences or ''),
                    (row.match, row.differences), study.order_explanation)
                self.assertEqual(
                    study.requests,
                    [request] if row.match in {NUMBER, UID} else [])
                self.assertEqual(request.image_count or 0, row.images)
                self.assertEqual(request.images_arrived, bool(row.images))
                if row.match not in {NUMBER, UID} or row.differences:
                    self.assertTrue(request.study_remarks)

    def check_window(self, ids):
        "E: nobody is filled in where something differs, and who is meant said"
        for row, id_ in zip(CASES, ids, strict=True):
            if row.match != 'conflict':
                continue
            with self.subTest(row.kind):
                wizard = Wizard('gnuhealth.orthanc.reconcile', [
                        self.study(id_)])
                self.assertIsNone(wizard.form.patient)
                self.assertTrue(wizard.form.differs)
                self.assertTrue([
                        row for row in wizard.form.comparison if row.differs])
                self.assertIn(
                    f'ID-{row.person.upper()}', wizard.form.compared_with)
                wizard.execute('end')

    def change(self, answered):
        "Change the records of people, and report what an order answered"
        for row in CHANGES:
            party = self.people[row.person].party
            for name, value in row.changes.items():
                setattr(party, name, value)
            party.save()
        self.die('died', dt.datetime(2026, 6, 1))
        _, request = answered
        result = generate_result(request)
        result.comment = "No fracture."
        result.save()
        self.send(
            'late', 'order', date=request.date.date(),
            accession_number=request.accession_number)

    def check_changes(self, ids):
        for row, id_ in zip(CHANGES, ids, strict=True):
            with self.subTest(row.kind):
                study = self.study(id_)
                self.assertEqual(
                    (study.match, study.match_differences or ''),
                    (row.match, row.differences), study.match_explanation)
                self.assertEqual(bool(study.local_patient), row.is_linked)

    def check_late(self, answered):
        "D4: what comes after the report is not put on it in silence"
        id_, request = answered
        with self.subTest("After the report"):
            result, = Model.get('gnuhealth.imaging.test.result').find(
                [('request', '=', request.id)])
            self.assertEqual([s.orthanc_id for s in result.studies], [id_])
            self.assertEqual(len(result.late_studies), 1)

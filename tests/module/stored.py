# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Studies stored as a synchronization stores them, without an Orthanc.

What is about rows needs no server; tests/orthanc has what needs one.
"""
import datetime as dt
import unittest
from contextlib import contextmanager

from trytond.modules.health_orthanc.record import record
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from tests.tools import activate, create_patient, create_test

# As GNU Health knows cls.anna
ANNA = {
    'patient_id': 'GNU1', 'patient_name': 'Smith^Anna',
    'birth_date': '19800201', 'sex': 'F'}
# As nobody is known
NOBODY = {
    'patient_id': 'X1', 'patient_name': 'Doe^Jane',
    'birth_date': '19990909', 'sex': 'F'}


def orthanc_study(
        orthanc_id, uid='1.2.3', modality='CT', patient_id=None,
        patient_name=None, birth_date=None, sex=None, body_part=None,
        images=1, updated=None, study_updated=None, **tags):
    "Return the Record of a study of one series with as many images"
    return record({
            'ID': orthanc_id,
            'LastUpdate': study_updated,
            # An identifier of Orthanc has no space
            'ParentPatient': f'patient-{patient_id}'.replace(' ', '_'),
            'MainDicomTags': {
                'StudyInstanceUID': uid, **tags},
            'PatientMainDicomTags': {
                'PatientID': patient_id, 'PatientName': patient_name,
                'PatientBirthDate': birth_date, 'PatientSex': sex},
            }, [{
                'ID': f'series-{orthanc_id}',
                'MainDicomTags': {
                    'Modality': modality, 'BodyPartExamined': body_part},
                'Instances': images,
                'LastUpdate': updated,
                }])


def check_on_links(test):
    "Whatever happened, links know no better than the rows of results"
    pool = Pool()
    Link = pool.get('gnuhealth.imaging.test.result-gnuhealth.orthanc.study')
    results = pool.get('gnuhealth.imaging.test.result').search([])
    test.assertEqual(
        Link._answers(result_ids=None),
        Link._answers(result_ids=[result.id for result in results]))


class StoredTestCase(unittest.TestCase):
    "A hospital with two patients, and a server with studies in rows"

    @classmethod
    def setUpClass(cls):
        activate()
        cls.anna = create_patient(
            puid='GNU1', name="Anna", lastname="Smith", gender='f',
            dob=dt.date(1980, 2, 1)).id
        cls.olga = create_patient(
            puid='GNU2', name="Olga", lastname="Petrova", gender='f',
            dob=dt.date(1990, 5, 5)).id
        cls.test = create_test("CT head", code='HEAD', modality='CT').id

    def setUp(self):
        transaction = self.enterContext(Transaction().start(DB_NAME, 1))
        # Nothing of a test is left for the next
        self.addCleanup(transaction.rollback)
        self.addCleanup(check_on_links, self)
        pool = Pool()
        self.Study = pool.get('gnuhealth.orthanc.study')
        self.Decision = pool.get('gnuhealth.orthanc.decision')
        self.server = self.new_server("Main")

    def new_server(self, label, **values):
        Server = Pool().get('gnuhealth.orthanc.config')
        server, = Server.create([{
                    'label': label, 'url': 'http://localhost:1/',
                    'validated': True, **values}])
        return server

    def store(self, *records, server=None):
        "Store the records, and return the studies in their order"
        server_id = (server or self.server).id
        stored = self.Study.store(server_id, records)
        return [
            self.study(stored.ids[r.study['orthanc_id']]) for r in records]

    def study(self, study):
        "Return the study, or what has this id, as it is stored now"
        for cache in Transaction().cache.values():
            cache.clear()
        return self.Study(int(study))

    def vanish(self, *studies):
        self.Study.mark_missing(
            self.server.id, [s.orthanc_id for s in studies])

    def patient(self, id_):
        return Pool().get('gnuhealth.patient')(id_)

    def link(self, study, person):
        "Link as a person does"
        self.Study.write([study], {'local_patient': person})

    def order(self, person, **values):
        "An order that is requested"
        Request = Pool().get('gnuhealth.imaging.test.request')
        request, = Request.create([{
                    'patient': person, 'requested_test': self.test,
                    'state': 'requested', **values}])
        return request

    def result(self, person, *studies):
        Result = Pool().get('gnuhealth.imaging.test.result')
        result, = Result.create([{
                    'patient': person, 'requested_test': self.test,
                    'studies': [('add', [s.id for s in studies])]}])
        return result

    @contextmanager
    def checked(self):
        "With the rights and warnings of a person"
        with Transaction().set_context(_check_access=True):
            yield

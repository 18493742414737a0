# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What tests of the synchronization with a real Orthanc share"
import datetime as dt
import unittest
from contextlib import contextmanager

from proteus import Model, Wizard

from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer, is_available
from tests.tools import activate, create_patient


@unittest.skipUnless(is_available(), "Orthanc is not installed")
class ServerTestCase(unittest.TestCase):
    "A server in GNU Health and the Orthanc that it is about"
    options = {}

    @classmethod
    def setUpClass(cls):
        activate()
        cls.person = create_patient(
            puid='GNU1', name="Anna", lastname="Smith", gender='f',
            dob=dt.date(1980, 2, 1))
        cls.other = create_patient(
            puid='GNU2', name="Olga", lastname="Petrova", gender='f',
            dob=dt.date(1990, 5, 5))

    def setUp(self):
        self.orthanc = self.enterContext(OrthancServer(
                StableAge=60, **self.options))
        self.server = self.add(self.orthanc)

    def add(self, orthanc):
        server = Model.get('gnuhealth.orthanc.config')()
        server.label = self.id() + orthanc.url
        server.url = orthanc.url
        server.username = orthanc.username
        server.password = orthanc.password
        server.save()
        server.click('check')
        server.reload()
        self.assertTrue(server.validated, server.last_error)
        return server

    def sync(self, status='healthy'):
        self.server.click('sync')
        self.server.reload()
        self.assertEqual(self.server.status, status, self.server.last_error)

    @contextmanager
    def transaction(self, user=1):
        with Transaction().start(DB_NAME, user) as transaction:
            yield transaction
            transaction.commit()

    def walk(self):
        "Synchronize as once a day"
        with self.transaction() as transaction:
            table = Pool().get('gnuhealth.orthanc.config').__table__()
            transaction.connection.cursor().execute(*table.update(
                    [table.walked_at], [None],
                    where=table.id == self.server.id))
        self.server = Model.get('gnuhealth.orthanc.config')(self.server.id)
        self.sync()

    def upload(self, **study):
        "Upload a generated study, and return its Orthanc ID"
        for content in generated_study(**study):
            answer = self.orthanc.upload(content)
        return answer['ParentStudy']

    def upload_many(self, count, **study):
        return [
            self.upload(patient_id=f'P{n}', patient_name=f'Name^{n}', **study)
            for n in range(count)]

    def order(self, *tests, patient=None, requested=True):
        "Order tests, by default that of the case; return their requests"
        Test = Model.get('gnuhealth.imaging.test')
        wizard = Wizard('gnuhealth.patient.imaging.test.request')
        wizard.form.patient = patient or self.person
        wizard.form.tests.extend(
            Test(test.id) for test in tests or [self.test])
        wizard.execute('request')
        requests = sorted(wizard.actions[0], key=lambda r: r.request_line)
        if requested:
            Model.get('gnuhealth.imaging.test.request').click(
                requests, 'requested')
        return requests if tests[1:] else requests[0]

    def studies(self, *domain):
        Study = Model.get('gnuhealth.orthanc.study')
        return Study.find([('server', '=', self.server.id), *domain])

    def study(self, orthanc_id):
        study, = self.studies(('orthanc_id', '=', orthanc_id))
        return study

    def check(self):
        "Check that the rows equal what the server holds"
        from trytond.modules.health_orthanc.dicom import text
        expected = {}
        all_series = {s['ID']: s for s in self.orthanc.get('series?expand')}
        for study in self.orthanc.get('studies?expand'):
            series = [all_series[id_] for id_ in study['Series']]
            tags = study['MainDicomTags']
            expected[study['ID']] = (
                tags['StudyInstanceUID'],
                text(tags.get('StudyDescription')),
                text(study['PatientMainDicomTags'].get('PatientID')),
                study['ParentPatient'],
                {s['ID']: len(s['Instances']) for s in series})
        rows = self.studies(('missing_since', '=', None))
        found = {
            row.orthanc_id: (
                row.study_instance_uid,
                row.description,
                row.patient_id,
                row.patient.orthanc_id,
                {
                    s.orthanc_id: s.image_count for s in row.series
                    if not s.missing_since})
            for row in rows}
        self.assertEqual(len(found), len(rows), "a study is there twice")
        self.assertEqual(found, expected)
        for row in rows:
            images = expected[row.orthanc_id][4]
            self.assertEqual(row.series_count, len(images))
            self.assertEqual(
                row.image_count + row.document_count, sum(images.values()))
        Patient = Model.get('gnuhealth.orthanc.patient')
        patients = Patient.find([
                ('server', '=', self.server.id), ('missing_since', '=', None)])
        self.assertEqual(
            {p.orthanc_id for p in patients},
            {study[3] for study in expected.values()})
        self.assertEqual(len(patients), len({p.orthanc_id for p in patients}))

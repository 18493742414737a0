# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database that GNU Health's own health_orthanc 5.0 has left."""
import datetime as dt
import unittest

from proteus import Model
from sql import Column, Table
from trytond.tests.test_tryton import DB_NAME, drop_db
from trytond.transaction import Transaction

from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer, is_available
from tests.tools import (
    activate, create_health_professional, create_patient, create_test)

_COLUMNS = ['id', 'server', 'orthanc_UID', 'patient', 'imaging_test']
_CREATE = '''
CREATE TABLE gnuhealth_imaging_orthanc_study (
    id INTEGER PRIMARY KEY, server VARCHAR, "orthanc_UID" VARCHAR,
    patient INTEGER, imaging_test INTEGER)
'''


@unittest.skipUnless(is_available(), "Orthanc is not installed")
class LegacyTestCase(unittest.TestCase):
    "Take over the links of GNU Health's own module"

    def setUp(self):
        drop_db()
        self.addCleanup(drop_db)
        activate()
        self.orthanc = self.enterContext(OrthancServer())
        self.patient = create_patient(
            puid='GNU1', name="Anna", lastname="Smith", gender='f',
            dob=dt.date(1980, 2, 1))

    def upload(self, **study):
        for content in generated_study(
                patient_name='Smith^Anna', sex='F', **study):
            answer = self.orthanc.upload(content)
        return answer['ParentStudy']

    def result(self):
        Request = Model.get('gnuhealth.imaging.test.request')
        Result = Model.get('gnuhealth.imaging.test.result')
        request = Request(
            patient=self.patient, doctor=create_health_professional(),
            requested_test=create_test())
        request.save()
        result = Result(
            patient=self.patient, requested_test=request.requested_test,
            doctor=request.doctor, request=request)
        result.save()
        return result

    def test_take_over(self):
        linked = self.upload(patient_id='X1', birth_date='19800201')
        contradicted = self.upload(patient_id='X2', birth_date='19800202')
        unlinked = self.upload(patient_id='X3', birth_date='19800201')
        result = self.result()
        with Transaction().start(DB_NAME, 0) as transaction:
            cursor = transaction.connection.cursor()
            table = Table('gnuhealth_imaging_orthanc_study')
            cursor.execute(_CREATE)
            for id_, orthanc_id in enumerate([linked, contradicted], 1):
                cursor.execute(*table.insert(
                        [Column(table, name) for name in _COLUMNS], [[
                            id_, self.orthanc.url, orthanc_id,
                            self.patient.id, result.id]]))
            transaction.commit()
        Server = Model.get('gnuhealth.orthanc.config')
        Study = Model.get('gnuhealth.orthanc.study')
        server = Server(
            label="Main", url=self.orthanc.url,
            username=self.orthanc.username, password=self.orthanc.password)
        server.save()
        server.click('check')
        server.click('sync')
        server.reload()
        self.assertEqual(server.status, 'healthy', server.last_error)
        studies = {s.orthanc_id: s for s in Study.find()}
        self.assertEqual(studies[linked].local_patient, self.patient)
        self.assertEqual(studies[linked].match, 'manual')
        self.assertIsNone(studies[contradicted].local_patient)
        self.assertIsNone(studies[unlinked].local_patient)
        result.reload()
        self.assertEqual(
            [s.orthanc_id for s in result.studies], [linked])

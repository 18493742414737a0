# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The gateway as it runs: with TLS, many at once, and its database away"
import ssl
import subprocess
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proteus import Model
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import ModalityWorklistInformationFind, Verification

from trytond import backend
from trytond.tests.test_tryton import DB_NAME

from .gateway_process import GatewayProcess
from .test_worklist import report
from tests.modality import Modality, free_port
from tests.postgresql import postgresql_away
from tests.tools import activate, create_patient, create_test, get_test_type


def openssl(folder, *arguments):
    subprocess.run(
        ['openssl', *arguments], cwd=folder, check=True, capture_output=True)


def make_certificates(folder):
    "Make an authority, what it signed for two, and what another one did"
    for authority in ['ca', 'other']:
        openssl(
            folder, 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
            'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
            f'/CN={authority}', '-addext', 'keyUsage=critical,keyCertSign',
            '-keyout', f'{authority}.key', '-out', f'{authority}.pem')
    # Python 3.13 trusts nobody whose authority is not named
    (folder / 'names').write_text(
        'subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n')
    for name, authority in [
            ('server', 'ca'), ('client', 'ca'), ('stranger', 'other')]:
        openssl(
            folder, 'req', '-newkey', 'ec', '-pkeyopt',
            'ec_paramgen_curve:P-256', '-nodes', '-subj', f'/CN={name}',
            '-keyout', f'{name}.key', '-out', f'{name}.csr')
        openssl(
            folder, 'x509', '-req', '-in', f'{name}.csr', '-CA',
            f'{authority}.pem', '-CAkey', f'{authority}.key',
            '-CAcreateserial', '-days', '2', '-extfile', 'names', '-out',
            f'{name}.pem')


@unittest.skipIf(
    backend.name == 'sqlite', "A process can not share SQLite's memory")
class GatewayProcessTestCase(unittest.TestCase):
    "Test the gateway as a process"

    @classmethod
    def setUpClass(cls):
        activate()
        cls.person = create_patient(puid='GNU777', name="Ana", lastname="Betz")
        cls.test = create_test("CT of the head", 'HEAD', 'CT')
        Model.get('gnuhealth.imaging.station')(
            name="CT room", ae_title='CT01',
            test_types=[get_test_type('CT')]).save()
        Request = Model.get('gnuhealth.imaging.test.request')
        Doctor = Model.get('gnuhealth.healthprofessional')
        doctor, = Doctor.find([])
        cls.request = Request(
            patient=cls.person, requested_test=cls.test, doctor=doctor)
        cls.request.save()
        cls.request.click('requested')
        cls.folder = Path(cls.enterClassContext(
                tempfile.TemporaryDirectory()))
        make_certificates(cls.folder)

    def context(self, name=None):
        "What a modality has: a certificate of that name, or none"
        context = ssl.create_default_context(cafile=self.folder / 'ca.pem')
        if name:
            context.load_cert_chain(
                self.folder / f'{name}.pem', self.folder / f'{name}.key')
        return context

    def answers(self, port, context=None):
        "Return whether a C-ECHO is answered"
        entity = AE('CT01')
        entity.connection_timeout = entity.acse_timeout = 10
        entity.add_requested_context(Verification)
        association = entity.associate(
            '127.0.0.1', port, ae_title='GNUHEALTH',
            tls_args=(context, '127.0.0.1') if context else None)
        try:
            return association.is_established and (
                association.send_c_echo().get('Status') == 0)
        finally:
            association.release()

    def find(self, port):
        "Return the last status of a query, and how many items were found"
        entity = AE('CT01')
        entity.add_requested_context(ModalityWorklistInformationFind)
        entity.dimse_timeout = 60
        association = entity.associate(
            '127.0.0.1', port, ae_title='GNUHEALTH')
        if not association.is_established:
            return None, 0
        query = Dataset()
        query.PatientName = ''
        try:
            answers = list(association.send_c_find(
                    query, ModalityWorklistInformationFind))
        finally:
            association.release()
        status, _ = answers[-1]
        return status, len(answers) - 1

    def test_tls(self):
        "Who has no certificate of ours is not answered, and harms nobody"
        own = [
            '--tls-certificate', str(self.folder / 'server.pem'),
            '--tls-key', str(self.folder / 'server.key')]
        clients = ['--tls-clients', str(self.folder / 'ca.pem')]
        with GatewayProcess(*own, *clients) as gateway:
            for name, answered in [
                    ('client', True), (None, False), ('stranger', False),
                    ('client', True)]:
                with self.subTest(certificate=name):
                    self.assertEqual(self.answers(
                            gateway.port, self.context(name)), answered)
            self.assertFalse(self.answers(gateway.port))
            self.assertTrue(self.answers(gateway.port, self.context('client')))
        with GatewayProcess(*own) as gateway:
            self.assertTrue(self.answers(gateway.port, self.context()))
            self.assertFalse(self.answers(gateway.port))

    def test_bad_certificate(self):
        "It says why it can not start"
        for arguments in [
                ['--tls-certificate', '/nonexistent'],
                ['--tls-certificate', str(self.folder / 'server.csr')]]:
            done = subprocess.run(
                GatewayProcess.command('--port', str(free_port()), *arguments),
                env=GatewayProcess.environment(), capture_output=True,
                text=True, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn("can not start", done.stderr)
            self.assertNotIn("Traceback", done.stderr)

    def test_many_at_once(self):
        "Fifty associations at once are all answered"
        with GatewayProcess() as gateway, ThreadPoolExecutor(50) as executor:
            found = list(executor.map(
                    lambda _: self.find(gateway.port), range(50)))
        self.assertEqual(
            [(status.Status, count) for status, count in found],
            [(0, 1)] * 50)

    def test_one_step_at_once(self):
        "Of twenty that report the same step at once, one is the first"
        Request = Model.get('gnuhealth.imaging.test.request')
        request = Request(
            patient=self.person, requested_test=self.test,
            doctor=self.request.doctor)
        request.save()
        request.click('requested')
        begun = self.begun(request)
        with GatewayProcess() as gateway, ThreadPoolExecutor(20) as executor:
            statuses = list(executor.map(
                    lambda _: Modality('CT01', gateway.port).send_create(
                        begun, '2.25.20').Status, range(20)))
        self.assertEqual(sorted(statuses), [0x0000] + [0x0111] * 19)
        Performed = Model.get('gnuhealth.imaging.performed_step')
        step, = Performed.find([('sop_instance_uid', '=', '2.25.20')])
        self.assertEqual((step.request, step.number), (request, 1))
        request.reload()
        self.assertEqual(request.procedure_status, 'started')
        # Others ask how many are open
        request.click('complete')

    def test_without_database(self):
        "It says so, loses nothing that it took, and goes on afterwards"
        with GatewayProcess() as gateway:
            self.assertEqual(self.find(gateway.port)[1], 1)
            modality, begun = Modality('CT01', gateway.port), self.begun()
            backend.Database(DB_NAME).close()
            with postgresql_away():
                begin = time.monotonic()
                status, count = self.find(gateway.port)
                self.assertLess(time.monotonic() - begin, 25)
                self.assertEqual((status.Status, count), (0xA700, 0))
                self.assertIn("database", status.ErrorComment)
                answer = modality.send_create(begun, '2.25.1234')
                self.assertEqual(answer.Status, 0x0110)
                self.assertIn("stored", answer.ErrorComment)
            self.assertEqual(self.find(gateway.port)[1], 1)
            self.assertEqual(
                modality.send_create(begun, '2.25.1234').Status, 0)
            self.assertEqual(self.find(gateway.port)[1], 0)

    def begun(self, request=None):
        "The report that the machine begins with the order"
        request = request or self.request
        step = Dataset()
        step.ScheduledProcedureStepID = (
            request.scheduled_procedure_step_id)
        step.Modality = 'CT'
        item = Dataset()
        item.StudyInstanceUID = request.study_instance_uid
        item.AccessionNumber = request.accession_number
        item.RequestedProcedureID = request.requested_procedure_id
        item.PatientName = 'Betz^Ana'
        item.PatientID = 'GNU777'
        item.PatientBirthDate = item.PatientSex = ''
        item.ScheduledProcedureStepSequence = [step]
        return report(item)

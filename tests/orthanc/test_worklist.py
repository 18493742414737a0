# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order reaches the machine, and what the machine did comes back.

The gateway is a process of its own, the modality is findscu, storescu and
pynetdicom, the archive is a real Orthanc.
"""
import datetime as dt
import unittest

from proteus import Model
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from trytond import backend

from .gateway_process import GatewayProcess
from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer, is_available
from tests.modality import Modality, free_port, is_dcmtk_available
from tests.tools import activate, create_patient, create_test, get_test_type


def report(item, **others):
    "The attributes of an N-CREATE for an item of the worklist"
    step = item.ScheduledProcedureStepSequence[0]
    scheduled = Dataset()
    scheduled.StudyInstanceUID = item.StudyInstanceUID
    scheduled.AccessionNumber = item.AccessionNumber
    scheduled.RequestedProcedureID = item.RequestedProcedureID
    scheduled.ScheduledProcedureStepID = step.ScheduledProcedureStepID
    now = dt.datetime.now(dt.timezone.utc)
    attributes = Dataset()
    attributes.SpecificCharacterSet = 'ISO_IR 192'
    attributes.PatientName = item.PatientName
    attributes.PatientID = item.PatientID
    attributes.PatientBirthDate = item.PatientBirthDate
    attributes.PatientSex = item.PatientSex
    attributes.PerformedProcedureStepID = 'PPS1'
    attributes.PerformedStationAETitle = 'CT01'
    attributes.PerformedProcedureStepStartDate = f'{now:%Y%m%d}'
    attributes.PerformedProcedureStepStartTime = f'{now:%H%M%S}'
    attributes.PerformedProcedureStepStatus = 'IN PROGRESS'
    attributes.Modality = step.Modality
    attributes.ScheduledStepAttributesSequence = [scheduled]
    for keyword, value in others.items():
        setattr(attributes, keyword, value)
    return attributes


def end(status='COMPLETED', **others):
    "The modification of an N-SET that ends a step"
    now = dt.datetime.now(dt.timezone.utc)
    modification = Dataset()
    modification.PerformedProcedureStepStatus = status
    modification.PerformedProcedureStepEndDate = f'{now:%Y%m%d}'
    modification.PerformedProcedureStepEndTime = f'{now:%H%M%S}'
    for keyword, value in others.items():
        setattr(modification, keyword, value)
    return modification


def series(files):
    "The Performed Series Sequence of some files of one series"
    first = files[0]
    done = Dataset()
    done.SeriesInstanceUID = first.SeriesInstanceUID
    done.ProtocolName = "Head"
    done.OperatorsName = done.PerformingPhysicianName = ''
    done.ReferencedImageSequence = []
    for file in files:
        image = Dataset()
        image.ReferencedSOPClassUID = file.SOPClassUID
        image.ReferencedSOPInstanceUID = file.SOPInstanceUID
        done.ReferencedImageSequence.append(image)
    return [done]


@unittest.skipIf(
    backend.name == 'sqlite', "A process can not share SQLite's memory")
@unittest.skipUnless(is_dcmtk_available(), "dcmtk is not installed")
@unittest.skipUnless(is_available(), "Orthanc is not installed")
class WorklistTestCase(unittest.TestCase):
    "The order reaches the machine"

    @classmethod
    def setUpClass(cls):
        activate()
        cls.person = create_patient(
            puid='GNU777', name="Łucja", lastname="Müller", gender='f',
            dob=dt.date(1980, 2, 1))
        cls.test = create_test("CT of the head", 'HEAD', 'CT')
        Model.get('gnuhealth.imaging.station')(
            name="CT room", ae_title='CT01', location="Floor 1",
            test_types=[get_test_type('CT')]).save()
        cls.gateway = cls.enterClassContext(GatewayProcess())
        cls.modality = Modality('CT01', cls.gateway.port)

    def order(self, **values):
        Request = Model.get('gnuhealth.imaging.test.request')
        Doctor = Model.get('gnuhealth.healthprofessional')
        doctor, = Doctor.find([])
        request = Request(
            patient=self.person, requested_test=self.test, doctor=doctor,
            **values)
        request.save()
        request.click('requested')
        return request

    def test_story(self):
        "Order, query, images, report, synchronization: nobody types"
        request = self.order(clinical_question="Bleeding?")
        item, = self.modality.find(request.accession_number)
        step = item.ScheduledProcedureStepSequence[0]
        self.assertEqual(item.PatientName, 'Müller^Łucja')
        self.assertEqual(item.PatientID, 'GNU777')
        self.assertEqual(item.StudyInstanceUID, request.study_instance_uid)
        self.assertEqual(item.ReasonForTheRequestedProcedure, "Bleeding?")
        self.assertEqual(step.ScheduledStationAETitle, 'CT01')

        uid = self.modality.create(report(item))
        request.reload()
        self.assertEqual(request.procedure_status, 'started')
        self.assertEqual(self.modality.find(request.accession_number), [])

        port = free_port()
        with OrthancServer(
                DicomServerEnabled=True, DicomPort=port, StableAge=60,
                DicomAlwaysAllowStore=True) as orthanc:
            files = self.modality.store(port, generated_study(
                    patient_id=item.PatientID,
                    patient_name=str(item.PatientName),
                    birth_date=item.PatientBirthDate,
                    sex=item.PatientSex, modality=step.Modality,
                    accession_number=item.AccessionNumber,
                    study_instance_uid=item.StudyInstanceUID,
                    date=step.ScheduledProcedureStepStartDate, images=3))
            self.assertEqual(self.modality.set(uid, end(
                        PerformedSeriesSequence=series(files))), 0)
            server = Model.get('gnuhealth.orthanc.config')(
                label="Main", url=orthanc.url, username=orthanc.username,
                password=orthanc.password)
            server.save()
            server.click('check')
            server.click('sync')

        request.reload()
        self.assertEqual(request.state, 'requested')
        self.assertEqual(request.procedure_status, 'completed')
        self.assertTrue(request.images_arrived)
        self.assertEqual(request.image_count, 3)
        latest = request.performed_steps[0]
        self.assertEqual(
            (latest.status, latest.image_count, latest.match),
            ('COMPLETED', 3, 'study_instance_uid'))

    def test_refusals(self):
        "Reports are refused with the codes of the standard"
        item, = self.modality.find(self.order().accession_number)
        send, modality = self.modality.send_create, self.modality
        for status, attributes in [
                (0x0106, report(
                        item, PerformedProcedureStepStatus='COMPLETED')),
                (0x0120, report(item, PerformedStationAETitle=None)),
                (0x0120, report(item, ScheduledStepAttributesSequence=[]))]:
            answer = send(attributes, generate_uid())
            self.assertEqual(answer.Status, status)
            self.assertTrue(answer.ErrorComment)
        uid = modality.create(report(item))
        self.assertEqual(send(report(item), uid).Status, 0x0111)
        self.assertEqual(modality.set(generate_uid(), end()), 0x0112)
        self.assertEqual(modality.set(uid, end('DISCONTINUED')), 0)
        again = modality.send_set(uid, end())
        self.assertEqual((again.Status, again.ErrorID), (0x0110, 0xA710))

    def test_discontinued(self):
        "It leaves with its reason, and a person lets it come back"
        request = self.order()
        item, = self.modality.find(request.accession_number)
        reason = Dataset()
        reason.CodeValue, reason.CodingSchemeDesignator = '110513', 'DCM'
        reason.CodeMeaning = "Equipment failure"
        uid = self.modality.create(report(item))
        modification = end('DISCONTINUED')
        # Performed Procedure Step Discontinuation Reason Code Sequence
        modification.add_new(0x00400281, 'SQ', [reason])
        self.assertEqual(self.modality.set(uid, modification), 0)
        request.reload()
        self.assertEqual(request.procedure_status, 'discontinued')
        self.assertEqual(request.steps[0].reason, "Equipment failure")
        self.assertEqual(self.modality.find(request.accession_number), [])
        request.click('schedule_again')
        self.assertEqual(
            len(self.modality.find(request.accession_number)), 1)

    def test_another_patient(self):
        "What contradicts is of no request, and makes no patient"
        Patient = Model.get('gnuhealth.patient')
        Step = Model.get('gnuhealth.imaging.performed_step')
        before = len(Patient.find([]))
        request = self.order()
        item, = self.modality.find(request.accession_number)
        uid = self.modality.create(report(
                item, PatientName='House^Greg', PatientID='GNU1'))
        step, = Step.find([('sop_instance_uid', '=', uid)])
        self.assertEqual(
            (step.match, step.request, step.differences),
            ('conflict', None, 'name identifier'))
        request.reload()
        self.assertEqual(request.procedure_status, 'scheduled')
        self.assertEqual(len(Patient.find([])), before)

    def test_unscheduled(self):
        "A step without an order is taken, and shown"
        Step = Model.get('gnuhealth.imaging.performed_step')
        item, = self.modality.find(self.order().accession_number)
        alone = Dataset()
        alone.StudyInstanceUID = generate_uid()
        uid = self.modality.create(report(
                item, ScheduledStepAttributesSequence=[alone]))
        step, = Step.find([('sop_instance_uid', '=', uid)])
        self.assertEqual((step.match, step.request), ('unscheduled', None))

    def test_killed(self):
        "Killed and started again, another goes on; nothing was in it"
        request = self.order()
        with GatewayProcess() as gateway:
            modality = Modality('CT01', gateway.port)
            item, = modality.find(request.accession_number)
            uid = modality.create(report(item))
        # Another process knows the step
        self.assertEqual(self.modality.set(uid, end()), 0)
        request.reload()
        self.assertEqual(request.procedure_status, 'completed')

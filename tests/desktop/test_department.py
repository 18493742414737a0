# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A day of the department in the desktop client: order, read, reconcile, open"
import datetime as dt

from proteus import Model

from .desktop_case import IMAGING, DesktopTestCase
from demo import story
from demo.dicom_files import generated_study
from demo.hospital import create_patient, create_test, create_user

EVE = {
    'patient_id': 'GNU666ORG', 'patient_name': 'ADAMS^EVE',
    'birth_date': '19900505', 'sex': 'F'}
BOB = {
    'patient_id': 'GNU666ORG', 'patient_name': 'JONES^BOB',
    'birth_date': '19480101', 'sex': 'M'}


class DepartmentTestCase(DesktopTestCase):
    port = 8031

    @classmethod
    def fill(cls):
        cls.start_orthanc()
        password = cls.installation.password
        users = story.staff(password)
        create_user(
            'clerk', 'health.group_health_doctor',
            'health_orthanc.group_imaging_reconciliation',
            name="Carla Clerk", password=password)
        patient = create_patient(
            "Eve", "Adams", puid='GNU666ORG', dob=dt.date(1990, 5, 5))
        create_test("Chest X-ray", code='CXR', modality='CR')
        Request = Model.get('gnuhealth.imaging.test.request')
        HealthProfessional = Model.get('gnuhealth.healthprofessional')
        doctor, = HealthProfessional.find(
            [('party.internal_user', '=', users['doctor'].id)])
        request = Request(
            patient=patient, doctor=doctor, clinical_question="Bleeding?",
            requested_test=create_test("CT Head", code='HEAD', modality='CT'))
        request.save()
        request.click('requested')
        for values in [
                {**EVE, 'modality': 'CT', 'study_description': "Head",
                    'accession_number': request.accession_number},
                {**BOB, 'modality': 'US', 'study_description': "Liver"}]:
            cls.orthanc.upload_all(generated_study(
                    **values, series=1, images=3, date=dt.date.today()))
        story.schedule()
        server = story.add_server(cls.orthanc)
        server.thumbnails = True
        server.save()
        story.synchronize(server)

    def test_order(self):
        "A doctor orders by the wizard, and sees the order"
        with self.logged_in('doctor') as client:
            client.open_menu(*IMAGING, "Dx Imaging - New")
            client.choose("Patient", "GNU666ORG", "Adams, Eve")
            client.tick("Urgent")
            client.add("Tests", "CXR", "Chest X-ray")
            self.screenshot(client, 'order')
            client.click("Request Now")
            self.assertEqual(client.value("Test"), "Chest X-ray")
            self.assertEqual(client.value("Patient"), "Adams, Eve")
            self.assertEqual(client.value("State"), "Requested")
            self.screenshot(client, 'request')
            client.open_menu(*IMAGING, "Dx Imaging Requests")
            client.show_page("Requested")
            client.row("Chest X-ray")
            self.screenshot(client, 'requests')

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The department that the tests of the desktop client find"
import datetime as dt

from proteus import Model

from demo import story
from demo.dicom_files import generated_study
from demo.hospital import create_patient, create_test, create_user

EVE = {
    'patient_id': 'GNU666ORG', 'patient_name': 'ADAMS^EVE',
    'birth_date': '19900505', 'sex': 'F'}
BOB = {
    'patient_id': 'GNU666ORG', 'patient_name': 'JONES^BOB',
    'birth_date': '19480101', 'sex': 'M'}


def fill(case):
    "An order whose images arrived, and a study of somebody else"
    case.start_orthanc()
    password = case.installation.password
    users = story.staff(password)
    create_user(
        'clerk', 'health.group_health_doctor',
        'health_orthanc.group_imaging_reconciliation',
        name="Carla Clerk", password=password)
    create_user(
        'orthanc', 'health_orthanc.group_imaging_orthanc_admin',
        name="Olga Admin", password=password)
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
        case.orthanc.upload_all(generated_study(
                **values, series=1, images=3, date=dt.date.today()))
    story.schedule()
    server = story.add_server(case.orthanc)
    server.thumbnails = True
    server.save()
    story.synchronize(server)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hospital that works with version 7.0.0 of our modules.

    python -m tests.upgrade.hospital_7_0_0 DATABASE

runs with these, see databases.py, and fills the empty database: with orders
of each state, results, a server that was synchronized, studies of all kinds
of link, and what was decided of them.
"""
import datetime as dt
import sys

from proteus import Model, Wizard, config

from trytond.config import config as trytond_config

from demo.dicom_files import generated_study
from demo.hospital import (
    create_health_professional, create_hospital, create_patient, create_test)
from demo.orthanc_server import OrthancServer

COMMENT = "Compare with «2019» \n\tñandú 胸部 'quoted' \\ %s"
DAY = dt.date(2026, 11, 20)
# (PatientID, PatientName, birth date) of studies that answer no order
STUDIES = [
    ('GNU777ORG', 'Betz^Ana', '19851004'),  # linked
    ('GNU777ORG', 'Smith^Zoe', '19700101'),  # in conflict
    ('OTHER', 'Lee^John', '19700707'),  # nobody's, linked by hand
    ('NOBODY', 'Doe^Jane', '19600101'),
    ]


def fill(database):
    "Fill the database"
    config.set_trytond(f"{trytond_config.get('database', 'uri')}/{database}")
    create_hospital()
    user = Model.get('res.user')(config.get_config().user)
    create_health_professional(user=user)
    ana = create_patient()
    tests = [create_test(), create_test("Brain MR", 'BRAIN', 'MR')]
    requests = [
        order(ana, tests[number % 2], number) for number in range(6)]
    with OrthancServer() as orthanc:
        for patient_id, name, birth_date in STUDIES:
            orthanc.upload_all(generated_study(
                    patient_id, name, birth_date, 'F', date=DAY))
        orthanc.upload_all(generated_study(
                'GNU777ORG', 'Betz^Ana', '19851004', 'F', date=DAY,
                accession_number=requests[1].accession_number))
        synchronize(orthanc)
        report(requests)
        cancel = requests[4].click('cancel')
        cancel.form.reason = "Pacemaker"
        cancel.execute('cancel')
    decide(ana)


def order(patient, test, number):
    "A request; the last stays a draft"
    Request = Model.get('gnuhealth.imaging.test.request')
    request = Request(
        patient=patient, requested_test=test, comment=COMMENT,
        doctor=Model.get('gnuhealth.healthprofessional').find([])[0],
        urgent=not number, date=dt.datetime(2026, 11, 19, 10, number))
    request.save()
    if number < 5:
        request.click('requested')
        request.reload()
    return request


def synchronize(orthanc):
    Server = Model.get('gnuhealth.orthanc.config')
    server = Server(
        label="Main", url=orthanc.url, username=orthanc.username,
        password=orthanc.password)
    server.save()
    server.click('check')
    server.click('sync')
    # What never answered
    Server(label="Other", url='http://other.example.com/').save()


def report(requests):
    "Results with and without images, and one that says nothing"
    Result = Model.get('gnuhealth.imaging.test.result')
    for number, request in enumerate(requests[:3]):
        Wizard('wizard.generate.result', [request]).actions  # noqa: B018
        result, = Result.find([('request', '=', request.id)])
        result.comment = COMMENT if number < 2 else None
        result.save()


def decide(patient):
    "A link that the IDs do not explain, and a doubt that stays one"
    Study = Model.get('gnuhealth.orthanc.study')
    study, = Study.find([('patient_id', '=', 'OTHER')])
    study.local_patient = patient
    study.save()


if __name__ == '__main__':
    fill(*sys.argv[1:])

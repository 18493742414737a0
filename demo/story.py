# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens in the demonstration's hospital.

Each step looks for what an earlier run left, and does the rest.
"""
import datetime as dt
from contextlib import suppress
from typing import NamedTuple

import requests
from proteus import Model, Wizard

from .dicom_files import generated_study, pydicom_files
from .hospital import (
    as_user, create_health_professional, create_hospital, create_patient,
    create_test, create_user, generate_result)

SERVER = "Demo PACS"
TESTS = {
    'CXR': ("Chest X-ray", 'CR'),
    'CSPINE': ("Cervical spine X-ray", 'CR'),
    'CTABD': ("CT of the abdomen", 'CT'),
    'MRHEAD': ("MR of the head", 'MR'),
    'USABD': ("Ultrasound of the abdomen", 'US'),
    }


class Study(NamedTuple):
    modality: str
    description: str
    day: str
    series: int = 1
    images: int = 1


class Person(NamedTuple):
    """A patient of the hospital.

    dicom_name is how the modalities write the name (PS3.5 6.2 PN). Without
    studies there are none, or they are among pydicom's files.
    """
    puid: str
    name: str
    lastname: str
    gender: str
    born: dt.date
    dicom_name: str = ''
    studies: tuple = ()


PERSONS = [
    Person(
        'GNU777ORG', "Ana", "Betz", 'f', dt.date(1985, 10, 4), 'BETZ^ANA', (
            Study('CR', "Chest PA and lateral", '20261102', 2, 1),
            Study('CT', "Abdomen with contrast", '20261103', 3, 8))),
    Person(
        'MUE461123', "Jürgen", "Müller", 'm', dt.date(1946, 11, 23),
        'Müller^Jürgen^^Dr.', (
            Study('MR', "Head, T1 and T2", '20261109', 4, 6),)),
    Person(
        'YAM790217', "Tarou", "Yamada", 'm', dt.date(1979, 2, 17),
        'Yamada^Tarou=山田^太郎=やまだ^たろう', (
            Study('US', "Abdomen", '20261110', 1, 5),)),
    Person(
        'OKA920830', "Ngozi", "Okafor", 'f', dt.date(1992, 8, 30),
        'OKAFOR^NGOZI', (
            Study('CR', "Left wrist", '20261112', 1, 2),
            Study('CR', "Left wrist, control", '20261119', 1, 2))),
    # The studies of these are real ones, which pydicom ships.
    Person('77654033', "Archibald", "Doe", 'm', dt.date(1955, 3, 2)),
    Person('98890234', "Peter", "Doe", 'm', dt.date(1961, 7, 14)),
    Person('12345678', "Jan", "Citizen", 'f', dt.date(1970, 1, 9)),
    # Nobody made an image of this one yet.
    Person('RUI010515', "Inés", "Ruiz", 'f', dt.date(2001, 5, 15)),
    ]

# Whom the scanner knows and the hospital does not.
STRANGER = Person(
    'EXT-0042', "Ada", "Novak", 'f', dt.date(1990, 12, 1), 'NOVAK^ADA', (
        Study('CT', "Outside study, thorax", '20261005', 1, 4),))


class Order(NamedTuple):
    """An order, and how far it goes: draft, requested, made or done.

    What is made a machine takes from its worklist; the radiologist reads it
    where there is a comment. A result has the findings and the impression,
    and the studies whose description is linked. It is signed, and then has
    the addendum and the critical finding, which the doctor acknowledges.
    """
    puid: str
    tests: tuple
    state: str
    urgent: bool = False
    comment: str = ''
    impression: str = ''
    linked: tuple = ()
    question: str = ''
    addendum: str = ''
    critical: str = ''


ORDERS = [
    Order(
        'GNU777ORG', ('CXR',), 'done',
        comment="No infiltrate. Heart of normal size.",
        impression="No pneumonia.", question="Pneumonia?",
        addendum="Old fracture of the seventh rib on the left.",
        linked=("Chest PA and lateral",)),
    Order('GNU777ORG', ('CTABD',), 'requested', urgent=True),
    Order(
        'MUE461123', ('MRHEAD',), 'done',
        comment="No haemorrhage, no mass.", impression="Normal.",
        linked=("Head, T1 and T2",)),
    Order(
        '77654033', ('CSPINE',), 'done',
        comment="Normal alignment, no fracture.",
        linked=("XR C Spine Comp Min 4 Views",)),
    Order('OKA920830', ('CXR', 'USABD'), 'draft'),
    Order('RUI010515', ('USABD',), 'requested'),
    Order(
        '98890234', ('MRHEAD',), 'made', urgent=True,
        question="Bleeding after a fall?",
        comment="Subdural haematoma on the left, 12 mm wide.",
        impression="Acute subdural haematoma.",
        addendum="No midline shift.",
        critical="Acute subdural haematoma on the left."),
    Order('YAM790217', ('MRHEAD',), 'made', question="Migraine?"),
    ]
# The machine that makes what is made
STATION = "MR room", 'MR01', 'MR'


def fill_orthanc(orthanc):
    "Store pydicom's files, and the studies of the demonstration's patients"
    for _, content in pydicom_files():
        # Orthanc refuses some of them: they are no images.
        with suppress(requests.HTTPError):
            orthanc.upload(content)
    orthanc.upload_all(
        content
        for person in [*PERSONS, STRANGER] for study in person.studies
        for content in generated_study(
            patient_id=person.puid, patient_name=person.dicom_name,
            birth_date=person.born.strftime('%Y%m%d'),
            sex=person.gender.upper(), study_description=study.description,
            modality=study.modality, date=study.day, series=study.series,
            images=study.images, size=128))


def staff(password):
    "The company, and the users 'doctor' and 'radiologist'"
    Company = Model.get('company.company')
    ConfigItem = Model.get('ir.module.config_wizard.item')
    User = Model.get('res.user')

    if not Company.find():
        create_hospital("Demo Hospital")
        # Nobody needs to be led through the configuration.
        for item in ConfigItem.find([('state', '=', 'open')]):
            item.state = 'done'
            item.save()
    users = {user.login: user for user in User.find()}
    if 'doctor' not in users:
        users['doctor'] = create_user(
            'doctor', 'health.group_health_doctor', name="Cameron Cordara",
            password=password)
        create_health_professional(
            "Cameron", "Cordara", users['doctor'], 'LIC-1')
    if 'radiologist' not in users:
        users['radiologist'] = create_user(
            'radiologist', 'health.group_health_doctor',
            'health_imaging.group_health_imaging_reporting',
            'health_orthanc.group_imaging_reconciliation',
            name="Sofía Lang", password=password)
        create_health_professional(
            "Sofía", "Lang", users['radiologist'], 'LIC-2')
    return users


def schedule():
    """Leave the synchronization as the only scheduled action.

    SQLite has one writer at a time, which trytond-cron is from the first
    action that it ends to the last: with several due at once they would wait
    for each other in vain.
    """
    Cron = Model.get('ir.cron')

    for cron in Cron.find([
            ('method', '!=', 'gnuhealth.orthanc.config|synchronize_all')]):
        cron.active = False
        cron.save()


def register_patients():
    "The patients, by PUID"
    Patient = Model.get('gnuhealth.patient')

    patients = {patient.puid: patient for patient in Patient.find()}
    for person in PERSONS:
        if person.puid not in patients:
            patients[person.puid] = create_patient(
                person.name, person.lastname, person.puid, person.gender,
                person.born)
    return patients


def catalogue():
    "The tests, by code"
    Test = Model.get('gnuhealth.imaging.test')

    tests = {test.code: test for test in Test.find()}
    for code, (name, modality) in TESTS.items():
        if code not in tests:
            tests[code] = create_test(name, code, modality)
    return tests


def add_server(orthanc):
    "The server, added with the wizard; what is wrong where it refuses"
    Server = Model.get('gnuhealth.orthanc.config')

    servers = Server.find([('label', '=', SERVER)])
    if servers:
        return servers[0]
    wizard = Wizard('gnuhealth.orthanc.server.add')
    wizard.form.label = SERVER
    wizard.form.url = orthanc.url
    wizard.form.username = orthanc.username
    wizard.form.password = orthanc.password
    wizard.execute('check')
    print(f"          {wizard.form.message}")
    if wizard.form_state != 'success':
        raise RuntimeError("The server was not added.")
    server = wizard.form.server
    wizard.execute('end')
    return server


def synchronize(server):
    "Until the server says that everything was received"
    Server = Model.get('gnuhealth.orthanc.config')

    server.click('sync')
    return Server(server.id)


def place_orders(users, patients, tests):
    """Order, request and report, as the people who do that.

    Return the number of orders that are new.
    """
    Request = Model.get('gnuhealth.imaging.test.request')

    new = [
        order for order in ORDERS
        if not Request.find([
            ('patient.puid', '=', order.puid),
            ('requested_test.code', 'in', order.tests)], limit=1)]
    administrator = Model.get('res.user').find([('login', '=', 'admin')])[0]
    try:
        for order in new:
            as_user(users['doctor'])
            requests_ = place_order(order, patients, tests)
            if order.state == 'done':
                as_user(users['radiologist'])
                report(requests_, order)
    finally:
        as_user(administrator)
    return len(new)


def add_station():
    Station = Model.get('gnuhealth.imaging.station')
    TestType = Model.get('gnuhealth.imaging.test.type')

    name, ae_title, modality = STATION
    if not Station.find([('ae_title', '=', ae_title)]):
        Station(
            name=name, ae_title=ae_title,
            test_types=TestType.find([('code', '=', modality)])).save()


def perform(orthanc, database):
    """Let the machine make what is on its worklist; return how many.

    Query, images and reports are as between real machines: nobody types.
    """
    from trytond.modules.health_orthanc.gateway import Gateway

    from .modality import Modality
    Request = Model.get('gnuhealth.imaging.test.request')

    open_ = Request.find([
            ('patient.puid', 'in', [
                    order.puid for order in ORDERS if order.state == 'made']),
            ('procedure_status', '=', 'scheduled')])
    _, ae_title, code = STATION
    gateway = Gateway(database).start(port=0)
    try:
        machine = Modality(ae_title, code, gateway.socket.getsockname()[1])
        for request in open_:
            item, = machine.find(AccessionNumber=request.accession_number)
            step = machine.begin(item)
            files = generated_study(
                patient_id=item.PatientID,
                patient_name=str(item.PatientName),
                birth_date=item.PatientBirthDate, sex=item.PatientSex,
                study_description=item.RequestedProcedureDescription,
                accession_number=item.AccessionNumber,
                study_instance_uid=item.StudyInstanceUID, modality=code,
                date=dt.date.today().strftime('%Y%m%d'), images=4, size=128)
            answers = orthanc.upload_all(files)
            series = orthanc.get(f"series/{answers[0]['ParentSeries']}")
            machine.end(step, series['MainDicomTags']['SeriesInstanceUID'])
    finally:
        gateway.shutdown()
    return len(open_)


def place_order(order, patients, tests):
    Request = Model.get('gnuhealth.imaging.test.request')
    Patient = Model.get('gnuhealth.patient')
    Test = Model.get('gnuhealth.imaging.test')

    wizard = Wizard('gnuhealth.patient.imaging.test.request')
    wizard.form.patient = Patient(patients[order.puid].id)
    wizard.form.urgent = order.urgent
    wizard.form.clinical_question = order.question
    for code in order.tests:
        wizard.form.tests.append(Test(tests[code].id))
    wizard.execute('request')
    requests_ = Request.find([
        ('patient', '=', patients[order.puid].id),
        ('requested_test.code', 'in', order.tests)])
    if order.state != 'draft':
        Request.click(requests_, 'requested')
    return requests_


def report(requests_, order):
    "Generate the results, link the studies, write the reports and sign them"
    Request = Model.get('gnuhealth.imaging.test.request')
    Study = Model.get('gnuhealth.orthanc.study')

    requests_ = [Request(request.id) for request in requests_]
    for request in requests_:
        result = generate_result(request)
        result.comment = order.comment
        result.impression = order.impression
        result.studies.extend(Study.find([
            ('local_patient', '=', result.patient.id),
            ('description', 'in', order.linked)]))
        result.save()
        sign(result, order)


def sign(result, order):
    "Sign the report, and add to it what was seen later"
    result.click('sign')
    if order.addendum:
        wizard = result.click('addendum')
        wizard.form.comment = order.addendum
        wizard.execute('sign')


def read(users):
    """Let the radiologist read what was made, as the reading worklist has it.

    Return the number of reports that are new.
    """
    Request = Model.get('gnuhealth.imaging.test.request')

    administrator = Model.get('res.user').find([('login', '=', 'admin')])[0]
    waiting = [
        (request, order) for order in ORDERS
        if order.state == 'made' and order.comment
        for request in Request.find([
            ('patient.puid', '=', order.puid), ('reading', '=', 'to_read')])]
    try:
        for request, order in waiting:
            as_user(users['radiologist'])
            request = Request(request.id)
            request.click('take')
            result = generate_result(request)
            result.comment = order.comment
            result.impression = order.impression
            result.save()
            sign(result, order)
            if order.critical:
                tell(users, result, order.critical)
    finally:
        as_user(administrator)
    return len(waiting)


def tell(users, result, text):
    "Call the doctor, who acknowledges the critical finding"
    Finding = Model.get('gnuhealth.imaging.critical_finding')

    finding = Finding(
        result=result, category='minutes', finding=text,
        told_to=result.request.doctor.rec_name, told_how='phone',
        read_back=True)
    finding.told_at = finding.seen_at
    finding.save()
    finding.click('tell')
    as_user(users['doctor'])
    Finding(finding.id).click('acknowledge')

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The rows of a big hospital, made by SQL"
import datetime as dt
import io
import sys

from proteus import Model

_DAYS = 3650
_OPEN = 500
_SERVERS = 5
_DOCTORS = 100
# Users of the imaging department, at the desk, and one of the doctors
DEPARTMENT, DESK, DOCTOR = 'department', 'desk', 'doctor'
_KINDS = ['CT', 'MR', 'US', 'DX']
_PARTS = ['Chest', 'Head', 'Knee', 'Abdomen', 'Spine']
_FAMILY = [
    first + middle + last for first in ['Oka', 'Ber', 'Mar', 'Sil', 'Kow']
    for middle in ['f', 'tin', 'ven', 'so', 'lan', 'ra', 'men', 'du']
    for last in ['or', 'ez', 'ski', 'a', 'son', 'i', 'ov', 'eau']]
_GIVEN = ['Ana', 'Luis', 'Mei', 'Omar', 'Ingrid', 'Paulo', 'Chiara', 'Jean']


class Rows:
    "The rows of a big hospital, by number"

    def __init__(self, count, template, party, tests, servers, users, doctor):
        self.count = count
        self.patients = count // 5
        self.template = template
        self.party = party
        self.tests = tests
        self.servers = servers
        self.users = users
        # Whatever the tests and their hospital have is below
        self.first = 1_000_000
        # The first of them is a user
        self.doctors = [
            doctor, *range(self.first, self.first + _DOCTORS - 1)]
        self.start = dt.datetime.now().replace(microsecond=0)

    def name(self, patient):
        return (
            _FAMILY[patient * 7 % len(_FAMILY)],
            f'{_GIVEN[patient % len(_GIVEN)]} {patient % 97}')

    def date(self, n):
        # SQLite knows no part of a second in a time
        return self.start - dt.timedelta(
            seconds=n * _DAYS * 86_400 // self.count)

    def parties(self):
        for n in range(self.patients):
            family, given = self.name(n)
            yield {
                **self.party, 'id': self.first + n, 'code': f'C{n}',
                'ref': f'PUID{n:07}', 'name': given, 'lastname': family}
        for n, id_ in enumerate(self.doctors[1:], self.patients):
            yield {
                **self.party, 'id': self.first + n, 'code': f'D{id_}',
                'ref': f'LICENSE{id_}', 'name': 'Doctor', 'lastname': id_,
                'is_patient': False}

    def professionals(self):
        for n, id_ in enumerate(self.doctors[1:], self.patients):
            yield {'id': id_, 'party': self.first + n, 'active': True}

    def local_patients(self):
        for n in range(self.patients):
            yield {
                **self.template, 'id': self.first + n,
                'party': self.first + n}

    def orthanc_patients(self):
        for n in range(self.patients):
            yield {
                'id': n + 1, 'server': self.servers[n % len(self.servers)],
                'orthanc_id': f'p{n}', 'patient_id': f'PUID{n:07}',
                'name': '^'.join(self.name(n)), 'match': 'studies',
                'patient': self.first + n if n % 50 else None}

    def studies(self):
        for n in range(self.count):
            patient, date = n * 31 % self.patients, self.date(n)
            server = self.servers[patient % len(self.servers)]
            linked = n % 50 != 0
            yield {
                'id': n + 1, 'server': server,
                'orthanc_id': f's{n}', 'patient': patient + 1,
                'patient_id': f'PUID{patient:07}',
                'patient_name': '^'.join(self.name(patient)),
                'local_patient': self.first + patient if linked else None,
                'match': 'identifier' if linked else 'unmatched',
                'study_instance_uid': f'2.25.{n}', 'date': date.date(),
                'time': date.time(), 'modalities': _KINDS[n % 20 % 4],
                'description': _PARTS[n % 20 // 4],
                'accession_number': f'ACC{n:07}', 'stable': True,
                'image_count': 10, 'series_count': 1,
                'missing_since': self.start if n % 1000 == 7 else None}

    def series(self):
        for study in self.studies():
            yield {
                'id': study['id'], 'server': study['server'],
                'orthanc_id': f"e{study['id']}", 'study': study['id'],
                'modality': study['modalities'], 'image_count': 10,
                'last_update': study['date']}

    def requests(self):
        for n in range(self.count):
            state = 'requested' if n < _OPEN else (
                'cancelled' if n % 50 == 3 else 'done')
            yield {
                'id': n + 1, 'patient': self.first + n * 31 % self.patients,
                'date': self.date(n), 'requested_test': self.tests[n % 20],
                'doctor': self.doctors[n % _DOCTORS], 'request': f'ORD{n:07}',
                'request_line': f'ORD{n:07}-01-01', 'urgent': n % 20 == 9,
                'accession_number': f'ACC{n:07}',
                'accession_number_shared': False,
                'study_instance_uid': f'2.25.{n}', 'state': state,
                'report_status': 'final' if state == 'done' else None,
                'procedure_status':
                    'completed' if state == 'done' else 'scheduled',
                'scheduled_date': self.date(n)}

    def results(self):
        for request in self.requests():
            if request['state'] == 'done':
                yield {
                    **{name: request[name] for name in [
                            'id', 'patient', 'date', 'requested_test',
                            'doctor']},
                    'request': request['id'], 'order': request['request'],
                    'number': f"RES{request['id']:07}", 'state': 'final',
                    'version': 1, 'recorded_earlier': False,
                    'signed_at': request['date'],
                    'signed_by': self.users[DEPARTMENT]}

    def links(self):
        "Most studies answer an order, of what was cancelled few"
        for n, request in enumerate(self.requests()):
            if n % 50 not in {0, 3} or n % 5000 == 3:
                is_done = request['state'] == 'done'
                yield {
                    'id': n + 1, 'request': n + 1, 'study': n + 1,
                    'match': 'study_instance_uid',
                    'on_result': is_done and n % 1000 != 9 or None}

    def result_studies(self):
        "What came after the report is a study in a thousand"
        for n, request in enumerate(self.requests()):
            if n % 50 and n % 1000 != 9 and request['state'] == 'done':
                yield {'id': n + 1, 'result': n + 1, 'study': n + 1}

    def versions(self):
        for result in self.results():
            yield {
                'id': result['id'], 'result': result['id'], 'number': 1,
                'kind': 'final', 'content': '{}', 'sha256': '0' * 64,
                'date': result['date'], 'user': self.users[DEPARTMENT]}

    def seen(self):
        "The doctor has read all but the last few"
        for result in self.results():
            n = result['id'] - 1
            if n % _DOCTORS == 0 and n >= 2 * _OPEN:
                yield {
                    'id': result['id'], 'result': result['id'],
                    'user': self.users[DOCTOR], 'version': 1,
                    'date': result['date']}

    def critical_findings(self):
        "One report in a hundred had something to tell, and few wait"
        for result in self.results():
            n = result['id'] - 1
            if n % 50 == 0 and n // 50 % 2:
                is_open = n < 50 * _OPEN
                yield {
                    'id': result['id'], 'result': result['id'],
                    'category': ['minutes', 'hours', 'days'][n // 50 % 3],
                    'finding': 'Pneumothorax', 'seen_at': result['date'],
                    'told_at': result['date'],
                    'state': 'told' if is_open else 'acknowledged'}

    def performed_steps(self):
        "What machines said at the beginning and at the end of each"
        for request in self.requests():
            n = request['id'] - 1
            if request['state'] != 'done':
                continue
            patient = n * 31 % self.patients
            for number, status in enumerate(['IN PROGRESS', 'COMPLETED'], 1):
                if n < 2 * _OPEN and number == 2:
                    continue
                unknown = n % 5000 == 3
                yield {
                    'id': 2 * n + number, 'sop_instance_uid': f'2.25.1{n}',
                    'number': number, 'item': 0, 'status': status,
                    'received': request['date'],
                    'station_ae_title': f'{_KINDS[n % 4]}1',
                    'performed_procedure_step_id': f'PPS{n}',
                    'modality': _KINDS[n % 4], 'started': request['date'],
                    'study_instance_uid': request['study_instance_uid'],
                    'accession_number': request['accession_number'],
                    'patient_name': '^'.join(self.name(patient)),
                    'patient_id': f'PUID{patient:07}',
                    'request': None if unknown else n + 1,
                    'match': (
                        'unscheduled' if unknown else 'study_instance_uid')}

    def steps(self):
        for request in self.requests():
            yield {
                'id': request['id'], 'request': request['id'],
                'request_line': request['request_line'],
                'accession_number': request['accession_number'],
                'from_state': 'draft', 'to_state': 'requested',
                'date': request['date'], 'user': self.users[DEPARTMENT]}

    def decisions(self):
        "People decided on a study in ten"
        for study in self.studies():
            if study['id'] % 10 == 0 and study['local_patient']:
                yield {
                    'id': study['id'], 'action': 'link',
                    'study': study['id'], 'after': study['local_patient'],
                    'create_date': study['date'],
                    'create_uid': self.users[DEPARTMENT],
                    **self.identity(study)}

    def opened_images(self):
        for study in self.studies():
            yield {
                'id': study['id'], 'study': study['id'],
                'server': study['server'], 'patient': study['local_patient'],
                'viewer': 'stone_viewer', 'create_date': study['date'],
                'create_uid': self.users[DOCTOR], **self.identity(study)}

    @staticmethod
    def identity(study):
        return {
            name: study[name] for name in [
                'patient_id', 'patient_name', 'study_instance_uid']}

    def documents(self):
        for link in self.result_studies():
            n = link['study'] - 1
            yield {
                'id': n + 1, 'result': n + 1, 'version': n + 1,
                'study': n + 1, 'tries': 1,
                'server': self.servers[
                    n * 31 % self.patients % len(self.servers)],
                'state': 'waiting' if n < 2 * _OPEN else 'sent',
                'series_instance_uid': f'2.25.2{n}',
                'sop_instance_uid': f'2.25.3{n}'}

    def synchronizations(self):
        "They are not kept for ever"
        for n in range(self.count // 5):
            yield {
                'id': n + 1, 'server': self.servers[n % len(self.servers)],
                'started': self.start - dt.timedelta(minutes=n),
                'outcome': 'failed' if n % 1000 == 3 else 'done'}

    def of_models(self):
        return {
            'party.party': self.parties,
            'gnuhealth.healthprofessional': self.professionals,
            'gnuhealth.patient': self.local_patients,
            'gnuhealth.orthanc.patient': self.orthanc_patients,
            'gnuhealth.orthanc.study': self.studies,
            'gnuhealth.orthanc.series': self.series,
            'gnuhealth.imaging.test.request': self.requests,
            'gnuhealth.imaging.test.result': self.results,
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study':
                self.links,
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study':
                self.result_studies,
            'gnuhealth.imaging.test.result.version': self.versions,
            'gnuhealth.imaging.test.result.seen': self.seen,
            'gnuhealth.imaging.critical_finding': self.critical_findings,
            'gnuhealth.imaging.performed_step': self.performed_steps,
            'gnuhealth.imaging.test.request.step': self.steps,
            'gnuhealth.orthanc.decision': self.decisions,
            'gnuhealth.orthanc.access_log': self.opened_images,
            'gnuhealth.orthanc.report_document': self.documents,
            'gnuhealth.orthanc.synchronization': self.synchronizations,
            }


def insert(cursor, table, rows):
    "Insert dictionaries of the same keys, as fast as the database can"
    rows = iter(rows)
    first = next(rows)
    columns = ', '.join(f'"{name}"' for name in first)
    if hasattr(cursor, 'copy_expert'):
        cursor.copy_expert(
            f'COPY "{table}" ({columns}) FROM STDIN',
            Lines([first], rows))
        return
    marks = ', '.join('?' * len(first))
    statement = f'INSERT INTO "{table}" ({columns}) VALUES ({marks})'
    cursor.execute(statement, tuple(first.values()))
    cursor.executemany(statement, (tuple(row.values()) for row in rows))


class Lines(io.TextIOBase):
    "Rows as COPY reads them, made when they are asked for"

    def __init__(self, *rows):
        self.lines = ('\t'.join(
                r'\N' if value is None else str(value)
                for value in row.values()) + '\n'
            for part in rows for row in part)
        self.rest = ''

    def read(self, size=-1):
        parts = [self.rest]
        length = len(self.rest)
        while size < 0 or length < size:
            line = next(self.lines, None)
            if line is None:
                break
            parts.append(line)
            length += len(line)
        text = ''.join(parts)
        if size < 0:
            self.rest = ''
            return text
        self.rest = text[size:]
        return text[:size]


def fill(count, server_count=_SERVERS):
    "Make the hospital, in the database that is activated"
    from trytond.pool import Pool
    from trytond.tests.test_tryton import DB_NAME
    from trytond.transaction import Transaction

    from tests.tools import (
        create_health_professional, create_patient, create_test, create_user)
    users = {
        login: create_user(login, *groups) for login, groups in [
            (DEPARTMENT, [
                    'health_imaging.group_health_imaging',
                    'health_orthanc.group_imaging_reconciliation',
                    'health.group_health_admin']),
            (DESK, ['health.group_health_frontdesk']),
            (DOCTOR, ['health.group_health_doctor'])]}
    tests = [
        create_test(f'{part} {kind}', f'{kind}{n}', kind).id
        for n, part in enumerate(_PARTS) for kind in _KINDS]
    servers = []
    for n in range(server_count):
        server = Model.get('gnuhealth.orthanc.config')(
            label=f"Server {n}", url=f'http://127.0.0.{n + 1}:1/')
        server.save()
        servers.append(server.id)
    patient = create_patient(puid='GNU777')
    party = patient.party.id
    doctor = create_health_professional(
        "Grace", "Obi", users[DOCTOR], 'LICENSE1')
    with Transaction().start(DB_NAME, 0) as transaction:
        cursor = transaction.connection.cursor()

        def template(table, id_, *names):
            cursor.execute(
                f'SELECT {", ".join(names)} FROM {table} WHERE id = {id_}')
            return dict(zip(names, cursor.fetchone(), strict=True))

        rows = Rows(
            count, template('gnuhealth_patient', patient.id, 'active'),
            template(
                'party_party', party, 'active', 'is_person', 'is_patient',
                'gender', 'dob'),
            tests, servers, {
                login: user.id for login, user in users.items()}, doctor.id)
        pool = Pool(DB_NAME)
        for name, make in rows.of_models().items():
            Target = pool.get(name)
            # An index is made at once sooner than row by row
            Target.__table_handler__().set_indexes([])
            insert(cursor, Target._table, make())
        transaction.commit()
    make_indexes(rows.of_models())
    tidy()


def make_indexes(names):
    "Make the indexes of the models of these names"
    from trytond import backend
    from trytond.pool import Pool
    from trytond.tests.test_tryton import DB_NAME
    from trytond.transaction import Transaction

    from .process import run as run_process
    if backend.name == 'postgresql':
        # trytond of this process does not know of extensions
        run_process(
            sys.executable, 'tests.bench.ours', {'DB_NAME': DB_NAME}, 'index')
        return
    with Transaction().start(DB_NAME, 0) as transaction:
        for name in names:
            Pool(DB_NAME).get(name)._update_sql_indexes()
        transaction.commit()


def tidy():
    "Let the database know what it has, as it finds out by itself in a while"
    from trytond import backend
    from trytond.tests.test_tryton import DB_NAME
    if backend.name == 'postgresql':
        import psycopg2
        connection = psycopg2.connect(dbname=DB_NAME)
        connection.autocommit = True
        connection.cursor().execute('VACUUM ANALYZE')
        connection.close()
    else:
        from trytond.transaction import Transaction
        with Transaction().start(DB_NAME, 0) as transaction:
            transaction.connection.cursor().execute('ANALYZE')
            transaction.commit()

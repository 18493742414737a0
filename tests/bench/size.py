# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the lists of a big hospital take to open, and to search in.

    python -m tests.bench.size [--count COUNT] [--extensions] [--sqlite]
        [--plans]

makes that many studies, orders and results of a fifth as many patients, in a
PostgreSQL of its own or in SQLite, and asks for each tab of each list, and for
what people type, as a client does for a user of the department. Apart are the
search of 1,000 rows and their count, which the targets are for, and the
reading of the first hundred and of all. With --plans only what reads rows in
vain is printed, and is an error.
"""
import argparse
import datetime as dt
import io
import os
import subprocess
import sys
import time
from functools import partial

from proteus import Model

from tests.postgresql import running_postgresql

_SECONDS_PAGE, _SECONDS_COUNT = 0.15, 0.1
_LOGIN = 'department'
_DAYS = 3650
_OPEN = 500
_SERVERS = 5
_KINDS = ['CT', 'MR', 'US', 'DX']
_PARTS = ['Chest', 'Head', 'Knee', 'Abdomen', 'Spine']
_FAMILY = [
    first + middle + last for first in ['Oka', 'Ber', 'Mar', 'Sil', 'Kow']
    for middle in ['f', 'tin', 'ven', 'so', 'lan', 'ra', 'men', 'du']
    for last in ['or', 'ez', 'ski', 'a', 'son', 'i', 'ov', 'eau']]
_GIVEN = ['Ana', 'Luis', 'Mei', 'Omar', 'Ingrid', 'Paulo', 'Chiara', 'Jean']
_ACTIONS = [
    ('health_imaging', 'act_imaging_test_request_view'),
    ('health_imaging', 'act_imaging_test_result_view'),
    ('health_imaging', 'act_department_worklist'),
    ('health_imaging', 'act_schedule'),
    ('health_imaging', 'act_reading_worklist'),
    ('health_orthanc', 'act_study_form'),
    ('health_orthanc', 'act_patient_form'),
    ('health_orthanc', 'act_reconciliation_form'),
    ]


class Rows:
    "The rows of a big hospital, by number"

    def __init__(self, count, template, party, tests, servers, doctor):
        self.count = count
        self.patients = count // 5
        self.template = template
        self.party = party
        self.tests = tests
        self.servers = servers
        self.doctor = doctor
        # Whatever the tests and their hospital have is below
        self.first = 1_000_000
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
                'doctor': self.doctor, 'request': f'ORD{n:07}',
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
                    'version': 1, 'recorded_earlier': False}

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

    def of_models(self):
        return {
            'party.party': self.parties,
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

    from tests.tools import create_patient, create_test, create_user
    create_user(
        _LOGIN, 'health_imaging.group_health_imaging',
        'health_orthanc.group_imaging_reconciliation',
        'health.group_health_admin')
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
    doctor = Model.get('gnuhealth.healthprofessional').find([])[0].id
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
            tests, servers, doctor)
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


def searches(Model, count):
    "Yield what people type in a list, and what a client makes of it"
    n = count // 2
    words = [
        "okafor", f"PUID{n // 9:07}", f"ACC{n:07}", "chest", "okafor chest",
        "CT", "96", "Xu", "Xu CT", "zzzz"]
    if 'orthanc' not in Model.__name__:
        words += [f"ORD{n:07}", "Chest CT"]
    for word in words:
        yield word, [('rec_name', 'ilike', f'%{word}%')]
    date = Model._fields.get('date')
    if date is not None:
        first = dt.datetime.now().replace(
            microsecond=0) - dt.timedelta(days=1000)
        if date._type == 'date':
            first = first.date()
        yield "a month", [
            ('date', '>=', first), ('date', '<=', first + dt.timedelta(30))]


def asked(count):
    """Yield each client, what people ask of its list, and the pages of that.

    A list is opened by each of its tabs, and searched in each.
    """
    from trytond.tests.test_tryton import DB_NAME

    from .lists import Client
    for action in _ACTIONS:
        client = Client(DB_NAME, _LOGIN, action)
        for name, domain in client.all_tabs:
            yield client, name, partial(client.page, domain)
        for what, words in searches(client.Model, count):
            for name, tab in client.all_tabs:
                # As a client joins them
                yield client, f"{name}: {what}", partial(
                    client.find, ['AND', words, tab])


def tables_read(client, ask):
    "Return the names of the tables of which a page reads rows in vain"
    from .lists import scanned, statements
    with statements() as sent:
        ask()
    return sorted(scanned(client.database, sent))


def measure(count):
    "Print how long each list takes, and return what misses the target"
    from trytond import backend
    slow = 0
    for client, what, ask in asked(count):
        ask()
        *_, found, parts = ask()
        read = ''
        if backend.name == 'postgresql':
            read = ', '.join(tables_read(client, ask))
        met = (
            parts['search'] < _SECONDS_PAGE
            and parts['count'] < _SECONDS_COUNT)
        slow += not met
        print(
            f"{client.action:<28} {what:<42} {found:>7} "
            + '  '.join(
                f"{part} {seconds * 1000:6.0f} ms"
                for part, seconds in parts.items())
            + f"{'' if met else '  NOT MET'}"
            f"{'  reads all of ' + read if read else ''}", flush=True)
    return slow


def read_in_vain(count):
    "Print what reads rows in vain, and return the exit status"
    status = 0
    for client, what, ask in asked(count):
        tables = tables_read(client, ask)
        if tables:
            print(client.action, what, *tables, sep='\t')
            status = 1
    return status


def run(options):
    from trytond.tests.test_tryton import DB_NAME
    from trytond.transaction import Transaction

    from tests.tools import activate
    activate()
    if options.extensions:
        from .__main__ import EXTENSIONS
        with Transaction().start(DB_NAME, 0) as transaction:
            for statement in EXTENSIONS:
                transaction.connection.cursor().execute(statement)
            transaction.commit()
            # trytond looks once for each extension
            transaction.database._has_proc.clear()
    begin = time.perf_counter()
    fill(options.count)
    if options.plans:
        return read_in_vain(options.count)
    print(f"filled in {time.perf_counter() - begin:.0f} s", flush=True)
    print(f"{measure(options.count)} do not meet the target")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--count', type=int, default=1_000_000)
    parser.add_argument('--extensions', action='store_true')
    parser.add_argument('--sqlite', action='store_true')
    parser.add_argument('--plans', action='store_true')
    options = parser.parse_args()
    if 'TRYTOND_DATABASE__URI' in os.environ:
        sys.exit(run(options))
    command = [
        sys.executable, '-W', 'ignore', '-m', 'tests.bench.size',
        *sys.argv[1:]]
    if options.sqlite:
        sys.exit(subprocess.call(command, env={
                    **os.environ, 'TRYTOND_DATABASE__URI': 'sqlite://',
                    'DB_NAME': ':memory:'}))
    with running_postgresql() as environment:
        sys.exit(subprocess.call(command, env={**os.environ, **environment}))


if __name__ == '__main__':
    main()

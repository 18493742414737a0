# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the reading worklist and the figures take to show.

    python -m tests.bench.reading [--orders COUNT]

makes that many orders of three years with their images and signed reports, in
a PostgreSQL of its own, and asks for what a client shows.
"""
import argparse
import os
import subprocess
import sys
import time

from proteus import Model

from tests.postgresql import running_postgresql

_YEARS = 3
# What is not signed yet
_OPEN = 500
_INSERTS = {
    'gnuhealth_imaging_test_request': '''
        INSERT INTO gnuhealth_imaging_test_request (
            id, create_uid, create_date, patient, date, requested_test, doctor,
            request, request_line, accession_number, accession_number_shared,
            study_instance_uid, state, procedure_status)
        SELECT
            n, 0, now(), %(patient)s, day, (%(tests)s)[1 + n %% 3],
            %(doctor)s, 'B' || n, 'B' || n, 'B' || n, false, '2.25.' || n,
            CASE WHEN n > %(open)s THEN 'done' ELSE 'requested' END,
            'completed'
        FROM (
            SELECT n, now() at time zone 'UTC'
                - n * %(years)s * interval '1 year' / %(count)s AS day
            FROM generate_series(1, %(count)s) AS n) AS numbers''',
    'gnuhealth_orthanc_study': '''
        INSERT INTO gnuhealth_orthanc_study (
            id, create_uid, create_date, server, orthanc_id, patient,
            local_patient, match, study_instance_uid, last_update)
        SELECT
            n, 0, now(), %(server)s, 'S' || n, %(remote)s, %(patient)s,
            'identifier', '2.25.' || n,
            date + n %% 100 * interval '5 minutes'
        FROM gnuhealth_imaging_test_request AS request
        JOIN generate_series(1, %(count)s) AS n ON n = request.id''',
    'gnuhealth_orthanc_series': '''
        INSERT INTO gnuhealth_orthanc_series (
            create_uid, create_date, server, orthanc_id, study, modality,
            image_count, last_update)
        SELECT
            0, now(), %(server)s, 'R' || study.id || '-' || part, study.id,
            'CT', 50, study.last_update
        FROM gnuhealth_orthanc_study AS study, generate_series(1, 2) AS part
        ''',
    '"gnuhealth_imaging_test_request-gnuhealth_orthanc_study"': '''
        INSERT INTO "gnuhealth_imaging_test_request-gnuhealth_orthanc_study" (
            create_uid, create_date, request, study, match)
        SELECT 0, now(), id, id, 'study_instance_uid'
        FROM gnuhealth_orthanc_study''',
    'gnuhealth_imaging_test_result': '''
        INSERT INTO gnuhealth_imaging_test_result (
            id, create_uid, create_date, number, patient, date, requested_test,
            doctor, request, state, version, recorded_earlier, signed_by,
            signed_at)
        SELECT
            id, 0, now(), 'B' || id, patient, date, requested_test, doctor, id,
            'final', 1, false, 1, date + id %% 500 * interval '10 minutes'
        FROM gnuhealth_imaging_test_request WHERE state = 'done' ''',
    'gnuhealth_imaging_test_result_version': '''
        INSERT INTO gnuhealth_imaging_test_result_version (
            create_uid, create_date, result, number, kind, content, date,
            "user", sha256)
        SELECT 0, now(), id, 1, 'final', '{}', signed_at, 1, 'x'
        FROM gnuhealth_imaging_test_result''',
    }

_INDEXES = '''
    SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s
    AND indexname NOT IN (SELECT conname FROM pg_constraint)'''


def fill(database, count):
    import psycopg2

    from tests.module.access_records import create
    from tests.tools import create_patient, create_test
    tests = [
        create_test(code, code, code).id for code in ['CT', 'MR', 'US']]
    server = create('gnuhealth.orthanc.config', {
            'label': "Main", 'url': 'http://127.0.0.1:1/'})
    values = {
        'count': count, 'years': _YEARS, 'open': _OPEN, 'tests': tests,
        'patient': create_patient(puid='GNU777').id, 'server': server,
        'doctor': Model.get('gnuhealth.healthprofessional').find([])[0].id,
        'remote': create('gnuhealth.orthanc.patient', {
                'server': server, 'orthanc_id': 'P', 'patient_id': 'P'}),
        }
    connection = psycopg2.connect(dbname=database)
    connection.autocommit = True
    cursor = connection.cursor()
    # So that the rows are there in minutes: they fit by how they are made
    cursor.execute("SET session_replication_role = replica")
    for table, statement in _INSERTS.items():
        begin = time.perf_counter()
        cursor.execute(_INDEXES, [table.strip('"')])
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        cursor.execute(statement, values)
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute(f'ANALYZE {table}')
        print(
            f"filled {table} in {time.perf_counter() - begin:.0f} s",
            flush=True)
    connection.close()


def show(label, call):
    "Print how long the second time takes, as the first loads the pages"
    call()
    begin = time.perf_counter()
    found = call()
    print(f"{label:<40} {time.perf_counter() - begin:7.3f} s  {found}",
        flush=True)


def measure():
    from trytond.pool import Pool
    from trytond.pyson import PYSONDecoder
    from trytond.tests.test_tryton import DB_NAME
    from trytond.transaction import Transaction

    with Transaction().start(DB_NAME, 1):
        pool = Pool()
        Action = pool.get('ir.action.act_window')
        Request = pool.get('gnuhealth.imaging.test.request')
        action = Action(pool.get('ir.model.data').get_id(
                'health_imaging', 'act_reading_worklist'))
        order = PYSONDecoder().decode(action.pyson_order)
        for name, domain, count in action.domains:
            domain = PYSONDecoder().decode(domain)
            show(f"Reading, {name}", lambda domain=domain: len(
                    Request.search(domain, 0, 1000, order)))
            if count:
                show(f"Reading, {name}, count", lambda domain=domain: (
                        Request.search_count(domain, 0, 1000)))
        for model in ['day', 'time', 'reader']:
            Figure = pool.get(f'gnuhealth.imaging.figure.{model}')

            def read(Figure=Figure):
                rows = Figure.search([])
                return len(Figure.read(
                        list(map(int, rows)), list(Figure._fields)))

            show(f"Figures, {model}", read)


def run(options):
    from trytond.tests.test_tryton import DB_NAME

    from tests.tools import activate
    activate()
    fill(DB_NAME, options.orders)
    measure()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--orders', type=int, default=1_000_000)
    options = parser.parse_args()
    if 'TRYTOND_DATABASE__URI' not in os.environ:
        with running_postgresql() as environment:
            sys.exit(subprocess.call(
                    [sys.executable, '-W', 'ignore', '-m',
                        'tests.bench.reading', *sys.argv[1:]],
                    env={**os.environ, **environment}))
    run(options)


if __name__ == '__main__':
    main()

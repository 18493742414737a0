# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrade a large hospital of GNU Health's own modules, and kill upgrades.

    bin/test upgrade   # once, for the environments
    .cache/compat/bin/python -m tests.bench.upgrade --count 100000 --kills 10

The old hospital of tests/upgrade gets that many studies more, each with a
series and linked to a patient, and as many requests with results, and is
upgraded, on SQLite and PostgreSQL: the seconds and the most memory are
printed. Then upgrades of the hospital as it is are killed at random moments,
and run once more: the rows must be those of one that nobody killed.
"""
import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import time

from tests.postgresql import running_postgresql
from tests.upgrade import databases
from tests.upgrade.databases import NEW_MODULES

_SERVER = "http://large.example.com/"
_COMPARED = [
    'gnuhealth_orthanc_config', 'gnuhealth_orthanc_patient',
    'gnuhealth_orthanc_study', 'gnuhealth_orthanc_series',
    'gnuhealth_orthanc_taken_over', 'gnuhealth_orthanc_decision',
    'gnuhealth_imaging_test_result-gnuhealth_orthanc_study',
    'gnuhealth_imaging_test_request-gnuhealth_orthanc_study',
    'gnuhealth_imaging_test_request', 'gnuhealth_imaging_test_result',
    'ir_attachment', 'ir_note']
# When it was made is another time
_TIMES = ('create_date', 'write_date', 'missing_since', 'password', 'secret')


def enlarge(backend, database, count):
    "Let the old hospital have count studies, requests and results more"
    numbers = f"""
        WITH RECURSIVE numbers(n) AS (
            SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})"""
    with backend.connect(database) as connection:
        cursor = connection.cursor()
        cursor.execute(
            'INSERT INTO gnuhealth_imaging_orthanc_study '
            '(server, patient, patient_name, patient_id, date, '
            '"study_instance_UID", "orthanc_UID", notes) '
            f"{numbers} SELECT '{_SERVER}', 1, 'Smith^Anna', 'L' || n, "
            "'20240102', '1.2.6.' || n, 'large-' || n, 'Note ' || n "
            'FROM numbers')
        cursor.execute(
            'INSERT INTO gnuhealth_imaging_orthanc_study_series '
            '(study, modality, "series_UID", "orthanc_UID") '
            "SELECT id, 'CT', '1.2.7.' || id, 'series-' || id "
            'FROM gnuhealth_imaging_orthanc_study '
            f"WHERE server = '{_SERVER}'")
        cursor.execute(
            'INSERT INTO gnuhealth_imaging_test_request '
            '(patient, date, requested_test, doctor, state, request) '
            f"{numbers} SELECT patient, date, requested_test, doctor, 'done', "
            "'L' || n FROM numbers, (SELECT * "
            'FROM gnuhealth_imaging_test_request ORDER BY id LIMIT 1) AS one')
        cursor.execute(
            'INSERT INTO gnuhealth_imaging_test_result '
            '(patient, date, requested_test, doctor, number, request) '
            'SELECT patient, date, requested_test, doctor, request, id '
            "FROM gnuhealth_imaging_test_request WHERE request LIKE 'L%'")
        connection.commit()


def measure(backend, old, count):
    backend.restore(old, 'large')
    try:
        enlarge(backend, 'large', count)
        begin = time.perf_counter()
        databases.update(backend, 'large', NEW_MODULES)
        seconds = time.perf_counter() - begin
        begin = time.perf_counter()
        databases.update(backend, 'large', NEW_MODULES)
        again = time.perf_counter() - begin
        # Of the processes that ended
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(
            f"{backend.name}: {count} studies in {seconds:.0f} s, at most "
            f"{peak / 1024:.0f} MiB; once more {again:.0f} s", flush=True)
    finally:
        backend.drop('large')


def rows(backend, database):
    """What is compared, by table.

    Servers have their label in place of their id: PostgreSQL gives no number
    twice, and so another to those that a killed upgrade had added.
    """
    found = {}
    with backend.connect(database) as connection:
        cursor = connection.cursor()
        for table in _COMPARED:
            cursor.execute(f'SELECT * FROM "{table}" ORDER BY id')
            names = [column[0] for column in cursor.description]
            found[table] = [{
                    name: value
                    for name, value in zip(names, row, strict=True)
                    if name not in _TIMES} for row in cursor]
    servers = found['gnuhealth_orthanc_config']
    labels = {server.pop('id'): server['label'] for server in servers}
    for row in (row for table in found.values() for row in table):
        if 'server' in row:
            row['server'] = labels[row['server']]
    return found


def kill(backend, old, kills, rng):
    backend.restore(old, 'whole')
    begin = time.perf_counter()
    databases.update(backend, 'whole', NEW_MODULES)
    seconds = time.perf_counter() - begin
    expected = rows(backend, 'whole')
    backend.drop('whole')
    wrong = 0
    for _ in range(kills):
        backend.restore(old, 'killed')
        moments = [rng.uniform(0, seconds) for _ in range(2)]
        for moment in moments:
            _update_for(backend, moment)
        databases.update(backend, 'killed', NEW_MODULES)
        found = rows(backend, 'killed')
        for table, table_rows in found.items():
            if table_rows != expected[table]:
                wrong += 1
                print(f"{backend.name}: killed after {moments}: {table}")
        backend.drop('killed')
    print(
        f"{backend.name}: {2 * kills} upgrades killed, {wrong} tables wrong",
        flush=True)


def _update_for(backend, seconds):
    "Update, and kill that after so many seconds"
    process = subprocess.Popen(
        [sys.executable, '-W', 'ignore', databases.OURS / 'trytond-admin',
            '--database', 'killed', '--update', *NEW_MODULES,
            '--activate-dependencies'],
        cwd=databases.ROOT, env={**os.environ, **backend.environment},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def main(arguments=None):
    parser = argparse.ArgumentParser(prog='python -m tests.bench.upgrade')
    parser.add_argument('--count', type=int, default=100_000)
    parser.add_argument('--kills', type=int, default=10)
    parser.add_argument(
        '--seed', type=int, default=random.randrange(2 ** 32))
    parser.add_argument(
        '--database', choices=['sqlite', 'postgresql'], action='append')
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    rng = random.Random(options.seed)
    for name in options.database or ['sqlite', 'postgresql']:
        if name == 'sqlite':
            run(databases.SQLite(), options, rng)
        else:
            with running_postgresql() as environment:
                os.environ.update(environment)
                run(databases.PostgreSQL(), options, rng)


def run(backend, options, rng):
    try:
        old = databases.old_hospital(backend)
        if options.count:
            measure(backend, old, options.count)
        if options.kills:
            kill(backend, old, options.kills, rng)
    finally:
        backend.close()


if __name__ == '__main__':
    sys.exit(main())

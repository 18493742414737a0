# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long modalities wait for their worklist.

    python -m tests.bench.worklist [--open COUNT] [--closed COUNT]

makes that many orders in a PostgreSQL of its own, starts the gateway, and
asks it as modalities do.
"""
import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from proteus import Model
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import ModalityWorklistInformationFind

from tests.postgresql import running_postgresql

_INSERT = '''
    INSERT INTO gnuhealth_imaging_test_request (
        create_uid, create_date, patient, date, requested_test, doctor,
        request, request_line, accession_number, accession_number_shared,
        study_instance_uid, requested_procedure_id,
        scheduled_procedure_step_id, state, procedure_status, scheduled_date)
    SELECT
        0, now(), %(patient)s, day, %(test)s, %(doctor)s,
        %(prefix)s || n, %(prefix)s || n, %(prefix)s || n, false,
        %(root)s || n, %(prefix)s || n, %(prefix)s || n, %(state)s,
        %(status)s, day
    FROM (
        SELECT n, %(start)s + (n / %(each_day)s) * %(step)s AS day
        FROM generate_series(1, %(count)s) AS n) AS numbers'''
# So many orders are for one day
_EACH_DAY = 100


def insert(cursor, count, prefix, root, state, status, start, step, **ids):
    cursor.execute(_INSERT, {
            **ids, 'count': count, 'prefix': prefix, 'root': root,
            'state': state, 'status': status, 'start': start, 'step': step,
            'each_day': _EACH_DAY})


def create_needed():
    "Return what each order needs"
    from tests.tools import create_patient, create_test, get_test_type
    Model.get('gnuhealth.imaging.station')(
        name="CT", ae_title='CT01',
        test_types=[get_test_type('CT')]).save()
    return {
        'patient': create_patient(puid='GNU777').id,
        'test': create_test("CT", 'CT', 'CT').id,
        'doctor': Model.get('gnuhealth.healthprofessional').find([])[0].id}


def create_orders(database, *args, **needed):
    import psycopg2
    connection = psycopg2.connect(dbname=database)
    connection.autocommit = True
    cursor = connection.cursor()
    insert(cursor, *args, **needed)
    cursor.execute('ANALYZE gnuhealth_imaging_test_request')
    connection.close()


def query(port, dates):
    "Return how many answers there are, and the seconds that it took"
    identifier, step = Dataset(), Dataset()
    for keyword in [
            'PatientName', 'PatientID', 'PatientBirthDate', 'PatientSex',
            'AccessionNumber', 'StudyInstanceUID', 'RequestedProcedureID',
            'RequestedProcedureDescription', 'ReferringPhysicianName']:
        setattr(identifier, keyword, '')
    for keyword in [
            'ScheduledProcedureStepStartTime', 'ScheduledProcedureStepID',
            'ScheduledProcedureStepDescription']:
        setattr(step, keyword, '')
    step.ScheduledStationAETitle = 'CT01'
    step.Modality = 'CT'
    step.ScheduledProcedureStepStartDate = dates
    identifier.ScheduledProcedureStepSequence = [step]
    entity = AE(ae_title='CT01')
    entity.add_requested_context(ModalityWorklistInformationFind)
    begin = time.perf_counter()
    association = entity.associate('127.0.0.1', port)
    answers = sum(
        status.Status in {0xFF00, 0xFF01}
        for status, _ in association.send_c_find(
            identifier, ModalityWorklistInformationFind))
    association.release()
    return answers, time.perf_counter() - begin


def cpu(process):
    "Return the seconds that a process has computed, whoever else does"
    fields = Path(f'/proc/{process.pid}/stat').read_text().rpartition(')')[2]
    return sum(map(int, fields.split()[11:13])) / os.sysconf('SC_CLK_TCK')


def memory(process):
    "Return the MiB that a process has"
    status = Path(f'/proc/{process.pid}/status').read_text()
    return int(status.partition('VmRSS:')[2].split()[0]) // 1024


@contextmanager
def database_of_its_own(again, module='tests.bench.worklist'):
    """Let this run in a PostgreSQL of its own, in a process of its own.

    trytond takes its database from the environment when it is imported.
    """
    if again:
        yield True
        return
    with running_postgresql() as environment:
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', module, *sys.argv[1:],
                '--inside'],
            env={**os.environ, **environment})
    yield False
    sys.exit(done.returncode)


def several(gateway, dates, count=5):
    """Return the median of what queries take, of how many answers each is.

    in seconds, and how long the gateway computes for one.
    """
    before = cpu(gateway.process)
    runs = [query(gateway.port, dates) for _ in range(count)]
    return (
        statistics.median(seconds for _, seconds in runs), runs[0][0],
        (cpu(gateway.process) - before) / count)


def measure(options):
    "Return the rows of the table: what, figure, limit, unit, detail"
    from trytond.tests.test_tryton import DB_NAME

    from tests.orthanc.gateway_process import GatewayProcess
    from tests.tools import activate
    activate()
    needed = create_needed()
    start = dt.datetime.now().replace(
        hour=12, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)
    create_orders(
        DB_NAME, options.open, 'O', '2.25.2', 'requested', 'scheduled',
        start, dt.timedelta(days=1), **needed)
    day = f'{start:%Y%m%d}'
    days = f'{day}-{start + dt.timedelta(days=19):%Y%m%d}'
    rows = []
    with GatewayProcess() as gateway:
        query(gateway.port, day)
        alone, _, alone_cpu = several(gateway, day)
        create_orders(
            DB_NAME, options.closed, 'C', '2.25.1', 'done', 'completed',
            start, -dt.timedelta(minutes=1), **needed)
        query(gateway.port, day)
        for dates, limit in [(day, 0.3), (days, 5)]:
            seconds, answers, computed = several(gateway, dates)
            rows.append((
                    f"{answers} answers of {options.open} open orders",
                    seconds, limit, 's',
                    f"the gateway computes {computed:.2f} s"))
            if dates == day:
                growth = seconds / alone, computed / max(alone_cpu, 0.01)
        rows.append((
                f"the same with {options.closed} closed ones, to none",
                min(growth), 1.3, '×', f"{alone:.3f} s before"))
        before = memory(gateway.process)
        with ThreadPoolExecutor(50) as executor:
            begin = time.perf_counter()
            counts = {count for count, _ in executor.map(
                    lambda _: query(gateway.port, day), range(50))}
            seconds = time.perf_counter() - begin
        rows.append((
                "50 associations at once", seconds, 30, 's',
                f"{counts} answers each"))
        for _ in range(10):
            query(gateway.port, days)
        rows.append((
                "Growth of its memory by 50 associations and 20,000 answers",
                memory(gateway.process) - before, 30, 'MiB',
                f"to {memory(gateway.process)} MiB"))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--open', type=int, default=10_000)
    parser.add_argument('--closed', type=int, default=1_000_000)
    parser.add_argument(
        '--inside', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    with database_of_its_own(options.inside) as inside:
        if inside:
            print(json.dumps(measure(options)))


if __name__ == '__main__':
    main()

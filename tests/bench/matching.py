# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What matching adds to the first synchronization, on PostgreSQL.

    python -m tests.bench.matching --count 20000

The same studies are synchronized in turn into a database where each of them
has a patient, and into one without any, each time by another server.
"""
import argparse
import datetime as dt
import os
import sys
import time
from pathlib import Path

from . import ours
from .process import ROOT, answer, run
from .studies import filled_server, values
from demo.orthanc_server import COMMAND
from tests.postgresql import running_postgresql

LIMIT = 0.15
DATABASES = {'without': 'matching_without', 'with': 'matching_with'}


def register(count):
    "Register a patient for each study, by SQL: it is not what is measured"
    from sql import Literal

    from trytond.pool import Pool
    from trytond.transaction import Transaction

    ours._start()
    pool = Pool(os.environ['DB_NAME'])
    with Transaction().start(pool.database_name, 0) as transaction:
        party = pool.get('party.party').__table__()
        local = pool.get('gnuhealth.patient').__table__()
        cursor = transaction.connection.cursor()
        registered = dt.datetime.now() - dt.timedelta(days=1)
        rows = []
        for number in range(count):
            study = values(number)
            lastname, name = study['patient_name'].split('^')
            rows.append([
                    name, lastname, study['patient_id'],
                    study['patient_id'],
                    dt.datetime.strptime(
                        study['birth_date'], '%Y%m%d').date(),
                    'f', True, True, True, registered])
        columns = [
            party.name, party.lastname, party.ref, party.code, party.dob,
            party.gender, party.active, party.is_person, party.is_patient,
            party.create_date]
        for start in range(0, count, 1000):
            cursor.execute(*party.insert(
                    columns, rows[start:start + 1000]))
        cursor.execute(*local.insert(
                [local.party, local.active, local.create_date],
                party.select(
                    party.id, Literal(True), party.create_date,
                    where=party.ref.like('BENCH-%'))))
        transaction.commit()
        cursor.execute('ANALYZE')
    return count


def synchronize(server):
    """Synchronize the server; cpu is what it took of the processors.

    That of this process and of the database's, in seconds: other work on the
    machine tells in it less than in the time that passes.
    """
    before = time.process_time()
    figures = ours.synchronize(server)
    figures['cpu'] = time.process_time() - before + _database_seconds()
    return figures


def _database_seconds():
    "Return the time that the database took for this process"
    from trytond.pool import Pool
    from trytond.transaction import Transaction

    with Transaction().start(Pool(os.environ['DB_NAME']).database_name, 0):
        cursor = Transaction().connection.cursor()
        cursor.execute(
            'SELECT pid FROM pg_stat_activity WHERE datname = '
            'current_database()')
        pids = [pid for pid, in cursor]
    ticks = 0
    for pid in pids:
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2]
        ticks += sum(map(int, fields.split()[11:13]))
    return ticks / os.sysconf('SC_CLK_TCK')


def linked(server):
    "Return how many studies of the server are linked"
    from trytond.pool import Pool
    from trytond.transaction import Transaction

    ours._start()
    pool = Pool(os.environ['DB_NAME'])
    with Transaction().start(pool.database_name, 0):
        return pool.get('gnuhealth.orthanc.study').search([
                ('server', '=', server), ('local_patient', '!=', None)],
            count=True)


def measure(count, repeat, command):
    "Return the seconds of each run by database: passed, and of processors"
    seconds = {name: [] for name in DATABASES}
    orthanc = filled_server(
        ROOT / '.cache' / 'bench' / 'matching', count, command=command)
    with running_postgresql() as environment, orthanc:
        for name, database in DATABASES.items():
            act(environment, database, 'prepare', login='reader')
            if name == 'with':
                act(environment, database, 'register', count=count)
        for number in range(repeat):
            for name, database in DATABASES.items():
                server = act(
                    environment, database, 'add_server',
                    label=f'Server {number}', url=orthanc.url,
                    username=orthanc.username, password=orthanc.password)
                figures = act(
                    environment, database, 'synchronize', server=server)
                found = act(environment, database, 'linked', server=server)
                expected = count if name == 'with' else 0
                if found != expected:
                    raise RuntimeError(f"{found} linked, not {expected}")
                seconds[name].append((figures['seconds'], figures['cpu']))
                print(
                    f"{name:8} {figures['seconds']:6.2f} s "
                    f"{count / figures['seconds']:6.0f}/s "
                    f"{figures['cpu']:6.2f} s of the processors",
                    flush=True)
    return seconds


def act(environment, database, action, **options):
    return run(
        sys.executable, __spec__.name, {**environment, 'DB_NAME': database},
        action, **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--count', type=int, default=20_000)
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--orthanc', default=COMMAND)
    options = parser.parse_args()
    seconds = measure(options.count, options.repeat, options.orthanc)
    for number, name in enumerate(['time', 'processor time']):
        # The least of each: what else the machine does can but add to it
        least = {
            database: min(run[number] for run in runs)
            for database, runs in seconds.items()}
        added = least['with'] / least['without'] - 1
        print(
            f"Matching adds {added:.1%} to the {name} of the first "
            f"synchronization of {options.count} studies "
            f"(at most {LIMIT:.0%}: "
            f"{'reached' if added <= LIMIT else 'missed'})")


if __name__ == '__main__':
    if sys.argv[1:2] and sys.argv[1] in {
            'prepare', 'register', 'add_server', 'synchronize', 'linked'}:
        answer({
                'prepare': ours.prepare, 'register': register,
                'add_server': ours.add_server,
                'synchronize': synchronize, 'linked': linked})
    else:
        main()

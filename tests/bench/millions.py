# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run takes for a server that has millions of studies.

    python -m tests.bench.millions [--count 1000000]

The studies are rows in a PostgreSQL of its own, the server is a stand-in that
lists them. Printed are the time, and the most memory of the process: where
nothing is to be done, where all studies are compared, and where one of a
hundred is gone.
"""
import argparse
import os
import sys

from tests.faults.misbehaving import SYSTEM, MisbehavingServer, json_answer
from tests.postgresql import running_postgresql

from . import process

_DATABASE = 'millions'
_GONE = 100  # one of so many
_OURS = 'tests.bench.ours'


def orthanc_id(number):
    "Return an ID of the form that Orthanc's have"
    return '-'.join([f'{number * 2654435761 % 2 ** 32:08x}'] * 5)


def query(statement, *arguments):
    import psycopg2
    connection = psycopg2.connect(dbname=_DATABASE)
    connection.autocommit = True
    connection.cursor().execute(statement, arguments)
    connection.close()


def fill(server, count):
    "Make the studies of the server, as if they had been read"
    patients = count // 5
    query(
        'INSERT INTO gnuhealth_orthanc_patient'
        ' (id, server, orthanc_id, match)'
        " SELECT n + 1, %s, 'p' || n, 'studies'"
        ' FROM generate_series(0, %s) AS n', server, patients - 1)
    query(
        'INSERT INTO gnuhealth_orthanc_study'
        ' (server, orthanc_id, patient, match, study_instance_uid, stable,'
        ' image_count, series_count)'
        " SELECT %s, substr(repeat('-' || lpad(to_hex("
        "n * 2654435761 %% 4294967296), 8, '0'), 5), 2), n %% %s + 1,"
        " 'unmatched', '2.25.' || n, true, 1, 1"
        ' FROM generate_series(0::bigint, %s) AS n',
        server, patients, count - 1)
    query(
        'UPDATE gnuhealth_orthanc_config SET cursor = 0, walk = NULL,'
        " walked_at = localtimestamp, last_success = localtimestamp,"
        " identity = 'Fake||None|None'")
    query('VACUUM ANALYZE')


class Huge(MisbehavingServer):
    "A stand-in that lists so many studies, but one of so many, of one image"

    def has(self, count, gone=None):
        ids = [
            orthanc_id(n) for n in range(count) if not gone or n % gone]
        self.paths = {
            '/system': json_answer(SYSTEM),
            '/changes': json_answer({'Changes': [], 'Last': 0, 'Done': True}),
            '/statistics': json_answer({
                    'CountPatients': count // 5, 'CountStudies': len(ids),
                    'CountSeries': len(ids), 'CountInstances': len(ids)}),
            '/studies': json_answer(ids)}


def measure(count):
    "Print what the runs take"
    def ours(action, **options):
        return process.run(
            sys.executable, _OURS, {'DB_NAME': _DATABASE}, action, **options)

    with Huge() as server:
        server.has(1)
        ours('prepare', login='doctor')
        id_ = ours(
            'add_server', label="Huge", url=server.url, username=None,
            password=None)
        fill(id_, count)
        for what, compared, gone in [
                ("nothing to do", 'localtimestamp', None),
                ("compared", 'NULL', None),
                (f"1 of {_GONE} gone", 'NULL', _GONE)]:
            server.has(count, gone)
            query(
                'UPDATE gnuhealth_orthanc_config'
                f' SET compared_at = {compared}')
            figures = ours('synchronize', server=id_)
            print(
                f"{count} studies, {what}: {figures['seconds']:.1f} s, "
                f"{figures['peak']:.0f} MiB", flush=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--count', type=int, default=1_000_000)
    options = parser.parse_args()
    with running_postgresql() as environment:
        os.environ.update(environment)
        measure(options.count)

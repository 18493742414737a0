# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run takes for a server that has millions of studies.

    python -m tests.bench.millions [--count 1000000]

The studies are rows in a PostgreSQL of its own, with orders, results and links
as tests.bench.size makes them; the server is a stand-in that lists them.
Printed are the time, and the most memory of the process: where nothing is to
be done, where all studies are compared, where one of a hundred is gone, and
where it is decided anew whose all are, as once a day.
"""
import argparse
import os
import sys

from . import process
from tests.faults.misbehaving import SYSTEM, MisbehavingServer, json_answer
from tests.postgresql import running_postgresql

_DATABASE = 'millions'
_GONE = 100  # one of so many


def query(statement, *arguments):
    import psycopg2
    connection = psycopg2.connect(dbname=_DATABASE)
    connection.autocommit = True
    connection.cursor().execute(statement, arguments)
    connection.close()


def fill(count):
    "Make the hospital, with one server"
    from .rows import fill as fill_rows
    from tests.tools import activate
    activate()
    fill_rows(count, 1)


class Huge(MisbehavingServer):
    "A stand-in that lists the studies, but one of so many"

    def has(self, count, gone=None):
        ids = [
            f's{n}' for n in range(count)
            # Some are missing
            if n % 1000 != 7 and not (gone and n % gone == 1)]
        self.paths = {
            '/system': json_answer(SYSTEM),
            '/changes': json_answer({'Changes': [], 'Last': 0, 'Done': True}),
            '/statistics': json_answer({
                    'CountPatients': count // 5, 'CountStudies': len(ids),
                    'CountSeries': len(ids),
                    'CountInstances': 10 * len(ids)}),
            '/studies': json_answer(ids)}


def measure(count):
    "Print what the runs take"
    def ours(action, module='tests.bench.ours', **options):
        return process.run(
            sys.executable, module, {'DB_NAME': _DATABASE}, action, **options)

    def tell(what, figures):
        print(
            f"{count} studies, {what}: {figures['seconds']:.1f} s, "
            f"{figures['peak']:.0f} MiB", flush=True)

    ours('fill', module='tests.bench.millions', count=count)
    with Huge() as server:
        query(
            'UPDATE gnuhealth_orthanc_config SET url = %s, validated = true,'
            ' cursor = 0, walked_at = localtimestamp,'
            " last_success = localtimestamp, identity = 'Fake||None|None'",
            server.url)
        for what, compared, gone in [
                ("the first after that", 'localtimestamp', None),
                ("nothing to do", 'localtimestamp', None),
                ("compared", 'NULL', None),
                (f"1 of {_GONE} gone", 'NULL', _GONE)]:
            server.has(count, gone)
            query(
                'UPDATE gnuhealth_orthanc_config'
                f' SET compared_at = {compared}')
            tell(what, ours('synchronize', server=1))
    tell("everything decided anew", ours('decide', server=1))


if __name__ == '__main__':
    if sys.argv[1:2] == ['fill']:
        process.answer({'fill': fill})
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--count', type=int, default=1_000_000)
    options = parser.parse_args()
    with running_postgresql() as environment:
        os.environ.update(environment, DB_NAME=_DATABASE)
        measure(options.count)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Synchronizations in processes of their own, which can be killed.

    >>> with Synchronizer(DB_NAME) as synchronizer:
    ...     process = synchronizer.begin(server, {'_PAGE': 2})
    ...     process.kill()
    ...     process.wait()
    True

Loading the modules takes longer than a run, so a process that has them loaded
forks another for each run. PostgreSQL only: SQLite's database in memory
belongs to one process.
"""
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

__all__ = ['Synchronizer', 'patched']

_APPLICATION = 'synchronizer'


class Synchronizer:
    "Begins runs in the database; a context manager"

    def __init__(self, database):
        self.database = database

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-m', __name__, self.database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        return self

    def __exit__(self, *args):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def begin(self, server, settings=None, dies_at=None):
        """Begin a run of the server with this database ID.

        settings are what patched takes. dies_at is where the
        process kills itself: what, 'statement' or 'commit', its number,
        counted from 1, and whether it is done before.
        """
        self._process.stdin.write(json.dumps(
                [server, settings or {}, dies_at]).encode() + b'\n')
        return _Process(
            self.database, int(self.read()), self._process.stdout, self.read)

    def read(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The synchronizer has ended.")
        return line


@contextmanager
def patched(settings):
    "Have values, by name, in place of those of the runs or the comparison"
    from trytond.modules.health_orthanc import comparison, sync
    with ExitStack() as stack:
        for name, value in settings.items():
            module = comparison if hasattr(comparison, name) else sync
            stack.enter_context(patch.object(module, name, value))
        yield


class _Process:
    "One run"

    def __init__(self, database, pid, output, read):
        self.database = database
        self.pid = pid
        self._output = output
        self._read = read

    def kill(self):
        # The process stays a zombie until the next begins: the ID is its own
        os.kill(self.pid, signal.SIGKILL)

    def ends_within(self, seconds):
        "Return whether it ends in that time"
        return bool(select.select([self._output], [], [], seconds)[0])

    def wait(self, timeout=60):
        "Wait for its end, and return whether it was killed"
        if not self.ends_within(timeout):
            self.kill()
            self._read()
            raise TimeoutError("The run does not end.")
        code = int(self._read())
        if code not in {0, -signal.SIGKILL}:
            raise RuntimeError(f"The run ended with {code}.")
        self._wait_for_database()
        return code != 0

    def _wait_for_database(self):
        "Wait until what the process had sent is done or rolled back"
        import psycopg2
        end = time.monotonic() + 20
        connection = psycopg2.connect(dbname=self.database)
        connection.autocommit = True
        try:
            cursor = connection.cursor()
            while time.monotonic() < end:
                cursor.execute(
                    "SELECT COUNT(*) FROM pg_stat_activity "
                    "WHERE application_name = %s", [_APPLICATION])
                if cursor.fetchone() == (0,):
                    return
                time.sleep(0.005)
        finally:
            connection.close()
        raise TimeoutError("The database still works for the run.")


def _serve(database):
    "Make the runs that the standard input asks for"
    from trytond.backend import Database
    from trytond.pool import Pool
    from trytond.transaction import Transaction
    Pool.start()
    with Transaction().start(database, 0, readonly=True):
        Pool(database).init()
    Database(database).close()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            try:
                _run(database, *json.loads(line))
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        print(
            end.si_status if end.si_code == os.CLD_EXITED
            else -end.si_status, flush=True)
        # Not before nobody can want to kill it any more
        select.select([sys.stdin], [], [])
        os.waitpid(pid, 0)


def _run(database, server, settings, dies_at):
    from trytond.modules.health_orthanc import sync
    from trytond.transaction import Transaction
    os.environ['TRYTOND_APPNAME'] = _APPLICATION
    with patched(settings):
        if dies_at:
            _die_at(*dies_at)
        with Transaction().start(database, 0):
            sync.synchronize(server)


def _die_at(what, number, done):
    "Have this process killed at a statement or commit"
    from trytond.backend.postgresql.database import LoggingCursor
    from trytond.transaction import Transaction
    owner, name = {
        'commit': (Transaction, 'commit'),
        'statement': (LoggingCursor, 'execute'),
        }[what]
    original, count = getattr(owner, name), itertools.count(1)

    def deadly(*args, **kwargs):
        its_time = next(count) == number
        if its_time and not done:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if its_time:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


if __name__ == '__main__':
    _serve(sys.argv[1])

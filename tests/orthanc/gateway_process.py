# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The gateway as a process of its own, for the database of the tests"
import os
import select
import subprocess
import sys
import time

from trytond.config import config
from trytond.tests.test_tryton import DB_NAME

from tests.modality import free_port

_SCRIPT = '-m', 'trytond.modules.health_orthanc.scripts.worklist'
_START = 60  # seconds


class GatewayProcess:
    "A context manager; port is where it answers"

    def __init__(self, *arguments, database=DB_NAME, port=None):
        self.port = port or free_port()
        self.process = subprocess.Popen(
            self.command(
                '--port', str(self.port), *arguments, database=database),
            env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True)
        self._wait()

    @staticmethod
    def command(*arguments, database=DB_NAME):
        return [
            sys.executable, '-W', 'ignore', *_SCRIPT, '-d', database,
            *arguments]

    @staticmethod
    def environment():
        uri = config.get('database', 'uri')
        return {**os.environ, 'TRYTOND_DATABASE__URI': uri}

    def _wait(self):
        end = time.monotonic() + _START
        while time.monotonic() < end and self.process.poll() is None:
            ready, _, _ = select.select([self.process.stdout], [], [], 1)
            if ready and ' answers at ' in self.process.stdout.readline():
                return
        self.stop()
        raise AssertionError("The gateway does not start")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stop()

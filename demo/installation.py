# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The demonstration's own GNU Health: its configuration, database, servers"
import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import requests
from cryptography.fernet import Fernet
from proteus import config

__all__ = ['Installation', 'InstallationError']

ROOT = Path(__file__).resolve().parent.parent
WEB_CLIENT = ROOT / '.cache' / 'sao'
MODULES = ['health_imaging', 'health_orthanc']
DATABASE = 'hospital'
CONFIGURATION = """\
[database]
uri = sqlite://
path = {folder}

[web]
listen = localhost:{port}
root = {web_client}

[cryptography]
fernet_key = {key}
"""


class InstallationError(Exception):
    "What a person can put right; the text says how"


class Installation:
    "Everything lies in the folder; it can be left and found again"

    def __init__(self, folder, port=8000, password='demo-hospital'):
        self.folder = Path(folder)
        self.port = port
        self.password = password
        self.configuration = self.folder / 'trytond.conf'

    @property
    def url(self):
        return f'http://localhost:{self.port}'

    @contextmanager
    def only_one(self):
        "Two demonstrations must not use one folder at the same time"
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / 'lock', 'w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InstallationError(
                    "The demonstration is already running; end it first."
                    ) from None
            yield

    def clean(self):
        "Remove what earlier demonstrations left"
        for path in self.folder.iterdir():
            if path.name == 'lock':
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def prepare(self):
        "Create the database, or bring it up to date with the modules"
        if not self.configuration.exists():
            self._configure()
        stamp = self.folder / 'modules'
        checksum = checksum_of_modules()
        if not stamp.exists() or stamp.read_text() != checksum:
            self._activate()
            stamp.write_text(checksum)

    def _configure(self):
        self.configuration.write_text(CONFIGURATION.format(
            folder=self.folder, port=self.port, web_client=WEB_CLIENT,
            key=Fernet.generate_key().decode()))
        self.configuration.chmod(0o600)

    def _activate(self):
        (self.folder / f'{DATABASE}.sqlite').touch()
        password = self.folder / 'password'
        password.write_text(self.password)
        log = self.folder / 'activation.log'
        with open(log, 'w') as output:
            done = subprocess.run(
                [self._program('trytond-admin'), '-c', self.configuration,
                    '-d', DATABASE, '--email', 'admin@example.com',
                    '--activate-dependencies', '-u', *MODULES],
                env={**os.environ, 'TRYTONPASSFILE': str(password)},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        password.unlink()
        if done.returncode:
            raise InstallationError(
                f"The modules can not be activated: see {log}")

    def connect(self):
        "Let proteus work in the database"
        return config.set_trytond(
            f'sqlite:///{DATABASE}', config_file=str(self.configuration))

    @contextmanager
    def running(self, web_client=True):
        """Serve the clients, and run the scheduled actions, meanwhile.

        Without web_client it does not matter whether that is there.
        """
        check_port_free(self.port)
        processes = []
        try:
            for name in ['trytond', 'trytond-cron']:
                with open(self.folder / f'{name}.log', 'a') as log:
                    processes.append(subprocess.Popen(
                        [self._program(name), '-c', self.configuration,
                            '-d', DATABASE],
                        stdin=subprocess.DEVNULL, stdout=log, stderr=log))
            self._await_server(processes[0], web_client)
            yield processes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()

    def _await_server(self, process, web_client):
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end:
            with suppress(requests.ConnectionError):
                answer = requests.get(self.url, timeout=10)
                if answer.ok or not web_client:
                    return
            time.sleep(0.2)
        raise InstallationError(
            f"The {'web client' if web_client else 'server'} does not start: "
            f"see {self.folder}/trytond.log")

    @staticmethod
    def _program(name):
        return Path(sys.executable).parent / name


def check_port_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('localhost', port))
        except OSError:
            raise InstallationError(
                f"Another program uses port {port}; end it, or give another "
                "port with --port.") from None


def free_port(preferred):
    "The preferred port where nobody uses it, else another one"
    for port in [preferred, 0]:
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise InstallationError("No port is free.")


def checksum_of_modules():
    digest = hashlib.sha256()
    for module in MODULES:
        for path in sorted((ROOT / module).rglob('*')):
            if path.is_file() and path.suffix != '.pyc':
                digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()

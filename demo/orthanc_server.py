# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Run an Orthanc server on this machine, for demonstration and tests"
import json
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

__all__ = ['COMMAND', 'OrthancServer', 'is_available', 'root_of']

# Debian installs to /usr/sbin, which is not in every user's path.  The
# variable can also be "chroot FOLDER Orthanc", for another Debian's Orthanc.
COMMAND = os.environ.get('ORTHANC') or shutil.which(
    'Orthanc', path=os.pathsep.join([os.environ['PATH'], '/usr/sbin'])
    ) or 'Orthanc'
_START = 30  # seconds
_STOP = 20


def is_available(command=COMMAND):
    "Return whether the program of command is installed"
    program, *arguments = shlex.split(command)
    if program == 'chroot':
        return any(
            (root_of(command) / d / arguments[1]).exists()
            for d in ('usr/sbin', 'usr/bin', 'usr/local/sbin'))
    return shutil.which(program) is not None


def root_of(command=COMMAND):
    "Return the folder that the program of command takes for its root"
    program, *arguments = shlex.split(command)
    return Path(arguments[0] if program == 'chroot' else '/')


def _free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    try:
        for socket_ in sockets:
            socket_.bind(('127.0.0.1', 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for socket_ in sockets:
            socket_.close()


class OrthancServer:
    """An Orthanc process with its own database; a context manager.

    folder keeps configuration, database and log (a temporary one by default,
    removed at the end), options are laid over the configuration, and command
    is the program to run.
    """

    def __init__(
            self, folder=None, *, username='orthanc', password='orthanc',
            command=COMMAND, threads=8, **options):
        self.username = username
        self.password = password
        self.threads = threads
        self._command = shlex.split(command)
        # In a chroot, Orthanc sees a path without that of its root.
        self._root = root_of(command)
        self._temporary = folder is None
        self.folder = Path(folder or tempfile.mkdtemp(
                prefix='orthanc-', dir=(
                    self._root / 'tmp' if self._root != Path('/') else None)))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = None
        self._local = threading.local()
        http_port, dicom_port = _free_ports(2)
        self.configuration = {
            'Name': "Orthanc",
            'HttpPort': http_port,
            'DicomPort': dicom_port,
            'DicomServerEnabled': False,
            'RemoteAccessAllowed': False,
            'AuthenticationEnabled': True,
            'RegisteredUsers': {username: password},
            'StorageDirectory': self._inside('database'),
            'IndexDirectory': self._inside('database'),
            'SyncStorageArea': False,
            'StableAge': 1,
            'HttpThreadsCount': 20,
            **options}

    def _inside(self, name):
        return str(Path('/') / (self.folder / name).relative_to(self._root))

    @property
    def port(self):
        return self.configuration['HttpPort']

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}/'

    @property
    def is_running(self):
        return self._process is not None and self._process.poll() is None

    @property
    def log(self):
        "What the server has printed"
        return (self.folder / 'orthanc.log').read_text(errors='replace')

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *args):
        if not self._temporary:
            self.stop()
        else:
            # Nobody will read what it would finish.
            self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        "Start the server, and return when it answers"
        (self.folder / 'orthanc.json').write_text(
            json.dumps(self.configuration))
        with open(self.folder / 'orthanc.log', 'ab') as log:
            self._process = subprocess.Popen(
                [*self._command, self._inside('orthanc.json')],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + _START
        while self.is_running and time.monotonic() < end:
            try:
                self.get('system')
                return
            except requests.ConnectionError:
                time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"Orthanc does not start: {self.log[-2000:]}")

    def stop(self):
        "Let the server finish its work, and return when it is gone"
        if not self.is_running:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        "End the server at once, as a power cut would"
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self):
        self.stop()
        self.start()

    def wipe(self):
        "Replace the database by a new one"
        self.stop()
        shutil.rmtree(self.folder / 'database')
        self.start()

    # The REST API

    def _request(self, method, path, data=None):
        if not hasattr(self._local, 'session'):
            session = self._local.session = requests.Session()
            session.trust_env = False
            session.auth = (self.username.encode(), self.password.encode())
            # Orthanc may close a connection when it is used once more
            session.mount(self.url, HTTPAdapter(max_retries=Retry(1)))
        if data is not None and not isinstance(data, bytes):
            data = json.dumps(data)
        response = self._local.session.request(
            method, self.url + path.lstrip('/'), data=data, timeout=300)
        response.raise_for_status()
        try:
            return response.json()
        except ValueError:
            return response.content

    def get(self, path):
        "Return the answer, decoded where it is JSON"
        return self._request('GET', path)

    def post(self, path, data):
        "Send data, bytes as they are and everything else as JSON"
        return self._request('POST', path, data)

    def put(self, path, data):
        return self._request('PUT', path, data)

    def delete(self, path):
        return self._request('DELETE', path)

    def upload(self, content):
        "Store the bytes of a DICOM file; return Orthanc's answer"
        return self.post('instances', content)

    def upload_all(self, contents):
        "Store many DICOM files at once; return the answers in order"
        with ThreadPoolExecutor(self.threads) as executor:
            return list(executor.map(self.upload, contents))

    def modify(self, path, **query):
        "Modify a resource as Orthanc's Replace={...} and Keep=[...] say"
        return self.post(f'{path.rstrip("/")}/modify', query)

    def clear_changes(self):
        "Empty the log of changes; its numbers continue"
        self.delete('changes')

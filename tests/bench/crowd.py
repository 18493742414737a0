# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let many people use the lists and search in them, and print the slowest.

    bin/bench crowd [--people 50] [--seconds 60] [--studies 20000]

The server runs as the documentation says to run it in production, with
PostgreSQL. Each person does over JSON-RPC what the web client does to open
the lists of studies and of requests and to search in them, looks at what was
found, and goes on. What is an error ends with 1.
"""
import argparse
import base64
import datetime as dt
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

import requests

from trytond.pool import Pool
from trytond.protocols.jsonrpc import JSONDecoder, JSONEncoder
from trytond.transaction import Transaction

from .__main__ import EXTENSIONS
from .process import ROOT, answer, run
from tests.postgresql import running_postgresql

DATABASE = 'crowd'
PASSWORD = 'a long enough password'
STUDY = 'gnuhealth.orthanc.study'
REQUEST = 'gnuhealth.imaging.test.request'
NAMES = ['SMITH', 'JONES', 'GARCIA', 'MUELLER', 'ROSSI', 'SILVA', 'KIM']


def prepare(people, studies):
    "Make the database with these rows and users"
    from proteus import Model

    from trytond.modules.health_orthanc import bulk

    from demo.hospital import create_patient, create_test, create_user
    from tests.tools import activate

    activate()
    for number in range(people):
        create_user(
            f'person{number}', 'health_imaging.group_health_imaging',
            password=PASSWORD)
    patient, test = create_patient(), create_test()
    doctor, = Model.get('gnuhealth.healthprofessional').find([])
    server = Model.get('gnuhealth.orthanc.config')(
        label="Main", url='http://127.0.0.1:1/')
    server.save()
    with Transaction().start(DATABASE, 0) as transaction:
        pool = Pool()
        Patient, Study = (
            pool.get(name) for name in ['gnuhealth.orthanc.patient', STUDY])
        bulk.insert(Patient, [{
                    'server': server.id, 'orthanc_id': f'p{n}',
                    'patient_id': f'P{n:06}', 'match': 'unmatched',
                    'name': f'{NAMES[n % 7]}^ANA{n % 97}',
                    } for n in range(studies // 2)])
        ids = [row[0] for row in bulk.known_rows(Patient, server.id, [
                    f'p{n}' for n in range(studies // 2)]).values()]
        bulk.insert(Study, [{
                    'server': server.id, 'orthanc_id': f's{n}',
                    'patient': ids[n // 2], 'patient_id': f'P{n // 2:06}',
                    'patient_name': f'{NAMES[n // 2 % 7]}^ANA{n // 2 % 97}',
                    'study_instance_uid': f'1.2.{n}', 'match': 'unmatched',
                    'date': dt.date(2020, 1, 1) + dt.timedelta(n % 2000),
                    'description': f"Chest {n % 50}", 'modalities': 'CT',
                    'accession_number': f'A{n:07}', 'image_count': 10,
                    } for n in range(studies)])
        pool.get(REQUEST).create([{
                    'patient': patient.id, 'requested_test': test.id,
                    'doctor': doctor.id} for _ in range(1000)])
        transaction.commit()


class Person:
    "Somebody with the web client"

    def __init__(self, url, number):
        self.url = f'{url}/{DATABASE}/'
        self.session = requests.Session()
        self.random = random.Random(number)
        login = f'person{number}'
        session = self.call(
            'common.db.login', login, {'password': PASSWORD}, 'en')
        credentials = ':'.join([login, *map(str, session)])
        self.session.headers['Authorization'] = 'Session ' + base64.b64encode(
            credentials.encode()).decode()
        self.context = self.call(
            'model.res.user.get_preferences', True, {})
        self.fields = {
            model: list(self.call(
                    f'model.{model}.fields_view_get', None, 'tree',
                    self.context)['fields'])
            for model in [STUDY, REQUEST]}

    def call(self, method, *params):

        response = self.session.post(
            self.url, data=json.dumps(
                {'id': 0, 'method': method, 'params': params},
                cls=JSONEncoder),
            headers={'Content-Type': 'application/json'}, timeout=120)
        response.raise_for_status()
        result = json.loads(response.text, object_hook=JSONDecoder())
        if result.get('error'):
            raise RuntimeError(result['error'])
        return result['result']

    def search(self):
        "Open a list or search in one; return what was done"
        number = self.random.randrange(10_000)
        what, model, domain = self.random.choice([
                ("Open the studies", STUDY, []),
                ("Search for a name", STUDY, [(
                            'rec_name', 'ilike',
                            f'%{NAMES[number % 7]}^ANA{number % 97}%')]),
                ("Search for an ID", STUDY, [
                        ('rec_name', 'ilike', f'%P{number:06}%')]),
                ("Search for a date", STUDY, [(
                            'date', '=', dt.date(2020, 1, 1)
                            + dt.timedelta(number % 2000))]),
                ("Open the requests", REQUEST, []),
                ])
        ids = self.call(
            f'model.{model}.search', domain, 0, 1000, None, self.context)
        if len(ids) == 1000:
            self.call(
                f'model.{model}.search_count', domain, 0, 100_000,
                self.context)
        self.call(
            f'model.{model}.read', ids[:100],
            ['rec_name', *self.fields[model]], self.context)
        return what


class Crowd:
    "What all of them did, in how many seconds, and which errors they had"

    def __init__(self, url, options):
        self.url, self.options = url, options
        self.seconds = defaultdict(list)
        self.errors = []
        self.lock = threading.Lock()

    def run(self):
        people = [Person(self.url, n) for n in range(self.options.people)]
        self.end = time.monotonic() + self.options.seconds
        threads = [
            threading.Thread(target=self.use, args=[p]) for p in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def use(self, person):
        while time.monotonic() < self.end:
            time.sleep(person.random.uniform(0, 2 * self.options.look))
            begin = time.monotonic()
            try:
                what = person.search()
            except Exception as exception:
                with self.lock:
                    self.errors.append(repr(exception))
            else:
                with self.lock:
                    self.seconds[what].append(time.monotonic() - begin)

    def print(self):
        for what, seconds in sorted(self.seconds.items()):
            seconds.sort()
            print(
                f"{what:<24} {len(seconds):>6} times   "
                f"half within {seconds[len(seconds) // 2]:.2f} s   "
                f"slowest {seconds[-1]:.2f} s")
        total = sum(map(len, self.seconds.values()))
        slowest = max(map(max, self.seconds.values()), default=0)
        print(
            f"{self.options.people} people, {total} searches, "
            f"{len(self.errors)} errors, slowest {slowest:.2f} s")
        for error in sorted(set(self.errors))[:10]:
            print(error)


@contextmanager
def production(environment):
    "Run the server as doc/configuration.rst says, and yield its address"
    with socket.socket() as listener:
        listener.bind(('localhost', 0))
        port = listener.getsockname()[1]
    url = f'http://localhost:{port}'
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / 'trytond.conf'
        configuration.write_text("[database]\nuri = postgresql://\n")
        with open(Path(folder) / 'log', 'w') as log:
            process = subprocess.Popen(
                [Path(sys.executable).parent / 'gunicorn',
                    f'--bind=localhost:{port}', '--workers=4',
                    '--worker-class=gthread', '--threads=16',
                    '--timeout=300', '--keep-alive=75',
                    'trytond.application:app'],
                cwd=ROOT, stdout=log, stderr=log, env={
                    **os.environ, **environment,
                    'TRYTOND_CONFIG': str(configuration),
                    'TRYTOND_DATABASE_NAMES': DATABASE})
        try:
            end = time.monotonic() + 120
            while time.monotonic() < end and process.poll() is None:
                try:
                    requests.post(f'{url}/', json={
                            'id': 0, 'method': 'common.server.version',
                            'params': []}, timeout=10).raise_for_status()
                except requests.RequestException:
                    time.sleep(.2)
                else:
                    break
            yield url
        finally:
            process.terminate()
            process.wait()


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog='bin/bench crowd', description=__doc__.partition('\n')[0])
    parser.add_argument('--people', type=int, default=50)
    parser.add_argument('--seconds', type=int, default=60)
    parser.add_argument('--studies', type=int, default=20_000)
    parser.add_argument(
        '--look', type=float, default=2, help=(
            "how many seconds a person looks at what was found "
            "(%(default)s)"))
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse_arguments(arguments)
    with running_postgresql() as environment:
        environment = {**environment, 'DB_NAME': DATABASE}
        run(
            sys.executable, 'tests.bench.crowd', environment, 'prepare',
            people=options.people, studies=options.studies)
        for statement in [*EXTENSIONS, 'ANALYZE']:
            subprocess.run(
                ['psql', '--quiet', '--no-psqlrc', f'--dbname={DATABASE}',
                    f'--command={statement}'], check=True,
                env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
        run(sys.executable, 'tests.bench.ours', environment, 'index')
        with production(environment) as url:
            crowd = Crowd(url, options)
            crowd.run()
    crowd.print()
    return 1 if crowd.errors else 0


if __name__ == '__main__':
    if sys.argv[1:2] == ['prepare']:
        answer({'prepare': prepare})
    else:
        sys.exit(main())

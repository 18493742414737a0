# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Synchronizing in processes of their own, as a hospital runs them."""
import datetime as dt
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import closing
from pathlib import Path

from proteus import Model
from trytond import backend
from trytond.config import config
from trytond.tests.test_tryton import DB_NAME, _sqlite_copy

from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer, is_available
from tests.tools import activate, create_patient, create_test

# One run with pages so small that a kill hits one of many
_RUN = '''
import sys
from trytond.pool import Pool
from trytond.transaction import Transaction
database, server = sys.argv[1], int(sys.argv[2])
Pool.start()
pool = Pool(database)
with Transaction().start(database, 0, readonly=True):
    pool.init()
from trytond.modules.health_orthanc import sync
sync._PAGE, sync._CHANGES = 5, 50
from trytond import backend
for _ in range(20):
    with Transaction().start(database, 0) as transaction:
        try:
            sync.synchronize(server)
            break
        except backend.DatabaseOperationalError:
            transaction.rollback()
'''


@unittest.skipUnless(is_available(), "Orthanc is not installed")
class ProcessesTestCase(unittest.TestCase):
    "Synchronize in several processes"

    @classmethod
    def setUpClass(cls):
        activate()

    def tearDown(self):
        Server = Model.get('gnuhealth.orthanc.config')
        for server in Server.find():
            server.delete()

    def setUp(self):
        self.orthanc = self.enterContext(OrthancServer())
        self.studies = 40
        self.orthanc.upload_all(
            content for n in range(self.studies)
            for content in generated_study(
                patient_id=f'P{n}', patient_name=f'Name^{n}'))
        self.add(self.orthanc.url, label="Main")

    def add(self, url, label):
        Server = Model.get('gnuhealth.orthanc.config')
        server = Server(
            label=label, url=url, username=self.orthanc.username,
            password=self.orthanc.password, timeout=5)
        server.save()
        server.click('check')
        server.reload()
        return server

    def share(self):
        "Make the database one that other processes can open"
        self.environment = {**os.environ}
        if backend.name == 'sqlite':
            folder = self.enterContext(tempfile.TemporaryDirectory())
            self.database = 'hospital'
            self.path = Path(folder) / 'hospital.sqlite'
            _sqlite_copy(str(self.path))
            self.environment['TRYTOND_DATABASE__PATH'] = folder
        else:
            self.database = DB_NAME
        self.environment['TRYTOND_DATABASE__URI'] = config.get(
            'database', 'uri')

    def query(self, query):
        if backend.name == 'sqlite':
            import sqlite3
            connection = sqlite3.connect(self.path)
        else:
            import psycopg2
            connection = psycopg2.connect(dbname=self.database)
        with closing(connection), connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else None

    def command(self, program, *arguments, **environment):
        return subprocess.Popen(
            [str(Path(sys.executable).parent / program),
                '-d', self.database, *arguments],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def finish(self, process):
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, output)
        return output

    def check(self):
        "Check that all studies are there, once, and nothing is left"
        ids = self.query(
            "SELECT orthanc_id FROM gnuhealth_orthanc_study "
            "WHERE missing_since IS NULL")
        self.assertEqual(
            sorted(id_ for id_, in ids), sorted(self.orthanc.get('studies')))
        (series, distinct), = self.query(
            "SELECT COUNT(*), COUNT(DISTINCT orthanc_id) "
            "FROM gnuhealth_orthanc_series")
        self.assertEqual((series, distinct), (self.studies, self.studies))

    def run_cron(self, **environment):
        # SQLite has one writer at a time, which trytond-cron is from the end
        # of the first action on: let ours be the only one
        self.query("UPDATE ir_cron SET next_call = '2999-01-01 00:00:00'")
        self.query(
            "UPDATE ir_cron SET next_call = NULL "
            "WHERE method = 'gnuhealth.orthanc.config|synchronize_all'")
        return self.finish(
            self.command('trytond-cron', '--once', **environment))

    def test_cron(self):
        "One run of trytond-cron without worker, with a broken server"
        broken = self.add(self.orthanc.url, label="Broken")
        self.share()
        self.query(
            "UPDATE gnuhealth_orthanc_config SET url = 'http://127.0.0.1:1/' "
            f"WHERE id = {broken.id}")
        self.run_cron()
        self.check()
        self.assertEqual(
            self.query(
                "SELECT label, error_reason FROM gnuhealth_orthanc_config "
                "ORDER BY label"),
            [("Broken", 'refused'), ("Main", None)])

    def test_cron_orders(self):
        "One run of trytond-cron brings a study to its order and its result"
        Request = Model.get('gnuhealth.imaging.test.request')
        patient = create_patient(
            puid='GNU1', name="Anna", lastname="Smith", gender='f',
            dob=dt.date(1980, 2, 1))
        request = Request(
            patient=patient, requested_test=create_test(modality='CR'))
        request.save()
        request.click('requested')
        request.click('generate_results')
        for content in generated_study(
                patient_id='GNU1', patient_name='Smith^Anna',
                birth_date='19800201', sex='F',
                accession_number=request.accession_number):
            self.orthanc.upload(content)
        self.share()
        self.run_cron()
        self.assertEqual(
            self.query(
                "SELECT request, match FROM "
                '"gnuhealth_imaging_test_request-gnuhealth_orthanc_study"'),
            [(request.id, 'accession_number')])
        self.assertEqual(
            self.query(
                "SELECT COUNT(*) FROM "
                '"gnuhealth_imaging_test_result-gnuhealth_orthanc_study"'),
            [(1,)])

    @unittest.skipIf(
        backend.name == 'sqlite', "SQLite has one writer at a time")
    def test_worker(self):
        "trytond-cron leaves the work to trytond-worker"
        self.share()
        with_worker = {'TRYTOND_QUEUE__WORKER': 'True'}
        self.run_cron(**with_worker)
        self.assertEqual(
            self.query("SELECT COUNT(*) FROM gnuhealth_orthanc_study"),
            [(0,)])
        worker = self.command(
            'trytond-worker', '-n', '2', '-t', '1', **with_worker)
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                time.sleep(0.2)
                if self.query(
                        "SELECT COUNT(*) FROM gnuhealth_orthanc_config "
                        "WHERE last_success IS NOT NULL") == [(1,)]:
                    break
        finally:
            worker.send_signal(signal.SIGINT)
            try:
                worker.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.communicate()
        self.check()

    def run_alone(self):
        id_, = self.query("SELECT id FROM gnuhealth_orthanc_config")[0]
        return subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', _RUN, self.database,
                str(id_)],
            env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def test_side_by_side(self):
        "Several runs of one server at once"
        self.share()
        for process in [self.run_alone() for _ in range(4)]:
            self.finish(process)
        self.finish(self.run_alone())
        self.check()
        self.assertEqual(
            self.query("SELECT running_until FROM gnuhealth_orthanc_config"),
            [(None,)])

    def test_killed(self):
        "A run that is killed leaves its last step"
        self.share()
        chance = random.Random(2)
        counts = [0]
        for _ in range(5):
            process = self.run_alone()
            begin = counts[-1]
            end = time.monotonic() + 30
            while (process.poll() is None and time.monotonic() < end
                    and self.count() == begin):
                time.sleep(0.001)
            time.sleep(chance.random() / 50)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            counts.append(self.count())
            # The claim of the killed run ends by itself, but much later
            self.query(
                "UPDATE gnuhealth_orthanc_config SET running_until = NULL")
        self.assertTrue(any(0 < n < self.studies for n in counts), counts)
        self.finish(self.run_alone())
        self.check()

    def count(self):
        (count,), = self.query("SELECT COUNT(*) FROM gnuhealth_orthanc_study")
        return count

    def test_claim(self):
        "A server that a run has claimed is left alone until the claim ends"
        self.share()
        set_until = (
            "UPDATE gnuhealth_orthanc_config SET running_until = '{}'")
        self.query(set_until.format('2999-01-01 00:00:00'))
        self.finish(self.run_alone())
        self.assertEqual(self.count(), 0)
        self.query(set_until.format('2001-01-01 00:00:00'))
        self.finish(self.run_alone())
        self.check()

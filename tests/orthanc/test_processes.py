# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Synchronizing in processes of their own, as a hospital runs them"
import datetime as dt
import itertools
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from proteus import Model

from trytond import backend
from trytond.exceptions import UserError
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer, is_available
from tests.faults.misbehaving import MisbehavingServer, ProxyServer, hang
from tests.orthanc.shared_database import SharedDatabase
from tests.tools import activate, create_patient, create_test, generate_result

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

_WITH_WORKER = {'TRYTOND_QUEUE__WORKER': 'True'}
_with_several_writers = unittest.skipIf(
    backend.name == 'sqlite', "SQLite has one writer at a time")


@unittest.skipUnless(is_available(), "Orthanc is not installed")
class ProcessesTestCase(unittest.TestCase):
    "Synchronize in several processes"

    @classmethod
    def setUpClass(cls):
        activate()

    def tearDown(self):
        # A server with links can not be deleted
        with Transaction().start(DB_NAME, 0):
            study = Pool().get('gnuhealth.orthanc.study').__table__()
            on_result = Pool().get(
                'gnuhealth.imaging.test.result-gnuhealth.orthanc.study')
            cursor = Transaction().connection.cursor()
            cursor.execute(*on_result.__table__().delete())
            cursor.execute(*study.update([study.local_patient], [None]))
            Transaction().commit()
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
        self.database = SharedDatabase(
            self.enterContext(tempfile.TemporaryDirectory()))
        self.query = self.database.query

    def command(self, program, *arguments, **environment):
        return subprocess.Popen(
            [str(Path(sys.executable).parent / program),
                '-d', self.database.name, *arguments],
            env={**self.database.environment, **environment},
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
            "FROM gnuhealth_orthanc_series WHERE missing_since IS NULL")
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
        generate_result(request)
        for content in generated_study(
                patient_id='GNU1', patient_name='Smith^Anna',
                birth_date='19800201', sex='F', date=dt.date.today(),
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

    @contextmanager
    def working(self):
        "With a trytond-worker of two processes; yields what it has printed"
        output = []
        worker = self.command(
            'trytond-worker', '-n', '2', '-t', '1', **_WITH_WORKER)
        try:
            yield output
        finally:
            worker.send_signal(signal.SIGINT)
            try:
                output += worker.communicate(timeout=20)[:1]
            except subprocess.TimeoutExpired:
                worker.kill()
                output += worker.communicate()[:1]

    def wait_for_success(self, count):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            time.sleep(0.2)
            if self.query(
                    "SELECT COUNT(*) FROM gnuhealth_orthanc_config "
                    "WHERE last_success IS NOT NULL") == [(count,)]:
                return
        self.fail("The workers do not synchronize.")

    @_with_several_writers
    def test_worker(self):
        "trytond-cron leaves the work to trytond-worker"
        self.share()
        self.run_cron(**_WITH_WORKER)
        self.assertEqual(
            self.query("SELECT COUNT(*) FROM gnuhealth_orthanc_study"),
            [(0,)])
        with self.working():
            self.wait_for_success(1)
        self.check()

    @_with_several_writers
    def test_trouble_delays_no_other(self):
        "While one server is silent the other is synchronized"
        silent = self.add(self.orthanc.url, label="A silent one")
        self.share()
        with MisbehavingServer(hang) as server:
            self.move(silent, server.url)
            self.query("UPDATE gnuhealth_orthanc_config SET timeout = 30")
            # The silent one is first, as it never had its turn
            self.query(
                "UPDATE gnuhealth_orthanc_config "
                "SET last_run = '2026-01-01 00:00:00' "
                f"WHERE id <> {silent.id}")
            self.run_cron(**_WITH_WORKER)
            with self.working():
                self.wait_for_success(1)
                self.assertTrue(server.requests)
                self.assertEqual(
                    self.query(
                        "SELECT label FROM gnuhealth_orthanc_config "
                        "WHERE running_until IS NOT NULL"),
                    [("A silent one",)])
        self.check()

    def move(self, server, url):
        "Change the URL without a check"
        self.query(
            f"UPDATE gnuhealth_orthanc_config SET url = '{url}' "
            f"WHERE id = {server.id}")

    @_with_several_writers
    def test_nothing_is_locked(self):
        "While a run waits for the server anybody can write anything"
        tables = [
            'gnuhealth_orthanc_config', 'gnuhealth_orthanc_patient',
            'gnuhealth_orthanc_study', 'gnuhealth_orthanc_series',
            'gnuhealth_patient', 'party_party', 'ir_cron', 'ir_queue']
        found = []

        def look(request, number):
            try:
                self.query("SET lock_timeout = '2s';" + ';'.join(
                        f"UPDATE {name} SET write_date = write_date"
                        for name in tables))
            except Exception as exception:
                found.append((request.path, str(exception)))

        self.share()
        server, = Model.get('gnuhealth.orthanc.config').find()
        with ProxyServer(self.orthanc.url, look) as proxy:
            self.move(server, proxy.url)
            for begin in [
                    lambda: self.finish(self.run_alone()),
                    lambda: server.click('sync'),
                    lambda: server.click('check'),
                    self.run_cron]:
                asked = len(proxy.requests)
                self.orthanc.upload_all(generated_study(
                        patient_id=f'NEW{asked}'))
                self.orthanc.delete(
                    f'studies/{self.orthanc.get("studies")[0]}')
                self.query(
                    "UPDATE gnuhealth_orthanc_config SET walked_at = NULL")
                begin()
                self.assertGreater(len(proxy.requests), asked)
        self.assertFalse(found)
        self.check()

    def run_alone(self, id_=None):
        if id_ is None:
            id_, = self.query("SELECT id FROM gnuhealth_orthanc_config")[0]
        return subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', _RUN, self.database.name,
                str(id_)],
            env=self.database.environment, stdin=subprocess.DEVNULL,
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

    @_with_several_writers
    def test_everything_at_once(self):
        "Scheduled actions, workers, the button and people, side by side"
        self.add(self.orthanc.url, label="Other")
        servers = Model.get('gnuhealth.orthanc.config').find()
        person = create_patient(puid='GNU9', name="Anna", lastname="Smith")
        self.share()
        proxies = [
            self.enterContext(ProxyServer(self.orthanc.url, self.note_port))
            for _ in servers]
        self.ports = {}
        for server, proxy in zip(servers, proxies, strict=True):
            self.move(server, proxy.url)
            self.finish(self.run_alone(server.id))
        linked = set()
        self.query("UPDATE ir_cron SET next_call = NULL "
            "WHERE method = 'gnuhealth.orthanc.config|synchronize_all'")
        with self.working() as first, self.working() as second:
            crons = [
                self.command('trytond-cron', '--once', **environment)
                for environment in [_WITH_WORKER, _WITH_WORKER, {}]]
            for round_ in itertools.count():
                self.orthanc.upload_all(generated_study(
                        patient_id=f'MORE{round_}'))
                self.orthanc.delete(
                    f'studies/{self.orthanc.get("studies")[0]}')
                for server in servers:
                    self.persist(self.push, server, round_)
                    linked.add(self.persist(self.link, server, person))
                if round_ >= 10 and all(c.poll() is not None for c in crons):
                    break
            for process in crons:
                self.finish(process)
            # What was in the queue
            self.query("DELETE FROM ir_queue WHERE dequeued_at IS NULL")
        for printed in [*first, *second]:
            self.assertNotIn("deadlock", printed)
            self.assertNotIn("UniqueViolation", printed)
        for server in servers:
            self.finish(self.run_alone(server.id))
            self.assertEqual(
                sorted(id_ for id_, in self.query(
                        "SELECT orthanc_id FROM gnuhealth_orthanc_study "
                        "WHERE missing_since IS NULL "
                        f"AND server = {server.id}")),
                sorted(self.orthanc.get('studies')))
            self.assertEqual(self.query(
                    "SELECT timeout, running_until, error_reason "
                    f"FROM gnuhealth_orthanc_config WHERE id = {server.id}"),
                [(10 + round_, None, None)])
        self.assertEqual(
            self.query(
                "SELECT id FROM gnuhealth_orthanc_patient "
                "WHERE match = 'manual' AND patient IS NOT NULL ORDER BY id"),
            sorted((id_,) for id_ in linked))
        self.assertEqual(
            self.query(
                "SELECT deadlocks FROM pg_stat_database "
                "WHERE datname = current_database()"), [(0,)])
        for asked in self.ports.values():
            # Each run has a connection of its own
            runs = [port for port, _ in groupby(port for port, _ in asked)]
            self.assertEqual(
                len(runs), len(set(runs)), f"two runs at once: {asked}")
            self.assertGreater(len(runs), 3)

    def note_port(self, request, number):
        self.ports.setdefault(request.server, []).append(
            (request.client_address[1], request.path))

    def push(self, server, round_):
        "The button, and a change of the server by the same person"
        server.reload()
        server.timeout = 10 + round_
        server.save()
        try:
            server.click('sync')
        except UserError as exception:
            # Somebody else's run is under way
            self.assertIn("already", exception.message)

    def link(self, server, person):
        "Link the next Orthanc patient by hand"
        Patient = Model.get('gnuhealth.orthanc.patient')
        patient = Patient.find([
                ('server', '=', server.id), ('match', '!=', 'manual'),
                ('missing_since', '=', None)], limit=1)[0]
        patient.patient = person
        patient.save()
        return patient.id

    def persist(self, function, *args):
        "Try again as trytond does for a client"
        try:
            return function(*args)
        except backend.DatabaseOperationalError as exception:
            self.assertNotIn("deadlock", str(exception))
        time.sleep(0.05)
        return self.persist(function, *args)

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

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that ended has given its claim back, whatever was in its way.

The disturbances are those of PostgreSQL: another transaction that changes the
row of the server or of a study, and connections that are cut.
"""
import contextlib
import random
import time
import unittest
from unittest.mock import patch

import psycopg2
from proteus import Model

from trytond import backend
from trytond.modules.health_orthanc import sync
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from tests.faults.fuzzer import Fuzzer
from tests.tools import activate, configured

ROUNDS = 20
SERVER = 'gnuhealth_orthanc_config'
HISTORY = 'gnuhealth_orthanc_synchronization'


@unittest.skipUnless(
    backend.name == 'postgresql', "SQLite has one writer at a time")
class ClaimTestCase(unittest.TestCase):

    def setUp(self):
        activate()
        self.random = random.Random(self.seed())
        self.other = psycopg2.connect(dbname=DB_NAME)
        self.other.autocommit = True
        self.addCleanup(self.other.close)
        self.query("SET lock_timeout = '100ms'")
        self.fuzzer = Fuzzer(1)
        self.fuzzer.spoil = 0
        self.fuzzer.random = self.random
        self.fuzzer.studies = {}
        self.fuzzer.__enter__()
        self.addCleanup(self.fuzzer.__exit__, None, None, None)
        Server = Model.get('gnuhealth.orthanc.config')
        server = Server(label="Main", url=self.fuzzer.url, validated=True)
        server.save()
        self.server = server.id

    def seed(self):
        seed = int(time.time())
        self.addCleanup(lambda: print(f"seed {seed}"))
        return seed

    def query(self, query):
        with self.other.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else None

    def rows(self):
        "Return how many runs the history tells of"
        (count,), = self.query(f"SELECT count(*) FROM {HISTORY}")
        return count

    # What is in the way

    def edit(self):
        "A person saves the form of the server"
        # Where the run has the row she would wait for it
        with contextlib.suppress(psycopg2.errors.LockNotAvailable):
            self.query(
                f"UPDATE {SERVER} SET timeout = 10 + timeout % 50 "
                f"WHERE id = {self.server}")

    def cut(self):
        "The connections are cut, as by a restart of the database"
        self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()")

    def refuse(self):
        raise backend.DatabaseOperationalError("for this test")

    def break_down(self):
        raise RuntimeError("for this test")

    def disturbed(self, owner, name, disturb, *numbers):
        "Let something happen before the calls of those numbers"
        original, calls = getattr(owner, name), iter(range(1000))

        def call(*args, **kwargs):
            if next(calls) in numbers:
                disturb()
            return original(*args, **kwargs)
        return patch.object(owner, name, call)

    def run_task(self):
        "As a worker does: with a task that is tried again, and then given up"
        for _ in range(5):
            try:
                with Transaction().start(DB_NAME, 1) as transaction:
                    Server = Pool().get('gnuhealth.orthanc.config')
                    Server.synchronize([Server(self.server)])
                    transaction.commit()
                return
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                time.sleep(0.02)

    def add_study(self, key, uid):
        "Let the server have another study"
        self.fuzzer.studies[key] = {
            'ID': key, 'Type': 'Study', 'Series': [f'x-{key}'],
            'ParentPatient': f'p-{key}',
            'MainDicomTags': {'StudyInstanceUID': uid},
            'PatientMainDicomTags': {'PatientID': key}}

    def test_many(self):
        Server = Pool(DB_NAME).get('gnuhealth.orthanc.config')
        Study = Pool(DB_NAME).get('gnuhealth.orthanc.study')
        History = Pool(DB_NAME).get('gnuhealth.orthanc.synchronization')
        places = [
            (Server, 'claim'), (Server, 'advance'), (Server, 'release'),
            (Server, 'connect'), (Server, 'note_success'),
            (Server, 'note_statistics'), (Server, 'held'), (Study, 'store'),
            (History, 'note'), (sync, '_finish'), (Transaction, 'commit')]
        disturbances = [self.edit, self.cut, self.refuse, self.break_down]
        for round_ in range(ROUNDS):
            owner, name = self.random.choice(places)
            disturb = self.random.choice(disturbances)
            number = self.random.choice([0, 0, 1, 2])
            self.query(
                f"UPDATE {SERVER} SET next_try = NULL WHERE id = 1")
            for i in range(3):
                self.add_study(f'study-{round_}-{i}', f'1.{round_}.{i}')
            before = self.rows()
            with self.subTest(
                    place=name, disturb=disturb.__name__, number=number):
                with self.disturbed(owner, name, disturb, number):
                    self.attempt()
                self.assertEqual(
                    self.query(f"SELECT running_until FROM {SERVER}"),
                    [(None,)])
                # A claim is the first step that it advances by
                if disturb != self.break_down or name not in {
                        'claim', 'advance', 'commit', 'release', 'note',
                        '_finish'}:
                    self.assertGreater(self.rows(), before)
        with configured('health_orthanc', timeout='5'):
            self.run_task()
        self.assertEqual(
            self.query(
                f"SELECT running_until, error_reason FROM {SERVER}"),
            [(None, None)])
        self.assertEqual(
            self.query(
                "SELECT count(*) FROM gnuhealth_orthanc_study "
                "WHERE missing_since IS NULL"),
            [(len(self.fuzzer.studies),)])

    def test_release(self):
        "What the database refuses for the moment is tried again"
        Server = Pool(DB_NAME).get('gnuhealth.orthanc.config')
        History = Pool(DB_NAME).get('gnuhealth.orthanc.synchronization')
        for owner, name in [(Server, 'release'), (History, 'note')]:
            for number, disturb in enumerate(
                    [self.edit, self.cut, self.refuse]):
                # A run that finds nothing leaves no row
                self.add_study(
                    f'{name}-{number}', f'2.{ord(name[0])}.{number}')
                before = self.rows()
                with self.subTest(place=name, disturb=disturb.__name__):
                    # Also when it is tried again
                    with self.disturbed(owner, name, disturb, 0, 1):
                        self.run_task()
                    self.assertEqual(
                        self.query(f"SELECT running_until FROM {SERVER}"),
                        [(None,)])
                    # A task whose connection was cut is run again
                    self.assertGreater(self.rows(), before)

    def attempt(self):
        # A defect where nothing can be noted is the queue's to log
        with contextlib.suppress(RuntimeError):
            self.run_task()

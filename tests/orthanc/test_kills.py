# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A run that is killed at each of its statements, one after the other"
import itertools
import unittest
from collections import deque

from trytond import backend
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from tests.orthanc.server_case import ServerTestCase
from tests.orthanc.synchronizer import Synchronizer


@unittest.skipIf(
    backend.name == 'sqlite', "SQLite in memory has one process")
class KillsTestCase(ServerTestCase):
    "Kill one synchronization after the other"

    def end_claim(self):
        "Wait, so to say, until the claim of the killed run ends"
        with Transaction().start(DB_NAME, 0):
            table = Pool().get('gnuhealth.orthanc.config').__table__()
            Transaction().connection.cursor().execute(*table.update(
                    [table.running_until], [None],
                    where=table.id == self.server.id))
            Transaction().commit()

    def test_each_statement(self):
        "One study takes the place of another, which only the log tells"
        # The counts agree, so that nothing else makes up for a lost step
        ids = deque(self.upload_many(5))
        numbers = itertools.count(1)
        with Synchronizer(DB_NAME) as synchronizer:
            killed = True
            while killed:
                number = next(numbers)
                # Nor is a study read for being received
                self.orthanc.kill()
                self.orthanc.start()
                self.sync()
                self.orthanc.delete(f'studies/{ids.popleft()}')
                ids.append(self.upload(
                    patient_id=f'NEW{number}', patient_name='New^One'))
                killed = synchronizer.begin(
                    self.server.id,
                    dies_at=('statement', number, True)).wait()
                self.end_claim()
                self.sync()
                self.check()
        self.assertGreater(number, 20)

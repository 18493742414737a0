# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The cursor says at each commit what is stored, whatever happens next"
import json
import unittest
from contextlib import contextmanager
from unittest.mock import patch

from trytond.modules.health_orthanc import client, sync
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from .scripted_orthanc import ScriptedOrthanc
from tests.faults.misbehaving import SYSTEM
from tests.tools import activate

# A database that several write, so that rows of the log can come late
SHARED = {**SYSTEM, 'DatabaseBackendPlugin': 'libPostgreSQL.so'}


class CursorTestCase(unittest.TestCase):
    "What a synchronization commits"

    @classmethod
    def setUpClass(cls):
        activate()

    def setUp(self):
        self.enterContext(Transaction().start(DB_NAME, 0))
        self.orthanc = self.enterContext(ScriptedOrthanc())
        Server = Pool().get('gnuhealth.orthanc.config')
        server, = Server.create([{
                    'label': self.id(), 'url': self.orthanc.url,
                    'validated': True}])
        Transaction().commit()
        self.server = server.id
        self.commits = []

    def committed(self):
        "Return the cursor, the anchor and the studies stored"
        pool = Pool()
        server = pool.get('gnuhealth.orthanc.config').__table__()
        study = pool.get('gnuhealth.orthanc.study').__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*server.select(
                server.cursor, server.anchor, server.validated,
                where=server.id == self.server))
        (seq, anchor, _), = cursor.fetchall()
        cursor.execute(*study.select(
                study.orthanc_id, where=study.server == self.server))
        return (
            seq, json.loads(anchor) if anchor else None,
            {id_ for id_, in cursor.fetchall()})

    @contextmanager
    def watched(self):
        "Note what each commit leaves"
        commit = Transaction.commit

        def watched(transaction):
            commit(transaction)
            self.commits.append(self.committed())

        with patch.object(Transaction, 'commit', watched):
            yield

    def synchronize(self, page=1000, changes=20_000):
        with self.watched(), patch.multiple(
                sync, _PAGE=page, _CHANGES=changes):
            sync.synchronize(self.server)
        Server = Pool().get('gnuhealth.orthanc.config')
        self.assertIsNone(Server(self.server).last_error)

    def check(self):
        "Each commit has the rows up to its cursor, anchored to the last"
        rows = {row['Seq']: row for row in self.orthanc.changes}
        for seq, anchor, stored in self.commits:
            self.assertGreaterEqual(stored, {
                    row['ID'] for number, row in rows.items()
                    if number <= seq})
            self.assertEqual(anchor, seq and [
                    rows[seq][name] for name in [
                        'Seq', 'ChangeType', 'ResourceType', 'ID', 'Date']]
                or None)
        cursors = [seq for seq, *_ in self.commits]
        self.assertEqual(cursors, sorted(cursors))

    def first(self):
        "The first run, of an empty server"
        self.synchronize()
        self.commits.clear()

    def test_committed_with_its_rows(self):
        self.first()
        for number in range(7):
            self.orthanc.add(f's{number}')
        self.synchronize(changes=2)
        self.check()
        # Nor does any commit have rows that its cursor does not tell
        for seq, _, stored in self.commits:
            self.assertEqual(len(stored), seq)
        self.assertEqual(
            sorted({seq for seq, *_ in self.commits}), [0, 2, 4, 6, 7])

    def test_anchored_to_the_page_that_was_stored(self):
        "Not to what the server logs meanwhile"
        self.first()

        left = iter(range(10))

        def goes_on(request):
            if request.path.startswith('/tools'):
                for _ in left:
                    self.orthanc.log('StableStudy', 's0')
                    break

        for number in range(3):
            self.orthanc.add(f's{number}')
        self.orthanc.before = goes_on
        self.synchronize(changes=2)
        self.orthanc.before = lambda request: None
        self.synchronize()
        self.check()
        self.assertEqual(self.commits[-1][0], self.orthanc.last)

    def test_first_run(self):
        "It begins after what the log had before the studies were read"
        for number in range(5):
            self.orthanc.add(f's{number}')
        read = []

        def grows(request):
            if 'expand' in request.path and not read:
                read.append(request)
                self.orthanc.add('late')

        self.orthanc.before = grows
        self.synchronize(page=2)
        heads = {seq for seq, _, stored in self.commits if not stored}
        self.assertEqual(heads - {None}, {5})
        self.assertEqual(self.commits[-1][0], 6)
        self.assertEqual(len(self.commits[-1][2]), 6)

    def test_never_goes_back(self):
        "Where rows that were read before come once more"
        self.orthanc.system = SHARED
        self.first()
        for number in range(5):
            self.orthanc.add(f's{number}')
        self.synchronize()
        self.synchronize()
        self.orthanc.add('s9', log=False)
        # It was written before, and is seen only now
        self.orthanc.log('NewStudy', 's9', seq=3)
        self.synchronize()
        cursors = [seq for seq, *_ in self.commits]
        self.assertEqual(cursors, sorted(cursors))
        seq, anchor, stored = self.commits[-1]
        self.assertEqual((seq, anchor[0]), (5, 5))
        self.assertIn('s9', stored)

    def test_lost_midway(self):
        "Where it breaks off it goes on"
        self.first()
        for number in range(6):
            self.orthanc.add(f's{number}')

        def breaks_off(request):
            if 'since=4' in request.path:
                raise ConnectionResetError

        self.orthanc.before = breaks_off
        with self.watched(), patch.multiple(sync, _CHANGES=2):
            sync.synchronize(self.server)
        self.check()
        self.assertEqual(self.commits[-1][0], 4)
        self.orthanc.before = lambda request: None
        self.synchronize()
        self.check()
        self.assertEqual(len(self.commits[-1][2]), 6)

    def test_list_of_many(self):
        "The list of all is as long as what is known, also for a few new ones"
        self.orthanc.system = {
            **SYSTEM, 'Capabilities': {
                'HasExtendedChanges': True, 'HasExtendedFind': True}}
        for number in range(1500):
            self.orthanc.add(f'{number:044}')
        self.synchronize()
        for number in range(1500, 1550):
            self.orthanc.add(f'{number:044}')
        asked = []
        self.orthanc.before = lambda request: asked.append(request.path)
        # That is not enough for these
        with patch.object(client, '_MOST_STUDIES', 10):
            self.synchronize()
        self.assertEqual(len(self.commits[-1][2]), 1550)
        # Else it would be asked for, in vain, and for half of them each
        self.assertEqual(asked.count('/studies'), 1)
        self.assertEqual(asked.count('/tools/bulk-content'), 1)


if __name__ == '__main__':
    unittest.main()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Logs of changes that never end: a press of the button asks a little only"
import itertools
import logging
import unittest
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from trytond.modules.health_orthanc import sync
from trytond.transaction import Transaction

from ..module.access_records import create
from ..tools import activate, configured
from .misbehaving import SYSTEM, MisbehavingServer, json_answer

SERVER = 'gnuhealth.orthanc.config'
# Of a run: what the server is, how much it has, and its log as far as it is
# read
MOST_REQUESTS = 10 + 3 * sync._SHORT_PAGES
# How often a run is gone on with at once, at most
MOST_RUNS = 5
STATISTICS = dict.fromkeys([
        'CountPatients', 'CountStudies', 'CountSeries', 'CountInstances'], 0)


class EndlessLog:
    "A server whose log of changes has always more"

    def __init__(self, size, step=1, begin=1):
        # How many rows a page has, and from which to which
        self.size, self.step = size, step
        self.begin = begin
        self.names = itertools.count()

    def __call__(self, request):
        url = urlsplit(request.path)
        if url.path != '/changes':
            json_answer([])(request)
            return
        query = parse_qs(url.query, keep_blank_values=True)
        since = int(query.get('since', ['0'])[0])
        size = 1 if 'last' in query else self.size
        rows = [
            self.row(since + self.begin + n * self.step)
            for n in range(size)]
        json_answer({
                'Changes': rows, 'Done': False,
                'Last': since + 10 ** 6})(request)

    def row(self, seq):
        return {
            'ChangeType': 'NewStudy', 'ResourceType': 'Study', 'ID': 'a',
            'Seq': seq, 'Date': '20260101T120000'}


class OtherLog(EndlessLog):
    "A server whose log is another one each time"

    def row(self, seq):
        return {**super().row(seq), 'ID': f'x{next(self.names)}'}


class PaceTestCase(unittest.TestCase):
    "Test how much is asked of a server whose log never ends"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = activate()

    def press(self, server):
        """Synchronize as a worker does; return how often.

        A worker takes what is queued at once.
        """
        for run in range(1, MOST_RUNS + 1):
            with Transaction().start(self.config.database_name, 0):
                if not sync.synchronize(server):
                    return run
        return run

    def outcome(self, server):
        with Transaction().start(self.config.database_name, 0):
            record = self.config.pool.get(SERVER)(server)
            return record.last_error, record.is_running()

    def test_endless(self):
        "Whatever its pages are like, a press of the button ends"
        logging.disable()
        self.addCleanup(logging.disable, logging.NOTSET)
        logs = {
            "one row": EndlessLog(1),
            "some rows": EndlessLog(50),
            "far apart": EndlessLog(3, step=1000),
            "always the same": EndlessLog(1, begin=0),
            "backwards": EndlessLog(2, step=-1),
            "empty": EndlessLog(0),
            "another each time": OtherLog(2),
            }
        for name, log in logs.items():
            with self.subTest(name), MisbehavingServer(log, paths={
                        '/system': json_answer(SYSTEM),
                        '/statistics': json_answer(STATISTICS)}) as fake:
                server = create(SERVER, {
                        'label': name, 'url': fake.url, 'validated': True})
                for press in [1, 2]:
                    self.assertEqual(self.press(server), 1)
                    self.assertLess(
                        len(fake.requests), press * MOST_REQUESTS)
                    self.assertFalse(self.outcome(server)[1])

    def test_full(self):
        "Full pages are read until the time is over, and then by and by"
        with patch.object(sync, '_CHANGES', 2), \
                configured('health_orthanc', run_budget='1'), \
                MisbehavingServer(EndlessLog(10), paths={
                    '/system': json_answer(SYSTEM),
                    '/statistics': json_answer(STATISTICS)}) as fake:
            server = create(SERVER, {
                    'label': "Full", 'url': fake.url, 'validated': True})
            self.assertEqual(self.press(server), 1)
            self.assertGreater(len(fake.requests), MOST_REQUESTS)
            self.assertEqual(self.outcome(server), (None, False))

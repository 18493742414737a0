# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What is set aside is tried again, less and less often"
import datetime as dt
import unittest

from trytond.modules.health_orthanc import bulk
from trytond.pool import Pool

from .stored import StoredTestCase


class SetAsideTestCase(StoredTestCase):
    "Studies that could not be stored"

    def setUp(self):
        super().setUp()
        self.SetAside = Pool().get('gnuhealth.orthanc.set_aside')

    def note(self, *failed, read=()):
        self.SetAside.note(
            self.server.id, {*failed, *read},
            dict.fromkeys(failed, {
                    'error_reason': 'missing',
                    'error_detail': 'StudyInstanceUID', 'image_count': 2}))
        return {
            row.orthanc_id: row for row in self.SetAside.search([])}

    def test_wait_doubles(self):
        waits = []
        for tries in range(1, 14):
            before = bulk.now()
            row = self.note('s')['s']
            self.assertEqual(row.tries, tries)
            waits.append((row.next_try - before) // dt.timedelta(minutes=15))
        # Up to a day
        self.assertEqual(waits[:9], [1, 2, 4, 8, 16, 32, 64, 96, 96])
        self.assertEqual(set(waits[9:]), {96})

    def test_each_its_own_wait(self):
        self.note('old')
        rows = self.note('old', 'new')
        self.assertGreater(rows['old'].next_try, rows['new'].next_try)
        self.assertEqual(
            [row.orthanc_id for row in self.SetAside.search([])],
            ['new', 'old'])

    def ids(self, method, server=None):
        "Return what a method says of a server"
        return set(getattr(self.SetAside, method)(server or self.server.id))

    def test_waiting_and_due(self):
        self.note('s', 't')
        row = self.note()['t']
        self.SetAside.write([row], {'next_try': bulk.now()})
        self.assertEqual(self.ids('due'), {'t'})
        self.assertEqual(self.ids('waiting'), {'s'})
        self.SetAside.write([row], {'next_try': None})
        self.assertEqual(self.ids('due'), {'t'})
        self.assertEqual(self.ids('known'), {'s', 't'})

    def test_read_at_last(self):
        "Only what was read is set aside no longer"
        self.note('s', 't', 'u')
        self.assertEqual(set(self.note('t', read=['s'])), {'t', 'u'})

    def test_of_one_server(self):
        other = self.new_server("Other")
        self.note('s')
        for method in ['due', 'waiting', 'known']:
            self.assertEqual(self.ids(method, other.id), set())
        self.SetAside.forget(other.id, {'s'})
        self.SetAside.note(other.id, {'s'}, {})
        self.assertEqual(set(self.note()), {'s'})


if __name__ == '__main__':
    unittest.main()

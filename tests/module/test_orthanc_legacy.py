# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken over of GNU Health's own health_orthanc, row by row."""
import datetime as dt
import unittest

from sql import Column, Table
from trytond.modules.health_orthanc import legacy
from trytond.transaction import Transaction

from tests.tools import create_patient

from .stored import ANNA, NOBODY, StoredTestCase, orthanc_study

_TABLE = 'gnuhealth_imaging_orthanc_study'


class LegacyTestCase(StoredTestCase):
    "Links of GNU Health's own module"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Another record of Anna, whom no name or birth date tells from her
        cls.double = create_patient(
            puid='GNU3', name="Anna", lastname="Smith", gender='f',
            dob=dt.date(1980, 2, 1)).id

    def take_over(self, *rows):
        "Take over the rows: the Orthanc ID, the patient and the result"
        cursor = Transaction().connection.cursor()
        cursor.execute(
            f'CREATE TABLE {_TABLE} (id INTEGER PRIMARY KEY, server VARCHAR, '
            '"orthanc_UID" VARCHAR, patient INTEGER, imaging_test INTEGER)')
        table = Table(_TABLE)
        names = ['id', 'server', 'orthanc_UID', 'patient', 'imaging_test']
        for number, row in enumerate(rows, 1):
            cursor.execute(*table.insert(
                    [Column(table, name) for name in names],
                    [[number, self.server.url, *row]]))
        legacy.take_over(self.server.id)

    def test_nobody_yet(self):
        study, = self.store(orthanc_study(
                's', **{**ANNA, 'patient_id': 'X1'}))
        self.take_over(('s', self.double, None))
        study = self.study(study)
        self.assertEqual(study.local_patient.id, self.double)
        self.assertEqual(study.match, 'manual')

    def test_linked_already(self):
        "What says whose it is now is not overruled"
        study, = self.store(orthanc_study('s', **ANNA))
        self.take_over(('s', self.double, None))
        study = self.study(study)
        self.assertEqual(study.local_patient.id, self.anna)
        self.assertEqual(study.match, 'identifier')
        self.assertEqual(list(study.decisions), [])

    def test_contradiction(self):
        study, = self.store(orthanc_study('s', **NOBODY))
        self.take_over(('s', self.anna, None))
        self.assertIsNone(self.study(study).local_patient)

    def test_result(self):
        "Only of the patient whose study it is"
        mine, other = self.store(
            orthanc_study('mine', **ANNA),
            orthanc_study('other', uid='1.2.4', **NOBODY))
        result = self.result(self.anna)
        self.take_over(
            ('mine', None, result.id), ('other', None, result.id))
        self.assertEqual(
            [r.id for r in self.study(mine).results], [result.id])
        self.assertEqual(list(self.study(other).results), [])

    def test_nothing_there(self):
        study, = self.store(orthanc_study('s', **NOBODY))
        legacy.take_over(self.server.id)
        self.assertIsNone(self.study(study).local_patient)


if __name__ == '__main__':
    unittest.main()

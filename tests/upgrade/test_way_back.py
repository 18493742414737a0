# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The way back of doc/switch.rst, and what happens to who takes another"
import tempfile
import unittest
from pathlib import Path

from . import databases
from .databases import NEW_MODULES, Failed
from .snapshot import Snapshot


class WayBackTestCase(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.backend = databases.backend()
        cls.addClassCleanup(cls.backend.close)
        cls.backend.restore(databases.old_hospital(cls.backend), 'hospital')
        cls.addClassCleanup(cls.backend.drop, 'hospital')
        cls.before = databases.old_lists(cls.backend, 'hospital')
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.backend.dump('hospital', folder / 'backup')
        databases.update(cls.backend, 'hospital', NEW_MODULES)
        cls.upgraded = databases.old_lists(cls.backend, 'hospital')
        cls.taken = cls.taken_over()
        try:
            cls.reason = databases.update(
                cls.backend, 'hospital', NEW_MODULES, bin_=databases.OLD)
        except Failed as failure:
            cls.reason = str(failure)
        databases.update(cls.backend, 'hospital', NEW_MODULES)
        cls.taken_again = cls.taken_over()
        cls.backend.drop('hospital')
        cls.backend.restore(folder / 'backup', 'hospital')
        cls.restored = databases.old_lists(cls.backend, 'hospital')

    @classmethod
    def taken_over(cls):
        snapshot = Snapshot(cls.backend, 'hospital')
        return {
            table: snapshot.rows(table) for table in [
                'gnuhealth_orthanc_taken_over', 'gnuhealth_orthanc_study',
                'gnuhealth_orthanc_series', 'gnuhealth_orthanc_patient',
                'gnuhealth_orthanc_config']}

    def test_before(self):
        for model, length in self.before.items():
            with self.subTest(model=model):
                self.assertGreater(length, 0)

    def test_backup(self):
        "The old modules work with the backup, and the add-ons with them"
        self.assertEqual(self.restored, self.before)

    def test_lists(self):
        "Old modules on an updated database: servers fail, studies are stale"
        different = {
            model: length for model, length in self.upgraded.items()
            if length != self.before[model]}
        self.assertEqual([*different], ['gnuhealth.orthanc.config'])
        self.assertIn('domain', different['gnuhealth.orthanc.config'])

    def test_update(self):
        "An update with the old modules fails, and harms nothing taken over"
        self.assertIn("can not have two users with the same login",
            self.reason)
        self.assertEqual(self.taken_again, self.taken)


if __name__ == '__main__':
    unittest.main()

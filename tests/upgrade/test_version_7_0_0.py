# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A hospital that worked with our version 7.0.0 goes on with this one"
import unittest

from . import databases, test_upgrade
from .databases import NEW_MODULES
from .snapshot import OLD_TABLES, SchemaMixin, Snapshot, check_reports
from .studies import CLEARINGS, GNUHEALTH_4

# What an upgrade writes: who wrote a row last, and what a rule now says
_STAMPS = {'write_uid', 'write_date'}


class _TestCase(unittest.TestCase):
    maxDiff = None

    @classmethod
    def restore(cls, file, name):
        cls.databases.restore(file, name)
        cls.addClassCleanup(cls.databases.drop, name)
        return Snapshot(cls.databases, name)

    @classmethod
    def setUpClass(cls):
        cls.databases = databases.backend()
        cls.addClassCleanup(cls.databases.close)
        cls.fresh = cls.restore(databases.new(cls.databases), 'fresh')


class HospitalTestCase(SchemaMixin, _TestCase):
    "What 7.0.0 had is there, row by row"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        hospital = databases.hospital_7_0_0(cls.databases)
        cls.before = cls.restore(hospital, 'before')
        cls.after = cls.restore(hospital, 'after')
        cls.printed = databases.update(cls.databases, 'after', NEW_MODULES)

    def test_rows(self):
        for table in self.before.tables():
            if not OLD_TABLES.match(table):
                continue
            before, after = self.before.rows(table), self.after.rows(table)
            for id_, row in before.items():
                with self.subTest(table=table, id=id_):
                    self.assertEqual({
                            name: after[id_].get(name) for name in row
                            if name not in _STAMPS}, {
                            name: value for name, value in row.items()
                            if name not in _STAMPS})

    def test_reports(self):
        check_reports(self, self.after)

    def test_noise(self):
        self.assertEqual(self.printed, '')


class _OnTheWayMixin(SchemaMixin):
    "GNU Health's own modules, then 7.0.0, then this version"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        old = databases.old_hospital(cls.databases)
        cls.before = cls.restore(old, 'before')
        cls.after = cls.restore(old, 'after')
        cls.to_7_0_0()
        cls.printed = databases.update(
            cls.databases, 'after', NEW_MODULES, '-v')

    @classmethod
    def to_7_0_0(cls):
        databases.update(
            cls.databases, 'after', NEW_MODULES, **databases.version_7_0_0())

    def test_noise(self):
        self.assertNotIn('ERROR', self.printed)
        self.assertNotIn('Traceback', self.printed)

    def test_reports(self):
        check_reports(self, self.after)

    def test_studies(self):
        "Each study of GNU Health 5.0 is one of ours"
        taken = {
            row['old_id']: row for row in self.after.rows(
                'gnuhealth_orthanc_taken_over').values()
            if row['generation'] == '5.0'}
        old = self.before.rows('gnuhealth_imaging_orthanc_study')
        self.assertEqual(set(taken), set(old))
        studies = self.after.rows('gnuhealth_orthanc_study')
        for row in taken.values():
            self.assertIn(row['study'], studies)


class HalfwayTestCase(_OnTheWayMixin, _TestCase):
    """The upgrade to 7.0.0 failed halfway.

    On SQLite always, on PostgreSQL with rows that its constraints forbid.
    """
    left = test_upgrade.SchemaTestCase.left

    @classmethod
    def to_7_0_0(cls):
        with cls().assertRaises(databases.Failed) as raised:
            super().to_7_0_0()
        cls.reason = str(raised.exception)

    def test_passwords(self):
        "Also where 7.0.0 renamed their column and stopped"
        servers = {
            row['label']: row['secret'] for row in self.after.rows(
                'gnuhealth_orthanc_config').values()}
        self.assertEqual(servers["Main"], 'plain:orthanc')
        self.assertEqual(servers["Fernet"], 'plain:fernet:secret')

    def test_reason(self):
        "It failed of what is known, once its first tables were changed"
        self.assertIn(
            'psycopg2.errors.UniqueViolation'
            if self.databases.name == 'postgresql'
            else 'sqlite3.OperationalError', self.reason)


class ThroughTestCase(_OnTheWayMixin, _TestCase):
    "The upgrade to 7.0.0 went well: PostgreSQL had no row that it forbids"

    # It kept the tables of GNU Health 4, as its own
    left = {
        table for table in test_upgrade.SchemaTestCase.left
        if not table.endswith('_4')}

    @classmethod
    def to_7_0_0(cls):
        if cls.databases.name == 'sqlite':
            raise unittest.SkipTest("it never went well on SQLite")
        with cls.databases.connect('after') as connection:
            cursor = connection.cursor()
            for statement in CLEARINGS:
                cursor.execute(statement)
            connection.commit()
        super().to_7_0_0()

    def test_gnuhealth_4(self):
        "What 7.0.0 left in columns that nothing reads"
        old = self.before.rows('gnuhealth_orthanc_study')
        results = {
            (row['study'], row['result']) for row in self.after.rows(
                'gnuhealth_imaging_test_result-gnuhealth_orthanc_study'
                ).values()}
        taken = [
            row for row in self.after.rows(
                'gnuhealth_orthanc_taken_over').values()
            if row['generation'] == '4']
        self.assertEqual(len(taken), len(GNUHEALTH_4))
        for row in taken:
            was = old[row['old_id']]
            with self.subTest(id=row['old_id']):
                self.assertEqual(row['study'], row['old_id'])
                self.assertEqual(row['orthanc_id'], was['uuid'])
                for name in ['merge_id', 'requested_procedure_id']:
                    self.assertEqual(row[name], was[name])
                self.assertEqual(row['result'], was['imaging_test'])
                if row['result']:
                    self.assertIn((row['study'], row['result']), results)


if __name__ == '__main__':
    unittest.main()

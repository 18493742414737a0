# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"No difference of two schemas escapes the comparison"
import unittest

from . import databases
from .snapshot import Snapshot

OTHER = 'CREATE TABLE other (id INTEGER PRIMARY KEY)'
TABLE = (
    'CREATE TABLE compared (id INTEGER PRIMARY KEY, code VARCHAR, '
    'other INTEGER)')
# What is compared, by the part that sees it
DIFFERENCES = {
    'columns': [
        TABLE.replace('code VARCHAR', 'code VARCHAR, more VARCHAR'),
        TABLE.replace('code VARCHAR', 'code INTEGER'),
        TABLE.replace('code VARCHAR', 'code VARCHAR NOT NULL'),
        ],
    'constraints': [
        TABLE.replace('code VARCHAR', 'code VARCHAR UNIQUE'),
        TABLE.replace('other INTEGER', 'other INTEGER REFERENCES other(id)'),
        TABLE.replace(
            'other INTEGER',
            'other INTEGER REFERENCES other(id) ON DELETE CASCADE'),
        TABLE.replace('other INTEGER', "other INTEGER CHECK (other > 1)"),
        TABLE.replace('other INTEGER', "other INTEGER CHECK (other > 2)"),
        TABLE[:-1] + ", CHECK (code != 'a,(b' OR other IN (1, 2)))",
        TABLE[:-1] + ', UNIQUE (code, other))',
        ],
    'indexes': [
        TABLE + '; CREATE INDEX by_code ON compared (code)',
        TABLE + '; CREATE UNIQUE INDEX by_code ON compared (code)',
        ],
    }


class SnapshotTestCase(unittest.TestCase):

    def schema(self, *statements):
        backend = databases.backend()
        self.addCleanup(backend.close)
        backend.create('schema')
        try:
            with backend.connect('schema') as connection:
                cursor = connection.cursor()
                for statement in ';'.join(statements).split(';'):
                    cursor.execute(statement)
                connection.commit()
            snapshot = Snapshot(backend, 'schema')
            return {
                part: getattr(snapshot, part)('compared')
                for part in DIFFERENCES}
        finally:
            backend.drop('schema')

    def test_differences(self):
        found = [self.schema(OTHER, TABLE)]
        for part, tables in DIFFERENCES.items():
            for table in tables:
                schema = self.schema(OTHER, table)
                with self.subTest(table=table):
                    for other in found:
                        self.assertNotEqual(schema, other)
                    self.assertNotEqual(schema[part], found[0][part])
                found.append(schema)

    def test_same(self):
        "Whatever the order in which columns were added"
        self.assertEqual(
            self.schema(OTHER, TABLE), self.schema(
                OTHER, 'CREATE TABLE compared (id INTEGER PRIMARY KEY)',
                'ALTER TABLE compared ADD COLUMN other INTEGER',
                'ALTER TABLE compared ADD COLUMN code VARCHAR'))


if __name__ == '__main__':
    unittest.main()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The database of the tests as other processes open it"
import os
from contextlib import closing
from pathlib import Path

from trytond import backend
from trytond.config import config
from trytond.tests.test_tryton import DB_NAME, _sqlite_copy


class SharedDatabase:
    """The database of the tests, or where it is in memory a copy of it.

    name is what programs are given, environment what they run in, folder is
    where a copy goes.
    """

    def __init__(self, folder):
        uri = config.get('database', 'uri')
        self.environment = {
            **os.environ,
            'TRYTOND_DATABASE__URI': uri,
            # proteus takes the name of the database out of this
            'TRYTOND_DATABASE_URI': uri,
            }
        self.name = DB_NAME
        if backend.name == 'sqlite':
            self.name = 'hospital'
            self.path = Path(folder) / f'{self.name}.sqlite'
            _sqlite_copy(str(self.path))
            self.environment['TRYTOND_DATABASE__PATH'] = str(folder)

    def query(self, query):
        "Execute a query of its own, and return its rows if it has any"
        with closing(self._connect()) as connection, connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else None

    def _connect(self):
        if backend.name == 'sqlite':
            import sqlite3
            return sqlite3.connect(self.path)
        import psycopg2
        return psycopg2.connect(dbname=self.name)

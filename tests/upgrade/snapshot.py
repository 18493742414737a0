# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What databases hold, and what must hold after each upgrade"
import re

# The tables of the old modules
OLD_TABLES = re.compile(r'gnuhealth_(sequences_)?(imaging|orthanc)')
_CASTS = re.compile(r'::(character varying|text)(\[\])?|[()]')


class Snapshot:
    "What a database holds"

    def __init__(self, databases, database):
        self.databases = databases
        self.database = database

    def query(self, statement):
        with self.databases.connect(self.database) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def tables(self):
        if self.databases.name == 'sqlite':
            rows = self.query(
                "SELECT name FROM sqlite_master WHERE type = 'table' "
                "AND name NOT LIKE 'sqlite_%'")
        else:
            rows = self.query(
                "SELECT tablename AS name FROM pg_tables "
                "WHERE schemaname = 'public'")
        return {row['name'] for row in rows}

    def rows(self, table):
        "The rows of a table by id"
        return {
            row['id']: row for row in self.query(f'SELECT * FROM "{table}"')}

    def access(self, login, models):
        "What of rwcd the access rows of the models give a user, by model"
        users = {
            row['login']: id_ for id_, row in self.rows('res_user').items()}
        groups = {
            row['group'] for row in self.rows('res_user-res_group').values()
            if row['user'] == users[login]}
        names = {
            id_: row['model'] for id_, row in self.rows('ir_model').items()}
        rows = [
            row for row in self.rows('ir_model_access').values()
            if row['active'] and row['group'] in {None, *groups}]
        return {
            model: ''.join(
                mode[0] for mode in ['read', 'write', 'create', 'delete']
                if any(
                    row[f'perm_{mode}'] for row in rows
                    if names[row['model']] == model)) for model in models}

    def columns(self, table):
        "The columns of a table, with their type and whether they can be empty"
        if self.databases.name == 'sqlite':
            return {
                row['name']: (row['type'], row['notnull'])
                for row in self.query(f'PRAGMA table_info("{table}")')}
        return {
            row['column_name']: tuple(row.values())[1:]
            for row in self.query(
                'SELECT column_name, udt_name, is_nullable, column_default, '
                'is_identity, character_maximum_length '
                'FROM information_schema.columns '
                f"WHERE table_name = '{table}'")}

    def constraints(self, table):
        """The constraints of a table.

        On SQLite all that its definition says, of columns and of the table,
        as no catalogue has its conditions, and which are unique.
        """
        if self.databases.name == 'sqlite':
            definition, = self.query(
                "SELECT sql FROM sqlite_master WHERE type = 'table' "
                f"AND name = '{table}'")
            return {
                *definitions(definition['sql']),
                *(tuple(row.values()) for row in self.query(
                        'SELECT indices.name, "unique", origin, partial, '
                        'columns.seqno, columns.name '
                        f"FROM pragma_index_list('{table}') AS indices, "
                        'pragma_index_info(indices.name) AS columns'))}
        return {tuple(row.values()) for row in self.query(
                'SELECT conname, pg_get_constraintdef(oid) '
                'FROM pg_constraint '
                f"WHERE conrelid = '\"{table}\"'::regclass")}

    def indexes(self, table):
        if self.databases.name == 'sqlite':
            return {tuple(row.values()) for row in self.query(
                    'SELECT name, sql FROM sqlite_master '
                    f"WHERE type = 'index' AND tbl_name = '{table}'")}
        # A dump that was restored has other casts and brackets in conditions
        return {
            (row['indexname'], _CASTS.sub('', row['indexdef']))
            for row in self.query(
                'SELECT indexname, indexdef FROM pg_indexes '
                f"WHERE tablename = '{table}'")}


def definitions(statement):
    "The definitions of a statement that creates a table on SQLite"
    body = statement.partition('(')[2].rpartition(')')[0]
    found, depth = [''], 0
    for sign in body.replace('"', ''):
        depth += {'(': 1, ')': -1}.get(sign, 0)
        if sign == ',' and not depth:
            found.append('')
        else:
            found[-1] += sign
    return {' '.join(definition.split()) for definition in found}


class SchemaMixin:
    """The schema of self.after is that of self.fresh.

    left are the tables that only the former has.
    """
    left = frozenset()

    def every(self):
        """All tables.

        Also those of Tryton and GNU Health, as modules add columns to them.
        """
        return sorted(self.fresh.tables())

    def test_tables(self):
        self.assertEqual(
            self.fresh.tables() - self.after.tables(), set())
        self.assertEqual(
            self.after.tables() - self.fresh.tables(), self.left)

    def test_columns(self):
        for table in self.every():
            with self.subTest(table=table):
                self.assertEqual(
                    self.after.columns(table), self.fresh.columns(table))

    def test_constraints(self):
        for table in self.every():
            with self.subTest(table=table):
                self.assertEqual(
                    self.after.constraints(table),
                    self.fresh.constraints(table))

    def test_indexes(self):
        for table in self.every():
            with self.subTest(table=table):
                self.assertEqual(
                    self.after.indexes(table), self.fresh.indexes(table))


def check_reports(test, after):
    "Reports of earlier versions are final, and signed by nobody"
    results = after.rows('gnuhealth_imaging_test_result')
    test.assertTrue(results)
    for id_, row in results.items():
        with test.subTest(id=id_):
            test.assertEqual(row['state'], 'final')
            test.assertTrue(row['recorded_earlier'])
            test.assertEqual(row['version'], 0)
            for name in ['signed_by', 'signed_at', 'preliminary_by']:
                test.assertIsNone(row[name])
    test.assertEqual(after.rows('gnuhealth_imaging_test_result_version'), {})
    reported = {row['request'] for row in results.values()}
    test.assertTrue(reported - {None})
    for id_, row in after.rows('gnuhealth_imaging_test_request').items():
        with test.subTest(request=id_):
            test.assertEqual(
                row['report_status'], 'final' if id_ in reported else None)

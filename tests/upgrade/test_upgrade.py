# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hospital that worked with GNU Health's own modules switches to ours.

The old hospital is real, see old_hospital.py, and is updated by trytond-admin
as the README says. inventory.tsv says of each old column where it lives now.
"""
import csv
import unittest
from pathlib import Path

from . import databases
from .databases import NEW_MODULES
from .snapshot import OLD_TABLES, SchemaMixin, Snapshot, check_reports
from .studies import GNUHEALTH_4, NAMED, REMOVED, institution

INVENTORY = Path(__file__).with_name('inventory.tsv')
# What GNU Health 4's tables are called now
PUT_BY = {
    'gnuhealth_orthanc_patient': 'gnuhealth_orthanc_patient_4',
    'gnuhealth_orthanc_study': 'gnuhealth_orthanc_study_4',
    }
# Who wrote a row last, and when: an upgrade does that
STAMPS = {'write_uid', 'write_date'}


def setUpModule():
    global DATABASES
    DATABASES = databases.backend()
    unittest.addModuleCleanup(DATABASES.close)
    old = databases.old_hospital(DATABASES)
    for name in ['before', 'after']:
        DATABASES.restore(old, name)
        unittest.addModuleCleanup(DATABASES.drop, name)
    global PRINTED
    PRINTED = databases.update(DATABASES, 'after', NEW_MODULES, '-v')
    DATABASES.restore(databases.new(DATABASES), 'fresh')
    unittest.addModuleCleanup(DATABASES.drop, 'fresh')


def inventory():
    "The rows of inventory.tsv as dictionaries"
    with INVENTORY.open() as file:
        return list(csv.DictReader(file, delimiter='\t'))


class UpgradeTestCase(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.before, cls.after, cls.fresh = (
            Snapshot(DATABASES, name)
            for name in ['before', 'after', 'fresh'])

    def studies(self):
        "Our studies by the key that they have in studies.py"
        by_institution = {institution(key): key for key in NAMED}
        rows = self.after.rows('gnuhealth_orthanc_study')
        removed = {
            row['id'] for row
            in self.after.rows('gnuhealth_orthanc_config').values()
            if row['url'].startswith('http://removed')}
        return {
            by_institution[row['institution']]: row for row in rows.values()
            if row['institution'] in by_institution
            and row['server'] not in removed}

    def taken(self):
        "What is told of what was taken over, by generation and old id"
        return {
            (row['generation'], row['old_id']): row for row in self.after.rows(
                'gnuhealth_orthanc_taken_over').values()}


class InventoryTestCase(UpgradeTestCase):
    "Everything that the old modules had is somewhere, or it is said why not"

    def test_complete(self):
        "Each table and column of the old modules has its row"
        listed = {(row['table'], row['column']) for row in inventory()}
        self.assertEqual(len(listed), len(inventory()))
        there = {
            (table, column) for table in self.before.tables()
            if OLD_TABLES.match(table)
            for column in self.before.columns(table)}
        self.assertEqual(there - listed, set())
        self.assertEqual(
            {(table, column) for table, column in listed
                if OLD_TABLES.match(table)} - there, set())

    def test_reasons(self):
        "What lives nowhere says why"
        for row in inventory():
            with self.subTest(**row):
                self.assertTrue(row['now'] or row['why'])

    def test_kept(self):
        "What stays where it was is the same, row by row"
        tables = {}
        for row in inventory():
            if row['now'] == '=':
                tables.setdefault(row['table'], []).append(row['column'])
        for table, columns in tables.items():
            before, after = self.before.rows(table), self.after.rows(table)
            # "settled" rows keep theirs too
            columns = [c for c in columns if c not in STAMPS]
            for id_, row in before.items():
                with self.subTest(table=table, id=id_):
                    self.assertEqual(
                        {name: after[id_][name] for name in columns},
                        {name: row[name] for name in columns})

    def test_moved(self):
        "What has another name or another table has the same value"
        moved = [row for row in inventory() if '.' in row['now']]
        self.assertTrue(moved)
        for row in moved:
            table = row['now'].partition('.')[0]
            columns = [
                place.partition('.')[2] for place in row['now'].split()]
            before = self.before.rows(row['table'])
            after = self.after.rows(table)
            seen = self.of_gnuhealth_4(row)
            for id_, old in before.items():
                new_id = self.now(row['table'], table, id_, after)
                if row['why'].startswith("Of duplicates") and new_id in seen:
                    continue
                seen.add(new_id)
                new = [after[new_id][column] for column in columns]
                with self.subTest(**row, id=id_):
                    self.assertTrue(
                        any(says(n, old[row['column']]) for n in new),
                        (new, old[row['column']]))

    def of_gnuhealth_4(self, row):
        "The studies that came first, for what only has one of several values"
        if row['table'] != 'gnuhealth_imaging_orthanc_study':
            return set()
        return {
            taken['study'] for (generation, _), taken in self.taken().items()
            if generation == '4'}

    def now(self, old_table, table, id_, rows):
        "The id of the row that a row of an old table is now"
        taken = self.taken()
        if old_table == 'gnuhealth_orthanc_config':
            return id_
        if old_table == 'gnuhealth_orthanc_patient':
            old = self.before.rows(old_table)
            same = [
                other for other in old if old[other]['uuid'] is not None
                and (old[other]['server'], old[other]['uuid'])
                == (old[id_]['server'], old[id_]['uuid'])]
            return min([id_, *same])
        if old_table == 'gnuhealth_imaging_orthanc_study_series':
            old = self.before.rows(old_table)[id_]
            study = taken['5.0', old['study']]['study']
            return next((
                    row['id'] for row in rows.values()
                    if row['study'] == study
                    and row['orthanc_id'] == old['orthanc_UID']), None)
        generation = '4' if old_table == 'gnuhealth_orthanc_study' else '5.0'
        row = taken[generation, id_]
        if table == 'gnuhealth_orthanc_taken_over':
            return row['id']
        return row['study']

    def test_put_by(self):
        "The old tables are as they were"
        for table in self.before.tables():
            if table.startswith('gnuhealth_imaging_orthanc'):
                self.assertEqual(
                    self.after.rows(table), self.before.rows(table))
            elif table in PUT_BY:
                self.assertEqual(
                    *[{id_: {name: normal(row[name]) for name in row}
                        for id_, row in rows.items()}
                        for rows in [
                            self.after.rows(PUT_BY[table]),
                            self.before.rows(table)]])

    def test_references(self):
        "No record is about one that is not there"
        models = {
            row['model'] for row
            in self.after.rows('ir_model').values()}
        for table in ['ir_attachment', 'ir_note']:
            before, after = self.before.rows(table), self.after.rows(table)
            self.assertEqual(before.keys(), after.keys())
            for row in after.values():
                model, _, id_ = row['resource'].partition(',')
                with self.subTest(resource=row['resource']):
                    self.assertIn(model, models)
                    self.assertIn(
                        int(id_), self.after.rows(
                            model.replace('.', '_')))


def normal(value):
    "The value, whatever the types of a table that was copied"
    return value if isinstance(value, (int, type(None))) else str(value)


def says(new, old):
    """Whether a value says what the old one did.

    Names are written readably, and notes can have others around them; where
    there was nothing there is nothing to lose.
    """
    if old is None or new is None or isinstance(old, int):
        return old in {None, '', new}
    return words(old) <= words(new)


def words(value):
    for mark in '^,':
        value = str(value).replace(mark, ' ')
    return set(value.replace('-', '').split())


class SchemaTestCase(SchemaMixin, UpgradeTestCase):
    "The upgraded schema is that of a new database"

    left = {
        *PUT_BY.values(), 'gnuhealth_imaging_orthanc_series_instances',
        'gnuhealth_imaging_orthanc_study',
        'gnuhealth_imaging_orthanc_study_series'}


class ReportTestCase(UpgradeTestCase):
    "Reports are what was said when none was signed"

    def test_final(self):
        check_reports(self, self.after)


class NoiseTestCase(UpgradeTestCase):
    "An upgrade that goes well says so, and frightens nobody"

    def test_noise(self):
        self.assertNotIn('ERROR', PRINTED)
        self.assertNotIn('Traceback', PRINTED)
        self.assertIn("studies of GNU Health's own modules", PRINTED)

    def test_record_rules(self):
        "Who gains by a rule that went is told what it was"
        self.assertIn(
            'The record rule "Own department" on '
            'gnuhealth.imaging_orthanc.study is no more', PRINTED)
        self.assertIn('[["institution", "=", "Hospital"]]', PRINTED)

    def test_nothing_by_default(self):
        "Without -v, and again"
        self.assertEqual(
            databases.update(DATABASES, 'after', NEW_MODULES), '')


class LinkTestCase(UpgradeTestCase):
    "Whose the studies are, on which results, and what is in conflict"

    def test_outcomes(self):
        taken = self.taken()
        conflicts = {
            taken['5.0', id_]['differences']
            for id_, row in self.before.rows(
                'gnuhealth_imaging_orthanc_study').items()
            if taken['5.0', id_]['outcome'] == 'conflict'}
        self.assertEqual(conflicts, {'name', 'result'})

    def test_links(self):
        "Linked as before, where nothing contradicts"
        before = {
            row['institution']: row for row in self.before.rows(
                'gnuhealth_imaging_orthanc_study').values()
            if not row['server'].startswith('http://removed')}
        contradicted = {'auto_wrong', 'contradicted_name', 'other_result'}
        for key, row in self.studies().items():
            if key == 'of_gnuhealth_4':
                continue
            old = before[institution(key)]
            with self.subTest(key=key):
                if key in contradicted:
                    self.assertIsNone(row['local_patient'])
                    self.assertEqual(row['match'], 'conflict')
                    self.assertEqual(row['candidate'], old['patient'])
                else:
                    self.assertEqual(row['local_patient'], old['patient'])

    def test_scheduled(self):
        "What is requested has what modalities need, and is to be made"
        table = 'gnuhealth_imaging_test_request'
        before, after = self.before.rows(table), self.after.rows(table)
        pictured = {
            row['study_instance_uid'] for row in self.after.rows(
                'gnuhealth_orthanc_study').values()
            if row['missing_since'] is None}
        statuses = set()
        for id_, row in after.items():
            with self.subTest(id=id_):
                if row['state'] != 'requested':
                    self.assertIsNone(row['procedure_status'])
                    continue
                self.assertEqual(
                    row['study_instance_uid'], before[id_]['merge_id'])
                self.assertEqual(
                    {row[name] for name in [
                            'accession_number', 'requested_procedure_id',
                            'scheduled_procedure_step_id']}, {f'R-{id_}'})
                self.assertEqual(row['scheduled_date'], row['date'])
                self.assertEqual(
                    row['procedure_status'],
                    'completed' if row['study_instance_uid'] in pictured
                    else 'scheduled')
                statuses.add(row['procedure_status'])
        self.assertEqual(statuses, {'scheduled', 'completed'})

    def test_results(self):
        "Every result has the studies that it had"
        taken = self.taken()
        links = {
            (row['result'], row['study']) for row in self.after.rows(
                'gnuhealth_imaging_test_result-gnuhealth_orthanc_study'
                ).values()}
        for generation, table in [
                ('5.0', 'gnuhealth_imaging_orthanc_study'),
                ('4', 'gnuhealth_orthanc_study')]:
            for id_, row in self.before.rows(table).items():
                if row['imaging_test']:
                    self.assertIn(
                        (row['imaging_test'], taken[generation, id_]['study']),
                        links)

    def test_missing(self):
        "What was of a server that is no more is missing, with its link"
        servers = self.after.rows('gnuhealth_orthanc_config')
        rows = [
            row for row in self.after.rows('gnuhealth_orthanc_study').values()
            if servers[row['server']]['url'].startswith('http://removed')]
        self.assertEqual(len(rows), 4)
        self.assertTrue(all(row['missing_since'] for row in rows))
        self.assertEqual(len([r for r in rows if r['local_patient']]), 2)

    def test_slash(self):
        "A slash at the end of an address makes no other server of it"
        servers = {
            row['id']: row for row
            in self.after.rows('gnuhealth_orthanc_config').values()}
        urls = {
            row['server'] for row in self.before.rows(
                'gnuhealth_imaging_orthanc_study').values()}
        domains = {
            row['domain'] for row in self.before.rows(
                'gnuhealth_orthanc_config').values()}
        self.assertFalse(urls & domains)
        self.assertEqual(
            {row['label'] for row in servers.values() if not row['active']},
            {REMOVED, 'http://unknown.invalid/'})
        for key, row in self.studies().items():
            with self.subTest(key=key):
                self.assertEqual(
                    servers[row['server']]['label'],
                    NAMED[key].server.title())
                self.assertIsNone(row['missing_since'])

    def test_incomplete(self):
        "What lacked something is of something, and told"
        taken = [
            row for row in self.taken().values() if row['is_incomplete']]
        self.assertEqual(len(taken), 3)
        studies = self.after.rows('gnuhealth_orthanc_study')
        for row in taken:
            study = studies[row['study']]
            for name in ['server', 'patient', 'orthanc_id']:
                self.assertTrue(study[name])

    def test_duplicates(self):
        "Each study is there once"
        for table in ['gnuhealth_orthanc_study', 'gnuhealth_orthanc_patient']:
            rows = self.after.rows(table).values()
            self.assertEqual(
                len({(r['server'], r['orthanc_id']) for r in rows}),
                len(rows))

    def test_gnuhealth_4(self):
        studies = self.after.rows('gnuhealth_orthanc_study')
        taken = self.taken()
        for id_, (key, (*_, person, _)) in enumerate(
                GNUHEALTH_4.items(), 1):
            study = studies[taken['4', id_]['study']]
            with self.subTest(key=key):
                self.assertEqual(study['id'], id_)
                self.assertEqual(
                    bool(study['local_patient']),
                    bool(person) and key != 'contradicted_4')

    def test_passwords(self):
        "Sealed, also those that look as if they were"
        servers = {
            row['label']: row['secret'] for row in self.after.rows(
                'gnuhealth_orthanc_config').values()}
        self.assertEqual(servers["Main"], 'plain:orthanc')
        self.assertEqual(servers["Plain"], 'plain:plain:secret')
        self.assertEqual(servers["Fernet"], 'plain:fernet:secret')


if __name__ == '__main__':
    unittest.main()

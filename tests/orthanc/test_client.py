# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Every call of the client, against a real Orthanc"
import re
import threading
import unittest
from collections import Counter

import requests

from trytond.modules.health_orthanc import answers, client, exceptions

from demo.dicom_files import generated_study, pydicom_files, uid
from demo.orthanc_server import OrthancServer, is_available

USERNAME, PASSWORD = 'radiología', 'pä:ss wörd'
IDENTIFIER = re.compile('[0-9a-f]{8}(-[0-9a-f]{8}){4}')


def studies(number, prefix='PAT', **values):
    "Yield the files of so many studies, each of a patient of its own"
    for i in range(number):
        yield from generated_study(
            patient_id=f'{prefix}-{i}', patient_name=f'{prefix}^{i}',
            accession_number=f'{prefix}{i}', size=4, **values)


@unittest.skipUnless(is_available(), "Orthanc is not installed")
class ClientTestCase(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = OrthancServer(
            username=USERNAME, password=PASSWORD, Name="Radiology",
            DicomAet='RADIOLOGY')
        cls.server.start()
        cls.addClassCleanup(cls.server.__exit__)

    def setUp(self):
        super().setUp()
        for id_ in self.server.get('patients'):
            self.server.delete(f'patients/{id_}')
        self.start = self.server.get('changes?last')['Last']
        self.orthanc = self.connect()
        self.addCleanup(self.orthanc.close)

    def connect(self, username=USERNAME, password=PASSWORD):
        return client.Orthanc(
            self.server.url, username, password, read_timeout=20)

    def all_changes(self, limit=100, **options):
        since, rows = self.start, []
        while True:
            page = self.orthanc.changes(since, limit, **options)
            self.assertLessEqual(len(page.rows), limit)
            rows += page.rows
            if page.done or not page.rows:
                return rows
            since = page.rows[-1].seq

    def all_studies(self, limit=1000):
        since, found = 0, []
        while page := self.orthanc.studies_page(since, limit):
            found += page
            since += len(page)
        return found

    def assertComplete(self):
        "Assert that every way to read says the same as the server"
        statistics = self.orthanc.statistics()
        ids = list(self.orthanc.study_ids())
        self.assertEqual(len(ids), statistics.studies)
        found = self.all_studies(limit=7)
        self.assertEqual({s['ID'] for s in found}, set(ids))
        self.assertEqual(
            self.orthanc.studies_by_id(ids), {s['ID']: s for s in found})
        series = self.orthanc.series_of(found)
        self.assertEqual(series.keys(), set(ids))
        for study in found:
            self.assertEqual(
                {s['ID'] for s in series[study['ID']]}, set(study['Series']))
        every = [s for of_study in series.values() for s in of_study]
        self.assertEqual(len(every), statistics.series)
        self.assertEqual(
            sum(s['Instances'] for s in every), statistics.instances)
        for one in every:
            expected = self.server.get(f'series/{one["ID"]}')
            self.assertEqual(one, {
                    'ID': expected['ID'],
                    'ParentStudy': expected['ParentStudy'],
                    'MainDicomTags': {
                        name: value for name, value
                        in expected['MainDicomTags'].items()
                        if name in answers.SERIES_TAGS},
                    'LastUpdate': expected['LastUpdate'],
                    'Instances': len(expected['Instances'])})
        return found

    def test_system(self):
        system = self.orthanc.system()
        expected = self.server.get('system')
        self.assertEqual(system.name, "Radiology")
        self.assertEqual(system.aet, 'RADIOLOGY')
        self.assertEqual(system.version, expected['Version'])
        self.assertEqual(
            system.extended_find, 'Capabilities' in expected)
        self.assertEqual(
            system.database_identifier,
            expected.get('DatabaseServerIdentifier'))

    def test_credentials(self):
        for username, password in [
                (None, None), (USERNAME, 'wrong'), (USERNAME, ''),
                ('nobody', PASSWORD), (USERNAME, None)]:
            with self.subTest(username=username, password=password), \
                    self.connect(username, password) as orthanc, \
                    self.assertRaises(exceptions.BadCredentials):
                orthanc.system()

    def test_wrong_path(self):
        with client.Orthanc(
                self.server.url + 'app', USERNAME, PASSWORD) as orthanc, \
                self.assertRaises(exceptions.NotOrthanc):
            orthanc.system()

    def test_empty(self):
        self.assertEqual(
            self.orthanc.statistics(), answers.Statistics(0, 0, 0, 0))
        self.assertEqual(list(self.orthanc.study_ids()), [])
        self.assertEqual(self.orthanc.studies_page(0, 10), [])
        self.assertEqual(self.orthanc.studies_by_id(['a']), {})
        self.assertEqual(self.orthanc.studies_of_series(['a']), {})
        page = self.orthanc.changes(self.start, 10)
        self.assertEqual(page, answers.Changes((), True, self.start))

    def test_viewers(self):
        self.assertEqual(self.orthanc.viewers(), set())

    def test_statistics(self):
        self.server.upload_all(studies(3, series=2, images=5))
        self.assertEqual(
            self.orthanc.statistics(), answers.Statistics(3, 3, 6, 30))

    def test_complete(self):
        self.server.upload_all(studies(30, series=2, images=3))
        self.assertComplete()

    def test_studies(self):
        self.server.upload_all(generated_study(
                patient_id='GNU777ORG', patient_name='Betz^Ana',
                birth_date='19851004', sex='F', study_description="Hand",
                modality='CR', accession_number='A-1', date='20260102',
                series=2, images=2))
        study, = self.assertComplete()
        self.assertEqual(study['PatientMainDicomTags'], {
                'PatientID': 'GNU777ORG', 'PatientName': 'Betz^Ana',
                'PatientBirthDate': '19851004', 'PatientSex': 'F'})
        self.assertEqual(study['MainDicomTags']['AccessionNumber'], 'A-1')
        self.assertEqual(study['MainDicomTags']['StudyDescription'], "Hand")
        self.assertRegex(study['LastUpdate'], r'^\d{8}T\d{6}$')
        series = self.orthanc.series_of([study])[study['ID']]
        self.assertEqual([s['Instances'] for s in series], [2, 2])
        self.assertEqual(
            {s['MainDicomTags']['Modality'] for s in series}, {'CR'})

    def test_studies_of_series(self):
        self.server.upload_all(studies(5, series=2))
        series = self.server.get('series')
        found = self.orthanc.studies_of_series([*series, 'gone', series[0]])
        self.assertEqual(found, {s['ID']: s for s in self.all_studies()})
        one, = self.orthanc.studies_of_series(series[:1]).values()
        self.assertIn(series[0], one['Series'])

    def test_changes(self):
        self.server.upload_all(studies(20, images=2))
        rows = self.all_changes(limit=7)
        self.assertEqual(rows, sorted(rows, key=lambda r: r.seq))
        kinds = Counter((r.type, r.resource_type) for r in rows)
        self.assertEqual(kinds['NewStudy', 'Study'], 20)
        self.assertEqual(kinds['NewInstance', 'Instance'], 40)
        self.assertEqual(
            {r.resource_id for r in rows if r.type == 'NewStudy'},
            set(self.orthanc.study_ids()))
        for row in rows:
            self.assertRegex(row.resource_id, IDENTIFIER)
            self.assertRegex(row.date, r'^\d{8}T\d{6}$')

    def test_changes_of_studies_and_series(self):
        self.server.upload_all(studies(20, images=5))
        rows = self.all_changes(limit=7, study_and_series_only=True)
        kinds = Counter(r.type for r in rows)
        self.assertEqual(kinds['NewStudy'], 20)
        self.assertEqual(kinds['NewSeries'], 20)
        if self.orthanc.capabilities.extended_changes:
            self.assertNotIn('NewInstance', kinds)

    def test_last_change(self):
        self.server.upload_all(studies(3))
        change, last = self.orthanc.last_change()
        rows = self.all_changes()
        # A study can have become stable in between.
        self.assertIn(change, rows[-10:])
        self.assertEqual(last, change.seq)

    def test_cleared_changes(self):
        self.server.upload_all(studies(3))
        self.server.clear_changes()
        change, last = self.orthanc.last_change()
        self.assertIsNone(change)
        self.assertGreater(last, self.start)
        self.assertEqual(self.orthanc.changes(0, 10).rows, ())
        self.assertEqual(self.orthanc.changes(0, 10).last, last)
        self.assertComplete()

    def test_deleted_between(self):
        "What went after it was seen is absent, and no trouble"
        self.server.upload_all(studies(40, series=2))
        found = self.all_studies()
        ids = [s['ID'] for s in found]
        gone = set(ids[::3])
        for id_ in gone:
            self.server.delete(f'studies/{id_}')
        self.assertEqual(
            self.orthanc.studies_by_id(ids).keys(), set(ids) - gone)
        series = self.orthanc.series_of(found)
        self.assertEqual(series.keys(), set(ids))
        for id_ in ids:
            self.assertEqual(len(series[id_]), 0 if id_ in gone else 2)
        self.assertFalse(
            gone & {r.resource_id for r in self.all_changes()})
        self.assertComplete()

    def test_same_study_of_two_patients(self):
        study_uid = uid('shared')
        for patient_id, images in [('A', 1), ('B', 2), ('', 3)]:
            self.server.upload_all(generated_study(
                    patient_id=patient_id, study_instance_uid=study_uid,
                    images=images))
        found = self.assertComplete()
        self.assertEqual(len(found), 3)
        self.assertEqual(
            {s['MainDicomTags']['StudyInstanceUID'] for s in found},
            {study_uid})
        series = self.orthanc.series_of(found)
        images = {
            s['PatientMainDicomTags'].get('PatientID', ''):
            sum(one['Instances'] for one in series[s['ID']]) for s in found}
        self.assertEqual(images, {'A': 1, 'B': 2, '': 3})
        # Asking for one of them brings nothing of the others.
        only = self.orthanc.series_of(found[:1])
        self.assertEqual(only, {found[0]['ID']: series[found[0]['ID']]})

    def test_awkward_values(self):
        values = [
            {'patient_name': 'Müller^Jürgen=山田^太郎=やまだ^たろう'},
            {'patient_name': ' DOE ^ JOHN ^M^DR^JR'},
            {'birth_date': '20240230'}, {'birth_date': 'garbage'},
            {'date': '2024.01.31'}, {'date': ''}, {'time': '256161'},
            {'study_description': 'x' * 300}, {'study_description': 'A\tB'},
            {'accession_number': 'A*?'}, {'sex': 'XYZ'}]
        for i, value in enumerate(values):
            self.server.upload_all(
                generated_study(patient_id=f'P{i}', **value))
        found = self.assertComplete()
        tags = {
            s['PatientMainDicomTags']['PatientID']: s for s in found}
        self.assertEqual(
            tags['P0']['PatientMainDicomTags']['PatientName'],
            values[0]['patient_name'])
        # Longer than 256 characters, the server does not tell.
        self.assertNotIn('StudyDescription', tags['P7']['MainDicomTags'])

    def test_files_of_pydicom(self):
        stored = 0
        for _, content in pydicom_files():
            try:
                self.server.upload(content)
                stored += 1
            except requests.HTTPError:
                # Some are no image, or broken on purpose.
                pass
        self.assertGreater(stored, 50)
        self.assertComplete()

    def test_large_series(self):
        "The way to series does not depend on how many images they have"
        self.server.upload_all(generated_study(images=2000, size=2))
        self.server.upload_all(studies(3))
        found = self.all_studies()
        requests_before = self.orthanc.requests
        series = self.orthanc.series_of(found)
        self.assertLessEqual(self.orthanc.requests - requests_before, 2)
        self.assertEqual(
            sorted(s['Instances'] for of in series.values() for s in of),
            [1, 1, 1, 2000])

    def test_requests_do_not_grow_with_studies(self):
        self.server.upload_all(studies(400, images=1))
        found = self.all_studies()
        self.assertEqual(len(found), 400)
        for call, most in [
                (lambda: self.orthanc.studies_by_id(
                    [s['ID'] for s in found]), 6),
                (lambda: self.orthanc.series_of(found), 4)]:
            before = self.orthanc.requests
            self.assertEqual(len(call()), 400)
            self.assertLessEqual(self.orthanc.requests - before, most)

    def test_while_others_write(self):
        "Rows come in order and none is missed while studies arrive"
        uploading = threading.Thread(
            target=self.server.upload_all, args=(list(studies(300)),))
        uploading.start()
        since, seen = self.start, []
        while True:
            last_look = not uploading.is_alive()
            page = self.orthanc.changes(since, 50)
            seen += page.rows
            if page.rows:
                since = page.rows[-1].seq
            elif last_look:
                break
        uploading.join()
        self.assertEqual(
            len({r.resource_id for r in seen if r.type == 'NewStudy'}), 300)
        self.assertEqual(len(list(self.orthanc.study_ids())), 300)

    def test_idle_connection(self):
        "The server closes idle connections after a second"
        self.orthanc.system()
        threading.Event().wait(1.5)
        self.orthanc.system()

    def test_restarted(self):
        self.server.upload_all(studies(2))
        self.orthanc.system()
        self.server.restart()
        self.assertEqual(len(list(self.orthanc.study_ids())), 2)
        self.server.kill()
        with self.assertRaises(exceptions.Refused):
            list(self.orthanc.study_ids())
        self.server.start()
        self.assertEqual(len(list(self.orthanc.study_ids())), 2)

    def test_patient_level_disabled(self):
        with OrthancServer(PatientLevelEnabled=False) as server, \
                client.Orthanc(server.url, 'orthanc', 'orthanc') as orthanc:
            server.upload_all(studies(2))
            self.assertEqual(len(orthanc.studies_page(0, 10)), 2)

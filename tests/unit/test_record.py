# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What Orthanc tells of a study, as the values of rows"
import copy
import datetime as dt
import unittest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trytond.modules.health_orthanc.exceptions import Unreadable
from trytond.modules.health_orthanc.record import record

# As Orthanc 1.10.1 answers GET /studies?expand
STUDY = {
    'ID': '27f7126f-4f66fb14-03f4081b-f9341db2-53925988',
    'IsStable': True,
    'LastUpdate': '20261124T062215',
    'MainDicomTags': {
        'AccessionNumber': 'ACC-1',
        'InstitutionName': 'Hospital',
        'ReferringPhysicianName': 'House^Greg^^Dr',
        'StudyDate': '20260102',
        'StudyDescription': 'Chest',
        'StudyID': '1',
        'StudyInstanceUID': '2.25.1',
        'StudyTime': '101500.123',
        },
    'ParentPatient': 'b6589fc6-ab0dc82c-f12099d1-c2d40ab9-94e8410c',
    'PatientMainDicomTags': {
        'PatientBirthDate': '19800201',
        'PatientID': 'P1',
        'PatientName': 'Smith^Anna',
        'PatientSex': 'F',
        },
    'Series': ['s-1', 's-2'],
    'Type': 'Study',
    }
# As client.Orthanc.series_of returns them
SERIES = [{
        'ID': 's-1',
        'ParentStudy': STUDY['ID'],
        'MainDicomTags': {
            'BodyPartExamined': 'CHEST',
            'Modality': 'CT',
            'SeriesDescription': 'Axial',
            'SeriesInstanceUID': '2.25.11',
            'SeriesNumber': '1',
            },
        'LastUpdate': '20261124T062214',
        'Instances': 3,
        }, {
        'ID': 's-2',
        'ParentStudy': STUDY['ID'],
        'MainDicomTags': {
            'Modality': 'SR',
            'SeriesInstanceUID': '2.25.12',
            },
        'LastUpdate': None,
        'Instances': 1,
        }]

# However busy the machine is
unhurried = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda values: (
        st.lists(values) | st.dictionaries(st.text(), values)),
    max_leaves=5)


def study(level=None, **values):
    "The study with those values; None leaves a key out"
    changed = copy.deepcopy(STUDY)
    target = changed[level] if level else changed
    for key, value in values.items():
        target[key] = value
        if value is None:
            del target[key]
    return changed


def without_digest(values):
    return {k: v for k, v in values.items() if k != 'digest'}


class RecordTestCase(unittest.TestCase):

    def test_complete(self):
        result = record(STUDY, SERIES)
        demographics = {
            'patient_id': 'P1',
            'person_name': 'Smith^Anna',
            'birth_date': dt.date(1980, 2, 1),
            'birth_date_reported': None,
            'sex': 'F',
            }
        self.assertEqual(without_digest(result.patient), {
                'orthanc_id': STUDY['ParentPatient'],
                'name': 'Smith, Anna',
                **demographics,
                })
        self.assertEqual(without_digest(result.study), {
                'orthanc_id': STUDY['ID'],
                'study_instance_uid': '2.25.1',
                'patient_name': 'Smith, Anna',
                **demographics,
                'issuer_of_patient_id': None,
                'other_patient_ids': None,
                'date': dt.date(2026, 1, 2),
                'date_reported': None,
                'time': dt.time(10, 15),
                'time_reported': None,
                'description': 'Chest',
                'accession_number': 'ACC-1',
                'study_id': '1',
                'institution': 'Hospital',
                'referring_physician': 'House, Dr Greg',
                'requesting_physician': None,
                'modalities': 'CT, SR',
                'series_count': 2,
                'image_count': 3,
                'document_count': 1,
                'last_update': dt.datetime(2026, 11, 24, 6, 22, 15),
                'stable': True,
                })
        self.assertEqual(list(map(without_digest, result.series)), [{
                    'orthanc_id': 's-1',
                    'series_instance_uid': '2.25.11',
                    'series_number': '1',
                    'modality': 'CT',
                    'description': 'Axial',
                    'body_part': 'CHEST',
                    'image_count': 3,
                    'document': None,
                    'last_update': dt.datetime(2026, 11, 24, 6, 22, 14),
                    }, {
                    'orthanc_id': 's-2',
                    'series_instance_uid': '2.25.12',
                    'series_number': None,
                    'modality': 'SR',
                    'description': None,
                    'body_part': None,
                    'document': None,
                    'image_count': 1,
                    'last_update': None,
                    }])

    def test_optional(self):
        "What not every server reports with studies"
        result = record(
            study('MainDicomTags', RequestingPhysician='Who^Ada'), [])
        self.assertEqual(result.study['requesting_physician'], 'Who, Ada')
        result = record(
            study('PatientMainDicomTags', IssuerOfPatientID='Hospital'), [])
        self.assertEqual(result.study['issuer_of_patient_id'], 'Hospital')

    def test_other_patient_ids(self):
        for tags, expected in [
                ({}, None),
                ({'OtherPatientIDs': ' A1 '}, 'A1'),
                ({'OtherPatientIDs': r'A1\\B2\ A1'}, r'A1\B2'),
                ({'OtherPatientIDsSequence': [
                            {'PatientID': 'C3'}, {'PatientID': 7}, {}, None,
                            {'PatientID': 'D4', 'TypeOfPatientID': 'TEXT'}]},
                    r'C3\D4'),
                ({
                        'OtherPatientIDs': 'A1',
                        'OtherPatientIDsSequence': [{'PatientID': 'C3'}]},
                    r'A1\C3'),
                ({'OtherPatientIDs': 5, 'OtherPatientIDsSequence': 'x'},
                    None)]:
            with self.subTest(tags=tags):
                result = record(study('PatientMainDicomTags', **tags), [])
                self.assertEqual(result.study['other_patient_ids'], expected)

    def test_nothing_but_identifiers(self):
        "Tags and keys can all be missing but those of the identity"
        result = record({
                'ID': 'study', 'ParentPatient': 'patient',
                'MainDicomTags': {'StudyInstanceUID': '2.25.1'}}, [])
        self.assertEqual(
            {k for k, v in without_digest(result.study).items() if v}, {
                'orthanc_id', 'study_instance_uid', 'stable'})
        self.assertEqual(
            (result.study['series_count'], result.study['image_count']),
            (0, 0))
        self.assertEqual(
            {k for k, v in without_digest(result.patient).items() if v},
            {'orthanc_id'})
        self.assertEqual(result.series, ())

    def test_same_keys(self):
        "Rows are written together: whatever is missing, the keys are there"
        complete = record(STUDY, SERIES)
        bare = record({
                'ID': 'study', 'ParentPatient': 'patient',
                'MainDicomTags': {'StudyInstanceUID': '2.25.1'}},
            [{'ID': 's-1', 'Instances': 0}])
        self.assertEqual(list(complete.study), list(bare.study))
        self.assertEqual(list(complete.patient), list(bare.patient))
        self.assertEqual(list(complete.series[0]), list(bare.series[0]))

    def test_impossible_dates(self):
        "What can not be read as a date is kept as it was reported"
        for value in [
                '20260230', 'garbage', '202601', '00000000',
                '20260101-20260201', '00010101', '99999999']:
            with self.subTest(value=value):
                result = record(study(
                        'MainDicomTags', StudyDate=value), [])
                self.assertIsNone(result.study['date'])
                self.assertEqual(result.study['date_reported'], value)
                result = record(study(
                        'PatientMainDicomTags', PatientBirthDate=value), [])
                for row in [result.study, result.patient]:
                    self.assertIsNone(row['birth_date'])
                    self.assertEqual(row['birth_date_reported'], value)

    def test_impossible_times(self):
        for value in ['256161', 'noon', '1015000', '-1']:
            with self.subTest(value=value):
                result = record(study(
                        'MainDicomTags', StudyTime=value), [])
                self.assertIsNone(result.study['time'])
                self.assertEqual(result.study['time_reported'], value)

    def test_midnight(self):
        result = record(study('MainDicomTags', StudyTime='000000'), [])
        self.assertEqual(result.study['time'], dt.time(0, 0))
        self.assertIsNone(result.study['time_reported'])

    def test_empty(self):
        "An empty tag is as good as none"
        for value in ['', '  ', '\0', None]:
            with self.subTest(value=value):
                result = record(study(
                        'MainDicomTags', StudyDate=value,
                        AccessionNumber=value), [])
                self.assertIsNone(result.study['date_reported'])
                self.assertIsNone(result.study['accession_number'])
                result = record(study(
                        'PatientMainDicomTags', PatientID=value,
                        PatientName=value), [])
                self.assertIsNone(result.patient['patient_id'])
                self.assertIsNone(result.study['patient_id'])
                self.assertIsNone(result.patient['name'])

    def test_characters(self):
        "Nothing that a database refuses is left"
        hostile = 'A\0B\x1bC\ud800\r\nD'
        result = record(study(
                'MainDicomTags', **dict.fromkeys(
                    STUDY['MainDicomTags'], hostile)), [{
                **SERIES[0],
                'MainDicomTags': dict.fromkeys(
                    SERIES[0]['MainDicomTags'], hostile)}])
        for row in [result.study, *result.series]:
            for name, value in row.items():
                if isinstance(value, str):
                    with self.subTest(name=name):
                        value.encode()
                        self.assertTrue(value.isprintable())
        self.assertEqual(result.study['description'], 'ABC\ufffd D')

    def test_sex(self):
        for value, expected in [
                ('M', 'M'), ('f ', 'F'), ('O', 'O'), ('X', None),
                ('Male', None), (None, None)]:
            with self.subTest(value=value):
                result = record(study(
                        'PatientMainDicomTags', PatientSex=value), [])
                self.assertEqual(result.study['sex'], expected)
                self.assertEqual(result.patient['sex'], expected)

    def test_stable(self):
        "Orthanc versions that do not tell are taken as stable"
        for value, expected in [(True, True), (False, False), (None, True)]:
            with self.subTest(value=value):
                result = record(study(IsStable=value), [])
                self.assertIs(result.study['stable'], expected)

    def test_modalities(self):
        for modalities, expected in [
                (['CT', 'CT'], 'CT'), (['SR', 'CT'], 'CT, SR'),
                (['', None], None), ([], None)]:
            with self.subTest(modalities=modalities):
                series = [
                    {**SERIES[0], 'MainDicomTags': {'Modality': modality}}
                    for modality in modalities]
                self.assertEqual(
                    record(STUDY, series).study['modalities'], expected)

    def test_unreadable(self):
        "The reason says what is missing, and nothing of the patient"
        for broken, missing in [
                (study(ID=None), 'ID'),
                (study(ID=7), 'ID'),
                (study(ParentPatient=None), 'ParentPatient'),
                (study(ParentPatient=''), 'ParentPatient'),
                (study(MainDicomTags=None), 'StudyInstanceUID'),
                (study(MainDicomTags=[]), 'StudyInstanceUID'),
                (study('MainDicomTags', StudyInstanceUID=None),
                    'StudyInstanceUID'),
                (study('MainDicomTags', StudyInstanceUID=' \0'),
                    'StudyInstanceUID')]:
            with self.subTest(missing=missing):
                with self.assertRaises(Unreadable) as caught:
                    record(broken, SERIES)
                self.assertEqual(
                    (caught.exception.reason, caught.exception.detail),
                    ('missing', missing))
        with self.assertRaises(Unreadable):
            record(STUDY, [{**SERIES[0], 'ID': ''}])

    def test_other(self):
        "What the classes tell counts, and what they do not stays as it was"
        series = copy.deepcopy(SERIES)
        series[0]['MainDicomTags']['Modality'] = 'OT'
        rows = {}
        for told, document, images in [
                (None, None, 3), (0, False, 3), (1, None, 2), (3, True, 0),
                (9, True, 0)]:
            series[0]['Documents'] = told
            result = record(STUDY, series)
            rows[told] = result.series[0]
            self.assertIs(result.series[0]['document'], document)
            self.assertEqual(result.series[0]['image_count'], images or 3)
            self.assertEqual(
                (result.study['image_count'], result.study['document_count']),
                (images, 4 - images))
            self.assertEqual(
                [list(row) for row in result.series],
                [list(rows[None])] * 2)
        self.assertEqual(len({row['digest'] for row in rows.values()}), 4)
        del series[0]['Documents']
        self.assertEqual(record(STUDY, series).series[0], rows[None])

    def test_digest_stays(self):
        "Stored rows are not written anew because of what is new"
        self.assertEqual(
            record(STUDY, SERIES).series[0]['digest'],
            'e01e3f29a2fcdb11d66fa44fab5a93b2')

    def test_digest(self):
        "It is the same for the same, and another for whatever differs"
        original = record(STUDY, SERIES)
        self.assertEqual(record(copy.deepcopy(STUDY), SERIES), original)
        for level, name in [
                ('MainDicomTags', name) for name in STUDY['MainDicomTags']
                ] + [
                ('PatientMainDicomTags', name)
                for name in STUDY['PatientMainDicomTags']]:
            with self.subTest(name=name):
                changed = record(study(level, **{name: '9'}), SERIES)
                self.assertNotEqual(
                    changed.study['digest'], original.study['digest'])
        for changed in [
                record(study(IsStable=False), SERIES),
                record(study(LastUpdate='20261124T062216'), SERIES),
                record(STUDY, SERIES[:1])]:
            self.assertNotEqual(
                changed.study['digest'], original.study['digest'])
        series = copy.deepcopy(SERIES)
        series[0]['Instances'] = 4
        changed = record(STUDY, series)
        self.assertNotEqual(
            changed.series[0]['digest'], original.series[0]['digest'])
        self.assertEqual(
            changed.series[1]['digest'], original.series[1]['digest'])

    @unhurried
    @given(st.dictionaries(
            st.sampled_from(sorted(STUDY)), json_values))
    def test_property_keys(self, values):
        "Whatever an answer holds, it is read or refused as unreadable"
        try:
            result = record({**STUDY, **values}, SERIES)
        except Unreadable:
            return
        self.assertTrue(result.study['orthanc_id'])

    @unhurried
    @given(
        st.dictionaries(
            st.sampled_from(sorted(STUDY['MainDicomTags'])), json_values),
        st.dictionaries(
            st.sampled_from(sorted(STUDY['PatientMainDicomTags'])),
            json_values))
    def test_property_tags(self, tags, patient_tags):
        changed = copy.deepcopy(STUDY)
        changed['MainDicomTags'].update(tags)
        changed['PatientMainDicomTags'].update(patient_tags)
        try:
            result = record(changed, SERIES)
        except Unreadable:
            return
        for row in [result.study, result.patient, *result.series]:
            for value in row.values():
                if isinstance(value, str):
                    value.encode()
                    self.assertNotIn('\0', value)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Items of the worklist say what is meant, in any character set"
import datetime as dt
import io
import unittest
from itertools import product

import pydicom
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian)
from pynetdicom.dsutils import encode

from trytond.modules.health_imaging.station import CHARACTER_SETS
from trytond.modules.health_orthanc.worklist_item import (
    dataset, encoded, person_name, read_wanted)
from trytond.modules.health_orthanc.worklist_query import Item

ALL = read_wanted()
SYNTAXES = [
    ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
# A name that each character set is for
NAMES = {
    None: 'Betz^Ana',
    'ISO_IR 100': 'Müller^Françoise',
    'ISO_IR 101': 'Wałęsa^Lech',
    'ISO_IR 109': 'Ĉapek^Ĝoja',
    'ISO_IR 110': 'Bērziņš^Jānis',
    'ISO_IR 148': 'Şahin^Işıl',
    'ISO_IR 144': 'Люксембург^Роза',
    'ISO_IR 127': 'قباني^لنزار',
    'ISO_IR 126': 'Διονυσιος^Ελενη',
    'ISO_IR 138': 'שרון^דבורה',
    'ISO_IR 166': 'สมชาย^ใจดี',
    'ISO_IR 13\\ISO 2022 IR 87': 'ﾔﾏﾀﾞ^ﾀﾛｳ',
    '\\ISO 2022 IR 87': '山田^太郎',
    '\\ISO 2022 IR 149': '김^희중',
    'GBK': '王^小东',
    'GB18030': '王^小东',
    'ISO_IR 192': 'Łukasz^Żółć',
    }


def item(name='Betz^Ana', **values):
    return Item(**{
            'id': 1, 'scheduled': dt.datetime(2026, 7, 5, 10, 30),
            'patient_name': name, 'patient_id': 'GNU1',
            'accession_number': 'IM1', 'study_instance_uid': '2.25.1',
            'requested_procedure_id': 'RP1',
            'scheduled_procedure_step_id': 'RP1', 'modality': 'CT',
            'station_ae_title': 'CT01', **values})


def sent(built):
    "Return the dataset as the other side reads it"
    file = io.BytesIO()
    pydicom.dcmwrite(
        file, built, implicit_vr=True, little_endian=True)
    file.seek(0)
    return read_dataset(file, is_implicit_VR=True, is_little_endian=True)


class ItemTestCase(unittest.TestCase):
    "Test the items"

    def test_character_sets(self):
        "Each character set keeps the names that it is for"
        self.assertEqual(
            NAMES.keys(), {value for value, _ in CHARACTER_SETS})
        for character_set, name in NAMES.items():
            with self.subTest(character_set=character_set):
                read = sent(dataset(item(name), ALL, character_set))
                self.assertIn(name, str(read.PatientName).split('='))

    def test_never_a_question_mark(self):
        "A name that does not fit is written in Latin letters"
        for character_set in NAMES:
            for name in NAMES.values():
                with self.subTest(character_set=character_set, name=name):
                    read = sent(dataset(
                            item(name, reason=name), ALL, character_set))
                    text = str(read.PatientName)
                    self.assertNotIn('?', text)
                    self.assertNotIn('\ufffd', text)
                    self.assertIn('^', text)
                    self.assertNotIn(
                        '?', read.ReasonForTheRequestedProcedure)
        self.assertEqual(
            person_name('Łukasz^Ola', 'ISO_IR 100'), 'Lukasz^Ola')

    def test_encoded(self):
        "The bytes are those of the dataset, whatever is in it"
        one_key = Dataset()
        one_key.PatientName = ''
        for (character_set, own), syntax, wanted, name in product(
                NAMES.items(), SYNTAXES, [ALL, read_wanted(one_key)],
                [None, 'Łukasz^Ola']):
            name = name or own
            one = item(
                name, reason=name, description=name, code='CODE',
                birth_date=dt.date(1980, 2, 1), allergies="Iodine\nÄther",
                pregnant=name is own, station_name=name)
            with self.subTest(
                    character_set=character_set, syntax=syntax.name):
                self.assertEqual(
                    encoded(one, wanted, character_set, syntax),
                    encode(
                        dataset(one, wanted, character_set),
                        syntax.is_implicit_VR, syntax.is_little_endian))

    def test_required(self):
        "What must have a value has one (PS3.4 Table K.6-1, type 1)"
        built = dataset(item(), ALL)
        step, = built.ScheduledProcedureStepSequence
        for part, keywords in [
                (built, ['StudyInstanceUID', 'RequestedProcedureID',
                        'PatientName', 'PatientID']),
                (step, ['ScheduledStationAETitle', 'Modality',
                        'ScheduledProcedureStepStartDate',
                        'ScheduledProcedureStepStartTime',
                        'ScheduledProcedureStepID'])]:
            for keyword in keywords:
                with self.subTest(keyword=keyword):
                    self.assertTrue(part[keyword].value)

    def test_wanted(self):
        "What is asked for is returned, and nothing else"
        asked = Dataset()
        asked.PatientName = 'B*'
        asked.PatientWeight = None
        wanted = read_wanted(asked)
        self.assertTrue(wanted.all_known)
        self.assertEqual(
            {e.keyword for e in dataset(item(), wanted)},
            {'PatientName', 'PatientWeight'})
        asked.ScheduledProcedureStepSequence = []
        step, = dataset(
            item(), read_wanted(asked)).ScheduledProcedureStepSequence
        self.assertIn('ScheduledProcedureStepLocation', step)
        asked.PatientTelephoneNumbers = ''
        wanted = read_wanted(asked)
        self.assertFalse(wanted.all_known)
        self.assertNotIn('PatientTelephoneNumbers', dataset(item(), wanted))

    def test_lengths(self):
        "No value is longer than its kind allows, or becomes two"
        built = sent(dataset(item(
                    'ä' * 100, accession_number='A' * 30,
                    description='a\\b' * 50, location='l' * 40), ALL,
                'ISO_IR 192'))
        step, = built.ScheduledProcedureStepSequence
        self.assertLessEqual(len(str(built.PatientName)), 64)
        self.assertEqual(len(built.AccessionNumber), 16)
        self.assertEqual(len(step.ScheduledProcedureStepLocation), 16)
        self.assertEqual(
            built['RequestedProcedureDescription'].VM, 1)
        self.assertLessEqual(len(built.RequestedProcedureDescription), 64)

    @settings(max_examples=200, deadline=None)
    @given(
        st.text(
            st.characters(
                exclude_categories=['C', 'Z'], exclude_characters='\\^=?'),
            min_size=1, max_size=20),
        st.sampled_from(list(NAMES)))
    def test_any_name(self, name, character_set):
        "No letter at all becomes a question mark"
        read = sent(dataset(item(f'{name}^Ana'), ALL, character_set))
        self.assertNotIn('\ufffd', str(read.PatientName))
        if not set(name) - set(''.join(NAMES.values())):
            self.assertNotIn('?', str(read.PatientName))


if __name__ == '__main__':
    unittest.main()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Values of DICOM are read as the standard has them"
import datetime as dt
import unicodedata
import unittest

from hypothesis import given
from hypothesis import strategies as st

from trytond.modules.health_orthanc import dicom
from trytond.modules.health_orthanc.dicom import PersonName

NOT_TEXT = [None, 0, 1, 20260102, 1.5, True, b'20260102', [], ['M'], {}]

# Text as hostile as JSON can bring it, and whatever else JSON can bring.
wild_text = st.text(alphabet=st.one_of(
        st.characters(exclude_categories=()),
        st.sampled_from('^=\\ \t\n\0\x85\ud800.:0123456789')))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | wild_text,
    lambda values: (
        st.lists(values) | st.dictionaries(st.text(), values)),
    max_leaves=5)


class TextTestCase(unittest.TestCase):

    def test_text(self):
        for value, expected in [
                ('Chest', 'Chest'),
                ('  PAD 1 ', 'PAD 1'),
                # Two spaces distinguish two identifiers.
                ('A  B', 'A  B'),
                ('A\tB\r\nC', 'A B C'),
                ('A\u2028B\x85C', 'A B C'),
                ('A\x00', 'A'),
                ('A\x00B\x1b\x9fC\x7f', 'ABC'),
                ('\x00 A', 'A'),
                ('A\ufffeB\uffff', 'AB'),
                ('A\ud800B', 'A\ufffdB'),
                ('\U0001f600', '\U0001f600'),
                ('山田', '山田'),
                ('', None), ('  ', None), ('\x00\n\t ', None)]:
            with self.subTest(value=value):
                self.assertEqual(dicom.text(value), expected)

    def test_not_text(self):
        for value in NOT_TEXT:
            with self.subTest(value=value):
                self.assertIsNone(dicom.text(value))

    @given(json_values)
    def test_property(self, value):
        result = dicom.text(value)
        if result is None:
            return
        self.assertTrue(result)
        self.assertEqual(result, dicom.text(result))
        self.assertEqual(result, result.strip())
        self.assertLessEqual(len(result), len(value))
        categories = set(map(unicodedata.category, result))
        self.assertFalse(categories & {'Cc', 'Cs', 'Zl', 'Zp'})
        result.encode('utf-8')


class DateTestCase(unittest.TestCase):

    def test_date(self):
        for value, expected in [
                ('20240131', dt.date(2024, 1, 31)),
                ('20240229', dt.date(2024, 2, 29)),
                (' 20240131 ', dt.date(2024, 1, 31)),
                ('20240131\0', dt.date(2024, 1, 31)),
                ('2024.01.31', dt.date(2024, 1, 31)),
                ('10000101', dt.date(1000, 1, 1)),
                ('99991231', dt.date(9999, 12, 31))]:
            with self.subTest(value=value):
                self.assertEqual(dicom.date(value), expected)

    def test_unreadable(self):
        for value in [
                '', '2024', '202401', '20240230', '20230229', '20241301',
                '20240100', '00000000', '00010101', '09991231', 'garbage',
                '20240131-20240201', '-20240131', '20240131-',
                '20240131\\20240201', '2024-01-31', '2024.1.31',
                '2024.0131', '202401311', '20240131T', '+2024013',
                '2024 1 1', '2_024011', '٢٠٢٤٠١٣١', '２０２４０１３１',
                *NOT_TEXT]:
            with self.subTest(value=value):
                self.assertIsNone(dicom.date(value))

    @given(json_values)
    def test_any_value(self, value):
        self.assertIsInstance(
            dicom.date(value), (dt.date, type(None)))

    @given(st.dates(min_value=dt.date(1000, 1, 1)))
    def test_every_date(self, date):
        self.assertEqual(
            dicom.date(f'{date:%Y%m%d}'), date)
        self.assertEqual(
            dicom.date(f'{date:%Y.%m.%d}'), date)


class TimeTestCase(unittest.TestCase):

    def test_time(self):
        for value, expected in [
                ('12', dt.time(12)),
                ('1234', dt.time(12, 34)),
                ('123456', dt.time(12, 34, 56)),
                ('123456.7', dt.time(12, 34, 56, 700000)),
                ('123456.000001', dt.time(12, 34, 56, 1)),
                ('123456.789012', dt.time(12, 34, 56, 789012)),
                ('000000', dt.time(0)),
                ('235960', dt.time(23, 59, 59)),
                (' 1234 ', dt.time(12, 34)),
                ('12:34', dt.time(12, 34)),
                ('12:34:56', dt.time(12, 34, 56)),
                ('12:34:56.5', dt.time(12, 34, 56, 500000))]:
            with self.subTest(value=value):
                self.assertEqual(dicom.time(value), expected)

    def test_unreadable(self):
        for value in [
                '', '1', '123', '12345', '256161', '240000', '126000',
                '123461', '123456.', '123456.1234567', '1234.5', '12:3',
                '1234:56', '12:34:56:78', '1000-1200', '12\\13', 'garbage',
                '-10000', '+10000', '１２３４', *NOT_TEXT]:
            with self.subTest(value=value):
                self.assertIsNone(dicom.time(value))

    @given(json_values)
    def test_any_value(self, value):
        self.assertIsInstance(
            dicom.time(value), (dt.time, type(None)))

    @given(st.times())
    def test_every_time(self, time):
        self.assertEqual(dicom.time(f'{time:%H%M%S.%f}'), time)


class TimestampTestCase(unittest.TestCase):

    def test_timestamp(self):
        self.assertEqual(
            dicom.timestamp('20261124T062215'),
            dt.datetime(2026, 11, 24, 6, 22, 15))

    def test_unreadable(self):
        for value in [
                '', '20261124', '20261124T0622', '20261124 062215',
                '20260230T062215', '20261124T062275', '20261124T062215Z',
                'T', *NOT_TEXT]:
            with self.subTest(value=value):
                self.assertIsNone(dicom.timestamp(value))

    @given(json_values)
    def test_any_value(self, value):
        dicom.timestamp(value)


class SexTestCase(unittest.TestCase):

    def test_sex(self):
        for value, expected in [
                ('M', 'M'), ('F', 'F'), ('O', 'O'), ('m', 'M'), (' F ', 'F'),
                ('F\0', 'F'), ('', None), ('U', None), ('Male', None),
                ('M\\F', None), ('MF', None),
                *((value, None) for value in NOT_TEXT)]:
            with self.subTest(value=value):
                self.assertEqual(dicom.sex(value), expected)

    @given(json_values)
    def test_any_value(self, value):
        self.assertIn(dicom.sex(value), {'M', 'F', 'O', None})


class DocumentTestCase(unittest.TestCase):

    def test_is_document(self):
        for modality in [
                'SR', 'PR', 'KO', 'DOC', 'AU', 'SEG', 'RTSTRUCT', 'RTPLAN',
                'RTDOSE', 'RTRECORD', 'REG', 'PLAN', 'sr']:
            self.assertTrue(dicom.is_document(modality), modality)
        for modality in ['CT', 'MR', 'DX', 'OT', 'SC', 'RTIMAGE', '', None]:
            self.assertFalse(dicom.is_document(modality), modality)

    def test_can_be_document(self):
        for modality in ['OT', 'ot']:
            self.assertTrue(dicom.can_be_document(modality), modality)
        for modality in ['SC', 'CT', 'DOC', '', None]:
            self.assertFalse(dicom.can_be_document(modality), modality)


    def test_classes(self):
        "Documents, reports, key objects and presentations of PS3.4 B.5"
        self.assertEqual(set(dicom.DOCUMENT_CLASSES), {
                '1.2.840.10008.5.1.4.1.1.104.1',
                '1.2.840.10008.5.1.4.1.1.104.2',
                '1.2.840.10008.5.1.4.1.1.104.3',
                '1.2.840.10008.5.1.4.1.1.104.4',
                '1.2.840.10008.5.1.4.1.1.104.5',
                '1.2.840.10008.5.1.4.1.1.88.11',
                '1.2.840.10008.5.1.4.1.1.88.22',
                '1.2.840.10008.5.1.4.1.1.88.33',
                '1.2.840.10008.5.1.4.1.1.88.59',
                '1.2.840.10008.5.1.4.1.1.11.1'})

    def test_modalities(self):
        "Of each one, in order, and back"
        for values, text in [
                ([], None), ([None, ''], None), (['CT'], 'CT'),
                (['MR', 'CT', None, 'CT', ''], 'CT, MR')]:
            with self.subTest(values=values):
                self.assertEqual(dicom.join_modalities(values), text)
        for text, values in [
                (None, ()), ('', ()), ('CT', ('CT',)),
                ('CT, MR', ('CT', 'MR'))]:
            with self.subTest(text=text):
                self.assertEqual(dicom.split_modalities(text), values)

    def test_maximum(self):
        "Several times what PS3.5 6.2 allows; three groups of a name"
        self.assertEqual(dicom.MAXIMUM, {
                'CS': 64, 'DA': 64, 'IS': 64, 'LO': 256, 'PN': 776, 'SH': 64,
                'UI': 256})


class PersonNameTestCase(unittest.TestCase):

    def test_parse(self):
        for value, alphabetic in [
                ('Adams^John Robert Quincy^^Rev.^B.A. M.Div.', PersonName(
                        'Adams', 'John Robert Quincy', '', 'Rev.',
                        'B.A. M.Div.')),
                (' DOE ^ JOHN ^M^DR^JR', PersonName(
                        'DOE', 'JOHN', 'M', 'DR', 'JR')),
                ('DOE^^^^', PersonName('DOE')),
                ('^JOHN', PersonName(given='JOHN')),
                ('John Doe', PersonName('John Doe')),
                ('DOE^J^^^JR^MD', PersonName('DOE', 'J', suffix='JR MD')),
                ('DOE^J^^^^MD', PersonName('DOE', 'J', suffix='MD')),
                ('A^B\\C^D', PersonName('A', 'B')),
                ('A\0^B\n', PersonName('A', 'B')),
                ('', PersonName()), ('^^^^', PersonName()),
                *((value, PersonName()) for value in NOT_TEXT)]:
            with self.subTest(value=value):
                self.assertEqual(
                    dicom.parse_person_name(value),
                    (alphabetic, PersonName(), PersonName()))

    def test_parse_groups(self):
        for value, alphabetic, ideographic, phonetic in [
                ('Yamada^Tarou=山田^太郎=やまだ^たろう',
                    ('Yamada', 'Tarou'), ('山田', '太郎'),
                    ('やまだ', 'たろう')),
                ('=山田^太郎', (), ('山田', '太郎'), ()),
                ('Wang^XiaoDong=王^小東=', ('Wang', 'XiaoDong'),
                    ('王', '小東'), ()),
                ('A=B=C=D', ('A',), ('B',), ('C',)),
                ('==', (), (), ())]:
            with self.subTest(value=value):
                self.assertEqual(
                    dicom.parse_person_name(value), (
                        PersonName(*alphabetic), PersonName(*ideographic),
                        PersonName(*phonetic)))

    def test_truth(self):
        self.assertFalse(PersonName())
        self.assertTrue(PersonName(suffix='Jr'))
        self.assertFalse(dicom.parse_person_name('^=^='))
        self.assertTrue(dicom.parse_person_name('==a'))

    def test_display(self):
        for value, expected in [
                ('Doe^Jane', 'Doe, Jane'),
                ('Adams^John^Quincy^Rev.^B.A.',
                    'Adams, Rev. John Quincy, B.A.'),
                ('DOE^^^^', 'DOE'), ('^JANE', 'JANE'),
                ('DOE^^^^JR', 'DOE, JR'),
                ('John Doe', 'John Doe'),
                ('Yamada^Tarou=山田^太郎=やまだ^たろう',
                    'Yamada, Tarou (山田 太郎)'),
                ('=山田^太郎', '山田 太郎'),
                ('=山田^太郎=やまだ^たろう', '山田 太郎'),
                ('==やまだ^たろう', 'やまだ たろう'),
                # Readings are for who cannot read the other groups
                ('Yamada^Tarou==やまだ^たろう', 'Yamada, Tarou'),
                ('A^B\\C^D', 'A, B; C, D'),
                ('\\C^D', 'C, D'),
                (' DOE ^ JOHN ', 'DOE, JOHN'),
                ('', None), ('^^^^', None), ('==', None), ('\\', None),
                *((value, None) for value in NOT_TEXT)]:
            with self.subTest(value=value):
                self.assertEqual(dicom.display_name(value), expected)

    @given(json_values)
    def test_property(self, value):
        for group in dicom.parse_person_name(value):
            for component in group:
                self.assertEqual(component, dicom.text(component) or '')
                self.assertFalse(set(component) & set('^=\\'))
        name = dicom.display_name(value)
        if name is not None:
            self.assertEqual(name, dicom.text(name))
            self.assertEqual(name, dicom.display_name(name))
            self.assertFalse(set(name) & set('^=\\'))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of the worklist as DICOM has them (PS3.4 Table K.6-1).

Pure functions. They need pydicom and anyascii, which the extra "worklist"
brings.
"""
import io
import unicodedata
import warnings
from functools import lru_cache
from struct import pack
from typing import NamedTuple

from anyascii import anyascii
from pydicom import dcmwrite
from pydicom.charset import convert_encodings, decode_bytes, encode_string
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import TEXT_VR_DELIMS

from .worklist_query import STEP_SEQUENCE

_CHARACTER_SET = tag_for_keyword('SpecificCharacterSet')
_STEP_SEQUENCE = tag_for_keyword(STEP_SEQUENCE)
# PS3.5 6.2: how many characters the values of these have
_LENGTHS = {'SH': 16, 'LO': 64, 'ST': 1024, 'LT': 10240}
# PS3.5 6.2 PN: of each group
_NAME_LENGTH = 64
# Modality Worklist Information Model - FIND
_SOP_CLASS = '1.2.840.10008.5.1.4.31'
_CODING_SCHEME = '99GNUHEALTH'


def _text(name, vr):
    return lambda item: (vr, getattr(item, name) or '')


def _empty(vr):
    return lambda item: (vr, '')


def _date(name):
    def get(item):
        value = getattr(item, name)
        return 'DA', f'{value:%Y%m%d}' if value else ''
    return get


def _code(item):
    if not item.code:
        return 'SQ', ()
    return 'SQ', (item.code, item.description or item.code)


# What each attribute of an item is made of
_ROOT = {
    'AccessionNumber': _text('accession_number', 'SH'),
    'AdmissionID': _empty('LO'),
    'Allergies': lambda item: (
        'LO', tuple(_one_value(item.allergies or '').splitlines())),
    'ConfidentialityConstraintOnPatientDataDescription': _empty('LO'),
    'CurrentPatientLocation': _empty('LO'),
    'IssuerOfPatientID': _empty('LO'),
    'MedicalAlerts': _empty('LO'),
    'PatientBirthDate': _date('birth_date'),
    'PatientID': _text('patient_id', 'LO'),
    'PatientName': _text('patient_name', 'PN'),
    'PatientSex': _text('sex', 'CS'),
    'PatientSize': _empty('DS'),
    'PatientState': _empty('LO'),
    'PatientTransportArrangements': _empty('LO'),
    'PatientWeight': _empty('DS'),
    # PS3.3 C.2.4: definitely pregnant; nobody is known not to be
    'PregnancyStatus': lambda item: ('US', 3 if item.pregnant else ''),
    'ReasonForTheRequestedProcedure': _text('reason', 'LO'),
    'ReferencedPatientSequence': _empty('SQ'),
    'ReferencedStudySequence': _empty('SQ'),
    'ReferringPhysicianName': _text('requesting_physician', 'PN'),
    'RequestedProcedureCodeSequence': _code,
    'RequestedProcedureComments': _text('comment', 'LT'),
    'RequestedProcedureDescription': _text('description', 'LO'),
    'RequestedProcedureID': _text('requested_procedure_id', 'SH'),
    'RequestedProcedurePriority': _text('priority', 'SH'),
    'RequestingPhysician': _text('requesting_physician', 'PN'),
    'SpecialNeeds': _empty('LO'),
    'StudyInstanceUID': _text('study_instance_uid', 'UI'),
    }
_STEP = {
    'Modality': _text('modality', 'CS'),
    'PreMedication': _empty('LO'),
    'RequestedContrastAgent': _empty('LO'),
    'ScheduledPerformingPhysicianName': _text('performing_physician', 'PN'),
    'ScheduledProcedureStepDescription': _text('description', 'LO'),
    'ScheduledProcedureStepID': _text('scheduled_procedure_step_id', 'SH'),
    'ScheduledProcedureStepLocation': _text('location', 'SH'),
    'ScheduledProcedureStepStartDate': _date('scheduled'),
    'ScheduledProcedureStepStartTime': lambda item: (
        'TM', f'{item.scheduled:%H%M%S}'),
    'ScheduledProcedureStepStatus': _text('status', 'CS'),
    'ScheduledProtocolCodeSequence': _code,
    'ScheduledStationAETitle': _text('station_ae_title', 'AE'),
    'ScheduledStationName': _text('station_name', 'SH'),
    }


class Wanted(NamedTuple):
    """The keywords of what is to be returned, and whether all are known.

    A sequence without attributes, or an identifier without keys, wants all.
    """
    root: tuple
    step: tuple
    all_known: bool


def read_wanted(identifier=()):
    "Return the Wanted of a C-FIND identifier"
    root, root_known = _wanted(
        [e.keyword for e in identifier if e.keyword != STEP_SEQUENCE
            and e.keyword != 'SpecificCharacterSet'], _ROOT)
    keywords = {e.keyword for e in identifier}
    step, step_known = (), True
    if not keywords or STEP_SEQUENCE in keywords:
        items = identifier[STEP_SEQUENCE].value if keywords else []
        step, step_known = _wanted(
            [e.keyword for e in items[0]] if items else [], _STEP)
    if keywords and not root and keywords <= {
            STEP_SEQUENCE, 'SpecificCharacterSet'}:
        root, root_known = (), True
    return Wanted(root, step, root_known and step_known)


def _wanted(keywords, known):
    if not keywords:
        return tuple(known), True
    wanted = tuple(k for k in keywords if k in known)
    # Keys with an empty keyword are private ones
    return wanted, len(wanted) == len(keywords)


def dataset(item, wanted, character_set=None, *others):
    """Return the Dataset of an item, in the character set.

    That is the value of Specific Character Set (0008,0005), None for ASCII.
    What it, or one of others, can not express is transliterated.
    """
    built = Dataset()
    character_sets = {character_set, *others}
    if character_set:
        built.SpecificCharacterSet = character_set.split('\\')
    for keyword in wanted.root:
        setattr(built, keyword, _value(*_ROOT[keyword](item), character_sets))
    if wanted.step:
        step = Dataset()
        for keyword in wanted.step:
            setattr(
                step, keyword, _value(*_STEP[keyword](item), character_sets))
        built.ScheduledProcedureStepSequence = [step]
    return built


def _value(vr, value, character_sets):
    "Return the value of an attribute, as a Dataset takes it"
    if vr == 'PN':
        return person_name(value, *character_sets)
    if vr == 'SQ':
        return [_coded(*value, character_sets)] if value else []
    if isinstance(value, tuple):
        return [
            _short(text, vr, character_sets) if vr in _LENGTHS else text
            for text in value]
    if vr in _LENGTHS:
        return _short(_one_value(value), vr, character_sets)
    if vr in {'US', 'DS'}:
        return value or None
    return value


def _coded(value, meaning, character_sets):
    code = Dataset()
    code.CodeValue = _short(value, 'SH', character_sets)
    code.CodingSchemeDesignator = _CODING_SCHEME
    code.CodeMeaning = _short(meaning, 'LO', character_sets)
    return code


def encoded(item, wanted, character_set, transfer_syntax):
    """Return the bytes of what dataset returns, in the transfer syntax.

    That is pydicom's UID of one that is not compressed. Most attributes of an
    item are those of others, and are encoded once.
    """
    syntax = (
        transfer_syntax.is_implicit_VR, transfer_syntax.is_little_endian)
    parts = {
        tag_for_keyword(keyword): _element(
            keyword, *_ROOT[keyword](item), character_set, *syntax)
        for keyword in wanted.root}
    if character_set:
        parts[_CHARACTER_SET] = _element(
            'SpecificCharacterSet', 'CS', tuple(character_set.split('\\')),
            None, *syntax)
    if wanted.step:
        step = [
            _element(keyword, *_STEP[keyword](item), character_set, *syntax)
            for keyword in sorted(wanted.step, key=tag_for_keyword)]
        parts[_STEP_SEQUENCE] = _sequence(step, *syntax)
    return b''.join(parts[tag] for tag in sorted(parts))


@lru_cache(maxsize=16384)
def _element(keyword, vr, value, character_set, implicit_vr, little_endian):
    "Return the bytes of one attribute"
    built = Dataset()
    setattr(built, keyword, _value(vr, value, {character_set}))
    file = DicomBytesIO()
    file.is_implicit_VR = implicit_vr
    file.is_little_endian = little_endian
    write_data_element(
        file, built[keyword],
        character_set.split('\\') if character_set else None)
    return file.parent.getvalue()


def _sequence(elements, implicit_vr, little_endian):
    "Return the bytes of the sequence of the step with one item"
    order = '<' if little_endian else '>'
    content = b''.join(elements)
    content = pack(f'{order}HHL', 0xFFFE, 0xE000, len(content)) + content
    header = pack(
        f'{order}HH', _STEP_SEQUENCE >> 16, _STEP_SEQUENCE & 0xFFFF)
    if not implicit_vr:
        header += b'SQ\0\0'
    return header + pack(f'{order}L', len(content)) + content


def file_content(built):
    "Return the bytes of a DICOM file (PS3.10) with a Dataset"
    file = io.BytesIO()
    file_dataset = FileDataset(file, built, preamble=bytes(128))
    meta = file_dataset.file_meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = _SOP_CLASS
    meta.MediaStorageSOPInstanceUID = built.StudyInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(file, file_dataset, enforce_file_format=True)
    return file.getvalue()


def simplified(built):
    "Return a Dataset as the tags that Orthanc reads, by their keywords"
    tags = {}
    for element in built:
        # What is sent is text
        if element.keyword == 'SpecificCharacterSet':
            continue
        value = element.value
        if element.VR == 'SQ':
            value = [simplified(item) for item in value]
        elif element.VM > 1:
            value = '\\'.join(map(str, value))
        else:
            value = '' if value is None else str(value)
        tags[element.keyword] = value
    return tags


def _short(text, vr, character_sets):
    return fitting(text, *character_sets)[:_LENGTHS[vr]].strip()


def _one_value(text):
    # A backslash would begin another value
    return text.replace('\\', '/')


def fitting(text, *character_sets):
    "Return the text, transliterated where a character set has not all of it"
    return text if _fit(text, character_sets) else _ascii(text)


def person_name(name, *character_sets):
    """Return the PN value of "family^given" (PS3.5 6.2.1).

    Ideographs and Hangul are the second group, after Latin letters.
    """
    if _is_ideographic(name):
        groups = [_ascii(name)]
        if _fit(name, character_sets):
            groups.append(name)
    else:
        groups = [fitting(name, *character_sets)]
    return '='.join(group[:_NAME_LENGTH].strip() for group in groups)


def _is_ideographic(name):
    return any(
        unicodedata.name(character, '').startswith(
            ('CJK', 'HANGUL', 'HIRAGANA'))
        for character in name)


def _ascii(text):
    return anyascii(unicodedata.normalize('NFC', text))


def _fit(text, character_sets):
    return all(_fits(text, character_set) for character_set in character_sets)


@lru_cache(maxsize=4096)
def _fits(text, character_set):
    "Return whether a text survives the character set"
    if text.isascii():
        return True
    if not character_set:
        return False
    encodings = convert_encodings(character_set.split('\\'))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            encoded = encode_string(text, encodings)
            return decode_bytes(encoded, encodings, TEXT_VR_DELIMS) == text
    except (UnicodeError, LookupError, ValueError):
        return False

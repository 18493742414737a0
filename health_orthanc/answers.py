# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of an Orthanc say, whatever they are. No Tryton.

A server can answer with anything: what is not as the API has it is left out,
or is None, and nothing here raises.
"""
import re
from dataclasses import dataclass
from typing import NamedTuple

from . import dicom
from .record import MAXIMUM_INTEGER, is_id

__all__ = [
    'SERIES_TAGS', 'Change', 'Changes', 'Statistics', 'System',
    'identified', 'is_count', 'read_change', 'read_image', 'read_parent',
    'read_series', 'read_system', 'series_instance_uid', 'studies_among',
    'study_id', 'study_instance_uid', 'texts']

MAXIMUM_SEQ = 2 ** 63 - 1
_MAXIMUM_COUNT = 10 ** 12  # more than a column can hold, and soon compared
SERIES_TAGS = [
    'BodyPartExamined', 'Modality', 'SeriesDescription', 'SeriesInstanceUID',
    'SeriesNumber']
_LONGEST_TAG = 300  # characters
# An UID that a query takes literally: no wildcard, no list separator.
_UID = re.compile(r'[0-9.]{1,64}', re.ASCII)
# Issuer of Patient ID, as Orthanc lists the tags that it reports
_ISSUER = '0010,0021'


@dataclass(frozen=True)
class System:
    """What an Orthanc server says about itself.

    database_identifier and database_plugin are None when not reported.
    extended_changes and extended_find tell whether the database lets the
    server filter its changes and order what it finds (1.12.5 and later),
    reports_issuer whether it keeps the issuer of Patient IDs (0010,0021)
    among the tags that it reports with studies (1.11.0 and later).
    """
    version: str
    name: str
    aet: str
    database_identifier: str | None
    database_plugin: str | None
    extended_changes: bool
    extended_find: bool
    reports_issuer: bool


@dataclass(frozen=True)
class Statistics:
    "How many resources the server holds"
    patients: int
    studies: int
    series: int
    instances: int


class Change(NamedTuple):
    "One row of the server's log of changes; date is its text, in UTC"
    seq: int
    type: str
    resource_type: str
    resource_id: str
    date: str


@dataclass(frozen=True)
class Changes:
    """A page of the log of changes.

    last is not a cursor: of an empty page it is the highest number that the
    server ever gave out.
    """
    rows: tuple[Change, ...]
    done: bool
    last: int


def is_count(value, maximum):
    "Return whether value is an integer from 0 to maximum"
    return (
        isinstance(value, int) and not isinstance(value, bool)
        and 0 <= value <= maximum)


def read_system(answer):
    "Return the System of an answer, or None where that is not of an Orthanc"
    if not (isinstance(answer, dict)
            and isinstance(answer.get('Version'), str)
            and is_count(answer.get('ApiVersion'), MAXIMUM_INTEGER)):
        return None
    capabilities = answer.get('Capabilities')
    if not isinstance(capabilities, dict):
        capabilities = {}
    tags = answer.get('MainDicomTags')
    patient_tags = tags.get('Patient') if isinstance(tags, dict) else None
    return System(
        version=dicom.text(answer['Version']) or '',
        name=dicom.text(answer.get('Name')) or '',
        aet=dicom.text(answer.get('DicomAet')) or '',
        database_identifier=dicom.text(
            answer.get('DatabaseServerIdentifier')),
        database_plugin=dicom.text(answer.get('DatabaseBackendPlugin')),
        extended_changes=capabilities.get('HasExtendedChanges') is True,
        extended_find=capabilities.get('HasExtendedFind') is True,
        reports_issuer=isinstance(patient_tags, str) and (
            _ISSUER in patient_tags.split(';')))


def read_change(row):
    "Return the Change of a row of the log, or None when unreadable"
    if not isinstance(row, dict) or not is_count(
            row.get('Seq'), MAXIMUM_SEQ):
        return None
    # Each is a word as short as an ID
    texts = [
        row.get(k) for k in ('ChangeType', 'ResourceType', 'ID', 'Date')]
    if not all(map(is_id, texts)):
        return None
    return Change(row['Seq'], *texts)


def identified(resources, type_):
    "Yield those of resources that are of that type and have an ID"
    for resource in resources:
        if (isinstance(resource, dict)
                and resource.get('Type') == type_
                and is_id(resource.get('ID'))):
            yield resource


def studies_among(studies, ids):
    "Return those of studies whose ID is in ids as {ID: study}"
    return {
        s['ID']: s for s in identified(studies, 'Study') if s['ID'] in ids}


def texts(value):
    "Return the texts of a list, whatever the server sent in its place"
    return {
        item for item in (value if isinstance(value, list) else ())
        if isinstance(item, str)}


def study_id(study):
    "Return what a study of any form has as its ID"
    return study.get('ID') if isinstance(study, dict) else None


def study_instance_uid(study):
    "Return the UID of study where a query takes it literally, or None"
    return _literal_uid(study, 'StudyInstanceUID')


def series_instance_uid(series):
    "Return the UID of series where a query takes it literally, or None"
    return _literal_uid(series, 'SeriesInstanceUID')


def _literal_uid(resource, name):
    tags = resource.get('MainDicomTags')
    uid = tags.get(name) if isinstance(tags, dict) else None
    return uid if isinstance(uid, str) and _UID.fullmatch(uid) else None


def read_parent(instance):
    "Return the Orthanc ID of the series that an instance is of, or None"
    parent = instance.get('ParentSeries')
    return parent if is_id(parent) else None


def read_series(series):
    "Return what series_of promises, from any form of the answer"
    last_update = series.get('LastUpdate')
    if last_update is None and isinstance(series.get('Metadata'), dict):
        last_update = series['Metadata'].get('LastUpdate')
    instances = series.get('Instances')
    if isinstance(instances, list):
        count = len(instances)
    else:
        requested = series.get('RequestedTags')
        count = requested.get('NumberOfSeriesRelatedInstances') \
            if isinstance(requested, dict) else None
        count = str(count)
        if not (count.isascii() and count.isdecimal()):
            count = 0
        elif len(count) > 12:
            count = _MAXIMUM_COUNT
    tags = series.get('MainDicomTags')
    if not isinstance(tags, dict):
        tags = {}
    return {
        'ID': series['ID'],
        'ParentStudy': series['ParentStudy'],
        'MainDicomTags': {
            name: tags[name][:_LONGEST_TAG] for name in SERIES_TAGS
            if isinstance(tags.get(name), str)},
        'LastUpdate': last_update,
        'Instances': int(count),
        }


def read_image(image):
    "Return what orders an image in its series, its ID, and its frames"
    index = image.get('IndexInSeries')
    if not is_count(index, MAXIMUM_INTEGER):
        index = MAXIMUM_INTEGER
    tags = image.get('MainDicomTags')
    frames = tags.get('NumberOfFrames') if isinstance(tags, dict) else None
    frames = str(frames).strip()
    is_number = frames.isascii() and frames.isdecimal() and len(frames) < 8
    return index, image['ID'], int(frames) if is_number else 1

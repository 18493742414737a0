# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Orthanc tells of a study -> the values of its rows. Pure functions.

The values are named like the columns of gnuhealth.orthanc.patient,
gnuhealth.orthanc.study and gnuhealth.orthanc.series.
"""
import hashlib
import re
from typing import NamedTuple

from . import dicom
from .exceptions import Unreadable

MAXIMUM_INTEGER = 2 ** 31 - 1  # of a column
# Orthanc's own are 44 characters long.
_ID = re.compile('[!-~]{1,64}')


class Record(NamedTuple):
    "One study, its patient and its series, each as the values of its row"
    patient: dict
    study: dict
    series: tuple


def record(study, series):
    """Return the Record of one expanded study and its expanded series.

    A series can have 'Documents': how many of its objects are documents,
    where its modality does not tell. Raises Unreadable.
    """
    _check(study, 'ID', 'ParentPatient')
    objects = image_count(series)
    if objects > MAXIMUM_INTEGER:
        raise Unreadable('out_of_range', 'Instances')
    tags = _tags(study, 'PatientMainDicomTags')
    demographics = _demographics(tags)
    name = dicom.display_name(tags.get('PatientName'))
    rows = list(map(_series_values, series))
    return Record(
        patient=_with_digest({
                'orthanc_id': study['ParentPatient'],
                **demographics,
                'name': name,
                }),
        study=_with_digest(
            _study_values(study, demographics, name, rows, objects)),
        series=tuple(
            {'document': None, **_with_digest(row)} for row in rows))


def is_id(value):
    "Return whether value can be the Orthanc ID of a resource"
    return isinstance(value, str) and bool(_ID.fullmatch(value))


def image_count(series):
    "Return the number of images, and of other objects, of the series"
    return sum(s['Instances'] for s in series)


def _study_values(study, demographics, name, rows, objects):
    """Return the row of a study of the name shown.

    rows are of its series, which have that number of objects.
    """
    tags = _tags(study, 'MainDicomTags')
    patient_tags = _tags(study, 'PatientMainDicomTags')
    study_instance_uid = dicom.text(tags.get('StudyInstanceUID'), 'UI')
    if not study_instance_uid:
        raise Unreadable('missing', 'StudyInstanceUID')
    date, date_reported = _readable(dicom.date, tags.get('StudyDate'))
    images = sum(
        row['image_count'] for row in rows
        if not (row.get('document') or dicom.is_document(row['modality'])))
    time, time_reported = _readable(_whole_seconds, tags.get('StudyTime'))
    return {
        'orthanc_id': study['ID'],
        'study_instance_uid': study_instance_uid,
        **demographics,
        'issuer_of_patient_id': dicom.text(
            patient_tags.get('IssuerOfPatientID')),
        'other_patient_ids': _other_patient_ids(patient_tags),
        'patient_name': name,
        'date': date,
        'date_reported': date_reported,
        'time': time,
        'time_reported': time_reported,
        'description': dicom.text(tags.get('StudyDescription')),
        'accession_number': dicom.text(tags.get('AccessionNumber'), 'SH'),
        'study_id': dicom.text(tags.get('StudyID'), 'SH'),
        'institution': dicom.text(tags.get('InstitutionName')),
        'referring_physician': dicom.display_name(
            tags.get('ReferringPhysicianName')),
        'requesting_physician': dicom.display_name(
            tags.get('RequestingPhysician')),
        'modalities': dicom.join_modalities(row['modality'] for row in rows),
        'series_count': len(rows),
        'image_count': images,
        'document_count': objects - images,
        'last_update': dicom.timestamp(study.get('LastUpdate')),
        'stable': study.get('IsStable') is not False,
        }


def _series_values(series):
    _check(series, 'ID')
    tags = _tags(series, 'MainDicomTags')
    values = {
        'orthanc_id': series['ID'],
        'series_instance_uid': dicom.text(
            tags.get('SeriesInstanceUID'), 'UI'),
        'series_number': dicom.text(tags.get('SeriesNumber'), 'IS'),
        'modality': dicom.text(tags.get('Modality'), 'CS'),
        'description': dicom.text(tags.get('SeriesDescription')),
        'body_part': dicom.text(tags.get('BodyPartExamined'), 'CS'),
        'image_count': series['Instances'],
        'last_update': dicom.timestamp(series.get('LastUpdate')),
        }
    documents = series.get('Documents')
    if documents is not None:
        documents = min(documents, series['Instances'])
        # Of the others the digest stays what it was
        if documents in {0, series['Instances']}:
            values['document'] = documents > 0
        else:
            # Of both, and to be asked again
            values['image_count'] -= documents
    return values


def _demographics(tags):
    "The patient as reported, by study or by patient, for rows and matching"
    birth_date, birth_date_reported = _readable(
        dicom.date, tags.get('PatientBirthDate'))
    return {
        'patient_id': dicom.text(tags.get('PatientID')),
        'person_name': dicom.text(tags.get('PatientName'), 'PN'),
        'birth_date': birth_date,
        'birth_date_reported': birth_date_reported,
        'sex': dicom.sex(tags.get('PatientSex')),
        }


def _other_patient_ids(tags):
    """Return the text of the Other Patient IDs, or None.

    They are (0010,1000) and those of the sequence (0010,1002), which servers
    report where their configuration says so.
    """
    sequence = tags.get('OtherPatientIDsSequence')
    if not sequence and not tags.get('OtherPatientIDs'):
        return None
    items = sequence if isinstance(sequence, list) else []
    ids = [
        *(dicom.text(tags.get('OtherPatientIDs')) or '').split('\\'),
        *(item.get('PatientID') for item in items if isinstance(item, dict))]
    return '\\'.join(dict.fromkeys(filter(None, map(dicom.text, ids)))) or None


def _readable(read, value):
    "Return the value read, and the text itself only where it can't be read"
    result = read(value)
    return result, dicom.text(value, 'DA') if result is None else None


def _whole_seconds(value):
    "Return the time as Tryton stores it"
    time = dicom.time(value)
    return time and time.replace(microsecond=0)


def _tags(resource, key):
    tags = resource.get(key)
    return tags if isinstance(tags, dict) else {}


def _check(resource, *keys):
    for key in keys:
        if not is_id(resource.get(key)):
            raise Unreadable('missing', key)


def _with_digest(values):
    "Add what tells at a glance whether a stored row still says the same"
    text = repr(values)
    digest = hashlib.blake2b(
        text.encode('utf-8', 'backslashreplace'), digest_size=16)
    return {**values, 'digest': digest.hexdigest()}

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What machines report of their steps (MPPS, PS3.4 F.7): pure functions.

Attributes are Datasets of pydicom.
"""
import datetime as dt

from trytond.modules.health_imaging.dicom import is_uid

from . import dicom

IN_PROGRESS = 'IN PROGRESS'
FINAL = ('COMPLETED', 'DISCONTINUED')

# PS3.7 C.5 and PS3.4 F.7.2.2.2
INVALID_ATTRIBUTE_VALUE = 0x0106
PROCESSING_FAILURE = 0x0110
DUPLICATE_INSTANCE = 0x0111
NO_SUCH_INSTANCE = 0x0112
MISSING_ATTRIBUTE = 0x0120
NOT_AUTHORIZED = 0x0124
NO_LONGER_UPDATED = 0xA710

# PS3.4 Table F.7.2-1: what a step has when it is made, with a value
_REQUIRED = [
    'PerformedProcedureStepID', 'PerformedStationAETitle',
    'PerformedProcedureStepStartDate', 'PerformedProcedureStepStartTime',
    'PerformedProcedureStepStatus', 'Modality',
    'ScheduledStepAttributesSequence']
# ... and what never changes from then on
_FIXED = [
    *(name for name in _REQUIRED if name != 'PerformedProcedureStepStatus'),
    'PatientName', 'PatientID', 'PatientBirthDate', 'PatientSex']
_REQUIRED_OF_FINAL = [
    'PerformedProcedureStepEndDate', 'PerformedProcedureStepEndTime']
_REQUIRED_OF_SERIES = ['SeriesInstanceUID', 'ProtocolName']
_LONGEST_TEXT = 250


class Refusal(Exception):
    "Why a report is refused: the status, a comment, and the Error ID if any"

    def __init__(self, status, comment, error_id=None):
        super().__init__(comment)
        self.status = status
        self.error_id = error_id


def create(attributes):
    "Check the attributes of an N-CREATE; raise Refusal"
    _check_present(attributes, _REQUIRED)
    _check_status(attributes, [IN_PROGRESS])
    for item in attributes.ScheduledStepAttributesSequence:
        _check_present(item, ['StudyInstanceUID'])
        _check_uid(item, 'StudyInstanceUID')
    _check_times(attributes)
    _check_series(attributes)
    return attributes


def modify(known, modification):
    """Return the attributes known with those of an N-SET; raise Refusal.

    A sequence is replaced as a whole.
    """
    if text(known, 'PerformedProcedureStepStatus') in FINAL:
        raise Refusal(
            PROCESSING_FAILURE,
            'Performed Procedure Step Object may no longer be updated',
            NO_LONGER_UPDATED)
    for keyword in _FIXED:
        if keyword in modification and (
                modification[keyword] != known.get(keyword)
                and modification[keyword].value != known.get(keyword)):
            raise Refusal(
                INVALID_ATTRIBUTE_VALUE, f'{keyword} can not change')
    # A copy of a Dataset would share what it has
    attributes = type(known)()
    attributes.update(known)
    attributes.update(modification)
    status = _check_status(attributes, [IN_PROGRESS, *FINAL])
    if status in FINAL:
        _check_present(attributes, _REQUIRED_OF_FINAL)
    _check_times(attributes)
    _check_series(attributes)
    return attributes


def values(attributes, to_utc):
    """Return the columns of each item of a performed step.

    to_utc makes UTC of a local datetime.
    """
    series = list(attributes.get('PerformedSeriesSequence') or [])
    common = {
        'status': text(attributes, 'PerformedProcedureStepStatus'),
        'station_ae_title': text(attributes, 'PerformedStationAETitle'),
        'performed_procedure_step_id': text(
            attributes, 'PerformedProcedureStepID'),
        'description': text(attributes, 'PerformedProcedureStepDescription'),
        'modality': text(attributes, 'Modality'),
        'started': _moment(attributes, 'Start', to_utc),
        'ended': _moment(attributes, 'End', to_utc),
        'patient_name': text(attributes, 'PatientName'),
        'patient_id': text(attributes, 'PatientID'),
        'birth_date': dicom.date(text(attributes, 'PatientBirthDate')),
        'sex': dicom.sex(text(attributes, 'PatientSex')),
        'series': '\n'.join(map(_series_line, series)) or None,
        'series_count': len(series),
        'image_count': sum(map(_image_count, series)),
        'discontinuation_reason': _reason(attributes),
        'attributes': attributes.to_json(suppress_invalid_tags=True),
        }
    return [{
            **common,
            'item': number,
            'study_instance_uid': text(item, 'StudyInstanceUID'),
            'accession_number': text(item, 'AccessionNumber'),
            'requested_procedure_id': text(item, 'RequestedProcedureID'),
            'scheduled_procedure_step_id': text(
                item, 'ScheduledProcedureStepID'),
            } for number, item in enumerate(
                attributes.ScheduledStepAttributesSequence)]


def text(dataset, keyword):
    "Return the text of an attribute, None where it is not there or empty"
    value = dataset.get(keyword)
    if value is None:
        return None
    value = dicom.text(str(value))
    return value and value[:_LONGEST_TEXT]


def _check_present(dataset, keywords):
    for keyword in keywords:
        if not dataset.get(keyword):
            raise Refusal(MISSING_ATTRIBUTE, f'{keyword} is missing')


def _check_status(attributes, allowed):
    status = text(attributes, 'PerformedProcedureStepStatus')
    if status not in allowed:
        raise Refusal(
            INVALID_ATTRIBUTE_VALUE,
            'PerformedProcedureStepStatus can not be this one')
    return status


def _check_uid(dataset, keyword):
    if not is_uid(text(dataset, keyword) or ''):
        raise Refusal(INVALID_ATTRIBUTE_VALUE, f'{keyword} is no UID')


def _check_times(attributes):
    for moment in ['Start', 'End']:
        for keyword, read in [
                (f'PerformedProcedureStep{moment}Date', dicom.date),
                (f'PerformedProcedureStep{moment}Time', dicom.time)]:
            value = text(attributes, keyword)
            if value and read(value) is None:
                raise Refusal(
                    INVALID_ATTRIBUTE_VALUE, f'{keyword} can not be read')


def _check_series(attributes):
    for series in attributes.get('PerformedSeriesSequence') or []:
        _check_present(series, _REQUIRED_OF_SERIES)
        _check_uid(series, 'SeriesInstanceUID')


def _moment(attributes, moment, to_utc):
    date, time = (
        read(text(attributes, f'PerformedProcedureStep{moment}{part}'))
        for part, read in [('Date', dicom.date), ('Time', dicom.time)])
    if date is None or time is None:
        return None
    return to_utc(dt.datetime.combine(date, time.replace(microsecond=0)))


def _reason(attributes):
    codes = attributes.get(
        'PerformedProcedureStepDiscontinuationReasonCodeSequence') or []
    if not codes:
        return None
    return text(codes[0], 'CodeMeaning') or text(codes[0], 'CodeValue')


def _image_count(series):
    return len(series.get('ReferencedImageSequence') or []) + len(
        series.get('ReferencedNonImageCompositeSOPInstanceSequence') or [])


def _series_line(series):
    return ' '.join(filter(None, [
                text(series, 'SeriesInstanceUID'),
                text(series, 'ProtocolName'),
                text(series, 'SeriesDescription'),
                f'({_image_count(series)})']))

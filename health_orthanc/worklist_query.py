# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the worklist, and what of it is asked for (PS3.4 K).

Pure functions. The identifier of a C-FIND is read into criteria on what an
item has, which worklist.py pushes down to the database.
"""
import datetime as dt
import re
from typing import NamedTuple

from . import dicom

STEP_SEQUENCE = 'ScheduledProcedureStepSequence'
# How the values of a key are compared (PS3.4 C.2.2.2)
TEXT = 'text'  # as it is, with wildcards
NAME = 'name'  # a person's: without case and accents, with wildcards
UID = 'uid'  # one of a list
DATE = 'date'  # single or range

# The keys that are matched, each with the column of an item that it is about
# (PS3.4 Table K.6-1). Date and time of the step are one period.
ROOT_KEYS = {
    'AccessionNumber': (TEXT, 'accession_number'),
    'PatientBirthDate': (DATE, 'birth_date'),
    'PatientID': (TEXT, 'patient_id'),
    'PatientName': (NAME, 'patient_name'),
    'PatientSex': (TEXT, 'sex'),
    'ReferringPhysicianName': (NAME, 'requesting_physician'),
    'RequestedProcedureDescription': (TEXT, 'description'),
    'RequestedProcedureID': (TEXT, 'requested_procedure_id'),
    'RequestedProcedurePriority': (TEXT, 'priority'),
    'RequestingPhysician': (NAME, 'requesting_physician'),
    'StudyInstanceUID': (UID, 'study_instance_uid'),
    }
STEP_KEYS = {
    'Modality': (TEXT, 'modality'),
    'ScheduledPerformingPhysicianName': (NAME, 'performing_physician'),
    'ScheduledProcedureStepDescription': (TEXT, 'description'),
    'ScheduledProcedureStepID': (TEXT, 'scheduled_procedure_step_id'),
    'ScheduledProcedureStepLocation': (TEXT, 'location'),
    'ScheduledProcedureStepStatus': (TEXT, 'status'),
    'ScheduledStationAETitle': (TEXT, 'station_ae_title'),
    'ScheduledStationName': (TEXT, 'station_name'),
    }
STEP_DATE = 'ScheduledProcedureStepStartDate'
STEP_TIME = 'ScheduledProcedureStepStartTime'

_ROUGH_TIME = re.compile(
    r'(\d{2}):?(?:(\d{2}):?(?:(\d{2})(?:\.(\d{1,6}))?)?)?', re.ASCII)


class Item(NamedTuple):
    """A step that is to be made at a station.

    scheduled is local where the institution is, birth_date a date; the rest
    are texts, names as "family^given", of the allergies a line for each.
    pregnant is False where that is not known.
    """
    id: int
    scheduled: dt.datetime
    patient_name: str
    patient_id: str | None = None
    birth_date: dt.date | None = None
    sex: str | None = None
    accession_number: str | None = None
    study_instance_uid: str | None = None
    requested_procedure_id: str | None = None
    scheduled_procedure_step_id: str | None = None
    status: str = 'SCHEDULED'
    priority: str = 'ROUTINE'
    description: str | None = None
    code: str | None = None
    modality: str | None = None
    station_ae_title: str | None = None
    station_name: str | None = None
    location: str | None = None
    requesting_physician: str = ''
    performing_physician: str = ''
    reason: str | None = None
    allergies: str | None = None
    pregnant: bool = False
    comment: str | None = None


class QueryError(Exception):
    "The identifier can not be understood; the text says which key"


class Criterion(NamedTuple):
    """One of the values must be that of the column.

    Dates are pairs of the first and the last day, either of which can be
    None.
    """
    kind: str
    column: str
    values: tuple


class Query(NamedTuple):
    """What is asked for, where the institution is.

    start and end bound the date and time of the step, times the time of the
    day; each can be None. Bounds belong to what they bound.
    """
    criteria: tuple = ()
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    times: tuple | None = None


def has_wildcard(value):
    return '*' in value or '?' in value


def read_query(identifier):
    "Return the Query of a C-FIND identifier; raise QueryError"
    step = _step(identifier)
    criteria = [
        *_criteria(identifier, ROOT_KEYS), *_criteria(step, STEP_KEYS)]
    return Query(tuple(criteria), *_period(step))


def _step(identifier):
    "Return the item of the step, an empty one where all are wanted"
    items = identifier.get(STEP_SEQUENCE) or []
    if len(items) > 1:
        raise QueryError(f"{STEP_SEQUENCE} has more than one item")
    return items[0] if items else {}


def _criteria(dataset, keys):
    for keyword, (kind, column) in keys.items():
        values = _values(dataset, keyword)
        if kind == DATE:
            values = [_date_range(keyword, value) for value in values]
        elif kind == NAME:
            values = [
                group for value in values for group in _name_groups(value)]
        elif kind == TEXT and '*' in values:
            # That matches what is empty as well
            values = []
        if values:
            yield Criterion(kind, column, tuple(values))


def _values(dataset, keyword):
    "Return the texts of a key, none where all are wanted"
    value = dataset.get(keyword)
    if value is None or value == '':
        return []
    # A person name can be iterated too, but is one value
    values = value if hasattr(value, 'append') else [value]
    return list(filter(None, (dicom.text(str(v)) for v in values)))


def _name_groups(value):
    """Return the groups of a PN key as patterns for "family^given".

    What stands for further components that may be empty is left out.
    """
    groups = []
    for group in value.split('='):
        components = [c.strip() for c in group.split('^')]
        while len(components) > 1 and not components[-1].strip('*'):
            stars = components.pop()
            if stars and len(components) == 1:
                components[0] = components[0].rstrip('*') + '*'
        if components != ['']:
            groups.append('^'.join(components))
    return [] if '*' in groups else groups


def _range(keyword, value):
    "Return the two ends of a range, twice the same of what is none"
    first, dash, last = (part.strip() for part in value.partition('-'))
    if dash and not first and not last:
        raise QueryError(f"{keyword} has a range without ends")
    return (first, last, True) if dash else (first, first, False)


def _date_range(keyword, value):
    first, last, _ = _range(keyword, value)
    return _date(keyword, first), _date(keyword, last)


def _date(keyword, text):
    if not text:
        return None
    date = dicom.date(text)
    if date is None:
        raise QueryError(f"{keyword} has no date")
    return date


def _time(keyword, text, last=False):
    "Return the first or the last moment that a TM value, cut short, means"
    match = _ROUGH_TIME.fullmatch(text)
    if not match:
        raise QueryError(f"{keyword} has no time")
    hour, minute, second, fraction = match.groups()
    rest = '59' if last else '00'
    try:
        return dt.time(
            int(hour), int(minute or rest), min(int(second or rest), 59),
            int((fraction or '').ljust(6, '9' if last else '0')))
    except ValueError:
        raise QueryError(f"{keyword} has no time") from None


def _period(step):
    """Return start, end and times of a Query.

    The ranges of date and time together are one period (PS3.4 K.6.1.2.2).
    """
    dates, times = (_values(step, key) for key in [STEP_DATE, STEP_TIME])
    for keyword, values in [(STEP_DATE, dates), (STEP_TIME, times)]:
        if len(values) > 1:
            raise QueryError(f"{keyword} has more than one value")
    first = last = None
    earliest, latest = dt.time.min, dt.time.max
    time_is_range = several_days = False
    if dates and dates[0] != '*':
        first, last, several_days = _range(STEP_DATE, dates[0])
        first, last = _date(STEP_DATE, first), _date(STEP_DATE, last)
    if times and times[0] != '*':
        begin, end, time_is_range = _range(STEP_TIME, times[0])
        earliest = _time(STEP_TIME, begin) if begin else earliest
        latest = _time(STEP_TIME, end, last=True) if end else latest
    of_each_day = (earliest, latest) != (dt.time.min, dt.time.max) and (
        not (first or last) or several_days and not time_is_range)
    if of_each_day:
        return (
            first and dt.datetime.combine(first, dt.time.min),
            last and dt.datetime.combine(last, dt.time.max),
            (earliest, latest))
    return (
        first and dt.datetime.combine(first, earliest),
        last and dt.datetime.combine(last, latest), None)

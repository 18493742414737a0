# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What is to be made at the stations, as modalities are told of it"
import datetime as dt
import re
import unicodedata
import zoneinfo
from itertools import groupby
from operator import attrgetter

from sql import As, Cast, Literal, Null
from sql.conditionals import Case, Coalesce
from sql.functions import AtTimeZone, Function, Lower
from sql.operators import BinaryOperator, Concat, Exists, Like

from trytond import backend
from trytond.config import config
from trytond.modules.health_imaging import precaution
from trytond.pool import Pool, PoolMeta
from trytond.transaction import Transaction

from . import worklist_query
from .worklist_query import Item

_ESCAPE = '!'
_SEXES = {'m': 'M', 'f': 'F', 'nb': 'O', 'other': 'O'}
# Letters with a stroke and the like, which Unicode does not take apart
_LETTERS = {
    'ł': 'l', 'ø': 'o', 'đ': 'd', 'ð': 'd', 'ı': 'i', 'ħ': 'h', 'ß': 'ss',
    'æ': 'ae', 'œ': 'oe', 'þ': 'th'}
_MARKS = '[\u0300-\u036f]'
# What separates parts of a name or values, and can not be in them
_SEPARATORS = '[\\\\^=]'


class _Glob(BinaryOperator):
    # LIKE of SQLite does not see upper and lower case
    __slots__ = ()
    _operator = 'GLOB'


class _Normalize(Function):
    __slots__ = ()
    _function = 'pg_catalog.normalize'


class _RegexpReplace(Function):
    __slots__ = ()
    _function = 'REGEXP_REPLACE'


class _Replace(Function):
    __slots__ = ()
    _function = 'REPLACE'


class _Fold(Function):
    __slots__ = ()
    _function = 'IMAGING_FOLD'


class _LocalTime(Function):
    __slots__ = ()
    _function = 'IMAGING_LOCAL_TIME'


def fold(text):
    "Return the text without case and accents"
    text = unicodedata.normalize('NFD', text).lower()
    text = re.sub(_MARKS, '', text)
    for letter, letters in _LETTERS.items():
        text = text.replace(letter, letters)
    return text


def _folded(expression):
    "Return the SQL of fold"
    if backend.name == 'sqlite':
        return _Fold(expression)
    expression = _RegexpReplace(
        Lower(_Normalize(expression, 'NFD')), _MARKS, '', 'g')
    for letter, letters in _LETTERS.items():
        expression = _Replace(expression, letter, letters)
    return expression


def _prepare(connection, timezone):
    "Give SQLite the functions that it has not"
    if backend.name != 'sqlite':
        return

    def local_time(value):
        moment = dt.datetime.fromisoformat(value)
        return _local(moment, timezone).time().isoformat('microseconds')

    connection.create_function(
        'IMAGING_FOLD', 1, lambda text: text and fold(text))
    connection.create_function('IMAGING_LOCAL_TIME', 1, local_time)


def _local(moment, timezone):
    return moment.replace(tzinfo=dt.timezone.utc).astimezone(
        timezone).replace(tzinfo=None)


def _utc(moment, timezone, fold):
    return moment.replace(tzinfo=timezone, fold=fold).astimezone(
        dt.timezone.utc).replace(tzinfo=None)


def _pattern(value):
    "Return the pattern of LIKE for wildcards of DICOM"
    value = re.sub('[!%_]', lambda m: _ESCAPE + m[0], value)
    return value.replace('*', '%').replace('?', '_')


def company_timezone():
    "Return the time zone of the companies, if it is one"
    Company = Pool().get('company.company')
    names = {c.timezone for c in Company.search([]) if c.timezone}
    return zoneinfo.ZoneInfo(names.pop() if len(names) == 1 else 'UTC')


def open_since():
    "Return the scheduled date from which on steps are told of"
    days = config.getint('health_orthanc', 'worklist_days', default=7)
    return dt.datetime.now() - dt.timedelta(days=days)


class Request(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request'

    @classmethod
    def worklist(cls, query, timezone, caller=None):
        """Return an iterator of the Items that a Query wants.

        timezone is that of the institution. Of the stations that an item is
        for it names the caller, by its AE title, or else the first.
        """
        for _, items in groupby(
                cls.worklist_by_station(query, timezone), attrgetter('id')):
            items = list(items)
            own = [i for i in items if i.station_ae_title == caller]
            yield (own or items)[0]

    @classmethod
    def worklist_by_station(cls, query, timezone):
        "Return an iterator of the Items, one for each station that it is for"
        connection = Transaction().connection
        _prepare(connection, timezone)
        cursor = connection.cursor()
        cursor.execute(*cls._worklist_query(query, timezone))
        for row in cursor:
            yield cls._worklist_item(row, timezone)

    @classmethod
    def _worklist_query(cls, query, timezone):
        "Return the SQL, with a row for each step and each of its stations"
        tables, joined = cls._worklist_tables()
        columns = cls._worklist_columns(tables)
        request, station = tables['request'], tables['station']
        where = cls._worklist_open(request)
        for criterion in query.criteria:
            where &= _condition(criterion, columns)
        if query.start:
            where &= request.scheduled_date >= _utc(query.start, timezone, 0)
        if query.end:
            where &= request.scheduled_date <= _utc(query.end, timezone, 1)
        if query.times:
            where &= _is_at(request.scheduled_date, query.times, timezone)
        return joined.select(
            *(As(columns[name], name) for name in Item._fields),
            where=where,
            order_by=[
                request.scheduled_date, request.id, station.ae_title])

    @classmethod
    def _worklist_open(cls, request):
        "Return which requests modalities are told of"
        return (
            (request.state == 'requested')
            & request.procedure_status.in_(['scheduled', 'arrived'])
            & (request.scheduled_date >= open_since())
            & (request.study_instance_uid != Null)
            & (request.requested_procedure_id != Null))

    @classmethod
    def _worklist_tables(cls):
        pool = Pool()
        Station = pool.get('gnuhealth.imaging.station')
        StationType = pool.get(
            'gnuhealth.imaging.station-gnuhealth.imaging.test.type')
        Party = pool.get('party.party')
        tables = {
            'request': cls.__table__(),
            'test': pool.get('gnuhealth.imaging.test').__table__(),
            'type': pool.get('gnuhealth.imaging.test.type').__table__(),
            'patient': pool.get('gnuhealth.patient').__table__(),
            'person': Party.__table__(),
            'doctor': pool.get('gnuhealth.healthprofessional').__table__(),
            'physician': Party.__table__(),
            'station': Station.__table__(),
            }
        offers = StationType.__table__()
        request, station = tables['request'], tables['station']
        joined = request
        for name, column in [
                ('test', request.requested_test),
                ('type', tables['test'].test_type),
                ('patient', request.patient),
                ('person', tables['patient'].party),
                ('doctor', request.doctor),
                ('physician', tables['doctor'].party)]:
            table = tables[name]
            joined = joined.join(table, condition=table.id == column)
        return tables, joined.join(station, condition=(
                (station.active == Literal(True))
                & ((station.id == request.station)
                    | ((request.station == Null)
                        & Exists(offers.select(offers.id, where=(
                                    offers.station == station.id)
                                & (offers.test_type
                                    == tables['test'].test_type)))))))

    @classmethod
    def _worklist_columns(cls, tables):
        "Return the SQL of each field of an Item"
        request, test, person, station = (
            tables[name] for name in ['request', 'test', 'person', 'station'])
        return {
            'id': request.id,
            'scheduled': request.scheduled_date,
            'patient_name': _name(person),
            'patient_id': person.ref,
            'birth_date': person.dob,
            'sex': Case(
                *((person.gender == known, sex)
                    for known, sex in _SEXES.items()), else_=''),
            'accession_number': request.accession_number,
            'study_instance_uid': request.study_instance_uid,
            'requested_procedure_id': request.requested_procedure_id,
            'scheduled_procedure_step_id':
                request.scheduled_procedure_step_id,
            'status': Case(
                (request.procedure_status == 'arrived', 'ARRIVED'),
                else_='SCHEDULED'),
            'priority': Case(
                (request.urgent == Literal(True), 'HIGH'), else_='ROUTINE'),
            'description': test.name,
            'code': test.code,
            'modality': tables['type'].code,
            'station_ae_title': station.ae_title,
            'station_name': station.name,
            'location': station.location,
            'requesting_physician': _name(tables['physician']),
            'performing_physician': Literal(''),
            'reason': request.clinical_question,
            'allergies': precaution.allergies(request.patient),
            'pregnant': precaution.is_pregnant(request.patient),
            'comment': request.comment,
            }

    @classmethod
    def _worklist_item(cls, row, timezone):
        item = Item(*row)
        scheduled = item.scheduled
        if isinstance(scheduled, str):
            scheduled = dt.datetime.fromisoformat(scheduled)
        birth_date = item.birth_date
        if isinstance(birth_date, str):
            birth_date = dt.date.fromisoformat(birth_date)
        return item._replace(
            scheduled=_local(scheduled, timezone), birth_date=birth_date)


def _name(party):
    "Return the SQL of a name as family^given"
    family, given = (
        Coalesce(_cleaned(column), '')
        for column in [party.lastname, party.name])
    return Case(
        (family == '', given), (given == '', family),
        else_=Concat(Concat(family, '^'), given))


def _cleaned(column):
    for separator in '\\^=':
        column = _Replace(column, separator, ' ')
    return column


def _condition(criterion, columns):
    "Return the SQL of a Criterion"
    column = columns[criterion.column]
    condition = Literal(False)
    for value in criterion.values:
        condition |= _matches(criterion.kind, column, value)
    return condition


def _matches(kind, column, value):
    if kind == worklist_query.DATE:
        first, last = value
        condition = column != Null
        if first:
            condition &= column >= first
        if last:
            condition &= column <= last
        return condition
    if kind == worklist_query.UID:
        return column == value
    if kind == worklist_query.NAME:
        return Like(_folded(column), _folded(_pattern(value)), _ESCAPE)
    if not worklist_query.has_wildcard(value):
        return column == value
    if backend.name == 'sqlite':
        return _Glob(column, value.replace('[', '[[]'))
    return Like(column, _pattern(value), _ESCAPE)


def _is_at(column, times, timezone):
    "Return the SQL of a time of the day where the institution is"
    first, last = times
    if backend.name == 'sqlite':
        local = _LocalTime(column)
        first, last = (t.isoformat('microseconds') for t in times)
    else:
        local = Cast(
            AtTimeZone(AtTimeZone(column, 'utc'), str(timezone)), 'TIME')
    return (local >= first) & (local <= last)

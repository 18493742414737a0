# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orthanc's REST API, as far as a synchronisation needs it. No Tryton.

Every call only reads.  What the API answers under which version is described
in the Orthanc Book; the comments here say where an answer can mislead.
"""
import re
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

from .exceptions import BrokenAnswer, NotOrthanc, ServerFailed
from .transport import Connection, parse
from .viewer import VIEWERS

__all__ = ['Change', 'Changes', 'Orthanc', 'Statistics', 'System']

# How a server that is no Orthanc answers to a route that it does not have.
_NO_SUCH_ROUTE = {400, 404, 405}
# The changes after which a study or a series has to be read again.  Orthanc
# never writes the types Modified*, Anonymized* and Deleted.
_STUDY_AND_SERIES_CHANGES = 'NewStudy;NewSeries;StableStudy;StableSeries'
_BULK_SIZE = 200  # resources per request
_FEW = 20  # studies that are best read by ID from any server
_FIND_SIZE = 500  # studies per query for their series, a scan as well
_WALK_PAGE = 1000
# An UID that a query takes literally: no wildcard, no list separator.
_UID = re.compile(r'[0-9.]{1,64}', re.ASCII)


@dataclass(frozen=True)
class System:
    """What an Orthanc server says about itself.

    database_identifier and database_plugin are None when not reported.
    extended_changes and extended_find tell whether the database lets the
    server filter its changes and order what it finds (1.12.5 and later).
    """
    version: str
    name: str
    aet: str
    database_identifier: str | None
    database_plugin: str | None
    extended_changes: bool
    extended_find: bool


@dataclass(frozen=True)
class Statistics:
    """How many resources the server holds."""
    patients: int
    studies: int
    series: int
    instances: int


class Change(NamedTuple):
    """One row of the server's log of changes; date is its text, in UTC."""
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


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _str_or_none(value):
    return value if isinstance(value, str) and value else None


def _system(answer):
    if not (isinstance(answer, dict)
            and isinstance(answer.get('Version'), str)
            and _is_int(answer.get('ApiVersion'))):
        return None
    capabilities = answer.get('Capabilities')
    if not isinstance(capabilities, dict):
        capabilities = {}
    return System(
        version=answer['Version'],
        name=_str_or_none(answer.get('Name')) or '',
        aet=_str_or_none(answer.get('DicomAet')) or '',
        database_identifier=_str_or_none(
            answer.get('DatabaseServerIdentifier')),
        database_plugin=_str_or_none(answer.get('DatabaseBackendPlugin')),
        extended_changes=capabilities.get('HasExtendedChanges') is True,
        extended_find=capabilities.get('HasExtendedFind') is True)


def _change(row):
    """Return the Change of a row of the log, or None when unreadable."""
    if not isinstance(row, dict) or not _is_int(row.get('Seq')):
        return None
    texts = [
        row.get(k) for k in ('ChangeType', 'ResourceType', 'ID', 'Date')]
    if not all(isinstance(t, str) for t in texts):
        return None
    return Change(row['Seq'], *texts)


def _slices(values, size):
    for start in range(0, len(values), size):
        yield values[start:start + size]


def _identified(resources, type_):
    """Yield those of resources that are of that type and have an ID."""
    for resource in resources:
        if (isinstance(resource, dict)
                and resource.get('Type') == type_
                and isinstance(resource.get('ID'), str)):
            yield resource


def _by_id(studies, ids):
    """Return those of studies whose ID is in ids as {ID: study}."""
    return {
        s['ID']: s for s in _identified(studies, 'Study') if s['ID'] in ids}


def _study_instance_uid(study):
    """Return the UID of study where a query takes it literally, or None."""
    tags = study.get('MainDicomTags')
    uid = tags.get('StudyInstanceUID') if isinstance(tags, dict) else None
    return uid if isinstance(uid, str) and _UID.fullmatch(uid) else None


def _series(series):
    """Return what series_of promises, from any form of the answer."""
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
        count = int(count) if str(count).isdecimal() else 0
    return {
        'ID': series['ID'],
        'ParentStudy': series['ParentStudy'],
        'MainDicomTags': series.get('MainDicomTags'),
        'LastUpdate': last_update,
        'Instances': count,
        }


class Orthanc:
    """What one Orthanc server can be asked; a context manager.

    The arguments are those of a transport.Connection, which says what can be
    raised.
    """

    def __init__(self, *args, **kwargs):
        self._connection = Connection(*args, **kwargs)
        self._system = None

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def close(self):
        self._connection.close()

    @property
    def url(self):
        """The address of the server, ending with '/'."""
        return self._connection.url

    @property
    def requests(self):
        """How many requests were sent."""
        return self._connection.requests

    def _integers(self, method, path, answer, keys):
        """Return the integers of answer at keys."""
        values = [answer.get(k) for k in keys]
        if not all(map(_is_int, values)):
            raise BrokenAnswer(
                f'{method} {self.url}{path}: not the expected keys')
        return values

    # The server

    def system(self):
        """Return the System; raises NotOrthanc when it is something else."""
        try:
            body = self._connection.read('GET', 'system')
        except ServerFailed as error:
            if error.status not in _NO_SUCH_ROUTE:
                raise
            body = b''
        try:
            system = _system(parse(body))
        except ValueError:
            system = None
        if system is None:
            raise NotOrthanc(f'GET {self.url}system: not the answer of one')
        self._system = system
        return system

    @property
    def capabilities(self):
        """The System as first read."""
        return self._system or self.system()

    def statistics(self):
        """Return the Statistics."""
        answer = self._connection.json('GET', 'statistics', type_=dict)
        return Statistics(*self._integers('GET', 'statistics', answer, [
                    'CountPatients', 'CountStudies', 'CountSeries',
                    'CountInstances']))

    def viewers(self):
        """Return the names of those VIEWERS that not every server has.

        Each is asked for its page, as a plugin that is listed can still serve
        it elsewhere.
        """
        found = set()
        for name, viewer in VIEWERS.items():
            if viewer.flag is None:
                continue
            response, _ = self._connection.exchange('GET', viewer.page)
            if response.status_code == 200:
                found.add(name)
        return frozenset(found)

    # The log of changes

    def last_change(self):
        """Return the newest Change, or None, and the last number given out.
        """
        page = self._changes('changes?last')
        return (page.rows[-1] if page.rows else None), page.last

    def changes(self, since, limit, study_and_series_only=False):
        """Return the Changes after number since, at most limit.

        study_and_series_only asks the server for nothing but the changes of
        studies and series to read again.  Only some servers can; the others
        return every row, and the caller must filter in any case.

        A row that is not one is left out; a page of nothing else raises
        BrokenAnswer, as it would look like the end of the log.
        """
        # Outside of these Orthanc answers with an empty page that looks like
        # the end of the log.
        if not (since >= 0 and 0 < limit < 2 ** 31):
            raise ValueError(f"since {since}, limit {limit}")
        path = f'changes?since={since:d}&limit={limit:d}'
        if study_and_series_only and self.capabilities.extended_changes:
            # Orthanc 1.12.7 does not decode an escaped semicolon.
            path += '&type=' + _STUDY_AND_SERIES_CHANGES
        return self._changes(path)

    def _changes(self, path):
        answer = self._connection.json('GET', path, type_=dict)
        last, = self._integers('GET', path, answer, ['Last'])
        rows = answer.get('Changes')
        if not isinstance(rows, list):
            raise BrokenAnswer(f'GET {self.url}{path}: no changes')
        changes = tuple(filter(None, map(_change, rows)))
        if rows and not changes:
            raise BrokenAnswer(f'GET {self.url}{path}: no readable change')
        return Changes(changes, answer.get('Done') is True, last)

    # Studies and series

    def study_ids(self):
        """Return the Orthanc IDs of all studies."""
        return list(filter(
                _str_or_none, self._connection.json('GET', 'studies')))

    def studies_page(self, since, limit):
        """Return the studies from position since on, at most limit.

        The page is as the server sent it: an entry can be anything, None
        for a study that is being deleted.  Studies shift between two pages
        when others come or go, so that some are met twice or not at all.
        """
        # Both must be there, and a limit of 0 means everything to some.
        if not (since >= 0 and limit > 0):
            raise ValueError(f"since {since}, limit {limit}")
        return self._connection.json(
            'GET', f'studies?expand&since={since:d}&limit={limit:d}')

    def studies_by_id(self, ids):
        """Return the studies with those Orthanc IDs as {ID: study}.

        A study that the server does not have any more is absent.
        """
        ids = list(dict.fromkeys(ids))
        if not self.capabilities.extended_find or len(ids) <= 2 * _FEW:
            return self._bulk_studies(ids)
        # Since 1.12.5 reading one resource by its ID can cost a scan of the
        # table of resources, hardly less than a page of them: the first few
        # tell whether that is so here.
        start = monotonic()
        studies = self._bulk_studies(ids[:_FEW])
        cost = (monotonic() - start) / _FEW
        known = self.study_ids()
        wanted = set(ids[_FEW:]).intersection(known)
        studies.update(self._walk_studies(wanted, cost, len(known)))
        # What moved from one page to another while they were read.
        studies.update(self._bulk_studies(list(wanted - studies.keys())))
        return studies

    def _walk_studies(self, wanted, cost, total):
        """Page through the studies to meet those wanted, a set of IDs.

        Begins with the newest, and goes on as is likely the fastest: with the
        next older ones, with all in the order of the database, or leaving
        the others to be read by ID. cost is that of one of these in seconds,
        total the number of studies on the server.
        """
        found, since = {}, 0
        while len(found) < len(wanted):
            start, before = monotonic(), len(found)
            page = self._connection.json('POST', 'tools/find', {
                    'Level': 'Study', 'Query': {}, 'Expand': True,
                    'OrderBy': [{
                            'Type': 'Metadata', 'Key': 'LastUpdate',
                            'Direction': 'DESC'}],
                    'Since': since, 'Limit': _WALK_PAGE})
            found.update(_by_id(page, wanted))
            since += len(page)
            if len(page) < _WALK_PAGE:
                return found
            duration = monotonic() - start
            left = len(wanted) - len(found)
            hits = len(found) - before
            by_newest = duration * left / hits if hits else float('inf')
            by_page = duration * total / _WALK_PAGE
            by_id = cost * left
            if by_id < min(by_newest, by_page):
                return found
            if by_page < by_newest:
                break
        since = 0
        while len(found) < len(wanted):
            page = self.studies_page(since, _WALK_PAGE)
            found.update(_by_id(page, wanted))
            since += len(page)
            if len(page) < _WALK_PAGE:
                break
        return found

    def studies_of_series(self, ids):
        """Return the studies that have the series with those Orthanc IDs.

        As {study ID: study}; a series that is gone adds nothing.
        """
        studies = {}
        for slice_ in _slices(list(dict.fromkeys(ids)), _BULK_SIZE):
            answer = self._bulk(slice_, 'Study')
            studies.update((s['ID'], s) for s in _identified(answer, 'Study'))
        return studies

    def _bulk_studies(self, ids):
        studies = {}
        for slice_ in _slices(ids, _BULK_SIZE):
            studies.update(_by_id(self._bulk(slice_, 'Study'), set(slice_)))
        return studies

    def _bulk(self, ids, level):
        """Return the resources at level that have, or are in, those of ids.
        """
        return self._connection.json('POST', 'tools/bulk-content', {
                'Resources': ids, 'Level': level, 'Metadata': False})

    def series_of(self, studies):
        """Return the series of those studies as {study ID: [series]}.

        studies are as the server sent them; what is not a study is left out.
        A series has 'ID', 'ParentStudy', 'MainDicomTags', 'LastUpdate' (None
        where unknown) and 'Instances', their number.
        """
        found = {s['ID']: {} for s in _identified(studies, 'Study')}
        uids = {}
        if self.capabilities.extended_find:
            uids = {
                s['ID']: uid for s in _identified(studies, 'Study')
                if (uid := _study_instance_uid(s))}
        # One UID can be that of several studies.
        for slice_ in _slices(
                list(dict.fromkeys(uids.values())), _FIND_SIZE):
            self._add_series(found, self._found_series(slice_))
        ids = [i for i in found if i not in uids]
        for slice_ in _slices(ids, _BULK_SIZE):
            self._add_series(found, self._bulk(slice_, 'Series'))
        return {i: list(series.values()) for i, series in found.items()}

    def _add_series(self, found, answer):
        for series in _identified(answer, 'Series'):
            if series.get('ParentStudy') in found:
                found[series['ParentStudy']][series['ID']] = _series(series)

    def _found_series(self, uids):
        """Return the series of those StudyInstanceUIDs, without instances."""
        return self._connection.json('POST', 'tools/find', {
                'Level': 'Series',
                'Query': {'StudyInstanceUID': '\\'.join(uids)},
                'ResponseContent': ['MainDicomTags', 'Metadata', 'Parent'],
                'RequestedTags': ['NumberOfSeriesRelatedInstances']})

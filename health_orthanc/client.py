# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orthanc's REST API, as far as a synchronisation needs it. No Tryton.

Every call only reads, but for those of the worklist and store_document.  What
the API answers under which version is described in the Orthanc Book; the
comments here say where an answer can mislead.
"""
import re
from base64 import b64encode
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from sys import getsizeof
from time import monotonic
from urllib.parse import quote

from .answers import (
    MAXIMUM_SEQ, Changes, Statistics, identified, is_count, read_change,
    read_image, read_parent, read_series, read_system, series_instance_uid,
    studies_among, study_id, study_instance_uid)
from .dicom import DOCUMENT_CLASSES
from .exceptions import (
    BrokenAnswer, NoPicture, NotOrthanc, NoWorklists, ServerFailed, TimedOut,
    TooLarge)
from .record import MAXIMUM_INTEGER, is_id
from .transport import SMALL, Connection, Limit, parse
from .viewer import VIEWERS

__all__ = ['Orthanc']

# How a server that is no Orthanc answers to a route that it does not have.
_NO_SUCH_ROUTE = {400, 404, 405}
# The changes after which a study or a series has to be read again.  Orthanc
# never writes the types Modified*, Anonymized* and Deleted.
_STUDY_AND_SERIES_CHANGES = 'NewStudy;NewSeries;StableStudy;StableSeries'
_BULK_SIZE = 200  # resources per request
_MOST_STUDIES = 200_000  # unless it is told otherwise
_FEW = 20  # studies that are best read by ID from any server
_FIND_SIZE = 500  # studies per query for their series, a scan as well
_WALK_PAGE = 1000
_MOST_LATE = 30  # answers about files that came too late, in one run
_MOST_UNREADABLE = 30  # files for which a server is asked in one run
# Series of which the server reads all files, and how many these are at most
_CLASSES_SIZE, _CLASSES_FILES = 100, 1000
# How a server answers for an image that it can not render (415), that is gone,
# or on which it fails.
_NO_PICTURE = {400, 404, 406, 415, 500, 501}
# What is taken of one answer: an expanded study is of 2 to 4 KiB, a series of
# 1 KiB or, with its images, of 60 bytes for each
_STUDIES = Limit(6 * 2 ** 20, 150_000)
_SERIES = Limit(8 * 2 ** 20, 200_000)
_IMAGES = Limit(16 * 2 ** 20, 500_000)  # some 15,000 of a series
_LIMITS = {'Study': _STUDIES, 'Series': _SERIES}
# And of all the answers of one call, as they are in memory together
_HELD_STUDIES = 10 * 2 ** 20  # bytes
_HELD_SERIES = 12_000
_ENCODING = re.compile(r'[A-Za-z0-9]{1,30}', re.ASCII)


def _in_parts(ask, items, size, splits=TooLarge):
    """Yield the answers to what is asked of items, so many at once.

    Of fewer where the answer for these is too large, or fails as in splits.
    """
    waiting = [
        items[start:start + size] for start in range(0, len(items), size)]
    waiting.reverse()
    while waiting:
        part = waiting.pop()
        try:
            answer = ask(part)
        except splits:
            if len(part) == 1:
                raise
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]
        else:
            yield answer


def _grouped(sizes, count, total):
    "Yield lists of the keys of sizes, at most so many and of that total"
    group, size = [], 0
    for key, own in sizes.items():
        if group and (len(group) == count or size + own > total):
            yield group
            group, size = [], 0
        group.append(key)
        size += own
    if group:
        yield group


class _Studies(dict):
    "Studies by ID, as many as may be in memory together"
    size = 0  # bytes, nearly

    def add(self, studies):
        "Add {ID: study}; raises TooLarge"
        self.size += sum(
            getsizeof(str(study)) for study in studies.values())
        if self.size > _HELD_STUDIES:
            raise TooLarge(f"more than {len(self)} studies at once")
        self.update(studies)


class Orthanc:
    """What one Orthanc server can be asked; a context manager.

    The arguments are those of a transport.Connection, which says what can be
    raised. most_studies is how many there can be in the list of all.
    """

    def __init__(self, *args, **kwargs):
        self._connection = Connection(*args, **kwargs)
        self._system = None
        self._tells_classes = True
        self._unreadable_files = self._late_answers = 0
        self.most_studies = _MOST_STUDIES

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def close(self):
        self._connection.close()

    def end_at(self, until):
        "Send nothing after that time, in terms of monotonic()"
        self._connection.until = until

    @property
    def url(self):
        "The address of the server, ending with '/'"
        return self._connection.url

    @property
    def requests(self):
        "How many requests were sent"
        return self._connection.requests

    def _integers(self, method, path, answer, keys, maximum):
        "Return the integers of answer at keys"
        values = [answer.get(k) for k in keys]
        if not all(is_count(v, maximum) for v in values):
            raise BrokenAnswer(
                f'{method} {self.url}{path}: not the expected keys')
        return values

    # The server

    def system(self):
        "Return the System; raises NotOrthanc when it is something else"
        try:
            body = self._connection.read('GET', 'system')
        except ServerFailed as error:
            if error.status not in _NO_SUCH_ROUTE:
                raise
            body = bytearray()
        except TooLarge:
            body = bytearray()
        try:
            system = read_system(parse(body))
        except ValueError:
            system = None
        if system is None:
            raise NotOrthanc(f'GET {self.url}system: not the answer of one')
        self._system = system
        return system

    @property
    def capabilities(self):
        "The System as first read"
        return self._system or self.system()

    def statistics(self):
        "Return the Statistics"
        answer = self._connection.json('GET', 'statistics', type_=dict)
        return Statistics(*self._integers('GET', 'statistics', answer, [
                    'CountPatients', 'CountStudies', 'CountSeries',
                    'CountInstances'], MAXIMUM_INTEGER))

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

    def default_encoding(self):
        """Return the name of the encoding of what Orthanc sends by DICOM.

        Worklists too, whatever their items are in.  None where an Orthanc
        does not say.
        """
        try:
            body = self._connection.read('GET', 'tools/default-encoding')
        except ServerFailed as error:
            if error.status not in _NO_SUCH_ROUTE:
                raise
            return None
        name = bytes(body).decode('ascii', 'replace').strip()
        return name if _ENCODING.fullmatch(name) else None

    # The worklist, where the plugin is that takes items

    def has_worklists(self):
        "Return whether items can be put there"
        response, _ = self._connection.exchange('GET', 'worklists')
        return response.status_code == 200

    def put_worklist(self, id_, tags):
        """Let the item have the tags, by their keywords.

        Raises NoWorklists where there is no such plugin.
        """
        self._worklist('PUT', id_, {'Tags': tags, 'Force': True})

    def delete_worklist(self, id_):
        "Let there be no such item; the plugin removes some by itself"
        with suppress(NoWorklists):
            self._worklist('DELETE', id_)

    def _worklist(self, method, id_, query=None):
        try:
            self._connection.read(method, f'worklists/{id_}', query)
        except ServerFailed as error:
            if error.status in {404, 405}:
                raise NoWorklists(error.detail) from error
            raise

    # The log of changes

    def last_change(self):
        "Return the newest Change, or None, and the last number given out"
        page = self._changes('changes?last', SMALL)
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
        # A row is of 280 bytes
        page = self._changes(path, Limit(
                SMALL.size + 500 * limit, SMALL.values + 20 * limit))
        return replace(page, rows=page.rows[:limit])

    def _changes(self, path, limit):
        answer = self._connection.json('GET', path, type_=dict, limit=limit)
        last, = self._integers('GET', path, answer, ['Last'], MAXIMUM_SEQ)
        rows = answer.get('Changes')
        if not isinstance(rows, list):
            raise BrokenAnswer(f'GET {self.url}{path}: no changes')
        changes = tuple(filter(None, map(read_change, rows)))
        if rows and not changes:
            raise BrokenAnswer(f'GET {self.url}{path}: no readable change')
        return Changes(changes, answer.get('Done') is True, last)

    # Studies and series

    def study_ids(self):
        """Yield the Orthanc IDs of all studies.

        What is wrong with the list is raised where it is come to: who acts on
        it must have read it to its end.
        """
        yield from filter(is_id, self._connection.items('studies', Limit(
                    SMALL.size + 64 * self.most_studies,
                    SMALL.values + self.most_studies)))

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
            'GET', f'studies?expand&since={since:d}&limit={limit:d}',
            limit=_STUDIES)

    def studies_by_id(self, ids):
        """Return the studies with those Orthanc IDs as {ID: study}.

        A study that the server does not have any more is absent. Raises
        TooLarge where fewer should be read at once, as studies_of_series and
        series_of do.
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
        asked, wanted, total = set(ids[_FEW:]), set(), 0
        for id_ in self.study_ids():
            total += 1
            if id_ in asked:
                wanted.add(id_)
        studies.add(self._walk_studies(wanted, cost, total))
        # What moved from one page to another while they were read.
        studies.add(self._bulk_studies(list(wanted - studies.keys())))
        return studies

    def _walk_studies(self, wanted, cost, total):
        """Page through the studies to meet those wanted, a set of IDs.

        Begins with the newest, and goes on as is likely the fastest: with the
        next older ones, with all in the order of the database, or leaving
        the others to be read by ID. cost is that of one of these in seconds,
        total the number of studies on the server.
        """
        found, since = _Studies(), 0
        while len(found) < len(wanted):
            start, before = monotonic(), len(found)
            page = self._connection.json('POST', 'tools/find', {
                    'Level': 'Study', 'Query': {}, 'Expand': True,
                    'OrderBy': [{
                            'Type': 'Metadata', 'Key': 'LastUpdate',
                            'Direction': 'DESC'}],
                    'Since': since, 'Limit': _WALK_PAGE}, limit=_STUDIES)
            found.add(studies_among(page, wanted))
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
            found.add(studies_among(page, wanted))
            since += len(page)
            if len(page) < _WALK_PAGE:
                break
        return found

    def studies_of_series(self, ids):
        """Return the studies that have the series with those Orthanc IDs.

        As {study ID: study}; a series that is gone adds nothing.
        """
        studies = _Studies()
        for answer in self._bulk(ids, 'Study'):
            studies.add({s['ID']: s for s in identified(answer, 'Study')})
        return studies

    def _bulk_studies(self, ids):
        studies, wanted = _Studies(), set(ids)
        for answer in self._bulk(ids, 'Study'):
            studies.add(studies_among(answer, wanted))
        return studies

    def _bulk(self, ids, level):
        "Yield the resources at level that have, or are in, those of ids"
        return _in_parts(
            lambda part: self._connection.json('POST', 'tools/bulk-content', {
                    'Resources': part, 'Level': level, 'Metadata': False},
                limit=_LIMITS[level]),
            list(dict.fromkeys(ids)), _BULK_SIZE)

    def with_issuer(self, studies, issuer):
        """Return the studies, each with the issuer of its PatientID if known.

        Orthanc reports it with studies only where it is configured to, but
        looks in their files for those of one issuer. Of a study that has
        another one it says nothing, nor of one of which it can read no file.
        """
        silent = {
            s['ID']: uid for s in identified(studies, 'Study')
            if not s.get('PatientMainDicomTags', {}).get('IssuerOfPatientID')
            and (uid := study_instance_uid(s))}
        found = {
            id_ for answer in self._found_issuer(silent.values(), issuer)
            for id_ in answer}
        return [
            {**study, 'PatientMainDicomTags': {
                    **study.get('PatientMainDicomTags', {}),
                    'IssuerOfPatientID': issuer}}
            if study_id(study) in found & silent.keys() else study
            for study in studies]

    def _found_issuer(self, uids, issuer):
        "Yield the Orthanc IDs of the studies of an issuer among the UIDs"
        return _in_parts(
            lambda part: self._of_issuer(part, issuer),
            list(dict.fromkeys(uids)), _FIND_SIZE,
            (TooLarge, TimedOut, ServerFailed))

    def _of_issuer(self, uids, issuer):
        query = {'StudyInstanceUID': '\\'.join(uids)}
        try:
            return self._find_studies(
                {**query, 'IssuerOfPatientID': issuer})
        except (TimedOut, ServerFailed) as exception:
            self._late_answers += isinstance(exception, TimedOut)
            if len(uids) > 1 or self._late_answers > _MOST_LATE:
                raise
            # If it fails without the files, too, it is not for one of them
            self._find_studies(query)
            return []

    def _find_studies(self, query):
        return list(filter(is_id, self._connection.json(
                    'POST', 'tools/find', {
                        'Level': 'Study', 'CaseSensitive': True,
                        'Query': query},
                    limit=_LIMITS['Study'])))

    def series_of(self, studies):
        """Return the series of those studies as {study ID: [series]}.

        studies are as the server sent them; what is not a study is left out.
        A series has 'ID', 'ParentStudy', 'MainDicomTags', 'LastUpdate' (None
        where unknown) and 'Instances', their number.
        """
        found = {s['ID']: {} for s in identified(studies, 'Study')}
        uids = {}
        if self.capabilities.extended_find:
            uids = {
                s['ID']: uid for s in identified(studies, 'Study')
                if (uid := study_instance_uid(s))}
        ids = [i for i in found if i not in uids]
        count = 0
        for answer in chain(
                self._found_series(uids.values()), self._bulk(ids, 'Series')):
            for series in identified(answer, 'Series'):
                parent = series.get('ParentStudy')
                if is_id(parent) and parent in found:
                    found[parent][series['ID']] = read_series(series)
                    count += 1
            if count > _HELD_SERIES:
                raise TooLarge(f"{self.url}: {count} series")
        return {i: list(series.values()) for i, series in found.items()}

    def _found_series(self, uids):
        "Yield the series of those StudyInstanceUIDs, without instances"
        # One UID can be that of several studies.
        return _in_parts(
            lambda part: self._connection.json('POST', 'tools/find', {
                    'Level': 'Series',
                    'Query': {'StudyInstanceUID': '\\'.join(part)},
                    'ResponseContent': ['MainDicomTags', 'Metadata', 'Parent'],
                    'RequestedTags': ['NumberOfSeriesRelatedInstances']},
                limit=_SERIES),
            list(dict.fromkeys(uids)), _FIND_SIZE)

    def count_documents(self, series):
        """Return {ID: how many of its objects are documents} of those series.

        series are as series_of returns them. Orthanc keeps no SOP class of
        the objects, but looks into the files of those asked for. Nothing is
        said of series of which it can not; after too many of these, or one
        answer that came too late, the server is not asked again.
        """
        objects = {}
        for one in series:
            if uid := series_instance_uid(one):
                objects[uid] = objects.get(uid, 0) + one.get('Instances', 0)
        told = {}
        for group in _grouped(objects, _CLASSES_SIZE, _CLASSES_FILES):
            for part, found in _in_parts(
                    self._documents, group, len(group),
                    (ServerFailed, TooLarge)):
                told.update(
                    (s['ID'], found[s['ID']]) for s in series
                    if series_instance_uid(s) in part)
        return told

    def _documents(self, uids):
        "Return those of the UIDs asked for, and how many documents by ID"
        if not self._tells_classes:
            return (), {}
        try:
            return set(uids), Counter(
                read_parent(instance) for instance in identified(
                    self._connection.json('POST', 'tools/find', {
                            'Level': 'Instance', 'CaseSensitive': True,
                            'Expand': True,
                            'Query': {
                                'SeriesInstanceUID': '\\'.join(uids),
                                'SOPClassUID': '\\'.join(DOCUMENT_CLASSES)},
                            }, limit=_IMAGES), 'Instance'))
        except TimedOut:
            self._tells_classes = False
        except BrokenAnswer:
            # What else is known of the series does not depend on it
            pass
        except (ServerFailed, TooLarge):
            if len(uids) > 1:
                raise
            self._unreadable_files += 1
            self._tells_classes = self._unreadable_files < _MOST_UNREADABLE
        return (), {}

    # Pictures and documents

    def picture(self, series_id, size, number=None):
        """Return a picture of an image of the series, as the server sent it.

        It is asked for as a JPEG of at most that width and height, but can be
        anything of at most as many bytes as it would have pixels of one byte
        each, twice. The image is that in the middle, or number, from 1 on.
        Raises NoPicture.
        """
        images = self._images(series_id)
        if number is None:
            number = (len(images) + 1) // 2
        if not 1 <= number <= len(images):
            raise NoPicture(f'image {number} of {len(images)}')
        id_, frames = images[number - 1]
        frame = f'/frames/{frames // 2}' if frames > 1 else ''
        path = (
            f'instances/{quote(id_, safe="")}{frame}/rendered'
            f'?width={size:d}&height={size:d}')
        limit = 2 * size ** 2
        return bytes(self._unless_no_picture(
                self._connection.read, 'GET', path,
                limit=Limit(limit, limit), accept='image/jpeg'))

    def _images(self, series_id):
        """Return the IDs of the images of a series, and how many frames each.

        They are as the series has them in order.
        """
        path = f'series/{quote(series_id, safe="")}/instances?expand'
        images = self._unless_no_picture(
            self._connection.json, 'GET', path, limit=_IMAGES)
        return [image[-2:] for image in sorted(
                read_image(image) for image in identified(images, 'Instance'))]

    @staticmethod
    def _unless_no_picture(ask, *args, **kwargs):
        "Return the answer; raises NoPicture where it is about the image"
        try:
            return ask(*args, **kwargs)
        except TooLarge as error:
            raise NoPicture(error.detail) from error
        except ServerFailed as error:
            if error.status in _NO_PICTURE:
                raise NoPicture(error.detail) from error
            raise

    def has_study(self, id_):
        "Return whether the server has the study with that Orthanc ID"
        try:
            self._connection.read(
                'GET', f'studies/{quote(id_, safe="")}', limit=_STUDIES)
        except ServerFailed as error:
            if error.status != 404:
                raise
            return False
        return True

    def study_of_instance(self, sop_instance_uid):
        """Return the Orthanc ID of the study that has the instance, or None.

        The UID is one of ours, which one study can have.
        """
        instances = self._connection.json('POST', 'tools/find', {
                'Level': 'Instance', 'Expand': False,
                'Query': {'SOPInstanceUID': sop_instance_uid}})
        if not instances:
            return None
        id_ = instances[0]
        if not is_id(id_):
            raise BrokenAnswer(f'POST {self.url}tools/find: not an ID')
        path = f'instances/{quote(id_, safe="")}/study'
        return self._id_at(
            'GET', path, 'ID', self._connection.json(
                'GET', path, type_=dict, limit=_STUDIES))

    def store_document(self, study_id, tags, content):
        """Store a PDF, bytes, as a document of the study with that Orthanc ID.

        Return the Orthanc ID of the study that has it, which the caller
        checks. tags are those of PS3.3 A.45.1, with its UIDs, but for those of
        the patient and the study: a PatientID would file it under another
        patient. To send the same again changes nothing.
        """
        path = 'tools/create-dicom'
        return self._id_at('POST', path, 'ParentStudy', self._connection.json(
                'POST', path, {
                    'Parent': study_id,
                    # Or our UIDs are refused
                    'Force': True,
                    'Tags': tags,
                    'Content': 'data:application/pdf;base64,'
                    + b64encode(content).decode()},
                type_=dict))

    def _id_at(self, method, path, key, answer):
        "Return the Orthanc ID in answer at key"
        if not is_id(answer.get(key)):
            raise BrokenAnswer(f'{method} {self.url}{path}: no {key}')
        return answer[key]

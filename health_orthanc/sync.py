# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing what is known of one server up to date.

A run makes small steps: it asks the server while no transaction is open,
then writes the rows and how far it is in one transaction. A run that is
killed leaves its last step, and repeating a step changes nothing.

The cursor is the Seq of the last row received of the server's log of
changes, the anchor that row itself: where the log does not have it at its
place any more, rows were lost (a deletion takes them along, a log can be
cleared) or the database is another one. What the log cannot tell is looked
for by comparing the IDs, and by a walk through all studies.
"""
import contextlib
import datetime as dt
import logging
import time
import traceback
from dataclasses import astuple

from trytond.config import config
from trytond.pool import Pool
from trytond.transaction import Transaction

from . import bulk, legacy_link
from .answers import study_id, texts
from .comparison import Comparison, in_batches
from .dicom import can_be_document
from .exceptions import (
    BrokenAnswer, DatabaseBusy, OrthancError, Superseded, TooLarge, Unexpected,
    Unreadable)
from .history import FOUND
from .record import MAXIMUM_INTEGER, image_count, is_id, record

logger = logging.getLogger(__name__)

_PAGE = 1000  # studies in one step
_CHANGES = 20_000  # rows of the log in one step
_CHANGES_LATE = 1000  # where what is new is read beside something else
# Databases other than SQLite can show a row after one with a higher Seq
_OVERLAP = 1000
# Beyond this reading by ID costs newer servers more than reading all
_MANY = 2000
# A log of which this many pages in a run have less than half of what was asked
# for, and are not the last ones, is not worth the requests
_SHORT_PAGES = 10
# Studies that are gone, in one step
_GONE = 20_000
# The waits before what ends a run is tried again, in seconds
_WAITS = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6]
_LOGGED_LEVELS = {'Study', 'Series'}


def synchronize(server_id):
    """Run for one server, and return whether to go on at once.

    What is wrong with the server is noted on its record, not raised. Raises
    only what the database refuses for the moment, after the claim was given
    back.
    """
    Server = Pool().get('gnuhealth.orthanc.config')
    started = dt.datetime.now()
    state = Server.claim(server_id)
    if state is None:
        _skip(server_id, started)
        return False
    Transaction().commit()
    run = Run(state)
    outcome, error = 'done', None
    try:
        connection = Server(server_id).connect()
        Transaction().commit()
        with connection:
            if not run.run(connection):
                outcome = 'paused'
    except Superseded:
        Transaction().rollback()
        return False
    except OrthancError as exception:
        outcome, error = 'failed', exception
    except Exception as exception:
        if bulk.is_transient(exception):
            # The queue tries again
            _surely(lambda: _finish(run, started, 'failed', DatabaseBusy()))
            raise
        outcome, error = 'failed', unexpected(server_id, exception)
    except (KeyboardInterrupt, SystemExit):
        _surely(lambda: Server.release(run.state))
        raise
    try:
        _surely(lambda: _finish(run, started, outcome, error))
    except Exception:
        # What can not be noted must not hold up the next run
        _surely(lambda: Server.release(run.state))
        raise
    return outcome == 'paused' and run.is_worthwhile()


def _skip(server_id, started):
    "Say in the history that another run was under way, if it was that"
    pool = Pool()
    Server = pool.get('gnuhealth.orthanc.config')
    Synchronization = pool.get('gnuhealth.orthanc.synchronization')
    if Server(server_id).is_running():
        Synchronization.note(server_id, started, outcome='skipped')
    Transaction().commit()


def _surely(end):
    """Do what ends a run in a transaction of its own.

    Tries again where others are in the way, or the connection is lost: a
    claim that is not given back holds up the next run.
    """
    with contextlib.suppress(Exception):
        # It may not have a connection any more
        Transaction().rollback()
    for wait in [*_WAITS, None]:
        try:
            with Transaction().new_transaction() as transaction:
                end()
                transaction.commit()
            return
        except Exception as exception:
            if wait is None or not bulk.is_transient(exception):
                raise
        time.sleep(wait)


def _finish(run, started, outcome, error):
    "Note on the server and in the history what came of the run"
    pool = Pool()
    Server = pool.get('gnuhealth.orthanc.config')
    Synchronization = pool.get('gnuhealth.orthanc.synchronization')
    server_id = run.state.server
    if not Server.release(run.state):
        # Another run goes on, and will tell
        return
    if error and not isinstance(error, DatabaseBusy):
        Server.note_failure(server_id, error)
    Synchronization.note(
        server_id, started, outcome=outcome, **run.counts,
        requests=run.connection.requests if run.connection else 0,
        error_reason=error and error.reason,
        error_detail=(error and error.detail) or None)


def unexpected(server_id, exception):
    "Log a defect of this module, and return it as trouble to show"
    # The message of the exception can tell of a patient
    name = type(exception).__name__
    logger.error(
        "Orthanc server %s: %s\n%s", server_id, name,
        ''.join(traceback.format_tb(exception.__traceback__)))
    return Unexpected(name)


class Run:
    "One run for one server"

    def __init__(self, state):
        pool = Pool()
        self.Server = pool.get('gnuhealth.orthanc.config')
        self.Study = pool.get('gnuhealth.orthanc.study')
        self.Series = pool.get('gnuhealth.orthanc.series')
        self.SetAside = pool.get('gnuhealth.orthanc.set_aside')
        self.connection = None
        self.state = state
        self.counts = dict.fromkeys(FOUND, 0)
        self.end = None
        self.compare = False
        self.anchor_lost = False
        self.begun_anew = False
        self.walked = False
        self.short_pages = 0
        self.page = _PAGE

    def run(self, connection):
        "Do all there is to do; return whether the time was enough for it"
        self.connection = connection
        self._take_time()
        self._begin()
        if not self._retry():
            return False
        # What is new does not wait until all of a large server is read
        walked = self._walk()
        return self._follow() and walked and self._settle()

    def _take_time(self):
        "Have the time of a run from now on"
        self.end = time.monotonic() + _setting('run_budget', 50)
        # A step can take long, but not longer than another run would wait
        self.connection.end_at(self.end + self.state.patience())

    def is_worthwhile(self):
        """Return whether to go on at once after a pause.

        Or a log that never ends would keep us busy: the scheduled action
        goes on with it.
        """
        return self.short_pages < _SHORT_PAGES and (
            self.state.walk is not None
            or any(self.counts[name] for name in ['new', 'changed', 'back']))

    def _begin(self):
        system = self.connection.system()
        identity = '|'.join(map(str, [
                    system.name, system.aet, system.database_identifier,
                    system.database_plugin]))
        self.compare = (
            self.state.identity != identity
            or self.state.suspect
            or self.state.is_due(
                self.state.compared_at,
                _setting('comparison_interval', 60 * 60)))
        if self.state.cursor is None:
            self._note_statistics()
            self._note_head(identity=identity)
        elif self.state.walk is None and self.state.is_due(
                self.state.walked_at, _setting('walk_interval', 24 * 60 * 60)):
            self._note_statistics()
            self._advance(walk=0, identity=identity)
        elif self.state.identity != identity:
            self._advance(identity=identity)

    def _note_statistics(self):
        "Note how much there is to read, for those who watch"
        self.Server.note_statistics(
            self.state.server, self.connection.statistics(),
            self.connection.capabilities.reports_issuer)
        Transaction().commit()

    def _note_head(self, **changes):
        "Start from scratch: read all there is, then what came meanwhile"
        head, _ = self.connection.last_change()
        self._advance(
            cursor=head.seq if head else 0,
            anchor=_anchor(head), walk=0, **changes)

    def _retry(self):
        "Fetch again what was set aside, and what was still being received"
        ids = {
            *self.SetAside.due(self.state.server),
            *self.Study.unstable(self.state.server)}
        Transaction().commit()
        return self._fetch(sorted(ids), len(ids))

    def _walk(self):
        "Read every study, where that was begun"
        if self.state.walk is None:
            return True
        with Comparison() as ids:
            known = 'seen' if self.state.walk == 0 else 'present'
            # Paging skips studies when others are deleted meanwhile
            if not (self._read_pages(ids) and self._compare(ids, known)):
                return False
        self._advance(walk=None, walked_at=bulk.now())
        self.walked = True
        return True

    def _read_pages(self, ids):
        "Read the studies from where the walk is on, and add the IDs seen"
        more = True
        while more:
            size = self.page
            try:
                studies = self.connection.studies_page(self.state.walk, size)
            except TooLarge:
                # One that is too large by itself is set aside below
                if size > 1:
                    self.page //= 2
                else:
                    self._advance(walk=self.state.walk + 1)
                continue
            self._keep(studies, walk=self.state.walk + len(studies))
            more = len(studies) >= size
            if not ids.add('seen', _ids(studies)) and more:
                raise BrokenAnswer("the list of studies does not end")
            # Only now, or what came before could use up the time of each run
            if more and self._is_late():
                return False
        return True

    def _follow(self):
        "Read what the log of changes has"
        anchor = self.state.anchor
        overlap = _OVERLAP if self.connection.capabilities.database_plugin \
            else 0
        since = self.state.cursor
        if anchor:
            since = max(anchor[0] - 1 - overlap, 0)
        first = True
        most = _CHANGES_LATE if self._is_late() else _CHANGES
        while True:
            page = self.connection.changes(
                since, most + overlap,
                # The anchor itself must not be left out
                study_and_series_only=not (first and anchor) or (
                    anchor[2] in _LOGGED_LEVELS))
            if first and self._is_reset(page):
                return self._begin_anew() and self._follow()
            rows = [row for row in page.rows if _anchor(row) != anchor]
            self._take(rows)
            anchor = self.state.anchor
            if page.done or not page.rows:
                return True
            if page.rows[-1].seq <= since:
                raise BrokenAnswer("the log of changes does not go on")
            since = page.rows[-1].seq
            self.short_pages += 2 * len(page.rows) < most
            if self.short_pages >= _SHORT_PAGES:
                return False
            if first:
                _, last = self.connection.last_change()
                self.Server.note_server_cursor(self.state.server, last)
                Transaction().commit()
            if self._is_late():
                return False
            first = False

    def _begin_anew(self):
        "Start from scratch, as the server has another database or log"
        if self.begun_anew:
            raise BrokenAnswer("the log of changes is another one each time")
        self.begun_anew = True
        logger.warning(
            "Orthanc server %s has another database or log",
            self.state.server)
        self._note_head()
        return self._walk()

    def _take(self, rows):
        "Read what rows of the log are about, in as many steps as it takes"
        if not rows:
            return
        studies, trouble = _unless_too_large(self._changed, rows)
        if trouble and len(rows) > 1:
            middle = len(rows) // 2
            self._take(rows[:middle])
            self._take(rows[middle:])
            return
        if trouble:
            # The comparison finds it, and sets it aside
            self.compare, studies = True, []
        last = rows[-1]
        changes = {}
        if last.seq > self.state.cursor:
            changes = {'cursor': last.seq, 'anchor': _anchor(last)}
        self._keep(studies, **changes)

    def _is_reset(self, page):
        """Return whether the log is another one than that of the anchor.

        Notes where rows of the log are gone, so that the IDs are compared.
        """
        anchor = self.state.anchor
        if anchor:
            for row in page.rows:
                if row.seq == anchor[0]:
                    return _anchor(row) != anchor
            self.compare = self.anchor_lost = True
        if page.rows or page.last >= self.state.cursor:
            return False
        # The count of a database with several writers can be late
        head, last = self.connection.last_change()
        return max(last, head.seq if head else 0) < self.state.cursor

    def _changed(self, rows):
        "Return the studies that rows of the log are about"
        ids = {r.resource_id for r in rows if r.resource_type == 'Study'}
        studies = self._studies_by_id(ids)
        series = {r.resource_id for r in rows if r.resource_type == 'Series'}
        for study in studies.values():
            series -= texts(study.get('Series'))
        if series:
            studies.update(self.connection.studies_of_series(series))
        return list(studies.values())

    def _settle(self):
        "Look for what the log could not tell, match, and end the run"
        statistics = self.connection.statistics()
        studies, images = self.Server.held(self.state.server)
        Transaction().commit()
        if self.compare or studies != statistics.studies:
            if not self._compare_ids():
                return False
            studies, images = self.Server.held(self.state.server)
            Transaction().commit()
        # What a walk could not explain it will not the next time, unless
        # the counts agreed meanwhile
        walked = None
        if images != statistics.instances:
            walked = ' '.join(map(str, astuple(statistics)))
            if self.state.walked_statistics != walked:
                self._advance(walk=0, walked_statistics=walked)
                if not self._walk():
                    return False
        self._advance(walked_statistics=walked)
        if self.anchor_lost:
            self._anchor_anew()
        for _ in self.Study.match_in_steps(
                self.state.server, self.state.last_success,
                # Once a day, as not everything tells when it changed
                self.walked and self.state.last_success is not None):
            self._advance()
            if self._is_late():
                # Nor does it wait until a million studies are decided on
                self._take_time()
                self._follow()
        self.Study.carry_over(self.state.server)
        if self.state.last_success is None:
            legacy_link.check(self.state.server)
        self.Server.note_success(self.state.server, statistics)
        Transaction().commit()
        return True

    def _anchor_anew(self):
        "Let the row before one that is gone tell that the log is the same"
        # Or the IDs would be compared in each run until there is a new row
        head, _ = self.connection.last_change()
        if head and head.seq <= self.state.cursor:
            self._advance(anchor=_anchor(head))

    def _compare_ids(self):
        "Compare the IDs of the server's studies with those known"
        with Comparison() as ids:
            return self._compare(ids, 'present')

    def _compare(self, ids, known):
        "Mark what is gone, and fetch what is not in the set of that name"
        server_id = self.state.server
        self._expect_all()
        ids.add('listed', self.connection.study_ids())
        # Nobody else writes rows meanwhile, or the next step is superseded
        ids.add('present', self.Study.present(server_id))
        ids.add('waiting', self.SetAside.waiting(server_id))
        ids.add('set_aside', self.SetAside.known(server_id))
        Transaction().commit()
        unseen = 'listed', known, 'waiting'
        if not self._fetch(ids.each(*unseen), ids.count(*unseen)):
            return False
        suspect = not self.state.missing_confirmed and ids.is_suspect()
        vanished = () if suspect else ids.each('present', 'listed')
        for gone in in_batches(vanished, _GONE):
            self._keep([], gone)
        self._advance(
            suspect=suspect, missing_confirmed=False, compared_at=bulk.now())
        for gone in in_batches(ids.each('set_aside', 'listed'), _GONE):
            self.SetAside.forget(server_id, gone)
            Transaction().commit()
        self.compare = False
        return True

    def _expect_all(self):
        "Let the list of all studies be as long as it can be"
        # Of more than twice as many as are known at once nobody has heard
        known, _ = self.Server.held(self.state.server)
        Transaction().commit()
        self.connection.most_studies = max(
            self.connection.most_studies, 2 * known)

    def _fetch(self, ids, count):
        "Read the studies with these IDs, which are so many"
        if (count > _MANY and self.state.walk is None
                and self.connection.capabilities.extended_find):
            self._advance(walk=0)
            return self._walk()
        # Newer servers are asked for many at once: see the client
        for some in in_batches(ids, _MANY):
            if self._is_late():
                return False
            self._fetch_some(some)
        return True

    def _fetch_some(self, ids):
        "Read the studies with these IDs, in as many steps as it takes"
        studies, trouble = _unless_too_large(self._studies_by_id, set(ids))
        if trouble and len(ids) > 1:
            middle = len(ids) // 2
            self._fetch_some(ids[:middle])
            self._fetch_some(ids[middle:])
            return
        if trouble:
            self._keep_failures({ids[0]: (trouble, 0)})
            return
        for page in in_batches(studies.values(), _PAGE):
            self._keep(page)

    def _studies_by_id(self, ids):
        "Return the studies by ID; where some are gone the IDs are compared"
        if self.connection.capabilities.extended_find:
            # It is asked for the list of all
            self._expect_all()
        studies = self.connection.studies_by_id(ids)
        self.compare |= len(studies) < len(ids)
        return studies

    def _keep(self, studies, vanished=(), **changes):
        """Make one step: write the rows of studies, and how far the run is.

        vanished are the Orthanc IDs of studies to mark as missing.
        """
        series, trouble = _unless_too_large(
            self.connection.series_of, studies)
        if trouble and len(studies) > 1:
            middle = len(studies) // 2
            # Nor will the next page be of smaller studies
            self.page = max(min(self.page, middle), 1)
            self._keep(studies[:middle])
            self._keep(studies[middle:], vanished, **changes)
            return
        self._note_documents([
                s for of in (series or {}).values() for s in of
                if can_be_document(s['MainDicomTags'].get('Modality'))])
        issuer = self.Server.rules(self.state.server).issuer
        if issuer and not set(issuer) & set('*?\\'):
            studies = self.connection.with_issuer(studies, issuer)
        records, failures = [], {}
        if trouble:
            series, failures = {}, dict.fromkeys(_ids(studies), trouble)
        for study in studies:
            id_ = study_id(study)
            if not is_id(id_) or id_ in failures:
                continue
            try:
                records.append(record(study, series.get(id_, [])))
            except Unreadable as exception:
                failures[id_] = exception
        state = self.Server.advance(self.state, **changes)
        failures.update(self._store(records))
        self.counts['missing'] += self.Study.mark_missing(
            self.state.server, vanished)
        self._set_aside(_ids(studies), {
                id_: (exception, image_count(series.get(id_, [])))
                for id_, exception in failures.items()})
        Transaction().commit()
        self.state = state

    def _note_documents(self, series):
        "Add to series of either how many documents they have"
        if not series:
            return
        told = self.Series.known_documents(self.state.server, series)
        Transaction().commit()
        told.update(self.connection.count_documents([
                    s for s in series if s['ID'] not in told]))
        for one in series:
            one['Documents'] = told.get(one['ID'])

    def _keep_failures(self, failures):
        "Make a step that only sets studies aside"
        state = self.Server.advance(self.state)
        self._set_aside(failures.keys(), failures)
        Transaction().commit()
        self.state = state

    def _set_aside(self, ids, failures):
        """Note which of the studies with these IDs could not be stored.

        failures are the Unreadable and the number of images by ID.
        """
        self.counts['set_aside'] += len(failures)
        self.SetAside.note(self.state.server, ids, {
                id_: {
                    'error_reason': exception.reason,
                    'error_detail': exception.detail or None,
                    'image_count': min(images, MAXIMUM_INTEGER),
                    } for id_, (exception, images) in failures.items()})

    def _store(self, records):
        """Write the rows, and return Unreadable by ID of those that failed.

        A row that the database refuses does not keep the others out.
        """
        if not records:
            return {}
        cursor = Transaction().connection.cursor()
        cursor.execute('SAVEPOINT orthanc_store')
        try:
            stored = self.Study.store(self.state.server, records)
        except Exception as exception:
            if not bulk.is_about_data(exception):
                raise
            cursor.execute('ROLLBACK TO SAVEPOINT orthanc_store')
            if len(records) == 1:
                # Its text can tell of the patient
                logger.warning(
                    "Orthanc server %s: a study is set aside for %s",
                    self.state.server, type(exception).__name__)
                logger.debug("The study is set aside for", exc_info=True)
                id_ = records[0].study['orthanc_id']
                return {id_: Unreadable(
                        'refused', str(exception).partition('\n')[0])}
            middle = len(records) // 2
            return {
                **self._store(records[:middle]),
                **self._store(records[middle:])}
        for name in ['new', 'changed', 'back']:
            self.counts[name] += len(getattr(stored, name))
        return {}

    def _advance(self, **changes):
        "Make a step that is only about how far the run is"
        state = self.Server.advance(self.state, **changes)
        Transaction().commit()
        self.state = state

    def _is_late(self):
        return time.monotonic() > self.end


def _unless_too_large(ask, items):
    """Return the answer and None, or None and why it is too large.

    What was received until then must not stay in memory, as it would with
    the exception.
    """
    try:
        return ask(items), None
    except TooLarge as exception:
        return None, Unreadable('too_large', exception.detail)


def _anchor(change):
    "Return what identifies a row of the log"
    return change and [
        change.seq, change.type, change.resource_type, change.resource_id,
        change.date]


def _ids(studies):
    return set(filter(is_id, map(study_id, studies)))


def _setting(name, default):
    return config.getint('health_orthanc', name, default=default)

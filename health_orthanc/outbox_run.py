# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"One run that tells one server of the worklist"
import datetime as dt
import hashlib
from contextlib import ExitStack
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from trytond.config import config
from trytond.pool import Pool
from trytond.transaction import Transaction

from . import bulk
from .exceptions import (
    BadCredentials, NotValidated, OrthancError, ServerFailed, Superseded,
    Unexpected, WorklistExtraMissing)
from .outbox_folder import Folder, outbox_name
from .worklist import company_timezone
from .worklist_query import Item, Query

FOLDER = 'folder'
REST = 'rest'
# The place of an item is the path of its folder, or this
PLUGIN = REST
# What an Orthanc that is not configured writes in
DEFAULT_ENCODING = 'Latin1'
# The encodings of Orthanc (its book, DefaultEncoding) as Specific Character
# Set has them; the others are taken for ASCII
_ENCODINGS = {
    'Utf8': 'ISO_IR 192',
    'Latin1': 'ISO_IR 100',
    'Latin2': 'ISO_IR 101',
    'Latin3': 'ISO_IR 109',
    'Latin4': 'ISO_IR 110',
    'Latin5': 'ISO_IR 148',
    'Cyrillic': 'ISO_IR 144',
    'Arabic': 'ISO_IR 127',
    'Greek': 'ISO_IR 126',
    'Hebrew': 'ISO_IR 138',
    'Thai': 'ISO_IR 166',
    'Chinese': 'GB18030',
    }
# To be changed where the same item is written in another way
_FORMAT = 1
_COMMIT_EVERY = 100  # items
# So many that fail in a row are not to blame themselves
_FAILURES_IN_A_ROW = 10
_FIRST_WAIT = dt.timedelta(minutes=1)
# A patient waits for an item
_LONGEST_WAIT = dt.timedelta(minutes=15)


def folder_roots():
    "Return the folders that items may be put into, or inside of"
    folders = config.get(
        'health_orthanc', 'worklist_folders',
        default='/var/lib/orthanc/worklists')
    return [path.strip() for path in folders.split(',') if path.strip()]


def wait(failures):
    "Return when to try again what failed so many times before"
    return bulk.now() + min(
        _FIRST_WAIT * 2 ** min(failures, 10), _LONGEST_WAIT)


class Told(NamedTuple):
    "What a server is told: an Item, and the character set of its station"
    item: Item
    character_set: str | None

    def digest(self, encoding):
        "Return what changes where anything of it does"
        text = repr((_FORMAT, encoding, *self))
        return hashlib.sha256(text.encode()).hexdigest()


class _Plugin:
    """The items of the worklists plugin, as a Folder has those of a folder.

    It removes by itself what is done, so that what is not there is not lost.
    """

    def __init__(self, connection):
        self._connection = connection
        self.remove = connection.delete_worklist

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self._connection.close()

    def names(self):
        return None

    def put(self, name, built):
        self._connection.put_worklist(name, _builder().simplified(built))


class _Folder(Folder):

    def put(self, name, built):
        super().put(name, _builder().file_content(built))


def _builder():
    "Return the room that makes items; raises WorklistExtraMissing"
    try:
        from . import worklist_item
    except ImportError as exception:
        raise WorklistExtraMissing(exception.name or '') from exception
    return worklist_item


class Run:
    """Plan what is to be put and removed, and do what is due.

    claim is until when it may go on, as Server.claim_worklist says.
    """

    def __init__(self, server_id, claim):
        pool = Pool()
        self.Server = pool.get('gnuhealth.orthanc.config')
        self.Item = pool.get('gnuhealth.orthanc.worklist_item')
        self.id = server_id
        self.claim = claim
        self.server = self.Server(server_id)
        self.place = self.server.worklist_place()
        self.encoding = _ENCODINGS.get(self.server.worklist_encoding())
        self.told = {}
        self._ways = {}
        self._troubles = {}
        self._stack = ExitStack()

    def go(self):
        failures = self.server.worklist_failures or 0
        with self._stack:
            self._plan()
            due = self.Item.due(self.id)
            # No transaction is open while waiting for the server
            Transaction().commit()
            for place, rows in groupby(due, attrgetter('place')):
                self._do(place, list(rows))
        trouble = self._troubles.get(self.place)
        if isinstance(trouble, BadCredentials) and self.place == PLUGIN:
            # To try them again and again could lock the user out
            self.Server.note_failure(self.id, trouble)
        if trouble or failures:
            self.Server.note_worklist([self.id], trouble, failures)
        Transaction().commit()

    def _plan(self):
        present = None
        if self.place:
            self.told = self._read()
            way = self._way(self.place)
            try:
                present = way and way.names()
            except OrthancError as error:
                self._fail(self.place, error)
        self.Item.plan(self.id, self.place, {
                name: (
                    told.item.id, told.item.station_ae_title,
                    told.digest(self.encoding))
                for name, told in self.told.items()}, present)

    def _read(self):
        "Return what the server is to be told, by the names of the items"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Station = pool.get('gnuhealth.imaging.station')
        stations = {s.ae_title: s for s in Station.search([])}
        told = {}
        for item in Request.worklist_by_station(Query(), company_timezone()):
            station = stations[item.station_ae_title]
            told[outbox_name(item.study_instance_uid, station.id)] = Told(
                item, station.character_set)
        return told

    def _way(self, place):
        "Return how to reach the place, None where that is not possible"
        if place not in self._ways and place not in self._troubles:
            try:
                self._ways[place] = self._stack.enter_context(
                    self._plugin() if place == PLUGIN
                    else _Folder(place, folder_roots()))
            except OrthancError as error:
                self._fail(place, error)
        return self._ways.get(place)

    def _plugin(self):
        if not self.server.validated:
            raise NotValidated('')
        return _Plugin(self.server.connect())

    def _fail(self, place, error):
        self._troubles[place] = error
        self._ways.pop(place, None)

    def _do(self, place, rows):
        in_a_row = 0
        while rows:
            part, rows = rows[:_COMMIT_EVERY], rows[_COMMIT_EVERY:]
            done, failed = [], []
            for row in part:
                way = self._way(place)
                if not way:
                    break
                try:
                    self._do_one(way, row)
                except (ServerFailed, Unexpected) as error:
                    failed.append((row, error))
                    in_a_row += 1
                    if in_a_row == _FAILURES_IN_A_ROW:
                        self._fail(place, error)
                except OrthancError as error:
                    self._fail(place, error)
                else:
                    done.append(row)
                    in_a_row = 0
            self._note(done, failed)
            if place in self._troubles:
                tried = {row.id for row in done} | {r.id for r, _ in failed}
                self._note([], [
                        (row, self._troubles[place]) for row in [*part, *rows]
                        if row.id not in tried])
                return

    def _do_one(self, way, row):
        if row.state == 'leaving':
            way.remove(row.name)
            return
        item, character_set = self.told[row.name]
        try:
            builder = _builder()
            built = builder.dataset(
                item, builder.read_wanted(), self.encoding, character_set)
        except OrthancError:
            raise
        except Exception as exception:
            # One that can not be made keeps no other from its place
            raise Unexpected(type(exception).__name__) from exception
        way.put(row.name, built)

    def _note(self, done, failed):
        "Commit what came of some items; raises Superseded"
        Item = self.Item
        Item.note_sent([r.id for r in done if r.state == 'waiting'])
        Item.note_removed([r.id for r in done if r.state == 'leaving'])
        Item.note_failures(failed)
        self.claim = self.Server.claim_worklist(self.id, self.claim)
        if not self.claim:
            raise Superseded
        Transaction().commit()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worklist for the modalities that ask an Orthanc.

Each server has an outbox: what is open is put there, what is open no longer
is removed. A run plans by what the database says, and then does what is due;
what fails stays planned.
"""
import datetime as dt
from collections import defaultdict
from typing import NamedTuple

from sql import Literal, Null
from sql.aggregate import Count

from trytond.config import config
from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.modules.health_imaging.common import any_of_names
from trytond.modules.health_imaging.own_patient import OwnPatientMixin
from trytond.modules.health_imaging.rights import (
    ModelRightsMixin, readable_name)
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval, If
from trytond.transaction import Transaction, without_check_access

from . import bulk
from .exceptions import (
    FolderNotAllowed, OrthancError, ServerError, Superseded, describe)
from .outbox_folder import Folder, is_allowed
from .outbox_run import (
    DEFAULT_ENCODING, FOLDER, PLUGIN, REST, Run, folder_roots, wait)

_PATIENCE = dt.timedelta(minutes=5)
# What of a request changes its items
_CHANGES_ITEMS = {
    'state', 'procedure_status', 'scheduled_date', 'station', 'urgent',
    'requested_test', 'patient', 'doctor', 'clinical_question', 'comment',
    'accession_number', 'study_instance_uid'}


class Due(NamedTuple):
    "A row that is to be put or removed"
    id: int
    place: str
    name: str
    state: str
    failures: int


class WorklistItem(
        OwnPatientMixin, ModelRightsMixin, ModelSQL, ModelView):
    """Worklist Item

    What a server is told of a request and a station, and whether it was told.
    """
    __name__ = 'gnuhealth.orthanc.worklist_item'
    _patient_fields = ('request.patient',)

    server = fields.Many2One(
        'gnuhealth.orthanc.config', "Server", required=True, readonly=True,
        ondelete='CASCADE')
    request = fields.Many2One(
        'gnuhealth.imaging.test.request', "Order", readonly=True,
        ondelete='SET NULL')
    station = fields.Char(
        "Station AE Title", readonly=True, strip=False,
        help="The station that it is for.")
    name = fields.Char(
        "Name", required=True, readonly=True,
        help="What the server knows it by: issued numbers only.")
    place = fields.Char(
        "Place", required=True, readonly=True, strip=False,
        help="The folder, or the worklists plugin.")
    state = fields.Selection([
            ('waiting', "Waiting"),
            ('sent', "Sent"),
            ('leaving', "To Be Removed"),
            ], "State", required=True, readonly=True, sort=False,
        help="What was removed from the server is not here any more.")
    digest = fields.Char("Digest", readonly=True)
    sent = fields.DateTime(
        "Sent", readonly=True, help="When the server was told last.")
    failures = fields.Integer("Failures", required=True, readonly=True)
    next_try = fields.DateTime(
        "Next Try", readonly=True,
        states={'invisible': ~Bool(Eval('next_try'))})
    error_reason = fields.Char("Error Reason", readonly=True)
    error_detail = fields.Char("Error Detail", readonly=True)
    error = fields.Function(
        fields.Char(
            "Error", states={'invisible': ~Bool(Eval('error'))},
            help="Why the last try failed."),
        'get_error')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append((
                'name_unique',
                Unique(table, table.server, table.place, table.name),
                'health_orthanc.msg_worklist_item_unique'))
        cls._sql_indexes.update({
                Index(
                    table, (table.request, Index.Range()),
                    where=table.request != Null),
                Index(
                    table, (table.server, Index.Range()),
                    where=table.state != 'sent'),
                })
        cls._order = [('id', 'DESC')]

    @classmethod
    def default_failures(cls):
        return 0

    def get_rec_name(self, name):
        if not self.request:
            return self.name
        return f'{readable_name(self.request)} - {self.station}'

    search_rec_name = any_of_names('request.rec_name', 'name')

    def get_error(self, name):
        if not self.error_reason:
            return None
        return describe(
            self.error_reason, self.error_detail, self.server.url)

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(Bool(Eval('error_reason')), 'danger', '')),
            ]

    @classmethod
    def plan(cls, server_id, place, wanted, present):
        """Plan what there is to put and to remove.

        wanted are (request, AE title, digest) by name, present the names
        that are at the place, None where that is not known.
        """
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.id, table.place, table.name, table.state, table.digest,
                table.request, where=table.server == server_id))
        leaving, again, known = [], [], set()
        requests = {}
        for id_, at, name, state, digest, request in cursor.fetchall():
            if at != place or name not in wanted:
                if state != 'leaving':
                    leaving.append(id_)
                continue
            known.add(name)
            is_lost = (
                state == 'sent' and present is not None
                and name not in present)
            if state == 'leaving' or digest != wanted[name][2] or is_lost:
                again.append((id_, name))
            if is_lost:
                requests[id_] = request
        done = cls._with_images(requests)
        bulk.assign(cls, leaving, {'state': 'leaving'})
        cls._plan_again(
            server_id, place,
            [(id_, name) for id_, name in again if id_ not in done], wanted)
        bulk.insert(cls, [{
                    **cls._planned(server_id, place, name, wanted[name]),
                    'failures': 0,
                    } for name in wanted if name not in known])

    @classmethod
    def _with_images(cls, requests):
        "Return the ids of the items whose request has images already"
        # Who removed it did so as it is done
        Request = Pool().get('gnuhealth.imaging.test.request')
        arrived = Request._arrivals(
            list(filter(None, set(requests.values()))))
        return {id_ for id_, request in requests.items() if request in arrived}

    @classmethod
    def _planned(cls, server_id, place, name, wanted):
        request, station, digest = wanted
        return {
            'server': server_id,
            'place': place,
            'name': name,
            'request': request,
            'station': station,
            'digest': digest,
            'state': 'waiting',
            }

    @classmethod
    def _plan_again(cls, server_id, place, again, wanted):
        bulk.update(cls, [{
                    'id': id_,
                    **cls._planned(server_id, place, name, wanted[name]),
                    'failures': 0,
                    } for id_, name in again])
        bulk.assign(cls, [id_ for id_, _ in again], {'next_try': None})

    @classmethod
    def due(cls, server_id):
        "Return what is to be done now, as Due"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.id, table.place, table.name, table.state,
                table.failures,
                where=(table.server == server_id)
                & (table.state != 'sent')
                & ((table.next_try == Null)
                    | (table.next_try <= bulk.now())),
                # What left first: nobody is to be examined twice
                order_by=[table.place, table.state, table.id]))
        return [Due(*row) for row in cursor]

    @classmethod
    def note_sent(cls, ids):
        bulk.assign(cls, ids, {
                'state': 'sent', 'sent': bulk.now(), 'failures': 0,
                'next_try': None, 'error_reason': None,
                'error_detail': None})

    @classmethod
    def note_removed(cls, ids):
        table = cls.__table__()
        bulk.change(cls, table.delete(), table.id, ids)

    @classmethod
    def note_failures(cls, failed):
        "Note what kept rows, as due returns them, from being done"
        alike = defaultdict(list)
        for row, error in failed:
            alike[row.failures, error.reason, error.detail].append(row.id)
        for (failures, reason, detail), ids in alike.items():
            bulk.assign(cls, ids, {
                    'failures': failures + 1,
                    'next_try': wait(failures),
                    'error_reason': reason,
                    'error_detail': detail or None})

    @classmethod
    def send_again(cls, server_ids):
        "Let all that these servers were told be told again"
        table = cls.__table__()
        bulk.change(
            cls, table.update([table.digest], [None]), table.server,
            server_ids)
        cls.try_again(server_ids)

    @classmethod
    def try_again(cls, server_ids):
        "Let what failed not wait any longer"
        table = cls.__table__()
        bulk.change(
            cls, table.update([table.next_try], [None]), table.server,
            server_ids)


class Request(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request'

    worklist_items = fields.One2Many(
        'gnuhealth.orthanc.worklist_item', 'request', "Worklist Items",
        readonly=True,
        help="What servers are told of it for the modalities that ask them.")

    @classmethod
    def write(cls, *args):
        super().write(*args)
        if any(_CHANGES_ITEMS & values.keys() for values in args[1::2]):
            Pool().get('gnuhealth.orthanc.config').send_worklists_soon()

    @classmethod
    def copy(cls, requests, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('worklist_items')
        return super().copy(requests, default=default)


class Server(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.config'

    worklist_way = fields.Selection([
            (None, ""),
            (FOLDER, "Folder"),
            (REST, "Worklists Plugin"),
            ], "Worklist", sort=False,
        help="How the server is told what is to be made, for the modalities "
        "that ask it for their worklist.")
    worklist_folder = fields.Char(
        "Worklist Folder", strip=False,
        states={
            'required': Eval('worklist_way') == FOLDER,
            'invisible': Eval('worklist_way') != FOLDER,
            },
        help="The folder that the worklists plugin of the server reads. It "
        "must be inside of one that is configured for that.")
    has_worklists = fields.Boolean(
        "Takes Items", readonly=True,
        help="Whether the server has a worklists plugin that takes items.")
    has_worklist_folder = fields.Boolean(
        "Folder Writable", readonly=True,
        help="Whether items could be put into the folder when the server was "
        "checked.")
    default_encoding = fields.Char(
        "Default Encoding", readonly=True,
        help="What the server writes in what it sends to modalities.")
    worklist_notice = fields.Function(
        fields.Text(
            "Worklist Notice",
            states={'invisible': ~Bool(Eval('worklist_notice'))},
            help="What keeps modalities from their worklist, or spoils it."),
        'get_worklist_notice')
    worklist_waiting = fields.Function(
        fields.Integer(
            "Items Waiting", help="How many are to be sent or removed."),
        'get_worklist_counts')
    worklist_sent = fields.Function(
        fields.Integer(
            "Items Sent", help="How many modalities find there."),
        'get_worklist_counts')
    worklist_items = fields.One2Many(
        'gnuhealth.orthanc.worklist_item', 'server', "Worklist Items",
        readonly=True)
    worklist_failures = fields.Integer("Worklist Failures", readonly=True)
    worklist_next_try = fields.DateTime(
        "Worklist Next Try", readonly=True,
        states={'invisible': ~Bool(Eval('worklist_next_try'))})
    worklist_error_reason = fields.Char("Worklist Error Reason", readonly=True)
    worklist_error_detail = fields.Char("Worklist Error Detail", readonly=True)
    worklist_running_until = fields.DateTime(
        "Worklist Running Until", readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._button_rights = {
            **cls._button_rights,
            'send_worklist': ((cls.__name__, 'write'),)}
        cls._buttons['send_worklist'] = {
            'invisible': ~Bool(Eval('worklist_way')),
            'depends': ['worklist_way'],
            }

    @classmethod
    def get_worklist_counts(cls, servers, names):
        table = Pool().get('gnuhealth.orthanc.worklist_item').__table__()
        counts = {name: dict.fromkeys(map(int, servers), 0) for name in names}
        for id_, state, count in bulk.fetch(
                table.select(
                    table.server, table.state, Count(Literal('*')),
                    group_by=[table.server, table.state]),
                table.server, list(map(int, servers))):
            name = 'worklist_sent' if state == 'sent' else 'worklist_waiting'
            if name in counts:
                counts[name][id_] += count
        return counts

    def get_worklist_notice(self, name):
        if not self.worklist_way:
            return None
        notices = []
        if self.worklist_error_reason:
            notices.append(describe(
                    self.worklist_error_reason, self.worklist_error_detail,
                    self.url))
        if self.worklist_encoding() != 'Utf8':
            notices.append(gettext(
                    'health_orthanc.msg_worklist_encoding',
                    encoding=self.worklist_encoding()))
        return '\n'.join(notices) or None

    def worklist_encoding(self):
        "Return the encoding of what it sends, as Orthanc calls it"
        return self.default_encoding or DEFAULT_ENCODING

    def worklist_place(self):
        "Return where items are put, None if nowhere"
        if not self.active or not self.worklist_way:
            return None
        return (
            self.worklist_folder if self.worklist_way == FOLDER else PLUGIN)

    @classmethod
    def validate_fields(cls, servers, field_names):
        super().validate_fields(servers, field_names)
        if field_names and not {
                'worklist_way', 'worklist_folder'} & field_names:
            return
        roots = folder_roots()
        for server in servers:
            if server.worklist_way == FOLDER and not is_allowed(
                    server.worklist_folder or '', roots):
                raise ServerError(describe(
                        FolderNotAllowed.reason, server.worklist_folder, ''))

    @classmethod
    def write(cls, *args):
        super().write(*args)
        moved = cls._written(args, {
                'url', 'worklist_way', 'worklist_folder', 'active'})
        if moved:
            Item = Pool().get('gnuhealth.orthanc.worklist_item')
            Item.send_again(list(map(int, moved)))
            cls.note_worklist(list(map(int, moved)), None, 0)
        # A change of the URL is checked anyway
        cls._queue('check_now', cls._written(
                args, {'worklist_way', 'worklist_folder'}))
        cls._queue('send_worklist_now', moved)

    @classmethod
    def _written(cls, args, names):
        "Return the servers of which one of these fields is written"
        return [
            server for servers, values in zip(
                args[::2], args[1::2], strict=True)
            if names & values.keys() for server in servers]

    @classmethod
    def copy(cls, servers, default=None):
        default = default.copy() if default is not None else {}
        # Two servers would remove each other's items
        for name in [
                'worklist_way', 'worklist_folder', 'default_encoding',
                'worklist_items', 'worklist_failures', 'worklist_next_try',
                'worklist_error_reason', 'worklist_error_detail',
                'worklist_running_until']:
            default.setdefault(name)
        default.setdefault('has_worklists', False)
        default.setdefault('has_worklist_folder', False)
        return super().copy(servers, default=default)

    @classmethod
    def delete(cls, servers):
        Item = Pool().get('gnuhealth.orthanc.worklist_item')
        with without_check_access():
            for server in servers:
                if Item.search([('server', '=', server.id)], limit=1):
                    raise ServerError(gettext(
                            'health_orthanc.msg_worklist_items_left',
                            server=server.rec_name))
        super().delete(servers)

    @classmethod
    def check_now(cls, servers):
        "Ask the servers who they are and what worklist they offer"
        super().check_now(servers)
        for server in cls.browse([server.id for server in servers]):
            server._check_worklist()
            Transaction().commit()

    def _check_worklist(self):
        columns = {'has_worklist_folder': False}
        trouble = None
        if self.worklist_way == FOLDER:
            try:
                with Folder(self.worklist_folder, folder_roots()) as folder:
                    folder.check()
                columns['has_worklist_folder'] = True
            except OrthancError as error:
                trouble = error
        if self.validated:
            try:
                connection = self.connect()
                Transaction().commit()
                with connection:
                    columns['default_encoding'] = connection.default_encoding()
                    columns['has_worklists'] = connection.has_worklists()
            except OrthancError as error:
                trouble = trouble or error
        self._note(self.id, **columns)
        self.note_worklist([self.id], trouble, self.worklist_failures or 0)
        if not trouble:
            Item = Pool().get('gnuhealth.orthanc.worklist_item')
            Item.try_again([self.id])

    @classmethod
    def note_worklist(cls, ids, trouble, failures):
        "Note what keeps the servers from their worklist, None if nothing"
        for id_ in ids:
            cls._note(
                id_,
                worklist_failures=failures + 1 if trouble else 0,
                worklist_next_try=wait(failures) if trouble else None,
                worklist_error_reason=trouble and trouble.reason,
                worklist_error_detail=trouble and trouble.detail or None)

    @classmethod
    @ModelView.button
    def send_worklist(cls, servers):
        "Queue that all items are sent again, what is wrong or lost included"
        Item = Pool().get('gnuhealth.orthanc.worklist_item')
        Item.send_again([server.id for server in servers])
        cls.note_worklist([server.id for server in servers], None, 0)
        cls._queue('send_worklist_now', servers)

    @classmethod
    def send_worklists(cls):
        "Queue what is to be sent to the servers, as the schedule does"
        cls._queue('send_worklist_now', cls._with_worklist())

    @classmethod
    @without_check_access
    def send_worklists_soon(cls):
        "Queue it where somebody takes it at once; else the schedule does"
        if config.getboolean('queue', 'worker', default=False):
            cls.send_worklists()

    @classmethod
    def _with_worklist(cls):
        "Return the servers that have a way, or items from the time they had"
        with Transaction().set_context(active_test=False):
            return cls.search([
                    ['OR',
                        [('active', '=', True), ('worklist_way', '!=', None)],
                        ('worklist_items', '!=', None)],
                    ['OR',
                        ('worklist_next_try', '=', None),
                        ('worklist_next_try', '<=', bulk.now())],
                    ])

    @classmethod
    def send_worklist_now(cls, servers):
        "Put and remove what is due, one server after the other"
        for server in servers:
            claim = cls.claim_worklist(server.id)
            Transaction().commit()
            if not claim:
                continue
            run = Run(server.id, claim)
            try:
                run.go()
            except Superseded:
                # It took too long, and another one goes on
                pass
            finally:
                Transaction().rollback()
                cls._release_worklist(server.id, run.claim)
                Transaction().commit()

    @classmethod
    def claim_worklist(cls, id_, claim=None):
        """Return until when a run may go on with the server, or None.

        claim is what the run has from before.
        """
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        # In whole seconds, as the database keeps it
        until = bulk.now() + _PATIENCE
        free = (table.worklist_running_until == Null) | (
            table.worklist_running_until < bulk.now())
        cursor.execute(*table.update(
                [table.worklist_running_until], [until],
                where=(table.id == id_) & (
                    table.worklist_running_until == claim
                    if claim else free)))
        bulk.forget(cls)
        return until if cursor.rowcount else None

    @classmethod
    def _release_worklist(cls, id_, claim):
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.update(
                [table.worklist_running_until], [None],
                where=(table.id == id_)
                & (table.worklist_running_until == claim)))
        bulk.forget(cls)

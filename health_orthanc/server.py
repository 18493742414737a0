# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

import datetime as dt
import json
import logging
import math
import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from sql import Literal, Null
from sql.aggregate import Count, Sum
from sql.conditionals import Coalesce
from trytond.config import config
from trytond.i18n import gettext
from trytond.model import (
    DeactivableMixin, ModelSQL, ModelView, Unique, fields)
from trytond.pool import Pool
from trytond.pyson import Bool, Eval, If
from trytond.tools import grouped_slice, reduce_ids
from trytond.transaction import Transaction, without_check_access
from trytond.wizard import (
    Button, StateAction, StateTransition, StateView, Wizard)

from . import bulk, client, matching, secret, sync
from .exceptions import ServerError

logger = logging.getLogger(__name__)

# The wait after a failure, where no scheduled action says how long it is
_WAIT = dt.timedelta(minutes=15)
# What read returns in place of a password that is set
_MASK = 'x' * 10
# Whose signature on a server's certificate counts
TRUST = [
    ('system', "Certificate Authorities of the System"),
    ('own', "Own Certificate Authorities"),
    ]


class UnreadablePassword(client.OrthancError):
    "The password was encrypted with a key that is not configured"
    reason = 'unreadable_password'


class MalformedKey(client.OrthancError):
    "The key configured for passwords is not a Fernet key"
    reason = 'malformed_key'


class State(NamedTuple):
    """How far the synchronization of a server is.

    step counts the commits, so that two runs can never both make the next.
    cursor is the Seq of the last change received, anchor that row itself.
    walk is how many studies were read of a walk through all of them.
    """
    server: int
    step: int
    timeout: int
    cursor: int | None
    anchor: list | None
    walk: int | None
    identity: str | None
    compared_at: dt.datetime | None
    walked_at: dt.datetime | None
    walked_statistics: str | None
    last_success: dt.datetime | None
    suspect: bool
    missing_confirmed: bool

    def claimed_until(self):
        "Return until when a run may make its next step"
        return dt.datetime.now() + dt.timedelta(seconds=60 + 4 * self.timeout)


class Server(DeactivableMixin, ModelSQL, ModelView):
    "Orthanc Server"
    __name__ = 'gnuhealth.orthanc.config'
    _rec_name = 'label'

    label = fields.Char("Label", required=True)
    url = fields.Char(
        "URL", required=True,
        help="The full address of the server's REST API, for example "
        "https://pacs.example.com/orthanc/")
    username = fields.Char("Username")
    password = fields.Function(
        fields.Char(
            "Password", strip=False,
            help="It can be set, but never be read."),
        'get_password', setter='set_password')
    public_url = fields.Char(
        "Public URL",
        help="The address by which the users' browsers reach the server, "
        "if it differs from the URL.")
    trust = fields.Selection(
        TRUST, "TLS Trust", required=True, sort=False,
        help="Who must have signed the certificate of the server.")
    ca_certificates = fields.Binary(
        "CA Certificates",
        states={
            'required': Eval('trust') == 'own',
            'invisible': Eval('trust') != 'own',
            },
        help="A file with the certificates of the authorities in PEM format.")
    timeout = fields.Integer(
        "Time-Out", required=True,
        domain=[('timeout', '>=', 1), ('timeout', '<=', 3600)],
        help="How long to wait for an answer of the server, in seconds.")
    validated = fields.Boolean(
        "Validated", readonly=True,
        help="Whether the server answered as an Orthanc to this URL, "
        "username and password.")
    name = fields.Char("Name", readonly=True)
    version = fields.Char("Version", readonly=True)
    has_stone = fields.Boolean("Stone Viewer", readonly=True)
    has_ohif = fields.Boolean("OHIF Viewer", readonly=True)
    last_run = fields.DateTime(
        "Last Run", readonly=True,
        help="When the last synchronization ended, whatever came of it.")
    last_success = fields.DateTime(
        "Last Success", readonly=True,
        help="When the last synchronization that succeeded ended.")
    error_at = fields.DateTime("Failed At", readonly=True)
    failures = fields.Integer(
        "Failures", readonly=True,
        help="How many times in a row the synchronization failed.")
    next_try = fields.DateTime(
        "Next Try", readonly=True,
        states={'invisible': ~Bool(Eval('next_try'))},
        help="Until about then the scheduled action leaves the server alone. "
        "The buttons do not wait.")
    error_reason = fields.Char("Error Reason", readonly=True)
    error_detail = fields.Char("Error Detail", readonly=True)
    last_error = fields.Function(
        fields.Text(
            "Last Error",
            states={'invisible': ~Bool(Eval('last_error'))}),
        'on_change_with_last_error')
    suspect = fields.Boolean(
        "Suspect", readonly=True,
        help="So many studies vanished from the server at once that they are "
        "not marked as missing before a person confirmed it.")
    status = fields.Function(fields.Selection([
                ('not_validated', "Not Validated"),
                ('failing', "Failing"),
                ('suspect', "Suspect"),
                ('late', "Late"),
                ('never', "Never Synchronized"),
                ('healthy', "Healthy"),
                ], "Status", sort=False), 'get_status')
    advice = fields.Function(
        fields.Text(
            "Advice", help="What the status means, and what to do next."),
        'get_status')
    since_success = fields.Function(
        fields.TimeDelta(
            "Since Last Success",
            help="How long the last synchronization that succeeded is ago."),
        'get_since_success')
    behind = fields.Function(
        fields.Integer(
            "Changes Behind",
            help="How many changes in the server's log were still to be read "
            "when the last synchronization ended; while one runs, when it "
            "last noted it."),
        'get_behind')
    progress = fields.Function(
        fields.Float(
            "Progress", digits=(1, 2),
            states={'invisible': ~Bool(Eval('progress'))},
            help="The share of the studies on the server that were read, "
            "while all of them are read."),
        'get_progress')
    patient_count = fields.Function(
        fields.Integer("Patients"), 'get_counts')
    study_count = fields.Function(fields.Integer("Studies"), 'get_counts')
    image_count = fields.Function(fields.Integer("Images"), 'get_counts')
    missing_count = fields.Function(
        fields.Integer("Missing Studies"), 'get_counts')
    server_patient_count = fields.Integer(
        "Patients on the Server", readonly=True)
    server_study_count = fields.Integer(
        "Studies on the Server", readonly=True)
    server_image_count = fields.Integer(
        "Images on the Server", readonly=True)
    link = fields.Function(fields.Char("Orthanc Explorer"), 'get_link')
    identifier_types = fields.MultiSelection(
        'get_identifier_types', "Identifier Types", sort=False,
        help="The alternative identifications of persons that the server's "
        "Patient IDs can be, besides the PUID.")
    patient_id_prefix = fields.Char(
        "Patient ID Prefix",
        help="What the server's Patient IDs begin with where they are those "
        "of this hospital. Others are another system's.")
    issuer_of_patient_id = fields.Char(
        "Issuer of Patient ID",
        help="Whose the Patient IDs of this hospital are. A study that "
        "reports another issuer is not linked by its ID.")
    ignore_case = fields.Boolean(
        "Ignore Case",
        help="Whether upper and lower case make no difference in an ID.")

    # What the matching.Rules are made of
    _IDENTITY = frozenset([
            'identifier_types', 'patient_id_prefix', 'issuer_of_patient_id',
            'ignore_case'])

    # How far the synchronization is: see State
    step = fields.Integer("Step", readonly=True, required=True)
    running_until = fields.DateTime("Running Until", readonly=True)
    cursor = fields.Integer("Cursor", readonly=True)
    cursor._sql_type = 'BIGINT'
    server_cursor = fields.Integer("Cursor on the Server", readonly=True)
    server_cursor._sql_type = 'BIGINT'
    anchor = fields.Char("Anchor", readonly=True)
    walk = fields.Integer("Walk", readonly=True)
    identity = fields.Char("Identity", readonly=True)
    compared_at = fields.DateTime("Compared At", readonly=True)
    walked_at = fields.DateTime("Walked At", readonly=True)
    walked_statistics = fields.Char("Walked Statistics", readonly=True)
    missing_confirmed = fields.Boolean("Missing Confirmed", readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('label_unique', Unique(table, table.label),
                'health_orthanc.msg_label_unique'),
            ]
        cls._order = [('label', 'ASC'), ('id', 'ASC')]
        cls._buttons.update({
                'check': {},
                'sync': {
                    'invisible': ~Eval('validated', False),
                    'depends': ['validated'],
                    },
                'confirm_missing': {
                    'invisible': ~Eval('suspect', False),
                    'depends': ['suspect'],
                    },
                })

    @classmethod
    def __register__(cls, module_name):
        table_h = cls.__table_handler__(module_name)
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        # Migration from GNU Health's health_orthanc: clear names, and a
        # password that no field can read
        table_h.column_rename('domain', 'url')
        table_h.column_rename('user', 'username')
        table_h.column_rename('proxy_domain', 'public_url')
        table_h.column_rename('password', 'secret')
        super().__register__(module_name)
        table_h = cls.__table_handler__(module_name)
        table_h.drop_column('last_changed_index')
        if not table_h.column_exist('secret'):
            table_h.add_column('secret', 'VARCHAR')
        cursor.execute(*table.select(
                table.id, table.secret, where=table.secret != Null))
        keys = _keys()
        for id_, stored in cursor.fetchall():
            if not secret.is_sealed(stored):
                password = stored
            elif secret.is_current(stored, keys):
                continue
            else:
                try:
                    password = secret.unseal(stored, keys)
                except secret.Unsealable:
                    # The next check says so on the server
                    continue
            cursor.execute(*table.update(
                    [table.secret], [secret.seal(password, keys)],
                    where=table.id == id_))

    @classmethod
    def default_trust(cls):
        return 'system'

    @classmethod
    def default_timeout(cls):
        return config.getint('health_orthanc', 'timeout', default=30)

    @classmethod
    def default_validated(cls):
        return False

    @classmethod
    def default_step(cls):
        return 0

    @classmethod
    def get_identifier_types(cls):
        Identification = Pool().get(
            'gnuhealth.person_alternative_identification')
        definition = Identification.fields_get(['alternative_id_type'])
        return [
            (value, name) for value, name
            in definition['alternative_id_type']['selection'] if value]

    @classmethod
    def get_password(cls, servers, name):
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        passwords = dict.fromkeys(map(int, servers))
        for sub_ids in grouped_slice(list(passwords)):
            cursor.execute(*table.select(
                    table.id, where=reduce_ids(table.id, sub_ids)
                    & (table.secret != Null)))
            passwords.update((id_, _MASK) for id_, in cursor)
        return passwords

    @classmethod
    def set_password(cls, servers, name, value):
        if value == _MASK:
            return
        try:
            sealed = secret.seal(value or None, _keys())
        except secret.MalformedKey as exception:
            raise ServerError(
                describe(MalformedKey.reason, None, '')) from exception
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.update(
                [table.secret], [sealed],
                where=reduce_ids(table.id, list(map(int, servers)))))

    @classmethod
    def _password(cls, server):
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.secret, where=table.id == server.id))
        stored, = cursor.fetchone()
        return secret.unseal(stored, _keys())

    @fields.depends('error_reason', 'error_detail', 'url')
    def on_change_with_last_error(self, name=None):
        if not self.error_reason:
            return None
        return describe(self.error_reason, self.error_detail, self.url)

    @classmethod
    def get_status(cls, servers, names):
        interval = cls._interval()
        status = {s.id: s._status(interval) for s in servers}
        return {
            'status': {id_: name for id_, (name, _) in status.items()},
            'advice': {
                server.id: ' '.join(
                    server._advice(name) for name in status[server.id][1])
                for server in servers},
            }

    def _advice(self, name):
        minutes = 0
        if self.next_try:
            minutes = math.ceil(
                (self.next_try - dt.datetime.now()).total_seconds() / 60)
        return gettext(
            f'health_orthanc.msg_status_{name}',
            walk=self.walk or 0,
            studies=self.server_study_count or 0,
            minutes=max(minutes, 1))

    @classmethod
    def _interval(cls):
        "Return the interval of the scheduled action, None where it is off"
        # Not everybody who may see a server may see scheduled actions
        with without_check_access():
            return Pool().get('ir.cron').orthanc_interval()

    def _status(self, interval):
        """Return the status, and the names of the sentences that explain it.

        interval is that of the scheduled action, None where it is off.
        """
        now = dt.datetime.now()
        overdue = interval and now - 3 * interval
        running = self.running_until and self.running_until > now
        # After failures it is left alone on purpose
        expected = max(filter(None, [
                    self.last_run or self.create_date, self.next_try]))
        stalled = overdue and expected < overdue and not running
        hint = ['running'] if running else ['stalled'] if stalled else []
        reading = ['first'] if self.walk is not None else []
        if not self.validated:
            return 'not_validated', ['not_validated']
        if self.error_reason:
            if not hint:
                hint = ['failing' if interval else 'failing_unscheduled']
            return 'failing', hint
        if self.suspect:
            return 'suspect', ['suspect', *hint]
        if not self.last_success:
            return 'never', [*reading, *hint] or ['never']
        if overdue and self.last_success < overdue:
            return 'late', hint or ['late']
        return 'healthy', hint or ['healthy']

    def get_since_success(self, name):
        if not self.last_success:
            return None
        return dt.timedelta(seconds=max(0, int(
                    (dt.datetime.now() - self.last_success).total_seconds())))

    def get_behind(self, name):
        if self.cursor is None or self.server_cursor is None:
            return None
        return max(self.server_cursor - self.cursor, 0)

    def get_progress(self, name):
        if self.walk is None or not self.server_study_count:
            return None
        # It is not complete before the run ended
        return min(
            math.floor(100 * self.walk / self.server_study_count), 99) / 100

    @classmethod
    def get_counts(cls, servers, names):
        pool = Pool()
        counts = {name: dict.fromkeys(map(int, servers), 0) for name in names}
        cursor = Transaction().connection.cursor()
        study = pool.get('gnuhealth.orthanc.study').__table__()
        patient = pool.get('gnuhealth.orthanc.patient').__table__()
        present = study.missing_since == Null
        queries = {
            'patient_count': (
                patient, Count(Literal('*')), patient.missing_since == Null),
            'study_count': (study, Count(Literal('*')), present),
            'image_count': (study, Sum(study.image_count), present),
            'missing_count': (study, Count(Literal('*')), ~present),
            }
        for name in names:
            table, aggregate, where = queries[name]
            for sub_ids in grouped_slice(list(counts[name])):
                cursor.execute(*table.select(
                        table.server, aggregate,
                        where=where & reduce_ids(table.server, sub_ids),
                        group_by=table.server))
                counts[name].update(cursor)
        return counts

    @classmethod
    def get_link(cls, servers, name):
        return {s.id: s.browser_url('app/explorer.html') for s in servers}

    def browser_url(self, path):
        "Return the address of path for a user's browser"
        base = self.public_url or self.url
        return urljoin(base.rstrip('/') + '/', path)

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Eval('status').in_(['failing', 'late']), 'danger',
                    If(Eval('status').in_(['not_validated', 'suspect']),
                        'warning',
                        If(Eval('status') == 'healthy', 'success', '')))),
            ]

    @classmethod
    def validate_fields(cls, servers, field_names):
        super().validate_fields(servers, field_names)
        if field_names and not {'url', 'public_url'} & field_names:
            return
        for server in servers:
            for url in filter(None, [server.url, server.public_url]):
                try:
                    parts = urlsplit(url)
                except ValueError as exception:
                    raise ServerError(describe(
                            client.BadAddress.reason, str(exception), url)
                        ) from exception
                if parts.username or parts.password:
                    raise ServerError(gettext(
                            'health_orthanc.msg_url_userinfo',
                            server=server.rec_name))
            public_url = server.public_url
            if public_url and urlsplit(public_url).scheme not in {
                    'http', 'https'}:
                raise ServerError(gettext(
                        'health_orthanc.msg_public_url_scheme',
                        url=public_url))

    @classmethod
    def create(cls, vlist):
        servers = super().create(vlist)
        cls._queue('check_now', [s for s in servers if not s.validated])
        return servers

    @classmethod
    def write(cls, *args):
        connection = {
            'url', 'username', 'password', 'trust', 'ca_certificates'}
        actions = iter(args)
        args, to_check, to_match = [], [], []
        for servers, values in zip(actions, actions, strict=True):
            touched = connection & values.keys()
            if values.get('password') == _MASK:
                touched.discard('password')
            if touched:
                values = {
                    **values, 'validated': False, 'failures': 0,
                    'next_try': None}
                to_check.extend(servers)
            if cls._IDENTITY & values.keys():
                to_match.extend(servers)
            args.extend([servers, values])
        super().write(*args)
        cls._queue('check_now', to_check)
        cls._queue('rematch', to_match)

    @classmethod
    def copy(cls, servers, default=None):
        default = default.copy() if default is not None else {}
        # A copy claims nothing of what was synchronized; the password is not
        # among what is copied
        for name in [
                'name', 'version', 'last_success', 'error_at',
                'error_reason', 'error_detail', 'next_try', 'running_until',
                'cursor', 'server_cursor', 'anchor', 'walk', 'identity',
                'compared_at', 'walked_at',
                'walked_statistics', 'server_patient_count',
                'server_study_count', 'server_image_count']:
            default.setdefault(name)
        for name in [
                'validated', 'has_stone', 'has_ohif', 'suspect',
                'missing_confirmed']:
            default.setdefault(name, False)
        default.setdefault('failures', 0)
        default.setdefault('step', 0)
        default.setdefault('label', lambda data: gettext(
                'health_orthanc.msg_copy_label', label=data['label']))
        return super().copy(servers, default=default)

    @classmethod
    def delete(cls, servers):
        Study = Pool().get('gnuhealth.orthanc.study')
        with Transaction().set_context(_check_access=False):
            for server in servers:
                linked = Study.search([
                        ('server', '=', server.id),
                        ['OR',
                            ('local_patient', '!=', None),
                            ('results', '!=', None),
                            ],
                        ], count=True)
                if linked:
                    raise ServerError(gettext(
                            'health_orthanc.msg_delete_linked',
                            server=server.rec_name, count=linked))
        super().delete(servers)

    @classmethod
    @ModelView.button
    def check(cls, servers):
        "Queue the check of the connection"
        cls._queue('check_now', servers)

    @classmethod
    @ModelView.button
    def sync(cls, servers):
        "Queue the synchronization"
        for server in servers:
            if not server.validated:
                raise ServerError(gettext(
                        'health_orthanc.msg_not_validated',
                        server=server.rec_name))
        cls._queue('synchronize', servers)

    @classmethod
    @ModelView.button
    def confirm_missing(cls, servers):
        "Confirm that the studies are gone from the server indeed"
        cls.write(servers, {'missing_confirmed': True})
        cls._queue('synchronize', servers)

    @classmethod
    def synchronize_all(cls, servers=None):
        """Queue the synchronization of the servers.

        By default of every validated one, but for those that are left alone
        after failures.
        """
        if servers is None:
            servers = cls.search([
                    ('validated', '=', True),
                    ['OR',
                        ('next_try', '=', None),
                        ('next_try', '<=', cls._due_until(cls._interval())),
                        ],
                    ])
        cls._queue('synchronize', servers)

    @classmethod
    def _queue(cls, method, servers):
        # One task each: the trouble of one server delays no other
        for server in servers:
            getattr(cls.__queue__, method)([server])

    @classmethod
    def check_now(cls, servers):
        "Ask the servers who they are, and note the answer"
        for server in servers:
            id_ = server.id
            try:
                connection = server.connect()
                # No transaction is open while waiting for the server
                Transaction().commit()
                with connection:
                    found = Found.ask(connection)
            except client.OrthancError as error:
                cls.note_failure(id_, error)
            else:
                cls._note(
                    id_, validated=True, **_NO_FAILURE, **found.columns())
            Transaction().commit()

    @classmethod
    def synchronize(cls, servers):
        "Bring what is known of the servers up to date"
        has_worker = config.getboolean('queue', 'worker', default=False)
        for id_ in [server.id for server in servers]:
            # Without worker nobody takes the rest but the next scheduled run
            if sync.synchronize(id_) and has_worker:
                cls._queue('synchronize', [cls(id_)])

    def connect(self):
        """Return the client of the server.

        Raises OrthancError where the password cannot be decrypted.
        """
        try:
            password = self._password(self)
        except secret.Unsealable as exception:
            raise UnreadablePassword("no key fits") from exception
        except secret.MalformedKey as exception:
            raise MalformedKey(str(exception)) from exception
        return self.connect_with(password)

    def connect_with(self, password):
        "Return the client of the server, which may not be saved yet"
        certificates = None
        if self.trust == 'own' and self.ca_certificates:
            certificates = bytes(self.ca_certificates).decode(
                'ascii', 'replace')
        return client.Orthanc(
            self.url, self.username, password, ca_certificates=certificates,
            read_timeout=self.timeout)

    @classmethod
    def claim(cls, id_):
        """Claim the server for one run and return its State.

        Return None where another run is going on, or the server is not
        validated. As a killed run can't release it, the claim ends by itself
        where no step is made for a while.
        """
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.update(
                [table.step], [table.step + 1],
                where=(table.id == id_)
                & (table.validated == Literal(True))
                & ((table.running_until == Null)
                    | (table.running_until < dt.datetime.now()))))
        if not cursor.rowcount:
            return None
        cursor.execute(*table.select(
                table.id, table.step, table.timeout, table.cursor,
                table.anchor, table.walk, table.identity, table.compared_at,
                table.walked_at, table.walked_statistics, table.last_success,
                table.suspect, table.missing_confirmed,
                where=table.id == id_))
        state = State(*cursor.fetchone())
        return cls.advance(state._replace(
                anchor=json.loads(state.anchor) if state.anchor else None))

    @classmethod
    def advance(cls, state, **changes):
        """Return the state changed, and note it for the next commit.

        Locks the server's row, so that of two runs only one makes a step.
        Raises sync.Superseded where another run made it.
        """
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        values = {
            **changes,
            'step': state.step + 1,
            'running_until': state.claimed_until(),
            }
        if values.get('anchor'):
            values['anchor'] = json.dumps(values['anchor'])
        cursor.execute(*table.update(
                [getattr(table, name) for name in values],
                list(values.values()),
                where=(table.id == state.server)
                & (table.step == state.step)))
        if not cursor.rowcount:
            raise sync.Superseded
        return state._replace(step=state.step + 1, **changes)

    @classmethod
    def release(cls, state):
        "End the claim of a run, and return whether it still was this run's"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.update(
                [table.running_until, table.last_run], [None, bulk.now()],
                where=(table.id == state.server)
                & (table.step == state.step)))
        return bool(cursor.rowcount)

    @classmethod
    def note_success(cls, id_, statistics):
        "Note that a run did all there was to do"
        cls._note(
            id_, last_success=bulk.now(), **_NO_FAILURE,
            **statistics_columns(statistics))
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.update(
                [table.server_cursor], [table.cursor],
                where=table.id == id_))

    @classmethod
    def note_statistics(cls, id_, statistics):
        "Note what the server holds, so that a run shows how far it is"
        cls._note(id_, **statistics_columns(statistics))

    @classmethod
    def note_server_cursor(cls, id_, seq):
        "Note the number of the last change in the server's log"
        cls._note(id_, server_cursor=seq)

    @classmethod
    def rules(cls, id_):
        "Return the matching.Rules of a server"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.patient_id_prefix, table.issuer_of_patient_id,
                table.ignore_case, table.identifier_types,
                where=table.id == id_))
        prefix, issuer, ignore_case, types = cursor.fetchone()
        return matching.Rules(
            prefix, issuer, bool(ignore_case),
            tuple(json.loads(types)) if types else ())

    @classmethod
    def created(cls, id_):
        "Return when the server was added"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.create_date, where=table.id == id_))
        return cursor.fetchone()[0]

    @classmethod
    def rematch(cls, servers):
        "Decide anew whose the studies of the servers are"
        Study = Pool().get('gnuhealth.orthanc.study')
        for server in servers:
            Study.match_server(server.id, None, everything=True)

    @classmethod
    def held(cls, id_):
        "Return the number of studies and images that the server should hold"
        pool = Pool()
        study = pool.get('gnuhealth.orthanc.study').__table__()
        set_aside = pool.get('gnuhealth.orthanc.set_aside').__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*study.select(
                Count(Literal('*')), Coalesce(Sum(study.image_count), 0),
                where=(study.server == id_)
                & (study.missing_since == Null)))
        studies, images = cursor.fetchone()
        cursor.execute(*set_aside.select(
                Count(Literal('*')), Coalesce(Sum(set_aside.image_count), 0),
                where=set_aside.server == id_))
        waiting_studies, waiting_images = cursor.fetchone()
        return studies + waiting_studies, images + waiting_images

    @classmethod
    def note_failure(cls, id_, error):
        """Note why the server could not be reached.

        Where it refused the credentials it is left alone until they are
        checked again, otherwise for a time that doubles with each failure.
        """
        logger.warning("Orthanc server %s: %s", id_, error.reason)
        columns = {
            'error_at': bulk.now(),
            'error_reason': error.reason,
            'error_detail': error.detail or None,
            }
        if isinstance(error, (client.BadCredentials, client.Forbidden)):
            columns.update(validated=False, failures=0, next_try=None)
        else:
            columns.update(cls._wait(id_))
        cls._note(id_, **columns)

    @classmethod
    def _wait(cls, id_):
        "Return the columns that say how long to leave the server alone"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                Coalesce(table.failures, 0), table.next_try,
                where=table.id == id_))
        failures, next_try = cursor.fetchone()
        interval = cls._interval()
        if next_try and next_try > cls._due_until(interval):
            # A person did not want to wait: that lengthens nothing
            return {}
        longest = dt.timedelta(seconds=config.getint(
                'health_orthanc', 'longest_wait', default=4 * 60 * 60))
        wait = min((interval or _WAIT) * 2 ** min(failures, 20), longest)
        return {
            'failures': failures + 1,
            'next_try': bulk.now() + wait,
            }

    @classmethod
    def _due_until(cls, interval):
        """Return until when a next try counts as due now.

        The scheduled action is punctual to half its interval, or the wait
        of one interval would take two.
        """
        return bulk.now() + (interval or _WAIT) / 2

    @classmethod
    def _note(cls, id_, **columns):
        # SQL, as these are no changes a person made
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.update(
                [getattr(table, name) for name in columns],
                list(columns.values()), where=table.id == id_))


_NO_FAILURE = {
    'error_at': None,
    'error_reason': None,
    'error_detail': None,
    'failures': 0,
    'next_try': None,
    }


class Found(NamedTuple):
    "What a server says of itself"
    system: client.System
    statistics: client.Statistics
    viewers: frozenset

    @classmethod
    def ask(cls, connection):
        return cls(
            connection.system(), connection.statistics(),
            connection.viewers())

    def columns(self):
        "Return the values of the columns of the server"
        return {
            'name': self.system.name,
            'version': self.system.version,
            'has_stone': 'stone' in self.viewers,
            'has_ohif': 'ohif' in self.viewers,
            **statistics_columns(self.statistics),
            }


def statistics_columns(statistics):
    "Return the values of the columns that count what the server holds"
    return {
        'server_patient_count': statistics.patients,
        'server_study_count': statistics.studies,
        'server_image_count': statistics.instances,
        }


def describe(reason, detail, url):
    "Return the sentence that says what is wrong and what to do"
    # Somebody may have entered credentials in the URL
    url = re.sub(r'^(\w+://)?.*@', r'\1', url or '')
    return gettext(
        f'health_orthanc.msg_error_{reason}', url=url, detail=detail or '')


def _keys():
    "Return the Fernet keys configured, the one that encrypts first"
    keys = config.get('cryptography', 'fernet_key', default='')
    return [key.strip() for key in keys.split(',') if key.strip()]


class AddStart(ModelView):
    "Add Orthanc Server"
    __name__ = 'gnuhealth.orthanc.server.add.start'

    label = fields.Char(
        "Label", required=True,
        help="The name of the server in GNU Health.")
    url = fields.Char(
        "URL", required=True,
        help="The full address of the server's REST API, for example "
        "https://pacs.example.com/orthanc/")
    username = fields.Char("Username")
    password = fields.Char("Password", strip=False)
    public_url = fields.Char(
        "Public URL",
        help="The address by which the users' browsers reach the server, "
        "if it differs from the URL.")
    trust = fields.Selection(
        TRUST, "TLS Trust", required=True, sort=False,
        help="Who must have signed the certificate of the server.")
    ca_certificates = fields.Binary(
        "CA Certificates",
        states={
            'required': Eval('trust') == 'own',
            'invisible': Eval('trust') != 'own',
            },
        help="A file with the certificates of the authorities in PEM format.")


class AddSuccess(ModelView):
    "Orthanc Server Added"
    __name__ = 'gnuhealth.orthanc.server.add.success'

    message = fields.Text("Message", readonly=True)
    server = fields.Many2One(
        'gnuhealth.orthanc.config', "Server", readonly=True)


class AddFailure(ModelView):
    "Orthanc Server Not Added"
    __name__ = 'gnuhealth.orthanc.server.add.failure'

    message = fields.Text("Message", readonly=True)


class Add(Wizard):
    "Add Orthanc Server"
    __name__ = 'gnuhealth.orthanc.server.add'

    start = StateView(
        'gnuhealth.orthanc.server.add.start',
        'health_orthanc.server_add_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button("Begin", 'check', 'tryton-ok', default=True),
            ])
    check = StateTransition()
    success = StateView(
        'gnuhealth.orthanc.server.add.success',
        'health_orthanc.server_add_success_view_form', [
            Button("Close", 'end', 'tryton-ok'),
            Button("Synchronize", 'sync', 'tryton-forward', default=True),
            ])
    failure = StateView(
        'gnuhealth.orthanc.server.add.failure',
        'health_orthanc.server_add_failure_view_form', [
            Button("Close", 'end', 'tryton-cancel'),
            Button("Try Again", 'start', 'tryton-back', default=True),
            ])
    sync = StateAction('health_orthanc.act_server_form')

    def default_start(self, fields):
        "Keep what was entered, but for the password"
        names = [
            'label', 'url', 'username', 'public_url', 'trust',
            'ca_certificates']
        return {
            'trust': 'system',
            **{name: getattr(self.start, name) for name in names
                if hasattr(self.start, name)}}

    def transition_check(self):
        Server = Pool().get('gnuhealth.orthanc.config')
        start = self.start
        server = Server(
            label=start.label, url=start.url, username=start.username,
            public_url=start.public_url, trust=start.trust,
            ca_certificates=start.ca_certificates,
            timeout=Server.default_timeout())
        password = start.password
        # The session of the wizard is stored: it must not keep the password
        start.password = None
        try:
            with server.connect_with(password) as connection:
                found = Found.ask(connection)
        except client.OrthancError as error:
            self.failure.message = describe(
                error.reason, error.detail, server.url)
            return 'failure'
        server.password = password
        server.validated = True
        for name, value in found.columns().items():
            setattr(server, name, value)
        server.save()
        self.success.server = server
        self.success.message = gettext(
            'health_orthanc.msg_server_added',
            server=server.rec_name,
            version=found.system.version,
            patients=found.statistics.patients,
            studies=found.statistics.studies,
            images=found.statistics.instances)
        return 'success'

    def default_success(self, fields):
        return {
            'message': self.success.message,
            'server': self.success.server.id,
            }

    def default_failure(self, fields):
        return {'message': self.failure.message}

    def do_sync(self, action):
        Server = Pool().get('gnuhealth.orthanc.config')
        server = self.success.server
        Server.sync([server])
        return action, {'res_id': [server.id]}

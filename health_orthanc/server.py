# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The Orthanc servers"

import json
from urllib.parse import urljoin

from sql import Literal, Null
from sql.aggregate import Count, Sum
from sql.conditionals import Coalesce

from trytond.config import config
from trytond.i18n import gettext
from trytond.model import (
    DeactivableMixin, Model, ModelSQL, ModelView, Unique, fields)
from trytond.modules.health_imaging.rights import ModelRightsMixin
from trytond.pool import Pool
from trytond.pyson import Bool, Eval, If
from trytond.transaction import Transaction

from . import bulk, client, legacy, matching, secret, sync, transport
from .exceptions import (
    BadAddress, CredentialsInAddress, MalformedKey, OrthancError, ServerError,
    UnreadablePassword, address, describe)
from .found import Found
from .sync_state import NO_FAILURE, SyncStateMixin
from .viewer import EXPLORER

# What read returns in place of a password that is set
_MASK = 'x' * 10


class ConnectionMixin(Model):
    "What is asked to connect to a server, but for the password"

    label = fields.Char(
        "Label", required=True,
        help="The name of the server in GNU Health.")
    url = fields.Char(
        "URL", required=True,
        help="The full address of the server's REST API, for example "
        "https://pacs.example.com/orthanc/")
    username = fields.Char("Username")
    public_url = fields.Char(
        "Public URL",
        help="The address by which the users' browsers reach the server, "
        "if it differs from the URL.")
    trust = fields.Selection([
            ('system', "Certificate Authorities of the System"),
            ('own', "Own Certificate Authorities"),
            ], "TLS Trust", required=True, sort=False,
        help="Who must have signed the certificate of the server.")
    ca_certificates = fields.Binary(
        "CA Certificates",
        states={
            'required': Eval('trust') == 'own',
            'invisible': Eval('trust') != 'own',
            },
        help="A file with the certificates of the authorities in PEM format.")

    @classmethod
    def default_trust(cls):
        return 'system'


CONNECTION = [
    name for name, value in vars(ConnectionMixin).items()
    if isinstance(value, fields.Field)]


class Server(
        ConnectionMixin, ModelRightsMixin, SyncStateMixin,
        DeactivableMixin, ModelSQL, ModelView):
    "Orthanc Server"
    __name__ = 'gnuhealth.orthanc.config'
    _rec_name = 'label'
    _button_rights = dict.fromkeys(
        ['check', 'sync', 'confirm_missing'], ((__name__, 'write'),))

    password = fields.Function(
        fields.Char(
            "Password", strip=False,
            help="It can be set, but never be read."),
        'get_password', setter='set_password')
    name = fields.Char("Name", readonly=True)
    database_identifier = fields.Char(
        "Database Identifier", readonly=True,
        help="What the server says that its database is.")
    version = fields.Char("Version", readonly=True)
    has_stone = fields.Boolean("Stone Viewer", readonly=True)
    has_ohif = fields.Boolean("OHIF Viewer", readonly=True)
    security_notice = fields.Function(
        fields.Text(
            "Security Notice",
            states={'invisible': ~Bool(Eval('security_notice'))},
            help="What puts the password of the server at risk."),
        'get_security_notice')
    last_error = fields.Function(
        fields.Text(
            "Last Error",
            states={'invisible': ~Bool(Eval('last_error'))}),
        'on_change_with_last_error')
    patient_count = fields.Function(
        fields.Integer("Patients"), 'get_counts')
    study_count = fields.Function(fields.Integer("Studies"), 'get_counts')
    image_count = fields.Function(fields.Integer("Images"), 'get_counts')
    missing_count = fields.Function(
        fields.Integer("Missing Studies"), 'get_counts')
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
        help="Whose the Patient IDs of this hospital are. A study that has "
        "another issuer, or none, is not linked by its ID. Where Orthanc does "
        "not report it with studies, each is asked for: have it do so with "
        "'IssuerOfPatientID' in the 'ExtraMainDicomTags' of its "
        "configuration.")
    reports_issuer = fields.Boolean(
        "Reports Issuer", readonly=True,
        help="Whether the server reports the issuer with its studies.")
    issuer_notice = fields.Function(
        fields.Text(
            "Issuer Notice",
            states={'invisible': ~Bool(Eval('issuer_notice'))},
            help="What to configure where the server does not report the "
            "issuer with its studies."),
        'on_change_with_issuer_notice')
    ignore_case = fields.Boolean(
        "Ignore Case",
        help="Whether upper and lower case make no difference in an ID.")
    ignore_separators = fields.Boolean(
        "Ignore Separators",
        help="Whether spaces, hyphens, dots, underscores and slashes make no "
        "difference in an ID. Only where no two IDs differ by these alone: "
        "the studies of one patient would be linked to the other.")
    trust_birth_date = fields.Boolean(
        "Trust the Birth Date",
        help="Whether an equal ID and birth date are enough where there is "
        "no name, or one in another script that cannot be compared. A study "
        "made under the ID of a twin, or under a mistyped one of somebody "
        "born on the same day, is linked to the wrong patient then.")

    # What the matching.Rules are made of
    _IDENTITY = frozenset([
            'identifier_types', 'patient_id_prefix', 'issuer_of_patient_id',
            'ignore_case', 'ignore_separators', 'trust_birth_date'])

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
        legacy.begin()
        # Migration from GNU Health's health_orthanc: clear names, and a
        # password that no field can read
        legacy.keep_records()
        legacy.put_by()
        table_h = cls.__table_handler__(module_name)
        table = cls.__table__()
        # The first step of 7.0.0 on SQLite was kept, though the update failed
        is_plain = (
            table_h.column_exist('password')
            or table_h.column_exist('last_changed_index'))
        table_h.column_rename('domain', 'url')
        table_h.column_rename('user', 'username')
        table_h.column_rename('proxy_domain', 'public_url')
        table_h.column_rename('password', 'secret')
        table_h.not_null_action('secret', 'remove')
        table_h.drop_constraint('domain_unique')
        if is_plain:
            legacy.fill_addresses(table)
        super().__register__(module_name)
        table_h = cls.__table_handler__(module_name)
        legacy.drop_columns(table_h, 'last_changed_index')
        if not table_h.column_exist('secret'):
            table_h.add_column('secret', 'VARCHAR')
        cls.seal_passwords(is_plain)

    @classmethod
    def seal_passwords(cls, is_plain=False):
        """Seal the passwords stored with the first of the keys.

        is_plain says that none is sealed, whatever it looks like.
        Return how many there are, and how many no key can read.
        """
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.id, table.secret, where=table.secret != Null))
        keys, rows, unreadable = _keys(), cursor.fetchall(), 0
        for id_, stored in rows:
            if is_plain or not secret.is_sealed(stored):
                password = stored
            elif secret.is_current(stored, keys):
                continue
            else:
                try:
                    password = secret.unseal(stored, keys)
                except UnreadablePassword:
                    # The next check says so on the server
                    unreadable += 1
                    continue
            cursor.execute(*table.update(
                    [table.secret], [secret.seal(password, keys)],
                    where=table.id == id_))
        return len(rows), unreadable

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
        passwords = dict.fromkeys(map(int, servers))
        passwords.update(
            (id_, _MASK) for id_, in bulk.fetch(
                table.select(table.id, where=table.secret != Null),
                table.id, passwords))
        return passwords

    @classmethod
    def set_password(cls, servers, name, value):
        if value == _MASK:
            return
        try:
            sealed = secret.seal(value or None, _keys())
        except MalformedKey as exception:
            raise ServerError(
                describe(MalformedKey.reason, None, '')) from exception
        bulk.assign(cls, map(int, servers), {'secret': sealed})

    @classmethod
    def _password(cls, server):
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.secret, where=table.id == server.id))
        stored, = cursor.fetchone()
        return secret.unseal(stored, _keys())

    def get_security_notice(self, name):
        if not self.password:
            return None
        notices = []
        if not _keys():
            notices.append('health_orthanc.msg_notice_no_key')
        if not self.url.lower().startswith('https:'):
            notices.append('health_orthanc.msg_notice_no_tls')
        return '\n'.join(map(gettext, notices)) or None

    @fields.depends('issuer_of_patient_id', 'reports_issuer', 'version')
    def on_change_with_issuer_notice(self, name=None):
        # Before it was checked that is not known
        if (not self.issuer_of_patient_id
                or self.reports_issuer in {None, True}):
            return None
        return gettext(
            'health_orthanc.msg_notice_no_issuer', version=self.version or '')

    @fields.depends('error_reason', 'error_detail', 'url')
    def on_change_with_last_error(self, name=None):
        if not self.error_reason:
            return None
        return describe(self.error_reason, self.error_detail, self.url)

    @classmethod
    def get_counts(cls, servers, names):
        pool = Pool()
        counts = {name: dict.fromkeys(map(int, servers), 0) for name in names}
        study = pool.get('gnuhealth.orthanc.study').__table__()
        patient = pool.get('gnuhealth.orthanc.patient').__table__()
        present = study.missing_since == Null
        queries = {
            'patient_count': (
                patient, Count(Literal('*')), patient.missing_since == Null),
            'study_count': (study, Count(Literal('*')), present),
            'image_count': (study, Sum(_held_images(study)), present),
            'missing_count': (study, Count(Literal('*')), ~present),
            }
        for name in names:
            table, aggregate, where = queries[name]
            counts[name].update(bulk.fetch(
                    table.select(
                        table.server, aggregate, where=where,
                        group_by=table.server),
                    table.server, counts[name]))
        return counts

    @classmethod
    def _addresses(cls, servers, name):
        return {s.id: s.browser_url(EXPLORER) for s in servers}

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
            for name in ['url', 'public_url']:
                url = getattr(server, name)
                try:
                    if url:
                        transport.base_url(url)
                except CredentialsInAddress as exception:
                    raise ServerError(gettext(
                            'health_orthanc.msg_url_userinfo',
                            server=server.rec_name)) from exception
                except BadAddress as exception:
                    raise ServerError(
                        gettext(
                            'health_orthanc.msg_public_url_scheme',
                            url=address(url))
                        if name == 'public_url' else describe(
                            exception.reason, exception.detail, url)
                        ) from exception

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
            if 'url' in touched and 'password' not in touched:
                cls._check_password_stays(servers, values['url'])
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
    def _check_password_stays(cls, servers, url):
        "A stored password is only for the address it was entered for"
        try:
            transport.base_url(url)
        except BadAddress:
            # It is refused anyway
            return
        # Instances that are saved have the new address already
        for server in cls.browse([server.id for server in servers]):
            if server.password and not transport.keeps_secret(
                    server.url, url):
                raise ServerError(gettext(
                        'health_orthanc.msg_password_again',
                        server=server.rec_name))

    @classmethod
    def copy(cls, servers, default=None):
        default = default.copy() if default is not None else {}
        # A copy claims nothing of what was synchronized; the password is not
        # among what is copied
        for name in [
                'name', 'version', 'last_run', 'last_success', 'error_at',
                'error_reason', 'error_detail', 'next_try', 'running_until',
                'cursor', 'server_cursor', 'anchor', 'walk', 'identity',
                'compared_at', 'walked_at', 'database_identifier',
                'walked_statistics', 'reports_issuer', 'server_patient_count',
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
            if server.is_running():
                raise ServerError(gettext(
                        'health_orthanc.msg_running', server=server.rec_name))
        cls.synchronize_soon(servers)

    @classmethod
    def synchronize_soon(cls, servers):
        "Queue the synchronization that somebody asked for"
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
        after failures. Those that failed come last, as the others would wait
        for them where there is no worker, and first who waited for long.
        """
        if servers is None:
            servers = cls.search([
                    ('validated', '=', True),
                    ['OR',
                        ('next_try', '=', None),
                        ('next_try', '<=', cls._due_until(cls._interval())),
                        ],
                    ], order=[
                    ('failures', 'ASC NULLS FIRST'),
                    ('last_run', 'ASC NULLS FIRST'), ('id', 'ASC')])
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
            except OrthancError as error:
                cls.note_failure(id_, error)
            else:
                cls._note(
                    id_, validated=True, **NO_FAILURE, **found.columns())
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
        return self.connect_with(self._password(self))

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
    def rules(cls, id_):
        "Return the matching.Rules of a server"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.patient_id_prefix, table.issuer_of_patient_id,
                table.ignore_case, table.identifier_types,
                table.ignore_separators, table.trust_birth_date,
                where=table.id == id_))
        prefix, issuer, ignore_case, types, *flags = cursor.fetchone()
        return matching.Rules(
            prefix, issuer, bool(ignore_case),
            tuple(json.loads(types)) if types else (), *map(bool, flags))

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
                Count(Literal('*')), Coalesce(Sum(_held_images(study)), 0),
                where=(study.server == id_)
                & (study.missing_since == Null)))
        studies, images = cursor.fetchone()
        cursor.execute(*set_aside.select(
                Count(Literal('*')), Coalesce(Sum(set_aside.image_count), 0),
                where=set_aside.server == id_))
        waiting_studies, waiting_images = cursor.fetchone()
        return studies + waiting_studies, images + waiting_images


def _held_images(study):
    "Return how many images, as Orthanc counts documents too, a study has"
    return study.image_count + Coalesce(study.document_count, 0)


def _keys():
    "Return the Fernet keys configured, the one that encrypts first"
    keys = config.get('cryptography', 'fernet_key', default='')
    return [key.strip() for key in keys.split(',') if key.strip()]

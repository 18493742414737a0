# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"Who opened the images of which study"
import datetime as dt

from trytond import backend
from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.modules.health_imaging.identity import PatientIdentityMixin
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction, without_check_access

from .exceptions import LinkError, ReadOnlyError
from .subject import ImagesAuditMixin
from .viewer import VIEWERS

# Who reads an address again within this time has it already
_AGAIN = dt.timedelta(minutes=1)


class AccessLog(
        PatientIdentityMixin, ImagesAuditMixin, ModelSQL, ModelView):
    """Opened Images

    Who opened them and when are create_uid and create_date. A row outlives
    the study, and nobody changes or removes it.
    """
    __name__ = 'gnuhealth.orthanc.access_log'
    _rec_name = 'subject'
    _person_fields = ('patient',)

    server = fields.Many2One(
        'gnuhealth.orthanc.config', "Server", readonly=True,
        ondelete='SET NULL', help="The server all of which was opened.")
    patient = fields.Many2One(
        'gnuhealth.patient', "Patient", readonly=True, ondelete='SET NULL',
        help="The patient that it was linked to.")
    viewer = fields.Selection([
            ('orthanc_explorer', "Orthanc Explorer"),
            ('stone_viewer', "Stone Viewer"),
            ('ohif_viewer', "OHIF Viewer"),
            ], "Viewer", required=True, readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.update({
                Index(table, (table.study, Index.Equality())),
                Index(table, (table.orthanc_patient, Index.Equality())),
                Index(table, (table.patient, Index.Equality())),
                Index(table, (table.create_uid, Index.Equality())),
                Index(
                    table, (table.create_date, Index.Range(order='DESC'))),
                })
        cls._order = [('create_date', 'DESC'), ('id', 'DESC')]

    @classmethod
    def _system_field_error(cls, name):
        return ReadOnlyError(gettext(
                'health_orthanc.msg_access_log_read_only'))

    @classmethod
    def note(cls, rows):
        """Note what the user opens, values to create.

        What reads the address of a viewer can do so in a transaction that
        writes nothing.
        """
        if not rows or not Transaction().user:
            return
        with without_check_access():
            if Transaction().readonly and backend.name != 'sqlite':
                with Transaction().new_transaction():
                    cls.create(rows)
            else:
                cls.create(rows)


class OpenMixin:
    """What can be opened in a viewer, which leaves a row in the log.

    So does each way to get the address: whoever has it can open what is
    there. That is why the views have buttons, and no address.
    """
    __slots__ = ()

    # The fields of the addresses, by viewer, and that of the log
    _open_urls = {}
    _open_field = None

    @classmethod
    def __setup__(cls):
        super().__setup__()
        for name in cls._open_urls:
            can_open = f'can_open_{name}'
            cls._buttons[f'open_{name}'] = {
                'invisible': ~Bool(Eval(can_open)), 'depends': [can_open]}

    @classmethod
    def get_link(cls, records, name):
        "Return the addresses, and note that the user has them"
        viewer, = [v for v, url in cls._open_urls.items() if url == name]
        links = cls._addresses(records, viewer)
        cls._note_opened([r for r in records if links[r.id]], viewer)
        return links

    @classmethod
    @without_check_access
    def _note_opened(cls, records, viewer, again=_AGAIN):
        """Note that the user has the addresses of the records.

        Who asks for one again soon is noted once.
        """
        Log = Pool().get('gnuhealth.orthanc.access_log')
        noted = {getattr(row, cls._open_field) for row in Log.search([
                    (cls._open_field, 'in', [r.id for r in records]),
                    ('viewer', '=', viewer),
                    ('create_uid', '=', Transaction().user),
                    ('create_date', '>', dt.datetime.now() - again),
                    ], order=[])}
        Log.note([{
                    cls._open_field: record.id,
                    'subject': record.rec_name,
                    'patient': cls._link_field and getattr(
                        getattr(record, cls._link_field), 'id', None),
                    'viewer': viewer,
                    } for record in records if record not in noted])

    @classmethod
    def get_can_open(cls, records, name):
        return {
            id_: bool(link) for id_, link in cls._addresses(
                records, name.removeprefix('can_open_')).items()}

    @classmethod
    def _open(cls, records, name):
        """Note that the user opens the records, and return the first's URL.

        name is that of the viewer.
        """
        for record in records:
            if not getattr(record, f'can_open_{name}'):
                raise LinkError(gettext(
                        'health_orthanc.msg_nothing_to_open',
                        record=record.rec_name))
        cls._note_opened(records, name, again=dt.timedelta(0))
        return {'url': cls._addresses(records, name)[records[0].id]}


def _can_open(name):
    return fields.Function(
        fields.Boolean(
            name, help="Whether it can be opened there."),
        'get_can_open')


class Study(OpenMixin, metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'
    _open_field = 'study'
    _open_urls = {name: f'{name}_link' for name in VIEWERS}
    _button_rights = dict.fromkeys(
        [f'open_{name}' for name in VIEWERS], ((__name__, 'read'),))

    can_open_orthanc_explorer = _can_open("Orthanc Explorer")
    can_open_stone_viewer = _can_open("Stone Viewer")
    can_open_ohif_viewer = _can_open("OHIF Viewer")

    @classmethod
    @ModelView.button_action('health_orthanc.url_open')
    def open_orthanc_explorer(cls, studies):
        return cls._open(studies, 'orthanc_explorer')

    @classmethod
    @ModelView.button_action('health_orthanc.url_open')
    def open_stone_viewer(cls, studies):
        return cls._open(studies, 'stone_viewer')

    @classmethod
    @ModelView.button_action('health_orthanc.url_open')
    def open_ohif_viewer(cls, studies):
        return cls._open(studies, 'ohif_viewer')


class Patient(OpenMixin, metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.patient'
    _open_field = 'orthanc_patient'
    _open_urls = {'orthanc_explorer': 'link'}
    _button_rights = {'open_orthanc_explorer': ((__name__, 'read'),)}

    can_open_orthanc_explorer = _can_open("Orthanc Explorer")

    @classmethod
    @ModelView.button_action('health_orthanc.url_open')
    def open_orthanc_explorer(cls, patients):
        return cls._open(patients, 'orthanc_explorer')


class Server(OpenMixin, metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.config'
    _open_field = 'server'
    _link_field = None
    _button_rights = {'open_orthanc_explorer': ((__name__, 'read'),)}
    _open_urls = {'orthanc_explorer': 'link'}

    can_open_orthanc_explorer = _can_open("Orthanc Explorer")

    @classmethod
    @ModelView.button_action('health_orthanc.url_open')
    def open_orthanc_explorer(cls, servers):
        return cls._open(servers, 'orthanc_explorer')

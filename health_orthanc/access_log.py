# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"Who opened the images of which study."
from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.modules.health_imaging.rights import ModelRightsMixin
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction, without_check_access

from .exceptions import LinkError, ReadOnlyError
from .viewer import VIEWERS


class AccessLog(ModelRightsMixin, ModelSQL, ModelView):
    """Opened Images

    Who opened them and when are create_uid and create_date. A row outlives
    the study, and nobody changes or removes it.
    """
    __name__ = 'gnuhealth.orthanc.access_log'
    _rec_name = 'subject'

    study = fields.Many2One(
        'gnuhealth.orthanc.study', "Study", readonly=True,
        ondelete='SET NULL')
    orthanc_patient = fields.Many2One(
        'gnuhealth.orthanc.patient', "Orthanc Patient", readonly=True,
        ondelete='SET NULL')
    subject = fields.Char(
        "Opened", required=True, readonly=True,
        help="What the study or the Orthanc patient was called.")
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
    def create(cls, vlist):
        cls._check_person()
        return super().create(vlist)

    @classmethod
    def write(cls, *args):
        cls._check_person()
        super().write(*args)

    @classmethod
    def delete(cls, rows):
        cls._check_person()
        super().delete(rows)

    @classmethod
    def _check_person(cls):
        # Whatever rights an administrator gives
        if Transaction().check_access:
            raise ReadOnlyError(gettext(
                    'health_orthanc.msg_access_log_read_only'))


class OpenMixin:
    "What can be opened in a viewer, which leaves a row in the log"
    __slots__ = ()

    @classmethod
    def _open(cls, records, name):
        """Note that the user opens the records, and return the first's URL.

        name is that of the viewer; the field of the URL is _open_urls[name].
        """
        Log = Pool().get('gnuhealth.orthanc.access_log')
        urls = [getattr(record, cls._open_urls[name]) for record in records]
        for record, url in zip(records, urls, strict=True):
            if not url:
                raise LinkError(gettext(
                        'health_orthanc.msg_nothing_to_open',
                        record=record.rec_name))
        with without_check_access():
            Log.create([{
                        cls._open_field: record.id,
                        'subject': record.rec_name,
                        'patient': getattr(record, cls._link_field),
                        'viewer': name,
                        } for record in records])
        return {'url': urls[0]}


class Study(OpenMixin, metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'
    _open_field = 'study'
    _open_urls = {name: f'{name}_link' for name in VIEWERS}
    _button_rights = dict.fromkeys(
        [f'open_{name}' for name in VIEWERS], ((__name__, 'read'),))

    @classmethod
    def __setup__(cls):
        super().__setup__()
        for name, url in cls._open_urls.items():
            cls._buttons[f'open_{name}'] = {
                'invisible': ~Bool(Eval(url)), 'depends': [url]}

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

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._buttons['open_orthanc_explorer'] = {
            'invisible': ~Bool(Eval('link')), 'depends': ['link']}

    @classmethod
    @ModelView.button_action('health_orthanc.url_open')
    def open_orthanc_explorer(cls, patients):
        return cls._open(patients, 'orthanc_explorer')

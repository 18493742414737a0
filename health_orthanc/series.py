# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"The series that studies consist of"
from sql import Null
from sql.functions import CharLength

from trytond.model import ModelSQL, ModelView, fields
from trytond.modules.health_imaging.own_patient import OwnPatientMixin
from trytond.modules.health_imaging.rights import ModelRightsMixin
from trytond.pyson import Bool, Eval, If

from . import bulk


class Series(
        OwnPatientMixin, ModelRightsMixin, bulk.SynchronizedMixin, ModelSQL,
        ModelView):
    "DICOM Series"
    __name__ = 'gnuhealth.orthanc.series'
    _patient_fields = ('study.local_patient',)

    study = fields.Many2One(
        'gnuhealth.orthanc.study', "Study", required=True, readonly=True,
        ondelete='CASCADE')
    series_instance_uid = fields.Char("Series Instance UID", readonly=True)
    series_number = fields.Char("Number", readonly=True)
    modality = fields.Char("Modality", readonly=True)
    description = fields.Char("Description", readonly=True)
    body_part = fields.Char("Body Part", readonly=True)
    image_count = fields.Integer("Images", readonly=True)
    last_update = fields.DateTime(
        "Last Update", readonly=True,
        help="When the server received its last image.")
    notes = fields.Text(
        "Notes", readonly=True, help="What people noted on the series.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._order = [
            ('study', 'DESC'), ('series_number', 'ASC NULLS LAST'),
            ('id', 'ASC')]

    @classmethod
    def order_series_number(cls, tables):
        table, _ = tables[None]
        # As numbers, though some are none and stay the text they are
        return [CharLength(table.series_number), table.series_number]

    def get_rec_name(self, name):
        return ' '.join(filter(None, [
                    self.series_number, self.modality, self.description])
            ) or self.orthanc_id

    @classmethod
    def search_rec_name(cls, name, clause):
        _, operator, *value = clause
        bool_op = 'AND' if operator.startswith(('!', 'not ')) else 'OR'
        return [bool_op,
            ('description', operator, *value),
            ('modality', operator, *value),
            ]

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Bool(Eval('missing_since')), 'muted', '')),
            ]

    @classmethod
    def mark_missing(cls, study_ids, present):
        "Note that of the series of studies only those present are left"
        table = cls.__table__()
        bulk.mark_missing(cls, [
                id_ for id_, in bulk.fetch(
                    table.select(
                        table.id, where=table.missing_since == Null),
                    table.study, study_ids)
                if id_ not in present])

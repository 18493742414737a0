# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"The series that studies consist of"
from sql import Cast, Literal, Null
from sql.conditionals import Case, Coalesce
from sql.functions import CharLength, Position, Substring, Trim, Upper
from sql.operators import Concat

from trytond.model import ModelSQL, ModelView, fields
from trytond.modules.health_imaging.common import any_of_names
from trytond.modules.health_imaging.own_patient import OwnPatientMixin
from trytond.modules.health_imaging.rights import ModelRightsMixin
from trytond.pyson import Bool, Eval, If

from . import bulk, dicom

# Of the longest number that a column of the database can be
_DIGITS = 18


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
    document = fields.Boolean(
        "Document", readonly=True,
        states={'invisible': ~Bool(Eval('document'))},
        help="Whether it is of documents, although its modality does not "
        "say so.")
    image_count = fields.Integer("Images", readonly=True)
    last_update = fields.DateTime(
        "Last Update", readonly=True,
        help="When the server received its last image.")
    notes = fields.Text("Notes", help="What people noted on the series.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._order = [
            ('study', 'DESC'), ('series_number', 'ASC NULLS LAST'),
            ('id', 'ASC')]

    @classmethod
    def order_series_number(cls, tables):
        "Order as numbers (PS3.5 6.2 IS), and after these what is none"
        table, _ = tables[None]
        text = table.series_number
        # Some write +5, 007 or 1.0
        whole = Substring(text, 1, Position('.', Concat(text, '.')) - 1)
        digits = Trim(whole, 'LEADING', '+-')
        is_number = (
            (Trim(digits, 'BOTH', '0123456789') == '')
            & (CharLength(digits) >= 1) & (CharLength(digits) <= _DIGITS))
        sign = Case((text.like('-%'), -1), else_=1)
        return [
            Case((is_number, 0), else_=1),
            Case((is_number, sign * Cast(digits, 'BIGINT')), else_=0), text]

    def get_rec_name(self, name):
        return ' '.join(filter(None, [
                    self.series_number, self.modality, self.description])
            ) or self.orthanc_id

    search_rec_name = any_of_names(
        'description', 'modality', 'series_number', 'orthanc_id')

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Bool(Eval('missing_since')), 'muted', '')),
            ]

    @classmethod
    def is_of_images(cls, table):
        "Return the condition of the rows of images, not documents"
        return (
            ~Coalesce(table.document, Literal(False))
            & ~Upper(Coalesce(table.modality, '')).in_(dicom.DOCUMENTS))

    @classmethod
    def known_documents(cls, server_id, series):
        """Return {Orthanc ID: how many documents} of series as they were.

        series are as the client returns them. Of those that are of both it
        is not known which objects are left.
        """
        table = cls.__table__()
        reported = {s['ID']: s for s in series}
        return {
            id_: image_count if document else 0
            for id_, document, image_count, last_update in bulk.fetch(
                table.select(
                    table.orthanc_id, table.document, table.image_count,
                    table.last_update,
                    where=(table.server == server_id)
                    & (table.document != Null)),
                table.orthanc_id, reported)
            if image_count == reported[id_]['Instances']
            and last_update == dicom.timestamp(reported[id_]['LastUpdate'])}

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

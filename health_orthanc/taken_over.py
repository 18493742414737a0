# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"What was taken over of GNU Health's own modules, and what they said"
import logging

from sql import Literal, Null
from sql.aggregate import Count
from sql.conditionals import Coalesce
from sql.operators import Exists, Like

from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.modules.health_imaging.common import TextSearchMixin
from trytond.modules.health_imaging.identity import (
    PatientIdentityMixin, identity_field)
from trytond.modules.health_imaging.rights import ModelRightsMixin
from trytond.modules.health_imaging.searched_char import SearchedChar
from trytond.pool import Pool
from trytond.pyson import Bool, Eval, If
from trytond.transaction import Transaction

from . import bulk, legacy, legacy_link, legacy_rights

logger = logging.getLogger(__name__)


class TakenOver(
        PatientIdentityMixin, TextSearchMixin, ModelRightsMixin, ModelSQL,
        ModelView):
    """Study Taken Over

    A row tells what GNU Health's own modules had of one study. Nobody
    changes or removes it.
    """
    __name__ = 'gnuhealth.orthanc.taken_over'
    _rec_name = 'orthanc_id'
    _search_rec_names = (
        'orthanc_id', 'patient_name', 'patient_id', 'requested_procedure_id')
    _search_whole_names = ('study_instance_uid',)

    generation = fields.Selection([
            (legacy.GNUHEALTH_4, "GNU Health 4"),
            (legacy.GNUHEALTH_5, "GNU Health 5.0"),
            ], "Generation", required=True, readonly=True, sort=False,
        help="The version that had it last.")
    old_id = fields.Integer(
        "Old ID", required=True, readonly=True,
        help="The number of its row there.")
    study = fields.Many2One(
        'gnuhealth.orthanc.study', "Study", readonly=True,
        ondelete='SET NULL')
    server_url = fields.Char(
        "Server", readonly=True,
        help="The address of the server, or its label.")
    orthanc_id = SearchedChar("Orthanc ID", readonly=True)
    study_instance_uid = fields.Char("Study Instance UID", readonly=True)
    patient_name = SearchedChar("Patient Name", readonly=True)
    patient_id = SearchedChar("Patient ID", readonly=True)
    patient = fields.Many2One(
        'gnuhealth.patient', "Patient", readonly=True, ondelete='SET NULL',
        help="The patient whose study it was.")
    result = fields.Many2One(
        'gnuhealth.imaging.test.result', "Result", readonly=True,
        ondelete='SET NULL', help="The result that it was on.")
    merge_id = fields.Char("Merge ID", readonly=True)
    requested_procedure_id = SearchedChar(
        "Requested Procedure ID", readonly=True)
    outcome = fields.Selection([
            ('taken_over', "Taken Over"),
            ('conflict', "Conflict"),
            ], "Outcome", required=True, readonly=True, sort=False)
    is_incomplete = fields.Boolean(
        "Incomplete", readonly=True,
        help="It lacked a server, a patient or an identifier.")
    differences = fields.Char("Differences", readonly=True)
    explanation = fields.Function(
        fields.Char(
            "Explanation",
            help="Why the study is not linked to the patient."),
        'on_change_with_explanation')
    local_patient = fields.Function(
        fields.Many2One('gnuhealth.patient', "Patient Now"),
        'on_change_with_local_patient', searcher='search_study')
    local_patient_identity = identity_field()
    missing_since = fields.Function(
        fields.DateTime("Missing Since"),
        'on_change_with_missing_since', searcher='search_study')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('old_id_unique', Unique(table, table.generation, table.old_id),
                'health_orthanc.msg_taken_over_unique'),
            ]
        cls._sql_indexes.update({
                # What is taken over looks for itself
                Index(
                    table,
                    (table.generation, Index.Equality()),
                    (table.old_id, Index.Equality())),
                Index(table, (table.study, Index.Equality())),
                Index(table, (table.patient, Index.Equality())),
                Index(table, (table.result, Index.Equality())),
                Index(
                    table, (table.id, Index.Range()),
                    where=table.outcome == 'conflict'),
                })

    @classmethod
    def __register__(cls, module_name):
        super().__register__(module_name)
        # Migration from GNU Health's own modules. This is the last model, so
        # that all tables are as they have to be
        legacy.store_7_0_0()
        studies = legacy.store()
        legacy_link.link_all(studies)
        legacy_rights.keep_rights()
        legacy_rights.tell_rules()
        cls._complete_requested()
        if any(studies.values()):
            cls._tell()

    @classmethod
    def _complete_requested(cls):
        "What was requested before and has images is not to be made again"
        pool = Pool()
        request, step, study = (pool.get(name).__table__() for name in [
                'gnuhealth.imaging.test.request',
                'gnuhealth.imaging.test.request.step',
                'gnuhealth.orthanc.study'])
        has_images = Exists(study.select(Literal(1), where=(
                    study.study_instance_uid == request.study_instance_uid)
                & (study.missing_since == Null)))
        is_moved = Exists(step.select(Literal(1), where=(
                    step.request == request.id)
                & (step.procedure_status != Null)))
        cursor = Transaction().connection.cursor()
        cursor.execute(*request.update(
                [request.procedure_status], ['completed'],
                where=(request.state == 'requested')
                & (request.procedure_status == 'scheduled')
                # Its number was given by the upgrade
                & Like(request.requested_procedure_id, 'R-%')
                & has_images & ~is_moved))

    @classmethod
    def _tell(cls):
        "Tell in the log what there is now, for who updates the modules"
        table = cls.__table__()
        study = Pool().get('gnuhealth.orthanc.study').__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table
            .join(study, 'LEFT', condition=study.id == table.study)
            .select(
                Count(table.id),
                Count(table.id, filter_=table.outcome == 'conflict'),
                Count(table.id, filter_=study.missing_since != Null),
                Count(table.id, filter_=table.is_incomplete)))
        logger.warning(
            "%s studies of GNU Health's own modules are taken over: "
            "%s in conflict, %s of servers that are no more, %s incomplete. "
            "They are listed in Health / Configuration / Orthanc / "
            "Studies Taken Over.", *cursor.fetchone())

    @fields.depends('differences')
    def on_change_with_explanation(self, name=None):
        return ', '.join(
            gettext(f'health_orthanc.msg_difference_{difference}')
            for difference in (self.differences or '').split())

    @fields.depends('study', '_parent_study.local_patient')
    def on_change_with_local_patient(self, name=None):
        return self.study.local_patient if self.study else None

    @fields.depends('study', '_parent_study.missing_since')
    def on_change_with_missing_since(self, name=None):
        return self.study.missing_since if self.study else None

    @classmethod
    def search_study(cls, name, clause):
        return [(f'study.{name}', *clause[1:])]

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    (Eval('outcome') == 'conflict')
                    & ~Bool(Eval('local_patient')), 'warning',
                    If(Bool(Eval('missing_since')), 'muted', ''))),
            ]

    @classmethod
    def claims(cls, study_ids):
        """Return whose studies were said to be where something contradicts.

        They are sets of the ids of persons, by study.
        """
        Result = Pool().get('gnuhealth.imaging.test.result')
        table, result = cls.__table__(), Result.__table__()
        claims = {}
        for study_id, person in bulk.fetch(
                table
                .join(result, 'LEFT', condition=result.id == table.result)
                .select(
                    table.study, Coalesce(table.patient, result.patient),
                    where=table.outcome == 'conflict'),
                table.study, study_ids):
            if person:
                claims.setdefault(study_id, set()).add(person)
        return claims

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"What links a study to a result, or to a request that it answers"
from sql import Column, Literal
from sql.conditionals import Coalesce

from trytond.i18n import gettext
from trytond.model import Index, Unique, fields
from trytond.modules.health_imaging.identity import identified
from trytond.modules.health_imaging.rights import (
    ModelRightsMixin, readable_name)
from trytond.pool import Pool
from trytond.transaction import Transaction

from . import bulk
from .exceptions import LinkError


def fits(study, target):
    """Say that a study is of the patient of the request or the result.

    Both are records, or tables of which that is a condition.
    """
    return study.local_patient == target.patient


class StudyLinkMixin(ModelRightsMixin):
    """A link of a study to what the field named by _target is.

    The name is also in the messages.
    """
    __slots__ = ()

    _target = None

    study = fields.Many2One(
        'gnuhealth.orthanc.study', "Study", required=True, ondelete='CASCADE')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        target = Column(table, cls._target)
        cls._sql_constraints += [
            (f'{cls._target}_study_unique',
                Unique(table, target, table.study),
                f'health_orthanc.msg_{cls._target}_study_unique'),
            ]
        cls._sql_indexes.update({
                Index(table, (target, Index.Equality())),
                Index(table, (table.study, Index.Equality())),
                })

    @classmethod
    def validate_fields(cls, links, field_names):
        super().validate_fields(links, field_names)
        for link in links:
            target = getattr(link, cls._target)
            if not fits(link.study, target):
                raise LinkError(gettext(
                        f'health_orthanc.msg_{cls._target}_other_patient',
                        study=readable_name(link.study),
                        patient=readable_name(
                            target.patient, target, identified),
                        **{cls._target: readable_name(target)}))

    @classmethod
    def of_people(cls, table):
        "Return the condition of the links that are a decision of people"
        return Literal(True)

    @classmethod
    def check_fit(cls, patient_ids=(), study_ids=()):
        """Check that studies, or all of Orthanc patients, fit their links.

        Raises LinkError where a person makes a study one of another patient
        while people have it on a result, or linked to an order.
        """
        if not Transaction().check_access:
            return
        pool = Pool()
        Study = pool.get('gnuhealth.orthanc.study')
        Target = cls._target_model()
        table, study, target = (
            Model.__table__() for Model in [cls, Study, Target])
        query = (table
            .join(study, condition=study.id == table.study)
            .join(target, condition=target.id == Column(table, cls._target))
            .select(
                study.id, target.id,
                where=cls.of_people(table)
                & ~Coalesce(fits(study, target), Literal(False)),
                limit=1))
        for column, ids in [
                (study.patient, patient_ids), (study.id, study_ids)]:
            for study_id, target_id in bulk.fetch(query, column, ids):
                raise LinkError(gettext(
                        f'health_orthanc.msg_study_on_{cls._target}',
                        study=Study(study_id).rec_name,
                        **{cls._target: readable_name(Target(target_id))}))

    @classmethod
    def carry_over(cls, twins):
        """Let the links of people move to the studies, new ids by old.

        They are Study.twins. A link stays behind where the study is not of
        the patient any more.
        """
        Study = Pool().get('gnuhealth.orthanc.study')
        Target = cls._target_model()
        table, target, old, new = (
            Model.__table__() for Model in [cls, Target, Study, Study])
        rows = bulk.fetch(
            table
            .join(target, condition=target.id == Column(table, cls._target))
            .join(old, condition=old.id == table.study)
            .join(new,
                condition=Study.is_twin(old, new) & fits(new, target))
            .select(
                table.id, new.id, target.id,
                where=cls.of_people(table) & cls._is_open(target)),
            table.study, twins)
        wanted = {(study_id, target_id) for _, study_id, target_id in rows}
        cls._drop_automatic(wanted)
        bulk.change(cls, table.delete(), table.id, [row[0] for row in rows])
        there = map(tuple, bulk.fetch(
                table.select(table.study, Column(table, cls._target)),
                table.study, twins.values()))
        bulk.insert(cls, [
                {
                    'study': study_id,
                    cls._target: target_id,
                    **cls._values_of_people,
                    }
                for study_id, target_id in sorted(wanted.difference(there))])

    @classmethod
    def _is_open(cls, target):
        "Return the condition of the targets whose links can still change"
        return Literal(True)

    _values_of_people = {}

    @classmethod
    def _drop_automatic(cls, pairs):
        "Make room for links of people, the ids of the study and the target"

    @classmethod
    def _target_model(cls):
        return Pool().get(cls._fields[cls._target].model_name)

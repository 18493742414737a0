# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"Which studies a result is made from."
from typing import NamedTuple

from sql import Null
from sql.conditionals import Coalesce

from trytond.model import ModelSQL, ModelView, fields
from trytond.modules.health_imaging.report_life import OfReportMixin
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction, without_check_access

from . import bulk, decision
from .link import StudyLinkMixin, fits


class _Answer(NamedTuple):
    "A study that answers the request of a result: ids, and what counts"
    study: int
    result: int
    request: int
    uid: str
    server: int
    is_reported: bool


class Result(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.result'
    _button_rights = dict.fromkeys(
        ['take_in', 'leave_out'], ((__name__, 'write'),))

    studies = fields.Many2Many(
        'gnuhealth.imaging.test.result-gnuhealth.orthanc.study',
        'result', 'study', "Studies",
        domain=[
            ('local_patient', '=', Eval('patient', -1)),
            # One of the copies that several servers have is offered
            ['OR',
                ('is_replica', '=', False),
                ('id', 'in', Eval('studies', []))],
            ],
        states={'readonly': ~Bool(Eval('patient'))},
        help="The studies of the patient that the result is about.")
    late_studies = fields.Function(fields.Many2Many(
            'gnuhealth.orthanc.study', None, None, "Studies After the Report",
            states={'invisible': ~Bool(Eval('late_studies'))},
            help="Studies that answer the request and came after the report "
            "was written: take them in, or leave them out."),
        'get_late_studies')
    has_late_studies = fields.Function(
        fields.Boolean("Has Studies After the Report"),
        'get_has_late_studies', searcher='search_has_late_studies')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._buttons.update(dict.fromkeys(['take_in', 'leave_out'], {
                    'invisible': ~Bool(Eval('late_studies')),
                    'depends': ['late_studies'],
                    }))

    @classmethod
    def is_reported(cls, table):
        "Return the condition of the results whose report was written"
        return (Coalesce(table.comment, '') != '') | ~cls.unsigned(table)

    @classmethod
    def get_late_studies(cls, results, name):
        late = {int(r): [] for r in results}
        for study_id, result_id in cls._late(list(late)):
            late[result_id].append(study_id)
        return late

    def get_has_late_studies(self, name):
        return bool(self.late_studies)

    @classmethod
    def search_has_late_studies(cls, name, clause):
        _, operator, value = clause
        has_some = bool(value) == (operator == '=')
        return [(
                'id', 'in' if has_some else 'not in',
                list({result_id for _, result_id in cls._late()}))]

    @classmethod
    def _late(cls, ids=None):
        "Return the ids of late studies and their results; None means of all"
        ResultStudy = Pool().get(
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study')
        return [
            (study_id, result_id) for study_id, result_id, _, is_reported
            in ResultStudy.waiting(result_ids=ids) if is_reported]

    @classmethod
    @ModelView.button
    def take_in(cls, results):
        "Put what came after the report on the results"
        ResultStudy = Pool().get(
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study')
        with without_check_access():
            ResultStudy.create([
                    {'study': study.id, 'result': result.id}
                    for result in results for study in result.late_studies])

    @classmethod
    @ModelView.button
    def leave_out(cls, results):
        "Note that what came after the report is none of it"
        Decision = Pool().get('gnuhealth.orthanc.decision')
        Decision.note([{
                    'study': study.id,
                    'request': result.request.id,
                    'action': decision.LEAVE_OFF_RESULT,
                    } for result in results for study in result.late_studies])

    @classmethod
    def copy(cls, results, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('studies')
        return super().copy(results, default=default)

    def report_content(self):
        return {
            **super().report_content(),
            'studies': sorted(
                s.study_instance_uid or s.orthanc_id for s in self.studies),
            }

    @classmethod
    def create(cls, vlist):
        Link = Pool().get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        results = super().create(vlist)
        Link.put_on_results(
            request_ids={r.request.id for r in results if r.request})
        return results


class ResultStudy(StudyLinkMixin, OfReportMixin, ModelSQL):
    "Imaging Result - DICOM Study"
    __name__ = 'gnuhealth.imaging.test.result-gnuhealth.orthanc.study'
    _target = 'result'

    result = fields.Many2One(
        'gnuhealth.imaging.test.result', "Result", required=True,
        ondelete='CASCADE')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        # A result does not lose what it is made from
        cls.study.ondelete = 'RESTRICT'

    @classmethod
    def waiting(cls, study_ids=(), request_ids=(), result_ids=()):
        """Return the studies that answer the requests of results but for them.

        That are rows of the ids of study, result and request, and whether the
        report was written. The studies are of the patient of the result, and
        nobody left them off it. What is on the result by another server is not
        among them, and of what several servers have one is. result_ids None
        means all results.
        """
        pool = Pool()
        Decision = pool.get('gnuhealth.orthanc.decision')
        Study = pool.get('gnuhealth.orthanc.study')
        rows = cls._answers(study_ids, request_ids, result_ids)
        # What decides of one copy of a study decides of the others
        rows |= cls._answers(result_ids={row.result for row in rows})
        left_off = Decision.latest_on_orders(
            {row.study for row in rows},
            [decision.TAKE_OFF_RESULT, decision.LEAVE_OFF_RESULT])
        table, study = cls.__table__(), Study.__table__()
        servers = {
            (result_id, uid): server_id
            for result_id, uid, server_id in bulk.fetch(
                table.join(study, condition=study.id == table.study)
                .select(
                    table.result, study.study_instance_uid, study.server,
                    where=study.missing_since == Null),
                table.result, {row.result for row in rows})}
        left_off = {
            (row.uid, row.request) for row in rows
            if (row.study, row.request) in left_off}
        waiting = []
        for row in sorted(rows, key=lambda row: row.study):
            if (row.uid, row.request) in left_off:
                continue
            if servers.setdefault(
                    (row.result, row.uid), row.server) == row.server:
                waiting.append(
                    (row.study, row.result, row.request, row.is_reported))
        return waiting

    @classmethod
    def _answers(cls, study_ids=(), request_ids=(), result_ids=()):
        "Return the _Answers that are not on the result of their request"
        pool = Pool()
        Link = pool.get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        Result = pool.get('gnuhealth.imaging.test.result')
        Study = pool.get('gnuhealth.orthanc.study')
        table, link, result, study = (
            Model.__table__() for Model in [cls, Link, Result, Study])
        query = (link
            .join(result, condition=result.request == link.request)
            .join(study, condition=(study.id == link.study)
                & fits(study, result)
                & (study.missing_since == Null))
            .join(table, 'LEFT',
                condition=(table.result == result.id)
                & (table.study == link.study))
            .select(
                link.study, result.id, link.request, study.study_instance_uid,
                study.server, Result.is_reported(result),
                where=(table.id == Null)
                & (result.state != 'entered_in_error')))
        if result_ids is None:
            cursor = Transaction().connection.cursor()
            cursor.execute(*query)
            return {_Answer(*row) for row in cursor}
        return {
            _Answer(*row) for column, ids in [
                (link.study, study_ids), (link.request, request_ids),
                (result.id, result_ids)]
            for row in bulk.fetch(query, column, ids)}

    @classmethod
    def _is_open(cls, result):
        Result = Pool().get('gnuhealth.imaging.test.result')
        return Result.unsigned(result)

    @classmethod
    def delete(cls, links):
        Decision = Pool().get('gnuhealth.orthanc.decision')
        # What a person takes off is not put on again
        if Transaction().check_access:
            Decision.note([{
                        'study': link.study.id,
                        'request': link.result.request.id,
                        'action': decision.TAKE_OFF_RESULT,
                        } for link in links if link.result.request])
        super().delete(links)

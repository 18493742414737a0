# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"Which studies a result is made from, and which came before"
import datetime as dt
from collections import defaultdict
from typing import NamedTuple

from sql import Literal, Null
from sql.operators import Exists

from trytond.i18n import gettext
from trytond.model import ModelSQL, ModelView, fields
from trytond.modules.health_imaging.report_life import OfReportMixin
from trytond.modules.health_imaging.report_version import OPEN
from trytond.modules.health_imaging.rights import check_records
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.tools import grouped_slice
from trytond.transaction import Transaction, check_access, without_check_access

from . import bulk, decision, dicom
from .exceptions import LinkError
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
    _button_rights = {
        **dict.fromkeys(['take_in', 'leave_out'], ((__name__, 'write'),)),
        'open_images': (
            (__name__, 'read'), ('gnuhealth.orthanc.study', 'read')),
        }

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
    can_open_images = fields.Function(
        fields.Boolean("Can Open Images"), 'get_can_open_images')
    prior_studies = fields.Function(fields.Many2Many(
            'gnuhealth.orthanc.study', None, None, "Former Studies",
            help="The other studies of the patient: those of the same "
            "modality first, then those of the same body part, then the "
            "newest."),
        'get_prior_studies')
    prior_study = fields.Function(fields.Many2One(
            'gnuhealth.orthanc.study', "Compare with Study",
            domain=[('id', 'in', Eval('prior_studies', []))],
            states={'invisible': ~Eval('state').in_(list(OPEN))},
            help="Adds the former study to the comparison."),
        'get_nothing', setter='set_nothing')
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
        cls._buttons['open_images'] = {
            'invisible': ~Bool(Eval('can_open_images')),
            'depends': ['can_open_images'],
            }
        compare = cls._buttons['compare']
        compare['invisible'] &= ~Bool(Eval('prior_studies'))
        compare['depends'].append('prior_studies')

    @classmethod
    def is_reported(cls, table):
        "Return the condition of the results whose report was written"
        return cls.is_written(table) | ~cls.unsigned(table)

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

    def get_can_open_images(self, name):
        return bool(self._viewer())

    def _viewer(self):
        "Return the newest study that a viewer can open, and that viewer"
        for study in sorted(
                self.studies, key=lambda s: (s.date or dt.date.min, s.id),
                reverse=True):
            for viewer in ['stone_viewer', 'ohif_viewer', 'orthanc_explorer']:
                if getattr(study, f'can_open_{viewer}'):
                    return study, viewer
        return None

    @classmethod
    @ModelView.button_action('health_orthanc.url_open')
    def open_images(cls, results):
        "Open the images that the result is about"
        Study = Pool().get('gnuhealth.orthanc.study')
        result = results[0]
        found = result._viewer()
        if not found:
            raise LinkError(gettext(
                    'health_orthanc.msg_nothing_to_open',
                    record=result.rec_name))
        study, viewer = found
        check_records(Study, [study.id])
        return Study._open([study], viewer)

    @classmethod
    def get_prior_studies(cls, results, name):
        Study = Pool().get('gnuhealth.orthanc.study')
        former = defaultdict(list)
        with check_access():
            for sub_ids in grouped_slice({r.patient.id for r in results}):
                for study in Study.search([
                            ('local_patient', 'in', list(sub_ids)),
                            ('is_replica', '=', False),
                            ('missing_since', '=', None)]):
                    former[study.local_patient].append(study)
        priors = {}
        for result in results:
            own = set(result.studies)
            priors[result.id] = [
                study.id for study in sorted(
                    former[result.patient], key=result.prior_study_rank)
                if study not in own and result.is_after(study)]
        return priors

    def is_after(self, study):
        "Whether the study was made before the result, as far as is known"
        return not study.date or study.date <= self.date.date()

    def prior_study_rank(self, study):
        "Return what sorts former studies: what is most like this one first"
        modalities = dicom.split_modalities(study.modalities)
        return (
            self.requested_test.test_type.code not in modalities,
            not self.body_parts & study.body_parts,
            -(study.date or dt.date.min).toordinal(), -study.id)

    def prior_rank(self, prior):
        is_other_test, is_other_type, *others = super().prior_rank(prior)
        return (
            is_other_test, is_other_type,
            not self.body_parts & prior.body_parts, *others)

    @property
    def body_parts(self):
        "What of the body its studies show, as far as they say"
        return {part for study in self.studies for part in study.body_parts}

    def latest_prior_line(self):
        line = super().latest_prior_line()
        if not line and self.prior_studies:
            line = self.prior_studies[0].prior_line()
        return line

    @fields.depends('prior_study', 'patient', methods=['_compare_with'])
    def on_change_prior_study(self):
        if self.prior_study and fits(self.prior_study, self):
            self._compare_with(self.prior_study.prior_line())

    @classmethod
    def copy(cls, results, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('studies')
        return super().copy(results, default=default)

    def report_times(self):
        times = super().report_times()
        if self.request and self.request.arrived_at:
            times.append((
                    gettext('health_orthanc.msg_print_arrived'),
                    self.request.arrived_at))
        return times

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


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    @property
    def body_parts(self):
        "What of the body its series show, as far as they say"
        return {s.body_part for s in self.series if s.body_part}

    def prior_line(self):
        "Return how a report names the study where it is compared"
        Lang = Pool().get('ir.lang')
        values = {
            'test': ' '.join(filter(
                    None, [self.modalities, self.description])),
            'date': Lang.get().strftime(self.date) if self.date else '-',
            }
        if self.accession_number:
            return gettext(
                'health_imaging.msg_prior_accession',
                number=self.accession_number, **values)
        return gettext('health_imaging.msg_prior', **values)


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
    def create(cls, vlist):
        links = super().create(vlist)
        cls.note_on_links(study_ids={link.study.id for link in links})
        return links

    @classmethod
    def write(cls, *args):
        links = [link for sub in args[::2] for link in sub]
        studies = {link.study.id for link in links}
        super().write(*args)
        cls.renew_on_links(
            study_ids=studies | {link.study.id for link in links})

    @classmethod
    def carry_over(cls, twins):
        super().carry_over(twins)
        cls.renew_on_links(study_ids={*twins, *twins.values()})

    @classmethod
    def note_on_links(cls, study_ids=(), request_ids=()):
        """Note on the links of orders where the results have the studies.

        study_ids None means all.
        """
        Link, link, is_on = cls._links()
        noting = link.update(
            [link.on_result], [Literal(True)],
            where=Link.may_lack(link) & is_on)
        if study_ids is None:
            Transaction().connection.cursor().execute(*noting)
            return
        for column, ids in [
                (link.study, study_ids), (link.request, request_ids)]:
            bulk.change(Link, noting, column, ids)

    @classmethod
    def renew_on_links(cls, study_ids=(), request_ids=()):
        """Note it anew, where studies may have been taken off results.

        All rows are written: who notes meanwhile what was before is late.
        """
        Link, link, is_on = cls._links()
        noting = link.update([link.on_result], [is_on])
        for column, ids in [
                (link.study, study_ids), (link.request, request_ids)]:
            bulk.change(Link, noting, column, ids)

    @classmethod
    def _links(cls):
        """Return the links of orders, and when their results have the study.

        That are the model, its table, and the condition that there is a
        result, and none that lacks it.
        """
        pool = Pool()
        Link = pool.get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        Result = pool.get('gnuhealth.imaging.test.result')
        link, table = Link.__table__(), cls.__table__()
        any_, lacking = Result.__table__(), Result.__table__()

        def is_live(result):
            return (
                (result.request == link.request)
                & (result.state != 'entered_in_error'))
        return Link, link, (
            Exists(any_.select(Literal(1), where=is_live(any_)))
            & ~Exists(lacking.select(Literal(1), where=(
                        is_live(lacking)
                        & ~Exists(table.select(Literal(1), where=(
                                    (table.result == lacking.id)
                                    & (table.study == link.study))))))))

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
            # Few links: joined to all results PostgreSQL may read these first
            lacking = Link.__table__()
            cursor = Transaction().connection.cursor()
            cursor.execute(*lacking.select(
                    lacking.id, where=Link.may_lack(lacking)))
            columns = [(link.id, [id_ for id_, in cursor])]
        else:
            columns = [
                (link.study, study_ids), (link.request, request_ids),
                (result.id, result_ids)]
        return {
            _Answer(*row) for column, ids in columns
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
        studies = {link.study.id for link in links}
        super().delete(links)
        cls.renew_on_links(study_ids=studies)

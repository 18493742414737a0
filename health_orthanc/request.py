# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"What requests gain: studies, and when the images arrived"
from collections import defaultdict

from sql import Cast, Literal, Null, Window
from sql.aggregate import Max, Sum
from sql.conditionals import Coalesce
from sql.functions import RowNumber

from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.modules.health_imaging.common import any_of_names
from trytond.modules.health_imaging.locking import touch_rows
from trytond.modules.health_imaging.own_patient import OwnPatientMixin
from trytond.modules.health_imaging.rights import readable_name
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import without_check_access

from . import bulk, decision, matching, order_matching, order_query
from .link import StudyLinkMixin, fits

_CHANGES_ORDER = {
    'state', 'patient', 'requested_test', 'request', 'accession_number',
    'study_instance_uid', 'merge_id'}


class Request(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request'

    studies = fields.Many2Many(
        'gnuhealth.imaging.test.request-gnuhealth.orthanc.study',
        'request', 'study', "Studies", readonly=True,
        help="The studies that answer the request.")
    study_remarks = fields.Function(fields.Text(
            "Remarks",
            states={'invisible': ~Bool(Eval('study_remarks'))},
            help="What there is to tell of studies that could answer the "
            "request, or that do although something differs."),
        'get_study_remarks')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.add(Index(
                table,
                (Coalesce(table.write_date, table.create_date),
                    Index.Range())))
        if hasattr(cls, 'merge_id'):
            cls._sql_indexes.add(
                Index(table, (table.merge_id, Index.Equality())))

    @classmethod
    def arrival_query(cls, where):
        """Return the query of requests, when their images came and how many.

        Of a study that several servers have the most complete one counts, and
        of these the one that came first.
        """
        table = cls.__table__()
        images, are_present, _, study, series = cls._images_of(table)
        copy = images.join(table, condition=are_present).select(
            table.id.as_('request'), study.study_instance_uid.as_('uid'),
            Max(Coalesce(
                    series.last_update, study.last_update,
                    study.create_date)).as_('latest'),
            Sum(Coalesce(series.image_count, 0)).as_('count'),
            where=where(table),
            group_by=[table.id, study.study_instance_uid, study.server])
        ranked = copy.select(
            copy.request, copy.latest, copy.count,
            RowNumber(window=Window(
                    [copy.request, copy.uid],
                    order_by=[copy.count.desc, copy.latest.asc])).as_('rank'))
        return ranked.select(
            ranked.request, Max(ranked.latest).as_('arrived_at'),
            Cast(Sum(ranked.count), 'INTEGER').as_('image_count'),
            where=ranked.rank == 1,
            group_by=[ranked.request])

    @classmethod
    def has_images(cls, table):
        "Return the condition that images of a request arrived"
        # Of each request by itself, as a list asks of those it shows: what
        # exists PostgreSQL would look up for all requests at once
        images, are_present, *_ = cls._images_of(table)
        return Coalesce(images.select(
                Literal(1), where=are_present, limit=1), 0) == 1

    @classmethod
    def is_to_read(cls, table):
        # The links that may lack a result are few, while the requests without
        # a result are all that were cancelled too
        Link = Pool().get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        unread = cls.__table__()
        images, are_present, link, *_ = cls._images_of(unread)
        return table.id.in_(images
            .join(unread, condition=are_present)
            .select(
                unread.id,
                where=(unread.report_status == Null) & Link.may_lack(link)))

    @classmethod
    def _images_of(cls, table):
        """Return where images are, and when they are of a request of a table.

        That is the join of links, studies and series, and the condition of
        images, not documents, that a server has; then these three tables.
        What is not yet linked to a patient counts where a UID that was issued
        says that it is of the patient.
        """
        pool = Pool()
        link = pool.get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study'
            ).__table__()
        study = pool.get('gnuhealth.orthanc.study').__table__()
        Series = pool.get('gnuhealth.orthanc.series')
        series = Series.__table__()
        images = (link
            .join(study, condition=study.id == link.study)
            .join(series, condition=series.study == study.id))
        is_of = fits(study, table) | (
            (study.local_patient == Null)
            & link.match.in_(order_matching.ISSUED))
        return images, (
            (link.request == table.id) & is_of
            & (study.missing_since == Null)
            & (series.missing_since == Null)
            & Series.is_of_images(series)), link, study, series

    @classmethod
    @without_check_access
    def get_study_remarks(cls, requests, name):
        Study = Pool().get('gnuhealth.orthanc.study')
        remarks = defaultdict(list)
        for id_, study_id, reason, differences in cls._remarkable(
                list(map(int, requests))):
            study = Study(study_id)
            remarks[id_].append(gettext(
                    f'health_orthanc.msg_study_remark_{reason}',
                    study=study.rec_name,
                    server=study.server.rec_name,
                    differences=', '.join(
                        gettext(f'health_orthanc.msg_difference_{difference}')
                        for difference in (differences or '').split())))
        return {
            int(r): '\n'.join(remarks[int(r)]) or None for r in requests}

    @classmethod
    def _remarkable(cls, ids):
        """Return what there is to tell of studies of requests.

        That are rows of the ids of request and study, the order match of the
        latter, which is 'differs' where it is linked, and what differs.
        """
        pool = Pool()
        Link = pool.get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        Study = pool.get('gnuhealth.orthanc.study')
        table, link, study = (
            Model.__table__() for Model in [cls, Link, Study])
        linked = {
            (id_, study_id): differences
            for id_, study_id, differences in bulk.fetch(
                link.join(study, condition=study.id == link.study)
                .select(link.request, link.study, study.order_differences),
                link.request, ids)}
        rows = {
            (*pair, 'differs', differences)
            for pair, differences in linked.items() if differences}
        for identifier in order_query.identifiers():
            rows.update(
                tuple(row) for row in bulk.fetch(
                    table.join(study, condition=order_query.same_identifier(
                            identifier, study, table))
                    .select(
                        table.id, study.id, study.order_match,
                        study.order_differences,
                        where=study.order_match.in_(
                            list(order_matching.OPEN[:3]))
                        & (study.missing_since == Null)),
                    table.id, ids)
                if tuple(row[:2]) not in linked)
        almost = [
            study_id for study_id, in bulk.fetch(
                table.join(study, condition=fits(study, table)).select(
                    study.id,
                    where=(study.order_match == order_matching.ALMOST)
                    & (study.missing_since == Null)),
                table.id, ids)]
        wanted = set(ids)
        rows.update(
            (line_id, study_id, order_matching.ALMOST, None)
            for study_id, lines in Study.almost_named(almost).items()
            for line_id in lines if line_id in wanted)
        return sorted(rows, key=lambda row: row[:2])

    @classmethod
    def _lacking_images(cls, requests):
        Server = Pool().get('gnuhealth.orthanc.config')
        with without_check_access():
            # Before there is a server no images can arrive
            if not Server.search([('validated', '=', True)], limit=1):
                return super()._lacking_images(requests)
        arrived = cls._images_arrived(requests)
        return [r for r in requests if r.id not in arrived]

    @classmethod
    def _images_arrived(cls, requests):
        return super()._images_arrived(requests) | cls._arrivals(
            list(map(int, requests))).keys()

    @classmethod
    def copy(cls, requests, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('studies')
        return super().copy(requests, default=default)

    @classmethod
    def create(cls, vlist):
        requests = super().create(vlist)
        cls.match_studies(list(map(int, requests)))
        return requests

    @classmethod
    def write(cls, *args):
        super().write(*args)
        cls.match_studies([
                int(request)
                for requests, values in zip(
                    args[::2], args[1::2], strict=True)
                if _CHANGES_ORDER & values.keys() for request in requests])

    @classmethod
    def note_worklist(cls, ids):
        """Let health_imaging_worklist know whose images arrived.

        Where it is, its worklist then leaves these requests out.
        """
        if 'worklist_status' not in cls._fields:
            return
        table = cls.__table__()
        bulk.change(
            cls, table.update(
                [table.worklist_status], ['done'],
                where=table.worklist_status == 'todo'),
            table.id, cls._arrivals(list(ids)))

    @classmethod
    def match_studies(cls, ids):
        "Decide anew which studies answer these requests"
        pool = Pool()
        Link = pool.get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        Study = pool.get('gnuhealth.orthanc.study')
        table, link, study = (
            Model.__table__() for Model in [cls, Link, Study])
        queries = [
            (table
                .join(study, condition=order_query.same_identifier(
                        identifier, study, table))
                .select(study.id), table.id)
            for identifier in order_query.identifiers()]
        queries.append((link.select(link.study), link.request))
        queries.append((
                order_query.numbered(table, study).select(study.id),
                table.id))
        study_ids = {
            id_ for query, column in queries
            for id_, in bulk.fetch(query, column, ids)}
        Study.match_orders(study_ids)

    @classmethod
    def keep_report_status(cls, requests):
        super().keep_report_status(requests)
        # Another result may lack what this one has
        Pool().get(
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study'
            ).renew_on_links(request_ids=set(map(int, requests)))


class RequestStudy(OwnPatientMixin, StudyLinkMixin, ModelSQL, ModelView):
    """Imaging Request - DICOM Study

    What people create or delete is their decision: it is noted, and stays.
    The synchronization writes by SQL.
    """
    __name__ = 'gnuhealth.imaging.test.request-gnuhealth.orthanc.study'
    _target = 'request'
    _patient_fields = ('request.patient', 'study.local_patient')
    _values_of_people = {'match': matching.MANUAL}

    request = fields.Many2One(
        'gnuhealth.imaging.test.request', "Order", required=True,
        ondelete='CASCADE')
    match = fields.Selection(
        order_query.MATCHES, "Match", required=True, readonly=True,
        sort=False, help="What says that the study answers the order.")
    on_result = fields.Boolean(
        "On the Result", readonly=True,
        help="Whether each result of the order has the study.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.add(Index(
                table, (table.request, Index.Range()),
                where=cls.may_lack(table)))

    @classmethod
    def __register__(cls, module_name):
        super().__register__(module_name)
        # Migration from before it was noted
        Pool().get(
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study'
            ).note_on_links(study_ids=None)

    @classmethod
    def may_lack(cls, table):
        "Return the condition of links of which a result may lack the study"
        # PostgreSQL knows how many these are, not how many expressions are
        return (table.on_result == Literal(False)) | (table.on_result == Null)

    @classmethod
    def default_match(cls):
        return matching.MANUAL

    def get_rec_name(self, name):
        return ' - '.join(map(readable_name, [self.request, self.study]))

    search_rec_name = any_of_names('request.rec_name', 'study.rec_name')

    @classmethod
    def of_people(cls, table):
        return table.match == matching.MANUAL

    @classmethod
    def create(cls, vlist):
        Study = Pool().get('gnuhealth.orthanc.study')
        cls._drop_automatic({
                (values.get('study'), values.get('request'))
                for values in vlist})
        links = super().create([
                {**values, **cls._values_of_people, 'on_result': False}
                for values in vlist])
        cls._note(links, decision.LINK_ORDER)
        Study.match_orders({link.study.id for link in links})
        return links

    @classmethod
    def write(cls, *args):
        super().write(*args)
        Pool().get(
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study'
            ).renew_on_links(study_ids={
                link.study.id for links in args[::2] for link in links})

    @classmethod
    def delete(cls, links):
        Study = Pool().get('gnuhealth.orthanc.study')
        studies = {link.study.id for link in links}
        cls._note(links, decision.UNLINK_ORDER)
        super().delete(links)
        Study.match_orders(studies)

    @classmethod
    def _drop_automatic(cls, pairs):
        table = cls.__table__()
        gone = [
            id_ for id_, *pair in bulk.fetch(
                table.select(
                    table.id, table.study, table.request,
                    where=~cls.of_people(table)),
                table.study, {study_id for study_id, _ in pairs} - {None})
            if tuple(pair) in pairs]
        bulk.change(cls, table.delete(), table.id, gone)

    @classmethod
    def refuse(cls, study, request):
        """Note that a study does not answer a request, whoever said it did.

        It is noted once: who decides the same after others adds nothing.
        """
        pool = Pool()
        Access = pool.get('ir.model.access')
        Decision = pool.get('gnuhealth.orthanc.decision')
        Study = pool.get('gnuhealth.orthanc.study')
        Access.check(cls.__name__, 'delete')
        links = cls.search([
                ('study', '=', study.id), ('request', '=', request.id)])
        if links:
            cls.delete(links)
        elif (study.id, request.id) not in Decision.refused_orders([study.id]):
            Decision.note([{
                        'study': study.id,
                        'request': request.id,
                        'action': decision.REFUSE_ORDER,
                        }])
            Study.match_orders([study.id])

    @classmethod
    def replace_automatic(cls, study_ids, wanted, links):
        """Let studies have the automatic links wanted, and no others.

        wanted are the ids of study and request and the match of each, links
        those there are, as Study._order_links returns them.
        """
        there = {
            (study_id, request_id, match): link_id
            for study_id in study_ids
            for request_id, (_, link_id, match) in links.get(
                study_id, {}).items()
            if match != matching.MANUAL}
        wanted = set(wanted)
        table = cls.__table__()
        bulk.change(
            cls, table.delete(), table.id,
            [there[key] for key in there.keys() - wanted])
        bulk.insert(cls, [
                {'study': study_id, 'request': request_id, 'match': match}
                for study_id, request_id, match in sorted(
                    wanted - there.keys())])

    @classmethod
    def _note(cls, links, action):
        Decision = Pool().get('gnuhealth.orthanc.decision')
        Decision.note([{
                    'study': link.study.id,
                    'request': link.request.id,
                    'action': action,
                    } for link in links])

    @classmethod
    def put_on_results(cls, study_ids=(), request_ids=()):
        """Put the studies of requests on the results that these have.

        That are those that ResultStudy.waiting tells. What comes after the
        report was written waits for who reads it.
        """
        ResultStudy = Pool().get(
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study')
        rows = [
            {'study': study_id, 'result': result_id}
            for study_id, result_id, _, is_reported in ResultStudy.waiting(
                study_ids=study_ids, request_ids=request_ids)
            if not is_reported]
        # Who signs meanwhile finds out that there is more to see
        touch_rows(
            Pool().get('gnuhealth.imaging.test.result'),
            {row['result'] for row in rows})
        bulk.insert(ResultStudy, rows)
        ResultStudy.note_on_links(study_ids, request_ids)

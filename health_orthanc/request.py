# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"What requests gain, and which of them a study answers."
from collections import defaultdict

from sql import Null
from sql.aggregate import Max, Sum
from sql.conditionals import Coalesce

from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.modules.health_imaging.identity import (
    identified, patient_identity)
from trytond.modules.health_imaging.locking import touch_rows
from trytond.modules.health_imaging.rights import (
    FormRightsMixin, WizardRightsMixin, readable_name)
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval, If
from trytond.tools import grouped_slice
from trytond.transaction import Transaction, without_check_access
from trytond.wizard import Button, StateTransition, StateView, Wizard

from . import bulk, decision, dicom, matching, order_matching
from .exceptions import LinkError
from .link import StudyLinkMixin, fits
from .patient import LATE_COMMIT

_ORDER_MATCHES = [
    (None, ""),
    (order_matching.STUDY_INSTANCE_UID, "Study Instance UID"),
    (order_matching.MERGE_ID, "Merge ID"),
    (order_matching.ACCESSION_NUMBER, "Accession Number"),
    (matching.MANUAL, "By Hand"),
    ]
# What people have to settle, or what settles when something else changes
OPEN_ORDER_MATCHES = (
    matching.CONFLICT, matching.AMBIGUOUS, order_matching.UNCONFIRMED,
    order_matching.ALMOST)
_CHANGES_ORDER = {
    'state', 'patient', 'requested_test', 'request', 'accession_number',
    'study_instance_uid', 'merge_id'}
# How far the day of an order can be from that of a study that is suggested
_SUGGESTED_DAYS = 30


def _same_identifier(identifier, study, request):
    "Return whether the rows of a study and a request share the identifier"
    if identifier == order_matching.ACCESSION_NUMBER:
        return study.accession_number == request.accession_number
    return study.study_instance_uid == getattr(request, identifier)


def _order_identifiers():
    "Return the names of the identifiers that requests have"
    Request = Pool().get('gnuhealth.imaging.test.request')
    return [
        name for name in order_matching.ORDER_IDENTIFIERS
        if name in Request._fields]


class Request(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request'

    studies = fields.Many2Many(
        'gnuhealth.imaging.test.request-gnuhealth.orthanc.study',
        'request', 'study', "Studies", readonly=True,
        help="The studies that answer the request.")
    images_arrived = fields.Function(fields.Boolean(
            "Images Arrived",
            help="Whether a server has a study that answers the request."),
        'get_arrival', searcher='search_images_arrived')
    arrived_at = fields.Function(fields.DateTime(
            "Arrived",
            help="When the last image of its studies arrived."),
        'get_arrival')
    image_count = fields.Function(fields.Integer(
            "Images",
            help="How many images its studies have."),
        'get_arrival')
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
    def get_arrival(cls, requests, names):
        arrivals = cls._arrivals(list(map(int, requests)))
        values = {
            'images_arrived': lambda arrival: arrival is not None,
            'arrived_at': lambda arrival: arrival and arrival[0],
            'image_count': lambda arrival: arrival[1] if arrival else 0,
            }
        return {
            name: {
                int(r): values[name](arrivals.get(int(r))) for r in requests}
            for name in names}

    @classmethod
    def _arrivals(cls, ids):
        """Return when the images of those with any came, and how many.

        Of a study that several servers have the most complete one counts, and
        of these the one that came first.
        """
        query, request, study, series = cls._present_images()
        latest = Max(Coalesce(
                series.last_update, study.last_update, study.create_date))
        copies = defaultdict(list)
        for id_, uid, _, latest_, count in bulk.fetch(
                query.select(
                    request, study.study_instance_uid, study.server,
                    latest.as_('latest'),
                    Sum(Coalesce(series.image_count, 0)),
                    where=cls._are_present(study, series),
                    group_by=[
                        request, study.study_instance_uid, study.server]),
                request, ids):
            copies[id_, uid].append((
                    -int(count), cls.arrived_at.sql_format(latest_)))
        studies = defaultdict(list)
        for (id_, _), copies_ in copies.items():
            studies[id_].append(min(copies_))
        return {
            id_: (
                max(latest for _, latest in studies_),
                -sum(count for count, _ in studies_))
            for id_, studies_ in studies.items()}

    @classmethod
    def _present_images(cls):
        """Return the join of the requests with their images, and its columns.

        What is not yet linked to a patient counts where a UID that was issued
        says that it is of the patient.
        """
        pool = Pool()
        link = pool.get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study'
            ).__table__()
        study = pool.get('gnuhealth.orthanc.study').__table__()
        series = pool.get('gnuhealth.orthanc.series').__table__()
        request = cls.__table__()
        return (
            link
            .join(request, condition=request.id == link.request)
            .join(study, condition=(study.id == link.study) & (
                    fits(study, request)
                    | ((study.local_patient == Null)
                        & link.match.in_(order_matching.ISSUED))))
            .join(series, condition=series.study == study.id),
            link.request, study, series)

    @classmethod
    def _are_present(cls, study, series):
        "Return the condition of images, not documents, that a server has"
        return (
            (study.missing_since == Null)
            & (series.missing_since == Null)
            & ~Coalesce(series.modality, '').in_(order_matching.DOCUMENTS))

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
        for identifier in _order_identifiers():
            rows.update(
                tuple(row) for row in bulk.fetch(
                    table.join(study, condition=_same_identifier(
                            identifier, study, table))
                    .select(
                        table.id, study.id, study.order_match,
                        study.order_differences,
                        where=study.order_match.in_(
                            list(OPEN_ORDER_MATCHES[:3]))
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
        rows.update(
            (line_id, study_id, order_matching.ALMOST, None)
            for study_id, lines in Study.almost_named(almost).items()
            for line_id in lines if line_id in set(ids))
        return sorted(rows, key=lambda row: row[:2])

    @classmethod
    def search_images_arrived(cls, name, clause):
        _, operator, value = clause
        if operator in {'in', 'not in'}:
            wanted = {bool(v) for v in value}
            if len(wanted) != 1:
                everything = bool(wanted) == (operator == 'in')
                return [('id', '!=' if everything else '=', None)]
            value, = wanted
        arrived = bool(value) == (operator in {'=', 'in'})
        query, request, study, series = cls._present_images()
        return [(
                'id', 'in' if arrived else 'not in',
                query.select(
                    request, where=cls._are_present(study, series)))]

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
                .join(study, condition=_same_identifier(
                        identifier, study, table))
                .select(study.id), table.id)
            for identifier in _order_identifiers()]
        queries.append((link.select(link.study), link.request))
        queries.append((_numbered(table, study).select(study.id), table.id))
        study_ids = {
            id_ for query, column in queries
            for id_, in bulk.fetch(query, column, ids)}
        Study.match_orders(study_ids)


class RequestStudy(StudyLinkMixin, ModelSQL, ModelView):
    """Imaging Request - DICOM Study

    What people create or delete is their decision: it is noted, and stays.
    The synchronization writes by SQL.
    """
    __name__ = 'gnuhealth.imaging.test.request-gnuhealth.orthanc.study'
    _target = 'request'
    _values_of_people = {'match': matching.MANUAL}

    request = fields.Many2One(
        'gnuhealth.imaging.test.request', "Order", required=True,
        ondelete='CASCADE')
    match = fields.Selection(
        _ORDER_MATCHES[1:], "Match", required=True, readonly=True, sort=False,
        help="What says that the study answers the order.")

    @classmethod
    def default_match(cls):
        return matching.MANUAL

    def get_rec_name(self, name):
        return ' - '.join(map(readable_name, [self.request, self.study]))

    @classmethod
    def of_people(cls, table):
        return table.match == matching.MANUAL

    @classmethod
    def create(cls, vlist):
        Study = Pool().get('gnuhealth.orthanc.study')
        cls._drop_automatic({
                (values.get('study'), values.get('request'))
                for values in vlist})
        links = super().create(
            [{**values, **cls._values_of_people} for values in vlist])
        cls._note(links, decision.LINK_ORDER)
        Study.match_orders({link.study.id for link in links})
        return links

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
        "Note that the study does not answer the request, whoever said it did"
        pool = Pool()
        Access = pool.get('ir.model.access')
        Decision = pool.get('gnuhealth.orthanc.decision')
        Study = pool.get('gnuhealth.orthanc.study')
        Access.check(cls.__name__, 'delete')
        links = cls.search([
                ('study', '=', study.id), ('request', '=', request.id)])
        if links:
            cls.delete(links)
        else:
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


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    requests = fields.Many2Many(
        'gnuhealth.imaging.test.request-gnuhealth.orthanc.study',
        'study', 'request', "Orders", readonly=True,
        help="The orders that the study answers.")
    order_match = fields.Selection([
            *_ORDER_MATCHES,
            (matching.CONFLICT, "Conflict"),
            (matching.AMBIGUOUS, "Ambiguous"),
            (order_matching.UNCONFIRMED, "Patient Not Confirmed"),
            (order_matching.ALMOST, "Number Almost Right"),
            ], "Order Match", readonly=True, sort=False)
    order_differences = fields.Char("Order Differences", readonly=True)
    order_explanation = fields.Function(fields.Char(
            "Order Explanation",
            states={'invisible': ~Bool(Eval('order_match'))},
            help="Why it answers the order, or why it does not."),
        'get_order_explanation')
    suggested_requests = fields.Function(fields.Many2Many(
            'gnuhealth.imaging.test.request', None, None, "Suggested Orders",
            help="The orders that it could answer: first those that an "
            "identifier of the study names, then what was requested for the "
            "patient and fits the modality, the nearest day first."),
        'get_suggested_requests')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.add(Index(
                table, (table.server, Index.Equality()),
                where=table.order_match.in_(list(OPEN_ORDER_MATCHES))))

    @classmethod
    def write(cls, *args):
        super().write(*args)
        cls.match_orders({
                int(study)
                for studies, values in zip(args[::2], args[1::2], strict=True)
                if cls._link_field in values for study in studies})

    @classmethod
    def _links(cls):
        return super()._links() + [Pool().get(
                'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')]

    @classmethod
    @without_check_access
    def get_order_explanation(cls, studies, name):
        Request = Pool().get('gnuhealth.imaging.test.request')
        named = defaultdict(set)
        for identifier in cls._named_orders(
                [s.id for s in studies if s.order_match]).values():
            for study_id, orders in identifier.items():
                named[study_id].update(order.id for order in orders)
        named.update(cls.almost_named([
                    s.id for s in studies
                    if s.order_match == order_matching.ALMOST]))
        explanations = {}
        for study in studies:
            if not study.order_match:
                explanations[study.id] = None
                continue
            orders = [*study.requests, *(
                    Request(id_) for id_ in sorted(named[study.id])
                    if Request(id_) not in study.requests)]
            patients = dict.fromkeys(
                identified(order.patient) for order in orders)
            differences = ', '.join(
                gettext(f'health_orthanc.msg_difference_{difference}')
                for difference in (study.order_differences or '').split())
            explanation = gettext(
                f'health_orthanc.msg_order_match_{study.order_match}',
                orders='", "'.join(order.rec_name for order in orders),
                order_patient='", "'.join(patients),
                study_patient=identified(study.local_patient)
                if study.local_patient else study.reported_identity,
                differences=differences)
            if differences and study.order_match != matching.CONFLICT:
                explanation = gettext(
                    'health_orthanc.msg_order_differs',
                    explanation=explanation, differences=differences)
            explanations[study.id] = explanation
        return explanations

    @classmethod
    @without_check_access
    def get_suggested_requests(cls, studies, name):
        pool = Pool()
        Decision = pool.get('gnuhealth.orthanc.decision')
        Link = pool.get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        Request = pool.get('gnuhealth.imaging.test.request')
        ids = list(map(int, studies))
        suggested = {id_: {} for id_ in ids}
        for orders in cls._named_orders(ids).values():
            for study_id, named in orders.items():
                suggested[study_id].update(
                    (order.id, None) for order in named)
        for study_id, lines in cls.almost_named(ids).items():
            suggested[study_id].update(dict.fromkeys(sorted(lines)))
        patients = defaultdict(list)
        for sub_ids in grouped_slice(
                {s.local_patient.id for s in studies if s.local_patient}):
            for request in Request.search([
                        ('patient', 'in', list(sub_ids)),
                        ('state', '=', 'requested')]):
                patients[request.patient].append(request)
        for study in studies:
            if not study.date:
                continue
            near = []
            for request in patients[study.local_patient]:
                days = abs((request.day - study.date).days)
                if days <= _SUGGESTED_DAYS and order_matching.modality_fits(
                        request.requested_test.test_type.code,
                        dicom.split_modalities(study.modalities)):
                    near.append((days, request.id))
            suggested[study.id].update((id_, None) for _, id_ in sorted(near))
        settled = Decision.latest_on_orders(ids).keys()
        table = Link.__table__()
        settled |= set(map(tuple, bulk.fetch(
                    table.select(table.study, table.request),
                    table.study, ids)))
        return {
            id_: [r for r in requests if (id_, r) not in settled]
            for id_, requests in suggested.items()}

    @classmethod
    def match_server_orders(cls, server_id, since):
        """Decide anew which orders the studies of a server answer.

        They are those of requests that changed after since, and those whose
        order is in doubt.
        """
        Request = Pool().get('gnuhealth.imaging.test.request')
        table = cls.__table__()
        request = Request.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.id,
                where=(table.server == server_id)
                & table.order_match.in_(list(OPEN_ORDER_MATCHES))))
        study_ids = {id_ for id_, in cursor}
        where = table.server == server_id
        if since:
            where &= (
                Coalesce(request.write_date, request.create_date)
                >= since - LATE_COMMIT)
        joins = [
            request.join(table, condition=_same_identifier(
                    identifier, table, request))
            for identifier in _order_identifiers()]
        for join in [*joins, _numbered(request, table)]:
            cursor.execute(*join.select(table.id, where=where))
            study_ids.update(id_ for id_, in cursor)
        cls.match_orders(study_ids)

    @classmethod
    def match_orders(cls, ids):
        "Decide which orders these studies answer, as order_matching.py says"
        pool = Pool()
        Decision = pool.get('gnuhealth.orthanc.decision')
        Link = pool.get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        LocalPatient = pool.get('gnuhealth.patient')
        Request = pool.get('gnuhealth.imaging.test.request')
        ids = list(ids)
        named = cls._named_orders(ids)
        links = cls._order_links(ids)
        waiting = cls._waiting_lines(ids)
        # Most studies have to do with no order
        concerned = set(links).union(waiting, *named.values())
        rows = cls._order_rows(ids, concerned)
        if not rows:
            return
        refused = {
            pair for pair, (_, action) in Decision.latest_on_orders(
                rows, [
                    decision.LINK_ORDER, decision.UNLINK_ORDER,
                    decision.REFUSE_ORDER]).items()
            if action != decision.LINK_ORDER}
        persons = LocalPatient.persons_by_id({
                order.patient for orders in named.values()
                for study_orders in orders.values()
                for order in study_orders})
        wanted, changes = [], defaultdict(list)
        for id_, (answer, stored) in rows.items():
            linked = links.get(id_, {})
            answer = answer._replace(linked=frozenset(linked))
            verdict = order_matching.match_order(answer, {
                    identifier: [
                        order for order in orders.get(id_, ())
                        if (id_, order.id) not in refused]
                    for identifier, orders in named.items()}, persons)
            if not (verdict.reason or linked):
                verdict = order_matching.match_almost(answer, [
                        line for line in waiting.get(id_, ())
                        if (id_, line.id) not in refused])
            by_hand = [
                order for order, _, match in linked.values()
                if match == matching.MANUAL]
            wanted.extend(
                (id_, line, verdict.reason) for line in verdict.lines
                if line not in {order.id for order in by_hand})
            columns = order_matching.match_order_by_hand(
                verdict, answer, by_hand).columns()
            if columns != stored:
                changes[columns].append(id_)
        Link.replace_automatic(rows, wanted, links)
        cls._store_order_matches(changes)
        Link.put_on_results(study_ids={
                *links, *(study_id for study_id, *_ in wanted)} & set(rows))
        Request.note_worklist(
            {line for _, line, _ in wanted}
            | {line for linked in links.values() for line in linked})

    @classmethod
    def _named_orders(cls, ids):
        "Return the orders that studies name, by identifier and study"
        Request = Pool().get('gnuhealth.imaging.test.request')
        table, request = cls.__table__(), Request.__table__()
        named = {}
        for identifier in _order_identifiers():
            orders = named[identifier] = {}
            query, columns = _orders(table.join(
                    request, condition=_same_identifier(
                        identifier, table, request)), request)
            for study_id, *values in bulk.fetch(
                    query.select(
                        table.id, *columns, order_by=request.id),
                    table.id, ids):
                orders.setdefault(study_id, []).append(_line(*values))
        return named

    @classmethod
    def _waiting_lines(cls, ids):
        "Return the lines of the patients of studies that wait for images"
        table = cls.__table__()
        request = Pool().get('gnuhealth.imaging.test.request').__table__()
        query, columns = _orders(_numbered(request, table), request)
        lines = {}
        for study_id, *values in bulk.fetch(
                query.select(
                    table.id, *columns,
                    where=request.state == 'requested',
                    order_by=request.id),
                table.id, ids):
            lines.setdefault(study_id, []).append(_line(*values))
        return lines

    @classmethod
    def almost_named(cls, ids):
        "Return the ids of the lines whose number is almost that of studies"
        waiting = cls._waiting_lines(ids)
        almost = {
            id_: {
                line.id for line in waiting[id_]
                if order_matching.is_almost(answer, line)}
            for id_, (answer, _) in cls._order_rows(
                (), set(waiting)).items()}
        return {id_: lines for id_, lines in almost.items() if lines}

    @classmethod
    def _order_links(cls, ids):
        "Return the orders that studies are linked to, by study and order"
        pool = Pool()
        Link = pool.get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        Request = pool.get('gnuhealth.imaging.test.request')
        link, request = Link.__table__(), Request.__table__()
        query, columns = _orders(link.join(
                request, condition=request.id == link.request), request)
        links = {}
        for study_id, link_id, match, *values in bulk.fetch(
                query.select(link.study, link.id, link.match, *columns),
                link.study, ids):
            order = _line(*values)
            links.setdefault(study_id, {})[order.id] = (order, link_id, match)
        return links

    @classmethod
    def _order_rows(cls, ids, concerned):
        "Return what counts of the studies that have to do with orders"
        table = cls.__table__()
        concerned = concerned.union(
            id_ for id_, in bulk.fetch(
                table.select(table.id, where=table.order_match != Null),
                table.id, ids))
        query = table.select(
            table.id, table.local_patient, table.match, table.candidate,
            table.modalities, table.person_name, table.birth_date, table.sex,
            table.date, table.accession_number, table.order_match,
            table.order_differences)
        return {
            id_: (
                order_matching.Answer(
                    *whose, matching.Reported(name, born, sex),
                    dicom.split_modalities(modalities), day=day,
                    accession_number=number),
                (order_match, differences))
            for id_, *whose, modalities, name, born, sex, day, number,
                order_match, differences in bulk.fetch(
                    query, table.id, concerned)}

    @classmethod
    def _store_order_matches(cls, changes):
        "Store what is to be told of studies, ids by the values of columns"
        table = cls.__table__()
        for values, ids in changes.items():
            bulk.change(cls, table.update(
                    [table.order_match, table.order_differences,
                        table.write_date],
                    [*values, bulk.now()]), table.id, ids)


# What it takes to link, or to refuse to
LINK_ORDER_RIGHTS = tuple(
    ('gnuhealth.imaging.test.request-gnuhealth.orthanc.study', mode)
    for mode in ['create', 'delete'])


class LinkOrderStart(FormRightsMixin, ModelView):
    "Link to Order"
    __name__ = 'gnuhealth.orthanc.study.link_order.start'
    _form_rights = LINK_ORDER_RIGHTS

    patient = fields.Many2One('gnuhealth.patient', "Patient", readonly=True)
    patient_identity = fields.Function(
        fields.Char("PUID, Birth Date, Sex"),
        'on_change_with_patient_identity')
    reported = fields.Char(
        "As the Study Reports", readonly=True,
        states={'invisible': ~Bool(Eval('reported'))},
        help="The name, the ID, the birth date and the sex.")
    study = fields.Many2One(
        'gnuhealth.orthanc.study', "Study", required=True,
        domain=[If(Bool(Eval('by_request')),
                [
                    ('local_patient', '=', Eval('patient', -1)),
                    ('is_replica', '=', False),
                    ], ())],
        states={'readonly': ~Bool(Eval('by_request'))})
    explanation = fields.Char(
        "Explanation", readonly=True,
        states={'invisible': ~Bool(Eval('explanation'))})
    request = fields.Many2One(
        'gnuhealth.imaging.test.request', "Order", required=True,
        domain=[If(Bool(Eval('by_request')), (), ['OR',
                    ('patient', '=', Eval('patient', -1)),
                    ('id', 'in', Eval('suggested_requests', [])),
                    ])],
        states={'readonly': Bool(Eval('by_request'))})
    suggested_requests = fields.Many2Many(
        'gnuhealth.imaging.test.request', None, None, "Suggested Orders",
        readonly=True,
        states={'invisible': Bool(Eval('by_request'))})
    reason = fields.Char("Reason", help="Why you decide so.")
    by_request = fields.Boolean("By Request", readonly=True)

    @fields.depends('patient')
    @without_check_access
    def on_change_with_patient_identity(self, name=None):
        return patient_identity(self.patient) if self.patient else None


class LinkOrder(WizardRightsMixin, Wizard):
    "Link to Order"
    __name__ = 'gnuhealth.orthanc.study.link_order'
    _rights = LINK_ORDER_RIGHTS
    _models = (
        'gnuhealth.imaging.test.request', 'gnuhealth.orthanc.study',
        'gnuhealth.orthanc.reconciliation')

    start = StateView(
        'gnuhealth.orthanc.study.link_order.start',
        'health_orthanc.study_link_order_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button("Not This Order", 'refuse', 'tryton-delete'),
            Button("Link", 'link', 'tryton-link'),
            ])
    link = StateTransition()
    refuse = StateTransition()

    def default_start(self, fields):
        if self.model.__name__ == 'gnuhealth.imaging.test.request':
            return {
                'request': self.record.id,
                'patient': self.record.patient.id,
                'by_request': True,
                }
        study = (
            self.record.study
            if self.model.__name__ == 'gnuhealth.orthanc.reconciliation'
            else self.record)
        if not study:
            raise LinkError(gettext(
                    'health_orthanc.msg_reconcile_set_aside'))
        return {
            'study': study.id,
            'patient': study.local_patient.id if study.local_patient else None,
            'reported': study.reported_identity,
            'explanation': study.order_explanation,
            'suggested_requests': [r.id for r in study.suggested_requests],
            'by_request': False,
            }

    def _locked(self):
        # Requests before studies, as their buttons do it
        for name in ['request', 'study']:
            record = getattr(self.start, name)
            yield type(record), [record]

    @property
    def _link(self):
        return Pool().get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')

    def transition_link(self):
        with Transaction().set_context(decision_reason=self.start.reason):
            self._link.create([{
                        'study': self.start.study.id,
                        'request': self.start.request.id,
                        }])
        return 'end'

    def transition_refuse(self):
        with Transaction().set_context(decision_reason=self.start.reason):
            self._link.refuse(self.start.study, self.start.request)
        return 'end'

    def end(self):
        return 'reload'


def _orders(query, request):
    "Join what makes a RequestLine, and return the columns of its values"
    pool = Pool()
    test = pool.get('gnuhealth.imaging.test').__table__()
    type_ = pool.get('gnuhealth.imaging.test.type').__table__()
    return (
        query
        .join(test, condition=test.id == request.requested_test)
        .join(type_, 'LEFT', condition=type_.id == test.test_type), [
            request.id, request.patient, request.request, type_.code,
            request.state == 'cancelled', request.date,
            request.accession_number])


def _line(id_, patient, number, modality, cancelled, date, accession_number):
    "Return the order_matching.RequestLine of the columns of _orders"
    return order_matching.RequestLine(
        id_, patient, number, modality, cancelled, date and date.date(),
        accession_number)


def _numbered(request, study):
    "Join requests with the studies of their patients, both with a number"
    return request.join(study, condition=fits(study, request)
        & (study.accession_number != Null)
        & (study.accession_number != '')
        & (request.accession_number != Null))

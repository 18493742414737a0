# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"What studies gain: the orders that they answer"
from collections import defaultdict

from sql import Null
from sql.conditionals import Coalesce

from trytond.i18n import gettext
from trytond.model import Index, fields
from trytond.modules.health_imaging.identity import identified
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.tools import grouped_slice
from trytond.transaction import Transaction, without_check_access

from . import bulk, dicom, matching, order_matching, order_query
from .comparison import in_batches
from .patient import LATE_COMMIT
from .study import STEP

# How far the day of an order can be from that of a study that is suggested
_SUGGESTED_DAYS = 30


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    requests = fields.Many2Many(
        'gnuhealth.imaging.test.request-gnuhealth.orthanc.study',
        'study', 'request', "Orders", readonly=True,
        help="The orders that the study answers.")
    order_match = fields.Selection([
            (None, ""),
            *order_query.MATCHES,
            (matching.CONFLICT, "Conflict"),
            (matching.AMBIGUOUS, "Ambiguous"),
            (order_matching.UNCONFIRMED, "Patient Not Confirmed"),
            (order_matching.ALMOST, "Number Almost Right"),
            ], "Order Match", readonly=True, sort=False)
    order_differences = fields.Char("Order Differences", readonly=True)
    order_basis = fields.Char("Order Decided On", readonly=True)
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
                table, (table.server, Index.Range()),
                where=table.order_match.in_(list(order_matching.OPEN))))
        cls.order_basis.loading = 'lazy'

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
    def match_server_orders(cls, server_id, since, everything=False):
        """Decide anew which orders the studies of a server answer.

        They are those of requests that changed after since, and those whose
        order is in doubt, these only on another basis unless everything is to
        be decided.
        """
        Request = Pool().get('gnuhealth.imaging.test.request')
        table = cls.__table__()
        request = Request.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.id,
                where=(table.server == server_id)
                & table.order_match.in_(list(order_matching.OPEN))))
        study_ids = {id_ for id_, in cursor}
        where = table.server == server_id
        if since:
            where &= (
                Coalesce(request.write_date, request.create_date)
                >= since - LATE_COMMIT)
        joins = [
            request.join(table, condition=order_query.same_identifier(
                    identifier, table, request))
            for identifier in order_query.identifiers()]
        for join in [*joins, order_query.numbered(request, table)]:
            cursor.execute(*join.select(table.id, where=where))
            study_ids.update(id_ for id_, in cursor)
        for ids in in_batches(study_ids, STEP):
            cls.match_orders(ids, anew=everything)

    @classmethod
    def match_orders(cls, ids, anew=True):
        """Decide which orders these studies answer, as order_matching.py says.

        Unless anew what is in doubt stays so on the same basis.
        """
        pool = Pool()
        Link = pool.get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        Request = pool.get('gnuhealth.imaging.test.request')
        ids = list(ids)
        links = cls._order_links(ids)
        cases, stored = cls._order_cases(ids, links)
        if not cases:
            return
        decided, wanted, changes = [], [], defaultdict(list)
        for id_, case in cases.items():
            if not anew and case.is_told(stored[id_]):
                continue
            decided.append(id_)
            verdict, columns = case.decide()
            by_hand = {line.id for line in case.by_hand}
            wanted.extend(
                (id_, line, verdict.reason) for line in verdict.lines
                if line not in by_hand)
            if columns != stored[id_]:
                changes[columns].append(id_)
        Link.replace_automatic(decided, wanted, links)
        cls._store_order_matches(changes)
        Link.put_on_results(study_ids={
                *links, *(study_id for study_id, *_ in wanted)} & set(cases))
        Request.note_worklist(
            {line for _, line, _ in wanted}
            | {line for linked in links.values() for line in linked})

    @classmethod
    def _order_cases(cls, ids, links):
        """Return what is decided on, and the columns that tell of it, by id.

        Of the studies that have to do with orders, as most have with none.
        """
        pool = Pool()
        Decision = pool.get('gnuhealth.orthanc.decision')
        LocalPatient = pool.get('gnuhealth.patient')
        named = cls._named_orders(ids)
        waiting = cls._waiting_lines(ids)
        rows = cls._order_rows(
            ids, set(links).union(waiting, *named.values()))
        refused = Decision.refused_orders(rows)
        persons = LocalPatient.persons_by_id({
                order.patient for orders in named.values()
                for study_orders in orders.values()
                for order in study_orders})

        def left(lines, id_):
            return [
                line for line in lines.get(id_, ())
                if (id_, line.id) not in refused]

        cases, stored = {}, {}
        for id_, (answer, stored[id_]) in rows.items():
            linked = links.get(id_, {})
            cases[id_] = order_matching.Case(
                answer._replace(linked=frozenset(linked)),
                {name: left(orders, id_) for name, orders in named.items()},
                left(waiting, id_), [
                    line for line, _, match in linked.values()
                    if match == matching.MANUAL], persons)
        return cases, stored

    @classmethod
    def _named_orders(cls, ids):
        "Return the orders that studies name, by identifier and study"
        Request = Pool().get('gnuhealth.imaging.test.request')
        table, request = cls.__table__(), Request.__table__()
        named = {}
        for identifier in order_query.identifiers():
            orders = named[identifier] = {}
            query, columns = order_query.with_lines(table.join(
                    request, condition=order_query.same_identifier(
                        identifier, table, request)), request)
            for study_id, *values in bulk.fetch(
                    query.select(
                        table.id, *columns, order_by=request.id),
                    table.id, ids):
                orders.setdefault(study_id, []).append(
                    order_query.request_line(*values))
        return named

    @classmethod
    def _waiting_lines(cls, ids):
        "Return the lines of the patients of studies that wait for images"
        table = cls.__table__()
        request = Pool().get('gnuhealth.imaging.test.request').__table__()
        query, columns = order_query.with_lines(
            order_query.numbered(request, table), request)
        lines = {}
        for study_id, *values in bulk.fetch(
                query.select(
                    table.id, *columns,
                    where=request.state == 'requested',
                    order_by=request.id),
                table.id, ids):
            lines.setdefault(study_id, []).append(
                order_query.request_line(*values))
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
        query, columns = order_query.with_lines(link.join(
                request, condition=request.id == link.request), request)
        links = {}
        for study_id, link_id, match, *values in bulk.fetch(
                query.select(link.study, link.id, link.match, *columns),
                link.study, ids):
            order = order_query.request_line(*values)
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
            table.order_differences, table.order_basis)
        return {
            id_: (
                order_matching.Answer(
                    *whose, matching.Reported(name, born, sex),
                    dicom.split_modalities(modalities), day=day,
                    accession_number=number),
                (order_match, differences, basis))
            for id_, *whose, modalities, name, born, sex, day, number,
                order_match, differences, basis in bulk.fetch(
                    query, table.id, concerned)}

    @classmethod
    def _store_order_matches(cls, changes):
        "Store what is to be told of studies, ids by the values of columns"
        table = cls.__table__()
        for values, ids in changes.items():
            bulk.change(cls, table.update(
                    [table.order_match, table.order_differences,
                        table.order_basis, table.write_date],
                    [*values, bulk.now()]), table.id, ids)

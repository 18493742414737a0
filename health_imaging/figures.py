# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much is ordered and reported, and how long that takes.

What is counted are requests that were requested, by their date, and reports
by their first signature. Percentiles are those of the nearest rank.
"""
import datetime as dt

from sql import Cast, Literal, Null, Union, Window, With
from sql.aggregate import Count, Min, Sum
from sql.conditionals import Case, Coalesce
from sql.functions import Extract, RowNumber

from trytond import backend
from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.modules.health.core import get_institution_timezone
from trytond.pool import Pool, PoolMeta
from trytond.pyson import PYSONEncoder
from trytond.tools.timezone import get_tzinfo
from trytond.transaction import Transaction
from trytond.wizard import StateAction, Wizard

from .common import any_of_names
from .rights import FormRightsMixin, ModelRightsMixin, WizardRightsMixin

_REQUEST = 'gnuhealth.imaging.test.request'
_RESULT = 'gnuhealth.imaging.test.result'
_FIGURES = [
    f'gnuhealth.imaging.figure.{name}' for name in ['day', 'time', 'reader']]
# The same row has other figures where something else is asked for
Transaction.cache_keys.update({'from_date', 'to_date', 'test_type'})
# How many days are shown where nobody says which
DAYS = 30


def period():
    "Return the first and the last day that the context asks for"
    Date = Pool().get('ir.date')
    context = Transaction().context
    last = context.get('to_date') or Date.today()
    return context.get('from_date') or last - dt.timedelta(days=DAYS), last


def timezone():
    "Return the name of the institution's timezone; SQLite knows but UTC"
    return 'UTC' if backend.name == 'sqlite' else str(
        get_institution_timezone())


def beginning(day):
    "Return when a day begins where the institution is, in UTC"
    midnight = dt.datetime.combine(
        day, dt.time.min, get_tzinfo(timezone()))
    return midnight.astimezone(dt.timezone.utc).replace(tzinfo=None)


def within(column, first, last):
    "Return the condition of the times of the days, in SQL"
    return (column >= beginning(first)) & (
        column < beginning(last + dt.timedelta(days=1)))


def within_domain(name, first, last):
    "Return the domain of the times of the days"
    return [
        (name, '>=', beginning(first)),
        (name, '<', beginning(last + dt.timedelta(days=1)))]


def percentiles(query):
    """Return the query of the rows, the median and the 90th percentile.

    'query' has the columns key, which it is grouped by, and value, which is
    null where there is none. No window function of SQLite does that, so each
    value is numbered.
    """
    without = Case((query.value == Null, 1), else_=0)
    ranked = query.select(
        query.key, query.value,
        RowNumber(window=Window(
                [query.key], order_by=[without.asc, query.value.asc])
            ).as_('rank'),
        Count(query.value, window=Window([query.key])).as_('total'))
    return ranked.select(
        ranked.key, Count(Literal(1)).as_('count'),
        Min(Case((ranked.rank * 2 >= ranked.total, ranked.value))
            ).as_('median'),
        Min(Case((ranked.rank * 10 >= ranked.total * 9, ranked.value))
            ).as_('ninetieth'),
        group_by=[ranked.key])


def hours(first, last):
    "Return the hours from one time to another, at least 0, in SQL"
    seconds = Extract('EPOCH', last) - Extract('EPOCH', first)
    return Cast(
        Case((seconds > 0, seconds), (seconds <= 0, 0)), 'FLOAT') / 3600


def _of_type(test):
    "Return the condition of the type of tests that the context asks for"
    test_type = Transaction().context.get('test_type')
    if test_type is None:
        return Literal(True)
    return test.test_type == test_type


def ordered_requests():
    "Return the query of the requests of the period, their types and dates"
    pool = Pool()
    request = pool.get(_REQUEST).__table__()
    test = pool.get('gnuhealth.imaging.test').__table__()
    return (request
        .join(test, condition=test.id == request.requested_test)
        .select(
            request.id.as_('request'), test.test_type, request.date,
            where=request.state.in_(['requested', 'done'])
            & within(request.date, *period()) & _of_type(test)))


def signed_reports():
    "Return the query of requests, types, users and dates of first signatures"
    pool = Pool()
    version = pool.get(f'{_RESULT}.version').__table__()
    result = pool.get(_RESULT).__table__()
    test = pool.get('gnuhealth.imaging.test').__table__()
    return (version
        .join(result, condition=result.id == version.result)
        .join(test, condition=test.id == result.requested_test)
        .select(
            result.request, test.test_type, version.user, version.date,
            where=(version.kind == 'final')
            & within(version.date, *period()) & _of_type(test)))


def arrivals(requests):
    "Return the query of the requests and when their images came"
    Request = Pool().get(_REQUEST)
    return Request.arrival_query(lambda table: table.id.in_(requests))


def hours_to_images(orders, arrival):
    "Return the query of types of tests and the hours to the images"
    return (orders
        .join(arrival, condition=arrival.request == orders.request)
        .select(
            orders.test_type.as_('key'),
            hours(orders.date, arrival.arrived_at).as_('value')))


def hours_to_signature(reports, arrival, key):
    """Return the query of keys and the hours from images to the signature.

    They are null where nobody knows when images arrived.
    """
    return (reports
        .join(arrival, 'LEFT', condition=arrival.request == reports.request)
        .select(
            key.as_('key'),
            hours(arrival.arrived_at, reports.date).as_('value')))


class Version(metaclass=PoolMeta):
    __name__ = f'{_RESULT}.version'

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.add(Index(table, (table.date, Index.Range())))


class Context(FormRightsMixin, ModelView):
    "Imaging Figures Context"
    __name__ = 'gnuhealth.imaging.figure.context'
    _form_rights = ((_FIGURES[0], 'read'),)

    from_date = fields.Date("From Date", required=True)
    to_date = fields.Date("To Date", required=True)
    test_type = fields.Many2One(
        'gnuhealth.imaging.test.type', "Type", help="Leave empty for all.")

    @classmethod
    def default_from_date(cls):
        return period()[0]

    @classmethod
    def default_to_date(cls):
        return period()[1]

    @classmethod
    def default_test_type(cls):
        return Transaction().context.get('test_type')


class FigureMixin(ModelRightsMixin):
    "A row of figures of a period, which opens what they are of"
    __slots__ = ()

    @classmethod
    def _select(cls, query, id_, **columns):
        "Return the select that makes the rows"
        return query.select(
            id_.as_('id'), Literal(0).as_('create_uid'),
            Literal(None).as_('create_date'), Literal(None).as_('write_uid'),
            Literal(None).as_('write_date'),
            *(value.as_(name) for name, value in columns.items()))

    def orders_domain(self):
        "Return the domain of the requests that the row is of"
        return [
            ('state', 'in', ['requested', 'done']),
            *within_domain('date', *self._days()),
            *(('requested_test.test_type', '=', t) for t in self._types())]

    def reports_domain(self):
        "Return the domain of the results that the row is of"
        return [
            ('versions', 'where', [
                    ('kind', '=', 'final'),
                    *within_domain('date', *self._days()),
                    *(('user', '=', u) for u in self._readers())]),
            *(('requested_test.test_type', '=', t) for t in self._types())]

    def _days(self):
        return period()

    def _types(self):
        test_type = Transaction().context.get('test_type')
        return [test_type] if test_type is not None else []

    def _readers(self):
        return []


class TypeFigureMixin(FigureMixin):
    "A row of figures of a type of tests"
    __slots__ = ()
    _rec_name = 'modality'

    test_type = fields.Many2One('gnuhealth.imaging.test.type', "Type")
    modality = fields.Char("Modality")

    search_rec_name = any_of_names('modality', 'test_type.rec_name')

    def _types(self):
        return [self.test_type.id]


class SignatureFigureMixin(FigureMixin):
    "A row of figures of signed reports, and how long they took"
    __slots__ = ()

    # Lazy, as a search would have to count what it loads
    reports = fields.Integer("Reports", loading='lazy')
    signature_median = fields.Float(
        "To Signature, Median (h)", digits=(16, 2), loading='lazy',
        help="The hours from the images to the signature of half of them.")
    signature_ninetieth = fields.Float(
        "To Signature, 90th Percentile (h)", digits=(16, 2), loading='lazy',
        help="The hours within which nine of ten were signed.")


class DayFigure(TypeFigureMixin, ModelSQL, ModelView):
    "Imaging Figures per Day"
    __name__ = 'gnuhealth.imaging.figure.day'

    day = fields.Date("Day")
    orders = fields.Integer("Orders")
    reports = fields.Integer("Reports")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._order = [
            ('day', 'ASC NULLS LAST'), ('test_type', 'ASC NULLS LAST'),
            ('id', 'ASC')]

    @classmethod
    def table_query(cls):
        type_ = Pool().get('gnuhealth.imaging.test.type').__table__()
        ordered, signed = ordered_requests(), signed_reports()
        orders = ordered.select(
            cls._day(ordered.date).as_('day'), ordered.test_type,
            Literal(1).as_('orders'), Literal(0).as_('reports'))
        reports = signed.select(
            cls._day(signed.date).as_('day'), signed.test_type,
            Literal(0).as_('orders'), Literal(1).as_('reports'))
        both = Union(orders, reports, all_=True)
        counts = both.select(
            both.day, both.test_type, Sum(both.orders).as_('orders'),
            Sum(both.reports).as_('reports'),
            group_by=[both.day, both.test_type])
        # No two days and types have the same until the year 2075
        number = (
            (Extract('YEAR', counts.day) - 1900) * 372
            + Extract('MONTH', counts.day) * 31
            + Extract('DAY', counts.day))
        return cls._select(
            counts.join(type_, condition=type_.id == counts.test_type),
            Cast(number * 32768 + counts.test_type, 'INTEGER'),
            day=counts.day, test_type=counts.test_type, modality=type_.code,
            orders=counts.orders, reports=counts.reports)

    @classmethod
    def _day(cls, column):
        return fields.Date("Day").sql_cast(
            column, timezone=timezone())

    def _days(self):
        return self.day, self.day


class TimeFigure(
        TypeFigureMixin, SignatureFigureMixin, ModelSQL, ModelView):
    "Imaging Times"
    __name__ = 'gnuhealth.imaging.figure.time'

    images = fields.Integer(
        "With Images", loading='lazy',
        help="How many orders images arrived for.")
    images_median = fields.Float(
        "To Images, Median (h)", digits=(16, 2), loading='lazy',
        help="The hours from the order to the images of half of them.")
    images_ninetieth = fields.Float(
        "To Images, 90th Percentile (h)", digits=(16, 2), loading='lazy',
        help="The hours within which nine of ten had their images.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._order = [('modality', 'ASC NULLS LAST'), ('id', 'ASC')]

    @classmethod
    def table_query(cls):
        type_ = Pool().get('gnuhealth.imaging.test.type').__table__()
        # Each is asked for once, as all the rest is from it
        orders = With(query=ordered_requests())
        reports = With(query=signed_reports())
        arrival = With(query=arrivals(
                orders.select(orders.request)
                | reports.select(reports.request)))
        images = percentiles(hours_to_images(orders, arrival))
        times = percentiles(hours_to_signature(
                reports, arrival, reports.test_type))
        query = cls._select(
            type_
            .join(images, 'LEFT', condition=images.key == type_.id)
            .join(times, 'LEFT', condition=times.key == type_.id),
            type_.id, test_type=type_.id, modality=type_.code,
            images=Coalesce(images.count, 0), images_median=images.median,
            images_ninetieth=images.ninetieth,
            reports=Coalesce(times.count, 0),
            signature_median=times.median,
            signature_ninetieth=times.ninetieth)
        # Known without what is joined, so that a search does not count
        query.where = type_.id.in_(
            orders.select(orders.test_type)
            | reports.select(reports.test_type))
        query.with_ = [orders, reports, arrival]
        return query


class ReaderFigure(SignatureFigureMixin, ModelSQL, ModelView):
    "Imaging Figures per Reader"
    __name__ = 'gnuhealth.imaging.figure.reader'

    user = fields.Many2One('res.user', "Reader")
    name = fields.Char("Name")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._order = [('name', 'ASC NULLS LAST'), ('id', 'ASC')]

    @classmethod
    def table_query(cls):
        user = Pool().get('res.user').__table__()
        reports = With(query=signed_reports())
        # Grouped, or PostgreSQL goes through all of them for each request
        arrival = With(query=arrivals(reports.select(
                    reports.request, group_by=[reports.request])))
        times = percentiles(hours_to_signature(
                reports, arrival, reports.user))
        query = cls._select(
            user.join(times, 'LEFT', condition=times.key == user.id),
            user.id, user=user.id, name=Coalesce(user.name, user.login),
            reports=times.count, signature_median=times.median,
            signature_ninetieth=times.ninetieth)
        query.where = user.id.in_(
            reports.select(reports.user, group_by=[reports.user]))
        query.with_ = [reports, arrival]
        return query

    def _readers(self):
        return [self.user.id]


class OpenFigure(WizardRightsMixin, Wizard):
    "What the wizards that open the rows of figures have in common"
    _models = tuple(_FIGURES)

    start_state = 'open_'

    def _open(self, action, domain):
        action['pyson_domain'] = PYSONEncoder().encode(
            ['OR', *domain] if domain else [('id', '=', -1)])
        return action, {}


class OpenOrders(OpenFigure):
    "Orders"
    __name__ = 'gnuhealth.imaging.figure.orders'
    _rights = ((_FIGURES[0], 'read'), (_REQUEST, 'read'))

    open_ = StateAction('health_imaging.act_figure_order')

    def do_open_(self, action):
        return self._open(action, [r.orders_domain() for r in self.records])


class OpenReports(OpenFigure):
    "Reports"
    __name__ = 'gnuhealth.imaging.figure.reports'
    _rights = ((_FIGURES[0], 'read'), (_RESULT, 'read'))

    open_ = StateAction('health_imaging.act_figure_report')

    def do_open_(self, action):
        return self._open(action, [r.reports_domain() for r in self.records])

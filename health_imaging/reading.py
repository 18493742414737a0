# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What is to be reported, since when, and who reads it"
import datetime as dt

from sql import Literal, Null
from sql.aggregate import Max
from sql.conditionals import Coalesce
from sql.operators import Exists

from trytond.i18n import gettext
from trytond.model import Index, ModelView, fields
from trytond.modules.health.core import (
    compute_age_from_dates, convert_date_timezone, get_institution_timezone)
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Eval, If, PYSONEncoder
from trytond.tools import grouped_slice, reduce_ids
from trytond.transaction import Transaction, without_check_access
from trytond.wizard import StateAction, StateTransition, Wizard

from .common import wanted
from .exceptions import ReadingError
from .rights import WizardRightsMixin

READING = [
    (None, ""),
    ('to_read', "To Read"),
    ('preliminary', "Preliminary"),
    ('final', "Final"),
    ]
_BY_REPORT = {
    'draft': 'to_read',
    'preliminary': 'preliminary',
    'final': 'final',
    'amended': 'final',
    }
_OPEN = ['to_read', 'preliminary']
# How long images wait for a report where the type of the test does not say
LIMIT, URGENT_LIMIT = dt.timedelta(days=1), dt.timedelta(hours=1)

_REQUEST = 'gnuhealth.imaging.test.request'
# What it takes to read
_RIGHTS = (
    (_REQUEST, 'write'),
    ('gnuhealth.imaging.test.result', 'write'),
    )


class TestType(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.type'

    reading_limit = fields.TimeDelta(
        "Reading Limit",
        help="How long images wait for their report before the reading "
        "worklist colours them. Leave empty for a day.")
    urgent_reading_limit = fields.TimeDelta(
        "Urgent Reading Limit",
        help="The same for urgent requests. Leave empty for an hour.")


class Request(metaclass=PoolMeta):
    __name__ = _REQUEST

    images_arrived = fields.Function(fields.Boolean(
            "Images Arrived",
            help="Whether there are images that answer the request."),
        'get_arrival', searcher='search_images_arrived')
    arrived_at = fields.Function(fields.DateTime(
            "Arrived", help="When the last of its images arrived."),
        'get_arrival')
    image_count = fields.Function(fields.Integer(
            "Images", help="How many images there are."),
        'get_arrival')
    reading = fields.Function(fields.Selection(
            READING, "Reading", sort=False,
            help="What is to be done with its report, from when images "
            "arrived or a report was begun."),
        'get_reading', searcher='search_reading')
    signed_today = fields.Function(fields.Boolean(
            "Signed Today", help="Whether its report was signed today."),
        'get_signed_today', searcher='search_signed_today')
    reading_wait = fields.Function(fields.TimeDelta(
            "Waiting for Report",
            help="For how long its images wait for a report that is signed."),
        'get_reading_wait')
    reading_overdue = fields.Function(fields.Boolean(
            "Reading Overdue",
            help="Whether they wait for longer than the type of the test "
            "allows."),
        'get_reading_wait')
    patient_age = fields.Function(fields.Char(
            "Age", help="The age of the patient."),
        'get_patient_age')
    reader = fields.Many2One(
        'res.user', "Reader", readonly=True, ondelete='RESTRICT',
        help="Who took the request to report it.")
    taken_at = fields.DateTime("Taken", readonly=True)
    read_by_me = fields.Function(fields.Boolean(
            "Read by Me", help="Whether the user took it."),
        'get_read_by_me', searcher='search_read_by_me')

    _button_rights = dict.fromkeys(
        ['take', 'give_back', 'read_images'], _RIGHTS)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.update({
                Index(table, (table.reader, Index.Range()),
                    where=table.reader != Null),
                # The order of the reading worklist
                Index(table,
                    (Coalesce(table.urgent, False),
                        Index.Range(order='DESC')),
                    (table.date, Index.Range()),
                    (table.id, Index.Range())),
                })
        is_open = Eval('reading').in_(_OPEN)
        cls._buttons.update({
                'take': {
                    'invisible': ~is_open | Eval('reader'),
                    'depends': ['reading', 'reader'],
                    },
                'give_back': {
                    'invisible': ~is_open | ~Eval('reader'),
                    'depends': ['reading', 'reader'],
                    },
                'read_images': {
                    'invisible': ~is_open,
                    'depends': ['reading'],
                    },
                })

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree/field[@name="reading_wait"]', 'visual',
                If(Eval('reading_overdue', False), 'warning', ''),
                ['reading_overdue']),
            ]

    # When images arrived

    @classmethod
    def get_arrival(cls, requests, names):
        arrivals = cls._arrivals(list(map(int, requests)))
        values = {
            'images_arrived': lambda arrival: arrival is not None,
            'arrived_at': lambda arrival: arrival and arrival[0],
            'image_count': lambda arrival: arrival and arrival[1],
            }
        return {
            name: {
                int(r): values[name](arrivals.get(int(r))) for r in requests}
            for name in names}

    @classmethod
    def _arrivals(cls, ids):
        "Return when the images of those with any came, and how many"
        cursor = Transaction().connection.cursor()
        arrivals = {}
        for sub_ids in map(list, grouped_slice(ids)):
            cursor.execute(*cls.arrival_query(
                    lambda table, ids=sub_ids: reduce_ids(table.id, ids)))
            arrivals.update(
                (id_, (cls.arrived_at.sql_format(arrived_at), count))
                for id_, arrived_at, count in cursor)
        return arrivals

    @classmethod
    def arrival_query(cls, where):
        """Return the query of requests, when their images came and how many.

        'where' returns the condition of the requests that are meant from
        their table. Where no module knows of images they are there when the
        procedure is completed, and nobody knows how many.
        """
        Step = Pool().get('gnuhealth.imaging.test.request.step')
        table, step = cls.__table__(), Step.__table__()
        return (table
            .join(step, condition=step.request == table.id)
            .select(
                table.id.as_('request'), Max(step.date).as_('arrived_at'),
                Literal(None).as_('image_count'),
                where=(table.procedure_status == 'completed')
                & (step.procedure_status == 'completed')
                & where(table),
                group_by=[table.id]))

    @classmethod
    def has_images(cls, table):
        "Return the condition that images of a request arrived"
        return table.procedure_status == 'completed'

    @classmethod
    def search_images_arrived(cls, name, clause):
        table = cls.__table__()
        return [('id', 'in', table.select(
                    table.id,
                    where=cls.domain_images_arrived(
                        clause, {None: (table, None)})))]

    @classmethod
    def domain_images_arrived(cls, domain, tables):
        # A condition on each row is asked of those only that meet the others
        has_images = cls.has_images(tables[None][0])
        values = wanted(domain, {True, False})
        if len(values) != 1:
            return Literal(bool(values))
        return has_images if True in values else ~has_images

    # What is to be done

    @classmethod
    def get_reading(cls, requests, name):
        arrived = cls._arrivals([
                r.id for r in requests if not r.report_status]).keys()
        return {
            r.id: _BY_REPORT[r.report_status] if r.report_status
            else 'to_read' if r.id in arrived else None
            for r in requests}

    @classmethod
    def search_reading(cls, name, clause):
        table = cls.__table__()
        return [('id', 'in', table.select(
                    table.id,
                    where=cls.domain_reading(clause, {None: (table, None)})))]

    @classmethod
    def domain_reading(cls, domain, tables):
        # A condition on each row itself can be met in the order of the list
        table, values = tables[None][0], wanted(domain, dict(READING))
        if values & {None, 'final'}:
            # Most are: they are looked through in the order of the list
            return (
                cls._is_reported(table, values)
                | cls._is_unreported(table, values))
        # Of alternatives each request would be read
        reported, unreported = cls.__table__(), cls.__table__()
        return table.id.in_(
            reported.select(
                reported.id, where=cls._is_reported(reported, values))
            | unreported.select(
                unreported.id, where=cls._is_unreported(unreported, values)))

    @classmethod
    def _is_reported(cls, table, values):
        "Return the condition of requests whose result says one of these"
        return cls.has_report_status(table, {
                state for state, reading in _BY_REPORT.items()
                if reading in values})

    @classmethod
    def _is_unreported(cls, table, values):
        "Return the condition of requests without a result that are of these"
        unreported = table.report_status == Null
        if values >= {None, 'to_read'}:
            return unreported
        if 'to_read' in values:
            return cls.is_to_read(table)
        return unreported & (
            ~cls.has_images(table) if None in values else Literal(False))

    @classmethod
    def is_to_read(cls, table):
        "Return the condition of requests without a result that have images"
        return (table.report_status == Null) & cls.has_images(table)

    @classmethod
    def _today(cls):
        "Return when the day began where the institution is, in UTC"
        now = convert_date_timezone(dt.datetime.now().replace(microsecond=0))
        midnight = dt.datetime.combine(now.date(), dt.time.min)
        return get_institution_timezone().localize(midnight).astimezone(
            dt.timezone.utc).replace(tzinfo=None)

    @classmethod
    def get_signed_today(cls, requests, name):
        today = set(cls.search([
                    ('id', 'in', list(map(int, requests))),
                    (name, '=', True)], order=[]))
        return {r.id: r in today for r in requests}

    @classmethod
    def search_signed_today(cls, name, clause):
        values = wanted(clause, {True, False})
        if len(values) != 1:
            return [('id', '!=' if values else '=', None)]
        result, later = cls._reports(), cls._reports()
        today = result.select(result.request, where=(
                (result.request != Null)
                & (result.state != 'entered_in_error')
                & (result.signed_at >= cls._today())
                & ~Exists(later.select(Literal(1), where=(
                            (later.request == result.request)
                            & (later.id > result.id)
                            & (later.state != 'entered_in_error'))))))
        return [('id', 'in' if True in values else 'not in', today)]

    @classmethod
    def get_reading_wait(cls, requests, names):
        now = dt.datetime.now().replace(microsecond=0)
        values = {name: {} for name in names}
        for request in requests:
            waits = request.reading in _OPEN and request.arrived_at
            wait = (
                max(now - request.arrived_at, dt.timedelta()) if waits
                else None)
            if 'reading_wait' in names:
                values['reading_wait'][request.id] = wait
            if 'reading_overdue' in names:
                values['reading_overdue'][request.id] = bool(
                    waits and wait > request._reading_limit)
        return values

    @property
    def _reading_limit(self):
        test_type = self.requested_test.test_type
        if self.urgent:
            return test_type.urgent_reading_limit or URGENT_LIMIT
        return test_type.reading_limit or LIMIT

    @classmethod
    @without_check_access
    def get_patient_age(cls, requests, name):
        today = convert_date_timezone(
            dt.datetime.now().replace(microsecond=0)).date()
        births = {r.id: r.patient.party.dob for r in requests}
        return {
            id_: compute_age_from_dates(birth, None, None, None, 'age', today)
            if birth else None
            for id_, birth in births.items()}

    # Who reads

    @classmethod
    def get_read_by_me(cls, requests, name):
        user = Transaction().user
        return {
            r.id: bool(r.reader and r.reader.id == user) for r in requests}

    @classmethod
    def search_read_by_me(cls, name, clause):
        values = wanted(clause, {True, False})
        if len(values) != 1:
            return [('id', '!=' if values else '=', None)]
        mine = ('reader', '=', Transaction().user)
        if True in values:
            return [mine]
        return ['OR', ('reader', '=', None), ('reader', '!=', mine[2])]

    @classmethod
    @ModelView.button
    def take(cls, requests):
        "Let the user be who reads the requests, unless others are"
        user = Transaction().user
        cls._check_reading(requests, {None, user})
        cls._set_reader([r for r in requests if not r.reader], user)

    @classmethod
    @ModelView.button
    def give_back(cls, requests):
        """Let others read the requests.

        The user is who took them, or administers imaging.
        """
        pool = Pool()
        User = pool.get('res.user')
        group = pool.get('ir.model.data').get_id(
            'health_imaging', 'group_health_imaging_admin')
        if group not in User.get_groups():
            cls._check_reading(requests, {None, Transaction().user})
        cls._set_reader(requests, None)

    @classmethod
    @ModelView.button_action('health_imaging.wizard_read_images')
    def read_images(cls, requests):
        cls._check_reading(requests, {None, Transaction().user})

    @classmethod
    def _check_reading(cls, requests, readers):
        "Raise ReadingError unless the requests wait, and only for those"
        for request in requests:
            if request.reading not in _OPEN:
                raise ReadingError(gettext(
                        'health_imaging.msg_reading_not_open',
                        request=request.rec_name))
            reader = request.reader
            if (reader and reader.id) not in readers:
                raise ReadingError(gettext(
                        'health_imaging.msg_reading_taken',
                        request=request.rec_name, user=reader.rec_name))

    @classmethod
    @without_check_access
    def _set_reader(cls, requests, user):
        now = dt.datetime.now().replace(microsecond=0)
        cls.write(requests, {
                'reader': user, 'taken_at': now if user else None})

    @classmethod
    def result_withdrawn(cls, requests, reason):
        super().result_withdrawn(requests, reason)
        cls._set_reader(requests, None)

    @classmethod
    def copy(cls, requests, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('reader')
        default.setdefault('taken_at')
        return super().copy(requests, default=default)


class Read(WizardRightsMixin, Wizard):
    "Read Images"
    __name__ = 'gnuhealth.imaging.test.request.read'
    _rights = (*_RIGHTS, ('gnuhealth.imaging.test.result', 'create'))
    _models = (_REQUEST,)

    start_state = 'take'
    take = StateTransition()
    open_ = StateAction('health_imaging.act_reading_report')

    def transition_take(self):
        Request = type(self.record)
        Request.take(self.records)
        Request.create_results(self.records)
        return 'open_'

    def do_open_(self, action):
        # What the transition made
        results = type(self.record).create_results(self.records)
        action['pyson_domain'] = PYSONEncoder().encode(
            [('id', 'in', [r.id for r in results])])
        return action, {'res_id': results[0].id}

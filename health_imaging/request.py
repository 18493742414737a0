# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The requests: their numbers and identifiers, and their workflow"
import datetime as dt
from collections import defaultdict

from sql import Literal, Table
from sql.conditionals import Coalesce
from sql.operators import Equal

from trytond.i18n import gettext
from trytond.model import (
    Exclude, Index, ModelSQL, ModelView, Unique, Workflow, fields)
from trytond.modules.health.core import (
    convert_date_timezone, get_health_professional, get_institution_timezone)
from trytond.pool import Pool
from trytond.pyson import Bool, Eval, If
from trytond.tools import grouped_slice
from trytond.transaction import Transaction, without_check_access

from . import dicom
from .common import EnteredNowMixin, WordSearchMixin, text_indexes
from .exceptions import (
    CancellationWarning, IdentifierError, ImagesWarning, ReasonMissingError,
    RequestStateError, ResultGenerationError, TestInactiveError)
from .identity import ChosenPatientMixin
from .own_patient import OwnPatientMixin
from .rights import ModelRightsMixin
from .searched_char import SearchedChar
from .step import REFUSALS, STATES, transition

# So many requests are found again by their ids
_NAMED = 1000


def _table_of(query):
    "Return the table of which a query of a search has the ids"
    id_, = query.columns
    return getattr(id_, 'expression', id_).table


class NewestDaysMixin:
    "Rows of which lists show the newest day first, each ordered by itself"
    __slots__ = ()

    @classmethod
    def search(
            cls, domain, offset=0, limit=None, order=None, count=False,
            query=False):
        if order is None or order is False:
            order = cls._order
        days_first = list(map(tuple, order[:1])) == [('day', 'DESC')]
        if limit is not None and days_first and not (count or query):
            domain = cls._newest(domain, (offset or 0) + limit)
        return super().search(
            domain, offset=offset, limit=limit, order=order, count=count,
            query=query)

    @classmethod
    def _newest(cls, domain, number):
        """Return a domain of the newest days that hold that many requests.

        No index can be ordered by the day, as each institution has its time
        zone: by the date, of which there is one, they are found first.
        """
        cursor = Transaction().connection.cursor()
        query = super().search(domain, order=[], query=True)
        table = _table_of(query)
        if not isinstance(table, Table):
            # Of alternatives it is a union, which has the ids only
            query = super().search(
                [('id', 'in', query)], order=[], query=True)
            table = _table_of(query)
        query.order_by = [table.date.desc, table.id.desc]
        query.limit = number
        cursor.execute(*query)
        ids = [id_ for id_, in cursor]
        if len(ids) < max(number, 1):
            # All, of which a statement can not name any number
            return [('id', 'in', ids)] if len(ids) <= _NAMED else domain
        # Of the same day it can be that much earlier, as clocks are changed
        since = cls(ids[-1]).date - dt.timedelta(hours=25)
        # What the domain means was found out already
        query.order_by = query.limit = None
        query.where &= table.date >= cls.date.sql_format(since)
        return [('id', 'in', query)]


class Request(
        NewestDaysMixin, EnteredNowMixin, WordSearchMixin,
        ChosenPatientMixin, OwnPatientMixin, ModelRightsMixin, Workflow,
        ModelSQL, ModelView):
    "Imaging Request"
    __name__ = 'gnuhealth.imaging.test.request'
    _rec_name = 'request_line'
    _search_rec_names = [
        'request_line', 'request', 'accession_number', 'patient.rec_name',
        'requested_test.rec_name', 'requested_test.test_type.rec_name']

    _states = {'readonly': Eval('state') != 'draft'}

    patient = fields.Many2One(
        'gnuhealth.patient', "Patient", required=True, ondelete='RESTRICT',
        states={
            'readonly': (Eval('state') != 'draft') | Bool(
                Eval('accession_number')),
            })
    date = fields.DateTime("Date", required=True, states=_states)
    day = fields.Function(fields.Date(
            "Day",
            help="The day of the request where the institution is."),
        'get_day')
    requested_test = fields.Many2One(
        'gnuhealth.imaging.test', "Test", required=True, ondelete='RESTRICT',
        states=_states)
    doctor = fields.Many2One(
        'gnuhealth.healthprofessional', "Requesting Doctor", required=True,
        ondelete='RESTRICT', states=_states)
    context = fields.Many2One(
        'gnuhealth.pathology', "Context", ondelete='RESTRICT',
        help="The suspected or known condition, or the kind of check-up, "
        "that the test is requested for.")
    clinical_question = fields.Char(
        "Clinical Question",
        help="What the images are to answer. Modalities and reports show it.")
    urgent = fields.Boolean("Urgent")
    comment = fields.Text("Additional Information")
    request = SearchedChar(
        "Order", readonly=True,
        help="The number of the order that the request belongs to.")
    request_line = SearchedChar(
        "Order Line", readonly=True,
        help="The number of the order, how many tests it has, and the "
        "number of this test among them.")
    accession_number = SearchedChar(
        "Accession Number", readonly=True,
        help="What the images that answer the request are known by. "
        "It is given when the test is requested.")
    accession_number_shared = fields.Boolean(
        "Accession Number Shared", readonly=True,
        help="Another request of the order had this accession number first.")
    study_instance_uid = fields.Char(
        "Study Instance UID", readonly=True,
        help="The identifier of the study that answers the request. "
        "It is given when the test is requested.")
    state = fields.Selection(
        STATES, "State", required=True, readonly=True, sort=False)
    steps = fields.One2Many(
        'gnuhealth.imaging.test.request.step', 'request', "Steps",
        readonly=True)

    del _states

    _button_rights = dict.fromkeys(
        ['requested', 'generate_results', 'cancel', 'reopen'],
        ((__name__, 'write'),))
    # What says whose and which examination it is.
    _identity_fields = frozenset(
        ['patient', 'requested_test', 'request', 'request_line'])
    # What modalities and archives know once the request has its identifiers.
    _issued_fields = frozenset([
            'patient', 'request', 'request_line', 'accession_number',
            'study_instance_uid'])

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('accession_number_unique', Exclude(
                    table, (table.accession_number, Equal),
                    where=table.accession_number_shared == Literal(False)),
                'health_imaging.msg_accession_number_unique'),
            ('study_instance_uid_unique', Unique(
                    table, table.study_instance_uid),
                'health_imaging.msg_study_instance_uid_unique'),
            ]
        cls._sql_indexes.update({
                Index(table, (table.patient, Index.Range())),
                Index(table, (table.requested_test, Index.Range())),
                Index(table, (table.accession_number, Index.Equality())),
                *text_indexes(cls, ['request', 'accession_number']),
                Index(table, (table.date, Index.Range(order='DESC'))),
                Index(
                    table, (table.state, Index.Range()),
                    where=table.state.in_(['draft', 'requested'])),
                Index(
                    table, (table.date, Index.Range(order='DESC')),
                    where=table.state == 'cancelled'),
                })
        # The newest day first, in each day what is urgent.
        cls._order = [
            ('day', 'DESC'), ('urgent', 'DESC'), ('date', 'DESC'),
            ('id', 'DESC')]
        cls._transitions |= {
            ('draft', 'requested'),
            ('requested', 'done'),
            ('draft', 'cancelled'),
            ('requested', 'cancelled'),
            ('requested', 'draft'),
            ('cancelled', 'draft'),
            }
        cls._buttons.update({
                'requested': {
                    'invisible': Eval('state') != 'draft',
                    'depends': ['state'],
                    },
                'generate_results': {
                    'invisible': Eval('state') != 'requested',
                    'depends': ['state'],
                    },
                'cancel': {
                    'invisible': ~Eval('state').in_(['draft', 'requested']),
                    'depends': ['state'],
                    },
                'reopen': {
                    'invisible': ~Eval('state').in_(
                        ['requested', 'cancelled']),
                    'depends': ['state'],
                    },
                })

    @classmethod
    def default_urgent(cls):
        return False

    @classmethod
    def default_accession_number_shared(cls):
        return False

    @classmethod
    def default_state(cls):
        return 'draft'

    def get_day(self, name):
        return convert_date_timezone(self.date).date()

    @classmethod
    def order_day(cls, tables):
        table, _ = tables[None]
        return [fields.Date("Day").sql_cast(
                table.date, timezone=str(get_institution_timezone()))]

    @classmethod
    def order_urgent(cls, tables):
        table, _ = tables[None]
        return [Coalesce(table.urgent, Literal(False))]

    def get_rec_name(self, name):
        return ' '.join([
                self.request_line or f'({self.id})',
                self.patient.rec_name,
                f'({self.requested_test.rec_name})'])

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Eval('state') == 'cancelled', 'muted', If(
                        Eval('urgent', False) & (Eval('state') != 'done'),
                        'danger', ''))),
            ]

    @classmethod
    def validate_fields(cls, requests, field_names):
        super().validate_fields(requests, field_names)
        cls._check_test_active(requests, field_names)
        cls._check_accession_number(requests, field_names)
        cls._check_study_instance_uid(requests, field_names)

    @classmethod
    def _check_test_active(cls, requests, field_names):
        # A test that is deactivated later does not spoil its old requests.
        if field_names and 'requested_test' not in field_names:
            return
        for request in requests:
            if not request.requested_test.active:
                raise TestInactiveError(gettext(
                        'health_imaging.msg_test_inactive',
                        test=request.requested_test.rec_name))

    @classmethod
    @without_check_access
    def _check_accession_number(cls, requests, field_names):
        if field_names and not field_names & {
                'accession_number', 'accession_number_shared', 'request',
                'patient'}:
            return
        numbers = {r.accession_number for r in requests if r.accession_number}
        for number in numbers:
            if not dicom.is_short_string(number):
                raise IdentifierError(gettext(
                        'health_imaging.msg_accession_number_invalid',
                        number=number))
        # The database knows nothing of orders.
        sharing = defaultdict(list)
        for sub_numbers in grouped_slice(numbers):
            for request in cls.search(
                    [('accession_number', 'in', list(sub_numbers))]):
                sharing[request.accession_number].append(request)
        for sharers in sharing.values():
            if len({r._accession_group for r in sharers}) > 1:
                raise IdentifierError(gettext(
                        'health_imaging.msg_accession_number_unique'))

    @classmethod
    def _check_study_instance_uid(cls, requests, field_names):
        if field_names and 'study_instance_uid' not in field_names:
            return
        uids = {r.study_instance_uid for r in requests if r.study_instance_uid}
        for uid in uids:
            if not dicom.is_uid(uid):
                raise IdentifierError(gettext(
                        'health_imaging.msg_study_instance_uid_invalid',
                        uid=uid))

    @property
    def _accession_group(self):
        "What requests that share an accession number have in common"
        return self.request, self.patient.id

    @classmethod
    def generate_code(cls, **pattern):
        "Return the number of a new order"
        Sequences = Pool().get('gnuhealth.sequences')
        return Sequences.next_imaging_code('imaging_req_seq', **pattern)

    @classmethod
    def create(cls, vlist):
        requests = super().create(cls._number_lines(vlist))
        cls._record_step(requests)
        return requests

    @classmethod
    def _number_lines(cls, vlist):
        """Return the values with the number of the order and of its line.

        Values with the same order number are the lines of that order; values
        without one are an order of their own.
        """
        vlist = [values.copy() for values in vlist]
        orders = defaultdict(list)
        for values in vlist:
            if not values.get('request'):
                values['request'] = cls.generate_code()
            orders[values['request']].append(values)
        for order, lines in orders.items():
            for number, values in enumerate(lines, 1):
                if not values.get('request_line'):
                    values['request_line'] = (
                        f'{order}-{len(lines):02}-{number:02}')
        return vlist

    @classmethod
    def write(cls, *args):
        actions = iter(args)
        for requests, values in zip(actions, actions, strict=True):
            if cls._identity_fields & values.keys():
                cls._check_draft(
                    requests, 'health_imaging.msg_request_modify_draft')
            if cls._issued_fields & values.keys():
                cls._check_issued(requests, values)
            if ('state' in values and not Transaction().context.get(
                        '_step_recorded')):
                cls._record_step(
                    [r for r in requests if r.state != values['state']],
                    values['state'])
        super().write(*args)

    @classmethod
    def delete(cls, requests):
        cls._check_draft(requests, 'health_imaging.msg_request_delete_draft')
        for request in requests:
            if request._is_issued:
                raise RequestStateError(gettext(
                        'health_imaging.msg_request_delete_issued',
                        request=request.rec_name))
        super().delete(requests)

    @classmethod
    def _check_draft(cls, requests, message):
        for request in requests:
            if request.state != 'draft':
                raise RequestStateError(
                    gettext(message, request=request.rec_name))

    @property
    def _is_issued(self):
        "Whether others may know the request by its identifiers"
        return bool(self.accession_number or self.study_instance_uid)

    @classmethod
    def _check_issued(cls, requests, values):
        for request in filter(lambda r: r._is_issued, requests):
            for name in cls._issued_fields & values.keys():
                value = getattr(request, name)
                if value and getattr(value, 'id', value) != values[name]:
                    raise RequestStateError(gettext(
                            'health_imaging.msg_request_modify_issued',
                            request=request.rec_name))

    @classmethod
    def copy(cls, requests, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('request')
        default.setdefault('request_line')
        default.setdefault('accession_number')
        default.setdefault('accession_number_shared', False)
        default.setdefault('study_instance_uid')
        default.setdefault('date', cls.default_date())
        default.setdefault('state', cls.default_state())
        default.setdefault('steps')
        return super().copy(requests, default=default)

    @classmethod
    def check_transition(cls, requests, state):
        """Raise an error for the first request that can not go to the state.

        For the state done it is ResultGenerationError, otherwise
        RequestStateError.
        """
        Error = ResultGenerationError if state == 'done' else RequestStateError
        for request in requests:
            if (request.state, state) not in cls._transitions:
                raise Error(gettext(
                        REFUSALS[request.state, state],
                        request=request.rec_name))

    @classmethod
    @ModelView.button
    @transition('requested')
    def requested(cls, requests):
        cls._record_step(requests, 'requested')
        cls._issue_identifiers(requests)

    @classmethod
    @without_check_access
    def _issue_identifiers(cls, requests):
        "Give the requests what they lack of accession number and UID"
        Sequences = Pool().get('gnuhealth.sequences')
        groups = defaultdict(list)
        per_order = Sequences(1).imaging_accession_per_order
        for request in requests:
            if not request.study_instance_uid:
                request.study_instance_uid = dicom.new_uid()
            if not request.accession_number:
                if per_order and request.request:
                    groups[request._accession_group].append(request)
                else:
                    groups[request.id].append(request)
        numbers = cls._accession_numbers(requests) if per_order else {}
        new = [key for key in groups if key not in numbers]
        codes = Sequences.next_imaging_codes('imaging_accession_seq', len(new))
        for key, number in zip(new, codes, strict=True):
            groups[key].pop(0).accession_number = number
            numbers[key] = number
        for key, sharers in groups.items():
            for request in sharers:
                request.accession_number = numbers[key]
                request.accession_number_shared = True
        cls.save(requests)

    @classmethod
    def _accession_numbers(cls, requests):
        "Return the accession number of each order that has one already"
        numbered = cls.search([
                ('request', 'in', list({r.request for r in requests})),
                ('accession_number', '!=', None),
                ('accession_number_shared', '=', False),
                ], order=[('id', 'DESC')])
        return {r._accession_group: r.accession_number for r in numbered}

    @classmethod
    def _images_arrived(cls, requests):
        """Return the ids of those of the requests that images arrived for.

        Here none is known to: modules that know of images extend this.
        """
        return set()

    @classmethod
    def _lacking_images(cls, requests):
        """Return those of the requests whose images should be there, and lack.

        Here images are attached to the results: modules that know of images
        extend this.
        """
        return []

    @classmethod
    def warn_lacking_images(cls, requests):
        "Raise ImagesWarning unless the user wants results without images"
        Warning = Pool().get('res.user.warning')
        lacking = cls._lacking_images(
            [r for r in requests if r.state == 'requested'])
        key = Warning.format('imaging_result_without_images', lacking)
        if lacking and Warning.check(key):
            raise ImagesWarning(key, gettext(
                    'health_imaging.msg_result_without_images',
                    requests='", "'.join(r.rec_name for r in lacking)))

    @classmethod
    @ModelView.button_action('health_imaging.wizard_generate_result')
    def generate_results(cls, requests):
        cls.check_transition(
            [r for r in requests if r.state != 'done'], 'done')

    @classmethod
    @transition('done')
    def done(cls, requests):
        cls._record_step(requests, 'done')

    @classmethod
    @ModelView.button_action('health_imaging.wizard_cancel_request')
    def cancel(cls, requests):
        cls.check_transition(requests, 'cancelled')

    @classmethod
    @transition('cancelled')
    def cancelled(cls, requests, reason):
        """Cancel the requests for the reason.

        Raise CancellationWarning if images of them arrived and the user has
        not confirmed that, and ReasonMissingError if there is no reason.
        """
        cls._check_no_result(requests, 'health_imaging.msg_cancel_done')
        reason = (reason or '').strip()
        if not reason:
            raise ReasonMissingError(
                gettext('health_imaging.msg_cancel_reason'))
        cls._warn_images_arrived(requests)
        cls._record_step(requests, 'cancelled', reason)
        cls._tell_worklist(requests, 'canceled')

    @classmethod
    @ModelView.button
    @transition('draft')
    def reopen(cls, requests):
        cls._check_no_result(requests, 'health_imaging.msg_reopen_done')
        requested = [r for r in requests if r.state == 'requested']
        arrived = cls._images_arrived(requested)
        for request in requested:
            if request.id in arrived:
                raise RequestStateError(gettext(
                        'health_imaging.msg_reopen_images',
                        request=request.rec_name))
        cls._record_step(requests, 'draft')
        cls._tell_worklist(requests, 'todo')

    @classmethod
    def _tell_worklist(cls, requests, status):
        "Set the status that health_imaging_worklist gives requests, if any"
        if 'worklist_status' in cls._fields:
            cls.write(requests, {'worklist_status': status})

    @classmethod
    def _record_step(cls, requests, state=None, reason=None):
        Step = Pool().get('gnuhealth.imaging.test.request.step')
        Step.record(requests, state, reason)

    @classmethod
    @without_check_access
    def _check_no_result(cls, requests, message):
        # A result that was made by hand leaves its request in its state.
        Result = Pool().get('gnuhealth.imaging.test.result')
        for sub_requests in grouped_slice(requests):
            results = Result.search([
                    ('request', 'in', [r.id for r in sub_requests]),
                    ('state', '!=', 'entered_in_error'),
                    ], limit=1)
            for result in results:
                raise RequestStateError(
                    gettext(message, request=result.request.rec_name))

    @classmethod
    def _warn_images_arrived(cls, requests):
        Warning = Pool().get('res.user.warning')
        arrived = cls._images_arrived(requests)
        names = [r.rec_name for r in requests if r.id in arrived]
        key = Warning.format('imaging_request_images_arrived', requests)
        if names and Warning.check(key):
            raise CancellationWarning(key, gettext(
                    'health_imaging.msg_cancel_images',
                    requests='", "'.join(names)))

    @classmethod
    def create_results(cls, requests):
        """Return the results of the requests, each with the one it has.

        Requested ones get their result and are done, and done ones get
        another where theirs is gone. Raise ResultGenerationError for what has
        no result and was not requested.
        """
        Result = Pool().get('gnuhealth.imaging.test.result')
        results = Result.search([
                ('request', 'in', [r.id for r in requests]),
                ('state', '!=', 'entered_in_error')])
        answered = {result.request for result in results}
        missing = [r for r in requests if r not in answered]
        cls.check_transition(
            [r for r in missing if r.state != 'done'], 'done')
        if missing:
            doctor = get_health_professional(required=False)
            results += Result.create(
                [r._get_result_values(doctor) for r in missing])
        # Where two users generate the same at once, the database refuses the
        # second change of the state: Tryton runs that transaction again, and
        # it finds the results of the first.
        requested = [r for r in requests if r.state == 'requested']
        if requested:
            cls.done(requested)
        return results

    @classmethod
    @without_check_access
    def result_withdrawn(cls, requests, reason):
        "Let the requests wait for a result again"
        done = [r for r in requests if r.state == 'done']
        cls._record_step(done, 'requested', reason)
        with Transaction().set_context(_step_recorded=True):
            cls.write(done, {'state': 'requested'})

    def _get_result_values(self, doctor=None):
        """Return the values of the new result.

        'doctor' is the id of the health professional who evaluates it; by
        default it is the one who requested it.
        """
        return {
            'request': self.id,
            'order': self.request,
            'request_date': self.date,
            'patient': self.patient.id,
            'requested_test': self.requested_test.id,
            'doctor': doctor or self.doctor.id,
            'indication': self.clinical_question,
            }

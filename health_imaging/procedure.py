# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How far the making of the images is, and what machines report of it"
import datetime as dt
from collections import defaultdict

from sql import Cast, Literal, Null
from sql.operators import Concat, Exists

from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.model.exceptions import AccessError
from trytond.modules.health.core import convert_date_timezone
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Eval, If
from trytond.tools import grouped_slice
from trytond.transaction import Transaction, without_check_access
from trytond.wizard import Button, StateTransition, StateView

from . import dicom
from .common import TextSearchMixin
from .exceptions import (
    IdentifierError, ProcedureStatusError, ReasonMissingError)
from .locking import forget
from .own_patient import OwnPatientMixin
from .rights import ModelRightsMixin
from .searched_char import SearchedChar
from .step import StopStartMixin, StopWizard

STATUSES = [
    (None, ""),
    ('scheduled', "Scheduled"),
    ('arrived', "Arrived"),
    ('started', "Started"),
    ('completed', "Completed"),
    ('discontinued', "Discontinued"),
    ]
# From which status people take a procedure to which
_TRANSITIONS = {
    'arrived': {'scheduled'},
    'started': {'scheduled', 'arrived'},
    'completed': {'scheduled', 'arrived', 'started'},
    'discontinued': {'scheduled', 'arrived', 'started'},
    'scheduled': {'arrived', 'started', 'discontinued'},
    }
# PS3.3 C.4.14, Performed Procedure Step Status (0040,0252)
PERFORMED_STATUSES = [
    ('IN PROGRESS', "In Progress"),
    ('COMPLETED', "Completed"),
    ('DISCONTINUED', "Discontinued"),
    ]
_BUTTONS = {
    'arrive': 'arrived',
    'start': 'started',
    'complete': 'completed',
    'discontinue': 'discontinued',
    'schedule_again': 'scheduled',
    }
# What it takes to say how far a procedure is
_PROCEDURE_RIGHTS = (('gnuhealth.imaging.test.request', 'write'),)


class Step(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request.step'

    procedure_status = fields.Selection(
        STATUSES, "Procedure", readonly=True, sort=False,
        help="How far the making of the images is from then on.")

    @classmethod
    @without_check_access
    def record_procedure(cls, requests, status, reason=None):
        "Record that the user takes the procedures of the requests there"
        now = dt.datetime.now().replace(microsecond=0)
        cls.create([{
                    'request': request.id,
                    'from_state': request.state,
                    'to_state': request.state,
                    'procedure_status': status,
                    'date': now,
                    'user': Transaction().user,
                    'reason': reason,
                    } for request in requests])


class Request(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request'

    requested_procedure_id = fields.Char(
        "Requested Procedure ID", readonly=True,
        help="What modalities know the procedure by. "
        "It is given when the test is requested.")
    scheduled_procedure_step_id = fields.Char(
        "Scheduled Procedure Step ID", readonly=True,
        help="What modalities know the step of the procedure by. "
        "It is given when the test is requested.")
    procedure_status = fields.Selection(
        STATUSES, "Procedure", readonly=True, sort=False,
        help="How far the making of the images is.")
    modality = fields.Function(
        fields.Char("Modality", help="The code of the type of the test."),
        'get_modality', searcher='search_modality')
    waiting = fields.Function(
        fields.TimeDelta(
            "Waiting",
            help="For how long it was to be made already."),
        'get_waiting')
    overdue = fields.Function(
        fields.Boolean(
            "Overdue", help="Whether it was to be made before today."),
        'get_waiting')
    performed_steps = fields.One2Many(
        'gnuhealth.imaging.performed_step', 'request', "Performed Steps",
        readonly=True, help="What machines reported.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('requested_procedure_id_unique', Unique(
                    table, table.requested_procedure_id),
                'health_imaging.msg_procedure_id_unique'),
            ('scheduled_procedure_step_id_unique', Unique(
                    table, table.scheduled_procedure_step_id),
                'health_imaging.msg_procedure_id_unique'),
            ]
        cls._issued_fields |= {
            'requested_procedure_id', 'scheduled_procedure_step_id'}
        cls._button_rights = {
            **cls._button_rights,
            **dict.fromkeys(_BUTTONS, _PROCEDURE_RIGHTS)}
        for button, status in _BUTTONS.items():
            cls._buttons[button] = {
                'invisible': (Eval('state') != 'requested')
                | ~Eval('procedure_status').in_(
                    sorted(_TRANSITIONS[status])),
                'depends': ['state', 'procedure_status'],
                }

    @classmethod
    def __register__(cls, module):
        table_h = cls.__table_handler__(module)
        is_new = not table_h.column_exist('procedure_status')
        super().__register__(module)
        # Migration from 5.0 and 7.0.0: what was requested is to be made
        if is_new and 'procedure_status' in cls._fields:
            cls._identify_requested(table_h.column_exist('merge_id'))
            cls._schedule_requested()

    @classmethod
    def _identify_requested(cls, has_merge_id):
        """Give what was requested without identifiers what machines need.

        The UID is the one that health_imaging_worklist has told them already,
        if it has.
        """
        table = cls.__table__()
        lacks = (table.state == 'requested') & (
            table.study_instance_uid == Null)
        cursor = Transaction().connection.cursor()
        if has_merge_id:
            cursor.execute(*table.update(
                    [table.study_instance_uid], [table.merge_id],
                    where=lacks & (table.merge_id != Null)
                    & (table.merge_id != '')))
        cursor.execute(*table.select(table.id, where=lacks))
        ids = [id_ for id_, in cursor]
        if ids:
            update = table.update(
                [table.study_instance_uid], [''], where=table.id == 0)
            # The values are those of each row
            cursor.executemany(
                str(update), [(dicom.new_uid(), id_) for id_ in ids])
        cursor.execute(*table.update(
                [table.accession_number, table.accession_number_shared],
                [cls._upgraded_number(table), False],
                where=(table.state == 'requested')
                & (table.accession_number == Null)))

    @classmethod
    def _upgraded_number(cls, table):
        # No number of a sequence is like that
        return Concat('R-', Cast(table.id, 'VARCHAR'))

    @classmethod
    def _schedule_requested(cls):
        table = cls.__table__()
        number = cls._upgraded_number(table)
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.update(
                [
                    table.procedure_status, table.scheduled_date,
                    table.requested_procedure_id,
                    table.scheduled_procedure_step_id],
                ['scheduled', table.date, number, number],
                where=(table.state == 'requested')
                & (table.study_instance_uid != Null)))

    @classmethod
    def get_modality(cls, requests, name):
        return {r.id: r.requested_test.test_type.code for r in requests}

    @classmethod
    def search_modality(cls, name, clause):
        return [('requested_test.test_type.code', *clause[1:])]

    @classmethod
    def get_waiting(cls, requests, names):
        now = dt.datetime.now().replace(microsecond=0)
        today = convert_date_timezone(now).date()
        values = {name: {} for name in names}
        for request in requests:
            waits = (
                request.state == 'requested' and request.scheduled_date
                and request.procedure_status in {'scheduled', 'arrived'})
            since = request.scheduled_date if waits else now
            if 'waiting' in names:
                values['waiting'][request.id] = (
                    now - since if since < now else None)
            if 'overdue' in names:
                values['overdue'][request.id] = (
                    convert_date_timezone(since).date() < today)
        return values

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree/field[@name="scheduled_date"]', 'visual',
                If(Eval('overdue', False), 'warning', ''), ['overdue']),
            ]

    @classmethod
    def validate_fields(cls, requests, field_names):
        super().validate_fields(requests, field_names)
        for name in [
                'requested_procedure_id', 'scheduled_procedure_step_id']:
            if field_names and name not in field_names:
                continue
            for request in requests:
                value = getattr(request, name)
                if value and not dicom.is_short_string(value):
                    raise IdentifierError(gettext(
                            'health_imaging.msg_procedure_id_invalid',
                            number=value))

    @classmethod
    def copy(cls, requests, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('requested_procedure_id')
        default.setdefault('scheduled_procedure_step_id')
        default.setdefault('procedure_status')
        default.setdefault('performed_steps')
        return super().copy(requests, default=default)

    @classmethod
    @without_check_access
    def _issue_identifiers(cls, requests):
        super()._issue_identifiers(requests)
        Sequences = Pool().get('gnuhealth.sequences')
        new = [r for r in requests if not r.requested_procedure_id]
        numbers = Sequences.next_imaging_codes(
            'imaging_procedure_seq', len(new))
        for request, number in zip(new, numbers, strict=True):
            # Each procedure is one step, so one number names both
            request.requested_procedure_id = number
            request.scheduled_procedure_step_id = number
        for request in requests:
            # What a machine has begun stays so when it is requested again
            if request.procedure_status not in {'started', 'completed'}:
                request.procedure_status = 'scheduled'
        cls.save(requests)

    @classmethod
    @ModelView.button
    def arrive(cls, requests):
        cls._take_to('arrived', requests)

    @classmethod
    @ModelView.button
    def start(cls, requests):
        cls._take_to('started', requests)

    @classmethod
    @ModelView.button
    def complete(cls, requests):
        cls._take_to('completed', requests)

    @classmethod
    @ModelView.button
    def schedule_again(cls, requests):
        cls._take_to('scheduled', requests)

    @classmethod
    @ModelView.button_action('health_imaging.wizard_discontinue_procedure')
    def discontinue(cls, requests):
        cls._check_procedure('discontinued', requests)

    @classmethod
    def discontinued(cls, requests, reason):
        """Discontinue the procedures of the requests for the reason.

        Raise ReasonMissingError if there is no reason.
        """
        reason = (reason or '').strip()
        if not reason:
            raise ReasonMissingError(
                gettext('health_imaging.msg_discontinue_reason'))
        cls._take_to('discontinued', requests, reason)

    @classmethod
    def _check_procedure(cls, status, requests):
        labels = dict(cls.fields_get(['procedure_status'])[
                'procedure_status']['selection'])
        for request in requests:
            if (request.state != 'requested'
                    or request.procedure_status
                    not in _TRANSITIONS[status]):
                raise ProcedureStatusError(gettext(
                        'health_imaging.msg_procedure_transition',
                        request=request.rec_name,
                        status=labels[request.procedure_status] or '-',
                        wanted=labels[status]))

    @classmethod
    def _take_to(cls, status, requests, reason=None):
        Step = Pool().get('gnuhealth.imaging.test.request.step')
        cls._check_procedure(status, requests)
        Step.record_procedure(requests, status, reason)
        cls._set_procedure_status(requests, status)

    @classmethod
    @without_check_access
    def _set_procedure_status(cls, requests, status):
        cls.write(requests, {'procedure_status': status})


class PerformedStep(
        OwnPatientMixin, TextSearchMixin, ModelRightsMixin, ModelSQL,
        ModelView):
    """Imaging Performed Step

    A machine tells that it begins, goes on and ends; each time makes a row
    for each order that it names, which nobody changes. The latest holds.
    """
    __name__ = 'gnuhealth.imaging.performed_step'
    _patient_fields = ('request.patient',)
    _search_rec_names = (
        'station_ae_title', 'performed_procedure_step_id', 'patient_name',
        'patient_id', 'accession_number')

    sop_instance_uid = fields.Char(
        "SOP Instance UID", required=True, readonly=True, strip=False)
    number = fields.Integer(
        "Number", required=True, readonly=True,
        help="The how manieth report of the step it is.")
    item = fields.Integer(
        "Item", required=True, readonly=True,
        help="Which of the orders that the machine names it is about.")
    status = fields.Selection(
        PERFORMED_STATUSES, "Status", required=True, readonly=True,
        sort=False)
    received = fields.DateTime("Received", required=True, readonly=True)
    station = fields.Many2One(
        'gnuhealth.imaging.station', "Station", readonly=True,
        ondelete='RESTRICT')
    station_ae_title = SearchedChar("Station AE Title", readonly=True)
    performed_procedure_step_id = SearchedChar(
        "Performed Procedure Step ID", readonly=True)
    description = fields.Char("Description", readonly=True)
    modality = fields.Char("Modality", readonly=True)
    started = fields.DateTime("Started", readonly=True)
    ended = fields.DateTime("Ended", readonly=True)
    study_instance_uid = fields.Char("Study Instance UID", readonly=True)
    accession_number = SearchedChar("Accession Number", readonly=True)
    requested_procedure_id = fields.Char(
        "Requested Procedure ID", readonly=True)
    scheduled_procedure_step_id = fields.Char(
        "Scheduled Procedure Step ID", readonly=True)
    patient_name = SearchedChar("Patient Name", readonly=True)
    patient_id = SearchedChar("Patient ID", readonly=True)
    birth_date = fields.Date("Birth Date", readonly=True)
    sex = fields.Char("Sex", readonly=True)
    series = fields.Text("Series", readonly=True)
    series_count = fields.Integer("Series Count", readonly=True)
    image_count = fields.Integer("Images", readonly=True)
    discontinuation_reason = fields.Char(
        "Reason of Discontinuation", readonly=True)
    attributes = fields.Text(
        "Attributes", readonly=True,
        help="All that the machine sent of the step up to then, as DICOM "
        "JSON.")
    request = fields.Many2One(
        'gnuhealth.imaging.test.request', "Request", readonly=True,
        ondelete='RESTRICT')
    match = fields.Selection([
            ('study_instance_uid', "Study Instance UID"),
            ('accession_number', "Accession Number"),
            ('scheduled_procedure_step_id', "Scheduled Procedure Step ID"),
            ('unscheduled', "Unscheduled"),
            ('conflict', "Conflict"),
            ('manual', "By Hand"),
            ], "Match", required=True, readonly=True, sort=False,
        help="What says that it is of the request, or why it is of none.")
    differences = fields.Char(
        "Differences", readonly=True,
        help="In what it contradicts the request that it names.")
    user = fields.Many2One(
        'res.user', "User", readonly=True, ondelete='RESTRICT',
        help="Who settled of which request it is.")
    reason = fields.Char(
        "Reason", readonly=True, help="Why it was settled so.")
    reports = fields.Function(
        fields.One2Many(
            'gnuhealth.imaging.performed_step', None, "Reports",
            help="All that was reported and settled of the step."),
        'get_reports')
    latest = fields.Boolean(
        "Latest", readonly=True, help="Whether nothing was reported since.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append((
                'number_unique', Unique(
                    table, table.sop_instance_uid, table.number, table.item),
                'health_imaging.msg_performed_step_number_unique'))
        cls._sql_indexes.update({
                Index(table, (table.request, Index.Range()),
                    where=table.request != Null),
                Index(table, (table.match, Index.Range()),
                    where=table.match.in_(['unscheduled', 'conflict'])),
                # As the list is ordered
                Index(table,
                    (table.received, Index.Range(order='DESC')),
                    (table.id, Index.Range(order='DESC')),
                    where=table.latest == Literal(True)),
                # And the tab of what machines are at
                Index(table,
                    (table.received, Index.Range(order='DESC')),
                    (table.id, Index.Range(order='DESC')),
                    where=(table.latest == Literal(True))
                    & (table.status == 'IN PROGRESS')),
                })
        cls._order = [('received', 'DESC'), ('id', 'DESC')]

    @classmethod
    def __register__(cls, module_name):
        says_latest = cls.__table_handler__(module_name).column_exist('latest')
        super().__register__(module_name)
        if not says_latest:
            cls._note_latest()

    @classmethod
    def default_item(cls):
        return 0

    @classmethod
    def default_latest(cls):
        return True

    def get_rec_name(self, name):
        return ' '.join(filter(None, [
                    self.station_ae_title, self.performed_procedure_step_id,
                    self.patient_name]))

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Eval('match').in_(['unscheduled', 'conflict']),
                    'warning', '')),
            ]

    @classmethod
    def get_reports(cls, steps, name):
        uids = {step.sop_instance_uid for step in steps}
        reports = defaultdict(list)
        for sub_uids in grouped_slice(uids):
            for step in cls.search([
                        ('sop_instance_uid', 'in', list(sub_uids))],
                    order=[('number', 'DESC'), ('item', 'ASC')]):
                reports[step.sop_instance_uid].append(step.id)
        return {step.id: reports[step.sop_instance_uid] for step in steps}

    @classmethod
    def latest_of(cls, requests):
        "Return the latest reports of the steps of the requests"
        return [
            step for sub_requests in grouped_slice(requests)
            for step in cls.search([
                    ('request', 'in', [r.id for r in sub_requests]),
                    ('latest', '=', True),
                    ], order=[('received', 'ASC'), ('id', 'ASC')])]

    @classmethod
    def current(cls, *sop_instance_uids):
        "Return the rows of the latest report of each step, by their item"
        return list(cls.search([
                    ('sop_instance_uid', 'in', sop_instance_uids),
                    ('latest', '=', True)], order=[('item', 'ASC')]))

    @classmethod
    @without_check_access
    def record(cls, vlist):
        "Store what was reported and let the requests follow; return the rows"
        Request = Pool().get('gnuhealth.imaging.test.request')
        steps = cls.create(vlist)
        Request.follow_performed_steps(
            list({step.request for step in steps if step.request}))
        return steps

    @classmethod
    def create(cls, vlist):
        steps = super().create(vlist)
        for uids in grouped_slice({step.sop_instance_uid for step in steps}):
            cls._note_latest(uids)
        forget(cls)
        return steps

    @classmethod
    def _note_latest(cls, sop_instance_uids=None):
        "Note whether something was reported since, of these steps or of all"
        table, later = cls.__table__(), cls.__table__()
        is_latest = ~Exists(later.select(Literal(1), where=(
                    later.sop_instance_uid == table.sop_instance_uid)
                & (later.number > table.number)))
        # What says so already is not written again
        where = (table.latest == Null) | (table.latest != is_latest)
        if sop_instance_uids is not None:
            where &= table.sop_instance_uid.in_(list(sop_instance_uids))
        Transaction().connection.cursor().execute(
            *table.update([table.latest], [is_latest], where=where))

    @classmethod
    def write(cls, *args):
        raise AccessError(gettext(
                'health_imaging.msg_performed_step_append_only'))

    @classmethod
    def delete(cls, steps):
        raise AccessError(gettext(
                'health_imaging.msg_performed_step_append_only'))

    @classmethod
    def copy(cls, steps, default=None):
        raise AccessError(gettext(
                'health_imaging.msg_performed_step_append_only'))


class DiscontinueStart(StopStartMixin, ModelView):
    "Discontinue Procedures"
    __name__ = 'gnuhealth.imaging.procedure.discontinue.start'
    _form_rights = _PROCEDURE_RIGHTS

    reason = fields.Char(
        "Reason", required=True,
        help="Why the images are not made, or not all of them.")


class Discontinue(StopWizard):
    "Discontinue Procedures"
    __name__ = 'gnuhealth.imaging.procedure.discontinue'
    _rights = _PROCEDURE_RIGHTS

    start = StateView(
        'gnuhealth.imaging.procedure.discontinue.start',
        'health_imaging.procedure_discontinue_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button(
                "Discontinue", 'discontinue', 'tryton-ok', default=True),
            ])
    discontinue = StateTransition()

    def _check(self):
        Request = Pool().get('gnuhealth.imaging.test.request')
        Request._check_procedure('discontinued', self.records)

    def transition_discontinue(self):
        Request = Pool().get('gnuhealth.imaging.test.request')
        Request.discontinued(self.records, self.start.reason)
        return 'end'

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The life of a request: its states, its steps, and the wizard that cancels"
import datetime as dt
from functools import wraps

from trytond.model import Index, ModelSQL, ModelView, Workflow, fields
from trytond.pool import Pool
from trytond.transaction import Transaction, without_check_access
from trytond.wizard import Button, StateTransition, StateView, Wizard

from .audit import AuditMixin, person_name
from .own_patient import OwnPatientMixin
from .rights import FormRightsMixin, WizardRightsMixin
from .searched_char import SearchedChar

STATES = [
    ('draft', "Draft"),
    ('requested', "Requested"),
    ('done', "Done"),
    ('cancelled', "Cancelled"),
    ]
# Why what is in the first state does not go on to the second
REFUSALS = {
    ('requested', 'requested'): 'health_imaging.msg_request_requested',
    ('done', 'requested'): 'health_imaging.msg_request_done',
    ('cancelled', 'requested'): 'health_imaging.msg_request_cancelled',
    ('draft', 'done'): 'health_imaging.msg_result_not_requested',
    ('done', 'done'): 'health_imaging.msg_request_done',
    ('cancelled', 'done'): 'health_imaging.msg_result_cancelled',
    ('done', 'cancelled'): 'health_imaging.msg_cancel_done',
    ('cancelled', 'cancelled'): 'health_imaging.msg_cancel_cancelled',
    ('draft', 'draft'): 'health_imaging.msg_reopen_draft',
    ('done', 'draft'): 'health_imaging.msg_reopen_done',
    }

# What it takes to cancel
_CANCEL_RIGHTS = (('gnuhealth.imaging.test.request', 'write'),)


def transition(state):
    """Return a decorator like that of Tryton's workflow, which refuses.

    Tryton's leaves out silently the requests that can not go to the state;
    here the first of them raises an error with its reason.
    """
    def decorate(method):
        proceed = Workflow.transition(state)(method)

        @wraps(method)
        def wrapper(cls, requests, *args, **kwargs):
            cls.check_transition(requests, state)
            # The method records the step, which has its reason
            with Transaction().set_context(_step_recorded=True):
                return proceed(cls, requests, *args, **kwargs)
        return wrapper
    return decorate


class Step(OwnPatientMixin, AuditMixin, ModelSQL, ModelView):
    "Imaging Request Step"
    __name__ = 'gnuhealth.imaging.test.request.step'
    _patient_fields = ('request.patient',)
    _search_rec_names = (
        'request_line', 'accession_number', 'patient_name', 'puid', 'test')
    _search_whole_names = ('study_instance_uid',)

    request = fields.Many2One(
        'gnuhealth.imaging.test.request', "Request", readonly=True,
        ondelete='SET NULL')
    request_line = SearchedChar(
        "Order Line", readonly=True,
        help="The number of the request that took the step.")
    test = SearchedChar(
        "Test", readonly=True, help="What was requested.")
    accession_number = SearchedChar(
        "Accession Number", readonly=True,
        help="The accession number that the request had.")
    from_state = fields.Selection(
        [(None, ""), *STATES], "From", readonly=True, sort=False)
    to_state = fields.Selection(
        STATES, "To", required=True, readonly=True, sort=False)
    to_state_string = to_state.translated('to_state')
    date = fields.DateTime("Date", required=True, readonly=True)
    user = fields.Many2One(
        'res.user', "User", required=True, readonly=True,
        ondelete='RESTRICT')
    reason = fields.Char("Reason", readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.update({
                Index(table, (table.request, Index.Equality())),
                Index(table, (table.date, Index.Range())),
                })
        cls._order = [('id', 'DESC')]

    def get_rec_name(self, name):
        return ' '.join(filter(None, [
                    self.request_line, self.patient_name,
                    f'({self.test})', self.to_state_string]))

    @classmethod
    def _with_subjects(cls, vlist):
        Request = Pool().get('gnuhealth.imaging.test.request')
        requests = {
            request.id: request for request in Request.browse(
                {values['request'] for values in vlist})}
        return [{
                **cls._subject(requests[values['request']]), **values}
            for values in vlist]

    @classmethod
    def _subject(cls, request):
        party = request.patient.party
        return {
            'request_line': request.request_line,
            'test': request.requested_test.rec_name,
            'accession_number': request.accession_number,
            'study_instance_uid': request.study_instance_uid,
            'patient_name': request.patient.rec_name,
            'birth_date': party.dob,
            'puid': party.ref,
            }

    @classmethod
    def _described(cls, table):
        request, patient, party, test = (
            Pool().get(name).__table__() for name in [
                'gnuhealth.imaging.test.request', 'gnuhealth.patient',
                'party.party', 'gnuhealth.imaging.test'])
        yield (
            request
            .join(patient, condition=patient.id == request.patient)
            .join(party, condition=party.id == patient.party)
            .join(test, condition=test.id == request.requested_test),
            request.id == table.request, {
                'request_line': request.request_line,
                'test': test.name,
                'accession_number': request.accession_number,
                'study_instance_uid': request.study_instance_uid,
                'patient_name': person_name(party),
                'birth_date': party.dob,
                'puid': party.ref,
                })

    @classmethod
    @without_check_access
    def record(cls, requests, state=None, reason=None):
        """Record that the user takes the requests from their state to another.

        Without another they were made in the state that they have.
        """
        common = {
            'date': dt.datetime.now().replace(microsecond=0),
            'user': Transaction().user,
            'reason': reason,
            }
        cls.create([{
                    'request': request.id,
                    'from_state': request.state if state else None,
                    'to_state': state or request.state,
                    **common,
                    } for request in requests])


class StopStartMixin(FormRightsMixin):
    "A form of requests that are not to go on; each has the reason besides"
    __slots__ = ()

    requests = fields.Many2Many(
        'gnuhealth.imaging.test.request', None, None, "Requests",
        readonly=True)


class StopWizard(WizardRightsMixin, Wizard):
    "What the wizards have in common by which requests do not go on"
    _models = ('gnuhealth.imaging.test.request',)

    def default_start(self, fields):
        self._check()
        return {'requests': [r.id for r in self.records]}

    def _check(self):
        "Raise an error unless all the requests can be stopped so"
        raise NotImplementedError

    def end(self):
        return 'reload'


class CancelStart(StopStartMixin, ModelView):
    "Cancel Imaging Requests"
    __name__ = 'gnuhealth.imaging.test.request.cancel.start'
    _form_rights = _CANCEL_RIGHTS

    reason = fields.Char(
        "Reason", required=True,
        help="Why the tests are not to be made.")


class Cancel(StopWizard):
    "Cancel Imaging Requests"
    __name__ = 'gnuhealth.imaging.test.request.cancel'
    _rights = _CANCEL_RIGHTS

    start = StateView(
        'gnuhealth.imaging.test.request.cancel.start',
        'health_imaging.imaging_test_request_cancel_start_view_form', [
            Button("Keep", 'end', 'tryton-back'),
            Button(
                "Cancel Requests", 'cancel', 'tryton-cancel', default=True),
            ])
    cancel = StateTransition()

    def _check(self):
        Request = Pool().get('gnuhealth.imaging.test.request')
        Request.check_transition(self.records, 'cancelled')

    def transition_cancel(self):
        Request = Pool().get('gnuhealth.imaging.test.request')
        Request.cancelled(self.records, self.start.reason)
        return 'end'

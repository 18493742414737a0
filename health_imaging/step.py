# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The life of a request: its states, its steps, and the wizard that cancels."
from datetime import datetime
from functools import wraps

from trytond.model import Index, ModelSQL, ModelView, Workflow, fields
from trytond.pool import Pool
from trytond.transaction import Transaction, without_check_access
from trytond.wizard import Button, StateTransition, StateView, Wizard

from .rights import FormRightsMixin, ModelRightsMixin, WizardRightsMixin

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
    ('done', 'done'): 'health_imaging.msg_result_gone',
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
            return proceed(cls, requests, *args, **kwargs)
        return wrapper
    return decorate


class Step(ModelRightsMixin, ModelSQL, ModelView):
    "Imaging Request Step"
    __name__ = 'gnuhealth.imaging.test.request.step'

    request = fields.Many2One(
        'gnuhealth.imaging.test.request', "Request", required=True,
        readonly=True, ondelete='CASCADE')
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
        cls._sql_indexes.add(Index(table, (table.request, Index.Equality())))
        cls._order = [('id', 'DESC')]

    def get_rec_name(self, name):
        return f'{self.request.rec_name} {self.to_state_string}'

    @classmethod
    def search_rec_name(cls, name, clause):
        return [('request.rec_name', *clause[1:])]

    @classmethod
    @without_check_access
    def record(cls, requests, state=None, reason=None):
        """Record that the user takes the requests from their state to another.

        Without another they were made in the state that they have.
        """
        common = {
            'date': datetime.now().replace(microsecond=0),
            'user': Transaction().user,
            'reason': reason,
            }
        cls.create([{
                    'request': request.id,
                    'from_state': request.state if state else None,
                    'to_state': state or request.state,
                    **common,
                    } for request in requests])


class CancelStart(FormRightsMixin, ModelView):
    "Cancel Imaging Requests"
    __name__ = 'gnuhealth.imaging.test.request.cancel.start'
    _form_rights = _CANCEL_RIGHTS

    requests = fields.Many2Many(
        'gnuhealth.imaging.test.request', None, None, "Requests",
        readonly=True)
    reason = fields.Char(
        "Reason", required=True,
        help="Why the tests are not to be made.")


class Cancel(WizardRightsMixin, Wizard):
    "Cancel Imaging Requests"
    __name__ = 'gnuhealth.imaging.test.request.cancel'
    _rights = _CANCEL_RIGHTS
    _models = ('gnuhealth.imaging.test.request',)

    start = StateView(
        'gnuhealth.imaging.test.request.cancel.start',
        'health_imaging.imaging_test_request_cancel_start_view_form', [
            Button("Keep", 'end', 'tryton-back'),
            Button(
                "Cancel Requests", 'cancel', 'tryton-cancel', default=True),
            ])
    cancel = StateTransition()

    def default_start(self, fields):
        Request = Pool().get('gnuhealth.imaging.test.request')
        Request.check_transition(self.records, 'cancelled')
        return {'requests': [r.id for r in self.records]}

    def transition_cancel(self):
        Request = Pool().get('gnuhealth.imaging.test.request')
        Request.cancelled(self.records, self.start.reason)
        return 'end'

    def end(self):
        return 'reload'

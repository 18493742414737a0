# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How tests are ordered, and what is shown of the patient before"
import datetime as dt

from trytond.i18n import gettext
from trytond.model import ModelView, fields
from trytond.pool import Pool
from trytond.pyson import Bool, Eval, PYSONEncoder
from trytond.wizard import (
    Button, StateAction, StateTransition, StateView, Wizard)

from .common import EnteredNowMixin
from .exceptions import OrderIncompleteError
from .patient_warning import warn_of
from .rights import FormRightsMixin, WizardRightsMixin

# What it takes to order
_ORDER_RIGHTS = (('gnuhealth.imaging.test.request', 'create'),)

# For how long an order is recent
_RECENT = dt.timedelta(days=30)


class OrderStart(EnteredNowMixin, FormRightsMixin, ModelView):
    "Order Imaging Tests"
    __name__ = 'gnuhealth.patient.imaging.test.request.start'
    _form_rights = _ORDER_RIGHTS

    patient = fields.Many2One(
        'gnuhealth.patient', "Patient", required=True)
    date = fields.DateTime("Date", required=True)
    urgent = fields.Boolean("Urgent")
    doctor = fields.Many2One(
        'gnuhealth.healthprofessional', "Requesting Doctor", required=True,
        help="The health professional who requests the tests.")
    context = fields.Many2One(
        'gnuhealth.pathology', "Context",
        help="The suspected or known condition, or the kind of check-up, "
        "that the tests are requested for.")
    clinical_question = fields.Char(
        "Clinical Question",
        help="What the images are to answer. Modalities and reports show it.")
    tests = fields.Many2Many(
        'gnuhealth.request-imaging-test', 'request', 'test', "Tests",
        required=True)
    puid = fields.Function(
        fields.Char("PUID"), 'on_change_with_puid')
    birth_date = fields.Function(
        fields.Date("Birth Date"), 'on_change_with_birth_date')
    sex = fields.Function(fields.Char("Sex"), 'on_change_with_sex')
    warnings = fields.Function(
        fields.Text(
            "Warnings", states={'invisible': ~Bool(Eval('warnings'))},
            help="What is to be thought of before these tests are ordered."),
        'on_change_with_warnings')

    @classmethod
    def default_urgent(cls):
        return False

    @fields.depends('patient')
    def on_change_with_puid(self, name=None):
        return self.patient.party.ref if self.patient else None

    @fields.depends('patient')
    def on_change_with_birth_date(self, name=None):
        return self.patient.party.dob if self.patient else None

    @fields.depends('patient')
    def on_change_with_sex(self, name=None):
        if not self.patient:
            return None
        party = self.patient.party
        labels = dict(
            type(party).fields_get(['gender'])['gender']['selection'])
        return labels.get(party.gender)

    @fields.depends('patient', 'tests')
    def on_change_with_warnings(self, name=None):
        if not self.patient:
            return None
        return '\n'.join([
                *self._warn_orders(), *warn_of(self.patient)]) or None

    def _warn_orders(self):
        "Yield what tells of open or recent orders of the same tests"
        Request = Pool().get('gnuhealth.imaging.test.request')
        requests = Request.search([
                ('patient', '=', self.patient.id),
                ('requested_test', 'in', [t.id for t in self.tests or []]),
                ['OR',
                    ('state', 'in', ['draft', 'requested']),
                    [('state', '=', 'done'),
                        ('date', '>=', dt.datetime.now() - _RECENT)]],
                ])
        states = dict(
            Request.fields_get(['state'])['state']['selection'])
        for request in requests:
            yield gettext(
                'health_imaging.msg_order_again', request=request.rec_name,
                state=states[request.state])

    def missing_fields(self):
        "Return the names of the required fields that have no value"
        return [
            name for name, field in self._fields.items()
            if field.required and not getattr(self, name, None)]


class OrderStartTest(FormRightsMixin, ModelView):
    "Order Imaging Tests - Test"
    __name__ = 'gnuhealth.request-imaging-test'
    _form_rights = _ORDER_RIGHTS

    request = fields.Many2One(
        'gnuhealth.patient.imaging.test.request.start', "Order",
        required=True)
    test = fields.Many2One('gnuhealth.imaging.test', "Test", required=True)


class Order(WizardRightsMixin, Wizard):
    "Order Imaging Tests"
    __name__ = 'gnuhealth.patient.imaging.test.request'
    _rights = _ORDER_RIGHTS

    start = StateView(
        'gnuhealth.patient.imaging.test.request.start',
        'health_imaging.patient_imaging_test_request_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button("Request", 'request', 'tryton-save'),
            Button("Request Now", 'request_now', 'tryton-ok', default=True),
            ])
    request = StateTransition()
    request_now = StateTransition()
    open_ = StateAction('health_imaging.act_imaging_test_request_view')

    def default_start(self, fields):
        if self.model and self.model.__name__ == 'gnuhealth.patient':
            return {'patient': self.record.id if self.record else None}
        return {}

    def _execute(self, state_name):
        # Not in the transition, as other modules replace it.
        if state_name in {'request', 'request_now'}:
            self._check_start()
        return super()._execute(state_name)

    def _check_start(self):
        missing = self.start.missing_fields()
        if missing:
            labels = sorted(
                self.start.__names__(name)['field'] for name in missing)
            raise OrderIncompleteError(gettext(
                    'health_imaging.msg_order_incomplete',
                    fields=', '.join(f'"{label}"' for label in labels)))

    def generate_code(self, **pattern):
        "Return the number of the order"
        Request = Pool().get('gnuhealth.imaging.test.request')
        self.order = Request.generate_code(**pattern)
        return self.order

    def transition_request(self):
        Request = Pool().get('gnuhealth.imaging.test.request')
        self.generate_code()
        Request.create(
            [self._get_request_values(test) for test in self.start.tests])
        return 'open_'

    def transition_request_now(self):
        Request = Pool().get('gnuhealth.imaging.test.request')
        next_state = self.transition_request()
        Request.requested(self._ordered())
        return next_state

    def _ordered(self):
        "Return the requests that the order has"
        Request = Pool().get('gnuhealth.imaging.test.request')
        return Request.search([('request', '=', self.order)])

    def _get_request_values(self, test):
        return {
            'request': self.order,
            'requested_test': test.id,
            'patient': self.start.patient.id,
            'date': self.start.date,
            'urgent': self.start.urgent,
            'doctor': self.start.doctor.id,
            'context': self.start.context.id if self.start.context else None,
            # Programs that know nothing of it do not send it
            'clinical_question': getattr(
                self.start, 'clinical_question', None),
            }

    def do_open_(self, action):
        # What was ordered is seen whatever its state, one test on its form
        action['domains'] = []
        requests = self._ordered()
        if len(requests) == 1:
            action['views'].reverse()
            action['res_id'] = [requests[0].id]
        action['pyson_domain'] = PYSONEncoder().encode(
            [('request', '=', self.order)])
        return action, {}

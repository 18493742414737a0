# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"The wizard in which people say which order a study answers"
from trytond.i18n import gettext
from trytond.model import ModelView, fields
from trytond.modules.health_imaging.identity import patient_identity
from trytond.modules.health_imaging.rights import (
    FormRightsMixin, WizardRightsMixin)
from trytond.pool import Pool
from trytond.pyson import Bool, Eval, If
from trytond.transaction import Transaction, without_check_access
from trytond.wizard import Button, StateTransition, StateView, Wizard

from .exceptions import LinkError

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
            record = getattr(self.start, name, None)
            if record:
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

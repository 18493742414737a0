# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What who orders is shown of the patient before the order is made."
import datetime as dt

from trytond.i18n import gettext
from trytond.model import fields
from trytond.model.exceptions import AccessError
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import without_check_access

from .rights import check_rights

# For how long an order is recent
_RECENT = dt.timedelta(days=30)
_CONDITION = 'gnuhealth.patient.disease'
# Of the types of allergies, those that contrast media can be among
_ALLERGIES = ['da', 'ma', 'mc', None]


class OrderStart(metaclass=PoolMeta):
    __name__ = 'gnuhealth.patient.imaging.test.request.start'

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
                *self._warn_orders(), *self._warn_allergies(),
                *self._warn_pregnancy()]) or None

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

    def _warn_allergies(self):
        try:
            check_rights([(_CONDITION, 'read')])
        except AccessError:
            return
        with without_check_access():
            conditions = Pool().get(_CONDITION).search([
                    ('patient', '=', self.patient.id),
                    ('is_allergy', '=', True),
                    ('allergy_type', 'in', _ALLERGIES),
                    ])
            names = [c.pathology.rec_name for c in conditions]
        if names:
            yield gettext(
                'health_imaging.msg_order_allergy',
                allergies=', '.join(names))

    def _warn_pregnancy(self):
        # It is of GNU Health's gynecology, if that is there
        if getattr(self.patient, 'currently_pregnant', False):
            yield gettext('health_imaging.msg_order_pregnancy')

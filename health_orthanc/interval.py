# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The wizard that changes how often the servers are synchronized"

from trytond.i18n import gettext
from trytond.model import ModelView, fields
from trytond.modules.health_imaging.rights import (
    FormRightsMixin, WizardRightsMixin)
from trytond.pool import Pool
from trytond.pyson import Bool, Eval
from trytond.transaction import without_check_access
from trytond.wizard import Button, StateTransition, StateView, Wizard

from .exceptions import IntervalError

# Who changes servers needs no right to other scheduled actions
_RIGHTS = (('gnuhealth.orthanc.config', 'write'),)
_DAY = 24 * 60


class IntervalStart(FormRightsMixin, ModelView):
    "Synchronization Interval"
    __name__ = 'gnuhealth.orthanc.interval.start'
    _form_rights = _RIGHTS

    active = fields.Boolean(
        "Active",
        help="Whether the servers are synchronized without anybody asking.")
    minutes = fields.Integer(
        "Minutes",
        domain=['OR',
            ('minutes', '=', None),
            [('minutes', '>=', 1), ('minutes', '<=', _DAY)],
            ],
        states={
            'required': Bool(Eval('active')),
            'invisible': ~Bool(Eval('active')),
            },
        help="How long it is from one synchronization of a server to the "
        "next, at most a day.")


class Interval(WizardRightsMixin, Wizard):
    "Synchronization Interval"
    __name__ = 'gnuhealth.orthanc.interval'
    _rights = _RIGHTS

    start = StateView(
        'gnuhealth.orthanc.interval.start',
        'health_orthanc.interval_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button("Change", 'change', 'tryton-ok', default=True),
            ])
    change = StateTransition()

    @without_check_access
    def default_start(self, fields):
        interval = Pool().get('ir.cron').orthanc_interval()
        return {
            'active': interval is not None,
            'minutes': max(1, round(interval.total_seconds() / 60))
            if interval is not None else 15,
            }

    def transition_change(self):
        start = self.start
        if start.active and not 1 <= (start.minutes or 0) <= _DAY:
            raise IntervalError(gettext('health_orthanc.msg_interval'))
        with without_check_access():
            Pool().get('ir.cron').set_orthanc_interval(
                start.minutes if start.active else None)
        return 'end'

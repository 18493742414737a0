# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What people decide of studies that a server no longer has"

from sql import Null

from trytond.i18n import gettext
from trytond.model import ModelView, fields
from trytond.modules.health_imaging.rights import (
    FormRightsMixin, check_records)
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction, check_access
from trytond.wizard import Button, StateTransition, StateView, Wizard

from . import bulk
from .decision import DISMISS, LIST_AGAIN
from .exceptions import LinkError
from .selection import SelectedStudiesMixin

_RIGHTS = (('gnuhealth.orthanc.study', 'write'),)


def is_dismissed(table):
    "Return the condition of the studies whose absence people dismissed"
    # The first for an index that SQLite knows by it
    return (table.missing_since != Null) & (
        table.missing_since == table.absence_dismissed)


def is_missed(table):
    "Return the condition of the missing studies that nobody dismissed"
    return (table.missing_since != Null) & (
        (table.absence_dismissed == Null)
        | (table.absence_dismissed != table.missing_since))


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    # The missing_since that was dismissed: a study that comes back and is
    # missing again is so since another time, and is listed again
    absence_dismissed = fields.DateTime("Absence Dismissed", readonly=True)
    dismissed = fields.Function(
        fields.Boolean(
            "Dismissed", states={'invisible': ~Bool(Eval('dismissed'))},
            help="Whether a person said that it needs no attention that the "
            "server no longer has it."),
        'on_change_with_dismissed', searcher='search_dismissed')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls.absence_dismissed.loading = 'lazy'
        cls._button_rights = {
            **cls._button_rights, 'dismiss': _RIGHTS, 'list_again': _RIGHTS}
        cls._buttons.update({
                'dismiss': {
                    'invisible': (
                        ~Bool(Eval('missing_since')) | Eval('dismissed')),
                    'depends': ['missing_since', 'dismissed'],
                    },
                'list_again': {
                    'invisible': ~Eval('dismissed'),
                    'depends': ['dismissed'],
                    },
                })

    @fields.depends('missing_since', 'absence_dismissed')
    def on_change_with_dismissed(self, name=None):
        return bool(
            self.missing_since
            and self.missing_since == self.absence_dismissed)

    @property
    def is_missed(self):
        "Whether it is missing, and nobody dismissed that"
        return bool(self.missing_since) and not self.dismissed

    @classmethod
    def search_dismissed(cls, name, clause):
        _, operator, value = clause
        table = cls.__table__()
        are_dismissed = bool(value) == (operator == '=')
        return [(
                'id', 'in' if are_dismissed else 'not in',
                table.select(table.id, where=is_dismissed(table)))]

    @classmethod
    @ModelView.button_action('health_orthanc.wizard_dismiss')
    def dismiss(cls, studies):
        pass

    @classmethod
    def dismiss_absence(cls, studies, reason):
        "Let studies that are missing need no attention any more"
        cls._set_dismissed(
            [s for s in studies if s.is_missed], DISMISS, reason)

    @classmethod
    @ModelView.button
    def list_again(cls, studies):
        "Take back that studies were dismissed"
        cls._set_dismissed(
            [s for s in studies if s.dismissed], LIST_AGAIN)

    @classmethod
    def _set_dismissed(cls, studies, action, reason=None):
        Decision = Pool().get('gnuhealth.orthanc.decision')
        if Transaction().check_access:
            check_records(cls, studies, 'write')
        Decision.note([
                {
                    'study': study.id,
                    'action': action,
                    'reason': reason,
                    } for study in studies])
        table = cls.__table__()
        bulk.change(
            cls, table.update(
                [table.absence_dismissed],
                [table.missing_since if action == DISMISS else Null]),
            table.id, list(map(int, studies)))


class DismissStart(FormRightsMixin, ModelView):
    "Dismiss Missing Studies"
    __name__ = 'gnuhealth.orthanc.dismiss.start'
    _form_rights = _RIGHTS

    studies = fields.Many2Many(
        'gnuhealth.orthanc.study', None, None, "Studies", readonly=True)
    reason = fields.Char(
        "Reason", required=True,
        help="Why it needs no attention that the server no longer has them. "
        "It is kept with the decision.")


class Dismiss(SelectedStudiesMixin, Wizard):
    "Dismiss Missing Studies"
    __name__ = 'gnuhealth.orthanc.dismiss'
    _rights = _RIGHTS

    start = StateView(
        'gnuhealth.orthanc.dismiss.start',
        'health_orthanc.dismiss_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button("Dismiss", 'dismiss', 'tryton-ok', default=True),
            ])
    dismiss = StateTransition()

    @property
    def studies(self):
        "Those of the selected studies that are missing"
        return [s for s in super().studies if s.is_missed]

    def default_start(self, fields):
        studies = self.studies
        if not studies:
            raise LinkError(gettext('health_orthanc.msg_dismiss_not_missing'))
        return {'studies': list(map(int, studies))}

    def transition_dismiss(self):
        Study = Pool().get('gnuhealth.orthanc.study')
        reason = (self.start.reason or '').strip()
        if not reason:
            raise LinkError(gettext('health_orthanc.msg_reconcile_no_reason'))
        with check_access():
            Study.dismiss_absence(
                Study.browse(list(map(int, self.studies))), reason)
        return 'end'

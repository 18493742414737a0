# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can not wait, who was told of it, and who acknowledged that.

What is kept of telling it is what the ACR Practice Parameter for
Communication of Diagnostic Imaging Findings asks for.
"""
import datetime as dt

from sql import Literal, Null
from sql.aggregate import Min
from sql.conditionals import Case, Coalesce

from trytond.config import config
from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.modules.health.core import get_health_professional
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Eval, If
from trytond.transaction import Transaction, without_check_access

from .common import wanted, with_negation
from .exceptions import CriticalFindingError, CriticalFindingLockedError
from .locking import lock_rows
from .rights import ModelRightsMixin

_FINDING = 'gnuhealth.imaging.critical_finding'
_RESULT = 'gnuhealth.imaging.test.result'
# The most urgent first
CATEGORIES = [
    ('minutes', "Minutes"),
    ('hours', "Hours"),
    ('days', "Days"),
    ]


def limit(category):
    "Return how long a finding of the category waits to be acknowledged"
    return {
        'minutes': lambda: dt.timedelta(minutes=config.getint(
                'health_imaging', 'critical_minutes', default=60)),
        'hours': lambda: dt.timedelta(hours=config.getint(
                'health_imaging', 'critical_hours', default=12)),
        'days': lambda: dt.timedelta(days=config.getint(
                'health_imaging', 'critical_days', default=3)),
        }[category]()


class CriticalFinding(ModelRightsMixin, ModelSQL, ModelView):
    "Critical Finding"
    __name__ = _FINDING

    _states = {'readonly': Eval('state') != 'to_tell'}

    result = fields.Many2One(
        _RESULT, "Result", required=True, ondelete='RESTRICT', states={
            'readonly': Eval('id', -1) >= 0,
            })
    patient = fields.Function(
        fields.Many2One('gnuhealth.patient', "Patient"),
        'get_of_result', searcher='search_of_result')
    patient_identity = fields.Function(
        fields.Char("PUID, Birth Date, Sex"), 'get_of_result')
    requested_test = fields.Function(
        fields.Many2One('gnuhealth.imaging.test', "Test"),
        'get_of_result', searcher='search_of_result')
    for_me = fields.Function(fields.Boolean(
            "Ordered by Me", help="Whether the user ordered the test."),
        'get_of_result', searcher='search_of_result')
    category = fields.Selection(
        CATEGORIES, "Category", required=True, sort=False, states=_states,
        help="Within what time somebody must know.")
    finding = fields.Text(
        "Finding", required=True, states=_states, help="What was seen.")
    seen_at = fields.DateTime(
        "Seen", required=True, states=_states, help="When it was seen.")
    told_to = fields.Char(
        "Told to", states=_states, help="Who was told.")
    told_how = fields.Selection([
            (None, ""),
            ('phone', "By Phone"),
            ('in_person', "In Person"),
            ('message', "By Message"),
            ], "Told How", sort=False, states=_states)
    told_at = fields.DateTime("Told", states=_states)
    read_back = fields.Boolean(
        "Read Back", states=_states,
        help="Whether who was told repeated it.")
    told_by = fields.Many2One(
        'res.user', "Told by", readonly=True, ondelete='RESTRICT')
    acknowledged_by = fields.Many2One(
        'res.user', "Acknowledged by", readonly=True, ondelete='RESTRICT')
    acknowledged_at = fields.DateTime("Acknowledged", readonly=True)
    state = fields.Selection([
            ('to_tell', "To Tell"),
            ('told', "Told"),
            ('acknowledged', "Acknowledged"),
            ], "State", required=True, readonly=True, sort=False)
    due = fields.Function(fields.DateTime(
            "Due", help="By when it must be acknowledged."), 'get_due')
    overdue = fields.Function(fields.Boolean(
            "Overdue", help="Whether it was to be acknowledged by now."),
        'get_overdue')

    del _states

    _button_rights = {
        'tell': ((_FINDING, 'write'),),
        'acknowledge': ((_FINDING, 'read'),),
        }

    @classmethod
    def __setup__(cls):
        super().__setup__()
        # Who may what, and with which records, is as with the results
        cls.__access__.add('result')
        table = cls.__table__()
        cls._sql_indexes.update({
                Index(table, (table.result, Index.Equality())),
                Index(table, (table.state, Index.Range()),
                    where=table.state.in_(['to_tell', 'told'])),
                })
        cls._order = [('seen_at', 'DESC'), ('id', 'DESC')]
        cls._buttons.update({
                'tell': {
                    'invisible': Eval('state') != 'to_tell',
                    'depends': ['state'],
                    },
                'acknowledge': {
                    'invisible': Eval('state') != 'told',
                    'depends': ['state'],
                    },
                })
        # The default date must not be cached.
        cls.__rpc__['default_get'].cache = None

    @classmethod
    def default_seen_at(cls):
        return dt.datetime.now().replace(microsecond=0)

    @classmethod
    def default_read_back(cls):
        return False

    @classmethod
    def default_state(cls):
        return 'to_tell'

    def get_rec_name(self, name):
        return self.result.rec_name

    @classmethod
    @with_negation
    def search_rec_name(cls, name, clause):
        # There are few, of which each is asked
        return [(f'result.{name}', *clause[1:])]

    @classmethod
    def get_of_result(cls, findings, names):
        def value(finding, name):
            of_result = getattr(finding.result, name)
            return getattr(of_result, 'id', of_result)
        return {
            name: {f.id: value(f, name) for f in findings} for name in names}

    @classmethod
    def search_of_result(cls, name, clause):
        return [(f'result.{clause[0]}', *clause[1:])]

    def get_due(self, name):
        return self.seen_at + limit(self.category)

    def get_overdue(self, name):
        return self.state != 'acknowledged' and self.due < dt.datetime.now()

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Eval('overdue', False), 'danger',
                    If(Eval('state') == 'acknowledged', 'muted', ''))),
            ]

    @classmethod
    def write(cls, *args):
        cls._check_untold([f for findings in args[::2] for f in findings])
        super().write(*args)

    @classmethod
    def delete(cls, findings):
        cls._check_untold(findings)
        super().delete(findings)

    @classmethod
    def copy(cls, findings, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('state', cls.default_state())
        default.setdefault('read_back', False)
        for name in ['told_to', 'told_how', 'told_at', 'told_by',
                'acknowledged_by', 'acknowledged_at']:
            default.setdefault(name)
        return super().copy(findings, default=default)

    @classmethod
    def _check_untold(cls, findings):
        for finding in findings:
            if finding.state != 'to_tell':
                raise CriticalFindingLockedError(gettext(
                        'health_imaging.msg_critical_locked',
                        finding=finding.rec_name))

    @classmethod
    @ModelView.button
    def tell(cls, findings):
        "Keep who was told of the findings, how and when"
        cls._check_untold(findings)
        for finding in findings:
            if not (finding.told_to and finding.told_how and finding.told_at):
                raise CriticalFindingError(gettext(
                        'health_imaging.msg_critical_told',
                        finding=finding.rec_name))
            if finding.told_at < finding.seen_at:
                raise CriticalFindingError(gettext(
                        'health_imaging.msg_critical_times',
                        finding=finding.rec_name))
        cls._set(findings, {'state': 'told', 'told_by': Transaction().user})

    @classmethod
    @ModelView.button
    def acknowledge(cls, findings):
        "Keep that the user knows; not who told it"
        lock_rows({cls: findings})
        user = Transaction().user
        for finding in findings:
            if finding.state != 'told' or finding.told_by.id == user:
                raise CriticalFindingError(gettext(
                        'health_imaging.msg_critical_acknowledge',
                        finding=finding.rec_name))
        cls._set(findings, {
                'state': 'acknowledged', 'acknowledged_by': user,
                'acknowledged_at': dt.datetime.now().replace(microsecond=0),
                })

    @classmethod
    @without_check_access
    def _set(cls, findings, values):
        "Write past the lock"
        super().write(findings, values)


class Result(metaclass=PoolMeta):
    __name__ = _RESULT

    for_me = fields.Function(fields.Boolean(
            "Ordered by Me", help="Whether the user ordered the test."),
        'get_for_me', searcher='search_for_me')
    critical = fields.Function(fields.Selection(
            [(None, ""), *CATEGORIES], "Critical", sort=False,
            help="The most urgent category of its critical findings that "
            "nobody acknowledged."),
        'get_critical', searcher='search_critical')

    _button_rights = {'critical_findings': ((_RESULT, 'read'),)}

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._buttons['critical_findings'] = {}

    @classmethod
    def get_for_me(cls, results, name):
        mine = set(cls.search([
                    ('id', 'in', list(map(int, results))),
                    (name, '=', True)], order=[]))
        return {r.id: r in mine for r in results}

    @classmethod
    def search_for_me(cls, name, clause):
        values = wanted(clause, {True, False})
        if len(values) != 1:
            return [('id', '!=' if values else '=', None)]
        Request = Pool().get('gnuhealth.imaging.test.request')
        table, request = cls.__table__(), Request.__table__()
        doctor = get_health_professional(required=False) or -1
        mine = (table
            .join(request, condition=request.id == table.request)
            .select(table.id, where=request.doctor == doctor))
        return [('id', 'in' if True in values else 'not in', mine)]

    @classmethod
    def _open_findings(cls):
        "Return the table of the findings, and that nobody acknowledged them"
        finding = Pool().get(_FINDING).__table__()
        return finding, finding.state.in_(['to_tell', 'told'])

    @classmethod
    def get_critical(cls, results, name):
        Finding = Pool().get(_FINDING)
        critical = {r.id: None for r in results}
        ranks = list(dict(CATEGORIES))
        for finding in Finding.search([
                    ('result', 'in', list(critical)),
                    ('state', 'in', ['to_tell', 'told'])]):
            id_ = finding.result.id
            critical[id_] = min(
                filter(None, [critical[id_], finding.category]),
                key=ranks.index)
        return critical

    @classmethod
    def search_critical(cls, name, clause):
        values = wanted(clause, {None, *dict(CATEGORIES)})
        if None in values:
            others = dict(CATEGORIES).keys() - values
            return [('id', 'not in', cls._critical(others))]
        return [('id', 'in', cls._critical(values))]

    @classmethod
    def _critical(cls, categories):
        finding, is_open = cls._open_findings()
        rank = Min(_rank(finding))
        ranks = list(dict(CATEGORIES))
        return finding.select(
            finding.result, where=is_open, group_by=[finding.result],
            having=rank.in_([ranks.index(c) for c in categories] or [-1]))

    @classmethod
    def order_critical(cls, tables):
        table, _ = tables[None]
        finding, is_open = cls._open_findings()
        return [Coalesce(
                finding.select(
                    Min(_rank(finding)),
                    where=is_open & (finding.result == table.id)),
                len(CATEGORIES))]

    @classmethod
    @ModelView.button_action('health_imaging.act_critical_finding_result')
    def critical_findings(cls, results):
        pass


class Request(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request'

    critical_open = fields.Function(fields.Boolean(
            "Not Acknowledged",
            help="Whether there are critical findings that nobody "
            "acknowledged."),
        'get_critical_open', searcher='search_critical_open')

    @classmethod
    def get_critical_open(cls, requests, name):
        found = set(cls.search([
                    ('id', 'in', list(map(int, requests))),
                    (name, '=', True)], order=[]))
        return {r.id: r in found for r in requests}

    @classmethod
    def search_critical_open(cls, name, clause):
        values = wanted(clause, {True, False})
        if len(values) != 1:
            return [('id', '!=' if values else '=', None)]
        result = cls._reports()
        finding, is_open = Pool().get(_RESULT)._open_findings()
        found = (result
            .join(finding, condition=finding.result == result.id)
            .select(result.request, where=is_open & (result.request != Null)))
        return [('id', 'in' if True in values else 'not in', found)]


def _rank(finding):
    "Return the number of the category of a finding, in SQL"
    return Case(
        *((finding.category == category, Literal(number))
            for number, (category, _) in enumerate(CATEGORIES)))

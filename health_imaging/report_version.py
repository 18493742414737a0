# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What reports said: their versions, which nobody changes, and new ones"
import datetime as dt
import hashlib
import json
from collections import defaultdict

from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.pool import Pool
from trytond.pyson import Eval, If
from trytond.tools import grouped_slice
from trytond.transaction import Transaction, without_check_access
from trytond.wizard import Button, StateTransition, StateView, Wizard

from .audit import AuditMixin
from .common import any_of_names
from .exceptions import AuditError, ReportChangedError
from .own_patient import OwnPatientMixin
from .rights import FormRightsMixin, WizardRightsMixin

# What HL7 and IHE call the states of a diagnostic report
STATES = [
    ('draft', "Draft"),
    ('preliminary', "Preliminary"),
    ('final', "Final"),
    ('amended', "Amended"),
    ('entered_in_error', "Entered in Error"),
    ]
OPEN = frozenset(['draft', 'preliminary'])
# What a report is written in, in the order that it is read
SECTIONS = (
    'indication', 'technique', 'comparison', 'comment', 'impression',
    'recommendation')
# The versions with the whole text; the last of them is what holds
TEXTS = frozenset(['earlier', 'preliminary', 'final', 'correction'])
# What a report is worth from such a version on, where that is no state itself
STATES_BY_KIND = {
    'earlier': 'final',
    'addendum': 'amended',
    'correction': 'amended',
    'error': 'entered_in_error',
    }
# The versions that somebody signed to be read
SIGNED = frozenset(['final', 'addendum', 'correction'])

_RESULT = 'gnuhealth.imaging.test.result'
_RIGHTS = ((_RESULT, 'write'),)
# In the order that the hash has them
_HASHED = (
    'number', 'kind', 'content', 'reason', 'date', 'user', 'signer',
    'patient_name', 'birth_date', 'puid', 'study_instance_uid')


def digest(previous, values):
    """Return the SHA-256 of a version, in hexadecimal digits.

    'previous' is that of the version before, None for the first; 'values'
    are what the version says, which JSON or str() can write.
    """
    text = json.dumps(
        [previous, *values], ensure_ascii=False, separators=(',', ':'),
        default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class Version(OwnPatientMixin, AuditMixin, ModelSQL, ModelView):
    "Imaging Report Version"
    __name__ = 'gnuhealth.imaging.test.result.version'
    _patient_fields = ('result.patient',)

    result = fields.Many2One(
        _RESULT, "Result", required=True, readonly=True, ondelete='RESTRICT')
    number = fields.Integer("Version", required=True, readonly=True)
    kind = fields.Selection([
            ('earlier', "Recorded by an Earlier Version"),
            ('preliminary', "Preliminary"),
            ('final', "Final"),
            ('addendum', "Addendum"),
            ('correction', "Correction"),
            ('error', "Entered in Error"),
            ], "Kind", required=True, readonly=True, sort=False)
    content = fields.Text(
        "Content", required=True, readonly=True, strip=False,
        help="All that the report said, as JSON.")
    comment = fields.Function(
        fields.Text("Text", help="What the version says."), 'get_comment')
    replaced = fields.Function(fields.Boolean(
            "Replaced", help="A later version says what holds instead."),
        'get_replaced')
    reason = fields.Text("Reason", readonly=True)
    date = fields.DateTime("Date", required=True, readonly=True)
    user = fields.Many2One(
        'res.user', "User", required=True, readonly=True,
        ondelete='RESTRICT')
    signer = fields.Char(
        "Signed by", readonly=True, strip=False,
        help="Who signed the version; nobody signs preliminary ones.")
    previous_sha256 = fields.Char("SHA-256 of Previous", readonly=True)
    sha256 = fields.Char(
        "SHA-256", required=True, readonly=True,
        help="What the version says and the SHA-256 of the one before.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('number_unique', Unique(table, table.result, table.number),
                'health_imaging.msg_report_version_unique'),
            ]
        cls._sql_indexes.add(Index(table, (table.result, Index.Equality())))
        cls._order = [
            ('result', 'DESC'), ('number', 'DESC'), ('id', 'DESC')]

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(Eval('replaced', False), 'muted', '')),
            ]

    def get_rec_name(self, name):
        return f'{self.result.rec_name} {self.number}'

    search_rec_name = any_of_names('result.rec_name')

    def get_comment(self, name):
        return whole_text(self.sections())

    @property
    def state(self):
        "What the report was worth from it on"
        return STATES_BY_KIND.get(self.kind, self.kind)

    def sections(self):
        "Return what each section says that says something, by its name"
        content = json.loads(self.content)
        return {
            name: content[name] for name in SECTIONS
            if (content.get(name) or '').strip()}

    @classmethod
    def get_replaced(cls, versions, name):
        latest = {}
        for sub_ids in grouped_slice({v.result.id for v in versions}):
            for version in cls.search([
                        ('result', 'in', list(sub_ids)),
                        ('kind', 'in', list(TEXTS)),
                        ], order=[('number', 'ASC')]):
                latest[version.result] = version.number
        return {
            v.id: v.kind in TEXTS and v.number < latest[v.result]
            for v in versions}

    @classmethod
    def write(cls, *args):
        raise cls._system_field_error(None)

    @classmethod
    def delete(cls, versions):
        raise cls._system_field_error(None)

    @classmethod
    def copy(cls, versions, default=None):
        raise cls._system_field_error(None)

    @classmethod
    def _system_field_error(cls, name):
        return AuditError(gettext('health_imaging.msg_report_version_locked'))

    @classmethod
    def _with_subjects(cls, vlist):
        return vlist

    @classmethod
    def _described(cls, table):
        # No earlier version had such rows
        return ()

    @classmethod
    @without_check_access
    def append(cls, results, kind, signer=None, reason=None, **content):
        """Append a version to each of the results, and return them.

        It says what the result says, with what content says otherwise.
        """
        last = cls._last(results)
        date = dt.datetime.now().replace(microsecond=0)
        vlist = []
        for result in results:
            previous = last.get(result.id)
            values = {
                'number': previous.number + 1 if previous else 1,
                'kind': kind,
                'content': json.dumps(
                    {**result.report_content(), **content},
                    ensure_ascii=False, sort_keys=True),
                'reason': (reason or '').strip() or None,
                'date': date,
                'user': Transaction().user,
                'signer': signer,
                **result.report_subject(),
                }
            hash_ = previous.sha256 if previous else None
            vlist.append({
                    **values,
                    'result': result.id,
                    'previous_sha256': hash_,
                    'sha256': digest(hash_, [values[n] for n in _HASHED]),
                    })
        return cls.create(vlist)

    @classmethod
    def _last(cls, results):
        "Return the last version of each result that has one, by its id"
        last = {}
        for sub_results in grouped_slice(results):
            for version in cls.search(
                    [('result', 'in', [r.id for r in sub_results])],
                    order=[('number', 'ASC')]):
                last[version.result.id] = version
        return last

    def _digest(self):
        values = []
        for name in _HASHED:
            value = getattr(self, name)
            values.append(value.id if name == 'user' else value)
        return digest(self.previous_sha256, values)

    @classmethod
    @without_check_access
    def misfits(cls, results):
        """Return the first version that does not fit, by result.

        That is one that says something else than its hash, that does not
        follow the one before, that is missing, or that the state or the text
        of the result differs from.
        """
        chains = defaultdict(list)
        for sub_results in grouped_slice(results):
            for version in cls.search(
                    [('result', 'in', [r.id for r in sub_results])],
                    order=[('number', 'ASC')]):
                chains[version.result.id].append(version)
        found = {}
        for result in results:
            number = cls._misfit(result, chains[result.id])
            if number is not None:
                found[result] = number
        return found

    @classmethod
    def _misfit(cls, result, versions):
        previous = None
        for number, version in enumerate(versions, 1):
            if (version.number != number
                    or version.previous_sha256 != previous
                    or version.sha256 != version._digest()):
                return number
            previous = version.sha256
        if len(versions) != result.version:
            return max(len(versions), result.version)
        if versions and result.state != versions[-1].state:
            return len(versions)
        texts = [v for v in versions if v.kind in TEXTS]
        if result.state not in OPEN and texts:
            content = json.loads(texts[-1].content)
            if any((content.get(name) or '') != (getattr(result, name) or '')
                    for name in SECTIONS):
                return texts[-1].number
        return None


def section_labels():
    "Return what the sections are called, by their names"
    Result = Pool().get(_RESULT)
    return {name: Result.__names__(name)['field'] for name in SECTIONS}


def whole_text(sections):
    "Return what the sections say as one text; findings alone need no heading"
    if list(sections) == ['comment']:
        return sections['comment']
    labels = section_labels()
    return '\n\n'.join(
        f'{labels[name]}\n{text}' for name, text in sections.items())


class ChangeStart(FormRightsMixin, ModelView):
    "Change Imaging Report"
    __name__ = 'gnuhealth.imaging.test.result.change.start'
    _form_rights = _RIGHTS

    result = fields.Many2One(_RESULT, "Result", readonly=True)
    version = fields.Integer(
        "Version", readonly=True,
        help="The version of the report that is to be changed.")
    indication = fields.Text("Indication")
    technique = fields.Text("Technique")
    comparison = fields.Text("Comparison")
    comment = fields.Text("Findings")
    impression = fields.Text("Impression")
    recommendation = fields.Text("Recommendation")
    reason = fields.Text(
        "Reason", required=True, help="Why the report is changed.")


class ChangeWizard(WizardRightsMixin, Wizard):
    "What the wizards that change a report have in common"
    _rights = _RIGHTS
    _models = (_RESULT,)

    def default_start(self, fields):
        type(self.record).check_change([self.record])
        return {
            'result': self.record.id,
            'version': self.record.version,
            **self._get_sections(),
            }

    def _get_sections(self):
        return {}

    def _check_version(self):
        # The text stays in the form
        if self.start.version != self.record.version:
            raise ReportChangedError(gettext(
                    'health_imaging.msg_report_changed',
                    result=self.record.rec_name))

    def end(self):
        return 'reload'


class Addendum(ChangeWizard):
    "Add to Imaging Report"
    __name__ = 'gnuhealth.imaging.test.result.addendum'

    start = StateView(
        'gnuhealth.imaging.test.result.change.start',
        'health_imaging.imaging_test_result_addendum_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button("Sign", 'sign', 'tryton-ok', default=True),
            ])
    sign = StateTransition()

    def transition_sign(self):
        # Others may have added something: that takes nothing from this
        type(self.record).add_addendum(self.record, self.start.comment)
        return 'end'


class Correct(ChangeWizard):
    "Correct Imaging Report"
    __name__ = 'gnuhealth.imaging.test.result.correct'

    start = StateView(
        'gnuhealth.imaging.test.result.change.start',
        'health_imaging.imaging_test_result_correct_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button("Sign", 'sign', 'tryton-ok', default=True),
            ])
    sign = StateTransition()

    def _get_sections(self):
        return self.record.report_sections()

    def transition_sign(self):
        self._check_version()
        type(self.record).correct_text(
            self.record, {n: getattr(self.start, n, None) for n in SECTIONS},
            self.start.reason)
        return 'end'


class Withdraw(ChangeWizard):
    "Withdraw Imaging Report"
    __name__ = 'gnuhealth.imaging.test.result.withdraw'

    start = StateView(
        'gnuhealth.imaging.test.result.change.start',
        'health_imaging.imaging_test_result_withdraw_start_view_form', [
            Button("Keep", 'end', 'tryton-back'),
            Button("Withdraw", 'withdraw', 'tryton-cancel', default=True),
            ])
    withdraw = StateTransition()

    def default_start(self, fields):
        type(self.record).check_withdraw([self.record])
        return {
            'result': self.record.id,
            'version': self.record.version,
            }

    def transition_withdraw(self):
        self._check_version()
        type(self.record).withdraw(self.record, self.start.reason)
        return 'end'


class CheckStart(FormRightsMixin, ModelView):
    "Check Imaging Report Versions"
    __name__ = 'gnuhealth.imaging.test.result.check.start'
    _form_rights = ((_RESULT, 'read'),)

    outcome = fields.Text("Outcome", readonly=True)


class Check(WizardRightsMixin, Wizard):
    "Check Imaging Report Versions"
    __name__ = 'gnuhealth.imaging.test.result.check'
    _rights = _RIGHTS
    _models = (_RESULT,)

    start = StateView(
        'gnuhealth.imaging.test.result.check.start',
        'health_imaging.imaging_test_result_check_start_view_form', [
            Button("Close", 'end', 'tryton-close', default=True),
            ])

    def default_start(self, fields):
        Version = Pool().get('gnuhealth.imaging.test.result.version')
        misfits = Version.misfits(self.records)
        if not misfits:
            return {'outcome': gettext(
                    'health_imaging.msg_report_chain_fits',
                    count=len(self.records))}
        return {'outcome': '\n'.join(
                gettext(
                    'health_imaging.msg_report_chain_misfit',
                    result=result.rec_name, version=number)
                for result, number in misfits.items())}

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The life of a report: its states, who signs it, and its lock"
import datetime as dt

from sql import Literal, Null

from trytond.exceptions import ConcurrencyException
from trytond.i18n import gettext
from trytond.model import Index, ModelView, fields
from trytond.modules.health.core import get_health_professional
from trytond.pool import Pool
from trytond.pyson import Eval
from trytond.transaction import Transaction, without_check_access

from .exceptions import (
    ReasonMissingError, ReportChangedError, ReportEmptyError,
    ReportLockedError, ReportStateError, SigningError)
from .locking import touch_rows
from .report_version import OPEN, SECTIONS, STATES

_RESULT = 'gnuhealth.imaging.test.result'


class ReportMixin:
    """A result whose report is written, signed, and locked from then on.

    Only the methods of this class write what is locked. They do it past
    write(), which no context and no user get it to do.
    """
    __slots__ = ()

    state = fields.Selection(
        STATES, "State", required=True, readonly=True, sort=False,
        help="What the report is worth.")
    version = fields.Integer(
        "Version", required=True, readonly=True,
        help="How many versions of the report are kept.")
    versions = fields.One2Many(
        'gnuhealth.imaging.test.result.version', 'result', "Versions",
        readonly=True)
    recorded_earlier = fields.Boolean(
        "Recorded by an Earlier Version", readonly=True,
        help="The report is of a time when none was signed.")
    preliminary_by = fields.Many2One(
        'res.user', "First Reader", readonly=True, ondelete='RESTRICT',
        help="Who handed the report over as a preliminary one.")
    signed_by = fields.Many2One(
        'res.user', "Signed by", readonly=True, ondelete='RESTRICT')
    signed_at = fields.DateTime("Signed", readonly=True)

    _button_rights = dict.fromkeys(
        ['preliminary', 'sign', 'addendum', 'correct', 'withdraw_report'],
        ((_RESULT, 'write'),))

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.update({
                Index(table, (table.signed_at, Index.Range())),
                Index(table, (table.state, Index.Range()),
                    where=table.state.in_(sorted(OPEN))),
                # What tells of its request, and as what
                Index(
                    table, (table.request, Index.Range()),
                    (table.id, Index.Range(order='DESC')),
                    include=[table.state],
                    where=table.state != 'entered_in_error'),
                })
        is_open = Eval('state').in_(list(OPEN))
        is_signed = Eval('state').in_(['final', 'amended'])
        cls._buttons.update({
                'preliminary': {
                    'invisible': Eval('state') != 'draft',
                    'depends': ['state'],
                    },
                'sign': {
                    'invisible': ~is_open,
                    'depends': ['state'],
                    },
                'addendum': {
                    'invisible': ~is_signed,
                    'depends': ['state'],
                    },
                'correct': {
                    'invisible': ~is_signed,
                    'depends': ['state'],
                    },
                'withdraw_report': {
                    'invisible': Eval('state') == 'entered_in_error',
                    'depends': ['state'],
                    },
                })

    @classmethod
    def __post_setup__(cls):
        # Also for what other modules add; the model has the lock
        is_locked = ~Eval('state').in_(list(OPEN))
        for field in (getattr(cls, name) for name in dir(cls)):
            if not isinstance(field, fields.Field) or isinstance(
                    field, fields.Function) or field.readonly:
                continue
            before = field.states.get('readonly')
            field.states['readonly'] = (
                is_locked if before is None else before | is_locked)
        super().__post_setup__()

    @classmethod
    def __register__(cls, module_name):
        table_h = cls.__table_handler__(module_name)
        migrate = (
            table_h.column_exist('number')
            and not table_h.column_exist('state'))
        super().__register__(module_name)
        if migrate:
            # Migration from 7.0.0, and from GNU Health 5.0: nobody signed
            table = cls.__table__()
            cursor = Transaction().connection.cursor()
            cursor.execute(*table.update(
                    [table.state, table.recorded_earlier],
                    [Literal('final'), Literal(True)]))

    @classmethod
    def default_state(cls):
        return 'draft'

    @classmethod
    def default_version(cls):
        return 0

    @classmethod
    def default_recorded_earlier(cls):
        return False

    @classmethod
    def create(cls, vlist):
        results = super().create(vlist)
        cls._tell(_requests(results))
        return results

    @classmethod
    def write(cls, *args):
        results = [r for sub in args[::2] for r in sub]
        cls.check_unlocked(results)
        if not any({'state', 'request'} & v.keys() for v in args[1::2]):
            super().write(*args)
            return
        before = _requests(results)
        super().write(*args)
        cls._tell(before | _requests(results))

    @classmethod
    def delete(cls, results):
        "Delete drafts; their orders wait for another report"
        Request = Pool().get('gnuhealth.imaging.test.request')
        cls.check_unlocked(results)
        requests = list(_requests(results))
        super().delete(results)
        cls._tell(requests)
        Request.result_withdrawn(
            requests, gettext('health_imaging.msg_result_deleted'))

    @classmethod
    def copy(cls, results, default=None):
        # The copy is the draft of another report
        default = default.copy() if default is not None else {}
        default.setdefault('state', cls.default_state())
        default.setdefault('version', cls.default_version())
        default.setdefault('recorded_earlier', False)
        for name in ['versions', 'preliminary_by', 'signed_by', 'signed_at']:
            default.setdefault(name)
        return super().copy(results, default=default)

    @classmethod
    def check_unlocked(cls, results):
        "Raise ReportLockedError for the first that nobody writes any more"
        for result in results:
            if result.state not in OPEN:
                raise ReportLockedError(gettext(
                        'health_imaging.msg_report_locked_withdrawn'
                        if result.state == 'entered_in_error'
                        else 'health_imaging.msg_report_locked',
                        result=result.rec_name))

    @classmethod
    def unsigned(cls, table):
        "Return the condition of the results that nobody signed or withdrew"
        return table.state.in_(list(OPEN)) | (
            (table.state == 'final')
            & (table.recorded_earlier == Literal(True))
            & (table.signed_at == Null))

    def report_content(self):
        "Return all that the report says, which JSON can write"
        return {
            'number': self.number,
            'order': self.order,
            'patient': self.patient.id,
            'test': self.requested_test.rec_name,
            'date': self.date.isoformat(),
            'doctor': self.doctor.rec_name,
            'author': (self.write_uid or self.create_uid).rec_name,
            **self.report_sections(),
            'images': [i.content_digest for i in self.images],
            }

    def report_subject(self):
        "Return whom the report is about"
        party = self.patient.party
        return {
            'patient_name': self.patient.rec_name,
            'birth_date': party.dob,
            'puid': party.ref,
            'study_instance_uid':
                self.request.study_instance_uid if self.request else None,
            }

    @classmethod
    @ModelView.button
    def preliminary(cls, results):
        cls._check_state(results, {'draft'})
        cls._check_written(results)
        cls._append(results, 'preliminary', {
                'state': 'preliminary',
                'preliminary_by': Transaction().user,
                })

    @classmethod
    @ModelView.button
    def sign(cls, results):
        cls._check_signer()
        cls._check_state(results, OPEN)
        cls._check_written(results)
        cls._check_second_reader(results)
        cls._append(results, 'final', cls._signature('final'))

    @classmethod
    @ModelView.button_action('health_imaging.wizard_report_addendum')
    def addendum(cls, results):
        cls.check_change(results)

    @classmethod
    @ModelView.button_action('health_imaging.wizard_report_correct')
    def correct(cls, results):
        cls.check_change(results)

    @classmethod
    @ModelView.button_action('health_imaging.wizard_report_withdraw')
    def withdraw_report(cls, results):
        cls.check_withdraw(results)

    @classmethod
    def check_change(cls, results):
        "Raise an error unless the user can add to the reports or correct them"
        cls._check_signer()
        cls._check_state(results, {'final', 'amended'})

    @classmethod
    def check_withdraw(cls, results):
        "Raise an error unless the user can withdraw the reports"
        cls._check_state(results, {'draft', 'preliminary', 'final', 'amended'})
        if any(r.state not in OPEN for r in results):
            cls._check_signer()

    @classmethod
    def add_addendum(cls, result, text):
        "Add the text, signed by the user, to the report"
        cls.check_change([result])
        cls._check_text(text, ReportEmptyError, 'msg_report_addendum_empty')
        cls._keep_earlier([result])
        cls._append(
            [result], 'addendum', {'state': 'amended'},
            **{**dict.fromkeys(SECTIONS), 'comment': text.strip()})

    @classmethod
    def correct_text(cls, result, sections, reason):
        """Replace the text of the report for the reason, signed by the user.

        The sections are texts by name; one that is not named becomes empty.
        """
        cls.check_change([result])
        sections = {
            name: (sections.get(name) or '').strip() or None
            for name in SECTIONS}
        if not cls(**sections).has_text:
            cls._raise_empty(result)
        cls._check_text(reason, ReasonMissingError, 'msg_report_reason')
        cls._keep_earlier([result])
        cls._append(
            [result], 'correction',
            {**sections, **cls._signature('amended')},
            reason=reason, **sections)

    @classmethod
    def withdraw(cls, result, reason):
        """Say for the reason that there should be no such report.

        Its order waits for another one.
        """
        Request = Pool().get('gnuhealth.imaging.test.request')
        cls.check_withdraw([result])
        cls._check_text(reason, ReasonMissingError, 'msg_report_reason')
        cls._keep_earlier([result])
        cls._append(
            [result], 'error', {'state': 'entered_in_error'}, reason=reason)
        if result.request:
            Request.result_withdrawn([result.request], reason.strip())

    @classmethod
    def _check_text(cls, text, Error, message):
        if not (text or '').strip():
            raise Error(gettext(f'health_imaging.{message}'))

    @classmethod
    def _check_signer(cls):
        pool = Pool()
        ModelData = pool.get('ir.model.data')
        User = pool.get('res.user')
        group = ModelData.get_id(
            'health_imaging', 'group_health_imaging_reporting')
        if group not in User.get_groups():
            raise SigningError(gettext('health_imaging.msg_report_signer'))

    @classmethod
    def _check_state(cls, results, states):
        names = dict(cls.state.selection)
        for result in results:
            if result.state not in states:
                raise ReportStateError(gettext(
                        'health_imaging.msg_report_state',
                        result=result.rec_name,
                        state=names[result.state],
                        user=(result.signed_by or result.write_uid
                            or result.create_uid).rec_name))

    @classmethod
    def _check_written(cls, results):
        for result in results:
            if not result.has_text:
                cls._raise_empty(result)

    @classmethod
    def _raise_empty(cls, result):
        raise ReportEmptyError(gettext(
                'health_imaging.msg_report_empty', result=result.rec_name))

    @classmethod
    def _check_second_reader(cls, results):
        for result in results:
            if result.requested_test.test_type.second_reader and (
                    result.state != 'preliminary'
                    or result.preliminary_by.id == Transaction().user):
                raise SigningError(gettext(
                        'health_imaging.msg_report_second_reader',
                        result=result.rec_name))

    @classmethod
    def _signature(cls, state):
        return {
            'state': state,
            'signed_by': Transaction().user,
            'signed_at': dt.datetime.now().replace(microsecond=0),
            }

    @classmethod
    def _signer_name(cls):
        pool = Pool()
        doctor = get_health_professional(required=False)
        if doctor:
            return pool.get('gnuhealth.healthprofessional')(doctor).rec_name
        return pool.get('res.user')(Transaction().user).rec_name

    @classmethod
    @without_check_access
    def _keep_earlier(cls, results):
        "Keep what reports said of which no version is kept"
        earlier = [r for r in results if not r.version and r.state not in OPEN]
        if earlier:
            cls._append(earlier, 'earlier', {})

    @classmethod
    @without_check_access
    def _append(cls, results, kind, values, reason=None, **content):
        "Append a version, and write the values past the lock"
        Version = Pool().get('gnuhealth.imaging.test.result.version')
        signer = (
            None if kind in {'earlier', 'preliminary'}
            else cls._signer_name())
        args = []
        for version in Version.append(
                results, kind, signer=signer, reason=reason, **content):
            args += [[version.result], {**values, 'version': version.number}]
        try:
            super().write(*args)
            cls._tell(_requests(results))
        except ConcurrencyException as exception:
            # What the client showed is not what would be signed
            raise ReportChangedError(gettext(
                    'health_imaging.msg_report_changed',
                    result=', '.join(r.rec_name for r in results),
                    )) from exception

    @classmethod
    def _tell(cls, requests):
        "Let the requests know what their reports are worth"
        Request = Pool().get('gnuhealth.imaging.test.request')
        Request.keep_report_status(requests)


def _requests(results):
    "Return the requests of the results, of those that have one"
    return {r.request for r in results if r.request}


class OnReportMixin:
    "What is on a report, and stays as it is once that is locked"
    __slots__ = ()

    @classmethod
    def write(cls, *args):
        records = [record for sub in args[::2] for record in sub]
        # Where they are, and where they come
        cls._check_report(records)
        super().write(*args)
        cls._check_report(records)

    @classmethod
    def delete(cls, records):
        cls._check_report(records)
        super().delete(records)

    @classmethod
    @without_check_access
    def _check_report(cls, records):
        "Raise ReportLockedError for what is on a locked report"
        Result = Pool().get(_RESULT)
        results = list(cls._reports(cls.browse(records)))
        Result.check_unlocked(results)
        touch_rows(Result, results)

    @classmethod
    def _reports(cls, records):
        "Return the results that the records are on"
        return {record.result for record in records}


class OfReportMixin(OnReportMixin):
    "What a report is made of: nothing is added once that is locked"
    __slots__ = ()

    @classmethod
    def create(cls, vlist):
        records = super().create(vlist)
        cls._check_report(records)
        return records

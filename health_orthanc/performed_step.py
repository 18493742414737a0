# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Of which order machines perform their steps"
import datetime as dt
import json
from collections import defaultdict

from trytond.i18n import gettext
from trytond.model import ModelView, fields
from trytond.modules.health_imaging.identity import patient_identity
from trytond.modules.health_imaging.locking import lock_rows
from trytond.modules.health_imaging.rights import (
    FormRightsMixin, WizardRightsMixin)
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction, without_check_access
from trytond.wizard import Button, StateTransition, StateView, Wizard

from . import matching, mpps, order_matching
from .exceptions import LinkError
from .link_order import LINK_ORDER_RIGHTS
from .matching import Reported, identifier
from .order_matching import RequestLine

# What of a report is not that of the one before
_NEW_OF_EACH = {
    'id', 'create_uid', 'create_date', 'write_uid', 'write_date',
    'sop_instance_uid', 'number', 'received'}
# Of what people can say that a machine performed it
_SETTLED_STATES = ['requested', 'done']
_MOST_SUGGESTED = 100
# What it takes to say of which request a step is
SETTLE_RIGHTS = (
    ('gnuhealth.imaging.performed_step', 'read'), *LINK_ORDER_RIGHTS)


class PerformedStep(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.performed_step'

    explanation = fields.Function(
        fields.Char(
            "Explanation",
            help="What says that it is of the request, or why it is of none."),
        'get_explanation')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._button_rights = {
            **cls._button_rights, 'settle_step': SETTLE_RIGHTS}
        cls._buttons['settle_step'] = {
            'invisible': ~Eval('latest', False),
            'depends': ['latest'],
            }

    def get_explanation(self, name):
        return gettext(
            f'health_orthanc.msg_performed_step_{self.match}',
            differences=difference_names((self.differences or '').split()))

    @property
    def reported_identity(self):
        "What the machine reports of who the patient is"
        details = ', '.join(filter(None, [
                    self.patient_id,
                    self.birth_date and self.birth_date.isoformat(),
                    self.sex]))
        return f'{self.patient_name or ""} ({details})'.strip()

    @classmethod
    @ModelView.button_action('health_orthanc.wizard_performed_step_settle')
    def settle_step(cls, steps):
        pass

    @classmethod
    @without_check_access
    def report_creation(cls, sop_instance_uid, attributes, to_utc):
        """Store that a machine begins a step.

        Raise mpps.Refusal.
        """
        if cls.current(sop_instance_uid):
            raise mpps.Refusal(
                mpps.DUPLICATE_INSTANCE, 'The step is there already')
        rows = mpps.values(mpps.create(attributes), to_utc)
        for values, verdict in zip(rows, cls._match(rows), strict=True):
            values.update(cls._verdict_values(verdict))
        cls._report(sop_instance_uid, 1, rows)

    @classmethod
    @without_check_access
    def report_modification(cls, sop_instance_uid, modification, to_utc):
        """Store how a machine goes on with a step, or ends it.

        Raise mpps.Refusal.
        """
        known = cls.current(sop_instance_uid)
        if lock_rows(cls.rows_to_lock(known)):
            known = cls.current(sop_instance_uid)
        if not known:
            raise mpps.Refusal(
                mpps.NO_SUCH_INSTANCE, 'There is no such step')
        attributes = mpps.modify(
            type(modification).from_json(json.loads(known[0].attributes)),
            modification)
        rows = mpps.values(attributes, to_utc)
        for values, row in zip(rows, known, strict=True):
            values.update({
                    'request': row.request and row.request.id,
                    'match': row.match,
                    'differences': row.differences,
                    'user': row.user and row.user.id,
                    'reason': row.reason,
                    })
        cls._report(sop_instance_uid, known[0].number + 1, rows)

    @classmethod
    @without_check_access
    def rows_to_lock(cls, steps, *requests):
        """Return what who says something more of the steps locks.

        That is the reports that hold, so that one after the other says it,
        and the requests that follow them, also those that they are of from
        now on. Requests are before what belongs to them, as everywhere.
        """
        Request = Pool().get('gnuhealth.imaging.test.request')
        rows = cls.current(*{step.sop_instance_uid for step in steps})
        return {
            Request: list(filter(None, [
                        *requests, *(row.request for row in rows)])),
            cls: rows,
            }

    @classmethod
    @without_check_access
    def settle(cls, steps, request, reason):
        """Note of which request people say that steps are, None for none.

        Nothing is changed: it is a further report, which says who said so.
        Raise LinkError without a reason, or where it is not to be performed.
        """
        Request = Pool().get('gnuhealth.imaging.test.request')
        reason = (reason or '').strip()
        if not reason:
            raise LinkError(gettext('health_orthanc.msg_reconcile_no_reason'))
        if request and request.state not in _SETTLED_STATES:
            raise LinkError(gettext('health_orthanc.msg_settle_request'))
        before = {step.request for step in steps if step.request}
        names = [
            name for name, field in cls._fields.items()
            if field.sql_type() and name not in _NEW_OF_EACH]
        for step in steps:
            rows = cls.current(step.sop_instance_uid)
            values = cls.read(list(map(int, rows)), names)
            for row in values:
                del row['id']
                if row['item'] == step.item:
                    row.update({
                            'request': request and request.id,
                            'match': matching.MANUAL,
                            'differences': ' '.join(
                                cls.contradictions(step, request)) or None,
                            'user': Transaction().user,
                            'reason': reason,
                            })
            cls._append(step.sop_instance_uid, rows[0].number + 1, values)
        Request.follow_performed_steps(list(before))

    @classmethod
    @without_check_access
    def contradictions(cls, step, request):
        "Return the names of what speaks against that a step is of a request"
        if not request:
            return ()
        row = {name: getattr(step, name) for name in [
                'patient_name', 'birth_date', 'sex', 'patient_id', 'modality',
                *order_matching.STEP_IDENTIFIERS]}
        # Whatever it names, it is about this request
        verdict, = cls._match([{
                    **row, order_matching.STUDY_INSTANCE_UID:
                    request.study_instance_uid}])
        return verdict.differences

    @classmethod
    def suggested_requests(cls, step):
        "Return the ids of the requests that a step could be of"
        Request = Pool().get('gnuhealth.imaging.test.request')
        named = [
            (name, '=', getattr(step, name))
            for name in order_matching.STEP_IDENTIFIERS
            if getattr(step, name)]
        if step.patient_id:
            named.append(('patient.party.ref', '=', step.patient_id))
        return [request.id for request in Request.search([
                    ('state', 'in', _SETTLED_STATES), ['OR', *named],
                    ], limit=_MOST_SUGGESTED)] if named else []

    @classmethod
    def _report(cls, sop_instance_uid, number, rows):
        Station = Pool().get('gnuhealth.imaging.station')
        stations = {
            station.ae_title: station.id for station in Station.search([
                    ('ae_title', 'in', [r['station_ae_title'] for r in rows])
                    ])}
        cls._append(sop_instance_uid, number, [{
                    **values,
                    'station': stations.get(values['station_ae_title']),
                    } for values in rows])

    @classmethod
    def _append(cls, sop_instance_uid, number, rows):
        received = dt.datetime.now().replace(microsecond=0)
        cls.record([{
                    **values,
                    'sop_instance_uid': sop_instance_uid,
                    'number': number,
                    'received': received,
                    } for values in rows])

    @classmethod
    def _verdict_values(cls, verdict):
        return {
            'request': verdict.lines[0] if verdict.lines else None,
            'match': verdict.reason,
            'differences': ' '.join(verdict.differences) or None,
            }

    @classmethod
    def _match(cls, rows):
        "Return the OrderVerdict of each"
        pool = Pool()
        Patient = pool.get('gnuhealth.patient')
        Request = pool.get('gnuhealth.imaging.test.request')
        requests = Request.search(['OR', *(
                    (name, 'in', list(filter(None, (r[name] for r in rows))))
                    for name in order_matching.STEP_IDENTIFIERS)])
        persons = Patient.persons_by_id({r.patient.id for r in requests})
        identifiers = defaultdict(set)
        for request in requests:
            party = request.patient.party
            identifiers[request.patient.id].update(filter(None, map(
                        identifier, [
                            party.ref,
                            *(i.code for i in party.alternative_ids)])))
        return [
            order_matching.match_performed_step(
                order_matching.PerformedStep(
                    Reported(
                        row['patient_name'], row['birth_date'], row['sex']),
                    row['patient_id'], row['modality']),
                cls._named(row, requests), persons, identifiers)
            for row in rows]

    @classmethod
    def _named(cls, row, requests):
        "Return the lines that have an identifier of the step, by its name"
        named = defaultdict(list)
        for request in requests:
            line = RequestLine(
                request.id, request.patient.id, request.request,
                request.requested_test.test_type.code,
                # What was reopened is not to be made any more, as it stands
                request.state in {'draft', 'cancelled'})
            for name in order_matching.STEP_IDENTIFIERS:
                if row[name] and row[name] == getattr(request, name):
                    named[name].append(line)
        return named


def difference_names(differences):
    "Return what people call these differences"
    return ', '.join(
        gettext(f'health_orthanc.msg_difference_{difference}')
        for difference in differences)


class SettleStart(FormRightsMixin, ModelView):
    "Settle Performed Step"
    __name__ = 'gnuhealth.imaging.performed_step.settle.start'
    _form_rights = SETTLE_RIGHTS

    step = fields.Many2One(
        'gnuhealth.imaging.performed_step', "Performed Step", readonly=True)
    reported = fields.Char(
        "As the Machine Reports", readonly=True,
        help="The name, the ID, the birth date and the sex.")
    explanation = fields.Char("Explanation", readonly=True)
    request = fields.Many2One(
        'gnuhealth.imaging.test.request', "Order",
        domain=[('state', 'in', _SETTLED_STATES)],
        help="The order that the machine worked for.")
    patient = fields.Function(
        fields.Many2One(
            'gnuhealth.patient', "Patient",
            states={'invisible': ~Bool(Eval('patient'))}),
        'on_change_with_patient')
    patient_identity = fields.Function(
        fields.Char("PUID, Birth Date, Sex"),
        'on_change_with_patient_identity')
    differences = fields.Function(
        fields.Char(
            "Differences",
            states={'invisible': ~Bool(Eval('differences'))},
            help="In what the order contradicts what the machine reports."),
        'on_change_with_differences')
    suggested_requests = fields.Many2Many(
        'gnuhealth.imaging.test.request', None, None, "Suggested Orders",
        readonly=True)
    reason = fields.Char(
        "Reason", required=True, help="Why you decide so.")

    @fields.depends('request')
    def on_change_with_patient(self, name=None):
        return self.request.patient if self.request else None

    @fields.depends('request')
    @without_check_access
    def on_change_with_patient_identity(self, name=None):
        return patient_identity(
            self.request.patient) if self.request else None

    @fields.depends('request', 'step')
    def on_change_with_differences(self, name=None):
        if not (self.request and self.step):
            return None
        return difference_names(
            type(self.step).contradictions(self.step, self.request)) or None


class Settle(WizardRightsMixin, Wizard):
    "Settle Performed Step"
    __name__ = 'gnuhealth.imaging.performed_step.settle'
    _rights = SETTLE_RIGHTS
    _models = (
        'gnuhealth.imaging.performed_step',
        'gnuhealth.orthanc.reconciliation')

    start = StateView(
        'gnuhealth.imaging.performed_step.settle.start',
        'health_orthanc.performed_step_settle_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button("Of No Order", 'refuse', 'tryton-delete'),
            Button("Link", 'link', 'tryton-link'),
            ])
    link = StateTransition()
    refuse = StateTransition()

    def _step(self):
        step = (
            self.record.performed_step
            if self.model.__name__ == 'gnuhealth.orthanc.reconciliation'
            else self.record)
        if not (step and step.latest):
            raise LinkError(gettext('health_orthanc.msg_settle_latest'))
        return step

    def default_start(self, fields):
        step = self._step()
        return {
            'step': step.id,
            'reported': step.reported_identity,
            'explanation': step.explanation,
            'request': step.request and step.request.id,
            'suggested_requests': type(step).suggested_requests(step),
            }

    def _locked(self):
        step = self._step()
        return type(step).rows_to_lock(
            [step], getattr(self.start, 'request', None))

    def transition_link(self):
        if not self.start.request:
            raise LinkError(gettext('health_orthanc.msg_settle_request'))
        return self._settle(self.start.request)

    def transition_refuse(self):
        return self._settle(None)

    def _settle(self, request):
        step = self._step()
        type(step).settle([step], request, self.start.reason)
        return 'end'

    def end(self):
        return 'reload'

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"The wizard in which a person says whose studies are"
from contextlib import contextmanager

from trytond.i18n import gettext
from trytond.model import ModelView, fields
from trytond.modules.health_imaging.identity import identified
from trytond.modules.health_imaging.rights import FormRightsMixin
from trytond.pool import Pool
from trytond.pyson import Bool, Eval, If
from trytond.transaction import Transaction, check_access, without_check_access
from trytond.wizard import Button, StateTransition, StateView, Wizard

from . import matching
from .candidate import readable, suggested
from .exceptions import LinkError, LinkWarning
from .reconciliation import COMPARED, comparison_mixin, shown_date
from .selection import SelectedStudiesMixin

# What makes a link doubtful; another ID alone is why most are here
_DOUBTS = ['name', 'birth_date', 'sex']
# What it takes to reconcile
# Who may only write notes of studies does not reconcile them
_RIGHTS = (
    ('gnuhealth.orthanc.study', 'write'),
    ('gnuhealth.orthanc.patient', 'write'))


class ReconcileComparison(FormRightsMixin, ModelView):
    "Reconcile Studies - Comparison"
    __name__ = 'gnuhealth.orthanc.reconcile.comparison'
    _form_rights = _RIGHTS

    attribute = fields.Char("Patient", readonly=True)
    reported = fields.Char("As the Study Reports", readonly=True)
    known = fields.Char("As GNU Health Knows", readonly=True)
    differs = fields.Boolean("Differs", readonly=True)

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(Eval('differs', False), 'danger', '')),
            ]


class ReconcileStart(comparison_mixin(), FormRightsMixin, ModelView):
    "Reconcile Studies"
    __name__ = 'gnuhealth.orthanc.reconcile.start'
    _form_rights = _RIGHTS

    studies = fields.Many2Many(
        'gnuhealth.orthanc.study', None, None, "Studies", readonly=True)
    explanation = fields.Char(
        "Explanation", readonly=True,
        states={'invisible': ~Bool(Eval('explanation'))},
        help="Why the study is, or is not, linked.")
    compared_with = fields.Char(
        "Compared With", readonly=True,
        states={'invisible': ~Bool(Eval('compared_with'))},
        help="The patient that you chose; or that the ID means.")
    comparison = fields.One2Many(
        'gnuhealth.orthanc.reconcile.comparison', None, "Comparison",
        readonly=True)
    differs = fields.Boolean("Differs", readonly=True)
    suggestion = fields.Selection(
        'get_suggestions', "Suggestions",
        help="Persons whose it could be, the most similar first.")
    patient = fields.Many2One(
        'gnuhealth.patient', "Patient",
        help="Whose studies they are; or are not.")
    reason = fields.Char(
        "Reason",
        states={'required': Bool(Eval('patient')) & Bool(Eval('differs'))},
        help="It is kept with the decision. It is required unless you link "
        "to a patient whose name, birth date and sex do not differ.")

    @fields.depends('studies')
    def get_suggestions(self):
        if not self.studies:
            return [(None, '')]
        return [(None, ''), *(
                (str(id_), label) for id_, label in suggested(self.studies))]

    @fields.depends('suggestion', methods=['on_change_patient'])
    def on_change_suggestion(self):
        if self.suggestion:
            self.patient = int(self.suggestion)
            self.on_change_patient()

    @fields.depends('studies', 'patient', 'comparison')
    def on_change_patient(self):
        for name, value in self.compare(
                list(map(int, self.studies or [])), self.patient).items():
            setattr(self, name, value)

    @classmethod
    @without_check_access
    def compare(cls, study_ids, person=None):
        """Return the values that compare the studies with a person.

        Without one it is who is meant, if that is one.
        """
        Study = Pool().get('gnuhealth.orthanc.study')
        studies = Study.browse(study_ids)
        person = person or meant(studies)
        values = Study.compare(studies, person)
        others = list(against(studies, person)) if person else []
        return {
            **values,
            'compared_with': identified(person) if person else None,
            'differs': bool(others) or any(
                values[f'{name}_differs'] for name in _DOUBTS),
            'comparison': [{
                    'attribute': gettext(
                        f'health_orthanc.msg_compared_{name}'),
                    'reported': values[f'reported_{name}'],
                    'known': values[f'known_{name}'],
                    'differs': values[f'{name}_differs'],
                    } for name in COMPARED] + [{
                    'attribute': text[:1].upper() + text[1:],
                    'reported': reported,
                    'known': known,
                    'differs': True,
                    } for text, reported, known in others],
            }


def against(studies, person):
    """Yield what else speaks against the person, in words, and both values.

    What the rules hold against a patient besides what is compared.
    """
    known = Pool().get('gnuhealth.patient').persons_by_id(
        [person.id])[person.id]
    dates = {
        study.date for study in studies
        if 'death' in matching.contradictions(
            study.reported, known, study.date)}
    if dates:
        yield (
            gettext('health_orthanc.msg_difference_death'),
            ' / '.join(map(shown_date, sorted(dates))),
            shown_date(known.death_date))
    if not known.is_active:
        yield gettext('health_orthanc.msg_difference_inactive'), '', ''


def meant(studies):
    """Return who all of the studies are linked to, or mean by their ID.

    Nobody whom the user may not know of.
    """
    persons = {s.local_patient or s.candidate for s in studies}
    person = persons.pop() if len(persons) == 1 else None
    return person if person and readable([person.id]) else None


class Reconcile(SelectedStudiesMixin, Wizard):
    "Reconcile Studies"
    __name__ = 'gnuhealth.orthanc.reconcile'
    _rights = _RIGHTS

    # None is what Enter does: each is a decision
    start = StateView(
        'gnuhealth.orthanc.reconcile.start',
        'health_orthanc.reconcile_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button("Unlink", 'unlink', 'tryton-delete'),
            Button("Not This Patient", 'refuse', 'tryton-undo'),
            Button("Link", 'link', 'tryton-ok'),
            ])
    link = StateTransition()
    refuse = StateTransition()
    unlink = StateTransition()

    def default_start(self, fields):
        Start = Pool().get('gnuhealth.orthanc.reconcile.start')
        studies = self.studies
        if not studies:
            raise LinkError(gettext(
                    'health_orthanc.msg_reconcile_set_aside'))
        person = meant(studies)
        values = Start.compare(list(map(int, studies)))
        return {
            **values,
            'studies': [s.id for s in studies],
            'explanation': studies[0].match_explanation
            if len(studies) == 1 else None,
            # Whom something speaks against nobody links by a click too much
            'patient': person.id if person and not values['differs']
            and not any(s.match == matching.CONFLICT for s in studies)
            else None,
            }

    def _check_reason(self, message='health_orthanc.msg_reconcile_no_reason',
            **variables):
        if not (self.start.reason or '').strip():
            raise LinkError(gettext(message, **variables))

    def _check_differences(self, studies, patient):
        "Let the user know what speaks against the patient, and say why"
        Start = Pool().get('gnuhealth.orthanc.reconcile.start')
        Warning = Pool().get('res.user.warning')
        compared = Start.compare(list(map(int, studies)), patient)
        if not compared['differs']:
            return
        differences = ', '.join([
                *(gettext(f'health_orthanc.msg_compared_{name}')
                    for name in _DOUBTS if compared[f'{name}_differs']),
                *(text for text, *_ in against(studies, patient))])
        self._check_reason(
            'health_orthanc.msg_reconcile_differs_no_reason',
            differences=differences)
        key = Warning.format(f'orthanc_link_{patient.id}', studies)
        if Warning.check(key):
            raise LinkWarning(key, gettext(
                    'health_orthanc.msg_reconcile_differs',
                    patient=compared['compared_with'],
                    differences=differences))

    @contextmanager
    def _deciding(self):
        "The studies, with the rights of the user and the reason they gave"
        with check_access(), Transaction().set_context(
                decision_reason=self.start.reason):
            yield Pool().get('gnuhealth.orthanc.study').browse(
                [study.id for study in self.studies])

    def transition_link(self):
        patient = self.start.patient
        if not patient:
            raise LinkError(gettext(
                    'health_orthanc.msg_reconcile_no_patient'))
        self._check_differences(self.studies, patient)
        self._link_to(patient)
        return 'end'

    def _link_to(self, patient):
        "Link those of the studies that nobody decided the same of meanwhile"
        with self._deciding() as studies:
            undecided = [
                study for study in studies
                if (study.local_patient, study.match)
                != (patient, matching.MANUAL)]
            if undecided:
                Pool().get('gnuhealth.orthanc.study').write(
                    undecided,
                    {'local_patient': patient.id if patient else None})

    def transition_refuse(self):
        patient = self.start.patient or meant(self.studies)
        if not patient:
            raise LinkError(gettext(
                    'health_orthanc.msg_reconcile_no_patient'))
        self._check_reason()
        with self._deciding() as studies:
            refused = Pool().get('gnuhealth.orthanc.decision').refusals(
                list(map(int, studies)))
            undecided = [
                study for study in studies
                if study.local_patient == patient
                or patient.id not in refused.get(study.id, ())]
            if undecided:
                Pool().get('gnuhealth.orthanc.study').refuse(
                    undecided, patient)
        return 'end'

    def transition_unlink(self):
        self._check_reason()
        self._link_to(None)
        return 'end'

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Where people settle whose studies are"

from sql import Cast, Column, Literal, Null, Union
from sql.conditionals import Coalesce

from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.model.exceptions import AccessError
from trytond.modules.health_imaging.common import WordSearchMixin
from trytond.modules.health_imaging.identity import PatientIdentityMixin
from trytond.modules.health_imaging.rights import ModelRightsMixin
from trytond.modules.health_imaging.searched_char import SearchedChar
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction, without_check_access

from . import matching, order_matching
from .candidate import readable, suggested
from .dismiss import is_dismissed, is_missed
from .link_order import LINK_ORDER_RIGHTS
from .performed_step import SETTLE_RIGHTS

# The kinds of studies in doubt, by why they are not linked. What a person
# decided, or refused, is settled.
_MATCHES = {
    'conflict': [matching.CONFLICT],
    'ambiguous': [matching.AMBIGUOUS],
    'unmatched': [
        matching.UNMATCHED, matching.NO_IDENTIFIER, matching.UNVERIFIED],
    'changed': [matching.CHANGED],
    }
_IN_DOUBT = [match for matches in _MATCHES.values() for match in matches]
_STEPS_IN_DOUBT = [order_matching.UNSCHEDULED, matching.CONFLICT]
COMPARED = ['name', 'birth_date', 'sex', 'identifier']
# Rows have the id of their study, by which the database finds them; others
# begin with these, far beyond any and within 32 bits
_ORDER_ID = 2 ** 30
_SET_ASIDE_ID = 2 ** 30 + 2 ** 29
_STEP_ID = 2 ** 30 + 2 ** 29 + 2 ** 28


def comparison_mixin(field=lambda field: field):
    """Return a mixin for what is reported and what GNU Health knows.

    field makes the fields of it out of plain ones.
    """
    class ComparisonMixin:
        __slots__ = ()

        reported_name = field(fields.Char("Reported Name", readonly=True))
        known_name = field(fields.Char("Known Name", readonly=True))
        name_differs = field(fields.Boolean("Name Differs", readonly=True))
        reported_birth_date = field(
            fields.Char("Reported Birth Date", readonly=True))
        known_birth_date = field(
            fields.Char("Known Birth Date", readonly=True))
        birth_date_differs = field(
            fields.Boolean("Birth Date Differs", readonly=True))
        reported_sex = field(fields.Char("Reported Sex", readonly=True))
        known_sex = field(fields.Char("Known Sex", readonly=True))
        sex_differs = field(fields.Boolean("Sex Differs", readonly=True))
        reported_identifier = field(fields.Char("Reported ID", readonly=True))
        known_identifier = field(fields.Char("Known ID", readonly=True))
        identifier_differs = field(
            fields.Boolean("ID Differs", readonly=True))

        @classmethod
        def view_attributes(cls):
            return super().view_attributes() + [(
                    f'//group[@id="{name}_differs"]', 'states',
                    {'invisible': ~Bool(Eval(f'{name}_differs'))},
                    [f'{name}_differs']) for name in COMPARED]

    return ComparisonMixin


def _is_unlinked(table):
    "Return the condition of the studies that people took off a patient"
    return (
        table.match.in_(
            [matching.MANUAL, matching.REFUSED, matching.FOLLOWS])
        & (table.local_patient == Null)
        & (table.missing_since == Null))


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        # The tabs of the worklist
        cls._sql_indexes.update({
                Index(
                    table,
                    (table.match, Index.Range()),
                    (table.date, Index.Range(order='DESC NULLS LAST')),
                    where=table.match.in_(_IN_DOUBT)
                    & (table.missing_since == Null)),
                Index(
                    table,
                    (table.date, Index.Range(order='DESC NULLS LAST')),
                    where=_is_unlinked(table)),
                Index(
                    table, (table.order_match, Index.Range()),
                    where=table.order_match.in_(list(order_matching.OPEN))
                    & (table.missing_since == Null)),
                Index(
                    table, (table.missing_since, Index.Range()),
                    where=table.missing_since != Null),
                })

    @classmethod
    def compare(cls, studies, person):
        """Return what the studies report beside what is known of a person.

        It is a dictionary with the fields of comparison_mixin(). Of several
        studies what each reports is named, and what differs in any.
        """
        LocalPatient = Pool().get('gnuhealth.patient')
        # The studies of one patient mostly report the same
        studies = {
            (study.reported, study.birth_date_reported, study.patient_id):
            study for study in studies}.values()
        values = {}
        for name, texts in [
                ('name', [s.person_name for s in studies]),
                ('birth_date', [
                        shown_date(s.birth_date) or s.birth_date_reported
                        for s in studies]),
                ('sex', [_label(cls, 'sex', s.sex) for s in studies]),
                ('identifier', [s.patient_id for s in studies])]:
            values[f'reported_{name}'] = ' / '.join(
                dict.fromkeys(filter(None, texts)))
            values[f'known_{name}'] = None
            values[f'{name}_differs'] = False
        if not person:
            return values
        person = LocalPatient(person.id)
        known = LocalPatient.persons_by_id([person.id])[person.id]
        differences = {
            difference for study in studies
            for difference in matching.contradictions(
                study.reported, known)}
        for name in ['name', 'birth_date', 'sex']:
            values[f'{name}_differs'] = name in differences
        party = person.party
        identifiers = [party.ref, *(i.code for i in party.alternative_ids)]
        values['identifier_differs'] = any(
            matching.identifier(study.patient_id) not in identifiers
            for study in studies)
        values['known_name'] = person.rec_name
        values['known_birth_date'] = shown_date(party.dob)
        values['known_sex'] = _label(type(party), 'gender', party.gender)
        values['known_identifier'] = ' / '.join(filter(None, identifiers))
        return values

    @property
    def reported_identity(self):
        "What the study reports of who its patient is"
        details = ', '.join(filter(None, [
                    self.patient_id, shown_date(self.birth_date), self.sex]))
        return f'{self.patient_name or ""} ({details})'.strip()

class Reconciliation(
        comparison_mixin(
            lambda field: fields.Function(field, 'get_comparison')),
        PatientIdentityMixin, WordSearchMixin, ModelRightsMixin, ModelSQL,
        ModelView):
    "Study to Reconcile"
    __name__ = 'gnuhealth.orthanc.reconciliation'
    _patient_field = 'local_patient'
    _search_rec_names = (
        'patient_name', 'patient_id', 'accession_number', 'description',
        'modalities', 'set_aside.orthanc_id')
    _button_rights = {
        'reconcile': (('gnuhealth.orthanc.study', 'write'),),
        'link_order': LINK_ORDER_RIGHTS,
        'decide_anew': (('gnuhealth.orthanc.study', 'write'),),
        'dismiss': (('gnuhealth.orthanc.study', 'write'),),
        'retry': (('gnuhealth.orthanc.set_aside', 'write'),),
        'settle_step': SETTLE_RIGHTS,
        }

    kind = fields.Selection([
            ('conflict', "Conflict"),
            ('ambiguous', "Ambiguous"),
            ('unmatched', "Unmatched"),
            ('changed', "Record Changed"),
            ('unlinked', "Unlinked"),
            ('order', "Order"),
            ('missing', "Missing"),
            ('set_aside', "Set Aside"),
            ('step', "Performed Step"),
            ('settled', "Settled"),
            ], "Kind", readonly=True, sort=False)
    study = fields.Many2One(
        'gnuhealth.orthanc.study', "Study", readonly=True,
        states={'invisible': ~Bool(Eval('study'))})
    set_aside = fields.Many2One(
        'gnuhealth.orthanc.set_aside', "Study Set Aside", readonly=True,
        states={'invisible': ~Bool(Eval('set_aside'))})
    performed_step = fields.Many2One(
        'gnuhealth.imaging.performed_step', "Performed Step", readonly=True,
        states={'invisible': ~Bool(Eval('performed_step'))},
        help="What a machine does, without an order that it could be for.")
    server = fields.Many2One(
        'gnuhealth.orthanc.config', "Server", readonly=True,
        states={'invisible': ~Bool(Eval('server'))})
    date = fields.Date("Date", readonly=True)
    time = fields.Time("Time", readonly=True)
    modalities = SearchedChar("Modalities", readonly=True)
    description = SearchedChar("Description", readonly=True)
    accession_number = SearchedChar("Accession Number", readonly=True)
    image_count = fields.Integer("Images", readonly=True)
    patient_name = SearchedChar("Patient Name", readonly=True)
    patient_id = SearchedChar("Patient ID", readonly=True)
    birth_date = fields.Date("Birth Date", readonly=True)
    local_patient = fields.Many2One(
        'gnuhealth.patient', "Patient", readonly=True,
        states={'invisible': ~Bool(Eval('local_patient'))})
    reason = fields.Function(
        fields.Char(
            "Set Aside Because",
            states={'invisible': ~Bool(Eval('reason'))}),
        'get_reason')
    missing_since = fields.DateTime(
        "Missing Since", readonly=True,
        states={'invisible': ~Bool(Eval('missing_since'))})
    explanation = fields.Function(
        fields.Char(
            "Explanation", states={'invisible': ~Bool(Eval('explanation'))}),
        'get_explanation')
    suggestions = fields.Function(
        fields.Text(
            "Suggestions",
            help="Persons whose it could be, the most similar first. "
            "Nobody of them is linked unless you do so."),
        'get_suggestions')
    decisions = fields.Function(
        fields.One2Many(
            'gnuhealth.orthanc.decision', None, "Decisions"),
        'get_decisions')

    # Columns of the query that a study and a study set aside have
    _study_columns = [
        'server', 'date', 'time', 'modalities', 'description',
        'accession_number', 'image_count', 'patient_name', 'patient_id',
        'birth_date', 'local_patient', 'missing_since']
    _set_aside_columns = ['server', 'image_count']
    _step_columns = [
        'description', 'accession_number', 'image_count', 'patient_name',
        'patient_id', 'birth_date']

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._order = [
            ('date', 'DESC NULLS LAST'), ('time', 'DESC NULLS LAST'),
            ('id', 'DESC')]
        cls._buttons.update({
                'reconcile': {
                    'invisible': ~Bool(Eval('study')),
                    'depends': ['study'],
                    },
                'link_order': {
                    'invisible': Eval('kind') != 'order',
                    'depends': ['kind'],
                    },
                'decide_anew': {
                    'invisible': Eval('kind') != 'unlinked',
                    'depends': ['kind'],
                    },
                'dismiss': {
                    'invisible': Eval('kind') != 'missing',
                    'depends': ['kind'],
                    },
                'retry': {
                    'invisible': ~Bool(Eval('set_aside')),
                    'depends': ['set_aside'],
                    },
                'settle_step': {
                    'invisible': ~Bool(Eval('performed_step')),
                    'depends': ['performed_step'],
                    },
                })

    @classmethod
    def table_query(cls):
        # Each kind is a query of its own with its name as a constant, so that
        # the database reads the rows of one tab only, by their index
        queries = [
            cls._study_query(kind, lambda table, matches=matches: (
                    table.match.in_(matches)
                    & (table.missing_since == Null)))
            for kind, matches in _MATCHES.items()]
        queries.append(cls._study_query('unlinked', _is_unlinked))
        queries.append(cls._study_query('order', lambda table: (
                    table.order_match.in_(list(order_matching.OPEN))
                    & (table.missing_since == Null)), _ORDER_ID))
        queries.append(cls._study_query('missing', is_missed))
        queries.append(cls._set_aside_query())
        queries.append(cls._step_query('step', lambda table: (
                    table.match.in_(_STEPS_IN_DOUBT))))
        if Transaction().context.get('_reconciliation_settled'):
            queries.append(cls._study_query('settled', lambda table: (
                        ~table.match.in_(_IN_DOUBT)
                        & ~_is_unlinked(table)
                        & (table.missing_since == Null))))
            queries.append(cls._study_query('settled', is_dismissed))
            queries.append(cls._study_query('settled', lambda table: (
                        (table.order_match == Null)
                        | ~table.order_match.in_(list(order_matching.OPEN))
                        | (table.missing_since != Null)), _ORDER_ID))
            queries.append(cls._step_query('settled', lambda table: (
                        ~table.match.in_(_STEPS_IN_DOUBT))))
        return Union(*queries, all_=True)

    @classmethod
    def _study_query(cls, kind, where, first_id=0):
        table = Pool().get('gnuhealth.orthanc.study').__table__()
        return table.select(
            (table.id + first_id if first_id else table.id).as_('id'),
            *cls._columns(
                table, cls._study_columns, kind, study=table.id),
            where=where(table))

    @classmethod
    def _set_aside_query(cls):
        table = Pool().get('gnuhealth.orthanc.set_aside').__table__()
        return table.select(
            (table.id + _SET_ASIDE_ID).as_('id'),
            *cls._columns(
                table, cls._set_aside_columns, 'set_aside',
                set_aside=table.id))

    @classmethod
    def _step_query(cls, kind, where):
        Step = Pool().get('gnuhealth.imaging.performed_step')
        table = Step.__table__()
        is_latest = table.latest == Literal(True)
        return table.select(
            (table.id + _STEP_ID).as_('id'),
            *cls._columns(
                table, cls._step_columns, kind, performed_step=table.id,
                date=fields.Date("Date").sql_cast(
                    Coalesce(table.started, table.received)),
                modalities=table.modality),
            # What was settled meanwhile is looked at by its old row
            where=where(table) & is_latest if kind == 'step' else (
                where(table) | ~is_latest))

    @classmethod
    def _columns(cls, table, names, kind, **values):
        for name in ['create_uid', 'create_date', 'write_uid', 'write_date']:
            yield Column(table, name)
        yield Literal(kind).as_('kind')
        for name in [
                'study', 'set_aside', 'performed_step', *cls._study_columns]:
            if name in names:
                yield Column(table, name)
            else:
                type_ = cls._fields[name].sql_type().base
                yield values.get(name, Cast(Null, type_)).as_(name)

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('//group[@id="comparison_group"]|//page',
                'states', {'invisible': ~Bool(Eval('study'))}, ['study']),
            ]

    @classmethod
    def read(cls, ids, fields_names):
        try:
            return super().read(ids, fields_names)
        except AccessError:
            # What is settled is still in front of who settled it
            with Transaction().set_context(_reconciliation_settled=True):
                gone = cls._stored_meanwhile(ids)
                return super().read(
                    [id_ for id_ in ids if id_ not in gone], fields_names) + [
                    {**dict.fromkeys(fields_names), 'id': id_}
                    for id_ in gone]

    @classmethod
    def _stored_meanwhile(cls, ids):
        "Return the ids of what is set aside no longer"
        SetAside = Pool().get('gnuhealth.orthanc.set_aside')
        return {
            id_ + _SET_ASIDE_ID for id_ in SetAside.stored_meanwhile([
                    id_ - _SET_ASIDE_ID for id_ in ids
                    if _SET_ASIDE_ID < id_ < _STEP_ID])}

    def get_rec_name(self, name):
        return (
            self.study or self.set_aside or self.performed_step).rec_name

    def get_reason(self, name):
        # Who may see the row may see why it is there
        with without_check_access():
            return self.set_aside and self.set_aside.reason

    def get_explanation(self, name):
        if self.performed_step:
            return self.performed_step.explanation
        if not self.study:
            return None
        return (
            self.study.order_explanation if self.kind == 'order'
            else self.study.match_explanation)

    @classmethod
    def get_comparison(cls, rows, names):
        Study = Pool().get('gnuhealth.orthanc.study')
        result = {name: dict.fromkeys(map(int, rows)) for name in names}
        persons = {
            row: row.study.local_patient or row.study.candidate
            for row in rows if row.study}
        known = readable({p.id for p in persons.values() if p})
        for row, person in persons.items():
            with without_check_access():
                values = Study.compare(
                    [row.study],
                    person if person and person.id in known else None)
            for name in names:
                result[name][row.id] = values[name]
        return result

    def get_suggestions(self, name):
        if not self.study or self.study.local_patient:
            return None
        return '\n'.join(
            f'{number}. {label}' for number, (_, label)
            in enumerate(suggested([self.study]), 1))

    def get_decisions(self, name):
        return [d.id for d in self.study.decisions] if self.study else []

    @classmethod
    @ModelView.button_action('health_orthanc.wizard_reconcile')
    def reconcile(cls, rows):
        pass

    @classmethod
    @ModelView.button_action('health_orthanc.wizard_study_link_order')
    def link_order(cls, rows):
        pass

    @classmethod
    @ModelView.button_action('health_orthanc.wizard_dismiss')
    def dismiss(cls, rows):
        pass

    @classmethod
    @ModelView.button_action('health_orthanc.wizard_performed_step_settle')
    def settle_step(cls, rows):
        pass

    @classmethod
    @ModelView.button
    def decide_anew(cls, rows):
        "Give back to the rules what people took off a patient"
        Study = Pool().get('gnuhealth.orthanc.study')
        Study.decide_anew([row.study for row in rows if row.study])

    @classmethod
    @ModelView.button
    def retry(cls, rows):
        "Let the next synchronization try again what was set aside"
        SetAside = Pool().get('gnuhealth.orthanc.set_aside')
        SetAside.retry([row.set_aside for row in rows if row.set_aside])


def shown_date(date):
    "Return a date as the user reads it"
    return Pool().get('ir.lang').get().strftime(date) if date else None


def _label(Model, name, value):
    return dict(Model.fields_get([name])[name]['selection']).get(
        value) if value else None

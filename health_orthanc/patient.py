# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Patients as a server has them, and whose they are"

import datetime as dt
from operator import itemgetter

from sql import Column, Null
from sql.functions import Function, Lower

from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.modules.health_imaging.common import TextSearchMixin
from trytond.modules.health_imaging.identity import PatientIdentityMixin
from trytond.modules.health_imaging.own_patient import OwnPatientMixin
from trytond.modules.health_imaging.rights import ModelRightsMixin
from trytond.modules.health_imaging.searched_char import SearchedChar
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval, If
from trytond.transaction import Transaction

from . import bulk, decision, matching
from .exceptions import LinkError, ReadOnlyError
from .viewer import patient_path

# The longest time that a change of a person is assumed to take
LATE_COMMIT = dt.timedelta(hours=1)


class MatchMixin(PatientIdentityMixin, ModelRightsMixin):
    """What an Orthanc patient and a study say of the person they belong to.

    People may change nothing but the link, the field named by _link_field, and
    what _notes_fields names;
    the synchronization writes by SQL.
    """
    __slots__ = ()

    _link_field = None
    _notes_fields = frozenset()
    _decided_field = None  # the name in gnuhealth.orthanc.decision

    patient_id = SearchedChar(
        "Patient ID", readonly=True,
        help="The PatientID as the server reports it.")
    person_name = fields.Char(
        "DICOM Name", readonly=True,
        help="The PatientName as the server reports it.")
    birth_date = fields.Date("Birth Date", readonly=True)
    birth_date_reported = fields.Char(
        "Birth Date Reported", readonly=True,
        states={'invisible': ~Bool(Eval('birth_date_reported'))},
        help="What the server reports in place of a date.")
    sex = fields.Selection([
            (None, ""),
            ('M', "Male"),
            ('F', "Female"),
            ('O', "Other"),
            ], "Sex", readonly=True, sort=False)
    match = fields.Selection([
            (matching.UNMATCHED, "No Such Patient"),
            (matching.IDENTIFIER, "Same ID"),
            (matching.FOLLOWS, "As the Orthanc Patient"),
            (matching.STUDIES, "As Its Studies"),
            (matching.CHANGED, "Record Changed"),
            (matching.CONFLICT, "Conflict"),
            (matching.AMBIGUOUS, "Ambiguous"),
            (matching.UNVERIFIED, "Not Verified"),
            (matching.NO_IDENTIFIER, "No ID"),
            (matching.REFUSED, "Refused"),
            (matching.MANUAL, "By Hand"),
            ], "Match", readonly=True, required=True, sort=False)
    match_differences = fields.Char("Differences", readonly=True)
    match_explanation = fields.Function(fields.Char(
            "Explanation",
            help="Why it is linked to the patient, or why it is not."),
        'on_change_with_match_explanation')
    linked_to = fields.Function(
        fields.Integer("Linked To"), 'get_linked_to')
    is_taken_off = fields.Function(
        fields.Boolean("Taken Off"), 'on_change_with_is_taken_off')
    taken_off_because = fields.Function(
        fields.Char(
            "Reason",
            states={
                'invisible': ~Eval('is_taken_off'),
                'required': Eval('is_taken_off', False),
                },
            help="Why it is taken off the patient that it was linked to. It "
            "is kept with the decision."),
        'get_taken_off_because', setter='set_taken_off_because')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._buttons.update({
                'decide_anew': {
                    'invisible': ~Eval('match').in_(
                        [matching.MANUAL, matching.REFUSED]),
                    'depends': ['match'],
                    },
                })

    @classmethod
    def default_match(cls):
        return matching.UNMATCHED

    @fields.depends('match', 'match_differences')
    def on_change_with_match_explanation(self, name=None):
        if not self.match:
            return None
        differences = (self.match_differences or '').split()
        message = self.match
        if message == matching.UNMATCHED and differences:
            message = 'foreign'
        elif message == matching.UNVERIFIED and differences:
            message = 'no_issuer'
        elif message == matching.CONFLICT and differences == ['result']:
            message = 'result'
        return gettext(
            f'health_orthanc.msg_match_{message}',
            differences=', '.join(
                gettext(f'health_orthanc.msg_difference_{difference}')
                for difference in differences))

    def get_linked_to(self, name):
        linked = getattr(self, self._link_field)
        return linked and linked.id

    def differs_from_linked(self):
        "Return whether it was linked to a patient, and is not any more"
        linked = getattr(self, self._link_field)
        return bool(self.linked_to) and self.linked_to != (
            linked and linked.id)

    def get_taken_off_because(self, name):
        return None

    @classmethod
    def set_taken_off_because(cls, records, name, value):
        "It is kept with the decision, see write"

    @classmethod
    def write(cls, *args):
        actions = iter(args)
        args = []
        for records, values in zip(actions, actions, strict=True):
            if Transaction().check_access and values.keys() - {
                    cls._link_field, 'taken_off_because',
                    *cls._notes_fields}:
                raise cls._system_field_error(None)
            if cls._link_field in values:
                values = {
                    **values, 'match': matching.MANUAL,
                    'match_differences': None}
            args.extend([records, values])
        decisions = cls._decisions(args)
        super().write(*args)
        Pool().get('gnuhealth.orthanc.decision').note(decisions)

    @classmethod
    def _system_field_error(cls, name):
        return ReadOnlyError(gettext(
                'health_orthanc.msg_read_only',
                model=cls.__names__()['model']))

    @classmethod
    def _decisions(cls, args):
        "Return what write decides, as values of gnuhealth.orthanc.decision"
        decisions = []
        for records, values in zip(args[::2], args[1::2], strict=True):
            if cls._link_field not in values:
                continue
            after = values[cls._link_field]
            for record in records:
                before = getattr(record, cls._link_field)
                decisions.append({
                        cls._decided_field: record.id,
                        'action': decision.LINK if after else decision.UNLINK,
                        'before': before and before.id,
                        'after': after,
                        'reason': values.get('taken_off_because'),
                        })
        return decisions

    @classmethod
    @ModelView.button
    def decide_anew(cls, records):
        """Let the rules decide whose these are, whatever people decided.

        That is a decision as well: it takes back the links that people made
        or removed, and whom they refused.
        """
        pool = Pool()
        Access = pool.get('ir.model.access')
        Decision = pool.get('gnuhealth.orthanc.decision')
        Access.check(cls.__name__, 'write')
        decisions = []
        for record in records:
            before = getattr(record, cls._link_field)
            decisions.append({
                    cls._decided_field: record.id,
                    'action': decision.DECIDE_ANEW,
                    'before': before and before.id,
                    })
        Decision.note(decisions)
        ids = list(map(int, records))
        table = cls.__table__()
        bulk.change(cls, table.update(
                [Column(table, cls._link_field), table.match],
                [Null, matching.UNMATCHED],
                where=table.match == matching.MANUAL), table.id, ids)
        cls._decided(ids)

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Bool(Eval('missing_since')), 'muted',
                    If(Eval('match') == matching.CONFLICT, 'warning', ''))),
            ]


class Patient(
        OwnPatientMixin, MatchMixin, TextSearchMixin, bulk.SynchronizedMixin,
        ModelSQL, ModelView):
    "Orthanc Patient"
    __name__ = 'gnuhealth.orthanc.patient'
    _button_rights = {'decide_anew': ((__name__, 'write'),)}
    _search_rec_names = ('name', 'patient_id')
    _link_field = 'patient'
    _decided_field = 'orthanc_patient'
    # The columns that hold the Verdict of matching.summarize
    SUMMARY = ('patient', 'match', 'match_differences')

    name = SearchedChar("Name", readonly=True)
    patient = fields.Many2One(
        'gnuhealth.patient', "Local Patient", ondelete='SET NULL',
        help="The patient of this hospital. What is set or removed by hand "
        "stays when the server is synchronized.")
    studies = fields.One2Many(
        'gnuhealth.orthanc.study', 'patient', "Studies", readonly=True)
    decisions = fields.One2Many(
        'gnuhealth.orthanc.decision', 'orthanc_patient', "Decisions",
        readonly=True)
    link = fields.Function(fields.Char("Orthanc Explorer"), 'get_link')
    # What it reported when a person decided
    seen_name = fields.Char("Seen Name", readonly=True)
    seen_birth_date = fields.Date("Seen Birth Date", readonly=True)
    seen_sex = fields.Char("Seen Sex", readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.update({
                Index(table, (table.patient_id, Index.Equality())),
                Index(table, (table.name, Index.Range())),
                # As the tab of those that are not linked is ordered
                Index(
                    table,
                    (table.name, Index.Range(order='ASC NULLS LAST')),
                    (table.id, Index.Range(order='ASC')),
                    where=table.patient == Null),
                })
        cls._order = [('name', 'ASC NULLS LAST'), ('id', 'ASC')]

    @fields.depends('patient', '_parent_patient.party')
    def on_change_with_patient_identity(self, name=None):
        return self.chosen_identity()

    @fields.depends('patient', '_parent_patient.id', 'linked_to')
    def on_change_with_is_taken_off(self, name=None):
        return self.differs_from_linked()

    @classmethod
    def _addresses(cls, patients, name):
        return {
            p.id: p.server.browser_url(patient_path(p.orthanc_id))
            for p in patients}

    def get_rec_name(self, name):
        return ' '.join(filter(None, [
                    self.name, f'[{self.patient_id or ""}]']))

    @classmethod
    def write(cls, *args):
        super().write(*args)
        decided = [
            int(patient) for patients, values in zip(
                args[::2], args[1::2], strict=True)
            if cls._link_field in values for patient in patients]
        table = cls.__table__()
        bulk.change(cls, table.update(
                [table.seen_name, table.seen_birth_date, table.seen_sex],
                [table.person_name, table.birth_date, table.sex]),
            table.id, decided)
        if decided:
            cls._decided(decided)

    @classmethod
    def _decided(cls, ids):
        "Let the studies follow what a person decided"
        Study = Pool().get('gnuhealth.orthanc.study')
        Study.rematch(patient_ids=ids)
        cls.summarize(ids)
        Study.check_links(patient_ids=ids)

    @classmethod
    def validate_fields(cls, patients, field_names):
        super().validate_fields(patients, field_names)
        if field_names and 'patient' not in field_names:
            return
        for patient in patients:
            if (patient.patient
                    and not matching.identifier(patient.patient_id)):
                raise LinkError(gettext(
                        'health_orthanc.msg_no_identifier_link',
                        server=patient.server.rec_name))

    @classmethod
    def by_hand(cls, ids):
        "Return (person, what was seen) by id of those that people decided on"
        table = cls.__table__()
        return {
            id_: (person, matching.Reported(*seen))
            for id_, person, *seen in bulk.fetch(
                table.select(
                    table.id, table.patient, table.seen_name,
                    table.seen_birth_date, table.seen_sex,
                    where=table.match == matching.MANUAL),
                table.id, ids)}

    @classmethod
    def summary_values(cls, verdict):
        "Return the columns that hold matching.summarize, with their values"
        return dict(zip(cls.SUMMARY, verdict.columns(), strict=False))

    @classmethod
    def summarize(cls, ids):
        "Let Orthanc patients say what holds for all of their studies"
        Study = Pool().get('gnuhealth.orthanc.study')
        table, study = cls.__table__(), Study.__table__()
        stored, verdicts, updates = {}, {}, []
        query = (table
            .join(study, condition=study.patient == table.id)
            .select(
                table.id, study.missing_since == Null, study.local_patient,
                study.match, study.match_differences,
                table.server, table.orthanc_id,
                *[Column(table, name) for name in cls.SUMMARY],
                distinct=True,
                where=table.match != matching.MANUAL))
        for id_, is_present, person, reason, differences, *row in bulk.fetch(
                query, table.id, ids):
            stored[id_] = row
            verdicts.setdefault((id_, bool(is_present)), []).append(
                matching.Verdict(
                    person, reason, tuple((differences or '').split())))
        for id_, (server, orthanc_id, *columns) in stored.items():
            # Where all of them are missing they still say whose it was
            summary = matching.summarize(
                verdicts.get((id_, True)) or verdicts[id_, False])
            if tuple(cls.summary_values(summary).values()) != tuple(columns):
                updates.append({
                        'id': id_,
                        'server': server,
                        'orthanc_id': orthanc_id,
                        **cls.summary_values(summary),
                        })
        bulk.update(cls, updates)


class LocalPatient(metaclass=PoolMeta):
    __name__ = 'gnuhealth.patient'

    orthanc_patients = fields.One2Many(
        'gnuhealth.orthanc.patient', 'patient', "Orthanc Patients",
        readonly=True)
    orthanc_studies = fields.One2Many(
        'gnuhealth.orthanc.study', 'local_patient', "Orthanc Studies",
        readonly=True)

    @classmethod
    def copy(cls, patients, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('orthanc_patients')
        default.setdefault('orthanc_studies')
        return super().copy(patients, default=default)

    @classmethod
    def delete(cls, patients):
        # That they are not linked any more is nobody's decision
        pool = Pool()
        for name in ['gnuhealth.orthanc.patient', 'gnuhealth.orthanc.study']:
            Linked = pool.get(name)
            table = Linked.__table__()
            column = Column(table, Linked._link_field)
            bulk.change(Linked, table.update(
                    [column, table.match], [Null, matching.UNMATCHED]),
                column, map(int, patients))
        super().delete(patients)

    @classmethod
    def persons_by_identifier(cls, keys, rules):
        "Return the matching.Persons that have each identifier, by its key"
        keys = {key for key in keys if key}
        parties = {}
        for party_id, value in cls._identifiers(keys, rules):
            key = rules.key(value)
            if key in keys:
                parties.setdefault(party_id, set()).add(key)
        party = Pool().get('party.party').__table__()
        local = cls.__table__()
        persons = {}
        for party_id, person in cls._persons(
                party, local, party.id, parties):
            for key in parties[party_id]:
                persons.setdefault(key, []).append(person)
        return persons

    @classmethod
    def _identifiers(cls, keys, rules):
        "Return (party, identifier) of what is, or contains, those with a key"
        pool = Pool()
        party = pool.get('party.party').__table__()
        alternative = pool.get(
            'gnuhealth.person_alternative_identification').__table__()
        identifiers = bulk.fetch(
            party.select(party.id, party.ref),
            identifier_key(party.ref, rules), keys)
        if rules.types:
            identifiers += bulk.fetch(
                alternative.select(
                    alternative.party, alternative.code,
                    where=alternative.alternative_id_type.in_(
                        list(rules.types))),
                identifier_key(alternative.code, rules), keys)
        return identifiers

    @classmethod
    def persons_by_id(cls, ids):
        "Return the matching.Person of each id"
        party = Pool().get('party.party').__table__()
        local = cls.__table__()
        return {
            person.id: person for _, person in cls._persons(
                party, local, local.id, ids)}

    @classmethod
    def changed_since(cls, since, rules):
        """Return the persons of whom something changed since then.

        As {id: identifiers}, of the types that rules name.
        """
        pool = Pool()
        party = pool.get('party.party').__table__()
        alternative = pool.get(
            'gnuhealth.person_alternative_identification').__table__()
        person_name = pool.get('gnuhealth.person_name').__table__()
        local = cls.__table__()
        cursor = Transaction().connection.cursor()
        # What is committed late can bear an earlier date
        since -= LATE_COMMIT
        parties = set()
        for table, column in [
                (party, party.id), (local, local.party),
                (person_name, person_name.party),
                (alternative, alternative.party)]:
            cursor.execute(*table.select(
                    column,
                    where=(table.create_date >= since)
                    | (table.write_date >= since)))
            parties.update(id_ for id_, in cursor)
        changed = {}
        for id_, ref in bulk.fetch(
                local.join(party, condition=party.id == local.party)
                .select(local.id, party.ref), local.party, parties):
            changed.setdefault(id_, []).append(ref)
        if rules.types:
            for id_, code in bulk.fetch(
                    local.join(
                        alternative,
                        condition=alternative.party == local.party)
                    .select(
                        local.id, alternative.code,
                        where=alternative.alternative_id_type.in_(
                            list(rules.types))),
                    local.party, parties):
                changed[id_].append(code)
        return changed

    @classmethod
    def _persons(cls, party, local, column, ids):
        """Yield (party, matching.Person), by id, where column is one of ids.

        party and local are the tables that column is of.
        """
        # SQL, as it runs for every page of a synchronization
        PersonName = Pool().get('gnuhealth.person_name')
        person_name = PersonName.__table__()
        rows = sorted(bulk.fetch(
                party.join(local, condition=local.party == party.id)
                .select(
                    local.id, party.id, party.lastname, party.name,
                    party.dob, party.est_dob, party.gender,
                    local.biological_sex, party.active, local.active,
                    party.death_certificate),
                column, ids), key=itemgetter(0))
        died = cls._death_dates({row[-1] for row in rows} - {None})
        names = {}
        for party_id, *name in bulk.fetch(
                person_name.select(
                    person_name.party, person_name.family,
                    person_name.given),
                person_name.party, [row[1] for row in rows]):
            names.setdefault(party_id, []).append(tuple(name))
        for (id_, party_id, lastname, name, dob, estimated, gender,
                biological_sex, *are_active, certificate) in rows:
            yield party_id, matching.Person(
                id=id_,
                names=((lastname, name), *names.get(party_id, ())),
                birth_date=None if estimated else dob,
                sexes=matching.sexes(gender, biological_sex),
                is_active=all(are_active),
                death_date=died.get(certificate))

    @classmethod
    def _death_dates(cls, certificates):
        "Return the day of death by the id of the certificate"
        table = Pool().get('gnuhealth.death_certificate').__table__()
        return {
            id_: moment.date() for id_, moment in bulk.fetch(
                table.select(table.id, table.dod), table.id, certificates)
            if moment}


class _Replace(Function):
    __slots__ = ()
    _function = 'REPLACE'


def identifier_key(column, rules):
    "Return matching.Rules.key of a column in SQL, but for surrounding space"
    if rules.ignore_separators:
        for separator in matching.SEPARATORS:
            column = _Replace(column, separator, '')
    return Lower(column) if rules.ignore_case else column


def identifier_indexes(table, column):
    "Return the indexes to find identifiers by, however they are read"
    return {
        Index(table, (identifier_key(column, matching.Rules(**flags)),
                Index.Equality()))
        for flags in [
            {'ignore_case': True}, {'ignore_separators': True},
            {'ignore_case': True, 'ignore_separators': True}]}


class AlternativeIdentification(metaclass=PoolMeta):
    __name__ = 'gnuhealth.person_alternative_identification'

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        # Each page of a synchronization looks for some
        cls._sql_indexes.update({
                Index(table, (table.code, Index.Equality())),
                Index(table, (table.party, Index.Equality())),
                })

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

import datetime as dt
from urllib.parse import quote

from sql import Column, Literal, Null
from sql.conditionals import Coalesce
from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval, If
from trytond.tools import grouped_slice, reduce_ids
from trytond.transaction import Transaction

from . import bulk, matching
from .exceptions import LinkError, ReadOnlyError

# The longest time that a change of a person is assumed to take
_LATE_COMMIT = dt.timedelta(hours=1)


class MatchMixin:
    """What an Orthanc patient and a study say of the person they belong to.

    People may change nothing but the link, the field named by _link_field;
    the synchronization writes by SQL.
    """
    __slots__ = ()

    _link_field = None

    patient_id = fields.Char(
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
            (matching.CONFLICT, "Conflict"),
            (matching.AMBIGUOUS, "Ambiguous"),
            (matching.UNVERIFIED, "To Be Verified"),
            (matching.NO_IDENTIFIER, "No ID"),
            (matching.REFUSED, "Refused"),
            (matching.MANUAL, "By Hand"),
            ], "Match", readonly=True, required=True, sort=False)
    match_differences = fields.Char("Differences", readonly=True)
    match_explanation = fields.Function(fields.Char(
            "Explanation",
            help="Why it is linked to the patient, or why it is not."),
        'on_change_with_match_explanation')
    missing_since = fields.DateTime(
        "Missing Since", readonly=True,
        states={'invisible': ~Bool(Eval('missing_since'))},
        help="When the server was found not to have it any more.")
    digest = fields.Char("Digest", readonly=True)

    @classmethod
    def default_match(cls):
        return matching.UNMATCHED

    @fields.depends('match', 'match_differences')
    def on_change_with_match_explanation(self, name=None):
        if not self.match:
            return None
        differences = ', '.join(
            gettext(f'health_orthanc.msg_difference_{difference}')
            for difference in (self.match_differences or '').split())
        return gettext(
            f'health_orthanc.msg_match_{self.match}', differences=differences)

    @classmethod
    def write(cls, *args):
        actions = iter(args)
        args = []
        for records, values in zip(actions, actions, strict=True):
            if Transaction().check_access and values.keys() - {
                    cls._link_field}:
                raise ReadOnlyError(gettext(
                        'health_orthanc.msg_read_only',
                        model=cls.__names__()['model']))
            if cls._link_field in values:
                values = {
                    **values, 'match': matching.MANUAL,
                    'match_differences': None}
            args.extend([records, values])
        super().write(*args)

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Bool(Eval('missing_since')), 'muted',
                    If(Eval('match') == matching.CONFLICT, 'warning', ''))),
            ]


class Patient(MatchMixin, ModelSQL, ModelView):
    "Orthanc Patient"
    __name__ = 'gnuhealth.orthanc.patient'
    _link_field = 'patient'

    server = fields.Many2One(
        'gnuhealth.orthanc.config', "Server", required=True, readonly=True,
        ondelete='CASCADE')
    orthanc_id = fields.Char("Orthanc ID", required=True, readonly=True)
    name = fields.Char("Name", readonly=True)
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

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('orthanc_id_unique',
                Unique(table, table.server, table.orthanc_id),
                'health_orthanc.msg_orthanc_id_unique'),
            ]
        cls._sql_indexes.update({
                Index(
                    table,
                    (table.server, Index.Equality()),
                    (table.orthanc_id, Index.Equality())),
                Index(table, (table.patient_id, Index.Equality())),
                Index(table, (
                        Index.Unaccent(table.patient_id),
                        Index.Similarity())),
                Index(table, (table.patient, Index.Equality())),
                Index(table, (table.name, Index.Range())),
                })
        cls._order = [('name', 'ASC'), ('id', 'ASC')]

    @classmethod
    def __register__(cls, module_name):
        table_h = cls.__table_handler__(module_name)
        # Migration from GNU Health's health_orthanc: clear names
        table_h.column_rename('bd', 'birth_date')
        table_h.column_rename('ident', 'patient_id')
        table_h.column_rename('uuid', 'orthanc_id')
        had_match = table_h.column_exist('match')
        super().__register__(module_name)
        if not had_match:
            cls._migrate_match()

    @classmethod
    def _migrate_match(cls):
        # Migration from GNU Health's health_orthanc: a link that the ID does
        # not explain was made by hand
        LocalPatient = Pool().get('gnuhealth.patient')
        Party = Pool().get('party.party')
        table = cls.__table__()
        local = LocalPatient.__table__()
        party = Party.__table__()
        cursor = Transaction().connection.cursor()
        explained = local.join(
            party, condition=party.id == local.party).select(
            local.id,
            where=party.ref == table.patient_id)
        cursor.execute(*table.update(
                [table.match], [matching.MANUAL],
                where=table.patient != Null))
        cursor.execute(*table.update(
                [table.match], [matching.IDENTIFIER],
                where=table.patient.in_(explained)))

    @classmethod
    def get_link(cls, patients, name):
        return {
            p.id: p.server.browser_url(
                'app/explorer.html#patient?uuid=' + quote(p.orthanc_id))
            for p in patients}

    def get_rec_name(self, name):
        return ' '.join(filter(None, [
                    self.name, f'[{self.patient_id or ""}]']))

    @classmethod
    def search_rec_name(cls, name, clause):
        _, operator, *value = clause
        bool_op = 'AND' if operator.startswith(('!', 'not ')) else 'OR'
        return [bool_op,
            ('name', operator, *value),
            ('patient_id', operator, *value),
            ]

    @classmethod
    def write(cls, *args):
        Study = Pool().get('gnuhealth.orthanc.study')
        super().write(*args)
        decided = [
            int(patient) for patients, values in zip(
                args[::2], args[1::2], strict=True)
            if cls._link_field in values for patient in patients]
        if decided:
            Study.follow(decided)
            Study.check_results(patient_ids=decided)

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
    def to_match(cls, server_id, since=None):
        """Return the ids of those whose link may have to change.

        They are the unlinked ones that have the ID of a person or had it
        and were in conflict, the linked ones whose person has another ID now,
        and those whose person changed after since. What a person decided is
        not among them.
        """
        pool = Pool()
        LocalPatient = pool.get('gnuhealth.patient')
        Party = pool.get('party.party')
        PersonName = pool.get('gnuhealth.person_name')
        table = cls.__table__()
        local = LocalPatient.__table__()
        party = Party.__table__()
        person_name = PersonName.__table__()
        cursor = Transaction().connection.cursor()
        automatic = (
            (table.server == server_id) & (table.match != matching.MANUAL))
        cursor.execute(*table
            .join(party, condition=party.ref == table.patient_id)
            .join(local, condition=local.party == party.id)
            .select(table.id, where=automatic & (table.patient == Null)))
        ids = {id_ for id_, in cursor}
        cursor.execute(*table.select(
                table.id,
                where=automatic & (table.match == matching.CONFLICT)))
        ids.update(id_ for id_, in cursor)
        changed = (party.ref != table.patient_id) | (party.ref == Null)
        if since:
            # What is committed late can bear an earlier date
            since -= _LATE_COMMIT
            changed |= (
                (party.write_date >= since)
                | (local.write_date >= since)
                | party.id.in_(person_name.select(
                        person_name.party,
                        where=Coalesce(
                            person_name.write_date, person_name.create_date)
                        >= since)))
        cursor.execute(*table
            .join(local, condition=local.id == table.patient)
            .join(party, condition=party.id == local.party)
            .select(table.id, where=automatic & changed))
        return ids | {id_ for id_, in cursor}

    @classmethod
    def rematch(cls, ids):
        """Decide anew whose PatientIDs these are, as matching.py says.

        Return the ids of those whose link changed.
        """
        LocalPatient = Pool().get('gnuhealth.patient')
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        rows = []
        for sub_ids in grouped_slice(list(ids), bulk.MAX_PARAMETERS):
            cursor.execute(*table.select(
                    table.id, table.server, table.orthanc_id,
                    table.patient_id, table.person_name, table.birth_date,
                    table.sex, table.patient, table.match,
                    table.match_differences,
                    where=reduce_ids(table.id, sub_ids)
                    & (table.match != matching.MANUAL)))
            rows.extend(cursor)
        persons = LocalPatient.persons_by_identifier(
            {matching.identifier(row[3]) for row in rows})
        updates, moved = [], set()
        for (id_, server, orthanc_id, patient_id, person_name, birth_date,
                sex, *stored) in rows:
            decision = matching.match_patient(
                patient_id,
                matching.Reported(person_name, birth_date, sex), persons)
            decided = decision.columns()
            if decided != tuple(stored):
                updates.append({
                        'id': id_,
                        'server': server,
                        'orthanc_id': orthanc_id,
                        'patient': decision.person,
                        'match': decision.reason,
                        'match_differences': decided[-1],
                        })
            if decision.person != stored[0]:
                moved.add(id_)
        bulk.update(cls, updates)
        return moved


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
        cursor = Transaction().connection.cursor()
        for name in ['gnuhealth.orthanc.patient', 'gnuhealth.orthanc.study']:
            Linked = pool.get(name)
            table = Linked.__table__()
            column = Column(table, Linked._link_field)
            for sub_ids in grouped_slice(list(map(int, patients))):
                cursor.execute(*table.update(
                        [column, table.match], [Null, matching.UNMATCHED],
                        where=reduce_ids(column, sub_ids)))
        super().delete(patients)

    @classmethod
    def persons_by_identifier(cls, identifiers):
        "Return the matching.Person of each PUID that is in use"
        party = Pool().get('party.party').__table__()
        identifiers = [i for i in identifiers if i]
        return {
            person.identifier: person
            for sub in grouped_slice(identifiers, bulk.MAX_PARAMETERS)
            for person in cls._persons(
                party.ref.in_(list(sub)) & (party.active == Literal(True)),
                party)}

    @classmethod
    def persons_by_id(cls, ids):
        "Return the matching.Person of each id"
        party = Pool().get('party.party').__table__()
        local = cls.__table__()
        return {
            person.id: person
            for sub in grouped_slice(list(ids), bulk.MAX_PARAMETERS)
            for person in cls._persons(
                reduce_ids(local.id, sub), party, local)}

    @classmethod
    def _persons(cls, where, party, local=None):
        # SQL, as it runs for every page of a synchronization
        PersonName = Pool().get('gnuhealth.person_name')
        local = local or cls.__table__()
        person_name = PersonName.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*party
            .join(local, condition=local.party == party.id)
            .select(
                local.id, party.id, party.ref, party.name, party.lastname,
                party.dob, party.est_dob, party.gender,
                local.biological_sex,
                where=where))
        rows = cursor.fetchall()
        names = {}
        for sub in grouped_slice([row[1] for row in rows]):
            cursor.execute(*person_name.select(
                    person_name.party, person_name.family, person_name.given,
                    where=reduce_ids(person_name.party, sub)))
            for party_id, *parts in cursor:
                names.setdefault(party_id, []).append(_join(parts))
        for (id_, party_id, ref, name, lastname, dob, estimated, gender,
                biological_sex) in rows:
            yield matching.Person(
                id=id_,
                identifier=matching.identifier(ref),
                names=(_join([name, lastname]), *names.get(party_id, ())),
                birth_date=None if estimated else dob,
                sexes=matching.sexes(gender, biological_sex))


def _join(parts):
    return ' '.join(filter(None, parts))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

from sql import Column, Literal, Null
from sql.aggregate import Min
from sql.conditionals import Case
from sql.functions import CharLength, Lower
from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.pool import Pool
from trytond.pyson import Bool, Eval, If
from trytond.tools import grouped_slice, reduce_ids, unescape_wildcard
from trytond.transaction import Transaction

from . import bulk, matching
from .decision import REFUSE
from .exceptions import LinkError
from .patient import MatchMixin
from .viewer import VIEWERS


# How many studies are decided on at once, for the memory they take
_REMATCH = 5000


class Study(MatchMixin, ModelSQL, ModelView):
    "DICOM Study"
    __name__ = 'gnuhealth.orthanc.study'
    _link_field = 'local_patient'
    _decided_field = 'study'

    server = fields.Many2One(
        'gnuhealth.orthanc.config', "Server", required=True, readonly=True,
        ondelete='CASCADE')
    orthanc_id = fields.Char("Orthanc ID", required=True, readonly=True)
    study_instance_uid = fields.Char(
        "Study Instance UID", required=True, readonly=True)
    patient = fields.Many2One(
        'gnuhealth.orthanc.patient', "Orthanc Patient", required=True,
        readonly=True, ondelete='CASCADE')
    patient_name = fields.Char(
        "Patient Name", readonly=True,
        help="The name that the server reports.")
    local_patient = fields.Many2One(
        'gnuhealth.patient', "Patient", ondelete='SET NULL',
        help="The patient of this hospital. What is set or removed by hand "
        "stays when the server is synchronized.")
    candidate = fields.Many2One(
        'gnuhealth.patient', "Candidate", readonly=True, ondelete='SET NULL',
        states={'invisible': ~Bool(Eval('candidate'))},
        help="The patient who has the ID, but is not linked.")
    issuer_of_patient_id = fields.Char(
        "Issuer of Patient ID", readonly=True,
        states={'invisible': ~Bool(Eval('issuer_of_patient_id'))},
        help="Whose Patient ID it is, where the server reports that.")
    date = fields.Date("Date", readonly=True)
    date_reported = fields.Char(
        "Date Reported", readonly=True,
        states={'invisible': ~Bool(Eval('date_reported'))},
        help="What the server reports in place of a date.")
    time = fields.Time("Time", readonly=True)
    time_reported = fields.Char(
        "Time Reported", readonly=True,
        states={'invisible': ~Bool(Eval('time_reported'))},
        help="What the server reports in place of a time.")
    description = fields.Char("Description", readonly=True)
    modalities = fields.Char("Modalities", readonly=True)
    accession_number = fields.Char("Accession Number", readonly=True)
    study_id = fields.Char("Study ID", readonly=True)
    institution = fields.Char("Institution", readonly=True)
    referring_physician = fields.Char("Referring Physician", readonly=True)
    requesting_physician = fields.Char("Requesting Physician", readonly=True)
    series = fields.One2Many(
        'gnuhealth.orthanc.series', 'study', "Series", readonly=True)
    series_count = fields.Integer("Series Count", readonly=True)
    image_count = fields.Integer("Images", readonly=True)
    last_update = fields.DateTime(
        "Last Update", readonly=True,
        help="When the server received its last image.")
    stable = fields.Boolean(
        "Stable", readonly=True,
        help="Whether the server has received no image for a while.")
    results = fields.Many2Many(
        'gnuhealth.imaging.test.result-gnuhealth.orthanc.study',
        'study', 'result', "Results", readonly=True)
    decisions = fields.One2Many(
        'gnuhealth.orthanc.decision', 'study', "Decisions", readonly=True)
    orthanc_explorer_link = fields.Function(
        fields.Char("Orthanc Explorer"), 'get_links')
    stone_viewer_link = fields.Function(fields.Char(
            "Stone Viewer",
            states={'invisible': ~Bool(Eval('stone_viewer_link'))}),
        'get_links')
    ohif_viewer_link = fields.Function(fields.Char(
            "OHIF Viewer",
            states={'invisible': ~Bool(Eval('ohif_viewer_link'))}),
        'get_links')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('orthanc_id_unique',
                Unique(table, table.server, table.orthanc_id),
                'health_orthanc.msg_orthanc_id_unique'),
            ]
        cls._sql_indexes |= bulk.indexes(table)
        cls._sql_indexes.update({
                Index(table, (table.study_instance_uid, Index.Equality())),
                Index(table, (table.patient_id, Index.Equality())),
                Index(table, (
                        Index.Unaccent(table.patient_id),
                        Index.Similarity())),
                Index(table, (
                        Index.Unaccent(table.patient_name),
                        Index.Similarity())),
                Index(table, (table.accession_number, Index.Equality())),
                Index(table, (
                        Index.Unaccent(table.accession_number),
                        Index.Similarity())),
                Index(table, (
                        Index.Unaccent(table.description),
                        Index.Similarity())),
                # As the list is ordered
                Index(
                    table,
                    (table.date, Index.Range(order='DESC NULLS LAST')),
                    (table.time, Index.Range(order='DESC NULLS LAST')),
                    (table.id, Index.Range(order='DESC'))),
                # What is missing is looked for in each run, and mostly none;
                # for the tab that counts it without the server
                Index(
                    table, (table.server, Index.Range()),
                    where=table.missing_since != Null),
                Index(
                    table, (table.server, Index.Equality()),
                    where=table.stable == Literal(False)),
                # These are decided anew in each run
                Index(
                    table, (table.server, Index.Equality()),
                    where=table.match.in_(matching.DOUBTS)),
                })
        cls._order = [
            ('date', 'DESC NULLS LAST'), ('time', 'DESC NULLS LAST'),
            ('id', 'DESC')]
        # A list searches a thousand studies, and shows none of these
        for name in [
                'birth_date', 'birth_date_reported', 'date_reported',
                'digest', 'institution', 'last_update', 'person_name',
                'referring_physician', 'requesting_physician', 'sex',
                'stable', 'study_id', 'time_reported']:
            getattr(cls, name).loading = 'lazy'

    @classmethod
    def __register__(cls, module_name):
        table_h = cls.__table_handler__(module_name)
        # Migration from GNU Health's health_orthanc: clear names
        table_h.column_rename('uuid', 'orthanc_id')
        table_h.column_rename('instance_uid', 'study_instance_uid')
        table_h.column_rename('ident', 'study_id')
        table_h.column_rename('ref_phys', 'referring_physician')
        table_h.column_rename('req_phys', 'requesting_physician')
        had_demographics = table_h.column_exist('patient_id')
        super().__register__(module_name)
        if not had_demographics:
            cls._migrate_demographics()

    @classmethod
    def _migrate_demographics(cls):
        # Migration from GNU Health's health_orthanc: only the Orthanc patient
        # had them and the link, which a study that is missing would not get
        Patient = Pool().get('gnuhealth.orthanc.patient')
        table, patient = cls.__table__(), Patient.__table__()
        cursor = Transaction().connection.cursor()
        values = {
            'patient_id': patient.patient_id,
            'person_name': patient.name,
            'patient_name': patient.name,
            'birth_date': patient.birth_date,
            'local_patient': patient.patient,
            'match': Case(
                (patient.match == matching.MANUAL, matching.FOLLOWS),
                else_=patient.match),
            }
        cursor.execute(*table.update(
                [Column(table, name) for name in values], [
                    patient.select(value, where=patient.id == table.patient)
                    for value in values.values()],
                where=table.patient != Null))

    def get_rec_name(self, name):
        return ' '.join(filter(None, [
                    self.date and self.date.isoformat(), self.modalities,
                    self.description or self.study_instance_uid]))

    @classmethod
    def search_rec_name(cls, name, clause):
        _, operator, *value = clause
        uid = [operator, *value]
        if operator.endswith('like'):
            # Nobody types a part of it, which no index would find
            uid = [
                '!=' if operator.startswith('not ') else '=',
                unescape_wildcard((value[0] or '').strip('%'))]
        bool_op = 'AND' if operator.startswith(('!', 'not ')) else 'OR'
        return [bool_op,
            ('patient_name', operator, *value),
            ('patient_id', operator, *value),
            ('accession_number', operator, *value),
            ('description', operator, *value),
            ('study_instance_uid', *uid),
            ]

    @classmethod
    def write(cls, *args):
        super().write(*args)
        decided = [
            int(study) for studies, values in zip(
                args[::2], args[1::2], strict=True)
            if cls._link_field in values for study in studies]
        if decided:
            cls._decided(decided)

    @classmethod
    def _decided(cls, ids):
        "Let the Orthanc patients say what a person decided of their studies"
        cls.rematch(ids)
        Pool().get('gnuhealth.orthanc.patient').summarize(
            cls._patients(ids))
        cls.check_results(study_ids=ids)

    @classmethod
    def _patients(cls, ids):
        "Return the ids of the Orthanc patients of the studies"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        patient_ids = set()
        for sub_ids in grouped_slice(list(ids), bulk.MAX_PARAMETERS):
            cursor.execute(*table.select(
                    table.patient, where=reduce_ids(table.id, sub_ids)))
            patient_ids.update(id_ for id_, in cursor)
        return patient_ids

    @classmethod
    def check_results(cls, patient_ids=(), study_ids=()):
        """Check that studies, or all of Orthanc patients, fit their results.

        Raises LinkError where a person makes a study one of another patient
        while it is on a result.
        """
        cls._check_links(
            'result', lambda link: Literal(True), patient_ids, study_ids)

    @classmethod
    def _check_links(cls, name, where, patient_ids, study_ids):
        """Check that studies are of the patients of what they are linked to.

        name is 'result' or 'request', where says which links count.
        """
        if not Transaction().check_access:
            return
        pool = Pool()
        Target = pool.get(f'gnuhealth.imaging.test.{name}')
        Link = pool.get(f'{Target.__name__}-{cls.__name__}')
        table, link, target = (
            Model.__table__() for Model in [cls, Link, Target])
        cursor = Transaction().connection.cursor()
        for column, ids in [
                (table.patient, patient_ids), (table.id, study_ids)]:
            for sub_ids in grouped_slice(list(ids), bulk.MAX_PARAMETERS):
                cursor.execute(*table
                    .join(link, condition=link.study == table.id)
                    .join(target, condition=target.id == getattr(link, name))
                    .select(
                        table.id, target.id,
                        where=reduce_ids(column, sub_ids)
                        & where(link)
                        & ((table.local_patient == Null)
                            | (table.local_patient != target.patient)),
                        limit=1))
                for study_id, target_id in cursor.fetchall():
                    raise LinkError(gettext(
                            f'health_orthanc.msg_study_on_{name}',
                            study=cls(study_id).rec_name,
                            **{name: Target(target_id).rec_name}))

    @classmethod
    def get_links(cls, studies, names):
        Server = Pool().get('gnuhealth.orthanc.config')
        viewers = {
            name: VIEWERS[name.removesuffix('_link')] for name in names}
        links = {name: dict.fromkeys(map(int, studies)) for name in names}
        servers = {}
        # SQL, as a list has them of a hundred studies
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        for sub_ids in grouped_slice(list(map(int, studies))):
            # A viewer would only say that it is not there
            cursor.execute(*table.select(
                    table.id, table.server, *(
                        Column(table, viewer.identifier)
                        for viewer in viewers.values()),
                    where=reduce_ids(table.id, sub_ids)
                    & (table.missing_since == Null)))
            for id_, server_id, *identifiers in cursor.fetchall():
                server = servers.setdefault(server_id, Server(server_id))
                for (name, viewer), identifier in zip(
                        viewers.items(), identifiers, strict=True):
                    if not viewer.flag or getattr(server, viewer.flag):
                        links[name][id_] = server.browser_url(
                            viewer.path(identifier))
        return links

    @classmethod
    def store(cls, server_id, records):
        "Insert or update the rows of the records, and what they consist of"
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        Series = pool.get('gnuhealth.orthanc.series')
        known_patients, known_studies = (
            bulk.known_rows(Model, server_id, ids) for Model, ids in [
                (Patient, {r.patient['orthanc_id'] for r in records}),
                (cls, {r.study['orthanc_id'] for r in records})])
        new = [
            r for r in records if r.study['orthanc_id'] not in known_studies]
        # Decided before they are inserted: to update them costs far more
        verdicts = cls._decide_new(server_id, new, known_patients)
        summaries = {}
        for r in new:
            summaries.setdefault(r.patient['orthanc_id'], []).append(
                verdicts[r.study['orthanc_id']])
        patients = bulk.upsert(
            Patient, server_id, [{
                    **row,
                    **Patient.summary_values(matching.summarize(
                            summaries.get(row['orthanc_id'], ())))}
                for row in cls._patient_rows(
                    server_id, records, known_patients)],
            keep=Patient.SUMMARY, known=known_patients)
        studies = bulk.upsert(cls, server_id, [{
                    **r.study,
                    'patient': patients.ids[r.patient['orthanc_id']],
                    **verdicts.get(
                        r.study['orthanc_id'], matching.UNDECIDED).values()}
                for r in records],
            keep=matching.COLUMNS, known=known_studies)
        series = bulk.upsert(Series, server_id, [
                {**series, 'study': studies.ids[r.study['orthanc_id']]}
                for r in records for series in r.series])
        Series.mark_missing(
            [studies.ids[i] for i in studies.changed | studies.back],
            set(series.ids.values()))
        cls.rematch([studies.ids[i] for i in studies.changed | studies.back])
        touched = studies.new | studies.changed | studies.back
        Patient.summarize({
                known_patients[r.patient['orthanc_id']][0] for r in records
                if r.study['orthanc_id'] in touched
                and r.patient['orthanc_id'] in known_patients})
        cls.match_orders(studies.ids[i] for i in touched)
        return studies

    @classmethod
    def _patient_rows(cls, server_id, records, known):
        """Return the rows of the Orthanc patients of the records.

        Each study tells its own of the patient. The present one with the
        lowest Orthanc ID counts, so that they do not change with whichever
        was read last. known are the Orthanc IDs of the patients known.
        """
        pool = Pool()
        patient = pool.get('gnuhealth.orthanc.patient').__table__()
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        told = {}
        for record in records:
            id_ = record.patient['orthanc_id']
            if (id_ not in told or record.study['orthanc_id']
                    < told[id_].study['orthanc_id']):
                told[id_] = record
        rows = {id_: record.patient for id_, record in told.items()}
        for sub_ids in grouped_slice(list(known), bulk.MAX_PARAMETERS):
            cursor.execute(*table
                .join(patient, condition=patient.id == table.patient)
                .select(
                    patient.orthanc_id, patient.digest,
                    Min(table.orthanc_id),
                    where=(patient.server == server_id)
                    & patient.orthanc_id.in_(list(sub_ids))
                    & (table.missing_since == Null),
                    group_by=[patient.orthanc_id, patient.digest]))
            for id_, digest, lowest in cursor:
                if lowest < told[id_].study['orthanc_id']:
                    # With the digest stored the row stays as it is
                    rows[id_] = {**rows[id_], 'digest': digest}
        return list(rows.values())

    @classmethod
    def _decide_new(cls, server_id, records, known_patients):
        "Return the Verdict on each of these new studies by Orthanc ID"
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        Decision = pool.get('gnuhealth.orthanc.decision')
        ids = {
            r.study['orthanc_id']: known_patients[r.patient['orthanc_id']][0]
            for r in records if r.patient['orthanc_id'] in known_patients}
        by_hand = Patient.by_hand(set(ids.values()))
        _, refused = Decision.refusals(
            orthanc_patient_ids=set(ids.values()))
        subjects = {}
        for r in records:
            study = r.study
            patient_id = ids.get(study['orthanc_id'])
            person, seen = by_hand.get(patient_id, (None, None))
            subjects[study['orthanc_id']] = matching.Subject(
                study['patient_id'], study['issuer_of_patient_id'],
                matching.Reported(
                    study['person_name'], study['birth_date'], study['sex']),
                patient_id in by_hand, person, seen,
                frozenset(refused.get(patient_id, ())))
        return cls._decide(server_id, subjects)

    @classmethod
    def _decide(cls, server_id, subjects):
        "Return the Verdict on each matching.Subject, under the same keys"
        pool = Pool()
        Server = pool.get('gnuhealth.orthanc.config')
        LocalPatient = pool.get('gnuhealth.patient')
        if not subjects:
            return {}
        rules = Server.rules(server_id)
        keys = set()
        for subject in subjects.values():
            key, foreign = rules.read(subject.patient_id, subject.issuer)
            if not (foreign or subject.linked):
                keys.add(key)
        persons = LocalPatient.persons_by_identifier(keys, rules)
        by_id = LocalPatient.persons_by_id(
            {s.person for s in subjects.values() if s.person})
        return {
            key: matching.match_study(subject, rules, persons, by_id)
            for key, subject in subjects.items()}

    @classmethod
    def present(cls, server_id):
        "Yield the Orthanc ID of each study that is not missing"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.orthanc_id,
                where=(table.server == server_id)
                & (table.missing_since == Null)))
        for id_, in cursor:
            yield id_

    @classmethod
    def unstable(cls, server_id):
        "Return the Orthanc IDs of the studies that were being received"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.orthanc_id,
                where=(table.server == server_id)
                & (table.stable == Literal(False))
                & (table.missing_since == Null)))
        return {id_ for id_, in cursor}

    @classmethod
    def mark_missing(cls, server_id, orthanc_ids):
        "Note that the server no longer has these studies; return how many"
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        Series = pool.get('gnuhealth.orthanc.series')
        table = cls.__table__()
        patient = Patient.__table__()
        cursor = Transaction().connection.cursor()
        ids = []
        for sub in grouped_slice(list(orthanc_ids), bulk.MAX_PARAMETERS):
            cursor.execute(*table.select(
                    table.id,
                    where=(table.server == server_id)
                    & table.orthanc_id.in_(list(sub))
                    & (table.missing_since == Null)))
            ids.extend(id_ for id_, in cursor)
        if not ids:
            return 0
        bulk.mark_missing(cls, ids)
        Series.mark_missing(ids, set())
        cursor.execute(*patient.select(
                patient.id,
                where=(patient.server == server_id)
                & (patient.missing_since == Null)
                & ~patient.id.in_(table.select(
                        table.patient,
                        where=(table.server == server_id)
                        & (table.missing_since == Null)))))
        bulk.mark_missing(Patient, [id_ for id_, in cursor])
        Patient.summarize(cls._patients(ids))
        return len(ids)

    @classmethod
    def match_server(cls, server_id, since, everything=False):
        """Decide anew what can have changed on the side of the patients.

        What changed since is known but for what was removed, and for what
        changed of the rules: that takes everything.
        """
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        Server = pool.get('gnuhealth.orthanc.config')
        ids = cls.to_match(
            server_id,
            None if everything else since or Server.created(server_id))
        moved = cls.rematch(ids)
        Patient.summarize(cls._patients(ids))
        cls.match_server_orders(server_id, since)
        return moved

    @classmethod
    def to_match(cls, server_id, since=None):
        """Return the ids of the studies whose link may have to change.

        They are those in doubt, those of persons of whom something changed
        since, and those that have an identifier of these. What a person
        decided is not among them. Without since they are all others.
        """
        pool = Pool()
        Server = pool.get('gnuhealth.orthanc.config')
        LocalPatient = pool.get('gnuhealth.patient')
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        automatic = (
            (table.server == server_id) & (table.match != matching.MANUAL))
        if not since:
            cursor.execute(*table.select(table.id, where=automatic))
            return [id_ for id_, in cursor]
        cursor.execute(*table.select(
                table.id,
                where=(table.server == server_id)
                & table.match.in_(matching.DOUBTS)))
        ids = {id_ for id_, in cursor}
        rules = Server.rules(server_id)
        changed = LocalPatient.changed_since(since, rules)
        for sub_ids in grouped_slice(list(changed), bulk.MAX_PARAMETERS):
            cursor.execute(*table.select(
                    table.id,
                    where=automatic & reduce_ids(
                        table.local_patient, sub_ids)))
            ids.update(id_ for id_, in cursor)
        owners = {}
        for id_, identifiers in changed.items():
            for identifier in identifiers:
                key = rules.key(identifier)
                if key:
                    owners.setdefault(key, set()).add(id_)
        prefix = rules.key(rules.prefix)
        patient_id = (
            Lower(table.patient_id) if rules.ignore_case
            else table.patient_id)
        for sub_keys in grouped_slice(list(owners), bulk.MAX_PARAMETERS):
            cursor.execute(*table.select(
                    table.id,
                    where=automatic
                    & patient_id.in_([prefix + key for key in sub_keys])))
            ids.update(id_ for id_, in cursor)
        return list(ids)

    @classmethod
    def rematch(cls, study_ids=(), patient_ids=()):
        """Decide anew whose studies, or all of Orthanc patients, these are.

        Return the ids of those whose link changed. What a person decided
        stays.
        """
        table = cls.__table__()
        moved = set()
        for column, ids in [
                (table.id, study_ids), (table.patient, patient_ids)]:
            for sub_ids in grouped_slice(list(ids), _REMATCH):
                moved |= cls._rematch(table, reduce_ids(column, sub_ids))
        return moved

    @classmethod
    def _rematch(cls, table, where):
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        Decision = pool.get('gnuhealth.orthanc.decision')
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.id, table.server, table.orthanc_id,
                table.study_instance_uid, table.patient, table.patient_id,
                table.issuer_of_patient_id, table.person_name,
                table.birth_date, table.sex,
                *[Column(table, name) for name in matching.COLUMNS],
                where=where & (table.match != matching.MANUAL)))
        rows = {row[0]: row[1:] for row in cursor}
        patient_ids = {row[3] for row in rows.values()}
        by_hand = Patient.by_hand(patient_ids)
        refused, refused_patients = Decision.refusals(rows, patient_ids)
        results = cls._result_patients(rows)
        subjects = {}
        for id_, row in rows.items():
            person, seen = by_hand.get(row[3], (None, None))
            subjects.setdefault(row[0], {})[id_] = matching.Subject(
                row[4], row[5], matching.Reported(*row[6:9]),
                row[3] in by_hand, person, seen,
                frozenset(refused.get(id_, ()))
                | frozenset(refused_patients.get(row[3], ())),
                frozenset(results.get(id_, ())))
        updates, moved = [], set()
        for server_id, of_server in subjects.items():
            for id_, verdict in cls._decide(server_id, of_server).items():
                row = rows[id_]
                if verdict.columns() == row[9:]:
                    continue
                if verdict.person != row[9]:
                    moved.add(id_)
                updates.append({
                        'id': id_,
                        'server': server_id,
                        'orthanc_id': row[1],
                        'study_instance_uid': row[2],
                        'patient': row[3],
                        **verdict.values(),
                        })
        bulk.update(cls, updates)
        cls.match_orders({update['id'] for update in updates})
        return moved

    @classmethod
    def _result_patients(cls, ids):
        "Return the persons whose results the studies are on, by study"
        pool = Pool()
        link = pool.get(
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study'
            ).__table__()
        result = pool.get('gnuhealth.imaging.test.result').__table__()
        cursor = Transaction().connection.cursor()
        persons = {}
        for sub_ids in grouped_slice(list(ids), bulk.MAX_PARAMETERS):
            cursor.execute(*link
                .join(result, condition=result.id == link.result)
                .select(
                    link.study, result.patient,
                    where=reduce_ids(link.study, sub_ids)))
            for study_id, person in cursor:
                persons.setdefault(study_id, set()).add(person)
        return persons

    @classmethod
    def carry_over(cls, server_id):
        """Let a study that came back under another ID keep what people did.

        Orthanc gives a study a new ID where its PatientID is corrected: the
        old row is missing, the new one has the same StudyInstanceUID. The
        link that a person made and the results move along, unless more than
        one study could be meant or people decided differently of those that
        are missing. The link stays behind where the study is somebody else's
        by its new PatientID, a result where the study is not of its patient.
        """
        pool = Pool()
        Link = pool.get(
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study')
        Result = pool.get('gnuhealth.imaging.test.result')
        Decision = pool.get('gnuhealth.orthanc.decision')
        decision = Decision.__table__()
        old, new = cls.__table__(), cls.__table__()
        link, taken = Link.__table__(), Link.__table__()
        result = Result.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*old.select(
                old.study_instance_uid, old.id, old.local_patient, old.match,
                where=(old.server == server_id)
                & (old.missing_since != Null)
                & ((old.match == matching.MANUAL)
                    | old.id.in_(link.select(link.study))
                    | old.id.in_(decision.select(
                            decision.study,
                            where=(decision.action == REFUSE)
                            & (decision.study != Null))))))
        left = cursor.fetchall()
        present = {}
        uids = list({uid for uid, *_ in left})
        for sub_uids in grouped_slice(uids, bulk.MAX_PARAMETERS):
            cursor.execute(*new.select(
                    new.study_instance_uid, new.id, new.match,
                    new.local_patient,
                    where=(new.server == server_id)
                    & new.study_instance_uid.in_(list(sub_uids))
                    & (new.missing_since == Null)))
            for uid, *values in cursor:
                present.setdefault(uid, []).append(values)
        twins = {
            old_id: (local_patient, match, *present[uid][0])
            for uid, old_id, local_patient, match in left
            if len(present.get(uid, [])) == 1}
        if not twins:
            return
        decisions = {}
        for local_patient, match, new_id, new_match, linked in twins.values():
            if (match == matching.MANUAL and new_match != matching.MANUAL
                    and linked in {None, local_patient}):
                decisions.setdefault(new_id, set()).add(local_patient)
        decided = {}
        for new_id, local_patients in decisions.items():
            if len(local_patients) == 1:
                decided.setdefault(local_patients.pop(), []).append(new_id)
        refused = Decision.carry_over(
            {old_id: values[2] for old_id, values in twins.items()})
        cls.rematch(refused)
        Pool().get('gnuhealth.orthanc.patient').summarize(
            cls._patients(refused))
        with Transaction().set_user(0), Transaction().set_context(
                decision_reason=gettext('health_orthanc.msg_carried_over')):
            for local_patient, ids in decided.items():
                cls.write(cls.browse(ids), {'local_patient': local_patient})
        new_ids = [values[2] for values in twins.values()]
        cursor.execute(*new.select(
                new.id, new.local_patient, where=reduce_ids(new.id, new_ids)))
        patients = dict(cursor)
        cursor.execute(*link
            .join(result, condition=result.id == link.result)
            .select(
                link.id, link.study, link.result, result.patient,
                where=reduce_ids(link.study, list(twins))))
        moved, wanted = [], set()
        for id_, study, result_id, patient in cursor:
            new_id = twins[study][2]
            if patients[new_id] == patient:
                moved.append(id_)
                wanted.add((new_id, result_id))
        # Who takes the new one off the result later means it
        Link.delete(Link.browse(moved))
        cursor.execute(*taken.select(
                taken.study, taken.result,
                where=reduce_ids(taken.study, new_ids)))
        Link.create([
                {'study': study, 'result': result_id}
                for study, result_id in wanted - set(cursor)])


class Series(ModelSQL, ModelView):
    "DICOM Series"
    __name__ = 'gnuhealth.orthanc.series'

    server = fields.Many2One(
        'gnuhealth.orthanc.config', "Server", required=True, readonly=True,
        ondelete='CASCADE')
    study = fields.Many2One(
        'gnuhealth.orthanc.study', "Study", required=True, readonly=True,
        ondelete='CASCADE')
    orthanc_id = fields.Char("Orthanc ID", required=True, readonly=True)
    series_instance_uid = fields.Char("Series Instance UID", readonly=True)
    series_number = fields.Char("Number", readonly=True)
    modality = fields.Char("Modality", readonly=True)
    description = fields.Char("Description", readonly=True)
    body_part = fields.Char("Body Part", readonly=True)
    image_count = fields.Integer("Images", readonly=True)
    last_update = fields.DateTime(
        "Last Update", readonly=True,
        help="When the server received its last image.")
    missing_since = fields.DateTime(
        "Missing Since", readonly=True,
        states={'invisible': ~Bool(Eval('missing_since'))},
        help="When the server was found not to have it any more.")
    digest = fields.Char("Digest", readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('orthanc_id_unique',
                Unique(table, table.server, table.orthanc_id),
                'health_orthanc.msg_orthanc_id_unique'),
            ]
        cls._sql_indexes |= bulk.indexes(table)
        cls._order = [
            ('study', 'DESC'), ('series_number', 'ASC'), ('id', 'ASC')]

    @classmethod
    def order_series_number(cls, tables):
        table, _ = tables[None]
        # As numbers, though some are none and stay the text they are
        return [CharLength(table.series_number), table.series_number]

    def get_rec_name(self, name):
        return ' '.join(filter(None, [
                    self.series_number, self.modality, self.description])
            ) or self.orthanc_id

    @classmethod
    def search_rec_name(cls, name, clause):
        _, operator, *value = clause
        bool_op = 'AND' if operator.startswith(('!', 'not ')) else 'OR'
        return [bool_op,
            ('description', operator, *value),
            ('modality', operator, *value),
            ]

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Bool(Eval('missing_since')), 'muted', '')),
            ]

    @classmethod
    def mark_missing(cls, study_ids, present):
        "Note that of the series of studies only those present are left"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        missing = []
        for sub_ids in grouped_slice(list(study_ids), bulk.MAX_PARAMETERS):
            cursor.execute(*table.select(
                    table.id,
                    where=reduce_ids(table.study, sub_ids)
                    & (table.missing_since == Null)))
            missing.extend(id_ for id_, in cursor if id_ not in present)
        bulk.mark_missing(cls, missing)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

from urllib.parse import quote

from sql import Literal, Null
from sql.aggregate import Min
from sql.functions import CharLength
from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.pool import Pool
from trytond.pyson import Bool, Eval, If
from trytond.tools import grouped_slice, reduce_ids, unescape_wildcard
from trytond.transaction import Transaction

from . import bulk, matching
from .exceptions import LinkError
from .patient import MatchMixin


class Study(MatchMixin, ModelSQL, ModelView):
    "DICOM Study"
    __name__ = 'gnuhealth.orthanc.study'
    _link_field = 'local_patient'

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
        cls._sql_indexes.update({
                Index(
                    table,
                    (table.server, Index.Equality()),
                    (table.orthanc_id, Index.Equality())),
                Index(table, (table.study_instance_uid, Index.Equality())),
                Index(table, (table.patient, Index.Equality())),
                Index(table, (table.local_patient, Index.Equality())),
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
                # What is missing is looked for in each run, and mostly none
                Index(
                    table, (table.server, Index.Equality()),
                    where=table.missing_since != Null),
                Index(
                    table, (table.server, Index.Equality()),
                    where=table.stable == Literal(False)),
                })
        cls._order = [
            ('date', 'DESC NULLS LAST'), ('time', 'DESC NULLS LAST'),
            ('id', 'DESC')]

    @classmethod
    def __register__(cls, module_name):
        table_h = cls.__table_handler__(module_name)
        # Migration from GNU Health's health_orthanc: clear names
        table_h.column_rename('uuid', 'orthanc_id')
        table_h.column_rename('instance_uid', 'study_instance_uid')
        table_h.column_rename('ident', 'study_id')
        table_h.column_rename('ref_phys', 'referring_physician')
        table_h.column_rename('req_phys', 'requesting_physician')
        super().__register__(module_name)

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
        for studies, values in zip(args[::2], args[1::2], strict=True):
            if cls._link_field in values:
                cls.check_results(study_ids=map(int, studies))

    @classmethod
    def check_results(cls, patient_ids=(), study_ids=()):
        """Check that studies, or all of Orthanc patients, fit their results.

        Raises LinkError where a person makes a study one of another patient
        while it is on a result.
        """
        if not Transaction().check_access:
            return
        pool = Pool()
        Link = pool.get(
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study')
        Result = pool.get('gnuhealth.imaging.test.result')
        table, link, result = (
            Model.__table__() for Model in [cls, Link, Result])
        cursor = Transaction().connection.cursor()
        for column, ids in [
                (table.patient, patient_ids), (table.id, study_ids)]:
            for sub_ids in grouped_slice(list(ids), bulk.MAX_PARAMETERS):
                cursor.execute(*table
                    .join(link, condition=link.study == table.id)
                    .join(result, condition=result.id == link.result)
                    .select(
                        table.id, result.id,
                        where=reduce_ids(column, sub_ids)
                        & ((table.local_patient == Null)
                            | (table.local_patient != result.patient)),
                        limit=1))
                for study_id, result_id in cursor.fetchall():
                    raise LinkError(gettext(
                            'health_orthanc.msg_study_on_result',
                            study=cls(study_id).rec_name,
                            result=Result(result_id).rec_name))

    @classmethod
    def get_links(cls, studies, names):
        links = {name: dict.fromkeys(map(int, studies)) for name in names}
        paths = {
            'orthanc_explorer_link': lambda study: (
                'app/explorer.html#study?uuid=' + quote(study.orthanc_id)),
            'stone_viewer_link': lambda study: study.server.has_stone and (
                'stone-webviewer/index.html?study='
                + quote(study.study_instance_uid)),
            'ohif_viewer_link': lambda study: study.server.has_ohif and (
                'ohif/viewer?StudyInstanceUIDs='
                + quote(study.study_instance_uid)),
            }
        for study in studies:
            # A viewer would only say that it is not there
            if study.missing_since:
                continue
            for name in names:
                path = paths[name](study)
                if path:
                    links[name][study.id] = study.server.browser_url(path)
        return links

    @classmethod
    def store(cls, server_id, records, patient_level=True):
        """Insert or update the rows of the records, and what they consist of.

        patient_level is whether the studies of a patient tell the same of it.
        """
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        Series = pool.get('gnuhealth.orthanc.series')
        patients = bulk.upsert(
            Patient, server_id, (
                [r.patient for r in records] if patient_level
                else cls._patient_rows(server_id, records)),
            defaults={'match': matching.UNMATCHED})
        studies = bulk.upsert(cls, server_id, [
                {**r.study, 'patient': patients.ids[r.patient['orthanc_id']]}
                for r in records],
            defaults={'match': matching.UNMATCHED})
        series = bulk.upsert(Series, server_id, [
                {**series, 'study': studies.ids[r.study['orthanc_id']]}
                for r in records for series in r.series],
            defaults={})
        Series.mark_missing(
            [studies.ids[i] for i in studies.changed | studies.back],
            set(series.ids.values()))
        cls.match_all(patients.ids.values(), studies.ids.values())
        return studies

    @classmethod
    def _patient_rows(cls, server_id, records):
        """Return the rows of patients of whom each study tells its own.

        The present study with the lowest Orthanc ID counts, so that they do
        not change with whichever was read last.
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
        for sub_ids in grouped_slice(list(told), bulk.MAX_PARAMETERS):
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
    def known(cls, server_id):
        "Yield the Orthanc ID of each study known, and whether it is missing"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.orthanc_id, table.missing_since,
                where=table.server == server_id))
        for id_, missing in cursor:
            yield id_, bool(missing)

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
        return len(ids)

    @classmethod
    def match_all(cls, patient_ids, study_ids=()):
        """Decide anew whose Orthanc patients and studies these are.

        The further studies of Orthanc patients whose link changed follow.
        """
        Patient = Pool().get('gnuhealth.orthanc.patient')
        moved = Patient.rematch(patient_ids)
        cls.follow(moved, study_ids)

    @classmethod
    def match_server(cls, server_id, since):
        "Decide anew what changed on the side of the local patients since"
        Patient = Pool().get('gnuhealth.orthanc.patient')
        patient_ids = Patient.to_match(server_id, since)
        Patient.rematch(patient_ids)
        # A study can agree now with the person it contradicted, or no more
        cls.follow(patient_ids)
        cls.match_server_orders(server_id, since)

    @classmethod
    def follow(cls, patient_ids, study_ids=()):
        "Let studies, or all of Orthanc patients, follow the latters' link"
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        LocalPatient = pool.get('gnuhealth.patient')
        table = cls.__table__()
        patient = Patient.__table__()
        cursor = Transaction().connection.cursor()
        rows = {}
        for column, ids in [
                (table.patient, patient_ids), (table.id, study_ids)]:
            for sub_ids in grouped_slice(list(ids), bulk.MAX_PARAMETERS):
                cursor.execute(*table
                    .join(patient, condition=patient.id == table.patient)
                    .select(
                        table.id, table.server, table.orthanc_id,
                        table.study_instance_uid, table.patient,
                        patient.patient, patient.match,
                        patient.match_differences,
                        table.person_name, table.birth_date, table.sex,
                        patient.person_name, patient.birth_date, patient.sex,
                        table.local_patient, table.match,
                        table.match_differences,
                        where=reduce_ids(column, sub_ids)
                        & (table.match != matching.MANUAL)))
                rows.update((row[0], row[1:]) for row in cursor)
        persons = LocalPatient.persons_by_id(
            {row[4] for row in rows.values() if row[4]})
        updates = []
        for id_, row in rows.items():
            decided = matching.match_study(
                matching.Reported(*row[7:10]),
                matching.Reported(*row[10:13]),
                matching.Decision(
                    row[4], row[5], tuple((row[6] or '').split())),
                persons.get(row[4])).columns()
            if decided != row[13:]:
                updates.append({
                        'id': id_,
                        'server': row[0],
                        'orthanc_id': row[1],
                        'study_instance_uid': row[2],
                        'patient': row[3],
                        'local_patient': decided[0],
                        'match': decided[1],
                        'match_differences': decided[2],
                        })
        bulk.update(cls, updates)
        cls.match_orders({*study_ids, *rows})

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
        old, new = cls.__table__(), cls.__table__()
        link, taken = Link.__table__(), Link.__table__()
        result = Result.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*old.select(
                old.study_instance_uid, old.id, old.local_patient, old.match,
                where=(old.server == server_id)
                & (old.missing_since != Null)
                & ((old.match == matching.MANUAL)
                    | old.id.in_(link.select(link.study)))))
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
        cls._sql_indexes.update({
                Index(
                    table,
                    (table.server, Index.Equality()),
                    (table.orthanc_id, Index.Equality())),
                Index(table, (table.study, Index.Equality())),
                })
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

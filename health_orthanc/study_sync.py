# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"How what a server reports becomes studies, and which of them went"
from sql import Column, Literal, Null
from sql.aggregate import Min
from sql.operators import Exists

from trytond.pool import Pool, PoolMeta
from trytond.transaction import Transaction

from . import bulk, matching
from .study import DECIDED_BY


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

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
        reported_anew = cls._reported_anew(server_id, records, known_studies)
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
        cls.rematch(
            [studies.ids[i] for i in studies.changed | studies.back],
            reported_anew={studies.ids[i] for i in reported_anew})
        touched = studies.new | studies.changed | studies.back
        Patient.summarize({
                known_patients[r.patient['orthanc_id']][0] for r in records
                if r.study['orthanc_id'] in touched
                and r.patient['orthanc_id'] in known_patients})
        cls.match_orders(studies.ids[i] for i in touched)
        return studies

    @classmethod
    def _reported_anew(cls, server_id, records, known):
        """Return the Orthanc IDs of the studies that report another patient.

        known is what bulk.known_rows returned of them.
        """
        differ = {
            r.study['orthanc_id']: r.study for r in records
            if r.study['orthanc_id'] in known
            and known[r.study['orthanc_id']][1] != r.study['digest']}
        table = cls.__table__()
        return {
            id_ for id_, *values in bulk.fetch(
                table.select(
                    table.orthanc_id,
                    *[Column(table, name) for name in DECIDED_BY],
                    where=table.server == server_id),
                table.orthanc_id, differ)
            if values != [differ[id_][name] for name in DECIDED_BY]}

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
        told = {}
        for record in records:
            id_ = record.patient['orthanc_id']
            if (id_ not in told or record.study['orthanc_id']
                    < told[id_].study['orthanc_id']):
                told[id_] = record
        rows = {id_: record.patient for id_, record in told.items()}
        present = (table
            .join(patient, condition=patient.id == table.patient)
            .select(
                patient.orthanc_id, patient.digest, Min(table.orthanc_id),
                where=(patient.server == server_id)
                & (table.missing_since == Null),
                group_by=[patient.orthanc_id, patient.digest]))
        for id_, digest, lowest in bulk.fetch(
                present, patient.orthanc_id, known):
            if lowest < told[id_].study['orthanc_id']:
                # With the digest stored the row stays as it is
                rows[id_] = {**rows[id_], 'digest': digest}
        return list(rows.values())

    @classmethod
    def _decide_new(cls, server_id, records, known_patients):
        "Return the Verdict on each of these new studies by Orthanc ID"
        return cls._decide(server_id, cls._subjects({
                    r.study['orthanc_id']: {
                        **r.study,
                        'patient': known_patients.get(
                            r.patient['orthanc_id'], (None,))[0],
                        }
                    for r in records}))

    @classmethod
    def present(cls, server_id):
        "Yield the Orthanc IDs of the studies that are not missing"
        table = cls.__table__()
        return bulk.each(
            table.select(
                table.orthanc_id, where=cls._is_present(table, server_id)),
            table.orthanc_id)

    @classmethod
    def unstable(cls, server_id):
        "Return the Orthanc IDs of the studies that were being received"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.orthanc_id,
                where=cls._is_present(table, server_id)
                & (table.stable == Literal(False))))
        return {id_ for id_, in cursor}

    @classmethod
    def _is_present(cls, table, server_id):
        "Return the condition of the rows that the server is known to have"
        return (table.server == server_id) & (table.missing_since == Null)

    @classmethod
    def mark_missing(cls, server_id, orthanc_ids):
        "Note that the server no longer has these studies; return how many"
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        Series = pool.get('gnuhealth.orthanc.series')
        table = cls.__table__()
        patient = Patient.__table__()
        ids = [
            id_ for id_, in bulk.fetch(
                table.select(
                    table.id, where=cls._is_present(table, server_id)),
                table.orthanc_id, orthanc_ids)]
        if not ids:
            return 0
        bulk.mark_missing(cls, ids)
        Series.mark_missing(ids, set())
        patients = cls._patients(ids)
        present = Exists(table.select(
                Literal(True),
                where=(table.patient == patient.id)
                & cls._is_present(table, server_id)))
        bulk.mark_missing(Patient, [
                id_ for id_, in bulk.fetch(
                    patient.select(patient.id, where=~present),
                    patient.id, patients)])
        Patient.summarize(patients)
        return len(ids)

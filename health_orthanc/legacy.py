# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database of GNU Health's own health_orthanc 5.0 knows of studies.

Its table of studies has no counterpart of ours that could be renamed: it
names the server by URL and has no Orthanc patient. So the links that it
holds are taken over once, after the first synchronization of a server.
"""
from sql import Column, Null, Table
from trytond import backend
from trytond.i18n import gettext
from trytond.pool import Pool
from trytond.transaction import Transaction

from . import matching

_TABLE = 'gnuhealth_imaging_orthanc_study'


def take_over(server_id):
    """Take over the links to patients and results.

    A link that the study contradicts is left for a person to decide.
    """
    if not backend.TableHandler.table_exist(_TABLE):
        return
    pool = Pool()
    Study = pool.get('gnuhealth.orthanc.study')
    LocalPatient = pool.get('gnuhealth.patient')
    Result = pool.get('gnuhealth.imaging.test.result')
    Link = pool.get('gnuhealth.imaging.test.result-gnuhealth.orthanc.study')
    rows = _rows(server_id)
    studies = {s.id: s for s in Study.browse([row[0] for row in rows])}
    persons = LocalPatient.persons_by_id({row[1] for row in rows if row[1]})
    decided = {}
    for id_, patient_id, _ in rows:
        study, person = studies[id_], persons.get(patient_id)
        if person and not study.local_patient and not matching.contradictions(
                matching.Reported(
                    study.person_name, study.birth_date, study.sex), person):
            decided.setdefault(patient_id, []).append(study)
    with Transaction().set_user(0), Transaction().set_context(
            decision_reason=gettext('health_orthanc.msg_taken_over')):
        for patient_id, linked in decided.items():
            Study.write(linked, {'local_patient': patient_id})
    results = {
        r.id: r for r in Result.browse([row[2] for row in rows if row[2]])}
    Link.create([
            {'study': id_, 'result': result_id}
            for id_, _, result_id in rows if result_id
            and results[result_id].patient == studies[id_].local_patient])


def _rows(server_id):
    "Return (study, patient, result) of the studies that both know"
    pool = Pool()
    study = pool.get('gnuhealth.orthanc.study').__table__()
    server = pool.get('gnuhealth.orthanc.config').__table__()
    legacy = Table(_TABLE)
    result = Column(legacy, 'imaging_test')
    cursor = Transaction().connection.cursor()
    cursor.execute(*legacy
        .join(study, condition=study.orthanc_id
            == Column(legacy, 'orthanc_UID'))
        .join(server, condition=(server.id == study.server)
            & (server.url == legacy.server))
        .select(
            study.id, legacy.patient, result,
            where=(server.id == server_id)
            & ((legacy.patient != Null) | (result != Null))))
    return cursor.fetchall()

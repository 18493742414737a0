# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Rows that are read and written by SQL, and what the ORM knows of them"
import unittest
from unittest.mock import patch

from trytond.model import Index
from trytond.modules.health_orthanc import bulk
from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction

from .module_case import ModuleCase


def create_server():
    Server = Pool().get('gnuhealth.orthanc.config')
    server, = Server.create([
            {'label': "Main", 'url': 'http://127.0.0.1:1/'}])
    return server


def create_patient(ref):
    pool = Pool()
    party, = pool.get('party.party').create([{
                'name': "Ana", 'lastname': "Betz", 'ref': ref,
                'is_person': True, 'is_patient': True,
                'gender': 'f', 'fed_country': None}])
    patient, = pool.get('gnuhealth.patient').create([{'party': party.id}])
    return patient


def create_study(server, number=1, patient_id='X1', **values):
    "Create a study of an Orthanc patient of its own"
    pool = Pool()
    orthanc_patient, = pool.get('gnuhealth.orthanc.patient').create([{
                'server': server.id, 'orthanc_id': f'p{number}',
                'patient_id': patient_id}])
    study, = pool.get('gnuhealth.orthanc.study').create([{
                'server': server.id, 'orthanc_id': f's{number}',
                'study_instance_uid': f'2.25.{number}',
                'patient': orthanc_patient.id, 'patient_id': patient_id,
                **values}])
    return study


class RowsTestCase(ModuleCase):
    "Rows that are read and written by SQL"

    @with_transaction()
    def test_decision_notes_what_the_one_before_made(self):
        Decision = Pool().get('gnuhealth.orthanc.decision')
        study = create_study(create_server())
        first, second = create_patient('A1'), create_patient('A2')
        self.assertIsNone(study.local_patient)
        study.patient.patient = first
        study.patient.save()
        self.assertEqual(study.local_patient, first)
        study.local_patient = second
        study.save()
        decision, = Decision.search([('study', '=', study.id)])
        self.assertEqual(decision.before, first)
        self.assertEqual(decision.after, second)

    @with_transaction()
    def test_decisions_at_once(self):
        "Each study is decided on for itself"
        Study = Pool().get('gnuhealth.orthanc.study')
        server = create_server()
        studies = [
            create_study(server, number, f'X{number}') for number in [1, 2]]
        people = [create_patient('A1'), create_patient('A2')]
        Study.write(
            [studies[0]], {'local_patient': people[0].id},
            [studies[1]], {'local_patient': people[1].id})
        for study, person in zip(studies, people, strict=True):
            study = Study(study.id)
            self.assertEqual(
                (study.local_patient, study.match, study.patient.patient),
                (person, 'manual', person))

    @with_transaction()
    def test_decided_anew(self):
        "What is decided anew leaves alone what its Orthanc patient was"
        Study = Pool().get('gnuhealth.orthanc.study')
        study = create_study(create_server())
        first, second = create_patient('A1'), create_patient('A2')
        study.patient.patient = first
        study.patient.save()
        Study.write([study], {'local_patient': second.id})
        Study.decide_anew([Study(study.id)])
        study = Study(study.id)
        self.assertEqual(
            (study.local_patient, study.match), (first, 'follows'))
        self.assertEqual(
            (study.patient.patient, study.patient.match), (first, 'manual'))
        # What follows is decided anew with what it follows
        Study.decide_anew([study])
        study = Study(study.id)
        self.assertEqual(
            (study.local_patient, study.patient.patient), (None, None))

    @with_transaction()
    def test_orm_forgets_what_is_written_by_sql(self):
        Study = Pool().get('gnuhealth.orthanc.study')
        study = create_study(create_server())
        table = Study.__table__()
        required = {
            'id': study.id, 'server': study.server.id,
            'orthanc_id': study.orthanc_id, 'match': study.match,
            'study_instance_uid': study.study_instance_uid,
            'patient': study.patient.id}

        def upsert():
            bulk.upsert(Study, study.server.id, [{
                        **{k: v for k, v in required.items()
                            if k not in {'id', 'server'}},
                        'description': "Upserted", 'digest': 'd'}])

        for name, value, write in [
                ('description', "Updated", lambda: bulk.update(
                        Study, [{**required, 'description': "Updated"}])),
                ('description', "Upserted", upsert),
                ('description', "Changed", lambda: bulk.change(
                        Study, table.update(
                            [table.description], ["Changed"]),
                        table.id, [study.id])),
                ]:
            with self.subTest(value):
                self.assertNotEqual(getattr(study, name), value)
                write()
                self.assertEqual(getattr(study, name), value)
                self.assertEqual(getattr(Study(study.id), name), value)
        self.assertIsNone(study.missing_since)
        bulk.mark_missing(Study, [study.id])
        self.assertIsNotNone(study.missing_since)

    @with_transaction()
    def test_known_after_new(self):
        "A row that is new does not keep those after it from being updated"
        Study = Pool().get('gnuhealth.orthanc.study')
        study = create_study(create_server())

        def row(orthanc_id, uid):
            return {
                'orthanc_id': orthanc_id, 'match': study.match,
                'study_instance_uid': uid, 'patient': study.patient.id,
                'description': "Changed", 'digest': 'd'}

        upserted = bulk.upsert(Study, study.server.id, [
                row('new', '1.2.3.4'),
                row(study.orthanc_id, study.study_instance_uid)])
        self.assertEqual(len(upserted.ids), 2)
        self.assertEqual(study.description, "Changed")

    @with_transaction()
    def test_refusal_is_seen_at_once(self):
        patient = create_patient('A1')
        study = create_study(create_server(), local_patient=patient.id)
        self.assertEqual(study.local_patient, patient)
        study.refuse([study], patient)
        self.assertIsNone(study.local_patient)

    @with_transaction()
    def test_deleted_patient_is_seen_at_once(self):
        Patient = Pool().get('gnuhealth.patient')
        patient = create_patient('A1')
        study = create_study(create_server())
        study.patient.patient = patient
        study.patient.save()
        self.assertEqual(study.local_patient, patient)
        Patient.delete([patient])
        self.assertIsNone(study.local_patient)
        self.assertIsNone(study.patient.patient)

    @with_transaction()
    def test_partial_indexes(self):
        """An index of few rows is no larger than these.

        PostgreSQL makes room in a hash one for all rows of the table, and
        takes it for too dear to look into from then on.
        """
        partial = {
            Model.__name__: usages
            for _, Model in Pool().iterobject()
            if Model.__name__.startswith(
                ('gnuhealth.imaging.', 'gnuhealth.orthanc.'))
            and (usages := [
                    type(usage)
                    for index in getattr(Model, '_sql_indexes', ())
                    if index.options.get('where')
                    for _, usage in index.expressions])}
        self.assertIn('gnuhealth.imaging.test.request', partial)
        for model, usages in partial.items():
            with self.subTest(model=model):
                self.assertNotIn(Index.Equality, usages)

    @with_transaction()
    def test_fetch(self):
        Study = Pool().get('gnuhealth.orthanc.study')
        table = Study.__table__()
        server = create_server()
        studies = [create_study(server, number) for number in range(5)]
        ids = [study.id for study in studies]
        orthanc_ids = {f's{number}' for number in range(5)}
        # As if there were more of them than fit in a statement
        with patch.object(bulk, 'MAX_PARAMETERS', 2):
            for column, wanted, found in [
                    (table.id, ids, orthanc_ids),
                    (table.id, [*ids, *ids], orthanc_ids),
                    (table.id, iter(ids[:1]), {'s0'}),
                    (table.id, [], set()),
                    (table.orthanc_id, [*orthanc_ids, 'x'], orthanc_ids),
                    ]:
                with self.subTest(column=column.name, wanted=wanted):
                    rows = bulk.fetch(
                        table.select(table.orthanc_id), column, wanted)
                    self.assertEqual(
                        sorted(id_ for id_, in rows), sorted(found))
            # What the select asks for stays asked for
            query = table.select(table.id, where=table.orthanc_id == 's3')
            for _ in range(2):
                self.assertEqual(
                    list(map(tuple, bulk.fetch(query, table.id, ids))),
                    [(ids[3],)])

    @with_transaction()
    def test_change_in_slices(self):
        Study = Pool().get('gnuhealth.orthanc.study')
        table = Study.__table__()
        server = create_server()
        ids = [create_study(server, number).id for number in range(5)]
        with patch.object(bulk, 'MAX_PARAMETERS', 2):
            bulk.change(
                Study, table.update([table.description], ["Head"]),
                table.id, ids[:4])
            self.assertEqual(
                Study.search([('description', '=', "Head")], count=True), 4)
            bulk.change(
                Study, table.delete(where=table.description == "Head"),
                table.id, ids[1:])
        self.assertEqual(
            sorted(map(int, Study.search([]))), [ids[0], ids[4]])


if __name__ == '__main__':
    unittest.main()

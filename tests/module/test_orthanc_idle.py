# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in doubt is decided anew only where that could change something.

Each test lets a run believe that nothing changed since the last one: what it
finds out it finds out of the doubt itself.
"""
import datetime as dt
import unittest
from unittest import mock

from trytond import backend
from trytond.modules.health_orthanc import (
    bulk, decision, matching, order_matching, sync)
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from .scripted_orthanc import ScriptedOrthanc
from .stored import ANNA, StoredTestCase, orthanc_study
from tests.tools import activate, create_patient

# Nobody was changed after it
_NEVER = dt.datetime(2999, 1, 1)
_MANY = 1000
LINK = 'gnuhealth.imaging.test.request-gnuhealth.orthanc.study'
ON_RESULT = 'gnuhealth.imaging.test.result-gnuhealth.orthanc.study'


def rows_written():
    "Return how many rows this connection has written until now"
    connection = Transaction().connection
    if backend.name == 'sqlite':
        return connection.total_changes
    cursor = connection.cursor()
    cursor.execute(
        'SELECT SUM(n_tup_ins + n_tup_upd + n_tup_del) '
        'FROM pg_stat_xact_user_tables')
    return cursor.fetchone()[0]


class IdleTestCase(StoredTestCase):
    "What a run decides"

    def run_server(self, everything=False):
        "Return how many studies, and orders of studies, a run decides on"
        with mock.patch.object(
                matching, 'match_study',
                side_effect=matching.match_study) as match, \
                mock.patch.object(
                    order_matching.Case, 'decide', autospec=True,
                    side_effect=order_matching.Case.decide) as decide:
            self.Study.match_server(self.server.id, _NEVER, everything)
        return match.call_count, decide.call_count

    def is_quiet(self):
        "Check that a run decides on nothing and writes nothing"
        before = rows_written()
        self.assertEqual(self.run_server(), (0, 0))
        self.assertEqual(rows_written(), before)

    def changed(self, *changes, studies=0, orders=0):
        "Check that after each change of (what, function) a run decides"
        for what, change in changes:
            with self.subTest(change=what):
                self.run_server()
                self.is_quiet()
                change()
                decided = self.run_server()
                self.assertGreaterEqual(decided[0], studies)
                self.assertGreaterEqual(decided[1], orders)
        self.run_server()
        self.is_quiet()

    def sql(self, Model, id_, **values):
        "Change a row as nobody notices"
        if isinstance(Model, str):
            Model = Pool().get(Model)
        bulk.assign(Model, [id_], values)


class DoubtTestCase(IdleTestCase):
    "Whose the studies are"

    def setUp(self):
        super().setUp()
        self.doubt, = self.store(orthanc_study(
                'doubt', **{**ANNA, 'patient_name': 'Petrova^Olga'}))
        self.party = self.patient(self.anna).party.id

    def person(self, **values):
        return lambda: self.sql('party.party', self.party, **values)

    def of_study(self, **values):
        return lambda: self.sql(self.Study, self.doubt.id, **values)

    def of_server(self, **values):
        return lambda: self.sql(
            'gnuhealth.orthanc.config', self.server.id, **values)

    def test_every_reason(self):
        "None of them is decided anew, but everything is once a day"
        Alternative = Pool().get(
            'gnuhealth.person_alternative_identification')
        self.of_server(
            identifier_types='["medical_record"]', trust_birth_date=True)()
        Alternative.create([{
                    'party': self.patient(id_).party.id, 'code': 'BOTH',
                    'alternative_id_type': 'medical_record'}
                for id_ in [self.anna, self.olga]])
        *_, refused, changed = self.store(
            orthanc_study(
                'ambiguous', uid='1.1', **{**ANNA, 'patient_id': 'BOTH'}),
            orthanc_study(
                'unverified', uid='1.2', patient_id='GNU1', sex='F'),
            orthanc_study('refused', uid='1.3', **ANNA),
            orthanc_study('changed', uid='1.4', **ANNA),
            orthanc_study('linked', uid='1.5', **ANNA))
        self.Study.refuse([refused], self.patient(self.anna))
        self.sql(
            self.Study, changed.id, agreed_with='0', person_name='Smith^X')
        self.run_server(everything=True)
        study = self.Study.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*study.select(
                study.match, where=study.server == self.server.id))
        self.assertEqual(
            {match for match, in cursor},
            {*matching.DOUBTS, matching.IDENTIFIER})
        self.run_server()
        self.is_quiet()
        self.assertEqual(self.run_server(everything=True), (6, 0))

    def test_person_changed(self):
        "By whom, how and when does not matter"
        Certificate, Cause, Country = map(Pool().get, [
                'gnuhealth.death_certificate', 'gnuhealth.pathology',
                'country.country'])
        cause, = Cause.create([{'name': "Old age", 'code': 'OLD'}])
        country, = Country.create([{'name': "Spain"}])
        bulk.insert(Certificate, [{
                    'id': 77, 'party': self.party, 'code': 'D',
                    'dod': dt.datetime(2026, 1, 1), 'cod': cause.id,
                    'country': country.id, 'type_of_death': 'natural',
                    'place_of_death': 'home'}])
        self.changed(
            ("family name", self.person(lastname="Schmidt")),
            ("given name", self.person(name="Ann")),
            ("birth date", self.person(dob=dt.date(1981, 2, 1))),
            ("estimated", self.person(est_dob=True)),
            ("gender", self.person(gender='m')),
            ("sex", lambda: self.sql(
                    'gnuhealth.patient', self.anna, biological_sex='f')),
            ("died", self.person(death_certificate=77)),
            ("other day", lambda: self.sql(
                    Certificate, 77, dod=dt.datetime(2026, 2, 1))),
            ("party inactive", self.person(active=False)),
            ("active again", self.person(active=True)),
            ("patient inactive", lambda: self.sql(
                    'gnuhealth.patient', self.anna, active=False)),
            ("identifier", self.person(ref='GNU9')),
            studies=1)

    def test_other_names(self):
        "Of which one is removed as well"
        Name = Pool().get('gnuhealth.person_name')
        table = Name.__table__()

        def add():
            self.name, = Name.create([{
                        'party': self.party, 'family': "Petrova",
                        'given': "Anna", 'use': 'maiden'}])

        self.changed(
            ("added", add),
            ("changed", lambda: self.sql(Name, self.name.id, given="Ann")),
            ("removed", lambda: bulk.change(
                    Name, table.delete(), table.id, [self.name.id])),
            studies=1)

    def test_who_has_the_identifier(self):
        "Also where that is removed, or becomes one that does not count"
        Alternative = Pool().get(
            'gnuhealth.person_alternative_identification')
        table = Alternative.__table__()
        self.of_server(identifier_types='["medical_record"]')()

        def add():
            self.other, = Alternative.create([{
                        'party': self.patient(self.olga).party.id,
                        'code': 'GNU1',
                        'alternative_id_type': 'medical_record'}])

        def remove():
            bulk.change(
                Alternative, table.delete(), table.id, [self.other.id])

        self.changed(
            ("added", add),
            ("changed", lambda: self.sql(
                    Alternative, self.other.id, code='GNU8')),
            ("back", lambda: self.sql(
                    Alternative, self.other.id, code='GNU1')),
            ("type", lambda: self.sql(
                    Alternative, self.other.id,
                    alternative_id_type='other')),
            ("type back", lambda: self.sql(
                    Alternative, self.other.id,
                    alternative_id_type='medical_record')),
            ("removed", remove),
            studies=1)

    def test_rules(self):
        self.changed(
            ("types", self.of_server(identifier_types='["other"]')),
            ("case", self.of_server(ignore_case=True)),
            ("separators", self.of_server(ignore_separators=True)),
            ("birth date", self.of_server(trust_birth_date=True)),
            ("issuer", self.of_server(issuer_of_patient_id='US')),
            ("prefix", self.of_server(patient_id_prefix='GNU')),
            studies=1)

    def test_study(self):
        "What it reports, and how it is linked"
        self.changed(
            ("name", self.of_study(person_name='Petrova^Anna')),
            ("birth date", self.of_study(birth_date=dt.date(1979, 1, 2))),
            ("sex", self.of_study(sex='M')),
            ("date", self.of_study(date=dt.date(2020, 1, 1))),
            ("issuer", self.of_study(issuer_of_patient_id='US')),
            ("linked", self.of_study(local_patient=self.olga)),
            ("identifier", self.of_study(patient_id='GNU2')),
            studies=1)

    def test_decided_by_people(self):
        "Of the study or of the Orthanc patient, and on which result it is"
        Patient = Pool().get('gnuhealth.orthanc.patient')
        Result, OnResult, TakenOver = map(Pool().get, [
                'gnuhealth.imaging.test.result', ON_RESULT,
                'gnuhealth.orthanc.taken_over'])
        result, = Result.create([{
                    'patient': self.olga, 'requested_test': self.test}])
        on_result = OnResult.__table__()
        taken_over = TakenOver.__table__()
        cursor = Transaction().connection.cursor()
        of_patient = self.doubt.patient.id
        self.changed(
            ("result", lambda: bulk.insert(OnResult, [
                        {'study': self.doubt.id, 'result': result.id}])),
            ("result of another", lambda: self.sql(
                    Result, result.id, patient=self.anna)),
            ("no result", lambda: bulk.change(
                    OnResult, on_result.delete(), on_result.study,
                    [self.doubt.id])),
            ("taken over", lambda: cursor.execute(*taken_over.insert(
                        [taken_over.generation, taken_over.old_id,
                            taken_over.study, taken_over.patient,
                            taken_over.outcome],
                        [['5', 1, self.doubt.id, self.olga, 'conflict']]))),
            ("settled", lambda: cursor.execute(*taken_over.delete(
                        where=taken_over.study == self.doubt.id))),
            ("refused", lambda: self.Decision.note([{
                            'study': self.doubt.id, 'refused': self.anna,
                            'action': decision.REFUSE}])),
            ("taken back", lambda: self.Decision.note([{
                            'study': self.doubt.id,
                            'action': decision.DECIDE_ANEW}])),
            ("patient linked", lambda: self.sql(
                    Patient, of_patient, patient=self.anna,
                    match=matching.MANUAL, seen_name='Smith^Anna')),
            ("to another", lambda: self.sql(
                    Patient, of_patient, patient=self.olga,
                    seen_name='Smith^Anna')),
            studies=1)

    def test_time(self):
        "Without a day of the study ages are as of the day of the run"
        self.run_server()
        self.is_quiet()
        with mock.patch.object(matching.dt, 'date', wraps=dt.date) as date:
            date.today.return_value = dt.date.today() + dt.timedelta(1)
            self.assertEqual(self.run_server()[0], 1)

    def test_settled(self):
        "The run after the change links the study, and says no more of it"
        self.person(name="Olga", lastname="Petrova")()
        self.assertEqual(self.run_server(), (1, 0))
        study = self.study(self.doubt)
        self.assertEqual(study.local_patient.id, self.anna)
        self.assertIsNone(study.basis)
        self.is_quiet()

    def test_no_doubt_any_more(self):
        "What was set back is decided, whatever a doubt was decided on"
        self.of_study(match=matching.UNMATCHED)()
        self.Study.match_server(self.server.id, dt.datetime(2000, 1, 1))
        self.assertEqual(self.study(self.doubt).match, matching.CONFLICT)

    def test_new_person(self):
        "Who is nobody's is no doubt, and found when somebody has the ID"
        study, = self.store(orthanc_study(
                'nobodys', uid='1.7', patient_id='GNU7',
                patient_name='Roe^Rita', birth_date='19700102', sex='F'))
        self.assertIsNone(study.basis)
        since = bulk.now()
        self.Study.match_server(self.server.id, since)
        person = create_in_transaction(
            'GNU7', "Rita", "Roe", dt.date(1970, 1, 2))
        self.Study.match_server(self.server.id, since)
        self.assertEqual(self.study(study).local_patient.id, person.id)


def create_in_transaction(puid, name, lastname, dob):
    pool = Pool()
    Party, Patient = map(pool.get, ['party.party', 'gnuhealth.patient'])
    party, = Party.create([{
                'ref': puid, 'name': name, 'lastname': lastname, 'dob': dob,
                'gender': 'f', 'is_person': True, 'is_patient': True,
                'fed_country': None}])
    patient, = Patient.create([{'party': party.id}])
    return patient


class OrderDoubtTestCase(IdleTestCase):
    "Which orders the studies answer"

    def setUp(self):
        super().setUp()
        self.request = self.order(
            self.anna, accession_number='A1',
            study_instance_uid='1.9', date=dt.datetime(2026, 1, 5, 9))
        self.doubt, = self.store(orthanc_study(
                'doubt', uid='1.9', modality='MR',
                AccessionNumber='A1', **ANNA))
        self.assertEqual(self.doubt.order_match, 'conflict')

    def of_request(self, **values):
        return lambda: self.sql(
            'gnuhealth.imaging.test.request', self.request.id, **values)

    def of_study(self, **values):
        return lambda: self.sql(self.Study, self.doubt.id, **values)

    def test_every_reason(self):
        "None of them is decided anew, but everything is for new rules"
        for _ in range(2):
            request = self.order(self.anna)
            self.sql(
                type(request), request.id, accession_number='B1',
                accession_number_shared=True)
        self.order(self.anna, accession_number='20260007')
        self.order(self.anna, accession_number='C1')
        self.store(
            orthanc_study('two', uid='1.1', AccessionNumber='B1', **ANNA),
            orthanc_study(
                'almost', uid='1.2', AccessionNumber='020260007', **ANNA),
            orthanc_study(
                'unconfirmed', uid='1.3', AccessionNumber='C1',
                patient_id='X1', patient_name='Smith^Anna'))
        study = self.Study.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*study.select(
                study.order_match, where=study.server == self.server.id))
        self.assertEqual(
            sorted(match for match, in cursor), sorted(order_matching.OPEN))
        self.run_server()
        self.is_quiet()
        self.assertEqual(self.run_server(everything=True)[1], 4)

    def test_order_changed(self):
        Request, Test, Type = map(Pool().get, [
                'gnuhealth.imaging.test.request', 'gnuhealth.imaging.test',
                'gnuhealth.imaging.test.type'])
        table = Request.__table__()
        type_ = Test(self.test).test_type

        def again():
            self.other = self.order(self.anna)
            self.sql(
                Request, self.other.id, accession_number='A1',
                accession_number_shared=True)

        self.changed(
            ("cancelled", self.of_request(state='cancelled')),
            ("requested", self.of_request(state='requested')),
            ("day", self.of_request(date=dt.datetime(2026, 1, 6))),
            ("number of the order", self.of_request(request='R7')),
            ("accession number", self.of_request(accession_number='A2')),
            ("patient", self.of_request(patient=self.olga)),
            ("patient back", self.of_request(patient=self.anna)),
            ("new", again),
            ("modality", lambda: self.sql(Type, type_.id, code='US')),
            ("removed", lambda: bulk.change(
                    Request, table.delete(), table.id, [self.other.id])),
            orders=1)

    def test_waiting(self):
        "Lines that the study does not name"
        doubt, = self.store(orthanc_study(
                'almost', uid='1.2', AccessionNumber='020260007', **ANNA))
        request = self.order(self.anna)
        self.sql(type(request), request.id, accession_number='20260007')
        self.Study.match_orders([doubt.id])
        self.assertEqual(self.study(doubt).order_match, 'almost')
        self.changed(
            ("new", lambda: self.sql(
                    type(request), self.order(self.anna).id,
                    accession_number='20260008')),
            ("no more", lambda: self.sql(
                    type(request), request.id, state='cancelled')),
            orders=1)

    def test_person_changed(self):
        party = self.patient(self.anna).party.id
        self.changed(
            ("name", lambda: self.sql('party.party', party, name="Ann")),
            ("birth date", lambda: self.sql(
                    'party.party', party, dob=dt.date(1981, 1, 2))),
            orders=1)

    def test_study(self):
        self.changed(
            ("modality", self.of_study(modalities='US')),
            ("day", self.of_study(date=dt.date(2026, 1, 7))),
            ("name", self.of_study(person_name='Smith^A')),
            ("candidate", self.of_study(candidate=self.olga)),
            ("unlinked", self.of_study(local_patient=None)),
            ("reason", self.of_study(match=matching.NO_IDENTIFIER)),
            ("number", self.of_study(accession_number='A2')),
            orders=1)

    def test_decided_by_people(self):
        "By links to the order of another, and by what they refuse"
        Link = Pool().get(LINK)
        table = Link.__table__()
        other = self.order(self.olga)
        self.changed(
            ("linked by an identifier", lambda: bulk.insert(Link, [{
                            'study': self.doubt.id,
                            'request': self.request.id,
                            'match': order_matching.ACCESSION_NUMBER}])),
            ("linked", lambda: bulk.insert(Link, [{
                            'study': self.doubt.id, 'request': other.id,
                            'match': matching.MANUAL}])),
            ("unlinked", lambda: bulk.change(
                    Link, table.delete(), table.request, [other.id])),
            ("refused", lambda: self.Decision.note([{
                            'study': self.doubt.id,
                            'request': self.request.id,
                            'action': decision.REFUSE_ORDER}])),
            orders=1)


class ManyTestCase(unittest.TestCase):
    "Runs of a server of which a thousand studies are in doubt"

    @classmethod
    def setUpClass(cls):
        activate()
        create_patient(
            puid='GNU1', name="Anna", lastname="Smith", gender='f',
            dob=dt.date(1980, 2, 1))

    def test_idle(self):
        "They cost no decision, no row of a study and none of the history"
        self.enterContext(Transaction().start(DB_NAME, 0))
        orthanc = self.enterContext(ScriptedOrthanc())
        pool = Pool()
        Server, Study, Synchronization = map(pool.get, [
                'gnuhealth.orthanc.config', 'gnuhealth.orthanc.study',
                'gnuhealth.orthanc.synchronization'])
        for number in range(_MANY):
            orthanc.add(
                f's{number}', PatientID='GNU1', PatientName='Petrova^Olga')
        server, = Server.create([{
                    'label': self.id(), 'url': orthanc.url,
                    'validated': True}])
        Transaction().commit()
        for _ in range(2):
            sync.synchronize(server.id)
        self.assertIsNone(Server(server.id).last_error)
        written = Study.search([
                ('server', '=', server.id),
                ('match', '=', matching.CONFLICT)], count=True)
        self.assertEqual(written, _MANY)
        runs = Synchronization.search(
            [('server', '=', server.id)], count=True)
        with mock.patch.object(matching, 'match_study') as match, \
                mock.patch.object(order_matching, 'match_order') as order, \
                mock.patch.object(bulk, '_execute') as execute:
            sync.synchronize(server.id)
        self.assertIsNone(Server(server.id).last_error)
        for called in [match, order, execute]:
            called.assert_not_called()
        self.assertEqual(Synchronization.search(
                [('server', '=', server.id)], count=True), runs)


if __name__ == '__main__':
    unittest.main()

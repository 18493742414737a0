# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Histories that nobody thought of, made up by hypothesis.

A history is any sequence of what modalities, administrators, people, the
network and the machine can do to a synchronization. However it went, one run
that nothing disturbs must leave the rows equal to what the server holds, and
everything that a person decided as it was.

A longer search: python -m tests.bench.histories --count 1000, and with runs
that are killed: python -m tests.bench.kills --count 100
"""
import contextlib
import datetime as dt
import itertools
import json
import threading
import time
import unittest
from collections import Counter
from unittest.mock import patch

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine, initialize, precondition, rule,
    run_state_machine_as_test)
from proteus import Model

from trytond import backend
from trytond.exceptions import UserError
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer, is_available
from tests.faults.misbehaving import (
    ProxyServer, answer, cut_answer, cut_body, disconnect, hang, json_answer,
    lose_answer, not_http, reset, reset_in_body)
from tests.orthanc.synchronizer import Synchronizer, patched
from tests.tools import activate, create_patient, create_test

STEPS = 25
COUNT = 30
COUNT_WITH_KILLS = 8

_TROUBLES = {
    '302': answer(302, Location='https://login.example.com/'),
    '401': answer(401),
    '403': answer(403),
    '404': answer(404),
    '500': answer(500),
    '503': answer(503),
    'cut answer': cut_answer,
    'cut body': cut_body,
    'disconnected': disconnect,
    'lost answer': lose_answer,
    'no HTTP': not_http,
    'no JSON': answer(200, b'<html></html>', Content_Type='text/html'),
    'odd JSON': json_answer('odd'),
    'reset': reset,
    'reset in body': reset_in_body,
    'silence': hang,
    }
# Who is known as whom: two patients of the hospital, strangers, nobody
_REPORTED = {
    'GNU1': {
        'patient_name': 'Smith^Anna', 'birth_date': '19800201', 'sex': 'F'},
    'GNU2': {
        'patient_name': 'Petrova^Olga', 'birth_date': '19900505', 'sex': 'F'},
    'P1': {'patient_name': 'Doe^John', 'birth_date': '', 'sex': 'M'},
    'P2': {'patient_name': 'Smith^Anna', 'birth_date': '', 'sex': ''},
    '': {'patient_name': '', 'birth_date': '', 'sex': ''},
    }
_SOMEBODY_ELSE = {
    'patient_name': 'Else^Body', 'birth_date': '19700707', 'sex': 'M'}

patient_ids = st.sampled_from(sorted(_REPORTED))
study_uids = st.sampled_from(['1.2.1', '1.2.2', '1.2.3'])
indexes = st.integers(0, 20)
studies = st.fixed_dictionaries({
        'patient_id': patient_ids,
        'uid': study_uids,
        'series': st.integers(1, 2),
        'images': st.integers(1, 2),
        'description': st.sampled_from('ABC'),
        })
# Where a run is killed: at the millisecond or at the number of what it does,
# and whether that is done before
kills = st.one_of([
        st.tuples(st.just(what), st.integers(1, last), st.booleans())
        for what, last in [
            ('millisecond', 120), ('request', 15), ('commit', 20),
            ('statement', 80)]])


class Killed(BaseException):
    "The end of a process, which nothing can catch"


class Hospital:
    "The people and the results that all histories have to do with"

    def __init__(self):
        activate()
        self.persons = [
            create_patient(
                puid='GNU1', name="Anna", lastname="Smith", gender='f',
                dob=dt.date(1980, 2, 1)),
            create_patient(
                puid='GNU2', name="Olga", lastname="Petrova", gender='f',
                dob=dt.date(1990, 5, 5)),
            ]
        self.parties = [person.party.id for person in self.persons]
        self.persons = [person.id for person in self.persons]
        Result = Model.get('gnuhealth.imaging.test.result')
        Professional = Model.get('gnuhealth.healthprofessional')
        Patient = Model.get('gnuhealth.patient')
        test = create_test()
        self.results = {}
        for person in self.persons:
            result = Result(
                patient=Patient(person), requested_test=test,
                doctor=Professional.find()[0], date=dt.datetime.now())
            result.save()
            self.results[person] = result.id


@contextlib.contextmanager
def transaction(**context):
    with Transaction().start(DB_NAME, 1, context=context):
        yield
        Transaction().commit()


def pick(records, index):
    return records[index % len(records)] if records else None


class History(RuleBasedStateMachine):
    "One server, from its first study to the last run"
    hospital = None
    seen = Counter()

    def __init__(self):
        super().__init__()
        self.stack = contextlib.ExitStack()
        # What no row of the log tells
        self.silent = set()
        # What the log told and no run may have read yet
        self.told = set()
        self.wiped = False
        # What people decided
        self.by_hand = {}
        self.on_result = {}

    @initialize(
        overwrite=st.booleans(), plugin=st.booleans(),
        page=st.sampled_from([1, 2, 3, 100]),
        changes=st.sampled_from([2, 3, 7, 1000]),
        strangers=st.sets(patient_ids), uploads=st.lists(studies, max_size=8))
    def begin(self, overwrite, plugin, page, changes, strangers, uploads):
        enter = self.stack.enter_context
        self.settings = {
            '_PAGE': page, '_CHANGES': changes, '_SUSPECT_NUMBER': 2,
            '_OVERLAP': 3}
        enter(patched(self.settings))
        self.orthanc = enter(OrthancServer(
                StableAge=60, OverwriteInstances=overwrite))
        self.plugin = plugin
        # All studies of one PatientID tell the same of the patient: where
        # they differ, the row of the Orthanc patient is that of the last read
        self.strangers = strangers
        self.trouble = {}
        self.asked = 0
        self.proxy = enter(ProxyServer(self.orthanc.url, self.choose))
        with transaction():
            Server = Pool().get('gnuhealth.orthanc.config')
            server, = Server.create([{
                        'label': self.proxy.url + str(time.monotonic()),
                        'url': self.proxy.url,
                        'username': self.orthanc.username,
                        'password': self.orthanc.password,
                        'timeout': 1,
                        'validated': True,
                        }])
            self.server = server.id
        self.upload(uploads)

    def choose(self, request, number):
        self.asked += 1
        behaviour = self.trouble.get(self.asked)
        if behaviour:
            return behaviour
        if self.plugin and request.path == '/system':
            # Rows of its log can come late
            return self.with_plugin
        return None

    @staticmethod
    def with_plugin(request):
        del request.headers['Accept-Encoding']
        _, _, body = request.forward()
        json_answer({
                **json.loads(body), 'DatabaseBackendPlugin': 'postgresql.so',
                })(request)

    # What the modalities and the administrator do

    @rule(uploads=st.lists(studies, min_size=1, max_size=4))
    def upload(self, uploads):
        "New studies, or more images or other tags of some"
        for upload in uploads:
            self.upload_study(**upload)

    def upload_study(
            self, patient_id, uid, series=1, images=1, description='A'):
        before = self.series_on_server()
        answers = self.orthanc.upload_all(generated_study(
                patient_id=patient_id, study_instance_uid=uid,
                study_description=description, series=series, images=images,
                size=2, **(
                    _SOMEBODY_ELSE if patient_id in self.strangers
                    else _REPORTED[patient_id])))
        study = answers[0]['ParentStudy']
        if before.get(study, set()) & self.series_on_server()[study]:
            self.silent.add(study)
        self.told.add(study)

    @rule(
        level=st.sampled_from(['patients', 'studies', 'series', 'instances']),
        index=indexes)
    def delete(self, level, index):
        id_ = pick(sorted(self.orthanc.get(level)), index)
        if not id_:
            return
        before = self.images_on_server()
        self.orthanc.delete(f'{level}/{id_}')
        after = self.images_on_server()
        self.silent.update(
            study for study, images in before.items()
            if after.get(study, images) != images)

    @rule(index=indexes, patient_id=patient_ids, first=st.booleans())
    def correct_patient_id(self, index, patient_id, first):
        "Upload a study under another PatientID, before or after deleting it"
        id_ = pick(sorted(self.orthanc.get('studies')), index)
        if not id_:
            return
        study = self.orthanc.get(f'studies/{id_}')
        if study['PatientMainDicomTags'].get('PatientID') == patient_id:
            return
        if first:
            self.orthanc.delete(f'studies/{id_}')
        self.upload_study(
            patient_id, study['MainDicomTags']['StudyInstanceUID'])
        if not first:
            self.orthanc.delete(f'studies/{id_}')

    @rule()
    def restart(self):
        self.orthanc.kill()
        self.orthanc.start()
        # What was being received is stable now
        self.silent.update(self.orthanc.get('studies'))

    @rule()
    def clear_log(self):
        self.orthanc.clear_changes()
        self.silent |= self.told

    @precondition(lambda self: not self.wiped)
    @rule()
    def wipe(self):
        self.wiped = True
        # Rows of the log are told apart by their second at least
        time.sleep(1.01 - time.time() % 1)
        self.orthanc.kill()
        self.orthanc.wipe()
        self.silent |= self.told

    # What people do

    def rows(self, name):
        Model_ = Pool().get(f'gnuhealth.orthanc.{name}')
        return Model_.search(
            [('server', '=', self.server)], order=[('orthanc_id', 'ASC')])

    @rule(
        name=st.sampled_from(['study', 'patient']), index=indexes,
        whom=st.sampled_from([0, 1, None]))
    def link(self, name, index, whom):
        "Link a study or an Orthanc patient to a person, or to nobody"
        person = None if whom is None else self.hospital.persons[whom]
        with transaction(_check_access=True):
            row = pick(self.rows(name), index)
            if not row:
                return
            try:
                row.write([row], {row._link_field: person})
            except UserError:
                # It is on a result, or it has no PatientID
                Transaction().rollback()
                return
            self.by_hand[name, row.id] = person

    @rule(index=indexes)
    def put_on_result(self, index):
        with transaction(_check_access=True):
            Result = Pool().get('gnuhealth.imaging.test.result')
            row = pick(
                [row for row in self.rows('study') if row.local_patient],
                index)
            if not row:
                return
            result = Result(self.hospital.results[row.local_patient.id])
            if row not in result.studies:
                Result.write([result], {'studies': [('add', [row.id])]})
            self.on_result[result.id, row.id] = True

    @rule(index=indexes)
    def take_off_result(self, index):
        with transaction(_check_access=True):
            Result = Pool().get('gnuhealth.imaging.test.result')
            row = pick(
                [row for row in self.rows('study') if row.results], index)
            if not row:
                return
            for result in row.results:
                Result.write([result], {'studies': [('remove', [row.id])]})
                self.on_result[result.id, row.id] = False

    @rule(
        whom=st.sampled_from([0, 1]),
        ref=st.sampled_from(['GNU1', 'GNU2', 'P1', 'P2', 'NEW1', 'NEW2']),
        birth_date=st.sampled_from(
            [None, dt.date(1980, 2, 1), dt.date(1990, 5, 5)]))
    def register(self, whom, ref, birth_date):
        "Correct what the hospital knows of a person"
        with transaction():
            Party = Pool().get('party.party')
            if Party.search([
                        ('ref', '=', ref),
                        ('id', '!=', self.hospital.parties[whom])]):
                return
            Party.write(
                [Party(self.hospital.parties[whom])],
                {'ref': ref, 'dob': birth_date})

    # Runs

    def run(self):
        "One run; return whether there is nothing more to do"
        from trytond.modules.health_orthanc import sync
        self.asked = 0
        with transaction():
            return not sync.synchronize(self.server)

    def columns(self):
        with transaction():
            table = Pool().get('gnuhealth.orthanc.config').__table__()
            cursor = Transaction().connection.cursor()
            cursor.execute(*table.select(
                    table.validated, table.error_reason, table.error_detail,
                    table.suspect, table.running_until,
                    where=table.id == self.server))
            return cursor.fetchone()

    def store(self, **columns):
        "Set what nobody can set"
        with transaction():
            table = Pool().get('gnuhealth.orthanc.config').__table__()
            cursor = Transaction().connection.cursor()
            cursor.execute(*table.update(
                    [getattr(table, name) for name in columns],
                    list(columns.values()), where=table.id == self.server))

    @rule()
    def synchronize(self):
        self.run()

    @rule(number=st.integers(1, 12), trouble=st.sampled_from(
            sorted(_TROUBLES)), further=st.booleans())
    def trouble_midway(self, number, trouble, further):
        "One answer is spoiled, or all from it on"
        if trouble == 'silence' and number > 4:
            # It takes its time
            trouble = '503'
        last = number + 40 if further else number + 1
        self.trouble = dict.fromkeys(
            range(number, last), _TROUBLES[trouble])
        self.run()
        self.trouble = {}

    @rule(steps=st.integers(0, 12))
    def time_is_up(self, steps):
        from trytond.modules.health_orthanc import sync
        late = itertools.chain([False] * steps, itertools.repeat(True))
        with patch.object(sync.Run, '_is_late', lambda self: next(late)):
            self.run()

    @rule(
        what=st.sampled_from([Killed, RuntimeError, None]),
        where=st.sampled_from(['ask', 'step', 'write', 'commit']),
        number=st.integers(1, 15))
    def end_midway(self, what, where, number):
        "The process is killed, the database fails, or there is a defect"
        from trytond.modules.health_orthanc import bulk, transport
        if what is RuntimeError and (
                where in {'write', 'commit'} or number == 1):
            # It would be the trouble of a study, or before the run
            what = Killed
        what = what or backend.DatabaseOperationalError
        count = itertools.count(1)

        def spoil(function):
            def spoiled(*args, **kwargs):
                if next(count) == number:
                    raise what("spoiled")
                return function(*args, **kwargs)
            return spoiled

        Server = Pool(DB_NAME).get('gnuhealth.orthanc.config')
        owner, name = {
            'ask': (transport.Connection, '_send'),
            'step': (Server, 'advance'),
            'write': (bulk, '_execute'),
            'commit': (Transaction, 'commit'),
            }[where]
        with contextlib.suppress(
                Killed, backend.DatabaseOperationalError), patch.object(
                owner, name, spoil(getattr(owner, name))):
            self.run()
        self.end_claim()

    def end_claim(self):
        "Wait, so to say, until a run that was killed holds nothing any more"
        if self.columns()[-1]:
            # Nobody else may run before
            self.run()
            assert not self.asked
            self.store(running_until=None)

    @precondition(lambda self: not self.columns()[0])
    @rule()
    def check(self):
        "A person has the connection checked"
        with transaction():
            Server = Pool().get('gnuhealth.orthanc.config')
            Server.check_now([Server(self.server)])

    @precondition(lambda self: self.columns()[3])
    @rule()
    def confirm(self):
        self.store(missing_confirmed=True)
        self.run()

    @rule()
    def day_passes(self):
        self.store(walked_at=None, compared_at=None)

    # What the server holds

    def series_on_server(self):
        return {
            study['ID']: set(study['Series'])
            for study in self.orthanc.get('studies?expand')}

    def images_on_server(self):
        return {
            study: {
                series: len(self.orthanc.get(f'series/{series}')['Instances'])
                for series in all_series}
            for study, all_series in self.series_on_server().items()}

    def held(self):
        "What the server holds, as the rows should say it"
        from trytond.modules.health_orthanc.dicom import date, text
        images = self.images_on_server()
        held = {}
        for study in self.orthanc.get('studies?expand'):
            tags = study['MainDicomTags']
            patient = study['PatientMainDicomTags']
            held[study['ID']] = (
                study['ParentPatient'],
                *2 * (
                    text(patient.get('PatientID')),
                    text(patient.get('PatientName'))),
                date(patient.get('PatientBirthDate')),
                tags['StudyInstanceUID'],
                text(tags.get('StudyDescription')),
                images[study['ID']])
        return held

    def known(self):
        "What the rows say"
        with transaction():
            known = {}
            for row in self.rows('study'):
                if row.missing_since:
                    assert all(s.missing_since for s in row.series)
                    continue
                images = {
                    s.orthanc_id: s.image_count for s in row.series
                    if not s.missing_since}
                assert row.orthanc_id not in known, "twice"
                assert row.series_count == len(images)
                assert row.image_count == sum(images.values())
                assert row.patient.missing_since is None
                known[row.orthanc_id] = (
                    row.patient.orthanc_id, row.patient.patient_id,
                    row.patient.person_name, row.patient_id, row.person_name,
                    row.birth_date, row.study_instance_uid, row.description,
                    images)
            for patient in self.rows('patient'):
                present = any(not s.missing_since for s in patient.studies)
                assert present == (not patient.missing_since)
            return known

    # The end

    def teardown(self):
        try:
            if hasattr(self, 'server'):
                self.finish()
        finally:
            self.stack.close()
            self.tidy()

    def tidy(self):
        with transaction():
            Party = Pool().get('party.party')
            Result = Pool().get('gnuhealth.imaging.test.result')
            for party in self.hospital.parties:
                Party.write([Party(party)], {'ref': f'TIDY{party}'})
            for party, values in zip(self.hospital.parties, [
                        {'ref': 'GNU1', 'dob': dt.date(1980, 2, 1)},
                        {'ref': 'GNU2', 'dob': dt.date(1990, 5, 5)},
                        ], strict=True):
                Party.write([Party(party)], values)
            for result in self.hospital.results.values():
                Result.write([Result(result)], {'studies': [
                            ('remove', [
                                s.id for s in Result(result).studies])]})
            if hasattr(self, 'server'):
                Server = Pool().get('gnuhealth.orthanc.config')
                Server.write([Server(self.server)], {
                        'url': 'http://127.0.0.1:1/', 'password': None})

    def finish(self):
        "One run that nothing disturbs tells everything"
        if not self.columns()[0]:
            self.check()
        self.seen['histories'] += 1
        self.healthy_run()
        if self.columns()[3]:
            self.seen['suspect'] += 1
            self.store(missing_confirmed=True)
            self.healthy_run()
            assert not self.columns()[3]
        held, known = self.held(), self.known()
        if known != held:
            self.seen['told by the daily walk'] += 1
            self.assert_untellable(known, held)
            self.store(walked_at=None)
            self.healthy_run()
            self.assert_equal(self.known(), held)
        self.seen['studies'] += len(held)
        self.check_decisions()
        self.check_idle()

    def healthy_run(self):
        self.seen['runs'] += 1
        assert self.run(), "more to do"
        validated, reason, detail, _, running_until = self.columns()
        assert validated
        assert not reason, (reason, detail)
        assert not running_until

    def assert_equal(self, known, held):
        assert known == held, "\n".join(
            ["rows and server differ:"]
            + [f"- {id_} {known.get(id_)}\n+ {id_} {held.get(id_)}"
                for id_ in sorted(known.keys() | held.keys())
                if known.get(id_) != held.get(id_)])

    def assert_untellable(self, known, held):
        "Neither the log nor a count could tell the difference"
        if known.keys() != held.keys() or (
                self.sum_images(known) != self.sum_images(held)) or any(
                known[id_] != held[id_] for id_ in held
                if id_ not in self.silent):
            self.assert_equal(known, held)

    @staticmethod
    def sum_images(studies):
        return sum(sum(study[-1].values()) for study in studies.values())

    def check_decisions(self):
        with transaction():
            studies = {row.id: row for row in self.rows('study')}
            patients = {row.id: row for row in self.rows('patient')}
            for (name, id_), person in self.by_hand.items():
                row = {'study': studies, 'patient': patients}[name][id_]
                assert row.match == 'manual', (name, id_)
                assert getattr(row, row._link_field) == (
                    person and Pool().get('gnuhealth.patient')(person))
            for row in studies.values():
                twins = [
                    other for other in studies.values() if other != row
                    and other.study_instance_uid == row.study_instance_uid]
                for result in self.hospital.results.values():
                    wanted = self.on_result.get((result, row.id))
                    found = result in {r.id for r in row.results}
                    if wanted is False:
                        assert not found, (row, "taken off the result")
                    elif wanted and not found:
                        # It moved along
                        assert any(
                            result in {r.id for r in other.results}
                            or self.on_result.get(
                                (result, other.id)) is False
                            for other in twins), (row, "put on the result")
                if row.missing_since:
                    self.check_moved_along(row, twins)
                elif row.match == 'manual' and (
                        ('study', row.id) not in self.by_hand):
                    # As a person decided of a study with the same UID
                    assert any(
                        other.local_patient == row.local_patient
                        and other.match == 'manual' for other in twins), row
            assert not {
                row.id for row in patients.values()
                if row.match == 'manual'
                and ('patient', row.id) not in self.by_hand}

    def check_moved_along(self, row, twins):
        "What a person did with a missing study is done with its only twin"
        present = [other for other in twins if not other.missing_since]
        if len(present) != 1:
            return
        twin, = present
        decisions = {
            other.local_patient for other in [row, *twins]
            if other.missing_since and other.match == 'manual'}
        if row.match == 'manual' and len(decisions) == 1:
            self.seen['decisions moved along'] += 1
            assert twin.match == 'manual' or (
                twin.local_patient not in {None, row.local_patient}), twin
        for result in row.results:
            assert result.patient != twin.local_patient, (
                row, "should have moved along")

    def check_idle(self):
        "Once more changes nothing, nor does deciding all links anew"
        from trytond.modules.health_orthanc import bulk

        def execute(Model, rows, *args, **kwargs):
            assert 'orthanc_id' not in Model._fields, (Model, rows)
            return original(Model, rows, *args, **kwargs)

        original = bulk._execute
        with patch.object(bulk, '_execute', execute):
            self.healthy_run()
            with transaction():
                Patient = Pool().get('gnuhealth.orthanc.patient')
                Study = Pool().get('gnuhealth.orthanc.study')
                Study.rematch([row.id for row in self.rows('study')])
                Patient.summarize([row.id for row in self.rows('patient')])


class HistoryWithKills(History):
    "A history with runs in processes of their own, which are killed"
    synchronizer = None

    @rule(kills=st.lists(kills, min_size=1, max_size=4))
    def kill(self, kills):
        "Kill one run after the other, each at another point"
        for what, number, done in kills:
            if self.is_killed_at(what, number, done):
                self.seen['kills'] += 1
                self.seen[f'kills at a {what}'] += 1
            self.end_claim()

    def is_killed_at(self, what, number, done):
        "Begin a run that is killed if it comes so far; return whether it did"
        self.asked, self.trouble = 0, {}
        if what in {'commit', 'statement'}:
            process = self.synchronizer.begin(
                self.server, self.settings, (what, number, done))
            return process.wait()
        begun = threading.Event()

        def kill(request):
            if done:
                request.forward()
            begun.wait()
            process.kill()
            request.close_connection = True

        if what == 'request':
            self.trouble = {number: kill}
        process = self.synchronizer.begin(self.server, self.settings)
        begun.set()
        if what == 'millisecond' and not process.ends_within(number / 1000):
            process.kill()
        try:
            return process.wait()
        finally:
            self.trouble = {}


def search(hospital, count, Machine=History, steps=STEPS, seed=None,
        **options):
    """Make up so many histories, the same ones for the same seed.

    Raises what the shortest history found that fails raises.
    """
    class SeededHistory(Machine):
        pass

    History.hospital = hospital
    if seed is not None:
        SeededHistory = hypothesis.seed(seed)(SeededHistory)
    run_state_machine_as_test(SeededHistory, settings=settings(
            max_examples=count, stateful_step_count=steps, deadline=None,
            database=None, report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck), **options))


def search_with_kills(*args, **options):
    with Synchronizer(DB_NAME) as synchronizer:
        HistoryWithKills.synchronizer = synchronizer
        search(*args, Machine=HistoryWithKills, **options)


@unittest.skipUnless(is_available(), "Orthanc is not installed")
class HistoriesTestCase(unittest.TestCase):
    "Synchronize after histories that nobody thought of"

    def test_histories(self):
        search(Hospital(), COUNT, derandomize=True)

    @unittest.skipIf(
        backend.name == 'sqlite', "SQLite in memory has one process")
    def test_kills(self):
        search_with_kills(Hospital(), COUNT_WITH_KILLS, derandomize=True)

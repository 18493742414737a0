# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a server against what a real Orthanc holds.

Each test makes a history that a careless synchronization misses, then one
run, and compares all there is.
"""
import datetime as dt
import unittest.mock
from time import sleep

from proteus import Model, Wizard

from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from demo.dicom_files import generated_study, pydicom_files
from demo.orthanc_server import OrthancServer
from tests.orthanc.server_case import ServerTestCase
from tests.tools import create_patient

_PERSON = {
    'patient_id': 'GNU1', 'patient_name': 'Smith^Anna',
    'birth_date': '19800201', 'sex': 'F'}


class SyncTestCase(ServerTestCase):
    "Synchronize with a real Orthanc"

    def test_everything_pydicom_ships(self):
        for _, content in pydicom_files():
            try:
                self.orthanc.upload(content)
            except Exception:  # noqa: S112
                # What Orthanc itself refuses
                continue
        self.assertGreater(self.orthanc.get('statistics')['CountStudies'], 20)
        self.sync()
        self.check()
        self.sync()
        self.check()

    def test_empty_server(self):
        self.sync()
        self.check()
        self.upload()
        self.sync()
        self.check()

    def test_several_pages(self):
        import trytond.modules.health_orthanc.sync as sync
        with unittest.mock.patch.multiple(sync, _PAGE=4, _CHANGES=5):
            self.upload_many(11)
            self.sync()
            self.check()
            self.upload_many(17, series=2)
            self.sync()
            self.check()

    def test_exact_page(self):
        import trytond.modules.health_orthanc.sync as sync
        with unittest.mock.patch.multiple(sync, _PAGE=4, _CHANGES=7):
            self.upload_many(8)
            self.sync()
            self.check()

    def test_new_series_and_images(self):
        uid = '1.2.3.4'
        self.upload(study_instance_uid=uid, images=1)
        self.sync()
        self.upload(study_instance_uid=uid, images=3)
        self.sync()
        self.check()
        self.upload(study_instance_uid=uid, series=3, images=3)
        self.sync()
        self.check()

    def test_restart_loses_the_stable_row(self):
        "A study that grew before a restart, which no row of the log tells"
        uid = '1.2.3.4'
        id_ = self.upload(study_instance_uid=uid, images=1)
        self.orthanc.restart()
        self.sync()
        self.assertTrue(self.study(id_).stable)
        self.upload(study_instance_uid=uid, images=2)
        self.orthanc.restart()
        self.sync()
        self.check()

    def test_unstable_becomes_stable(self):
        id_ = self.upload()
        self.sync()
        self.assertFalse(self.study(id_).stable)
        self.orthanc.restart()
        self.sync()
        self.assertTrue(self.study(id_).stable)

    def test_deleted_and_back(self):
        ids = self.upload_many(3)
        self.sync()
        self.orthanc.delete(f'studies/{ids[1]}')
        self.sync()
        self.check()
        missing = self.study(ids[1])
        self.assertTrue(missing.missing_since)
        self.assertTrue(missing.patient.missing_since)
        self.assertTrue(all(s.missing_since for s in missing.series))
        self.assertIsNone(missing.orthanc_explorer_link)
        self.upload(patient_id='P1', patient_name='Name^1')
        self.sync()
        self.check()
        self.assertEqual(self.study(ids[1]).id, missing.id)
        self.assertFalse(self.study(ids[1]).patient.missing_since)

    def test_dismissed_and_back(self):
        "What was dismissed is there by itself, and missed once more"
        _, id_ = self.upload_many(2)

        def deleted():
            self.orthanc.delete(f'studies/{id_}')
            self.sync()
            return self.study(id_)

        self.sync()
        wizard = Wizard('gnuhealth.orthanc.dismiss', [deleted()])
        wizard.form.reason = "Sent twice"
        wizard.execute('dismiss')
        self.assertTrue(self.study(id_).dismissed)
        self.upload(patient_id='P1', patient_name='Name^1')
        self.sync()
        # The absence is another one, by the second
        sleep(1)
        self.assertFalse(deleted().dismissed)

    def test_deleted_newest(self):
        "The anchor itself vanishes from the log"
        ids = self.upload_many(3)
        self.sync()
        self.orthanc.delete(f'studies/{ids[-1]}')
        self.sync()
        self.check()

    def test_deleted_series(self):
        id_ = self.upload(series=2)
        self.sync()
        series = self.orthanc.get(f'studies/{id_}')['Series'][0]
        self.orthanc.delete(f'series/{series}')
        self.sync()
        self.check()

    def test_deleted_between(self):
        "It is in the log when that is read, and gone when it is fetched"
        ids = self.upload_many(2)
        self.sync()
        self.orthanc.delete(f'studies/{ids[0]}')
        self.upload(patient_id='P9')
        self.sync()
        self.check()

    def test_few_left(self):
        "More than a fifth vanishes: a person is asked"
        ids = self.upload_many(20)
        self.sync()
        for id_ in ids[:12]:
            self.orthanc.delete(f'studies/{id_}')
        self.sync('suspect')
        self.assertFalse(self.studies(('missing_since', '!=', None)))
        self.upload(patient_id='NEW')
        self.sync('suspect')
        self.assertEqual(len(self.studies()), 21)
        self.server.click('confirm_missing')
        self.server.reload()
        self.assertEqual(self.server.status, 'healthy')
        self.check()

    def test_suspect_resolves_itself(self):
        self.upload_many(3)
        self.sync()
        self.orthanc.wipe()
        self.sync('suspect')
        self.assertFalse(self.studies(('missing_since', '!=', None)))
        self.upload_many(3)
        self.sync()
        self.check()

    def test_log_cleared(self):
        self.upload_many(3)
        self.sync()
        self.upload(patient_id='LOST')
        self.orthanc.clear_changes()
        self.sync()
        self.check()
        self.upload(patient_id='AFTER')
        self.sync()
        self.check()

    def test_log_cleared_before_first(self):
        self.upload_many(3)
        self.orthanc.clear_changes()
        self.sync()
        self.check()
        self.upload(patient_id='AFTER')
        self.sync()
        self.check()

    def test_database_behind_cursor(self):
        self.upload_many(5)
        self.sync()
        self.orthanc.wipe()
        self.upload_many(2)
        self.upload(patient_id='NEW')
        self.sync()
        self.check()

    def test_database_past_cursor(self):
        self.upload_many(3)
        self.sync()
        cursor = self.server.cursor
        self.orthanc.wipe()
        self.upload(patient_id='FIRST')
        self.upload_many(8)
        self.assertGreater(
            self.orthanc.get('changes?last')['Last'], cursor)
        self.sync()
        self.check()

    def test_same_uid_under_two_patient_ids(self):
        uid = '1.2.3.4'
        one = self.upload(patient_id='ONE', study_instance_uid=uid)
        two = self.upload(patient_id='TWO', study_instance_uid=uid)
        self.assertNotEqual(one, two)
        self.sync()
        self.check()
        self.assertEqual(
            {s.patient_id for s in self.studies(
                    ('study_instance_uid', '=', uid))},
            {'ONE', 'TWO'})

    def test_overwritten(self):
        "The same images come with other tags"
        self.orthanc.stop()
        self.orthanc.configuration['OverwriteInstances'] = True
        self.orthanc.start()
        uid = '1.2.3.4'
        id_ = self.upload(study_instance_uid=uid)
        self.sync()
        self.upload(
            study_instance_uid=uid, study_description="Corrected",
            accession_number='A1')
        self.sync()
        self.check()
        self.assertEqual(self.study(id_).accession_number, 'A1')

    def test_awkward_values(self):
        for n, (date, time) in enumerate([
                    ('20240230', '256161'), ('garbage', 'noon'),
                    ('00000000', ''), ('', '123456.789012'),
                    ('2024.01.31', '12:34:56')]):
            self.upload(
                patient_id=f'D{n}', date=date, time=time,
                birth_date=date)
        self.upload(patient_id='', patient_name='')
        self.upload(patient_id='C1', patient_name='A\x1bB^\x07C')
        self.upload(
            patient_id='K',
            patient_name='Yamada^Tarou=山田^太郎=やまだ^たろう')
        self.upload(patient_id='L', study_description='x' * 300)
        self.sync()
        self.assertEqual(len(self.studies()), 9)
        study, = self.studies(('patient_id', '=', 'D0'))
        self.assertIsNone(study.date)
        self.assertEqual(study.date_reported, '20240230')
        self.assertEqual(study.birth_date_reported, '20240230')
        self.assertEqual(study.time_reported, '256161')
        study, = self.studies(('patient_id', '=', 'D4'))
        self.assertEqual(study.date, dt.date(2024, 1, 31))
        self.assertIsNone(study.date_reported)

    def test_many_series(self):
        self.upload(series=300)
        self.sync()
        self.check()

    def test_set_aside(self):
        "A study that the database refuses does not keep the others out"
        from trytond.modules.health_orthanc import sync

        def record(study, series):
            row = original(study, series)
            if row.study['patient_id'] in refused:
                row.study['image_count'] = object()
            return row

        original, refused = sync.record, {'P2'}
        SetAside = Model.get('gnuhealth.orthanc.set_aside')
        ids = self.upload_many(5)
        with unittest.mock.patch.object(sync, 'record', record):
            self.sync()
            self.assertEqual(
                {s.orthanc_id for s in self.studies()},
                {*ids} - {ids[2]})
            set_aside, = SetAside.find([('server', '=', self.server.id)])
            self.assertEqual(set_aside.orthanc_id, ids[2])
            self.assertEqual(set_aside.tries, 1)
            self.assertTrue(set_aside.reason)
            # It holds nothing up, and is left alone until its next try
            self.upload(patient_id='P7')
            self.sync()
            set_aside.reload()
            self.assertEqual(len(self.studies()), 5)
            self.assertEqual(set_aside.tries, 1)
        set_aside.click('retry')
        self.assertFalse(SetAside.find([('server', '=', self.server.id)]))
        self.check()

    def test_time_is_up(self):
        "A run that has no time left comes a step further, and stops there"
        import trytond.modules.health_orthanc.sync as sync
        self.upload_many(10)
        with unittest.mock.patch.multiple(sync, _PAGE=3), \
                unittest.mock.patch.object(
                    sync.Run, '_is_late', lambda self: self.counts['new'] > 0):
            for known in [3, 6]:
                self.server.click('sync')
                self.server.reload()
                self.assertEqual(self.server.status, 'never')
                self.assertEqual(len(self.studies()), known)
        self.sync()
        self.check()

    def test_linked_at_once(self):
        self.upload(**_PERSON)
        self.upload(patient_id='NOBODY')
        self.sync()
        study, = self.studies(('local_patient', '!=', None))
        self.assertEqual(study.local_patient, self.person)
        self.assertEqual(study.patient.patient, self.person)
        self.assertEqual(study.match, 'identifier')
        self.assertEqual(study.patient.match, 'identifier')

    def test_contradictions(self):
        for name, change in [
                ('birth_date', {'birth_date': '19800202'}),
                ('sex', {'sex': 'M'}),
                ('name', {'patient_name': 'Petrova^Olga'})]:
            with self.subTest(name), OrthancServer() as orthanc:
                self.orthanc, self.server = orthanc, self.add(orthanc)
                id_ = self.upload(**{**_PERSON, **change})
                self.sync()
                study = self.study(id_)
                self.assertIsNone(study.local_patient)
                self.assertEqual(study.match, 'conflict')
                self.assertEqual(study.match_differences, name)

    def test_no_contradiction(self):
        for change in [
                {'birth_date': ''}, {'sex': 'O'}, {'sex': ''},
                {'patient_name': 'ANNA^SMITH'},
                {'patient_name': 'Smíth^Anna^Maria'},
                {'patient_name': 'Смит^Анна'}]:
            with self.subTest(change), OrthancServer() as orthanc:
                self.orthanc, self.server = orthanc, self.add(orthanc)
                id_ = self.upload(**{**_PERSON, **change})
                self.sync()
                self.assertEqual(self.study(id_).local_patient, self.person)

    def test_birth_date_alone(self):
        "It confirms nobody, but where the server is set so"
        for name in ['', 'スミス^アンナ', 'Smith']:
            with self.subTest(name), OrthancServer() as orthanc:
                self.orthanc, self.server = orthanc, self.add(orthanc)
                id_ = self.upload(**{**_PERSON, 'patient_name': name})
                self.sync()
                self.assertEqual(self.study(id_).match, 'unverified')
                self.server.trust_birth_date = True
                self.server.save()
                self.sync()
                # Part of a name, or a like one, can be that of a twin
                self.assertEqual(
                    self.study(id_).match,
                    'unverified' if name else 'identifier')

    def test_registered_later(self):
        id_ = self.upload(patient_id='LATER', **{
                k: v for k, v in _PERSON.items() if k != 'patient_id'})
        self.sync()
        self.assertIsNone(self.study(id_).local_patient)
        patient = create_patient(
            puid='LATER', name="Anna", lastname="Smith", gender='f',
            dob=dt.date(1980, 2, 1))
        self.sync()
        self.assertEqual(self.study(id_).local_patient, patient)
        # and not any more once the identifier turns out to be wrong
        patient.party.ref = 'CORRECTED'
        patient.party.save()
        self.sync()
        self.assertIsNone(self.study(id_).local_patient)
        self.assertIsNone(self.study(id_).patient.patient)

    def test_person_corrected(self):
        "What is corrected of a person is told while it differs; links stay"
        demographics = {
            k: v for k, v in _PERSON.items() if k != 'patient_id'}
        patient = create_patient(
            puid='CORR', name="Anna", lastname="Smith", gender='f',
            dob=dt.date(1980, 2, 1))
        id_ = self.upload(patient_id='CORR', **demographics)
        self.sync()
        self.assertEqual(self.study(id_).local_patient, patient)
        PersonName = Model.get('gnuhealth.person_name')
        maiden = PersonName(
            party=patient.party, use='maiden', family="Smith", given="Anna")
        for change, back, differences in [
                ({'dob': dt.date(1980, 2, 2)}, {'dob': dt.date(1980, 2, 1)},
                    'birth_date'),
                ({'name': "Olga", 'lastname': "Petrova"}, maiden, 'name'),
                ]:
            party = patient.party
            for name, value in change.items():
                setattr(party, name, value)
            party.save()
            self.sync()
            study = self.study(id_)
            self.assertEqual(
                (study.local_patient, study.match), (patient, 'changed'))
            self.assertEqual(study.match_differences, differences)
            if isinstance(back, dict):
                for name, value in back.items():
                    setattr(party, name, value)
                party.save()
            else:
                back.save()
            self.sync()
            self.assertEqual(self.study(id_).local_patient, patient)

    def test_conflict_is_over(self):
        "The one who had the PatientID, and was somebody else, has another"
        patient = create_patient(
            puid='SHARED', name="Anna", lastname="Smith", gender='f',
            dob=dt.date(1980, 2, 1))
        id_ = self.upload(patient_id='SHARED', patient_name='Petrova^Olga')
        self.sync()
        self.assertEqual(self.study(id_).match, 'conflict')
        patient.party.ref = 'OWN'
        patient.party.save()
        self.sync()
        self.assertEqual(self.study(id_).match, 'unmatched')
        self.assertEqual(self.study(id_).patient.match, 'unmatched')

    def test_by_hand(self):
        linked = self.upload(**_PERSON)
        unlinked = self.upload(patient_id='NOBODY')
        self.sync()
        patient = self.study(linked).patient
        patient.patient = None
        patient.save()
        patient = self.study(unlinked).patient
        patient.patient = self.other
        patient.save()
        for _ in range(2):
            self.assertIsNone(self.study(linked).local_patient)
            self.assertEqual(self.study(unlinked).local_patient, self.other)
            self.upload(
                **_PERSON, study_description="More",
                study_instance_uid='1.2.3.5')
            self.sync()
        self.assertEqual(len(self.studies(('local_patient', '!=', None))), 1)

    def test_by_hand_on_one_study(self):
        id_ = self.upload(patient_id='', patient_name='')
        self.upload(
            patient_id='', patient_name='', study_instance_uid='1.2.3.6')
        self.sync()
        study = self.study(id_)
        study.local_patient = self.other
        study.save()
        self.sync()
        linked, = self.studies(('local_patient', '!=', None))
        self.assertEqual(linked.orthanc_id, id_)
        self.assertEqual(linked.match, 'manual')

    def test_patient_id_corrected(self):
        "The study gets another ID: what people did moves along"
        uid = '1.2.3.7'
        old = self.upload(patient_id='WRONG', study_instance_uid=uid)
        for n in range(3):
            self.upload(patient_id=f'P{n}')
        self.sync()
        study = self.study(old)
        study.local_patient = self.other
        study.save()
        self.orthanc.delete(f'studies/{old}')
        new = self.upload(patient_id='RIGHT', study_instance_uid=uid)
        self.sync()
        self.check()
        self.assertTrue(self.study(old).missing_since)
        self.assertEqual(self.study(new).local_patient, self.other)
        self.assertEqual(self.study(new).match, 'manual')

    def test_patient_id_corrected_to_another_patient(self):
        "The new PatientID says whose it is, and nothing contradicts that"
        uid = '1.2.3.7'
        old = self.upload(patient_id='WRONG', study_instance_uid=uid)
        self.upload_many(3)
        self.sync()
        study = self.study(old)
        study.local_patient = self.other
        study.save()
        self.orthanc.delete(f'studies/{old}')
        new = self.upload(**_PERSON, study_instance_uid=uid)
        self.sync()
        self.assertEqual(self.study(new).local_patient, self.person)

    def test_decided_differently(self):
        "Nobody knows which of two missing studies the new one was"
        uid = '1.2.3.7'
        old = [
            self.upload(patient_id=id_, study_instance_uid=uid)
            for id_ in ['ONE', 'TWO']]
        self.upload_many(3)
        self.sync()
        for id_, patient in zip(
                old, [self.person, self.other], strict=True):
            study = self.study(id_)
            study.local_patient = patient
            study.save()
            self.orthanc.delete(f'studies/{id_}')
        new = self.upload(patient_id='THREE', study_instance_uid=uid)
        self.sync()
        self.assertIsNone(self.study(new).local_patient)
        self.assertNotEqual(self.study(new).match, 'manual')

    def test_counts_as_at_an_earlier_walk(self):
        "A deletion is found where it brings counts back that were looked at"
        uid = '1.2.3.8'
        id_ = self.upload(study_instance_uid=uid, images=2)
        self.orthanc.restart()
        self.sync()
        instance = self.orthanc.get(f'studies/{id_}/instances')[0]['ID']
        self.orthanc.delete(f'instances/{instance}')
        self.sync()
        self.check()
        before = set(self.orthanc.get('series'))
        for content in list(generated_study(
                    study_instance_uid=uid, series=2))[1:]:
            self.orthanc.upload(content)
        self.orthanc.restart()
        self.sync()
        self.check()
        series, = set(self.orthanc.get('series')) - before
        self.orthanc.delete(f'series/{series}')
        self.sync()
        self.check()

    def test_two_servers(self):
        "The same study on two servers is two studies"
        first = self.server
        self.upload(**_PERSON)
        with OrthancServer() as orthanc:
            self.sync()
            self.orthanc, self.server = orthanc, self.add(orthanc)
            self.upload(**_PERSON)
            self.sync()
            self.check()
        self.server = first
        self.assertEqual(len(self.studies()), 1)

    def test_idle(self):
        "A run with nothing to do asks three times and writes no row"
        Synchronization = Model.get('gnuhealth.orthanc.synchronization')
        from trytond.modules.health_orthanc.transport import Connection
        self.upload_many(5)
        self.orthanc.restart()
        self.sync()
        before = {s.id: s.write_date for s in self.studies()}
        runs = Synchronization.find([])
        sent = []

        def send(self, *args, **kwargs):
            sent.append(args)
            return original(self, *args, **kwargs)

        original = Connection._send
        with unittest.mock.patch.object(Connection, '_send', send):
            self.sync()
        self.assertLessEqual(len(sent), 3, sent)
        self.assertEqual(
            {s.id: s.write_date for s in self.studies()}, before)
        self.assertEqual(Synchronization.find([]), runs)
        # But that it is in step again
        self.orthanc.stop()
        self.sync('failing')
        self.orthanc.start()
        for _ in range(2):
            self.sync()
        new = Synchronization.find([])[:-len(runs)]
        self.assertEqual([r.outcome for r in new], ['done', 'failed'])

    def test_history(self):
        "Each run tells what came of it"
        Synchronization = Model.get('gnuhealth.orthanc.synchronization')

        def last():
            run = Synchronization.find(
                [('server', '=', self.server.id)], limit=1)[0]
            return (
                run.outcome, run.new, run.changed, run.missing, run.back,
                run.error)

        ids = self.upload_many(3)
        self.sync()
        self.assertEqual(last(), ('done', 3, 0, 0, 0, None))
        self.orthanc.delete(f'studies/{ids[0]}')
        self.sync()
        self.assertEqual(last()[:5], ('done', 0, 0, 1, 0))
        self.upload(patient_id='P0', patient_name='Name^0')
        self.sync()
        self.assertEqual(last()[:5], ('done', 0, 0, 0, 1))
        self.orthanc.stop()
        self.sync('failing')
        outcome, *_, error = last()
        self.assertEqual(outcome, 'failed')
        self.assertEqual(error, self.server.last_error)
        self.assertIn("Nothing listens", error)
        # Those that are old enough are forgotten
        run, *_ = Synchronization.find(
            [('server', '=', self.server.id)], order=[('started', 'ASC')])
        long_ago = run.started - dt.timedelta(days=91)
        with Transaction().start(DB_NAME, 0) as transaction:
            history = Pool().get(
                'gnuhealth.orthanc.synchronization').__table__()
            transaction.connection.cursor().execute(*history.update(
                    [history.started], [long_ago], where=history.id == run.id))
            transaction.commit()
        self.sync('failing')
        self.assertNotIn(run, Synchronization.find())

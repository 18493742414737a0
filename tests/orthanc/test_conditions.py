# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to servers, and what a synchronization makes of it.

Each defence is tested alone: what one of them misses another one would mostly
find later, at the price of comparing or reading everything.
"""
import contextlib
import datetime as dt
import io
import json
import time
import unittest.mock

import pydicom
import requests
from proteus import Model
from pydicom.uid import SecondaryCaptureImageStorage

from trytond.exceptions import UserError
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from demo.dicom_files import generated_study, pydicom_files, uid
from tests.faults.misbehaving import ProxyServer, answer, json_answer
from tests.orthanc.server_case import ServerTestCase
from tests.tools import configured

_ANNA = {
    'patient_id': 'GNU1', 'patient_name': 'Smith^Anna',
    'birth_date': '19800201', 'sex': 'F'}
_OLGA = {
    'patient_id': 'GNU1', 'patient_name': 'Petrova^Olga',
    'birth_date': '19900505', 'sex': 'F'}
_DEMOGRAPHICS = {
    'patient_name': 'PatientName', 'birth_date': 'PatientBirthDate',
    'sex': 'PatientSex'}
_CONTROL = set(map(chr, [*range(32), *range(127, 160)]))


class ConditionsTestCase(ServerTestCase):
    "Synchronize under every condition that a server can be in"

    def restart(self, **options):
        self.orthanc.stop()
        self.orthanc.configuration.update(options)
        self.orthanc.start()

    @contextlib.contextmanager
    def behind_proxy(self, change):
        """Let the server be one whose answers are changed on their way.

        change gets the path and the decoded answer, and returns the latter.
        """
        def choose(request, number):
            return behave

        def behave(request):
            del request.headers['Accept-Encoding']
            status, _, body = request.forward()
            try:
                value = json.loads(body)
            except ValueError:
                answer(status, body)(request)
            else:
                json_answer(change(request.path, value), status)(request)

        with ProxyServer(self.orthanc.url, choose) as proxy:
            proxy.username = self.orthanc.username
            proxy.password = self.orthanc.password
            self.server = self.add(proxy)
            yield

    @contextlib.contextmanager
    def requests(self, before=None):
        """A list of the paths that are asked for meanwhile.

        before gets each path before it is asked for.
        """
        from trytond.modules.health_orthanc.transport import Connection

        def send(self, method, path, *args, **kwargs):
            if before:
                before(path)
            paths.append(path)
            return original(self, method, path, *args, **kwargs)

        original, paths = Connection._send, []
        with unittest.mock.patch.object(Connection, '_send', send):
            yield paths

    def assertToldByLog(self, paths):
        "The run neither compared nor read everything"
        self.assertFalse([
                path for path in paths
                if path == 'studies' or path.startswith('studies?')])

    @contextlib.contextmanager
    def no_row_written(self):
        from trytond.modules.health_orthanc import bulk

        def execute(Model, rows, *args, **kwargs):
            self.assertNotIn('orthanc_id', Model._fields, rows)
            return original(Model, rows, *args, **kwargs)

        original = bulk._execute
        with unittest.mock.patch.object(bulk, '_execute', execute):
            yield

    def sync_nightly(self, status='healthy'):
        with configured(
                'health_orthanc', walk_interval='0', comparison_interval='0'):
            self.sync(status)

    def is_at_least(self, *version):
        found = self.orthanc.get('system')['Version']
        return tuple(map(int, found.split('.'))) >= version

    # What servers are like

    def test_patient_level_disabled(self):
        "Each study tells its own of the patient, in whatever order it is read"
        import trytond.modules.health_orthanc.sync as sync
        self.restart(PatientLevelEnabled=False)
        reported = {}

        def change(path, value):
            "As Orthanc 1.12.11 and later answer"
            if path == '/system':
                return {**value, 'PatientLevelEnabled': False}
            for study in value if isinstance(value, list) else ():
                if isinstance(study, dict) and study['ID'] in reported:
                    study['PatientMainDicomTags'].update(reported[study['ID']])
            return value

        def upload(demographics, description, images=1):
            id_ = self.upload(
                **demographics, images=images, study_instance_uid=uid(
                    demographics['patient_name'], description))
            reported[id_] = {
                tag: demographics[name]
                for name, tag in _DEMOGRAPHICS.items()}
            return id_

        def names():
            patients = Patient.find([('server', '=', self.server.id)])
            self.assertEqual(len(patients), 1)
            return (patients[0].person_name, patients[0].write_date)

        Patient = Model.get('gnuhealth.orthanc.patient')
        with contextlib.ExitStack() as stack:
            if self.orthanc.get('system').get('PatientLevelEnabled') is False:
                with self.assertRaises(requests.HTTPError):
                    self.orthanc.get('patients')
            else:
                stack.enter_context(self.behind_proxy(change))
            ids = {
                name: [
                    upload(demographics, f"{name} {n}") for n in range(4)]
                for name, demographics in [('ANNA', _ANNA), ('OLGA', _OLGA)]}
            self.orthanc.restart()
            self.sync()
            self.check()
            for name, demographics in [('ANNA', _ANNA), ('OLGA', _OLGA)]:
                for id_ in ids[name]:
                    self.assertEqual(
                        self.study(id_).person_name,
                        demographics['patient_name'])
            for id_ in ids['OLGA']:
                self.assertNotEqual(
                    self.study(id_).local_patient, self.person)
            told = names()
            for n in range(4):
                for name, demographics in [
                        ('ANNA', _ANNA), ('OLGA', _OLGA)]:
                    upload(demographics, f"{name} {n}", images=2)
                    self.sync()
                    self.check()
                    self.assertEqual(names(), told)
            self.orthanc.restart()
            self.sync()
            with self.no_row_written():
                self.sync_nightly()
                for size in [1, 3]:
                    with unittest.mock.patch.multiple(sync, _PAGE=size):
                        self.sync_nightly()
            # The one that spoke for the patient goes
            speaker = min(ids['ANNA'] + ids['OLGA'])
            self.orthanc.delete(f'studies/{speaker}')
            self.sync_nightly()
            self.check()
            with self.no_row_written():
                self.sync_nightly()

    def test_recycling(self):
        "The server throws the oldest patients away by itself"
        self.restart(MaximumPatientCount=4)
        ids = self.upload_many(4)
        self.sync()
        self.check()
        for n in range(4, 7):
            ids.append(self.upload(patient_id=f'P{n}'))
        self.assertEqual(self.orthanc.get('statistics')['CountStudies'], 4)
        self.sync()
        self.check()
        self.assertEqual(
            {s.orthanc_id for s in self.studies(
                    ('missing_since', '!=', None))},
            set(ids) - set(self.orthanc.get('studies')))

    def test_identity_changed(self):
        "Another name may be another server: the IDs are compared"
        self.upload_many(3)
        self.orthanc.restart()
        self.sync()
        for option in [{'Name': "Another"}, {'DicomAet': 'ANOTHER'}]:
            self.restart(**option)
            with self.requests() as paths, self.no_row_written():
                self.sync()
            self.assertIn('studies', paths)
            self.check()
            with self.requests() as paths:
                self.sync()
            self.assertToldByLog(paths)

    def test_emptied(self):
        "A person confirms that all is gone"
        ids = self.upload_many(3)
        self.sync()
        for id_ in ids:
            self.orthanc.delete(f'studies/{id_}')
        self.sync('suspect')
        self.sync_nightly('suspect')
        self.assertFalse(self.studies(('missing_since', '!=', None)))
        self.server.click('confirm_missing')
        self.server.reload()
        self.assertEqual(self.server.status, 'healthy')
        self.check()
        # That was about these
        ids = self.upload_many(2)
        self.sync()
        for id_ in ids:
            self.orthanc.delete(f'studies/{id_}')
        self.sync('suspect')

    # What is done with studies on a server

    def test_split(self):
        id_ = self.upload(series=3, images=2)
        self.orthanc.restart()
        self.sync()
        series = self.orthanc.get(f'studies/{id_}')['Series']
        self.orthanc.post(f'studies/{id_}/split', {
                'Series': series[:2], 'KeepSource': False,
                'Synchronous': True})
        self.sync()
        self.assertEqual(len(self.studies()), 2)
        self.check()

    def test_merge(self):
        source = self.upload(**_ANNA, study_description="Source", series=2)
        target = self.upload(**_ANNA, study_description="Target")
        kept = self.upload(patient_id='KEPT')
        self.orthanc.restart()
        self.sync()
        self.orthanc.post(f'studies/{target}/merge', {
                'Resources': [source], 'KeepSource': False,
                'Synchronous': True})
        self.sync()
        self.check()
        self.assertEqual(
            {s.orthanc_id for s in self.studies(('missing_since', '=', None))},
            {target, kept})
        self.assertEqual(self.study(target).series_count, 3)
        self.assertEqual(self.study(target).local_patient, self.person)

    def test_anonymized(self):
        id_ = self.upload(**_ANNA, series=2)
        self.sync()
        self.orthanc.post(f'studies/{id_}/anonymize', {})
        self.sync()
        self.check()
        anonymous, = self.studies(('orthanc_id', '!=', id_))
        self.assertIsNone(anonymous.local_patient)
        self.assertEqual(self.study(id_).local_patient, self.person)

    def test_modified_copy(self):
        id_ = self.upload(**_ANNA)
        self.sync()
        self.orthanc.modify(
            f'studies/{id_}', Replace={'StudyDescription': "Modified"})
        self.sync()
        self.check()
        copy, = self.studies(('description', '=', "Modified"))
        self.assertEqual(copy.local_patient, self.person)

    def modify_in_place(self, id_, accession_number):
        self.orthanc.modify(
            f'studies/{id_}', Replace={'AccessionNumber': accession_number},
            Keep=['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID'],
            Force=True)
        self.assertEqual(
            self.orthanc.get(
                f'studies/{id_}')['MainDicomTags']['AccessionNumber'],
            accession_number)

    def test_modified_in_place(self):
        "The tags change after all rows of the log but the last"
        if not self.is_at_least(1, 11, 3):
            self.skipTest("This Orthanc modifies copies only")
        self.restart(OverwriteInstances=True, StableAge=1)
        id_ = self.upload(**_ANNA, images=3)
        self.orthanc.restart()
        self.sync()
        cursor = self.orthanc.get('changes?last')['Last']
        self.modify_in_place(id_, 'A2')
        self.wait_for('StableStudy', cursor)
        with self.requests() as paths:
            self.sync()
        self.assertToldByLog(paths)
        self.check()
        self.assertEqual(self.study(id_).accession_number, 'A2')
        # Where the server is restarted before that row is written
        self.restart(StableAge=60)
        self.modify_in_place(id_, 'A3')
        self.orthanc.restart()
        self.sync_nightly()
        self.check()
        self.assertEqual(self.study(id_).accession_number, 'A3')

    def wait_for(self, change_type, cursor):
        "Wait until the log of the server has such a row after the cursor"
        end = time.monotonic() + 30
        while time.monotonic() < end:
            rows = self.orthanc.get(f'changes?since={cursor}&limit=1000')
            if change_type in {r['ChangeType'] for r in rows['Changes']}:
                return
            time.sleep(0.1)
        self.fail(f"no {change_type}")

    def reconstructed(self):
        """A study whose tags become others, without a row of the log.

        They are those of its first image until somebody has them read anew
        after that is deleted.
        """
        first, second = (
            self.orthanc.upload(*generated_study(
                    study_instance_uid='1.2.3.9', patient_id='R',
                    study_description=description,
                    SOPInstanceUID=uid(description)))
            for description in ["Before", "After"])
        self.assertEqual(first['ParentStudy'], second['ParentStudy'])
        self.orthanc.delete(f'instances/{first["ID"]}')
        return first['ParentStudy']

    def reconstruct(self, id_):
        before = self.orthanc.get('changes?last')
        self.orthanc.post(f'studies/{id_}/reconstruct', {})
        tags = self.orthanc.get(f'studies/{id_}')['MainDicomTags']
        self.assertEqual(tags['StudyDescription'], "After")
        self.assertEqual(self.orthanc.get('changes?last'), before)

    def test_reconstructed(self):
        "What no log row tells is found by the nightly walk"
        id_ = self.reconstructed()
        self.orthanc.restart()
        self.sync()
        self.assertEqual(self.study(id_).description, "Before")
        self.reconstruct(id_)
        self.sync_nightly()
        self.check()

    def test_deleted_during_walk(self):
        "Pages shift when a study goes, and one that changed is not on them"
        import trytond.modules.health_orthanc.sync as sync

        def before(path):
            if path.startswith('studies?') and path not in pages:
                pages.append(path)
                if len(pages) == 2:
                    self.orthanc.delete(f'studies/{ids[0]}')

        ids, pages = self.upload_many(3), []
        ids.append(self.reconstructed())
        ids += self.upload_many(3, study_description="Later")
        self.orthanc.restart()
        self.sync()
        self.reconstruct(ids[3])
        # In the order of the pages: it moves from the second one to the
        # first, which was read
        changed, ids = ids[3], self.orthanc.get('studies')
        position = ids.index(changed)
        self.assertGreater(position, 0)
        with unittest.mock.patch.multiple(sync, _PAGE=position), \
                self.requests(before):
            self.sync_nightly()
        self.assertGreaterEqual(len(pages), 2)
        self.check()

    def test_changed_during_first_walk(self):
        "What comes while all is read is in the log from before it"
        import trytond.modules.health_orthanc.sync as sync

        def before(path):
            if path.startswith('studies?') and path not in pages:
                pages.append(path)
                if len(pages) == 3:
                    self.upload(
                        patient_id='P0', patient_name='Name^0', series=2)
                    self.upload(patient_id='NEW')
                    self.orthanc.restart()

        self.upload_many(6)
        self.orthanc.restart()
        pages = []
        with unittest.mock.patch.multiple(sync, _PAGE=2), \
                self.requests(before) as paths:
            self.sync()
        self.assertGreaterEqual(len(pages), 3)
        self.assertEqual(paths.count('studies?expand&since=0&limit=2'), 1)
        self.check()

    def test_late_series(self):
        "A series comes to a study that was complete: the log tells"
        id_ = self.upload(study_instance_uid='1.2.3.4')
        self.upload_many(2)
        self.orthanc.restart()
        self.sync()
        self.assertTrue(self.study(id_).stable)
        self.upload(study_instance_uid='1.2.3.4', series=2)
        with self.requests() as paths:
            self.sync()
        self.assertToldByLog(paths)
        self.check()

    # What tells of a deletion, or of another database

    def test_deleted(self):
        "The count tells, where the log does not"
        ids = self.upload_many(3)
        self.orthanc.restart()
        self.sync()
        self.orthanc.delete(f'studies/{ids[0]}')
        with self.requests() as paths:
            self.sync()
        self.assertIn('studies', paths)
        self.assertFalse([p for p in paths if p.startswith('studies?')])
        self.check()

    def replace_series(self, id_):
        "Give study 1.2.3.4 another series: no ID and no count tells"
        gone, = self.orthanc.get(f'studies/{id_}')['Series']
        content = list(
            generated_study(study_instance_uid='1.2.3.4', series=2))[1]
        new = self.orthanc.upload(content)
        self.orthanc.delete(f'series/{gone}')
        return new

    def test_newest_deleted_and_another_comes(self):
        "What comes while the run ends is read by the next one"
        id_ = self.upload(study_instance_uid='1.2.3.4')
        ids = self.upload_many(3)
        self.orthanc.restart()
        self.sync()
        self.orthanc.delete(f'studies/{ids[2]}')
        replaced = []

        def before(path):
            if path == 'changes?last' and not replaced:
                replaced.append(self.replace_series(id_))

        with self.requests(before):
            self.sync()
        self.assertTrue(replaced)
        self.orthanc.restart()
        self.sync()
        self.check()

    def test_newest_deleted(self):
        "The last row of the log goes along: IDs are compared once, then not"
        ids = self.upload_many(3)
        self.orthanc.restart()
        self.sync()
        self.orthanc.delete(f'studies/{ids[2]}')
        with self.requests() as paths:
            self.sync()
        self.assertIn('studies', paths)
        self.check()
        with self.requests() as paths:
            self.sync()
        self.assertToldByLog(paths)
        self.assertLessEqual(len(paths), 3)
        self.upload(patient_id='NEW')
        with self.requests() as paths:
            self.sync()
        self.assertToldByLog(paths)
        self.check()

    def test_deleted_and_another_untold(self):
        "The counts agree, and the log has a gap"
        ids = self.upload_many(3)
        self.orthanc.restart()
        self.sync()
        self.orthanc.delete(f'studies/{ids[2]}')
        self.upload(patient_id='NEW')
        self.orthanc.clear_changes()
        self.orthanc.restart()
        with self.requests() as paths:
            self.sync()
        self.assertFalse([p for p in paths if p.startswith('studies?')])
        self.check()

    def test_deleted_before_it_is_read(self):
        "It is in the log only, and meanwhile the counts agree"
        ids = self.upload_many(3)
        self.orthanc.restart()
        self.sync()
        new = [self.upload(patient_id='NEW')]

        def before(path):
            if path == 'tools/bulk-content' and new:
                self.orthanc.delete(f'studies/{new.pop()}')
                self.orthanc.delete(f'studies/{ids[0]}')
                self.upload(patient_id='NEWER')

        with self.requests(before):
            self.sync()
        self.check()

    def replace_database(self, more):
        """Replace it by one with the same studies, that tell otherwise.

        Neither IDs nor counts differ, nor does the log tell of the first.
        """
        uids = [f'1.2.3.{n}' for n in range(3)]
        if not more:
            # So that the new log is shorter
            gone = self.upload(patient_id='GONE')
        for uid_ in uids:
            self.upload(patient_id=uid_, study_instance_uid=uid_)
        if not more:
            self.orthanc.delete(f'studies/{gone}')
        self.orthanc.restart()
        self.sync()
        # Rows of the log are told apart by their second at least
        time.sleep(1.01 - time.time() % 1)
        self.orthanc.wipe()
        for uid_ in uids:
            self.upload(
                patient_id=uid_, study_instance_uid=uid_,
                study_description="Another")
        if more:
            self.upload(patient_id='NEW')
        self.orthanc.restart()
        last = self.orthanc.get('changes?last')['Last']
        (self.assertGreater if more else self.assertLess)(
            last, self.server.cursor)
        self.sync()
        self.check()

    def test_database_replaced_past_cursor(self):
        self.replace_database(more=True)

    def test_database_replaced_behind_cursor(self):
        self.replace_database(more=False)

    # Databases with several writers

    def several_writers(self, hidden, last=None):
        "The changes of answers that make a server one with several writers"
        def change(path, value):
            if path == '/system':
                value['DatabaseBackendPlugin'] = 'postgresql.so'
            elif path.startswith('/changes'):
                value['Changes'] = [
                    row for row in value['Changes']
                    if row['ID'] not in hidden]
                if last and not value['Changes']:
                    value['Last'] = last.pop() if len(last) > 1 else last[0]
            return value
        return change

    def test_row_appears_late(self):
        "A row is committed after one with a higher number was read"
        id_ = self.upload(study_instance_uid='1.2.3.4')
        hidden = set()
        with self.behind_proxy(self.several_writers(hidden)):
            self.orthanc.restart()
            self.sync()
            # Nothing but the log tells of it: the new series takes the place
            # of another one
            gone, = self.orthanc.get(f'studies/{id_}')['Series']
            new = self.replace_series(id_)
            hidden.update([new['ParentSeries'], new['ParentStudy']])
            self.upload(patient_id='EARLIER')
            self.orthanc.restart()
            self.sync()
            self.assertEqual(
                [s.orthanc_id for s in self.study(id_).series], [gone])
            hidden.clear()
            with self.requests() as paths:
                self.sync()
            self.assertToldByLog(paths)
            self.check()
            with self.requests() as paths, self.no_row_written():
                self.sync()
            self.assertToldByLog(paths)

    def test_count_of_changes_goes_down(self):
        "The number of the last change can be late: that is no other database"
        self.upload_many(3)
        self.orthanc.restart()
        last = []
        with self.behind_proxy(self.several_writers(set(), last)):
            self.sync()
            self.orthanc.clear_changes()
            last[:] = [self.orthanc.get('changes?last')['Last'], 1]
            with self.requests() as paths, self.no_row_written():
                self.sync()
            self.assertIn('changes?last', paths)
            self.assertFalse([p for p in paths if p.startswith('studies?')])

    # What a run may do

    def test_no_time(self):
        "A run keeps to its time, and the next one goes on"
        from trytond.modules.health_orthanc import sync
        self.upload_many(3)
        with configured('health_orthanc', run_budget='0'), \
                unittest.mock.patch.object(sync, '_PAGE', 2):
            self.sync('never')
        self.assertEqual(len(self.studies()), 2)
        self.sync()
        self.check()

    def test_new_during_walk(self):
        "What is new does not wait until the walk through all is over"
        from trytond.modules.health_orthanc import sync
        self.upload_many(6)
        # Or those still being received would be read first
        self.orthanc.restart()
        self.sync()
        new = self.upload(patient_id='NEW')
        with configured(
                    'health_orthanc', run_budget='0', walk_interval='0'), \
                unittest.mock.patch.object(sync, '_PAGE', 1):
            self.sync()
            self.assertEqual(self.study(new).patient_id, 'NEW')
            with Transaction().start(DB_NAME, 0):
                table = Pool().get('gnuhealth.orthanc.config').__table__()
                cursor = Transaction().connection.cursor()
                cursor.execute(*table.select(
                        table.walk, where=table.id == self.server.id))
                self.assertEqual(cursor.fetchone(), (1,))
        self.sync()
        self.check()

    def test_new_during_decisions(self):
        "Nor until it was decided anew whose all are"
        from trytond.modules.health_orthanc import anew, sync
        new = []

        def take_time(run):
            if run.end and not new:
                new.append(self.upload(patient_id='NEW'))
            original(run)

        original = sync.Run._take_time
        self.upload_many(3)
        self.orthanc.restart()
        self.sync()
        with configured(
                    'health_orthanc', run_budget='0', walk_interval='0'), \
                unittest.mock.patch.object(anew, 'STEP', 1), \
                unittest.mock.patch.object(
                    sync.Run, '_take_time', take_time):
            self.sync()
        self.assertEqual(self.study(*new).patient_id, 'NEW')
        self.check()

    def note(self, **columns):
        "Set what nobody can set"
        with Transaction().start(DB_NAME, 0) as transaction:
            table = Pool().get('gnuhealth.orthanc.config').__table__()
            transaction.connection.cursor().execute(*table.update(
                    [getattr(table, name) for name in columns],
                    list(columns.values()), where=table.id == self.server.id))
            transaction.commit()

    def test_superseded(self):
        "A run that hung while another one went on writes nothing any more"
        Synchronization = Model.get('gnuhealth.orthanc.synchronization')

        def before(path):
            if path.startswith('studies?'):
                table = Pool().get('gnuhealth.orthanc.config').__table__()
                transaction = Transaction()
                transaction.connection.cursor().execute(*table.update(
                        [table.step], [table.step + 1],
                        where=table.id == self.server.id))
                transaction.commit()

        self.upload_many(3)
        with self.requests(before):
            self.sync('never')
        self.assertFalse(self.studies())
        self.assertFalse(
            Synchronization.find([('server', '=', self.server.id)]))
        # The other one has not ended: who asks is told, and what was queued
        # says so in the history
        with self.requests() as paths:
            with self.assertRaisesRegex(UserError, "already"):
                self.server.click('sync')
            with Transaction().start(DB_NAME, 1):
                Server = Pool().get('gnuhealth.orthanc.config')
                Server.synchronize([Server(self.server.id)])
        self.assertFalse(paths)
        skipped, = Synchronization.find([('server', '=', self.server.id)])
        self.assertEqual(skipped.outcome, 'skipped')
        self.note(running_until=None)
        self.sync()
        self.check()

    # What does not add up

    def test_counts_never_agree(self):
        "All is read once because of it, not in every run"
        def change(path, value):
            if path == '/statistics':
                value['CountInstances'] += 7
            return value

        self.upload_many(3)
        with self.behind_proxy(change):
            self.orthanc.restart()
            self.sync()
            for _ in range(2):
                with self.requests() as paths, self.no_row_written():
                    self.sync()
                self.assertToldByLog(paths)
            # but again where it is about something else
            self.upload(patient_id='NEW')
            with self.requests() as paths:
                self.sync()
            self.assertTrue([p for p in paths if p.startswith('studies?')])
            self.check()

    def test_set_aside_is_gone(self):
        "What could not be stored is forgotten with the study"
        from trytond.modules.health_orthanc import sync

        def record(study, series):
            if study['ID'] == ids[1]:
                raise sync.Unreadable('missing', "for this test")
            return original(study, series)

        original = sync.record
        SetAside = Model.get('gnuhealth.orthanc.set_aside')
        ids = self.upload_many(3)
        with unittest.mock.patch.object(sync, 'record', record):
            self.orthanc.restart()
            self.sync()
            set_aside, = SetAside.find([('server', '=', self.server.id)])
            self.assertEqual(set_aside.orthanc_id, ids[1])
            self.assertIn("for this test", set_aside.reason)
            # It is counted: nobody looks for it in each run
            with self.requests() as paths:
                self.sync()
            self.assertToldByLog(paths)
            # Comparing does not try it before its time either
            with configured('health_orthanc', comparison_interval='0'):
                self.sync()
            set_aside.reload()
            self.assertEqual(set_aside.tries, 1)
            self.orthanc.delete(f'studies/{ids[1]}')
            self.sync()
        self.assertFalse(SetAside.find([('server', '=', self.server.id)]))
        self.check()

    def test_odd_entries(self):
        "One entry that is no study keeps nothing else out"
        SetAside = Model.get('gnuhealth.orthanc.set_aside')
        Synchronization = Model.get('gnuhealth.orthanc.synchronization')

        def change(path, value):
            if path == '/studies':
                return [*value, None, 7]
            if not path.startswith('/studies?') and path != (
                    '/tools/bulk-content'):
                return value
            value = [None, 'text', 7, [], {}, {'ID': 7}, *value]
            for study in value[6:]:
                if study['ID'] not in ids:
                    study['Series'] = 5
                elif study['ID'] == ids[1]:
                    del study['MainDicomTags']['StudyInstanceUID']
                elif study['ID'] == ids[2]:
                    study['ParentPatient'] = None
                elif study['ID'] == ids[3]:
                    study['MainDicomTags'] = ['none']
                elif study['ID'] == ids[4]:
                    study['PatientMainDicomTags'] = None
                    study['LastUpdate'] = {}
            return value

        ids = self.upload_many(6)
        with self.behind_proxy(change):
            self.sync()
            set_aside = SetAside.find([('server', '=', self.server.id)])
            self.assertEqual(
                {s.orthanc_id: (s.error_reason, s.error_detail)
                    for s in set_aside}, {
                    ids[1]: ('missing', 'StudyInstanceUID'),
                    ids[2]: ('missing', 'ParentPatient'),
                    ids[3]: ('missing', 'StudyInstanceUID')})
            run, = Synchronization.find([('server', '=', self.server.id)])
            self.assertEqual(run.set_aside, 3)
            self.assertEqual(
                {s.orthanc_id for s in self.studies()},
                {ids[0], ids[4], ids[5]})
            self.assertIsNone(self.study(ids[4]).patient_id)
            self.assertEqual(self.study(ids[4]).series_count, 1)
            self.upload(patient_id='NEW')
            self.sync()
            self.assertEqual(len(self.studies()), 4)

    # Awkward data

    def test_thousands_of_series(self):
        self.orthanc.upload_all(generated_study(
                series=3000, size=2, study_instance_uid='1.2.3.4'))
        self.upload(patient_id='OTHER')
        self.sync()
        self.check()
        series = self.orthanc.get('series')
        for id_ in series[:20]:
            self.orthanc.delete(f'series/{id_}')
        self.sync()
        self.check()

    def test_empty_patient_id(self):
        "All studies without PatientID are one patient's to the server"
        demographics = {
            name: value for name, value in _ANNA.items()
            if name != 'patient_id'}
        for n, patient_id in enumerate(['', '   ', '', '\0']):
            self.upload(
                patient_id=patient_id, **demographics,
                study_instance_uid=f'1.2.3.{n}')
        content, = generated_study(**_ANNA, study_instance_uid='1.2.4')
        dataset = pydicom.dcmread(io.BytesIO(content))
        del dataset.PatientID
        file = io.BytesIO()
        dataset.save_as(file)
        self.orthanc.upload(file.getvalue())
        self.sync()
        self.check()
        studies = self.studies()
        self.assertEqual(len(studies), 5)
        self.assertEqual({s.patient_id for s in studies}, {None})
        self.assertEqual({s.local_patient for s in studies}, {None})
        self.assertEqual(len({s.patient.id for s in studies}), 1)
        study, *others = studies
        study.local_patient = self.other
        study.save()
        self.sync_nightly()
        self.assertEqual(
            self.study(study.orthanc_id).local_patient, self.other)
        for other in others:
            self.assertIsNone(self.study(other.orthanc_id).local_patient)

    def test_awkward_text(self):
        "Values that a database or a screen can not have are still told apart"
        awkward = [
            'NUL\0between', '\ud800lone', 'tab\there', 'two\nlines',
            'bell\x07\x1b[31m', 'c1\x85\x9f', '\U0001f9d1 emoji',
            '\u202eright to left', '\u2028separated', '\ufffe\uffff',
            "quote'\"%s%%;--", '{}\\x', 'x' * 3000]

        def change(path, value):
            for study in value if isinstance(value, list) else ():
                if not isinstance(study, dict):
                    continue
                text = texts.get(study.get('ParentStudy', study['ID']))
                if not text:
                    continue
                for key in ['MainDicomTags', 'PatientMainDicomTags']:
                    for tag in study.get(key, {}):
                        if tag not in {
                                'StudyInstanceUID', 'SeriesInstanceUID'}:
                            study[key][tag] = text
            return value

        texts = dict(zip(
                self.upload_many(len(awkward)), awkward, strict=True))
        SetAside = Model.get('gnuhealth.orthanc.set_aside')
        with self.behind_proxy(change):
            self.orthanc.restart()
            self.sync()
            self.assertFalse(SetAside.find([('server', '=', self.server.id)]))
            rows = {s.orthanc_id: s for s in self.studies()}
            self.assertEqual(rows.keys(), texts.keys())
            seen = set()
            for id_, value in texts.items():
                row = rows[id_]
                for name in [
                        'person_name', 'description', 'accession_number',
                        'date_reported', 'time_reported',
                        'birth_date_reported', 'patient_id']:
                    self.assertIsNotBadText(getattr(row, name), value)
                for name in ['modality', 'description', 'series_number']:
                    self.assertIsNotBadText(
                        getattr(row.series[0], name), value)
                self.assertIsNone(row.date)
                self.assertIsNone(row.time)
                self.assertIsNone(row.birth_date)
                seen.add(row.description)
            self.assertEqual(len(seen), len(texts))
            with self.no_row_written():
                self.sync_nightly()

    def assertIsNotBadText(self, found, value):
        if value == '\ufffe\uffff':
            self.assertIsNone(found)
        else:
            self.assertTrue(found, ascii(value))
            found.encode()
            self.assertFalse(set(found) & _CONTROL)
            if len(value) < 256:
                self.assertEqual(
                    [c for c in found if c.isalnum() and c.isascii()],
                    [c for c in value if c.isalnum() and c.isascii()])

    def test_awkward_bytes(self):
        "What a modality sends, through a real server"
        values = [
            b'NUL\0between', b'\xed\xa0\x80surrogate', b'overlong\xc0\xaf',
            b'cut\xe2\x82', b'\xff\xfe', b'escape\x1b$B',
            b'c1\xc2\x85\xc2\x9f', b'astral \xf0\x9f\xa7\x91',
            b'bom\xef\xbb\xbf', b'tab\tline\nfeed\f',
            b'x' * 256, 'ä'.encode() * 256, b'x' * 257, b'x' * 3000, b'^^^^',
            b'===', b'\\\\\\', b' \\ ', b'^=^=^\\^']
        ids = {}
        for n, value in enumerate(values):
            mark = 'm' * (len(value) + len(value) % 2)
            content, = generated_study(
                patient_id=f'B{n}', study_instance_uid=f'1.2.3.{n}',
                patient_name=mark, study_description=mark, date=mark,
                time=mark, InstitutionName=mark)
            content = content.replace(
                mark.encode(), value.ljust(len(mark), b' '))
            ids[self.orthanc.upload(content)['ParentStudy']] = value
        self.orthanc.restart()
        self.sync()
        self.check()
        SetAside = Model.get('gnuhealth.orthanc.set_aside')
        self.assertFalse(SetAside.find([('server', '=', self.server.id)]))
        self.assertEqual(
            {s.orthanc_id for s in self.studies()}, ids.keys())
        for study in self.studies():
            for name in [
                    'patient_name', 'person_name', 'description',
                    'institution', 'date_reported', 'time_reported']:
                self.assertFalse(
                    set(getattr(study, name) or '') & _CONTROL,
                    (name, ids[study.orthanc_id]))
        with self.no_row_written():
            self.sync_nightly()

    def test_dates_and_times(self):
        "What is no date or time is kept as it was reported"
        dates = [
            '00010101', '00000000', '99991231', '20240229', '20230229',
            '20241301', '2024', '202401', '2024-01-31', '20240131-20240201',
            '20240131\\20240201', '-0240131', '2024 131']
        times = [
            '', '24', '2359', '235960', '235959.999999', '235959.9999999',
            '12:34', '12:34:56.5', '-1', '1', '123', '12345', '12.5']
        for n, (date, moment) in enumerate(zip(dates, times, strict=True)):
            self.upload(
                patient_id=f'D{n}', date=date, time=moment, birth_date=date,
                study_instance_uid=f'1.2.3.{n}')
        self.orthanc.restart()
        self.sync()
        self.check()
        rows = {s.patient_id: s for s in self.studies()}
        found = [rows[f'D{n}'] for n in range(len(dates))]
        self.assertEqual(
            {d: r.date for d, r in zip(dates, found, strict=True) if r.date},
            {
                '99991231': dt.date(9999, 12, 31),
                '20240229': dt.date(2024, 2, 29)})
        self.assertEqual(
            {t: r.time for t, r in zip(times, found, strict=True)
                if r.time is not None}, {
                '2359': dt.time(23, 59),
                '235960': dt.time(23, 59, 59),
                '235959.999999': dt.time(23, 59, 59),
                '12:34': dt.time(12, 34),
                '12:34:56.5': dt.time(12, 34, 56)})
        for date, moment, row in zip(dates, times, found, strict=True):
            self.assertEqual(
                row.date_reported, None if row.date else date)
            self.assertEqual(row.birth_date, row.date)
            self.assertEqual(row.birth_date_reported, row.date_reported)
            self.assertEqual(
                row.time_reported,
                None if row.time is not None or not moment else moment)
        with self.no_row_written():
            self.sync_nightly()

    def test_files_that_orthanc_refuses(self):
        "With the UIDs that they lack, all that pydicom ships can be stored"
        refused = []
        for name, content in pydicom_files():
            if 'DICOMDIR' in name:
                # It is about files, and none itself
                continue
            try:
                dataset = pydicom.dcmread(io.BytesIO(content), force=True)
                for keyword in [
                        'SOPInstanceUID', 'SeriesInstanceUID',
                        'StudyInstanceUID']:
                    if not dataset.get(keyword):
                        setattr(dataset, keyword, uid(keyword, name))
                if not dataset.get('SOPClassUID'):
                    dataset.SOPClassUID = SecondaryCaptureImageStorage
                dataset.ensure_file_meta()
                syntax = {}
                if not dataset.file_meta.get('TransferSyntaxUID'):
                    syntax = {'implicit_vr': True, 'little_endian': True}
                file = io.BytesIO()
                dataset.save_as(file, enforce_file_format=True, **syntax)
                self.orthanc.upload(file.getvalue())
            except Exception:
                # Some are made to be unreadable
                refused.append(name)
        self.assertLess(len(refused), 10, refused)
        self.sync()
        self.check()
        for patient_id, name in [
                ('SCSFREN', 'Buc, Jérôme'), ('SCSRUSS', 'Люкceмбypг'),
                ('SCSGREEK', 'Διονυσιος'), ('SCSARAB', 'قباني, لنزار'),
                ('SCSHBRW', 'שרון, דבורה'),
                ('I2EXAMPLE', 'Hong, Gildong (洪 吉洞)'),
                ('X2EXAMPLE', 'Wang, XiaoDong (王 小东)'),
                ('H31EXAMPLE', 'Yamada, Tarou (山田 太郎)')]:
            study, *_ = self.studies(('patient_id', '=', patient_id))
            self.assertEqual(study.patient_name, name)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Signed reports that go back to a real Orthanc, and what can go wrong"
import datetime as dt
import shutil
import unittest
from unittest.mock import patch

from proteus import Model, Wizard

from trytond.modules.health_orthanc.document import ReportDocument

from .server_case import ServerTestCase
from demo.orthanc_server import OrthancServer
from tests.faults.misbehaving import (
    ProxyServer, answer, closed_port, hang, json_answer, lose_answer)
from tests.tools import create_test

PERSON = {
    'patient_id': 'GNU1', 'patient_name': 'Smith^Anna',
    'birth_date': '19800201', 'sex': 'F', 'modality': 'CT',
    'date': dt.date.today()}
PDF = b'%PDF-1.4\nNo infiltrate.\n%%EOF'
RESULT = 'gnuhealth.imaging.test.result'
DOCUMENT = 'gnuhealth.orthanc.report_document'


class ReportDocumentTestCase(ServerTestCase):
    "Send reports to a real Orthanc"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.test = create_test("CT", code='CT', modality='CT')
        Group, User = Model.get('res.group'), Model.get('res.user')
        group, = Group.find([('name', '=', "Health Imaging Reporting")])
        user = User(1)
        user.groups.append(group)
        user.save()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.server_off)
        self.server.store_reports = True
        self.server.save()
        # LibreOffice takes seconds: test_sent has it
        self.print_really = ReportDocument._print
        self.printed = self.enterContext(patch.object(
                ReportDocument, '_print', autospec=True, return_value=PDF))

    def server_off(self):
        self.server.active = False
        self.server.save()

    def through(self, choose):
        "Let the server be reached through a proxy that spoils requests"
        proxy = self.enterContext(ProxyServer(self.orthanc.url, choose))
        self.server.url = proxy.url
        self.server.password = self.orthanc.password
        self.server.timeout = 1
        self.server.save()
        return proxy

    def report(self, **study):
        "Return the draft of an order that was answered, and its study"
        wizard = Wizard('gnuhealth.patient.imaging.test.request')
        wizard.form.patient = self.person
        wizard.form.tests.append(Model.get('gnuhealth.imaging.test')(
                self.test.id))
        wizard.execute('request')
        [[request]] = wizard.actions
        request.click('requested')
        id_ = self.upload(**{
                **PERSON, 'accession_number': request.accession_number,
                **study})
        self.sync()
        request.click('generate_results')
        result, = Model.get(RESULT).find([('request', '=', request.id)])
        self.assertEqual([s.orthanc_id for s in result.studies], [id_])
        result.comment = "No infiltrate."
        result.save()
        return result, id_

    def signed(self, **study):
        result, id_ = self.report(**study)
        result.click('sign')
        return result, id_

    def run_schedule(self):
        cron, = Model.get('ir.cron').find([
                ('method', '=', 'gnuhealth.orthanc.config|synchronize_all')])
        cron.click('run_once')

    def change(self, result, wizard, **values):
        wizard = Wizard(f'{RESULT}.{wizard}', [result])
        for name, value in values.items():
            setattr(wizard.form, name, value)
        wizard.execute('withdraw' if 'comment' not in values else 'sign')
        result.reload()

    def documents(self, result):
        "What was signed of the report, the oldest first"
        return Model.get(DOCUMENT).find(
            [('result', '=', result.id)], order=[('id', 'ASC')])

    def states(self, result):
        return [d.state for d in self.documents(result)]

    def stored(self, orthanc=None):
        "The tags of each document that Orthanc has, by its ID"
        orthanc = orthanc or self.orthanc
        return {
            id_: orthanc.get(f'instances/{id_}/simplified-tags')
            for series in orthanc.get('series?expand')
            if series['MainDicomTags'].get('Modality') == 'DOC'
            for id_ in series['Instances']}

    @unittest.skipUnless(shutil.which('soffice'), "no LibreOffice")
    def test_sent(self):
        made = []
        self.printed.side_effect = lambda document: (
            made.append(self.print_really(document)) or made[-1])
        result, id_ = self.signed(images=3)
        request = result.request
        arrived = request.arrived_at
        self.assertEqual(result.state, 'final')
        self.assertEqual(self.states(result), ['waiting'])
        self.run_schedule()
        self.assertEqual(self.states(result), ['sent'])
        (instance, tags), = self.stored().items()
        self.assertEqual(
            self.orthanc.get(f'instances/{instance}/pdf'), made[0])
        self.assertTrue(made[0].startswith(b'%PDF'))
        self.assertEqual(
            self.orthanc.get(f'instances/{instance}/study')['ID'], id_)
        image, = self.orthanc.get(f'studies/{id_}/series')[0]['Instances'][:1]
        image = self.orthanc.get(f'instances/{image}/simplified-tags')
        for name in [
                'PatientID', 'PatientName', 'PatientBirthDate', 'PatientSex',
                'StudyInstanceUID', 'AccessionNumber', 'StudyDate']:
            self.assertEqual(tags[name], image[name], name)
        document, = self.documents(result)
        self.assertEqual(tags['SOPInstanceUID'], document.sop_instance_uid)
        self.assertEqual(
            tags['SeriesInstanceUID'], document.series_instance_uid)
        self.assertEqual(
            (tags['Modality'], tags['VerificationFlag'], tags['SOPClassUID'],
                tags['MIMETypeOfEncapsulatedDocument'],
                tags['DocumentTitle']),
            ('DOC', 'VERIFIED', '1.2.840.10008.5.1.4.1.1.104.1',
                'application/pdf', 'Imaging Report 1 (Final)'))
        # What comes back with the next synchronization is no image
        self.sync()
        request.reload()
        self.assertEqual(request.image_count, 3)
        self.assertEqual(request.arrived_at, arrived)
        self.assertEqual(
            [s.modality for s in self.study(id_).series], ['CT', 'DOC'])
        self.assertEqual(self.study(id_).image_count, 3)

    def test_changes(self):
        "Each change is a new document that says what it replaces"
        result, _ = self.signed()
        self.run_schedule()
        self.change(result, 'addendum', comment="Seen again.")
        self.run_schedule()
        self.change(
            result, 'correct', comment="Infiltrate.", reason="Wrong side")
        self.run_schedule()
        self.change(result, 'withdraw', reason="Wrong patient")
        self.run_schedule()
        self.assertEqual(self.states(result), ['sent'] * 4)
        self.assertEqual(
            sorted(t['SeriesDescription'] for t in self.stored().values()), [
                "Imaging Report 1 (Final)",
                "Imaging Report 2 (With Addendum), replaces version 1",
                "Imaging Report 3 (Correction), replaces version 2",
                "Imaging Report 4 (Entered in Error), replaces version 3"])

    def test_not_sent(self):
        "What is off, what nobody signed, and what was withdrawn as a draft"
        result, _ = self.report()
        result.click('preliminary')
        self.change(result, 'withdraw', reason="Not needed")
        self.assertEqual(self.documents(result), [])
        self.server.store_reports = False
        self.server.save()
        result, _ = self.signed(study_description="Abdomen")
        self.run_schedule()
        self.assertEqual(self.documents(result), [])
        self.assertEqual(self.stored(), {})

    def test_newest_is_sent(self):
        "Not what a later version replaced before it came through"
        # Newer servers are asked for studies at the same address
        self.through(lambda request, number: (
                answer(500) if 'find' in request.path
                and b'SOPInstanceUID' in request.body else None))
        result, _ = self.signed()
        self.run_schedule()
        self.change(
            result, 'correct', comment="Infiltrate.", reason="Wrong side")
        self.server.url = self.orthanc.url
        self.server.password = self.orthanc.password
        self.server.save()
        for document in self.documents(result):
            document.click('send_again')
        self.assertEqual(self.states(result), ['replaced', 'sent'])
        tags, = self.stored().values()
        self.assertEqual(tags['InstanceNumber'], '2')

    def test_troubles(self):
        "Each is shown on the report, holds nothing up, and passes"
        troubles = {
            answer(401): "does not accept the username",
            answer(403): "lets the user read, but not write",
            answer(500): "answered with an error",
            answer(200, b'nonsense'): "cut or can not be read",
            json_answer({'ID': 'x'}): "cut or can not be read",
            json_answer({'ParentStudy': 'other-study'}):
            "into another study",
            hang: "did not answer in time",
            lose_answer: "The connection to",
            }
        behaviour = None
        self.through(lambda request, number: (
                behaviour if request.path == '/tools/create-dicom' else None))
        for number, (trouble, sentence) in enumerate(troubles.items()):
            with self.subTest(sentence=sentence):
                behaviour = trouble
                result, id_ = self.signed(study_description=f"CT {number}")
                self.run_schedule()
                result.reload()
                self.assertEqual(result.state, 'final')
                self.assertIn(sentence, result.documents_error)
                document, = self.documents(result)
                self.assertEqual((document.state, document.tries),
                    ('waiting', 1))
                self.assertGreater(document.next_try, dt.datetime.now())
                self.sync()
                behaviour = None
                # Nobody tries before its time
                self.run_schedule()
                document.reload()
                self.assertEqual(document.tries, 1)
                document.click('send_again')
                result.reload()
                self.assertIsNone(result.documents_error)
                self.assertEqual(self.states(result), ['sent'])
                stored = [
                    tags for tags in self.stored().values()
                    if tags['SOPInstanceUID'] == document.sop_instance_uid]
                self.assertEqual(len(stored), 1)

    def test_server_away(self):
        result, _ = self.report()
        with closed_port() as url:
            self.server.url = url
            self.server.password = self.orthanc.password
            self.server.save()
            result.click('sign')
            self.run_schedule()
        result.reload()
        self.assertIn("Nothing listens", result.documents_error)

    def test_defect(self):
        "Of what nobody foresaw no other document and no run hears"
        self.printed.side_effect = ZeroDivisionError("Anna Smith")
        result, _ = self.signed()
        self.run_schedule()
        result.reload()
        self.assertIn('ZeroDivisionError', result.documents_error)
        self.assertNotIn("Anna", result.documents_error.partition('.')[2])
        self.server.reload()
        self.assertEqual(self.server.status, 'healthy')

    def test_study_gone(self):
        "A study that was deleted, and that came back under a new ID"
        uid = '2.25.1'
        result, id_ = self.report(study_instance_uid=uid)
        self.orthanc.delete(f'studies/{id_}')
        result.click('sign')
        self.run_schedule()
        result.reload()
        self.assertIn("does not have the study", result.documents_error)
        new_id = self.upload(**{
                **PERSON, 'patient_id': 'TYPO', 'study_instance_uid': uid})
        self.sync()
        document, = self.documents(result)
        # Nobody said that it is of the patient
        document.click('send_again')
        self.assertEqual(self.states(result), ['waiting'])
        study = self.study(new_id)
        study.local_patient = self.person
        study.save()
        document.click('send_again')
        self.assertEqual(self.states(result), ['sent'])
        (instance, tags), = self.stored().items()
        self.assertEqual(tags['PatientID'], 'TYPO')

    def test_lost_by_the_server(self):
        result, id_ = self.signed()
        self.run_schedule()
        instance, = self.stored()
        self.orthanc.delete(f'instances/{instance}')
        document, = self.documents(result)
        document.click('send_again')
        self.assertEqual(self.states(result), ['sent'])
        self.assertEqual(list(self.stored()), [instance])

    def test_two_servers(self):
        "To those that are set so"
        other = self.enterContext(OrthancServer(StableAge=60))
        third = self.enterContext(OrthancServer(StableAge=60))
        study = {**PERSON, 'study_instance_uid': '2.25.2'}
        orthanc, server = self.orthanc, self.server
        servers = []
        for self.orthanc, store in [(other, True), (third, False)]:
            self.server = self.add(self.orthanc)
            self.server.store_reports = store
            self.server.save()
            self.upload(**study)
            self.sync()
            servers.append(self.server)
        self.orthanc, self.server = orthanc, server
        result, _ = self.signed(study_instance_uid='2.25.2')
        self.run_schedule()
        for server in servers:
            server.active = False
            server.save()
        self.assertEqual(self.states(result), ['sent', 'sent'])
        self.assertEqual(
            [len(self.stored(o)) for o in [self.orthanc, other, third]],
            [1, 1, 0])


if __name__ == '__main__':
    unittest.main()

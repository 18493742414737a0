# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Whose studies are, with a real Orthanc, while both sides change"
import datetime as dt

from proteus import Model
from proteus.config import get_config

from trytond.model.exceptions import AccessError
from trytond.modules.health_orthanc.exceptions import LinkError
from trytond.pool import Pool

from .server_case import ServerTestCase
from demo.orthanc_server import OrthancServer
from tests.tools import create_patient, create_test

PERSON = {
    'patient_id': 'GNU1', 'patient_name': 'Smith^Anna',
    'birth_date': '19800201', 'sex': 'F'}
# Another person under the same ID
STRANGER = {
    'patient_id': 'GNU1', 'patient_name': 'Jones^Bob',
    'birth_date': '19701231', 'sex': 'M'}


class IdentityTestCase(ServerTestCase):
    "Whose study it is, with a real Orthanc"

    def assertLinked(self, id_, person, match='identifier'):
        study = self.study(id_)
        self.assertEqual(
            (study.local_patient, study.match), (person, match),
            study.match_explanation)
        return study

    def assertConflict(self, id_, *differences):
        study = self.assertLinked(id_, None, 'conflict')
        self.assertEqual(study.match_differences.split(), list(differences))
        return study

    def register(self, puid, name="Eve", **values):
        "Somebody who is not known to any other test"
        return create_patient(**{
                'name': name, 'lastname': "Moss", 'puid': puid,
                'gender': 'f', 'dob': dt.date(1975, 3, 4), **values})

    def moss(self, patient_id, **study):
        return self.upload(**{
                'patient_id': patient_id, 'patient_name': 'Moss^Eve',
                'birth_date': '19750304', 'sex': 'F', **study})

    def file_of(self, id_):
        "Return where the server keeps the only image of the study"
        instance, = self.orthanc.get(f'studies/{id_}/instances')
        uid = instance['MainDicomTags']['SOPInstanceUID'].encode()
        file, = (
            file for file in (self.orthanc.folder / 'database').glob('*/*/*')
            if uid in file.read_bytes()[:4096])
        return file

    def identify(self, patient, code, type_='medical_record'):
        Identification = Model.get(
            'gnuhealth.person_alternative_identification')
        party = Model.get('party.party')(patient.party.id)
        party.alternative_identification = True
        party.alternative_ids.append(Identification(
                code=code, alternative_id_type=type_))
        party.save()
        return party

    def setting(self, **values):
        for name, value in values.items():
            setattr(self.server, name, value)
        self.server.save()

    def link(self, study, person, reason=None):
        with get_config().set_context(decision_reason=reason):
            study = self.study(study.orthanc_id)
            study.local_patient = person
            study.save()

    def refuse(self, record, person, reason="Another one"):
        with self.transaction() as transaction, transaction.set_context(
                decision_reason=reason):
            pool = Pool()
            Study = pool.get(record.__class__.__name__)
            LocalPatient = pool.get('gnuhealth.patient')
            Study.refuse([Study(record.id)], LocalPatient(person.id))

    # Two persons under one PatientID

    def test_two_persons_under_one_id(self):
        for order in [(PERSON, STRANGER), (STRANGER, PERSON)]:
            with self.subTest(order=order), OrthancServer() as orthanc:
                self.orthanc, self.server = orthanc, self.add(orthanc)
                ids = {
                    person['patient_name']: self.upload(**person)
                    for person in order}
                self.sync()
                study = self.assertLinked(ids['Smith^Anna'], self.person)
                self.assertConflict(
                    ids['Jones^Bob'], 'birth_date', 'sex', 'name')
                self.assertEqual(
                    self.study(ids['Jones^Bob']).candidate, self.person)
                # The Orthanc patient sums it up
                self.assertIsNone(study.patient.patient)
                self.assertEqual(study.patient.match, 'conflict')

    def test_second_person_comes_later(self):
        first = self.upload(**PERSON)
        self.sync()
        self.assertLinked(first, self.person)
        second = self.upload(**STRANGER)
        self.sync()
        study = self.assertLinked(first, self.person)
        self.assertConflict(second, 'birth_date', 'sex', 'name')
        self.assertEqual(study.patient.match, 'conflict')
        self.orthanc.delete(f'studies/{second}')
        self.sync()
        patient = self.study(first).patient
        self.assertEqual(
            (patient.patient, patient.match), (self.person, 'identifier'))
        # What is left tells its own still
        self.upload(**STRANGER)
        self.orthanc.delete(f'studies/{first}')
        self.sync()
        self.assertConflict(second, 'birth_date', 'sex', 'name')
        self.assertIsNone(self.study(second).patient.patient)

    def test_second_person_after_a_link_by_hand(self):
        "Who linked the Orthanc patient did not mean the one who came later"
        eve = self.register('GNU30')
        first = self.upload(**{**PERSON, 'patient_id': 'OLD-1'})
        self.sync()
        patient = self.study(first).patient
        patient.patient = eve
        patient.save()
        self.assertLinked(first, eve, 'follows')
        second = self.upload(**{**STRANGER, 'patient_id': 'OLD-1'})
        third = self.upload(**{
                **PERSON, 'patient_id': 'OLD-1', 'study_description': "2"})
        self.sync()
        self.sync()
        self.assertLinked(first, eve, 'follows')
        self.assertLinked(third, eve, 'follows')
        self.assertConflict(second, 'birth_date', 'sex', 'name')

    def test_each_its_own(self):
        "The link of one study says nothing of the next"
        eve = self.register('GNU31')
        first, second = self.upload(**PERSON), self.upload(**STRANGER)
        self.sync()
        self.link(self.study(second), eve, "The wristband was mixed up")
        self.sync()
        study = self.assertLinked(second, eve, 'manual')
        self.assertLinked(first, self.person)
        self.assertIsNone(study.patient.patient)
        self.assertEqual(study.patient.match, 'studies')
        decision, = study.decisions
        self.assertEqual(
            (decision.action, decision.before, decision.after,
                decision.reason),
            ('link', None, eve, "The wristband was mixed up"))

    # Nothing but the ID

    def test_nothing_to_compare(self):
        id_ = self.upload(
            patient_id='GNU1', patient_name='', birth_date='', sex='F')
        self.sync()
        study = self.assertLinked(id_, None, 'unverified')
        self.assertEqual(study.candidate, self.person)
        self.assertIn("do not tell", study.match_explanation)

    # Something changes on either side

    def test_registered_later(self):
        id_ = self.moss('GNU32')
        self.sync()
        self.assertLinked(id_, None, 'unmatched')
        eve = self.register('GNU32')
        self.sync()
        study = self.assertLinked(id_, eve)
        self.assertIsNone(study.candidate)
        self.assertEqual(study.patient.patient, eve)

    def test_puid_corrected(self):
        eve = self.register('GNU33')
        wrong, right = self.moss('GNU33'), self.moss('GNU34')
        self.sync()
        self.assertLinked(wrong, eve)
        eve.party.ref = 'GNU34'
        eve.party.save()
        self.sync()
        self.assertLinked(wrong, None, 'unmatched')
        self.assertLinked(right, eve)

    def test_demographics_corrected(self):
        eve = self.register('GNU35', dob=dt.date(1975, 4, 3))
        id_ = self.moss('GNU35')
        self.sync()
        self.assertConflict(id_, 'birth_date')
        eve.party.dob = dt.date(1975, 3, 4)
        eve.party.save()
        self.sync()
        self.assertLinked(id_, eve)
        eve.party.lastname = "Mossman"
        eve.party.save()
        self.sync()
        # It was right, and stays
        study = self.assertLinked(id_, eve, 'changed')
        self.assertEqual(study.match_differences, 'name')
        # A further name
        PersonName = Model.get('gnuhealth.person_name')
        PersonName(
            party=eve.party, use='maiden', family="Moss", given="Eve").save()
        self.sync()
        self.assertLinked(id_, eve)

    def test_parties_replaced(self):
        "Two records of one person become one"
        double, eve = self.register('GNU36'), self.register('GNU37')
        id_, other = self.moss('GNU36'), self.moss('GNU37')
        self.setting(identifier_types=['medical_record'])
        self.sync()
        self.assertLinked(id_, double)
        double.party.active = False
        double.party.replaced_by = eve.party
        double.party.save()
        self.sync()
        self.assertLinked(id_, double)
        self.identify(eve, 'GNU36')
        self.sync()
        self.assertLinked(id_, eve)
        self.assertLinked(other, eve)

    def test_tags_edited(self):
        self.upload()
        id_ = self.upload(**PERSON, study_instance_uid='1.2.3')
        self.sync()
        self.assertLinked(id_, self.person)
        self.orthanc.delete(f'studies/{id_}')
        self.upload(**{
                **PERSON, 'patient_name': 'Smith^Mary',
                'study_instance_uid': '1.2.3'})
        self.sync()
        self.assertConflict(id_, 'name')

    # Identifiers

    def test_alternative_identification(self):
        eve = self.register('GNU38')
        self.identify(eve, 'MRN-38')
        self.identify(eve, 'PASS-38', 'passport')
        ids = [self.moss('MRN-38'), self.moss('PASS-38'), self.moss('GNU38')]
        self.sync()
        self.assertLinked(ids[0], None, 'unmatched')
        self.assertLinked(ids[2], eve)
        self.setting(identifier_types=['medical_record'])
        self.assertLinked(ids[0], eve)
        self.assertLinked(ids[1], None, 'unmatched')
        self.setting(identifier_types=['medical_record', 'passport'])
        self.assertLinked(ids[1], eve)
        self.setting(identifier_types=[])
        self.assertLinked(ids[0], None, 'unmatched')
        self.assertLinked(ids[1], None, 'unmatched')
        self.assertLinked(ids[2], eve)

    def test_alternative_identification_changes(self):
        eve = self.register('GNU39')
        id_ = self.moss('MRN-39')
        self.setting(identifier_types=['medical_record'])
        self.sync()
        self.assertLinked(id_, None, 'unmatched')
        party = self.identify(eve, 'MRN-39')
        self.sync()
        self.assertLinked(id_, eve)
        party.alternative_ids[0].code = 'MRN-40'
        party.save()
        self.sync()
        self.assertLinked(id_, None, 'unmatched')
        party.alternative_ids[0].code = 'MRN-39'
        party.save()
        self.sync()
        self.assertLinked(id_, eve)
        # What is removed tells nobody: it is looked at once a day
        party.alternative_ids[0].delete()
        self.walk()
        self.assertLinked(id_, None, 'unmatched')

    def test_ambiguous(self):
        eve, ada = self.register('GNU41'), self.register('GNU42', "Ada")
        self.setting(identifier_types=['medical_record'])
        self.identify(eve, 'MRN-41')
        id_ = self.moss('MRN-41')
        self.sync()
        self.assertLinked(id_, eve)
        self.identify(ada, 'MRN-41')
        self.sync()
        study = self.assertLinked(id_, None, 'ambiguous')
        self.assertIsNone(study.candidate)
        # It is not Ada's: that leaves one
        self.refuse(study, ada)
        self.assertLinked(id_, eve)
        self.sync()
        self.assertLinked(id_, eve)

    def test_prefix(self):
        eve = self.register('GNU43')
        ours, theirs = self.moss('H1/GNU43'), self.moss('GNU43')
        self.setting(patient_id_prefix='H1/')
        self.sync()
        self.assertLinked(ours, eve)
        study = self.assertLinked(theirs, None, 'unmatched')
        self.assertEqual(
            study.match_explanation,
            "The ID is that of another system, by its prefix.")
        fay = self.register('GNU44', "Fay", lastname="Reed")
        late = self.upload(
            patient_id='H1/GNU44', patient_name='Reed^Fay', birth_date='')
        self.sync()
        self.assertLinked(late, fay)
        fay.party.ref = 'GNU45'
        fay.party.save()
        self.sync()
        self.assertLinked(late, None, 'unmatched')

    def test_issuer(self):
        "It is asked for where the server does not report it with studies"
        ours = self.moss('PUID-1', time='101501', IssuerOfPatientID='US')
        theirs = self.moss('PUID-1', time='101502', IssuerOfPatientID='THEM')
        unknown = self.moss('PUID-1', time='101503')
        self.setting(issuer_of_patient_id='US')
        person = self.register('PUID-1')
        self.sync()
        self.assertLinked(ours, person)
        for id_ in [theirs, unknown]:
            study = self.study(id_)
            self.assertIsNone(study.local_patient)
            self.assertIn(study.match, {'unverified', 'unmatched'})
        # The form says so, and what to configure
        self.server.reload()
        self.assertFalse(self.server.reports_issuer)
        self.assertIn('ExtraMainDicomTags', self.server.issuer_notice)
        self.setting(issuer_of_patient_id=None)
        self.server.reload()
        self.assertFalse(self.server.issuer_notice)

    def test_issuer_of_damaged_files(self):
        "A study of which no file can be read keeps no other out"
        person = self.register('PUID-7')
        ids = [
            self.moss('PUID-7', time=f'10150{number}', IssuerOfPatientID='US')
            for number in range(5)]
        self.setting(issuer_of_patient_id='US')
        files = [self.file_of(id_) for id_ in ids]
        # Without what Orthanc has of them in memory
        self.orthanc.stop()
        gone, damaged = files[1], files[3]
        gone.unlink()
        damaged.write_bytes(b'no DICOM')
        self.orthanc.start()
        self.sync()
        for at in [0, 2, 4]:
            self.assertLinked(ids[at], person)
        for at in [1, 3]:
            self.assertLinked(ids[at], None, 'unverified')

    def test_case(self):
        eve = self.register('Gnu46')
        ids = [self.moss('GNU46'), self.moss('gnu46', modality='MR')]
        self.sync()
        for id_ in ids:
            self.assertLinked(id_, None, 'unmatched')
        self.setting(ignore_case=True)
        for id_ in ids:
            self.assertLinked(id_, eve)

    def test_no_identifier(self):
        for patient_id in ['', '  ']:
            id_ = self.upload(**{
                    **PERSON, 'patient_id': patient_id,
                    'study_instance_uid': f'1.2.{len(patient_id)}'})
            self.sync()
            self.assertLinked(id_, None, 'no_identifier')

    # What people decided

    def test_refused(self):
        id_ = self.upload(**PERSON)
        self.sync()
        study = self.assertLinked(id_, self.person)
        self.refuse(study, self.person, "A mix-up at the front desk")
        study = self.assertLinked(id_, None, 'refused')
        self.assertIsNone(study.patient.patient)
        decision, = study.decisions
        self.assertEqual(
            (decision.action, decision.before, decision.after,
                decision.refused, decision.reason),
            ('refuse', self.person, None, self.person,
                "A mix-up at the front desk"))
        self.sync()
        self.walk()
        self.assertLinked(id_, None, 'refused')
        # Further studies are not refused
        other = self.upload(**PERSON, study_description="Other")
        self.sync()
        self.assertLinked(other, self.person)
        # Who links it by hand takes that back
        self.link(self.study(id_), self.person)
        self.sync()
        self.assertLinked(id_, self.person, 'manual')
        with self.transaction():
            Decision = Pool().get('gnuhealth.orthanc.decision')
            self.assertEqual(Decision.refusals([study.id]), {})

    def test_refused_by_hand_linked(self):
        "It takes the link that a person made"
        id_ = self.upload(**{**PERSON, 'patient_id': 'OLD-2'})
        self.sync()
        study = self.study(id_)
        self.link(study, self.person)
        self.refuse(study, self.person)
        self.assertLinked(id_, None, 'unmatched')
        self.link(self.study(id_), self.other)
        self.refuse(study, self.person)
        self.assertLinked(id_, self.other, 'manual')

    def test_deactivated(self):
        eve = self.register('GNU60')
        id_ = self.moss('GNU60')
        self.sync()
        self.assertLinked(id_, eve)
        for record in [eve, eve.party]:
            record.active = False
            record.save()
            self.sync()
            self.assertLinked(id_, eve)
        # Another image of it
        self.moss('GNU60', study_instance_uid=self.study(
                id_).study_instance_uid, series=2)
        self.sync()
        self.assertLinked(id_, eve)
        new = self.moss('GNU60', study_description="New")
        self.sync()
        self.assertConflict(new, 'inactive')
        self.walk()
        self.assertLinked(id_, eve)

    def test_reports_somebody_else(self):
        "What the server says anew counts, whatever was linked before"
        eve = self.register('GNU61')
        self.upload()
        id_ = self.moss('GNU61', study_instance_uid='1.2.61')
        self.sync()
        self.assertLinked(id_, eve)
        self.orthanc.delete(f'studies/{id_}')
        self.moss('GNU61', study_instance_uid='1.2.61', patient_name='Fox^Eve')
        eve.party.lastname = "Mossman"
        eve.party.save()
        self.sync()
        self.assertConflict(id_, 'name')

    def test_decide_anew(self):
        eve, ada = self.register('GNU62'), self.register('GNU63', "Ada")
        Row = Model.get('gnuhealth.orthanc.reconciliation')

        def unlinked():
            return {
                row.study.orthanc_id
                for row in Row.find([('kind', '=', 'unlinked')])}

        ids = [
            self.moss('GNU62', study_description=text)
            for text in ["First", "Second", "Third"]]
        self.sync()
        self.link(self.study(ids[0]), None)
        self.refuse(self.study(ids[1]), eve)
        self.link(self.study(ids[2]), ada)
        self.assertLinked(ids[0], None, 'manual')
        self.assertLinked(ids[1], None, 'refused')
        self.assertEqual(unlinked(), set(ids[:2]))
        for row in Row.find([('kind', '=', 'unlinked')]):
            row.click('decide_anew')
        self.study(ids[2]).click('decide_anew')
        self.assertEqual(unlinked(), set())
        for id_ in ids:
            study = self.assertLinked(id_, eve)
            self.assertEqual(study.decisions[0].action, 'decide_anew')
        self.assertEqual(study.decisions[0].before, ada)
        # What people decide afterwards stays again
        self.refuse(self.study(ids[0]), eve)
        self.walk()
        self.assertLinked(ids[0], None, 'refused')

    def test_decide_anew_of_orthanc_patient(self):
        "What follows an Orthanc patient is given back with it"
        eve = self.register('GNU64')
        ids = [
            self.moss('GNU64', study_description=text)
            for text in ["First", "Second"]]
        self.sync()
        patient = self.study(ids[0]).patient
        patient.patient = None
        patient.save()
        for id_ in ids:
            self.assertLinked(id_, None, 'follows')
        self.study(ids[0]).click('decide_anew')
        for id_ in ids:
            self.assertLinked(id_, eve)
        patient.reload()
        self.assertEqual(
            (patient.patient, patient.match), (eve, 'identifier'))
        self.assertEqual(patient.decisions[0].action, 'decide_anew')

    def test_refusal_moves_along(self):
        "The study has another Orthanc ID when its PatientID is corrected"
        self.setting(identifier_types=['medical_record'])
        self.register('GNU47')
        id_ = self.moss('GNU47', study_instance_uid='1.2.3')
        self.sync()
        study = self.study(id_)
        self.refuse(study, study.local_patient)
        self.identify(
            Model.get('gnuhealth.patient')(
                study.decisions[0].refused.id), 'MRN-47')
        self.orthanc.delete(f'studies/{id_}')
        new = self.moss('MRN-47', study_instance_uid='1.2.3')
        self.sync()
        self.assertLinked(new, None, 'refused')

    def test_decisions_are_kept(self):
        id_ = self.upload(**PERSON)
        self.sync()
        self.assertEqual(self.study(id_).decisions, [])
        study = self.study(id_)
        self.link(study, self.other)
        self.link(study, None)
        self.assertEqual(
            [(d.action, d.before, d.after) for d in reversed(
                    self.study(id_).decisions)],
            [('link', self.person, self.other),
                ('unlink', self.other, None)])
        decision = self.study(id_).decisions[0]
        for operation in [decision.delete, decision.save]:
            decision.reason = "Something else"
            with self.assertRaises(AccessError):
                operation()
        patient = self.study(id_).patient
        patient.patient = self.other
        patient.save()
        decision, = patient.decisions
        self.assertEqual(
            (decision.action, decision.before, decision.after),
            ('link', None, self.other))

    # Results

    def result(self, person, *studies):
        Result = Model.get('gnuhealth.imaging.test.result')
        result = Result()
        result.patient = person
        result.requested_test = self.test()
        result.studies.extend(
            Model.get('gnuhealth.orthanc.study')(s.id) for s in studies)
        result.save()
        return result

    def test(self):
        Test = Model.get('gnuhealth.imaging.test')
        found = Test.find([('code', '=', 'IDENTITY')])
        return found[0] if found else create_test(
            "Identity", code='IDENTITY', modality='CR')

    def test_on_a_result(self):
        "The rules take no study from a patient whose result it is on"
        eve, fay = self.register('GNU48'), self.register('GNU50')
        id_ = self.moss('GNU48')
        self.sync()
        study = self.assertLinked(id_, eve)
        result = self.result(eve, study)
        eve.party.ref = 'GNU49'
        eve.party.save()
        self.sync()
        study = self.assertLinked(id_, eve, 'changed')
        self.assertEqual(study.match_differences, 'identifier')
        self.assertNotIn("Remove it", study.match_explanation)
        fay.party.ref = 'GNU48'
        fay.party.save()
        self.sync()
        self.assertLinked(id_, eve, 'changed')
        # Nor does a person without knowing
        with self.assertRaises(LinkError):
            self.link(self.study(id_), fay)
        with self.assertRaises(LinkError):
            self.refuse_checked(self.study(id_), eve)
        result.reload()
        result.studies.pop()
        result.save()
        self.sync()
        self.assertLinked(id_, fay)

    def refuse_checked(self, record, person):
        with self.transaction() as transaction, transaction.set_context(
                _check_access=True):
            pool = Pool()
            Study = pool.get(record.__class__.__name__)
            Study.refuse(
                [Study(record.id)], pool.get('gnuhealth.patient')(person.id))

    def test_person_removed(self):
        eve = self.register('GNU51')
        id_ = self.moss('GNU51')
        self.sync()
        self.assertLinked(id_, eve)
        eve.delete()
        study = self.assertLinked(id_, None, 'unmatched')
        self.assertIsNone(study.patient.patient)
        self.sync()
        self.assertLinked(id_, None, 'unmatched')

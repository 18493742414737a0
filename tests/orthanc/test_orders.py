# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders and studies that meet, whichever comes first.

Each test makes a history of orders and studies on a real Orthanc.
"""
import datetime as dt
import time
from unittest.mock import patch

from proteus import Model, Wizard
from pydicom.uid import (
    EncapsulatedCDAStorage, EncapsulatedPDFStorage,
    SecondaryCaptureImageStorage)

from trytond.exceptions import UserWarning
from trytond.modules.health_orthanc.client import Orthanc
from trytond.modules.health_orthanc.exceptions import LinkError
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from .server_case import ServerTestCase
from tests.module.stored import check_on_links
from tests.tools import create_test, generate_result

PERSON = {
    'patient_id': 'GNU1', 'patient_name': 'Smith^Anna',
    'birth_date': '19800201', 'sex': 'F', 'modality': 'CT',
    'date': dt.date.today()}
OTHER = {
    'patient_id': 'GNU2', 'patient_name': 'Petrova^Olga',
    'birth_date': '19900505', 'sex': 'F', 'modality': 'CT',
    'date': dt.date.today()}
# Nobody is known by this ID
UNKNOWN = {**PERSON, 'patient_id': 'ELSEWHERE'}


class OrdersTestCase(ServerTestCase):
    "Link orders and studies with a real Orthanc"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.test = create_test("CT", code='CT', modality='CT')
        cls.contrast = create_test("CT 2", code='CT2', modality='CT')
        cls.brain = create_test("MR", code='MR', modality='MR')
        cls.xray = create_test("X-ray", code='XRAY', modality='RG')

    def tearDown(self):
        with Transaction().start(DB_NAME, 0):
            check_on_links(self)
        super().tearDown()

    def result_of(self, request):
        return generate_result(request)

    def link(self, record, execute='link', **values):
        wizard = Wizard('gnuhealth.orthanc.study.link_order', [record])
        for name, value in values.items():
            setattr(wizard.form, name, value)
        wizard.execute(execute)
        record.reload()

    def decisions(self, study):
        return [
            (d.action, d.request, d.reason) for d in reversed(study.decisions)
            if d.request]

    def assertLinked(self, id_, *requests, match):
        study = self.study(id_)
        self.assertEqual(set(study.requests), set(requests))
        self.assertEqual(study.order_match, match, study.order_explanation)
        return study

    def assertConflict(self, id_, *differences):
        study = self.assertLinked(id_, match='conflict')
        self.assertEqual(
            study.order_differences.split(), list(differences))
        return study

    def test_order_first(self):
        request = self.order()
        self.assertFalse(request.images_arrived)
        id_ = self.upload(
            **PERSON, accession_number=request.accession_number, series=2,
            images=3)
        self.sync()
        study = self.assertLinked(id_, request, match='accession_number')
        request.reload()
        self.assertTrue(request.images_arrived)
        self.assertEqual(request.image_count, 6)
        self.assertEqual(request.arrived_at, study.last_update)
        self.assertEqual(request.studies, [study])
        self.assertEqual(self.result_of(request).studies, [study])

    def test_study_instance_uid(self):
        "Enough where the patient is not known by this ID"
        request = self.order()
        id_ = self.upload(
            **UNKNOWN, study_instance_uid=request.study_instance_uid)
        self.sync()
        study = self.assertLinked(id_, request, match='study_instance_uid')
        self.assertIsNone(study.local_patient)
        # The result is of a patient, and so must be its studies
        result = self.result_of(request)
        self.assertEqual(result.studies, [])
        study.local_patient = self.person
        study.save()
        result.reload()
        self.assertEqual(result.studies, [study])

    def test_study_first(self):
        request = self.order(requested=False)
        other = self.order()
        id_ = self.upload(
            **PERSON, accession_number=self.next_number(other))
        self.sync()
        self.assertLinked(id_, match=None)
        request.click('requested')
        self.assertLinked(id_, request, match='accession_number')
        request.reload()
        self.assertTrue(request.images_arrived)
        self.assertEqual(len(self.result_of(request).studies), 1)

    def next_number(self, request):
        "The accession number that the next request will have"
        prefix = request.accession_number.rstrip('0123456789')
        digits = request.accession_number[len(prefix):]
        return f'{prefix}{int(digits) + 1:0{len(digits)}}'

    def test_result_first(self):
        request = self.order()
        result = self.result_of(request)
        self.assertEqual(result.studies, [])
        ids = [
            self.upload(
                **PERSON, accession_number=request.accession_number,
                time=f'10{n}000')
            for n in range(2)]
        self.sync()
        result.reload()
        self.assertEqual(
            {study.orthanc_id for study in result.studies}, set(ids))

    def test_taken_off(self):
        "What a person took off a result stays off"
        request = self.order()
        id_ = self.upload(
            **PERSON, accession_number=request.accession_number)
        self.sync()
        result = self.result_of(request)
        result.studies.pop()
        result.save()
        self.assertEqual(
            self.decisions(self.study(id_)),
            [('take_off_result', request, None)])
        self.upload(
            **PERSON, accession_number=request.accession_number, images=2)
        self.sync()
        result.reload()
        self.assertEqual(result.studies, [])
        self.assertEqual(self.study(id_).requests, [request])

    def test_older_study(self):
        "A number of long ago is not that of an order of today"
        request, urgent = self.order(), self.order()
        today = dt.date.today()
        ids = [
            self.upload(
                **{**PERSON, 'date': today - dt.timedelta(days=days)},
                accession_number=number.accession_number)
            for days, number in [(3650, request), (1, urgent)]]
        self.sync()
        self.assertConflict(ids[0], 'date')
        self.assertLinked(ids[1], urgent, match='accession_number')
        request.reload()
        self.assertFalse(request.images_arrived)
        self.assertIn("the date", request.study_remarks)
        # What we issued stays, and the difference is shown
        request = self.order()
        id_ = self.upload(
            **{**PERSON, 'date': today - dt.timedelta(days=30)},
            study_instance_uid=request.study_instance_uid)
        self.sync()
        study = self.assertLinked(id_, request, match='study_instance_uid')
        self.assertEqual(study.order_differences, 'date')
        self.assertIn("differs nevertheless", study.order_explanation)
        request.reload()
        self.assertTrue(request.images_arrived)
        self.assertIn("is linked, but", request.study_remarks)

    def test_two_numbers(self):
        "The UID of one order and the number of another of the same patient"
        first, second = self.order(), self.order()
        id_ = self.upload(
            **PERSON, study_instance_uid=first.study_instance_uid,
            accession_number=second.accession_number)
        self.sync()
        self.assertConflict(id_, 'accession_number')
        for request in [first, second]:
            request.reload()
            self.assertFalse(request.images_arrived)
            self.assertIn("another order", request.study_remarks)

    def test_documents(self):
        "Reports, plans and the like are no images"
        for modality in ['SR', 'PR', 'KO', 'SEG', 'DOC']:
            with self.subTest(modality=modality):
                request = self.order()
                id_ = self.upload(
                    **{**PERSON, 'modality': modality},
                    accession_number=request.accession_number)
                self.sync()
                self.assertLinked(id_, request, match='accession_number')
                request.reload()
                self.assertFalse(request.images_arrived)
                self.assertFalse(request.image_count)
                self.assertIsNone(request.arrived_at)
                Request = Model.get('gnuhealth.imaging.test.request')
                self.assertFalse(Request.find([
                            ('id', '=', request.id),
                            ('images_arrived', '=', True)]))

    def test_other(self):
        "Of OT the SOP class tells scanned films from documents"
        for class_, arrived in [
                (EncapsulatedPDFStorage, False),
                (EncapsulatedCDAStorage, False),
                (SecondaryCaptureImageStorage, True)]:
            with self.subTest(class_=class_.name):
                request = self.order()
                id_ = self.upload(
                    **{**PERSON, 'modality': 'OT'}, SOPClassUID=class_,
                    accession_number=request.accession_number, images=2)
                self.sync()
                study = self.assertLinked(
                    id_, request, match='accession_number')
                self.assertEqual(
                    (study.image_count, study.document_count),
                    (2, 0) if arrived else (0, 2))
                self.assertEqual(study.series[0].document, not arrived)
                request.reload()
                self.assertEqual(request.images_arrived, arrived)
                self.assertEqual(bool(request.arrived_at), arrived)

    def test_other_of_both(self):
        "Films and documents in one series: the films count, and come later"
        films = {'SOPClassUID': SecondaryCaptureImageStorage, 'images': 2}
        papers = {'SOPClassUID': EncapsulatedPDFStorage, 'images': 1}
        for number, (parts, at_once) in enumerate([
                ([films, papers], True), ([papers, films], True),
                ([films, papers], False), ([papers, films], False)]):
            with self.subTest(number=number):
                request = self.order()
                images = 0
                for part in parts:
                    id_ = self.upload(
                        **{**PERSON, 'modality': 'OT'}, **part,
                        accession_number=request.accession_number,
                        study_instance_uid=f'1.2.88.{number}',
                        **({} if part is films else {
                            'SOPInstanceUID': f'1.2.88.{number}.9'}))
                    images += part['images'] if part is films else 0
                    if at_once and part is parts[0]:
                        continue
                    self.sync()
                    request.reload()
                    self.assertEqual(request.images_arrived, images > 0)
                    self.assertEqual(request.image_count or 0, images)
                study = self.study(id_)
                self.assertEqual(
                    (study.image_count, study.document_count), (2, 1))
                self.assertEqual(
                    [s.image_count for s in study.series], [2])
                self.walk()
                request.reload()
                self.assertEqual(request.image_count, 2)

    def test_other_of_both_and_gone(self):
        "Where the film went the document that is left is none"
        request = self.order()
        for uid, class_ in [
                ('1.2.89.1', SecondaryCaptureImageStorage),
                ('1.2.89.2', EncapsulatedPDFStorage)]:
            id_ = self.upload(
                **{**PERSON, 'modality': 'OT'}, SOPClassUID=class_,
                accession_number=request.accession_number,
                study_instance_uid='1.2.89', SOPInstanceUID=uid)
        self.sync()
        request.reload()
        self.assertTrue(request.images_arrived)
        film, = (
            i['ID'] for i in self.orthanc.get(f'studies/{id_}/instances')
            if i['MainDicomTags']['SOPInstanceUID'] == '1.2.89.1')
        self.orthanc.delete(f'instances/{film}')
        self.walk()
        request.reload()
        self.assertFalse(request.images_arrived)
        self.assertEqual(self.study(id_).document_count, 1)

    def test_other_stored_before(self):
        "A walk tells what an earlier version took for images, and asks once"
        request = self.order()
        ids = [
            self.upload(
                **{**PERSON, 'modality': 'OT'}, SOPClassUID=class_,
                accession_number=request.accession_number, series=series,
                study_description=f"{series} series")
            for class_, series in [
                (EncapsulatedPDFStorage, 2),
                (SecondaryCaptureImageStorage, 1)]]
        with patch.object(
                Orthanc, 'count_documents', autospec=True, return_value={}):
            self.sync()
        request.reload()
        self.assertEqual(request.image_count, 3)
        with patch.object(
                Orthanc, 'count_documents', autospec=True,
                side_effect=Orthanc.count_documents) as ask:
            for expected in [3, 0]:
                ask.reset_mock()
                self.walk()
                self.assertEqual(
                    sum(len(call.args[1]) for call in ask.call_args_list),
                    expected)
        request.reload()
        self.assertEqual(request.image_count, 1)
        self.assertEqual(
            [self.study(id_).document_count for id_ in ids], [2, 0])
        self.check()

    def test_document_among_images(self):
        "A document does not move the arrival of the images"
        request = self.order()
        id_ = self.upload(
            **PERSON, accession_number=request.accession_number,
            study_instance_uid='1.2.77', series=2)
        self.sync()
        request.reload()
        arrived_at = request.arrived_at
        self.assertEqual(request.image_count, 2)
        time.sleep(1.1)
        self.upload(
            **{**PERSON, 'modality': 'SR'},
            accession_number=request.accession_number,
            study_instance_uid='1.2.77', series=3)
        self.sync()
        self.assertEqual(self.study(id_).modalities, 'CT, SR')
        request.reload()
        self.assertEqual(
            (request.arrived_at, request.image_count), (arrived_at, 2))

    def test_after_the_report(self):
        "What comes after the report waits for who reads it"
        Result = Model.get('gnuhealth.imaging.test.result')
        request = self.order()
        self.upload(**PERSON, accession_number=request.accession_number)
        self.sync()
        result = self.result_of(request)
        result.comment = "No fracture."
        result.save()
        before = set(result.studies)
        self.assertEqual(len(before), 1)
        ids = [
            self.upload(
                **PERSON, accession_number=request.accession_number,
                time=f'10{n}000') for n in range(2)]
        self.sync()
        late = [('has_late_studies', '=', True), ('id', '=', result.id)]
        result.reload()
        self.assertEqual(set(result.studies), before)
        self.assertEqual(
            {s.orthanc_id for s in result.late_studies}, set(ids))
        self.assertEqual(Result.find(late), [result])
        # The order has them all the same
        request.reload()
        self.assertEqual(request.image_count, 3)
        result.click('leave_out')
        result.reload()
        self.assertEqual(set(result.studies), before)
        self.assertEqual(result.late_studies, [])
        self.assertEqual(Result.find(late), [])
        self.assertEqual(
            self.decisions(self.study(ids[0])),
            [('leave_off_result', request, None)])
        id_ = self.upload(
            **PERSON, accession_number=request.accession_number,
            time='173000')
        self.sync()
        result.reload()
        self.assertEqual([s.orthanc_id for s in result.late_studies], [id_])
        result.click('take_in')
        result.reload()
        self.assertEqual(result.late_studies, [])
        self.assertEqual(
            set(result.studies), {*before, self.study(id_)})

    def test_number_almost_right(self):
        "It is told, and never links"
        request, other = self.order(), self.order(patient=self.other)
        number = request.accession_number
        Row = Model.get('gnuhealth.orthanc.reconciliation')
        for typed in [
                number.lower(), number.rstrip('0123456789') + str(
                    int(number.lstrip('IM'))), f'CT-{number}', f'{number}/1']:
            if typed == number:
                continue
            with self.subTest(typed=typed):
                id_ = self.upload(**PERSON, accession_number=typed)
                self.sync()
                study = self.assertLinked(id_, match='almost')
                self.assertIn(request.rec_name, study.order_explanation)
                self.assertEqual(study.suggested_requests[0], request)
                self.assertTrue(Row.find([
                            ('kind', '=', 'order'),
                            ('study', '=', study.id)]))
                request.reload()
                self.assertFalse(request.images_arrived)
                self.assertIn("almost", request.study_remarks)
        # Nor does that of somebody else's order
        id_ = self.upload(
            **PERSON, accession_number=f'X{other.accession_number}')
        self.sync()
        self.assertLinked(id_, match=None)
        # Who settles it makes it quiet
        self.link(study, request=request)
        self.assertLinked(study.orthanc_id, request, match='manual')

    def test_number_almost_right_of_a_later_order(self):
        request = self.order()
        typed = 'CT-' + self.next_number(request)
        id_ = self.upload(**PERSON, accession_number=typed)
        self.sync()
        self.assertLinked(id_, match=None)
        request = self.order()
        self.assertLinked(id_, match='almost')
        request.reload()
        self.assertIn("almost", request.study_remarks)

    def test_patient_taken_off(self):
        "Images of nobody are not those of an order"
        request = self.order()
        id_ = self.upload(
            patient_id='ELSEWHERE', patient_name='', birth_date='', sex='',
            modality='CT', date=dt.date.today(),
            study_instance_uid=request.study_instance_uid)
        self.sync()
        self.assertLinked(id_, match='unconfirmed')
        request.reload()
        self.assertFalse(request.images_arrived)
        self.assertIn("not settled", request.study_remarks)

    def test_several_studies(self):
        request = self.order()
        ids = {
            self.upload(
                **PERSON, accession_number=request.accession_number,
                time=f'10{n}000') for n in range(3)}
        self.sync()
        request.reload()
        self.assertEqual({s.orthanc_id for s in request.studies}, ids)
        self.assertEqual(request.image_count, 3)

    def test_shared_accession_number(self):
        "One study answers the lines of an order that share their number"
        self.share_numbers()
        requests = self.order(self.test, self.contrast, self.brain)
        number, = {r.accession_number for r in requests}
        id_ = self.upload(**PERSON, accession_number=number)
        self.sync()
        # The line of another modality is not meant
        self.assertLinked(id_, *requests[:2], match='accession_number')
        id_ = self.upload(
            **{**PERSON, 'modality': 'MR'}, accession_number=number)
        self.sync()
        self.assertLinked(id_, requests[2], match='accession_number')
        # A study that has the UID of a line answers that one
        id_ = self.upload(
            **PERSON, accession_number=number,
            study_instance_uid=requests[1].study_instance_uid)
        self.sync()
        self.assertLinked(id_, requests[1], match='study_instance_uid')

    def share_numbers(self):
        Sequences = Model.get('gnuhealth.sequences')
        sequences = Sequences(1)
        sequences.imaging_accession_per_order = True
        sequences.save()

        def restore():
            sequences.imaging_accession_per_order = False
            sequences.save()
        self.addCleanup(restore)

    def test_patients_disagree(self):
        "The order of one and the ID of another: nothing is linked"
        for issued in ['accession_number', 'study_instance_uid']:
            with self.subTest(issued):
                request = self.order()
                id_ = self.upload(
                    **OTHER, **{issued: getattr(request, issued)})
                self.sync()
                study = self.assertConflict(id_, 'patient')
                self.assertIn("Smith, Anna", study.order_explanation)
                self.assertIn("Petrova, Olga", study.order_explanation)
                self.assertEqual(study.suggested_requests[0], request)
                request.reload()
                self.assertFalse(request.images_arrived)

    def test_unconfirmed(self):
        "An accession number waits until the patient is settled"
        request = self.order()
        id_ = self.upload(
            **UNKNOWN, accession_number=request.accession_number)
        self.sync()
        study = self.assertLinked(id_, match='unconfirmed')
        study.local_patient = self.person
        study.save()
        study = self.assertLinked(id_, request, match='accession_number')
        study.local_patient = self.other
        study.save()
        self.assertConflict(id_, 'patient')

    def test_orthanc_patient_by_hand(self):
        "Orders follow where a whole Orthanc patient is linked"
        request = self.order()
        id_ = self.upload(
            **UNKNOWN, accession_number=request.accession_number)
        self.sync()
        patient = self.study(id_).patient
        patient.patient = self.person
        patient.save()
        self.assertLinked(id_, request, match='accession_number')
        self.sync()
        self.assertLinked(id_, request, match='accession_number')

    def test_modality(self):
        request = self.order()
        id_ = self.upload(
            **{**PERSON, 'modality': 'MR'},
            accession_number=request.accession_number)
        self.sync()
        self.assertConflict(id_, 'modality')
        request = self.order(self.xray)
        id_ = self.upload(
            **{**PERSON, 'modality': 'CR'},
            accession_number=request.accession_number)
        self.sync()
        self.assertLinked(id_, request, match='accession_number')

    def test_cancelled(self):
        "A cancelled order attracts nothing until it is opened again"
        request = self.order()
        self.cancel(request)
        id_ = self.upload(
            **PERSON, accession_number=request.accession_number)
        self.sync()
        self.assertConflict(id_, 'cancelled')
        request.click('reopen')
        request.click('requested')
        self.assertLinked(id_, request, match='accession_number')

    def cancel(self, request):
        wizard = request.click('cancel')
        wizard.form.reason = "Not needed"
        try:
            wizard.execute('cancel')
        except UserWarning as warning:
            Model.get('res.user.warning')(
                user=request._config.user, name=warning.name).save()
            wizard.execute('cancel')
        request.reload()
        self.assertEqual(request.state, 'cancelled')

    def test_cancelled_later(self):
        "A cancelled order keeps the studies that it has"
        request = self.order()
        id_ = self.upload(
            **PERSON, accession_number=request.accession_number)
        self.sync()
        self.cancel(request)
        self.sync()
        self.assertLinked(id_, request, match='accession_number')

    def test_missing_and_back(self):
        request = self.order()
        study = {
            **PERSON, 'accession_number': request.accession_number}
        id_ = self.upload(**study)
        self.upload(**UNKNOWN)
        self.sync()
        self.orthanc.delete(f'studies/{id_}')
        self.sync()
        request.reload()
        self.assertFalse(request.images_arrived)
        self.assertEqual(len(request.studies), 1)
        self.upload(**study)
        self.sync()
        request.reload()
        self.assertTrue(request.images_arrived)
        self.assertEqual(len(request.studies), 1)

    def test_corrected_on_the_server(self):
        "What is edited on the server is decided anew"
        requests = [self.order(), self.order()]
        study = {**PERSON, 'time': '101112'}
        self.upload(**UNKNOWN)
        id_ = self.upload(
            **study, accession_number=requests[0].accession_number,
            study_instance_uid='2.25.4711')
        self.sync()
        self.assertLinked(id_, requests[0], match='accession_number')
        self.orthanc.delete(f'studies/{id_}')
        self.assertEqual(id_, self.upload(
                **study, accession_number=requests[1].accession_number,
                study_instance_uid='2.25.4711'))
        self.sync()
        self.assertLinked(id_, requests[1], match='accession_number')

    def test_another_patient(self):
        "An automatic link ends with that to the patient"
        request = self.order()
        id_ = self.upload(
            **PERSON, accession_number=request.accession_number)
        self.sync()
        self.person.party.ref = 'CHANGED'
        self.person.party.save()
        try:
            self.sync()
            self.assertLinked(id_, match='unconfirmed')
        finally:
            self.person.party.ref = 'GNU1'
            self.person.party.save()
        self.sync()
        self.assertLinked(id_, request, match='accession_number')

    def test_by_hand(self):
        "What people link and unlink stays, and is kept with its reason"
        request, second = self.order(), self.order()
        id_ = self.upload(**PERSON)
        self.sync()
        study = self.study(id_)
        self.assertIsNone(study.order_match)
        self.link(study, request=request, reason="Same day")
        self.assertLinked(id_, request, match='manual')
        self.assertEqual(
            self.decisions(study), [('link_order', request, "Same day")])
        self.upload(**PERSON, images=2)
        self.sync()
        self.assertLinked(id_, request, match='manual')
        # Nobody gives the study away meanwhile
        study.reload()
        study.local_patient = self.other
        with self.assertRaises(LinkError):
            study.save()
        study.reload()
        self.link(study, 'refuse', request=request)
        self.assertLinked(id_, match=None)
        # and from the order
        self.link(second, study=self.study(id_))
        self.assertLinked(id_, second, match='manual')

    def test_corrected_patient_id(self):
        "What people decided moves along to the study's new ID"
        linked, refused, taken_off = (self.order() for _ in range(3))
        self.upload(**UNKNOWN)
        studies = [{
                **PERSON, 'patient_id': 'TYPO',
                'study_instance_uid': f'2.25.4{number}',
                'accession_number': request.accession_number}
            for number, request in enumerate(
                [refused, refused, taken_off])]
        ids = [self.upload(**study) for study in studies]
        self.sync()
        patient = self.study(ids[0]).patient
        patient.patient = self.person
        patient.save()
        study = self.study(ids[0])
        self.link(study, request=linked, reason="Seen")
        self.link(study, 'refuse', request=refused)
        result = self.result_of(taken_off)
        result.studies.pop()
        result.save()
        for id_ in ids:
            self.orthanc.delete(f'studies/{id_}')
        ids = [
            self.upload(**{**study, 'patient_id': 'GNU1'})
            for study in studies]
        for _ in range(2):
            self.sync()
            study = self.assertLinked(ids[0], linked, match='manual')
            self.assertEqual(
                [action for action, *_ in self.decisions(study)],
                ['link_order', 'unlink_order'])
            self.assertLinked(ids[1], refused, match='accession_number')
            self.assertLinked(ids[2], taken_off, match='accession_number')
            result.reload()
            self.assertEqual(result.studies, [])
        # Who decides otherwise from now on means it
        self.link(study, 'refuse', request=linked)
        self.sync()
        self.assertLinked(ids[0], match=None)

    def test_other_patient_by_hand(self):
        request = self.order()
        id_ = self.upload(
            **OTHER, accession_number=request.accession_number)
        self.sync()
        with self.assertRaises(LinkError):
            self.link(self.study(id_), request=request)
        self.assertConflict(id_, 'patient')

    def test_refused(self):
        "An automatic link that a person removed does not come back"
        request = self.order()
        id_ = self.upload(
            **PERSON, accession_number=request.accession_number)
        self.sync()
        study = self.study(id_)
        self.link(study, 'refuse', request=request, reason="Other order")
        self.assertLinked(id_, match=None)
        self.upload(
            **PERSON, accession_number=request.accession_number, images=2)
        self.sync()
        self.assertLinked(id_, match=None)
        self.assertEqual(
            self.decisions(study), [('unlink_order', request, "Other order")])
        # Accepting it takes that back
        self.link(study, request=request)
        self.assertLinked(id_, request, match='manual')

    def test_conflict_settled(self):
        request = self.order()
        id_ = self.upload(
            **{**PERSON, 'modality': 'MR'},
            accession_number=request.accession_number)
        self.sync()
        study = self.study(id_)
        self.assertEqual(study.suggested_requests, [request])
        self.link(study, 'refuse', request=request)
        self.assertLinked(id_, match=None)
        self.assertEqual(
            self.decisions(study), [('refuse_order', request, None)])
        study.reload()
        self.assertEqual(study.suggested_requests, [])

    def test_suggestions(self):
        "Open orders of the patient, of that modality and those days"
        Request = Model.get('gnuhealth.imaging.test.request')
        near, nearer = self.order(), self.order()
        for request, days in [(near, 9), (nearer, 2)]:
            Request.write(
                [request.id], {'date': dt.datetime(2026, 1, 2 + days)}, {})
        far = self.order()
        self.order(patient=self.other)
        self.order(self.brain)
        Request.write([far.id], {'date': dt.datetime(2026, 4, 1)}, {})
        id_ = self.upload(**{**PERSON, 'date': '20260102'})
        self.sync()
        study = self.study(id_)
        self.assertEqual(
            [r for r in study.suggested_requests if r.date.year == 2026
                and r.date.month < 5], [nearer, near])

    def test_search(self):
        Request = Model.get('gnuhealth.imaging.test.request')
        arrived, waiting = self.order(), self.order()
        self.upload(**PERSON, accession_number=arrived.accession_number)
        self.sync()
        both = ('id', 'in', [arrived.id, waiting.id])
        for clause, found in [
                (('=', True), arrived), (('=', False), waiting),
                (('!=', True), waiting), (('!=', None), arrived),
                (('in', [True]), arrived), (('not in', [True]), waiting)]:
            with self.subTest(clause):
                self.assertEqual(
                    Request.find([both, ('images_arrived', *clause)]),
                    [found])
        for clause, count in [
                (('in', [True, False]), 2), (('not in', [True, False]), 0),
                (('in', []), 0), (('not in', []), 2)]:
            with self.subTest(clause):
                self.assertEqual(
                    len(Request.find([both, ('images_arrived', *clause)])),
                    count)
        self.assertEqual(arrived.duplicate()[0].studies, [])

    def test_two_servers(self):
        "Both copies of a study answer the order"
        from demo.orthanc_server import OrthancServer
        request = self.order()
        orthancs = [self.orthanc, self.enterContext(OrthancServer())]
        for orthanc in orthancs:
            self.orthanc = orthanc
            self.server = self.add(orthanc) if orthanc is not orthancs[0] \
                else self.server
            self.upload(
                **PERSON, study_instance_uid=request.study_instance_uid)
            self.sync()
        request.reload()
        self.assertEqual(len(request.studies), 2)
        # It is one study all the same, on the order and on the result
        self.assertEqual(request.image_count, 1)
        result = self.result_of(request)
        self.assertEqual(len(result.studies), 1)
        self.sync()
        result.reload()
        self.assertEqual(len(result.studies), 1)
        self.assertEqual(result.late_studies, [])
        # The more complete one counts
        self.upload(
            **PERSON, study_instance_uid=request.study_instance_uid, images=3)
        self.sync()
        request.reload()
        self.assertGreater(request.image_count, 2)
        # What is gone from one server is taken from the other
        # What is gone from one server is there by the other
        self.upload_many(5)
        self.sync()
        copy, = (s for s in request.studies if s.server == self.server)
        self.orthanc.delete(f'studies/{copy.orthanc_id}')
        self.sync()
        copy.reload()
        self.assertTrue(copy.missing_since)
        request.reload()
        self.assertTrue(request.images_arrived)
        self.assertEqual(request.image_count, 1)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which studies count as the images of an order, and which wait for a result.

A study that several servers have is one; what is not of the patient is none.
"""
import datetime as dt

from trytond.modules.health_imaging.exceptions import RequestStateError
from trytond.modules.health_orthanc import bulk, decision
from trytond.pool import Pool

from .stored import ANNA, NOBODY, StoredTestCase, orthanc_study

RESULT = 'gnuhealth.imaging.test.result'
# What a study has that answers the order
ANSWER = {**ANNA, 'AccessionNumber': 'A1'}


def at(hour):
    return f'20260101T{hour:02}0000'


class OrderImagesTestCase(StoredTestCase):
    "Test the images of an order"

    def setUp(self):
        super().setUp()
        self.request = self.order(self.anna, accession_number='A1')
        self.other = self.new_server("Other")

    def reread(self, record):
        self.study(0)  # Clears what is cached
        return type(record)(record.id)

    def assertImages(self, count, hour=None, request=None):
        "Assert how many images of the request there are, and since when"
        request = self.reread(request or self.request)
        self.assertEqual(request.image_count or 0, count)
        if hour:
            self.assertEqual(request.arrived_at, dt.datetime(2026, 1, 1, hour))
        self.assertEqual(request.images_arrived, bool(count))
        self.assertEqual(
            type(request).search([
                    ('id', '=', request.id), ('images_arrived', '=', True)]),
            [request] if count else [])

    def test_found(self):
        "By whether images arrived, by both and by neither"
        Request = type(self.request)
        lacking = self.order(self.anna)
        self.store(orthanc_study('one', **ANSWER))
        ids = [self.request.id, lacking.id]
        for operator, value, found in [
                ('=', True, ids[:1]), ('!=', True, ids[1:]),
                ('=', False, ids[1:]), ('in', [True, False], ids),
                ('in', [], []), ('not in', [True, False], [])]:
            with self.subTest(operator=operator, value=value):
                self.assertEqual([r.id for r in Request.search([
                                ('id', 'in', ids),
                                ('images_arrived', operator, value)],
                            order=[('id', 'ASC')])], found)

    def second_line(self):
        "Another line of the order, which shares its number"
        return self.order(
            self.anna, accession_number='A1', accession_number_shared=True,
            request=self.request.request, request_line='2')

    def test_copies(self):
        "The most complete copy counts, and of these the first"
        third = self.new_server("Third")
        for server, images, hour in [
                (self.server, 2, 10), (self.other, 3, 12), (third, 3, 11)]:
            self.store(
                orthanc_study(
                    'one', images=images, updated=at(hour), **ANSWER),
                server=server)
        self.assertImages(3, 11)
        # Another study is another one
        self.store(
            orthanc_study('two', uid='1.2.4', updated=at(9), **ANSWER),
            server=self.other)
        self.assertImages(4, 11)

    def test_copies_of_two_lines(self):
        "Each line of an order has all images"
        line = self.second_line()
        study, = self.store(orthanc_study('one', images=2, **ANSWER))
        self.assertEqual(set(study.requests), {self.request, line})
        both = type(line).browse([self.request.id, line.id])
        self.assertEqual([r.image_count for r in both], [2, 2])

    def test_series(self):
        "Images have arrived when the last series of images has"
        one = orthanc_study(
            'one', images=2, updated=at(10), study_updated=at(12), **ANSWER)
        two, documents = (
            orthanc_study(
                name, images=images, updated=at(hour), modality=modality)
            for name, modality, images, hour in [
                ('two', 'CT', 1, 8), ('documents', 'sr', 7, 12)])
        self.store(one._replace(series=(
                    *one.series, *two.series, *documents.series)))
        self.assertImages(3, 10)

    def test_not_known_since_when(self):
        "Where the server does not tell of a series it can of the study"
        self.store(orthanc_study('one', study_updated=at(9), **ANSWER))
        self.assertImages(1, 9)

    def test_not_known_at_all(self):
        "Then they arrived when they were found"
        study, = self.store(orthanc_study('one', **ANSWER))
        self.assertEqual(
            self.reread(self.request).arrived_at,
            study.create_date.replace(microsecond=0))

    def test_series_of_documents(self):
        "Where its modality does not tell, what was read of it does"
        study = orthanc_study('one', modality='OT', **ANSWER)
        for document, count in [(True, 0), (False, 1), (None, 1)]:
            with self.subTest(document):
                series, = study.series
                self.store(study._replace(
                        study={**study.study, 'digest': str(document)},
                        series=({
                                **series, 'document': document,
                                'digest': str(document)},)))
                self.assertImages(count)

    def test_documents_do_not_keep_from_reopening(self):
        "Nobody made an image of an order that has documents only"
        for number, (modality, are_images) in enumerate([
                    ('SR', False), ('pr', False), ('KO', False),
                    ('CT', True)]):
            with self.subTest(modality):
                request = self.order(self.anna, accession_number=modality)
                study, = self.store(orthanc_study(
                        modality, uid=f'1.2.7.{number}', modality=modality,
                        **{**ANSWER, 'AccessionNumber': modality}))
                self.assertEqual(study.requests, (request,))
                request = self.reread(request)
                if are_images:
                    with self.assertRaises(RequestStateError):
                        request.reopen([request])
                    continue
                request.reopen([request])
                self.assertEqual(self.reread(request).state, 'draft')

    def test_series_of_no_modality(self):
        self.store(orthanc_study('one', modality=None, **ANSWER))
        self.assertImages(1)

    def test_gone(self):
        "What is gone counts no more, a series or the study"
        one = orthanc_study('one', images=2, updated=at(10), **ANSWER)
        two = orthanc_study('two', updated=at(12))
        self.store(one._replace(
                study={**one.study, 'digest': 'two'},
                series=(*one.series, *two.series)))
        self.assertImages(3, 12)
        study, = self.store(one)
        self.assertImages(2, 10)
        self.vanish(study)
        self.assertImages(0)

    def test_of_nobody(self):
        "Only a UID that was issued says whose a study is that is not linked"
        Link = Pool().get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        study, = self.store(orthanc_study('one', **ANNA))
        Link.create([{'study': study.id, 'request': self.request.id}])
        self.assertImages(1)
        table = Link.__table__()
        for person, match, count in [
                (None, 'manual', 0), (None, 'accession_number', 0),
                (None, 'study_instance_uid', 1),
                (self.olga, 'study_instance_uid', 0)]:
            with self.subTest(person=person, match=match):
                self.make_of(study, person)
                bulk.change(
                    Link, table.update([table.match], [match]), table.study,
                    [study.id])
                self.assertImages(count)

    def make_of(self, study, person):
        "Let it be whose the rules say, past what people are told"
        table = self.Study.__table__()
        bulk.change(
            self.Study, table.update([table.local_patient], [person]),
            table.id, [study.id])

    # On results

    def answered(self, written=True):
        "The result of the order, and the study on it from the beginning"
        study, = self.store(orthanc_study('first', uid='1.2.1', **ANSWER))
        result, = type(self.request).create_results([self.request])
        self.assertEqual(result.studies, (study,))
        if written:
            type(result).write([result], {'comment': "No fracture."})
        return result, study

    def assertWaiting(self, result, *studies):
        result = self.reread(result)
        self.assertEqual(list(result.late_studies), list(studies))
        for clause, has_some in [
                (('=', True), True), (('=', False), False),
                (('!=', True), False), (('!=', False), True)]:
            self.assertEqual(
                result in type(result).search([('has_late_studies', *clause)]),
                has_some == bool(studies), clause)

    def test_late(self):
        "It waits, however it comes to answer the order"
        result, first = self.answered()
        self.assertWaiting(result)
        late, = self.store(orthanc_study('late', **ANSWER))
        self.assertWaiting(result, late)
        type(self.request).match_studies([self.request.id])
        self.assertWaiting(result, late)
        self.assertEqual(set(self.reread(result).studies), {first})

    def test_not_late(self):
        "It is put on what nobody has written yet, beside what is there"
        result, first = self.answered(written=False)
        other, = self.store(orthanc_study('other', **ANSWER))
        self.assertWaiting(result)
        result = self.reread(result)
        self.assertEqual(set(result.studies), {first, other})
        # By what they are called outside
        self.assertEqual(
            result.report_content()['studies'], ['1.2.1', '1.2.3'])

    def test_linked_by_people(self):
        "What people link is put on the result as well"
        result, first = self.answered(written=False)
        other, = self.store(orthanc_study('other', **ANNA))
        Pool().get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study').create([
                {'study': other.id, 'request': self.request.id}])
        self.assertEqual(set(self.reread(result).studies), {first, other})

    def test_late_and_gone(self):
        "What is gone does not wait, its copy does"
        result, _ = self.answered()
        late, = self.store(orthanc_study('late', **ANSWER))
        copy, = self.store(
            orthanc_study('late', **ANSWER), server=self.other)
        self.assertWaiting(result, late)
        self.vanish(late)
        self.assertWaiting(result, copy)

    def test_on_it_and_gone(self):
        "The copy of what is on a result waits where that is gone"
        result, first = self.answered()
        copy, = self.store(
            orthanc_study('first', uid='1.2.1', **ANSWER), server=self.other)
        self.assertWaiting(result)
        self.vanish(first)
        self.assertWaiting(result, copy)

    def test_came_back(self):
        "The link of what is not on the result any more says so"
        result, first = self.answered(written=False)
        self.vanish(first)
        again, = self.store(orthanc_study('again', uid='1.2.1', **ANSWER))
        self.Study.carry_over(self.server.id)
        self.assertEqual(self.reread(result).studies, (again,))
        Link = Pool().get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        self.assertEqual(
            {link.study: bool(link.on_result) for link in Link.search([])},
            {first: False, again: True})

    def test_late_of_nobody(self):
        "What is not linked to the patient does not wait, nor is it put on"
        result, _ = self.answered()
        late, = self.store(orthanc_study('late', **ANSWER))
        self.assertWaiting(result, late)
        for person in [None, self.olga]:
            self.make_of(late, person)
            self.assertWaiting(result)

    def test_left_out(self):
        "Where one copy is left out so are the others"
        result, first = self.answered()
        late, = self.store(orthanc_study('late', **ANSWER))
        self.store(orthanc_study('late', **ANSWER), server=self.other)
        newer, = self.store(orthanc_study('newer', uid='1.2.4', **ANSWER))
        self.assertWaiting(result, late, newer)
        self.Decision.note([{
                    'study': late.id, 'request': self.request.id,
                    'action': decision.LEAVE_OFF_RESULT}])
        self.assertWaiting(result, newer)
        type(result).leave_out([self.reread(result)])
        self.assertWaiting(result)
        self.assertEqual(self.reread(result).studies, (first,))

    def test_taken_off(self):
        "What a person takes off stays off, and so do its copies"
        result, first = self.answered(written=False)
        Link = Pool().get(f'{RESULT}-gnuhealth.orthanc.study')
        with self.checked():
            Link.delete(Link.search([('result', '=', result.id)]))
        self.store(
            orthanc_study('first', uid='1.2.1', **ANSWER), server=self.other)
        self.assertEqual(self.reread(result).studies, ())
        self.assertWaiting(result)
        self.assertEqual(
            [d.action for d in first.decisions], [decision.TAKE_OFF_RESULT])

    def test_taken_off_one_of_two(self):
        "That says nothing of the result of another line"
        line = self.second_line()
        result, first = self.answered(written=False)
        other, = type(line).create_results([line])
        Link = Pool().get(f'{RESULT}-gnuhealth.orthanc.study')
        with self.checked():
            Link.delete(Link.search([('result', '=', result.id)]))
        # Not a person's decision
        Link.delete(Link.search([('result', '=', other.id)]))
        self.assertEqual(self.reread(other).studies, ())
        self.Study.match_orders([first.id])
        self.assertEqual(self.reread(result).studies, ())
        self.assertEqual(self.reread(other).studies, (first,))

    def test_taken_off_by_the_system(self):
        "It is put on again, and not late meanwhile"
        result, first = self.answered(written=False)
        Link = Pool().get(f'{RESULT}-gnuhealth.orthanc.study')
        Link.delete(Link.search([('result', '=', result.id)]))
        self.assertWaiting(result)
        self.Study.match_orders([first.id])
        self.assertEqual(self.reread(result).studies, (first,))

    def test_result_by_itself(self):
        "A result gets the studies of its request however it is made"
        study, = self.store(orthanc_study('one', **ANSWER))
        Result = Pool().get(RESULT)
        result, = Result.create([{
                    'patient': self.anna, 'requested_test': self.test,
                    'request': self.request.id}])
        self.assertEqual(self.reread(result).studies, (study,))

    def test_replicas_are_no_priors(self):
        "A former study is offered once, that which was there first"
        one, = self.store(orthanc_study('one', StudyDate='20260101', **ANNA))
        copy, = self.store(
            orthanc_study('one', StudyDate='20260101', **ANNA),
            server=self.other)
        result = self.result(self.anna)
        self.assertEqual(self.reread(result).prior_studies, (one,))
        self.assertEqual(
            [s.is_replica for s in map(self.study, [one, copy])],
            [False, True])
        for clause, found in [
                (('=', True), [copy]), (('=', False), [one]),
                (('!=', True), [one]), (('!=', False), [copy])]:
            self.assertEqual(
                self.Study.search([('is_replica', *clause)]), found, clause)
        self.vanish(one)
        self.assertFalse(self.study(copy).is_replica)

    def test_same_study_of_a_server(self):
        "What a server has twice is no copy of another server"
        self.store(
            orthanc_study('one', **ANNA),
            orthanc_study('two', **{**NOBODY, 'patient_id': 'X2'}))
        self.assertFalse(self.Study.search([('is_replica', '=', True)]))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What an order and a study are told of each other, and what people refused"
import datetime as dt

from trytond.model.modelsql import ForeignKeyError
from trytond.modules.health_imaging.exceptions import ImagesWarning
from trytond.modules.health_orthanc import bulk, decision
from trytond.modules.health_orthanc.exceptions import LinkError
from trytond.modules.health_orthanc.patient import LATE_COMMIT
from trytond.pool import Pool

from .stored import ANNA, NOBODY, StoredTestCase, orthanc_study
from tests.tools import create_test

LINK = 'gnuhealth.imaging.test.request-gnuhealth.orthanc.study'
OLGA = {
    'patient_id': 'GNU2', 'patient_name': 'Petrova^Olga',
    'birth_date': '19900505', 'sex': 'F'}
ANSWER = {**ANNA, 'AccessionNumber': 'A1'}


class OrderToldTestCase(StoredTestCase):
    "Test what is told of studies that could answer an order"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.brain = create_test("MR brain", code='MRBRAIN', modality='MR').id

    def setUp(self):
        super().setUp()
        self.request = self.order(
            self.anna, accession_number='A1', date=dt.datetime(2026, 1, 5, 9))
        self.Link = Pool().get(LINK)

    def reread(self, record):
        self.study(0)  # Clears what is cached
        return type(record)(record.id)

    def remarks(self, request=None):
        return (self.reread(request or self.request).study_remarks
            or '').splitlines()

    # Remarks

    def test_nothing_to_tell(self):
        self.store(orthanc_study('one', **ANSWER))
        self.assertEqual(len(self.reread(self.request).studies), 1)
        self.assertEqual(self.remarks(), [])

    def test_conflict(self):
        "It is told as long as the server has the study"
        study, = self.store(orthanc_study('one', modality='MR', **ANSWER))
        self.assertEqual(study.order_match, 'conflict')
        remark, = self.remarks()
        self.assertIn("the modality", remark)
        self.assertEqual(self.remarks(self.order(self.anna)), [])
        self.vanish(study)
        self.assertEqual(self.remarks(), [])

    def test_conflict_of_what_is_linked(self):
        "It is told once"
        other = self.order(self.anna, accession_number='A2')
        study, = self.store(orthanc_study('one', **ANSWER))
        self.Link.create([{'study': study.id, 'request': other.id}])
        self.Link.create([{'study': study.id, 'request': self.request.id}])
        bulk.assign(self.Study, [study.id], {'local_patient': None})
        self.Study.match_orders([study.id])
        study = self.study(study)
        self.assertEqual(study.order_match, 'conflict')
        self.assertEqual(len(study.requests), 2)
        self.assertEqual(len(self.remarks()), 1)

    def test_almost(self):
        "So is a number that is almost right, and nobody else's"
        request = self.order(self.anna, accession_number='20260007')
        others = [
            self.order(self.olga, accession_number='X20260007'),
            self.order(self.anna, accession_number='30001111')]
        study, = self.store(orthanc_study(
                'one', **{**ANNA, 'AccessionNumber': '020260007'}))
        self.assertEqual(study.order_match, 'almost')
        remark, = self.remarks(request)
        self.assertIn("almost", remark)
        for other in others:
            self.assertEqual(self.remarks(other), [])
        self.vanish(study)
        self.assertEqual(self.remarks(request), [])

    def test_almost_after_it_was_right(self):
        "A number that is spoilt is told as is one that never was right"
        self.order(self.anna, accession_number='20260007')
        for number, match in [
                ('20260007', 'accession_number'), ('020260007', 'almost'),
                ('1', None)]:
            study, = self.store(orthanc_study(
                    'one', **{**ANNA, 'AccessionNumber': number}))
            self.assertEqual(study.order_match, match)
            self.assertEqual(
                len(study.requests), match == 'accession_number')

    # Explanations

    def test_explained(self):
        "Each order is named once, and what differs as well"
        study, = self.store(orthanc_study('one', **ANSWER))
        name = self.request.rec_name
        self.assertEqual(study.order_explanation.count(name), 1)
        study, = self.store(orthanc_study('one', modality='MR', **ANSWER))
        self.assertEqual(study.order_match, 'conflict')
        self.assertEqual(study.order_explanation.count("the modality"), 1)

    # Suggestions

    def suggested(self, study):
        return [r.id for r in self.study(study).suggested_requests]

    def ordered(self, day, **values):
        return self.order(
            values.pop('person', self.anna), date=dt.datetime.combine(
                day, dt.time(9)), **values).id

    def test_suggested(self):
        "What was requested within a month and fits, the nearest day first"
        day = dt.date(2026, 6, 15)
        after, before, nearest = (
            self.ordered(day + dt.timedelta(days))
            for days in [30, -20, 1])
        for days, values in [
                (31, {}), (-31, {}), (0, {'state': 'draft'}),
                (0, {'person': self.olga}),
                (0, {'requested_test': self.brain})]:
            self.ordered(day + dt.timedelta(days), **values)
        study, undated = self.store(
            orthanc_study('one', StudyDate='20260615', **ANNA),
            orthanc_study('two', uid='1.2.4', **ANNA))
        self.assertEqual(self.suggested(study), [nearest, before, after])
        self.assertEqual(self.suggested(undated), [])
        # What the study names comes before these, once
        study, = self.store(orthanc_study(
                'one', StudyDate='20260615', modality='MR', **ANSWER))
        self.assertEqual(self.suggested(study)[0], self.request.id)

    def test_not_suggested_again(self):
        "Neither what is linked nor what was decided on"
        day = dt.date(2026, 6, 15)
        linked, refused, left = (self.ordered(day) for _ in range(3))
        study, = self.store(
            orthanc_study('one', StudyDate='20260615', **ANNA))
        self.Link.create([{'study': study.id, 'request': linked}])
        self.Link.refuse(study, type(self.request)(refused))
        self.assertEqual(self.suggested(study), [left])
        # Without a decision of anybody
        self.store(orthanc_study('one', StudyDate='20260105', **ANSWER))
        self.assertEqual(
            self.study(study).requests[-1].id, linked)
        other, = self.store(orthanc_study(
                'other', uid='1.2.5', StudyDate='20260105', **ANSWER))
        self.assertEqual(other.requests, (self.request,))
        self.assertEqual(self.suggested(other), [])

    # What people refused

    def test_refused(self):
        "It does not answer the order again, whatever it names"
        study, = self.store(orthanc_study('one', modality='MR', **ANSWER))
        self.assertEqual(study.order_match, 'conflict')
        for _ in range(2):
            self.Link.refuse(study, self.request)
        study = self.study(study)
        self.assertIsNone(study.order_match)
        self.assertEqual(
            [d.action for d in study.decisions], [decision.REFUSE_ORDER])
        self.store(orthanc_study('one', modality='CT', **ANSWER))
        self.assertEqual(self.study(study).requests, ())
        self.Link.create([{'study': study.id, 'request': self.request.id}])
        self.assertEqual(self.study(study).requests, (self.request,))

    def test_taken_off(self):
        "So it is with a link that people took off, of people or not"
        study, = self.store(orthanc_study('two', uid='1.2.4', **ANSWER))
        self.Link.refuse(study, self.request)
        self.Study.match_orders([study.id])
        self.assertEqual(self.study(study).requests, ())
        study, = self.store(orthanc_study('one', **ANNA))
        self.Link.create([{'study': study.id, 'request': self.request.id}])
        self.Link.delete(self.Link.search([('study', '=', study.id)]))
        self.store(orthanc_study('one', **ANSWER))
        self.assertEqual(self.study(study).requests, ())

    def test_refused_almost(self):
        self.order(self.anna, accession_number='20260007')
        study, = self.store(orthanc_study(
                'one', **{**ANNA, 'AccessionNumber': '020260007'}))
        request, = self.study(study).suggested_requests
        self.Link.refuse(study, request)
        self.assertIsNone(self.study(study).order_match)

    def test_refused_of_what_came_back(self):
        "What was decided of the study itself comes before that of its twin"
        study, = self.store(orthanc_study('old', **ANSWER))
        self.Link.refuse(study, self.request)
        twin, = self.store(orthanc_study(
                'new', **{**ANSWER, 'patient_id': ' GNU1'}))
        self.assertEqual(twin.requests, ())
        self.Link.create([{'study': twin.id, 'request': self.request.id}])
        latest = self.Decision.latest_on_orders([study.id, twin.id])
        self.assertEqual({
                id_: action for (id_, _), (_, action) in latest.items()}, {
                study.id: decision.UNLINK_ORDER,
                twin.id: decision.LINK_ORDER})

    def test_linked_by_hand(self):
        "What the study names by itself does not link it once more"
        study, = self.store(orthanc_study('one', **ANNA))
        self.Link.create([{'study': study.id, 'request': self.request.id}])
        self.store(orthanc_study('one', **ANSWER))
        link, = self.Link.search([('study', '=', study.id)])
        self.assertEqual(link.match, 'manual')

    def test_linked_by_hand_of_two(self):
        "What a person chose of two orders that it names is all it answers"
        request = self.order(self.anna, study_instance_uid='1.2.77')
        study, = self.store(orthanc_study('one', uid='1.2.77', **ANSWER))
        self.assertEqual(study.order_match, 'conflict')
        for chosen in [request, self.request]:
            self.Link.delete(self.Link.search([('study', '=', study.id)]))
            self.Link.create([{'study': study.id, 'request': chosen.id}])
            study = self.study(study)
            self.assertEqual(study.requests, (chosen,))
            self.assertEqual(study.order_match, 'manual')

    def test_almost_of_what_is_linked(self):
        "A number that is almost right adds nothing to a link of people"
        self.order(self.anna, accession_number='20260007')
        study, = self.store(orthanc_study('one', **ANNA))
        self.Link.create([{'study': study.id, 'request': self.request.id}])
        self.store(orthanc_study(
                'one', **{**ANNA, 'AccessionNumber': '020260007'}))
        self.assertEqual(self.study(study).order_match, 'manual')

    # A server's

    def changed(self, request, moment):
        "Let it have changed then"
        table = type(request).__table__()
        bulk.change(
            type(request), table.update([table.write_date], [moment]),
            table.id, [request.id])

    def test_of_a_server(self):
        "Its studies are decided on, where the order changed since or in doubt"
        other = self.new_server("Other")
        names = [
            ('open', self.server, self.anna, ANNA),
            ('changed', self.server, self.anna, ANNA),
            ('before', self.server, self.olga, OLGA),
            ('else', other, self.anna, ANNA)]
        ids = {}
        now = dt.datetime(2026, 6, 1)
        self.changed(self.request, now - LATE_COMMIT * 2)
        for number, (name, server, person, values) in enumerate(names, 1):
            accession = f'B{number}'
            request = self.order(person, accession_number=accession)
            study, = self.store(
                orthanc_study(
                    name, uid=f'1.3.{number}',
                    **{**values, 'AccessionNumber': accession}),
                server=server)
            ids[name] = study.id
            self.changed(
                request, now - LATE_COMMIT * 2 if name in {'open', 'before'}
                else now - LATE_COMMIT / 2)
        links = self.Link.__table__()

        def matched(since):
            "The studies that are linked after they lost their links"
            bulk.change(
                self.Link, links.delete(), links.study, list(ids.values()))
            bulk.assign(self.Study, list(ids.values()), {'order_match': None})
            bulk.assign(
                self.Study, [ids['open'], ids['else']],
                {'order_match': 'almost'})
            self.Study.match_server_orders(self.server.id, since)
            return {
                name for name, id_ in ids.items() if self.study(id_).requests}

        self.assertEqual(matched(now), {'open', 'changed'})
        self.assertEqual(matched(None), {'open', 'changed', 'before'})

    # Results without images

    def test_lacking_images(self):
        "A server that is there makes people expect images"
        Request = type(self.request)
        with self.checked(), self.assertRaises(ImagesWarning):
            Request.warn_lacking_images([self.request])
        other = self.order(self.anna, accession_number='A2')
        self.store(orthanc_study('one', **ANSWER))
        request, other = map(self.reread, [self.request, other])
        self.assertEqual(Request._lacking_images([request, other]), [other])
        Server = Pool().get('gnuhealth.orthanc.config')
        bulk.assign(Server, [self.server.id], {'validated': False})
        self.assertEqual(Request._lacking_images([request, other]), [])

    # What a result is made from

    def test_of_another_patient(self):
        "It does not become that of another patient by what a person does"
        other, study = self.store(
            orthanc_study('other', uid='1.2.4', **OLGA),
            orthanc_study('one', **ANNA))
        self.result(self.olga, other)
        self.result(self.anna, study)
        with self.checked():
            self.link(study, self.anna)
            self.assertEqual(self.study(study).local_patient.id, self.anna)
            for decide, *args in [
                    (self.link, study, self.olga),
                    (self.Study.refuse, [study], self.patient(self.anna))]:
                with self.assertRaises(LinkError):
                    decide(*args)

    def test_deleted(self):
        "The study of a result is not deleted"
        study, = self.store(orthanc_study('one', **NOBODY))
        self.link(study, self.anna)
        self.result(self.anna, study)
        with self.assertRaises(ForeignKeyError):
            self.Study.delete([self.study(study)])

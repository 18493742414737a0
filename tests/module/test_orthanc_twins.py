# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What people did to a study that came back under another Orthanc ID"
import unittest

from trytond.modules.health_orthanc import decision
from trytond.pool import Pool

from .stored import ANNA, NOBODY, StoredTestCase, orthanc_study


class TwinsTestCase(StoredTestCase):
    "Studies that come back"

    def came_back(self, *new, act=None, **values):
        """Let a study come back as those of new; return it and them.

        act is what is done with it before.
        """
        old, = self.store(orthanc_study('old', **{**NOBODY, **values}))
        if act:
            act(old)
        self.vanish(old)
        back = self.store(*new)
        self.Study.carry_over(self.server.id)
        return self.study(old), *map(self.study, back)

    def link_anna(self, study):
        self.link(study, self.anna)

    def test_link(self):
        old, new = self.came_back(
            orthanc_study('new', **{**NOBODY, 'patient_id': 'X2'}),
            act=self.link_anna)
        self.assertEqual(new.local_patient.id, self.anna)
        self.assertEqual(new.match, 'manual')

    def test_link_of_another_uid(self):
        _, new = self.came_back(
            orthanc_study('new', uid='1.2.4', **NOBODY), act=self.link_anna)
        self.assertIsNone(new.local_patient)

    def test_two_could_be_meant(self):
        "Nothing moves where the UID is that of two studies"
        _, *both = self.came_back(
            orthanc_study('new', **{**NOBODY, 'patient_id': 'X2'}),
            orthanc_study('newer', **{**NOBODY, 'patient_id': 'X3'}),
            act=self.link_anna)
        for study in both:
            self.assertIsNone(study.local_patient)
            self.assertEqual(study.match, 'unmatched')

    def test_result_where_two_could_be_meant(self):
        def report(study):
            self.link(study, self.anna)
            self.result_ = self.result(self.anna, study)

        self.came_back(
            orthanc_study('new', **ANNA),
            orthanc_study('newer', **{**ANNA, 'patient_id': ' GNU1'}),
            act=report)
        Result = Pool().get('gnuhealth.imaging.test.result')
        self.assertEqual(
            [s.orthanc_id for s in Result(self.result_.id).studies], ['old'])

    def test_decided_differently(self):
        "Nothing moves where people decided differently of what is gone"
        one, other = self.store(
            orthanc_study('one', **NOBODY),
            orthanc_study('other', **{**NOBODY, 'patient_id': 'X2'}))
        self.link(one, self.anna)
        self.link(other, self.olga)
        self.vanish(one, other)
        new, = self.store(
            orthanc_study('new', **{**NOBODY, 'patient_id': 'X3'}))
        self.Study.carry_over(self.server.id)
        self.assertIsNone(self.study(new).local_patient)

    def test_somebody_elses_by_its_new_id(self):
        "The link stays behind"
        _, new = self.came_back(
            orthanc_study('new', **ANNA),
            act=lambda study: self.link(study, self.olga))
        self.assertEqual(new.local_patient.id, self.anna)
        self.assertEqual(new.match, 'identifier')

    # Orders

    def link_order(self, study, person=None):
        Link = Pool().get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        person = person or self.anna
        self.link(study, person)
        self.request = self.order(person)
        Link.create([{'study': study.id, 'request': self.request.id}])

    def orders(self, study):
        return [request.id for request in study.requests]

    def test_order(self):
        old, new = self.came_back(
            orthanc_study('new', **{**NOBODY, 'patient_id': 'X2'}),
            act=self.link_order)
        self.assertEqual(self.orders(new), [self.request.id])
        self.assertEqual(self.orders(old), [])

    def test_order_where_two_could_be_meant(self):
        old, *both = self.came_back(
            orthanc_study('new', **ANNA),
            orthanc_study('newer', **{**ANNA, 'patient_id': ' GNU1'}),
            act=self.link_order)
        for study in both:
            self.assertEqual(study.local_patient.id, self.anna)
            self.assertEqual(self.orders(study), [])
            self.assertEqual(self.decided(study), [])
        self.assertEqual(self.orders(old), [self.request.id])

    def decided(self, study):
        return [
            d.action for d in study.decisions
            if d.action in decision.ORDER_ACTIONS]

    def test_order_of_another_patient(self):
        "The link stays behind where the study is of somebody else now"
        old, new = self.came_back(
            orthanc_study('new', **ANNA),
            act=lambda study: self.link_order(study, self.olga))
        self.assertEqual(new.local_patient.id, self.anna)
        self.assertEqual(self.orders(new), [])
        self.assertEqual(self.orders(old), [self.request.id])

    def test_order_refused(self):
        def refuse(study):
            RequestStudy = Pool().get(
                'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
            self.link(study, self.anna)
            self.request = self.order(self.anna)
            with self.checked():
                RequestStudy.refuse(study, self.request)

        _, new = self.came_back(orthanc_study('new', **ANNA), act=refuse)
        self.assertEqual(self.decided(new), ['refuse_order'])


if __name__ == '__main__':
    unittest.main()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Twenty people who press something at once"
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from threading import Barrier
from unittest.mock import patch

from trytond.modules.health_imaging import locking

from ..module.access_records import create
from ..rpc import PASSWORD, Refused, User
from ..tools import create_user
from .case import ADMINS, LINK, REQUEST, SERIES, SERVER, STUDY, AttackCase

PEOPLE = 20
# It takes 2 s on a machine that does nothing else. What PostgreSQL has to
# find out and stop takes longer than this.
PATIENCE = 20
# How often a press is begun anew: once if it is late, and some are again by
# who comes between. Where all tried again at once it would be 10 times.
MOST_BEGUN = 3
TROUBLES = ['deadlock', 'serializ', 'lock', 'Operational', 'psycopg', 'Error:']


class CrowdCase(AttackCase):
    "Test what twenty people do at once"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        create_user(
            'crowd', *ADMINS, 'health_imaging.group_health_imaging_reporting',
            password=PASSWORD)
        cls.crowd = [User('crowd') for _ in range(PEOPLE)]
        cls.slowest = {}

    @classmethod
    def tearDownClass(cls):
        for what, (seconds, cpu) in cls.slowest.items():
            # Also where what tests print is not shown. What took the
            # processor is the time on a machine that does nothing else
            print(
                f"{what:<24} slowest {seconds:6.2f} s, processor {cpu:6.2f} s",
                file=sys.__stderr__)
        super().tearDownClass()

    def at_once(self, what, press, times=1, patience=PATIENCE):
        """Return the answers of all; those who are refused have the sentence.

        What each does is to press so many times, for so many seconds at most.
        """
        barrier = Barrier(PEOPLE)

        def run(user):
            barrier.wait()
            begin = time.monotonic()
            try:
                answer = press(user)
            except Refused as refusal:
                answer = refusal
            return answer, time.monotonic() - begin

        with patch.object(
                locking, '_select_for_update', autospec=True,
                side_effect=locking._select_for_update) as begun, \
                ThreadPoolExecutor(PEOPLE) as executor:
            cpu = time.process_time()
            answers, seconds = zip(
                *executor.map(run, self.crowd), strict=True)
        self.slowest[what] = max(seconds), time.process_time() - cpu
        self.assertLess(begun.call_count, MOST_BEGUN * PEOPLE * times)
        for answer in answers:
            if isinstance(answer, Refused):
                self.check_sentence(answer)
        self.assertLess(max(seconds), patience)
        return answers

    def check_sentence(self, refusal):
        "It is one of ours, and says nothing of the database"
        self.assertIn('UserError', str(refusal))
        for trouble in TROUBLES:
            self.assertNotIn(trouble, str(refusal))

    def one_by_one(self, what, ids, press):
        """Let each press on some of the records, one after the other.

        Two come to each of the records, or all to the only one. Return how
        often it was not refused, by the record.
        """
        each = 2 * len(ids) // PEOPLE or 1
        what, seconds = f'{what} {len(ids)}', []

        def press_some(user):
            begin, done = self.crowd.index(user) * each // 2, []
            for number in range(begin, begin + each):
                id_ = ids[number % len(ids)]
                pressed = time.monotonic()
                try:
                    press(user, id_)
                except Refused as refusal:
                    self.check_sentence(refusal)
                else:
                    done.append(id_)
                seconds.append(time.monotonic() - pressed)
            return done
        done = self.at_once(what, press_some, each)
        self.slowest[what] = max(seconds), self.slowest[what][1] / each
        return Counter(chain.from_iterable(done))

    def requests(self, count, **values):
        return [
            create(REQUEST, {
                    'patient': self.patient.id, 'doctor': self.doctor.id,
                    'requested_test': self.test.id, **values})
            for _ in range(count)]

    def refused(self, answers):
        return [a for a in answers if isinstance(a, Refused)]

    def execute(self, user, wizard, model, ids, state, data):
        "Run one state of a wizard on the records"
        wizard = f'wizard.{wizard}'
        context = {
            'active_model': model, 'active_id': ids[0], 'active_ids': ids}
        session, *_ = user.call(f'{wizard}.create', context)
        return user.call(f'{wizard}.execute', session, data, state, context)

    def study(self, uid):
        "Make a study of the patient"
        return create(STUDY, {
                'server': self.ids[SERVER], 'orthanc_id': f's{uid}',
                'patient': self.ids['gnuhealth.orthanc.patient'],
                'local_patient': self.patient.id, 'study_instance_uid': uid})

    def image(self, request):
        "Let an image answer the request"
        study = self.study(f'3.{request}')
        create(SERIES, {
                'server': self.ids[SERVER], 'study': study,
                'orthanc_id': f'i{request}', 'image_count': 1})
        create(LINK, {'study': study, 'request': request})

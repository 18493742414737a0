# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty people press the same button on the same records at once.

Each gets the right answer or the right sentence, nothing is done twice, and
nobody waits long.
"""
import datetime as dt
import sys
import time
import unittest
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from threading import Barrier
from unittest.mock import patch

from proteus import Model

from trytond import backend
from trytond.modules.health_imaging import locking

from ..module.access_records import create
from ..rpc import PASSWORD, Refused, User
from ..tools import create_health_professional, create_user
from .case import (
    ADMINS, FINDING, LINK, PERFORMED_STEP, REQUEST, RESULT, SERIES, SERVER,
    STUDY, AttackCase)

PEOPLE = 20
# It takes 2 s on a machine that does nothing else. What PostgreSQL has to
# find out and stop takes longer than this.
PATIENCE = 20
# How often a press is begun anew: once if it is late, and some are again by
# who comes between. Where all tried again at once it would be 10 times.
MOST_BEGUN = 3
TROUBLES = ['deadlock', 'serializ', 'lock', 'Operational', 'psycopg', 'Error:']


@unittest.skipIf(backend.name == 'sqlite', "SQLite has one writer at a time")
class CrowdTestCase(AttackCase):
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

    def at_once(self, what, press, times=1):
        """Return the answers of all; those who are refused have the sentence.

        What each does is to press so many times.
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
        self.assertLess(max(seconds), PATIENCE)
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

    def steps(self, ids):
        "Return the steps that the requests took"
        return self.inside(lambda pool: [
                [step.to_state for step in reversed(request.steps)]
                for request in pool.get(REQUEST).browse(ids)])

    def test_request(self):
        for count in [1, 40]:
            ids = self.requests(count)
            # Some mark them from the last to the first
            answers = self.at_once(f'Request {count}', lambda user, ids=ids: (
                    user.call(
                        f'model.{REQUEST}.requested',
                        ids[::(-1) ** self.crowd.index(user)], {})))
            self.assertEqual(len(self.refused(answers)), PEOPLE - 1)
            self.assertEqual(self.steps(ids), [['draft', 'requested']] * count)
            numbers = self.inside(lambda pool, ids=ids: {
                    r.accession_number for r in pool.get(REQUEST).browse(ids)})
            self.assertEqual(len(numbers), count)

    def test_overlapping(self):
        "Each has some records that others have as well"
        ids = self.requests(40)
        parts = [
            (ids[n:n + 10] + ids[:max(0, n - 30)])[::(-1) ** (n // 2)]
            for n in range(0, 40, 2)]
        answers = self.at_once('Request overlapping', lambda user: (
                user.call(
                    f'model.{REQUEST}.requested',
                    parts[self.crowd.index(user)], {})))
        self.assertLess(len(self.refused(answers)), PEOPLE)
        for steps in self.steps(ids):
            self.assertIn(steps, [['draft'], ['draft', 'requested']])

    def test_reopen(self):
        for count in [1, 40]:
            ids = self.requests(count, state='requested')
            answers = self.at_once(f'Reopen {count}', lambda user, ids=ids: (
                    user.call(f'model.{REQUEST}.reopen', ids, {})))
            self.assertEqual(len(self.refused(answers)), PEOPLE - 1)

    def test_cancel(self):
        for count in [1, 40]:
            ids = self.requests(count, state='requested')
            answers = self.at_once(f'Cancel {count}', lambda user, ids=ids: (
                    self.execute(
                        user, 'gnuhealth.imaging.test.request.cancel',
                        REQUEST, ids, 'cancel', {'start': {
                                'requests': ids, 'reason': "Once"}})))
            self.assertEqual(len(self.refused(answers)), PEOPLE - 1)
            self.assertEqual(
                self.steps(ids), [['requested', 'cancelled']] * count)

    def validate(self, validated):
        "Say whether the server can have images, of which people are asked"
        self.inside(lambda pool: pool.get(SERVER).write(
                [pool.get(SERVER)(self.ids[SERVER])],
                {'validated': validated}))

    def test_generate_results(self):
        self.validate(False)
        self.addCleanup(self.validate, True)
        for count in [1, 40]:
            ids = self.requests(count, state='requested')
            answers = self.at_once(f'Results {count}', lambda user, ids=ids: (
                    self.execute(
                        user, 'wizard.generate.result', REQUEST, ids, 'open_',
                        {})))
            self.assertEqual(self.refused(answers), [])
            results = self.inside(
                lambda pool, ids=ids: pool.get(RESULT).search(
                    [('request', 'in', ids)], count=True))
            self.assertEqual(results, count)

    def reconcile(self, what, ids, state):
        "Let all decide the same of the studies, which is done once"
        answers = self.at_once(f'{what} {len(ids)}', lambda user: (
                self.execute(
                    user, 'gnuhealth.orthanc.reconcile', STUDY, ids, state, {
                        'start': {
                            'studies': ids, 'patient': self.patient.id,
                            'reason': "Same"}})))
        self.assertEqual(self.refused(answers), [])
        return self.inside(lambda pool: (
                pool.get(STUDY).search([
                        ('id', 'in', ids),
                        ('local_patient', '=', self.patient.id)], count=True),
                pool.get('gnuhealth.orthanc.decision').search(
                    [('study', 'in', ids)], count=True)))

    def test_take(self):
        "One gets it, the others are told who has it"
        create_user(
            'other', 'health_imaging.group_health_imaging_reporting',
            password=PASSWORD)
        others = self.crowd
        self.crowd = [
            *others[:PEOPLE // 2], *(
                User('other') for _ in range(PEOPLE // 2))]
        try:
            for count in [1, 40]:
                ids = self.requests(
                    count, state='requested', procedure_status='completed')
                self.inside(lambda pool, ids=ids: [
                        pool.get(RESULT).create([r._get_result_values()])
                        for r in pool.get(REQUEST).browse(ids)])
                answers = self.at_once(f'Take {count}', lambda user, ids=ids: (
                        user.call(
                            f'model.{REQUEST}.take',
                            ids[::(-1) ** self.crowd.index(user)], {})))
                refused = self.refused(answers)
                self.assertEqual(len(refused), PEOPLE // 2)
                for refusal in refused:
                    self.assertIn('being read by', str(refusal))
                readers = self.inside(lambda pool, ids=ids: {
                        r.reader.id for r in pool.get(REQUEST).browse(ids)})
                self.assertEqual(len(readers), 1)
        finally:
            self.crowd = others

    def test_read(self):
        "Who reads it has one report of it, and gives it back once"
        for count in [1, 40]:
            ids = self.requests(
                count, state='requested', procedure_status='completed')
            for request in ids:
                self.image(request)
            answers = self.at_once(f'Read {count}', lambda user, ids=ids: (
                    self.execute(
                        user, 'gnuhealth.imaging.test.request.read', REQUEST,
                        ids[::(-1) ** self.crowd.index(user)], 'take', {})))
            self.assertEqual(self.refused(answers), [])
            results = self.inside(
                lambda pool, ids=ids: pool.get(RESULT).search(
                    [('request', 'in', ids)], count=True))
            self.assertEqual(results, count)
            answers = self.at_once(
                f'Give Back {count}', lambda user, ids=ids: user.call(
                    f'model.{REQUEST}.give_back', ids, {}))
            self.assertEqual(self.refused(answers), [])
            self.assertEqual(self.inside(lambda pool, ids=ids: {
                        r.reader for r in pool.get(REQUEST).browse(ids)}),
                {None})

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

    def test_critical(self):
        "A finding is told and acknowledged once"
        create_user(
            'teller', 'health_imaging.group_health_imaging',
            password=PASSWORD)
        teller, now = User('teller'), dt.datetime(2026, 1, 1)
        for count in [1, 40]:
            ids = [
                create(FINDING, {
                        'result': result, 'category': 'hours',
                        'finding': "Bleeding", 'told_to': "Doctor",
                        'told_how': 'phone', 'told_at': now, 'seen_at': now})
                for result in self.results(count)]
            teller.call(f'model.{FINDING}.tell', ids, {})
            answers = self.at_once(
                f'Acknowledge {count}', lambda user, ids=ids: user.call(
                    f'model.{FINDING}.acknowledge',
                    ids[::(-1) ** self.crowd.index(user)], {}))
            self.assertEqual(len(self.refused(answers)), PEOPLE - 1)

    def test_mark_read(self):
        "It is kept once that the user read a report"
        user, = Model.get('res.user').find([('login', '=', 'crowd')])
        professional = create_health_professional(
            "Carla", "Crowd", user=user).id
        for count in [1, 40]:
            requests = self.requests(count, doctor=professional)
            ids = [
                create(RESULT, {
                        'request': request, 'patient': self.patient.id,
                        'doctor': professional, 'comment': "Normal.",
                        'requested_test': self.test.id})
                for request in requests]
            self.crowd[0].call(f'model.{RESULT}.sign', ids, {})
            answers = self.at_once(
                f'Mark Read {count}', lambda user, ids=ids: user.call(
                    f'model.{RESULT}.mark_read', ids, {}))
            self.assertEqual(self.refused(answers), [])
            self.assertEqual(self.inside(lambda pool, ids=ids: pool.get(
                        f'{RESULT}.seen').search(
                        [('result', 'in', ids)], count=True)), count)

    def performed(self, count):
        "Return reports of steps that name no order"
        now = dt.datetime(2026, 1, 1)
        return [
            create(PERFORMED_STEP, {
                    'sop_instance_uid': f'2.25.{count}.{n}', 'number': 1,
                    'status': 'COMPLETED', 'match': 'unscheduled',
                    'received': now})
            for n in range(count)]

    def settled(self, ids):
        "Return how often people said of which order each of the steps is"
        return self.inside(lambda pool: [
                len([
                        row for row in step.reports
                        if row.match == 'manual' and row.user])
                for step in pool.get(PERFORMED_STEP).browse(ids)])

    def test_settle(self):
        "Of which order a step is, is said once; the others are told"
        for state, count in [('link', 1), ('link', 40), ('refuse', 20)]:
            ids, requests = self.performed(count), self.requests(count)
            self.crowd[0].call(f'model.{REQUEST}.requested', requests, {})
            self.assertEqual(
                self.settle(state, dict(zip(ids, requests, strict=True))),
                dict.fromkeys(ids, 1))
            self.assertEqual(self.settled(ids), [1] * count)

    def settle(self, state, orders):
        "Let all say of which orders the steps are"
        return self.one_by_one(
            f'Settle: {state}', list(orders), lambda user, step: (
                self.execute(
                    user, 'gnuhealth.imaging.performed_step.settle',
                    PERFORMED_STEP, [step], state, {'start': {
                            'step': step, 'request': orders[step],
                            'reason': "Same"}})))

    def test_link_order(self):
        "A study is linked to an order once, and is refused once"
        for count in [1, 40]:
            studies = [self.study(f'2.{count}.{n}') for n in range(count)]
            orders = dict(zip(studies, self.requests(count), strict=True))
            self.assertEqual(
                self.link_orders('link', orders), dict.fromkeys(studies, 1))
            self.assertEqual(self.decisions(studies), {'link_order': count})
            self.assertEqual(
                self.link_orders('refuse', orders), dict.fromkeys(
                    studies, PEOPLE if count == 1 else 2))
            self.assertEqual(self.decisions(studies), {
                    'link_order': count, 'unlink_order': count})

    def link_orders(self, state, orders):
        "Let all decide of the studies and their orders"
        return self.one_by_one(
            f'Link to Order: {state}', list(orders), lambda user, study: (
                self.execute(
                    user, 'gnuhealth.orthanc.study.link_order', STUDY,
                    [study], state, {'start': {
                            'study': study, 'request': orders[study],
                            'reason': "Same"}})))

    def decisions(self, studies):
        "Return how often what was decided of the studies"
        return self.inside(lambda pool: Counter(
                decision.action for decision in pool.get(
                    'gnuhealth.orthanc.decision').search(
                    [('study', 'in', studies)])))

    def test_reconcile(self):
        for count in [1, 40]:
            ids = [create(STUDY, {
                        'server': self.ids[SERVER],
                        'orthanc_id': f'c{count}-{n}',
                        'patient': self.ids['gnuhealth.orthanc.patient'],
                        'patient_id': 'OTHER', 'person_name': 'BETZ^ANA',
                        'patient_name': 'BETZ^ANA', 'sex': 'F',
                        'study_instance_uid': f'1.{count}.{n}'})
                for n in range(count)]
            self.assertEqual(
                self.reconcile('Link', ids, 'link'), (count, count))
            self.assertEqual(
                self.reconcile('Unlink', ids, 'unlink'), (0, 2 * count))
            self.assertEqual(
                self.reconcile('Refuse', ids, 'refuse'), (0, 3 * count))
            answers = self.at_once(
                f'Decide anew {count}', lambda user, ids=ids: user.call(
                    f'model.{STUDY}.decide_anew', ids, {}))
            self.assertEqual(self.refused(answers), [])

    def test_procedure(self):
        for count in [1, 40]:
            ids = self.requests(count)
            self.crowd[0].call(f'model.{REQUEST}.requested', ids, {})
            for button in ['arrive', 'start', 'complete']:
                answers = self.at_once(
                    f'{button} {count}',
                    lambda user, ids=ids, button=button: user.call(
                        f'model.{REQUEST}.{button}', ids, {}))
                self.assertEqual(len(self.refused(answers)), PEOPLE - 1)
            self.assertEqual(
                self.statuses(ids),
                [['arrived', 'started', 'completed']] * count)

    def test_discontinue(self):
        for count in [1, 40]:
            ids = self.requests(count)
            self.crowd[0].call(f'model.{REQUEST}.requested', ids, {})
            answers = self.at_once(f'Discontinue {count}', lambda u, ids=ids: (
                    self.execute(
                        u, 'gnuhealth.imaging.procedure.discontinue',
                        REQUEST, ids, 'discontinue', {'start': {
                                'requests': ids, 'reason': "Once"}})))
            self.assertEqual(len(self.refused(answers)), PEOPLE - 1)
            self.assertEqual(self.statuses(ids), [['discontinued']] * count)

    def statuses(self, ids):
        "Return where people took the procedures of the requests"
        return self.inside(lambda pool: [
                [s.procedure_status for s in reversed(request.steps)
                    if s.procedure_status]
                for request in pool.get(REQUEST).browse(ids)])

    def results(self, count):
        return [
            create(RESULT, {
                    'patient': self.patient.id, 'doctor': self.doctor.id,
                    'requested_test': self.test.id, 'comment': "Normal."})
            for _ in range(count)]

    def kinds(self, ids):
        "Return the kinds of the versions of the reports"
        return self.inside(lambda pool: [
                [version.kind for version in reversed(result.versions)]
                for result in pool.get(RESULT).browse(ids)])

    def test_sign(self):
        for count in [1, 40]:
            ids = self.results(count)
            for button, kinds in [
                    ('preliminary', ['preliminary']),
                    ('sign', ['preliminary', 'final'])]:
                answers = self.at_once(
                    f'{button} {count}',
                    lambda user, ids=ids, button=button: user.call(
                        f'model.{RESULT}.{button}', ids, {}))
                self.assertEqual(len(self.refused(answers)), PEOPLE - 1)
                self.assertEqual(self.kinds(ids), [kinds] * count)

    def change(self, what, ids, state, version):
        "Let all change the same reports in the same way"
        def press(user):
            for id_ in ids:
                self.execute(
                    user, f'gnuhealth.imaging.test.result.{what}', RESULT,
                    [id_], state, {'start': {
                            'result': id_, 'version': version,
                            'comment': "Other.", 'reason': "Once"}})
        return self.at_once(f'{what} {len(ids)}', press)

    def test_change_report(self):
        "Nothing of what several say of a report is lost"
        ids = self.results(1)
        self.crowd[0].call(f'model.{RESULT}.sign', ids, {})
        answers = self.change('addendum', ids, 'sign', 1)
        self.assertEqual(self.refused(answers), [])
        kinds = ['final', *['addendum'] * PEOPLE]
        self.assertEqual(self.kinds(ids), [kinds])
        for what, state, kind in [
                ('correct', 'sign', 'correction'),
                ('withdraw', 'withdraw', 'error')]:
            answers = self.change(what, ids, state, len(kinds))
            self.assertEqual(len(self.refused(answers)), PEOPLE - 1)
            kinds.append(kind)
            self.assertEqual(self.kinds(ids), [kinds])
        self.assertEqual(self.inside(lambda pool: pool.get(
                        f'{RESULT}.version').misfits(
                    pool.get(RESULT).browse(ids))), {})

    def test_server(self):
        # Nothing listens there
        server = create(SERVER, {
                'label': "Main", 'url': 'http://127.0.0.1:1/',
                'validated': True})
        for button in ['confirm_missing', 'check']:
            answers = self.at_once(button, lambda user, button=button: (
                    user.call(f'model.{SERVER}.{button}', [server], {})))
            self.assertEqual(self.refused(answers), [])

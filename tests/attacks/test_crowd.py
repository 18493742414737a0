# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty people press buttons on the same records at once.

Each gets the right answer or the right sentence, nothing is done twice, and
nobody waits long.
"""
import datetime as dt
import time
import unittest
from collections import Counter, deque

from proteus import Model

from trytond import backend

from ..module.access_records import create
from ..rpc import PASSWORD, Refused, User
from ..tools import create_health_professional, create_user
from .case import (
    ADMINS, FINDING, PERFORMED_STEP, REQUEST, RESULT, SERVER, STUDY)
from .crowd_case import PATIENCE, PEOPLE, CrowdCase


@unittest.skipIf(backend.name == 'sqlite', "SQLite has one writer at a time")
class CrowdTestCase(CrowdCase):
    "Test twenty people who press the same button"

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


@unittest.skipIf(backend.name == 'sqlite', "SQLite has one writer at a time")
class MixedCrowdTestCase(CrowdCase):
    "Test twenty people who do different things with the same reports"

    # What they do, and the groups that it takes beside that of reporting
    GROUPS = {
        'write': [], 'sign': [], 'add': [], 'take': [], 'give_back': ADMINS}
    EACH = PEOPLE // len(GROUPS)
    # How often each does it with each report, if that is not signed before;
    # who writes does so once more when it is
    TIMES = 4
    # A report is signed from so many lines on; of those who write at once one
    # is not refused, hence there are more
    ENOUGH = 3
    # How often each tries what others hinder
    TRIES = 200

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.crowd = []
        for what, groups in cls.GROUPS.items():
            for number in range(cls.EACH):
                login = f'{what}-{number}'
                create_user(
                    login, 'health_imaging.group_health_imaging_reporting',
                    *groups, password=PASSWORD)
                cls.crowd.append(User(login))

    def begin_reports(self, count):
        "Return the requests that are to be read, by their begun reports"
        requests = self.requests(
            count, state='requested', procedure_status='completed')
        for request in requests:
            self.image(request)
        return {
            create(RESULT, {
                    'request': request, 'patient': self.patient.id,
                    'requested_test': self.test.id, 'doctor': self.doctor.id,
                    'comment': "Begun."}): request
            for request in requests}

    def test_mixed(self):
        "Each report is signed once, and has all that was accepted"
        self.reports = self.begin_reports(2)
        # What was accepted is kept as what, whose, of which report and text
        self.accepted, self.seconds = [], Counter()
        self.at_once(
            'Mixed', self.go_round, self.TRIES, patience=PEOPLE * PATIENCE)
        for what, seconds in self.seconds.items():
            self.slowest[f'Mixed: {what}'] = seconds, 0
            self.assertLess(seconds, PATIENCE, what)
        self.assertEqual(
            {what for what, *_ in self.accepted}, self.GROUPS.keys())
        self.inside(self.check_reports)

    def check_reports(self, pool):
        "Check what became of the reports"
        reports = pool.get(RESULT).browse(list(self.reports))
        self.assertEqual(pool.get(f'{RESULT}.version').misfits(reports), {})
        for report in reports:
            signed, *added = reversed(report.versions)
            # It has what the one who signed it saw
            self.assertEqual(
                [(signed.user.login, signed.comment)],
                self.of(report, 'sign'))
            self.assertEqual(
                (signed.kind, report.signed_by), ('final', signed.user))
            self.assertEqual(
                sorted(report.comment.splitlines()),
                sorted(["Begun.", *(
                            line for _, line in self.of(report, 'write'))]))
            self.assertEqual(
                sorted((v.kind, v.user.login, v.comment) for v in added),
                sorted(('addendum', *of) for of in self.of(report, 'add')))
            self.assertEqual(len(added), self.EACH)

    def of(self, report, what):
        "Return who was not refused to do this with the report, and the text"
        return [
            (login, text) for done, login, id_, text in self.accepted
            if (done, id_) == (what, report.id)]

    def go_round(self, user):
        "Do what the user does with each of the reports, as often as it takes"
        what, number = user.login.split('-')
        left = deque(self.reports)
        left.rotate(int(number))
        for turn in range(self.TRIES):
            left = [
                report for report in left
                if not getattr(self, what)(user, report, turn)]
            if not left:
                return
        self.fail(f"{user.login} did not get through")

    def press(self, user, report, method, *params, text=''):
        "Return why the user is refused, nothing if that is not so"
        what, _ = user.login.split('-')
        begin = time.monotonic()
        try:
            method(*params)
        except Refused as refusal:
            self.check_sentence(refusal)
            return str(refusal)
        finally:
            self.seconds[what] = max(
                self.seconds[what], time.monotonic() - begin)
        self.accepted.append((what, user.login, report, text))
        return ''

    def read(self, user, report):
        "Return the text, the state, and how clients say what they showed"
        row, = user.call(
            f'model.{RESULT}.read', [report],
            ['comment', 'state', '_timestamp'], {})
        return row['comment'], row['state'], {
            '_timestamp': {f'{RESULT},{report}': row['_timestamp']}}

    # Each says whether the user is through with the report

    def write(self, user, report, turn):
        text, state, shown = self.read(user, report)
        if turn >= self.TIMES and state == 'draft':
            return False
        line = f"{user.login}, {turn}"
        why = self.press(
            user, report, user.call, f'model.{RESULT}.write', [report],
            {'comment': f"{text}\n{line}"}, shown, text=line)
        return 'is final' in why

    def sign(self, user, report, turn):
        text, _, shown = self.read(user, report)
        if len(text.splitlines()) <= self.ENOUGH:
            return False
        why = self.press(
            user, report, user.call, f'model.{RESULT}.sign', [report], shown,
            text=text)
        return 'has changed since' not in why

    def add(self, user, report, turn):
        text = f"By {user.login}."
        return not self.press(
            user, report, self.execute, user, f'{RESULT}.addendum', RESULT,
            [report], 'sign', {'start': {'result': report, 'comment': text}},
            text=text)

    def take(self, user, report, turn):
        why = self.press(
            user, report, user.call, f'model.{REQUEST}.take',
            [self.reports[report]], {})
        return turn + 1 == self.TIMES or 'nothing to be read' in why

    def give_back(self, user, report, turn):
        why = self.press(
            user, report, user.call, f'model.{REQUEST}.give_back',
            [self.reports[report]], {})
        return turn + 1 == self.TIMES or 'nothing to be read' in why

    def check_sentence(self, refusal):
        # Clients compare what others wrote with what theirs is, and ask
        if 'ConcurrencyException' not in str(refusal):
            super().check_sentence(refusal)

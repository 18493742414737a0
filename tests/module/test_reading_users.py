# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Critical findings, new reports and the status of orders.

As users, over RPC: who is told what, and who is not.
"""
import datetime as dt
import unittest
from itertools import count

from proteus import Model

from trytond.model.exceptions import AccessError
from trytond.tests.test_tryton import DB_NAME, drop_db
from trytond.transaction import Transaction

from .. import rpc
from ..tools import (
    activate, create_health_professional, create_patient, create_test,
    create_user)

REQUEST = 'gnuhealth.imaging.test.request'
RESULT = 'gnuhealth.imaging.test.result'
FINDING = 'gnuhealth.imaging.critical_finding'
STATUS = 'gnuhealth.imaging.order_status'
NOW = dt.datetime.now().replace(microsecond=0)
TOLD = {'told_to': "Dr. House", 'told_how': 'phone', 'told_at': NOW}
_numbers = count(1)


def table(model):
    return model.replace('.', '_')


class ReadingUsersTestCase(unittest.TestCase):
    "Test who is told of reports"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        cls.config = activate('health_imaging')
        cls.users, cls.doctors = {}, {}
        for login, group in {
                'orderer': 'health.group_health_doctor',
                'stranger': 'health.group_health_doctor',
                'reader': 'health_imaging.group_health_imaging_reporting',
                'other': 'health_imaging.group_health_imaging_reporting',
                'desk': 'health.group_health_frontdesk',
                'nurse': 'health.group_health_nursing',
                }.items():
            user = create_user(login, group, password=rpc.PASSWORD)
            if login in {'orderer', 'stranger', 'reader'}:
                cls.doctors[login] = create_health_professional(
                    login, "Doctor", user)
            cls.users[login] = rpc.User(login)
        cls.patient = create_patient(puid='GNU777ORG')
        cls.test = create_test()

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

    def call(self, login, model, method, *args):
        return self.users[login].call(f'model.{model}.{method}', *args, {})

    def found(self, login, model, *domain):
        return set(self.call(
                login, model, 'search', list(domain), 0, None, None))

    def refused(self, sentence, login, *args):
        with self.assertRaises(rpc.Refused) as context:
            self.call(login, *args)
        self.assertIn(sentence, str(context.exception))

    def report(self, doctor='orderer', signed=True):
        "Return the ids of an order of the doctor, and of its result"
        request = Model.get(REQUEST)(
            patient=self.patient, requested_test=self.test,
            doctor=self.doctors[doctor], comment="HUSHQUESTION")
        request.save()
        request.click('requested')
        (result,), = request.click('generate_results').actions
        result.comment = "HUSHTEXT"
        result.save()
        if signed:
            self.call('reader', RESULT, 'sign', [result.id])
        return request.id, result.id

    def finding(self, result, login='reader', category='minutes', **values):
        id_, = self.call(login, FINDING, 'create', [{
                    'result': result, 'category': category,
                    'finding': f"Bleeding {next(_numbers)}",
                    'seen_at': NOW - dt.timedelta(minutes=5), **values}])
        return id_

    # Critical findings

    def test_told_and_acknowledged(self):
        "What is kept says who told whom how and when, and who knows"
        _, result = self.report()
        finding = self.finding(result)
        for name in ['told_to', 'told_how', 'told_at']:
            self.call('reader', FINDING, 'write', [finding], {
                    **TOLD, name: None})
            self.refused(
                'who was told, how and when', 'reader', FINDING, 'tell',
                [finding])
        self.call('reader', FINDING, 'write', [finding], {
                **TOLD, 'told_at': NOW - dt.timedelta(hours=1)})
        self.refused('before it was seen', 'reader', FINDING, 'tell',
            [finding])
        self.call('reader', FINDING, 'write', [finding], TOLD)
        self.refused('once it is told', 'orderer', FINDING, 'acknowledge',
            [finding])
        self.call('reader', FINDING, 'tell', [finding])
        self.refused('somebody else', 'reader', FINDING, 'acknowledge',
            [finding])
        self.call('orderer', FINDING, 'acknowledge', [finding])
        self.refused('and once', 'other', FINDING, 'acknowledge', [finding])
        record = Model.get(FINDING)(finding)
        self.assertEqual(
            (record.state, record.told_by.login, record.told_to,
                record.acknowledged_by.login),
            ('acknowledged', 'reader', "Dr. House", 'orderer'))

    def test_told_is_kept(self):
        "Nobody changes what was told, nor removes it"
        _, result = self.report()
        finding = self.finding(result, **{**TOLD, 'read_back': True})
        self.call('reader', FINDING, 'tell', [finding])
        for name, value in {
                'finding': "Other", 'category': 'days', 'told_to': "Other",
                'told_how': 'message', 'told_at': NOW, 'read_back': False,
                'seen_at': NOW, 'result': self.report()[1],
                'state': 'to_tell', 'told_by': 1, 'acknowledged_by': 1,
                'acknowledged_at': NOW}.items():
            for login in ['reader', 'orderer', 'other']:
                with self.subTest(field=name, login=login):
                    self.refused(
                        '', login, FINDING, 'write', [finding],
                        {name: value})
        self.refused('', 'reader', FINDING, 'delete', [finding])
        self.refused(
            'can not be changed', 'other', FINDING, 'tell', [finding])
        # Nor beside one that may be changed
        self.refused(
            'can not be changed', 'reader', FINDING, 'write',
            [self.finding(result)], {'finding': "Other"},
            [finding], {'finding': "Other"})
        record = Model.get(FINDING)(finding)
        with self.assertRaisesRegex(Exception, 'can not be changed'):
            record.finding = "Other"
            record.save()
        with self.assertRaisesRegex(AccessError, 'can not be changed'), \
                Transaction().start(DB_NAME, 0):
            Finding = self.config.pool.get(FINDING)
            Finding.delete([Finding(finding)])
        self.call('orderer', FINDING, 'acknowledge', [finding])
        copy, = self.call('reader', FINDING, 'copy', [finding], {})
        record = Model.get(FINDING)(copy)
        self.assertEqual(
            (record.state, record.told_to, record.told_by,
                record.acknowledged_by, record.acknowledged_at,
                record.read_back),
            ('to_tell', None, None, None, None, False))
        for values in [{'state': 'acknowledged'}, {'told_by': 1}]:
            with self.subTest(values=values), \
                    self.assertRaises(rpc.Refused):
                self.finding(result, **values)

    def test_not_acknowledged(self):
        "The department finds all, the doctor those of their orders"
        request, result = self.report()
        finding = self.finding(result)
        is_open = ('state', 'in', ['to_tell', 'told'])
        mine = ('for_me', '=', True)
        tab = ('critical_open', '=', True)
        self.assertIn(finding, self.found('reader', FINDING, is_open))
        self.assertIn(request, self.found('reader', REQUEST, tab))
        self.assertIn(finding, self.found('orderer', FINDING, is_open, mine))
        self.assertNotIn(
            finding, self.found('stranger', FINDING, is_open, mine))
        self.call('reader', FINDING, 'write', [finding], TOLD)
        self.call('reader', FINDING, 'tell', [finding])
        self.assertIn(request, self.found('reader', REQUEST, tab))
        self.call('orderer', FINDING, 'acknowledge', [finding])
        self.assertNotIn(request, self.found('reader', REQUEST, tab))
        self.assertNotIn(
            finding, self.found('orderer', FINDING, is_open, mine))

    def test_overdue(self):
        "Each category has its limit, until it is acknowledged"
        _, result = self.report()
        for category, limit in {
                'minutes': dt.timedelta(minutes=60),
                'hours': dt.timedelta(hours=12),
                'days': dt.timedelta(days=3)}.items():
            for late in [False, True]:
                now = dt.datetime.now().replace(microsecond=0)
                seen = now - limit + dt.timedelta(minutes=-2 if late else 10)
                finding = self.finding(
                    result, category=category, seen_at=seen, **TOLD)
                with self.subTest(category=category, late=late):
                    self.assertEqual(
                        Model.get(FINDING)(finding).overdue, late)
                    self.call('reader', FINDING, 'tell', [finding])
                    self.assertEqual(
                        Model.get(FINDING)(finding).overdue, late)
                    self.call('other', FINDING, 'acknowledge', [finding])
                    self.assertFalse(Model.get(FINDING)(finding).overdue)

    def test_record_rules(self):
        "Whom they keep from a result they keep from its findings"
        _, result = self.report()
        finding = self.finding(result)
        Data = Model.get('ir.model.data')
        own, doctors = (
            Model.get(model)(Data.find([
                        ('module', '=', module), ('fs_id', '=', id_),
                        ])[0].db_id)
            for model, module, id_ in [
                ('ir.rule.group', 'health_imaging', 'rule_group_result_own'),
                ('res.group', 'health', 'group_health_doctor')])
        self.assertIn(finding, self.found('stranger', FINDING))

        def change(action):
            own._proxy.write(
                [own.id], {'groups': [(action, [doctors.id])]}, {})

        change('add')
        try:
            self.assertNotIn(finding, self.found('stranger', FINDING))
            self.assertIn(finding, self.found('orderer', FINDING))
            self.refused('', 'stranger', FINDING, 'acknowledge', [finding])
        finally:
            change('remove')

    # New reports

    def unread(self, login='orderer'):
        return self.call(
            login, RESULT, 'search', [('unread', '=', True)], 0, None,
            [('critical', 'ASC'), ('id', 'ASC')])

    def test_unread(self):
        "Who ordered sees what was signed, each version once"
        _, draft = self.report(signed=False)
        _, result = self.report()
        _, another = self.report()
        self.assertIn(result, self.unread())
        self.assertNotIn(draft, self.unread())
        for login in ['stranger', 'reader']:
            self.assertNotIn(result, self.unread(login))
        self.call('reader', RESULT, 'mark_read', [result])
        self.assertIn(result, self.unread())
        self.call('orderer', RESULT, 'mark_read', [result])
        self.call('orderer', RESULT, 'mark_read', [result])
        self.assertNotIn(result, self.unread())
        self.assertIn(another, self.unread())
        self.add(result)
        self.assertIn(result, self.unread())

    def test_unread_of_whom(self):
        "Neither what nobody signed, nor what is withdrawn; who orders now"
        _, earlier = self.report(signed=False)
        request, result = self.report()
        _, withdrawn = self.report()
        self.call('orderer', RESULT, 'mark_read', [result])
        self.inside(
            f"UPDATE {table(RESULT)} SET state = 'final',"
            f" recorded_earlier = true WHERE id = {earlier}",
            f"UPDATE {table(REQUEST)} SET doctor ="
            f" {self.doctors['stranger'].id} WHERE id = {request}",
            f"UPDATE {table(RESULT)} SET state = 'entered_in_error'"
            f" WHERE id = {withdrawn}")
        self.assertFalse(
            {earlier, result, withdrawn} & set(self.unread()))
        self.assertIn(result, self.unread('stranger'))

    def inside(self, *statements):
        with Transaction().start(DB_NAME, 0) as transaction:
            cursor = transaction.connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            transaction.commit()

    def add(self, result):
        reader = self.users['reader']
        wizard = f'wizard.{RESULT}.addendum'
        context = {
            'active_model': RESULT, 'active_id': result,
            'active_ids': [result]}
        session, start, _ = reader.call(f'{wizard}.create', context)
        answer = reader.call(f'{wizard}.execute', session, {}, start, context)
        values = {
            name: value
            for name, value in answer['view']['defaults'].items()
            if not name.endswith('.')}
        reader.call(f'{wizard}.execute', session, {
                'start': {**values, 'comment': "More."}}, 'sign', context)

    def test_critical_first(self):
        "The most urgent first, among those the oldest"
        results = [self.report()[1] for _ in range(4)]
        for result, category in zip(
                results[1:], ['days', 'minutes', 'hours'], strict=True):
            finding = self.finding(result, category=category, **TOLD)
            self.call('reader', FINDING, 'tell', [finding])
        # The most urgent of several tells
        self.finding(results[3], category='days')
        self.assertEqual(
            [Model.get(RESULT)(id_).critical for id_ in results],
            [None, 'days', 'minutes', 'hours'])
        order = [id_ for id_ in self.unread() if id_ in results]
        self.assertEqual(
            order, [results[2], results[3], results[1], results[0]])

    # Who may know how far an order is

    def test_menu(self):
        "All find in the menu what they may see, and nothing else"
        for login, expected in {
                'desk': {"Order Status"}, 'nurse': {"Order Status"}}.items():
            with self.subTest(login=login):
                self.assertEqual(self.menu(login), expected)
        self.assertIn("Figures", self.menu('reader'))
        self.assertIn("Reading", self.menu('orderer'))
        self.assertFalse(
            {"Figures", "Order Status"} & self.menu('orderer'))

    def menu(self, login):
        "Return what a user finds in the menu of imaging"
        ids = self.call(
            login, 'ir.ui.menu', 'search', [('parent.name', '=', "Imaging")],
            0, None, None)
        return {row['name'] for row in self.call(
                login, 'ir.ui.menu', 'read', ids, ['name'])}

    def test_status_without_text(self):
        "The front desk and nurses see how far it is, and nothing else"
        request, result = self.report()
        self.finding(result)
        for login in ['desk', 'nurse']:
            with self.subTest(login=login):
                fields = self.call(login, STATUS, 'fields_get')
                row, = self.call(
                    login, STATUS, 'read', [request], list(fields))
                self.assertEqual(
                    (row['state'], row['report_status'], row['test']),
                    ('done', 'final', self.test.rec_name))
                self.assertNotIn('HUSH', repr(row))
                self.assertIn(request, self.found(
                        login, STATUS, ('rec_name', 'ilike', '%Betz%')))
                for model in [
                        REQUEST, RESULT, FINDING, f'{RESULT}.version']:
                    self.refused(
                        '', login, model, 'search', [], 0, None, None)
                    self.refused('', login, model, 'read', [1], ['id'])
                self.refused(
                    '', login, STATUS, 'write', [request],
                    {'state': 'draft'})

    def test_status_follows(self):
        "It is that of the last result which was not withdrawn"
        request, result = self.report(signed=False)

        def status():
            row, = self.call(
                'desk', STATUS, 'read', [request], ['report_status'])
            return row['report_status']

        self.assertEqual(status(), 'draft')
        self.call('reader', RESULT, 'preliminary', [result])
        self.assertEqual(status(), 'preliminary')


if __name__ == '__main__':
    unittest.main()

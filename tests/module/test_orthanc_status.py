# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What an administrator sees at a glance of a server"
import datetime as dt
from unittest.mock import patch

from trytond.model.exceptions import AccessError
from trytond.modules.health_orthanc import answers, bulk, exceptions
from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction
from trytond.transaction import Transaction

from ..tools import configured
from .module_case import ModuleCase


def _ago(**kwargs):
    return dt.datetime.now().replace(microsecond=0) - dt.timedelta(**kwargs)


def _in(**kwargs):
    # A little more, as the time goes on
    return _ago(**{
            name: -value for name, value in kwargs.items()})


class StatusTestCase(ModuleCase):
    "The status of an Orthanc server"

    @with_transaction()
    def test_status(self):
        Server = Pool().get('gnuhealth.orthanc.config')
        recent = {'validated': True, 'last_run': _ago(minutes=5)}
        for values, status, advice in [
                ({}, 'not_validated', "check"),
                ({'validated': True}, 'never', "click on Sync"),
                ({**recent, 'walk': 20, 'server_study_count': 50}, 'never',
                    "20 of 50"),
                ({**recent, 'last_success': _ago(minutes=5)}, 'healthy',
                    "nothing to do"),
                ({**recent, 'last_success': _ago(minutes=40)}, 'healthy',
                    "nothing to do"),
                ({**recent, 'last_success': _ago(minutes=50)}, 'late',
                    "log of GNU Health"),
                ({
                        'validated': True, 'last_run': _ago(minutes=50),
                        'last_success': _ago(minutes=50)}, 'late',
                    "trytond-cron"),
                ({**recent, 'last_success': _ago(days=1), 'suspect': True},
                    'suspect', "confirm"),
                ({
                        **recent, 'last_success': _ago(days=1),
                        'error_reason': 'refused',
                        'next_try': _in(minutes=70)}, 'failing',
                    "tried again in about 70 min"),
                # It is left alone on purpose
                ({
                        'validated': True, 'last_run': _ago(hours=3),
                        'last_success': _ago(days=1),
                        'error_reason': 'refused',
                        'next_try': _ago(minutes=40)}, 'failing',
                    "tried again in about 1 min"),
                ({
                        'validated': True, 'last_run': _ago(hours=4),
                        'last_success': _ago(days=1),
                        'error_reason': 'refused',
                        'next_try': _ago(minutes=50)}, 'failing',
                    "trytond-cron"),
                ({
                        **recent, 'last_success': _ago(days=1),
                        'error_reason': 'refused',
                        'running_until': _in(minutes=1)}, 'failing',
                    "under way"),
                ({
                        'validated': True, 'last_run': _ago(hours=4),
                        'last_success': _ago(hours=4), 'suspect': True},
                    'suspect', "trytond-cron"),
                ({
                        'validated': True, 'last_run': _ago(hours=4),
                        'last_success': _ago(hours=4),
                        'running_until': _in(minutes=1)}, 'late',
                    "under way"),
                # A run that was killed
                ({**recent, 'running_until': _ago(seconds=10)}, 'never',
                    "click on Sync"),
                ({
                        'validated': False, 'last_success': _ago(days=1),
                        'error_reason': 'bad_credentials'}, 'not_validated',
                    "last error"),
                ]:
            with self.subTest(values):
                server = Server(
                    label=str(values), url='http://localhost/', **values)
                server.save()
                self.assertEqual(server.status, status)
                self.assertIn(advice, server.advice)

    @with_transaction()
    def test_interval(self):
        "The status depends on the interval of the scheduled action"
        pool = Pool()
        Cron = pool.get('ir.cron')
        Server = pool.get('gnuhealth.orthanc.config')
        self.assertEqual(Cron.orthanc_interval(), dt.timedelta(minutes=15))
        server = Server(
            label="Main", url='http://localhost/', validated=True,
            last_success=_ago(hours=2), last_run=_ago(hours=2))
        server.save()
        self.assertEqual(server.status, 'late')
        crons = Cron.search([
                ('method', '=', 'gnuhealth.orthanc.config|synchronize_all')])
        Cron.write(crons, {'interval_number': 1, 'interval_type': 'hours'})
        self.assertEqual(Server(server.id).status, 'healthy')
        Cron.write(crons, {'interval_number': 15, 'interval_type': 'minutes'})
        self.assertEqual(Server(server.id).status, 'late')
        failing, = Server.create([{
                    'label': "Failing", 'url': 'http://localhost/',
                    'validated': True, 'error_reason': 'refused'}])
        self.assertIn("tried again", failing.advice)
        Cron.write(crons, {'active': False})
        self.assertIsNone(Cron.orthanc_interval())
        self.assertEqual(Server(server.id).status, 'healthy')
        self.assertIn(
            "no scheduled action is active", Server(failing.id).advice)

    @with_transaction()
    def test_stalled_first(self):
        "A first synchronization that nobody continues"
        server = Pool().get('gnuhealth.orthanc.config')(
            label="Main", url='http://localhost/', validated=True, walk=20,
            server_study_count=50, last_run=_ago(hours=2))
        server.save()
        self.assertIn("20 of 50", server.advice)
        self.assertIn("trytond-cron", server.advice)

    @with_transaction()
    def test_distance(self):
        "How far a server is behind, and how much of it was read"
        Server = Pool().get('gnuhealth.orthanc.config')
        for values, since, behind, progress in [
                ({}, None, None, None),
                ({'walk': 0, 'server_study_count': 50}, None, None, 0),
                ({'walk': 333, 'server_study_count': 1000}, None, None, 0.33),
                # Studies came meanwhile, and the IDs are still to be compared
                ({'walk': 60, 'server_study_count': 50}, None, None, 0.99),
                ({'walk': 0, 'server_study_count': 0}, None, None, None),
                ({'cursor': 5, 'server_cursor': 9}, None, 4, None),
                ({'cursor': 9, 'server_cursor': 9}, None, 0, None),
                # Noted before the last step
                ({'cursor': 9, 'server_cursor': 5}, None, 0, None),
                ({'cursor': 9}, None, None, None),
                ({'last_success': _ago(minutes=7)}, 7, None, None),
                ]:
            with self.subTest(values):
                server = Server(
                    label=str(values), url='http://localhost/', **values)
                server.save()
                self.assertEqual(
                    server.since_success and
                    server.since_success // dt.timedelta(minutes=1), since)
                self.assertEqual(server.behind, behind)
                self.assertEqual(server.progress, progress)


class BackOffTestCase(ModuleCase):
    "How long a server is left alone after failures"

    def setUp(self):
        # Far from any other time, so that the interval decides
        self.now = dt.datetime(2026, 1, 1)
        self.enterContext(patch.object(bulk, 'now', lambda: self.now))

    def create(self, **values):
        server, = Pool().get('gnuhealth.orthanc.config').create([{
                    'label': "Main", 'url': 'http://localhost/',
                    'validated': True, **values}])
        return server

    def fail(self, server, error=None):
        "Note a failure, and return the minutes to the next try"
        Server = Pool().get('gnuhealth.orthanc.config')
        Server.note_failure(server.id, error or exceptions.Refused("no"))
        _, next_try = self.noted(server)
        return next_try and (next_try - self.now) / dt.timedelta(minutes=1)

    def noted(self, server):
        "What is in the database, where it was written in SQL"
        values, = server.read([server.id], ['failures', 'next_try'])
        return values['failures'], values['next_try']

    def due(self):
        "Which servers the scheduled action queues"
        Server = Pool().get('gnuhealth.orthanc.config')
        with patch.object(Server, '_queue') as queue:
            Server.synchronize_all()
        (_, servers), _ = queue.call_args
        return servers

    @with_transaction()
    def test_growing(self):
        "The wait doubles from the interval up to four hours"
        server = self.create()
        waits = []
        for _ in range(7):
            waits.append(self.fail(server))
            self.now += dt.timedelta(minutes=waits[-1])
        self.assertEqual(waits, [15, 30, 60, 120, 240, 240, 240])
        self.assertEqual(self.noted(server)[0], 7)

    @with_transaction()
    def test_interval(self):
        "It begins with the interval of the scheduled action"
        Cron = Pool().get('ir.cron')
        cron, = Cron.search([
                ('method', '=', 'gnuhealth.orthanc.config|synchronize_all')])
        Cron.write([cron], {'interval_number': 2})
        server = self.create()
        self.assertEqual(self.fail(server), 2)
        Cron.write([cron], {'active': False})
        self.now += dt.timedelta(days=1)
        self.assertEqual(self.fail(server), 30)

    @with_transaction()
    def test_configured(self):
        server = self.create()
        with configured('health_orthanc', longest_wait='1200'):
            self.assertEqual(self.fail(server), 15)
            self.now += dt.timedelta(minutes=15)
            self.assertEqual(self.fail(server), 20)

    @with_transaction()
    def test_impatient(self):
        "Who tries again and again by hand lengthens nothing"
        server = self.create()
        self.assertEqual(self.fail(server), 15)
        self.now += dt.timedelta(minutes=5)
        self.assertEqual(self.fail(server), 10)
        self.assertEqual(self.noted(server)[0], 1)
        self.now += dt.timedelta(minutes=10)
        self.assertEqual(self.fail(server), 30)

    @with_transaction()
    def test_due(self):
        "The scheduled action takes what is due at about that time"
        server = self.create()
        self.assertEqual(self.due(), [server])
        self.fail(server)
        self.assertEqual(self.due(), [])
        # The failure was noted some time after the action began
        self.now += dt.timedelta(minutes=14)
        self.assertEqual(self.due(), [server])
        self.fail(server)
        self.now += dt.timedelta(minutes=15)
        self.assertEqual(self.due(), [])
        self.now += dt.timedelta(minutes=15)
        self.assertEqual(self.due(), [server])

    @with_transaction()
    def test_refused(self):
        "What waits for a check has no next try"
        server = self.create()
        self.fail(server)
        self.now += dt.timedelta(hours=1)
        self.assertIsNone(self.fail(server, exceptions.BadCredentials("no")))
        self.assertEqual(self.due(), [])

    @with_transaction()
    def test_changed(self):
        "Another address or other credentials begin anew"
        Server = Pool().get('gnuhealth.orthanc.config')
        for values in [
                {'url': 'http://127.0.0.1/'}, {'username': "other"},
                {'password': "other"}]:
            with self.subTest(values):
                server = self.create(label=str(values))
                self.fail(server)
                Server.write([server], {'timeout': 9})
                self.assertTrue(self.noted(server)[1])
                with patch.object(Server, '_queue'):
                    Server.write([server], values)
                self.assertEqual(self.noted(server), (0, None))

    @with_transaction()
    def test_success(self):
        Server = Pool().get('gnuhealth.orthanc.config')
        server = self.create()
        self.fail(server)
        Server.note_success(
            server.id, answers.Statistics(0, 0, 0, 0))
        self.assertEqual(self.noted(server), (0, None))
        self.assertEqual(self.due(), [server])
        self.assertEqual(self.fail(server), 15)

    @with_transaction()
    def test_copy(self):
        server = self.create()
        self.fail(server)
        copy, = server.copy([server])
        self.assertEqual(self.noted(copy), (0, None))

    @with_transaction()
    def test_missing_workers(self):
        "What is late for want of a worker says so"
        pool = Pool()
        Server = pool.get('gnuhealth.orthanc.config')
        Queue = pool.get('ir.queue')
        values = {
            'url': 'http://localhost/', 'validated': True,
            'last_success': _ago(minutes=50)}
        stalled, late, healthy = Server.create([
                {**values, 'label': "Stalled", 'last_run': _ago(minutes=50)},
                {**values, 'label': "Late", 'last_run': _ago(minutes=5)},
                {**values, 'label': "Healthy", 'last_run': _ago(minutes=5),
                    'last_success': _ago(minutes=5)}])

        def advices():
            return [Server(s.id).advice for s in [stalled, late, healthy]]

        # One waits for the other
        first, second, third = advices()
        self.assertIn("trytond-cron seems not to be running", first)
        self.assertIn("one server waits for the other", first)
        self.assertIn("one server waits for the other", second)
        self.assertNotIn("trytond-worker", third)
        Server.write([late, healthy], {'validated': False})
        self.assertNotIn("trytond-worker", Server(stalled.id).advice)
        Server.write([late, healthy], {'validated': True})
        self.enterContext(configured("queue", worker="True"))
        self.assertNotIn("trytond-worker", ' '.join(advices()))
        Queue.create([
                {'name': 'default', 'enqueued_at': _ago(minutes=5)},
                {'name': 'default', 'enqueued_at': _ago(hours=5),
                    'dequeued_at': _ago(minutes=1)},
                {'name': 'default', 'enqueued_at': _ago(hours=5),
                    'scheduled_at': _in(hours=1)}])
        self.assertNotIn("trytond-worker", ' '.join(advices()))
        Queue.create([{'name': 'default', 'enqueued_at': _ago(minutes=50)}])
        first, second, third = advices()
        self.assertIn("wait in the queue", first)
        self.assertNotIn("trytond-cron", first)
        self.assertNotIn("wait in the queue", third)

    @with_transaction()
    def test_order(self):
        "Those that failed come last, and first who waited for long"
        Server = Pool().get('gnuhealth.orthanc.config')
        values = {'url': 'http://localhost/', 'validated': True}
        Server.create([
                {**values, 'label': label, 'failures': failures,
                    'last_run': last_run}
                for label, failures, last_run in [
                    ("a silent", 3, _ago(hours=3)),
                    ("b busy", 0, _ago(minutes=5)),
                    ("c failed once", 1, None),
                    ("d waiting", 0, _ago(minutes=20)),
                    ("e new", None, None)]])
        with patch.object(Server, '_queue') as queue:
            Server.synchronize_all()
        (_, servers), _ = queue.call_args
        self.assertEqual(
            [server.label[0] for server in servers], list('edbca'))


class IntervalTestCase(ModuleCase):
    "How often the servers are synchronized, for their administrators"

    @classmethod
    def change(cls, **values):
        Interval = Pool().get('gnuhealth.orthanc.interval', type='wizard')
        session, start, _ = Interval.create()
        shown = Interval.execute(session, {}, start)['view']['defaults']
        Interval.execute(session, {start: values}, 'change')
        Interval.delete(session)
        return shown

    @with_transaction()
    def test_changed(self):
        "Who may not see scheduled actions sees the interval and changes it"
        pool = Pool()
        Cron = pool.get('ir.cron')
        ModelData = pool.get('ir.model.data')
        user, = pool.get('res.user').create([{
                    'name': "Olga", 'login': 'olga', 'groups': [('add', [
                                ModelData.get_id(
                                    'health_orthanc',
                                    'group_imaging_orthanc_admin')])]}])
        cron = Cron(ModelData.get_id('health_orthanc', 'cron_synchronize'))
        cron.next_call = _in(days=2)
        cron.save()

        def interval():
            with Transaction().set_user(0):
                return Cron.orthanc_interval()

        with Transaction().set_user(user.id), \
                Transaction().set_context(_check_access=True):
            with self.assertRaises(AccessError):
                Cron.write([cron], {'interval_number': 1})
            self.assertEqual(
                self.change(active=True, minutes=5),
                {'active': True, 'minutes': 15})
            self.assertEqual(interval(), dt.timedelta(minutes=5))
            with Transaction().set_user(0):
                self.assertLess(Cron(cron.id).next_call, _in(minutes=6))

            for minutes in [None, 0, -5, 24 * 60 + 1]:
                with self.subTest(minutes), \
                        self.assertRaises(exceptions.IntervalError):
                    self.change(active=True, minutes=minutes)
            self.assertEqual(interval(), dt.timedelta(minutes=5))

            self.change(active=False, minutes=None)
            self.assertIsNone(interval())
            self.assertFalse(self.change(active=True, minutes=60)['active'])
            self.assertEqual(interval(), dt.timedelta(hours=1))
        self.assertEqual(
            Cron.search([('method', '=', cron.method)]), [cron])

    @with_transaction()
    def test_created(self):
        "The interval can be set where somebody deleted the action"
        Cron = Pool().get('ir.cron')
        Cron.delete(Cron.search([('method', 'like', '%|synchronize_all')]))
        self.assertFalse(self.change(active=False, minutes=None)['active'])
        self.change(active=True, minutes=3)
        self.assertEqual(Cron.orthanc_interval(), dt.timedelta(minutes=3))

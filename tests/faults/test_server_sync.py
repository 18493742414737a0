# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What becomes of each trouble with a server that is synchronized"
import datetime as dt
import unittest
from contextlib import ExitStack
from unittest.mock import patch

from proteus import Model, Wizard

from trytond.modules.health_orthanc import exceptions, sync
from trytond.transaction import Transaction

from ..tools import activate, configured
from .misbehaving import ProxyServer, answer, json_answer
from .troubles import TROUBLES
from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer

# After these the server is left alone until it is checked again
REFUSALS = {'bad_credentials', 'forbidden'}
LONG_AGO = dt.datetime(2020, 1, 1)


class ServerSyncTestCase(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stack = ExitStack()
        cls.addClassCleanup(stack.close)
        cls.config = activate()
        stack.enter_context(configured('health_orthanc', timeout='1'))
        cls.orthanc = stack.enter_context(OrthancServer())
        cls.orthanc.upload_all(generated_study(images=2))
        cls.proxy = stack.enter_context(ProxyServer(cls.orthanc.url))
        # By label, as the healthy one must not only come first
        cls.healthy = [
            cls.add("First", cls.orthanc.url),
            cls.add(
                "Third", cls.orthanc.url.replace('127.0.0.1', 'localhost'))]
        cls.server = cls.add("Second", cls.proxy.url)

    @classmethod
    def add(cls, label, url):
        Server = Model.get('gnuhealth.orthanc.config')
        wizard = Wizard('gnuhealth.orthanc.server.add')
        wizard.form.label = label
        wizard.form.url = url
        wizard.form.username = cls.orthanc.username
        wizard.form.password = cls.orthanc.password
        wizard.execute('check')
        server = Server(wizard.form.server.id)
        wizard.execute('end')
        return server

    def setUp(self):
        self.proxy.choose = None
        self.store(
            self.server, url=self.proxy.url, validated=True,
            last_success=LONG_AGO, error_at=None, error_reason=None,
            error_detail=None, failures=0, next_try=None, suspect=False,
            running_until=None, active=True)
        for server in self.healthy:
            self.store(server, last_success=LONG_AGO)

    def store(self, server, **columns):
        "Set what nobody can set through RPC"
        with Transaction().start(self.config.database_name, 1):
            table = self.config.pool.get(
                'gnuhealth.orthanc.config').__table__()
            cursor = Transaction().connection.cursor()
            cursor.execute(*table.update(
                    [getattr(table, name) for name in columns],
                    list(columns.values()), where=table.id == server.id))
            Transaction().commit()
        server.reload()

    def run_cron(self):
        Cron = Model.get('ir.cron')
        cron, = Cron.find([
                ('method', '=', 'gnuhealth.orthanc.config|synchronize_all')])
        cron.click('run_once')
        for server in [self.server, *self.healthy]:
            server.reload()

    def synchronize(self):
        "As the button does, which does not wait after failures"
        self.server.click('sync')
        self.server.reload()

    def set_aside(self):
        "A record of a study that could not be stored"
        with Transaction().start(self.config.database_name, 1):
            table = self.config.pool.get(
                'gnuhealth.orthanc.set_aside').__table__()
            cursor = Transaction().connection.cursor()
            cursor.execute(*table.insert(
                    [table.server, table.orthanc_id, table.image_count,
                        table.tries, table.next_try],
                    [[self.server.id, 'gone', 1, 1,
                        dt.datetime(2999, 1, 1)]]))
            Transaction().commit()
        record, = Model.get('gnuhealth.orthanc.set_aside').find([])
        return record

    def assertTrouble(self, reason, url):
        message = self.server.last_error
        self.assertTrue(TROUBLES[reason].is_told_by(message, url), message)
        self.assertEqual(
            self.server.status,
            'not_validated' if reason in REFUSALS else 'failing')
        self.assertEqual(self.server.last_success, LONG_AGO)
        self.assertEqual(self.server.study_count, self.studies)

    def assertHealthy(self, *servers):
        for server in servers:
            self.assertEqual(
                (server.status, server.last_error), ('healthy', None))
            self.assertGreater(server.last_success, LONG_AGO)

    @property
    def studies(self):
        return len(self.orthanc.get('/studies'))

    def test_troubles(self):
        "Each is shown, and the other servers are synchronized nevertheless"
        self.run_cron()
        for reason, trouble in TROUBLES.items():
            self.setUp()
            with self.subTest(reason=reason), trouble.begin() as url:
                self.store(self.server, url=url)
                self.run_cron()
                self.assertTrouble(reason, url)
                self.assertHealthy(*self.healthy)
                self.assertEqual(
                    self.server.validated, reason not in REFUSALS)

    def test_worker(self):
        "With workers there is one task for each server"
        def tasks():
            with Transaction().start(self.config.database_name, 1):
                table = self.config.pool.get('ir.queue').__table__()
                cursor = Transaction().connection.cursor()
                cursor.execute(*table.select(table.id))
                ids = [id_ for id_, in cursor]
                return {
                    task.id: task.data for task in
                    self.config.pool.get('ir.queue').browse(ids)}

        before = tasks()
        asked = len(self.proxy.requests)
        # Trytond reads its configuration of this once
        with patch('trytond.ir.queue_.has_worker', True):
            self.run_cron()
        self.assertEqual(
            sorted(
                (data['method'], tuple(data['instances']))
                for id_, data in tasks().items() if id_ not in before),
            sorted(
                ('synchronize', (server.id,))
                for server in [self.server, *self.healthy]))
        self.assertEqual(len(self.proxy.requests), asked)

    def test_over(self):
        "A trouble that is over is no longer shown"
        self.proxy.choose = lambda request, number: answer(500)
        self.run_cron()
        self.assertEqual(self.server.status, 'failing')
        self.proxy.choose = None
        self.synchronize()
        self.assertHealthy(self.server)
        self.assertEqual(
            (self.server.failures, self.server.next_try), (0, None))

    def test_left_alone(self):
        "The scheduled action waits after a failure, and delays no other"
        self.run_cron()
        self.proxy.choose = lambda request, number: answer(500)
        self.run_cron()
        self.assertEqual(self.server.failures, 1)
        self.assertGreater(
            self.server.next_try - self.server.error_at,
            dt.timedelta(minutes=14))
        self.proxy.choose = None
        asked = len(self.proxy.requests)
        for server in self.healthy:
            self.store(server, last_success=LONG_AGO)
        self.run_cron()
        self.assertEqual(len(self.proxy.requests), asked)
        self.assertEqual(self.server.status, 'failing')
        self.assertHealthy(*self.healthy)

        self.store(
            self.server, next_try=dt.datetime.now().replace(microsecond=0))
        self.run_cron()
        self.assertHealthy(self.server)

    def test_at_once(self):
        "Who does something about the server does not wait"
        self.run_cron()
        for act in [
                lambda: self.server.click('sync'),
                lambda: self.server.click('check'),
                lambda: self.set_aside().click('retry')]:
            self.proxy.choose = lambda request, number: answer(500)
            self.synchronize()
            self.assertTrue(self.server.next_try)
            self.proxy.choose = None
            asked = len(self.proxy.requests)
            act()
            self.server.reload()
            self.assertGreater(len(self.proxy.requests), asked)
            self.assertEqual(self.server.failures, 0)
            self.assertIsNone(self.server.next_try)
        # The server does not have it
        self.assertFalse(Model.get('gnuhealth.orthanc.set_aside').find([]))

    def test_failure_when_superseded(self):
        "A run that hung until another one began ends nothing of that"
        until = dt.datetime(2999, 1, 1)

        def run(run, connection):
            table = self.config.pool.get(
                'gnuhealth.orthanc.config').__table__()
            Transaction().connection.cursor().execute(*table.update(
                    [table.step, table.running_until], [10 ** 6, until],
                    where=table.id == self.server.id))
            Transaction().commit()
            raise trouble("late")

        for trouble in [exceptions.TimedOut, RuntimeError]:
            with self.subTest(trouble=trouble), \
                    patch.object(sync.Run, 'run', run):
                self.server.click('sync')
                self.server.reload()
                self.assertEqual(self.server.running_until, until)
                self.assertIsNone(self.server.last_error)
                self.store(self.server, running_until=None)

    def test_refused_credentials(self):
        "The server is left alone until a check succeeds"
        self.proxy.choose = lambda request, number: answer(401)
        self.run_cron()
        self.assertFalse(self.server.validated)
        self.proxy.choose = None
        asked = len(self.proxy.requests)
        self.run_cron()
        self.assertEqual(len(self.proxy.requests), asked)
        self.assertFalse(self.server.validated)
        self.assertTrouble('bad_credentials', self.proxy.url)

        self.server.click('check')
        self.server.reload()
        self.assertTrue(self.server.validated)
        self.assertIsNone(self.server.last_error)
        self.run_cron()
        self.assertHealthy(self.server)

    def test_always_says(self):
        "Synchronize never does nothing without saying why"
        History = Model.get('gnuhealth.orthanc.synchronization')
        soon = dt.datetime.now() + dt.timedelta(hours=1)
        for values in [
                {'failures': 0}, {'validated': False},
                {'running_until': soon}, {'running_until': LONG_AGO},
                {'next_try': soon},
                {'next_try': soon, 'failures': 30, 'error_reason': 'refused'},
                {'suspect': True}, {'url': 'http://127.0.0.1:1/'},
                {'active': False}]:
            self.setUp()
            self.store(self.server, **values)
            with self.subTest(**values):
                before = History.find([])
                began = dt.datetime.now().replace(microsecond=0)
                try:
                    self.server.click('sync')
                except exceptions.ServerError as error:
                    self.assertIn(self.server.label, error.message)
                    continue
                self.server.reload()
                after = History.find([])
                if len(after) == len(before):
                    # It found nothing
                    self.assertGreaterEqual(self.server.last_success, began)
                    self.assertFalse(self.server.last_error)
                else:
                    self.assertEqual(len(after), len(before) + 1)
                    self.assertTrue(
                        after[0].outcome != 'failed'
                        or self.server.last_error)

    def test_check(self):
        "A check that fails says so, and does not invalidate for nothing"
        for reason, trouble in TROUBLES.items():
            self.setUp()
            with self.subTest(reason=reason), trouble.begin() as url:
                self.store(self.server, url=url)
                self.server.click('check')
                self.server.reload()
                self.assertTrue(TROUBLES[reason].is_told_by(
                        self.server.last_error, url))
                self.assertEqual(
                    self.server.validated, reason not in REFUSALS)

    def test_changed_url(self):
        "A new URL with a trouble is not validated, and says why"
        for reason, trouble in TROUBLES.items():
            self.setUp()
            with self.subTest(reason=reason), trouble.begin() as url:
                self.server.url = url
                self.server.password = self.orthanc.password
                if reason == 'bad_address':
                    with self.assertRaises(exceptions.ServerError) as caught:
                        self.server.save()
                    self.assertTrue(TROUBLES[reason].is_told_by(
                            caught.exception.message, url))
                    continue
                self.server.save()
                self.server.reload()
                self.assertFalse(self.server.validated)
                self.assertEqual(self.server.status, 'not_validated')
                self.assertTrue(TROUBLES[reason].is_told_by(
                        self.server.last_error, url))
        self.server.url = self.proxy.url
        self.server.password = self.orthanc.password
        self.server.save()
        self.server.reload()
        self.assertTrue(self.server.validated)
        self.assertIsNone(self.server.last_error)

    def test_trouble_midway(self):
        "What came before the trouble stays, what comes after is not lost"
        self.run_cron()
        for path in ['/changes', '/tools/bulk-content', '/statistics']:
            for behaviour in [
                    answer(500), json_answer({'odd': True}), answer(404)]:
                with self.subTest(path=path):
                    self.orthanc.upload_all(generated_study(
                            study_description=(
                                f"{path} {len(self.proxy.requests)}")))
                    self.proxy.choose = lambda request, number: (
                        behaviour if request.path.startswith(path)  # noqa: B023
                        else None)
                    self.run_cron()
                    self.assertEqual(self.server.status, 'failing')
                    self.assertHealthy(*self.healthy)
                    self.proxy.choose = None
                    self.synchronize()
                    self.assertHealthy(self.server)
                    self.assertEqual(
                        self.server.study_count, self.studies)

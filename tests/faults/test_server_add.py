# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What the wizard says of each trouble with a server to be added"
import unittest
from contextlib import ExitStack

from proteus import Model, Wizard

from trytond.modules.health_orthanc import exceptions

from ..tools import activate, configured
from .misbehaving import (
    SYSTEM, MisbehavingServer, ProxyServer, answer, json_answer,
    self_signed_certificate)
from .troubles import TROUBLES
from demo.orthanc_server import OrthancServer

PASSWORD = 'correct horse'


class ServerAddTestCase(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        activate()
        stack = ExitStack()
        cls.addClassCleanup(stack.close)
        stack.enter_context(configured('health_orthanc', timeout='1'))

    def begin(self, url, **values):
        "Fill in the wizard and click Begin"
        wizard = Wizard('gnuhealth.orthanc.server.add')
        values = {
            'label': "Main", 'username': 'radiology', 'password': PASSWORD,
            **values}
        wizard.form.url = url
        for name, value in values.items():
            setattr(wizard.form, name, value)
        wizard.execute('check')
        return wizard

    def assertNothingStored(self):
        Server = Model.get('gnuhealth.orthanc.config')
        self.assertEqual(Server.find([]), [])

    def test_troubles(self):
        sentences = set()
        for reason, trouble in TROUBLES.items():
            with self.subTest(reason=reason), trouble.begin() as url:
                wizard = self.begin(url)
                message = wizard.form.message
                self.assertEqual(wizard.form_state, 'failure')
                self.assertTrue(trouble.is_told_by(message, url), message)
                self.assertNotIn(PASSWORD, message)
                self.assertNothingStored()
                sentences.add(message.partition(" (")[0].replace(url, ''))
        self.assertEqual(len(sentences), len(TROUBLES))

    def test_troubles_are_complete(self):
        "There is a trouble for each that a server can make"
        reasons = {
            class_.reason for class_ in vars(exceptions).values()
            if isinstance(class_, type)
            and issubclass(class_, exceptions.OrthancError)}
        ours = {
            'unexpected', 'database_busy', 'malformed_key',
            'unreadable_password'}
        # Met only by what is sent, see test_outbox and test_report_document,
        # and by pictures, see test_thumbnail
        sent = {
            'folder_failed', 'folder_full', 'folder_missing',
            'folder_not_allowed', 'folder_not_writable', 'misfiled',
            'no_picture', 'no_worklists', 'not_printed', 'not_validated',
            'study_gone', 'worklist_extra_missing', 'write_forbidden'}
        self.assertEqual(reasons - ours - sent - {None}, TROUBLES.keys())

    def test_try_again(self):
        "What was entered is kept but for the password"
        with TROUBLES['bad_credentials'].begin() as url:
            wizard = self.begin(url, public_url='https://pacs.example.com/')
            wizard.execute('start')
        self.assertEqual(wizard.form.label, "Main")
        self.assertEqual(wizard.form.url, url)
        self.assertEqual(wizard.form.username, 'radiology')
        self.assertEqual(
            wizard.form.public_url, 'https://pacs.example.com/')
        self.assertIsNone(wizard.form.password)

    def test_credentials_in_url(self):
        "They are not repeated"
        for url in [
                'http://radiology:{}@pacs.example.com/',
                'radiology:{}@pacs.example.com/',
                'http://radiology:a/{}@pacs.example.com/']:
            with self.subTest(url=url):
                wizard = self.begin(url.format('s3cret'))
                self.assertEqual(wizard.form_state, 'failure')
                self.assertNotIn('s3cret', wizard.form.message)
                self.assertIn('pacs.example.com', wizard.form.message)
                self.assertNothingStored()

    def test_malformed_url(self):
        for url in ['http://[::1/', 'http://pacs.example.com:port/', 'http:']:
            with self.subTest(url=url):
                wizard = self.begin(url)
                self.assertEqual(wizard.form_state, 'failure')
                self.assertIn("can not be used", wizard.form.message)
                self.assertNothingStored()

    def test_trouble_after_the_first_answer(self):
        "It is an Orthanc, but what follows fails"
        with MisbehavingServer(
                json_answer({}, status=500),
                paths={'/system': json_answer(SYSTEM)}) as server:
            wizard = self.begin(server.url)
            self.assertTrue(TROUBLES['server_failed'].is_told_by(
                    wizard.form.message, server.url), wizard.form.message)
            self.assertNothingStored()

    def answering(self, **system):
        "A server that says this of itself, as an Orthanc does"
        return self.enterContext(MisbehavingServer(answer(404), paths={
                    '/system': json_answer({**SYSTEM, **system}),
                    '/statistics': json_answer(dict.fromkeys([
                                'CountPatients', 'CountStudies', 'CountSeries',
                                'CountInstances'], 0))}))

    def added(self, url, **values):
        "Add the server, which is removed in the end, and return what is told"
        wizard = self.begin(url, **values)
        self.assertEqual(wizard.form_state, 'success')
        self.addCleanup(wizard.form.server.delete)
        return wizard.form.message

    def test_same_address(self):
        "It is refused, however the address is written"
        Server = Model.get('gnuhealth.orthanc.config')
        url = self.answering().url
        self.added(url)
        server, = Server.find([])
        for active in [True, False]:
            server.active = active
            server.save()
            for same in [url, url.rstrip('/'), url.replace('http', 'HTTP')]:
                with self.subTest(url=same, active=active):
                    wizard = self.begin(same, label="Second")
                    self.assertEqual(wizard.form_state, 'failure')
                    self.assertIn(
                        'The server "Main" has the address',
                        wizard.form.message)
                    self.assertEqual(
                        Server.find([('active', 'in', [True, False])]),
                        [server])

    def test_same_database(self):
        "It is warned of, and only where the servers say which they have"
        first = self.answering(DatabaseServerIdentifier='abc').url
        self.assertNotIn("same Orthanc", self.added(first))
        # Nor is a server added twice that is not used for a while
        main, = Model.get('gnuhealth.orthanc.config').find([])
        main.active = False
        main.save()
        told = self.added(self.answering(
                DatabaseServerIdentifier='abc').url, label="Copy")
        self.assertIn(
            f'the same Orthanc as the server "Main" at "{first}"', told)
        for number, other in enumerate([
                {'DatabaseServerIdentifier': 'abcd'},
                {'DatabaseServerIdentifier': ''}, {}, {}]):
            with self.subTest(**other):
                self.assertNotIn("same Orthanc", self.added(
                        self.answering(**other).url, label=f"Other {number}"))

    def test_own_certificate_authority(self):
        Server = Model.get('gnuhealth.orthanc.config')
        certificate = self_signed_certificate()
        other, _ = self_signed_certificate()
        with OrthancServer() as orthanc, \
                ProxyServer(orthanc.url, certificate=certificate) as proxy:
            values = {
                'username': orthanc.username, 'password': orthanc.password}
            for trust in [
                    {}, {'trust': 'own', 'ca_certificates': other.encode()}]:
                wizard = self.begin(proxy.url, **values, **trust)
                self.assertTrue(TROUBLES['untrusted_certificate'].is_told_by(
                        wizard.form.message, proxy.url))
            wizard = self.begin(
                proxy.url, **values, trust='own', ca_certificates=b'no PEM')
            self.assertIn("PEM text", wizard.form.message)
            self.assertNothingStored()

            wizard = self.begin(
                proxy.url, **values, trust='own',
                ca_certificates=certificate[0].encode())
            self.assertEqual(wizard.form_state, 'success')
            server, = Server.find([])
            self.assertTrue(server.validated)
            server.click('sync')
            server.reload()
            self.assertEqual((server.status, server.last_error), (
                    'healthy', None))
        server.delete()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several people sign, write and add to the same reports at once.

The calls go through the server's dispatcher, which repeats what the database
could not serialize. Whoever comes late gets a sentence, and no text is lost.
"""
import json
import unittest
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from proteus import Model

from trytond import backend
from trytond.tests.test_tryton import DB_NAME, drop_db
from trytond.transaction import Transaction

from .. import rpc
from ..tools import activate, create_patient, create_test, create_user
from .test_report import ATTACHMENT, RESULT, VERSION, User

PEOPLE = 6


@unittest.skipIf(backend.name == 'sqlite', "SQLite has one writer at a time")
class TogetherTestCase(unittest.TestCase):
    "Test several people at the same report"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        cls.config = activate('health_imaging')
        cls.users = []
        for number in range(PEOPLE):
            login = f'reader{number}'
            create_user(
                login, 'health_imaging.group_health_imaging_reporting',
                password=rpc.PASSWORD)
            cls.users.append(User(login))
        cls.patient, cls.test = create_patient(), create_test()

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

    def report(self, text="No infiltrate."):
        result = Model.get(RESULT)(
            patient=self.patient, requested_test=self.test, comment=text)
        result.save()
        return result.id

    def at_once(self, *functions):
        "Call the functions at once; return what they return or are refused"
        barrier = Barrier(len(functions))

        def run(function):
            barrier.wait()
            try:
                return function()
            except rpc.Refused as refused:
                return refused

        with ThreadPoolExecutor(len(functions)) as executor:
            answers = list(executor.map(run, functions))
        for answer in answers:
            if isinstance(answer, rpc.Refused):
                # A sentence for people
                self.assertIn('UserError', str(answer))
                self.assertRegex(str(answer), r'result \\?"')
        return [isinstance(answer, rpc.Refused) for answer in answers]

    def versions(self, result):
        with Transaction().start(DB_NAME, 1):
            Version = self.config.pool.get(VERSION)
            Result = self.config.pool.get(RESULT)
            self.assertEqual(Version.misfits([Result(result)]), {})
        record = Model.get(RESULT)(result)
        versions = sorted(record.versions, key=lambda v: v.number)
        self.assertEqual(
            [v.number for v in versions], list(range(1, len(versions) + 1)))
        return record, versions

    def test_sign(self):
        "One signs, the others are told who"
        result = self.report()
        refused = self.at_once(*(
                lambda user=user: user.press('sign', result)
                for user in self.users))
        self.assertEqual(refused.count(False), 1)
        record, versions = self.versions(result)
        self.assertEqual([v.kind for v in versions], ['final'])
        self.assertEqual(
            record.signed_by.login, self.users[refused.index(False)].login)

    def while_signed(self, change):
        """Let somebody change reports while another signs them, which works.

        Yield for each report its number, why the change was refused, if it
        was, and what versions() returns.
        """
        writer, signer = self.users[:2]
        for number in range(8):
            result = self.report()
            refused, signed = self.at_once(
                lambda result=result: change(writer, result),
                lambda result=result: signer.press('sign', result))
            self.assertFalse(signed)
            yield number, refused, *self.versions(result)

    def test_write_while_signed(self):
        "What is signed has the text of before or of after, nothing between"
        def write(writer, result):
            return writer.write(
                result, {'comment': "Mass.", 'impression': "Cancer."})

        for number, written, _, versions in self.while_signed(write):
            expected = (
                "No infiltrate." if written else
                "Findings\nMass.\n\nImpression\nCancer.")
            with self.subTest(number=number, written=written):
                self.assertEqual(
                    [v.comment for v in versions], [expected])

    def test_attach_while_signed(self):
        "What is attached is in what is signed, or it is refused"
        def attach(writer, result):
            return writer.call(f'model.{ATTACHMENT}.create', [{
                        'name': 'a.png', 'data': b'\x89PNG',
                        'resource': f'{RESULT},{result}'}], {})

        for number, attached, record, versions in self.while_signed(attach):
            with self.subTest(number=number, refused=attached):
                self.assertEqual(len(record.images), 0 if attached else 1)
                self.assertEqual(
                    [len(json.loads(v.content)['images']) for v in versions],
                    [len(record.images)])

    def test_addenda(self):
        "All that people add is there, each by its own"
        result = self.report()
        self.users[0].press('sign', result)
        refused = self.at_once(*(
                lambda user=user: user.change(
                    'addendum', result, comment=f"By {user.login}.")
                for user in self.users))
        self.assertNotIn(True, refused)
        _, versions = self.versions(result)
        self.assertEqual(
            {(v.comment, v.signer) for v in versions[1:]},
            {(f"By {user.login}.", user.login) for user in self.users})

    def test_correct(self):
        "One corrects, the others are told that it changed"
        result = self.report()
        self.users[0].press('sign', result)
        begun = [
            (user, *user.begin('correct', result, {
                        'comment': f"By {user.login}.", 'reason': "Side"}))
            for user in self.users]
        refused = self.at_once(*(
                lambda user=user, wizard=wizard, state=state: user.call(
                    f'{wizard}.execute', user.session, {'start': user.start},
                    state, user.context)
                for user, wizard, state in begun))
        self.assertEqual(refused.count(False), 1)
        record, versions = self.versions(result)
        self.assertEqual([v.kind for v in versions], ['final', 'correction'])
        winner = self.users[refused.index(False)].login
        self.assertEqual(record.comment, f"By {winner}.")

    def test_sign_what_was_seen(self):
        "Who signs what changed since the form was opened is told so"
        result = self.report()
        signer, writer = self.users[:2]
        row, = signer.read(RESULT, [result], ['comment', '_timestamp'])
        writer.write(result, {'comment': "Mass."})
        with self.assertRaisesRegex(rpc.Refused, 'has changed since'):
            signer.call(f'model.{RESULT}.sign', [result], {
                    '_timestamp': {f'{RESULT},{result}': row['_timestamp']}})
        record, versions = self.versions(result)
        self.assertEqual((record.state, versions), ('draft', []))

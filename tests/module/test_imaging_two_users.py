# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two users at once, each in transactions of their own.

The calls go through the server's dispatcher, which repeats what the database
could not serialize.
"""
import json
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from unittest import mock

from proteus import Model

from trytond import backend
from trytond.tests.test_tryton import drop_db

from .. import rpc
from ..tools import activate, create_patient, create_test, create_user


class User(rpc.User):
    "A user who generates results"

    def generate_results(self, ids):
        "Run the wizard; return the ids of the results that it opens"
        wizard = 'wizard.wizard.generate.result'
        context = {
            'active_model': 'gnuhealth.imaging.test.request',
            'active_id': ids[0], 'active_ids': ids}
        session, state, _ = self.call(f'{wizard}.create', context)
        answer = self.call(f'{wizard}.execute', session, {}, state, context)
        (action, _), = answer['actions']
        (_, _, results), = json.loads(action['pyson_domain'])
        return results


@unittest.skipIf(backend.name == 'sqlite', "SQLite has one writer at a time")
class TwoUsersTestCase(unittest.TestCase):
    "Test two users at once"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        cls.config = activate('health_imaging')
        cls.users = []
        for login in ['one', 'two']:
            create_user(
                login, 'health_imaging.group_health_imaging',
                password=rpc.PASSWORD)
            cls.users.append(User(login))

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

    def test_generate_results(self):
        "Who generates results at the same time gets the same results"
        Request = Model.get('gnuhealth.imaging.test.request')
        Result = Model.get('gnuhealth.imaging.test.result')
        patient, test = create_patient(), create_test()
        requests = [
            Request(patient=patient, requested_test=test) for _ in range(3)]
        for request in requests:
            request.save()
        Request.click(requests, 'requested')
        ids = [r.id for r in requests]
        barrier = Barrier(2)

        def generate(user):
            barrier.wait()
            return user.generate_results(ids)

        RequestClass = self.config.pool.get(Request.__name__)
        done = RequestClass.done

        def slow_done(requests):
            time.sleep(.5)
            return done(requests)

        # The other one comes while the first has not yet committed.
        with mock.patch.object(RequestClass, 'done', slow_done), \
                ThreadPoolExecutor(2) as executor:
            first, second = executor.map(generate, self.users)

        self.assertEqual(sorted(first), sorted(second))
        self.assertEqual(
            sorted(r.request.id for r in Result.find([])), sorted(ids))

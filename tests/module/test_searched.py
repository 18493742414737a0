# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people type in a list is looked for there.

Tryton finds every record of a model that has a name of its own making and no
search for it.
"""
import datetime as dt
import re
import unittest

from trytond import backend
from trytond.model import ModelSQL, ModelView
from trytond.model.exceptions import AccessError
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME, drop_db
from trytond.transaction import Transaction

from ..tools import BOTH, activate, create_patient, create_test
from . import test_shown
from .access_records import create_users

# What of a name is no text: a time, an action, a number of others
_NO_TEXT = {
    'gnuhealth.orthanc.synchronization': r'[\d:-]+',
    'gnuhealth.orthanc.decision': r'^(Unlink|Link|Dismiss)',
    'gnuhealth.imaging.test.request.step': r'\w+$',
    'gnuhealth.imaging.test.result.version': r'\d+$',
    'gnuhealth.imaging.test.result.document': r'\d+$',
    }


@unittest.skipIf(backend.name != 'sqlite', "The database does not matter")
class SearchedTestCase(unittest.TestCase):
    "Search by names"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        activate()
        anna = create_patient(
            puid='GNU1', name="Anna", lastname="Smith", gender='f',
            dob=dt.date(1980, 2, 1))
        test = create_test("CT head", code='HEAD', modality='CT')
        cls.users = create_users()
        with Transaction().start(DB_NAME, 1) as transaction:
            test_shown.ShownTestCase.create_records(anna.id, test.id)
            transaction.commit()

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

    def test_groups(self):
        "Whoever may read a list can search in it"
        Access = Pool(DB_NAME).get('ir.model.access')
        searched = 0
        for group, user in self.users.items():
            with Transaction().start(DB_NAME, user.id, context={
                        '_check_access': True}):
                models = list(self.models())
                rights = Access.get_access([name for name, _ in models])
                for name, Model in models:
                    if not rights[name]['read']:
                        continue
                    with self.subTest(group=group, model=name):
                        for value in ["%smith%", "%smith head%", "%sm%"]:
                            Model.search([('rec_name', 'ilike', value)])
                        searched += 1
        self.assertGreater(searched, 100)

    def test_order_status(self):
        "The desk finds orders that it may not read by what it is shown"
        pool = Pool(DB_NAME)
        Status = pool.get('gnuhealth.imaging.order_status')
        Request = pool.get('gnuhealth.imaging.test.request')
        desk = self.users['front desk']
        with Transaction().start(DB_NAME, desk.id, context={
                    '_check_access': True}):
            with self.assertRaises(AccessError):
                Request.search([])
            for word, count in [
                    ("head", 5), ("smith", 5), ("smith head", 5),
                    ("smith knee", 0), ("jones", 0)]:
                for operator, found in [
                        ('ilike', count), ('not ilike', 5 - count)]:
                    with self.subTest(word=word, operator=operator):
                        self.assertEqual(
                            Status.search_count([
                                    ('rec_name', operator, f'%{word}%')]),
                            found)

    @staticmethod
    def models():
        "Yield the models of ours that lists show"
        ModelData = Pool().get('ir.model')
        ours = {model.model for model in ModelData.search([
                    ('module', 'in', BOTH)])}
        for name, Model in Pool().iterobject():
            if name in ours and issubclass(Model, ModelSQL) and issubclass(
                    Model, ModelView):
                yield name, Model

    def test_nothing(self):
        "What no record has finds none, and its contrary all"
        with Transaction().start(DB_NAME, 1):
            for name, Model in self.models():
                with self.subTest(model=name):
                    clause = ('rec_name', 'ilike', '%zzqqx%')
                    self.assertTrue(Model.search_rec_name(*clause[:1], clause))
                    self.assertEqual(Model.search([clause]), [])
                    self.assertEqual(
                        Model.search_count([
                                ('rec_name', 'not ilike', '%zzqqx%')]),
                        Model.search_count([]))

    def test_words(self):
        "Each word of its name finds a record, and its contrary does not"
        seen = set()
        with Transaction().start(DB_NAME, 1):
            for name, Model in self.models():
                for record in Model.search([], limit=5):
                    seen.add(name)
                    text = re.sub(
                        _NO_TEXT.get(name, '^$'), '', record.rec_name)
                    for word in re.findall(r'\w{3,}', text):
                        with self.subTest(model=name, word=word):
                            self.assertIn(record, Model.search([
                                        ('rec_name', 'ilike', f'%{word}%')]))
                            self.assertNotIn(record, Model.search([
                                        ('rec_name', 'not ilike',
                                            f'%{word}%')]))
        self.assertGreater(len(seen), 15)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator sees at a glance of a server."""
import datetime as dt
import unittest

from trytond.pool import Pool
from trytond.tests.test_tryton import (
    activate_module, drop_db, with_transaction)


def _ago(**kwargs):
    return dt.datetime.now().replace(microsecond=0) - dt.timedelta(**kwargs)


class StatusTestCase(unittest.TestCase):
    "The status of an Orthanc server"

    @classmethod
    def setUpClass(cls):
        drop_db()
        activate_module('health_orthanc')

    @classmethod
    def tearDownClass(cls):
        drop_db()

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
                        'error_reason': 'refused'}, 'failing', "failed"),
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
        Cron.write(crons, {'active': False})
        self.assertIsNone(Cron.orthanc_interval())
        self.assertEqual(Server(server.id).status, 'healthy')

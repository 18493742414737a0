# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the gateway, over real sockets and without a database.

What the rows are to it is given; tests/orthanc has it with a database.
"""
import datetime as dt
import ipaddress
import logging
import socket
import threading
import unittest
import zoneinfo
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import Mock, patch

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep, ModalityWorklistInformationFind,
    Verification)

from trytond import backend
from trytond.config import config
from trytond.model.exceptions import SQLConstraintError
from trytond.modules.health_orthanc import gateway, mpps
from trytond.transaction import TransactionError

from .test_worklist_item import item
from tests.faults.garbage import association_request

STATIONS = {
    'CT01': ('ISO_IR 192', []),
    'LATIN': ('ISO_IR 100', []),
    'AWAY': (None, [ipaddress.ip_network('192.0.2.0/24')]),
    'NEAR': (None, [
            ipaddress.ip_network('192.0.2.0/24'),
            ipaddress.ip_network('127.0.0.0/8')]),
    }


class Rows:
    "What stands for the models: items to find, and what was reported"

    def __init__(self):
        self.items = []
        self.asked = []
        self.reports = []
        self.trouble = None

    def get(self, name):
        return {
            'gnuhealth.imaging.test.request': self,
            'gnuhealth.imaging.station': self,
            'gnuhealth.imaging.performed_step': self,
            }[name]

    def _asked(self, *args):
        self.asked.append(args)
        if self.trouble:
            raise self.trouble

    def search(self, domain):
        self._asked(domain)
        return [
            SimpleNamespace(
                ae_title=title, character_set=character_set,
                get_networks=lambda networks=networks: networks)
            for title, (character_set, networks) in STATIONS.items()]

    def worklist(self, query, timezone, caller):
        self._asked(query, timezone, caller)
        return iter(self.items)

    def report_creation(self, uid, attributes, to_utc):
        self._asked()
        self.reports.append(('create', uid, attributes, to_utc))

    def report_modification(self, uid, attributes, to_utc):
        self._asked()
        self.reports.append(('set', uid, attributes, to_utc))


class GatewayTestCase(unittest.TestCase):
    "Test the gateway"

    def setUp(self):
        self.rows = Rows()
        self.enterContext(patch.object(gateway, 'Pool', lambda: self.rows))
        for name in ['pynetdicom', gateway.__name__]:
            logger = logging.getLogger(name)
            self.addCleanup(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL + 1)
        self.gateway = gateway.Gateway(
            'none', zoneinfo.ZoneInfo('Europe/Athens'))
        self.transactions = []
        self.away = None

        @contextmanager
        def transaction(readonly=False):
            if self.away:
                raise self.away
            self.transactions.append(Mock(readonly=readonly))
            yield self.transactions[-1]

        self.enterContext(
            patch.object(self.gateway, 'transaction', transaction))

    @contextmanager
    def associated(self, ae_title='CT01', maximum=16382, **options):
        server = self.gateway.start(port=0, **options)
        entity = AE(ae_title=ae_title)
        entity.maximum_pdu_size = maximum
        for context in [
                Verification, ModalityWorklistInformationFind,
                ModalityPerformedProcedureStep]:
            entity.add_requested_context(context)
        association = entity.associate(
            *server.socket.getsockname(), max_pdu=maximum)
        try:
            yield association
        finally:
            if association.is_established:
                association.release()
            server.shutdown()

    # Who may ask

    def answer(self, ae_title):
        "Return the first bytes of the answer to a request to associate"
        server = self.gateway.start(port=0)
        try:
            with socket.create_connection(
                    server.socket.getsockname(), timeout=20) as connection:
                connection.sendall(association_request(ae_title))
                return connection.recv(10, socket.MSG_WAITALL)
        finally:
            server.shutdown()

    def test_who_may_ask(self):
        for ae_title, may_ask in [
                (b'CT01', True), (b'NEAR', True), (b'AWAY', False),
                (b'XX', False)]:
            with self.subTest(ae_title):
                answer = self.answer(ae_title)
                # PS3.8 9.3.3 and 9.3.4
                if may_ask:
                    self.assertEqual(answer[0], 2)
                else:
                    self.assertEqual(answer, b'\3\0\0\0\0\4\0\1\1\3')

    def test_nobody_knows_who_may(self):
        "Then it is refused for now"
        self.rows.trouble = ValueError()
        self.assertEqual(
            self.answer(b'CT01'), b'\3\0\0\0\0\4\0\2\3\1')

    def test_stations_are_read_now_and_then(self):
        with patch.object(gateway.time, 'monotonic') as clock:
            for now, count in [
                    (100, 1), (105, 1), (105.1, 2), (110.1, 2), (111, 3)]:
                clock.return_value = now
                self.assertEqual(self.gateway.stations(), STATIONS)
                self.assertEqual(len(self.rows.asked), count, now)
            self.assertEqual(
                {t.readonly for t in self.transactions}, {True})

    def test_stations_are_read_at_once(self):
        "However short the machine runs"
        with patch.object(gateway.time, 'monotonic', return_value=1):
            self.assertEqual(self.gateway.stations(), STATIONS)

    def test_known_while_the_database_is_away(self):
        self.away = gateway.DatabaseAway()
        with self.assertRaises(gateway.DatabaseAway):
            self.gateway.stations()
        self.away = None
        with patch.object(gateway.time, 'monotonic') as clock:
            clock.return_value = 100
            self.gateway.stations()
            clock.return_value = 200
            self.away = gateway.DatabaseAway()
            self.assertEqual(self.gateway.stations(), STATIONS)
            # It is asked for again as soon as it can be
            self.away = None
            self.gateway.stations()
            self.assertEqual(len(self.rows.asked), 2)

    # Transactions

    def test_retrying(self):
        "What collides is tried again, as often as is configured"
        retry = config.getint('database', 'retry')
        for error in [
                backend.DatabaseOperationalError,
                backend.DatabaseIntegrityError, SQLConstraintError,
                TransactionError]:
            for failures in [0, 1, retry, retry + 1]:
                with self.subTest(error=error, failures=failures), \
                        patch.object(gateway.time, 'sleep') as sleep:
                    self.transactions.clear()
                    function = Mock(side_effect=[
                            *(error("") for _ in range(failures)), 'done'])
                    if failures > retry:
                        with self.assertRaises(error):
                            self.gateway.retrying(function)
                    else:
                        self.assertEqual(
                            self.gateway.retrying(function), 'done')
                        self.transactions[-1].commit.assert_called_once_with()
                    waits = [call.args[0] for call in sleep.mock_calls]
                    self.assertEqual(len(waits), min(failures, retry))
                    self.assertEqual(sorted(set(waits)), waits)
                    self.assertLess(sum(waits), 1)
                    self.assertEqual(
                        sum(t.commit.call_count for t in self.transactions),
                        failures <= retry)

    def test_not_retried(self):
        function = Mock(side_effect=ValueError())
        with self.assertRaises(ValueError):
            self.gateway.retrying(function)
        function.assert_called_once_with()

    def test_readonly_commits_nothing(self):
        self.gateway.retrying(lambda: None, readonly=True)
        transaction, = self.transactions
        self.assertTrue(transaction.readonly)
        transaction.commit.assert_not_called()

    # The worklist

    def find(self, ae_title='CT01', maximum=16382, **keys):
        "Return the statuses of a C-FIND, and the items"
        identifier = Dataset()
        for keyword, value in (keys or {'PatientName': ''}).items():
            setattr(identifier, keyword, value)
        with self.associated(ae_title, maximum) as association:
            answers = list(association.send_c_find(
                    identifier, ModalityWorklistInformationFind))
        return [status for status, _ in answers], [
            found for _, found in answers if found]

    def test_found(self):
        self.rows.items = [item('Łukasz^Żółć'), item('Betz^Ana')]
        statuses, items = self.find()
        self.assertEqual(
            [s.Status for s in statuses], [0xFF00, 0xFF00, 0x0000])
        self.assertEqual(
            [str(i.PatientName) for i in items], ['Łukasz^Żółć', 'Betz^Ana'])
        (query, timezone, caller), = self.rows.asked[1:]
        self.assertEqual(caller, 'CT01')
        self.assertEqual(timezone, self.gateway.timezone)
        self.assertTrue(self.transactions[-1].readonly)

    def test_character_set(self):
        "That of the station that asks"
        self.rows.items = [item('Müller^Ana')]
        _, (found,) = self.find('LATIN')
        self.assertEqual(found.SpecificCharacterSet, 'ISO_IR 100')
        self.assertEqual(str(found.PatientName), 'Müller^Ana')

    def test_unknown_keys(self):
        self.rows.items = [item()]
        statuses, _ = self.find(PatientName='', PatientComments='')
        self.assertEqual([s.Status for s in statuses], [0xFF01, 0x0000])

    def test_sizes(self):
        "An item arrives whole, whatever the size of what is taken at once"
        self.rows.items = [item(
                allergies='\n'.join(f'{n} ' + 'x' * 50 for n in range(40)))
            ] * 2
        for maximum in [0, 60, 1000, 16382]:
            with self.subTest(maximum):
                _, items = self.find(
                    maximum=maximum, PatientName='', Allergies='')
                self.assertEqual(len(items), 2)
                for found in items:
                    self.assertEqual(len(found.Allergies), 40)

    def test_fragments(self):
        "None is larger than the other side takes"
        event = Mock()
        event.request.MessageID = 1
        event.request.AffectedSOPClassUID = ModalityWorklistInformationFind
        event.context.context_id = 1
        event.assoc.dul.to_provider_queue.qsize.return_value = 0
        event.assoc.dimse.maximum_pdu_size = 64
        gateway.Answers(event, 0xFF00).send(bytes(500))
        sizes = []
        for call in event.assoc.dul.send_pdu.mock_calls:
            sent = P_DATA_TF()
            sent.from_primitive(call.args[0])
            sizes.append(sent.pdu_length)
        self.assertEqual(max(sizes), 64)
        # PS3.7 6.3.1: a command is in implicit VR, little endian
        (_, command), = (
            event.assoc.dul.send_pdu.mock_calls[0].args[0]
            .presentation_data_value_list)
        self.assertEqual(command[1:9], b'\0\0\0\0\4\0\0\0')

    def test_query_that_is_none(self):
        statuses, items = self.find(
            ScheduledProcedureStepSequence=[Dataset(), Dataset()])
        self.assertEqual(statuses[0].Status, 0xA900)
        self.assertTrue(statuses[0].ErrorComment)
        self.assertEqual(items, [])
        self.assertEqual(len(self.rows.asked), 1)

    def test_query_that_can_not_be_read(self):
        with patch.object(gateway, 'read_query', side_effect=KeyError()):
            statuses, _ = self.find()
        self.assertEqual(statuses[0].Status, 0xC001)
        self.assertEqual(statuses[0].ErrorComment, "The query can not be read")

    def test_database_does_not_answer(self):
        with patch.object(
                self.rows, 'worklist', side_effect=gateway.DatabaseAway()):
            statuses, _ = self.find()
        self.assertEqual(statuses[0].Status, 0xA700)
        self.assertEqual(
            statuses[0].ErrorComment, "The database does not answer")

    def test_cancelled(self):
        "It ends with the answer that follows"
        self.rows.items = [item()] * 3
        event = Mock(is_cancelled=False, identifier=Dataset())
        event.identifier.PatientName = ''
        event.assoc.requestor.ae_title = 'CT01'
        event.context.transfer_syntax = '1.2.840.10008.1.2'

        def send(data):
            event.is_cancelled = True

        with patch.object(gateway, 'Answers') as answers:
            answers.return_value.send.side_effect = send
            self.assertEqual(
                list(self.gateway.on_find(event)), [(0xFE00, None)])
            self.assertEqual(answers.return_value.send.call_count, 1)

    def test_who_does_not_read(self):
        "What waits to be sent is bounded"
        waiting = [201] * 3 + [200]
        event = Mock()
        with patch.object(gateway, 'C_FIND_RSP') as response, \
                patch.object(gateway, 'encode', return_value=b'command'), \
                patch.object(gateway.time, 'sleep') as sleep:
            response.return_value.command_set = None
            event.assoc.dimse.maximum_pdu_size = 0
            event.assoc.dul.to_provider_queue.qsize.side_effect = waiting
            event.context.context_id = 1
            with patch.object(gateway, 'C_FIND'):
                answers = gateway.Answers(event, 0xFF00)
            answers.send(b'data')
            self.assertEqual(sleep.call_count, 3)
            self.assertLess(sleep.call_args.args[0], 0.1)
            self.assertEqual(event.assoc.dul.send_pdu.call_count, 2)
            # Who went is not waited for
            event.assoc.is_established = False
            event.assoc.dul.to_provider_queue.qsize.side_effect = [201]
            answers.send(b'data')

    # Reports

    def report(self, service, uid, attributes=None):
        if attributes is None:
            attributes = Dataset()
            attributes.PatientID = 'GNU1'
        with self.associated() as association:
            return getattr(association, f'send_n_{service}')(
                attributes, ModalityPerformedProcedureStep, uid)

    def test_reported(self):
        uid = generate_uid()
        for service in ['create', 'set']:
            status, _ = self.report(service, uid)
            self.assertEqual(status.Status, 0x0000)
            (what, of, attributes, to_utc), = self.rows.reports
            self.assertEqual((what, of), (service, str(uid)))
            self.assertEqual(attributes.PatientID, 'GNU1')
            self.assertEqual(
                to_utc(dt.datetime(2026, 7, 5, 10, 30)),
                dt.datetime(2026, 7, 5, 7, 30))
            self.assertFalse(self.transactions[-1].readonly)
            self.transactions[-1].commit.assert_called_once_with()
            self.rows.reports.clear()

    def test_reported_without_uid(self):
        "It gets one, and is told which"
        event = Mock()
        event.request.AffectedSOPInstanceUID = None
        status, answer = self.gateway.on_create(event)
        self.assertEqual(status, 0x0000)
        (_, uid, _, _), = self.rows.reports
        self.assertEqual(answer.AffectedSOPInstanceUID, uid)
        self.assertTrue(uid.startswith('2.25.'))

    def test_refused(self):
        self.rows.trouble = None
        for error_id in [None, 7]:
            with patch.object(
                    self.rows, 'report_creation', side_effect=mpps.Refusal(
                        mpps.INVALID_ATTRIBUTE_VALUE, 'x' * 80, error_id)):
                status, _ = self.report('create', generate_uid())
            self.assertEqual(status.Status, 0x0106)
            self.assertEqual(status.ErrorComment, 'x' * 64)
            self.assertEqual(status.get('ErrorID'), error_id)

    def test_not_stored(self):
        for method, service in [
                ('report_creation', 'create'), ('report_modification', 'set')]:
            with patch.object(self.rows, method, side_effect=KeyError()):
                status, _ = self.report(service, generate_uid())
            self.assertEqual(status.Status, 0x0110)
            self.assertEqual(
                status.ErrorComment, "The report can not be stored")

    # What is endless

    def test_messages_are_counted_by_themselves(self):
        "A message ends the count, as does the end of the association"
        one, other = Mock(), Mock()
        size = gateway.MAXIMUM_MESSAGE // 2
        for event, closed in [
                (one, False), (one, False), (other, False), (one, True)]:
            self.gateway.on_data(Mock(assoc=event, data=range(size)))
            self.assertEqual(
                bool(event.dul.socket.close.call_count), closed)
        for ended in [self.gateway.on_message, self.gateway.on_closed]:
            one.reset_mock()
            ended(Mock(assoc=one))
            for _ in range(2):
                self.gateway.on_data(Mock(assoc=one, data=range(size)))
            one.dul.socket.close.assert_not_called()
        # Of whom there is nothing
        self.gateway.on_closed(Mock(assoc=Mock()))

    def test_nothing_is_kept(self):
        with self.associated() as association:
            self.assertEqual(association.send_c_echo().Status, 0x0000)
        self.assertEqual(self.gateway._received, {})

    def test_start(self):
        "It is told what nobody waits longer for, and how many it takes"
        with patch.object(gateway, 'AE') as entity:
            self.gateway.start(
                '192.0.2.1', 104, 'HERE', associations=7, timeout=9,
                ssl_context=Mock())
            entity.assert_called_once_with(ae_title='HERE')
            entity = entity.return_value
            self.assertEqual((
                    entity.maximum_associations, entity.acse_timeout,
                    entity.dimse_timeout, entity.network_timeout),
                (7, 9, 9, 9))
            (address,), options = entity.start_server.call_args
            self.assertEqual(address, ('192.0.2.1', 104))
            self.assertFalse(options['block'])
            # Handshakes are not where connections are accepted
            context = options['ssl_context']
            wrapped = context.wrap_socket('socket', server_side=True)
            context._context.wrap_socket.assert_called_once_with(
                'socket', server_side=True, do_handshake_on_connect=False)
            self.assertEqual(
                wrapped, context._context.wrap_socket.return_value)
            # Without TLS there is none
            self.gateway.start()
            _, options = entity.start_server.call_args
            self.assertIsNone(options['ssl_context'])


class TransactionTestCase(unittest.TestCase):
    "Test how the gateway begins transactions"

    def setUp(self):
        self.gateway = gateway.Gateway('none', 'UTC')

    def test_context(self):
        "As the user of the system, of whom nothing is asked"
        for args, readonly in [
                ((True,), True), ((False,), False), ((), False)]:
            with patch.object(gateway, 'Transaction') as transaction:
                with self.gateway.transaction(*args) as begun:
                    pass
                start = transaction.return_value.start
                start.assert_called_once_with(
                    'none', 0, readonly=readonly,
                    context={'_skip_warnings': True})
                self.assertIs(begun, start.return_value)

    def test_away(self):
        with patch.object(gateway, 'Transaction') as transaction:
            transaction.return_value.start.side_effect = (
                backend.DatabaseOperationalError())
            with self.assertRaises(gateway.DatabaseAway):
                self.gateway.retrying(lambda: None)
            # Others do not wait for it
            transaction.return_value.start.assert_called_once()

    def test_as_many_as_there_are_connections(self):
        # Each may need a second one for a moment
        most = config.getint('database', 'maxconn', default=64) // 2
        running, ended = [], threading.Event()

        def run():
            with self.gateway.transaction():
                running.append(1)
                ended.wait(20)

        with patch.object(gateway, 'Transaction'):
            threads = [
                threading.Thread(target=run) for _ in range(most + 1)]
            for thread in threads[:-1]:
                thread.start()
            while len(running) < most:
                threading.Event().wait(0.01)
            threads[-1].start()
            threads[-1].join(0.1)
            self.assertEqual(len(running), most)
            ended.set()
            for thread in threads:
                thread.join(20)
            self.assertEqual(len(running), most + 1)

    def test_timezone(self):
        "That of the company, unless there is another one"
        self.assertEqual(self.gateway.timezone, 'UTC')
        with patch.object(gateway.Gateway, 'retrying') as retrying:
            known = gateway.Gateway('none')
            self.assertIs(known.timezone, retrying.return_value)
            retrying.assert_called_once_with(
                gateway.company_timezone, readonly=True)

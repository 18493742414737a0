# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How much is taken of an answer, until when, and what is said of its error"
import io
import socket
import tempfile
import unittest
from time import monotonic
from unittest.mock import patch

from trytond.modules.health_orthanc import exceptions, transport

from tests.faults.misbehaving import MisbehavingServer, json_answer


class TransportTestCase(unittest.TestCase):
    "Test the transport"

    def detail(self, *args):
        "Return what is said of the error of a server"
        with MisbehavingServer(json_answer(*args)) as server, \
                transport.Connection(server.url) as connection, \
                self.assertRaises(exceptions.ServerFailed) as raised:
            connection.json('GET', '/system')
        return str(raised.exception).removeprefix(f'GET {server.url}')

    def test_message(self):
        "What the server says of its error is quoted, if it says anything"
        for value, expected in [
                ({'Message': "Disk full"},
                    ': 500, and the server says: “Disk full”'),
                ({'Message': 5}, ': 500'), ({'Message': None}, ': 500'),
                ({'Reason': "Disk full"}, ': 500'), ([], ': 500'),
                (5, ': 500')]:
            with self.subTest(value=value):
                self.assertEqual(
                    self.detail(value, 500).removeprefix('/system'), expected)

    def test_credentials_no_text_can_have(self):
        "Half of a pair of UTF-16 can be in a text of JSON"
        for username, password in [('\ud83d', 'a'), ('a', '\ud83d')]:
            with self.subTest(username=username), MisbehavingServer(
                    json_answer({})) as server, transport.Connection(
                    server.url, username, password) as connection:
                self.assertEqual(
                    connection.json('GET', '/system', type_=dict), {})

    def test_until(self):
        "Before that time something is sent, afterwards nothing"
        with MisbehavingServer(json_answer([])) as server, \
                transport.Connection(server.url) as connection:
            connection.until = monotonic() + 60
            self.assertEqual(connection.json('GET', '/studies'), [])
            connection.until = monotonic() - 1
            with self.assertRaises(exceptions.TimedOut):
                connection.json('GET', '/studies')
        self.assertEqual(len(server.requests), 1)

    def test_late(self):
        "Nothing is read after the deadline, whatever is there"
        here, there = socket.socketpair()
        with here, there, here.makefile('rb', buffering=0) as raw:
            there.sendall(b'late')
            here.settimeout(5)
            token = transport._deadline.set(monotonic() - 1)
            try:
                with self.assertRaisesRegex(TimeoutError, "takes too long"):
                    transport._DeadlineReader(raw, here).readinto(
                        bytearray(4))
            finally:
                transport._deadline.reset(token)

    def test_taken_again(self):
        "An answer does not end with what an earlier one left"
        with tempfile.TemporaryFile() as file:
            transport._Taken(transport.SMALL, file).add(b'[1, 2, 3')
            transport._Taken(transport.SMALL, file).add(b'[4]')
            file.seek(0)
            self.assertEqual(file.read(), b'[4]')

    def test_taken_of_an_error(self):
        "The beginning, which has the message"
        taken = transport._Taken(None)
        self.assertTrue(taken.add(b' ' * transport._ERROR_SIZE))
        self.assertFalse(taken.add(b' '))

    def test_large_item(self):
        "A value that is large is not tried with each part of it"
        text = b'["' + b'a' * 2 ** 24 + b'"]'
        with patch.object(
                transport, '_item', side_effect=transport._item) as item:
            value, = transport.parse_items(io.BytesIO(text))
        self.assertEqual(len(value), 2 ** 24)
        self.assertLess(item.call_count, 12)

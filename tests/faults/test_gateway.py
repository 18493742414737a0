# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What nobody should send to the gateway, over real sockets"
import gc
import ipaddress
import logging
import socket
import ssl
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial

from pynetdicom.association import Association

from .garbage import (
    answers, answers_soon, association_request, gateway, pdu, send, send_many)

STATIONS = {
    'CT01': (None, []),
    'MR01': (None, [ipaddress.ip_network('127.0.0.0/8')]),
    'AWAY': (None, [ipaddress.ip_network('192.0.2.0/24')]),
    }


def associations():
    "Return how many are still in the memory"
    gc.collect()
    return sum(isinstance(known, Association) for known in gc.get_objects())


def drip(port, content, pause, most=30):
    "Send byte after byte; return the seconds until the connection ends"
    start = time.monotonic()
    with socket.create_connection(('127.0.0.1', port)) as connection:
        connection.settimeout(pause)
        for byte in content:
            try:
                connection.sendall(bytes([byte]))
                if not connection.recv(100):
                    break
            except TimeoutError:
                pass
            except OSError:
                break
            if time.monotonic() - start > most:
                break
    return time.monotonic() - start


class GatewayTestCase(unittest.TestCase):
    "Test what the gateway endures"

    def setUp(self):
        logger = logging.getLogger('trytond.modules.health_orthanc.gateway')
        logger.setLevel(logging.CRITICAL)
        self.addCleanup(logger.setLevel, logging.NOTSET)
        hook, threading.excepthook = threading.excepthook, lambda args: None
        self.addCleanup(setattr, threading, 'excepthook', hook)
        pynetdicom = logging.getLogger('pynetdicom')
        level = pynetdicom.level
        pynetdicom.setLevel(logging.CRITICAL + 1)
        self.addCleanup(pynetdicom.setLevel, level)

    def test_garbage(self):
        "It ends its association and nothing else"
        with gateway(STATIONS, timeout=2) as port:
            send_many(port, 300)
            self.assertTrue(answers_soon(port))
            end = time.monotonic() + 20
            while kept := associations():
                self.assertLess(time.monotonic(), end, kept)
                time.sleep(0.2)

    def test_who_may_ask(self):
        "Known AE titles, from their addresses"
        with gateway(STATIONS) as port:
            for ae_title, allowed in [
                    ('CT01', True), ('MR01', True), ('AWAY', False),
                    ('ct01', False), ('XX', False)]:
                with self.subTest(ae_title=ae_title):
                    self.assertEqual(answers(port, ae_title), allowed)

    def test_endless_message(self):
        "A message that does not end, ends"
        part = pdu(4, b'\0\0\x40\0\x01\x01' + bytes(16382))
        with gateway(STATIONS) as port, socket.create_connection(
                ('127.0.0.1', port), timeout=10) as connection:
            connection.sendall(association_request())
            self.assertEqual(connection.recv(1), b'\x02')
            with self.assertRaises(OSError):
                for _ in range(64 * 2 ** 20 // len(part)):
                    connection.sendall(part)
            self.assertTrue(answers(port))

    def test_silence(self):
        "Who says nothing is not waited for"
        with gateway(STATIONS, timeout=1) as port:
            for begin in [b'', association_request()]:
                with self.subTest(begin=begin[:1]), socket.create_connection(
                        ('127.0.0.1', port), timeout=20) as connection:
                    connection.sendall(begin)
                    start = time.monotonic()
                    while connection.recv(4096):
                        pass
                    self.assertLess(time.monotonic() - start, 15)

    def test_drip(self):
        "Who says a PDU byte after byte, or half of it, is not waited for"
        request = association_request()
        with gateway(STATIONS, timeout=1, associations=5) as port:
            for content in [request, pdu(1, request[6:], length=2 ** 20)]:
                with ThreadPoolExecutor(5) as executor:
                    for seconds in executor.map(
                            partial(drip, port, content),
                            [0.1, 0.1, 0.1, 0.9, 60]):
                        self.assertLess(seconds, 10)
                self.assertTrue(answers_soon(port))

    def test_gone(self):
        "Who went without asking for anything does not count any more"
        with gateway(STATIONS, timeout=30, associations=2) as port:
            for content in [
                    b'', b'x', pdu(9, b'xyz'), pdu(1, b'xyz'),
                    association_request()[:50], pdu(5, bytes(4))]:
                with self.subTest(content=content):
                    for _ in range(3):
                        send(port, content)
                    self.assertTrue(answers_soon(port, 5))

    def test_huge_pdu(self):
        "What announces more than a PDU has is not read"
        for size in [2 ** 20 + 1, 2 ** 32 - 1]:
            with self.subTest(size=size), gateway(
                    STATIONS) as port, socket.create_connection(
                    ('127.0.0.1', port), timeout=10) as connection:
                connection.sendall(pdu(1, b'', length=size))
                self.assertFalse(connection.recv(1))

    def test_silence_where_tls_is(self):
        "Who does not shake hands lets nobody else wait"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with gateway(
                STATIONS, timeout=2, ssl_context=context) as port, ExitStack(
                ) as stack:
            silent, talking = [
                stack.enter_context(socket.create_connection(
                    ('127.0.0.1', port), timeout=10)) for _ in range(2)]
            talking.sendall(b'No TLS at all, and long enough to be seen')
            # It has no certificate, but says so
            with suppress(ConnectionResetError):
                while talking.recv(100):
                    pass

    def test_too_many(self):
        "More than are allowed at once are told so, and fewer are answered"
        with gateway(STATIONS, associations=2) as port:
            connections = []
            for _ in range(2):
                connection = socket.create_connection(
                    ('127.0.0.1', port), timeout=10)
                self.addCleanup(connection.close)
                connection.sendall(association_request())
                self.assertEqual(connection.recv(1), b'\x02')
                connections.append(connection)
            self.assertFalse(answers(port))
            connections[0].close()
            end = time.monotonic() + 20
            while not answers(port):
                self.assertLess(time.monotonic(), end)

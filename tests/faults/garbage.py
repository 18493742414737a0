# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Associations that are none, for the gateway.

    python -m tests.faults.garbage [COUNT]

sends COUNT (10,000 by default), and fails if it does not answer afterwards.
"""
import random
import socket
import struct
import sys
import threading
import time
import zoneinfo
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pynetdicom import AE
from pynetdicom.sop_class import Verification

_TIMEOUT = 20  # seconds
# A-ASSOCIATE-RQ, as it is on the wire: protocol version, called and calling
# AE title, application context, a presentation context, user information
_CONTEXT = b'1.2.840.10008.3.1.1.1'
_SOP_CLASS = b'1.2.840.10008.5.1.4.31'
_SYNTAX = b'1.2.840.10008.1.2'


def item(type_, content):
    return struct.pack('>BxH', type_, len(content)) + content


def pdu(type_, content, length=None):
    return struct.pack(
        '>BxI', type_, len(content) if length is None else length) + content


def association_request(ae_title=b'CT01'):
    return pdu(1, struct.pack('>HH', 1, 0) + b'GNUHEALTH'.ljust(16)
        + ae_title.ljust(16) + bytes(32)
        + item(0x10, _CONTEXT)
        + item(0x20, b'\x01\0\0\0' + item(0x30, _SOP_CLASS)
            + item(0x40, _SYNTAX))
        + item(0x50, item(0x51, struct.pack('>I', 16384))
            + item(0x52, b'2.25.1')))


def garbage(chance):
    "Return what somebody sends: at random, or like something"
    request = association_request()
    kind = chance.randrange(8)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 200))
    if kind == 1:
        return pdu(chance.randrange(10), chance.randbytes(50))
    if kind == 2:
        return request[:chance.randrange(len(request))]
    if kind == 3:
        damaged = bytearray(request)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        return bytes(damaged)
    if kind == 4:
        return pdu(1, request[6:], length=2 ** 32 - 1)
    if kind == 5:
        return request + chance.randbytes(chance.randrange(1, 300))
    if kind == 6:
        return request + pdu(4, chance.randbytes(40))
    # A message that is none, in a presentation context that is one
    message = chance.randbytes(chance.randrange(1, 80))
    return request + pdu(4, struct.pack(
            '>IBB', len(message) + 2, 1, chance.randrange(4)) + message)


def send(port, content):
    "Send it, read what comes, and go"
    with socket.create_connection(
            ('127.0.0.1', port), timeout=_TIMEOUT) as connection:
        try:
            connection.sendall(content)
            connection.settimeout(0.2)
            connection.recv(4096)
        except OSError:
            pass


def send_many(port, count, seed=1):
    chance = random.Random(seed)
    contents = [garbage(chance) for _ in range(count)]
    with ThreadPoolExecutor(8) as executor:
        list(executor.map(lambda content: send(port, content), contents))


def answers(port, ae_title='CT01'):
    "Return whether a C-ECHO is answered"
    entity = AE(ae_title=ae_title)
    entity.add_requested_context(Verification)
    association = entity.associate('127.0.0.1', port)
    if not association.is_established:
        return False
    status = association.send_c_echo()
    association.release()
    return status.get('Status') == 0


@contextmanager
def gateway(stations, **options):
    "Yield the port of a gateway that knows these stations, and no database"
    from trytond.modules.health_orthanc.gateway import Gateway
    known = Gateway('none', zoneinfo.ZoneInfo('UTC'))
    known.stations = lambda: stations
    server = known.start(port=0, **options)
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()


def answers_soon(port, seconds=60):
    """Return whether it answers, once it has done with those before.

    Each counts among those at once until its time-out.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answers(port):
            return True
    return False


def main(count=10_000):
    # pynetdicom lets the threads of such associations end with an exception
    threading.excepthook = lambda arguments: None
    with gateway({'CT01': (None, [])}, timeout=5) as port:
        send_many(port, count)
        if not answers_soon(port):
            sys.exit("It does not answer any more.")
    print(f"It answers after {count} associations that were none.")


if __name__ == '__main__':
    main(*map(int, sys.argv[1:]))

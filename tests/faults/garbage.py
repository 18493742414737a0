# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Associations that are none, for the gateway"
import random
import socket
import struct
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
_PERFORMED = b'1.2.840.10008.3.1.2.3.3'
_SYNTAX = b'1.2.840.10008.1.2'
# So deep nothing is nested that anybody sends
_DEPTHS = [10, 500, 5000]


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
        + item(0x20, b'\x03\0\0\0' + item(0x30, _PERFORMED)
            + item(0x40, _SYNTAX))
        + item(0x50, item(0x51, struct.pack('>I', 16384))
            + item(0x52, b'2.25.1')))


def element(group, number, content, length=None):
    "Return an element in Implicit VR Little Endian"
    content += bytes(len(content) % 2)
    return struct.pack(
        '<HHI', group, number, len(content) if length is None else length
        ) + content


def message(context, fields, data):
    "Return the PDUs of a message (PS3.7 E): of its command and of its data"
    command = b''.join(
        element(0, number, value if isinstance(value, bytes)
            else struct.pack('<H', value)) for number, value in fields)
    command = element(0, 0, struct.pack('<I', len(command))) + command
    parts = [(3, command)] + [
        (0 if start + 16000 < len(data) else 2, data[start:start + 16000])
        for start in range(0, len(data), 16000)]
    return b''.join(
        pdu(4, struct.pack('>IBB', len(part) + 2, context, control) + part)
        for control, part in parts)


def query(data):
    return message(1, [
            (2, _SOP_CLASS), (0x100, 0x20), (0x110, 1), (0x700, 0),
            (0x800, 1)], data)


def creation(data):
    return message(3, [
            (2, _PERFORMED), (0x100, 0x140), (0x110, 1), (0x800, 1),
            (0x1000, b'2.25.77')], data)


def damaged(content, chance):
    content = bytearray(content)
    for _ in range(chance.randrange(1, 6)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    return bytes(content)


def nested(depth):
    "Return a sequence in a sequence, and so on, none of which ends"
    # Of undefined length: a Scheduled Procedure Step Sequence, and its item
    return struct.pack(
        '<HHIHHI', 0x40, 0x100, 2 ** 32 - 1, 0xFFFE, 0xE000, 2 ** 32 - 1
        ) * depth


def odd_data(chance):
    "Return what is like data, but for its depth, lengths or bytes"
    step = element(0xFFFE, 0xE000, element(0x40, 1, b'CT01')
        + element(0x40, 2, b'20260101-') + element(0x8, 0x60, b'CT'))
    data = (
        element(0x8, 5, b'ISO_IR 192') + element(0x8, 0x50, b'')
        + element(0x10, 0x10, b'BETZ*') + element(0x40, 0x100, step)
        + element(0x40, 0x252, b'IN PROGRESS'))
    kind = chance.randrange(4)
    if kind == 0:
        return nested(chance.choice(_DEPTHS))
    if kind == 1:
        return data + element(
            0x40, 0x253, b'P1', length=2 ** 32 - chance.randrange(1, 100))
    if kind == 2:
        return data[:chance.randrange(1, len(data))]
    return damaged(data, chance)


def garbage(chance):
    "Return what somebody sends: at random, or like something"
    request = association_request()
    kind = chance.randrange(11)
    if kind == 8:
        return request + query(odd_data(chance))
    if kind == 9:
        return request + creation(odd_data(chance))
    if kind == 10:
        return request + damaged(query(odd_data(chance)), chance)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 200))
    if kind == 1:
        return pdu(chance.randrange(10), chance.randbytes(50))
    if kind == 2:
        return request[:chance.randrange(len(request))]
    if kind == 3:
        return damaged(request, chance)
    if kind == 4:
        return pdu(1, request[6:], length=2 ** 32 - 1)
    if kind == 5:
        return request + chance.randbytes(chance.randrange(1, 300))
    if kind == 6:
        return request + pdu(4, chance.randbytes(40))
    # A message that is none, in a presentation context that is one
    content = chance.randbytes(chance.randrange(1, 80))
    return request + pdu(4, struct.pack(
            '>IBB', len(content) + 2, 1, chance.randrange(4)) + content)


def send(port, content):
    "Send it, read what comes, and go"
    with socket.create_connection(
            ('127.0.0.1', port), timeout=_TIMEOUT) as connection:
        try:
            connection.sendall(content)
            connection.settimeout(0.2)
            while connection.recv(4096):
                pass
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

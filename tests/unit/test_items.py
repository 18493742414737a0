# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A list that lies in a file is read as one in memory"
import io
import json
import time
import unittest
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from trytond.modules.health_orthanc import exceptions, transport
from trytond.modules.health_orthanc.transport import (
    Connection, Limit, parse, parse_items)

from tests.faults.misbehaving import (
    SYSTEM, MisbehavingServer, json_answer, reset)

LIMIT = Limit(10 ** 7, 10 ** 6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    max_leaves=5)


def items(body):
    return list(parse_items(io.BytesIO(body)))


class ItemsTestCase(unittest.TestCase):

    @given(
        st.lists(values), st.booleans(), st.sampled_from([None, 0, 3]),
        st.integers(1, 9))
    def test_as_parse(self, written, ascii_only, indent, chunk):
        "However it is written, and wherever a chunk of it ends"
        body = json.dumps(
            written, ensure_ascii=ascii_only, indent=indent).encode(
                'utf-8', 'surrogatepass')
        with patch.object(transport, '_CHUNK', chunk):
            self.assertEqual(items(body), parse(bytearray(body)))

    @given(st.lists(values), st.integers(0, 200), st.integers(1, 9))
    def test_cut(self, written, length, chunk):
        "A list that was cut is none, wherever that was"
        body = json.dumps(written).encode()
        with patch.object(transport, '_CHUNK', chunk), \
                self.assertRaises(ValueError):
            items(body[:min(length, len(body) - 1)])

    def test_no_list(self):
        for body in [
                b'', b' ', b'{}', b'"[]"', b'3', b'null', b'[', b'[1', b'[1,',
                b'[1,]', b'[,1]', b'[1 2]', b'[]]', b'[] x', b'[1] 2', b'[1]]',
                b'<html>[]</html>', b'["a" "b"]', b'[' * 100_000,
                b'["' + b'a' * 300_000]:
            with self.subTest(body=body[:20]), self.assertRaises(ValueError):
                items(body)

    def test_lists(self):
        for body, expected in [
                (b'[]', []), (b' [ ] \n', []), (b'\xef\xbb\xbf["a"]', ['a']),
                (b'["\xff"]', ['\ufffd']),
                (b'[' + b' ' * 200_000 + b'1' + b' ' * 200_000 + b']', [1]),
                (b'["' + b'a' * 300_000 + b'"]', ['a' * 300_000])]:
            with self.subTest(body=body[:20]):
                self.assertEqual(items(body), expected)

    def test_size_of_a_chunk(self):
        "It does not grow with the list"
        file = io.BytesIO(json.dumps(['0' * 44] * 40_000).encode())
        sizes = []
        read = transport.codecs.StreamReader.read

        def noted(self, size=-1, *args, **kwargs):
            sizes.append(size)
            return read(self, size, *args, **kwargs)

        with patch.object(transport.codecs.StreamReader, 'read', noted):
            self.assertEqual(len(list(parse_items(file))), 40_000)
        self.assertLessEqual(max(sizes), 2 * transport._CHUNK)
        self.assertGreater(len(sizes), 20)


class ListOnDiskTestCase(unittest.TestCase):

    def test_received(self):
        "Whether it is in memory or, as it is large, on disk"
        ids = [f'{n:044}' for n in range(1000)]
        for size in [0, 2 ** 20]:
            with MisbehavingServer(json_answer(ids)) as server, \
                    Connection(server.url) as connection, \
                    patch.object(transport, '_IN_MEMORY', size):
                self.assertEqual(
                    list(connection.items('studies', LIMIT)), ids)

    def test_begun_again(self):
        "What came of an answer that was cut is not part of the next"
        ids = [f'{n:044}' for n in range(20_000)]
        body, asked = json.dumps(ids).encode(), []

        def cut_once(request):
            asked.append(request.path)
            request.send_response(200)
            request.send_header('Content-Length', str(len(body)))
            request.end_headers()
            if len(asked) > 1:
                request.wfile.write(body)
                return
            request.wfile.write(body[:len(body) // 2])
            time.sleep(0.2)
            reset(request)

        with MisbehavingServer(json_answer(SYSTEM)) as server, \
                Connection(server.url) as connection:
            # Only one that was kept alive is asked twice
            connection.json('GET', 'system', type_=dict)
            server.behaviour = cut_once
            self.assertEqual(list(connection.items('studies', LIMIT)), ids)
        self.assertEqual(len(asked), 2)

    def test_full_disk(self):
        "It is not the server that is in trouble then"
        class Full(io.BytesIO):
            def write(self, data):
                raise OSError(28, "No space left on device")

        with MisbehavingServer(json_answer(['a'])) as server, \
                Connection(server.url) as connection, \
                patch.object(
                    transport, 'SpooledTemporaryFile', lambda size: Full()), \
                self.assertRaises(exceptions.Unexpected) as caught:
            list(connection.items('studies', LIMIT))
        self.assertEqual(caught.exception.detail, 'OSError')

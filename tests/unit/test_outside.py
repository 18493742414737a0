# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What comes from a server, and what goes to one, is bounded"
import json
import unittest
from contextlib import ExitStack
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from trytond.modules.health_orthanc import (
    client, dicom, exceptions, record, transport)
from trytond.modules.health_orthanc.scripts.key import with_keys

from .test_record import SERIES, STUDY
from tests.faults.misbehaving import SYSTEM, MisbehavingServer, json_answer

METADATA = [
    '169.254.169.254', '169.254.0.1', 'fe80::1', 'fe80::1%eth0',
    '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1',
    'fd00:ec2::254', 'fd00:ec2::254%eth0', '100.100.100.200',
    '168.63.129.16', '192.0.0.192']


class TextTestCase(unittest.TestCase):
    "Each text that a row has, by its VR"

    def test_each_text(self):
        "No value of a study is longer than a column or an index can take"
        tags = {
            (level, name) for level in [
                'MainDicomTags', 'PatientMainDicomTags']
            for name in STUDY[level]}
        for long in ['x' * 3000, '\u4e00' * 3000, 'A^' * 2000, '\\' * 3000]:
            study = json.loads(json.dumps(STUDY))
            series = json.loads(json.dumps(SERIES))
            for level, name in tags:
                study[level][name] = long
            for one in series:
                one['MainDicomTags'] = dict.fromkeys(
                    one['MainDicomTags'], long)
            result = record.record(study, series)
            for row in [result.patient, result.study, *result.series]:
                for name, value in row.items():
                    if isinstance(value, str):
                        self.assertLessEqual(len(value), 800, name)
                        self.assertLess(len(value.encode()), 2700, name)

    @given(st.sampled_from(sorted(dicom.MAXIMUM)), st.text())
    def test_property(self, vr, value):
        maximum = dicom.MAXIMUM[vr]
        for long in [value, value * 300]:
            result = dicom.text(long, vr)
            if result is not None:
                self.assertLessEqual(len(result), maximum)
                self.assertEqual(dicom.text(result, vr), result)

    def test_cut_equals_nothing(self):
        "What differs beyond the end still differs"
        for vr, maximum in dicom.MAXIMUM.items():
            values = ['x' * maximum] + [
                'x' * maximum + end for end in ['1', '2', ' 1', 'x' * 9]]
            texts = {dicom.text(value, vr) for value in values}
            self.assertEqual(len(texts), len(values), vr)
            # Nor does it equal what would be left of it
            self.assertNotIn('x' * maximum, texts - {values[0]})

    def test_direction(self):
        for character in '\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068' \
                '\u2069\u200e\u200f\u061c':
            self.assertEqual(dicom.text(f'a{character}b'), 'ab')

    def test_numbers(self):
        "A count that no column holds sets the study aside"
        for count in [2 ** 31, 10 ** 12]:
            with self.assertRaises(exceptions.Unreadable) as caught:
                record.record(STUDY, [{**SERIES[0], 'Instances': count}])
            self.assertEqual(caught.exception.reason, 'out_of_range')
        highest = 2 ** 31 - 1
        self.assertEqual(
            record.record(STUDY, [{**SERIES[0], 'Instances': highest}])
            .study['image_count'], highest)

    def test_server(self):
        system = {
            **SYSTEM, 'Version': 'v' * 5000, 'Name': '\0\u202en' * 3000,
            'DicomAet': 'a' * 5000, 'DatabaseServerIdentifier': 'd' * 5000,
            'DatabaseBackendPlugin': 'p' * 5000}
        with MisbehavingServer(json_answer(system)) as server, \
                client.Orthanc(server.url) as orthanc:
            for value in vars(orthanc.system()).values():
                if isinstance(value, str):
                    self.assertLessEqual(len(value), 256)
                    self.assertTrue(value.isprintable())

    def test_changes(self):
        "A row of the log that no column can hold is none"
        row = {
            'ChangeType': 'NewStudy', 'ResourceType': 'Study', 'ID': 'a',
            'Date': '20261124T062215', 'Seq': 3}
        odd = [
            {**row, name: value} for name, value in [
                ('Seq', 2 ** 63), ('Seq', -1), ('ID', 'x' * 65),
                ('ID', 'a\0'), ('Date', 'd' * 100), ('ChangeType', 'a b')]]
        answer = {'Changes': [*odd, row], 'Done': True, 'Last': 3}
        with MisbehavingServer(json_answer(answer)) as server, \
                client.Orthanc(server.url) as orthanc:
            self.assertEqual(len(orthanc.changes(0, 10).rows), 1)
        for answer in [
                {'Changes': [], 'Done': True, 'Last': 2 ** 63},
                {'CountPatients': 2 ** 31, 'CountStudies': 1,
                    'CountSeries': 1, 'CountInstances': 1}]:
            with MisbehavingServer(json_answer(answer)) as server, \
                    client.Orthanc(server.url) as orthanc:
                for call in [orthanc.statistics, orthanc.last_change]:
                    with self.assertRaises(exceptions.BrokenAnswer):
                        call()


class PartsTestCase(unittest.TestCase):
    "What is too large is asked for in parts"

    def orthanc(self, behave):
        stack = ExitStack()
        self.addCleanup(stack.close)
        server = stack.enter_context(MisbehavingServer(
                behave, paths={'/system': json_answer(SYSTEM)}))
        return stack.enter_context(client.Orthanc(server.url))

    def studies(self, size):
        def behave(request):
            ids = json.loads(request.body)['Resources']
            self.asked.append(len(ids))
            json_answer([
                    {'ID': id_, 'Type': 'Study', 'x': 'x' * size(id_)}
                    for id_ in ids])(request)

        self.asked = []
        return self.orthanc(behave)

    def test_bulk(self):
        orthanc = self.studies(lambda id_: 50_000)
        ids = [str(i) for i in range(150)]
        self.assertEqual(set(orthanc.studies_by_id(ids)), set(ids))
        self.assertEqual(self.asked, [150, 75, 75])

    def test_one(self):
        orthanc = self.studies(lambda id_: 7 * 2 ** 20)
        with self.assertRaises(exceptions.TooLarge):
            orthanc.studies_by_id(['a'])

    def test_held(self):
        "Nor are many in memory that are not too large one by one"
        orthanc = self.studies(lambda id_: 2 ** 20)
        with self.assertRaises(exceptions.TooLarge):
            orthanc.studies_by_id([str(i) for i in range(12)])
        self.assertEqual(
            len(orthanc.studies_by_id([str(i) for i in range(9)])), 9)

    def test_values(self):
        "A value takes memory, however few bytes it is written in"
        for body in [b'[],', b'{},', b'0,', b'"a",', b'{"a":0},']:
            for call in [
                    lambda o: o.studies_page(0, 10),
                    lambda o: list(o.study_ids()),
                    lambda o: o.changes(0, 100)]:
                def behave(request, body=body):
                    request.send_response(200)
                    data = b'[' + body * 10 ** 6 + b'0]'
                    request.send_header('Content-Length', str(len(data)))
                    request.end_headers()
                    request.wfile.write(data)

                orthanc = self.orthanc(behave)
                with self.assertRaises(exceptions.TooLarge):
                    call(orthanc)


class AddressTestCase(unittest.TestCase):

    def test_metadata(self):
        for address in METADATA:
            with self.subTest(address=address):
                self.assertTrue(transport.is_metadata_address(address))
                host = f'[{address}]' if ':' in address else address
                with self.assertRaises(exceptions.BadAddress):
                    transport.base_url(f'http://{host}/latest/')
        for address in [
                '127.0.0.1', '10.0.0.1', '192.168.1.1', '::1', 'fd00::1',
                '169.253.1.1', 'pacs.example.com', '']:
            self.assertFalse(transport.is_metadata_address(address))

    def test_resolved(self):
        "A name that leads there is refused before anything is sent"
        with MisbehavingServer(json_answer(SYSTEM)) as server, \
                patch.object(
                    transport, 'is_metadata_address',
                    lambda host: host == '127.0.0.1'):
            url = server.url.replace('127.0.0.1', 'localhost')
            with client.Orthanc(url, 'u', 'p') as orthanc, \
                    self.assertRaises(exceptions.BadAddress):
                orthanc.system()
            self.assertFalse(server.requests)

    def test_credentials(self):
        "In any spelling, and they are not repeated"
        for url in [
                'http://u:s3cret@h/', 'http://u:s3cret%40h/',
                'http://u:s3cret%2540h/', 'http://u:s3cret\uff20h/',
                'http:u:s3cret@h', 'u:s3cret@h', 'http:///u:s3cret@h',
                'http://h/u:s3cret@x', 'HTTP://U:s3cret@H', '//u:s3cret@h/',
                'http://h/?token=s3cret', 'http://h/#s3cret',
                'http://h/;jsessionid=s3cret', 'http://h/%3Ftoken=s3cret',
                'http://h/token=s3cret', 'http://h/a?s3cret']:
            with self.subTest(url=url):
                with self.assertRaises(exceptions.BadAddress) as caught:
                    transport.base_url(url)
                self.assertNotIn('s3cret', str(caught.exception))
                if not url.endswith('token=s3cret'):
                    self.assertNotIn('s3cret', exceptions.address(url))

    def test_address(self):
        "What is no credential is shown"
        for url, shown in [
                ('http://h:8042/orthanc/', 'http://h:8042/orthanc/'),
                ('http://h:8042/?token=x', 'http://h:8042/'),
                ('https://u:s3cret@h/', 'https://h/'), ('h', 'h'),
                (None, '')]:
            with self.subTest(url=url):
                self.assertEqual(exceptions.address(url), shown)

    def test_schemes(self):
        for url in [
                'ftp://h/', 'file:///etc/passwd', 'javascript:alert(1)',
                'data:text/html,x', 'gopher://h/', 'ws://h/', 'h', '//h/',
                'http://h/<script>', 'http://h/"x']:
            with self.assertRaises(exceptions.BadAddress):
                transport.base_url(url)

    def test_keeps_secret(self):
        old = 'https://pacs.example.com:8043/orthanc/'
        for new, expected in [
                (old, True), ('https://pacs.example.com:8043', True),
                ('https://PACS.example.com:8043/x', True),
                ('http://pacs.example.com:8043/orthanc/', False),
                ('https://pacs.example.com/orthanc/', False),
                ('https://pacs.example.com:8044/orthanc/', False),
                ('https://pacs.example.org:8043/orthanc/', False),
                ('https://evil@pacs.example.com:8043/', False),
                ('pacs.example.com', False), ('', False), (None, False)]:
            with self.subTest(new=new):
                self.assertEqual(transport.keeps_secret(old, new), expected)
        self.assertTrue(transport.keeps_secret('http://h:1/', 'https://h:1/'))
        self.assertTrue(transport.keeps_secret('http://h/', 'http://h:80/x'))
        self.assertFalse(transport.keeps_secret('http://h/', 'https://h/'))


class QuotedTestCase(unittest.TestCase):

    def test_credentials(self):
        for text in [
                'Authorization: Basic dTpzM2NyZXQ=', 'password=s3cret',
                'The password is s3cret', '"token": "s3cret"',
                'http://u:s3cret@h/', 'Bearer s3cret.x.y', 'pwd: s3cret;',
                'api_key=s3cret&x', 'Cookie: s3cret', 'Secret="s3cret"',
                'key 0123456789abcdefs3cret0123456789', 'session=s3cret']:
            with self.subTest(text=text):
                shown = exceptions.quoted(text)
                self.assertNotIn('s3cret', shown)
                self.assertNotIn('dTpzM2NyZXQ=', shown)

    def test_own(self):
        "Our own password, also where it looks like a word"
        for said in [
                "wrong horse", "horse%20battery", "aG9yc2U6aG9yc2UgYmF0dGVyeQ"
                "==", "horse battery"]:
            answer = json_answer({'Message': f"Error: {said}!"}, status=500)
            with MisbehavingServer(answer) as server, \
                    client.Orthanc(
                        server.url, 'horse', 'horse battery') as orthanc, \
                    self.assertRaises(exceptions.ServerFailed) as caught:
                orthanc.statistics()
            if said != "wrong horse":
                self.assertNotIn(said, caught.exception.detail)

    def test_marked(self):
        "It is cut, and no one takes it for a word of ours"
        message = 'Call “0900” \u202e now ' + 'x ' * 1000
        with MisbehavingServer(json_answer(
                    {'Message': message}, status=500)) as server, \
                client.Orthanc(server.url) as orthanc, \
                self.assertRaises(exceptions.ServerFailed) as caught:
            orthanc.statistics()
        detail = caught.exception.detail
        self.assertIn('the server says: “Call "0900"  now x', detail)
        self.assertLessEqual(len(detail), 300)

    def test_words(self):
        for text in ["The database is locked", "Unknown resource", "500"]:
            self.assertEqual(exceptions.quoted(text), text)


class KeyFileTestCase(unittest.TestCase):
    "The configuration file that a key is written to"

    def test_texts(self):
        line = 'fernet_key = N,O\n'
        for text, expected in [
                ('', f'\n[cryptography]\n{line}'),
                ('[database]\nuri = x', '[database]\nuri = x\n\n'
                    f'[cryptography]\n{line}'),
                ('[cryptography]\n# why\n[queue]\n',
                    f'[cryptography]\n{line}# why\n[queue]\n'),
                ('[cryptography]\nfernet_key = O\nx = 1\n[a]\nfernet_key=2\n',
                    f'[cryptography]\n{line}x = 1\n[a]\nfernet_key=2\n')]:
            with self.subTest(text=text):
                self.assertEqual(with_keys(text, ['N', 'O']), expected)


if __name__ == '__main__':
    unittest.main()

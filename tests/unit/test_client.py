# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client makes of addresses, arguments and odd answers.

The answers come from a server of ours over a real socket; those of an Orthanc
are in tests/orthanc, and each kind of trouble is in tests/faults.
"""
import base64
import json
import logging
import os
import tempfile
import unittest
from itertools import islice
from pathlib import Path
from unittest.mock import patch
from urllib.parse import parse_qs, quote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from trytond.modules.health_orthanc import answers, client, exceptions
from trytond.modules.health_orthanc.transport import _causes

from tests.faults.misbehaving import (
    SYSTEM, MisbehavingServer, answer, hang, json_answer,
    self_signed_certificate)

EXTENDED = {
    **SYSTEM, 'Version': '1.12.7', 'ApiVersion': 27,
    'Capabilities': {'HasExtendedChanges': True, 'HasExtendedFind': True}}
# What is kept of a series
TAGS = {
    'BodyPartExamined': 'HEAD', 'Modality': 'CT',
    'SeriesDescription': "Axial", 'SeriesInstanceUID': '1.2.3',
    'SeriesNumber': '4'}
ROW = {
    'ChangeType': 'NewStudy', 'Date': '20261124T062215', 'ID': 'a',
    'Path': '/studies/a', 'ResourceType': 'Study', 'Seq': 3}


def unreadable(uid, tag, found, trouble=None):
    "Answer what is found, but for a tag of which a file can not be read"
    trouble = trouble or answer(500)

    def behave(request):
        query = json.loads(request.body)['Query']
        uids = ''.join(
            query.get(f'{level}InstanceUID', '')
            for level in ['Study', 'Series']).split('\\')
        if tag in query and any(one.startswith(uid) for one in uids):
            trouble(request)
        else:
            json_answer(found)(request)
    return behave


def study(id_, **values):
    return {'ID': id_, 'Type': 'Study', 'MainDicomTags': {}, **values}


class FakeOrthanc(MisbehavingServer):
    """Answers of an Orthanc that are said beforehand.

    queries are the decoded bodies of the requests that had one.
    """

    def __init__(self, answers=None, system=SYSTEM):
        super().__init__(paths={
                '/system': json_answer(system),
                **{f'/{path}': self._answer(value)
                    for path, value in (answers or {}).items()}})
        self.queries = []

    def _answer(self, value):
        def behave(request):
            query = json.loads(request.body) if request.body else None
            if query is not None:
                self.queries.append(query)
            json_answer(value(query) if callable(value) else value)(request)
        return behave

    def connect(self, *args, **kwargs):
        return client.Orthanc(self.url, *args, read_timeout=5, **kwargs)


class AddressTestCase(unittest.TestCase):

    def test_bad_address(self):
        for url in [
                '', ' ', 'localhost', 'localhost:8042', '127.0.0.1:8042',
                'ftp://localhost', 'file:///etc/passwd', '//localhost',
                'http://', 'http:///path', 'https://:8042', 'http:localhost',
                'http://host:port/', 'http://host:99999/', 'http://[::1',
                'http://ho st/', 'http://host/a b', 'http://host\\path',
                'http://host/?q=1', 'http://host/#fragment', 'http://a\nb/',
                None, 3]:
            with self.subTest(url=url):
                with self.assertRaises(exceptions.BadAddress) as caught:
                    client.Orthanc(url)
                self.assertTrue(caught.exception.detail)

    def test_credentials_in_address(self):
        for url in [
                'http://user:secret@host/', 'http://secret@host:port/',
                'http://user:secret@[::1/', 'user:secret@host']:
            with self.subTest(url=url):
                with self.assertRaises(exceptions.BadAddress) as caught:
                    client.Orthanc(url)
                self.assertNotIn('secret', str(caught.exception))

    def test_base_url(self):
        for url, expected in [
                ('http://host:8042', 'http://host:8042/'),
                ('http://host:8042/', 'http://host:8042/'),
                (' https://host/orthanc ', 'https://host/orthanc/'),
                ('HTTPS://host//', 'https://host/'),
                ('http://host/XX', 'http://host/XX/'),
                ('http://[::1]:8042', 'http://[::1]:8042/')]:
            with self.subTest(url=url):
                self.assertEqual(client.Orthanc(url).url, expected)

    def test_path_of_a_proxy(self):
        with MisbehavingServer(paths={
                    '/pacs/orthanc/system': json_answer(SYSTEM)}) as server, \
                client.Orthanc(server.url + 'pacs/orthanc') as orthanc:
            self.assertEqual(orthanc.system().name, "Fake")

    @given(st.text())
    def test_any_address(self, url):
        try:
            orthanc = client.Orthanc(url)
        except exceptions.BadAddress:
            pass
        else:
            self.assertRegex(orthanc.url, '^https?://.*/$')

    def test_reasons(self):
        "Each kind of trouble has a reason of its own"
        classes = [
            class_ for class_ in vars(exceptions).values()
            if isinstance(class_, type)
            and issubclass(class_, exceptions.OrthancError)]
        reasons = [
            class_.reason for class_ in classes if vars(class_).get('reason')]
        self.assertCountEqual(reasons, set(reasons))
        messages = (
            Path(exceptions.__file__).with_name('message.xml').read_text())
        for class_ in classes:
            # What only has kinds of its own has none
            if class_.reason or not class_.__subclasses__():
                self.assertIn(f'"msg_error_{class_.reason}"', messages)


class CausesTestCase(unittest.TestCase):

    def test_each_once(self):
        "Also where exceptions wrap each other"
        one, other = OSError(), ValueError()
        one.__cause__, other.__context__ = other, one
        self.assertEqual(list(islice(_causes(one), 5)), [one, other])
        self.assertEqual(list(islice(_causes(one, other), 5)), [one])


class RequestTestCase(unittest.TestCase):

    def test_credentials(self):
        seen = []

        def behave(request):
            seen.append(request.headers.get('Authorization'))
            json_answer(SYSTEM)(request)

        for arguments, expected in [
                (('üser', 'pä:ß山'), 'üser:pä:ß山'), (('user', None), 'user:'),
                ((), None), ((None, None), None), (('', ''), None)]:
            with self.subTest(expected=expected), \
                    MisbehavingServer(behave) as server, \
                    client.Orthanc(server.url, *arguments) as orthanc:
                orthanc.system()
                header = expected and 'Basic ' + base64.b64encode(
                    expected.encode()).decode()
                self.assertEqual(seen.pop(), header)

    def test_environment(self):
        "Proxies and credentials of the machine are not for an Orthanc"
        seen = []

        def behave(request):
            seen.append(request.headers.get('Authorization'))
            json_answer(SYSTEM)(request)

        with tempfile.NamedTemporaryFile('w') as netrc, \
                MisbehavingServer(behave) as server, \
                client.Orthanc(server.url) as orthanc:
            netrc.write('machine 127.0.0.1 login user password secret')
            netrc.flush()
            with patch.dict(os.environ, {
                        'HTTP_PROXY': 'http://127.0.0.1:9',
                        'http_proxy': 'http://127.0.0.1:9',
                        'NO_PROXY': '', 'no_proxy': '',
                        'NETRC': netrc.name}):
                orthanc.system()
        self.assertEqual(seen, [None])

    def test_credentials_that_come_back(self):
        "No form of them is in what is told of an answer"
        for username, password in [
                ('user', 'secret'), (None, 'secret'), ('user', 's:c/r t')]:
            for form in [
                    password, quote(password, safe=''),
                    base64.b64encode(
                        f"{username or ''}:{password}".encode()).decode()]:
                with self.subTest(username=username, form=form), \
                        MisbehavingServer(answer(
                            500, json.dumps({'Message': f'got {form} !'})
                            .encode(), Content_Type='application/json')
                            ) as server, client.Orthanc(
                                server.url, username, password) as orthanc, \
                        self.assertRaises(exceptions.ServerFailed) as caught:
                    orthanc.statistics()
                self.assertIn('got *** !', caught.exception.detail)

    def test_nothing_secret_is_logged(self):
        with FakeOrthanc({'studies': []}) as server, \
                server.connect('user', 'secret') as orthanc, \
                self.assertLogs(level=logging.DEBUG) as logs:
            list(orthanc.study_ids())
        text = '\n'.join(logs.output)
        self.assertIn('studies', text)
        self.assertNotIn('secret', text)
        self.assertNotIn(
            base64.b64encode(b'user:secret').decode(), text)

    def test_requests_are_counted(self):
        with FakeOrthanc({'studies': []}) as server, \
                server.connect() as orthanc:
            self.assertEqual(orthanc.requests, 0)
            list(orthanc.study_ids())
            list(orthanc.study_ids())
            self.assertEqual(orthanc.requests, 2)

    def test_capabilities_are_read_once(self):
        with FakeOrthanc({'tools/bulk-content': []}) as server, \
                server.connect() as orthanc:
            self.assertEqual(orthanc.capabilities.version, '1.10.1')
            orthanc.studies_by_id(['a'])
            orthanc.studies_by_id(['a'])
            self.assertEqual(orthanc.requests, 3)

    def test_body_until_the_end(self):
        "Old proxies end an answer by closing the connection"
        def behave(request):
            request.wfile.write(
                b'HTTP/1.0 200 OK\r\n\r\n' + json.dumps(['a']).encode())
            request.close_connection = True

        for certificate in [None, self_signed_certificate()]:
            with MisbehavingServer(
                        behave, certificate=certificate) as server, \
                    client.Orthanc(
                        server.url, ca_certificates=(
                            certificate and certificate[0])) as orthanc:
                self.assertEqual(list(orthanc.study_ids()), ['a'])
                self.assertEqual(list(orthanc.study_ids()), ['a'])

    def test_spoiled_characters(self):
        "Bytes and escapes that are no text do not spoil an answer"
        for body, expected in [
                (rb'["a\ud800", "b"]', ['a\ud800', 'b']),
                (b'["a\xff", "b"]', ['a\ufffd', 'b']),
                (b'\xef\xbb\xbf["a"]', ['a']),
                (rb'["\u0000"]', ['\0'])]:
            with self.subTest(body=body), \
                    MisbehavingServer(answer(200, body)) as server, \
                    client.Orthanc(server.url) as orthanc:
                self.assertEqual(orthanc.studies_page(0, 9), expected)


class SystemTestCase(unittest.TestCase):

    def system(self, value):
        with FakeOrthanc(system=value) as server, \
                server.connect() as orthanc:
            return orthanc.system()

    def test_old(self):
        self.assertEqual(
            self.system({
                    'ApiVersion': 16, 'Version': '1.10.1', 'Name': "Radiology",
                    'DicomAet': 'ORTHANC', 'DatabaseBackendPlugin': None}),
            answers.System(
                version='1.10.1', name="Radiology", aet='ORTHANC',
                database_identifier=None, database_plugin=None,
                extended_changes=False, extended_find=False,
                reports_issuer=False))

    def test_reports_issuer(self):
        for tags, reports in [
                ({'Patient': '0010,0010;0010,0020;0010,0021;0010,0030'}, True),
                ({'Patient': '0010,0021'}, True),
                ({'Patient': '0010,0010;0010,0020', 'Study': '0010,0021'},
                    False),
                ({'Patient': ['0010,0021']}, False),
                ({}, False), (None, False), ('0010,0021', False)]:
            self.assertIs(
                self.system({**EXTENDED, 'MainDicomTags': tags})
                .reports_issuer, reports, tags)

    def test_new(self):
        system = self.system({
                **EXTENDED, 'DatabaseServerIdentifier': 'abc',
                'DatabaseBackendPlugin': '/usr/lib/libPostgreSQL.so'})
        self.assertEqual(system.database_identifier, 'abc')
        self.assertEqual(system.database_plugin, '/usr/lib/libPostgreSQL.so')
        self.assertTrue(system.extended_changes)
        self.assertTrue(system.extended_find)

    def test_lenient(self):
        for version in ['mainline', '1.12.7+dfsg', '', '2']:
            self.assertEqual(
                self.system({'ApiVersion': 31, 'Version': version}).version,
                version)
        system = self.system({'ApiVersion': 31, 'Version': '1'})
        self.assertEqual((system.name, system.aet), ('', ''))
        for capabilities in [None, [], 'x', {'HasExtendedFind': 'yes'}]:
            system = self.system({**EXTENDED, 'Capabilities': capabilities})
            self.assertFalse(system.extended_find)


class ChangesTestCase(unittest.TestCase):

    def test_arguments(self):
        "Orthanc answers these as if the log were at its end"
        with FakeOrthanc() as server, server.connect() as orthanc:
            for since, limit in [
                    (0, 0), (0, -1), (0, 2 ** 31), (0, 2 ** 32 - 1), (-1, 5)]:
                with self.subTest(since=since, limit=limit), \
                        self.assertRaises(ValueError):
                    orthanc.changes(since, limit)
            for since, limit in [(0, 0), (0, -1), (-1, 5)]:
                with self.assertRaises(ValueError):
                    orthanc.studies_page(since, limit)
            self.assertEqual(orthanc.requests, 0)

    def test_unreadable_rows(self):
        rows = [None, ROW, {**ROW, 'Seq': '4'}, {**ROW, 'Seq': True}, [],
            {**ROW, 'Seq': 5, 'ID': None}, {**ROW, 'Seq': 6}]
        with FakeOrthanc({
                    'changes': {'Changes': rows, 'Last': 6, 'Done': True}}
                ) as server, server.connect() as orthanc:
            page = orthanc.changes(0, 10)
        self.assertEqual([c.seq for c in page.rows], [3, 6])
        self.assertEqual(page.rows[0], answers.Change(
                3, 'NewStudy', 'Study', 'a', '20261124T062215'))
        self.assertTrue(page.done)
        self.assertEqual(page.last, 6)

    def test_no_readable_row(self):
        "It would look like the end of the log"
        for rows in [[None], ['odd', {}], None, {'Seq': 3}]:
            with self.subTest(rows=rows), FakeOrthanc({
                        'changes': {'Changes': rows, 'Last': 6, 'Done': True}}
                    ) as server, server.connect() as orthanc, \
                    self.assertRaises(exceptions.BrokenAnswer):
                orthanc.changes(0, 10)

    def test_type_only_where_known(self):
        for system, expected in [
                (SYSTEM, None),
                (EXTENDED, ['NewStudy;NewSeries;StableStudy;StableSeries'])]:
            with FakeOrthanc(
                        {'changes': {'Changes': [], 'Last': 0}}, system
                    ) as server, server.connect() as orthanc:
                orthanc.changes(7, 10, study_and_series_only=True)
                _, path = server.requests[-1]
                query = parse_qs(urlsplit(path).query, separator='&')
                self.assertEqual(query.get('type'), expected)
                self.assertEqual(query['since'], ['7'])
                self.assertEqual(query['limit'], ['10'])
                # Orthanc 1.12.7 does not decode it.
                self.assertNotIn('%3B', path)

    def test_last_change(self):
        for rows, expected in [([], None), ([ROW], 3)]:
            with FakeOrthanc({
                        'changes': {'Changes': rows, 'Last': 3}}
                    ) as server, server.connect() as orthanc:
                change, last = orthanc.last_change()
                self.assertEqual(change and change.seq, expected)
                self.assertEqual(last, 3)
                self.assertEqual(
                    server.requests[-1][1].split('?'), ['/changes', 'last'])


class StudiesTestCase(unittest.TestCase):

    def test_odd_identifiers(self):
        with FakeOrthanc({'studies': ['a', None, 3, {}, '', 'b']}
                ) as server, server.connect() as orthanc:
            self.assertEqual(list(orthanc.study_ids()), ['a', 'b'])

    def test_page_is_as_sent(self):
        "Its length tells the caller whether it was the last one"
        page = [study('a'), None, 'text', 3, []]
        with FakeOrthanc({'studies': page}
                ) as server, server.connect() as orthanc:
            self.assertEqual(orthanc.studies_page(0, 5), page)

    def test_by_id_odd_answers(self):
        sent = [
            study('a'), None, 3, [], {}, {'ID': 'b'}, study(None),
            study('other'), {'ID': 'c', 'Type': 'Series'}, study('d')]
        for system in [SYSTEM, EXTENDED]:
            with FakeOrthanc({'tools/bulk-content': sent}, system
                    ) as server, server.connect() as orthanc:
                self.assertEqual(
                    orthanc.studies_by_id(['a', 'b', 'c', 'd', 'e', 'a']),
                    {'a': study('a'), 'd': study('d')})

    def test_nothing_to_do(self):
        for system in [SYSTEM, EXTENDED]:
            with FakeOrthanc(system=system) as server, \
                    server.connect() as orthanc:
                self.assertEqual(orthanc.studies_by_id([]), {})
                self.assertEqual(orthanc.series_of([]), {})
                self.assertEqual(
                    orthanc.series_of([None, 'a', {}, {'ID': 'a'}]), {})
                self.assertLessEqual(orthanc.requests, 1)

    def by_id(self, known, wanted, delay=0, newest=None, system=EXTENDED):
        """Return the requests that bring those wanted of known.

        delay is that of the server for each study read by ID, newest the
        order of the studies by age, in place of that of the database.
        """
        studies = {i: study(i) for i in known}

        def bulk(query):
            server._server.stopping.wait(delay * len(query['Resources']))
            return [studies[i] for i in query['Resources'] if i in studies]

        def find(query):
            start, size = query['Since'], query['Limit']
            ids = (known if newest is None else newest)[start:start + size]
            return [studies[i] for i in ids]

        def get_studies(request):
            query = parse_qs(
                urlsplit(request.path).query, keep_blank_values=True)
            value = known
            if 'expand' in query:
                start, size = (int(query[k][0]) for k in ('since', 'limit'))
                value = [studies[i] for i in known[start:start + size]]
            json_answer(value)(request)

        with FakeOrthanc({
                    'tools/bulk-content': bulk, 'tools/find': find,
                    }, system) as server, server.connect() as orthanc:
            server.paths['/studies'] = get_studies
            found = orthanc.studies_by_id(wanted)
        self.assertEqual(
            found, {i: study(i) for i in wanted if i in studies})
        names = {
            'bulk-content': 'bulk', 'find': 'newest', 'studies': 'ids',
            'studies?expand': 'page'}
        requests = []
        for _, path in server.requests[1:]:
            name = path.partition('&')[0].rpartition('/')[2]
            requests.append(names[name])
        return requests

    def test_by_id_in_slices(self):
        ids = [str(i) for i in range(1000)]
        requests = self.by_id(ids, [*ids, 'gone'], system=SYSTEM)
        self.assertEqual(requests, ['bulk'] * 6)

    def test_by_id_few(self):
        "A walk is not worth it for a few"
        ids = [str(i) for i in range(5000)]
        requests = self.by_id(ids, ids[:40], delay=0.01)
        self.assertEqual(requests, ['bulk'])

    def test_by_id_newest(self):
        "Where reading by ID is slow, the newest come by pages"
        ids = [str(i) for i in range(20_000)]
        requests = self.by_id(
            ids, ids[-2500:], delay=0.05, newest=ids[::-1])
        self.assertEqual(requests, ['bulk', 'ids'] + ['newest'] * 3)

    def test_by_id_stops_when_all_are_met(self):
        ids = [str(i) for i in range(3000)]
        requests = self.by_id(ids, ids[:300], delay=0.05)
        self.assertEqual(requests, ['bulk', 'ids', 'newest'])

    def test_by_id_spread(self):
        "What is spread over the database comes by its pages"
        ids = [str(i) for i in range(10_000)]
        wanted = ids[::100]
        requests = self.by_id(
            ids, wanted, delay=0.05,
            newest=[i for i in ids if i not in wanted] + wanted)
        self.assertEqual(
            requests, ['bulk', 'ids', 'newest'] + ['page'] * 10)

    def test_by_id_fast(self):
        "Where reading by ID is fast, what is spread comes by ID"
        ids = [str(i) for i in range(50_000)]
        wanted = ids[::1000]
        requests = self.by_id(
            ids, wanted, newest=[i for i in ids if i not in wanted])
        self.assertEqual(requests, ['bulk', 'ids', 'newest', 'bulk'])

    def test_by_id_gone(self):
        "What is gone is looked for only once"
        known = [str(i) for i in range(1500)]
        gone = [f'gone {i}' for i in range(500)]
        requests = self.by_id(known, [*gone, *known], delay=0.05)
        self.assertEqual(requests, ['bulk', 'ids', 'newest', 'newest'])
        requests = self.by_id(known, gone, delay=0.05)
        self.assertEqual(requests, ['bulk', 'ids'])

    def test_by_id_skipped_by_a_walk(self):
        "What no page shows, as others shift, comes by ID"
        ids = [str(i) for i in range(100)]
        requests = self.by_id(ids, ids, delay=0.05, newest=ids[:90])
        self.assertEqual(requests, ['bulk', 'ids', 'newest', 'bulk'])


class SeriesTestCase(unittest.TestCase):

    def test_old(self):
        sent = [
            {'ID': 's1', 'Type': 'Series', 'ParentStudy': 'a',
                'Instances': ['1', '2'], 'LastUpdate': '20261124T062215',
                'MainDicomTags': {**TAGS, 'Manufacturer': "Unwanted"}},
            {'ID': 's2', 'Type': 'Series', 'ParentStudy': 'other'},
            {'ID': 's3', 'Type': 'Series'},
            {'ID': None, 'Type': 'Series', 'ParentStudy': 'a'},
            None, 'text']
        with FakeOrthanc({'tools/bulk-content': sent}
                ) as server, server.connect() as orthanc:
            self.assertEqual(
                orthanc.series_of([study('a'), study('b')]), {
                    'a': [{
                            'ID': 's1', 'ParentStudy': 'a', 'Instances': 2,
                            'LastUpdate': '20261124T062215',
                            'MainDicomTags': TAGS}],
                    'b': []})

    def test_new(self):
        def found(id_, **values):
            return {
                'ID': id_, 'Type': 'Series', 'ParentStudy': 'a',
                'MainDicomTags': {}, **values}
        sent = [
            found(
                's1', Metadata={'LastUpdate': '20261124T062215'},
                RequestedTags={'NumberOfSeriesRelatedInstances': '3000'}),
            found('s2', RequestedTags={}), found('s3', RequestedTags=None),
            found('s4', RequestedTags={
                    'NumberOfSeriesRelatedInstances': 'many'}),
            found('s5', Metadata=[], RequestedTags={
                    'NumberOfSeriesRelatedInstances': '²'}),
            found('s6', RequestedTags={
                    'NumberOfSeriesRelatedInstances': '٣'})]
        with FakeOrthanc({'tools/find': sent}, EXTENDED
                ) as server, server.connect() as orthanc:
            series = orthanc.series_of([
                    study('a', MainDicomTags={'StudyInstanceUID': '1.2'})])
        self.assertEqual(
            [s['Instances'] for s in series['a']], [3000, 0, 0, 0, 0, 0])
        self.assertEqual(
            [s['LastUpdate'] for s in series['a']],
            ['20261124T062215', None, None, None, None, None])

    def test_one_uid_of_several_studies(self):
        "Each gets its own series, and nobody that of a study unasked for"
        studies = [
            study(id_, MainDicomTags={'StudyInstanceUID': '1.2'})
            for id_ in 'ab']
        sent = [{
                'ID': f's-{parent}', 'Type': 'Series', 'ParentStudy': parent,
                'MainDicomTags': {}} for parent in 'abc']
        for system, path in [
                (EXTENDED, 'tools/find'), (SYSTEM, 'tools/bulk-content')]:
            with FakeOrthanc({path: sent}, system) as server, \
                    server.connect() as orthanc:
                series = orthanc.series_of(studies)
            self.assertEqual(
                {id_: [s['ID'] for s in of] for id_, of in series.items()},
                {'a': ['s-a'], 'b': ['s-b']})

    def test_wildcards_and_lists(self):
        "An UID that a query would take as a pattern is not queried"
        studies = [
            study(str(i), MainDicomTags=tags) for i, tags in enumerate([
                    {'StudyInstanceUID': '1.2.3'},
                    {'StudyInstanceUID': '1.2.3'},
                    {'StudyInstanceUID': '1.2.4'},
                    {'StudyInstanceUID': '*'}, {'StudyInstanceUID': '1.?'},
                    {'StudyInstanceUID': '1.2\\1.3'},
                    {'StudyInstanceUID': ''}, {'StudyInstanceUID': None},
                    {'StudyInstanceUID': '1.2\n'}, {}, None])]
        with FakeOrthanc({'tools/find': [], 'tools/bulk-content': []},
                EXTENDED) as server, server.connect() as orthanc:
            orthanc.series_of(studies)
        find, bulk = server.queries
        self.assertEqual(
            find['Query'], {'StudyInstanceUID': '1.2.3\\1.2.4'})
        self.assertEqual(
            bulk['Resources'], [str(i) for i in range(3, 11)])

    def test_one_request_for_many(self):
        studies = [
            study(str(i), MainDicomTags={'StudyInstanceUID': f'1.{i}'})
            for i in range(1000)]
        for system in [SYSTEM, EXTENDED]:
            with FakeOrthanc(
                    {'tools/find': [], 'tools/bulk-content': []}, system
                    ) as server, server.connect() as orthanc:
                series = orthanc.series_of(studies)
                self.assertEqual(len(series), 1000)
                self.assertLessEqual(orthanc.requests, 11)


class IssuerTestCase(unittest.TestCase):
    "Which studies are of an issuer"

    def setUp(self):
        self.studies = [
            study(f's{n}', MainDicomTags={'StudyInstanceUID': f'1.{n}'})
            for n in range(9)]

    def issuers(self, orthanc):
        return [
            one.get('PatientMainDicomTags', {}).get('IssuerOfPatientID')
            for one in orthanc.with_issuer(self.studies, 'US')]

    def test_damaged_file(self):
        "A study of which no file can be read keeps no other from being told"
        found = [s['ID'] for s in self.studies if s['ID'] != 's2']
        expected = [None if n in {2, 5} else 'US' for n in range(9)]
        found.remove('s5')
        for trouble in [answer(500), answer(400), hang]:
            for uid in ['1.2', '1.5']:
                with MisbehavingServer(
                        unreadable(uid, 'IssuerOfPatientID', found, trouble)
                        ) as server, client.Orthanc(
                            server.url, read_timeout=.2) as orthanc:
                    self.assertEqual(self.issuers(orthanc), expected)

    def test_failure(self):
        "What is the trouble of the server is none of a study"
        for trouble, expected in [
                (answer(503), exceptions.ServerFailed),
                (hang, exceptions.TimedOut)]:
            with MisbehavingServer(trouble) as server, client.Orthanc(
                    server.url, read_timeout=.05) as orthanc:
                with self.assertRaises(expected):
                    self.issuers(orthanc)
                self.assertLess(orthanc.requests, 8)

    def test_slow(self):
        "Who can read no file in time is not waited for too often"
        self.studies = [
            study(f's{n}', MainDicomTags={'StudyInstanceUID': f'1.{n}'})
            for n in range(200)]
        with MisbehavingServer(
                unreadable('1', 'IssuerOfPatientID', [], hang)) as server, \
                client.Orthanc(server.url, read_timeout=.05) as orthanc:
            with self.assertRaises(exceptions.TimedOut):
                self.issuers(orthanc)
            self.assertLess(orthanc.requests, 80)


class DocumentsTestCase(unittest.TestCase):
    "How many documents series have"

    def series(self, count, instances=2):
        return [{
                'ID': f's{n}',
                'MainDicomTags': {'SeriesInstanceUID': f'1.{n}'},
                'Instances': instances,
                } for n in range(count)]

    def instances(self, *parents):
        return [
            {'Type': 'Instance', 'ID': f'i{n}', 'ParentSeries': parent}
            for n, parent in enumerate(parents)]

    def test_told(self):
        series = [
            *self.series(3),
            # The same UID of another patient, and what no query takes
            {'ID': 'copy', 'MainDicomTags': {'SeriesInstanceUID': '1.1'}},
            {'ID': 'odd', 'MainDicomTags': {'SeriesInstanceUID': '1.*'}},
            {'ID': 'none', 'MainDicomTags': {}}]
        with FakeOrthanc({'tools/find': [
                    *self.instances('s1', 's2', 's1', 'other', 3, None),
                    None, 3, {'Type': 'Instance', 'ID': 'lost'}]}
                ) as server, server.connect() as orthanc:
            self.assertEqual(orthanc.count_documents(series), {
                    's0': 0, 's1': 2, 's2': 1, 'copy': 0})
            query, = server.queries
            self.assertEqual(
                query['Query']['SeriesInstanceUID'], '1.0\\1.1\\1.2')
            self.assertIn(
                '1.2.840.10008.5.1.4.1.1.104.1',
                query['Query']['SOPClassUID'].split('\\'))

    def test_nothing_to_ask(self):
        with FakeOrthanc() as server, server.connect() as orthanc:
            self.assertEqual(orthanc.count_documents([]), {})
            self.assertEqual(orthanc.requests, 0)

    def test_one_request_for_many(self):
        with FakeOrthanc({'tools/find': []}) as server, \
                server.connect() as orthanc:
            self.assertEqual(
                len(orthanc.count_documents(self.series(1000))), 1000)
            self.assertEqual(orthanc.requests, 10)

    def test_many_files(self):
        "It is asked of fewer where these have many, but of each"
        for instances, requests in [(300, 3), (5000, 9)]:
            with FakeOrthanc({'tools/find': []}) as server, \
                    server.connect() as orthanc:
                self.assertEqual(
                    len(orthanc.count_documents(self.series(9, instances))), 9)
                self.assertEqual(orthanc.requests, requests)

    def test_no_answer(self):
        "Nothing is told, and nothing fails"
        for behave in [
                answer(200, b'<html>'), json_answer({}), json_answer(None)]:
            with MisbehavingServer(behave) as server, \
                    client.Orthanc(server.url) as orthanc:
                self.assertEqual(orthanc.count_documents(self.series(150)), {})
                self.assertEqual(orthanc.requests, 2)

    def test_failure(self):
        "It is looked for the series of which it is, but not for ever"
        for status in [400, 404, 500]:
            with MisbehavingServer(answer(status)) as server, \
                    client.Orthanc(server.url) as orthanc:
                self.assertEqual(orthanc.count_documents(self.series(150)), {})
                requests = orthanc.requests
                self.assertLess(requests, 80)
                self.assertEqual(orthanc.count_documents(self.series(9)), {})
                self.assertEqual(orthanc.requests, requests)

    def test_damaged_file(self):
        "A series of which no file can be read keeps no other from being told"
        with MisbehavingServer(unreadable('1.107', 'SOPClassUID',
                    self.instances('s1'))
                ) as server, client.Orthanc(server.url) as orthanc:
            self.assertEqual(orthanc.count_documents(self.series(150)), {
                    f's{n}': int(n == 1) for n in range(150) if n != 107})

    def test_too_late(self):
        "Who does not answer in time is not asked once more"
        with MisbehavingServer(hang) as server, \
                client.Orthanc(server.url, read_timeout=.2) as orthanc:
            for _ in range(2):
                self.assertEqual(orthanc.count_documents(self.series(150)), {})
            self.assertEqual(orthanc.requests, 1)


class ViewersTestCase(unittest.TestCase):

    def test_viewers(self):
        for pages, expected in [
                ([], set()),
                (['app/explorer.html'], set()),
                (['ohif/viewer'], {'ohif_viewer'}),
                (['app/explorer.html', 'stone-webviewer/index.html',
                    'ohif/viewer'], {'stone_viewer', 'ohif_viewer'})]:
            with FakeOrthanc() as server, server.connect() as orthanc:
                for page in pages:
                    server.paths[f'/{page}'] = answer(200, b'<html>')
                self.assertEqual(orthanc.viewers(), expected)
                self.assertLessEqual(orthanc.requests, 2)

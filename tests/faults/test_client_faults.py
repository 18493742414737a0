# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Each kind of trouble has its own exception, in bounded time"
import os
import tempfile
import time
import traceback
import unittest
from unittest.mock import patch

from trytond.modules.health_orthanc import client, exceptions

from .misbehaving import (
    SYSTEM, MisbehavingServer, ProxyServer, answer, closed_port,
    compressed_bomb, cut_answer, cut_body, disconnect, drip, drip_headers,
    full_port, hang, huge_body, json_answer, lose_answer, not_http, reset,
    reset_in_body, self_signed_certificate, stall_in_body)

SECRET = 'correct horse'
LOGIN_PAGE = answer(
    200, b'<html><form action="login"></form></html>',
    Content_Type='text/html')


def connect(url, **options):
    options = {
        'connect_timeout': 0.5, 'read_timeout': 0.5, 'total_timeout': 1,
        **options}
    return client.Orthanc(url, 'radiology', SECRET, **options)


def study_ids(orthanc):
    return list(orthanc.study_ids())


class ClientFaultsTestCase(unittest.TestCase):

    def assertTrouble(self, class_, url, call=None, **options):
        "Assert that a call raises exactly class_, and soon"
        start = time.monotonic()
        with self.assertRaises(exceptions.OrthancError) as caught, \
                connect(url, **options) as orthanc:
            (call or client.Orthanc.system)(orthanc)
        error = caught.exception
        self.assertIs(type(error), class_, error.detail)
        self.assertLess(time.monotonic() - start, 3)
        self.assertTrue(error.detail)
        self.assertLess(len(error.detail), 400)
        self.assertNotIn(
            SECRET, ''.join(traceback.format_exception(error)))
        return error

    def test_behaviours(self):
        cases = [
            (hang, exceptions.TimedOut),
            (drip, exceptions.TimedOut),
            (drip_headers, exceptions.TimedOut),
            (stall_in_body, exceptions.TimedOut),
            (cut_body, exceptions.BrokenAnswer),
            (answer(200, b'plain', Content_Encoding='gzip'),
                exceptions.BrokenAnswer),
            (reset, exceptions.Unreachable),
            (reset_in_body, exceptions.Unreachable),
            (disconnect, exceptions.Unreachable),
            (not_http, exceptions.NotOrthanc),
            (answer(401), exceptions.BadCredentials),
            (answer(403), exceptions.Forbidden),
            (answer(429), exceptions.ServerFailed),
            (answer(500), exceptions.ServerFailed),
            (answer(503), exceptions.ServerFailed),
            ]
        for behaviour, class_ in cases:
            for call in [client.Orthanc.system, study_ids]:
                with self.subTest(
                        behaviour=behaviour.__name__, class_=class_,
                        call=call.__name__), \
                        MisbehavingServer(behaviour) as server:
                    self.assertTrouble(class_, server.url, call)

    def test_too_large(self):
        "More than a kind of answer can have is not even read"
        for behaviour in [
                huge_body, compressed_bomb, answer(200, b'[],' * 10 ** 6)]:
            with self.subTest(behaviour=behaviour.__name__), \
                    MisbehavingServer(behaviour) as server:
                self.assertTrouble(exceptions.NotOrthanc, server.url)
                for call in [
                        client.Orthanc.statistics, study_ids,
                        lambda o: o.studies_page(0, 10),
                        lambda o: o.changes(0, 10),
                        lambda o: o.last_change()]:
                    self.assertTrouble(exceptions.TooLarge, server.url, call)

    def test_read_timeout(self):
        "It ends a silence long before the deadline"
        for behaviour in [hang, stall_in_body]:
            with self.subTest(behaviour=behaviour.__name__), \
                    MisbehavingServer(behaviour) as server:
                self.assertTrouble(
                    exceptions.TimedOut, server.url, total_timeout=20)

    def test_deadline(self):
        "It ends a wait, however long two bytes may be apart"
        for behaviour in [hang, stall_in_body]:
            with self.subTest(behaviour=behaviour.__name__), \
                    MisbehavingServer(behaviour) as server:
                self.assertTrouble(
                    exceptions.TimedOut, server.url, read_timeout=20)

    def test_not_an_orthanc(self):
        for behaviour in [
                LOGIN_PAGE, answer(200), answer(200, b'\xff\xfe{"Version"'),
                answer(404), answer(404, b'<h1>Not Found</h1>'), answer(400),
                answer(405), json_answer([]), json_answer(None),
                json_answer({}), json_answer({'Version': '1.12.7'}),
                json_answer({'Version': 1, 'ApiVersion': 27}),
                json_answer({'Version': '1.12.7', 'ApiVersion': True}),
                answer(200, b'[' * 100_000)]:
            with MisbehavingServer(behaviour) as server:
                self.assertTrouble(exceptions.NotOrthanc, server.url)

    def test_wrong_shapes(self):
        calls = {
            'statistics': client.Orthanc.statistics,
            'changes?last': client.Orthanc.last_change,
            'changes': lambda o: o.changes(0, 10),
            'studies': study_ids,
            'studies?expand': lambda o: o.studies_page(0, 10),
            'tools/bulk-content': lambda o: o.studies_by_id(['a']),
            'series': lambda o: o.series_of(
                [{'ID': 'a', 'Type': 'Study'}]),
            }
        answers = [
            LOGIN_PAGE, answer(200), json_answer(None), json_answer(3),
            json_answer("text"), json_answer(False),
            answer(200, b'1' * 10_000)]
        with MisbehavingServer(
                paths={'/system': json_answer(SYSTEM)}) as server:
            for name, call in calls.items():
                for number, server.behaviour in enumerate(answers):
                    with self.subTest(call=name, number=number):
                        self.assertTrouble(
                            exceptions.BrokenAnswer, server.url, call)

    def test_wrong_shapes_of_changes(self):
        row = {
            'ChangeType': 'NewStudy', 'ResourceType': 'Study', 'ID': 'a',
            'Date': '20261124T062215', 'Seq': 3}
        for value in [
                {}, {'Changes': []}, {'Changes': {}, 'Last': 0},
                {'Changes': [], 'Last': '4'}, {'Last': 4},
                # It must not look like the end of the log.
                {'Changes': [None, 3, {}], 'Last': 4, 'Done': True},
                {'Changes': [{**row, 'Seq': '3'}], 'Last': 4},
                {'Changes': [{**row, 'ID': None}], 'Last': 4}]:
            with self.subTest(value=value), \
                    MisbehavingServer(json_answer(value)) as server:
                self.assertTrouble(
                    exceptions.BrokenAnswer, server.url,
                    lambda o: o.changes(0, 10))

    def test_failed_status(self):
        body = b'{"Message": "The database is locked", "HttpStatus": 503}'
        for status, behaviour in [
                (500, answer(500)), (502, answer(502, b'<html>')),
                (503, answer(503, body))]:
            with MisbehavingServer(behaviour) as server:
                error = self.assertTrouble(exceptions.ServerFailed, server.url)
            self.assertEqual(error.status, status)
        self.assertIn("The database is locked", error.detail)

    def test_redirected(self):
        for location, expected in [
                ('https://sso.example/login?next=/system',
                    'https://sso.example'),
                ('https://user:secret@sso.example:8443/login',
                    'https://sso.example:8443'),
                ('/login', None), ('', None), ('http://[::1', ''),
                ('http://host:port/', 'http://host:port')]:
            for status in [301, 302, 303, 307, 308]:
                behaviour = answer(status, Location=location)
                with self.subTest(location=location, status=status), \
                        MisbehavingServer(behaviour) as server:
                    error = self.assertTrouble(
                        exceptions.Redirected, server.url)
                    own = server.url.rstrip('/')
                    self.assertEqual(
                        error.location, own if expected is None else expected)
                    self.assertEqual(len(server.requests), 1)
                    self.assertNotIn('secret', error.detail)

    def test_endless_redirection(self):
        def behave(request):
            huge_body(request, 302, Location='https://sso.example/')
        for call in [client.Orthanc.system, study_ids]:
            with MisbehavingServer(behave) as server:
                self.assertTrouble(exceptions.Redirected, server.url, call)

    def test_closed_port(self):
        with closed_port() as url:
            self.assertTrouble(exceptions.Refused, url)

    def test_full_port(self):
        with full_port() as url:
            self.assertTrouble(exceptions.TimedOut, url)

    def test_unknown_name(self):
        self.assertTrouble(exceptions.NameNotFound, 'http://orthanc.invalid/')

    def test_impossible_name(self):
        for host in ['a..b', 'x' * 64, 'x' * 300 + '.example', '*.example']:
            with self.subTest(host=host):
                with self.assertRaises(
                            (exceptions.BadAddress, exceptions.NameNotFound)
                        ) as caught, \
                        connect(f'http://{host}/') as orthanc:
                    orthanc.system()
                self.assertLessEqual(len(caught.exception.detail), 300)

    def test_no_route(self):
        self.assertTrouble(exceptions.Unreachable, 'http://255.255.255.255/')

    def test_untrusted_certificate(self):
        other, _ = self_signed_certificate()
        for certificate, authority in [
                (self_signed_certificate(), None),
                (self_signed_certificate(), other),
                (self_signed_certificate('other.example'), other),
                ((pair := self_signed_certificate(days=-1)), pair[0])]:
            with MisbehavingServer(
                    json_answer(SYSTEM), certificate=certificate) as server:
                self.assertTrouble(
                    exceptions.UntrustedCertificate, server.url,
                    ca_certificates=authority)
                self.assertFalse(server.requests)

    def test_certificate_of_another(self):
        "By its name and by its address"
        pair = self_signed_certificate('other.example')
        for host in ['127.0.0.1', 'localhost']:
            with MisbehavingServer(
                    json_answer(SYSTEM), certificate=pair) as server:
                self.assertTrouble(
                    exceptions.CertificateOfAnother,
                    server.url.replace('127.0.0.1', host),
                    ca_certificates=pair[0])
                self.assertFalse(server.requests)

    def test_trusted_certificate(self):
        certificate = self_signed_certificate()
        other, _ = self_signed_certificate('other.example')
        for authorities in [
                certificate[0],
                f"Krankenhaus für Röntgen\n{other}\n{certificate[0]}\nEnd"]:
            with MisbehavingServer(
                    json_answer(SYSTEM), certificate=certificate) as server, \
                    connect(
                        server.url, ca_certificates=authorities) as orthanc:
                self.assertEqual(orthanc.system().name, "Fake")

    def test_authorities_of_the_system(self):
        "They count, and not those that requests brings along"
        certificate = self_signed_certificate()
        with MisbehavingServer(
                json_answer(SYSTEM), certificate=certificate) as server, \
                tempfile.NamedTemporaryFile('w') as file:
            file.write(certificate[0])
            file.flush()
            with patch.dict(os.environ, {'SSL_CERT_FILE': file.name}), \
                    connect(server.url) as orthanc:
                self.assertEqual(orthanc.system().name, "Fake")
            with patch('requests.adapters.DEFAULT_CA_BUNDLE_PATH', file.name):
                self.assertTrouble(exceptions.UntrustedCertificate, server.url)

    def test_https_troubles(self):
        certificate = self_signed_certificate()
        for behaviour, class_ in [
                (hang, exceptions.TimedOut), (drip, exceptions.TimedOut),
                (drip_headers, exceptions.TimedOut),
                (cut_body, exceptions.BrokenAnswer),
                (disconnect, exceptions.Unreachable)]:
            with self.subTest(behaviour=behaviour.__name__), \
                    MisbehavingServer(
                        behaviour, certificate=certificate) as server:
                self.assertTrouble(
                    class_, server.url, ca_certificates=certificate[0])

    def test_unreadable_authorities(self):
        begin, end = (
            f'-----{word} CERTIFICATE-----' for word in ('BEGIN', 'END'))
        for authority in [
                'garbage', ' ', begin, f'{begin}\n{end}', f'{begin}x{end}',
                f'{begin}\nfür\n{end}', f'{begin}\nAAAA\n{end}']:
            self.assertTrouble(
                exceptions.UntrustedCertificate, 'https://127.0.0.1:1/',
                ca_certificates=authority)

    def test_https_to_http(self):
        with MisbehavingServer(json_answer(SYSTEM)) as server:
            self.assertTrouble(
                exceptions.TlsFailed, server.url.replace('http:', 'https:'))

    def test_http_to_https(self):
        with MisbehavingServer(
                json_answer(SYSTEM),
                certificate=self_signed_certificate()) as server:
            self.assertTrouble(
                exceptions.Unreachable, server.url.replace('https:', 'http:'))

    def test_handshake_hangs(self):
        with full_port() as url:
            self.assertTrouble(
                exceptions.TimedOut, url.replace('http:', 'https:'))

    def test_kept_alive_connection_closed(self):
        "A kept-alive connection that went away is not a trouble"
        for behaviour in [disconnect, reset]:
            with self.subTest(behaviour=behaviour.__name__), \
                    MisbehavingServer(json_answer(SYSTEM)) as server, \
                    connect(server.url) as orthanc:
                orthanc.system()

                def once(request, server=server, behaviour=behaviour):
                    server.behaviour = json_answer(SYSTEM)
                    behaviour(request)

                server.behaviour = once
                self.assertEqual(orthanc.system().name, "Fake")
                self.assertEqual(orthanc.requests, 3)
                self.assertEqual(len(server.requests), 3)

    def test_no_retry_on_a_new_connection(self):
        for behaviour in [disconnect, reset]:
            with MisbehavingServer(behaviour) as server:
                self.assertTrouble(exceptions.Unreachable, server.url)
                self.assertEqual(len(server.requests), 1)

    def test_no_second_retry(self):
        with MisbehavingServer(json_answer(SYSTEM)) as server, \
                connect(server.url) as orthanc:
            orthanc.system()
            server.behaviour = reset
            with self.assertRaises(exceptions.Unreachable):
                orthanc.system()
            self.assertEqual(len(server.requests), 3)

    def test_failure_is_not_repeated(self):
        for behaviour in [answer(503), cut_body, hang, answer(401)]:
            with self.subTest(behaviour=behaviour.__name__), \
                    MisbehavingServer(json_answer(SYSTEM)) as server, \
                    connect(server.url) as orthanc:
                orthanc.system()
                server.behaviour = behaviour
                with self.assertRaises(exceptions.OrthancError):
                    study_ids(orthanc)
                self.assertEqual(len(server.requests), 2)

    def test_usable_after_trouble(self):
        with MisbehavingServer(json_answer(SYSTEM)) as server, \
                connect(server.url) as orthanc:
            for behaviour in [cut_body, huge_body, hang, drip, reset]:
                server.behaviour = behaviour
                with self.assertRaises(exceptions.OrthancError):
                    orthanc.system()
                server.behaviour = json_answer(SYSTEM)
                self.assertEqual(orthanc.system().name, "Fake")

    def test_trouble_while_handling_another(self):
        "The kind of trouble is that of the last request only"
        troubles = [
            (hang, exceptions.TimedOut), (reset, exceptions.Unreachable),
            (not_http, exceptions.NotOrthanc),
            (cut_body, exceptions.BrokenAnswer)]
        for first, class_ in troubles:
            for second, other_class in troubles:
                with self.subTest(first=class_, second=other_class), \
                        MisbehavingServer(first) as server, \
                        connect(server.url) as orthanc:
                    try:
                        orthanc.system()
                    except class_:
                        server.behaviour = second
                        with self.assertRaises(other_class):
                            orthanc.system()

    def test_proxy(self):
        "What a proxy does to an answer reaches the client as trouble"
        answers = [None, cut_answer, None, lose_answer]
        with MisbehavingServer(json_answer(["a", "b"])) as upstream, \
                ProxyServer(upstream.url, lambda request, number: (
                    answers[number - 1])) as proxy, \
                connect(proxy.url) as orthanc:
            self.assertEqual(study_ids(orthanc), ["a", "b"])
            with self.assertRaises(exceptions.BrokenAnswer):
                study_ids(orthanc)
            self.assertEqual(study_ids(orthanc), ["a", "b"])
        self.assertEqual(len(upstream.requests), 3)

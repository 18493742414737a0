# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What the client asks about one thing: a picture, a study, a worklist item"
import unittest
from unittest.mock import patch

from trytond.modules.health_orthanc import client, exceptions
from trytond.modules.health_orthanc.transport import Connection

from .test_client import FakeOrthanc
from tests.faults.misbehaving import MisbehavingServer, answer, json_answer

LIST = '/series/s/instances'


def images(*frames):
    "The images of a series as listed, from the last to the first"
    return [
        {
            'ID': f'i{index}', 'Type': 'Instance', 'IndexInSeries': index,
            'MainDicomTags': {'NumberOfFrames': number} if number else {}}
        for index, number in reversed(list(enumerate(frames, 1)))]


class PictureTestCase(unittest.TestCase):
    "Test which picture is asked for, and what is none"

    def asked(self, frames, *args):
        "Return the path of the picture that the client asks for"
        with MisbehavingServer(
                answer(200, b'JPEG'), {LIST: json_answer(images(*frames))}
                ) as server, client.Orthanc(server.url) as orthanc:
            self.assertEqual(orthanc.picture('s', *args), b'JPEG')
            self.assertEqual(
                server.requests[0], ('GET', f'{LIST}?expand'))
            (_, path), = server.requests[1:]
            return path

    def test_which(self):
        "That in the middle, or that of the number"
        for count, args, number in [
                (1, (), 1), (2, (), 1), (3, (), 2), (4, (), 2), (5, (), 3),
                (5, (1,), 1), (5, (4,), 4), (5, (5,), 5)]:
            with self.subTest(count=count, args=args):
                self.assertEqual(
                    self.asked([None] * count, 96, *args),
                    f'/instances/i{number}/rendered?width=96&height=96')

    def test_frames(self):
        "Of an image of several frames that in the middle"
        for frames, part in [
                ('1', ''), ('2', '/frames/1'), (' 9', '/frames/4'),
                ('many', '')]:
            with self.subTest(frames):
                self.assertEqual(
                    self.asked([frames], 200),
                    f'/instances/i1{part}/rendered?width=200&height=200')

    def test_none(self):
        "There is no such image"
        for count, number in [(0, None), (0, 1), (3, 0), (3, -1), (3, 4)]:
            with self.subTest(count=count, number=number), \
                    FakeOrthanc({LIST[1:]: images(*[None] * count)}
                        ) as server, server.connect() as orthanc, \
                    self.assertRaises(exceptions.NoPicture):
                orthanc.picture('s', 96, number)

    def test_identifier(self):
        "An identifier is no part of an address by itself"
        with MisbehavingServer() as server, \
                client.Orthanc(server.url) as orthanc:
            with self.assertRaises(exceptions.NoPicture):
                orthanc.picture('../x', 96)
            self.assertFalse(orthanc.has_study('../x'))
            self.assertEqual([path for _, path in server.requests], [
                    '/series/..%2Fx/instances?expand', '/studies/..%2Fx'])

    def test_status(self):
        "What is the trouble of an image, and what that of the server"
        one = json_answer(images(None))
        for status, expected in [
                (400, exceptions.NoPicture), (404, exceptions.NoPicture),
                (406, exceptions.NoPicture), (415, exceptions.NoPicture),
                (500, exceptions.NoPicture), (501, exceptions.NoPicture),
                (401, exceptions.BadCredentials), (403, exceptions.Forbidden),
                (503, exceptions.ServerFailed)]:
            for paths in [{LIST: one}, {}]:
                with self.subTest(status=status, paths=paths), \
                        MisbehavingServer(answer(status), paths) as server, \
                        client.Orthanc(server.url) as orthanc, \
                        self.assertRaises(expected):
                    orthanc.picture('s', 96)

    def test_size(self):
        "What is larger than it has been asked for is no picture"
        with MisbehavingServer(
                answer(200, b'x' * 200), {LIST: json_answer(images(None))}
                ) as server, client.Orthanc(server.url) as orthanc:
            self.assertEqual(len(orthanc.picture('s', 10)), 200)
            with self.assertRaises(exceptions.NoPicture):
                orthanc.picture('s', 9)

    def test_kind(self):
        "A JPEG is asked for"
        accepted = []

        def behave(request):
            accepted.append(request.headers['Accept'])
            answer(200, b'JPEG')(request)

        with MisbehavingServer(
                behave, {LIST: json_answer(images(None))}) as server, \
                client.Orthanc(server.url) as orthanc:
            orthanc.picture('s', 96)
        self.assertEqual(accepted, ['image/jpeg'])


class ServerTestCase(unittest.TestCase):
    "Test what is asked of the server itself"

    COUNTS = {
        'CountPatients': 1, 'CountStudies': 2, 'CountSeries': 3,
        'CountInstances': 4}

    def test_statistics(self):
        with FakeOrthanc({'statistics': self.COUNTS}) as server, \
                server.connect() as orthanc:
            statistics = orthanc.statistics()
            self.assertEqual((
                    statistics.patients, statistics.studies,
                    statistics.series, statistics.instances), (1, 2, 3, 4))

    def test_odd_statistics(self):
        "What was asked is told of an odd answer"
        for value in [None, -1, 2 ** 31, '1', True]:
            with FakeOrthanc({
                        'statistics': {**self.COUNTS, 'CountSeries': value}}
                    ) as server, server.connect() as orthanc, \
                    self.assertRaises(exceptions.BrokenAnswer) as caught:
                orthanc.statistics()
            self.assertIn(
                f'GET {server.url}statistics:', caught.exception.detail)

    def test_closed(self):
        "No connection is left open"
        with patch.object(Connection, 'close') as close:
            with client.Orthanc('http://localhost:1/'):
                close.assert_not_called()
            close.assert_called_once_with()


class StudyTestCase(unittest.TestCase):
    "Test what is asked about a study, and of a document that it gets"

    def test_has(self):
        for status, expected in [(200, True), (404, False)]:
            with MisbehavingServer(answer(status, b'{}')) as server, \
                    client.Orthanc(server.url) as orthanc:
                self.assertIs(orthanc.has_study('s'), expected)
        with MisbehavingServer(answer(500)) as server, \
                client.Orthanc(server.url) as orthanc, \
                self.assertRaises(exceptions.ServerFailed):
            orthanc.has_study('s')

    def test_of_instance(self):
        for found, parent, expected in [
                ([], None, None), (['i'], {'ID': 's'}, 's'),
                ([3], {'ID': 's'}, exceptions.BrokenAnswer),
                (['i'], {'ID': 3}, exceptions.BrokenAnswer),
                (['i'], {}, exceptions.BrokenAnswer)]:
            with self.subTest(found=found, parent=parent), FakeOrthanc({
                        'tools/find': found, 'instances/i/study': parent}
                    ) as server, server.connect() as orthanc:
                if isinstance(expected, type):
                    with self.assertRaises(expected):
                        orthanc.study_of_instance('1.2')
                else:
                    self.assertEqual(
                        orthanc.study_of_instance('1.2'), expected)
                self.assertEqual(server.queries, [{
                            'Level': 'Instance', 'Expand': False,
                            'Query': {'SOPInstanceUID': '1.2'}}])

    def test_document(self):
        with FakeOrthanc({'tools/create-dicom': {'ParentStudy': 's'}}
                ) as server, server.connect() as orthanc:
            self.assertEqual(
                orthanc.store_document('s', {'Modality': 'DOC'}, b'%PDF'), 's')
            self.assertEqual(server.queries, [{
                        'Parent': 's', 'Force': True,
                        'Tags': {'Modality': 'DOC'},
                        'Content': 'data:application/pdf;base64,JVBERg=='}])
        for value in [{}, {'ParentStudy': None}, {'ID': 's'}, []]:
            with FakeOrthanc({'tools/create-dicom': value}) as server, \
                    server.connect() as orthanc, \
                    self.assertRaises(exceptions.BrokenAnswer):
                orthanc.store_document('s', {}, b'')


class WorklistTestCase(unittest.TestCase):
    "Test what is asked of the plugin that takes worklist items"

    def test_there(self):
        for status, expected in [(200, True), (404, False), (405, False)]:
            with MisbehavingServer(answer(status, b'[]')) as server, \
                    client.Orthanc(server.url) as orthanc:
                self.assertIs(orthanc.has_worklists(), expected)
                self.assertEqual(server.requests, [('GET', '/worklists')])

    def test_put(self):
        with FakeOrthanc({'worklists/w1': {}}) as server, \
                server.connect() as orthanc:
            orthanc.put_worklist('w1', {'PatientID': 'GNU1'})
            self.assertEqual(server.queries, [
                    {'Tags': {'PatientID': 'GNU1'}, 'Force': True}])
            orthanc.delete_worklist('w1')
            self.assertEqual(server.requests, [
                    ('PUT', '/worklists/w1'), ('DELETE', '/worklists/w1')])

    def test_not_there(self):
        for status in [404, 405]:
            with MisbehavingServer(answer(status)) as server, \
                    client.Orthanc(server.url) as orthanc:
                orthanc.delete_worklist('w1')
                with self.assertRaises(exceptions.NoWorklists):
                    orthanc.put_worklist('w1', {})

    def test_failure(self):
        with MisbehavingServer(answer(500)) as server, \
                client.Orthanc(server.url) as orthanc:
            for ask, *args in [
                    (orthanc.put_worklist, 'w1', {}),
                    (orthanc.delete_worklist, 'w1')]:
                with self.assertRaises(exceptions.ServerFailed):
                    ask(*args)


class EncodingTestCase(unittest.TestCase):
    "Test what an Orthanc says of its encoding"

    def test_name(self):
        for body, expected in [
                (b'Latin1', 'Latin1'), (b' Utf8\n', 'Utf8'), (b'', None),
                (b'<html>', None), (b'Latin 1', None), (b'\xc3\xa9', None),
                (b'x' * 30, 'x' * 30), (b'x' * 31, None)]:
            with self.subTest(body), MisbehavingServer(answer(200, body)
                    ) as server, client.Orthanc(server.url) as orthanc:
                self.assertEqual(orthanc.default_encoding(), expected)
                self.assertEqual(
                    server.requests, [('GET', '/tools/default-encoding')])

    def test_old(self):
        for status in [400, 404, 405]:
            with MisbehavingServer(answer(status)) as server, \
                    client.Orthanc(server.url) as orthanc:
                self.assertIsNone(orthanc.default_encoding())

    def test_failure(self):
        with MisbehavingServer(answer(500)) as server, \
                client.Orthanc(server.url) as orthanc, \
                self.assertRaises(exceptions.ServerFailed):
            orthanc.default_encoding()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What the client asks about one thing: a picture, a study, a worklist item"
import unittest
from unittest.mock import patch

from trytond.modules.health_orthanc import client, exceptions
from trytond.modules.health_orthanc.transport import Connection

from .test_client import EXTENDED, FakeOrthanc, unreadable
from tests.faults.misbehaving import (
    SYSTEM, MisbehavingServer, answer, json_answer)

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

    def test_odd_changes(self):
        for value in [None, {'Changes': []}, {'Changes': [], 'Last': -1}]:
            with FakeOrthanc({'changes': value}) as server, \
                    server.connect() as orthanc, \
                    self.assertRaises(exceptions.BrokenAnswer) as caught:
                orthanc.changes(0, 10)
            self.assertIn(
                f'GET {server.url}changes?since=0&limit=10',
                caught.exception.detail)

    def test_closed(self):
        "No connection is left open"
        with patch.object(Connection, 'close') as close:
            with client.Orthanc('http://localhost:1/'):
                close.assert_not_called()
            close.assert_called_once_with()


class QueriesTestCase(unittest.TestCase):
    "Test what exactly is asked, as an Orthanc does not say what is wrong"

    STUDIES = [
        {
            'ID': f's{n}', 'Type': 'Study',
            'MainDicomTags': {'StudyInstanceUID': f'1.{n}'}}
        for n in range(2)]

    def asked(self, ask, answers, system=EXTENDED):
        with FakeOrthanc(answers, system) as server, \
                server.connect() as orthanc:
            ask(orthanc)
            return server.queries

    def test_by_id(self):
        bulk = {'tools/bulk-content': []}
        for ask, level in [
                (lambda o: o.studies_by_id(['s0', 's1']), 'Study'),
                (lambda o: o.studies_of_series(['s0', 's1']), 'Study'),
                (lambda o: o.series_of(self.STUDIES), 'Series')]:
            self.assertEqual(self.asked(ask, bulk, SYSTEM), [{
                        'Resources': ['s0', 's1'], 'Level': level,
                        'Metadata': False}])

    def test_walk(self):
        ids = [f's{n}' for n in range(50)]
        *_, query = self.asked(
            lambda o: o._walk_studies(set(ids), 1, 50),
            {'tools/find': self.STUDIES})
        self.assertEqual(query, {
                'Level': 'Study', 'Query': {}, 'Expand': True,
                'OrderBy': [{
                        'Type': 'Metadata', 'Key': 'LastUpdate',
                        'Direction': 'DESC'}],
                'Since': 0, 'Limit': 1000})

    def test_series(self):
        self.assertEqual(
            self.asked(
                lambda o: o.series_of(self.STUDIES), {'tools/find': []}), [{
                    'Level': 'Series',
                    'Query': {'StudyInstanceUID': '1.0\\1.1'},
                    'ResponseContent': ['MainDicomTags', 'Metadata', 'Parent'],
                    'RequestedTags': ['NumberOfSeriesRelatedInstances']}])

    def test_documents(self):
        series = [{
                'ID': f's{n}',
                'MainDicomTags': {'SeriesInstanceUID': f'1.{n}'}}
            for n in range(2)]
        query, = self.asked(
            lambda o: o.count_documents(series), {'tools/find': []})
        classes = query['Query'].pop('SOPClassUID').split('\\')
        self.assertGreater(len(classes), 3)
        self.assertEqual(query, {
                'Level': 'Instance', 'CaseSensitive': True, 'Expand': True,
                'Query': {'SeriesInstanceUID': '1.0\\1.1'}})

    def test_issuer(self):
        "It is asked for of those that do not say it"
        told = {
            'ID': 's2', 'Type': 'Study',
            'MainDicomTags': {'StudyInstanceUID': '1.2'},
            'PatientMainDicomTags': {'IssuerOfPatientID': 'EU'}}
        found = []
        query, = self.asked(
            lambda o: found.extend(
                o.with_issuer([*self.STUDIES, told], 'US')),
            {'tools/find': ['s0', 's2']})
        self.assertEqual(query, {
                'Level': 'Study', 'CaseSensitive': True,
                'Query': {
                    'StudyInstanceUID': '1.0\\1.1',
                    'IssuerOfPatientID': 'US'}})
        self.assertEqual(
            [s.get('PatientMainDicomTags') for s in found], [
                {'IssuerOfPatientID': 'US'}, None,
                {'IssuerOfPatientID': 'EU'}])

    def test_issuer_without(self):
        "Where it fails, whether it is for the issuer"
        with MisbehavingServer(unreadable('1', 'IssuerOfPatientID', [])
                ) as server, client.Orthanc(server.url) as orthanc:
            with patch.object(
                    orthanc, '_find_studies',
                    side_effect=orthanc._find_studies) as find:
                orthanc.with_issuer(self.STUDIES[:1], 'US')
            self.assertEqual(
                [call.args[0] for call in find.mock_calls], [
                    {'StudyInstanceUID': '1.0', 'IssuerOfPatientID': 'US'},
                    {'StudyInstanceUID': '1.0'}])


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

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What is made of the answers about an image, an encoding and counts"
import unittest

from trytond.modules.health_orthanc import client
from trytond.modules.health_orthanc.answers import (
    MAXIMUM_INTEGER, Statistics, read_image)

from tests.faults.misbehaving import MisbehavingServer, answer, json_answer


class ImageTestCase(unittest.TestCase):

    def test_place(self):
        "What has none is the last of its series"
        for index, place in [
                (0, 0), (7, 7), (None, MAXIMUM_INTEGER),
                ('7', MAXIMUM_INTEGER), (-1, MAXIMUM_INTEGER)]:
            with self.subTest(index=index):
                self.assertEqual(
                    read_image({'ID': 'a', 'IndexInSeries': index}),
                    (place, 'a', 1))

    def test_frames(self):
        for tags, frames in [
                ({'NumberOfFrames': '12'}, 12), ({'NumberOfFrames': ' 3 '}, 3),
                ({'NumberOfFrames': 5}, 5), ({'NumberOfFrames': '9' * 7},
                    9_999_999), ({'NumberOfFrames': '9' * 8}, 1),
                ({'NumberOfFrames': 'x'}, 1), ({'NumberOfFrames': '٣'}, 1),
                ({}, 1), (None, 1), ('12', 1)]:
            with self.subTest(tags=tags):
                self.assertEqual(
                    read_image({
                            'ID': 'a', 'IndexInSeries': 1,
                            'MainDicomTags': tags}),
                    (1, 'a', frames))


class EncodingTestCase(unittest.TestCase):

    def test_name(self):
        "A name, or nothing where the server says none"
        for status, body, name in [
                (200, b'Latin1', 'Latin1'), (200, b' Utf8\n', 'Utf8'),
                (200, b'', None), (200, b'Not one', None),
                (200, b'x' * 30, 'x' * 30), (200, b'x' * 31, None),
                (404, b'', None)]:
            with self.subTest(body=body), \
                    MisbehavingServer(answer(status, body)) as server, \
                    client.Orthanc(server.url) as orthanc:
                self.assertEqual(orthanc.default_encoding(), name)


class StatisticsTestCase(unittest.TestCase):

    def test_each_count(self):
        counts = {
            'CountPatients': 1, 'CountStudies': 2, 'CountSeries': 3,
            'CountInstances': 4}
        with MisbehavingServer(json_answer(counts)) as server, \
                client.Orthanc(server.url) as orthanc:
            self.assertEqual(
                orthanc.statistics(), Statistics(
                    patients=1, studies=2, series=3, instances=4))


if __name__ == '__main__':
    unittest.main()

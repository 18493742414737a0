# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How much the client takes at once: what a large hospital sends, and no more"
import unittest

from trytond.modules.health_orthanc import client, exceptions

from .test_client import EXTENDED, FakeOrthanc
from tests.faults.misbehaving import (
    SYSTEM, MisbehavingServer, answer, json_answer)


def resources(type_, count, size, **values):
    "That many studies or series, of that size in bytes each"
    return [
        {
            'ID': f'{type_}-{n}', 'Type': type_, 'ParentStudy': 'Study-0',
            'MainDicomTags': {
                'StudyInstanceUID': f'1.{n}', 'SeriesInstanceUID': f'1.{n}',
                'Description': 'x' * size},
            **values}
        for n in range(count)]


class SizesTestCase(unittest.TestCase):
    "Test what is taken of the answers"

    def test_page_of_studies(self):
        "A thousand of 4 KiB are a page, three thousand are none"
        for count in [1000, 3000]:
            studies = resources('Study', count, 4 * 1024)
            with FakeOrthanc({'studies': studies}) as server, \
                    server.connect() as orthanc:
                if count == 1000:
                    page = orthanc.studies_page(0, 1000)
                    self.assertEqual(len(page), count)
                else:
                    with self.assertRaises(exceptions.TooLarge):
                        orthanc.studies_page(0, 1000)

    def test_changes(self):
        "As many rows as are asked for"
        rows = [
            {
                'ChangeType': 'StablePatient', 'Date': '20261124T062215',
                'ID': 'x' * 44, 'Path': '/patients/' + 'x' * 44,
                'ResourceType': 'Patient', 'Seq': n, 'More': 'x' * 100}
            for n in range(4000)]
        page = {'Changes': rows, 'Done': True, 'Last': 4000}
        with FakeOrthanc({'changes': page}) as server, \
                server.connect() as orthanc:
            self.assertEqual(len(orthanc.changes(0, 4000).rows), 4000)
            with self.assertRaises(exceptions.TooLarge):
                orthanc.changes(0, 1000)

    def test_studies_of_one_call(self):
        "Those of all its answers are in memory together"
        studies = {
            s['ID']: s for s in resources('Study', 3000, 4 * 1024)}
        bulk = {'tools/bulk-content': lambda query: [
                studies[id_] for id_ in query['Resources']]}
        with FakeOrthanc(bulk) as server, server.connect() as orthanc:
            ids = list(studies)
            self.assertEqual(len(orthanc.studies_by_id(ids[:2000])), 2000)
            for read in [orthanc.studies_by_id, orthanc.studies_of_series]:
                with self.assertRaises(exceptions.TooLarge):
                    read(ids)

    def test_series(self):
        "So are the series of many studies, and those of one"
        study, = resources('Study', 1, 1)
        for count, size, fits in [
                (12_000, 300, True), (12_001, 1, False),
                (7_000, 1000, True), (9_000, 1000, False)]:
            series = resources('Series', count, size)
            for system, path in [
                    (EXTENDED, 'tools/find'), (SYSTEM, 'tools/bulk-content')]:
                with self.subTest(count=count, path=path), \
                        FakeOrthanc({path: series}, system) as server, \
                        server.connect() as orthanc:
                    if fits:
                        found = orthanc.series_of([study])
                        self.assertEqual(len(found['Study-0']), count)
                    else:
                        with self.assertRaises(exceptions.TooLarge):
                            orthanc.series_of([study])

    def test_images(self):
        "A series of 15,000 images has a picture"
        for count in [15_000, 30_000]:
            listed = resources('Instance', count, 800)
            with MisbehavingServer(
                    answer(200, b'JPEG'),
                    {'/series/s/instances': json_answer(listed)}) as server, \
                    client.Orthanc(server.url) as orthanc:
                if count == 15_000:
                    self.assertEqual(orthanc.picture('s', 96), b'JPEG')
                else:
                    with self.assertRaises(exceptions.NoPicture):
                        orthanc.picture('s', 96)

    def test_more_changes(self):
        "More rows than were asked for are left for the next time"
        rows = [
            {'Seq': n, 'ChangeType': 'NewStudy', 'ResourceType': 'Study',
                'ID': f's{n}', 'Date': '20261124T062215'}
            for n in range(1, 31)]
        with FakeOrthanc({'changes': {
                        'Changes': rows, 'Done': True, 'Last': 30}}
                ) as server, server.connect() as orthanc:
            self.assertEqual(
                [row.seq for row in orthanc.changes(0, 10).rows],
                list(range(1, 11)))

    def test_all_ids(self):
        "The list of all is of as many as there can be"
        ids = [f'{n:044}' for n in range(3000)]
        with FakeOrthanc({'studies': ids}) as server, \
                server.connect() as orthanc:
            self.assertEqual(list(orthanc.study_ids()), ids)
            orthanc.most_studies = 1
            with self.assertRaises(exceptions.TooLarge):
                list(orthanc.study_ids())
            orthanc.most_studies = 3000
            self.assertEqual(list(orthanc.study_ids()), ids)

    def test_split(self):
        "Of what is too large at once half is asked for"
        studies = {
            s['ID']: s for s in resources('Study', 300, 4 * 1024)}
        asked = []

        def behave(query):
            asked.append(len(query['Resources']))
            found = [studies[id_] for id_ in query['Resources']]
            return found if len(found) < 80 else found * 20

        with FakeOrthanc({'tools/bulk-content': behave}) as server, \
                server.connect() as orthanc:
            self.assertEqual(orthanc.studies_by_id(studies), studies)
        self.assertEqual(asked, [200, 100, 50, 50, 100, 50, 50, 100, 50, 50])

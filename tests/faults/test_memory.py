# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A run needs less than 300 MiB, whatever a server sends"
import gzip
import json
import subprocess
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trytond import backend

from .misbehaving import SYSTEM, MisbehavingServer, json_answer

LIMIT = 300  # MiB
ASTRAL = '\U0001f600'  # makes Python keep four bytes for each character
STATISTICS = dict.fromkeys([
        'CountPatients', 'CountStudies', 'CountSeries', 'CountInstances'],
    1000)
EXTENDED = {
    **SYSTEM, 'Version': '1.12.7', 'Capabilities': {
        'HasExtendedChanges': True, 'HasExtendedFind': True}}


def body(data, **headers):
    def behave(request):
        request.send_response(200)
        for name, value in headers.items():
            request.send_header(name.replace('_', '-'), value)
        request.send_header('Content-Length', str(len(data)))
        request.end_headers()
        request.wfile.write(data)
    return behave


def study(id_, text):
    return {
        'ID': id_, 'Type': 'Study', 'ParentPatient': 'p', 'IsStable': True,
        'LastUpdate': '20260101T120000', 'Series': [f's{id_}'],
        'MainDicomTags': {
            'StudyInstanceUID': f'1.2.{id_}', 'StudyDescription': text},
        'PatientMainDicomTags': {'PatientID': text, 'PatientName': text}}


def utf8(value):
    return json.dumps(value, ensure_ascii=False).encode()


def long_texts(request):
    "As much text as is taken of one answer, the worst for Python"
    if b'"Series"' in request.body:
        series = {
            'Type': 'Series', 'ParentStudy': '1', 'MainDicomTags': {
                'SeriesDescription': ASTRAL + 'x' * 550}}
        return [{**series, 'ID': f's{i}'} for i in range(11_900)]
    return [study(str(i), ASTRAL + 'x' * 1700) for i in range(1000)]


def endless_log(request):
    last = 'last' in request.path
    return {
        'Changes': [{
                'ChangeType': 'NewSeries', 'ID': f'x{i}',
                'ResourceType': 'Series', 'Seq': i, 'Date': '20260101T120000'}
            for i in range(1, 2 if last else 20_000)],
        'Done': False, 'Last': 10 ** 6}


def whatever(make):
    def behave(request):
        if 'changes' in request.path:
            value = endless_log(request)
        elif request.path == '/studies':
            value = [str(i) for i in range(200_000)]
        elif 'since=0&' not in request.path and request.command == 'GET':
            value = []
        else:
            value = make(request)
        body(json.dumps(value, ensure_ascii=False).encode())(request)
    return behave


@unittest.skipIf(backend.name != 'sqlite', "The database does not matter")
@unittest.skipUnless(Path('/proc/self/clear_refs').exists(), "Linux only")
class MemoryTestCase(unittest.TestCase):

    def measure(self, behaviour, system=SYSTEM):
        with MisbehavingServer(behaviour, paths={
                    '/system': json_answer(system),
                    '/statistics': json_answer(STATISTICS)}) as server:
            process = subprocess.run(
                [sys.executable, '-W', 'ignore', '-m', 'tests.faults.memory',
                    server.url], capture_output=True, text=True, timeout=300)
        self.assertEqual(process.returncode, 0, process.stderr[-3000:])
        return json.loads(process.stdout.splitlines()[-1])

    def test_peak(self):
        bomb = gzip.compress(b' ' * 2 ** 28)
        attacks = {
            "bomb": body(bomb, Content_Encoding='gzip'),
            "long texts": whatever(long_texts),
            }
        cases = [
            ("bomb", SYSTEM), ("long texts", SYSTEM),
            ("long texts", EXTENDED)]
        with ThreadPoolExecutor(2) as executor:
            results = executor.map(
                lambda case: self.measure(attacks[case[0]], case[1]), cases)
            for (name, system), result in zip(cases, results, strict=True):
                with self.subTest(name, version=system['Version']):
                    self.assertLess(result['peak'], LIMIT, result)
                    self.assertFalse(result['claimed'])

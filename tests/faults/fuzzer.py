# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Orthanc whose answers are spoiled at random, over real sockets.

A seed says all of what a round does, so that a round that failed is run again
by its seed alone.
"""
import copy
import gzip
import json
import random
import time
from urllib.parse import parse_qs, urlsplit

from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from .misbehaving import MisbehavingServer

__all__ = ['Fuzzer']

LONGEST = 30  # seconds that a round may take
_ODD_TEXTS = [
    '', ' ', '\0', 'a\0b', '\ud800', '\u202eabc', '\u2066', 'x' * 3000,
    '\u00e4' * 3000, '\U0001f600' * 2000, '^' * 1000, '=' * 500, '\\' * 300,
    '19000230', '99999999', '20260101T250000', '%s', "'; --", '<b>', '１２',
    '9' * 5000, '-1', 'null', '\n' * 50, 'NaN', '../..', '{0}']
_ODD_VALUES = [
    None, True, False, 0, -1, 1.5, 1e308, 2 ** 31, 2 ** 63, 2 ** 64,
    10 ** 300, [], {}, [[]], {'': None}, [None] * 50, *_ODD_TEXTS]
_ODD_BODIES = [
    b'', b'[', b'{', b'null', b'[]', b'{}', b'\xff\xfe', b'[],' * 20_000,
    b'[' * 5000, b'{"a":' * 2000, b'[1e999]', b'[NaN]', b'9' * 5000,
    b'"' + b'x' * 10 ** 6 + b'"', b'<html></html>', b'\0' * 100]
_STATUSES = [100, 199, 200, 204, 206, 301, 302, 400, 401, 403, 404, 418, 429,
    500, 503, 599, 999]
_HEADERS = [
    ('Content-Encoding', 'gzip'), ('Content-Encoding', 'br'),
    ('Content-Encoding', 'gzip, gzip, deflate, deflate, gzip, gzip, gzip'),
    ('Content-Type', '\xff'), ('Location', 'http://[::1'), ('X', 'y' * 10_000),
    ('Location', 'https://u:p@elsewhere.example/'), ('Set-Cookie', 'a=b; ;'),
    ('Transfer-Encoding', 'chunked'), ('Content-Length', '-1'),
    ('Content-Length', '9' * 30), ('Content-Length', 'abc'),
    ('WWW-Authenticate', 'Basic realm="' + 'z' * 500)]


def _studies(number):
    return {f'study-{i}': {
            'ID': f'study-{i}', 'Type': 'Study', 'IsStable': True,
            'LastUpdate': '20260101T120000', 'ParentPatient': f'patient-{i}',
            'MainDicomTags': {
                'AccessionNumber': f'A{i}', 'StudyDate': '20260101',
                'StudyDescription': "Chest", 'StudyID': str(i),
                'StudyInstanceUID': f'1.2.{i}', 'StudyTime': '120000',
                'ReferringPhysicianName': 'Smith^Ann'},
            'PatientMainDicomTags': {
                'PatientID': f'P{i}', 'PatientName': f'Test^{i}',
                'PatientBirthDate': '19800101', 'PatientSex': 'F'},
            'Series': [f'series-{i}']}
        for i in range(number)}


def _series(study):
    return {
        'ID': study['Series'][0], 'Type': 'Series', 'Status': 'Unknown',
        'ParentStudy': study['ID'], 'LastUpdate': '20260101T120000',
        'Instances': ['image-1', 'image-2'],
        'RequestedTags': {'NumberOfSeriesRelatedInstances': '2'},
        'MainDicomTags': {
            'Modality': 'CT', 'SeriesInstanceUID': study['ID'] + '.1',
            'SeriesNumber': '1', 'SeriesDescription': "Axial"}}


class Fuzzer(MisbehavingServer):
    """A server, what a round makes of it, and what must be true after it.

    seed begins the series of the rounds; each has the next number.
    """

    def __init__(self, seed):
        super().__init__(self.answer)
        self.seed = seed
        self.random = None
        self.studies = {}
        self.extended = False

    # The Orthanc

    def truth(self, request):
        "What a real one answers"
        parts = urlsplit(request.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        if parts.path == '/system':
            return {
                'Version': '1.12.7', 'ApiVersion': 27, 'Name': "Fuzz",
                'DicomAet': 'FUZZ', 'DatabaseServerIdentifier': 'abc',
                'Capabilities': {
                    'HasExtendedChanges': self.extended,
                    'HasExtendedFind': self.extended}}
        if parts.path == '/statistics':
            count = len(self.studies)
            return {
                'CountPatients': count, 'CountStudies': count,
                'CountSeries': count, 'CountInstances': 2 * count}
        if parts.path == '/changes':
            return self.changes(query)
        if parts.path == '/studies' and 'expand' not in query:
            return list(self.studies)
        if parts.path == '/studies':
            since, limit = int(query['since'][0]), int(query['limit'][0])
            return list(self.studies.values())[since:since + limit]
        asked = json.loads(request.body or b'{}')
        if asked.get('Level') == 'Series':
            return [_series(study) for study in self.studies.values()]
        return list(self.studies.values())

    def changes(self, query):
        rows = [{
                'ChangeType': 'StableStudy', 'Date': '20260101T120000',
                'ID': id_, 'Path': f'/studies/{id_}',
                'ResourceType': 'Study', 'Seq': number}
            for number, id_ in enumerate(self.studies, 1)]
        if 'last' in query:
            rows = rows[-1:]
        else:
            since = int(query['since'][0])
            rows = [row for row in rows if row['Seq'] > since]
        return {'Changes': rows, 'Done': True, 'Last': len(self.studies)}

    # What is made of it

    def answer(self, request):
        value = copy.deepcopy(self.truth(request))
        chance = self.random.random
        if chance() < self.spoil:
            for _ in range(self.random.randint(1, 4)):
                value = self.spoiled(value)
        body = json.dumps(value).encode('utf-8', 'surrogatepass')
        status, headers = 200, []
        if chance() < self.spoil / 3:
            body = self.spoiled_bytes(body)
        if chance() < self.spoil / 4:
            status = self.random.choice(_STATUSES)
        if chance() < self.spoil / 4:
            headers.append(self.random.choice(_HEADERS))
            if headers[0][1] == 'gzip' and chance() < 0.7:
                body = gzip.compress(body)
        self.send(request, status, headers, body)

    def send(self, request, status, headers, body):
        request.send_response(status, '\xe9' * 3 if status == 418 else None)
        for name, value in headers:
            request.send_header(name, value)
        length = len(body)
        if self.random.random() < self.spoil / 10:
            length += self.random.choice([-1, 1, 1000])
        if not any(name == 'Content-Length' for name, _ in headers):
            request.send_header('Content-Length', str(max(length, 0)))
        request.end_headers()
        request.wfile.write(body)
        # What remains unread or unsaid must not hold up the next request
        if headers or status != 200 or length != len(body):
            request.close_connection = True

    def spoiled(self, value):
        "One place of the value is another one"
        choice = self.random.choice
        if isinstance(value, dict) and value and self.random.random() < 0.9:
            key = choice(list(value))
            if self.random.random() < 0.1:
                del value[key]
            elif self.random.random() < 0.1:
                value[choice(_ODD_TEXTS)] = value[key]
            else:
                value[key] = self.spoiled(value[key])
            return value
        if isinstance(value, list) and value and self.random.random() < 0.9:
            index = self.random.randrange(len(value))
            if self.random.random() < 0.1:
                value.insert(index, value[index])
            else:
                value[index] = self.spoiled(value[index])
            return value
        return choice(_ODD_VALUES)

    def spoiled_bytes(self, body):
        way = self.random.randrange(4)
        if way == 0:
            return self.random.choice(_ODD_BODIES)
        position = self.random.randrange(len(body) + 1)
        if way == 1:
            return body[:position]
        if way == 2:
            return body[:position] + self.random.randbytes(5) + body[position:]
        return body[:position] + body[position:][::-1]

    # The rounds

    def run(self, server_id, number):
        """Check and synchronize the server, and return what is wrong.

        As a text with the seed, None where all is as it must be.
        """
        seed = self.seed + number
        self.random = random.Random(seed)
        self.spoil = self.random.choice([0.1, 0.3, 0.8])
        self.extended = self.random.random() < 0.5
        self.studies = _studies(self.random.randint(0, 6))
        _store(server_id, validated=True, next_try=None)
        begin = time.monotonic()
        try:
            with Transaction().start(DB_NAME, 1):
                Server = Pool().get('gnuhealth.orthanc.config')
                Server.check_now([Server(server_id)])
            trouble = _wrong_after_check(server_id)
            _store(server_id, validated=True)
            with Transaction().start(DB_NAME, 1):
                Server.synchronize([Server(server_id)])
            trouble = trouble or _wrong_after_run(server_id)
        except Exception as exception:
            trouble = f"{type(exception).__name__} escaped: {exception}"
        if time.monotonic() - begin > LONGEST:
            trouble = trouble or "it took too long"
        return trouble and f"seed {seed}: {trouble}"


def _store(server_id, **columns):
    with Transaction().start(DB_NAME, 1) as transaction:
        table = Pool().get('gnuhealth.orthanc.config').__table__()
        transaction.connection.cursor().execute(*table.update(
                [getattr(table, name) for name in columns],
                list(columns.values()), where=table.id == server_id))
        transaction.commit()


def _wrong_after_check(server_id):
    with Transaction().start(DB_NAME, 1):
        server = Pool().get('gnuhealth.orthanc.config')(server_id)
        if server.error_reason == 'unexpected':
            return f"the check met a defect: {server.error_detail}"
        if bool(server.error_reason) != bool(server.last_error):
            return "the check says nothing"
    return None


def _wrong_after_run(server_id):
    with Transaction().start(DB_NAME, 1) as transaction:
        pool = Pool()
        Server = pool.get('gnuhealth.orthanc.config')
        History = pool.get('gnuhealth.orthanc.synchronization')
        SetAside = pool.get('gnuhealth.orthanc.set_aside')
        server = Server(server_id)
        rows = History.search([('server', '=', server_id)])
        refused = SetAside.search([('error_reason', '=', 'refused')])
        reasons = [record.reason for record in SetAside.search([])]
        if server.running_until:
            return "the claim was lost"
        if len(rows) != 1:
            return f"{len(rows)} rows in the history"
        row, = rows
        if row.outcome == 'failed' and not (row.error and server.last_error):
            return "the failure has no sentence"
        if row.error_reason in {'unexpected', 'database_busy'}:
            return f"the run met a defect: {row.error_detail}"
        if refused:
            return f"the database refused: {refused[0].error_detail}"
        if not all(reasons):
            return "a study is set aside without a sentence"
        History.delete(rows)
        transaction.commit()
    return None

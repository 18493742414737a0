# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Orthanc over a real socket whose studies and log are given.

    >>> with ScriptedOrthanc() as orthanc:
    ...     orthanc.add('a')
    ...     orthanc.url
"""
import json
from urllib.parse import parse_qs, urlsplit

from tests.faults.misbehaving import (
    SYSTEM, MisbehavingServer, answer, json_answer)

__all__ = ['ScriptedOrthanc']


class ScriptedOrthanc(MisbehavingServer):
    """An Orthanc with what add and log were told; a context manager.

    studies are its studies by Orthanc ID, changes the rows of its log.
    before is called with each request before it is answered.
    """

    def __init__(self, system=SYSTEM, before=None):
        super().__init__(self._answer)
        self.system = system
        self.before = before or (lambda request: None)
        self.studies = {}
        self.changes = []

    def add(self, id_, log=True, **tags):
        "Let it have a study of one image"
        self.studies[id_] = {
            'ID': id_, 'Type': 'Study', 'ParentPatient': f'patient-{id_}',
            'IsStable': True, 'Series': [f'series-{id_}'],
            'MainDicomTags': {'StudyInstanceUID': f'1.2.{id_}'},
            'PatientMainDicomTags': {'PatientID': id_, **tags},
            }
        if log:
            self.log('NewStudy', id_)

    def log(self, type_, id_, level='Study', seq=None):
        "Add a row to its log of changes"
        self.changes.append({
                'Seq': seq or self.last + 1, 'ChangeType': type_,
                'ResourceType': level, 'ID': id_,
                'Date': '20261124T062215'})

    @property
    def last(self):
        return max((row['Seq'] for row in self.changes), default=0)

    def _series(self, study):
        return {
            'ID': study['Series'][0], 'Type': 'Series',
            'ParentStudy': study['ID'], 'Instances': ['image'],
            'MainDicomTags': {'Modality': 'CT'}}

    def _answer(self, request):
        self.before(request)
        url = urlsplit(request.path)
        query = parse_qs(url.query, keep_blank_values=True)
        handle = getattr(
            self, '_get' + url.path.replace('/', '_').replace('-', '_'), None)
        if not handle:
            return answer(404)(request)
        return json_answer(handle(query, request.body))(request)

    def _get_system(self, query, body):
        return self.system

    def _get_statistics(self, query, body):
        count = len(self.studies)
        return dict.fromkeys([
                'CountPatients', 'CountStudies', 'CountSeries',
                'CountInstances'], count)

    def _get_changes(self, query, body):
        rows = sorted(self.changes, key=lambda row: row['Seq'])
        if 'last' in query:
            return {'Changes': rows[-1:], 'Done': True, 'Last': self.last}
        since, limit = (int(query[name][0]) for name in ['since', 'limit'])
        rows = [row for row in rows if row['Seq'] > since]
        page = rows[:limit]
        return {
            'Changes': page, 'Done': len(page) == len(rows),
            'Last': page[-1]['Seq'] if page else self.last}

    def _get_studies(self, query, body):
        if 'expand' not in query:
            return list(self.studies)
        since, limit = (int(query[name][0]) for name in ['since', 'limit'])
        return list(self.studies.values())[since:since + limit]

    def _get_tools_bulk_content(self, query, body):
        wanted = json.loads(body)
        studies = [
            study for study in self.studies.values()
            if {study['ID'], *study['Series']} & set(wanted['Resources'])]
        if wanted['Level'] == 'Study':
            return studies
        return list(map(self._series, studies))

    def _get_tools_find(self, query, body):
        wanted = json.loads(body)
        if wanted['Level'] == 'Study':
            since = wanted['Since']
            newest = list(self.studies.values())[::-1]
            return newest[since:since + wanted['Limit']]
        uids = wanted['Query']['StudyInstanceUID'].split('\\')
        return [
            self._series(study) for study in self.studies.values()
            if study['MainDicomTags']['StudyInstanceUID'] in uids]

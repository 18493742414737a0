# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A modality, as the gateway knows it: dcmtk and pynetdicom"
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pydicom
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import ModalityPerformedProcedureStep

# pynetdicom installs programs of the same names in the environment
_PATH = '/usr/bin:/usr/local/bin'
_KEYS = [
    'PatientName', 'PatientID', 'PatientBirthDate', 'PatientSex',
    'StudyInstanceUID', 'RequestedProcedureID',
    'RequestedProcedureDescription', 'ReasonForTheRequestedProcedure',
    'ScheduledProcedureStepSequence[0].ScheduledStationAETitle',
    'ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartDate',
    'ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartTime',
    'ScheduledProcedureStepSequence[0].ScheduledProcedureStepID',
    'ScheduledProcedureStepSequence[0].Modality']


def is_dcmtk_available():
    return bool(shutil.which('findscu', path=_PATH))


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


class Modality:
    "One of that AE title, which asks the gateway at the port"

    def __init__(self, ae_title, port):
        self.ae_title = ae_title
        self.port = port

    def _run(self, program, *arguments):
        return subprocess.run(
            [shutil.which(program, path=_PATH), '-aet', self.ae_title,
                *arguments],
            capture_output=True, timeout=60)

    def find(self, accession_number=''):
        "Return the items of the worklist that findscu gets"
        with tempfile.TemporaryDirectory() as folder:
            done = self._run(
                'findscu', '-W', '-X', '-od', folder, '127.0.0.1',
                str(self.port), '-k', f'AccessionNumber={accession_number}',
                *(word for key in _KEYS for word in ['-k', key]))
            if done.returncode:
                raise AssertionError(done.stderr.decode(errors='replace'))
            return [
                pydicom.dcmread(path, force=True)
                for path in sorted(Path(folder).iterdir())]

    def store(self, port, contents):
        "Send the files to the port by storescu, and return them"
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, content in enumerate(contents):
                paths.append(Path(folder) / f'{number}.dcm')
                paths[-1].write_bytes(content)
            done = self._run(
                'storescu', '127.0.0.1', str(port), *map(str, paths))
            if done.returncode:
                raise AssertionError(done.stderr.decode(errors='replace'))
            return [pydicom.dcmread(path) for path in paths]

    def associate(self, context=ModalityPerformedProcedureStep):
        entity = AE(ae_title=self.ae_title)
        entity.add_requested_context(context)
        return entity.associate('127.0.0.1', self.port)

    def create(self, attributes, uid=None):
        "Begin a step, and return its UID"
        uid = uid or generate_uid()
        status = self.send_create(attributes, uid)
        if status.Status:
            raise AssertionError(status)
        return uid

    def send_create(self, attributes, uid):
        "Return the status of an N-CREATE"
        return self._send('send_n_create', attributes, uid)

    def send_set(self, uid, modification):
        "Return the status of an N-SET"
        return self._send('send_n_set', modification, uid)

    def _send(self, service, attributes, uid):
        association = self.associate()
        try:
            status, _ = getattr(association, service)(
                attributes, ModalityPerformedProcedureStep, uid)
        finally:
            association.release()
        return status

    def set(self, uid, modification):
        return self.send_set(uid, modification).Status

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A machine that asks for its worklist, and reports what it does (MPPS)"
import datetime as dt
from contextlib import contextmanager

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep, ModalityWorklistInformationFind)

_PENDING = {0xFF00, 0xFF01}
# What of an item a report repeats
_REPEATED = ['PatientName', 'PatientID', 'PatientBirthDate', 'PatientSex']


class Modality:
    "One of that AE title and kind, which asks the gateway at the port"

    def __init__(self, ae_title, modality, port):
        self.ae_title = ae_title
        self.modality = modality
        self.port = port

    @contextmanager
    def _association(self, context):
        entity = AE(ae_title=self.ae_title)
        entity.add_requested_context(context)
        association = entity.associate('127.0.0.1', self.port)
        if not association.is_established:
            raise RuntimeError(f"{self.ae_title} is not answered.")
        try:
            yield association
        finally:
            association.release()

    def find(self, **keys):
        "Return the items of its worklist"
        step = Dataset()
        step.Modality = self.modality
        step.ScheduledStationAETitle = self.ae_title
        step.ScheduledProcedureStepID = ''
        query = Dataset()
        for keyword in [
                *_REPEATED, 'AccessionNumber', 'StudyInstanceUID',
                'RequestedProcedureID', 'RequestedProcedureDescription']:
            setattr(query, keyword, keys.get(keyword, ''))
        query.ScheduledProcedureStepSequence = [step]
        with self._association(ModalityWorklistInformationFind) as found:
            return [
                item for status, item in found.send_c_find(
                    query, ModalityWorklistInformationFind)
                if status.Status in _PENDING]

    def begin(self, item):
        "Report that it begins with the item; return the UID of the step"
        step = Dataset()
        step.StudyInstanceUID = item.StudyInstanceUID
        step.AccessionNumber = item.AccessionNumber
        step.RequestedProcedureID = item.RequestedProcedureID
        step.ScheduledProcedureStepID = (
            item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID)
        report = Dataset()
        report.SpecificCharacterSet = 'ISO_IR 192'
        for keyword in _REPEATED:
            setattr(report, keyword, item.get(keyword))
        report.PerformedProcedureStepID = 'PPS1'
        report.PerformedStationAETitle = self.ae_title
        report.Modality = self.modality
        report.ScheduledStepAttributesSequence = [step]
        self._stamp(report, 'Start', 'IN PROGRESS')
        uid = generate_uid()
        with self._association(ModalityPerformedProcedureStep) as reported:
            status, _ = reported.send_n_create(
                report, ModalityPerformedProcedureStep, uid)
        self._check(status)
        return uid

    def end(self, uid, series_instance_uid):
        "Report that the step is complete, with that series"
        series = Dataset()
        series.SeriesInstanceUID = series_instance_uid
        series.ProtocolName = "Standard"
        report = Dataset()
        report.PerformedSeriesSequence = [series]
        self._stamp(report, 'End', 'COMPLETED')
        with self._association(ModalityPerformedProcedureStep) as reported:
            status, _ = reported.send_n_set(
                report, ModalityPerformedProcedureStep, uid)
        self._check(status)

    @staticmethod
    def _stamp(report, moment, status):
        now = dt.datetime.now(dt.timezone.utc)
        report.PerformedProcedureStepStatus = status
        prefix = f'PerformedProcedureStep{moment}'
        setattr(report, f'{prefix}Date', f'{now:%Y%m%d}')
        setattr(report, f'{prefix}Time', f'{now:%H%M%S}')

    @staticmethod
    def _check(status):
        if status.Status:
            raise RuntimeError(
                f"A report was refused: {status.get('ErrorComment')}")

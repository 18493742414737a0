# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration's table, and whether what it shows is right.

What should be there is computed from what Orthanc reports and from the PUIDs,
without the modules' own rules.
"""
from collections import Counter

from proteus import Model

from .story import ORDERS

__all__ = ['find_mistakes', 'print_table']

LINES = 8


def print_table():
    for name, count, lines in sections():
        print(f"{name:<10}{count:>6}   {lines[0] if lines else ''}")
        for line in lines[1:LINES]:
            print(f"{'':19}{line}")
        if len(lines) > LINES:
            print(f"{'':19}and {len(lines) - LINES} more")


def sections():
    "Name, count and lines of each part of the table"
    servers = Model.get('gnuhealth.orthanc.config').find()
    patients = Model.get('gnuhealth.orthanc.patient').find(
        [], order=[('patient', 'ASC NULLS LAST'), ('name', 'ASC')])
    studies = Model.get('gnuhealth.orthanc.study').find(
        [('missing_since', '=', None)], order=[
            ('local_patient', 'ASC NULLS LAST'), ('date', 'DESC')])
    requests = Model.get('gnuhealth.imaging.test.request').find()
    results = Model.get('gnuhealth.imaging.test.result').find()
    findings = Model.get('gnuhealth.imaging.critical_finding').find()
    linked = [study for study in studies if study.local_patient]

    yield 'Servers', len(servers), [
        f"{server.label}: Orthanc {server.version} at {server.url}, "
        f"{server.study_count} of {server.server_study_count} studies, "
        f"{server.image_count} images"
        for server in servers]
    yield 'Patients', len(patients), [
        f"{patient.name or '(no name)'} [{patient.patient_id or 'no ID'}]"
        + (f" is {patient.patient.rec_name}" if patient.patient else '')
        for patient in patients]
    yield 'Studies', len(studies), [
        f"{str(study.date or ''):10} {study.modalities or '':5} "
        f"{study.description or '(no description)'}, "
        f"{study.image_count} images"
        for study in studies]
    yield 'Links', len(linked), [
        f"{name}: {count} studies"
        for name, count in Counter(
            study.local_patient.rec_name for study in linked).items()]
    yield 'Orders', len(requests), [
        f"{request.rec_name}: {request.state}"
        + (f", {request.procedure_status}, {request.image_count or 0} images"
            if request.procedure_status else '')
        + (f", report {request.report_status}"
            if request.report_status else '')
        + (", urgent" if request.urgent else '')
        for request in requests]
    yield 'Results', len(results), [
        f"{result.rec_name}: {len(result.studies)} studies; "
        f"{result.state}, {result.version} versions; "
        f"{(result.comment or '').splitlines()[0] if result.comment else ''}"
        for result in results]
    yield 'Critical', len(findings), [
        f"{finding.result.rec_name}: {finding.finding} {finding.state}"
        for finding in findings]


def find_mistakes(orthanc, server):
    """What of the server's studies and patients is not here as it should be.

    A link that was made or removed by hand is right as it is, and so is what
    people made of an order.
    """
    yield from _unperformed()
    yield from _unread()
    Study = Model.get('gnuhealth.orthanc.study')
    Patient = Model.get('gnuhealth.orthanc.patient')
    LocalPatient = Model.get('gnuhealth.patient')

    here = {study.orthanc_id for study in Study.find([
        ('server', '=', server.id), ('missing_since', '=', None)])}
    there = set(orthanc.get('studies'))
    for orthanc_id in sorted(there - here):
        yield f"Study {orthanc_id} of the server is not here."
    for orthanc_id in sorted(here - there):
        yield f"Study {orthanc_id} is not on the server."

    local = {patient.puid: patient for patient in LocalPatient.find()}
    patients = {patient.orthanc_id: patient for patient in Patient.find([
        ('server', '=', server.id), ('missing_since', '=', None)])}
    for reported in orthanc.get('patients?expand'):
        patient = patients.get(reported['ID'])
        if patient is None:
            yield f"Patient {reported['ID']} of the server is not here."
        elif patient.match != 'manual':
            patient_id = reported['MainDicomTags'].get('PatientID', '')
            # The wildcard for a missing ID must not find anybody.
            expected = local.get(patient_id.strip()) if patient_id else None
            if patient.patient != expected:
                yield (
                    f"Patient {patient.rec_name} is linked to "
                    f"{patient.patient and patient.patient.rec_name}, not to "
                    f"{expected and expected.rec_name}.")


def _unperformed():
    "What the machine made of which the order does not tell"
    Step = Model.get('gnuhealth.imaging.performed_step')

    steps = Step.find([('latest', '=', True)])
    if not steps:
        yield "No machine reported a step."
    for step in steps:
        request = step.request
        if not request:
            yield f"The step {step.rec_name} is of no order."
        elif (request.procedure_status != 'completed'
                or not request.images_arrived):
            yield (
                f"The order {request.rec_name} is "
                f"{request.procedure_status} and has {request.image_count} "
                "images, though the machine made them.")


def _unread():
    "What of the story the radiologist and the doctor left undone"
    Result = Model.get('gnuhealth.imaging.test.result')
    Finding = Model.get('gnuhealth.imaging.critical_finding')

    for order in ORDERS:
        if order.comment and not Result.find([
                ('patient.puid', '=', order.puid),
                ('state', 'in', ['final', 'amended', 'entered_in_error'])]):
            yield f"No report of {order.puid} is signed."
        if order.critical and not Finding.find([
                ('patient.puid', '=', order.puid),
                ('state', '=', 'acknowledged')]):
            yield f"No finding of {order.puid} is acknowledged."

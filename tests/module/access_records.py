# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records that test_access.py tries the rights on.

For each module a function that returns, for each of its models, the values
to create a record with (a new one each time) and a change to write.
"""
import datetime as dt
from itertools import count

from proteus import Model
from proteus import config as proteus_config

from ..tools import create_patient, create_test, create_user, get_test_type
from .access_table import GROUPS

_numbers = count(1)
# The rows of these are those of the others
_SHOWS = {
    # A study in doubt
    'gnuhealth.orthanc.reconciliation': 'gnuhealth.orthanc.study',
    'gnuhealth.imaging.order_status': 'gnuhealth.imaging.test.request',
    }


def create_users(skipped=()):
    "Return a new user of each group, by the name of the group"
    return {
        group: create_user(
            group.replace(' ', '_'), *([xml_id] if xml_id else []))
        for group, xml_id in GROUPS.items() if group not in skipped}


def create(model, values):
    "Create what no group may create as well, and return its id"
    if model in _SHOWS:
        return create(_SHOWS[model], values)
    config = proteus_config.get_config()
    user, config.user = config.user, 0
    try:
        if model.startswith('gnuhealth.imaging.figure.'):
            return config.get_proxy(model).search([], 0, 1, None, {})[0]
        id_, = config.get_proxy(model).create([values], {})
    finally:
        config.user = user
    return id_


def imaging_records():
    HealthProfessional = Model.get('gnuhealth.healthprofessional')
    patient, test = create_patient(), create_test()
    doctor, = HealthProfessional.find([])

    def result():
        return create('gnuhealth.imaging.test.result', {
                'patient': patient.id, 'requested_test': test.id,
                'doctor': doctor.id})

    def signed():
        "Let there be what a figure counts"
        create('gnuhealth.imaging.test.result.version', version())
        return {}

    def version():
        request = create('gnuhealth.imaging.test.request', {
                'patient': patient.id, 'requested_test': test.id,
                'doctor': doctor.id, 'state': 'requested'})
        return {
            'result': create('gnuhealth.imaging.test.result', {
                    'request': request, 'patient': patient.id,
                    'requested_test': test.id, 'doctor': doctor.id}),
            'number': 1, 'kind': 'final', 'content': '{}', 'user': 1,
            'sha256': 'x',
            'date': dt.datetime.now().replace(microsecond=0)}

    return {
        'gnuhealth.imaging.test.type': (
            lambda: {'code': f'T{next(_numbers)}', 'name': "Type"},
            {'name': "Other"}),
        'gnuhealth.imaging.test': (
            lambda: {
                'code': f'T{next(_numbers)}', 'name': "Test",
                'test_type': get_test_type('CT').id,
                'product': test.product.id},
            {'name': "Other"}),
        'gnuhealth.imaging.test.request': (
            lambda: {
                'patient': patient.id, 'requested_test': test.id,
                'doctor': doctor.id},
            {'comment': "Other"}),
        'gnuhealth.imaging.test.request.step': (
            lambda: {
                'request': create('gnuhealth.imaging.test.request', {
                        'patient': patient.id, 'requested_test': test.id,
                        'doctor': doctor.id}),
                'to_state': 'requested', 'user': 1,
                'date': dt.datetime.now().replace(microsecond=0)},
            {'reason': "Other"}),
        'gnuhealth.imaging.test.result': (
            lambda: {
                'patient': patient.id, 'requested_test': test.id,
                'doctor': doctor.id, 'comment': "Text"},
            {'comment': "Other"}),
        'gnuhealth.imaging.station': (
            lambda: {'name': "CT", 'ae_title': f'CT{next(_numbers)}'},
            {'name': "Other"}),
        'gnuhealth.imaging.performed_step': (
            lambda: {
                'sop_instance_uid': f'2.25.{next(_numbers)}', 'number': 1,
                'status': 'IN PROGRESS', 'match': 'unscheduled',
                'received': dt.datetime.now().replace(microsecond=0)},
            {'description': "Other"}),
        'gnuhealth.imaging.critical_finding': (
            lambda: {
                'result': result(), 'category': 'hours',
                'finding': "Bleeding"},
            {'finding': "Other"}),
        'gnuhealth.imaging.order_status': (
            lambda: {
                'patient': patient.id, 'requested_test': test.id,
                'doctor': doctor.id},
            {'urgent': True}),
        **{
            f'gnuhealth.imaging.figure.{name}': (signed, {'reports': 1})
            for name in ['day', 'time', 'reader']},
        'gnuhealth.imaging.test.result.version': (
            version, {'reason': "Other"}),
        'gnuhealth.imaging.test.result.document': (
            lambda: {
                'version': create(
                    'gnuhealth.imaging.test.result.version', version()),
                'content': b'%PDF', 'content_sha256': 'x', 'sha256': 'x'},
            {'sha256': "Other"}),
        'gnuhealth.imaging.report.template': (
            lambda: {'name': "Normal"}, {'comment': "Other"}),
        'gnuhealth.imaging.report.macro': (
            lambda: {'code': f'm{next(_numbers)}', 'text': "Text"},
            {'text': "Other"}),
        }


def orthanc_records():
    HealthProfessional = Model.get('gnuhealth.healthprofessional')
    Server = Model.get('gnuhealth.orthanc.config')
    person, test = create_patient(), create_test()
    doctor, = HealthProfessional.find([])
    # Nothing listens there, so that buttons end soon.
    server = Server(create('gnuhealth.orthanc.config', {
                'label': "Main", 'url': 'http://127.0.0.1:1/',
                'has_stone': True, 'has_ohif': True, 'store_reports': True}))
    imaging = imaging_records()

    def remote(**values):
        return {
            'server': server.id, 'orthanc_id': str(next(_numbers)), **values}

    def patient():
        return remote(patient_id='GNU1')

    def study():
        return remote(
            study_instance_uid=f'2.25.{next(_numbers)}',
            patient=create('gnuhealth.orthanc.patient', patient()))

    def report_document():
        version = imaging['gnuhealth.imaging.test.result.version'][0]()
        return {
            'result': version['result'], 'server': server.id,
            'version': create(
                'gnuhealth.imaging.test.result.version', version),
            'study': create('gnuhealth.orthanc.study', study()),
            'series_instance_uid': '2.25.1', 'sop_instance_uid': '2.25.2'}

    def series():
        return remote(study=create('gnuhealth.orthanc.study', study()))

    return {
        'gnuhealth.orthanc.config': (
            lambda: {
                'label': f"Server {next(_numbers)}", 'url': server.url},
            {'label': "Other"}),
        'gnuhealth.orthanc.patient': (patient, {'patient': None}),
        'gnuhealth.orthanc.study': (study, {'local_patient': None}),
        'gnuhealth.orthanc.series': (series, {'notes': "Other"}),
        'gnuhealth.imaging.test.request-gnuhealth.orthanc.study': (
            lambda: {
                'study': create('gnuhealth.orthanc.study', {
                        **study(), 'local_patient': person.id}),
                'request': create('gnuhealth.imaging.test.request', {
                        'patient': person.id, 'requested_test': test.id,
                        'doctor': doctor.id})},
            {'match': 'manual'}),
        'gnuhealth.orthanc.decision': (
            lambda: {
                'study': create('gnuhealth.orthanc.study', study()),
                'action': 'unlink'},
            {'reason': "Other"}),
        'gnuhealth.orthanc.set_aside': (
            lambda: {
                'tries': 1, 'image_count': 0,
                'server': create('gnuhealth.orthanc.config', {
                        'label': f"Server {next(_numbers)}",
                        'url': server.url, 'validated': True}),
                'orthanc_id': str(next(_numbers))},
            {'next_try': None}),
        'gnuhealth.orthanc.report_document': (
            report_document, {'tries': 7}),
        'gnuhealth.orthanc.reconciliation': (study, {'kind': 'missing'}),
        'gnuhealth.orthanc.taken_over': (
            lambda: {
                'generation': '5.0', 'old_id': next(_numbers),
                'outcome': 'taken_over'},
            {'outcome': 'conflict'}),
        'gnuhealth.orthanc.access_log': (
            lambda: {'subject': "Study", 'viewer': 'ohif_viewer'},
            {'subject': "Other"}),
        'gnuhealth.orthanc.worklist_item': (
            lambda: {
                'server': server.id, 'name': str(next(_numbers)),
                'place': 'rest', 'state': 'waiting'},
            {'state': 'sent'}),
        'gnuhealth.orthanc.synchronization': (
            lambda: {
                'server': server.id, 'outcome': 'done',
                'started': dt.datetime.now().replace(microsecond=0)},
            {'new': 1}),
        }


RECORDS = {
    'health_imaging': imaging_records,
    'health_orthanc': orthanc_records,
    }

# What a record must have for its button
def with_study():
    "A result with a study that Orthanc Explorer opens"
    patient = create_patient()
    server, = Model.get('gnuhealth.orthanc.config').find(
        [('label', '=', "Main")])
    remote = {'server': server.id, 'orthanc_id': str(next(_numbers))}
    study = create('gnuhealth.orthanc.study', {
            **remote, 'local_patient': patient.id,
            'study_instance_uid': f'2.25.{next(_numbers)}',
            'patient': create('gnuhealth.orthanc.patient', remote)})
    return {'patient': patient.id, 'studies': [('add', [study])]}


BUTTON_VALUES = {
    ('gnuhealth.imaging.test.result', 'open_images'): with_study,
    ('gnuhealth.imaging.test.request', 'generate_results'): {
        'state': 'requested'},
    ('gnuhealth.imaging.test.request', 'reopen'): {'state': 'cancelled'},
    **{
        ('gnuhealth.imaging.test.request', button): {
            'state': 'requested', 'procedure_status': status}
        for button, status in [
            ('arrive', 'scheduled'), ('start', 'arrived'),
            ('complete', 'started'), ('discontinue', 'started'),
            ('schedule_again', 'discontinued')]},
    ('gnuhealth.imaging.critical_finding', 'tell'): {
        'told_to': "Doctor", 'told_how': 'phone',
        'told_at': dt.datetime(2100, 1, 1)},
    ('gnuhealth.imaging.critical_finding', 'acknowledge'): {
        'state': 'told', 'told_by': 1},
    ('gnuhealth.imaging.test.result', 'addendum'): {'state': 'final'},
    ('gnuhealth.imaging.test.result', 'correct'): {'state': 'final'},
    ('gnuhealth.orthanc.config', 'sync'): {'validated': True},
    ('gnuhealth.orthanc.config', 'confirm_missing'): {'validated': True},
    }


def begin_report(id_):
    "Let a draft of its report be there"
    Request = Model.get('gnuhealth.imaging.test.request')
    request = Request(id_)
    create('gnuhealth.imaging.test.result', {
            'request': id_, 'patient': request.patient.id,
            'requested_test': request.requested_test.id,
            'doctor': request.doctor.id})


# What else must be there
BUTTON_NEEDS = {
    ('gnuhealth.imaging.test.request', button): begin_report
    for button in ['take', 'give_back', 'read_images']}

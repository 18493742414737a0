# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hospital with secrets, and one user of each group who wants to know them.

All calls are JSON-RPC, as the web client makes them. What the tables are made
from is the pool, so that what is added is attacked as well.
"""
import datetime as dt
import json
import tempfile
import unittest
from unittest.mock import patch

from proteus import Model

from trytond import filestore
from trytond.model import Model as ModelBase
from trytond.report import Report
from trytond.tests.test_tryton import DB_NAME, drop_db
from trytond.transaction import Transaction
from trytond.wizard import Wizard

from ..module.access_records import RECORDS, create
from ..module.access_table import GROUPS, MODELS
from ..rpc import PASSWORD, Refused, User
from ..tools import activate, create_patient, create_test, create_user

REQUEST = 'gnuhealth.imaging.test.request'
RESULT = 'gnuhealth.imaging.test.result'
STEP = f'{REQUEST}.step'
VERSION = f'{RESULT}.version'
PDF = f'{RESULT}.document'
STATION = 'gnuhealth.imaging.station'
PERFORMED_STEP = 'gnuhealth.imaging.performed_step'
TAKEN_OVER = 'gnuhealth.orthanc.taken_over'
WORKLIST_ITEM = 'gnuhealth.orthanc.worklist_item'
FINDING = 'gnuhealth.imaging.critical_finding'
DOCUMENT = 'gnuhealth.orthanc.report_document'
TEMPLATE = 'gnuhealth.imaging.report.template'
MACRO = 'gnuhealth.imaging.report.macro'
ORDER_STATUS = 'gnuhealth.imaging.order_status'
STUDY = 'gnuhealth.orthanc.study'
SERVER = 'gnuhealth.orthanc.config'
SERIES = 'gnuhealth.orthanc.series'
LINK = f'{REQUEST}-{STUDY}'
PATIENT = 'gnuhealth.patient'

# Who may all that anybody may
ADMINS = [
    'health_imaging.group_health_imaging_admin',
    'health_orthanc.group_imaging_orthanc_admin',
    'health_orthanc.group_imaging_reconciliation']
# What each model has that nobody may learn who may not read it
SECRETS = {
    SERVER: ['HUSHLABEL', 'hush.example', 'HUSHUSER'],
    STUDY: [
        'HUSHDESCRIPTION', 'HUSHACCESSION', 'HUSHUID', 'HUSHNAME',
        'HUSHIDENTIFIER', '1971-03-'],
    REQUEST: ['HUSHORDER', 'HUSHCOMMENT'],
    RESULT: ['HUSHRESULT', 'HUSHFINDING'],
    VERSION: ['HUSHVERSION'],
    STATION: ['HUSHSTATION', 'HUSHTITLE'],
    PERFORMED_STEP: ['HUSHMACHINE', 'HUSHPERFORMED'],
    TAKEN_OVER: ['HUSHTAKEN'],
    WORKLIST_ITEM: ['HUSHITEM', 'HUSHPLACE'],
    FINDING: ['HUSHCRITICAL'],
    PDF: ['HUSHPDF'],
    SERIES: ['HUSHPICTURE'],
    TEMPLATE: ['HUSHTEMPLATE'],
    MACRO: ['HUSHMACRO'],
    }
# What people attach to records
ATTACHED = {
    'ir.attachment': {
        'name': "HUSHFILE", 'data': b'HUSHFILE', 'description': "HUSHFILE"},
    'ir.note': {'message': "HUSHNOTE"},
    }
# Of which model each report is
REPORTS = {
    'patient.imaging_report_results': RESULT,
    'gnuhealth.imaging.test.result.version.report': VERSION,
    }
# What those have whose records are made as for test_access.py
_HIDDEN = {
    TEMPLATE: {'comment': "HUSHTEMPLATE"},
    MACRO: {'text': "HUSHMACRO"},
    }


def grants(group):
    "Return what the group may do, by model"
    return {
        model: rights.get(group, '')
        for rows in MODELS.values() for model, rights in rows.items()}


class AttackCase(unittest.TestCase):
    "A hospital with secrets"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        cls.enterClassContext(patch.object(
                filestore, 'PATH',
                cls.enterClassContext(tempfile.TemporaryDirectory())))
        cls.config = activate()
        cls.users = {}
        for group, xml_id in GROUPS.items():
            login = group.replace(' ', '_')
            create_user(
                login, *([xml_id] if xml_id else []), password=PASSWORD)
            cls.users[group] = User(login)
        cls.ids = cls.make_records()

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

    @classmethod
    def make_records(cls):
        "Make one record of each model, and return the ids"
        HealthProfessional = Model.get('gnuhealth.healthprofessional')
        patient, test = create_patient(), create_test()
        doctor, = HealthProfessional.find([])
        cls.patient, cls.test, cls.doctor = patient, test, doctor
        ids = {PATIENT: patient.id}
        ids[SERVER] = create(SERVER, {
                'label': "HUSHLABEL", 'url': 'http://hush.example:1/',
                'username': "HUSHUSER", 'validated': True,
                'has_ohif': True, 'has_stone': True,
                'error_reason': 'refused', 'error_detail': "HUSHLABEL"})
        remote = {
            'server': ids[SERVER], 'patient_id': 'HUSHIDENTIFIER',
            'person_name': 'HUSHNAME', 'birth_date': dt.date(1971, 3, 4)}
        ids['gnuhealth.orthanc.patient'] = create(
            'gnuhealth.orthanc.patient', {
                **remote, 'orthanc_id': 'HUSHUID-P', 'name': "HUSHNAME"})
        ids[STUDY] = create(STUDY, {
                **remote, 'orthanc_id': 'HUSHUID-S',
                'patient': ids['gnuhealth.orthanc.patient'],
                'patient_name': "HUSHNAME", 'local_patient': patient.id,
                'study_instance_uid': 'HUSHUID', 'modalities': 'CR',
                'description': "HUSHDESCRIPTION",
                'accession_number': 'HUSHACCESSION'})
        ids[SERIES] = create(SERIES, {
                'server': ids[SERVER], 'study': ids[STUDY],
                'orthanc_id': 'HUSHUID', 'description': "HUSHDESCRIPTION",
                'thumbnail': b'HUSHPICTURE'})
        ids['gnuhealth.orthanc.set_aside'] = create(
            'gnuhealth.orthanc.set_aside', {
                'server': ids[SERVER], 'orthanc_id': 'HUSHUID', 'tries': 1,
                'image_count': 0})
        ids['gnuhealth.orthanc.synchronization'] = create(
            'gnuhealth.orthanc.synchronization', {
                'server': ids[SERVER], 'outcome': 'failed',
                'started': dt.datetime(2026, 1, 1), 'error_reason': 'refused',
                'error_detail': "HUSHLABEL"})
        ids[REQUEST] = create(REQUEST, {
                'patient': patient.id, 'requested_test': test.id,
                'doctor': doctor.id, 'request': 'HUSHORDER',
                'request_line': 'HUSHORDER-1', 'comment': "HUSHCOMMENT"})
        ids[RESULT] = create(RESULT, {
                'patient': patient.id, 'requested_test': test.id,
                'doctor': doctor.id, 'number': 'HUSHRESULT',
                'comment': "HUSHFINDING"})
        ids[LINK] = create(LINK, {
                'study': ids[STUDY], 'request': ids[REQUEST]})
        ids['gnuhealth.orthanc.access_log'] = create(
            'gnuhealth.orthanc.access_log', {
                'study': ids[STUDY], 'subject': "HUSHDESCRIPTION",
                'viewer': 'ohif_viewer'})
        ids['gnuhealth.orthanc.reconciliation'] = ids[STUDY]
        ids[STATION] = create(STATION, {
                'name': "HUSHSTATION", 'ae_title': 'HUSHTITLE'})
        ids[ORDER_STATUS] = ids[REQUEST]
        for name, values in cls.kept(ids):
            ids[name] = create(name, values)
        for name, values in cls.sent(ids):
            ids[name] = create(name, values)
        ids[TAKEN_OVER] = create(TAKEN_OVER, {
                'generation': '5.0', 'old_id': 1, 'outcome': 'conflict',
                'study': ids[STUDY], 'patient_name': "HUSHTAKEN"})
        for name in [STEP, 'gnuhealth.orthanc.decision']:
            ids[name] = cls.inside(
                lambda pool, name=name: pool.get(name).search(
                    [], limit=1)[0].id)
        for module, rights in MODELS.items():
            missing = rights.keys() - ids.keys()
            records = RECORDS[module]() if missing else {}
            for name in missing:
                values, _ = records[name]
                ids[name] = create(
                    name, {**values(), **_HIDDEN.get(name, {})})
        return ids

    @classmethod
    def kept(cls, ids):
        "Yield the values of what is kept of a request and of a result"
        now = dt.datetime(2026, 1, 1)
        yield VERSION, {
            'result': ids[RESULT], 'number': 1, 'kind': 'preliminary',
            'content': '{"comment": "HUSHVERSION"}', 'user': 1,
            'sha256': 'x', 'date': now, 'patient_name': "HUSHVERSION"}
        yield PDF, {
            'version': ids[VERSION], 'content': b'HUSHPDF',
            'content_sha256': 'x', 'sha256': 'x'}
        yield PERFORMED_STEP, {
            'sop_instance_uid': f"2.25.{ids[REQUEST]}", 'number': 1,
            'status': 'IN PROGRESS', 'match': 'manual', 'received': now,
            'request': ids[REQUEST], 'station_ae_title': "HUSHMACHINE",
            'patient_name': "HUSHPERFORMED"}
        yield FINDING, {
            'result': ids[RESULT], 'category': 'hours',
            'finding': "HUSHCRITICAL", 'seen_at': now}

    @classmethod
    def sent(cls, ids):
        "Yield the values of what servers are told of them"
        yield WORKLIST_ITEM, {
            'server': ids[SERVER], 'request': ids[REQUEST],
            'name': f"HUSHITEM{ids[REQUEST]}", 'place': "HUSHPLACE",
            'state': 'waiting'}
        yield DOCUMENT, {
            'result': ids[RESULT], 'version': ids[VERSION],
            'server': ids[SERVER], 'study': ids[STUDY],
            'series_instance_uid': '2.25.1', 'sop_instance_uid': '2.25.2'}

    @classmethod
    def inside(cls, function, user=0):
        "Return what the function returns inside the server"
        with Transaction().start(DB_NAME, user):
            result = function(cls.config.pool)
            Transaction().commit()
            return result

    @classmethod
    def ours(cls, type_='model'):
        "Return what the two modules add to the pool, by name"
        bases = {'model': ModelBase, 'wizard': Wizard, 'report': Report}
        pool = cls.config.pool
        return {
            registered.__name__: pool.get(registered.__name__, type_)
            for module in MODELS for registered in pool.classes[type_][module]
            # What extends others' has no such base
            if issubclass(registered, bases[type_])
            and not registered.__name__.startswith('gnuhealth.sequences')}

    def secrets(self, group):
        "Return the texts that the group may not learn"
        may = grants(group)
        # How far an order is does not go without its number
        told = SECRETS[REQUEST][:1] if 'r' in may[ORDER_STATUS] else []
        return [
            text for model, texts in SECRETS.items()
            if 'r' not in may[model] for text in texts if text not in told]

    def assert_kept(self, group, answer):
        "Assert that the answer tells nothing that the group may not learn"
        text = json.dumps(answer, default=str)
        told = [secret for secret in self.secrets(group) if secret in text]
        self.assertEqual(told, [], text[:500])

    def answer(self, group, method, *params):
        "Return what the server says, be it a refusal"
        try:
            return self.users[group].call(method, *params)
        except Refused as refusal:
            return str(refusal)

    def assert_refused(self, group, method, *params):
        "Assert that the call is refused, and that nothing is told"
        with self.assertRaises(Refused) as context:
            self.users[group].call(method, *params)
        self.assert_kept(group, str(context.exception))
        return str(context.exception)

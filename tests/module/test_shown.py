# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever may use a wizard or a button may read what it shows.

A client reads what its views name, and shows #ERROR where it may not. This
reads the same, for every group, before and after each button.
"""
import datetime as dt
import unittest
from contextlib import contextmanager

from trytond import backend
from trytond.exceptions import UserError, UserWarning
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME, drop_db
from trytond.transaction import Transaction

from ..tools import activate, create_patient, create_test
from .access_records import create_users
from .access_table import BUTTONS, WIZARDS
from .scripted_orthanc import ScriptedOrthanc
from .stored import ANNA, orthanc_study

# They have no button
_SKIPPED = {'nobody', 'front desk'}


@unittest.skipIf(backend.name != 'sqlite', "The database does not matter")
class ShownTestCase(unittest.TestCase):
    "Read what is shown"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        cls.config = activate()
        cls.users = create_users(_SKIPPED)
        anna = create_patient(
            puid='GNU1', name="Anna", lastname="Smith", gender='f',
            dob=dt.date(1980, 2, 1))
        test = create_test("CT head", code='HEAD', modality='CT')
        with Transaction().start(DB_NAME, 1) as transaction:
            cls.records = cls.create_records(anna.id, test.id)
            transaction.commit()

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

    @staticmethod
    def create_records(anna, test):
        "Return the ids of records of each kind, by model"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Server = pool.get('gnuhealth.orthanc.config')
        SetAside = pool.get('gnuhealth.orthanc.set_aside')
        Study = pool.get('gnuhealth.orthanc.study')
        server, = Server.create([{
                    'label': "Main", 'url': 'http://127.0.0.1:1/',
                    'validated': True, 'has_stone': True, 'has_ohif': True}])
        requests = Request.create([{
                    'patient': anna, 'requested_test': test}
                for _ in range(5)])
        Request.requested(requests[1:])
        Request.create_results(requests[2:3])
        numbers = [r.accession_number for r in requests]
        stranger = {**ANNA, 'patient_name': 'Jones^Bob', 'sex': 'M'}
        stored = Study.store(server.id, [
                orthanc_study('linked', uid='1', **ANNA),
                orthanc_study('conflict', uid='2', **stranger),
                orthanc_study('nobody', uid='3', **{
                        **ANNA, 'patient_id': 'X'}),
                orthanc_study(
                    'answer', uid='4', AccessionNumber=numbers[2], **ANNA),
                orthanc_study(
                    'order', uid='5', AccessionNumber=numbers[3],
                    modality='MR', **ANNA),
                orthanc_study(
                    'other', uid='6', AccessionNumber=numbers[3],
                    **stranger),
                orthanc_study('missing', uid='7', **ANNA)])
        Study.mark_missing(server.id, ['missing'])
        ids = list(stored.ids.values())
        with Transaction().set_context(decision_reason="Mixed up"):
            Study.write(
                [Study(stored.ids['nobody'])], {'local_patient': anna})
            Study.write(
                [Study(stored.ids['nobody'])], {'local_patient': None})
        set_aside = SetAside.create([{
                    'server': server.id, 'orthanc_id': f'set-aside-{n}',
                    'error_reason': 'missing', 'tries': 1, 'image_count': 1}
                for n in range(20)])
        steps = pool.get('gnuhealth.imaging.performed_step').create([{
                    'sop_instance_uid': f'2.25.{n}', 'number': 1,
                    'status': 'IN PROGRESS', 'match': 'unscheduled',
                    'patient_name': 'Smith^Anna',
                    'received': dt.datetime(2026, 11, 25, 10)}
                for n in range(4)])
        Reconciliation = pool.get('gnuhealth.orthanc.reconciliation')
        Result = pool.get('gnuhealth.imaging.test.result')
        result, = Result.search([])
        findings = pool.get('gnuhealth.imaging.critical_finding').create([{
                    'result': result.id, 'category': 'hours',
                    'finding': "Bleeding",
                    'seen_at': dt.datetime(2026, 11, 25, 9),
                    'told_to': "Cordara", 'told_how': 'phone',
                    'told_at': dt.datetime(2026, 11, 25, 10)}
                for _ in range(20)])
        version, = pool.get('gnuhealth.imaging.test.result.version').create([{
                    'result': result.id, 'number': 1, 'kind': 'final',
                    'content': '{}', 'user': 1, 'sha256': 'x',
                    # Among the figures that are shown at first
                    'date': dt.datetime.now().replace(microsecond=0)}])
        documents = pool.get('gnuhealth.orthanc.report_document').create([{
                    'result': result.id, 'version': version.id,
                    'server': server.id, 'study': stored.ids['answer'],
                    'series_instance_uid': '2.25.1',
                    'sop_instance_uid': '2.25.2'}])
        return {
            'gnuhealth.imaging.critical_finding': list(map(int, findings)),
            'gnuhealth.orthanc.report_document': list(map(int, documents)),
            'gnuhealth.imaging.test.request': list(map(int, requests)),
            'gnuhealth.imaging.test.result': list(
                map(int, Result.search([]))),
            'gnuhealth.orthanc.config': [server.id],
            'gnuhealth.orthanc.study': ids,
            'gnuhealth.orthanc.patient': list({
                    s.patient.id for s in Study.browse(ids)}),
            'gnuhealth.orthanc.set_aside': list(map(int, set_aside)),
            'gnuhealth.imaging.performed_step': list(map(int, steps)),
            'gnuhealth.orthanc.reconciliation': [
                row.id for row in Reconciliation.search([])],
            'gnuhealth.patient': [anna],
            **{
                name: list(map(int, pool.get(name).search([])))
                for name in [
                    'gnuhealth.imaging.figure.day',
                    'gnuhealth.imaging.figure.time',
                    'gnuhealth.imaging.figure.reader']},
            }

    @contextmanager
    def as_group(self, group):
        admin = self.config.user
        self.config.user = self.users[group].id
        try:
            yield
        finally:
            self.config.user = admin

    def call(self, name, method, *args, type_='model', **context):
        proxy = self.config.get_proxy(name, type=type_)
        return getattr(proxy, method)(*args, context)

    # As clients read

    def show(self, model, ids, type_='form', depth=0):
        "Read the records as a view shows them"
        view = self.call(model, 'fields_view_get', None, type_)
        names = list(view['fields'])
        for name, field in view['fields'].items():
            if field['type'] == 'many2one':
                names.append(f'{name}.rec_name')
        rows = self.call(model, 'read', list(ids), names)
        self.assertEqual({row['id'] for row in rows}, set(ids))
        for row in rows:
            self.show_values(view['fields'], row, depth)

    def show_values(self, fields, values, depth=0):
        for name, field in fields.items():
            value = values.get(name)
            if field['type'] in {'one2many', 'many2many'} and value:
                if isinstance(value[0], dict):
                    # The rows of a form that is nowhere stored
                    view = self.call(
                        field['relation'], 'fields_view_get', None, 'tree')
                    for row in value:
                        self.show_values(view['fields'], row, depth + 1)
                    continue
                for type_ in ['tree', 'form'] if depth < 1 else ['tree']:
                    self.show(
                        field['relation'], value, type_=type_,
                        depth=depth + 1)
            elif field['type'] == 'many2one' and isinstance(value, int):
                self.call(field['relation'], 'read', [value], ['rec_name'])

    # What is shown

    def test_models(self):
        "Each record that has a button or a wizard, in list and form"
        for group in self.users:
            with self.as_group(group):
                for model, ids in self.records.items():
                    allowed = any(
                        group in groups for rows in BUTTONS.values()
                        for (name, _), groups in rows.items()
                        if name == model)
                    if not allowed:
                        continue
                    for type_ in ['tree', 'form']:
                        with self.subTest(
                                group=group, model=model, view=type_):
                            for id_ in ids:
                                self.show(model, [id_], type_=type_)

    def test_wizards(self):
        for rows in WIZARDS.values():
            for wizard, groups in rows.items():
                for group in groups:
                    for model, id_ in self.subjects(wizard, group):
                        with self.subTest(
                                wizard=wizard, group=group, model=model,
                                id=id_), self.as_group(group):
                            self.open(wizard, model, id_)

    def subjects(self, wizard, group):
        "Yield the records on which a group finds the wizard"
        models = getattr(
            self.config.pool.get(wizard, type='wizard'), '_models', None
            ) or [None]
        for model in models:
            for id_ in self.records.get(model, [None]):
                with self.as_group(group):
                    try:
                        if model:
                            self.call(model, 'read', [id_], ['id'])
                    except UserError:
                        # It is not shown to them at all
                        continue
                yield model, id_

    def open(self, wizard, model, id_):
        context = {
            'active_model': model, 'active_id': id_,
            'active_ids': [id_] if id_ else []}
        session, state, end = self.call(
            wizard, 'create', type_='wizard', **context)
        try:
            result = self.call(
                wizard, 'execute', session, {}, state, type_='wizard',
                **context)
        except (UserError, UserWarning) as error:
            # It says why it does not open; nothing of rights
            self.assertNotIn('ir.model.access', repr(error))
            self.assertNotIn("not allowed", str(error))
            return
        if 'view' in result:
            view = result['view']
            self.show_values(
                view['fields_view']['fields'], view['defaults'])
            self.choices(view)

    def choices(self, view):
        "Ask for the selections of the form, and search its relations"
        fields_view = view['fields_view']
        for field in fields_view['fields'].values():
            if field['type'] == 'selection' and isinstance(
                    field['selection'], str):
                values = {
                    other: view['defaults'].get(other)
                    for other in field['selection_change_with']}
                self.call(
                    fields_view['model'], field['selection'], values)
            elif field['type'] == 'many2one' and not field.get('readonly'):
                self.call(
                    field['relation'], 'search_read',
                    [('rec_name', 'ilike', '%a%')], 0, 10, None,
                    ['rec_name'])

    def test_buttons(self):
        "Each is pressed where it is shown, and what is left is read"
        for rows in BUTTONS.values():
            for (model, button), groups in rows.items():
                for group in sorted(groups):
                    with self.subTest(
                            model=model, button=button, group=group):
                        self.press(model, button, group)

    def test_stored_after_retry(self):
        "The row is gone that a clerk has in front of them"
        names = [
            'gnuhealth.orthanc.set_aside', 'gnuhealth.orthanc.reconciliation']
        with ScriptedOrthanc() as orthanc:
            for model in names:
                with self.subTest(model=model):
                    orthanc.add(model)
                    self.retry(orthanc, model)

    def retry(self, orthanc, model):
        with Transaction().start(DB_NAME, 1) as transaction:
            pool = Pool()
            server, = pool.get('gnuhealth.orthanc.config').create([{
                        'label': model, 'url': orthanc.url,
                        'validated': True}])
            pool.get('gnuhealth.orthanc.set_aside').create([{
                        'server': server.id, 'orthanc_id': model,
                        'error_reason': 'missing', 'tries': 1,
                        'image_count': 1}])
            row, = pool.get(model).search([
                    ('server', '=', server.id),
                    ('rec_name', '=', model)
                    if model.endswith('set_aside') else
                    ('kind', '=', 'set_aside')])
            transaction.commit()
        with self.as_group('reconciliation'):
            self.call(model, 'retry', [row.id])
            left = self.call(
                'gnuhealth.orthanc.set_aside', 'search',
                [('orthanc_id', '=', model)], 0, None, None)
            self.assertFalse(left)
            for type_ in ['tree', 'form']:
                self.show(model, [row.id], type_=type_)

    def press(self, model, button, group):
        for id_ in self.records[model]:
            with self.as_group(group):
                try:
                    self.call(model, 'read', [id_], ['id'])
                    self.call(model, button, [id_])
                except UserError:
                    continue
                for type_ in ['tree', 'form']:
                    self.show(model, [id_], type_=type_)
                break


if __name__ == '__main__':
    unittest.main()

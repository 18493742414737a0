# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What tells what people did: nobody changes it, and it outlives the rest"
import datetime as dt
from functools import partial

from trytond.transaction import Transaction

from ..module.access_table import GROUPS
from ..tools import create_patient
from .case import (
    LINK, PATIENT, PERFORMED_STEP, REQUEST, RESULT, SERVER, STEP, STUDY,
    VERSION, WORKLIST_ITEM, AttackCase, grants)

DECISION = 'gnuhealth.orthanc.decision'
LOG = 'gnuhealth.orthanc.access_log'
KEPT = [STEP, DECISION, LOG, VERSION, PERFORMED_STEP]
WHOM = ['patient_name', 'birth_date', 'puid', 'study_instance_uid']


class AuditTestCase(AttackCase):
    "Test the rows that tell what people did"

    def rows(self, model, names):
        "Return the values of all rows, the first one first"
        return self.inside(lambda pool: [
                tuple(getattr(row, name) for name in names)
                for row in pool.get(model).search([], order=[('id', 'ASC')])])

    def test_refused_to_everybody(self):
        "No right that an administrator gives lets a client write them"
        def give(pool):
            ModelAccess = pool.get('ir.model.access')
            ModelAccess.create([{
                        'model': model.id, 'perm_read': True,
                        'perm_write': True, 'perm_create': True,
                        'perm_delete': True}
                    for model in pool.get('ir.model').search(
                        [('model', 'in', KEPT)])])
        self.inside(give)
        for model in KEPT:
            before = self.rows(model, ['id', 'create_date'])
            id_ = self.ids[model]
            for group in ['orthanc admin', 'imaging admin']:
                for method, params in [
                        ('write', [[id_], {'puid': "Other"}]),
                        ('write', [[id_], {}]),
                        ('delete', [[id_]]), ('copy', [[id_]]),
                        ('create', [[{}]]),
                        ('create', [[{
                                        'study': self.ids[STUDY],
                                        'request': self.ids[REQUEST]}]])]:
                    with self.subTest(
                            model=model, method=method, params=params):
                        said = self.assert_refused(
                            group, f'model.{model}.{method}', *params, {})
                        if model in [STEP, DECISION, LOG]:
                            self.assertIn('stays', said)
            for name in {
                    STEP: ['steps'], DECISION: ['decisions']}.get(model, []):
                for of, holder in [
                        (REQUEST, 'imaging'), (STUDY, 'orthanc admin')]:
                    with self.subTest(model=model, of=of):
                        if name in self.config.pool.get(of)._fields:
                            self.assert_refused(
                                holder, f'model.{of}.write', [self.ids[of]],
                                {name: [('delete', [id_])]}, {})
            self.assertEqual(self.rows(model, ['id', 'create_date']), before)

    def test_when_all_is_deleted(self):
        "They say whose images it was when all that is deleted"
        patient = create_patient("Olga", "Hush", puid='HUSHPUID')
        ids = {}

        def make(pool):
            study = pool.get(STUDY)(self.ids[STUDY])
            pool.get(STUDY).write([study], {'local_patient': None})
            pool.get(LINK).delete(pool.get(LINK).search([]))
            pool.get(STUDY).write([study], {'local_patient': patient.id})
            request, = pool.get(REQUEST).create([{
                        'patient': patient.id, 'requested_test': self.test.id,
                        'doctor': self.doctor.id, 'request': 'HUSH'}])
            ids['request'] = request.id
        self.inside(make)
        self.users['imaging'].call(
            f'model.{STUDY}.open_ohif_viewer', [self.ids[STUDY]], {})
        last = {
            model: self.rows(model, [*WHOM, 'rec_name'])[-1]
            for model in [STEP, DECISION, LOG]}
        for model in [DECISION, LOG]:
            name, birth_date, puid, uid, rec_name = last[model]
            self.assertEqual(
                (name, str(birth_date), puid, uid),
                ('HUSHNAME', '1971-03-04', 'HUSHPUID', 'HUSHUID'))
            self.assertIn('HUSHDESCRIPTION', rec_name)
        self.assertEqual(
            last[STEP][:3], ("Hush, Olga", patient.party.dob, 'HUSHPUID'))
        counts = {m: len(self.rows(m, ['id'])) for m in last}

        def delete(pool):
            # It stays as long as the server has to be told
            pool.get(WORKLIST_ITEM).delete(pool.get(WORKLIST_ITEM).search([]))
            for model, ids_ in [
                    (REQUEST, [ids['request']]),
                    (STUDY, [self.ids[STUDY]]), (SERVER, [self.ids[SERVER]]),
                    (PATIENT, [patient.id])]:
                Model = pool.get(model)
                if model == SERVER:
                    pool.get(RESULT).delete(pool.get(RESULT).search(
                            [('versions', '=', None)]))
                Model.delete(Model.browse(ids_))
        self.inside(delete)
        for model, values in last.items():
            with self.subTest(model=model):
                rows = self.rows(model, [*WHOM, 'rec_name'])
                self.assertEqual(len(rows), counts[model])
                self.assertIn(values, rows)

    def test_migration(self):
        """A table of 7.0.0 becomes one of now.

        Its rows say whom they are about as those of now do, and outlive that.
        """
        def outdate(model, names, owner, pool):
            Model = pool.get(model)
            table_h = Model.__table_handler__()
            # SQLite drops no column that has an index
            table_h.set_indexes([])
            for name in names:
                table_h.drop_column(name)
            if owner:
                target = Model._fields[owner].get_target()._table
                table_h.add_fk(owner, target, on_delete='CASCADE')
                table_h.not_null_action(owner)

        def migrate(model, pool):
            pool.get(model).__register__(model.split('.')[1].replace(
                    'imaging', 'health_imaging').replace(
                    'orthanc', 'health_orthanc'))

        patient = create_patient("Vera", "Before")

        def make(pool):
            return pool.get(REQUEST).create([{
                        'patient': patient.id, 'requested_test': self.test.id,
                        'doctor': self.doctor.id}])[0].id

        request = self.inside(make)
        for model, owner, names in [
                (STEP, 'request', [*WHOM, 'request_line', 'test']),
                (DECISION, None, [*WHOM, 'subject', 'patient_id']),
                (LOG, None, [*WHOM, 'patient_id'])]:
            with self.subTest(model=model):
                before = self.rows(model, WHOM)
                self.assertTrue(before)
                self.inside(partial(outdate, model, names, owner))
                self.inside(partial(migrate, model))
                self.assertEqual(self.rows(model, WHOM), before)
        self.inside(lambda pool: pool.get(REQUEST).delete(
                pool.get(REQUEST).browse([request])))
        self.assertEqual(
            self.rows(STEP, ['request', 'patient_name'])[-1],
            (None, "Before, Vera"))

    def test_address(self):
        "Who gets the address of a viewer leaves a row, however they do"
        def count():
            return len(self.rows(LOG, ['id']))

        def later(pool):
            table = pool.get(LOG).__table__()
            Transaction().connection.cursor().execute(*table.update(
                    [table.create_date], [dt.datetime(2026, 1, 1)]))

        addresses = {
            STUDY: [
                'orthanc_explorer_link', 'stone_viewer_link',
                'ohif_viewer_link'],
            'gnuhealth.orthanc.patient': ['link'],
            SERVER: ['link']}
        for model, names in addresses.items():
            id_ = self.ids[model]
            for name in names:
                for method, params in [
                        ('read', [[id_], [name]]),
                        ('search_read', [
                                [('id', '=', id_)], 0, None, None, [name]]),
                        ('export_data', [[id_], [name]])]:
                    with self.subTest(model=model, name=name, method=method):
                        self.inside(later)
                        before = count()
                        answer = self.users['imaging'].call(
                            f'model.{model}.{method}', *params, {})
                        self.assertIn('hush.example', str(answer))
                        self.assertEqual(count() - before, 1)
        with self.subTest(by='another model'):
            self.inside(later)
            before = count()
            # The second time is soon after the first
            for _ in range(2):
                self.users['imaging'].call(
                    f'model.{REQUEST}.read', [self.ids[REQUEST]],
                    ['studies.ohif_viewer_link'], {})
            self.assertEqual(count() - before, 1)

    def test_views(self):
        "What the views of the modules show leaves no row"
        before = len(self.rows(LOG, ['id']))
        for group in GROUPS:
            for model, rights in grants(group).items():
                if 'r' not in rights or model not in self.ids:
                    continue
                for type_ in ['tree', 'form']:
                    view = self.users[group].call(
                        f'model.{model}.fields_view_get', None, type_, {})
                    self.users[group].call(
                        f'model.{model}.read', [self.ids[model]],
                        list(view['fields']), {})
        self.assertEqual(len(self.rows(LOG, ['id'])), before)

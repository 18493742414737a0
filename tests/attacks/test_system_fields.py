# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the system sets, written by clients: by every way, whoever they are.

The fields are all that are read-only as such, of every model of the pool.
"""
import datetime as dt

from trytond.model import ModelSQL

from ..module.access_records import create
from ..rpc import PASSWORD, Refused, User
from ..tools import create_user
from .case import ADMINS, REQUEST, RESULT, SERVER, STUDY, AttackCase

MUST = {
    REQUEST: {
        'state', 'accession_number', 'study_instance_uid', 'request',
        'request_line', 'accession_number_shared', 'steps'},
    SERVER: {
        'validated', 'cursor', 'anchor', 'identity', 'step', 'walk',
        'last_success', 'suspect', 'missing_confirmed', 'running_until'},
    STUDY: {'match', 'study_instance_uid', 'missing_since', 'digest'},
    }


class SystemFieldsTestCase(AttackCase):
    "Test fields that no client sets"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        create_user(
            'everything', *ADMINS, 'health.group_health_doctor',
            password=PASSWORD)
        cls.everything = User('everything')

    def fields(self, model):
        "Return the fields of the model that no client sets, with a value"
        Model = self.config.pool.get(model)
        for name in Model._system_fields():
            field = Model._fields[name]
            value = {
                'char': '1.2.3', 'text': "Mine", 'boolean': True, 'float': .5,
                'integer': 7, 'many2one': 1,
                'datetime': dt.datetime(2026, 1, 1),
                'timestamp': dt.datetime(2026, 1, 1),
                'date': dt.date(2026, 1, 1), 'time': dt.time(1),
                'timedelta': dt.timedelta(1),
                }.get(field._type)
            if field._type == 'selection':
                value = [v for v, _ in field.selection if v][-1]
            elif field._type.endswith('2many'):
                value = [('delete', [1])]
            if value is not None:
                yield name, value

    def test_fields(self):
        "No client sets them at creation, copy or later"
        for model, Model in self.ours().items():
            if model not in self.ids or not issubclass(Model, ModelSQL):
                continue
            values = dict(self.fields(model))
            self.assertLessEqual(MUST.get(model, set()), values.keys())
            id_ = self.ids[model]
            new = {
                REQUEST: {
                    'patient': self.patient.id, 'doctor': self.doctor.id,
                    'requested_test': self.test.id},
                SERVER: {'label': "New", 'url': 'http://127.0.0.1:1/'},
                }.get(model, {})
            for name, value in values.items():
                for method, params in [
                        ('write', [[id_], {name: value}]),
                        ('create', [[{**new, name: value}]]),
                        ('copy', [[id_], {name: value}])]:
                    with self.subTest(model=model, name=name, method=method):
                        with self.assertRaises(Refused) as context:
                            self.everything.call(
                                f'model.{model}.{method}', *params, {})
                        self.assertIn('UserError', str(context.exception))

    def test_erase(self):
        "No client takes away what is set, or sets it back to the default"
        ids = {**self.ids, REQUEST: create(REQUEST, {
                    'patient': self.patient.id, 'doctor': self.doctor.id,
                    'requested_test': self.test.id, 'state': 'requested'})}
        tried = set()
        for model, Model in self.ours().items():
            if model not in ids or not issubclass(Model, ModelSQL):
                continue
            names = [
                name for name in Model._system_fields()
                if not Model._fields[name]._type.endswith('2many')]
            stored, = self.inside(lambda pool, model=model, names=names: (
                    pool.get(model).read([ids[model]], names)))
            for name in names:
                default = self.inside(lambda pool, model=model, name=name: (
                        pool.get(model)._system_default(name)))
                for value in {None, default} - {stored[name]}:
                    if not (stored[name] or value):
                        continue
                    tried.add((model, name))
                    with self.subTest(model=model, name=name, value=value):
                        with self.assertRaises(Refused) as context:
                            self.everything.call(
                                f'model.{model}.write', [ids[model]],
                                {name: value}, {})
                        self.assertIn('UserError', str(context.exception))
        self.assertLessEqual({
                (REQUEST, 'state'), (REQUEST, 'request'), (RESULT, 'number'),
                (STUDY, 'study_instance_uid'), (SERVER, 'validated')}, tried)

    def test_by_relations(self):
        "Nor by a record that leads to them"
        for model, Model in self.ours().items():
            for name, field in Model._fields.items():
                target = {
                    'studies': STUDY, 'requests': REQUEST}.get(name)
                if model in self.ids and target and (
                        field._type == 'many2many'):
                    for field_name, value in self.fields(target):
                        with self.subTest(
                                model=model, name=name, field=field_name), \
                                self.assertRaises(Refused):
                            self.everything.call(
                                f'model.{model}.write', [self.ids[model]],
                                {name: [(
                                            'write', [self.ids[target]],
                                            {field_name: value})]}, {})

    def test_steps(self):
        "Each change of the state leaves its step, also by the system"
        def change(pool):
            Request = pool.get(REQUEST)
            request = Request(self.ids[REQUEST])
            Request.write([request], {'state': 'requested'})
            Request.write([request], {'state': 'requested'})
            request.state = 'done'
            request.save()
        self.inside(change)
        self.assertEqual(
            self.inside(lambda pool: [
                    (step.from_state, step.to_state) for step in reversed(
                        pool.get(REQUEST)(self.ids[REQUEST]).steps)]),
            [(None, 'draft'), ('draft', 'requested'), ('requested', 'done')])

    def test_client(self):
        "What a client sends of a record is stored"
        # As the web client does, without what is read-only
        as_it_is = {'state': 'draft', 'accession_number': None, 'steps': []}
        id_, = self.everything.call(f'model.{REQUEST}.create', [{
                    'patient': self.patient.id, 'doctor': self.doctor.id,
                    'requested_test': self.test.id, **as_it_is}], {})
        self.everything.call(
            f'model.{REQUEST}.write', [id_], {'urgent': True, **as_it_is}, {})
        copy, = self.everything.call(f'model.{REQUEST}.copy', [id_], {})
        rows = self.everything.call(
            f'model.{REQUEST}.read', [id_, copy], ['urgent', 'state'], {})
        self.assertEqual(
            {(row['urgent'], row['state']) for row in rows}, {(True, 'draft')})
        server, = self.everything.call(
            f'model.{SERVER}.copy', [self.ids[SERVER]], {})
        self.assertEqual(self.everything.call(
                f'model.{SERVER}.read', [server], ['validated'], {})[0][
                    'validated'], False)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every method that can be called, of every model, with others' ids.

The table is made from the pool: what a group may not read does not come back,
neither in values nor in the text of an error.
"""
import unittest

from trytond import backend
from trytond.tools import is_instance_method

from ..module.access_table import GROUPS
from .case import PATIENT, STUDY, AttackCase, grants

# What asks for a record by its own rights alone, see test_access.py
ROWS = {
    'create', 'read', 'write', 'delete', 'copy', 'search', 'search_count',
    'search_read', 'export_data', 'export_data_domain', 'import_data',
    'history_revisions',
    # Tryton's own fails where a model is extended, whoever calls it
    'on_scan_code'}


class MethodsTestCase(AttackCase):
    "Test all methods with ids of what a user may not read"

    def named(self, model):
        "Return values that name records in all fields that can"
        def values(pool):
            for name, field in pool.get(model)._fields.items():
                target = hasattr(field, 'get_target') and self.ids.get(
                    field.get_target().__name__)
                if target:
                    yield name, (
                        target if field._type == 'many2one' else [target])
        return self.inside(lambda pool: dict(values(pool)))

    def instances(self, model):
        "Yield what a client can send as the record of a form"
        named = self.named(model)
        others = {
            'error_reason': 'refused', 'match': 'conflict',
            'match_differences': 'name', 'suggestion': str(self.patient.id)}
        fields = self.config.pool.get(model)._fields
        others = {n: v for n, v in others.items() if n in fields}
        if model in self.ids:
            yield {'id': self.ids[model]}
            yield {'id': self.ids[model], **others}
        yield {**named, **others}
        for name, value in named.items():
            yield {name: value, **others}
            if isinstance(value, int):
                yield {name: {'id': value}, **others}
                yield {f'_parent_{name}.id': value, **others}

    def arguments(self, model, method):
        "Yield the arguments of a method of a form, and its context"
        Model = self.config.pool.get(model)
        if is_instance_method(Model, method):
            names = {
                prefix: [
                    [name] for name in Model._fields
                    if hasattr(Model, f'{prefix}_{name}')]
                for prefix in ['on_change', 'on_change_with']}
            for instance in self.instances(model):
                if method in names:
                    for fields in names[method]:
                        yield [instance, fields], {}
                else:
                    yield [instance], {}
        elif method == 'default_get':
            named = self.named(model)
            yield [list(named)], {
                f'default_{name}': value for name, value in named.items()}
            for name, value in named.items():
                yield [[name]], {f'default_{name}': value}
        elif method == 'autocomplete':
            yield ["HUSH"], {}
        elif method == 'fields_view_get':
            yield [None, 'form'], {}
        elif method in getattr(Model, '_buttons', {}):
            if model in self.ids:
                yield [[self.ids[model]]], {}
        else:
            yield [], {}

    def test_all_have_records(self):
        "Each model that clients can read is attacked, by a record of it"
        self.assertEqual(
            {
                name for name, Model in self.ours().items()
                if 'read' in getattr(Model, '__rpc__', {})},
            self.ours().keys() & self.ids.keys())

    @unittest.skipIf(
        backend.name != 'sqlite', "The database does not matter")
    def test_methods(self):
        "What a group may not read comes back by no method of a form"
        called = 0
        for model, Model in self.ours().items():
            for method in Model.__rpc__.keys() - ROWS:
                for arguments, context in self.arguments(model, method):
                    for group in GROUPS:
                        if not self.secrets(group):
                            continue
                        may = grants(group).get(model, '')
                        if 'w' in may and method in getattr(
                                Model, '_buttons', {}):
                            continue
                        with self.subTest(
                                model=model, method=method, group=group,
                                arguments=arguments, context=context):
                            self.assert_kept(group, self.answer(
                                    group, f'model.{model}.{method}',
                                    *arguments, context))
                            called += 1
        self.assertGreater(called, 500)

    def test_defaults_of_others(self):
        "Others' forms tell no names of our records either"
        for model, Model in self.config.pool.iterobject():
            if model in self.ours() or 'default_get' not in getattr(
                    Model, '__rpc__', {}):
                continue
            for name, field in Model._fields.items():
                if field._type == 'many2one' and (
                        field.model_name in self.ids
                        and field.model_name != PATIENT):
                    with self.subTest(model=model, name=name):
                        self.assert_kept('nobody', self.answer(
                                'nobody', f'model.{model}.default_get',
                                [name], {
                                    f'default_{name}':
                                    self.ids[field.model_name]}))

    def test_form_of_a_person(self):
        "The form compares persons for those only who reconcile"
        form = 'model.gnuhealth.orthanc.reconcile.start'
        for group in GROUPS.keys() - {'reconciliation', 'orthanc admin'}:
            for values in [
                    {'patient': self.patient.id},
                    {'suggestion': str(self.patient.id)},
                    {'studies': [self.ids[STUDY]]}]:
                for name in ['patient', 'suggestion']:
                    with self.subTest(group=group, values=values, name=name):
                        self.assert_refused(
                            group, f'{form}.on_change', values, [name], {})
                with self.subTest(group=group, values=values):
                    self.assert_refused(
                        group, f'{form}.get_suggestions', values, {})

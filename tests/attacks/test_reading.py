# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way of reading: rows, dotted names, exports, orders, contexts.

By who may not read the model, and by the models that lead to it.
"""
import datetime as dt

from trytond.model import ModelStorage

from ..module.access_records import create
from ..module.access_table import GROUPS
from .case import ATTACHED, AttackCase, grants

# What a client could hope to be let in by
CONTEXTS = [{}, {
        '_check_access': False, '_user': 0, 'user': 0, '_groups': [1],
        '_datetime': dt.datetime(2026, 1, 1), '_skip_warnings': True,
        '_copies_system_fields': True, 'active_test': False,
        'company': 1}]

# What forms show of what is attached
SHOWN = ['summary', 'message_wrapped', 'copy_to_resources_visible']


class ReadingTestCase(AttackCase):
    "Test all ways of reading what a user may not read"

    def pairs(self):
        "Yield each model with rows and each group that may not read it"
        for model, Model in self.ours().items():
            if 'read' in getattr(Model, '__rpc__', {}):
                for group in GROUPS:
                    if 'r' not in grants(group)[model]:
                        yield model, Model, group

    def test_rows(self):
        "No way of reading a model is open to who may not read it"
        for model, Model, group in self.pairs():
            id_, names = self.ids[model], list(Model._fields)
            for method, params in [
                    ('read', [[id_], names]),
                    ('search', [[]]),
                    ('search', [[], 0, None, [(names[-1], 'ASC')]]),
                    ('search_count', [[]]),
                    ('search_count', [[('rec_name', 'ilike', 'HUSH%')]]),
                    ('search_read', [[], 0, None, None, names]),
                    ('export_data', [[id_], names]),
                    ('export_data_domain', [[], names]),
                    ('resources', [[id_]])]:
                for context in CONTEXTS:
                    with self.subTest(
                            model=model, group=group, method=method,
                            context=context):
                        self.assert_refused(
                            group, f'model.{model}.{method}', *params,
                            context)

    def leading(self):
        "Return (model, field, target) of what leads from any model to ours"
        ours = self.ours().keys() & self.ids.keys()

        def find(pool):
            for name, Model in pool.iterobject():
                if not (issubclass(Model, ModelStorage)
                        and 'read' in Model.__rpc__):
                    continue
                for field_name, field in Model._fields.items():
                    if hasattr(field, 'get_target'):
                        target = field.get_target().__name__
                        if target in ours:
                            yield name, field_name, target
        return self.inside(lambda pool: list(find(pool)))

    def told(self, target):
        "Return the names of the fields of the model that tell something"
        Target = self.config.pool.get(target)
        return [
            name for name, field in Target._fields.items()
            if field._type in {'char', 'text', 'date', 'binary'}]

    def test_ways(self):
        "By no field of a model that one may read, in values or an order"
        for model, field, target in self.leading():
            names = [
                field, f'{field}.rec_name',
                *(f'{field}.{name}' for name in self.told(target))]
            for group in GROUPS:
                if 'r' in grants(group)[target] or (
                        'r' not in grants(group).get(model, 'r')):
                    continue
                ids = [self.ids[model]] if model in self.ids else [1]
                for name in names:
                    path = name.replace('.', '/')
                    for method, params in [
                            ('read', [ids, [name]]),
                            ('export_data', [ids, [path]])]:
                        with self.subTest(
                                model=model, group=group, method=method,
                                name=name):
                            self.assert_kept(group, self.answer(
                                    group, f'model.{model}.{method}',
                                    *params, {}))
                    with self.subTest(model=model, group=group, order=name):
                        self.assert_refused(
                            group, f'model.{model}.search', [], 0, None,
                            [(name, 'ASC')], {})

    def test_attached(self):
        "Nor by what is attached to it or noted on it"
        attached = {
            (model, kind): create(kind, {
                    **values, 'resource': f'{model},{self.ids[model]}'})
            for model in {model for model, *_ in self.pairs()}
            for kind, values in ATTACHED.items()}
        for model, _, group in self.pairs():
            for kind, values in ATTACHED.items():
                id_, names = attached[model, kind], list(values)
                shown = [
                    n for n in SHOWN
                    if n in self.config.pool.get(kind)._fields]
                new = {**values, 'resource': f'{model},{self.ids[model]}'}
                for method, params in [
                        ('read', [[id_], names]), ('write', [[id_], values]),
                        ('delete', [[id_]]), ('copy', [[id_]]),
                        ('create', [[new]]), ('export_data', [[id_], names]),
                        ('on_change_with', [{'id': id_}, shown]),
                        ('search_read', [
                                [('id', '=', id_)], 0, None, None, names])]:
                    with self.subTest(
                            model=model, group=group, kind=kind,
                            method=method):
                        self.assert_refused(
                            group, f'model.{kind}.{method}', *params, {})

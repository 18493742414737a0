# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Every model, wizard and button x every group, through RPC as that user"
import unittest
from contextlib import contextmanager

from proteus import Model

from trytond.model import ModelSQL
from trytond.model.exceptions import AccessButtonError, AccessError
from trytond.tests.test_tryton import drop_db

from ..tools import activate
from .access_records import (
    BUTTON_NEEDS, BUTTON_VALUES, RECORDS, create, create_users)
from .access_table import BUTTONS, GROUPS, MODELS, WIZARDS

# trytond 7.0.59 has no "wizard" for the message that denies a wizard; what a
# query returns can not be written at all.
DENIED = AccessError, AccessButtonError, KeyError, NotImplementedError
OPERATIONS = {'r': 'read', 'w': 'write', 'c': 'create', 'd': 'delete'}


class AccessTestCase(unittest.TestCase):
    "Test who may do what"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        cls.config = activate(*MODELS)
        cls.users = create_users()
        cls.records = {
            model: values
            for module in MODELS
            for model, values in RECORDS[module]().items()}

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

    @contextmanager
    def as_group(self, group):
        admin = self.config.user
        self.config.user = self.users[group].id
        try:
            yield
        finally:
            self.config.user = admin

    def call(self, model, method, *args, type_='model', context=None):
        proxy = self.config.get_proxy(model, type=type_)
        return getattr(proxy, method)(*args, context or {})

    def create(self, model, **others):
        values, _ = self.records[model]
        return create(model, {**values(), **others})

    def operate(self, model, operation, id_):
        values, change = self.records[model]
        if operation == 'r':
            self.call(model, 'search', [], 0, None, None)
            self.call(model, 'read', [id_], ['rec_name'])
        elif operation == 'w':
            self.call(model, 'write', [id_], change)
        elif operation == 'c':
            self.call(model, 'create', [values()])
        elif operation == 'd':
            self.call(model, 'delete', [id_])

    def check(self, allowed, group, function, *args):
        with self.as_group(group):
            if allowed:
                function(*args)
            else:
                with self.assertRaises(DENIED) as context:
                    function(*args)
                if isinstance(context.exception, KeyError):
                    self.assertEqual(context.exception.args, ('wizard',))

    def has_rights(self, model):
        "Whether rows of the model can be reached through RPC"
        Model = self.config.pool.get(model)
        return issubclass(Model, ModelSQL) and 'read' in Model.__rpc__

    def test_table_is_complete(self):
        "Each model that the modules add has its row, and each button"
        IrModel = Model.get('ir.model')
        for module, rows in MODELS.items():
            with self.subTest(module=module):
                models = {
                    m.model for m in IrModel.find([('module', '=', module)])}
                self.assertEqual(
                    set(filter(self.has_rights, models)), rows.keys())
        self.assertEqual(
            {
                (model, button) for rows in MODELS.values() for model in rows
                for button in self.config.pool.get(model)._buttons},
            {button for rows in BUTTONS.values() for button in rows})

    def test_models(self):
        "The rights on the models are those of the table"
        for rows in MODELS.values():
            for model, grants in rows.items():
                for group in GROUPS:
                    for operation, name in OPERATIONS.items():
                        with self.subTest(
                                model=model, group=group, operation=name):
                            self.check(
                                operation in grants.get(group, ''), group,
                                self.operate, model, operation,
                                self.create(model))

    def test_wizards(self):
        "Who can start the wizards is as in the table"
        for rows in WIZARDS.values():
            for wizard, groups in rows.items():
                for group in GROUPS:
                    with self.subTest(wizard=wizard, group=group):
                        self.check(
                            group in groups, group, lambda wizard: self.call(
                                wizard, 'create', type_='wizard'), wizard)

    def test_buttons(self):
        "Who can press the buttons is as in the table"
        for rows in BUTTONS.values():
            for (model, button), groups in rows.items():
                for group in GROUPS:
                    with self.subTest(
                            model=model, button=button, group=group):
                        values = BUTTON_VALUES.get((model, button), {})
                        if callable(values):
                            values = values()
                        record = self.create(model, **values)
                        BUTTON_NEEDS.get((model, button), int)(record)
                        self.check(
                            group in groups, group, self.call,
                            model, button, [record])

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Lists have one order, whatever the database and the server"
import unittest

from trytond.model import ModelSQL, fields
from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction

from .module_case import ModuleCase

# The ORM sets the date, and order_urgent takes nothing for not urgent
_NEVER_EMPTY = {'create_date', 'urgent'}
_PREFIXES = ('gnuhealth.imaging.', 'gnuhealth.orthanc.')


class OrdersTestCase(ModuleCase):
    "Test the default order of each model"

    def orders(self):
        "Yield each model with its order and the window actions' for it"
        pool = Pool()
        found = set()
        for name, Model in pool.iterobject():
            if issubclass(Model, ModelSQL) and name.startswith(_PREFIXES):
                found.add(name)
                yield Model, Model._order
        self.assertGreater(len(found), 15)
        Action = pool.get('ir.action.act_window')
        for action in Action.search([('res_model', 'in', sorted(found))]):
            if order := eval(action.order or '[]'):
                yield pool.get(action.res_model), order

    @with_transaction()
    def test_nothing_is_left_open(self):
        "The last key is the id, which no two rows share"
        for Model, order in self.orders():
            with self.subTest(model=Model.__name__, order=order):
                self.assertEqual(order[-1][0], 'id')
                names = [name for name, _ in order]
                self.assertEqual(len(names), len(set(names)))

    @with_transaction()
    def test_empty_values_have_a_place(self):
        "PostgreSQL takes them for the largest, SQLite for the smallest"
        for Model, order in self.orders():
            for name, direction in order[:-1]:
                field = Model._fields[name]
                if (field.required or isinstance(field, fields.Function)
                        or name in _NEVER_EMPTY):
                    continue
                with self.subTest(model=Model.__name__, name=name):
                    self.assertIn('NULLS', direction or '')


if __name__ == '__main__':
    unittest.main()

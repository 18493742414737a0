# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Lists are as fast with a hundred thousand studies: tests/bench says how"
import unittest
from unittest.mock import patch

from trytond import backend
from trytond.model import ModelStorage
from trytond.modules.health_imaging import common
from trytond.pool import Pool
from trytond.pyson import PYSONDecoder
from trytond.tests.test_tryton import with_transaction
from trytond.transaction import Transaction

from .module_case import ModuleCase
from .test_orthanc_rows import create_patient, create_server, create_study


class ListsTestCase(ModuleCase):
    "Test how lists are searched"

    @unittest.skipIf(
        backend.name == 'sqlite', "SQLite has no order of empty values")
    @with_transaction()
    def test_index_has_the_order_of_the_list(self):
        Study = Pool().get('gnuhealth.orthanc.study')
        query, parameters = Study.search([], limit=1000, query=True)
        cursor = Transaction().connection.cursor()
        cursor.execute('SET LOCAL enable_seqscan TO off')
        cursor.execute(f'EXPLAIN {query}', parameters)
        plan = '\n'.join(line for line, in cursor)
        self.assertIn('Index', plan)
        self.assertNotIn('Sort', plan)

    @with_transaction()
    def test_series_are_ordered_by_number(self):
        "What is none comes after these, and what has none last"
        Series = Pool().get('gnuhealth.orthanc.series')
        study = create_study(create_server())
        numbers = [
            '-12', '-2', '-1', '0', '1.0', '+2', '003', '+5', '9', '10',
            '999999999999999999', '+', '1000000000000000000', '1e3', 'A',
            'B1', None]
        Series.create([{
                    'server': study.server, 'study': study.id,
                    'orthanc_id': f'r{index}', 'series_number': number}
                for index, number in sorted(
                    enumerate(numbers), key=lambda item: item[0] * 7 % 17)])
        self.assertEqual(
            [series.series_number for series in Series.search([])], numbers)

    @with_transaction()
    def test_order_leaves_nothing_open(self):
        "People see the same order on every server"
        pool = Pool()
        orders = {}
        for name, Model in pool.iterobject():
            if not name.startswith(('gnuhealth.imaging', 'gnuhealth.orthanc')):
                continue
            if issubclass(Model, ModelStorage):
                orders[name] = Model._order
            for field_name, field in Model._fields.items():
                if order := getattr(field, 'order', None):
                    orders[f'{name}.{field_name}'] = order
        for data in pool.get('ir.model.data').search([
                    ('module', 'in', ['health_imaging', 'health_orthanc']),
                    ('model', '=', 'ir.action.act_window'),
                    ]):
            action = pool.get(data.model)(data.db_id)
            if action.order:
                orders[data.fs_id] = PYSONDecoder({}).decode(action.order)
        self.assertGreater(len(orders), 30)
        for name, order in orders.items():
            with self.subTest(name=name):
                self.assertEqual(order[-1][0], 'id')

    @with_transaction()
    def test_common_name(self):
        "Of more patients than are looked for by id, each study is found"
        server = create_server()
        studies = [
            create_study(server, number, local_patient=create_patient(ref).id)
            for number, ref in enumerate(['P1', 'P2', 'P3'])]
        Study = Pool().get('gnuhealth.orthanc.study')
        for most in [1, 3]:
            with self.subTest(most=most), patch.multiple(
                    common, _FEW=most, _FEW_PEOPLE=most):
                self.assertCountEqual(
                    Study.search([('rec_name', 'ilike', '%betz%')]), studies)

    @with_transaction()
    def test_uid_is_found_whole(self):
        Study = Pool().get('gnuhealth.orthanc.study')
        for operator, value, clause in [
                ('ilike', '%1.2.3%', ('study_instance_uid', '=', '1.2.3')),
                ('ilike', '1.2.3', ('study_instance_uid', '=', '1.2.3')),
                ('ilike', r'%1\_2%', ('study_instance_uid', '=', '1_2')),
                ('in', ['1.2'], ('study_instance_uid', 'in', ['1.2'])),
                ('=', '1.2', ('study_instance_uid', '=', '1.2')),
                ]:
            with self.subTest(operator=operator, value=value):
                self.assertIn(clause, Study.search_rec_name(
                        'rec_name', ('rec_name', operator, value)))


if __name__ == '__main__':
    unittest.main()

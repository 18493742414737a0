# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The names that other modules of GNU Health and its databases know stay"
from pathlib import Path

from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction
from trytond.transaction import inactive_records

from .module_case import ModuleCase


def read(name):
    lines = Path(__file__).with_name(name).read_text('utf-8').splitlines()
    return [line.split('\t') for line in lines if not line.startswith('#')]


class NamesTestCase(ModuleCase):
    "Test the names that stay"
    modules = ['health_imaging']

    @with_transaction()
    def test_fields(self):
        "Each field is there with its type and target"
        for model, name, type_, target in read('imaging_fields.tsv'):
            with self.subTest(model=model, field=name):
                Model = Pool().get(model)
                field = Model._fields[name]
                self.assertEqual(field._type, type_)
                if target:
                    relation = (
                        field.relation_name if type_ == 'many2many'
                        else field.model_name)
                    self.assertEqual(relation, target)

    @with_transaction()
    def test_xml_ids(self):
        "Each record is there under its XML id"
        ModelData = Pool().get('ir.model.data')
        for model, fs_id in read('imaging_xml_ids.tsv'):
            with self.subTest(id=fs_id):
                data, = ModelData.search([
                        ('module', '=', 'health_imaging'),
                        ('fs_id', '=', fs_id)])
                self.assertEqual(data.model, model)
                with inactive_records():
                    self.assertTrue(Pool().get(model).search(
                            [('id', '=', data.db_id)], count=True))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blind searches: whether something is found tells what is written there.

Through each field that leads to a model of ours, from every model of the pool.
"""
from trytond.model import ModelStorage

from ..module.access_table import GROUPS
from .case import PATIENT, REQUEST, STUDY, AttackCase, grants


class SearchTestCase(AttackCase):
    "Test searches for what a user may not read"

    def fields(self):
        "Return (model, field, target) of each field that leads to ours"
        ours = self.ours().keys() & self.ids.keys()

        def find(pool):
            for name, Model in pool.iterobject():
                if not (issubclass(Model, ModelStorage)
                        and 'search' in Model.__rpc__):
                    continue
                for field_name, field in Model._fields.items():
                    target = (
                        hasattr(field, 'get_target')
                        and field.get_target().__name__)
                    if target in ours and field.searchable(Model):
                        yield name, field_name, target
        return self.inside(lambda pool: list(find(pool)))

    def domains(self, field, target):
        "Yield what finds out letter by letter"
        yield [(field, 'ilike', 'HUSH%')]
        yield [(field, 'not ilike', 'HUSH%')]
        yield [(field, 'in', ['HUSH'])]
        yield [(f'{field}.rec_name', 'ilike', 'HUSH%')]
        yield [(f'{field}.id', '>', 0)]
        yield [(field, 'where', [('rec_name', 'ilike', 'HUSH%')])]
        yield [(field, 'not where', [('rec_name', 'ilike', 'HUSH%')])]
        yield [(field, 'where', [(
                        'create_uid', 'where', [('login', '=', 'HUSH')])])]
        yield ['OR', [('id', '=', 0)], [[(f'{field}.id', '>', 0)]]]

    def test_fields(self):
        "No relation to a model is searched by who may not read the model"
        fields = self.fields()
        self.assertIn((PATIENT, 'orthanc_studies', STUDY), fields)
        for model, field, target in fields:
            for domain in self.domains(field, target):
                for group in GROUPS:
                    if 'r' in grants(group)[target]:
                        continue
                    for method, params in [
                            ('search', [domain]), ('search_count', [domain]),
                            ('search_read', [
                                    domain, 0, None, None, ['rec_name']]),
                            ('export_data_domain', [domain, ['rec_name']])]:
                        with self.subTest(
                                model=model, group=group, method=method,
                                domain=domain):
                            self.assert_refused(
                                group, f'model.{model}.{method}', *params, {})

    def test_around(self):
        "Nor by the way of the models that everybody reads"
        for domain in [
                [('patient', 'where', [(
                                'orthanc_studies', 'where', [
                                    ('description', 'ilike', 'HUSH%')])])],
                [('patient.orthanc_studies', 'where', [
                            ('description', 'ilike', 'HUSH%')])],
                [('patient.orthanc_studies.server.url', 'ilike', '%hush%')],
                [('patient', 'where', [('orthanc_studies', '!=', None)])]]:
            for model in self.inside(lambda pool: [
                        name for name, Model in pool.iterobject()
                        if 'search' in getattr(Model, '__rpc__', {})
                        and 'patient' in Model._fields
                        and hasattr(Model.patient, 'get_target')
                        and Model.patient.get_target().__name__ == PATIENT]):
                with self.subTest(model=model, domain=domain):
                    self.assert_refused(
                        'front desk', f'model.{model}.search', domain, {})

    def test_patient(self):
        "What we add to patients is read by who reads studies only"
        id_, study = self.patient.id, self.ids[STUDY]
        for group in GROUPS:
            may = 'r' in grants(group)[STUDY]
            for name in ['orthanc_studies', 'orthanc_patients']:
                for method, params in [
                        ('read', [[id_], [name]]),
                        ('read', [[id_], [f'{name}.rec_name']]),
                        ('search', [[(name, '=', study)]]),
                        ('search', [[(name, '=', None)]]),
                        ('export_data', [[id_], [f'{name}/rec_name']]),
                        ('search', [[], 0, None, [(f'{name}', 'ASC')]])]:
                    if may:
                        continue
                    with self.subTest(group=group, method=method, name=name):
                        self.assert_refused(
                            group, f'model.{PATIENT}.{method}', *params, {})
                # Nobody writes it, as it is the study's
                with self.subTest(group=group, method='write', name=name):
                    self.assert_refused(
                        group, f'model.{PATIENT}.write', [id_],
                        {name: [('write', [study], {'match': 'manual'})]}, {})
            with self.subTest(group=group):
                if may:
                    patient, = self.users[group].call(
                        f'model.{PATIENT}.read', [id_],
                        ['orthanc_studies.rec_name'], {})
                    self.assertTrue(patient['orthanc_studies.'])

    def test_allowed(self):
        "Who may read both searches as ever"
        call = self.users['imaging'].call
        for model, domain in [
                (PATIENT, [('orthanc_studies.description', 'ilike', 'HUSH%')]),
                (PATIENT, [('orthanc_studies', 'where', [
                                ('description', 'ilike', 'HUSH%')])]),
                (STUDY, [('requests', 'ilike', 'HUSH%')]),
                (REQUEST, [('studies.server.label', '=', 'HUSHLABEL')]),
                (REQUEST, [('rec_name', 'ilike', 'HUSH%')])]:
            with self.subTest(model=model, domain=domain):
                self.assertEqual(
                    call(f'model.{model}.search', domain, {}),
                    [self.ids[model]])

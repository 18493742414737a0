# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The record rules that are at hand: a doctor sees what is of own patients"
from proteus import Model

from ..module.access_records import create
from ..rpc import PASSWORD, Refused, User
from ..tools import create_health_professional, create_patient, create_user
from .case import (
    LINK, PATIENT, PERFORMED_STEP, REQUEST, RESULT, SECRETS, SERVER, STEP,
    STUDY, TAKEN_OVER, VERSION, AttackCase)

PATIENTS, SERIES = 'gnuhealth.orthanc.patient', 'gnuhealth.orthanc.series'
# What is kept of requests and results
KEPT = [STEP, VERSION, PERFORMED_STEP]
# Which doctors do not read at all
NOT_OF_DOCTORS = {
    TAKEN_OVER, 'gnuhealth.orthanc.access_log',
    'gnuhealth.orthanc.reconciliation'}


class RecordRulesTestCase(AttackCase):
    "Test what a doctor with the rules can do"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        user = create_user(
            'house', 'health.group_health_doctor', password=PASSWORD)
        cls.house = User('house')
        cls.professional = create_health_professional(
            "Greg", "House", user=user)
        cls.own = cls.make_own()

        def switch_on(pool):
            Data = pool.get('ir.model.data')
            RuleGroup = pool.get('ir.rule.group')
            for module, names in [
                    ('health_imaging', [
                            'request', 'result', 'step', 'version',
                            'document', 'performed_step']),
                    ('health_orthanc', [
                            'study', 'patient', 'series', 'decision'])]:
                for name in names:
                    for which, groups in [
                            ('own', ['health.group_health_doctor']),
                            ('all', ['health_imaging.group_health_imaging'])]:
                        RuleGroup.write([RuleGroup(Data.get_id(
                                        module, f'rule_group_{name}_{which}'
                                        ))], {'groups': [('add', [
                                            Data.get_id(*group.split('.'))
                                            for group in groups])]})
        # Off by default
        assert len(cls.house.call(f'model.{STUDY}.search', [], {})) == 2
        cls.inside(switch_on)

    @classmethod
    def make_own(cls):
        "A patient of the doctor's with a study, and an order of the doctor's"
        patient = create_patient("Olga", "Own")
        remote = {'server': cls.ids[SERVER], 'patient': patient.id}
        ids = {PATIENT: patient.id}
        ids[REQUEST] = create(REQUEST, {
                'patient': patient.id, 'requested_test': cls.test.id,
                'doctor': cls.professional.id})
        ids[RESULT] = create(RESULT, {
                'patient': patient.id, 'requested_test': cls.test.id,
                'doctor': cls.doctor.id})
        ids[PATIENTS] = create(PATIENTS, {
                **remote, 'orthanc_id': 'own', 'patient_id': 'OWN'})
        ids[STUDY] = create(STUDY, {
                'server': cls.ids[SERVER], 'orthanc_id': 'own',
                'patient': ids[PATIENTS], 'local_patient': patient.id,
                'study_instance_uid': '1.2'})
        ids[SERIES] = create(SERIES, {
                'server': cls.ids[SERVER], 'orthanc_id': 'own',
                'study': ids[STUDY]})
        for name, values in cls.kept(ids).items():
            ids[name] = create(name, values)
        ids[STEP] = cls.inside(
            lambda pool: pool.get(REQUEST)(ids[REQUEST]).steps[0].id)
        return ids

    def test_all_have_rules(self):
        "Each model that tells of a patient has both rules"
        of_patients = {
            name for name, Model in self.ours().items()
            if hasattr(Model, '_patient_fields')}
        self.assertEqual(of_patients, self.inside(lambda pool: {
                    group.model.model
                    for group in pool.get('ir.rule.group').search([])
                    if group.name.endswith(': of own patients')}))
        told = {
            name for name, Model in self.ours().items()
            if 'patient_name' in Model._fields and 'read' in Model.__rpc__}
        self.assertLessEqual(told - of_patients, NOT_OF_DOCTORS)

    def test_sees_own(self):
        for model in [REQUEST, RESULT, STUDY, SERIES, *KEPT]:
            with self.subTest(model=model):
                self.assertEqual(
                    self.house.call(f'model.{model}.search', [], {}),
                    [self.own[model]])
                self.house.call(
                    f'model.{model}.read', [self.own[model]], ['rec_name'],
                    {})
                self.assertEqual(len(self.users['imaging'].call(
                            f'model.{model}.search', [], {})), 2)

    def test_no_others(self):
        "By no method, button, wizard, search or report"
        for model in [REQUEST, RESULT, STUDY, SERIES, *KEPT]:
            id_ = self.ids[model]
            calls = [
                ('read', [[id_], ['rec_name']]), ('copy', [[id_]]),
                ('write', [[id_], {'comment': "Mine"}]),
                ('delete', [[id_]]), ('resources', [[id_]]),
                ('on_change_with', [{'id': id_}, []]),
                ('export_data', [[id_], ['rec_name']]),
                *((button, [[id_]]) for button in getattr(
                        self.config.pool.get(model), '_buttons', {}))]
            for method, params in calls:
                with self.subTest(model=model, method=method):
                    self.refuse(f'model.{model}.{method}', *params, {})
        context = {
            'active_model': REQUEST, 'active_id': self.ids[REQUEST],
            'active_ids': [self.ids[REQUEST]]}
        for wizard in [
                'gnuhealth.imaging.test.request.cancel',
                'wizard.generate.result']:
            with self.subTest(wizard=wizard):
                self.refuse(f'wizard.{wizard}.create', context)
        self.refuse(
            'report.patient.imaging_report_results.execute',
            [self.ids[RESULT]], {}, {})

    def test_by_relations(self):
        "Nor by any field of any model that leads to them"
        ruled = self.ours().keys() & self.inside(lambda pool: {
                group.model.model
                for group in pool.get('ir.rule.group').search(
                    [('name', 'like', '%: of own patients')])})
        secrets = [s for name in ruled for s in SECRETS.get(name, ())]
        models = {*self.ours(), PATIENT} & self.ids.keys()
        names = self.inside(lambda pool: [
                (model, name) for model in models
                for name in self.names(pool.get(model))])
        self.assertGreater(len(names), 300)
        for model, name in names:
            with self.subTest(model=model, name=name):
                try:
                    answer = self.house.call(
                        f'model.{model}.read', [self.ids[model]], [name], {})
                except Refused as refusal:
                    answer = refusal
                self.assertEqual(
                    [s for s in secrets if s in str(answer)], [])

    def names(self, Model):
        "Yield what can be read of a record of the model"
        for name, field in Model._fields.items():
            yield name
            target = hasattr(field, 'get_target') and field.get_target()
            if target and 'rec_name' in target._fields:
                yield f'{name}.rec_name'

    def test_blind_search(self):
        for model, domain in [
                (PATIENT, [('orthanc_studies.description', 'ilike', 'HUSH%')]),
                (PATIENT, [('orthanc_studies', 'where', [
                                ('description', 'ilike', 'HUSH%')])]),
                (RESULT, [('studies', 'ilike', 'HUSH%')])]:
            with self.subTest(model=model):
                self.refuse(f'model.{model}.search', domain, {})

    def test_others_by_own(self):
        "Nor by naming another's record on one's own"
        self.refuse(f'model.{RESULT}.write', [self.own[RESULT]], {
                'studies': [('add', [self.ids[STUDY]])]}, {})
        self.refuse(f'model.{RESULT}.create', [{
                        'patient': self.own[PATIENT],
                        'requested_test': self.test.id,
                        'doctor': self.professional.id,
                        'studies': [('add', [self.ids[STUDY]])]}], {})
        self.assertEqual(Model.get(LINK).find([
                    ('study', '=', self.own[STUDY])]), [])

    def refuse(self, method, *params):
        with self.assertRaises(Refused) as context:
            self.house.call(method, *params)
        for secret in ['HUSH', 'hush', 'Betz']:
            self.assertNotIn(secret, str(context.exception))

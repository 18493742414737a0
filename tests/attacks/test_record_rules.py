# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The record rules that are at hand: a doctor sees what is of own patients"
from itertools import chain

from proteus import Model

from ..module.access_records import create
from ..module.access_table import WIZARDS
from ..rpc import PASSWORD, Refused, User
from ..tools import create_health_professional, create_patient, create_user
from .case import (
    ATTACHED, DOCUMENT, FINDING, LINK, PATIENT, PDF, PERFORMED_STEP, REPORTS,
    REQUEST, RESULT, SECRETS, SERIES, SERVER, STEP, STUDY, VERSION,
    WORKLIST_ITEM, AttackCase, grants)

PATIENTS, DECISION = 'gnuhealth.orthanc.patient', 'gnuhealth.orthanc.decision'
# What is of a patient and of no other
OF_PATIENTS = [
    REQUEST, RESULT, STUDY, SERIES, PATIENTS, STEP, VERSION, PDF,
    PERFORMED_STEP, FINDING, LINK, DECISION, WORKLIST_ITEM, DOCUMENT]


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
                            'study', 'patient', 'series', 'decision',
                            'request_study', 'worklist_item',
                            'report_document'])]:
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
        ids = {PATIENT: patient.id, SERVER: cls.ids[SERVER]}
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
        for name, values in chain(cls.kept(ids), cls.sent(ids)):
            ids[name] = create(name, values)
        ids[LINK] = create(LINK, {
                'study': ids[STUDY], 'request': ids[REQUEST]})
        ids[STEP], ids[DECISION] = cls.inside(lambda pool: (
                pool.get(REQUEST)(ids[REQUEST]).steps[0].id,
                pool.get(DECISION).search(
                    [('study', '=', ids[STUDY])])[0].id))
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

    def test_all_are_attacked(self):
        "So has each that leads to one, or it goes by what it leads to"
        self.assertEqual(set(OF_PATIENTS), {
                name for name in self.of_patients()
                if 'r' in grants('doctor').get(name, '')})

    def of_patients(self):
        "Return the names of our models that name a patient, in any way"
        ours = {
            name: Model for name, Model in self.ours().items()
            if 'read' in getattr(Model, '__rpc__', {})}

        def find(pool):
            found, before = {PATIENT}, None
            while before != found:
                before = found
                found = found | {
                    name for name, Model in ours.items()
                    if 'patient_name' in Model._fields or any(
                        field._type == 'many2one'
                        and field.get_target().__name__ in found
                        for field in Model._fields.values())}
            return found
        return self.inside(find) - {PATIENT}

    def test_sees_own(self):
        for model in OF_PATIENTS:
            with self.subTest(model=model):
                self.assertEqual(
                    self.house.call(f'model.{model}.search', [], {}),
                    [self.own[model]])
                self.assertEqual(
                    self.house.call(f'model.{model}.search_count', [], {}), 1)
                self.house.call(
                    f'model.{model}.read', [self.own[model]], ['rec_name'],
                    {})
                self.assertLessEqual(
                    {self.ids[model], self.own[model]},
                    set(self.users['imaging'].call(
                            f'model.{model}.search', [], {})))

    def test_no_others(self):
        "By no method, button, wizard, search or report"
        for model in OF_PATIENTS:
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
                    said = self.refuse(f'model.{model}.{method}', *params, {})
                    if method not in {'delete', 'copy'}:
                        # Not by what the method itself finds wrong
                        self.assertRegex(said, "not allowed|no right")
        for report, model in REPORTS.items():
            with self.subTest(report=report):
                self.refuse(
                    f'report.{report}.execute', [self.ids[model]], {}, {})

    def test_wizards(self):
        "Nor by a wizard, also one that was begun with what is one's own"
        tried = 0
        for wizard, Wizard in self.ours('wizard').items():
            if not any('doctor' in rows.get(wizard, ())
                    for rows in WIZARDS.values()):
                continue
            for model in set(Wizard._models or ()) & self.own.keys():
                own, others = ({
                        'active_model': model, 'active_id': ids[model],
                        'active_ids': [ids[model]]}
                    for ids in [self.own, self.ids])
                session, *_ = self.house.call(f'wizard.{wizard}.create', own)
                with self.subTest(wizard=wizard, model=model):
                    self.refuse(f'wizard.{wizard}.create', others)
                for state in Wizard.states:
                    with self.subTest(
                            wizard=wizard, model=model, state=state):
                        self.refuse(
                            f'wizard.{wizard}.execute', session, {}, state,
                            others)
                        tried += 1
        self.assertGreater(tried, 10)

    def test_attached(self):
        "Nor by what is attached to it or noted on it"
        for model in OF_PATIENTS:
            for kind, values in ATTACHED.items():
                others, own = (
                    create(kind, {
                            **values, 'resource': f'{model},{ids[model]}'})
                    for ids in [self.ids, self.own])
                for method, params in [
                        ('read', [[others], list(values)]),
                        ('write', [[others], values]),
                        ('write', [
                                [own], {
                                    'resource': f'{model},{self.ids[model]}'},
                                ]),
                        ('create', [[{
                                        **values, 'resource':
                                        f'{model},{self.ids[model]}'}]]),
                        ('copy', [[others]]), ('delete', [[others]]),
                        ('export_data', [[others], list(values)])]:
                    with self.subTest(kind=kind, model=model, method=method):
                        self.refuse(f'model.{kind}.{method}', *params, {})
                with self.subTest(kind=kind, model=model):
                    self.assertEqual(self.house.call(
                            f'model.{kind}.search', [
                                ('id', 'in', [others, own])], {}), [own])
                    self.house.call(
                        f'model.{kind}.read', [own], list(values), {})

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
        self.assertEqual(
            [link.id for link in Model.get(LINK).find([
                        ('study', '=', self.own[STUDY])])], [self.own[LINK]])

    def refuse(self, method, *params):
        with self.assertRaises(Refused) as context:
            self.house.call(method, *params)
        for secret in ['HUSH', 'hush', 'Betz']:
            self.assertNotIn(secret, str(context.exception))
        return str(context.exception)

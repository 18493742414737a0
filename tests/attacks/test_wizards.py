# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Wizards and reports, with contexts that no client of ours would send"
from ..module.access_table import GROUPS, WIZARDS
from ..rpc import Refused
from .case import (
    LINK, PATIENT, PERFORMED_STEP, REPORTS, REQUEST, RESULT, SERVER, STEP,
    STUDY, VERSION, AttackCase, grants)

STORED = [
    SERVER, STUDY, REQUEST, RESULT, LINK, STEP, VERSION, PERFORMED_STEP,
    'gnuhealth.orthanc.decision']


class WizardsTestCase(AttackCase):
    "Test that rights do not depend on what a client sends"

    def contexts(self, wizard):
        "Yield contexts that a client could make up"
        Action = 'ir.action.wizard'
        of_wizard, others = self.inside(lambda pool: [[
                    action.action.id for action in pool.get(Action).search(
                        [('wiz_name', operator, wizard)], limit=3)]
                for operator in ['=', '!=']])
        models = self.config.pool.get(wizard, 'wizard')._models
        model = next((m for m in models or [] if m in self.ids), REQUEST)
        about = {
            'active_model': model, 'active_id': self.ids[model],
            'active_ids': [self.ids[model]]}
        yield {}
        for action_id in [10 ** 6, *of_wizard, *others]:
            yield {**about, 'action_id': action_id}
            yield {'action_id': action_id}
        yield {
            **about, 'active_model': PATIENT, 'active_id': self.patient.id,
            'active_ids': [self.patient.id], 'action_id': 10 ** 6}
        yield {**about, 'active_model': 'ir.ui.menu', 'action_id': 10 ** 6}
        yield {
            **about, 'action_id': 10 ** 6, '_check_access': False,
            '_user': 0, 'user': 1, '_groups': [1], '_datetime': None,
            '_skip_warnings': True, '_copies_system_fields': True,
            '_reconciliation_settled': True, 'decision_reason': "Mine"}

    def data(self, wizard):
        "Return what a client could send as entered, by state"
        start = {
            'gnuhealth.patient.imaging.test.request': {
                'patient': self.patient.id, 'doctor': self.doctor.id,
                'date': None, 'tests': [self.test.id]},
            'gnuhealth.imaging.test.request.cancel': {
                'requests': [self.ids[REQUEST]], 'reason': "Mine"},
            'gnuhealth.imaging.procedure.discontinue': {
                'requests': [self.ids[REQUEST]], 'reason': "Mine"},
            'gnuhealth.imaging.performed_step.settle': {
                'step': self.ids[PERFORMED_STEP],
                'request': self.ids[REQUEST], 'reason': "Mine"},
            **dict.fromkeys([
                f'{RESULT}.addendum', f'{RESULT}.correct',
                f'{RESULT}.withdraw'], {
                'result': self.ids[RESULT], 'version': 0,
                'comment': "Mine", 'reason': "Mine"}),
            'gnuhealth.orthanc.server.add': {
                'label': "Mine", 'url': 'http://127.0.0.1:1/',
                'trust': 'system'},
            'gnuhealth.orthanc.interval': {'active': True, 'minutes': 1},
            'gnuhealth.orthanc.reconcile': {
                'studies': [self.ids[STUDY]], 'patient': self.patient.id,
                'reason': "Mine"},
            'gnuhealth.orthanc.dismiss': {
                'studies': [self.ids[STUDY]], 'reason': "Mine"},
            'gnuhealth.orthanc.study.link_order': {
                'study': self.ids[STUDY], 'request': self.ids[REQUEST],
                'reason': "Mine"},
            }.get(wizard)
        data = {'start': start} if start else {}
        if wizard == 'gnuhealth.orthanc.server.add':
            data['success'] = {'server': self.ids[SERVER]}
        return data

    def session(self, group, wizard):
        "Return a session of the user, who has it from some other wizard"
        def create(pool):
            user, = pool.get('res.user').search(
                [('login', '=', self.users[group].login)])
            return user.id
        user = self.inside(create)
        return self.inside(
            lambda pool: pool.get('ir.session.wizard').create([{}])[0].id,
            user)

    def stored(self):
        "Return how much there is, and in which states"
        return self.inside(lambda pool: (
                [pool.get(name).search([], count=True) for name in STORED],
                pool.get(REQUEST)(self.ids[REQUEST]).state,
                pool.get(RESULT)(self.ids[RESULT]).state,
                pool.get(STUDY)(self.ids[STUDY]).match))

    def test_wizards(self):
        "Who has no right to it runs no state of a wizard, whatever is sent"
        before = self.stored()
        allowed = {
            wizard: groups for rows in WIZARDS.values()
            for wizard, groups in rows.items()}
        wizards = self.ours('wizard')
        self.assertEqual(wizards.keys(), allowed.keys())
        for wizard, Wizard in wizards.items():
            for group in GROUPS.keys() - allowed[wizard]:
                session = self.session(group, wizard)
                for context in self.contexts(wizard):
                    with self.subTest(
                            wizard=wizard, group=group, context=context):
                        self.assert_refused(
                            group, f'wizard.{wizard}.create', context)
                        for state in [*Wizard.states, 'end']:
                            self.assert_refused(
                                group, f'wizard.{wizard}.execute', session,
                                self.data(wizard), state, context)
        self.assertEqual(self.stored(), before)

    def test_session_of_another(self):
        "What others entered into a wizard is nobody else's"
        wizard = 'gnuhealth.orthanc.server.add'
        call = self.users['orthanc admin'].call
        session, *_ = call(f'wizard.{wizard}.create', {})
        call(
            f'wizard.{wizard}.execute', session,
            {'start': {'url': 'http://hush.example/'}}, 'start', {})
        for method, params in [
                ('execute', [session, {}, 'start', {}]),
                ('delete', [session, {}])]:
            with self.assertRaises(Refused) as context:
                self.users['imaging'].call(
                    f'wizard.{wizard}.{method}', *params)
            self.assertNotIn('hush.example', str(context.exception))

    def test_other_model(self):
        "A wizard about some records is not run on others"
        about = {
            wizard for wizard, Wizard in self.ours('wizard').items()
            if Wizard._models}
        self.assertGreater(len(about), 8)
        for wizard in about:
            # Who may run it
            group = min(next(
                    groups[wizard] for groups in WIZARDS.values()
                    if wizard in groups))
            with self.subTest(wizard=wizard, group=group):
                self.assert_refused(group, f'wizard.{wizard}.create', {
                        'active_model': PATIENT,
                        'active_id': self.patient.id})

    def test_report(self):
        "Each report is of its own model, for who may read that"
        reports = self.ours('report')
        self.assertEqual(reports.keys(), REPORTS.keys())
        for report, model in REPORTS.items():
            other, = self.inside(lambda pool, report=report: [
                    action.id
                    for action in pool.get('ir.action.report').search(
                        [('report_name', '!=', report)], limit=1)])
            for group in GROUPS:
                for data in [
                        {}, {'model': PATIENT}, {'model': 'party.party'},
                        {'model': PATIENT, 'action_id': other},
                        {'action_id': 10 ** 6}]:
                    if 'r' in grants(group)[model] and (
                            'action_id' not in data):
                        continue
                    with self.subTest(
                            report=report, group=group, data=data):
                        said = self.assert_refused(
                            group, f'report.{report}.execute',
                            [self.ids[model]], data, {})
                        # Not by a template that fails of another's record
                        self.assertRegex(said, "not allowed|not an action")

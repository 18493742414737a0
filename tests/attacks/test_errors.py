# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Rights come first: an error tells nothing to who has none"
from ..module.access_records import create
from ..module.access_table import GROUPS
from .case import LINK, REQUEST, RESULT, SERVER, STUDY, AttackCase, grants

# What each model refuses, if one has the right to try
REFUSED_VALUES = {
    REQUEST: {'patient': -1, 'accession_number': 'HUSH', 'state': 'done'},
    RESULT: {'patient': -1},
    SERVER: {'url': 'http://user@hush.example/', 'validated': True},
    STUDY: {'local_patient': None, 'description': "Other"},
    'gnuhealth.orthanc.patient': {'patient': None, 'name': "Other"},
    LINK: {'match': 'manual'},
    }


class ErrorsTestCase(AttackCase):
    "Test errors of who has no right"

    @classmethod
    def make_records(cls):
        ids = super().make_records()
        # What can not be deleted any more
        cls.inside(lambda pool: pool.get(REQUEST).write(
                [pool.get(REQUEST)(ids[REQUEST])],
                {'state': 'requested', 'accession_number': 'HUSHORDER'}))
        return ids

    def test_errors(self):
        "Business checks say nothing of what the user has no right to"
        for model in self.ours():
            if model not in self.ids:
                continue
            id_ = self.ids[model]
            values = REFUSED_VALUES.get(model, {})
            calls = [
                ('d', 'delete', [[id_]]), ('d', 'delete', [[id_, 10 ** 6]]),
                ('w', 'write', [[id_], values]),
                ('w', 'write', [[id_], {'create_uid': 1}]),
                ('c', 'create', [[{**values, 'request': id_, 'study': id_}]]),
                ('c', 'copy', [[id_]]), ('c', 'copy', [[id_], values]),
                ('r', 'read', [[id_], ['rec_name']]),
                ('r', 'search_read', [[], 0, None, None, ['rec_name']]),
                ('r', 'export_data', [[id_], ['rec_name']]),
                ('r', 'resources', [[id_]])]
            for group in GROUPS:
                may = grants(group).get(model, '')
                for right, method, params in calls:
                    if right in may:
                        continue
                    with self.subTest(
                            model=model, method=method, group=group,
                            params=params):
                        self.assert_refused(
                            group, f'model.{model}.{method}', *params, {})

    def test_buttons(self):
        "A button that would fail says to who has no right only that"
        for model, Model in self.ours().items():
            for group in GROUPS:
                if 'w' in grants(group).get(model, '') or (
                        'r' in grants(group).get(model, '')):
                    continue
                for button in getattr(Model, '_buttons', {}):
                    with self.subTest(
                            model=model, button=button, group=group):
                        self.assertIn("not allowed", self.assert_refused(
                                group, f'model.{model}.{button}',
                                [self.ids[model]], {}))

    def test_rights_of_buttons(self):
        "Each button says what it takes, and each wizard"
        for model, Model in self.ours().items():
            with self.subTest(model=model):
                self.assertEqual(
                    getattr(Model, '_buttons', {}).keys(),
                    getattr(Model, '_button_rights', {}).keys())
        for wizard, Wizard in self.ours('wizard').items():
            with self.subTest(wizard=wizard):
                self.assertTrue(Wizard._rights)

    def test_link(self):
        "Who links, but may not read orders, learns nothing of them"
        other = create(STUDY, {
                'server': self.ids[SERVER], 'orthanc_id': 'other',
                'study_instance_uid': '1.2',
                'patient': self.ids['gnuhealth.orthanc.patient']})
        for group in ['reconciliation', 'orthanc admin']:
            self.assert_refused(group, f'model.{LINK}.create', [
                    {'study': other, 'request': self.ids[REQUEST]}], {})
            self.assert_refused(group, f'model.{STUDY}.write', [
                    self.ids[STUDY]], {'local_patient': None}, {})

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What GNU Health's own modules said of a study that is somebody's by now"
import unittest

from trytond.modules.health_orthanc import legacy_link
from trytond.pool import Pool
from trytond.transaction import Transaction

from .stored import ANNA, StoredTestCase, orthanc_study

# Nothing that a study says of her contradicts Anna
_LIKE_ANNA = {**ANNA, 'patient_id': 'X1'}


class TakenOverTestCase(StoredTestCase):
    "Studies that the old modules had as Anna's"

    def taken_over(self, generation, study):
        "Return the study and what is told of it after it was taken over"
        TakenOver = Pool().get('gnuhealth.orthanc.taken_over')
        table = TakenOver.__table__()
        Transaction().connection.cursor().execute(*table.insert(
                [table.generation, table.old_id, table.study, table.patient,
                    table.outcome],
                [[generation, 1, study.id, self.anna, 'taken_over']]))
        legacy_link._link(generation, [study.id])
        taken, = TakenOver.search([('study', '=', study.id)])
        return self.study(study), taken

    def test_link(self):
        for generation in [legacy_link.GNUHEALTH_4, legacy_link.GNUHEALTH_5]:
            with self.subTest(generation=generation):
                study, = self.store(orthanc_study(
                        f'of-{generation[0]}', **_LIKE_ANNA))
                study, taken = self.taken_over(generation, study)
                self.assertEqual(
                    (study.local_patient.id, study.match),
                    (self.anna, 'manual'))
                self.assertEqual(taken.outcome, 'taken_over')

    def test_link_stands(self):
        "What a person linked to somebody else since is not overruled"
        for generation in [legacy_link.GNUHEALTH_4, legacy_link.GNUHEALTH_5]:
            with self.subTest(generation=generation):
                study, = self.store(orthanc_study(
                        f'of-{generation[0]}', **_LIKE_ANNA))
                self.link(study, self.olga)
                study, taken = self.taken_over(generation, study)
                self.assertEqual(
                    (study.local_patient.id, study.match),
                    (self.olga, 'manual'))
                self.assertEqual(
                    (taken.outcome, taken.differences),
                    ('conflict', 'patient'))
                self.assertIn('GNU1', taken.patient_identity)
                self.assertIn('GNU2', taken.local_patient_identity)


if __name__ == '__main__':
    unittest.main()

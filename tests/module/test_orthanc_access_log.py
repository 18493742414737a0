# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Who opened the images of whom"
import unittest

from trytond.modules.health_orthanc.exceptions import LinkError
from trytond.pool import Pool

from .stored import ANNA, NOBODY, StoredTestCase, orthanc_study


class AccessLogTestCase(StoredTestCase):
    "The rows that opening leaves"

    def rows(self):
        Log = Pool().get('gnuhealth.orthanc.access_log')
        return [(
                row.study and row.study.id,
                row.orthanc_patient and row.orthanc_patient.id,
                row.patient and row.patient.id, row.viewer, row.subject,
                ) for row in reversed(Log.search([]))]

    def test_patient(self):
        "It says whose images they were at that time"
        linked, unlinked = self.store(
            orthanc_study('s', **ANNA),
            orthanc_study('t', uid='1.2.4', **NOBODY))
        action = self.Study.open_orthanc_explorer([linked, unlinked])
        subjects = linked.rec_name, unlinked.rec_name
        self.assertIn('s', str(action))
        self.link(linked, self.olga)
        orthanc_patient = linked.patient
        self.assertEqual(self.rows(), [
                (linked.id, None, self.anna, 'orthanc_explorer',
                    subjects[0]),
                (unlinked.id, None, None, 'orthanc_explorer', subjects[1]),
                ])
        type(orthanc_patient).open_orthanc_explorer([orthanc_patient])
        self.assertEqual(
            self.rows()[2][:4],
            (None, orthanc_patient.id, self.olga, 'orthanc_explorer'))

    def test_patient_of_an_orthanc_patient(self):
        study, = self.store(orthanc_study('s', **ANNA))
        type(study.patient).open_orthanc_explorer([study.patient])
        self.assertEqual(
            self.rows()[0][:4],
            (None, study.patient.id, self.anna, 'orthanc_explorer'))

    def test_nothing_to_open(self):
        study, = self.store(orthanc_study('s', **ANNA))
        for viewer in ['stone_viewer', 'ohif_viewer']:
            with self.assertRaises(LinkError):
                getattr(self.Study, f'open_{viewer}')([study])
        self.vanish(study)
        with self.assertRaises(LinkError):
            self.Study.open_orthanc_explorer([self.study(study)])
        self.assertEqual(self.rows(), [])


if __name__ == '__main__':
    unittest.main()

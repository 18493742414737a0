# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The example of the documentation, run on a real Orthanc"
import datetime as dt
import doctest
import os
import unittest
from pathlib import Path
from unittest.mock import patch

from trytond.tests.test_tryton import drop_db

from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer, is_available
from tests.tools import activate, create_patient, create_test

EXAMPLE = Path(__file__).resolve().parents[2] / 'doc' / 'example.rst'


@unittest.skipUnless(is_available(), "Orthanc is not installed")
class ExampleTestCase(unittest.TestCase):

    def setUp(self):
        self.addCleanup(drop_db)
        activate()
        self.orthanc = self.enterContext(OrthancServer())
        self.enterContext(patch.dict(
                os.environ, ORTHANC_URL=self.orthanc.url,
                ORTHANC_USER=self.orthanc.username,
                ORTHANC_PASSWORD=self.orthanc.password))

    def test_example(self):
        "What the example prints is what the documentation says"
        create_patient(
            "Ana", "Betz", puid='GNU777ORG', gender='f',
            dob=dt.date(1985, 10, 4))
        create_test("Chest CT", code='CHESTCT', modality='CT')
        for accession_number in ['A-1', 'A-2']:
            self.orthanc.upload_all(generated_study(
                    'GNU777ORG', 'BETZ^ANA', '19851004', 'F', modality='CT',
                    study_description="Chest CT", series=2, images=5,
                    accession_number=accession_number))

        result = doctest.testfile(str(EXAMPLE), module_relative=False)

        self.assertEqual(result.failed, 0)
        self.assertGreater(result.attempted, 30)

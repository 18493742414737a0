# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What is quick of other parts, with the minimum versions of setup.py"
import unittest
from importlib.metadata import version

from .versions import minimum_versions

# What touches Tryton, GNU Health, HTTP, keys and DICOM
QUICK = [
    # Makes the databases that the others copy
    'tests.module.test_orthanc_rows',
    'tests.module.test_health_imaging',
    'tests.module.test_health_orthanc',
    'tests.module.test_imaging_picture',
    'tests.module.test_imaging_request',
    'tests.module.test_orthanc_cursor',
    'tests.module.test_worklist',
    ]


class MinimumTestCase(unittest.TestCase):
    "Test that these are the minimum versions"

    def test_versions(self):
        "Each that is required has a minimum, and that is installed"
        for name, minimum in minimum_versions().items():
            with self.subTest(name=name):
                self.assertIsNotNone(minimum)
                # What was left out is zero: 7.0 is 7.0.0
                installed = version(name).split('.')
                wanted = minimum.split('.')
                self.assertEqual(
                    [*wanted, *['0'] * (len(installed) - len(wanted))],
                    installed)


def load_tests(loader, tests, pattern):
    return unittest.TestSuite([
            tests, loader.discover('tests/unit', top_level_dir='.'),
            loader.loadTestsFromNames(QUICK)])

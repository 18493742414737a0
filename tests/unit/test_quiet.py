# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Warnings of other packages do not bury what the demonstration prints"
import subprocess
import sys
import unittest

_WARN = '''
import warnings
from demo.quiet import ignore_warnings
ignore_warnings()
import trytond.report
for category in [DeprecationWarning, ResourceWarning, UserWarning]:
    warnings.warn("noise", category)
'''


class QuietTestCase(unittest.TestCase):

    def test_quiet(self):
        printed = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', _WARN],
            capture_output=True, text=True, check=True)
        self.assertEqual(printed.stdout + printed.stderr, '')


if __name__ == '__main__':
    unittest.main()

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

    def check(self, code):
        printed = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', code],
            capture_output=True, text=True, check=True)
        self.assertEqual(printed.stdout + printed.stderr, '')

    def test_quiet(self):
        self.check(_WARN)

    def test_imports(self):
        "Nor do those of what the demonstration imports"
        self.check('import demo.__main__')


if __name__ == '__main__':
    unittest.main()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The lists of a big hospital read no table as a whole"
import os
import subprocess
import sys
import unittest

from trytond import backend

from tests.bench.process import ROOT


@unittest.skipIf(
    backend.name == 'sqlite', "SQLite has no index for parts of texts")
class PlansTestCase(unittest.TestCase):
    "What PostgreSQL reads for each tab and what people type"

    def test_plans(self):
        # In a database of its own: it stays big
        process = subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', 'tests.bench.size',
                '--count', '50000', '--extensions', '--plans'],
            cwd=ROOT, env={**os.environ, 'DB_NAME': 'plans'},
            capture_output=True, text=True)
        self.assertEqual(
            (process.stdout, process.returncode), ('', 0),
            process.stderr[-2000:])

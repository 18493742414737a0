# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests of one folder and say how many passed, for tests.__main__.

    python -m tests.part FOLDER COUNTS

COUNTS is the file that gets them, as JSON.
"""
import json
import sys
import unittest
from pathlib import Path

from demo.quiet import ignore_warnings


def main(folder, counts):
    ignore_warnings()
    loader = unittest.TestLoader()
    suite = loader.discover(folder, top_level_dir='.')
    result = unittest.TextTestRunner(buffer=True).run(suite)
    failed = (
        len(result.failures) + len(result.errors)
        + len(result.unexpectedSuccesses))
    skipped = len(result.skipped)
    Path(counts).write_text(json.dumps({
        'passed': max(result.testsRun - failed - skipped, 0),
        'failed': failed,
        'skipped': skipped,
        }))


if __name__ == '__main__':
    main(*sys.argv[1:])

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests of one folder and say how many passed, for tests.__main__.

    python -m tests.part FOLDER COUNTS

COUNTS is the file that gets them, as JSON. What took longest is printed.
"""
import json
import sys
import time
import unittest
from collections import Counter
from pathlib import Path

from demo.quiet import ignore_warnings

# How many modules are named as those that took longest.
SLOWEST = 10


class Result(unittest.TextTestResult):
    "A result that knows how long the tests of each module took"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seconds = Counter()
        self.since = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        now = time.monotonic()
        # What a class sets up before its first test counts, too.
        self.seconds[type(test).__module__] += now - self.since
        self.since = now

    def slowest(self):
        return '\n'.join(
            f"{seconds:7.1f} s   {name}"
            for name, seconds in self.seconds.most_common(SLOWEST))


def main(folder, counts):
    ignore_warnings()
    loader = unittest.TestLoader()
    suite = loader.discover(folder, top_level_dir='.')
    runner = unittest.TextTestRunner(buffer=True, resultclass=Result)
    result = runner.run(suite)
    print(result.slowest())
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

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search long for a history after which a synchronization is wrong.

    python -m tests.bench.histories --count 1000 [--seed N] [--no-shrink]

It makes up histories of one real Orthanc as tests/orthanc/test_histories.py
does, but others each time, and prints how many there were and what they had.
The first that fails is shortened and printed. TRYTOND_DATABASE_URI chooses the
database, in memory by default; Orthanc must be installed.
"""
import argparse
import logging
import random
import sys
import time

import hypothesis

from tests.orthanc import test_histories


def main(arguments=None):
    parser = argparse.ArgumentParser(prog='python -m tests.bench.histories')
    parser.add_argument('--count', type=int, default=1000)
    parser.add_argument('--steps', type=int, default=test_histories.STEPS)
    parser.add_argument(
        '--seed', type=int, default=random.randrange(2 ** 32))
    parser.add_argument('--no-shrink', action='store_true')
    options = parser.parse_args(arguments)
    # Trouble is what most histories are about
    logging.disable(logging.ERROR)
    print(f"seed {options.seed}", flush=True)
    phases = [hypothesis.Phase.generate]
    if not options.no_shrink:
        phases.append(hypothesis.Phase.shrink)
    hospital = test_histories.Hospital()
    begin = time.monotonic()
    try:
        test_histories.search(
            hospital, options.count, steps=options.steps, phases=phases,
            seed=options.seed)
    finally:
        report(begin)


def report(begin):
    "Print what histories since begin there were"
    took = time.monotonic() - begin
    for what, number in test_histories.History.seen.items():
        print(f"{what:<30} {number:>7}")
    print(f"{'seconds':<30} {took:>7.0f}")


if __name__ == '__main__':
    sys.exit(main())

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill synchronizations until one is wrong.

    python -m tests.bench.kills --count 100 [--seed N]

It makes up histories as tests.bench.histories does, in a PostgreSQL of its
own, with runs in processes of their own that are killed with SIGKILL after a
time, at a request, at a commit or at an SQL statement, until that many were.
The first history that fails is printed.
"""
import argparse
import logging
import os
import random
import sys
import time

from tests.postgresql import running_postgresql

# As many histories as have some kills
_STEP = 5


def main(arguments=None):
    parser = argparse.ArgumentParser(prog='python -m tests.bench.kills')
    parser.add_argument('--count', type=int, default=100)
    parser.add_argument(
        '--seed', type=int, default=random.randrange(2 ** 32))
    options = parser.parse_args(arguments)
    logging.disable(logging.ERROR)
    print(f"seed {options.seed}", flush=True)
    with running_postgresql() as environment:
        # Before anything reads the configuration of trytond
        os.environ.update(environment)
        search(options.count, options.seed)


def search(count, seed):
    import hypothesis

    from tests.bench.histories import report
    from tests.orthanc import test_histories
    hospital = test_histories.Hospital()
    begin = time.monotonic()
    seen = test_histories.History.seen
    try:
        while seen['kills'] < count:
            test_histories.search_with_kills(
                hospital, _STEP, seed=seed,
                phases=[hypothesis.Phase.generate])
            seed += 1
    finally:
        report(begin)


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that no version of a report was changed past GNU Health.

Prints each result that does not fit, and the hash of the last version of each
report on demand, to be kept elsewhere.
"""
import sys
from argparse import ArgumentParser

from trytond.modules.health_imaging.scripts import (
    add_options, use_configuration)

_RESULT = 'gnuhealth.imaging.test.result'
# So many reports are in memory at once
_PAGE = 500


def check(database, hashes=False):
    "Return how many reports were checked, and how many do not fit"
    from trytond.pool import Pool
    from trytond.transaction import Transaction
    Pool.start()
    pool = Pool(database)
    with Transaction().start(database, 0, readonly=True):
        pool.init()
    checked = failed = last = 0
    while True:
        with Transaction().start(database, 0, readonly=True):
            Result = pool.get(_RESULT)
            results = Result.search(
                [('id', '>', last)], order=[('id', 'ASC')], limit=_PAGE)
            if not results:
                return checked, failed
            failed += _check_page(pool, results)
            if hashes:
                _print_hashes(results)
            checked += len(results)
            last = results[-1].id


def _check_page(pool, results):
    Version = pool.get(f'{_RESULT}.version')
    misfits = Version.misfits(results)
    for result, number in misfits.items():
        print(f"{result.number}: version {number} does not fit")
    return len(misfits)


def _print_hashes(results):
    for result in results:
        for version in result.versions[:1]:
            print(f"{result.number} {version.number} {version.sha256}")


def main(args):
    "Return the exit status"
    status = 0
    for database in args.databases:
        checked, failed = check(database, args.hashes)
        print(f"{database}: {checked - failed} of {checked} reports fit")
        status = status or int(failed > 0)
    return status


def get_parser():
    parser = ArgumentParser(
        description="Check that no version of a report was changed past GNU "
        "Health. The exit status is 1 if one does not fit.")
    add_options(parser, several=True)
    parser.add_argument(
        '--hashes', action='store_true',
        help="print the number of each report with the number and the hash of "
        "its last version, to be kept where nobody changes them")
    return parser


def run_script():
    args = get_parser().parse_args()
    use_configuration(args.config_file)
    sys.exit(main(args))


if __name__ == '__main__':
    run_script()

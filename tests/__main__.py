# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests, part by part, and say how long each took.

bin/test and tox call this in an environment where everything is installed.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .postgresql import running_postgresql

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / '.cache'
DATABASES = ['sqlite', 'postgresql']
# What is run without a database, once, and what on each database.
CHECKS = ['lint', 'wheel', 'docs']
ONCE = ['unit']
ON_EACH = ['module', 'scenario', 'orthanc', 'faults', 'compat']
LAST = ['browser']
PARTS = [*CHECKS, *ONCE, *ON_EACH, *LAST]
# Compat tests run with other modules of GNU Health beside ours.
COMPAT_PYTHON = CACHE / 'compat' / 'bin' / 'python'
# A part that takes longer hangs.
TIMEOUT = 20 * 60


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped)

    def __str__(self):
        return (
            f"{self.passed} passed, {self.failed} failed, "
            f"{self.skipped} skipped")


def run(command, **environment):
    "Whether the command succeeds, in time"
    try:
        return subprocess.run(
            [str(word) for word in command], cwd=ROOT, timeout=TIMEOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment}).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"Stopped after {TIMEOUT} s: it hangs.", file=sys.stderr)
        return False


def check(*commands):
    "Run the commands as one test"
    return Counts(passed=1) if all(map(run, commands)) else Counts(failed=1)


def lint():
    return check([sys.executable, '-m', 'ruff', 'check', '.'])


def docs():
    with tempfile.TemporaryDirectory() as folder:
        return check([
            sys.executable, '-m', 'sphinx', '-W', '-n', '-q', '-b', 'html',
            'doc', folder])


def wheel():
    return check([sys.executable, '-m', 'tests.wheel'])


def run_part(part, environment):
    "Run the unittests of a part's folder"
    python = COMPAT_PYTHON if part == 'compat' else sys.executable
    with tempfile.NamedTemporaryFile() as counts:
        finished = run(
            [python, '-W', 'ignore', '-m', 'tests.part', f'tests/{part}',
                counts.name], **environment)
        text = Path(counts.name).read_text()
    if not (finished and text):
        return Counts(failed=1)
    result = Counts(**json.loads(text))
    if not (result.passed or result.failed):
        print(f"No test of {part} ran.", file=sys.stderr)
        result.failed += 1
    return result


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog='bin/test', description=(
            "Run all tests, or only the given parts on the given databases."))
    parser.add_argument(
        'what', nargs='*', choices=[*PARTS, *DATABASES, []],
        metavar='what', help=', '.join([*PARTS, *DATABASES]))
    what = parser.parse_args(arguments).what
    return (
        [part for part in PARTS if part in what] or PARTS,
        [name for name in DATABASES if name in what] or DATABASES)


def plan(parts, databases):
    "The pairs of part and database, in the order of running"
    yield from ((part, None) for part in [*CHECKS, *ONCE] if part in parts)
    yield from (
        (part, database)
        for database in databases for part in ON_EACH if part in parts)
    yield from ((part, 'sqlite') for part in LAST if part in parts)


def main(arguments=None):
    parts, databases = parse_arguments(arguments)
    # So that "finally" runs when CI stops us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    total = Counts()
    report = []
    with ExitStack() as stack:
        # Databases are copied between tests of one run, never kept: the
        # modules may have changed since.
        cache = tempfile.mkdtemp(prefix='database-cache-')
        stack.callback(shutil.rmtree, cache, ignore_errors=True)
        environments = {
            None: {},
            'sqlite': {
                'TRYTOND_DATABASE__URI': 'sqlite://', 'DB_CACHE': cache},
            }
        for part, database in plan(parts, databases):
            if database not in environments:
                environments[database] = stack.enter_context(
                    running_postgresql())
            name = f"{part} on {database}" if database else part
            print(f"== {name}", flush=True)
            begin = time.monotonic()
            if part in CHECKS:
                counts = globals()[part]()
            else:
                counts = run_part(part, environments[database])
            took = time.monotonic() - begin
            report.append(f"{name:<24} {took:7.1f} s   {counts}")
            print(report[-1], flush=True)
            total += counts
    print("== All", *report, sep='\n')
    print(total)
    return 1 if total.failed else 0


if __name__ == '__main__':
    sys.exit(main())

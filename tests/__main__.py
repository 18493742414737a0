# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests, part by part, and say how long each took.

bin/test and tox call this in an environment where everything is installed.
"""
import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from .postgresql import running_postgresql

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / '.cache'
DATABASES = ['sqlite', 'postgresql']
# What runs without a database, what on each one, and what on SQLite only.
CHECKS = ['lint', 'wheel', 'docs']
ONCE = ['unit']
ON_EACH = [
    'module', 'scenario', 'orthanc', 'faults', 'attacks', 'compat', 'upgrade']
ON_SQLITE = ['minimum', 'browser', 'desktop']
# What talks to an Orthanc, and can do so with the one of another Debian.
WITH_ORTHANC = ['scenario', 'orthanc', 'faults']
SUITES = ['trixie', 'sid']
PARTS = [*CHECKS, *ONCE, *ON_EACH, *ON_SQLITE]
# These run with other modules of GNU Health beside ours.
WITH_OTHERS = ['compat', 'upgrade']
# These run in an environment of their own.
PYTHONS = {
    **dict.fromkeys(WITH_OTHERS, CACHE / 'compat' / 'bin' / 'python'),
    'minimum': CACHE / 'minimum' / 'bin' / 'python',
    }
# A part that takes longer hangs.
TIMEOUT = 30 * 60


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


class Runner:
    "Runs commands, side by side, until it is stopped"

    def __init__(self):
        self.processes = set()
        self.stopped = False

    def run(self, command, output, **environment):
        "Whether the command succeeds, in time; output gets what it prints"
        if self.stopped:
            return False
        with subprocess.Popen(
                [str(word) for word in command], cwd=ROOT,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **environment}) as process:
            self.processes.add(process)
            try:
                return process.wait(TIMEOUT) == 0
            except subprocess.TimeoutExpired:
                process.kill()
                print(f"Stopped after {TIMEOUT} s: it hangs.", file=output)
                return False
            finally:
                self.processes.discard(process)

    def stop(self):
        self.stopped = True
        for process in list(self.processes):
            process.terminate()


runner = Runner()


def check(command, output):
    "Run the command as one test"
    return (
        Counts(passed=1) if runner.run([sys.executable, *command], output)
        else Counts(failed=1))


def lint(output):
    return (
        check(['-m', 'ruff', 'check', '.'], output)
        + check(['-m', 'isort', '--check', '--quiet', '.'], output))


def docs(output):
    with tempfile.TemporaryDirectory() as folder:
        return check(
            ['-m', 'sphinx', '-W', '-n', '-q', '-b', 'html', 'doc', folder],
            output)


def wheel(output):
    return check(['-m', 'tests.wheel'], output)


def unittests(part, environment, output):
    "Run the tests of a part's folder"
    python = PYTHONS.get(part, sys.executable)
    if part == 'minimum':
        # Its databases are of its versions, too
        cache = Path(environment['DB_CACHE'], part)
        environment = {**environment, 'DB_CACHE': str(cache)}
    with tempfile.NamedTemporaryFile() as counts:
        finished = runner.run(
            [python, '-W', 'ignore', '-m', 'tests.part', f'tests/{part}',
                counts.name], output, **environment)
        text = Path(counts.name).read_text()
    if not (finished and text):
        return Counts(failed=1)
    result = Counts(**json.loads(text))
    if not (result.passed or result.failed):
        print(f"No test of {part} ran.", file=output)
        result.failed += 1
    return result


@dataclass
class Task:
    "A part, on a database or without one"
    part: str
    database: str = None

    def __str__(self):
        if not self.database:
            return self.part
        return f"{self.part} on {self.database}"

    def run(self, environment):
        """Return the counts and the line that reports them.

        What it prints is shown at its end, as tasks run side by side.
        """
        begin = time.monotonic()
        with tempfile.TemporaryFile('w+') as output:
            if self.part in CHECKS:
                counts = globals()[self.part](output)
            else:
                counts = unittests(self.part, environment, output)
            output.seek(0)
            text = output.read()
        took = time.monotonic() - begin
        line = f"{self!s:<24} {took:7.1f} s   {counts}"
        print(f"== {self}\n{text}{line}", flush=True)
        return counts, line


def run_all(tasks, environments, waiting=()):
    "Run the tasks, then those waiting that no one else has begun"
    return [
        task.run(environments[task.database])
        for task in chain(tasks, waiting)]


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog='bin/test', description=(
            "Run all tests, or only the given parts on the given databases. "
            "minimum is what is quick, with the minimum versions of setup.py "
            "in an environment of its own."))
    # argparse compares "nothing given" with the choices too, as a list.
    parser.add_argument(
        'what', nargs='*', choices=[*PARTS, *DATABASES, []],
        metavar='what', help=', '.join([*PARTS, *DATABASES]))
    parser.add_argument(
        '--orthanc', choices=SUITES, help=(
            f"run {', '.join(WITH_ORTHANC)} with the Orthanc of that Debian "
            "instead of this machine's; bin/test installs it below .cache, "
            "once, which needs root and debootstrap"))
    parsed = parser.parse_args(arguments)
    parts = [part for part in PARTS if part in parsed.what]
    if parsed.orthanc:
        use_orthanc(parser, parsed.orthanc, parts)
        parts = parts or WITH_ORTHANC
    return (
        parts or PARTS,
        [name for name in DATABASES if name in parsed.what] or DATABASES)


def use_orthanc(parser, suite, parts):
    "Let the tests run the Orthanc that bin/test installed of the suite"
    others = [part for part in parts if part not in WITH_ORTHANC]
    if others:
        parser.error(f"--orthanc is not for {', '.join(others)}")
    folder = CACHE / f'orthanc-{suite}'
    if not (folder / 'usr/sbin/Orthanc').exists():
        parser.error(f"{folder} is missing, run: bin/test --orthanc {suite}")
    # See demo/orthanc_server.py
    os.environ['ORTHANC'] = shlex.join(['chroot', str(folder), 'Orthanc'])


def plan(parts, database):
    "The tasks on the database, or those without, in the order of running"
    there = [*CHECKS, *ONCE] if database is None else ON_EACH
    return [Task(part, database) for part in there if part in parts]


def run_side_by_side(parts, databases):
    """Run what needs no database and the databases beside each other.

    One database keeps one core busy at most; whichever is ready first goes
    on with what runs on SQLite only.
    """
    results = []
    with ExitStack() as stack:
        # Databases are copied between tests of one run, never kept: the
        # modules may have changed since.
        cache = stack.enter_context(tempfile.TemporaryDirectory())
        environments = {
            None: {},
            'sqlite': {
                'TRYTOND_DATABASE__URI': 'sqlite://', 'DB_CACHE': cache},
            }
        tasks = {name: plan(parts, name) for name in [None, *databases]}
        # All take from one iterator
        waiting = iter([
                Task(part, 'sqlite') for part in ON_SQLITE
                if part in parts and 'sqlite' in databases])
        if tasks.get('postgresql'):
            environments['postgresql'] = stack.enter_context(
                running_postgresql())
        with ThreadPoolExecutor() as executor:
            runs = [
                executor.submit(
                    run_all, tasks[name], environments,
                    waiting if name else ())
                for name in tasks]
            try:
                for finished in runs:
                    results += finished.result()
            except BaseException:
                runner.stop()
                raise
    return results


def main(arguments=None):
    # So that the cluster is removed when CI stops us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results = run_side_by_side(*parse_arguments(arguments))
    total = sum((counts for counts, _ in results), Counts())
    print("== All", *(line for _, line in results), sep='\n')
    print(total)
    return 1 if total.failed else 0


if __name__ == '__main__':
    sys.exit(main())

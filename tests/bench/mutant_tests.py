# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Tests run against mutants, those alone that come by the changed lines"
import contextlib
import itertools
import marshal
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
import unittest
from pathlib import Path

# As long as all others of the part: it is there for the size alone
_SLOW = {'test_thousands_of_series'}
# They start processes, whose lines are not known
_PROCESSES = ('tests.orthanc.test_gateway_process.',)
_IMPORT = 'import'
# Of a test: whatever takes longer hangs
_SECONDS, _TIMES = 30, 5


class Tests:
    "The tests of a part, run in forked processes with the code of a mutant"

    def __init__(self, module, part):
        self.module = module
        self.names = part.tests
        self.files = [str(module / f'{file}.py') for file in part.files]
        self.noticed_by = {}
        self.lines, self.seconds = _answer(self._look)
        if self.lines is None:
            raise SystemExit(
                f"{self.seconds}\n"
                f"Without a fault {', '.join(part.tests)} must pass.")

    def survivors(self, mutants, jobs):
        "Yield the mutants that nobody notices, that many tried at once"
        waiting, running = iter(mutants), {}
        while True:
            for mutant in itertools.islice(waiting, jobs - len(running)):
                process, output = _fork(self._try, mutant)
                running[process] = mutant, output
            if not running:
                return
            process, _ = os.wait()
            mutant, output = running.pop(process)
            _kill_group(process)
            with os.fdopen(output, 'rb') as answer:
                written = answer.read()
            # What hangs is ended without an answer
            passed, test = pickle.loads(written) if written else (None, None)
            if test in self.seconds:
                self.noticed_by[mutant.file, mutant.number] = test
            if passed:
                yield mutant

    def order(self, mutant):
        """Return the tests that may notice, the likeliest and quickest first.

        Likeliest is what noticed the change nearest to it. Tests of a class
        stay together: they are set up at once.
        """
        lines = self.lines[str(self.module / f'{mutant.file}.py')]
        covering = set()
        for line in mutant.lines:
            covering |= lines.get(line, set())
        set_up = {
            _class(name) for name in covering if name not in self.seconds}
        tests = [
            test for test in self.seconds
            if test in covering or _class(test) in set_up
            or test.startswith(_PROCESSES)]
        if not covering or _IMPORT in covering:
            tests = list(self.seconds)
        near = min(
            (place for place in self.noticed_by if place[0] == mutant.file),
            key=lambda place: abs(place[1] - mutant.number), default=None)
        likeliest = self.noticed_by.get(near)
        quickest = {}
        for test in tests:
            name = _class(test)
            quickest[name] = min(
                quickest.get(name, self.seconds[test]), self.seconds[test])
        return sorted(tests, key=lambda test: (
                _class(test) != _class(likeliest), quickest[_class(test)],
                _class(test), test != likeliest, self.seconds[test]))

    def _try(self, mutant):
        "Return whether they all pass with the mutant, or which notices it"
        _load_instead(self.module / f'{mutant.file}.py', mutant.code)
        by_id = {test.id(): test for test in self._load()}
        result = _run(
            [by_id[name] for name in self.order(mutant)], _Limited(
                self.seconds))
        first = next(iter(result.failures + result.errors), None)
        return result.wasSuccessful(), first and first[0].id()

    def _look(self):
        "Return which tests come by which line, and how long each takes"
        import coverage
        measure = coverage.Coverage(
            data_file=None, config_file=False, include=self.files)
        measure.start()
        measure.switch_context(_IMPORT)
        tests = self._load()
        result = _run(tests, _Observed(tests, measure.switch_context))
        measure.stop()
        if not result.wasSuccessful():
            return None, '\n'.join(
                text for _, text in result.failures + result.errors)
        data = measure.get_data()
        return {
            file: {
                line: set(names) for line, names
                in data.contexts_by_lineno(file).items()}
            for file in self.files}, result.seconds

    def _load(self):
        return list(_quick(
                unittest.defaultTestLoader.loadTestsFromNames(self.names)))


class _Observed(unittest.TestResult):
    "It says which test runs, and measures how long it does"

    def __init__(self, tests, switch_context):
        super().__init__()
        self.failfast = True
        self.switch_context = switch_context
        self.following = dict(itertools.pairwise(
                test.id() for test in tests))
        self.seconds = {}
        if tests:
            switch_context(_set_up(tests[0].id()))

    def startTest(self, test):
        super().startTest(test)
        self.switch_context(test.id())
        self.started = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        self.seconds[test.id()] = time.monotonic() - self.started
        if following := self.following.get(test.id()):
            self.switch_context(_set_up(following))


class _Limited(unittest.TestResult):
    "A test that takes much longer than without a fault is the end"

    def __init__(self, seconds):
        super().__init__()
        self.failfast = True
        self.seconds = seconds
        self.others = _limit(max(seconds.values(), default=0))
        signal.alarm(self.others)

    def startTest(self, test):
        super().startTest(test)
        signal.alarm(_limit(self.seconds[test.id()]))

    def stopTest(self, test):
        super().stopTest(test)
        signal.alarm(self.others)


def _limit(seconds):
    return _SECONDS + int(_TIMES * seconds)


def _set_up(test):
    "Return the name for what a class does before its tests"
    return f'{_class(test)}.'


def _class(test):
    return test and test.rpartition('.')[0]


def _run(tests, result):
    result.buffer = True
    unittest.TestSuite(tests).run(result)
    return result


def _quick(tests):
    "Yield the tests of a suite, but for the slow ones"
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from _quick(test)
        elif test.id().rpartition('.')[2] not in _SLOW:
            yield test


# In processes of their own

def _answer(function):
    "Return what a function returns in a process of its own"
    process, output = _fork(function)
    with os.fdopen(output, 'rb') as answer:
        written = answer.read()
    os.waitpid(process, 0)
    _kill_group(process)
    return pickle.loads(written)


def _fork(function, *arguments):
    "Call it in a new process, and return that and where its answer is read"
    output, into = os.pipe()
    process = os.fork()
    if process:
        os.close(into)
        return process, output
    os.setsid()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in [1, 2]:
        os.dup2(nowhere, descriptor)
    try:
        answer = function(*arguments)
    except BaseException:
        # A mutant that cannot be loaded
        answer = None, traceback.format_exc()
    with os.fdopen(into, 'wb') as file:
        pickle.dump(answer, file)
    os._exit(0)


def _kill_group(process):
    "Kill whatever the process has started and left"
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


# What processes that the tests start do first
_SITE = """
import marshal, sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

folder = Path(__file__).parent
path = Path((folder / 'path').read_text())
code = marshal.loads((folder / 'code').read_bytes())
original = SourceFileLoader.get_code

def get_code(self, fullname):
    if Path(self.path).resolve() == path:
        return code
    return original(self, fullname)

SourceFileLoader.get_code = get_code
"""


def _load_instead(path, code):
    "Let the file be loaded as that code, here and by what is started"
    folder = Path(tempfile.mkdtemp())
    (folder / 'path').write_text(str(path))
    (folder / 'code').write_bytes(marshal.dumps(code))
    site = folder / 'sitecustomize.py'
    site.write_text(_SITE)
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(
            None, [str(folder), os.environ.get('PYTHONPATH')]))
    exec(compile(_SITE, str(site), 'exec'), {'__file__': str(site)})


def preload():
    "Load what no mutant is part of, once for all"
    # Not trytond.tests, nor proteus: they load all modules
    import coverage
    import cryptography.x509
    import hypothesis.strategies
    import pydicom
    import requests

    import trytond.model
    import trytond.wizard
    if any('health_orthanc' in name for name in sys.modules):
        raise RuntimeError("What is loaded already cannot be changed.")
    return coverage, cryptography, hypothesis, pydicom, requests, trytond

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Tests run against mutants, those alone that come by the changed lines"
import contextlib
import itertools
import os
import pickle
import signal
import sys
import threading
import time
import traceback
import unittest

from .mutant_code import load_instead, put

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
        # Else all mutants are in functions, which can be replaced
        self.may_be_at_import = part.pure
        # Where each test has noticed a change
        self.noticed = {}
        self.lines, self.seconds, self.with_threads = _answer(self._look)

    def survivors(self, mutants, jobs, say):
        """Return the mutants that nobody notices, that many tried at once.

        What is run when its file is loaded needs a process that loads it.
        All others are put into what is loaded, class after class of tests,
        the quickest first, so that each class is set up once for all.
        """
        mutants = dict(enumerate(mutants))
        covering = {
            number: self._covering(m) for number, m in mutants.items()}
        anew = {
            number: m for number, m in mutants.items()
            if _IMPORT in covering[number]}
        others = {
            number: m for number, m in mutants.items()
            if covering[number] and number not in anew}
        say(f'{len(anew)} anew, {len(others)} by class of tests, '
            f'{len(mutants) - len(anew) - len(others)} met by no test')
        noticed = set(self._noticed(
                anew, jobs, self._try_anew, lambda number: list(self.seconds)))
        noticed |= _answer(self._try_loaded, others, covering, jobs, say)
        return [m for number, m in mutants.items() if number not in noticed]

    def _covering(self, mutant):
        "Return the tests, and the set-ups of classes, that come by its lines"
        lines = self.lines[str(self.module / f'{mutant.file}.py')]
        covering = set().union(*(
                lines.get(line, set()) for line in mutant.lines), (
                test for test in self.seconds if test.startswith(_PROCESSES)))
        return covering if self.may_be_at_import else covering - {_IMPORT}

    def _noticed(self, mutants, jobs, attempt, tests):
        """Yield the numbers of the mutants that their tests notice.

        attempt returns which test does, in a process of its own.
        """
        waiting, running = iter(mutants.items()), {}
        while True:
            for number, mutant in itertools.islice(
                    waiting, jobs - len(running)):
                process, output = _fork(
                    attempt, mutant, self._ordered(mutant, tests(number)))
                running[process] = number, output
            if not running:
                return
            process, _ = os.wait()
            if process not in running:
                continue
            number, output = running.pop(process)
            _kill_group(process)
            with os.fdopen(output, 'rb') as answer:
                written = answer.read()
            # What hangs is ended without an answer, and what cannot be
            # loaded has one of its own
            loaded, test = pickle.loads(written) if written else (False, '')
            if test or not loaded:
                place = mutants[number].file, mutants[number].number
                self.noticed.setdefault(test, []).append(place)
                yield number

    def _ordered(self, mutant, tests):
        "Return them with the likeliest first, and then the quickest"
        def distance(test):
            return min((
                    abs(number - mutant.number)
                    for file, number in self.noticed.get(test, [])
                    if file == mutant.file), default=float('inf'))

        return sorted(tests, key=lambda t: (distance(t), self.seconds[t]))

    def _try_anew(self, mutant, tests):
        load_instead(self._path(mutant), mutant.code)
        by_id = {test.id(): test for test in self._load()}
        return self._run(unittest.TestSuite(by_id[name] for name in tests))

    def _try_loaded(self, mutants, covering, jobs, say):
        "Return which of the mutants are noticed, with all tests loaded"
        self.by_id = {test.id(): test for test in self._load()}
        classes = {}
        for test in self.seconds:
            classes.setdefault(_class(test), []).append(test)
        noticed = set()
        for name, tests in sorted(classes.items(), key=self._quickness):
            left = {
                number: m for number, m in mutants.items()
                if number not in noticed and any(
                    _class(place) == name for place in covering[number])}
            if left:
                say(f'{len(left)} of {len(mutants) - len(noticed)} left: '
                    f'{name}')
                noticed |= _answer(
                    self._try_class, name, tests, left, covering, jobs)
        return noticed

    def _quickness(self, class_tests):
        _, tests = class_tests
        return sum(self.seconds[test] for test in tests) / len(tests)

    def _try_class(self, name, tests, mutants, covering, jobs):
        "Return which of the mutants are noticed by tests of the class"
        setting_up = {
            number: m for number, m in mutants.items()
            if name in self.with_threads or f'{name}.' in covering[number]}
        noticed = set(self._noticed(
                setting_up, jobs, self._try_whole, lambda number: tests))
        cls = type(self.by_id[tests[0]])
        cls.setUpClass()
        return noticed | set(self._noticed(
                {n: m for n, m in mutants.items() if n not in setting_up},
                jobs, self._try_set_up,
                lambda number: covering[number].intersection(tests)))

    def _try_whole(self, mutant, tests):
        "Return which notices it, their class set up with the mutant"
        put(self._path(mutant), mutant.code)
        return self._run(unittest.TestSuite(
                self.by_id[name] for name in tests))

    def _try_set_up(self, mutant, tests):
        "Return which notices it, their class set up already"
        put(self._path(mutant), mutant.code)

        def run(result):
            for name in tests:
                if not result.shouldStop:
                    self.by_id[name](result)

        return self._run(run)

    def _run(self, tests):
        "Return which test notices the mutant, or None"
        result = _Limited(self.seconds)
        result.buffer = True
        tests(result)
        noticing = next(iter(result.failures + result.errors), None)
        return noticing and getattr(
            noticing[0], 'test_case', noticing[0]).id()

    def _path(self, mutant):
        return self.module / f'{mutant.file}.py'

    def _look(self):
        "Return which tests come by which line, and how long each takes"
        import coverage
        measure = coverage.Coverage(
            data_file=None, config_file=False, include=self.files)
        measure.start()
        measure.switch_context(_IMPORT)
        tests = self._load()
        result = _Observed(tests, measure.switch_context)
        result.buffer = True
        unittest.TestSuite(tests).run(result)
        measure.stop()
        if not result.wasSuccessful():
            raise AssertionError('\n'.join([
                        "Without a fault all tests must pass.", *(
                            text for _, text
                            in result.failures + result.errors)]))
        data = measure.get_data()
        return {
            file: {
                line: set(names) for line, names
                in data.contexts_by_lineno(file).items()}
            for file in self.files}, result.seconds, result.with_threads

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
        self.with_threads = set()
        if tests:
            switch_context(_set_up(tests[0].id()))

    def startTest(self, test):
        super().startTest(test)
        if threading.active_count() > 1:
            # They would not be there after a fork
            self.with_threads.add(_class(test.id()))
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
    return test.rpartition('.')[0]


def _quick(tests):
    "Yield the tests of a suite, but for the slow ones"
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from _quick(test)
        elif test.id().rpartition('.')[2] not in _SLOW:
            yield test


# In processes of their own

def _answer(function, *arguments):
    "Return what a function returns in a process of its own"
    process, output = _fork(function, *arguments)
    with os.fdopen(output, 'rb') as answer:
        passed, answer = pickle.load(answer)
    os.waitpid(process, 0)
    _kill_group(process)
    if not passed:
        raise SystemExit(answer)
    return answer


def _fork(function, *arguments):
    """Call it in a new process, and return that and where its answer is read.

    The answer is a pair: whether nothing was raised, and what it returns.
    """
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
        answer = True, function(*arguments)
    except BaseException:
        answer = False, traceback.format_exc()
    with os.fdopen(into, 'wb') as file:
        pickle.dump(answer, file)
    os._exit(0)


def _kill_group(process):
    "Kill whatever the process has started and left"
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


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

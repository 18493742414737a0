# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promises of which each has a test: is it the one that notices?

    python -m tests.bench.named
    python -m tests.bench.named sync transport

Each line that keeps a promise is broken by itself, and the one test named
with it runs. It prints CAUGHT or NOT CAUGHT; the exit status is 1 where one
is not. Files can be named, to break those of their lines only.
"""
import argparse
import os
import sys
import tempfile
from functools import cache
from typing import NamedTuple

from .mutants import MODULE, Mutant, Part, Tests, preload

_MODULE = 'tests.module.test_orthanc_'
_TWINS = f'{_MODULE}twins.TwinsTestCase.test_'
_SERVER = f'{_MODULE}server.ServerTestCase.test_'
_CURSOR = f'{_MODULE}cursor.CursorTestCase.test_'
_TAKEN_OVER = f'{_MODULE}taken_over.TakenOverTestCase.test_'
_SUGGESTIONS = f'{_MODULE}suggestions.SuggestionsTestCase.test_'
_CERTIFICATE = (
    'tests.faults.test_client_faults.ClientFaultsTestCase.'
    'test_untrusted_certificate')


class Fault(NamedTuple):
    "A text that is once in the file, what it becomes, and who must notice"
    promise: str
    file: str
    text: str
    broken: str
    test: str


FAULTS = [
    Fault(
        "No other study could be meant, by a link to a person", 'study',
        'having=Count(new.id) == Literal(1)', 'having=Count(new.id) > 0',
        f'{_TWINS}two_could_be_meant'),
    Fault(
        "... by a result", 'study',
        'having=Count(new.id) == Literal(1)', 'having=Count(new.id) > 0',
        f'{_TWINS}result_where_two_could_be_meant'),
    Fault(
        "... by an order", 'study',
        'having=Count(new.id) == Literal(1)', 'having=Count(new.id) > 0',
        f'{_TWINS}order_where_two_could_be_meant'),
    Fault(
        "An order's links stay behind for another patient", 'link',
        'condition=Study.is_twin(old, new) & fits(new, target))',
        'condition=Study.is_twin(old, new))',
        f'{_TWINS}order_of_another_patient'),
    Fault(
        "A link taken over stands", 'legacy_link',
        '(stands and now not in {\n                None, person})', 'False',
        f'{_TAKEN_OVER}link_stands'),
    Fault(
        "The wait doubles", 'bulk',
        '_FIRST_WAIT * 2 ** min(tries, 10)', '_FIRST_WAIT',
        f'{_MODULE}set_aside.SetAsideTestCase.test_wait_doubles'),
    Fault(
        "Refused persons are not suggested", 'candidate',
        '(identified | ordered | self._similar()) - refused)',
        'identified | ordered | self._similar())',
        f'{_SUGGESTIONS}refused'),
    Fault(
        "An order of that day", 'candidate',
        "('date', '>=', day - dt.timedelta(days=1)),", '',
        f'{_SUGGESTIONS}day_of_an_order'),
    Fault(
        "... nor of a later one", 'candidate',
        "('date', '<', day + dt.timedelta(days=2)),", '',
        f'{_SUGGESTIONS}day_of_an_order'),
    Fault(
        "... that is open", 'candidate',
        "('state', 'in', ['draft', 'requested']),", '',
        f'{_SUGGESTIONS}states_of_an_order'),
    Fault(
        "The patient is on the access log", 'access_log',
        "'patient': cls._link_field and getattr(\n"
        "                        getattr(record, cls._link_field), 'id', "
        "None),",
        "'patient': None,",
        f'{_MODULE}access_log.AccessLogTestCase.test_patient'),
    Fault(
        "A server with results is not deleted", 'server',
        "('results', '!=', None),", '', f'{_SERVER}delete_with_results'),
    Fault(
        "... nor one with linked studies", 'server',
        "('local_patient', '!=', None),", '', f'{_SERVER}delete_with_links'),
    Fault(
        "The mask is not saved as the password", 'server',
        "        if value == _MASK:\n            return\n", '',
        f'{_SERVER}mask_saved'),
    Fault(
        "A copy is not suspect", 'server',
        "'has_ohif', 'suspect',", "'has_ohif',", f'{_SERVER}copy'),
    Fault(
        "Phonetic names are shown only where they are alone", 'dicom',
        "'' if alphabetic else ' '.join(", "' '.join(",
        'tests.unit.test_dicom.PersonNameTestCase.test_display'),
    Fault(
        "... and there they are", 'dicom',
        "'' if alphabetic else ' '.join(filter(None, groups.phonetic))", "''",
        'tests.unit.test_dicom.PersonNameTestCase.test_display'),
    Fault(
        "A conflict is worse than what is ambiguous", 'matching',
        '_WORST_FIRST = [\n    CONFLICT, AMBIGUOUS,',
        '_WORST_FIRST = [\n    AMBIGUOUS, CONFLICT,',
        'tests.unit.test_matching.SummaryTestCase.test_summary'),
    Fault(
        "The cursor is committed with its rows", 'sync',
        "        self._keep(studies, **changes)\n\n    def _is_reset",
        "        self._advance(**changes)\n        self._keep(studies)\n\n"
        "    def _is_reset",
        f'{_CURSOR}committed_with_its_rows'),
    Fault(
        "It never goes back", 'sync',
        'if last.seq > self.state.cursor:', 'if True:',
        f'{_CURSOR}never_goes_back'),
    Fault(
        "It is anchored to the page that was stored", 'sync',
        "{'cursor': last.seq, 'anchor': _anchor(last)}",
        "{'cursor': last.seq, 'anchor': _anchor(\n"
        "                self.connection.last_change()[0])}",
        f'{_CURSOR}anchored_to_the_page_that_was_stored'),
    Fault(
        "Certificates are verified by the context", 'transport',
        'ssl.create_default_context(cadata=certificates)',
        'ssl._create_unverified_context(cadata=certificates)', _CERTIFICATE),
    Fault(
        "... and by the session", 'transport',
        'self._session.trust_env = False',
        'self._session.trust_env = self._session.verify = False',
        _CERTIFICATE),
    Fault(
        "One UID of several studies: each has its own series", 'client',
        'if is_id(parent) and parent in found:',
        'for parent in found:',
        'tests.unit.test_client.SeriesTestCase.test_one_uid_of_several_'
        'studies'),
    ]


def broken(fault):
    "Return the fault as a mutant; raises ValueError where its text is not"
    path = MODULE / f'{fault.file}.py'
    text = path.read_text()
    if text.count(fault.text) != 1:
        raise ValueError(
            f"{fault.file}.py has not once: {fault.text}")
    return Mutant(
        fault.file, text[:text.index(fault.text)].count('\n') + 1,
        fault.text, fault.broken, compile(
            text.replace(fault.text, fault.broken), str(path), 'exec'))


@cache
def _tests(name):
    return Tests(Part([], [name]))


def main():
    parser = argparse.ArgumentParser(
        prog='python -m tests.bench.named',
        description="Is each promise held by the test named with it?")
    parser.add_argument('files', nargs='*', metavar='file')
    files = parser.parse_args().files
    chosen = [
        (fault, broken(fault)) for fault in FAULTS
        if not files or fault.file in files]
    preload()
    missed = 0
    with tempfile.TemporaryDirectory() as cache:
        os.environ.setdefault('TRYTOND_DATABASE__URI', 'sqlite://')
        os.environ.setdefault('DB_CACHE', cache)
        for fault, mutant in chosen:
            is_missed = _tests(fault.test).pass_(mutant)
            missed += is_missed
            print(
                f"{'NOT CAUGHT' if is_missed else 'CAUGHT':10}  "
                f"{fault.promise}\n{'':12}{fault.file}.py:{mutant.number}, "
                f"{fault.test.rpartition('.')[2]}", flush=True)
    print(f"{len(chosen)} faults, {missed} not caught")
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())

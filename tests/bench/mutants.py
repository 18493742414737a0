# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults put into our code one by one: which of them does no test notice?

    python -m tests.bench.mutants names matching
    python -m tests.bench.mutants --sample 60 --seed 1 links sync

Each part is a file or a few, and the tests that should hold them. A mutant
changes one thing: an operator, a number, a condition, a statement left out.
The tests that come by the changed lines run in a process forked for it,
the quickest first, until one fails. Those that survive are printed; of those
that are known survivors.tsv says why nobody would feel them. The exit status
is 1 where there are others.
"""
import argparse
import ast
import copy
import csv
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from .mutant_tests import Tests, preload

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / 'health_orthanc'
KNOWN = Path(__file__).with_name('survivors.tsv')

# Unit tests that import a file need not be named
_NAMES = [
    'tests.unit.test_matching', 'tests.unit.test_matching_kept',
    'tests.unit.test_matching_labelled']
# What is shown and printed takes long, and holds no rule
_MODULE = sorted(
    f'tests.module.{path.stem}'
    for path in (ROOT / 'tests' / 'module').glob('test_*.py')
    if path.stem not in {
        'test_access', 'test_documentation', 'test_report',
        'test_report_language', 'test_shown', 'test_translations',
        'test_views'})
_ROWS = [
    *_MODULE, 'tests.attacks.test_audit', 'tests.attacks.test_reading',
    'tests.attacks.test_record_rules', 'tests.orthanc.test_identity',
    'tests.orthanc.test_orders']
# Of what is shown of a change
_LENGTH = 120
_UNIT = ROOT / 'tests' / 'unit'


class Part(NamedTuple):
    "Files of the module, and the names of more tests that hold them"
    files: list
    more_tests: list = []
    # Whether strings and the values of the module are part of the rules
    pure: bool = True

    @property
    def tests(self):
        return sorted({*self.more_tests, *(
                    f'tests.unit.{path.stem}' for path in _UNIT.glob('test_*')
                    if not self.imported(path).isdisjoint(self.files))})

    @staticmethod
    def imported(path):
        "Return the names that are imported from the module, or from its files"
        of_module = [
            node for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom)
            and 'modules.health_orthanc' in (node.module or '')]
        return {node.module.rpartition('.')[2] for node in of_module} | {
            name.name for node in of_module for name in node.names}


PARTS = {
    'dicom': Part(['dicom'], ['tests.unit.test_outside']),
    'record': Part(['record'], ['tests.unit.test_outside']),
    'secret': Part(['secret']),
    'names': Part([
            'names', 'name_words', 'reading', 'spelling', 'garbled',
            'romanization'], [*_NAMES, 'tests.unit.test_name_pairs']),
    'matching': Part(['matching'], ['tests.unit.test_name_pairs']),
    'order_matching': Part(
        ['order_matching'], ['tests.module.test_performed_step']),
    'suggestion': Part(['suggestion']),
    'mpps': Part(['mpps', 'outbox_folder']),
    'worklist': Part(['worklist_query', 'worklist_item']),
    'client': Part(['client', 'answers', 'exceptions'], [
            'tests.unit.test_outside', 'tests.faults.test_client_faults']),
    'transport': Part(['transport'], [
            'tests.unit.test_outside', 'tests.unit.test_client_one',
            'tests.faults.test_client_faults']),
    'comparison': Part(['comparison']),
    'sync': Part(['sync', 'set_aside', 'sync_state', 'study_sync', 'found'], [
            'tests.unit.test_walk_times',
            'tests.module.test_orthanc_set_aside',
            'tests.module.test_orthanc_status',
            'tests.faults.test_server_sync',
            'tests.module.test_orthanc_cursor',
            'tests.orthanc.test_sync',
            'tests.orthanc.test_conditions',
            'tests.orthanc.test_progress'], False),
    'links': Part([
            'study', 'study_search', 'patient', 'subject', 'replica', 'link',
            'request', 'result', 'decision', 'taken_over'], _ROWS, False),
    'orders': Part([
            'link_order', 'order_query', 'study_order', 'performed_step'],
        _ROWS, False),
    'suggested': Part(['candidate', 'reconciliation'], [
            'tests.module.test_orthanc_suggestions',
            'tests.scenario.test_scenario'], False),
    'bulk': Part(['bulk'], [
            'tests.module.test_orthanc_rows',
            'tests.module.test_orthanc_set_aside'], False),
    'server': Part(['server'], [
            'tests.module.test_orthanc_server',
            'tests.module.test_orthanc_status'], False),
    'gateway': Part(['gateway'], [
            'tests.unit.test_gateway', 'tests.faults.test_gateway',
            'tests.orthanc.test_gateway_process'], False),
    'outbox': Part(['outbox', 'outbox_run'], [
            'tests.orthanc.test_outbox'], False),
    'document': Part(['document'], [
            'tests.orthanc.test_report_document'], False),
    'thumbnail': Part(['thumbnail'], ['tests.orthanc.test_thumbnail'], False),
    }

_SWAPPED = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt,
    ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Add: ast.Sub,
    ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult, ast.LShift: ast.RShift}
# What sets up models and tables: tests/module has other means for these
_SET_UP = {'__setup__', '__register__', 'view_attributes'}


class Mutant(NamedTuple):
    "One change: where, the line there and what becomes of it, as texts"
    file: str
    number: int
    line: str
    changed: str
    code: object
    lines: range


def mutants(path, pure=True):
    "Yield the mutants of a file"
    text = path.read_text()
    tree = ast.parse(text)
    lines = text.splitlines()
    for address, node, statement in _places(tree, pure):
        # Texts of errors are for a log
        texts = pure and not isinstance(statement, ast.Raise)
        for replacement in _replacements(node, texts):
            changed = copy.deepcopy(tree)
            _replace(changed, address, replacement)
            ast.fix_missing_locations(changed)
            yield Mutant(
                path.stem, node.lineno, lines[node.lineno - 1].strip(),
                _shown(node, replacement),
                compile(changed, str(path), 'exec'),
                _lines(node, statement))


def _places(tree, pure):
    "Yield the address, the node and the statement of what can be changed"
    def walk(node, address, statement, in_function):
        for name, value in ast.iter_fields(node):
            children = value if isinstance(value, list) else [value]
            for index, child in enumerate(children):
                if not isinstance(child, ast.AST) or _is_left_out(
                        node, name, child, index):
                    continue
                place = (*address, (
                        name, index if isinstance(value, list) else None))
                inside = in_function or isinstance(
                    child, (ast.FunctionDef, ast.Lambda))
                of = child if isinstance(child, ast.stmt) else statement
                if (pure or in_function) and hasattr(child, 'lineno'):
                    yield place, child, of
                yield from walk(child, place, of, inside)

    yield from walk(tree, (), None, False)


def _is_left_out(parent, name, child, index):
    "Return whether a change there is none of behaviour"
    if name in {
            'annotation', 'returns', 'decorator_list', 'bases', 'op', 'ops',
            'ctx', 'type_params', 'format_spec'}:
        return True
    if isinstance(child, ast.FunctionDef) and child.name in _SET_UP:
        return True
    if isinstance(child, (ast.Import, ast.ImportFrom)):
        return True
    if isinstance(child, ast.Expr):
        if isinstance(child.value, ast.Constant):
            return True
        call = ast.unparse(child.value)
        return call.startswith(('logger.', '__all__'))
    if isinstance(child, ast.Assign):
        return ast.unparse(child.targets[0]) in {'__all__', '__slots__'}
    return False


def _replacements(node, texts):
    "Yield what the node can be replaced by"
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            changed = copy.deepcopy(node)
            changed.ops[index] = _SWAPPED[type(operator)]()
            yield changed
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            left = [other for other in node.values if other is not value]
            yield left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
    elif isinstance(node, ast.BinOp):
        if isinstance(node.op, (ast.BitAnd, ast.BitOr)):
            yield node.left
            yield node.right
        elif type(node.op) in _SWAPPED:
            yield ast.BinOp(
                node.left, _SWAPPED[type(node.op)](), node.right)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value, texts)
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        if not isinstance(node.test, (ast.Compare, ast.UnaryOp)):
            changed = copy.copy(node)
            changed.test = ast.UnaryOp(ast.Not(), node.test)
            yield changed
    elif isinstance(node, ast.Return):
        if node.value and not (
                isinstance(node.value, ast.Constant)
                and node.value.value in {None, False}):
            yield ast.Return(ast.Constant(None))
    elif isinstance(node, (ast.Expr, ast.AugAssign, ast.Raise, ast.Delete)):
        if not isinstance(getattr(node, 'value', None), (
                ast.Yield, ast.YieldFrom)):
            yield ast.Pass()
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg:
                changed = copy.copy(node)
                changed.keywords = [
                    k for k in node.keywords if k is not keyword]
                yield changed
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp,
            ast.DictComp)):
        for index, generator in enumerate(node.generators):
            for condition in range(len(generator.ifs)):
                changed = copy.deepcopy(node)
                del changed.generators[index].ifs[condition]
                yield changed


def _lines(node, statement):
    "Return the lines of which one at least is run before the change is felt"
    if isinstance(statement, ast.FunctionDef):
        # A default of an argument
        return range(statement.lineno, statement.end_lineno + 1)
    whole = node if hasattr(statement, 'body') else statement
    last = node.test if hasattr(node, 'body') and isinstance(
        node, ast.stmt) else whole
    return range(whole.lineno, last.end_lineno + 1)


def _constants(value, texts):
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, (int, float)):
        yield ast.Constant(value + 1)
    elif isinstance(value, str) and texts:
        yield ast.Constant(f'XX{value}')


def _replace(tree, address, replacement):
    node = tree
    *path, (name, index) = address
    for step, position in path:
        node = getattr(node, step)
        if position is not None:
            node = node[position]
    if index is None:
        setattr(node, name, replacement)
    else:
        getattr(node, name)[index] = replacement
    for new in ast.walk(replacement):
        new.lineno = getattr(new, 'lineno', 1)


def _shown(node, replacement):
    "Return what is changed as a short text"
    def whole(node):
        if isinstance(node, ast.stmt) and hasattr(node, 'test'):
            node = node.test
        return ' '.join(ast.unparse(node).split())

    before, after = whole(node), whole(replacement)
    same = len(os.path.commonprefix([before, after]))
    # Of what is long, from where it differs
    start = 0 if same < _LENGTH else same - _LENGTH // 2
    return '  ->  '.join(
        text[start:start + _LENGTH] for text in [before, after])


def known_survivors():
    "Return why nobody feels it, by file, line and change"
    if not KNOWN.exists():
        return {}
    with KNOWN.open(newline='') as file:
        return {
            tuple(row[:3]): row[3]
            for row in csv.reader(file, delimiter='\t') if row}


def run(name, sample, seed, known, jobs):
    "Run one part, print what survives, and return how many unknown"
    part = PARTS[name]
    chosen = [
        mutant for file in part.files
        for mutant in mutants(MODULE / f'{file}.py', part.pure)]
    total = len(chosen)
    if sample and sample < total:
        chosen = sorted(
            random.Random(seed).sample(chosen, sample),
            key=lambda m: (m.file, m.number))
    heard = os.fdopen(os.dup(sys.stderr.fileno()), 'w')

    def say(text):
        print(f'{name}: {text}', file=heard, flush=True)

    tests = Tests(MODULE, part)
    started, survived, unknown = time.monotonic(), 0, 0
    for mutant in tests.survivors(chosen, jobs, say):
        survived += 1
        why = known.get((mutant.file, mutant.line, mutant.changed))
        unknown += why is None
        print(
            f'{mutant.file}.py:{mutant.number}: {mutant.changed}\n'
            f'    {mutant.line}\n    {why or "NOT KNOWN"}', flush=True)
    print(
        f'{name}: {len(chosen)} of {total} mutants, '
        f'{len(chosen) - survived} noticed, {survived} not, '
        f'of which {unknown} unknown; '
        f'{time.monotonic() - started:.0f} s', flush=True)
    return unknown


def main():
    parser = argparse.ArgumentParser(
        prog='python -m tests.bench.mutants',
        description="Which faults does no test notice?")
    parser.add_argument(
        'parts', nargs='*', metavar='part',
        help=f"{', '.join(PARTS)}; the pure ones by default")
    parser.add_argument(
        '--sample', type=int, help="so many mutants of a part, by chance")
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--jobs', type=int, default=1,
        help="so many at once: some tests wait more than they work")
    options = parser.parse_args()
    names = options.parts or [n for n, part in PARTS.items() if part.pure]
    if unknown := set(names) - PARTS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    known = known_survivors()
    preload()
    with tempfile.TemporaryDirectory() as cache:
        os.environ.setdefault('TRYTOND_DATABASE__URI', 'sqlite://')
        os.environ.setdefault('DB_CACHE', cache)
        tempfile.tempdir = cache
        counts = [
            run(name, options.sample, options.seed, known, options.jobs)
            for name in names]
    return 1 if any(counts) else 0


if __name__ == '__main__':
    sys.exit(main())

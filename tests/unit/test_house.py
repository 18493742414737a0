# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house is as doc/design.rst has it: who imports whom, how it reads.

It reads the files, and runs none.
"""
import ast
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = ['health_imaging', 'health_orthanc']
# Where our files are, beside the modules
FOLDERS = [*MODULES, 'tests', 'demo']
# What only one room of a module may import
ONLY_IN = {'requests': 'transport', 'urllib3': 'transport'}
LAST_PURE_ROOM = 'suggestion'
# How many lines one can know: of a file, a class and a function
MOST_LINES = {ast.Module: 640, ast.ClassDef: 550, ast.FunctionDef: 60}
# These are lists
LISTS = {'register'}
# The sentences of it are Tryton's messages
NOT_PURE = {'exceptions'}


def documented_rooms():
    "Return the rooms of each module, in the order of its table"
    text = (ROOT / 'doc' / 'design.rst').read_text()
    page = text.partition('.. _The House:')[2].partition('\n.. _')[0]
    tables = re.findall(r'^Room .*?\n=+ .*?\n(.*?)^=', page, re.M | re.S)
    return {
        module: re.findall(r'^``(\w+)``', table, re.M)
        for module, table in zip(MODULES, tables, strict=True)}


def files(module):
    return {
        path.stem: path for path in (ROOT / module).glob('*.py')
        if path.stem != '__init__'}


def imports(path):
    "Return the rooms and the other packages that a file imports"
    rooms, packages = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            packages.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            rooms.update(
                [node.module] if node.module
                else [alias.name for alias in node.names])
        elif isinstance(node, ast.ImportFrom):
            packages.add(node.module)
    return rooms, packages


def is_of(package, name):
    return package == name or package.startswith(f'{name}.')


class HouseTestCase(unittest.TestCase):
    "Who may import whom"

    def test_rooms(self):
        "Each file is a room on the page, and once"
        for module, rooms in documented_rooms().items():
            self.assertEqual(sorted(rooms), sorted(files(module)), module)

    def test_no_arrow_back_up(self):
        "Nor any circle, as that has one"
        for module, rooms in documented_rooms().items():
            for name, path in files(module).items():
                with self.subTest(module=module, room=name):
                    above = rooms[:rooms.index(name)]
                    self.assertLessEqual(imports(path)[0], set(above))

    def test_imaging_knows_no_server(self):
        for path in (ROOT / 'health_imaging').rglob('*.py'):
            with self.subTest(path=path.name):
                self.assertFalse(re.search(
                        r'gnuhealth\.orthanc|modules\.health_orthanc',
                        path.read_text()))

    def test_pure_rooms(self):
        "Rules need neither Tryton nor a database"
        rooms = documented_rooms()['health_orthanc']
        pure = set(rooms[:rooms.index(LAST_PURE_ROOM) + 1]) - NOT_PURE
        paths = files('health_orthanc')
        for name in pure:
            with self.subTest(room=name):
                for package in imports(paths[name])[1]:
                    self.assertFalse(is_of(package, 'trytond'), package)
                    self.assertFalse(is_of(package, 'sql'), package)

    def test_http_in_one_room(self):
        for module in MODULES:
            for name, path in files(module).items():
                for package in imports(path)[1]:
                    for library, room in ONLY_IN.items():
                        if is_of(package, library):
                            self.assertEqual(name, room)


def source_files():
    return [
        path for folder in FOLDERS for path in (ROOT / folder).rglob('*.py')]


def docstrings(path):
    "Yield the docstrings of a file: node, line, how they are written, text"
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            docstring = ast.get_docstring(node)
            if docstring is not None:
                number = node.body[0].lineno
                yield node, number, lines[number - 1].strip(), docstring


def is_model(node):
    "Return whether the first line of its docstring is a label"
    return isinstance(node, ast.ClassDef) and any(
        isinstance(child, ast.Assign)
        and ast.unparse(child.targets[0]) == '__name__'
        for child in node.body)


class DialectTestCase(unittest.TestCase):
    "How it is written"

    def test_docstrings(self):
        for path in source_files():
            for node, number, written, text in docstrings(path):
                first = text.partition('\n\n')[0]
                with self.subTest(path=path.name, line=number):
                    if '\n' in text:
                        self.assertTrue(written.startswith('"""'))
                        self.assertEqual(
                            first.endswith(('.', '?', ':')),
                            not is_model(node))
                    else:
                        if '"' not in text:
                            self.assertFalse(written.startswith('"""'))
                        self.assertNotRegex(text, r'(?<!\.)\.$')

    def test_nothing_is_too_large_to_know(self):
        for module in MODULES:
            for path in (ROOT / module).rglob('*.py'):
                text = path.read_text()
                for node in ast.walk(ast.parse(text)):
                    most = MOST_LINES.get(type(node))
                    name = getattr(node, 'name', path.stem)
                    if most is None or name in LISTS:
                        continue
                    lines = (
                        text.count('\n') if isinstance(node, ast.Module)
                        else node.end_lineno - node.lineno + 1)
                    with self.subTest(path=path.name, name=name):
                        self.assertLessEqual(lines, most)

    def test_files_say_what_they_are(self):
        for path in source_files():
            tree = ast.parse(path.read_text())
            with self.subTest(path=path.name):
                self.assertTrue(not tree.body or ast.get_docstring(tree))

    def test_datetime(self):
        "It is imported in one way, so that dt.date is always the type"
        for path in source_files():
            with self.subTest(path=path.name):
                self.assertNotRegex(path.read_text(), re.compile(
                        r'^ *(from datetime import|import datetime$)', re.M))


if __name__ == '__main__':
    unittest.main()

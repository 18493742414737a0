# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The catalogues are whole, and nothing is said past them"
import ast
import csv
import re
import unicodedata
import unittest
from collections import Counter

import polib

from trytond.exceptions import UserError, UserWarning
from trytond.modules.health_imaging import exceptions as imaging_exceptions
from trytond.modules.health_orthanc import exceptions as orthanc_exceptions

from .. import catalogues

GLOSSARY = catalogues.ROOT / 'doc' / 'glossary.tsv'
# What may stay as it is: names, and DICOM's for its attributes
SAME = {
    'GNU Health 4', 'GNU Health 5.0', 'SOP Instance UID',
    'Study Instance UID', 'Series Instance UID'}
PLACEHOLDER = re.compile(r'%\(\w+\)[sd]|%%|\$\{\w+\}|<[^>]+>')
# The words of the glossary that these labels have in another sense
OTHER_SENSE = {
    ('order', 'Order Imaging Tests'),
    ('order', 'Order Imaging Tests - Test'),
    ('reason', 'Error Reason'),
    ('report', 'As the Machine Reports'),
    ('report', 'As the Study Reports'),
    ('report', 'Reports'),
    ('report', 'Reports Issuer'),
    ('request', 'By Request'),
    ('request', 'Request Now'),
    }
# A label is short and no sentence
LABEL = 5
# A sentence has so many words, one of a program may be a name
SENTENCE = 3


def placeholders(text):
    return Counter(PLACEHOLDER.findall(text))


def margins(text):
    return text[:1].isspace(), text[-1:].isspace()


def plain(text):
    "The text without upper case and marks"
    return ''.join(
        c for c in unicodedata.normalize('NFD', text.casefold())
        if not unicodedata.combining(c))


def glossary():
    "Yield each term, its language and the forms that it can have there"
    with open(GLOSSARY, encoding='utf-8') as file:
        for row in csv.DictReader(file, delimiter='\t'):
            term = row.pop('English')
            for language, forms in row.items():
                yield term, language, [
                    plain(form.strip()) for form in forms.split(';')]


def term_pattern(term):
    "The pattern of an English term, one or many"
    stem = re.escape(term.removesuffix('y')) if term.endswith('y') else None
    many = rf'{stem}(?:y|ies)' if stem else rf'{re.escape(term)}s?'
    return re.compile(rf'\b{many}\b', re.I)


class CataloguesTestCase(unittest.TestCase):
    "Test the catalogues"

    @classmethod
    def setUpClass(cls):
        cls.catalogues = {
            (module, language): polib.pofile(
                str(catalogues.path(module, language)))
            for module in catalogues.MODULES
            for language in catalogues.LANGUAGES}

    def check(self, problem):
        "Check that no entry has a problem, which is None or a text"
        problems = [
            f"{module} {language} {entry.msgctxt} {entry.msgid!r}: {text}"
            for (module, language), catalogue in self.catalogues.items()
            for entry in catalogue
            if (text := problem(language, entry)) is not None]
        self.assertFalse(problems, '\n'.join(problems))

    def test_entries_are_translated(self):
        "No entry is empty or fuzzy"
        self.check(lambda language, entry: (
                None if entry.translated() else "not translated"))

    def test_placeholders(self):
        "A translation has the placeholders of the original"
        self.check(lambda language, entry: (
                None if placeholders(entry.msgstr) == placeholders(entry.msgid)
                else entry.msgstr))

    def test_margins(self):
        "A translation begins and ends with the spaces of the original"
        self.check(lambda language, entry: (
                None if margins(entry.msgstr) == margins(entry.msgid)
                else repr(entry.msgstr)))

    def test_sentences_are_not_english(self):
        "A sentence is not left as it is"
        self.check(lambda language, entry: (
                "left as it is" if entry.msgstr == entry.msgid
                and entry.msgid not in SAME
                and len(entry.msgid.split()) >= SENTENCE else None))

    def test_glossary(self):
        "Labels have the terms of the glossary"
        terms = {}
        for term, language, forms in glossary():
            terms.setdefault(language, []).append(
                (term, term_pattern(term), forms))

        def other_term(language, entry):
            label = PLACEHOLDER.sub('', entry.msgid)
            text = plain(entry.msgstr)
            if (label.endswith('.') or len(label.split()) > LABEL
                    or label in SAME and entry.msgstr == label):
                return None
            for term, pattern, forms in terms[language]:
                if ((term, label) not in OTHER_SENSE
                        and pattern.search(label)
                        and not any(form in text for form in forms)):
                    return (
                        f"{term} is {' or '.join(forms)}, "
                        f"not as in {entry.msgstr}")
            return None

        self.check(other_term)


class SourceTestCase(unittest.TestCase):
    "Test the sources of the modules"

    def test_update(self):
        "What translators wrote and noted stays, also where a text is new"
        def entry(context, text='', **comments):
            return polib.POEntry(
                msgctxt=context, msgid="Series", msgstr=text, **comments)

        originals = polib.POFile()
        originals.extend(map(entry, ['kept', 'new']))
        comments = {'comment': "Is that the word?", 'tcomment': "By a reader"}
        updated = catalogues.updated(
            originals, [entry('kept', "Serie", **comments), entry('gone')])
        self.assertEqual(
            [(e.msgctxt, e.msgstr, e.comment, e.tcomment) for e in updated],
            [(context, "Serie", *comments.values())
                for context in ['kept', 'new']])

    def test_errors_are_messages(self):
        "No error has an English sentence in place of a message"
        shown = {
            name for module in [imaging_exceptions, orthanc_exceptions]
            for name, value in vars(module).items()
            if isinstance(value, type)
            and issubclass(value, (UserError, UserWarning))}
        shown |= {'AccessError', 'UserError', 'UserWarning', 'ValidationError'}
        for file in self.sources():
            for node in ast.walk(ast.parse(file.read_text('utf-8'))):
                if not (isinstance(node, ast.Raise)
                        and isinstance(node.exc, ast.Call)):
                    continue
                name = getattr(
                    node.exc.func, 'id', getattr(node.exc.func, 'attr', ''))
                if name not in shown:
                    continue
                with self.subTest(file=file.name, line=node.lineno):
                    self.assertFalse([
                            argument for argument in node.exc.args
                            if isinstance(argument, ast.JoinedStr) or (
                                isinstance(argument, ast.Constant)
                                and ' ' in str(argument.value))])

    def sources(self):
        for module in catalogues.MODULES:
            yield from (catalogues.ROOT / module).glob('*.py')

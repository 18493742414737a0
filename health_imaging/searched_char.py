# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Texts of large tables, in which words are found by where they begin"
import string
from unicodedata import category

from sql.operators import BinaryOperator

from trytond import backend
from trytond.model import fields

# What is before a word that is not the first
BEFORE = " ^=-'/(."


class WordBeginning:
    "Where a word begins: what a domain asks a SearchedChar for"
    __slots__ = ('expression',)

    def __init__(self, pattern):
        "pattern is as for LIKE, without what may follow"
        self.expression = (
            f"(^|[{''.join(map(_escaped, BEFORE))}]){_expression(pattern)}")

    def __repr__(self):
        return f'{type(self).__name__}({self.expression!r})'


def _expression(pattern):
    "Return the regular expression of a pattern of LIKE"
    parts, letters = [], iter(pattern)
    for letter in letters:
        if letter == '\\':
            parts.append(_escaped(next(letters, letter)))
        else:
            parts.append(
                {'%': '.*', '_': '.'}.get(letter) or _escaped(letter))
    return ''.join(parts)


def _escaped(letter):
    return rf'\{letter}' if letter in string.punctuation + ' ' else letter


class _Matches(BinaryOperator):
    __slots__ = ()
    _operator = '~'


class _MatchesAnyCase(BinaryOperator):
    __slots__ = ()
    _operator = '~*'


class SearchedChar(fields.Char):
    """A text of a large table.

    PostgreSQL finds a regular expression by the index for parts of texts, and
    compares a row once. For one pattern for each of BEFORE it reads the index
    and compares each row as often.
    """

    @staticmethod
    def finds_beginning(pattern):
        """Return whether the WordBeginning of a pattern can be searched for.

        What is no letter can become a sign of expressions where PostgreSQL
        takes accents off: × is an asterisk then, and ⁅ a bracket.
        """
        return backend.name == 'postgresql' and all(
            letter.isascii() or category(letter)[0] in 'LM'
            or category(letter) == 'Nd' for letter in pattern)

    def convert_domain(self, domain, tables, Model):
        _, operator, value = domain
        if not isinstance(value, WordBeginning):
            return super().convert_domain(domain, tables, Model)
        table, _ = tables[None]
        Matches = {'like': _Matches, 'ilike': _MatchesAnyCase}[operator]
        return Matches(
            self._domain_column(operator, self.sql_column(table)),
            self._domain_value(operator, value.expression))

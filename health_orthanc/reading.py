# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of a name say: words, and what is none of a name.

That are marks of newborns, numbers, generations and titles.
"""
import unicodedata
from functools import cached_property, lru_cache
from itertools import chain
from typing import NamedTuple

from . import name_words
from .spelling import Words, words

_DIGITS = frozenset('123456789')


class Parts(tuple):
    "The Words of the family name and those of the given one"

    @cached_property
    def whole(self):
        return Words(chain(*self))

    @cached_property
    def orders(self):
        "All words, beginning with the family name and with the given one"
        family, given = self
        return (
            [self.whole, Words(given + family)] if family and given
            else [self.whole])

    @cached_property
    def joined(self):
        "What the words are if written as one"
        return {form for order in self.orders for form in order.joined}


class Reading(NamedTuple):
    """What a name says: its words, and what is none of them.

    parts have no marks of newborns, numbers, generations and titles. literal
    are they with all of it. perhaps are words that can be a generation or
    the father's name, and are left in parts. outer are those before and after
    the name, is_extended says whether they are no titles.
    """
    parts: Parts
    literal: Parts
    marks: frozenset = frozenset()
    numbers: tuple = ()
    generations: frozenset = frozenset()
    sons: bool = False
    perhaps: frozenset = frozenset()
    is_extended: bool = False
    outer: tuple = ()

    @property
    def scripts(self):
        return self.literal.whole.scripts

    @property
    def is_empty(self):
        return not any(self.literal) and not self.marks

    @property
    def has_romans(self):
        return not self.literal.whole.bares.isdisjoint(name_words.ROMANS)

    @classmethod
    def of(cls, group, *how):
        family, given = group.family, f'{group.given} {group.middle}'.strip()
        if not given and family.count(',') == 1:
            family, _, given = family.partition(',')
        return read(family, given, group.prefix, group.suffix, *how)

    @classmethod
    def of_known(cls, family, given, *how):
        return read(family or '', given or '', '', '', *how)


@lru_cache(20_000)
def read(family, given, prefix, suffix, letters='', own=frozenset()):
    """Return the Reading of the parts of a name.

    letters says which of them number people if they stand alone, own are
    words for "son of" that are a part of the name.
    """
    collected = _Collected(letters, own)
    undivided = not (family.strip() and given.strip())
    parts = Parts([
            collected.take(family, undivided=undivided),
            collected.take(given, undivided=undivided, is_given=True)])
    literal = Parts(
        words(name_words.SIGNED[0][1].sub(' ', text) if '/' in text else text)
        for text in [family, given])
    before = collected.take(prefix, is_prefix=True)
    after = collected.take(suffix, is_suffix=True)
    return Reading(
        parts, parts if parts == literal else literal,
        frozenset(collected.marks), tuple(sorted(collected.numbers)),
        frozenset(collected.generations), collected.sons,
        frozenset(collected.perhaps),
        any(
            word.bare not in name_words.PARTICLES for word in before + after),
        before + after)


@lru_cache(20_000)
def is_plain(text):
    """Return whether nothing in a text marks, numbers or titles somebody.

    That is most often so, and spares to look for each of them.
    """
    if '/' in text or '.' in text or 'º' in text:
        return False
    found = words(text.casefold())
    return (
        found.bares.isdisjoint(name_words.NO_NAMES)
        and not any(
            word.is_initial or word.text.isdigit()
            or word.text in name_words.NO_NAMES
            or word.key in name_words.NO_NAMES
            or word.script in name_words.GLUED and unglued(word)[1]
            for word in found))


class _Collected:
    "What is taken out of the parts of a name"

    def __init__(self, letters, own):
        self.letters, self.own = letters, own
        self.marks, self.numbers, self.generations = set(), [], set()
        self.sons, self.perhaps = False, set()

    def take(
            self, text, undivided=False, is_given=False, is_prefix=False,
            is_suffix=False):
        "Return the words of a part that are a name"
        if is_plain(text):
            return words(text)
        text = _undotted(text).casefold()
        text = self._without_signs(text)
        left = self._without_marks(
            list(words(text)), undivided, is_given, is_suffix)
        left = self._without_numbers(left)
        if is_suffix or len(left) > 1:
            self.perhaps |= _perhaps_generations(left, is_suffix)
        if not is_prefix:
            left = self._without_generations(left, is_suffix)
        titles = (
            name_words.OUTER_TITLES if is_prefix or is_suffix
            else name_words.TITLES)
        untitled = [w for w in left if w.bare not in titles]
        return Words(
            untitled if untitled or is_prefix or is_suffix else left)

    def _without_signs(self, text):
        for sign, pattern in name_words.SIGNED:
            if sign in text:
                for match in pattern.finditer(text):
                    self.marks.add(''.join(
                            c for c in match.group() if c.isalpha()))
                text = pattern.sub(' ', text)
        if _DIGITS.isdisjoint(text):
            return text
        for letter, number in name_words.CODED.findall(text):
            self.marks.add(letter)
            self._number(number)
        return name_words.CODED.sub(' ', text)

    def _without_generations(self, left, is_suffix):
        names = [w for w in left if w.bare not in name_words.GENERATIONS]
        if not is_suffix and all(
                w.bare in name_words.PARTICLES for w in names):
            # It is the name
            return left
        for word in left:
            if word.bare in name_words.GENERATIONS:
                self.generations.add(name_words.GENERATIONS[word.bare])
                self.sons |= word.bare in name_words.SONS - {'filho'}
        return names

    def _without_marks(self, left, undivided, is_given, is_suffix):
        self._take_phrases(left)
        names = []
        for at, word in enumerate(left):
            mark, number = name_words.NUMBERED.get(word.bare, (None, None))
            if mark:
                self.marks.add(mark)
                if number in {'boy', 'girl'}:
                    self.marks.add(number)
                else:
                    self._number(number)
            elif {word.text, word.key} & name_words.NEWBORN or (
                    self._is_child_of(
                        word, at, left, undivided, is_given, is_suffix)):
                self.marks.add(word.key)
            else:
                rest, mark = unglued(word)
                if mark:
                    self.marks.add(mark)
                names.extend(words(rest) if mark else [word])
        return names

    def _take_phrases(self, left):
        at = 0
        while at < len(left):
            for phrase in name_words.NEWBORN_PHRASES.get(left[at].key, ()):
                if phrase == tuple(
                        w.key for w in left[at:at + len(phrase)]):
                    self.marks.add(''.join(phrase))
                    del left[at:at + len(phrase)]
                    break
            else:
                at += 1

    def _is_child_of(self, word, at, left, undivided, is_given, is_suffix):
        if word.key in name_words.SONS:
            following = left[at + 1:at + 2]
            return at == 0 and not is_suffix or bool(following) and (
                following[0].bare in {'de', 'da', 'do', 'di', 'du'})
        if word.key in self.own:
            return False
        if word.key in name_words.FIRST_MARKS:
            return undivided or at in {0, len(left) - 1}
        return (
            word.key in name_words.FIRST_OF_ALL and (
                at == 0 and (undivided or is_given and len(left) > 1)
                or is_given and at == len(left) - 1 > 0
                and word.key in name_words.LAST_OF_ALL))

    def _without_numbers(self, left):
        "Return the words that number nobody"
        names = []
        for word in left:
            if word.text.isdigit():
                self._number(word.text)
            elif self.letters == 'romans':
                if word.text in {'i', 'v', 'x'} and names:
                    self.generations.add(word.text)
                else:
                    names.append(word)
            elif self.letters and word.bare in name_words.ORDINALS:
                self._number(word.bare)
            elif self.letters and word.is_initial and word.bare.isascii():
                self.numbers.append(ord(word.bare) - ord('a') + 1)
            else:
                names.append(word)
        return names

    def _number(self, text):
        number = name_words.ORDINALS.get(text)
        if number is None:
            number = int(''.join(
                    str(unicodedata.digit(c, 0)) for c in text))
        self.numbers.append(number)


def _undotted(text):
    "Return the text where N.to, J.or and the like are one word"
    def join(match):
        dotted = match.group()
        word = dotted.casefold().replace('.', '').replace('º', 'o')
        if word in name_words.GENERATIONS:
            return word
        return name_words.DOTTED_GENERATIONS.get(word, dotted)

    return name_words.DOTTED.sub(join, text)


def _perhaps_generations(left, is_suffix):
    "Return which words can say whose son somebody is, or be a name"
    keys = [word.key for word in left]
    after = keys if is_suffix else keys[1:]
    return name_words.PERHAPS_GENERATIONS.intersection(after).union(
        name_words.GENERATION_LETTERS.intersection(after[-1:]),
        name_words.AFTER_D.intersection(
            after[-1:] if after[-2:-1] == ['d'] else ()), (
            key for before, key in zip(after, after[1:], strict=False)
            if before in name_words.FATHERS))


def unglued(word):
    "Return the word without the mark that is not parted from it, and that"
    for mark in name_words.GLUED.get(word.script, ()):
        if word.script == 'THAI':
            if word.text.startswith(mark):
                return word.text[len(mark):], mark
        elif word.text.endswith(mark):
            return word.text[:-len(mark)], mark
    return word.text, None

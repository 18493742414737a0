# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do two person names agree: pure functions.

A comparison agrees (True), contradicts (False), or says nothing (None).
"""
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from .dicom import parse_person_name


def names_agree(person_name, names):
    """Compare a PN value with the names that a person goes by.

    Each group of the value (PS3.5 6.2 PN) must agree with one of the names;
    names in different scripts say nothing of each other.
    """
    if _are_plainly_equal(person_name, names):
        return True
    results = []
    for group in parse_person_name(person_name):
        reported = _name(group.family, f'{group.given} {group.middle}')
        comparable = [
            known for known in (_name(*name) for name in names)
            if _scripts(reported) & _scripts(known)]
        results.append(_any(_name_agrees(reported, k) for k in comparable))
    return False if False in results else True if True in results else None


def share_a_word(person_name, names):
    """Return whether a PN value and a name of a person share a whole word.

    That is much too little to take them for one, and enough where they were
    one before the name changed.
    """
    def forms(parts):
        return {
            form for part in parts for word in _words(part or '')
            if not word.is_initial for form in word.forms}

    reported = forms(
        part for group in parse_person_name(person_name)
        for part in [group.family, group.given, group.middle])
    return not reported.isdisjoint(
        forms(part for name in names for part in name))


def _are_plainly_equal(person_name, names):
    """Return whether a name is that of the value but for case.

    That is most often so, and takes a tenth of the time.
    """
    parts = (person_name or '').casefold().split('^')
    return any(
        [(part or '').casefold() for part in name] == parts
        for name in names) and all(
        part.isalnum() and len(part) > 1
        and unicodedata.is_normalized('NFKC', part) for part in parts)


def _any(results):
    "Return whether one agrees, or all of them contradict"
    results = set(results)
    return True if True in results else False if results == {False} else None


def _both(*results):
    "Return whether both agree, or one contradicts"
    return False if False in results else None if None in results else True


def _name_agrees(reported, known):
    """Compare two names, each a pair of what is family and given name.

    Who entered a name can have taken one for the other, or have put both in
    one place.
    """
    scripts = _scripts(reported) & _scripts(known)
    whole = [*map(bool, reported), *map(bool, known)]
    reported, known = (
        [[word for word in part if word.script in scripts] for part in name]
        for name in [reported, known])
    if [*map(bool, reported), *map(bool, known)] != whole:
        # A part is written in another script: the other alone is not enough
        return False if _parts_agree(reported, known) is False else None
    return _parts_agree(reported, known)


def _parts_agree(reported, known):
    "Compare two names in the same script, each a pair of lists of words"
    if all(map(bool, [*reported, *known])):
        family, given = reported
        # Relatives share one of them
        agrees = _any(
            _both(_part_agrees(one, known[0]), _part_agrees(other, known[1]))
            for one, other in [(family, given), (given, family)])
        # The border between them can be elsewhere: "van der Berg^Jan"
        return agrees or _same_words(
            sum(reported, []), sum(known, [])) or agrees
    return _undivided_agrees(reported, known)


def _undivided_agrees(reported, known):
    "Compare two names of which one has no parts, or lacks one"
    words, others = sum(reported, []), sum(known, [])
    if _same_words(words, others) or (
            # Scripts without spaces
            max(len(words), len(others)) > 1
            and _joined_parts(reported) & _joined_parts(known)):
        return True
    if not _part_agrees(words, others):
        return _part_agrees(words, others)
    # The one that is divided must be met in both parts
    divided = reported if all(reported) else known
    undivided = others if all(reported) else words
    if all(divided) and all(
            _part_agrees(undivided, part) for part in divided):
        return True
    return None


def _same_words(words, others):
    "Return whether the words are the same in any order, and no mere initials"
    if len(words) != len(others) or all(word.is_initial for word in words):
        return False
    left = list(others)
    for word in words:
        for other in left:
            if word.forms & other.forms:
                left.remove(other)
                break
        else:
            return False
    return True


def _part_agrees(words, others):
    """Compare two family names or two given names.

    One can lack words that the other has, as second given names are often
    left out. Initials say nothing, unless no word begins so.
    """
    if _joined(words) & _joined(others) and not all(
            word.is_initial for word in words):
        return True
    if len(words) > len(others):
        words, others = others, words
    left, unmet, met = list(others), [], False
    for word in words:
        for other in left:
            if word.forms & other.forms:
                left.remove(other)
                met |= not word.is_initial
                break
        else:
            unmet.append(word)
    for word in unmet:
        for other in left:
            if (word.is_initial or other.is_initial) and any(
                    one[0] == two[0]
                    for one in word.forms for two in other.forms):
                left.remove(other)
                break
        else:
            return False
    return True if met else None


def _joined(words):
    "Return the forms of words written as one, as 'de Souza' and 'DeSouza'"
    joined = {''}
    for word in words:
        joined = {start + form for start in joined for form in word.forms}
    return joined


def _joined_parts(name):
    return _joined(sum(name, [])) | _joined(sum(reversed(name), []))


class _Word(NamedTuple):
    "The forms a word can be written in, its script, whether it is an initial"
    forms: frozenset
    script: str
    is_initial: bool


def _name(family, given):
    return [_words(family or ''), _words(given or '')]


def _scripts(name):
    return {word.script for part in name for word in part}


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
    '', '', "'`\u00b4\u00b7\u02b9\u02bb\u02bc\u02bf\u2018\u2019\u2032")
_KATAKANA = {
    code: code - 0x60 for code in range(0x30a1, 0x30f7)}
# Where one letter alone abbreviates a name; elsewhere it can be a whole one
_ALPHABETS = {'LATIN', 'GREEK', 'CYRILLIC', 'ARMENIAN', 'GEORGIAN'}


@lru_cache(20_000)
def _words(text):
    "Return the words of a name, whatever its accents and case"
    if text.isascii():
        return [
            _Word(frozenset([word]), 'LATIN', len(word) == 1)
            for word in _split(text.casefold().translate(_APOSTROPHES))]
    text = unicodedata.normalize('NFKC', text).casefold()
    text = unicodedata.normalize('NFKC', text)
    words = []
    for word in _split(text.translate(_APOSTROPHES).translate(_KATAKANA)):
        forms = frozenset([_plain(word), _plain(word.translate(_WRITTEN_OUT))])
        letter = min(forms)
        script = unicodedata.name(letter[0], '').partition(' ')[0]
        words.append(_Word(
                forms, script, script in _ALPHABETS and len(letter) == 1))
    return words


def _split(text):
    # Letters, marks (the vowels of some scripts) and numbers make up words
    return ''.join(
        c if c.isalnum() or unicodedata.category(c)[0] in 'LMN' else ' '
        for c in text).split()


def _plain(word):
    "Return the word without accents"
    decomposed = unicodedata.normalize('NFD', word.translate(_LETTERS))
    plain = ''.join(
        c for c in decomposed if not _is_accent(unicodedata.combining(c)))
    return unicodedata.normalize('NFC', plain.translate(_LETTERS)) or word


def _is_accent(combining_class):
    """Return whether marks of that class are left out by many who write.

    They are the points of Hebrew and Arabic and what stands above and below
    letters; not the voicing of kana, nor the signs of Indic scripts and Thai.
    """
    return 10 <= combining_class <= 36 or combining_class >= 200

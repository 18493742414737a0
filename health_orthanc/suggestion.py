# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who else a study could be of: persons ranked by similarity.

Pure functions with stated reasons. What they return is for a person to look
at; nothing here links anybody.
"""
import datetime as dt
import unicodedata
from difflib import SequenceMatcher
from itertools import chain
from typing import NamedTuple

from .dicom import parse_person_name
from .names import AGREES, WITH_BIRTH_DATE, compare_names
from .spelling import lookup_key, plain_forms

# Why a person is suggested; the texts are in message.xml
SAME_IDENTIFIER = 'same_identifier'
SAME_NAME = 'same_name'
SIMILAR_NAME = 'similar_name'
SAME_BIRTH_DATE = 'same_birth_date'
SWAPPED_BIRTH_DATE = 'swapped_birth_date'
NEAR_BIRTH_DATE = 'near_birth_date'
SAME_SEX = 'same_sex'
OPEN_ORDER = 'open_order'

_POINTS = {
    SAME_IDENTIFIER: 50,
    OPEN_ORDER: 40,
    SAME_NAME: 40,
    SAME_BIRTH_DATE: 40,
    SIMILAR_NAME: 25,
    SWAPPED_BIRTH_DATE: 25,
    NEAR_BIRTH_DATE: 20,
    # Half of all persons have it
    SAME_SEX: 5,
    }
# Below, it is chance: a birth date alone is shared by many
_ENOUGH = 40
_SIMILAR = 0.8
# How letters are written out that are looked up as the first of the two
_WRITTEN_OUT = ['ae', 'oe', 'ue', 'aa', 'ss', 'th']
MOST = 10


class Suggestion(NamedTuple):
    "A person, the reasons why, and what that is worth"
    person: int
    reasons: tuple
    score: int


def rank(reported, persons, identified=(), ordered=()):
    """Return the suggestions for what is reported, the best first.

    identified are the ids of the persons that the identifier means, ordered
    the ids of those with an open order of the modality and day.
    """
    suggestions = []
    for person in persons:
        reasons = tuple(_reasons(reported, person, identified, ordered))
        score = sum(map(_POINTS.get, reasons))
        if score >= _ENOUGH:
            suggestions.append(Suggestion(person.id, reasons, score))
    suggestions.sort(key=lambda s: (-s.score, s.person))
    return suggestions[:MOST]


def _reasons(reported, person, identified, ordered):
    if person.id in identified:
        yield SAME_IDENTIFIER
    if person.id in ordered:
        yield OPEN_ORDER
    # What links takes for one name is one here; likeness only adds to it
    agreement = compare_names(reported.person_name, person.names)
    likeness = name_likeness(reported.person_name, person.names)
    if agreement == AGREES or likeness == 1:
        yield SAME_NAME
    elif agreement == WITH_BIRTH_DATE or likeness >= _SIMILAR:
        yield SIMILAR_NAME
    if reported.birth_date and person.birth_date:
        if reported.birth_date == person.birth_date:
            yield SAME_BIRTH_DATE
        elif person.birth_date == _swapped(reported.birth_date):
            yield SWAPPED_BIRTH_DATE
        elif person.birth_date in near_dates(reported.birth_date):
            yield NEAR_BIRTH_DATE
    if reported.sex in person.sexes:
        yield SAME_SEX


def name_likeness(person_name, names):
    """Return how alike a PN value is to the best of the names, from 0 to 1.

    Words count in any order, so that a swap of family and given name does
    not matter, nor do accents and case.
    """
    reported = [
        words for group in parse_person_name(person_name)
        if (words := name_words([group.family, group.given, group.middle]))]
    known = [words for name in names if (words := name_words(name))]
    return max((
            _likeness(one, other) for one in reported for other in known),
        default=0)


def reported_words(person_name):
    """Return what could be the family name of a PN value, as lookup_key().

    In each way it can be written: "Müller" and "Mueller", "de Souza" and
    "DeSouza".
    """
    parts = [
        part for group in parse_person_name(person_name)
        for part in [group.family, group.given, group.middle]]
    texts = {text for part in parts for text in [part, *part.split()]}
    texts |= {form for text in texts for form in plain_forms(text)}
    texts = set(map(lookup_key, texts))
    for written in _WRITTEN_OUT:
        texts |= {text.replace(written, written[0]) for text in texts}
    return sorted(text for text in texts if len(text) > 1)


def name_words(name):
    "Return the words of a name, a text or parts of one, sorted"
    text = ' '.join(filter(None, [name] if isinstance(name, str) else name))
    decomposed = unicodedata.normalize('NFKD', text.casefold())
    return sorted(''.join(
            c for c in decomposed if c.isalnum() or c.isspace()).split())


def _likeness(words, others):
    if words == others:
        return 1
    # Spelled alike, yet not the same
    return min(0.99, max(
            SequenceMatcher(None, ' '.join(words), ' '.join(others)).ratio(),
            _words_likeness(words, others)))


def _words_likeness(words, others):
    "Return the mean likeness of the words to the best of the others each"
    fewer, more = sorted([words, list(others)], key=len)
    if len(fewer) < 2:
        # One word alone, mostly a family name, is no name
        return 0
    left, likeness = list(more), 0
    for word in fewer:
        ratio, best = max(
            (SequenceMatcher(None, word, other).ratio(), other)
            for other in left)
        left.remove(best)
        likeness += ratio
    return likeness / len(fewer)


def possible_birth_dates(date):
    "Return the birth dates that a reported one may be a mistake for"
    return {date, _swapped(date), *near_dates(date)} - {None}


def _swapped(date):
    "Return the date with day and month swapped, if there is one"
    return _replaced(date, day=date.month, month=date.day)


def near_dates(date):
    "Return the dates that differ in one place: a digit, or two swapped"
    digits = date.strftime('%Y%m%d').rjust(8, '0')
    mistyped = (
        digits[:i] + digit + digits[i + 1:]
        for i in range(8) for digit in '0123456789')
    transposed = (
        digits[:i] + digits[i + 1] + digits[i] + digits[i + 2:]
        for i in range(7))
    return {
        near for text in chain(mistyped, transposed)
        if (near := _read(text)) and near != date}


def _read(digits):
    try:
        return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _replaced(date, **values):
    try:
        return date.replace(**values)
    except ValueError:
        return None

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do two person names agree: pure functions.

What kinds of names agree, and which do not, is said in doc/rules.rst.
"""
from enum import IntEnum
from functools import lru_cache
from itertools import chain

from . import name_words, romanization
from .dicom import parse_person_name
from .garbled import cut_short, decoded, has_lost_letters, lost_letters
from .reading import Reading, is_plain
from .spelling import Words, are_variants, is_slip, words

# What is longer is nobody's name (PS3.5 6.2 has 64 characters for one group),
# and would take very long to compare
_MOST_CHARACTERS = 200
# So many words are divided into family and given name in each way
_MOST_DIVIDED = 20


class Agreement(IntEnum):
    "How far two names agree, the less the lower"
    CONTRADICTS = 0
    # They share something, which is not enough
    UNSURE = 1
    # One is missing, or is in a script that cannot be compared
    INCOMPARABLE = 2
    # They agree where the birth date does
    WITH_BIRTH_DATE = 3
    AGREES = 4


CONTRADICTS, UNSURE, INCOMPARABLE, WITH_BIRTH_DATE, AGREES = Agreement
_SEXES = [
    (name_words.WOMEN, name_words.MEN), (name_words.MEN, name_words.WOMEN)]


def compare_names(person_name, names):
    """Return the Agreement of a PN value with the names a person goes by.

    names are tuples of pairs (family, given). Each group of the value (PS3.5
    6.2 PN) must agree with one of the names.
    """
    if _are_plainly_equal(person_name, names):
        return AGREES
    return _compare(person_name or '', tuple(names))


def share_a_word(person_name, names):
    """Return whether a PN value and a name of a person share a whole word.

    That is much too little to take them for one, and enough where they were
    one before the name changed.
    """
    def forms(parts):
        return {
            form for part in parts for word in words(part or '')
            if not word.is_initial and word.bare not in name_words.PARTICLES
            for form in word.forms}

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
    if len(parts) == 3:
        parts[1:] = [f'{parts[1]} {parts[2]}'.strip()]
    return any(
        [(part or '').casefold() for part in name] == parts
        for name in names) and all(
            words(part) and is_plain(part) for part in parts)


@lru_cache(20_000)
def _compare(person_name, names):
    if _are_too_long(person_name, names):
        return UNSURE
    groups = [group for group in parse_person_name(person_name) if group]
    results = [
        _compare_group(group, names) for group in groups
        if any(map(words, group)) or any(map(has_lost_letters, group))]
    if not results:
        return INCOMPARABLE
    return CONTRADICTS if CONTRADICTS in results else max(results)


def _are_too_long(person_name, names):
    return max(map(len, chain(
                [person_name], (part or '' for part in chain(*names))))
        ) > _MOST_CHARACTERS


def _compare_group(group, names):
    "Compare one representation of a name with the names of a person"
    reported, same, other = Reading.of(group), [], []
    scripts = reported.scripts
    for name in names:
        known = Reading.of_known(*name)
        if known.is_empty:
            continue
        of = other if scripts and scripts.isdisjoint(known.scripts) else same
        of.append(_compare_readings(group, name))
    # Another script tells less, but for what agrees
    best = max(same or other, default=INCOMPARABLE)
    if max(other, default=CONTRADICTS) >= WITH_BIRTH_DATE > best:
        best = WITH_BIRTH_DATE
    if best < WITH_BIRTH_DATE and _is_damaged(group, names, reported):
        return WITH_BIRTH_DATE
    return best


def _is_damaged(group, names, reported):
    "Return whether the name is one of the names, but garbled or cut short"
    return any(
        lost_letters(group, name) for name in names) or any(
        not (reported.marks or reported.generations)
        and (full := cut_short(group, name))
        and _compare_readings(full, name) == AGREES for name in names) or any(
        _compare_readings(parse_person_name(text).alphabetic, name) == AGREES
        for name in names for text in decoded(group, name))


def _read_both(group, name):
    "Return what both names say, each read as the other one asks for"
    reported, known = Reading.of(group), Reading.of_known(*name)
    if not (reported.marks or known.marks
            or reported.has_romans or known.has_romans):
        return reported, known
    # What both have as a name is none that says whose child it is
    own = frozenset().union(*(
            _own_marks(one.marks, one.literal.whole, other.literal.whole)
            for one, other in [(known, reported), (reported, known)]))
    if own:
        reported, known = (
            Reading.of(group, '', own), Reading.of_known(*name, '', own))
    letters = (
        'all' if reported.marks or known.marks
        else 'romans' if reported.has_romans or known.has_romans else '')
    if letters:
        reported, known = (
            Reading.of(group, letters, own),
            Reading.of_known(*name, letters, own))
    if own & name_words.FIRST_MARKS:
        # Siblings can both be called so
        reported = reported._replace(is_extended=True)
    return reported, known


def _own_marks(marks, words_, others):
    """Return the marks that are a name, as another has it, too.

    It can be written as one with the next: Bat Sheva and Batsheva.
    """
    marks &= name_words.FIRST_MARKS | name_words.FIRST_OF_ALL
    keys = {word.key for word in others} if marks else ()
    return {
        mark for mark in marks
        if mark in keys or any(mark + word.key in keys for word in words_)}


def _lacks_generation(reading, other):
    """Return whether a word that can be a generation is one the other lacks.

    A letter can be the initial of a name that the other has.
    """
    own, keys = (
        {word.key for word in one.literal.whole} for one in [reading, other])
    return any(
        word not in keys | other.perhaps and not (
            len(word) == 1 and any(key[0] == word for key in keys - own))
        for word in reading.perhaps)


def _tones_differ(words_, others):
    """Return whether a word has a tone, and is without one on the other side.

    Where both are written with tones, the level one is one as well: Hoa and
    Hòa are two people of the Nguyễn.
    """
    if not (words_.marks and others.marks and words_.have_tones
            and others.have_tones):
        return False
    return any(
        all(bool(word.marks) != bool(other.marks) for other in same)
        for word in words_ if (same := [
            other for other in others
            if not word.forms.isdisjoint(other.forms)]))


def _has_code(reading, other):
    "Return whether what one has beyond the other can be no name"
    fewer, more = sorted([reading, other], key=_size)
    if _size(fewer) == _size(more):
        return False
    keys = {word.key for word in chain(fewer.parts.whole, fewer.outer)}
    return any(
        word.is_code and word.key not in keys
        for word in chain(more.parts.whole, more.outer))


def _size(reading):
    return len(reading.parts.whole) + len(reading.outer)


@lru_cache(20_000)
def _compare_readings(group, name):
    reported, known = _read_both(group, name)
    if bool(reported.marks) != bool(known.marks):
        # A child and its mother, whatever else agrees
        if reported.marks:
            return CONTRADICTS
        return min(UNSURE, _compare_parts(reported.parts, known.parts))
    if reported.numbers and known.numbers and (
            reported.numbers != known.numbers) or _tones_differ(
                reported.literal.whole, known.literal.whole):
        return CONTRADICTS
    if reported.marks:
        return _compare_children(reported, known)
    literally = not reported.is_extended and _same_sequence(
        reported.literal, known.literal)
    if literally and not (
            reported.generations or known.generations
            or reported.numbers or known.numbers):
        return AGREES
    if reported.generations and known.generations and (
            reported.generations != known.generations):
        return CONTRADICTS
    level = _compare_parts(reported.parts, known.parts)
    has_same = reported.generations == known.generations or (
        # In the names themselves, of which one is not divided
        literally and not group.suffix)
    if literally and level < AGREES:
        level = AGREES if has_same else WITH_BIRTH_DATE
    if not has_same:
        level = min(
            level, UNSURE if reported.sons or known.sons
            else WITH_BIRTH_DATE)
    lacking = [
        one.perhaps and _lacks_generation(one, other)
        for one, other in [(reported, known), (known, reported)]]
    if level > UNSURE and _has_code(reported, known):
        level = UNSURE
    if any(lacking):
        level = min(
            level, WITH_BIRTH_DATE if has_same and not all(lacking)
            else UNSURE)
    if reported.numbers != known.numbers:
        # A counter; but of who has one name only
        level = min(
            level, WITH_BIRTH_DATE if sum(map(len, known.parts)) > 1
            else UNSURE)
    if reported.is_extended:
        level = min(level, WITH_BIRTH_DATE)
    return level


def _compare_children(reported, known):
    "Compare the names of two newborns, as far as they have one"
    if reported.numbers != known.numbers or reported.marks != known.marks:
        return min(UNSURE, _compare_parts(reported.parts, known.parts))
    left, right = (
        sorted(sorted(word.forms)[0] for word in reading.parts.whole
            if word.bare not in name_words.PARTICLES)
        for reading in [reported, known])
    if left == right:
        if (reported.marks <= name_words.ALSO_NAMES
                & {word.key for word in known.literal[0]}
                and known.parts[1] and _same_sequence(
                    reported.literal, known.literal)):
            return AGREES
        return WITH_BIRTH_DATE
    return min(UNSURE, _compare_parts(reported.parts, known.parts))


def _compare_parts(reported, known):
    "Compare two names, each Parts"
    if not any(reported) or not any(known):
        return INCOMPARABLE
    if _same_sequence(reported, known):
        return AGREES
    is_japanese = reported.whole.are_romaji and known.whole.are_romaji
    if all(reported) and all(known):
        return _compare_divided(reported, known, is_japanese)
    if len(reported.whole) > _MOST_DIVIDED or len(known.whole) > _MOST_DIVIDED:
        return UNSURE
    for undivided, divided in [(reported, known), (known, reported)]:
        if all(divided) and not all(undivided) and any(
                _are_same(undivided.whole.core, part.core)
                for part in divided):
            # Saint-Pierre alone is no Saint, Jean-Pierre
            return UNSURE
    if all(known):
        return _best((
                _compare_divided(divided, known, is_japanese, swaps=False)
                for divided in _divisions(reported.whole)),
            _compare_one_part(reported.whole, known))
    words_, others = reported.whole, known.whole
    # Which of the words are given names that can be left out is not known
    most = AGREES if len(words_) >= len(others) else WITH_BIRTH_DATE
    if all(reported):
        # Nor which one is the family name
        return min(most, _best((
                    _compare_divided(
                        reported, divided, is_japanese, forgives=False)
                    for divided in _divisions(others)),
                _compare_one_part(others, reported)))
    if len(words_) > 1 and len(others) > 1:
        return min(most, _best(
                _compare_divided(one, other, is_japanese, forgives=False)
                for one in _divisions(words_) for other in _divisions(others)))
    return min(
        UNSURE if len(words_) + len(others) > 2 else WITH_BIRTH_DATE,
        _compare_part(words_, others, is_japanese))


def _best(levels, otherwise=None):
    "Return the highest of levels, or otherwise if there is none"
    best = None
    for level in levels:
        if level == AGREES:
            return level
        if best is None or level > best:
            best = level
    return otherwise if best is None else best


def _divisions(undivided):
    "Yield what can be the family and the given name in a name"
    for at in range(1, len(undivided)):
        one, other = Words(undivided[:at]), Words(undivided[at:])
        yield one, other
        yield other, one


def _compare_one_part(one, divided):
    "Compare what is one word, or lacks a part, with a divided name"
    level = max(
        _compare_part(one, part, False) for part in divided)
    if level == INCOMPARABLE and len(one) == 1 and (
            _joined_agrees(one, divided.whole)):
        return WITH_BIRTH_DATE
    return min(UNSURE, level) if level != INCOMPARABLE else level


def _compare_divided(
        reported, known, is_japanese, swaps=True, forgives=True):
    """Compare two names of which both parts are known.

    One can have taken the family name for the given one and the other way
    round. One slip is forgiven in the family name only.
    """
    level = _compare_straight(reported, known, is_japanese, forgives)
    if swaps and level < AGREES:
        swapped = _compare_part(reported[0], known[1], is_japanese)
        if swapped > level:
            swapped = min(swapped, _compare_part(
                    reported[1], known[0], is_japanese, is_family=True))
            # Jean, Pierre and Pierre, Jean Paul
            swapped = min(swapped, [UNSURE, WITH_BIRTH_DATE, AGREES][
                    _are_whole(reported[0], known[1])
                    + _are_whole(reported[1], known[0])])
            level = max(level, swapped)
    return level


def _are_whole(words_, others):
    "Return whether no word is left out, as far as the scripts tell it"
    return words_.scripts != others.scripts or _are_same(
        words_.core, others.core)


def _compare_straight(reported, known, is_japanese, forgives):
    given = _compare_part(reported[1], known[1], is_japanese)
    if given == CONTRADICTS:
        return CONTRADICTS
    level = min(given, _compare_part(
            reported[0], known[0], is_japanese, is_family=True))
    if level == WITH_BIRTH_DATE and _are_mixed(reported, known):
        level = CONTRADICTS
    if level == CONTRADICTS and forgives and given == AGREES and (
            not reported[1].joined.isdisjoint(known[1].joined)
            and _is_slip(reported[0], known[0])):
        level = WITH_BIRTH_DATE
    return level


def _are_mixed(reported, known):
    "Return whether a given name is taken for a second family name"
    extra = [
        word for word in reported[0]
        if not any(_same(word, other) for other in known[0])]
    return any(_same(word, other) for word in extra for other in known[1])


def _is_slip(words_, others):
    return words_[0].script == others[0].script and any(
        is_slip(one, other)
        for one in words_.core.joined for other in others.core.joined)


def _same_sequence(reported, known):
    """Return whether the words are the same, but for where the parts end.

    One can begin with the family name and the other with the given one.
    """
    return not reported.joined.isdisjoint(known.joined) and any(
        _are_same(one, other) and not one.are_initials
        for one in reported.orders for other in known.orders)


def _are_same(words_, others):
    "Return whether the words are the same, in this order"
    if words_.joined.isdisjoint(others.joined):
        return False
    if len(words_) == len(others):
        # Jian An and Jia Nan are two people
        return bool(words_) and all(map(_same, words_, others))
    fewer, more = sorted([words_, others], key=len)
    return bool(fewer) and _marks_fit(fewer, more) and (
        _are_written_as_one(fewer, more))


def _are_written_as_one(fewer, more):
    "Return whether each word is one or several words of the other, in order"
    if not fewer:
        return not more
    return any(
        not Words(fewer[:1]).joined.isdisjoint(Words(more[:count]).joined)
        and _are_written_as_one(fewer[1:], more[count:])
        for count in range(1, len(more) - len(fewer) + 2))


def _same(word, other):
    return (
        not word.forms.isdisjoint(other.forms) and _marks_fit(word, other))


def _marks_fit(one, other):
    """Return whether the accents can be of one name.

    They are left out by many; where both sides have some, they count.
    """
    return not one.marks or not other.marks or one.marks == other.marks


def _compare_part(words_, others, is_japanese, is_family=False):
    "Compare two family names or two given names"
    if words_.scripts != others.scripts:
        return _compare_scripts(words_, others)
    if _are_same(words_, others):
        return UNSURE if words_.are_initials else AGREES
    for one, other in _SEXES:
        if not (words_.bares.isdisjoint(one)
                or others.bares.isdisjoint(other)):
            return CONTRADICTS
    core, other_core = words_.core, others.core
    for side, rest in [(core, others), (other_core, words_)]:
        if side.bares <= name_words.PARTICLES:
            return (
                UNSURE if all(any(_same(w, o) for o in rest) for w in side)
                else CONTRADICTS)
    if _are_same(core, other_core) and not core.are_initials:
        return AGREES
    if _marks_fit(core, other_core) and are_variants(
            core, other_core, is_japanese):
        return WITH_BIRTH_DATE
    return _compare_words(core, other_core, is_japanese, is_family)


def _compare_words(words_, others, is_japanese, is_family):
    """Compare words of which one side can lack some.

    Initials say nothing, unless no word begins so.
    """
    fewer, more = sorted([words_, others], key=len)
    matches = _align(fewer, more, is_japanese)
    if matches is None:
        return CONTRADICTS
    full = [
        fewer[i] for i, (_, level) in enumerate(matches) if level > UNSURE]
    if not full or all(w.bare in name_words.WEAK for w in full) or (
            sum(len(min(w.forms)) for w in full) < 3
            and len(more) > len(fewer)
            and full[0].script not in {'CJK', 'HANGUL'}):
        return UNSURE
    level = min((level for _, level in matches if level > UNSURE))
    begins = matches[0] == (0, matches[0][1]) and matches[0][1] > UNSURE
    if len(words_) > len(others):
        # More than is known of the person
        level = min(level, WITH_BIRTH_DATE if begins or is_family else UNSURE)
    elif not begins:
        level = min(
            level, UNSURE if not is_family
            and more[0].bare in name_words.CHILD_LETTERS
            else WITH_BIRTH_DATE)
    return level


def _align(fewer, more, is_japanese, number=0, start=0, failed=None):
    """Return where each word is met, in this order, and how; None where not.

    As (position, Agreement), UNSURE for an initial. It is of the words from
    number and start on; failed is where that is known not to be.
    """
    if number == len(fewer):
        return []
    failed = set() if failed is None else failed
    if (number, start) in failed:
        return None

    def found(at, level):
        following = _align(
            fewer, more, is_japanese, number + 1, at + 1, failed)
        return following if following is None else [(at, level), *following]

    initials = []
    for at in range(start, len(more) - len(fewer) + number + 1):
        level = _compare_word(fewer[number], more[at], is_japanese)
        if level == UNSURE:
            initials.append(at)
        elif level != CONTRADICTS and (met := found(at, level)) is not None:
            return met
    for at in initials:
        if (met := found(at, UNSURE)) is not None:
            return met
    failed.add((number, start))
    return None


def _compare_word(word, other, is_japanese):
    if _same(word, other):
        return UNSURE if word.is_initial else AGREES
    if word.is_initial or other.is_initial:
        return UNSURE if any(
            one[0] == two[0] for one in word.forms for two in other.forms
            ) else CONTRADICTS
    if _marks_fit(word, other) and are_variants(
            [word], [other], is_japanese):
        return WITH_BIRTH_DATE
    return CONTRADICTS


def _compare_scripts(words_, others):
    "Compare parts of names that are written in different scripts"
    latin, native = words_, others
    if latin.scripts != {'LATIN'}:
        latin, native = others, words_
    if latin.scripts != {'LATIN'} or len(native.scripts) > 1 or (
            'LATIN' in native.scripts):
        return INCOMPARABLE
    if latin.are_initials:
        return UNSURE
    results = []
    for of in [latin] if latin.core == latin else [latin, latin.core]:
        if _joined_agrees(native, of):
            return WITH_BIRTH_DATE
        if len(of) == len(native):
            results.extend(_word_readings(native, of))
    if len(native) == 1 or len(latin) == 1:
        results.extend(
            [_reads_as(native, joined) for joined in latin.joined])
    if results and False in results and True not in results and (
            None not in results):
        return CONTRADICTS
    return UNSURE if native[0].script != 'CJK' and results and (
        True in results or None in results) and (
        native[0].script != 'THAI') else INCOMPARABLE


def _joined_agrees(native, latin):
    if native[0].script == 'LATIN':
        native, latin = latin, native
    text = ''.join(word.text for word in native)
    return any(
        romanization.is_written(native[0].script, text, joined)
        for joined in latin.joined)


def _word_readings(native, latin):
    return [
        romanization.reads_as(word.script, word.text, min(other.forms))
        for word, other in zip(native, latin, strict=True)]


def _reads_as(native, latin):
    return romanization.reads_as(
        native[0].script, ''.join(w.text for w in native), latin)

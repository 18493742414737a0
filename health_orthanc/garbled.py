# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Names that were damaged on their way: garbled, or cut short"
import re
import unicodedata
from string import ascii_lowercase, ascii_uppercase

from .spelling import words

# The character set in which it was read, and those in which it was written
_READ_AS = {
    'latin-1': ['utf-8'], 'cp1252': ['utf-8'], 'cp850': ['utf-8'],
    'cp437': ['utf-8'], 'mac-roman': ['utf-8']}
_WRITTEN = [
    'iso8859-2', 'iso8859-5', 'iso8859-6', 'iso8859-7', 'iso8859-8',
    'iso8859-9', 'cp1250', 'cp1251', 'cp1252', 'cp1253', 'cp1254', 'cp1255',
    'cp1256', 'koi8-r', 'cp866', 'shift-jis', 'euc-jp', 'gb18030', 'big5',
    'euc-kr', 'tis-620']
_LOST = re.compile('[?\ufffd]+')
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
# Where old devices and databases end a name
_LENGTHS = {16, 64}
# What is left of a given name must tell it from that of a twin
_LEFT = 3
_FEMININE = {
    'a', 'e', 'ia', 'ie', 'na', 'ne', 'la', 'le', 'lla', 'lle', 'ina', 'ine',
    'ella', 'elle', 'etta', 'ette', 'tte', 'tta', 'h', 's', 'o', 'i', 'y'}


def decoded(group, name):
    """Yield what a name can have been before it was read as what it is not.

    Only what has the family name in it, and nothing that the name has not: of
    a letter that becomes a sign an initial would be left.
    """
    text, family = '^'.join(group), name[0] or name[1] or ''
    if text.isascii() or not family or not _can_hide(family, text):
        return
    family, known, originals = family.casefold(), None, {text}
    for read, written in _READ_AS.items():
        try:
            data = text.encode(read)
        except UnicodeError:
            continue
        for encoding in written + _WRITTEN:
            try:
                original = data.decode(encoding)
            except UnicodeError:
                continue
            if original in originals or family not in original.casefold():
                continue
            originals.add(original)
            if known is None:
                known = _signs(' '.join(part or '' for part in name))
            if _signs(original) <= known:
                yield original


def _signs(text):
    "Return what a text has besides ASCII and accents"
    return {
        c for c in unicodedata.normalize('NFD', text.casefold())
        if not (c.isascii() or '\u0300' <= c <= '\u036f')}


def _can_hide(name, text):
    """Return whether a name can be in a text that was read as what it is not.

    ASCII stays what it is, and each other letter becomes at least one. Some
    of these have s or i in small letters.
    """
    ascii_ = {c for c in name.casefold() if c.isascii()} - {'s', 'i'}
    return ascii_ <= set(text.casefold()) and (
        sum(not c.isascii() for c in name)
        <= sum(not c.isascii() for c in text))


def has_lost_letters(text):
    return bool(_LOST.search(text))


def lost_letters(group, name):
    """Return whether a name is the one known, but for letters that were lost.

    They were replaced by '?'; only those that are not ASCII are.
    """
    parts = [group.family, f'{group.given} {group.middle}'.strip()]
    if not any(map(has_lost_letters, parts)):
        return False
    return all(
        _is_lost_from(part, known or '')
        for part, known in zip(parts, name, strict=True))


def _is_lost_from(part, known):
    left = _LOST.sub('', part)
    if sum(c.isalpha() for c in left) < 2:
        return False
    pattern = ''.join(
        f'[^\x00-\x7f]{{1,{len(piece)}}}' if _LOST.match(piece)
        else re.escape(piece)
        for piece in re.split('([?\ufffd]+)', part.translate(_SMALL)))
    return bool(re.fullmatch(
            pattern, unicodedata.normalize('NFC', known).translate(_SMALL)))


def cut_short(group, name):
    "Return the name with what was cut off from it, None where nothing was"
    family, given = (part or '' for part in name)
    reported = f'{group.given} {group.middle}'.strip()
    if not (reported and given and family):
        return None
    whole = '^'.join(group).rstrip('^')
    if len(whole) in _LENGTHS and _begins(reported, given, _LEFT):
        return group._replace(given=given, middle='')
    if len(group.family) in _LENGTHS and _begins(group.family, family):
        return group._replace(family=family)
    return None


def _begins(cut, full, least=1):
    "Return whether what was cut is the beginning of the full text"
    cut, full = (
        ' '.join(word.bare for word in words(text)) for text in [cut, full])
    return len(cut) >= least and full.startswith(cut) and (
        full[len(cut):] not in _FEMININE | {''})

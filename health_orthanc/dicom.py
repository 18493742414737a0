# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read DICOM values as a server reports them.

A DICOM server does not validate what a modality sends: a date may be
'garbage', a name may hold a NUL.  Every function here takes any value, never
raises because of it, and returns None for what can not be read.
"""
import datetime as dt
import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

__all__ = [
    'DOCUMENTS', 'DOCUMENT_CLASSES', 'MAXIMUM', 'PersonName',
    'PersonNameGroups', 'can_be_document', 'date', 'display_name',
    'is_document', 'join_modalities', 'parse_person_name', 'printable', 'sex',
    'split_modalities', 'text', 'time', 'timestamp']

# How many characters are kept of a value, by its VR: four times of what the
# standard allows (PS3.5 6.2), as devices exceed that.
MAXIMUM = {
    'CS': 64, 'DA': 64, 'IS': 64, 'LO': 256, 'PN': 776, 'SH': 64, 'UI': 256}

# What is no image (PS3.3 C.7.3.1.1.1): reports, presentations, plans, and what
# is computed from images
DOCUMENTS = (
    'AU', 'DOC', 'KO', 'PLAN', 'PR', 'REG', 'RTDOSE', 'RTPLAN', 'RTRECORD',
    'RTSTRUCT', 'SEG', 'SR')

# What holds neither, whatever modality it says (PS3.4 B.5): encapsulated PDF,
# CDA and models, reports, key objects and presentations
DOCUMENT_CLASSES = tuple('1.2.840.10008.5.1.4.1.1.' + end for end in [
        '104.1', '104.2', '104.3', '104.4', '104.5', '88.11', '88.22', '88.33',
        '88.59', '11.1'])

# Tabs and line ends separate words; the other control characters do not.
_LINE_SPACE = re.compile('[\t\n\x0b\x0c\r\x85\u2028\u2029]+')
# What neither PostgreSQL (NUL) nor XML (the others) can hold, and what makes
# text be shown in another order than it is written.
_CONTROL = re.compile(
    '[\x00-\x1f\x7f-\x9f\ufffe\uffff'
    '\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_SURROGATE = re.compile('[\ud800-\udfff]')

_DATE = re.compile(r'(\d{4})(\d{2})(\d{2})', re.ASCII)
_ACR_NEMA_DATE = re.compile(r'(\d{4})\.(\d{2})\.(\d{2})', re.ASCII)
_TIME = re.compile(
    r'(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?', re.ASCII)
_ACR_NEMA_TIME = re.compile(
    r'(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?', re.ASCII)
_TIMESTAMP = re.compile(
    r'([1-9]\d{3})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)', re.ASCII)

# strftime does not pad a year below 1000, which then reads as another date.
_FIRST_YEAR = 1000


def text(value, vr='LO'):
    """Return the readable part of value, or None when nothing is left.

    Control characters go, and those that reverse the direction of writing;
    tabs and line ends become one space, a lone surrogate becomes U+FFFD, the
    ends are trimmed; spaces inside are kept as they can distinguish two
    identifiers.

    What is longer than the MAXIMUM of its VR is cut, and ends with a digest
    of the whole, so that it equals nothing but itself.
    """
    if not isinstance(value, str):
        return None
    # Most values are printable, and a synchronization reads millions
    value = value.strip() if value.isprintable() else printable(value)
    if len(value) > MAXIMUM[vr]:
        return _cut(value, MAXIMUM[vr])
    return value or None


def printable(value):
    "Return value without what can not be stored or misleads when shown"
    value = _LINE_SPACE.sub(' ', value)
    value = _CONTROL.sub('', value)
    return _SURROGATE.sub('\ufffd', value).strip()


def _cut(value, maximum):
    digest = hashlib.blake2b(value.encode(), digest_size=8).hexdigest()
    return f'{value[:maximum - len(digest) - 2]}… {digest}'


def date(value):
    """Return the datetime.date of a DA value (PS3.5 6.2), or None.

    The older form with dots, which PS3.5 asks readers to accept, is read as
    well.  A range, a part of a date and a day that no calendar has are None.
    """
    value = text(value) or ''
    match = _DATE.fullmatch(value) or _ACR_NEMA_DATE.fullmatch(value)
    if not match:
        return None
    year, month, day = map(int, match.groups())
    if year < _FIRST_YEAR:
        return None
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def time(value):
    """Return the datetime.time of a TM value (PS3.5 6.2), or None.

    Minutes, seconds and fraction may be absent, and the older form with
    colons is read as well.  A leap second (60), which Python can not
    represent, becomes the second before.
    """
    value = text(value) or ''
    match = _TIME.fullmatch(value) or _ACR_NEMA_TIME.fullmatch(value)
    if not match:
        return None
    hour, minute, second, fraction = match.groups()
    second = int(second or 0)
    try:
        return dt.time(
            int(hour), int(minute or 0), 59 if second == 60 else second,
            int((fraction or '').ljust(6, '0')))
    except ValueError:
        return None


def timestamp(value):
    "Return the naive UTC datetime of Orthanc's '20261124T062215', or None"
    match = _TIMESTAMP.fullmatch(text(value) or '')
    if not match:
        return None
    try:
        return dt.datetime(*map(int, match.groups()))
    except ValueError:
        return None


def sex(value):
    "Return 'M', 'F' or 'O' of a Patient's Sex (PS3.3 C.7.1.1), or None"
    value = (text(value) or '').upper()
    return value if value in {'M', 'F', 'O'} else None


def is_document(modality):
    "Return whether a series of that modality, as text gives it, has no images"
    return (modality or '').upper() in DOCUMENTS


def can_be_document(modality):
    "Return whether a series of that modality has images or documents"
    return (modality or '').upper() == 'OT'


def join_modalities(values):
    """Return the text of the modalities of several series.

    They are what text gives of the Modality (0008,0060), or None.
    """
    return text(', '.join(sorted(filter(None, set(values)))))


def split_modalities(value):
    "Return the modalities of a text that join_modalities made"
    return tuple(filter(None, (value or '').split(', ')))


class PersonName(NamedTuple):
    """The components of one group of a PN value (PS3.5 6.2 PN).

    An absent component is the empty string; a name without any is false.
    """
    family: str = ''
    given: str = ''
    middle: str = ''
    prefix: str = ''
    suffix: str = ''

    def __bool__(self):
        return any(self)


class PersonNameGroups(NamedTuple):
    "The three representations of one person's name (PS3.5 6.2 PN)"
    alphabetic: PersonName = PersonName()
    ideographic: PersonName = PersonName()
    phonetic: PersonName = PersonName()

    def __bool__(self):
        return any(self)


def _components(group):
    components = [c.strip() for c in group.split('^')]
    size = len(PersonName._fields)
    # Some devices write one separator too many: keep what follows it.
    suffix = ' '.join(filter(None, components[size - 1:]))
    return PersonName(*components[:size - 1], suffix=suffix) \
        if len(components) >= size else PersonName(*components)


def parse_person_name(value):
    """Return the PersonNameGroups of a PN value (PS3.5 6.2 PN).

    Of several values, separated by a backslash, the first is read.  Groups
    after the third, which the standard does not know, are left out.
    """
    value = (text(value, 'PN') or '').split('\\')[0]
    groups = value.split('=')[:len(PersonNameGroups._fields)]
    return PersonNameGroups(*map(_components, groups))


def _display(groups):
    if groups.alphabetic:
        family, given, middle, prefix, suffix = groups.alphabetic
        names = ' '.join(filter(None, [prefix, given, middle]))
        alphabetic = ', '.join(filter(None, [family, names, suffix]))
    else:
        alphabetic = ''
    # East Asian scripts write the family name first, without a comma.
    native = ' '.join(filter(None, groups.ideographic)) or (
        '' if alphabetic else ' '.join(filter(None, groups.phonetic)))
    if alphabetic and native:
        return f'{alphabetic} ({native})'
    return alphabetic or native


def display_name(value):
    """Return a PN value as people read it, or None when it names nobody.

    "Family, Prefix Given Middle, Suffix", followed by the ideographic group
    in parentheses: "Yamada, Tarou (山田 太郎)".  The phonetic group shows
    only when it is alone.  Several values are separated by "; ".
    """
    value = text(value, 'PN')
    return _display_value(value) if value else None


@lru_cache(maxsize=1024)
def _display_value(value):
    # The same physicians come with study after study
    names = (_display(parse_person_name(name)) for name in value.split('\\'))
    return '; '.join(filter(None, names)) or None

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What DICOM lets identifiers be"
import re
from uuid import uuid4

# PS3.5 6.2 SH; the default repertoire has no backslash, as it separates values
_SHORT_STRING = re.compile(r'(?! )[ -\[\]-~]{1,16}(?<! )')
# PS3.5 9.1
_UID = re.compile(r'(?=.{1,64}\Z)(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+')


def new_uid():
    "Return a UID that is made of a random UUID (PS3.5 B.2)"
    return f'2.25.{uuid4().int}'


def is_uid(text):
    "Return whether the text is a UID: at most 64 characters (PS3.5 9.1)"
    return bool(_UID.fullmatch(text))


def is_short_string(text):
    """Return whether the text is a short string in ASCII (PS3.5 6.2 SH).

    It has at most 16 characters, and no spaces around them, which DICOM does
    not distinguish.
    """
    return bool(_SHORT_STRING.fullmatch(text))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"Sealing of secrets at rest, in pure functions"
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from .exceptions import MalformedKey, UnreadablePassword

_PLAIN = 'plain:'
_FERNET = 'fernet:'


def seal(secret, keys=()):
    """Return the text to store for secret.

    It is encrypted by the first of the Fernet keys, if there is any.
    Raises MalformedKey where one is none.
    """
    if secret is None:
        return None
    if not keys:
        return _PLAIN + secret
    return _FERNET + _cipher(keys).encrypt(secret.encode()).decode()


def unseal(stored, keys=()):
    """Return the secret of the text stored, whichever of the keys sealed it.

    Raises UnreadablePassword where none of the keys fits, MalformedKey where
    one is none.
    """
    if not stored:
        return None
    if stored.startswith(_PLAIN):
        return stored[len(_PLAIN):]
    if not keys:
        raise UnreadablePassword("no key is configured")
    try:
        token = stored[len(_FERNET):].encode()
        return _cipher(keys).decrypt(token).decode()
    except InvalidToken as exception:
        raise UnreadablePassword("no key fits") from exception


def is_sealed(stored):
    "Return whether stored was returned by seal"
    return stored.startswith((_PLAIN, _FERNET))


def is_current(stored, keys=()):
    "Return whether stored is sealed the way seal would do it now"
    if not stored or not keys:
        return True
    if not stored.startswith(_FERNET):
        return False
    try:
        _cipher(keys[:1]).decrypt(stored[len(_FERNET):].encode())
    except InvalidToken:
        return False
    return True


def _cipher(keys):
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        # Its text could quote the key
        raise MalformedKey(
            "a Fernet key is 32 bytes in URL-safe base64") from None

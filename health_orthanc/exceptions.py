# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""All troubles, and what to tell people of them.

The kinds of trouble with a server are plain exceptions, which need neither
pool nor database; describe makes them a sentence.
"""
import re

from trytond.exceptions import UserError, UserWarning
from trytond.i18n import gettext
from trytond.model.exceptions import AccessError

from . import dicom

_LONGEST_DETAIL = 300  # characters
# What credentials look like: in an address, after their scheme or name, and
# what is too long and mixed to be a word.
_CREDENTIALS = [
    (re.compile(r'//[^/\s@]*@'), r'//***@'),
    (re.compile(r'(?i)\b(basic|bearer|digest|negotiate)\s+[^\s"\',;]+'),
        r'\1 ***'),
    (re.compile(
        r'(?i)(pass(?:word|wd|phrase)?|pwd|secret|token|api[-_ ]?key|'
        r'authorization|credentials?|cookie|session(?:id)?)'
        r'(["\']?\s*(?:[:=]|\bis\b)\s*["\']?)(?!\w+ \*\*\*)[^\s"\',;&}]+'),
        r'\1\2***'),
    (re.compile(
        r'(?=[\w+/=.~-]*[0-9])(?=[\w+/=.~-]*[A-Za-z])[\w+/=.~-]{24,}'),
        r'***'),
    ]


class ServerError(UserError):
    pass


class LinkError(UserError):
    pass


class IntervalError(UserError):
    pass


class LinkWarning(UserWarning):
    pass


class ReadOnlyError(AccessError):
    pass


class OrthancError(Exception):
    """What went wrong with a request to an Orthanc server.

    reason names the kind of trouble; detail is a short technical text without
    credentials.
    """
    reason = None

    def __init__(self, detail):
        self.detail = dicom.printable(detail)[:_LONGEST_DETAIL]
        super().__init__(self.detail)


class BadAddress(OrthancError):
    "The URL is malformed, or not the http(s) URL of a host"
    reason = 'bad_address'


class CredentialsInAddress(BadAddress):
    "The URL contains credentials"


class NameNotFound(OrthancError):
    "The name of the host can not be resolved"
    reason = 'name_not_found'


class Refused(OrthancError):
    "Nothing listens on that port of the host"
    reason = 'refused'


class TimedOut(OrthancError):
    "The server did not connect, answer or finish its answer in time"
    reason = 'timed_out'


class BadCredentials(OrthancError):
    "The server does not accept the username and password (401)"
    reason = 'bad_credentials'


class Forbidden(OrthancError):
    "The server knows the user but denies the request (403)"
    reason = 'forbidden'


class UntrustedCertificate(OrthancError):
    "The server's certificate can not be verified"
    reason = 'untrusted_certificate'


class CertificateOfAnother(OrthancError):
    "The server's certificate is for other names than the one in the URL"
    reason = 'certificate_of_another'


class TlsFailed(OrthancError):
    "TLS failed, but for the certificate: mostly a server without TLS"
    reason = 'tls_failed'


class Redirected(OrthancError):
    """The server points elsewhere, mostly to a login page or to https.

    location is the scheme and host of the target.
    """
    reason = 'redirected'

    def __init__(self, detail, location):
        super().__init__(detail)
        self.location = location


class NotOrthanc(OrthancError):
    "Something answers, but not as an Orthanc does"
    reason = 'not_orthanc'


class ServerFailed(OrthancError):
    "The server answered with an error; status is the HTTP status"
    reason = 'server_failed'

    def __init__(self, detail, status):
        super().__init__(detail)
        self.status = status


class BrokenAnswer(OrthancError):
    "The answer is cut, too large, not JSON or not of the expected shape"
    reason = 'broken_answer'


class TooLarge(BrokenAnswer):
    "The answer is larger than one of its kind can be"
    reason = 'too_large'


class Unreachable(OrthancError):
    "The connection failed in another way: reset, no route, ..."
    reason = 'unreachable'


class UnreadablePassword(OrthancError):
    "The password was encrypted with a key that is not configured"
    reason = 'unreadable_password'


class MalformedKey(OrthancError):
    "What is configured to encrypt passwords is not a Fernet key"
    reason = 'malformed_key'


class Unexpected(OrthancError):
    "A defect of this module; detail is the name of the exception"
    reason = 'unexpected'


class FolderTrouble(OrthancError):
    "Items of the worklist can not be put into a folder; detail names it"


class FolderMissing(FolderTrouble):
    "The folder is not there, or no more"
    reason = 'folder_missing'


class FolderNotWritable(FolderTrouble):
    "This program may not write in the folder"
    reason = 'folder_not_writable'


class FolderFull(FolderTrouble):
    "The folder has no room left"
    reason = 'folder_full'


class FolderNotAllowed(FolderTrouble):
    "The folder is not in one that is configured for that"
    reason = 'folder_not_allowed'


class FolderFailed(FolderTrouble):
    "Another error of the system; detail ends with it"
    reason = 'folder_failed'


class NotValidated(OrthancError):
    "The server has not answered yet to what is entered of it"
    reason = 'not_validated'


class NoWorklists(OrthancError):
    "The server has no worklists plugin that takes items"
    reason = 'no_worklists'


class WorklistExtraMissing(OrthancError):
    "What makes items of DICOM is not installed"
    reason = 'worklist_extra_missing'


class DatabaseBusy(OrthancError):
    "The database refused what it may accept when it is tried again"
    reason = 'database_busy'

    def __init__(self):
        super().__init__('')


class Misfiled(OrthancError):
    "The server put a document into another study; detail is its ID"
    reason = 'misfiled'


class NoPicture(OrthancError):
    "A series has no picture that could be shown"
    reason = 'no_picture'


class NotPrinted(OrthancError):
    "There is no LibreOffice to make a PDF, or it failed"
    reason = 'not_printed'


class StudyGone(OrthancError):
    "The server has no study of the patient any more; detail is its UID"
    reason = 'study_gone'


class WriteForbidden(OrthancError):
    "The server lets the user read, but not write (403)"
    reason = 'write_forbidden'


class Superseded(Exception):
    "Another run made the step of a synchronization"


class Unreadable(ValueError):
    """What a server tells of a study can not be stored.

    reason names the kind of trouble, detail what it is about.
    """

    def __init__(self, reason, detail):
        super().__init__(f'{reason}: {detail}')
        self.reason = reason
        self.detail = dicom.printable(detail)[:_LONGEST_DETAIL]


def quoted(text, secrets=()):
    """Return what may be shown of a text that came from a server.

    Without the secrets, and without what looks like a credential.
    """
    text = dicom.printable(text[:10 * _LONGEST_DETAIL])
    for secret in filter(None, secrets):
        text = text.replace(secret, '***')
    for pattern, replacement in _CREDENTIALS:
        text = pattern.sub(replacement, text)
    return text[:_LONGEST_DETAIL]


def describe(reason, detail, url):
    "Return the sentence that says what is wrong and what to do"
    return gettext(
        f'health_orthanc.msg_error_{reason}', url=address(url),
        detail=detail or '')


def address(url):
    """Return what may be shown of a URL that somebody entered.

    Without the credentials and tokens that it should not have.
    """
    url = re.split(r'[?#;]|%3[fb]|%23', url or '', flags=re.I)[0]
    return re.sub(
        r'^(\w+:/*)?.*(?:@|%(?:25)*40|\uff20|\ufe6b)', r'\1', url, flags=re.I)

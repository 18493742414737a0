# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orthanc's REST API, as far as a synchronisation needs it.

Every call only reads.  Every call ends in bounded time, and whatever goes
wrong raises a subclass of OrthancError that says which kind of trouble it is.
What the API answers under which version is described in the Orthanc Book; the
comments here say where an answer can mislead.
"""
import http.client
import io
import json
import logging
import re
import socket
import ssl
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

__all__ = [
    'BadAddress', 'BadCredentials', 'BrokenAnswer', 'Change', 'Changes',
    'Forbidden', 'NameNotFound', 'NotOrthanc', 'Orthanc', 'OrthancError',
    'Redirected', 'Refused', 'ServerFailed', 'Statistics', 'System',
    'TimedOut', 'TlsFailed', 'Unreachable', 'UntrustedCertificate']

logger = logging.getLogger(__name__)

MAXIMUM_BODY = 256 * 1024 * 1024  # bytes, after decompression
_CHUNK = 256 * 1024
# Where a viewer answers, below the address of the server.
_VIEWERS = {
    'explorer': 'app/explorer.html',
    'stone': 'stone-webviewer/index.html',
    'ohif': 'ohif/viewer',
    }
# How a server that is no Orthanc answers to a route that it does not have.
_NO_SUCH_ROUTE = {400, 404, 405}
# The changes after which a study or a series has to be read again.  Orthanc
# never writes the types Modified*, Anonymized* and Deleted.
_STUDY_AND_SERIES_CHANGES = 'NewStudy;NewSeries;StableStudy;StableSeries'
_BULK_SIZE = 200  # resources per request
_FEW = 20  # studies that are best read by ID from any server
_FIND_SIZE = 500  # studies per query for their series, a scan as well
_WALK_PAGE = 1000
# An UID that a query takes literally: no wildcard, no list separator.
_UID = re.compile(r'[0-9.]{1,64}', re.ASCII)
_CERTIFICATE = re.compile(
    '-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----', re.DOTALL)


class OrthancError(Exception):
    """What went wrong with a request to an Orthanc server.

    reason names the kind of trouble; detail is a short technical text without
    credentials.
    """
    reason = None

    def __init__(self, detail):
        super().__init__(detail)
        self.detail = detail


class BadAddress(OrthancError):
    """The URL is malformed, or not the http(s) URL of a host."""
    reason = 'bad_address'


class NameNotFound(OrthancError):
    """The name of the host can not be resolved."""
    reason = 'name_not_found'


class Refused(OrthancError):
    """Nothing listens on that port of the host."""
    reason = 'refused'


class TimedOut(OrthancError):
    """The server did not connect, answer or finish its answer in time."""
    reason = 'timed_out'


class BadCredentials(OrthancError):
    """The server does not accept the username and password (401)."""
    reason = 'bad_credentials'


class Forbidden(OrthancError):
    """The server knows the user but denies the request (403)."""
    reason = 'forbidden'


class UntrustedCertificate(OrthancError):
    """The server's certificate can not be verified."""
    reason = 'untrusted_certificate'


class TlsFailed(OrthancError):
    """TLS failed, but for the certificate: mostly a server without TLS."""
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
    """Something answers, but not as an Orthanc does."""
    reason = 'not_orthanc'


class ServerFailed(OrthancError):
    """The server answered with an error; status is the HTTP status."""
    reason = 'server_failed'

    def __init__(self, detail, status):
        super().__init__(detail)
        self.status = status


class BrokenAnswer(OrthancError):
    """The answer is cut, too large, not JSON or not of the expected shape."""
    reason = 'broken_answer'


class Unreachable(OrthancError):
    """The connection failed in another way: reset, no route, ..."""
    reason = 'unreachable'


# The first line that fits any exception of the chain decides, so that what is
# special stands above what is general.
_TROUBLES = [
    (ssl.SSLCertVerificationError, UntrustedCertificate),
    (ssl.SSLError, TlsFailed),
    (socket.gaierror, NameNotFound),
    (ConnectionRefusedError, Refused),
    ((TimeoutError, requests.Timeout), TimedOut),
    (ConnectionError, Unreachable),
    ((requests.exceptions.InvalidURL, urllib3.exceptions.LocationValueError,
        UnicodeError), BadAddress),
    ((http.client.IncompleteRead, requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError), BrokenAnswer),
    # What speaks another protocol than HTTP.
    (http.client.HTTPException, NotOrthanc),
    ]


def _causes(error, outer=None):
    """Yield error and every exception that it wraps in one way or another.

    Not outer, during whose handling error was raised, nor what that wraps.
    """
    found, waiting = [outer], [error]
    while waiting:
        error = waiting.pop(0)
        if not isinstance(error, BaseException) or error in found:
            continue
        found.append(error)
        yield error
        waiting += [
            getattr(error, 'reason', None), *error.args,
            error.__cause__, error.__context__]


def _trouble(error, outer, request):
    """Return the OrthancError for an exception of requests and below."""
    causes = list(_causes(error, outer))
    for types, class_ in _TROUBLES:
        for cause in causes:
            if isinstance(cause, types):
                name = type(cause).__name__
                return class_(f'{request}: {name}: {cause}'[:300])
    return Unreachable(f'{request}: {type(error).__name__}'[:300])


# What requests lets through of the layers below it included.
_TRANSPORT_ERRORS = (
    requests.RequestException, urllib3.exceptions.HTTPError, OSError,
    http.client.HTTPException, UnicodeError)

# When the request under way must be over, in terms of monotonic().
_deadline = ContextVar('deadline')


class _DeadlineReader(io.RawIOBase):
    """Read from a socket until the deadline.

    The time-out of a socket starts anew with every byte, so that a server
    which drips its answer would hold us for ever.
    """

    def __init__(self, raw, sock):
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()

    def readable(self):
        return True

    def readinto(self, buffer):
        left = _deadline.get() - monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self._sock.settimeout(min(self._timeout, left))
        return self._raw.readinto(buffer)

    def close(self):
        self._raw.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):

    def __init__(self, sock, *args, **kwargs):
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(
            _DeadlineReader(self.fp.detach(), sock), _CHUNK)


class _HTTPConnection(urllib3.connection.HTTPConnection):
    response_class = _DeadlineResponse


class _HTTPSConnection(urllib3.connection.HTTPSConnection):
    response_class = _DeadlineResponse


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    """Connect with our deadline, and trust the ssl_context only."""

    def __init__(self, ssl_context):
        self._ssl_context = ssl_context
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        if self._ssl_context:
            kwargs['ssl_context'] = self._ssl_context
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            'http': _HTTPPool, 'https': _HTTPSPool}

    def cert_verify(self, conn, url, verify, cert):
        # requests would add the authorities of certifi to the context.
        pass


class _Session(requests.Session):

    def get_redirect_target(self, response):
        # Even when it is not to follow a redirection, requests prepares for
        # it, reads the whole body and fails on a malformed target.
        return None


def _ssl_context(ca_certificates):
    """Return the context that trusts ca_certificates, or the system's."""
    certificates = None
    if ca_certificates:
        # People's comments between them need not be ASCII.
        certificates = '\n'.join(_CERTIFICATE.findall(ca_certificates))
        if not certificates:
            raise UntrustedCertificate(
                "there is no PEM text in the CA certificates")
    try:
        return ssl.create_default_context(cadata=certificates)
    except (ssl.SSLError, TypeError, ValueError) as error:
        raise UntrustedCertificate(
            f"the CA certificates can not be read: {error}"[:300]) from error


def _base_url(url):
    """Return url without what is not part of an address, ending with '/'."""
    try:
        url = url.strip()
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (AttributeError, ValueError) as error:
        # The text of the error could quote credentials.
        raise BadAddress("the URL is malformed") from error
    if parts.scheme not in {'http', 'https'}:
        raise BadAddress("the URL does not begin with http:// or https://")
    if not host:
        raise BadAddress("the URL has no host")
    if '@' in parts.netloc:
        raise BadAddress("the URL contains credentials")
    if parts.query or parts.fragment or re.search(r'[\s\\]', url):
        raise BadAddress("the URL contains more than host, port and path")
    return parts.geturl().rstrip('/') + '/'


def _origin(base, location):
    """Return the scheme and host of location, which may be relative to base.

    Without credentials and path; empty where location is no URL.
    """
    try:
        parts = urlsplit(urljoin(base, location))
    except ValueError:
        return ''
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@dataclass(frozen=True)
class System:
    """What an Orthanc server says about itself.

    database_identifier and database_plugin are None when not reported.
    extended_changes and extended_find tell whether the database lets the
    server filter its changes and order what it finds (1.12.5 and later), and
    patient_level whether it serves /patients.
    """
    version: str
    name: str
    aet: str
    api_version: int
    database_identifier: str | None
    database_plugin: str | None
    extended_changes: bool
    extended_find: bool
    patient_level: bool


@dataclass(frozen=True)
class Statistics:
    """How many resources the server holds."""
    patients: int
    studies: int
    series: int
    instances: int


class Change(NamedTuple):
    """One row of the server's log of changes; date is its text, in UTC."""
    seq: int
    type: str
    resource_type: str
    resource_id: str
    date: str


@dataclass(frozen=True)
class Changes:
    """A page of the log of changes.

    last is not a cursor: of an empty page it is the highest number that the
    server ever gave out.
    """
    rows: tuple[Change, ...]
    done: bool
    last: int


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _str_or_none(value):
    return value if isinstance(value, str) and value else None


def _system(answer):
    if not (isinstance(answer, dict)
            and isinstance(answer.get('Version'), str)
            and _is_int(answer.get('ApiVersion'))):
        return None
    capabilities = answer.get('Capabilities')
    if not isinstance(capabilities, dict):
        capabilities = {}
    return System(
        version=answer['Version'],
        name=_str_or_none(answer.get('Name')) or '',
        aet=_str_or_none(answer.get('DicomAet')) or '',
        api_version=answer['ApiVersion'],
        database_identifier=_str_or_none(
            answer.get('DatabaseServerIdentifier')),
        database_plugin=_str_or_none(answer.get('DatabaseBackendPlugin')),
        extended_changes=capabilities.get('HasExtendedChanges') is True,
        extended_find=capabilities.get('HasExtendedFind') is True,
        patient_level=answer.get('PatientLevelEnabled') is not False)


def _change(row):
    """Return the Change of a row of the log, or None when unreadable."""
    if not isinstance(row, dict) or not _is_int(row.get('Seq')):
        return None
    texts = [
        row.get(k) for k in ('ChangeType', 'ResourceType', 'ID', 'Date')]
    if not all(isinstance(t, str) for t in texts):
        return None
    return Change(row['Seq'], *texts)


def _slices(values, size):
    for start in range(0, len(values), size):
        yield values[start:start + size]


def _identified(resources, type_):
    """Yield those of resources that are of that type and have an ID."""
    for resource in resources:
        if (isinstance(resource, dict)
                and resource.get('Type') == type_
                and isinstance(resource.get('ID'), str)):
            yield resource


def _by_id(studies, ids):
    """Return those of studies whose ID is in ids as {ID: study}."""
    return {
        s['ID']: s for s in _identified(studies, 'Study') if s['ID'] in ids}


def _study_instance_uid(study):
    """Return the UID of study where a query takes it literally, or None."""
    tags = study.get('MainDicomTags')
    uid = tags.get('StudyInstanceUID') if isinstance(tags, dict) else None
    return uid if isinstance(uid, str) and _UID.fullmatch(uid) else None


def _series(series):
    """Return what series_of promises, from any form of the answer."""
    last_update = series.get('LastUpdate')
    if last_update is None and isinstance(series.get('Metadata'), dict):
        last_update = series['Metadata'].get('LastUpdate')
    instances = series.get('Instances')
    if isinstance(instances, list):
        count = len(instances)
    else:
        requested = series.get('RequestedTags')
        count = requested.get('NumberOfSeriesRelatedInstances') \
            if isinstance(requested, dict) else None
        count = int(count) if str(count).isdecimal() else 0
    return {
        'ID': series['ID'],
        'ParentStudy': series['ParentStudy'],
        'MainDicomTags': series.get('MainDicomTags'),
        'LastUpdate': last_update,
        'Instances': count,
        }


def _is_closed_connection(error, outer):
    return any(
        isinstance(cause, (
                http.client.RemoteDisconnected, ConnectionResetError,
                ConnectionAbortedError, BrokenPipeError))
        for cause in _causes(error, outer))


def _parse(body):
    """Return the value of a JSON body; raises ValueError.

    A byte that is not UTF-8, and an escaped lone surrogate, spoil a
    character and not the answer.
    """
    try:
        return json.loads(body.decode('utf-8-sig', 'replace'))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _message(body):
    """Return what Orthanc says of its error, to be added to a detail."""
    try:
        message = _parse(body)['Message']
    except (ValueError, TypeError, KeyError, IndexError):
        return ''
    return f' {message}'[:200] if isinstance(message, str) else ''


class Orthanc:
    """A connection to one Orthanc server; a context manager.

    url is the address of the REST API, username and password its credentials
    (UTF-8), ca_certificates the PEM text of the only certificate authorities
    to trust instead of those of the operating system.  Times are in seconds:
    to connect, between two parts of an answer, and for a whole request (by
    default twice the read time-out).

    Raises BadAddress for a malformed url, and UntrustedCertificate when
    ca_certificates can not be read.  Every method can raise any other
    OrthancError as well.  One object serves one thread.
    """

    def __init__(
            self, url, username=None, password=None, *, ca_certificates=None,
            connect_timeout=5, read_timeout=60, total_timeout=None,
            maximum_body=MAXIMUM_BODY):
        self.url = _base_url(url)
        self.requests = 0
        self._system = None
        self._timeout = (connect_timeout, read_timeout)
        self._total_timeout = total_timeout or (
            connect_timeout + 2 * read_timeout)
        self._maximum_body = maximum_body
        self._kept_alive = False
        self._session = _Session()
        # Neither a proxy nor a .netrc of the machine is meant for Orthanc.
        self._session.trust_env = False
        if username or password:
            # requests would encode text as Latin-1, Orthanc compares UTF-8.
            self._session.auth = tuple(
                (v or '').encode(errors='replace')
                for v in (username, password))
        scheme = urlsplit(self.url).scheme
        self._session.mount(f'{scheme}://', _Adapter(
                _ssl_context(ca_certificates) if scheme == 'https' else None))

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def close(self):
        self._session.close()

    # Transport

    def _send(self, method, path, query=None):
        """Return the response and its whole body."""
        token = _deadline.set(monotonic() + self._total_timeout)
        try:
            self.requests += 1
            with self._session.request(
                    method, self.url + path, json=query,
                    timeout=self._timeout, allow_redirects=False,
                    stream=True) as response:
                body = bytearray()
                for chunk in response.iter_content(_CHUNK):
                    body += chunk
                    if len(body) > self._maximum_body:
                        raise BrokenAnswer(
                            f'{method} {self.url}{path}: more than '
                            f'{self._maximum_body} bytes')
            logger.debug(
                '%s %s%s: %s, %s bytes', method, self.url, path,
                response.status_code, len(body))
            self._kept_alive = True
            return response, body
        finally:
            _deadline.reset(token)

    def _exchange(self, method, path, query=None):
        """Send, and once more when the kept-alive connection was closed."""
        request = f'{method} {self.url}{path}'
        outer = sys.exc_info()[1]
        try:
            return self._send(method, path, query)
        except _TRANSPORT_ERRORS as error:
            if not (self._kept_alive and _is_closed_connection(error, outer)):
                raise _trouble(error, outer, request) from error
        self._kept_alive = False
        try:
            return self._send(method, path, query)
        except _TRANSPORT_ERRORS as error:
            raise _trouble(error, outer, request) from error

    def _read(self, method, path, query=None):
        """Return the body of a successful answer; query is sent as JSON."""
        response, body = self._exchange(method, path, query)
        status = response.status_code
        if status == 200:
            return body
        detail = f'{method} {self.url}{path}: {status}'
        if 300 <= status < 400:
            location = _origin(
                self.url + path, response.headers.get('Location', ''))
            raise Redirected(f'{detail} to {location}', location)
        if status == 401:
            raise BadCredentials(detail)
        if status == 403:
            raise Forbidden(detail)
        raise ServerFailed(detail + _message(body), status)

    def _json(self, method, path, query=None, type_=list):
        try:
            answer = _parse(self._read(method, path, query))
        except ValueError as error:
            raise BrokenAnswer(
                f'{method} {self.url}{path}: not JSON') from error
        if not isinstance(answer, type_):
            raise BrokenAnswer(
                f'{method} {self.url}{path}: not a {type_.__name__}')
        return answer

    def _integers(self, method, path, answer, keys):
        """Return the integers of answer at keys."""
        values = [answer.get(k) for k in keys]
        if not all(map(_is_int, values)):
            raise BrokenAnswer(
                f'{method} {self.url}{path}: not the expected keys')
        return values

    # The server

    def system(self):
        """Return the System; raises NotOrthanc when it is something else."""
        try:
            body = self._read('GET', 'system')
        except ServerFailed as error:
            if error.status not in _NO_SUCH_ROUTE:
                raise
            body = b''
        try:
            system = _system(_parse(body))
        except ValueError:
            system = None
        if system is None:
            raise NotOrthanc(f'GET {self.url}system: not the answer of one')
        self._system = system
        return system

    @property
    def capabilities(self):
        """The System as first read."""
        return self._system or self.system()

    @property
    def version(self):
        """The version as the server names it, such as '1.12.7'."""
        return self.capabilities.version

    def statistics(self):
        """Return the Statistics."""
        answer = self._json('GET', 'statistics', type_=dict)
        return Statistics(*self._integers('GET', 'statistics', answer, [
                    'CountPatients', 'CountStudies', 'CountSeries',
                    'CountInstances']))

    def plugins(self):
        """Return the identifiers of the server's plugins, a frozenset."""
        return frozenset(filter(_str_or_none, self._json('GET', 'plugins')))

    def viewers(self):
        """Return which of 'explorer', 'stone' and 'ohif' the server has.

        Each is asked for its page, as a plugin that is listed can still serve
        it elsewhere.
        """
        found = set()
        for viewer, path in _VIEWERS.items():
            response, _ = self._exchange('GET', path)
            if response.status_code == 200:
                found.add(viewer)
        return frozenset(found)

    # The log of changes

    def last_change(self):
        """Return the newest Change, or None, and the last number given out.
        """
        page = self._changes('changes?last')
        return (page.rows[-1] if page.rows else None), page.last

    def changes(self, since, limit, study_and_series_only=False):
        """Return the Changes after number since, at most limit.

        study_and_series_only asks the server for nothing but the changes of
        studies and series to read again.  Only some servers can; the others
        return every row, and the caller must filter in any case.

        A row that is not one is left out; a page of nothing else raises
        BrokenAnswer, as it would look like the end of the log.
        """
        # Outside of these Orthanc answers with an empty page that looks like
        # the end of the log.
        if not (since >= 0 and 0 < limit < 2 ** 31):
            raise ValueError(f"since {since}, limit {limit}")
        path = f'changes?since={since:d}&limit={limit:d}'
        if study_and_series_only and self.capabilities.extended_changes:
            # Orthanc 1.12.7 does not decode an escaped semicolon.
            path += '&type=' + _STUDY_AND_SERIES_CHANGES
        return self._changes(path)

    def _changes(self, path):
        answer = self._json('GET', path, type_=dict)
        last, = self._integers('GET', path, answer, ['Last'])
        rows = answer.get('Changes')
        if not isinstance(rows, list):
            raise BrokenAnswer(f'GET {self.url}{path}: no changes')
        changes = tuple(filter(None, map(_change, rows)))
        if rows and not changes:
            raise BrokenAnswer(f'GET {self.url}{path}: no readable change')
        return Changes(changes, answer.get('Done') is True, last)

    # Studies and series

    def study_ids(self):
        """Return the Orthanc IDs of all studies."""
        return list(filter(_str_or_none, self._json('GET', 'studies')))

    def studies_page(self, since, limit):
        """Return the studies from position since on, at most limit.

        The page is as the server sent it: an entry can be anything, None
        for a study that is being deleted.  Studies shift between two pages
        when others come or go, so that some are met twice or not at all.
        """
        # Both must be there, and a limit of 0 means everything to some.
        if not (since >= 0 and limit > 0):
            raise ValueError(f"since {since}, limit {limit}")
        return self._json(
            'GET', f'studies?expand&since={since:d}&limit={limit:d}')

    def studies_by_id(self, ids):
        """Return the studies with those Orthanc IDs as {ID: study}.

        A study that the server does not have any more is absent.
        """
        ids = list(dict.fromkeys(ids))
        if not self.capabilities.extended_find or len(ids) <= 2 * _FEW:
            return self._bulk_studies(ids)
        # Since 1.12.5 reading one resource by its ID can cost a scan of the
        # table of resources, hardly less than a page of them: the first few
        # tell whether that is so here.
        start = monotonic()
        studies = self._bulk_studies(ids[:_FEW])
        cost = (monotonic() - start) / _FEW
        known = self.study_ids()
        wanted = set(ids[_FEW:]).intersection(known)
        studies.update(self._walk_studies(wanted, cost, len(known)))
        # What moved from one page to another while they were read.
        studies.update(self._bulk_studies(list(wanted - studies.keys())))
        return studies

    def _walk_studies(self, wanted, cost, total):
        """Page through the studies to meet those wanted, a set of IDs.

        Begins with the newest, and goes on as is likely the fastest: with the
        next older ones, with all in the order of the database, or leaving
        the others to be read by ID. cost is that of one of these in seconds,
        total the number of studies on the server.
        """
        found, since = {}, 0
        while len(found) < len(wanted):
            start, before = monotonic(), len(found)
            page = self._json('POST', 'tools/find', {
                    'Level': 'Study', 'Query': {}, 'Expand': True,
                    'OrderBy': [{
                            'Type': 'Metadata', 'Key': 'LastUpdate',
                            'Direction': 'DESC'}],
                    'Since': since, 'Limit': _WALK_PAGE})
            found.update(_by_id(page, wanted))
            since += len(page)
            if len(page) < _WALK_PAGE:
                return found
            duration = monotonic() - start
            left = len(wanted) - len(found)
            hits = len(found) - before
            by_newest = duration * left / hits if hits else float('inf')
            by_page = duration * total / _WALK_PAGE
            by_id = cost * left
            if by_id < min(by_newest, by_page):
                return found
            if by_page < by_newest:
                break
        since = 0
        while len(found) < len(wanted):
            page = self.studies_page(since, _WALK_PAGE)
            found.update(_by_id(page, wanted))
            since += len(page)
            if len(page) < _WALK_PAGE:
                break
        return found

    def studies_of_series(self, ids):
        """Return the studies that have the series with those Orthanc IDs.

        As {study ID: study}; a series that is gone adds nothing.
        """
        studies = {}
        for slice_ in _slices(list(dict.fromkeys(ids)), _BULK_SIZE):
            answer = self._bulk(slice_, 'Study')
            studies.update((s['ID'], s) for s in _identified(answer, 'Study'))
        return studies

    def _bulk_studies(self, ids):
        studies = {}
        for slice_ in _slices(ids, _BULK_SIZE):
            studies.update(_by_id(self._bulk(slice_, 'Study'), set(slice_)))
        return studies

    def _bulk(self, ids, level):
        """Return the resources at level that have, or are in, those of ids.
        """
        return self._json('POST', 'tools/bulk-content', {
                'Resources': ids, 'Level': level, 'Metadata': False})

    def series_of(self, studies):
        """Return the series of those studies as {study ID: [series]}.

        studies are as the server sent them; what is not a study is left out.
        A series has 'ID', 'ParentStudy', 'MainDicomTags', 'LastUpdate' (None
        where unknown) and 'Instances', their number.
        """
        found = {s['ID']: {} for s in _identified(studies, 'Study')}
        uids = {}
        if self.capabilities.extended_find:
            uids = {
                s['ID']: uid for s in _identified(studies, 'Study')
                if (uid := _study_instance_uid(s))}
        # One UID can be that of several studies.
        for slice_ in _slices(
                list(dict.fromkeys(uids.values())), _FIND_SIZE):
            self._add_series(found, self._found_series(slice_))
        ids = [i for i in found if i not in uids]
        for slice_ in _slices(ids, _BULK_SIZE):
            self._add_series(found, self._bulk(slice_, 'Series'))
        return {i: list(series.values()) for i, series in found.items()}

    def _add_series(self, found, answer):
        for series in _identified(answer, 'Series'):
            if series.get('ParentStudy') in found:
                found[series['ParentStudy']][series['ID']] = _series(series)

    def _found_series(self, uids):
        """Return the series of those StudyInstanceUIDs, without instances."""
        return self._json('POST', 'tools/find', {
                'Level': 'Series',
                'Query': {'StudyInstanceUID': '\\'.join(uids)},
                'ResponseContent': ['MainDicomTags', 'Metadata', 'Parent'],
                'RequestedTags': ['NumberOfSeriesRelatedInstances']})

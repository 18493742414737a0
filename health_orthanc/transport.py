# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to one server: deadlines, TLS, bounded answers. No Tryton.

Every request ends in bounded time, and whatever goes wrong raises a subclass
of OrthancError that says which kind of trouble it is.
"""
import base64
import codecs
import http.client
import io
import ipaddress
import json
import logging
import re
import socket
import ssl
import sys
import unicodedata
from contextvars import ContextVar
from tempfile import SpooledTemporaryFile
from time import monotonic
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from .exceptions import (
    BadAddress, BadCredentials, BrokenAnswer, CertificateOfAnother,
    CredentialsInAddress, Forbidden, NameNotFound, NotOrthanc, Redirected,
    Refused, ServerFailed, TimedOut, TlsFailed, TooLarge, Unexpected,
    Unreachable, UntrustedCertificate, quoted)

__all__ = [
    'SMALL', 'Connection', 'Limit', 'base_url', 'is_metadata_address',
    'keeps_secret', 'parse', 'parse_items']

logger = logging.getLogger(__name__)

_CHUNK = 64 * 1024
_ERROR_SIZE = 64 * 1024  # bytes of an answer whose text hardly matters
_IN_MEMORY = 2 ** 20  # bytes of a list that lies on disk where it is larger
# What follows a path, and what separates names and values
_NO_ADDRESS = re.compile(r'[\s\\?#;=&<>"]')
_NAT64 = ipaddress.ip_network('64:ff9b::/96')
_METADATA = {
    ipaddress.ip_address(address) for address in [
        '100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254']}
_STRUCTURE = [b',', b':', b'[', b'{']  # of JSON
_DECODER = json.JSONDecoder()
_AFTER_ITEM = re.compile(r'\s*([,\]])\s*')
_QUOTATION_MARKS = str.maketrans('“”', '""')
_CERTIFICATE = re.compile(
    '-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----', re.DOTALL)

# What OpenSSL says of a certificate for another host or IP address:
# X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH.
_OTHER_NAMES = {62, 64}

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


def _trouble(error, outer, request, secrets):
    "Return the OrthancError for an exception of requests and below"
    causes = list(_causes(error, outer))
    for types, class_ in _TROUBLES:
        for cause in causes:
            if isinstance(cause, types):
                if getattr(cause, 'verify_code', None) in _OTHER_NAMES:
                    class_ = CertificateOfAnother
                name = type(cause).__name__
                return class_(
                    f'{request}: {name}: {quoted(str(cause), secrets)}')
    return Unreachable(f'{request}: {type(error).__name__}')


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


class _NoMetadataMixin:
    "Say nothing where the name of the host led to a metadata service"

    def _new_conn(self):
        sock = super()._new_conn()
        if is_metadata_address(sock.getpeername()[0]):
            sock.close()
            raise BadAddress(
                "the name of the host leads to a metadata service")
        return sock


class _HTTPConnection(_NoMetadataMixin, urllib3.connection.HTTPConnection):
    response_class = _DeadlineResponse


class _HTTPSConnection(_NoMetadataMixin, urllib3.connection.HTTPSConnection):
    response_class = _DeadlineResponse


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    "Connect with our deadline, and trust the ssl_context only"

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


def _forms(username, password):
    "Return the forms in which a server could repeat the credentials"
    if not password:
        return []
    pair = f"{username or ''}:{password}".encode(errors='replace')
    return [
        base64.b64encode(pair).decode(),
        quote(password, safe='', errors='replace'), password]


class _Session(requests.Session):

    def get_redirect_target(self, response):
        # Even when it is not to follow a redirection, requests prepares for
        # it, reads the whole body and fails on a malformed target.
        return None


def _ssl_context(ca_certificates):
    "Return the context that trusts ca_certificates, or the system's"
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
            f"the CA certificates can not be read: {error}") from error


def base_url(url):
    """Return url without what is not part of an address, ending with '/'.

    Raises BadAddress for what is not the http(s) address of a host and a
    path; CredentialsInAddress where it has credentials, however written.
    """
    try:
        url = url.strip()
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (AttributeError, ValueError) as error:
        # The text of the error could quote credentials.
        raise BadAddress("the URL is malformed") from error
    plain = unicodedata.normalize('NFKC', unquote(unquote(url)))
    if '@' in plain:
        raise CredentialsInAddress("the URL contains credentials")
    if parts.scheme not in {'http', 'https'}:
        raise BadAddress("the URL does not begin with http:// or https://")
    if not host:
        raise BadAddress("the URL has no host")
    if _NO_ADDRESS.search(plain) or not plain.isprintable():
        raise BadAddress("the URL contains more than host, port and path")
    if is_metadata_address(host):
        raise BadAddress("the URL is that of a metadata service")
    return parts.geturl().rstrip('/') + '/'


def keeps_secret(old, new):
    """Return whether what was entered for the old URL may be sent to the new.

    So it is to the same host and port by a scheme that is not weaker.
    """
    try:
        old, new = (urlsplit(base_url(url)) for url in (old, new))
    except BadAddress:
        return False
    return (
        (old.hostname, _port(old)) == (new.hostname, _port(new))
        and (old.scheme == new.scheme or new.scheme == 'https'))


def _port(parts):
    return parts.port or {'http': 80, 'https': 443}[parts.scheme]


def is_metadata_address(host):
    """Return whether host is an address at which clouds tell their secrets.

    These are link-local (RFC 3927, RFC 4291), but for a few.  A name is not.
    """
    try:
        address = ipaddress.ip_address(host.partition('%')[0])
    except ValueError:
        return False
    if address.version == 6:
        embedded = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            embedded = ipaddress.IPv4Address(int(address) % 2 ** 32)
        address = embedded or address
    return address.is_link_local or address in _METADATA


def _origin(base, location):
    """Return the scheme and host of location, which may be relative to base.

    Without credentials and path; empty where location is no URL.
    """
    try:
        parts = urlsplit(urljoin(base, location))
    except ValueError:
        return ''
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"[:100]


def _is_closed_connection(error, outer):
    return any(
        isinstance(cause, (
                http.client.RemoteDisconnected, ConnectionResetError,
                ConnectionAbortedError, BrokenPipeError))
        for cause in _causes(error, outer))


def parse(body):
    """Return the value of a JSON body, and empty it; raises ValueError.

    A byte that is not UTF-8, and an escaped lone surrogate, spoil a
    character and not the answer.
    """
    text = body.decode('utf-8-sig', 'replace')
    body.clear()  # or it is in memory twice
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse_items(file):
    """Yield the values of the JSON list in a binary file; raises ValueError.

    They are read as parse reads them, but one by one.
    """
    read = codecs.getreader('utf-8-sig')(file, 'replace').read
    size = _CHUNK
    text = read(size).lstrip()
    if not text.startswith('['):
        raise ValueError("not a list")
    text = text[1:].lstrip() or read(size).lstrip()
    is_open = not text.startswith(']')
    position = 0 if is_open else 1
    while is_open:
        found = _item(text, position)
        if found:
            value, position, is_open = found
            yield value
            size = _CHUNK
            continue
        more = read(size)
        if not more:
            raise ValueError("not the whole list")
        text, position = (text[position:] + more).lstrip(), 0
        # Or a value that is large would be tried too often
        size *= 2
    if (text[position:] + read()).strip():
        raise ValueError("more than a list")


def _item(text, position):
    """Return a value of a list, where the next is, and whether there is one.

    None where there is not the whole value.
    """
    try:
        value, end = _DECODER.raw_decode(text, position)
    except ValueError:
        return None
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    after = _AFTER_ITEM.match(text, end)
    return after and (value, after.end(), after[1] == ',')


def _message(body, secrets):
    "Return what the server says of its error, to be added to a detail"
    try:
        message = parse(body)['Message']
    except (ValueError, TypeError, KeyError, IndexError):
        return ''
    if not isinstance(message, str):
        return ''
    # Nobody must take it for a word of ours
    message = quoted(message, secrets)[:200].translate(_QUOTATION_MARKS)
    return f', and the server says: “{message}”'


class Limit(NamedTuple):
    """How much of a successful answer is taken.

    size is in bytes after decompression; values is the number of commas,
    colons and brackets, as each makes a value that takes memory.
    """
    size: int
    values: int


SMALL = Limit(64 * 1024, 5_000)


class _Taken:
    "What was taken of an answer, into a file if there is one; raises TooLarge"

    def __init__(self, limit, file=None):
        self.body = bytearray()
        self.size = 0
        self._limit = limit
        self._values = 0
        self._file = file
        if file:
            # The answer before was cut
            file.seek(0)
            file.truncate()

    def add(self, chunk):
        "Take a chunk, and return whether to go on"
        self._write(chunk)
        self.size += len(chunk)
        if not self._limit:
            return self.size <= _ERROR_SIZE
        # Those inside of texts count too, which are few
        self._values += sum(map(chunk.count, _STRUCTURE))
        if self.size > self._limit.size:
            raise TooLarge(f"more than {self._limit.size} bytes")
        if self._values > self._limit.values:
            raise TooLarge(f"more than {self._limit.values} values")
        return True

    def _write(self, chunk):
        if not self._file:
            self.body += chunk
            return
        try:
            self._file.write(chunk)
        except OSError as error:
            # Or the server would have to answer for our disk
            raise Unexpected(type(error).__name__) from error


class Connection:
    """A connection to one server; a context manager.

    url is its address, username and password its credentials (UTF-8),
    ca_certificates the PEM text of the only certificate authorities to trust
    instead of those of the operating system.  Times are in seconds: to
    connect, between two parts of an answer, and for a whole request (by
    default twice the read time-out).  requests counts what was sent, and
    until is when the last may be, in terms of monotonic().

    Raises BadAddress for a malformed url, and UntrustedCertificate when
    ca_certificates can not be read.  Every method can raise any other
    OrthancError as well.  One object serves one thread.
    """

    def __init__(
            self, url, username=None, password=None, *, ca_certificates=None,
            connect_timeout=5, read_timeout=60, total_timeout=None):
        self.url = base_url(url)
        self.requests = 0
        self.until = None
        self._timeout = (connect_timeout, read_timeout)
        self._total_timeout = total_timeout or (
            connect_timeout + 2 * read_timeout)
        self._kept_alive = False
        self._session = _Session()
        # Neither a proxy nor a .netrc of the machine is meant for Orthanc.
        self._session.trust_env = False
        self._secrets = _forms(username, password)
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

    def _send(
            self, method, path, query=None, limit=None, accept=None,
            file=None):
        """Return the response and its body.

        Cut, without a limit or where it is no success.
        """
        if self.until is not None and monotonic() > self.until:
            raise TimedOut(f'{method} {self.url}{path}: after too many others')
        token = _deadline.set(monotonic() + self._total_timeout)
        try:
            self.requests += 1
            with self._session.request(
                    method, self.url + path, json=query,
                    headers={'Accept': accept} if accept else None,
                    timeout=self._timeout, allow_redirects=False,
                    stream=True) as response:
                taken = _Taken(limit, file) \
                    if response.status_code == 200 else _Taken(None)
                for chunk in response.iter_content(_CHUNK):
                    if not taken.add(chunk):
                        break
            logger.debug(
                '%s %s%s: %s, %s bytes', method, self.url, path,
                response.status_code, taken.size)
            self._kept_alive = True
            return response, taken.body
        except TooLarge as error:
            raise TooLarge(
                f'{method} {self.url}{path}: {error.detail}') from error
        finally:
            _deadline.reset(token)

    def exchange(self, method, path, *args, **kwargs):
        """Send, and once more when the kept-alive connection was closed.

        The other arguments, and what is returned, are those of read; without
        a limit the body is cut, and the answer can be any.
        """
        request = f'{method} {self.url}{path}'
        outer = sys.exc_info()[1]
        try:
            return self._send(method, path, *args, **kwargs)
        except _TRANSPORT_ERRORS as error:
            if not (self._kept_alive and _is_closed_connection(error, outer)):
                raise _trouble(
                    error, outer, request, self._secrets) from error
        self._kept_alive = False
        try:
            return self._send(method, path, *args, **kwargs)
        except _TRANSPORT_ERRORS as error:
            raise _trouble(
                    error, outer, request, self._secrets) from error

    def read(
            self, method, path, query=None, limit=SMALL, accept=None,
            file=None):
        """Return the body of a successful answer.

        It is put into file instead if there is one. query is sent as JSON,
        accept is the MIME type that is asked for.
        """
        response, body = self.exchange(
            method, path, query, limit, accept, file)
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
        raise ServerFailed(
            detail + _message(body, self._secrets), status)

    def json(self, method, path, query=None, type_=list, limit=SMALL):
        "Return the value of a successful answer, which is a type_"
        try:
            answer = parse(self.read(method, path, query, limit))
        except ValueError as error:
            raise BrokenAnswer(
                f'{method} {self.url}{path}: not JSON') from error
        if not isinstance(answer, type_):
            raise BrokenAnswer(
                f'{method} {self.url}{path}: not a {type_.__name__}')
        return answer

    def items(self, path, limit):
        """Yield the values of the list that answers a GET.

        The list is received at once, and lies on disk where it is large; what
        is wrong with it is raised when it is come to.
        """
        with SpooledTemporaryFile(_IN_MEMORY) as file:
            self.read('GET', path, limit=limit, file=file)
            file.seek(0)
            try:
                yield from parse_items(file)
            except ValueError as error:
                raise BrokenAnswer(
                    f'GET {self.url}{path}: not a list') from error

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP servers that misbehave, over real sockets.

A behaviour is a function that gets the request, an http.server handler:

    >>> with MisbehavingServer(answer(503)) as server:
    ...     server.url
    >>> with ProxyServer(orthanc.url, lambda request, number: (
    ...         reset if number == 3 else None)) as proxy:
    ...     proxy.url
"""
import datetime as dt
import gzip
import http.client
import ipaddress
import json
import os
import socket
import ssl
import struct
import tempfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = [
    'MisbehavingServer', 'ProxyServer', 'SYSTEM', 'answer', 'closed_port',
    'compressed_bomb', 'cut_answer', 'cut_body', 'disconnect', 'drip',
    'drip_headers', 'full_port', 'hang', 'huge_body', 'json_answer',
    'lose_answer', 'not_http', 'reset', 'reset_in_body',
    'self_signed_certificate', 'stall_in_body']

# What a minimal Orthanc says at /system.
SYSTEM = {'Version': '1.10.1', 'ApiVersion': 16, 'Name': "Fake"}
_LONGEST = 30  # seconds that a request can be kept waiting
_BOMB = gzip.compress(b' ' * 2 ** 24)


# Behaviours

def answer(status, body=b'', **headers):
    "Answer with that status, body and headers (Content_Type='...')"
    def behave(request):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace('_', '-'), value)
        request.send_header('Content-Length', str(len(body)))
        request.end_headers()
        request.wfile.write(body)
    return behave


def json_answer(value, status=200):
    return answer(
        status, json.dumps(value).encode(), Content_Type='application/json')


def hang(request):
    "Read the request and say nothing"
    request.server.stopping.wait(_LONGEST)
    request.close_connection = True


def disconnect(request):
    "Close the connection without an answer"
    request.close_connection = True


def reset(request):
    "Reset the connection without an answer"
    # Closing with a linger time of zero sends RST instead of FIN.
    request.connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    request.close_connection = True
    os.close(request.connection.detach())


def _begin_body(request, length=1000):
    request.send_response(200)
    request.send_header('Content-Length', str(length))
    request.end_headers()
    request.wfile.write(b'[' + b' ' * (length // 2))


def cut_body(request):
    "Close in the middle of the announced body"
    _begin_body(request)
    request.close_connection = True


def reset_in_body(request):
    "Reset in the middle of the announced body"
    _begin_body(request)
    reset(request)


def stall_in_body(request):
    "Say nothing more in the middle of the announced body"
    _begin_body(request)
    hang(request)


def _drip(request, data):
    for byte in data:
        if request.server.stopping.wait(0.05):
            break
        request.wfile.write(bytes([byte]))
    request.close_connection = True


def drip(request):
    "Send the body byte by byte, slower than anybody wants to wait"
    _begin_body(request, 2000)
    _drip(request, b' ' * 1000)


def drip_headers(request):
    "Send the headers byte by byte"
    _drip(request, b'HTTP/1.1 200 OK\r\nX-Padding: ' + b'x' * 1000)


def huge_body(request, status=200, **headers):
    "Send JSON white space for as long as somebody reads"
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header('Transfer-Encoding', 'chunked')
    request.end_headers()
    chunk = b'%x\r\n%s\r\n' % (2 ** 16, b' ' * 2 ** 16)
    while not request.server.stopping.is_set():
        request.wfile.write(chunk)


def compressed_bomb(request):
    "Send little that becomes 16 MiB"
    answer(200, _BOMB, Content_Encoding='gzip')(request)


def not_http(request):
    "Answer in another protocol"
    request.wfile.write(b'SSH-2.0-OpenSSH_9.2\r\n')
    request.close_connection = True


# Behaviours of a proxy

def cut_answer(request):
    "Forward, and send half of the answer"
    _forward(request, part=0.5)
    request.close_connection = True


def lose_answer(request):
    "Forward, and reset instead of sending the answer"
    request.forward()
    reset(request)


# Servers

class _Request(BaseHTTPRequestHandler):
    "One request of a client; `server` is the HTTP server it came to"
    protocol_version = 'HTTP/1.1'
    # Headers and body are written one after the other.
    disable_nagle_algorithm = True
    body = b''

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except OSError:
            # Clients that we treat like this hang up.
            self.close_connection = True

    def _behave(self):
        self.body = self.rfile.read(
            int(self.headers.get('Content-Length') or 0))
        self.server.owner.behave(self)

    do_GET = do_POST = do_PUT = do_DELETE = _behave

    def forward(self):
        "Return status, headers and body of the real server's answer"
        return self.server.owner.forward(self)

    def log_message(self, *args):
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 50

    def __init__(self, owner):
        self.owner = owner
        self.stopping = threading.Event()
        super().__init__(('127.0.0.1', 0), _Request)

    def handle_error(self, request, client_address):
        pass


class MisbehavingServer:
    """An HTTP server whose behaviours are given; a context manager.

    behaviour is for every path but those of paths, {path: behaviour}; both
    can be changed while it runs. certificate is a pair of PEM texts, as
    self_signed_certificate returns it, for HTTPS.
    """

    def __init__(self, behaviour=None, paths=None, certificate=None):
        self.behaviour = behaviour or answer(404)
        self.paths = paths or {}
        self.requests = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.scheme = 'http'
        if certificate:
            self.scheme = 'https'
            # The handshake takes place in the thread of the request.
            self._server.socket = _tls(certificate).wrap_socket(
                self._server.socket, server_side=True,
                do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self):
        return f'{self.scheme}://127.0.0.1:{self.port}/'

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *args):
        self._server.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _count(self, request):
        with self._lock:
            self.requests.append((request.command, request.path))
            return len(self.requests)

    def behave(self, request):
        self._count(request)
        path = urlsplit(request.path).path
        self.paths.get(path, self.behaviour)(request)


class ProxyServer(MisbehavingServer):
    """A proxy before a real server that spoils some of the requests.

    choose gets the request and its number, counted from 1, and returns a
    behaviour, or None to forward the request.
    """

    def __init__(self, upstream, choose=None, certificate=None):
        super().__init__(certificate=certificate)
        self.upstream = urlsplit(upstream).netloc
        self.choose = choose

    def behave(self, request):
        number = self._count(request)
        behaviour = self.choose and self.choose(request, number)
        (behaviour or _forward)(request)

    def forward(self, request):
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        try:
            headers = dict(request.headers)
            headers['Connection'] = 'close'
            connection.request(
                request.command, request.path, request.body or None, headers)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        headers = [
            (name, value) for name, value in response.getheaders()
            if name.lower() not in {
                'connection', 'content-length', 'keep-alive',
                'transfer-encoding'}]
        return response.status, headers, body


def _forward(request, part=1):
    status, headers, body = request.forward()
    request.send_response(status)
    for name, value in headers:
        request.send_header(name, value)
    request.send_header('Content-Length', str(len(body)))
    request.end_headers()
    request.wfile.write(body[:int(part * len(body))])


@contextmanager
def closed_port():
    "The URL of a port where nothing listens"
    # A bound socket that does not listen keeps the port from others.
    with socket.socket() as bound:
        bound.bind(('127.0.0.1', 0))
        yield f'http://127.0.0.1:{bound.getsockname()[1]}/'


@contextmanager
def full_port():
    "The URL of a port that does not accept any further connection"
    with socket.socket() as listening:
        listening.bind(('127.0.0.1', 0))
        listening.listen(0)
        waiting = []
        try:
            for _ in range(3):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(listening.getsockname())
                waiting.append(client)
            yield f'http://127.0.0.1:{listening.getsockname()[1]}/'
        finally:
            for client in waiting:
                client.close()


# Certificates

def _tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile('w', suffix='.pem') as file:
        file.write(''.join(certificate))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def self_signed_certificate(host='127.0.0.1', days=1):
    """Return the PEM texts of a certificate for host and of its key.

    The certificate is valid until in so many days; negative when it is over.
    """
    try:
        alternative = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=30))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256()))
    return (
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode())

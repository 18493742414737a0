# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every foreseeable trouble with a server, and the sentence for it.

    >>> with TROUBLES['refused'].begin() as url:
    ...     message = ...
    >>> TROUBLES['refused'].is_told_by(message, url)
"""
import os
import tempfile
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from unittest.mock import patch

from .misbehaving import (
    SYSTEM, MisbehavingServer, answer, closed_port, cut_body, hang, huge_body,
    json_answer, reset, self_signed_certificate)

__all__ = ['TROUBLES', 'Trouble']


@dataclass
class Trouble:
    """One trouble: begin() is a context that gives the URL to have it with.

    sentence is the beginning of the text that people see, detail what must be
    in the parentheses after it, "" for none.
    """
    begin: Callable
    sentence: str
    detail: str = ""

    def is_told_by(self, message, url):
        sentence, _, detail = message.partition(" (")
        return (
            sentence == self.sentence.format(url=url)
            and bool(detail) == bool(self.detail)
            and self.detail in detail)


def _server(behaviour):
    @contextmanager
    def begin():
        with MisbehavingServer(behaviour) as server:
            yield server.url
    return begin


@contextmanager
def _self_signed():
    certificate = self_signed_certificate()
    with MisbehavingServer(
            json_answer(SYSTEM), certificate=certificate) as server:
        yield server.url


@contextmanager
def _certificate_of_another():
    "The system trusts it"
    certificate = self_signed_certificate('other.example')
    with MisbehavingServer(
            json_answer(SYSTEM), certificate=certificate) as server, \
            tempfile.NamedTemporaryFile('w') as file:
        file.write(certificate[0])
        file.flush()
        with patch.dict(os.environ, {'SSL_CERT_FILE': file.name}):
            yield server.url


@contextmanager
def _huge_after_the_first_answer():
    with MisbehavingServer(
            huge_body, paths={'/system': json_answer(SYSTEM)}) as server:
        yield server.url


@contextmanager
def _without_tls():
    with MisbehavingServer(json_answer(SYSTEM)) as server:
        yield server.url.replace('http:', 'https:')


TROUBLES = {
    'bad_address': Trouble(
        lambda: nullcontext('pacs.example.com:8042/orthanc'),
        'The URL "{url}" can not be used. Enter its scheme, host and path '
        'and nothing else, for example "https://pacs.example.com/orthanc/".',
        "does not begin with http:// or https://"),
    'name_not_found': Trouble(
        lambda: nullcontext('http://pacs.invalid/'),
        'The name of the host in "{url}" was not found. Check its spelling, '
        'and the name resolution of the machine that runs GNU Health.'),
    'refused': Trouble(
        closed_port,
        'Nothing listens at "{url}". Check the port, and that Orthanc is '
        'running.'),
    'timed_out': Trouble(
        _server(hang),
        'The server at "{url}" did not answer in time. Check the network and '
        'any firewall between, or raise the time-out.'),
    'bad_credentials': Trouble(
        _server(answer(401)),
        'The server at "{url}" does not accept the username and password. '
        'Enter those of a user registered in Orthanc, and check that it '
        'allows remote access.'),
    'forbidden': Trouble(
        _server(answer(403)),
        'The server at "{url}" knows the user but denies the access. Give '
        'the user the right to read everything.'),
    'untrusted_certificate': Trouble(
        _self_signed,
        'The certificate of "{url}" is not trusted. Choose your own '
        'certificate authorities for the server, or have its certificate '
        'signed by one that the system trusts.',
        "self-signed certificate"),
    'certificate_of_another': Trouble(
        _certificate_of_another,
        'The certificate of "{url}" is for another name. Enter the name '
        'that the certificate has in the URL, or have one made for this '
        'name.',
        "mismatch"),
    'tls_failed': Trouble(
        _without_tls,
        'No encrypted connection to "{url}" is possible. Check whether the '
        'URL should begin with "http://", or the port.'),
    'redirected': Trouble(
        _server(answer(302, Location='https://login.example.com/?next=1')),
        'The server at "{url}" redirects elsewhere, mostly to a login page '
        'or to an encrypted address. Enter the address of the REST API '
        'itself.',
        "to https://login.example.com"),
    'not_orthanc': Trouble(
        _server(answer(
                200, b'<html><form action="login"></form></html>',
                Content_Type='text/html')),
        'What answers at "{url}" is not an Orthanc. Check the path of the '
        'URL, and that it is the address of the REST API.'),
    'server_failed': Trouble(
        _server(answer(500)),
        'The server at "{url}" answered with an error. See the log of '
        'Orthanc, or of the proxy before it.',
        "500"),
    'broken_answer': Trouble(
        _server(cut_body),
        'The answer of "{url}" is cut or can not be read. Check the proxy '
        'before Orthanc; the next synchronization tries again.',
        "IncompleteRead"),
    'too_large': Trouble(
        _huge_after_the_first_answer,
        'The server at "{url}" sent more than an answer of this kind can '
        'have. Check that it is an Orthanc, and what it holds; the next '
        'synchronization tries again.',
        "bytes"),
    'unreachable': Trouble(
        _server(reset),
        'The connection to "{url}" failed. Check whether the URL should begin '
        'with "http://" or "https://", its port, and the network; the next '
        'synchronization tries again.',
        "reset"),
    }

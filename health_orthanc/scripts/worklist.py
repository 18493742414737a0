#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer modalities: the worklist, and what they report of their steps.

It works in the database itself, without trytond. Any number can run.
"""
import logging
import signal
import ssl
import sys
import threading
import zoneinfo
from argparse import ArgumentParser

from trytond.modules.health_imaging.scripts import (
    add_options, use_configuration)

# To the database, of one process
_CONNECTIONS = 8


def get_parser():
    parser = ArgumentParser(
        description="Answer modalities straight from the database: C-ECHO, "
        "the worklist (C-FIND), and what they report of their steps (MPPS). "
        "Only the stations that are known are answered.")
    add_options(parser)
    parser.add_argument(
        '--host', default='127.0.0.1',
        help="the address to listen at (default: this machine only)")
    parser.add_argument(
        '--port', type=int, default=11112, help="(default: 11112)")
    parser.add_argument(
        '--ae-title', default='GNUHEALTH', help="(default: GNUHEALTH)")
    parser.add_argument(
        '--associations', type=int, default=100,
        help="how many at once (default: 100)")
    parser.add_argument(
        '--timeout', type=float, default=30, metavar='SECONDS',
        help="how long to wait for the other side (default: 30)")
    parser.add_argument(
        '--timezone', type=zoneinfo.ZoneInfo,
        help="where the institution is (default: that of its company)")
    tls = parser.add_argument_group('TLS')
    tls.add_argument(
        '--tls-certificate', metavar='FILE',
        help="the certificate of this machine, in PEM format")
    tls.add_argument(
        '--tls-key', metavar='FILE', help="its private key")
    tls.add_argument(
        '--tls-clients', metavar='FILE',
        help="the authorities whose certificates stations must have")
    parser.add_argument(
        '-v', '--verbose', action='store_true', help="say more")
    return parser


def get_ssl_context(args):
    "Return the context of TLS, None without a certificate"
    if not args.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(args.tls_certificate, args.tls_key)
    if args.tls_clients:
        context.load_verify_locations(args.tls_clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def main(args):
    "Return the exit status"
    from trytond.config import config
    config.update_etc(args.config_file)
    from trytond.pool import Pool
    try:
        from trytond.modules.health_orthanc.gateway import Gateway
    except ImportError as exception:
        print(
            f"{exception}. Install the extra \"worklist\".", file=sys.stderr)
        return 1
    logging.basicConfig(
        level=logging.INFO if args.verbose else logging.WARNING)
    # They print names of patients
    logging.getLogger('pynetdicom').setLevel(logging.CRITICAL)
    # Its threads end with an exception where messages are none
    threading.excepthook = lambda arguments: logging.info(
        "an association ended: %r", arguments.exc_value)
    Pool.start()
    Pool(args.database).init()
    gateway = Gateway(args.database, args.timezone)
    stop = threading.Event()
    for number in [signal.SIGINT, signal.SIGTERM]:
        signal.signal(number, lambda *_: stop.set())
    try:
        server = gateway.start(
            args.host, args.port, args.ae_title, args.associations,
            args.timeout, get_ssl_context(args))
    # What is wrong with a certificate is an OSError too
    except OSError as exception:
        print(f"It can not start: {exception}", file=sys.stderr)
        return 1
    host, port = server.socket.getsockname()[:2]
    print(f"{args.ae_title} answers at {host}:{port}", flush=True)
    stop.wait()
    server.shutdown()
    return 0


def run_script():
    args = get_parser().parse_args()
    # So long trytond waits for a database that is away, in seconds
    use_configuration(
        args.config_file, TRYTOND_DATABASE__MAXCONN=str(_CONNECTIONS))
    sys.exit(main(args))


if __name__ == '__main__':
    run_script()

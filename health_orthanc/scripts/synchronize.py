#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add an Orthanc server, synchronize it, and print the figures.

It works in the database itself, without trytond or trytond-worker.
"""
import datetime as dt
import getpass
import os
import sys
import time
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

try:
    from proteus import Model, Wizard, config
except ImportError:
    prog = os.path.basename(sys.argv[0])
    sys.exit(f"proteus must be installed to use {prog}")

from trytond.modules.health_imaging.scripts import (
    add_options, use_configuration)

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None

PASSWORD = 'ORTHANC_PASSWORD'
_POLL = 0.5  # seconds between two looks at the progress
_FIGURES = ['new', 'changed', 'missing', 'back', 'set_aside', 'requests']


class Failed(Exception):
    "What the person has to be told"


class Bar:
    "The progress on the standard error, a plain bar where there is no tqdm"

    def __init__(self):
        self._tqdm = None
        self._shown = False

    def show(self, read, total):
        if tqdm:
            if self._tqdm is None:
                self._tqdm = tqdm(unit='study', disable=None)
            self._tqdm.total = total
            self._tqdm.update(read - self._tqdm.n)
        elif sys.stderr.isatty():
            done = 40 * read // max(total, 1)
            print(
                f"\r[{'#' * done:40}] {read}/{total}", end='',
                file=sys.stderr, flush=True)
            self._shown = True

    def close(self):
        if self._tqdm is not None:
            self._tqdm.close()
        elif self._shown:
            print(file=sys.stderr)


def read_file(path):
    try:
        return Path(path).read_bytes()
    except OSError as exception:
        raise Failed(f"A file can not be read: {exception}") from None


def read_password(args):
    "Return the password from where it is, or ask for it"
    if args.password_file:
        text = read_file(args.password_file).decode('utf-8', 'replace')
        return text.partition('\n')[0].rstrip('\r')
    if PASSWORD in os.environ:
        return os.environ[PASSWORD]
    if not args.username:
        return None
    if not sys.stdin.isatty():
        raise Failed(
            f"Give the password in a file or in the variable {PASSWORD}.")
    return getpass.getpass()


def get_server(args):
    "Return the server with the label, which is added if there is none"
    Server = Model.get('gnuhealth.orthanc.config')
    servers = Server.find([('label', '=', args.label)])
    if servers:
        server, = servers
        if args.url and args.url.rstrip('/') != server.url.rstrip('/'):
            raise Failed(
                f'The server "{args.label}" has another URL. Change it in '
                "GNU Health, or choose another label.")
        if not server.validated:
            check(server)
        return server
    if not args.url:
        raise Failed(
            f'There is no server "{args.label}". Give its URL to add it.')
    return add_server(args)


def check(server):
    server.click('check')
    server.reload()
    if not server.validated:
        raise Failed(server.last_error)


def add_server(args):
    wizard = Wizard('gnuhealth.orthanc.server.add')
    form = wizard.form
    form.label = args.label
    form.url = args.url
    form.username = args.username
    form.password = read_password(args)
    form.public_url = args.public_url
    if args.ca_certificates:
        form.trust = 'own'
        form.ca_certificates = read_file(args.ca_certificates)
    wizard.execute('check')
    if wizard.form_state == 'failure':
        message = wizard.form.message
        wizard.execute('end')
        raise Failed(message)
    server = wizard.form.server
    wizard.execute('end')
    return Model.get('gnuhealth.orthanc.config')(server.id)


def synchronize(server):
    """Run until all is done, and return the records of these runs.

    There are none where nothing was found.
    """
    Synchronization = Model.get('gnuhealth.orthanc.synchronization')

    def find(after):
        return Synchronization.find(
            [
                ('server', '=', server.id), ('id', '>', after),
                ('outcome', '!=', 'skipped')],
            order=[('id', 'ASC')])

    latest = Synchronization.find(
        [('server', '=', server.id)], order=[('id', 'DESC')], limit=1)
    before = latest[0].id if latest else 0
    runs = []
    bar = Bar()
    try:
        # Runs of others that end meanwhile count too
        while not runs or goes_on(server, runs[-1]):
            last_run = server.last_run
            run(server, bar)
            found = find(runs[-1].id if runs else before)
            runs.extend(found)
            if not found:
                if not server.validated:
                    raise Failed(server.last_error or server.advice)
                if server.last_run != last_run:
                    break
                # Another process synchronizes the server
                time.sleep(_POLL)
    finally:
        bar.close()
    server.reload()
    return runs


def goes_on(server, run):
    "Return whether the run ended for the time, after it brought something"
    server.reload()
    return run.outcome == 'paused' and bool(
        server.walk is not None or run.new or run.changed or run.back)


def run(server, bar):
    "Make one run, and show meanwhile how far it is"
    parameters = config.get_config()
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(_run, parameters, server.id)
        while not wait([future], timeout=_POLL).done:
            show(server, bar)
    future.result()
    show(server, bar)


def _run(parameters, server_id):
    from trytond.transaction import Transaction
    with Transaction().start(
            parameters.database_name, parameters.user) as transaction:
        Server = parameters.pool.get('gnuhealth.orthanc.config')
        server = Server(server_id)
        if not server.is_running():
            Server.synchronize([server])
        transaction.commit()


def show(server, bar):
    server.reload()
    total = server.server_study_count or 0
    if server.walk is None:
        bar.show(min(server.study_count, total), total)
    else:
        bar.show(min(server.walk, total), total)


def print_figures(server, runs):
    print(f"{server.label}: Orthanc {server.version}")
    print(f"{'':10} {'known':>10} {'on server':>10}")
    for name in ['patient', 'study', 'image']:
        label = {'study': "studies"}.get(name, f'{name}s')
        known = getattr(server, f'{name}_count')
        held = getattr(server, f'server_{name}_count')
        print(f"{label:10} {known:>10} {held or 0:>10}")
    print(', '.join(
            f"{name.replace('_', ' ')}: "
            f"{sum(getattr(run, name) or 0 for run in runs)}"
            for name in _FIGURES))
    duration = sum((run.duration for run in runs), dt.timedelta())
    print(f"duration: {duration.total_seconds():.1f} s")


def main(args):
    "Return the exit status"
    config.set_trytond(args.database, config_file=args.config_file)
    from trytond.exceptions import UserError
    try:
        server = get_server(args)
        runs = synchronize(server)
        outcome = runs[-1].outcome if runs else 'done'
        if outcome == 'failed':
            raise Failed(runs[-1].error)
    except (Failed, UserError) as exception:
        print(
            getattr(exception, 'message', None) or exception, file=sys.stderr)
        return 1
    print_figures(server, runs)
    if outcome == 'paused':
        print(
            "The log of the server does not end. The scheduled action goes on "
            "with it.", file=sys.stderr)
        return 1
    if server.status != 'healthy':
        print(server.advice, file=sys.stderr)
        return 1
    return 0


def get_parser():
    parser = ArgumentParser(
        description="Synchronize an Orthanc server, which is added if there "
        "is none with the label, and print the figures. The password is read "
        f"from a file, from the variable {PASSWORD}, or asked for.")
    add_options(parser)
    parser.add_argument('label', help="the label of the server")
    parser.add_argument('--url', help="its URL, to add it")
    parser.add_argument('--username', help="the user of Orthanc")
    parser.add_argument(
        '--password-file', metavar='FILE',
        help="the file that has the password in its first line")
    parser.add_argument(
        '--public-url', help="the address by which browsers reach it")
    parser.add_argument(
        '--ca-certificates', metavar='FILE',
        help="the certificates of your own authorities, in PEM format")
    return parser


def run_script():
    args = get_parser().parse_args()
    use_configuration(args.config_file)
    sys.exit(main(args))


if __name__ == '__main__':
    run_script()

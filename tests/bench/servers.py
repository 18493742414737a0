# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long trytond-cron and its workers take for fifty servers.

    bin/bench servers [--workers 2] [--servers 50] [--studies 200]

One is a real Orthanc; the others are stand-ins that pass on what it says. Of
them one refuses connections, one accepts none and one never answers; two take
their time for each answer. The scheduled action has its interval of a minute.
Printed is how long it takes until all that answer are in step: at first, and
after a study came to all of them.
"""
import argparse
import datetime as dt
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from proteus import Model

from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer
from tests.faults.misbehaving import (
    MisbehavingServer, ProxyServer, closed_port, full_port, hang)
from tests.postgresql import running_postgresql
from tests.tools import activate, configured

_SLOW = 2  # seconds for an answer
_MOST = 900  # seconds until it is given up
_METHOD = 'gnuhealth.orthanc.config|synchronize_all'


def later(request, number):
    "Have the request passed on after a while"
    time.sleep(_SLOW)


@contextmanager
def addresses(orthanc, count):
    "Yield the addresses of those that answer, and of those that do not"
    with ExitStack() as stack:
        slow = [
            stack.enter_context(ProxyServer(orthanc.url, later)).url
            for _ in range(2)]
        away = [
            stack.enter_context(closed_port()),
            stack.enter_context(full_port()),
            stack.enter_context(MisbehavingServer(hang)).url]
        others = [
            stack.enter_context(ProxyServer(orthanc.url)).url
            for _ in range(count - 1 - len(slow) - len(away))]
        yield [orthanc.url, *slow, *others], away


def add(urls, orthanc):
    "Add the servers, as if each had answered to the check"
    Server = Model.get('gnuhealth.orthanc.config')
    for number, url in enumerate(urls):
        server = Server(
            label=f"Server {number}", url=url, username=orthanc.username,
            password=orthanc.password)
        server.save()
    query("UPDATE gnuhealth_orthanc_config SET validated = true")
    query("DELETE FROM ir_queue")
    query("UPDATE ir_cron SET active = (method = %s)", _METHOD)
    query(
        "UPDATE ir_cron SET interval_number = 1, interval_type = 'minutes',"
        " next_call = %s WHERE method = %s", dt.datetime.now(), _METHOD)


def query(statement, *arguments):
    with Transaction().start(DB_NAME, 0) as transaction:
        cursor = transaction.connection.cursor()
        cursor.execute(statement, arguments)
        rows = cursor.fetchall() if cursor.description else []
        transaction.commit()
        return rows


@contextmanager
def processes(workers):
    "With trytond-cron, and a worker of that many processes"
    environment = {
        **os.environ,
        'TRYTOND_QUEUE__WORKER': str(bool(workers))}
    commands = [['trytond-cron']]
    if workers:
        commands.append(['trytond-worker', '-n', str(workers), '-t', '5'])
    running = [
        subprocess.Popen(
            [Path(sys.executable).parent / program, '-d', DB_NAME, *options],
            env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for program, *options in commands]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def until(what, count, statement, *arguments):
    "Print when the statement counts that many, and the half of it"
    begin, half = time.monotonic(), None
    while time.monotonic() < begin + _MOST:
        (found,), = query(statement, *arguments)
        seconds = time.monotonic() - begin
        if found >= count / 2 and half is None:
            half = seconds
        if found >= count:
            print(
                f"{what}: half of them {half:.1f} s, all {seconds:.1f} s",
                flush=True)
            return
        time.sleep(0.2)
    print(f"{what}: {found} of {count} after {_MOST} s", flush=True)


def run(options):
    activate()
    with OrthancServer(StableAge=1) as orthanc, \
            addresses(orthanc, options.servers) as (answering, away):
        for number in range(options.studies):
            orthanc.upload_all(generated_study(patient_id=f'P{number}'))
        with configured('queue', worker='True'):
            add([*away, *answering], orthanc)
        with processes(options.workers):
            until(
                f"{len(answering)} servers of {options.studies} studies,"
                " the first time", len(answering),
                "SELECT COUNT(*) FROM gnuhealth_orthanc_config"
                " WHERE last_success IS NOT NULL")
            uploaded, = generated_study(patient_id='NEW')
            id_ = orthanc.upload(uploaded)['ParentStudy']
            until(
                f"A new study on {len(answering)} servers", len(answering),
                "SELECT COUNT(*) FROM gnuhealth_orthanc_study"
                " WHERE orthanc_id = %s", id_)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--servers', type=int, default=50)
    parser.add_argument('--studies', type=int, default=200)
    parser.add_argument(
        '--workers', type=int, default=2, help="0 for trytond-cron alone")
    if 'TRYTOND_DATABASE__URI' in os.environ:
        run(parser.parse_args())
        return
    parser.parse_args()
    with running_postgresql() as environment:
        sys.exit(subprocess.call([
                    sys.executable, '-W', 'ignore', '-m',
                    'tests.bench.servers', *sys.argv[1:]],
                env={**os.environ, **environment}))


if __name__ == '__main__':
    main()

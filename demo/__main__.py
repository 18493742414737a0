# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Show GNU Health with an Orthanc at work; bin/demo calls this"
import argparse
import json
import signal
import sys
import time

from . import quiet, report, story
from .installation import (
    DATABASE, ROOT, Installation, InstallationError, free_port)
from .orthanc_server import OrthancServer

STATE = ROOT / 'demo' / '.state'


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog='bin/demo', description=(
            "Run GNU Health with an Orthanc on this machine, show orders, "
            "results and studies at work, and leave the web client running."))
    parser.add_argument(
        '--once', action='store_true', help="stop after the table")
    parser.add_argument(
        '--clean', action='store_true',
        help="begin anew instead of going on with what is there")
    parser.add_argument(
        '--port', type=int, default=8000,
        help="the port of the web client (%(default)s)")
    return parser.parse_args(arguments)


class Steps:
    "Say what is done, and how long it took since the start"

    def __init__(self):
        self.begin = time.monotonic()

    def __call__(self, text):
        print(f"{time.monotonic() - self.begin:6.1f} s  {text}", flush=True)


def orthanc_port():
    "Always the same, as the server's address is in the database"
    path = STATE / 'orthanc.json'
    if not path.exists():
        path.write_text(json.dumps({'port': free_port(8042)}))
    return json.loads(path.read_text())['port']


def play(installation, orthanc, step):
    "The whole story; return what is wrong in the end"
    step("Orthanc: pydicom's files and generated studies")
    story.fill_orthanc(orthanc)
    step("GNU Health: a database with health_imaging and health_orthanc")
    installation.prepare()
    installation.connect()
    step("Staff, patients, tests")
    users = story.staff(installation.password)
    story.schedule()
    patients = story.register_patients()
    tests = story.catalogue()
    step(f"Server {story.SERVER}")
    server = story.add_server(orthanc)
    step("Synchronization")
    server = story.synchronize(server)
    step("Orders, requests, results")
    new = story.place_orders(users, patients, tests)
    step("Worklist: the MR asks, makes the images and reports")
    story.add_station()
    if story.perform(orthanc, DATABASE):
        server = story.synchronize(server)
    step("Reading: taken, written, signed, told and acknowledged")
    story.read(users)
    step(f"Done, {new} orders are new")
    print()
    report.print_table()
    print()
    mistakes = list(report.find_mistakes(orthanc, server))
    if server.last_error:
        mistakes.append(server.last_error)
    return mistakes


def serve(installation, orthanc):
    with installation.running() as processes:
        print(
            f"\nThe web client is at {installation.url}\n"
            f"  log in as admin, doctor or radiologist, "
            f"password: {installation.password}\n"
            f"Orthanc is at {orthanc.url}app/explorer.html\n"
            f"  user {orthanc.username}, password: {orthanc.password}\n"
            "Ctrl-C ends both.", flush=True)
        while all(process.poll() is None for process in processes):
            time.sleep(1)
    raise InstallationError(
        f"A server ended by itself: see the logs in {installation.folder}")


def main(arguments=None):
    arguments = parse_arguments(arguments)
    quiet.ignore_warnings()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    installation = Installation(STATE, arguments.port)
    with installation.only_one():
        if arguments.clean:
            installation.clean()
        with OrthancServer(STATE / 'orthanc', HttpPort=orthanc_port()) as (
                orthanc):
            mistakes = play(installation, orthanc, Steps())
            if mistakes:
                print("This is wrong:", *mistakes, sep='\n  ')
                return 1
            print(
                "Every study that Orthanc reports is here, every patient "
                "with a known PUID is linked, and no other.", flush=True)
            if not arguments.once:
                serve(installation, orthanc)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except InstallationError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print()

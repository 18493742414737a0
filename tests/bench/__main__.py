# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the synchronization and the lists, and print a table.

bin/bench calls this where everything is installed. Nothing fails for being
slow: the table says what was measured, what must be reached and whether it
was.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from functools import partial
from operator import itemgetter
from pathlib import Path

from . import raw
from .process import ROOT, run
from .studies import (
    filled_server, many_image_studies, one_image_studies, values)
from demo.orthanc_server import COMMAND, OrthancServer
from tests.postgresql import running_postgresql
from tests.unit import name_pairs

CACHE = ROOT / '.cache'
PEER = CACHE / 'peer' / 'bin' / 'python'
REPEAT = 3
LOGIN = 'radiologist'
# Of the studies that the list shows first, so many have a patient here
LINKED = 200
# The peer fails where nobody has a PatientID of 9 characters or more
SHORT = 'P'
# What a run may write where nothing is new
OWN_TABLE = 'gnuhealth_orthanc_config'
# So that Orthanc calls the studies stable before they are read: see StableAge
QUIET = 4  # seconds
EXTENSIONS = [
    'CREATE EXTENSION pg_trgm',
    'CREATE EXTENSION unaccent',
    'ALTER FUNCTION unaccent(text) IMMUTABLE',
    'ALTER FUNCTION unaccent(regdictionary, text) IMMUTABLE',
    ]


class Table:
    "The lines that are printed, at once and again at the end"

    def __init__(self):
        self.lines = []

    def add(self, what, figure, target, met, detail=''):
        line = (
            f"{what:<44} {figure:>12}   {target:<10} "
            f"{'met' if met else 'NOT MET' if met is not None else '':<8}"
            f"{detail}")
        self.lines.append(line.rstrip())
        print(self.lines[-1], flush=True)

    def ratio(self, what, value, least=None, most=None, detail=''):
        "A row whose figure is a ratio with a lower or an upper limit"
        if least is not None:
            target, met = f"≥ {least:g}×", value >= least
        else:
            target, met = f"≤ {most:g}×", value <= most
        self.add(what, f"{value:.2f}×", target, met, detail)

    def at_most(self, what, value, limit, unit, detail=''):
        "A row whose figure has an upper limit in a unit"
        self.add(
            what, f"{value:.4g} {unit}", f"≤ {limit:g} {unit}",
            value <= limit, detail)


class Bench:
    "The databases, the servers and the rows"

    def __init__(self, options, environment, table):
        self.options = options
        self.environment = environment
        self.table = table
        self.labels = 0

    def ours(self, database, action, **values):
        return run(
            sys.executable, 'tests.bench.ours',
            {**self.environment, 'DB_NAME': database}, action, **values)

    def peer(self, action, **values):
        # Its modules are others: it must not find a copy of our database
        return run(
            PEER, 'tests.bench.peer', {
                **self.environment, 'DB_NAME': 'peer', 'DB_CACHE': ''},
            action, **values)

    def prepare(self, database, **values):
        "A database with the extensions that the documentation recommends"
        self.ours(database, 'prepare', **values)
        for statement in EXTENSIONS:
            self.psql(database, statement)
        self.ours(database, 'index')

    def psql(self, database, statement):
        subprocess.run(
            ['psql', '--quiet', '--no-psqlrc', f'--dbname={database}',
                f'--command={statement}'],
            env={**os.environ, **self.environment}, check=True,
            stdout=subprocess.DEVNULL)

    def dsn(self, database):
        return (
            f"dbname={database} host={self.environment['PGHOST']} "
            f"user={self.environment['PGUSER']}")

    def add_server(self, database, server):
        self.labels += 1
        return self.ours(
            database, 'add_server', label=f"Bench {self.labels}",
            url=server.url, username=server.username,
            password=server.password)

    def synchronize(self, database, server_id, expected, **values):
        figures = self.ours(
            database, 'synchronize', server=server_id, **values)
        if figures['studies'] != expected:
            raise RuntimeError(
                f"{figures['studies']} studies, not {expected}")
        return figures

    def against_peer(self):
        "The first synchronization, by changes, and the raw limit"
        count, peer_count = self.options.count, self.options.peer_count
        self.prepare('small', login=LOGIN)
        with OrthancServer(command=self.options.command) as server:
            server.upload_all(one_image_studies(range(count), SHORT))
            time.sleep(QUIET)
            ids = [self.add_server('small', server) for _ in range(REPEAT)]
            first = [
                self.synchronize('small', id_, count, **self.profile('first'))
                for id_ in ids]
            seconds = median(first)
            self.cost = seconds / count
            self.memory = max(figures['peak'] for figures in first)
            full = None
            if peer_count:
                self.peer(
                    'prepare', url=server.url, username=server.username,
                    password=server.password)
                full = self.peer('full')
            self.compare(
                f"First synchronization of {count} studies", seconds, count,
                full, 20)
            self.raw_limit(server, ids[0], seconds)
            server.upload_all(
                one_image_studies(range(count, 2 * count), SHORT))
            time.sleep(QUIET)
            by_changes = [
                self.synchronize(
                    'small', id_, count, **self.profile('changes'))
                for id_ in ids]
            self.compare(
                f"{count} new studies by changes", median(by_changes), count,
                self.peer('changes') if peer_count else None, 40)

    def compare(self, what, seconds, count, peer, least):
        rate = count / seconds
        detail = f"{seconds:.2f} s, {rate:.0f}/s"
        if peer is None:
            self.table.add(what, f"{rate:.0f}/s", "", None, detail)
            return
        peer_rate = peer['studies'] / peer['seconds']
        self.table.ratio(
            f"{what}, ratio to the peer", rate / peer_rate, least,
            detail=(
                f"{detail}; peer {peer['seconds']:.1f} s, "
                f"{peer_rate:.0f}/s"))

    def raw_limit(self, server, id_, seconds):
        reads = [
            raw.read_limit(server.url, server.username, server.password)[0]
            for _ in range(REPEAT)]
        inserts = [
            raw.insert_limit(self.dsn('small'), id_)[0]
            for _ in range(REPEAT)]
        read, insert = min(reads), min(inserts)
        self.table.ratio(
            "the same, ratio to the raw limit", seconds / (read + insert),
            most=3, detail=f"read {read:.2f} s + insert {insert:.2f} s")

    def many_images(self):
        "Studies of many images, and of few"
        count, series = 60, 4
        times = {}
        for images in [50, 1]:
            with filled_server(
                    self.folder(f'{count}x{series}x{images}'), count,
                    partial(
                        many_image_studies, series=series, images=images),
                    command=self.options.command) as server:
                times[images] = median([
                        self.synchronize(
                            'small', self.add_server('small', server), count)
                        for _ in range(REPEAT)])
        self.table.at_most(
            f"{count} studies of {series} series of 50 images", times[50], 2,
            "s")
        self.table.ratio(
            "the same, ratio to 1 image each", times[50] / times[1], most=1.5,
            detail=f"{times[1]:.3f} s")

    def at_scale(self):
        "Cost and memory where there are many studies, and lists of them"
        count = self.options.large
        recent = sorted(
            map(values, range(count)), key=itemgetter('date'))[-LINKED:]
        self.prepare('large', login=LOGIN, persons=list(map(person, recent)))
        with filled_server(
                self.folder(str(count)), count,
                command=self.options.command) as server:
            id_ = self.add_server('large', server)
            first = self.synchronize('large', id_, count)
            cost = first['seconds'] / count
            self.table.ratio(
                f"Cost per study of {count} against {self.options.count}",
                cost / self.cost, most=1.2, detail=(
                    f"{first['seconds']:.1f} s, {1 / cost:.0f}/s"))
            growth = first['peak'] - self.memory
            self.table.at_most(
                "Growth of the memory of the process", growth, 30, "MiB",
                f"{self.memory:.0f} to {first['peak']:.0f} MiB")
            self.idle(id_)
        # As PostgreSQL does by itself a minute later
        self.psql('large', 'VACUUM ANALYZE')
        self.search(values(count // 2))

    def idle(self, server_id):
        # The first can have left something to look at again
        self.synchronize('large', server_id, 0)
        before = self.written('large')
        runs = [
            self.synchronize('large', server_id, 0) for _ in range(REPEAT)]
        after = self.written('large')
        requests = max(figures['requests'] for figures in runs)
        self.table.at_most(
            f"Nothing new, with {self.options.large} studies", median(runs),
            0.3, "s")
        self.table.at_most("the same, requests", requests, 3, "")
        rows = {
            name: round((number - before.get(name, 0)) / REPEAT, 1)
            for name, number in after.items()
            if number != before.get(name, 0)}
        others = sum(
            number for name, number in rows.items() if name != OWN_TABLE)
        self.table.at_most(
            "the same, rows written but the server's own", others, 0, "",
            ', '.join(f'{name} {number}' for name, number in rows.items()))

    def written(self, database):
        "The number of rows written so far by table"
        lines = subprocess.run(
            ['psql', '--quiet', '--no-psqlrc', '--tuples-only', '--no-align',
                f'--dbname={database}', '--command='
                'SELECT relname, n_tup_ins + n_tup_upd + n_tup_del '
                'FROM pg_stat_user_tables'],
            env={**os.environ, **self.environment}, check=True,
            stdout=subprocess.PIPE, text=True).stdout.split()
        pairs = (line.split('|') for line in lines)
        return {name: int(number) for name, number in pairs}

    def search(self, sought):
        for result in self.ours(
                'large', 'search', login=LOGIN, values=sought):
            scanned = result['scanned']
            parts = {
                name: seconds * 1000
                for name, seconds in result['parts'].items()}
            milliseconds = sum(parts.values())
            self.table.add(
                result['what'], f"{milliseconds:.0f} ms",
                "< 100 ms", milliseconds < 100 and not scanned,
                f"{result['found']} found: " + ', '.join(
                    f"{name} {value:.0f}" for name, value in parts.items())
                + (f"; reads all of {', '.join(scanned)}" if scanned else ""))

    def worklist(self):
        "How long modalities wait for their worklist"
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', 'tests.bench.worklist',
                '--inside', f'--closed={self.options.closed}'],
            env={**os.environ, **self.environment}, check=True,
            stdout=subprocess.PIPE, text=True)
        for row in json.loads(done.stdout.splitlines()[-1]):
            self.table.at_most(*row)

    def folder(self, name):
        "Where the server with these studies is kept"
        # One Orthanc can not read what a newer one wrote
        words = shlex.split(self.options.command)
        root = (
            Path(words[1], 'srv') if words[0] == 'chroot' else CACHE)
        return root / 'bench' / f'orthanc-{name}'

    def profile(self, name):
        folder = self.options.profile
        return {'profile': f'{folder}/{name}.txt'} if folder else {}


def person(study):
    "Of whom the study is, for demo.hospital.create_patient"
    family, _, given = study['patient_name'].partition('^')
    birth = study['birth_date']
    return {
        'name': given, 'lastname': family, 'puid': study['patient_id'],
        'gender': 'f', 'dob': f'{birth[:4]}-{birth[4:6]}-{birth[6:]}'}


def median(runs):
    return statistics.median(figures['seconds'] for figures in runs)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog='bin/bench', description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--count', type=int, default=2000,
        help="studies of the small server (%(default)s)")
    parser.add_argument(
        '--large', type=int, default=100_000,
        help="studies of the large server (%(default)s); 0 leaves it out")
    parser.add_argument(
        '--closed', type=int, default=1_000_000,
        help="closed orders beside the worklist (%(default)s); 0 leaves the "
        "worklist out")
    parser.add_argument(
        '--no-peer', action='store_true',
        help="do not measure gnuhealth-orthanc 5.0.4")
    parser.add_argument(
        '--orthanc', metavar='trixie|sid|COMMAND', default=COMMAND,
        help="the Orthanc to run: that of another Debian, or a command; by "
        "default that of $ORTHANC or of this machine")
    parser.add_argument(
        '--profile', metavar='FOLDER',
        help="write what took how long there; this makes all slower")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse_arguments(arguments)
    options.command = options.orthanc
    if options.orthanc in {'trixie', 'sid'}:
        # bin/bench has installed it there
        options.command = shlex.join(
            ['chroot', str(CACHE / f'orthanc-{options.orthanc}'), 'Orthanc'])
    options.peer_count = 0 if options.no_peer else options.count
    table = Table()
    table.lines.extend(name_pairs.table(name_pairs.evaluate()))
    with running_postgresql() as environment:
        bench = Bench(options, environment, table)
        bench.against_peer()
        bench.many_images()
        if options.closed:
            bench.worklist()
        if options.large:
            bench.at_scale()
    print("==", *table.lines, sep='\n')


if __name__ == '__main__':
    main()

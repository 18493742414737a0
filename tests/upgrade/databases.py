# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of the old hospital, and what trytond-admin makes of them.

On SQLite or PostgreSQL, as trytond's configuration in the environment says.
What takes long to make is made once and kept as a file in .cache/upgrade.
"""
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / '.cache' / 'upgrade'
# bin/test installs GNU Health's own modules there
OLD = ROOT / '.cache' / 'old' / 'bin'
OURS = Path(sys.executable).parent
OLD_MODULES = [
    'health_imaging', 'health_orthanc', 'health_services_imaging',
    'health_imaging_worklist']
NEW_MODULES = ['health_imaging', 'health_orthanc']
# What makes each hospital, by which a kept one is known
_OLD_HOSPITAL = [
    'bin/common.sh', 'demo/dicom_files.py', 'demo/hospital.py',
    'tests/upgrade/databases.py', 'tests/upgrade/old_hospital.py',
    'tests/upgrade/studies.py']
_HOSPITAL_7_0_0 = [
    'bin/common.sh', 'demo/hospital.py', 'tests/upgrade/databases.py',
    'tests/upgrade/hospital_7_0_0.py']
# The commit of our version 7.0.0
_COMMIT_7_0_0 = '8b26789'
# Python imports the modules beside this file in place of those installed
_SITE_7_0_0 = """\
import sys
from importlib.machinery import PathFinder
from pathlib import Path

FOLDER = str(Path(__file__).parent)
NAMES = {f'trytond.modules.health_{name}' for name in ['imaging', 'orthanc']}


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in NAMES:
            return PathFinder.find_spec(name, [FOLDER])


sys.meta_path.insert(0, Finder)
"""


class Failed(Exception):
    "A command failed; its output says why"


class SQLite:
    "Databases that are files in a folder of their own"
    name = 'sqlite'

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix='upgrade-'))
        self.environment = {
            'TRYTOND_DATABASE__URI': 'sqlite://',
            'TRYTOND_DATABASE__PATH': str(self.folder)}

    def path(self, database):
        return self.folder / f'{database}.sqlite'

    def create(self, database):
        self.path(database).touch()

    def drop(self, database):
        self.path(database).unlink(missing_ok=True)

    def dump(self, database, file):
        shutil.copy(self.path(database), file)

    def restore(self, file, database):
        shutil.copy(file, self.path(database))

    def connect(self, database):
        return closing(sqlite3.connect(self.path(database)))

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgreSQL:
    "Databases of the cluster that PGHOST names"
    name = 'postgresql'

    def __init__(self):
        self.environment = {'TRYTOND_DATABASE__URI': 'postgresql://'}

    def create(self, database):
        _run('createdb', database)

    def drop(self, database):
        _run('dropdb', '--if-exists', '--force', database)

    def dump(self, database, file):
        _run('pg_dump', '--no-owner', f'--file={file}', database)

    def restore(self, file, database):
        self.create(database)
        _run('psql', '--quiet', '--no-psqlrc', f'--dbname={database}',
            '--set=ON_ERROR_STOP=1', '--output=/dev/null', f'--file={file}')

    def connect(self, database):
        import psycopg2
        return closing(psycopg2.connect(dbname=database))

    def close(self):
        pass


def backend():
    "The backend that the environment names"
    uri = os.environ.get('TRYTOND_DATABASE__URI', 'sqlite://')
    return PostgreSQL() if uri.startswith('postgresql') else SQLite()


def old_hospital(databases):
    "Return the file with the hospital of GNU Health's own modules"
    def make(database):
        update(databases, database, OLD_MODULES, '--language=es', bin_=OLD)
        _run(
            OLD / 'python', '-W', 'ignore', '-m',
            'tests.upgrade.old_hospital', database, **databases.environment)
    return _kept(databases, 'old', _OLD_HOSPITAL, make)


def hospital_7_0_0(databases):
    "Return the file with a hospital of our version 7.0.0"
    environment = {**databases.environment, **version_7_0_0()}

    def make(database):
        update(
            databases, database, OLD_MODULES, '--language=es', **environment)
        _run(
            OURS / 'python', '-W', 'ignore', '-m',
            'tests.upgrade.hospital_7_0_0', database, **environment)
    return _kept(databases, '7.0.0', _HOSPITAL_7_0_0, make)


def new(databases):
    "Return the file with a database that our modules made"
    sources = [
        path.relative_to(ROOT) for name in NEW_MODULES
        for path in sorted((ROOT / name).rglob('*'))
        if path.is_file() and path.suffix != '.pyc']
    return _kept(
        databases, 'new', [*sources, 'tests/upgrade/databases.py'],
        lambda database: update(
            databases, database, OLD_MODULES, '--language=es'))


def _kept(databases, name, sources, make):
    "Return the file with what make() makes, made where there is none"
    digest = hashlib.sha256()
    for source in sources:
        digest.update((ROOT / source).read_bytes())
    CACHE.mkdir(parents=True, exist_ok=True)
    prefix = f'{databases.name}-{name}-'
    file = CACHE / f'{prefix}{digest.hexdigest()[:16]}'
    if not file.exists():
        for stale in CACHE.glob(f'{prefix}*'):
            stale.unlink()
        databases.create('making')
        try:
            make('making')
            databases.dump('making', file.with_suffix('.part'))
        finally:
            databases.drop('making')
        file.with_suffix('.part').rename(file)
    return file


def version_7_0_0():
    """Return the environment in which our modules are those of 7.0.0.

    Raise unittest.SkipTest where git does not have them.
    """
    folder = CACHE / 'version-7.0.0'
    if not (folder / 'sitecustomize.py').exists():
        folder.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(
            ['git', 'archive', _COMMIT_7_0_0, *NEW_MODULES], cwd=ROOT,
            capture_output=True)
        if archive.returncode:
            raise unittest.SkipTest("git has no version 7.0.0 here")
        subprocess.run(
            ['tar', '--extract', '--directory', folder],
            input=archive.stdout, check=True)
        (folder / 'sitecustomize.py').write_text(_SITE_7_0_0)
    return {'PYTHONPATH': str(folder)}


def update(databases, database, modules, *options, bin_=OURS, **environment):
    "Update the modules as README.rst says, and return what is printed"
    with tempfile.NamedTemporaryFile('w') as password:
        password.write('admin')
        password.flush()
        return _run(
            bin_ / 'python', '-W', 'ignore', bin_ / 'trytond-admin',
            '--database', database, '--update', *modules,
            '--activate-dependencies', '--email=admin@example.com', *options,
            TRYTONPASSFILE=password.name,
            **{**databases.environment, **environment})


def old_lists(databases, database):
    "Return what the lists of GNU Health's own modules show, see lists.py"
    printed = _run(
        OLD / 'python', '-W', 'ignore', '-m', 'tests.upgrade.lists', database,
        **databases.environment)
    # As it ends, Python 3.13 warns of what the old modules leave open
    return json.loads(next(
            line for line in printed.splitlines() if line.startswith('{')))


def _run(*command, **environment):
    process = subprocess.run(
        [str(word) for word in command], cwd=ROOT, text=True,
        env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if process.returncode:
        raise Failed(f"{command}: {process.stdout[-4000:]}")
    return process.stdout

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of the old hospital, and what trytond-admin makes of them.

On SQLite or PostgreSQL, as trytond's configuration in the environment says.
The old hospital is made once and kept as a file in .cache/upgrade.
"""
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
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
# Our version and what makes the hospital, by which a kept one is known
_MADE_BY = [
    'bin/common.sh', 'demo/dicom_files.py', 'demo/hospital.py',
    'tests/upgrade/databases.py', 'tests/upgrade/old_hospital.py',
    'tests/upgrade/studies.py']


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
    "Return the file with the old hospital, made where there is none"
    digest = hashlib.sha256()
    for name in _MADE_BY:
        digest.update((ROOT / name).read_bytes())
    CACHE.mkdir(parents=True, exist_ok=True)
    prefix = f'{databases.name}-'
    file = CACHE / f'{prefix}{digest.hexdigest()[:16]}'
    if not file.exists():
        for stale in CACHE.glob(f'{prefix}*'):
            stale.unlink()
        databases.create('making')
        try:
            update(
                databases, 'making', OLD_MODULES, '--language=es', bin_=OLD)
            _run(
                OLD / 'python', '-W', 'ignore', '-m',
                'tests.upgrade.old_hospital', 'making',
                **databases.environment)
            databases.dump('making', file.with_suffix('.part'))
        finally:
            databases.drop('making')
        file.with_suffix('.part').rename(file)
    return file


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


def _run(*command, **environment):
    process = subprocess.run(
        [str(word) for word in command], cwd=ROOT, text=True,
        env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if process.returncode:
        raise Failed(f"{command}: {process.stdout[-4000:]}")
    return process.stdout

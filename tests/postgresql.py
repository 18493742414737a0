# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A PostgreSQL cluster of our own, for as long as the tests run"
import os
import shlex
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

__all__ = ['postgresql_away', 'running_postgresql']

# The cluster is thrown away: nothing needs to survive a crash.
SETTINGS = {
    'fsync': 'off',
    'full_page_writes': 'off',
    'listen_addresses': '',
    'max_connections': '200',
    'synchronous_commit': 'off',
    }


def find_programs():
    "The folder of the newest PostgreSQL server on this machine"
    folders = [
        path.parent
        for path in Path('/usr/lib/postgresql').glob('*/bin/initdb')]
    if folders:
        return max(folders, key=lambda path: int(path.parent.name))
    initdb = shutil.which('initdb')
    if initdb:
        return Path(initdb).parent
    raise FileNotFoundError("PostgreSQL's server is not installed.")


@contextmanager
def running_postgresql():
    """Yield the environment with which clients and trytond find the cluster.

    It listens on a unix socket only, in a folder that is removed at the end.
    PostgreSQL refuses to run as root: then it runs as "postgres".
    """
    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix='postgresql-'))
    as_postgres = []
    if os.getuid() == 0:
        shutil.chown(folder, 'postgres')
        as_postgres = ['runuser', '-u', 'postgres', '--']
    data = folder / 'data'

    def run(program, *arguments):
        subprocess.run(
            [*as_postgres, programs / program, *arguments], check=True,
            cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL)

    options = ' '.join(
        f"-c {name}='{value}'"
        for name, value in {
            **SETTINGS, 'unix_socket_directories': folder}.items())
    try:
        run('initdb', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8',
            '--no-sync', '--username=postgres', f'--pgdata={data}')
        run('pg_ctl', 'start', '--wait', f'--pgdata={data}',
            f'--log={folder}/log', f'--options={options}')
        try:
            yield {
                'PATH': f"{programs}:{os.environ['PATH']}",
                'PGHOST': str(folder),
                'PGUSER': 'postgres',
                'TRYTOND_DATABASE__URI': 'postgresql://',
                'DB_CACHE': 'postgresql://',
                }
        finally:
            run('pg_ctl', 'stop', '--mode=immediate', f'--pgdata={data}')
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql_away():
    "The cluster of running_postgresql, which runs already, is stopped"
    programs = find_programs()
    data = Path(os.environ['PGHOST']) / 'data'
    _, *options = shlex.split((data / 'postmaster.opts').read_text())
    as_postgres = (
        ['runuser', '-u', 'postgres', '--'] if os.getuid() == 0 else [])

    def run(*arguments):
        subprocess.run(
            [*as_postgres, programs / 'pg_ctl', *arguments,
                f'--pgdata={data}', '--wait'],
            check=True, cwd=data.parent, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL)

    run('stop', '--mode=fast')
    try:
        yield
    finally:
        run('start', f'--log={data.parent}/log',
            f'--options={shlex.join(options)}')

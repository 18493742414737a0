# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a wheel and check that it holds every file of both modules.

    python -m tests.wheel [FOLDER]

FOLDER gets the wheel.
"""
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import copy, copytree, ignore_patterns
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent.parent
MODULES = ['health_imaging', 'health_orthanc']
PREFIX = 'trytond/modules/'


def copy_sources(folder):
    "Building in place would put what an earlier build left into the wheel"
    for path in ROOT.iterdir():
        if path.is_file():
            copy(path, folder)
    for module in MODULES:
        copytree(
            ROOT / module, folder / module,
            ignore=ignore_patterns('__pycache__'))


def build(sources, folder):
    subprocess.run(
        [sys.executable, '-m', 'pip', '--quiet', 'wheel', '--no-deps',
            '--wheel-dir', folder, sources], check=True)
    wheel, = folder.glob('*.whl')
    return wheel


def find_missing(sources, wheel):
    "The modules' files that the wheel lacks"
    expected = {
        str(path.relative_to(sources))
        for module in MODULES for path in (sources / module).rglob('*')
        if path.is_file()}
    found = {
        name.removeprefix(PREFIX) for name in ZipFile(wheel).namelist()}
    return sorted(expected - found)


def main(folder=None):
    with tempfile.TemporaryDirectory() as temporary:
        sources = Path(temporary) / 'sources'
        sources.mkdir()
        copy_sources(sources)
        missing = find_missing(
            sources, build(sources, Path(folder or temporary)))
    if missing:
        print("Not in the wheel; see package_data in setup.py:", *missing,
            sep='\n  ')
    return 1 if missing else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))

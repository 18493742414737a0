#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a key for the passwords of the Orthanc servers, and encrypt them.

The key is written to the configuration file before anything is encrypted by
it, so that no password can be lost.
"""
import os
import re
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from cryptography.fernet import Fernet

from trytond.config import config
from trytond.modules.health_imaging.scripts import (
    add_options, use_configuration)

_SECTION = re.compile(r'^\[cryptography\][^\n]*\n', re.MULTILINE)
_OPTION = re.compile(r'^fernet_key\s*[=:].*\n?', re.MULTILINE)


def with_keys(text, keys):
    """Return the text of a configuration file with these Fernet keys.

    Everything else stays as it is, the comments included.
    """
    line = f"fernet_key = {','.join(keys)}\n"
    section = _SECTION.search(text)
    if not section:
        separator = '' if not text or text.endswith('\n') else '\n'
        return f'{text}{separator}\n[cryptography]\n{line}'
    head, rest = text[:section.end()], text[section.end():]
    following = re.search(r'^\[', rest, re.MULTILINE)
    end = following.start() if following else len(rest)
    return head + line + _OPTION.sub('', rest[:end]) + rest[end:]


def write(path, text):
    "Replace the file at once, with its owner and mode"
    stat = path.stat()
    with tempfile.NamedTemporaryFile(
            'w', encoding='utf-8', dir=path.parent, delete=False) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, stat.st_mode)
            if (stat.st_uid, stat.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(file.name, stat.st_uid, stat.st_gid)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def seal(database):
    "Encrypt what is stored, and return how many, and how many no key reads"
    from trytond.pool import Pool
    from trytond.transaction import Transaction
    Pool.start()
    pool = Pool(database)
    with Transaction().start(database, 0, readonly=True):
        pool.init()
    with Transaction().start(database, 0) as transaction:
        result = pool.get('gnuhealth.orthanc.config').seal_passwords()
        transaction.commit()
    return result


def main(args):
    "Return the exit status"
    path = Path(args.config_file).resolve()
    present = config.get('cryptography', 'fernet_key', default='')
    keys = [key.strip() for key in present.split(',') if key.strip()]
    if not keys or args.rotate:
        keys.insert(0, Fernet.generate_key().decode())
        try:
            write(path, with_keys(path.read_text('utf-8'), keys))
        except (OSError, UnicodeError) as exception:
            print(
                f"The key can not be written to {path}: {exception}",
                file=sys.stderr)
            return 1
        if not config.has_section('cryptography'):
            config.add_section('cryptography')
        config.set('cryptography', 'fernet_key', ','.join(keys))
        print(f"A new key is in {path}. Keep a copy apart from the database.")
    unreadable = 0
    for database in args.databases:
        count, failed = seal(database)
        unreadable += failed
        print(f"{database}: {count - failed} of {count} passwords encrypted")
    print("Restart trytond, trytond-cron and trytond-worker.")
    if unreadable:
        print(
            f"No key reads {unreadable} of them: enter these passwords anew.",
            file=sys.stderr)
    return 1 if unreadable else 0


def get_parser():
    parser = ArgumentParser(
        description="Make a key for the passwords of the Orthanc servers, if "
        "the configuration has none, and encrypt those that are stored by "
        "it.")
    add_options(
        parser, several=True, required=True,
        help="the trytond config file, to which the key is written")
    parser.add_argument(
        '--rotate', action='store_true',
        help="make a new key though there is one, which stays to read what "
        "it encrypted")
    return parser


def run_script():
    args = get_parser().parse_args()
    use_configuration(args.config_file)
    sys.exit(main(args))


if __name__ == '__main__':
    run_script()

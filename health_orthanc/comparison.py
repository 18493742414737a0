# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing the IDs that a server lists with those known. No Tryton.

A server can have millions of studies, more than should be in memory: they lie
in a file of their own.
"""
import sqlite3
from itertools import islice

__all__ = ['Comparison', 'in_batches']

# Those the server lists, those known and not missing, those met while all were
# read, and those set aside, of which some wait
_SETS = ['listed', 'present', 'seen', 'set_aside', 'waiting']
# Where more than this share and this number vanish at once a person is asked
_SUSPECT_SHARE = 0.2
_SUSPECT_NUMBER = 10
_MEMORY = 8 * 1024  # KiB of the file
# Sorted they are put beside each other, or the file would be read for each
_BATCH = 50_000


def in_batches(items, size):
    "Yield lists of the items, so many in each"
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch


class Comparison:
    "Sets of IDs, texts, by the names of _SETS; a context manager"

    def __init__(self):
        # Without a name the file is seen by nobody else, and goes with the
        # connection
        self._connection = sqlite3.connect('')
        columns = ', '.join(
            f'{name} INTEGER NOT NULL DEFAULT 0' for name in _SETS)
        for statement in [
                f'PRAGMA cache_size = -{_MEMORY}',
                'PRAGMA journal_mode = OFF',
                f'CREATE TABLE ids (id TEXT PRIMARY KEY, {columns}) '
                'WITHOUT ROWID']:
            self._connection.execute(statement)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self._connection.close()

    def add(self, name, ids):
        "Add IDs to a set, and return how many it did not have"
        before = self._connection.total_changes
        for batch in in_batches(ids, _BATCH):
            with self._connection:
                self._connection.executemany(
                    f'INSERT INTO ids (id, {name}) VALUES (?, 1) ON CONFLICT '
                    f'(id) DO UPDATE SET {name} = 1 WHERE NOT {name}',
                    ((id_,) for id_ in sorted(batch)))
        return self._connection.total_changes - before

    def count(self, name, *others):
        "Return how many IDs of a set none of the others has"
        return next(self._select('COUNT(*)', name, others))

    def each(self, name, *others):
        "Yield the IDs of a set that none of the others has"
        return self._select('id', name, others)

    def _select(self, columns, name, others):
        where = ' AND '.join([name, *(f'NOT {other}' for other in others)])
        for value, in self._connection.execute(
                f'SELECT {columns} FROM ids WHERE {where}'):
            yield value

    def is_suspect(self):
        "Return whether so much is gone that a person has to be asked"
        present = self.count('present')
        gone = self.count('present', 'listed')
        return bool(present) and not self.count('listed') or (
            gone > max(_SUSPECT_NUMBER, _SUSPECT_SHARE * present))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Rows that several people change at once are changed one after the other"
from sql import For

from trytond import backend
from trytond.tools import grouped_slice, reduce_ids
from trytond.transaction import Transaction, TransactionError

# PostgreSQL's SQLSTATE of a serialization failure and of a deadlock
_CONFLICTS = {'40001', '40P01'}
# For so long somebody stands in line, in milliseconds
_PATIENCE = 10_000


class ChangedMeanwhile(TransactionError):
    """Somebody changed a row after this transaction began to read.

    The server runs the transaction again, as often as that takes.
    """


def lock_rows(rows):
    """Wait for those who change the rows, and let others wait for this one.

    rows are the ids by model, of which those that a query makes are nobody's
    to lock. It is the first that a transaction does with them. The order is
    that of the ids, so that nobody waits for somebody who waits for them.

    Return whether the transaction was begun anew, as somebody changed a row
    after it began to read: what was found out before has to be found out
    again. Raise ChangedMeanwhile where it can not be.
    """
    transaction = Transaction()
    if transaction.readonly or not transaction.database.has_select_for():
        # SQLite has one writer at a time
        return False
    rows = {
        Model: ids for Model, ids in rows.items()
        if not callable(Model.table_query)}
    cursor = transaction.connection.cursor()
    cursor.execute('SELECT txid_current_if_assigned() IS NULL')
    wrote_nothing, = cursor.fetchone()
    try:
        _select_for_update(cursor, rows)
        return False
    except ChangedMeanwhile:
        if not wrote_nothing:
            raise
    _begin_anew(transaction, rows)
    _select_for_update(cursor, rows)
    return True


def _select_for_update(cursor, rows):
    for Model, ids in rows.items():
        table = Model.__table__()
        for sub_ids in grouped_slice(sorted(set(map(int, ids)))):
            try:
                cursor.execute(*table.select(
                        table.id, where=reduce_ids(table.id, sub_ids),
                        order_by=[table.id], for_=For('UPDATE')))
            except backend.DatabaseOperationalError as exception:
                if getattr(exception, 'pgcode', None) in _CONFLICTS:
                    raise ChangedMeanwhile from exception
                raise
        # Who waits is late also where only what belongs to the rows changes
        touch_rows(Model, ids)


def _begin_anew(transaction, rows):
    """Begin the transaction anew, when those are done who came before.

    All who wait for a row are late as soon as it is changed. If all of them
    tried again at once, all but one would be late again, and so on: hence
    they stand in line. Its lock is one that a transaction can wait for
    before it begins to read; nobody who reads or writes waits for it.
    """
    cursor = transaction.connection.cursor()
    transaction.rollback()
    # Records forget what they read
    transaction.counter += 1
    try:
        cursor.execute(f"SET LOCAL lock_timeout = {_PATIENCE}")
        cursor.execute(
            "LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE".format(
                ', '.join(sorted(str(M.__table__()) for M in rows))))
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except backend.DatabaseOperationalError:
        # Something like VACUUM FREEZE has the lock: try it out of turn
        transaction.rollback()


def touch_rows(Model, ids):
    """Let those who read the rows before this find out that they are late.

    It is for what belongs to the rows and lies in other tables. No value
    changes, so that no client that shows the rows has to load them again.
    """
    table = Model.__table__()
    cursor = Transaction().connection.cursor()
    for sub_ids in grouped_slice(sorted(set(map(int, ids)))):
        cursor.execute(*table.update(
                [table.id], [table.id], where=reduce_ids(table.id, sub_ids)))


def forget(*Models):
    """Let the ORM forget what it read of the models in this transaction.

    Who writes by SQL does so, as trytond when it restores history: what was
    read before stays otherwise.
    """
    transaction = Transaction()
    # Each instance has its own cache, which goes with the counter
    transaction.counter += 1
    for cache in transaction.cache.values():
        for Model in Models:
            if Model.__name__ in cache:
                cache[Model.__name__].clear()

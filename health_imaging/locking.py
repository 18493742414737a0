# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Rows that several people change at once are changed one after the other."
from sql import For

from trytond import backend
from trytond.tools import grouped_slice, reduce_ids
from trytond.transaction import Transaction, TransactionError

# PostgreSQL's SQLSTATE of a serialization failure and of a deadlock
_CONFLICTS = {'40001', '40P01'}


class ChangedMeanwhile(TransactionError):
    """Somebody changed a row after this transaction began to read.

    The server runs the transaction again, as often as that takes.
    """


def lock_rows(Model, ids):
    """Wait for those who change the rows, and let others wait for this one.

    It is the first that a transaction does with them. The order is that of
    the ids, so that nobody waits for somebody who waits for them. Raise
    ChangedMeanwhile where what was read before does not hold any more.
    """
    transaction = Transaction()
    if transaction.readonly or not transaction.database.has_select_for():
        # SQLite has one writer at a time
        return
    table = Model.__table__()
    cursor = transaction.connection.cursor()
    for sub_ids in grouped_slice(sorted(set(map(int, ids)))):
        try:
            cursor.execute(*table.select(
                    table.id, where=reduce_ids(table.id, sub_ids),
                    order_by=[table.id], for_=For('UPDATE')))
        except backend.DatabaseOperationalError as exception:
            if getattr(exception, 'pgcode', None) in _CONFLICTS:
                raise ChangedMeanwhile from exception
            raise


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

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"""Multi-row reads and writes by Orthanc ID, where the ORM would be the limit.

The rows are complete and already clean (see record.py). A raw write skips
validation and triggers; whoever does one lets the ORM forget what it knew of
the model, as all here do: see forget.
"""
import datetime as dt
from typing import NamedTuple

from sql import Column, Conflict, Flavor, Null, Table

from trytond import backend
from trytond.model import Index, Unique, fields
from trytond.modules.health_imaging.locking import forget
from trytond.pyson import Bool, Eval
from trytond.tools import grouped_slice, reduce_ids
from trytond.transaction import Transaction, TransactionError

# SQLite allows this many parameters in one statement
MAX_PARAMETERS = 30_000
# The wait before the next try doubles with each, up to a day
_FIRST_WAIT = dt.timedelta(minutes=15)
_LONGEST_WAIT = dt.timedelta(days=1)


class ServerRowMixin:
    "A row of one server, which knows it by its Orthanc ID"
    __slots__ = ()

    server = fields.Many2One(
        'gnuhealth.orthanc.config', "Server", required=True, readonly=True,
        ondelete='CASCADE')
    orthanc_id = fields.Char("Orthanc ID", required=True, readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('orthanc_id_unique',
                Unique(table, table.server, table.orthanc_id),
                'health_orthanc.msg_orthanc_id_unique'),
            ]
        # Other databases have one for the constraint
        if backend.name == 'sqlite':
            cls._sql_indexes.add(Index(
                    table,
                    (table.server, Index.Equality()),
                    (table.orthanc_id, Index.Equality())))


class SynchronizedMixin(ServerRowMixin):
    "A row that says what the server does, as upsert and mark_missing write"
    __slots__ = ()

    missing_since = fields.DateTime(
        "Missing Since", readonly=True,
        states={'invisible': ~Bool(Eval('missing_since'))},
        help="When the server was found not to have it any more.")
    digest = fields.Char("Digest", readonly=True)


class Upserted(NamedTuple):
    "The database id of each Orthanc ID, and which are new, changed or back"
    ids: dict
    new: set
    changed: set
    back: set


class _Excluded(Table):
    "The rows that an insert could not insert"
    # python-sql's own has a name in upper case, unknown to PostgreSQL
    __slots__ = ()

    @property
    def alias(self):
        return 'excluded'


def fetch(query, column, ids):
    """Return the rows of the select whose column is one of ids.

    ids are numbers, or texts. They may be more than one statement can have;
    what is grouped must be so by the column.
    """
    return [
        row for cursor in _in_slices(query, column, ids)
        for row in cursor.fetchall()]


def each(query, column):
    """Yield the values of column that the query selects, in its order.

    They are unique, and read in parts: of one query a driver would take all
    rows into memory.
    """
    cursor = Transaction().connection.cursor()
    where, query.order_by, query.limit = query.where, column, MAX_PARAMETERS
    rows = True
    while rows:
        cursor.execute(*query)
        rows = cursor.fetchall()
        for value, in rows:
            yield value
        if rows:
            query.where = where & (column > value)


def change(Model, query, column, ids):
    """Update or delete the rows of Model whose column is one of ids.

    query is an update or a delete of the table that column is of.
    """
    for _ in _in_slices(query, column, ids):
        pass
    forget(Model)


def assign(Model, ids, values):
    "Let the rows of Model with these ids have the values, by column"
    table = Model.__table__()
    change(
        Model, table.update(
            [getattr(table, name) for name in values],
            list(values.values())),
        table.id, ids)


def _in_slices(query, column, ids):
    "Yield a cursor that has executed the query for each slice of the ids"
    ids = list(set(ids))
    where = query.where
    cursor = Transaction().connection.cursor()
    for sub_ids in map(list, grouped_slice(ids, MAX_PARAMETERS)):
        is_one = (
            column.in_(sub_ids) if isinstance(sub_ids[0], str)
            else reduce_ids(column, sub_ids))
        query.where = is_one if where is None else where & is_one
        try:
            cursor.execute(*query)
        finally:
            query.where = where
        yield cursor


def upsert(Model, server_id, rows, keep=(), known=None):
    """Insert the rows that are new, update those that differ.

    rows are dictionaries with the same keys, 'orthanc_id' and 'digest' among
    them; keep are the names of the values that only new rows get. known is
    what known_rows returned, where that was called before.
    """
    rows = {row['orthanc_id']: row for row in rows}
    if known is None:
        known = known_rows(Model, server_id, rows)
    new, updates, back = [], [], set()
    for orthanc_id, row in rows.items():
        row = {'server': server_id, **row, 'missing_since': None}
        if orthanc_id not in known:
            new.append(row)
            continue
        id_, digest, missing_since = known[orthanc_id]
        if missing_since:
            back.add(orthanc_id)
        if missing_since or digest != row['digest']:
            updates.append({'id': id_, **row})
    insert(Model, new)
    update(Model, updates, keep=keep)
    ids = {orthanc_id: values[0] for orthanc_id, values in known.items()}
    new_ids = [row['orthanc_id'] for row in new]
    ids.update(
        (orthanc_id, values[0]) for orthanc_id, values
        in known_rows(Model, server_id, new_ids).items())
    changed = {row['orthanc_id'] for row in updates} - back
    return Upserted(ids, set(new_ids), changed, back)


def insert(Model, rows):
    "Insert the rows, dictionaries with the same keys"
    if rows:
        stamp = {'create_date': now(), 'create_uid': 0}
        _execute(Model, rows, {
                name: value for name, value in stamp.items()
                if name not in rows[0]})


def update(Model, rows, keep=()):
    """Update the rows, dictionaries with the same keys, 'id' among them.

    They need all columns that are required; those of keep stay as they are.
    """
    if rows:
        _execute(
            Model, rows, {'write_date': now(), 'write_uid': 0},
            keep={'id', *keep})


def mark_missing(Model, ids):
    "Note that the server no longer has the rows of these database ids"
    table = Model.__table__()
    change(Model, table.update(
            [table.missing_since, table.write_date], [now(), now()],
            where=table.missing_since == Null), table.id, ids)


def is_transient(error):
    """Return whether the same can succeed when it is tried again.

    So it is after a serialization failure, a deadlock, a lost connection,
    and where another writes to SQLite.
    """
    if isinstance(error, TransactionError):
        return True
    if backend.name == 'sqlite':
        return (
            isinstance(error, backend.DatabaseOperationalError)
            and 'locked' in str(error))
    if type(error).__name__ == 'InterfaceError':
        # What psycopg2 raises on a connection that it knows to be closed
        return True
    if not isinstance(error, backend.DatabaseOperationalError):
        return False
    code = getattr(error, 'pgcode', None)
    # PostgreSQL's classes of errors: transaction rollback, connection
    # exception, operator intervention (shutdown); without a code the
    # connection was lost
    return code is None or code.startswith(('40', '08', '57P'))


def is_about_data(error):
    """Return whether the rows are to blame, and not the database.

    Among PostgreSQL's operational errors only those of exceeded limits are.
    """
    if not isinstance(error, backend.DatabaseOperationalError):
        return not is_transient(error)
    return (getattr(error, 'pgcode', None) or '').startswith('54')


def now():
    return dt.datetime.now().replace(microsecond=0)


def next_try(tries):
    "Return when to try again what failed so often before"
    return now() + min(_FIRST_WAIT * 2 ** min(tries, 10), _LONGEST_WAIT)


def known_rows(Model, server_id, orthanc_ids):
    "Return (id, digest, missing_since) by Orthanc ID"
    table = Model.__table__()
    return {
        row[0]: row[1:] for row in fetch(
            table.select(
                table.orthanc_id, table.id, table.digest,
                table.missing_since,
                where=table.server == server_id),
            table.orthanc_id, orthanc_ids)}


def _execute(Model, rows, stamp, keep=None):
    # An insert that conflicts on id is the one multi-row update that
    # PostgreSQL and SQLite both know
    table = Model.__table__()
    names = [*rows[0], *stamp]
    columns = [Column(table, name) for name in names]
    on_conflict = None
    if keep:
        excluded = _Excluded('excluded')
        changed = [c for c in columns if c.name not in keep]
        on_conflict = Conflict(
            table, indexed_columns=[table.id], columns=changed,
            values=[Column(excluded, c.name) for c in changed])
    # python-sql would write each row anew, which takes as long as to insert it
    param = Flavor.get().param
    group = f'({", ".join([param] * len(names))})'
    before, _, after = str(table.insert(
            columns, [names], on_conflict=on_conflict)).partition(group)
    stamps = list(stamp.values())
    cursor = Transaction().connection.cursor()
    size = MAX_PARAMETERS // len(names)
    for start in range(0, len(rows), size):
        values = [
            value for row in rows[start:start + size]
            for value in (*row.values(), *stamps)]
        groups = ', '.join([group] * (len(values) // len(names)))
        cursor.execute(before + groups + after, values)
    forget(Model)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Which reports the doctor who ordered has not read yet"
import datetime as dt

from sql import Literal, Null
from sql.operators import Exists

from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.modules.health.core import get_health_professional
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval, If
from trytond.transaction import Transaction, without_check_access

from .common import wanted
from .locking import lock_rows
from .rights import ModelRightsMixin

_RESULT = 'gnuhealth.imaging.test.result'


class Seen(ModelRightsMixin, ModelSQL):
    "Read Imaging Report"
    __name__ = 'gnuhealth.imaging.test.result.seen'

    result = fields.Many2One(
        _RESULT, "Result", required=True, readonly=True, ondelete='CASCADE')
    user = fields.Many2One(
        'res.user', "User", required=True, readonly=True,
        ondelete='CASCADE')
    version = fields.Integer(
        "Version", required=True, readonly=True,
        help="The version of the report that the user read.")
    date = fields.DateTime("Date", required=True, readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append((
                'once', Unique(
                    table, table.result, table.user, table.version),
                'health_imaging.msg_result_seen_unique'))


class Result(metaclass=PoolMeta):
    __name__ = _RESULT

    unread = fields.Function(fields.Boolean(
            "Unread",
            help="Whether the user ordered the test and has not read what "
            "its report says now."),
        'get_unread', searcher='search_unread')

    _button_rights = {'mark_read': ((_RESULT, 'read'),)}

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._buttons['mark_read'] = {
            'invisible': ~Eval('unread', False),
            'depends': ['unread'],
            }

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Bool(Eval('critical')) & Eval('unread', False),
                    'danger', ''), ['critical', 'unread']),
            ]

    @classmethod
    def get_unread(cls, results, name):
        unread = set(cls.search([
                    ('id', 'in', list(map(int, results))),
                    (name, '=', True)], order=[]))
        return {r.id: r in unread for r in results}

    @classmethod
    def search_unread(cls, name, clause):
        values = wanted(clause, {True, False})
        if len(values) != 1:
            return [('id', '!=' if values else '=', None)]
        pool = Pool()
        table, seen, request = (
            pool.get(model).__table__() for model in [
                _RESULT, f'{_RESULT}.seen', 'gnuhealth.imaging.test.request'])
        unread = (table
            .join(request, condition=request.id == table.request)
            .select(table.id, where=(
                    (request.doctor
                        == (get_health_professional(required=False) or -1))
                    & table.state.in_(['final', 'amended'])
                    # Nobody signed what an earlier version recorded
                    & (table.signed_at != Null)
                    & ~Exists(seen.select(Literal(1), where=(
                                (seen.result == table.id)
                                & (seen.user == Transaction().user)
                                & (seen.version == table.version)))))))
        return [('id', 'in' if True in values else 'not in', unread)]

    @classmethod
    @ModelView.button
    def mark_read(cls, results):
        "Keep that the user read what the reports say now"
        lock_rows({cls: results})
        Seen = Pool().get('gnuhealth.imaging.test.result.seen')
        now = dt.datetime.now().replace(microsecond=0)
        unread = [r for r in cls.browse(results) if r.unread]
        with without_check_access():
            Seen.create([{
                        'result': result.id,
                        'user': Transaction().user,
                        'version': result.version,
                        'date': now,
                        } for result in unread])


class Request(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request'

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.add(Index(table, (table.doctor, Index.Equality())))

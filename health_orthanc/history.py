# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The runs of a synchronization, and what they found"
import datetime as dt

from trytond.config import config
from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.modules.health_imaging.common import any_of_names
from trytond.modules.health_imaging.rights import ModelRightsMixin
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction

from . import bulk
from .exceptions import describe

# What a run can find
FOUND = ['new', 'changed', 'missing', 'back', 'set_aside']


class Synchronization(ModelRightsMixin, ModelSQL, ModelView):
    "Synchronization"
    __name__ = 'gnuhealth.orthanc.synchronization'

    server = fields.Many2One(
        'gnuhealth.orthanc.config', "Server", required=True, readonly=True,
        ondelete='CASCADE')
    started = fields.DateTime("Started", required=True, readonly=True)
    duration = fields.TimeDelta("Duration", readonly=True)
    outcome = fields.Selection([
            ('done', "Done"),
            ('paused', "Paused"),
            ('failed', "Failed"),
            ('skipped', "Skipped"),
            ], "Outcome", required=True, readonly=True, sort=False,
        help="Paused: the time was up, and the next run goes on there.\n"
        "Skipped: another run was under way.")
    requests = fields.Integer(
        "Requests", readonly=True, help="How often the server was asked.")
    new = fields.Integer(
        "New", readonly=True, help="Studies that were not known.")
    changed = fields.Integer(
        "Changed", readonly=True, help="Studies of which something changed.")
    missing = fields.Integer(
        "Missing", readonly=True, help="Studies that the server lost.")
    back = fields.Integer(
        "Back", readonly=True,
        help="Studies that were missing and are there again.")
    set_aside = fields.Integer(
        "Set Aside", readonly=True, help="Studies that could not be stored.")
    error_reason = fields.Char("Error Reason", readonly=True)
    error_detail = fields.Char("Error Detail", readonly=True)
    error = fields.Function(
        fields.Text("Error", states={'invisible': ~Bool(Eval('error'))}),
        'on_change_with_error')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.update({
                Index(
                    table,
                    (table.server, Index.Equality()),
                    (table.started, Index.Range())),
                # As the list is ordered
                Index(
                    table,
                    (table.started, Index.Range(order='DESC')),
                    (table.id, Index.Range(order='DESC'))),
                })
        cls._order = [('started', 'DESC'), ('id', 'DESC')]

    def get_rec_name(self, name):
        return f'{self.server.rec_name} {self.started}'

    search_rec_name = any_of_names('server.rec_name')

    @fields.depends(
        'error_reason', 'error_detail', 'server', '_parent_server.url')
    def on_change_with_error(self, name=None):
        if not (self.error_reason and self.server):
            return None
        return describe(
            self.error_reason, self.error_detail, self.server.url)

    @classmethod
    def note(cls, server_id, started, **values):
        """Note a run that just ended.

        But not one that found nothing, like the last one. Those that are older
        than the history_days configured are forgotten.
        """
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        days = config.getint('health_orthanc', 'history_days', default=90)
        cursor.execute(*table.delete(
                where=(table.server == server_id)
                & (table.started < started - dt.timedelta(days=days))))
        if (values['outcome'] != 'done'
                or any(values.get(name) for name in FOUND)
                or cls._last_outcome(server_id) != 'done'):
            bulk.insert(cls, [{
                        'server': server_id,
                        'started': started.replace(microsecond=0),
                        'duration': dt.timedelta(seconds=round(
                                (dt.datetime.now() - started)
                                .total_seconds())),
                        **values}])

    @classmethod
    def _last_outcome(cls, server_id):
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.outcome, where=table.server == server_id,
                order_by=[table.started.desc, table.id.desc], limit=1))
        return (cursor.fetchone() or [None])[0]

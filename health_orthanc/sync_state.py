# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far the synchronization of a server is, and what became of it.

A run claims the server, advances its state with each step and releases it;
what it noted is what the status and the advice are made of.
"""
import datetime as dt
import json
import logging
import math
from typing import NamedTuple

from sql import Literal, Null
from sql.conditionals import Coalesce

from trytond.config import config
from trytond.i18n import gettext
from trytond.model import ModelSQL, fields
from trytond.pool import Pool
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction, without_check_access

from . import bulk
from .exceptions import BadCredentials, Forbidden, Superseded

logger = logging.getLogger(__name__)

# The wait after a failure, where no scheduled action says how long it is
_WAIT = dt.timedelta(minutes=15)
NO_FAILURE = {
    'error_at': None,
    'error_reason': None,
    'error_detail': None,
    'failures': 0,
    'next_try': None,
    }
# The golden ratio: multiples of it lie evenly between two numbers
_SPREAD = (5 ** 0.5 - 1) / 2


class State(NamedTuple):
    """How far the synchronization of a server is.

    step counts the commits, so that two runs can never both make the next.
    cursor is the Seq of the last change received, anchor that row itself.
    walk is how many studies were read of a walk through all of them.
    """
    server: int  # its id; the others are named like their columns
    step: int
    timeout: int
    cursor: int | None
    anchor: list | None
    walk: int | None
    identity: str | None
    compared_at: dt.datetime | None
    walked_at: dt.datetime | None
    walked_statistics: str | None
    last_success: dt.datetime | None
    suspect: bool
    missing_confirmed: bool

    def patience(self):
        "Return how long a run may take for a step, in seconds"
        return 60 + 4 * self.timeout

    def is_due(self, last, interval):
        """Return whether what is done in each interval is to be done again.

        last is when it was, interval in seconds. Each server has another time
        in it, so that many that were added at once are not busy at once.
        """
        if last is None or not interval:
            return True
        own = self.server * _SPREAD % 1 * interval
        return (bulk.now().timestamp() - own) // interval > (
            last.timestamp() - own) // interval

    def claimed_until(self):
        "Return until when a run may make its next step"
        return dt.datetime.now() + dt.timedelta(seconds=self.patience())


def statistics_columns(statistics):
    "Return the values of the columns that count what the server holds"
    return {
        'server_patient_count': statistics.patients,
        'server_study_count': statistics.studies,
        'server_image_count': statistics.instances,
        }


class SyncStateMixin(ModelSQL):
    "What a server knows of its synchronization"

    timeout = fields.Integer(
        "Time-Out", required=True,
        domain=[('timeout', '>=', 1), ('timeout', '<=', 3600)],
        help="How long to wait for an answer of the server, in seconds.")
    validated = fields.Boolean(
        "Validated", readonly=True,
        help="Whether the server answered as an Orthanc to this URL, "
        "username and password.")
    last_run = fields.DateTime(
        "Last Run", readonly=True,
        help="When the last synchronization ended, whatever came of it.")
    last_success = fields.DateTime(
        "Last Success", readonly=True,
        help="When the last synchronization that succeeded ended.")
    error_at = fields.DateTime("Failed At", readonly=True)
    failures = fields.Integer(
        "Failures", readonly=True,
        help="How many times in a row the synchronization failed.")
    next_try = fields.DateTime(
        "Next Try", readonly=True,
        states={'invisible': ~Bool(Eval('next_try'))},
        help="Until about then the scheduled action leaves the server alone. "
        "The buttons do not wait.")
    error_reason = fields.Char("Error Reason", readonly=True)
    error_detail = fields.Char("Error Detail", readonly=True)
    suspect = fields.Boolean(
        "Suspect", readonly=True,
        help="So many studies vanished from the server at once that they are "
        "not marked as missing before a person confirmed it.")
    status = fields.Function(fields.Selection([
                ('not_validated', "Not Validated"),
                ('failing', "Failing"),
                ('suspect', "Suspect"),
                ('late', "Late"),
                ('never', "Never Synchronized"),
                ('healthy', "Healthy"),
                ], "Status", sort=False), 'get_status')
    advice = fields.Function(
        fields.Text(
            "Advice", help="What the status means, and what to do next."),
        'get_status')
    since_success = fields.Function(
        fields.TimeDelta(
            "Since Last Success",
            help="How long the last synchronization that succeeded is ago."),
        'get_since_success')
    behind = fields.Function(
        fields.Integer(
            "Changes Behind",
            help="How many changes in the server's log were still to be read "
            "when the last synchronization ended; while one runs, when it "
            "last noted it."),
        'get_behind')
    progress = fields.Function(
        fields.Float(
            "Progress", digits=(1, 2),
            states={'invisible': ~Bool(Eval('progress'))},
            help="The share of the studies on the server that were read, "
            "while all of them are read."),
        'get_progress')
    server_patient_count = fields.Integer(
        "Patients on the Server", readonly=True)
    server_study_count = fields.Integer(
        "Studies on the Server", readonly=True)
    server_image_count = fields.Integer(
        "Images on the Server", readonly=True)
    # How far the synchronization is: see State
    step = fields.Integer("Step", readonly=True, required=True)
    running_until = fields.DateTime("Running Until", readonly=True)
    cursor = fields.Integer("Cursor", readonly=True)
    cursor._sql_type = 'BIGINT'
    server_cursor = fields.Integer("Cursor on the Server", readonly=True)
    server_cursor._sql_type = 'BIGINT'
    anchor = fields.Char("Anchor", readonly=True)
    walk = fields.Integer("Walk", readonly=True)
    identity = fields.Char("Identity", readonly=True)
    compared_at = fields.DateTime("Compared At", readonly=True)
    walked_at = fields.DateTime("Walked At", readonly=True)
    walked_statistics = fields.Char("Walked Statistics", readonly=True)
    missing_confirmed = fields.Boolean("Missing Confirmed", readonly=True)

    @classmethod
    def default_timeout(cls):
        return config.getint('health_orthanc', 'timeout', default=30)

    @classmethod
    def default_validated(cls):
        return False

    @classmethod
    def default_step(cls):
        return 0

    @classmethod
    def get_status(cls, servers, names):
        interval = cls._interval()
        workers = cls._missing_workers(interval) if interval else ''
        status = {s.id: s._status(interval, workers) for s in servers}
        return {
            'status': {id_: name for id_, (name, _) in status.items()},
            'advice': {
                server.id: ' '.join(
                    server._advice(name) for name in status[server.id][1])
                for server in servers},
            }

    def _advice(self, name):
        minutes = 0
        if self.next_try:
            minutes = math.ceil(
                (self.next_try - dt.datetime.now()).total_seconds() / 60)
        return gettext(
            f'health_orthanc.msg_status_{name}',
            walk=self.walk or 0,
            studies=self.server_study_count or 0,
            minutes=max(minutes, 1))

    @classmethod
    def _interval(cls):
        "Return the interval of the scheduled action, None where it is off"
        # Not everybody who may see a server may see scheduled actions
        with without_check_access():
            return Pool().get('ir.cron').orthanc_interval()

    @classmethod
    @without_check_access
    def _missing_workers(cls, interval):
        """Return the name of the sentence that says what workers would help.

        An empty one where workers are there, or one server waits for none.
        """
        if not config.getboolean('queue', 'worker', default=False):
            servers = cls.search([('validated', '=', True)], count=True)
            return 'one_by_one' if servers > 1 else ''
        overdue = dt.datetime.now() - 3 * interval
        waiting = Pool().get('ir.queue').search([
                ('dequeued_at', '=', None),
                ('enqueued_at', '<', overdue),
                ['OR',
                    ('scheduled_at', '=', None),
                    ('scheduled_at', '<', overdue),
                    ],
                ], limit=1)
        return 'no_worker' if waiting else ''

    def _status(self, interval, workers=''):
        """Return the status, and the names of the sentences that explain it.

        interval is that of the scheduled action, None where it is off, and
        workers is as _missing_workers returns it.
        """
        now = dt.datetime.now()
        overdue = interval and now - 3 * interval
        running = self.is_running()
        # After failures it is left alone on purpose
        expected = max(filter(None, [
                    self.last_run or self.create_date, self.next_try]),
            default=now)
        stalled = overdue and expected < overdue and not running
        hint = ['running'] if running else []
        if stalled:
            hint = (
                ['no_worker'] if workers == 'no_worker'
                else list(filter(None, ['stalled', workers])))
        reading = ['first'] if self.walk is not None else []
        if not self.validated:
            return 'not_validated', ['not_validated']
        if self.error_reason:
            if not hint:
                hint = ['failing' if interval else 'failing_unscheduled']
            return 'failing', hint
        if self.suspect:
            return 'suspect', ['suspect', *hint]
        if not self.last_success:
            return 'never', [*reading, *hint] or ['never']
        if overdue and self.last_success < overdue:
            return 'late', hint or list(filter(None, ['late', workers]))
        return 'healthy', hint or ['healthy']

    def get_since_success(self, name):
        if not self.last_success:
            return None
        return dt.timedelta(seconds=max(0, int(
                    (dt.datetime.now() - self.last_success).total_seconds())))

    def get_behind(self, name):
        if self.cursor is None or self.server_cursor is None:
            return None
        return max(self.server_cursor - self.cursor, 0)

    def get_progress(self, name):
        if self.walk is None or not self.server_study_count:
            return None
        # It is not complete before the run ended
        return min(
            math.floor(100 * self.walk / self.server_study_count), 99) / 100

    @classmethod
    def claim(cls, id_):
        """Claim the server for one run and return its State.

        Return None where another run is going on, or the server is not
        validated. As a killed run can't release it, the claim ends by itself
        where no step is made for a while.
        """
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.update(
                [table.step], [table.step + 1],
                where=(table.id == id_)
                & (table.validated == Literal(True))
                & ((table.running_until == Null)
                    | (table.running_until < dt.datetime.now()))))
        bulk.forget(cls)
        if not cursor.rowcount:
            return None
        _, *names = State._fields
        cursor.execute(*table.select(
                table.id, *(getattr(table, name) for name in names),
                where=table.id == id_))
        state = State(*cursor.fetchone())
        return cls.advance(state._replace(
                anchor=json.loads(state.anchor) if state.anchor else None))

    def is_running(self):
        "Return whether a run of the server is under way"
        return bool(
            self.running_until and self.running_until > dt.datetime.now())

    @classmethod
    def advance(cls, state, **changes):
        """Return the state changed, and note it for the next commit.

        Locks the server's row, so that of two runs only one makes a step.
        Raises Superseded where another run made it.
        """
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        values = {
            **changes,
            'step': state.step + 1,
            'running_until': state.claimed_until(),
            }
        if values.get('anchor'):
            values['anchor'] = json.dumps(values['anchor'])
        cursor.execute(*table.update(
                [getattr(table, name) for name in values],
                list(values.values()),
                where=(table.id == state.server)
                & (table.step == state.step)))
        bulk.forget(cls)
        if not cursor.rowcount:
            raise Superseded
        return state._replace(step=state.step + 1, **changes)

    @classmethod
    def release(cls, state):
        "End the claim of a run, and return whether it still was this run's"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.update(
                [table.running_until, table.last_run], [None, bulk.now()],
                where=(table.id == state.server)
                & (table.step == state.step)))
        bulk.forget(cls)
        return bool(cursor.rowcount)

    @classmethod
    def note_success(cls, id_, statistics):
        "Note that a run did all there was to do"
        cls._note(
            id_, last_success=bulk.now(), **NO_FAILURE,
            **statistics_columns(statistics))
        table = cls.__table__()
        bulk.change(
            cls, table.update([table.server_cursor], [table.cursor]),
            table.id, [id_])

    @classmethod
    def note_statistics(cls, id_, statistics, reports_issuer):
        "Note what the server holds, so that a run shows how far it is"
        cls._note(
            id_, reports_issuer=reports_issuer,
            **statistics_columns(statistics))

    @classmethod
    def note_server_cursor(cls, id_, seq):
        "Note the number of the last change in the server's log"
        cls._note(id_, server_cursor=seq)

    @classmethod
    def note_failure(cls, id_, error):
        """Note why the server could not be reached.

        Where it refused the credentials it is left alone until they are
        checked again, otherwise for a time that doubles with each failure.
        """
        logger.warning("Orthanc server %s: %s", id_, error.reason)
        columns = {
            'error_at': bulk.now(),
            'error_reason': error.reason,
            'error_detail': error.detail or None,
            }
        if isinstance(error, (BadCredentials, Forbidden)):
            columns.update(validated=False, failures=0, next_try=None)
        else:
            columns.update(cls._wait(id_))
        cls._note(id_, **columns)

    @classmethod
    def _wait(cls, id_):
        "Return the columns that say how long to leave the server alone"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                Coalesce(table.failures, 0), table.next_try,
                where=table.id == id_))
        failures, next_try = cursor.fetchone()
        interval = cls._interval()
        if next_try and next_try > cls._due_until(interval):
            # A person did not want to wait: that lengthens nothing
            return {}
        longest = dt.timedelta(seconds=config.getint(
                'health_orthanc', 'longest_wait', default=4 * 60 * 60))
        wait = min((interval or _WAIT) * 2 ** min(failures, 20), longest)
        return {
            'failures': failures + 1,
            'next_try': bulk.now() + wait,
            }

    @classmethod
    def _due_until(cls, interval):
        """Return until when a next try counts as due now.

        The scheduled action is punctual to half its interval, or the wait
        of one interval would take two.
        """
        return bulk.now() + (interval or _WAIT) / 2

    @classmethod
    def _note(cls, id_, **columns):
        # SQL, as these are no changes a person made
        bulk.assign(cls, [id_], columns)

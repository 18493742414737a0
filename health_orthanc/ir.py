# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What Tryton's own models learn of Orthanc"

import datetime as dt

from dateutil.relativedelta import relativedelta

from trytond.pool import PoolMeta
from trytond.transaction import inactive_records

_SYNCHRONIZE = 'gnuhealth.orthanc.config|synchronize_all'


class Cron(metaclass=PoolMeta):
    __name__ = 'ir.cron'

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls.method.selection += [
            (_SYNCHRONIZE, "Synchronize Orthanc Servers"),
            ('gnuhealth.orthanc.config|send_worklists',
                "Send Worklists to Orthanc Servers"),
            ]

    @classmethod
    def orthanc_interval(cls):
        """Return the time between two synchronizations of the servers.

        None where no scheduled action is active.
        """
        now = dt.datetime.now()
        crons = cls.search([('method', '=', _SYNCHRONIZE)])
        return min((
                now + relativedelta(
                    **{cron.interval_type: cron.interval_number}) - now
                for cron in crons), default=None)

    @classmethod
    def set_orthanc_interval(cls, minutes):
        "Synchronize the servers each that many minutes, or not where None"
        with inactive_records():
            crons = cls.search([('method', '=', _SYNCHRONIZE)])
        # Others than the one in use were put off by a person
        changed = [c for c in crons if c.active] or crons[:1]
        if minutes is None:
            cls.write(changed, {'active': False})
            return
        values = {
            'active': True,
            'interval_number': minutes,
            'interval_type': 'minutes',
            # Not only after what was the interval
            'next_call': dt.datetime.now() + dt.timedelta(minutes=minutes),
            }
        if changed:
            cls.write(changed, values)
        else:
            cls.create([{'method': _SYNCHRONIZE, **values}])

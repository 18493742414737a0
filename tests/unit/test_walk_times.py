# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Servers are read whole once a day, each at another time"
import datetime as dt
import unittest
from collections import Counter
from unittest.mock import patch

from trytond.modules.health_orthanc import bulk
from trytond.modules.health_orthanc.sync_state import State

BEGIN = dt.datetime(2026, 11, 27, 9, 30)
DAY = 24 * 60 * 60
STEP = dt.timedelta(minutes=10)


def walks(server, days=10):
    "Return when a server that was read at the beginning is read again"
    state = State(**{**dict.fromkeys(State._fields), 'server': server})
    last, times = BEGIN, []
    for step in range(days * 24 * 6):
        time = BEGIN + step * STEP
        with patch.object(bulk, 'now', lambda time=time: time):
            if state.is_due(last, DAY):
                times.append(time)
                last = time
    return times


class WalkTimesTestCase(unittest.TestCase):

    def test_once_a_day(self):
        for server in [1, 2, 3, 50, 10 ** 9]:
            times = [BEGIN, *walks(server)]
            self.assertEqual(len(times), 11)
            waits = [
                later - time
                for time, later in zip(times, times[1:], strict=False)]
            self.assertLessEqual(waits[0], dt.timedelta(days=1))
            self.assertEqual(set(waits[1:]), {dt.timedelta(days=1)})

    def test_spread(self):
        "Of fifty that were added at once no three in the same half hour"
        halves = Counter(
            (walks(server, 2)[0] - BEGIN) // dt.timedelta(minutes=30)
            for server in range(1, 51))
        self.assertLessEqual(max(halves.values()), 2)
        self.assertGreater(len(halves), 35)

    def test_late(self):
        "What was missed is made up for, and once"
        state = State(**{**dict.fromkeys(State._fields), 'server': 7})
        with patch.object(bulk, 'now', lambda: BEGIN):
            self.assertTrue(
                state.is_due(BEGIN - dt.timedelta(days=3), DAY))
            self.assertFalse(state.is_due(BEGIN, DAY))

    def test_always(self):
        "Without an interval, and where it was never done"
        state = State(**{**dict.fromkeys(State._fields), 'server': 7})
        with patch.object(bulk, 'now', lambda: BEGIN):
            self.assertTrue(state.is_due(BEGIN, 0))
            self.assertTrue(state.is_due(None, DAY))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a server answers, a check and a run end with a sentence.

This makes some hundred answers; python -m tests.bench.fuzz makes 10,000.
"""
import time
import unittest

from proteus import Model

from ..tools import activate, configured
from .fuzzer import Fuzzer

ANSWERS = 300


class FuzzTestCase(unittest.TestCase):

    def test_answers(self):
        activate()
        seed = int(time.time())
        with configured('health_orthanc', timeout='2'), \
                Fuzzer(seed) as fuzzer:
            Server = Model.get('gnuhealth.orthanc.config')
            server = Server(label="Fuzz", url=fuzzer.url, validated=True)
            server.save()
            number = 0
            while len(fuzzer.requests) < ANSWERS:
                trouble = fuzzer.run(server.id, number)
                self.assertIsNone(trouble)
                number += 1

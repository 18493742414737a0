# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What is seen of a synchronization that takes several runs"
from unittest.mock import patch

from proteus import Model

from .server_case import ServerTestCase


class ProgressTestCase(ServerTestCase):
    "Progress of a synchronization"

    def pause(self, steps):
        "Let each run end after that many steps"
        from trytond.modules.health_orthanc import sync
        left = [steps]

        def is_late(run):
            left[0] -= 1
            return left[0] < 0
        return patch.multiple(
            sync.Run, _is_late=is_late), patch.multiple(
            sync, _PAGE=4, _CHANGES=10, _CHANGES_LATE=10)

    def paused(self, steps):
        late, pages = self.pause(steps)
        with late, pages:
            self.server.click('sync')
        self.server.reload()

    def outcomes(self):
        Synchronization = Model.get('gnuhealth.orthanc.synchronization')
        return [run.outcome for run in Synchronization.find(
                [('server', '=', self.server.id)], order=[('id', 'ASC')])]

    def test_first(self):
        "The share of the studies that were read, of those there are now"
        # More than when the server was added
        self.upload_many(10)
        self.assertIsNone(self.server.progress)
        self.paused(0)
        self.assertEqual(self.server.status, 'never')
        self.assertEqual(self.server.server_study_count, 10)
        self.assertEqual(self.server.progress, 0.4)
        self.assertIn("has read 4 of 10 studies", self.server.advice)
        self.assertNotIn("under way", self.server.advice)
        # First it reads again what was still being received
        self.paused(1)
        self.assertEqual(self.server.progress, 0.8)
        self.sync()
        self.assertIsNone(self.server.progress)
        self.assertEqual(self.server.behind, 0)
        self.assertEqual(self.server.failures, 0)
        self.assertEqual(self.outcomes(), ['paused', 'paused', 'done'])
        self.check()

    def test_during(self):
        "Who looks while a run goes on sees how far it is"
        from trytond.modules.health_orthanc import sync
        self.upload_many(10)
        seen = []
        keep = sync.Run._keep

        def look(run, *args, **kwargs):
            keep(run, *args, **kwargs)
            server = run.Server(self.server.id)
            seen.append((
                    server.progress, server.status, server.advice))
        with patch.multiple(sync, _PAGE=4), patch.object(
                sync.Run, '_keep', look):
            self.sync()
        self.assertEqual([p for p, *_ in seen][:2], [0.4, 0.8])
        for _, status, advice in seen[:2]:
            self.assertEqual(status, 'never')
            self.assertIn("A synchronization is under way", advice)
        self.assertNotIn("under way", self.server.advice)

    def test_behind(self):
        "How many changes were not read yet"
        self.upload(patient_id='P')
        self.sync()
        self.assertEqual(self.server.behind, 0)
        self.upload_many(10, series=2)
        _, last = self.last_change()
        self.paused(1)
        self.assertEqual(self.outcomes()[-1], 'paused')
        self.assertEqual(
            self.server.behind, last - self.server.cursor)
        self.assertGreater(self.server.behind, 10)
        self.sync()
        self.assertEqual(self.server.behind, 0)
        self.check()

    def last_change(self):
        answer = self.orthanc.get('changes?last')
        return answer['Changes'], answer['Last']

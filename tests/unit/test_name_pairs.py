# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"No study of another person is linked, and most of the others are"
import unittest

from . import name_pairs
from .name_pairs import OTHER, RIGHT, SLIP


class NamePairsTestCase(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.counts = name_pairs.evaluate()
        cls.rates = name_pairs.rates(cls.counts)

    def test_number(self):
        self.assertGreater(sum(total for _, total in self.rates.values()), 1e4)

    def test_no_wrong_link(self):
        for (label, kind), (linked, _, failed) in self.counts.items():
            if label == OTHER:
                with self.subTest(kind):
                    self.assertEqual(linked, 0, failed[:3])

    def test_right_links(self):
        for label, least in [(RIGHT, 0.995), (SLIP, 0.995)]:
            linked, total = self.rates[label]
            self.assertGreaterEqual(linked / total, least)
        for (label, kind), (linked, total, failed) in self.counts.items():
            if label == RIGHT:
                with self.subTest(kind):
                    self.assertGreaterEqual(linked / total, 0.95, failed[:3])

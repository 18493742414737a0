# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Stations are told apart in the calendar, and what is written is read"
import unittest

from trytond.modules.health_imaging.color import (
    NO_STATION, PALETTE, contrast, station_color, text_color, washed)


class ColorTestCase(unittest.TestCase):
    "Test the colours of stations"

    def test_told_apart(self):
        "Stations that follow each other have different colours, and keep them"
        colors = [station_color(id_) for id_ in range(1, len(PALETTE) + 1)]
        self.assertEqual(len({*colors, NO_STATION}), len(PALETTE) + 1)
        self.assertEqual(
            colors, [station_color(id_) for id_ in range(1, len(colors) + 1)])
        self.assertEqual(station_color(None), NO_STATION)

    def test_contrast(self):
        "The ratios are those of the standard"
        for color, other, expected in [
                ('#000000', '#ffffff', 21), ('#ffffff', '#000000', 21),
                ('#777777', '#777777', 1), ('#767676', '#ffffff', 4.54),
                ('#0000ff', '#ffffff', 8.59)]:
            with self.subTest(color=color, other=other):
                self.assertAlmostEqual(
                    contrast(color, other), expected, places=2)

    def test_readable(self):
        "What is written on each has the contrast that WCAG AA asks for"
        for color in [*PALETTE, NO_STATION]:
            for shown in [color, washed(color)]:
                with self.subTest(color=color, shown=shown):
                    self.assertGreaterEqual(
                        contrast(text_color(color), shown), 4.5)

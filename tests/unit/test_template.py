# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What the macros in a text stand for"
import unittest

from trytond.modules.health_imaging.template import expand

TEXTS = {'normal': "Normal.", 'größe': "Normal size.", 'a1': r"\1 & <a>"}


class ExpandTestCase(unittest.TestCase):
    "Test the expansion of macros"

    def test_expand(self):
        for text, expected in [
                (".normal", "Normal."),
                ("Lung:\n.normal\n.größe", "Lung:\nNormal.\nNormal size."),
                ("(.normal), .normal;", "(Normal.), Normal.;"),
                (".a1", r"\1 & <a>"),
                # No macros
                (".5 cm", ".5 cm"),
                ("0.normal", "0.normal"),
                ("Lung.normal", "Lung.normal"),
                ("...normal", "...normal"),
                (".normally", ".normally"),
                (".unknown", ".unknown"),
                ("", ""),
                (None, None)]:
            with self.subTest(text=text):
                self.assertEqual(expand(text, TEXTS), expected)

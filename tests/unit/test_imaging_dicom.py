# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What imaging writes fits the standard"
import unittest

from trytond.modules.health_imaging.dicom import (
    is_short_string, is_uid, new_uid)


class IdentifierTestCase(unittest.TestCase):
    "Test what identifiers may be"

    def test_short_string(self):
        for text, expected in [
                ('1', True),
                ('IM00000001', True),
                ('A' * 16, True),
                ('A' * 17, False),
                ('', False),
                ('A B', True),
                ('A=[]^~', True),
                (' A', False),
                ('A ', False),
                (' ', False),
                ('A\\B', False),
                ('A\n', False),
                ('\tA', False),
                ('A\x7f', False),
                ('Ä1', False),
                ('１２', False),
                ]:
            with self.subTest(text=text):
                self.assertEqual(is_short_string(text), expected)

    def test_uid(self):
        for text, expected in [
                ('1.2', True),
                ('2.25.0', True),
                ('1.2.840.10008.1.1', True),
                ('1', False),
                ('', False),
                ('1.', False),
                ('.1', False),
                ('1..2', False),
                ('1.02', False),
                ('1.2\n', False),
                ('1.2 ', False),
                ('1.a', False),
                ('1.٣', False),
                ('1.' + '2' * 62, True),
                ('1.' + '2' * 63, False),
                ]:
            with self.subTest(text=text):
                self.assertEqual(is_uid(text), expected)

    def test_new_uid(self):
        "A new UID is one, made of a UUID of 128 bits, and never the same"
        uids = {new_uid() for _ in range(1000)}
        self.assertEqual(len(uids), 1000)
        for uid in uids:
            self.assertTrue(is_uid(uid))
            root, number = uid.rsplit('.', 1)
            self.assertEqual(root, '2.25')
            self.assertEqual(int(number) >> 76 & 0xf, 4)
            self.assertLess(int(number), 2 ** 128)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How a password is stored, and how its key changes"
import unittest

from cryptography.fernet import Fernet

from trytond.modules.health_orthanc import exceptions, secret

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
PASSWORDS = [
    'orthanc', '', ' spaces ', 'pässwörd 山', 'plain:x', 'fernet:x',
    'a' * 1000]


class SecretTestCase(unittest.TestCase):

    def test_round_trip(self):
        for keys in [[], [OLD], [NEW, OLD]]:
            for password in PASSWORDS:
                with self.subTest(keys=len(keys), password=password):
                    stored = secret.seal(password, keys)
                    self.assertEqual(secret.unseal(stored, keys), password)
                    self.assertTrue(secret.is_sealed(stored))
                    self.assertTrue(secret.is_current(stored, keys))

    def test_nothing(self):
        for keys in [[], [OLD]]:
            self.assertIsNone(secret.seal(None, keys))
            self.assertIsNone(secret.unseal(None, keys))
            self.assertTrue(secret.is_current(None, keys))

    def test_encrypted(self):
        stored = secret.seal('orthanc', [OLD])
        self.assertNotIn('orthanc', stored)
        self.assertNotEqual(stored, secret.seal('orthanc', [OLD]))

    def test_rotation(self):
        "The first key encrypts, the others still decrypt"
        stored = secret.seal('orthanc', [OLD])
        self.assertEqual(secret.unseal(stored, [NEW, OLD]), 'orthanc')
        self.assertFalse(secret.is_current(stored, [NEW, OLD]))
        again = secret.seal(secret.unseal(stored, [NEW, OLD]), [NEW, OLD])
        self.assertTrue(secret.is_current(again, [NEW, OLD]))
        self.assertEqual(secret.unseal(again, [NEW]), 'orthanc')

    def test_key_added(self):
        "What was stored before there was a key can be read and is not current"
        stored = secret.seal('orthanc')
        self.assertTrue(secret.is_current(stored))
        self.assertFalse(secret.is_current(stored, [NEW]))
        self.assertEqual(secret.unseal(stored, [NEW]), 'orthanc')

    def test_wrong_key(self):
        sealed = secret.seal('orthanc', [OLD])
        cut = sealed[:-5]
        for stored, keys in [
                (sealed, [NEW]), (sealed, []), (cut, [OLD]),
                ('fernet:', [OLD]), ('fernet:ümlaut', [OLD])]:
            with self.subTest(keys=len(keys)):
                with self.assertRaises(
                        exceptions.UnreadablePassword) as caught:
                    secret.unseal(stored, keys)
                self.assertNotIn('orthanc', str(caught.exception))
        self.assertFalse(secret.is_current(cut, [OLD]))

    def test_malformed_key(self):
        "It is an error of its own, which does not quote the key"
        stored = secret.seal('orthanc', [OLD])
        for key in ['too short', 'ü' * 44, OLD[:-1], OLD[:-4]]:
            for call in [
                    lambda key: secret.seal('orthanc', [key]),
                    lambda key: secret.unseal(stored, [key]),
                    lambda key: secret.unseal(stored, [OLD, key])]:
                with self.subTest(key=key):
                    with self.assertRaises(exceptions.MalformedKey) as caught:
                        call(key)
                    self.assertNotIn(key, str(caught.exception))

    def test_is_sealed(self):
        "What GNU Health's own module stored is not"
        for stored, expected in [
                ('orthanc', False), ('', False), ('x:y', False),
                ('plain:', True), ('fernet:abc', True)]:
            with self.subTest(stored=stored):
                self.assertEqual(secret.is_sealed(stored), expected)

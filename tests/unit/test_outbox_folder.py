# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Items come whole into the folder, and what others put there stays"
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from trytond.modules.health_orthanc import exceptions
from trytond.modules.health_orthanc.outbox_folder import (
    Folder, is_allowed, outbox_name)

NOBODY = 65534
NAME = outbox_name('2.25.7', 3)


class WorklistFolderTestCase(unittest.TestCase):
    "Test the folder of a worklist"

    def setUp(self):
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = self.root / 'worklists'
        self.path.mkdir()

    def folder(self, path=None):
        return Folder(str(path or self.path), [str(self.root)])

    def files(self):
        return {path.name for path in self.path.iterdir()}

    def test_put_and_remove(self):
        "What is put is whole, what others put stays"
        (self.path / 'by hand.wl').write_bytes(b'theirs')
        (self.path / f'{NAME}.txt').write_bytes(b'theirs')
        before = self.files()
        with self.folder() as folder:
            folder.put(NAME, b'first')
            folder.put(NAME, b'second')
            file = self.path / '2.25.7-3.wl'
            self.assertEqual(file.read_bytes(), b'second')
            self.assertEqual(file.stat().st_mode & 0o007, 0)
            self.assertEqual(folder.names(), {NAME, 'by hand'})
            folder.check()
            self.assertEqual(self.files(), before | {file.name})
            folder.remove(NAME)
            folder.remove(NAME)
        self.assertEqual(self.files(), before)
        self.assertEqual(
            (self.path / 'by hand.wl').read_bytes(), b'theirs')

    def test_left_by_a_kill(self):
        "What a killed run left is no hindrance, and goes too"
        (self.path / f'{NAME}.wl.tmp').write_bytes(b'half')
        with self.folder() as folder:
            self.assertEqual(folder.names(), set())
            folder.put(NAME, b'whole')
            self.assertEqual(self.files(), {f'{NAME}.wl'})
            (self.path / f'{NAME}.wl.tmp').write_bytes(b'half')
            folder.remove(NAME)
        self.assertEqual(self.files(), set())

    def test_names(self):
        "No name leads out of the folder"
        outside = self.root / 'outside'
        with self.folder() as folder:
            for name in [
                    '../outside', '/etc/outside', '..', '.', '', '.hidden',
                    'a/b', '1/../../outside', '1\\2', '1\0', '1\n', 'item',
                    '1' * 200]:
                for do in [
                        lambda name: folder.put(name, b'x'), folder.remove]:
                    with self.subTest(name=name), self.assertRaises(
                            ValueError):
                        do(name)
        self.assertEqual(self.files(), set())
        self.assertFalse(outside.exists())

    def test_links(self):
        "A link that somebody left there is not followed"
        target = self.root / 'target'
        target.write_bytes(b'precious')
        for suffix in ['.wl', '.wl.tmp']:
            (self.path / (NAME + suffix)).symlink_to(target)
        with self.folder() as folder:
            folder.put(NAME, b'item')
        self.assertEqual(target.read_bytes(), b'precious')
        self.assertFalse((self.path / f'{NAME}.wl').is_symlink())

    def test_allowed(self):
        "Only what is inside of a folder that is configured"
        away = self.root / 'away'
        away.mkdir()
        (self.path / 'link').symlink_to(away)
        roots = [str(self.path)]
        for path, allowed in [
                (self.path, True), (self.path / 'a' / 'b', True),
                (f'{self.path}/../away', False), (f'{self.path}2', False),
                (self.path / 'link', False), (away, False), ('/', False),
                ('worklists', False), ('', False)]:
            with self.subTest(path=path):
                self.assertEqual(is_allowed(str(path), roots), allowed)
        with self.assertRaises(exceptions.FolderNotAllowed), Folder(
                str(away), roots):
            pass

    def test_missing(self):
        for path in [self.path / 'none', self.path / 'file']:
            (self.path / 'file').touch()
            with self.subTest(path=path), self.assertRaises(
                    exceptions.FolderMissing), self.folder(path):
                pass
        with self.folder() as folder:
            (self.path / 'file').unlink()
            self.path.rmdir()
            with self.assertRaises(exceptions.FolderMissing):
                folder.put(NAME, b'item')

    def test_not_writable(self):
        self.root.chmod(0o755)
        self.path.chmod(0o555)
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
            self.addCleanup(os.seteuid, 0)
        with self.folder() as folder:
            with self.assertRaises(exceptions.FolderNotWritable):
                folder.check()
            with self.assertRaises(exceptions.FolderNotWritable):
                folder.put(NAME, b'item')

    def test_full(self):
        "What was there stays whole where there is no room for the next"
        mounted = subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=32k', 'none', self.path],
            capture_output=True)
        if mounted.returncode:
            self.skipTest("No file system can be mounted here")
        self.addCleanup(subprocess.run, ['umount', self.path], check=True)
        with self.folder() as folder:
            folder.put(NAME, b'first')
            with self.assertRaises(exceptions.FolderFull):
                folder.put(NAME, bytes(2 ** 16))
        self.assertEqual(self.files(), {f'{NAME}.wl'})
        self.assertEqual(
            (self.path / f'{NAME}.wl').read_bytes(), b'first')

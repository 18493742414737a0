# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that the worklists plugin of an Orthanc reads. No Tryton.

A file is written beside its place and renamed, so that nobody ever reads half
of one. What was put there by others is neither read nor touched.
"""
import errno
import os
import re
from contextlib import suppress

from .exceptions import (
    FolderFailed, FolderFull, FolderMissing, FolderNotAllowed,
    FolderNotWritable)

_SUFFIX = '.wl'
# The plugin reads what ends with .wl only
_TEMPORARY = '.tmp'
# Issued numbers, as outbox_name makes them: no path, nothing hidden
_NAME = re.compile(r'[0-9][0-9.-]{0,99}', re.ASCII)
_PROBE = '0-0'
_TROUBLES = {
    errno.ENOENT: FolderMissing,
    errno.ENOTDIR: FolderMissing,
    errno.ESTALE: FolderMissing,
    errno.ENODEV: FolderMissing,
    errno.EACCES: FolderNotWritable,
    errno.EPERM: FolderNotWritable,
    errno.EROFS: FolderNotWritable,
    errno.ENOSPC: FolderFull,
    errno.EDQUOT: FolderFull,
    }


def outbox_name(study_instance_uid, station_id):
    """Return the name of the item of a procedure at a station.

    It is made of issued numbers only, and no other database has it.
    """
    return f'{study_instance_uid}-{station_id:d}'


def is_allowed(path, roots):
    "Return whether path is one of the folders roots, or inside of one"
    if not os.path.isabs(path):
        return False
    path = os.path.realpath(path)
    return any(
        os.path.commonpath([path, root]) == root
        for root in map(os.path.realpath, roots))


class Folder:
    """A folder at a path inside of one of the roots; a context manager.

    Every method can raise an OrthancError that says what is wrong with the
    folder.
    """
    def __init__(self, path, roots):
        self.path = path
        self._roots = roots
        self._folder = None

    def __enter__(self):
        if not is_allowed(self.path, self._roots):
            raise FolderNotAllowed(self.path)
        with self._trouble():
            self._folder = os.open(
                os.path.realpath(self.path), os.O_RDONLY | os.O_DIRECTORY)
        return self

    def __exit__(self, *args):
        os.close(self._folder)

    def _trouble(self):
        return _Trouble(self.path)

    def names(self):
        "Return the names of the items that are there, others' too"
        with self._trouble():
            return {
                name.removesuffix(_SUFFIX)
                for name in os.listdir(self._folder)
                if name.endswith(_SUFFIX)}

    def put(self, name, content):
        "Let the item of that name have the content, bytes"
        temporary, name = self._files(name)
        with self._trouble():
            self._write(temporary, content)
            os.rename(
                temporary, name,
                src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)

    def _write(self, name, content):
        self._unlink(name)
        # Not through a link that somebody left there; names of patients are
        # for the owner and the group of the folder
        file = os.open(
            name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW,
            0o640, dir_fd=self._folder)
        try:
            with open(file, 'wb') as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            self._unlink(name)
            raise

    def remove(self, name):
        "Let there be no item of that name"
        with self._trouble():
            for file in self._files(name):
                self._unlink(file)

    def check(self):
        "Find out whether items can be put there"
        self.put(_PROBE, b'')
        self.remove(_PROBE)

    def _files(self, name):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an item")
        return f'{name}{_SUFFIX}{_TEMPORARY}', f'{name}{_SUFFIX}'

    def _unlink(self, name):
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)


class _Trouble:
    "A context manager that raises what the error of the system means"

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, type_, error, traceback):
        if isinstance(error, OSError):
            class_ = _TROUBLES.get(error.errno, FolderFailed)
            detail = self.path
            if class_ is FolderFailed:
                detail = f'{self.path}: {error.strerror}'
            raise class_(detail) from error

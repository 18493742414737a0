# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests in the clients share.

Screenshots are left in the folder SCREENSHOTS, .cache/screenshots by default.
"""
import contextlib
import os
import shutil
import tempfile
import unittest
from pathlib import Path

from demo.installation import DATABASE, ROOT, Installation, free_port
from demo.orthanc_server import OrthancServer

SCREENSHOTS = Path(
    os.environ.get('SCREENSHOTS') or ROOT / '.cache' / 'screenshots')
IMAGING = "Health", "Imaging"
CONFIGURATION = "Health", "Configuration", "Orthanc"


class InstalledTestCase(unittest.TestCase):
    "An installation of its own on about that port, filled by fill"
    port = None
    web_client = True

    @classmethod
    def missing(cls):
        "What the tests need and is not here, as a sentence"
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        reason = cls.missing()
        if reason:
            raise unittest.SkipTest(f"{reason}; bin/test brings it")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        cls.folder = Path(cls.enterClassContext(
                tempfile.TemporaryDirectory(prefix='client-')))
        cls.installation = Installation(cls.folder, free_port(cls.port))
        cls.prepare()
        cls.config = cls.installation.connect()
        cls.fill()
        cls.enterClassContext(
            cls.installation.running(cls.web_client))

    @classmethod
    def prepare(cls):
        """Create the database.

        It is activated once for all that share a DB_CACHE, as the databases
        of the other tests are.
        """
        kept = Path(os.environ.get('DB_CACHE') or cls.folder) / 'installed'
        files = f'{DATABASE}.sqlite', 'modules'
        if kept.exists():
            for name in files:
                shutil.copy(kept / name, cls.folder)
        cls.installation.prepare()
        if kept.exists():
            return
        # Another part can do the same beside this one
        made = Path(tempfile.mkdtemp(dir=kept.parent))
        for name in files:
            shutil.copy(cls.folder / name, made)
        with contextlib.suppress(OSError):
            made.rename(kept)

    @classmethod
    def start_orthanc(cls):
        "Start the Orthanc that the tests use"
        cls.orthanc = cls.enterClassContext(
            OrthancServer(cls.folder / 'orthanc'))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The console script, as a process of its own"
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest.mock import patch

from trytond.modules.health_orthanc import secret

from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer, is_available
from tests.faults.misbehaving import ProxyServer, answer
from tests.orthanc.shared_database import SharedDatabase
from tests.tools import activate

SECRET = 'a-secret-that-nobody-sees'
STUDIES = 5
_PATH = 'TRYTOND_DATABASE__PATH'
_SCRIPT = '-m', 'trytond.modules.health_orthanc.scripts.synchronize'
# With pages so small that a run takes several
_SMALL_PAGES = '-c', '''
from trytond.modules.health_orthanc import sync
from trytond.modules.health_orthanc.scripts import synchronize
sync._PAGE = 2
synchronize.run_script()
'''


@unittest.skipUnless(is_available(), "Orthanc is not installed")
class ScriptTestCase(unittest.TestCase):
    "The console script gnuhealth_orthanc_sync"

    @classmethod
    def setUpClass(cls):
        activate()
        cls.orthanc = cls.enterClassContext(OrthancServer(password=SECRET))
        for number in range(STUDIES):
            cls.orthanc.upload_all(generated_study(
                    patient_id=f'P{number}', patient_name=f'Name^{number}',
                    images=2))
        cls.database = SharedDatabase(
            cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.query = cls.database.query

    def setUp(self):
        # Each test adds the server, which is refused where it is known
        self.query(
            "UPDATE gnuhealth_orthanc_config "
            "SET url = 'http://127.0.0.1:1/' || label")

    def run_script(self, *arguments, program=_SCRIPT, **environment):
        "Return the exit status, and what is on both outputs"
        process = subprocess.run(
            [sys.executable, '-W', 'ignore', *program,
                '-d', self.database.name, *arguments],
            env={**self.database.environment, **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=300)
        self.assertNotIn(SECRET, process.stdout + process.stderr)
        self.assertNotIn("Traceback", process.stderr)
        return process.returncode, process.stdout, process.stderr

    def new(self, label, url=None, **environment):
        return self.run_script(
            label, '--url', url or self.orthanc.url, '--username', 'orthanc',
            **environment)

    def count(self, label):
        (count,), = self.query(
            "SELECT COUNT(*) FROM gnuhealth_orthanc_study AS study "
            "JOIN gnuhealth_orthanc_config AS server "
            f"ON study.server = server.id WHERE server.label = '{label}'")
        return count

    def test_story(self):
        "Add a server, then synchronize it again by its label"
        status, output, errors = self.new("Main", ORTHANC_PASSWORD=SECRET)
        self.assertEqual(status, 0, errors)
        self.assertEqual(self.count("Main"), STUDIES)
        self.assertRegex(output, r'studies +5 +5\n')
        self.assertRegex(output, r'images +10 +10\n')
        self.assertIn("new: 5, changed: 0, missing: 0", output)

        status, output, errors = self.run_script("Main")
        self.assertEqual(status, 0, errors)
        self.assertIn("new: 0, changed: 0", output)

        status, output, errors = self.new("Main", 'http://127.0.0.1:1/')
        self.assertEqual((status, output), (1, ''))
        self.assertIn("has another URL", errors)

    def test_password_file(self):
        with tempfile.NamedTemporaryFile('w') as file:
            file.write(f'{SECRET}\n')
            file.flush()
            status, output, errors = self.run_script(
                "From File", '--url', self.orthanc.url,
                '--username', 'orthanc', '--password-file', file.name)
        self.assertEqual(status, 0, errors)
        self.assertEqual(self.count("From File"), STUDIES)

    def test_paused(self):
        "It goes on until all is done"
        def slow(request, number):
            if request.path.startswith('/studies?'):
                time.sleep(0.7)

        with ProxyServer(self.orthanc.url, slow) as proxy:
            status, output, errors = self.new(
                "Slow", proxy.url, ORTHANC_PASSWORD=SECRET,
                TRYTOND_HEALTH_ORTHANC__RUN_BUDGET='1', program=_SMALL_PAGES)
        self.assertEqual(status, 0, errors)
        self.assertEqual(self.count("Slow"), STUDIES)
        self.assertIn("new: 5,", output)
        self.assertIn(('paused',), self.query(
                "SELECT outcome FROM gnuhealth_orthanc_synchronization"))

    def test_configuration(self):
        "The configuration file counts from the beginning"
        environment = self.database.environment
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write(
                f"[database]\nuri = {environment['TRYTOND_DATABASE_URI']}"
                f"\npath = {environment.get(_PATH, '')}\n")
            file.flush()
            # Else it would be an SQLite database in the home folder
            environment = {
                name: value for name, value in environment.items()
                if not name.startswith('TRYTOND_DATABASE')}
            with patch.object(self.database, 'environment', environment):
                status, output, errors = self.run_script(
                    "Unknown", '-c', file.name)
        self.assertEqual(status, 1)
        self.assertIn('no server "Unknown"', errors)

    def test_failures(self):
        "The sentence of the server, and an exit status"
        for label, arguments, environment, sentence in [
                ("Wrong", ['--url', self.orthanc.url], {
                        'ORTHANC_PASSWORD': 'wrong'},
                    "does not accept the username and password"),
                ("Down", ['--url', 'http://127.0.0.1:1/'], {
                        'ORTHANC_PASSWORD': SECRET}, "Nothing listens at"),
                ("None", ['--url', self.orthanc.url], {}, "ORTHANC_PASSWORD"),
                ("Unknown", [], {}, 'no server "Unknown"'),
                ("User", ['--url', f'http://a:{SECRET}@127.0.0.1:1/'], {
                        'ORTHANC_PASSWORD': SECRET}, "can not be used"),
                ("Public", [
                        '--url', self.orthanc.url, '--public-url', 'ftp://x'],
                    {'ORTHANC_PASSWORD': SECRET}, "must begin with"),
                ("File", [
                        '--url', self.orthanc.url,
                        '--password-file', '/nowhere'], {},
                    "can not be read"),
                ]:
            with self.subTest(label):
                status, output, errors = self.run_script(
                    label, '--username', 'orthanc', *arguments, **environment)
                self.assertEqual((status, output), (1, ''))
                self.assertIn(sentence, errors)
                self.assertEqual(self.query(
                        "SELECT 1 FROM gnuhealth_orthanc_config "
                        f"WHERE label = '{label}'"), [])

    def test_failing(self):
        "A server that fails while it is synchronized"
        with ProxyServer(
                self.orthanc.url, lambda request, number: (
                    answer(500) if request.path.startswith('/changes')
                    else None)) as proxy:
            status, output, errors = self.new(
                "Failing", proxy.url, ORTHANC_PASSWORD=SECRET)
        self.assertEqual((status, output), (1, ''))
        self.assertIn("answered with an error", errors)
        self.assertEqual(self.query(
                "SELECT failures FROM gnuhealth_orthanc_config "
                "WHERE label = 'Failing'"), [(1,)])

    def test_key(self):
        "A key is made and written, and what is stored is encrypted by it"
        script = '-m', 'trytond.modules.health_orthanc.scripts.key'
        self.new("Key", ORTHANC_PASSWORD=SECRET)

        def stored():
            return self.query(
                "SELECT secret FROM gnuhealth_orthanc_config "
                "WHERE label = 'Key'")[0][0]

        self.assertEqual(stored(), f'plain:{SECRET}')
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'trytond.conf'
            path.write_text("# ours\n[cron]\n")
            path.chmod(0o640)

            def make(*arguments):
                # The section [database] comes from the environment
                status, output, errors = self.run_script(
                    '-c', str(path), *arguments, program=script)
                self.assertEqual(status, 0, errors)
                keys = re.search(r'fernet_key = (.*)', path.read_text())[1]
                return output, keys.split(',')

            output, keys = make()
            self.assertIn("Restart", output)
            self.assertIn("# ours\n[cron]\n", path.read_text())
            self.assertEqual(path.stat().st_mode & 0o777, 0o640)
            self.assertEqual(secret.unseal(stored(), keys), SECRET)
            first = stored()
            # What is encrypted stays as it is
            self.assertEqual(make()[1], keys)
            self.assertEqual(stored(), first)
            _, rotated = make('--rotate')
            self.assertEqual(rotated[1:], keys)
            self.assertEqual(secret.unseal(stored(), rotated[:1]), SECRET)
        self.query(
            "UPDATE gnuhealth_orthanc_config "
            f"SET secret = 'plain:{SECRET}' WHERE label = 'Key'")

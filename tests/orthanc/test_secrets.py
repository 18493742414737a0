# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Nobody and nothing tells the password of a server but to that server"
import logging
import unittest
from contextlib import ExitStack, contextmanager

from cryptography.fernet import Fernet
from proteus import Model, Wizard

from trytond.exceptions import TrytonException
from trytond.model import ModelSQL
from trytond.transaction import Transaction

from ..tools import activate, configured
from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer

PASSWORD = 'c0rrect-horse-battery'
KEY, OTHER_KEY = (Fernet.generate_key().decode() for _ in range(2))
SERVER = 'gnuhealth.orthanc.config'


class _Recorder(logging.Handler):
    "Keep what is logged, from the finest level on"

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append((record.name, record.levelno, self.format(record)))


@contextmanager
def recorded_log():
    root, recorder = logging.getLogger(), _Recorder()
    level = root.level
    root.addHandler(recorder)
    root.setLevel(logging.DEBUG)
    try:
        yield recorder.lines
    finally:
        root.setLevel(level)
        root.removeHandler(recorder)


class SecretsTestCase(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stack = ExitStack()
        cls.addClassCleanup(stack.close)
        cls.config = activate()
        cls.orthanc = stack.enter_context(OrthancServer(password=PASSWORD))
        cls.orthanc.upload_all(generated_study())

    def setUp(self):
        Server = Model.get(SERVER)
        Server.delete(Server.find(
                [('active', 'in', [True, False])]))
        self.proxy = self.config.get_proxy(SERVER)

    def add(self):
        Server = Model.get(SERVER)
        wizard = self.begin()
        server = Server(wizard.form.server.id)
        wizard.execute('end')
        return server

    def begin(self, password=PASSWORD):
        wizard = Wizard('gnuhealth.orthanc.server.add')
        wizard.form.label = "Main"
        wizard.form.url = self.orthanc.url
        wizard.form.username = self.orthanc.username
        wizard.form.password = password
        wizard.execute('check')
        return wizard

    @contextmanager
    def transaction(self):
        with Transaction().start(self.config.database_name, 1):
            yield Transaction().connection.cursor()

    def stored(self, server):
        table = self.config.pool.get(SERVER).__table__()
        with self.transaction() as cursor:
            cursor.execute(*table.select(
                    table.secret, where=table.id == server.id))
            return cursor.fetchone()[0]

    def store(self, server, secret):
        table = self.config.pool.get(SERVER).__table__()
        with self.transaction() as cursor:
            cursor.execute(*table.update(
                    [table.secret], [secret], where=table.id == server.id))
            Transaction().commit()

    def tables_with(self, text):
        "The names of the tables that hold text somewhere"
        found = set()
        with self.transaction() as cursor:
            for _, model in self.config.pool.iterobject():
                if not issubclass(model, ModelSQL) or model.table_query:
                    continue
                cursor.execute(*model.__table__().select())
                if any(text in str(row) for row in cursor):
                    found.add(model.__name__)
        return found

    def update(self):
        "What updating the module does with the stored passwords"
        with self.transaction():
            self.config.pool.get(SERVER).__register__('health_orthanc')
            Transaction().commit()

    # Over RPC

    def test_read(self):
        server = self.add()
        every = list(self.proxy.fields_get(None, 0, {}))
        for names in [['password'], every, []]:
            values, = self.proxy.read([server.id], names, {})
            self.assertNotIn(PASSWORD, str(values))
        values, = self.proxy.read([server.id], ['password'], {})
        self.assertEqual(values['password'], 'x' * 10)
        values, = self.proxy.search_read(
            [], 0, None, None, ['password'], {})
        self.assertEqual(values['password'], 'x' * 10)

    def test_read_without_password(self):
        Server = Model.get(SERVER)
        server = Server(label="Open", url=self.orthanc.url)
        server.save()
        self.assertIsNone(server.password)

    def test_read_through_relation(self):
        server = self.add()
        server.click('sync')
        study, = self.config.get_proxy(
            'gnuhealth.orthanc.study').search_read(
            [], 0, None, None, ['server.password', 'server.label'], {})
        self.assertNotIn(PASSWORD, str(study))

    def test_search(self):
        "Neither an answer nor an error differs where the guess is right"
        self.add()

        def answer(domain):
            try:
                return self.proxy.search(domain, 0, None, None, {})
            except (TrytonException, NotImplementedError, KeyError,
                    AttributeError) as exception:
                return type(exception)

        for name in ['password', 'secret']:
            for operator, right, wrong in [
                    ('=', PASSWORD, 'wrong'),
                    ('like', f'{PASSWORD[0]}%', 'z%'),
                    ('ilike', f'%{PASSWORD[3:7]}%', '%zzzz%'),
                    ('>', 'a', 'z'),
                    ('in', [PASSWORD], ['wrong']),
                    ('!=', PASSWORD, 'wrong')]:
                with self.subTest(name=name, operator=operator):
                    self.assertEqual(*(
                            answer([(name, operator, guess)])
                            for guess in [right, wrong]))

    def test_order(self):
        "Passwords do not decide an order"
        Server = Model.get(SERVER)
        for label, password in [("A", 'z'), ("B", 'a'), ("C", 'm')]:
            Server(
                label=label, url=self.orthanc.url, password=password).save()
        for direction in ['ASC', 'DESC']:
            for name in ['password', 'secret']:
                with self.subTest(name=name, direction=direction):
                    try:
                        ids = self.proxy.search(
                            [], 0, None, [(name, direction)], {})
                    except (TrytonException, KeyError, AttributeError,
                            NotImplementedError):
                        continue
                    self.assertEqual(ids, sorted(ids))

    def test_export(self):
        server = self.add()
        rows = self.proxy.export_data(
            [server.id], ['label', 'password'], {})
        self.assertEqual(rows, [["Main", 'x' * 10]])

    def test_copy(self):
        "The copy has no password, and has to be checked"
        server = self.add()
        copy, = server.duplicate()
        self.assertIsNone(copy.password)
        self.assertIsNone(self.stored(copy))
        self.assertFalse(copy.validated)
        self.assertEqual(copy.label, "Main (copy)")
        self.assertIsNone(copy.last_success)
        self.assertEqual(self.stored(server), f'plain:{PASSWORD}')

    def test_mask_written_back(self):
        "A client that saves what it read changes nothing"
        server = self.add()
        self.proxy.write([server.id], {'password': 'x' * 10}, {})
        self.assertEqual(self.stored(server), f'plain:{PASSWORD}')
        server.reload()
        self.assertTrue(server.validated)

    def test_removed(self):
        for nothing in [None, '']:
            server = self.add()
            self.proxy.write([server.id], {'password': nothing}, {})
            server.reload()
            self.assertIsNone(server.password)
            self.assertIsNone(self.stored(server))
            self.assertFalse(server.validated)
            server.delete()

    # At rest

    def test_wizard_session(self):
        "Not even between two clicks of the wizard"
        wizard = self.begin()
        self.assertEqual(wizard.form_state, 'success')
        self.assertEqual(self.tables_with(PASSWORD), {SERVER})
        wizard.execute('end')
        Server = Model.get(SERVER)
        Server.delete(Server.find([]))
        wizard = self.begin('wr0ng-password')
        self.assertEqual(wizard.form_state, 'failure')
        self.assertEqual(self.tables_with('wr0ng-password'), set())
        wizard.execute('start')
        self.assertEqual(self.tables_with('wr0ng-password'), set())

    def test_plain(self):
        "Without a key it is stored as it is, at one place only"
        server = self.add()
        server.click('sync')
        server.password = PASSWORD
        server.save()
        self.assertEqual(self.stored(server), f'plain:{PASSWORD}')
        self.assertEqual(self.tables_with(PASSWORD), {SERVER})

    def test_encrypted(self):
        with configured('cryptography', fernet_key=KEY):
            server = self.add()
            server.click('sync')
            server.password = PASSWORD
            server.save()
            server.reload()
            self.assertEqual((server.status, server.last_error), (
                    'healthy', None))
            self.assertTrue(self.stored(server).startswith('fernet:'))
            self.assertEqual(self.tables_with(PASSWORD), set())

    def test_key_added(self):
        "An update encrypts what was stored before"
        server = self.add()
        with configured('cryptography', fernet_key=KEY):
            server.click('check')
            server.reload()
            self.assertTrue(server.validated)
            self.update()
            self.assertEqual(self.tables_with(PASSWORD), set())
            encrypted = self.stored(server)
            self.update()
            self.assertEqual(self.stored(server), encrypted)
            server.click('sync')
            server.reload()
            self.assertEqual(server.status, 'healthy')

    def test_key_rotated(self):
        with configured('cryptography', fernet_key=KEY):
            server = self.add()
        with configured(
                'cryptography', fernet_key=f'{OTHER_KEY}, {KEY}'):
            server.click('check')
            server.reload()
            self.assertTrue(server.validated)
            self.update()
        with configured('cryptography', fernet_key=OTHER_KEY):
            server.click('sync')
            server.reload()
            self.assertEqual((server.status, server.last_error), (
                    'healthy', None))

    def test_own_module_of_gnuhealth(self):
        "A password that it left is read, and sealed by the update"
        server = self.add()
        self.store(server, PASSWORD)
        self.update()
        self.assertEqual(self.stored(server), f'plain:{PASSWORD}')
        self.store(server, PASSWORD)
        with configured('cryptography', fernet_key=KEY):
            self.update()
            self.assertEqual(self.tables_with(PASSWORD), set())
            server.click('sync')
            server.reload()
            self.assertEqual(server.status, 'healthy')

    def test_wrong_key(self):
        "It is said on the server, and stops no update"
        with configured('cryptography', fernet_key=KEY):
            server = self.add()
            encrypted = self.stored(server)
        sentence = (
            "The password of the server was encrypted with a key that is not "
            "configured any more. Enter the password again, or restore the "
            "key.")
        for options in [{}, {'fernet_key': OTHER_KEY}]:
            with configured('cryptography', **options):
                for button in ['check', 'sync']:
                    with self.subTest(options=options, button=button):
                        server.click(button)
                        server.reload()
                        self.assertEqual(server.last_error, sentence)
                self.update()
        self.assertEqual(self.stored(server), encrypted)
        with configured('cryptography', fernet_key=KEY):
            server.click('sync')
            server.reload()
            self.assertEqual((server.status, server.last_error), (
                    'healthy', None))

    def test_malformed_key(self):
        Server = Model.get(SERVER)
        with configured('cryptography', fernet_key=KEY):
            server = self.add()
        sentence = (
            'The encryption key "fernet_key" in the configuration of the GNU '
            'Health server is malformed. Correct it in its section '
            '"cryptography".')
        with configured('cryptography', fernet_key='not a key'):
            server.click('sync')
            server.reload()
            self.assertEqual(server.last_error, sentence)
            other = Server(
                label="Other", url=self.orthanc.url, password=PASSWORD)
            with self.assertRaises(TrytonException) as caught:
                other.save()
            self.assertIn(sentence, str(caught.exception))
            self.assertNotIn(PASSWORD, str(caught.exception))

    # In logs

    def everything(self):
        "Create, write, check and synchronize, well and not so well"
        server = self.add()
        for password in [PASSWORD, f'not-{PASSWORD}', PASSWORD]:
            server.password = password
            server.save()
            server.click('check')
            server.reload()
            self.assertEqual(server.validated, password == PASSWORD)
            if server.validated:
                server.click('sync')
                server.reload()
            self.assertNotIn(PASSWORD, server.last_error or '')
        self.assertEqual(server.status, 'healthy')
        copy, = server.duplicate()
        copy.delete()
        self.begin(f'not-{PASSWORD}')

    def test_log(self):
        with recorded_log() as lines:
            self.everything()
        self.assertTrue(any(level == logging.WARNING for _, level, _ in lines))
        for name, level, line in lines:
            # The finest level of the database's log is its statements.
            if level > logging.DEBUG or not name.startswith('trytond.backend'):
                self.assertNotIn(PASSWORD, line)

    def test_log_encrypted(self):
        with configured('cryptography', fernet_key=KEY), \
                recorded_log() as lines:
            self.everything()
        self.assertTrue(any(level == logging.DEBUG for _, level, _ in lines))
        for _, _, line in lines:
            self.assertNotIn(PASSWORD, line)
            self.assertNotIn(KEY, line)

    def test_log_names_no_patient(self):
        with recorded_log() as lines:
            server = self.add()
            server.click('sync')
        for _, level, line in lines:
            if level >= logging.INFO:
                self.assertNotIn("Doe", line)
                self.assertNotIn('PAT-1', line)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The record of an Orthanc server: what is kept, and what a copy is"
import unittest
from unittest.mock import patch

from cryptography.fernet import Fernet

from trytond.model import fields
from trytond.modules.health_orthanc.exceptions import ServerError
from trytond.pool import Pool
from trytond.transaction import Transaction

from ..tools import configured
from .stored import ANNA, NOBODY, StoredTestCase, orthanc_study


class ServerTestCase(StoredTestCase):
    "Servers in rows"

    @property
    def Server(self):
        return Pool().get('gnuhealth.orthanc.config')

    def reload(self, server):
        for cache in Transaction().cache.values():
            cache.clear()
        return self.Server(server.id)

    def secret(self, server):
        return server.connect()._connection._session.auth

    def test_help_of_the_birth_date(self):
        "Who turns it on reads before what it risks"
        help_ = self.Server.fields_get(['trust_birth_date'])[
            'trust_birth_date']['help']
        for part in ["ID of a twin", "linked to the wrong patient"]:
            self.assertIn(part, help_)

    # The password

    def test_mask_saved(self):
        "A client sends what it shows: that is no new password"
        server = self.new_server("Masked", username='u', password='secret')
        self.Server.write([server], {'validated': True})
        server = self.reload(server)
        mask = server.password
        self.assertNotIn('secret', mask)
        self.Server.write([server], {'password': mask, 'label': "New"})
        server = self.reload(server)
        self.assertEqual(self.secret(server), (b'u', b'secret'))
        # Nor has the server to be checked again
        self.assertTrue(server.validated)
        self.Server.write([server], {'password': 'other'})
        server = self.reload(server)
        self.assertEqual(self.secret(server), (b'u', b'other'))
        self.assertFalse(server.validated)

    def test_password_removed(self):
        for empty in [None, '']:
            server = self.new_server(
                f"Emptied {empty}", username='u', password='secret')
            self.Server.write([server], {'password': empty})
            server = self.reload(server)
            self.assertFalse(server.password)
            self.assertEqual(self.secret(server), (b'u', b''))

    def test_password_stays(self):
        "It is for the address it was entered for, whoever changes that"
        for url, allowed in [
                ('https://pacs.example.com/other/', True),
                ('https://PACS.example.com:443/', True),
                ('http://pacs.example.com/', False),
                ('https://pacs.example.com:8443/', False),
                ('https://evil.example.com/', False)]:
            for values, entered in [
                    ({}, False), ({'password': 'x' * 10}, False),
                    ({'username': 'v'}, False), ({'password': 'new'}, True),
                    ({'password': None}, True)]:
                with self.subTest(url=url, values=values):
                    server = self.new_server(
                        f"Stays {url} {values}", username='u',
                        password='secret', url='https://pacs.example.com/')
                    values = {'url': url, **values}
                    if allowed or entered:
                        self.Server.write([server], values)
                        continue
                    with self.assertRaisesRegex(ServerError, "again"):
                        self.Server.write([server], values)
                    server.url = url
                    with self.assertRaisesRegex(ServerError, "again"):
                        server.save()
                    other = self.new_server(f"No password {url} {values}")
                    with self.assertRaisesRegex(ServerError, "again"):
                        self.Server.write([other, server], values)

    def test_no_password_stays(self):
        server = self.new_server("None", url='https://pacs.example.com/')
        self.Server.write([server], {'url': 'http://other.example.com/'})

    def test_addresses(self):
        "What is refused is not stored, and no secret of it is shown"
        for url in [
                'http://u:s3cret%40h/', 'http://h/?token=s3cret',
                'ftp://h/', 'javascript:alert(1)', 'h', 'http://h/<x>',
                'http://169.254.169.254/', 'http://[fe80::1]/']:
            for name in ['url', 'public_url']:
                with self.subTest(url=url, name=name):
                    server = self.new_server(f"{name} {url}")
                    with self.assertRaises(ServerError) as caught:
                        self.Server.write([server], {name: url})
                    self.assertNotIn('s3cret', caught.exception.message)

    def test_security_notice(self):
        for url, key, notices in [
                ('http://h/', None, 2), ('https://h/', None, 1),
                ('http://h/', Fernet.generate_key().decode(), 1),
                ('https://h/', Fernet.generate_key().decode(), 0)]:
            with self.subTest(url=url, key=bool(key)), configured(
                    'cryptography', **({'fernet_key': key} if key else {})):
                server = self.new_server(
                    f"Notice {url} {key}", url=url, password='secret')
                self.assertEqual(
                    len((server.security_notice or '').splitlines()), notices)
                server = self.new_server(f"Open {url} {key}", url=url)
                self.assertIsNone(server.security_notice)

    def test_issuer_notice(self):
        "Where the server is known not to report the issuer it has"
        for issuer, reports, said in [
                ('US', False, True), ('US', True, False), ('US', None, False),
                (None, False, False), ('', False, False)]:
            with self.subTest(issuer=issuer, reports=reports):
                server = self.new_server(
                    f"Issuer {issuer} {reports}", issuer_of_patient_id=issuer,
                    reports_issuer=reports, version='1.10.1')
                self.assertEqual(bool(server.issuer_notice), said)
                if said:
                    self.assertIn('1.10.1', server.issuer_notice)
                    self.assertIn('ExtraMainDicomTags', server.issuer_notice)

    # A copy

    def test_synchronize_queued(self):
        "Who asks for the synchronization gets it"
        server = self.new_server("Asked")
        self.Server.write([server], {'validated': True})
        with patch.object(self.Server, '_queue') as queue:
            self.Server.sync([server])
        queue.assert_called_once_with('synchronize', [server])

    def test_copy(self):
        "It has what a person entered but the password, and nothing else"
        server = self.new_server(
            "Original", username='u', password='secret',
            public_url='https://example.com/')
        entered = {
            'url', 'username', 'public_url', 'timeout', 'trust',
            'ca_certificates', 'patient_id_prefix', 'issuer_of_patient_id',
            'identifier_types', 'ignore_case', 'ignore_separators',
            'trust_birth_date', 'store_reports', 'thumbnails',
            'worklist_way', 'worklist_folder'}
        table = self.Server.__table__()
        odd = {
            'Boolean': True, 'Integer': 7, 'BigInteger': 7, 'Char': 'x',
            'Text': 'x', 'DateTime': server.create_date}
        columns = {
            name: odd[type(field)._type.title()]
            if type(field)._type.title() in odd else odd.get(
                type(field).__name__)
            for name, field in self.Server._fields.items()
            if not isinstance(field, (fields.Function, fields.Many2One))
            and type(field).__name__ in odd
            and name not in {
                *entered, 'id', 'label', 'password', 'active',
                'create_date', 'write_date', 'rec_name'}}
        self.assertIn('suspect', columns)
        Transaction().connection.cursor().execute(*table.update(
                [getattr(table, name) for name in columns],
                list(columns.values()), where=table.id == server.id))
        copy, = self.Server.copy([self.reload(server)])
        for name in entered & self.Server._fields.keys():
            self.assertEqual(
                getattr(copy, name), getattr(server, name), name)
        self.assertFalse(copy.password)
        fresh = self.reload(self.new_server("Fresh", validated=False))
        for name in columns:
            self.assertEqual(
                getattr(copy, name) or None, getattr(fresh, name) or None,
                name)

    # Its end

    def test_delete_with_links(self):
        self.store(orthanc_study('s', **ANNA))
        with self.assertRaises(ServerError):
            self.Server.delete([self.server])

    def test_delete_with_results(self):
        "Also where the studies on them are of nobody any more"
        study, = self.store(orthanc_study('s', **NOBODY))
        self.link(study, self.anna)
        self.result(self.anna, study)
        table = self.Study.__table__()
        Transaction().connection.cursor().execute(*table.update(
                [table.local_patient], [None], where=table.id == study.id))
        with self.assertRaises(ServerError):
            self.Server.delete([self.reload(self.server)])

    def test_delete(self):
        self.store(orthanc_study('s', **NOBODY))
        server = self.new_server("Other")
        self.store(orthanc_study('s', **ANNA), server=server)
        self.Server.delete([self.server])
        self.assertEqual(
            [s.server for s in self.Study.search([])], [server])


if __name__ == '__main__':
    unittest.main()

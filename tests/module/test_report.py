# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a report: signed, locked, added to, corrected, withdrawn.

As users, over RPC: nothing here is left to the views.
"""
import json
import tempfile
import unittest
from contextlib import redirect_stdout, suppress
from io import StringIO
from itertools import product
from unittest.mock import patch

from proteus import Model, Wizard
from sql import Column, Null

from trytond import filestore
from trytond.model import ModelStorage, fields
from trytond.model.exceptions import AccessError
from trytond.modules.health_imaging import report_document
from trytond.modules.health_imaging.locking import forget
from trytond.modules.health_imaging.report_life import OnReportMixin
from trytond.modules.health_imaging.scripts import check_reports
from trytond.tests.test_tryton import DB_NAME, drop_db
from trytond.transaction import Transaction

from .. import rpc
from ..tools import activate, create_patient, create_test, create_user

RESULT = 'gnuhealth.imaging.test.result'
REQUEST = 'gnuhealth.imaging.test.request'
VERSION, DOCUMENT = f'{RESULT}.version', f'{RESULT}.document'
ATTACHMENT, NOTE = 'ir.attachment', 'ir.note'
# What names results without being on them, or has a lock of its own
OPEN_TO_REPORTS = [
    VERSION, f'{RESULT}.seen', 'gnuhealth.imaging.critical_finding',
    'gnuhealth.orthanc.report_document', 'gnuhealth.orthanc.taken_over',
    'ir.action.keyword', 'ir.avatar', 'ir.email', 'ir.model.log']


# By the lock, or as it is written by the system only
_LOCKED = 'is final|is set by the system'


class User(rpc.User):
    "A user who writes reports"

    def press(self, button, result):
        return self.call(f'model.{RESULT}.{button}', [result], {})

    def write(self, result, values):
        return self.call(f'model.{RESULT}.write', [result], values, {})

    def read(self, model, ids, names):
        return self.call(f'model.{model}.read', ids, names, {})

    def change(self, wizard, result, **values):
        "Go through a wizard that changes a report"
        wizard, state = self.begin(wizard, result, values)
        self.call(
            f'{wizard}.execute', self.session, {'start': self.start}, state,
            self.context)

    def begin(self, wizard, result, values):
        state = 'withdraw' if wizard == 'withdraw' else 'sign'
        wizard = f'wizard.{RESULT}.{wizard}'
        self.context = {
            'active_model': RESULT, 'active_id': result,
            'active_ids': [result]}
        self.session, start, _ = self.call(f'{wizard}.create', self.context)
        answer = self.call(
            f'{wizard}.execute', self.session, {}, start, self.context)
        self.start = {
            name: value
            for name, value in answer['view']['defaults'].items()
            if not name.endswith('.')} | values
        return wizard, state


class ReportTestCase(unittest.TestCase):
    "Test the life of a report"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        # With the fields that other modules add
        cls.config = activate()
        cls.users = {}
        for login, groups in {
                'doctor': ['health.group_health_doctor'],
                'resident': ['health_imaging.group_health_imaging'],
                'admin2': ['health_imaging.group_health_imaging_admin'],
                'reader': ['health_imaging.group_health_imaging_reporting'],
                'other': ['health_imaging.group_health_imaging_reporting'],
                }.items():
            create_user(login, *groups, password=rpc.PASSWORD)
            cls.users[login] = User(login)
        cls.patient, cls.test = create_patient(), create_test()

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

    def tearDown(self):
        # Whatever a test did, requests know what their reports are worth
        with Transaction().start(DB_NAME, 0):
            self.assertEqual(*self.report_statuses())
        super().tearDown()

    def report_statuses(self):
        "Return what the requests know, and what their last results say"
        pool = self.config.pool
        requests = pool.get(REQUEST).search([])
        said = {
            result.request.id: result.state
            for result in pool.get(RESULT).search(
                [('state', '!=', 'entered_in_error'), ('request', '!=', None)],
                order=[('id', 'ASC')])}
        return (
            {r.id: r.report_status for r in requests},
            {r.id: said.get(r.id) for r in requests})

    def report(self, text="No infiltrate.", ordered=False):
        "Return the id of a new draft"
        values = {'comment': text}
        if ordered:
            request = Model.get(REQUEST)(
                patient=self.patient, requested_test=self.test)
            request.save()
            request.click('requested')
            (result,), = request.click('generate_results').actions
            result.comment = text
            result.save()
            return result.id, request
        result = Model.get(RESULT)(
            patient=self.patient, requested_test=self.test, **values)
        result.save()
        return result.id

    def signed(self, **values):
        report = self.report(**values)
        result = report[0] if isinstance(report, tuple) else report
        self.users['reader'].press('sign', result)
        return report

    def refused(self, sentence, function, *args, **kwargs):
        with self.assertRaises(rpc.Refused) as context:
            function(*args, **kwargs)
        self.assertIn(sentence, str(context.exception))

    def misfits(self, *ids):
        with Transaction().start(DB_NAME, 1):
            Version = self.config.pool.get(VERSION)
            Result = self.config.pool.get(RESULT)
            return {
                r.id: number for r, number in
                Version.misfits(Result.browse(ids)).items()}

    def state(self, result):
        return Model.get(RESULT)(result).state

    def test_sign(self):
        "Who is in the group signs, and a version says what was signed"
        result = self.report()
        for login in ['doctor', 'resident', 'admin2']:
            with self.subTest(login=login):
                self.refused('', self.users[login].press, 'sign', result)
        self.assertEqual(self.state(result), 'draft')
        self.users['reader'].press('sign', result)
        version, = Model.get(VERSION).find([('result', '=', result)])
        self.assertEqual(
            (version.number, version.kind, version.comment, version.signer),
            (1, 'final', "No infiltrate.", 'reader'))
        for sentence in ['Reload it', 'reader']:
            self.refused(sentence, self.users['other'].press, 'sign', result)

    def test_empty(self):
        "A report without text is not signed"
        result = self.report(" ")
        self.refused('no text', self.users['reader'].press, 'sign', result)
        self.refused(
            'no text', self.users['resident'].press, 'preliminary', result)
        # Nor beside one that has some
        other = self.report()
        self.refused(
            'no text', self.users['reader'].call, f'model.{RESULT}.sign',
            [other, result], {})
        self.assertEqual(self.state(other), 'draft')

    def test_resident(self):
        "Who does not sign hands the report over, and writes on until then"
        result = self.report()
        resident = self.users['resident']
        resident.press('preliminary', result)
        resident.write(result, {'impression': "Normal."})
        self.refused('is not allowed', resident.press, 'sign', result)
        self.refused('', resident.press, 'preliminary', result)
        record = Model.get(RESULT)(result)
        self.assertEqual(
            (record.state, record.preliminary_by.login),
            ('preliminary', 'resident'))
        self.assertEqual(self.misfits(result), {})
        self.users['reader'].press('sign', result)
        self.assertEqual(
            [(v.kind, v.signer) for v in Model.get(RESULT)(result).versions],
            [('final', 'reader'), ('preliminary', None)])

    def test_second_reader(self):
        "Where it takes two readers, one alone does not sign"
        test_type = self.test.test_type
        test_type.second_reader = True
        test_type.save()
        result = self.report()
        try:
            reader, other = self.users['reader'], self.users['other']
            self.refused('two readers', reader.press, 'sign', result)
            reader.press('preliminary', result)
            self.refused('two readers', reader.press, 'sign', result)
            other.press('sign', result)
        finally:
            test_type.second_reader = False
            test_type.save()
        self.assertEqual(self.state(result), 'final')

    def test_lock_fields(self):
        "No field of a signed report is written, by nobody"
        result = self.signed()
        other = self.report()
        Result = self.config.pool.get(RESULT)
        stored = Model.get(RESULT)(other)
        for name, field in Result._fields.items():
            if name in {'id', 'create_uid', 'create_date', 'write_uid',
                    'write_date', 'rec_name'}:
                continue
            value = getattr(stored, name)
            if hasattr(value, 'id'):
                value = value.id
            if field._type in {'one2many', 'many2many'}:
                value = []
            elif field._type in {'char', 'text'}:
                value = "Other"
            for login, user in self.users.items():
                with self.subTest(field=name, user=login), \
                        self.assertRaisesRegex(rpc.Refused, _LOCKED):
                    user.write(result, {name: value})
            # Nor by other modules, without rights that are checked
            if not isinstance(field, fields.Function):
                with self.subTest(field=name, user='system'), \
                        Transaction().start(DB_NAME, 0), \
                        self.assertRaisesRegex(AccessError, 'is final'):
                    Result.write([Result(result)], {name: value})
        # Nor beside what may be written
        self.refused(
            'is final', self.users['reader'].call, f'model.{RESULT}.write',
            [other], {'comment': "New"}, [result], {'comment': "New"}, {})
        self.assertEqual(self.misfits(result), {})

    def test_lock_attachments(self):
        "Nothing is attached to a signed report, changed or taken off"
        Attachment = Model.get(ATTACHMENT)
        result, other = self.report(), self.report()
        image = Attachment(
            name='a.png', data=b'\x89PNG', resource=Model.get(RESULT)(result))
        image.save()
        loose = Attachment(
            name='b.png', data=b'\x89PNG', resource=Model.get(RESULT)(other))
        loose.save()
        reader = self.users['reader']
        reader.press('sign', result)
        for method, *args in [
                ('create', [{
                            'name': 'c.png', 'data': b'x',
                            'resource': f'{RESULT},{result}'}]),
                ('write', [image.id], {'description': "Other"}),
                ('write', [image.id], {'resource': f'{RESULT},{other}'}),
                ('write', [loose.id], {'resource': f'{RESULT},{result}'}),
                ('copy', [image.id]),
                ('delete', [image.id])]:
            with self.subTest(method=method, args=args):
                self.refused(
                    'is final', reader.call, f'model.{ATTACHMENT}.{method}',
                    *args, {})

    def test_lock_notes(self):
        "Remarks are added to a signed report; none is changed or taken off"
        Note = Model.get(NOTE)
        result, other = (
            Model.get(RESULT)(self.report()) for _ in range(2))
        note, loose = (
            Note(message="Call the ward.", resource=r)
            for r in [result, other])
        note.save()
        loose.save()
        reader = self.users['reader']
        reader.press('sign', result.id)
        values = {'message': "Called.", 'resource': f'{RESULT},{result.id}'}
        added, = reader.call(f'model.{NOTE}.create', [values], {})
        copied, = reader.call(f'model.{NOTE}.copy', [note.id], {})
        for login, user in self.users.items():
            for method, *args in [
                    ('write', [note.id], {'message': "Other"}),
                    ('write', [note.id], {'message': "O", 'unread': True}),
                    ('write', [added], {'message': "Other"}),
                    ('write', [note.id], {'resource': f'{RESULT},{other.id}'}),
                    ('write', [loose.id], {
                            'resource': f'{RESULT},{result.id}'}),
                    ('write', [loose.id], {'unread': False},
                        [note.id], {'message': "Other"}),
                    ('delete', [note.id]),
                    ('delete', [copied])]:
                with self.subTest(user=login, method=method, args=args):
                    self.refused(
                        'is final', user.call, f'model.{NOTE}.{method}',
                        *args, {})
        # Each user keeps what they have read
        reader.call(f'model.{NOTE}.write', [note.id], {'unread': False}, {})
        read, = reader.read(NOTE, [note.id], ['unread', 'message'])
        self.assertEqual(
            (read['unread'], read['message']), (False, "Call the ward."))

    def test_lock_covers_all(self):
        "What may be on a report has the lock, or one of its own"
        with Transaction().start(DB_NAME, 1):
            on_reports = {
                name for name, Class in self.config.pool.iterobject()
                for field in getattr(Class, '_fields', {}).values()
                if issubclass(Class, ModelStorage)
                and field._type in {'many2one', 'reference'}
                and not isinstance(field, fields.Function)
                and self.names_result(Class, field)}
            without = {
                name for name in on_reports
                if not issubclass(self.config.pool.get(name), OnReportMixin)}
        self.assertLessEqual(
            {ATTACHMENT, NOTE, f'{RESULT}-gnuhealth.orthanc.study'},
            on_reports - without)
        self.assertEqual(without, set(OPEN_TO_REPORTS))

    def names_result(self, Class, field):
        if field._type == 'many2one':
            return field.model_name == RESULT
        selection = field.selection
        if isinstance(selection, str):
            selection = getattr(Class, selection)()
        return RESULT in dict(selection)

    def test_lock_methods(self):
        "Nothing that a client calls changes a signed report, but what adds"
        result = self.signed()
        before = self.stored(result)
        methods = [
            name for name, rpc_ in self.config.pool.get(RESULT).__rpc__.items()
            if not rpc_.readonly and name not in {'mark_read', 'copy'}]
        self.assertLessEqual(
            {'write', 'delete', 'sign', 'preliminary', 'take_in', 'compare'},
            set(methods))
        for group in self.users:
            for method, args in product(methods, [
                    ([result],), ([result], {'comment': "Other"}),
                    ([result], {'state': 'draft'}), ({'comment': "Other"},)]):
                with self.subTest(group=group, method=method, args=args):
                    with suppress(rpc.Refused):
                        self.users[group].call(
                            f'model.{RESULT}.{method}', *args, {})
                    self.assertEqual(self.stored(result), before)
        self.assertEqual(self.misfits(result), {})

    def stored(self, result):
        "Return the rows of the report, of its versions and of what is on it"
        rows = {}
        with Transaction().start(DB_NAME, 0) as transaction:
            cursor = transaction.connection.cursor()
            for table, column in [
                    (RESULT, 'id'), (VERSION, 'result'),
                    (f'{RESULT}-gnuhealth.orthanc.study', 'result')]:
                table = self.config.pool.get(table).__table__()
                cursor.execute(*table.select(
                        where=Column(table, column) == result,
                        order_by=[table.id]))
                rows[str(table)] = cursor.fetchall()
        return rows

    def test_lock_versions(self):
        "Versions are not made, changed, copied or removed"
        result = self.signed()
        version, = Model.get(VERSION).find([('result', '=', result)])
        with Transaction().start(DB_NAME, 0):
            Version = self.config.pool.get(VERSION)
            record = Version(version.id)
            for method, *args in [
                    ('write', {'reason': "Other"}), ('delete',), ('copy',)]:
                with self.subTest(method=method), \
                        self.assertRaisesRegex(AccessError, 'kept as they'):
                    getattr(Version, method)([record], *args)
        reader = self.users['reader']
        self.refused('', reader.call, f'model.{VERSION}.create', [{
                    'result': result, 'number': 2, 'kind': 'final'}], {})
        self.refused('', reader.call, f'model.{VERSION}.delete',
            [version.id], {})

    def test_delete(self):
        "What is signed is not deleted, by nobody"
        result = self.signed()
        with Transaction().start(DB_NAME, 0):
            Result = self.config.pool.get(RESULT)
            with self.assertRaisesRegex(AccessError, 'is final'):
                Result.delete([Result(result)])

    def test_copy(self):
        "The copy of a signed report is a draft that nobody signed"
        result = self.report()
        for login, button in [('resident', 'preliminary'), ('reader', 'sign')]:
            self.users[login].press(button, result)
        with Transaction().start(DB_NAME, 0):
            Transaction().connection.cursor().execute(
                'UPDATE gnuhealth_imaging_test_result'
                f' SET recorded_earlier = true WHERE id = {result}')
            Transaction().commit()
        copy, = self.users['reader'].call(
            f'model.{RESULT}.copy', [result], {}, {})
        record = Model.get(RESULT)(copy)
        self.assertEqual(
            (record.state, record.version, len(record.versions),
                record.preliminary_by, record.signed_by, record.signed_at,
                record.recorded_earlier),
            ('draft', 0, 0, None, None, None, False))

    def test_addenda(self):
        "Several people add to a report, each by an addendum of their own"
        result = self.report()
        self.users['reader'].write(result, {'impression': "Normal."})
        for wizard in ['addendum', 'correct']:
            self.refused(
                'Reload it', self.users['reader'].change, wizard, result,
                comment="First.", reason="Side")
        self.users['reader'].press('sign', result)
        self.users['reader'].change('addendum', result, comment="First.")
        self.users['other'].change('addendum', result, comment="Second.")
        self.refused(
            'To sign', self.users['resident'].change, 'addendum', result,
            comment="Third.")
        self.refused(
            'what is added', self.users['reader'].change, 'addendum', result,
            comment=" ")
        record = Model.get(RESULT)(result)
        self.assertEqual(
            (record.state, record.comment), ('amended', "No infiltrate."))
        self.assertEqual(
            [(v.number, v.kind, v.comment, v.signer, v.replaced)
                for v in record.versions], [
                (3, 'addendum', "Second.", 'other', False),
                (2, 'addendum', "First.", 'reader', False),
                (1, 'final',
                    "Findings\nNo infiltrate.\n\nImpression\nNormal.",
                    'reader', False)])
        self.assertEqual(self.misfits(result), {})
        # A correction replaces the text that they add to
        self.users['reader'].change(
            'correct', result, comment="Other.", reason="Side")
        self.assertEqual(
            [v.replaced for v in Model.get(RESULT)(result).versions],
            [False, False, False, True])

    def test_correct(self):
        "A correction has a reason, and keeps what it replaces"
        result = self.signed()
        reader = self.users['reader']
        self.refused(
            'a reason', reader.change, 'correct', result,
            comment="Left infiltrate.", reason=" ")
        self.refused(
            'no text', reader.change, 'correct', result, comment=" ",
            reason="Side")
        self.users['other'].change(
            'correct', result, comment="Left infiltrate.", reason="Side")
        record = Model.get(RESULT)(result)
        self.assertEqual(
            (record.state, record.comment, record.signed_by.login),
            ('amended', "Left infiltrate.", 'other'))
        self.assertEqual(
            [(v.kind, v.comment, v.reason, v.replaced)
                for v in record.versions], [
                ('correction', "Left infiltrate.", "Side", False),
                ('final', "No infiltrate.", None, True)])
        self.assertEqual(self.misfits(result), {})

    def test_correct_what_changed(self):
        "Who corrects what another one corrected meanwhile is told so"
        result = self.signed()
        late = self.users['other']
        wizard, state = late.begin(
            'correct', result, {'comment': "Mine", 'reason': "Side"})
        self.users['reader'].change(
            'correct', result, comment="First", reason="Side")
        self.refused(
            'has changed since', late.call, f'{wizard}.execute',
            late.session, {'start': late.start}, state, late.context)
        self.assertEqual(Model.get(RESULT)(result).comment, "First")

    def test_withdraw_what_changed(self):
        "Nor is it withdrawn by who did not see that"
        result = self.signed()
        late = self.users['other']
        wizard, state = late.begin('withdraw', result, {'reason': "Wrong"})
        self.users['reader'].change('addendum', result, comment="More.")
        self.refused(
            'has changed since', late.call, f'{wizard}.execute',
            late.session, {'start': late.start}, state, late.context)
        self.assertEqual(self.state(result), 'amended')

    def test_version(self):
        "A version says whose report it is, who wrote it and with what images"
        result = self.report()
        Model.get(ATTACHMENT)(
            name='a.png', data=b'\x89PNG',
            resource=Model.get(RESULT)(result)).save()
        self.users['resident'].write(result, {'impression': "Normal."})
        self.users['reader'].press('sign', result)
        version, = Model.get(RESULT)(result).versions
        content = json.loads(version.content)
        self.assertEqual(
            (version.user.login, content['author'], len(content['images'])),
            ('reader', 'resident', 1))
        self.assertTrue(all(content['images']))
        self.assertEqual(
            (version.patient_name, version.birth_date, version.puid),
            (self.patient.rec_name, self.patient.party.dob,
                self.patient.puid))

    def test_withdraw(self):
        "A withdrawn draft takes its order back, which gets another result"
        result, request = self.report(ordered=True)
        self.assertEqual(
            (request.state, request.report_status), ('done', 'draft'))
        resident = self.users['resident']
        self.refused(
            'a reason', resident.change, 'withdraw', result, reason=" ")
        resident.change('withdraw', result, reason="Wrong patient")
        self.refused(
            'Reload it', resident.change, 'withdraw', result, reason="Again")
        request.reload()
        self.assertEqual(
            (request.state, request.report_status), ('requested', None))
        self.assertEqual(request.steps[0].reason, "Wrong patient")
        self.assertEqual(self.state(result), 'entered_in_error')
        (again,), = request.click('generate_results').actions
        self.assertNotEqual(again.id, result)
        resident.write(again.id, {'comment': "Normal."})
        self.refused(
            'withdrawn', resident.write, result, {'comment': "Other"})
        request.reload()
        self.assertEqual(request.report_status, 'draft')

    def test_withdraw_signed(self):
        "What is signed is withdrawn by who signs only"
        result, request = self.signed(ordered=True)
        self.refused(
            'To sign', self.users['resident'].change, 'withdraw', result,
            reason="Wrong")
        self.users['reader'].change('withdraw', result, reason="Wrong")
        request.reload()
        self.assertEqual(request.state, 'requested')
        self.assertEqual(self.misfits(result), {})

    def test_report_status_is_searched(self):
        "Requests are found by what their reports are worth"
        Request = Model.get(REQUEST)
        _, draft = self.report(ordered=True)
        _, final = self.signed(ordered=True)
        none = Request(patient=self.patient, requested_test=self.test)
        none.save()
        mine = ('id', 'in', [draft.id, final.id, none.id])
        for clause, expected in [
                (('=', 'draft'), [draft]), (('=', None), [none]),
                (('!=', 'draft'), [final, none]),
                (('in', ['draft', 'final']), [draft, final]),
                (('not in', ['draft', None]), [final])]:
            with self.subTest(clause=clause):
                found = Request.find([mine, ('report_status', *clause)])
                self.assertEqual(
                    {r.id for r in found}, {r.id for r in expected})

    def test_report_status_follows(self):
        "A result that is added, moved or deleted changes what requests know"
        first, request = self.signed(ordered=True)
        _, other = self.report(ordered=True)
        with Transaction().start(DB_NAME, 0) as transaction:
            Request = self.config.pool.get(REQUEST)
            Result = self.config.pool.get(RESULT)
            values = Request(request.id)._get_result_values()

            def statuses():
                self.assertEqual(*self.report_statuses())
                return [
                    r.report_status
                    for r in Request.browse([request.id, other.id])]
            read = Request(request.id)
            self.assertEqual(read.report_status, 'final')
            second, = Result.create([values])
            # What was read before is not shown any more
            self.assertEqual(read.report_status, 'draft')
            self.assertEqual(statuses(), ['draft', 'draft'])
            Result.write([second], {'state': 'preliminary'})
            self.assertEqual(statuses(), ['preliminary', 'draft'])
            Result.write([second], {'request': other.id})
            self.assertEqual(statuses(), ['final', 'preliminary'])
            Result.write([second], {'request': None})
            self.assertEqual(statuses(), ['final', 'draft'])
            Result.write([second], {'request': request.id})
            Result.delete([second])
            self.assertEqual(statuses(), ['final', 'draft'])
            copy, = Request.copy([Request(request.id)])
            self.assertIsNone(copy.report_status)
            transaction.rollback()
        self.refused(
            'is set by the system', self.users['admin2'].call,
            f'model.{REQUEST}.write', [request.id], {'report_status': None},
            {})

    def test_report_status_before_it_was_stored(self):
        "An upgrade finds out what the reports are worth"
        self.signed(ordered=True)
        with Transaction().start(DB_NAME, 0) as transaction:
            Request = self.config.pool.get(REQUEST)
            table = Request.__table__()
            cursor = transaction.connection.cursor()
            cursor.execute(*table.update([table.report_status], [Null]))
            Request.__register__('health_imaging')
            self.assertEqual(*self.report_statuses())
            transaction.rollback()

    def test_misfits(self):
        "What was changed past GNU Health does not fit"
        changes = {
            'content': "UPDATE {version} SET content = '{{}}'"
            " WHERE result = {id} AND number = 1",
            'user': 'UPDATE {version} SET "user" = 0'
            " WHERE result = {id} AND number = 2",
            'signer': "UPDATE {version} SET signer = 'Other'"
            " WHERE result = {id} AND number = 2",
            'reason': "UPDATE {version} SET reason = 'Other'"
            " WHERE result = {id} AND number = 2",
            'whose': "UPDATE {version} SET patient_name = 'Other'"
            " WHERE result = {id} AND number = 1",
            'count': "UPDATE {result} SET version = 1 WHERE id = {id}",
            'first': "DELETE FROM {version}"
            " WHERE result = {id} AND number = 1",
            'last': "DELETE FROM {version}"
            " WHERE result = {id} AND number = 2",
            'text': "UPDATE {result} SET comment = 'Other' WHERE id = {id}",
            'state': "UPDATE {result} SET state = 'draft' WHERE id = {id}",
            'withdrawn': "UPDATE {result} SET state = 'entered_in_error'"
            " WHERE id = {id}",
            }
        for name, statement in changes.items():
            with self.subTest(changed=name):
                result = self.signed()
                self.users['reader'].change(
                    'correct', result, comment="Mass.", reason="Late")
                self.assertEqual(self.misfits(result), {})
                with Transaction().start(DB_NAME, 0) as transaction:
                    transaction.connection.cursor().execute(
                        statement.format(
                            version=VERSION.replace('.', '_'),
                            result=RESULT.replace('.', '_'), id=result))
                    transaction.commit()
                self.assertEqual(set(self.misfits(result)), {result})

    def test_misfits_hashed_again(self):
        "Nor does what has a right hash, as the next one has another before"
        result = self.signed()
        self.users['reader'].change('addendum', result, comment="More.")
        with Transaction().start(DB_NAME, 0) as transaction:
            Version = self.config.pool.get(VERSION)
            table = Version.__table__()
            cursor = transaction.connection.cursor()
            first, = Version.search([
                    ('result', '=', result), ('number', '=', 1)])
            cursor.execute(*table.update(
                    [table.reason], ["Other"], where=table.id == first.id))
            forget(Version)
            sha256 = Version(first.id)._digest()
            cursor.execute(*table.update(
                    [table.sha256], [sha256], where=table.id == first.id))
            transaction.commit()
        self.assertEqual(set(self.misfits(result).values()), {2})
        # Nor where that is told of the other, as it is in its own hash
        with Transaction().start(DB_NAME, 0) as transaction:
            transaction.connection.cursor().execute(*table.update(
                    [table.previous_sha256], [sha256],
                    where=(table.result == result) & (table.number == 2)))
            transaction.commit()
        self.assertEqual(set(self.misfits(result).values()), {2})

    def test_misfits_addendum(self):
        "Nor where what was added last is gone"
        result = self.signed()
        self.users['reader'].change('addendum', result, comment="More.")
        with Transaction().start(DB_NAME, 0) as transaction:
            table = self.config.pool.get(VERSION).__table__()
            results = self.config.pool.get(RESULT).__table__()
            cursor = transaction.connection.cursor()
            cursor.execute(*table.delete(
                    where=(table.result == result) & (table.number == 2)))
            cursor.execute(*results.update(
                    [results.state], ['final'], where=results.id == result))
            transaction.commit()
        self.assertEqual(set(self.misfits(result).values()), {2})

    def test_misfits_document(self):
        "Nor where its PDF is another one, or gone"
        self.enterContext(patch.object(
                filestore, 'PATH',
                self.enterContext(tempfile.TemporaryDirectory())))
        for name in ['file_id', 'content_sha256', 'sha256']:
            result = self.signed()
            with Transaction().start(DB_NAME, 0) as transaction:
                pool = self.config.pool
                Version, Document = pool.get(VERSION), pool.get(DOCUMENT)
                version, = Version.search([('result', '=', result)])
                with patch.object(
                        Version, 'as_pdf', return_value=b'%PDF'), \
                        patch.object(
                            report_document, 'has_converter',
                            return_value=True):
                    Document.make([version])
                transaction.commit()
            self.assertEqual(self.misfits(result), {})
            with Transaction().start(DB_NAME, 0) as transaction:
                table = Document.__table__()
                transaction.connection.cursor().execute(*table.update(
                        [Column(table, name)], ["Other"],
                        where=table.version == version.id))
                transaction.commit()
            with self.subTest(changed=name):
                self.assertEqual(self.misfits(result), {result: 1})

    def test_command(self):
        "The command checks all, and names what does not fit"
        fits, changed = self.signed(), self.signed()
        number = Model.get(RESULT)(changed).number
        with Transaction().start(DB_NAME, 0) as transaction:
            transaction.connection.cursor().execute(
                f"UPDATE {RESULT.replace('.', '_')} SET comment = 'Other'"
                f" WHERE id = {changed}")
            transaction.commit()
        args = check_reports.get_parser().parse_args(
            ['-d', DB_NAME, '--hashes'])
        with redirect_stdout(StringIO()) as output:
            self.assertEqual(check_reports.main(args), 1)
        self.assertIn(f"{number}: version 1 does not fit", output.getvalue())
        version, = Model.get(RESULT)(fits).versions
        self.assertIn(
            f"{version.result.number} 1 {version.sha256}", output.getvalue())

    def test_button(self):
        "The button names all of those that it is pressed on and do not fit"
        results = [self.signed() for _ in range(3)]
        with Transaction().start(DB_NAME, 0) as transaction:
            transaction.connection.cursor().execute(
                f"UPDATE {RESULT.replace('.', '_')} SET comment = 'Other'"
                f" WHERE id IN ({results[0]}, {results[2]})")
            transaction.commit()
        check = Wizard(
            f'{RESULT}.check', [Model.get(RESULT)(r) for r in results])
        self.assertEqual(
            [Model.get(RESULT)(r).number in check.form.outcome
                for r in results], [True, False, True])

    def test_earlier(self):
        "What an earlier version recorded is final, unsigned, and amended"
        result = self.earlier()
        reader = self.users['reader']
        self.refused('is final', reader.write, result, {'comment': "New"})
        reader.change('correct', result, comment="New.", reason="Wrong")
        record = Model.get(RESULT)(result)
        self.assertEqual(
            [(v.kind, v.comment, v.signer) for v in record.versions], [
                ('correction', "New.", 'reader'),
                ('earlier', "Old text.", None)])
        self.assertEqual(self.misfits(result), {})

    def earlier(self):
        "Return what an earlier version recorded"
        result = self.report("Old text.")
        with Transaction().start(DB_NAME, 0) as transaction:
            transaction.connection.cursor().execute(
                f"UPDATE {RESULT.replace('.', '_')} SET state = 'final',"
                f" recorded_earlier = true WHERE id = {result}")
            transaction.commit()
        return result

    def test_earlier_is_kept(self):
        "Whatever is done with it, what it said is a version"
        for wizard, kind, values in [
                ('addendum', 'addendum', {'comment': "More."}),
                ('withdraw', 'error', {'reason': "Wrong"})]:
            with self.subTest(wizard=wizard):
                result = self.earlier()
                self.users['reader'].change(wizard, result, **values)
                self.assertEqual(
                    [(v.kind, v.signer)
                        for v in Model.get(RESULT)(result).versions],
                    [(kind, 'reader'), ('earlier', None)])
                self.assertEqual(self.misfits(result), {})

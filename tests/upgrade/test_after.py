# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What people do the day after: synchronize, print, find what they may see"
import html
import io
import os
import unittest
import unittest.mock
import zipfile

from proteus import Model, Report, Wizard, config

from trytond.config import config as trytond_config
from trytond.pool import Pool
from trytond.pyson import PYSONDecoder
from trytond.transaction import Transaction, without_check_access

from . import databases, studies
from .databases import NEW_MODULES
from .snapshot import Snapshot
from .studies import NAMED, institution
from demo.hospital import as_user
from demo.orthanc_server import OrthancServer, is_available
from tests.module.access_table import GROUPS, MODELS

# By login, whose group of tests/module/access_table.py the user is in
LOGINS = {
    login: next(name for name, id_ in GROUPS.items() if id_ == group)
    for login, group in studies.USERS.items()}
MODELS_OF_BOTH = {
    model: rights for rows in MODELS.values()
    for model, rights in rows.items()}
# What the models of GNU Health's own modules are now
NOW = {
    **{model: model for model in [
            'gnuhealth.imaging.test.type', 'gnuhealth.imaging.test',
            'gnuhealth.imaging.test.request', 'gnuhealth.imaging.test.result',
            'gnuhealth.orthanc.config']},
    'gnuhealth.imaging_orthanc.study': 'gnuhealth.orthanc.study',
    'gnuhealth.imaging_orthanc.study_series': 'gnuhealth.orthanc.series',
    'gnuhealth.imaging_orthanc.series_instances': 'gnuhealth.orthanc.series',
    }
_SERIES = {
    'gnuhealth.imaging_orthanc.study_series': ('rw', 'r'),
    'gnuhealth.imaging_orthanc.series_instances': ('rw', 'r'),
    }
_READ = {
    **_SERIES,
    'gnuhealth.imaging_orthanc.study': ('rwd', 'r'),
    'gnuhealth.orthanc.config': ('rd', 'r'),
    }
_LINK = {'gnuhealth.imaging_orthanc.study': ('rwd', 'rw')}
_ORDERS = {
    f'gnuhealth.imaging.{name}': ('', 'r') for name in [
        'test.type', 'test', 'test.request']}
# What each could do before and can do now, where that is something else
TOLD = {
    'nobody': {model: (before, '') for model, (before, _) in _READ.items()},
    'doctor': _READ,
    'imaging': _READ,
    'imaging_admin': _READ,
    'health_admin': {
        **_READ, **_ORDERS,
        'gnuhealth.imaging.test.result': ('', 'r'),
        'gnuhealth.orthanc.config': ('rwcd', 'r'),
        },
    'orthanc': {**_LINK, 'gnuhealth.orthanc.config': ('rd', 'r')},
    'orthanc_admin': {
        **_LINK, **_ORDERS, 'gnuhealth.orthanc.config': ('rwd', 'rwcd')},
    'night': {
        **_SERIES, **_LINK, 'gnuhealth.orthanc.config': ('rd', '')},
    }


@unittest.skipUnless(is_available(), "Orthanc is not installed")
class AfterTestCase(unittest.TestCase):
    "The upgraded hospital at work"
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        backend = databases.backend()
        cls.addClassCleanup(backend.close)
        old = databases.old_hospital(backend)
        for name in ['before', 'after']:
            cls.addClassCleanup(backend.drop, name)
            backend.restore(old, name)
        cls.before = Snapshot(backend, 'before')
        databases.update(backend, 'after', NEW_MODULES)
        cls.enterClassContext(unittest.mock.patch.dict(
                os.environ, backend.environment))
        path = backend.environment.get('TRYTOND_DATABASE__PATH')
        if path:
            trytond_config.set('database', 'path', path)
        uri = backend.environment['TRYTOND_DATABASE__URI']
        config.set_trytond(f'{uri}/after')
        cls.admin = config.get_config().user
        as_user(cls.admin)
        cls.main = cls.enterClassContext(OrthancServer())
        Request = Model.get('gnuhealth.imaging.test.request')
        requests = Request.find([], order=[('id', 'ASC')])
        cls.requests_before = [request.id for request in requests]
        merge_ids = {
            key: request.merge_id for (key, *_), request
            in zip(studies.REQUESTS, requests, strict=False)}
        cls.main.upload_all(
            content for key in NAMED if not NAMED[key].deleted
            for content in studies.files_of(key, merge_ids)
            if NAMED[key].server == 'main')
        Server = Model.get('gnuhealth.orthanc.config')
        cls.server, = Server.find([('label', '=', "Main")])
        # The address is edited before the first synchronization
        cls.server.url = cls.main.url
        cls.server.password = 'orthanc'
        cls.server.save()
        cls.server.click('check')
        cls.link_while_paused()
        cls.server.click('sync')
        cls.server.reload()

    @classmethod
    def link_while_paused(cls):
        "Let a person link while the first synchronization has not read all"
        from trytond.modules.health_orthanc import sync
        Study = Model.get('gnuhealth.orthanc.study')
        with unittest.mock.patch.multiple(
                sync, _PAGE=2), unittest.mock.patch.object(
                sync.Run, '_is_late', lambda run: True):
            cls.server.click('sync')
        cls.server.reload()
        cls.paused_at = cls.server.progress
        # What the read finds to be studies of this server
        result = cls.report()
        gone = Study.find([
                ('institution', 'in', [
                        institution('by_hand'), institution('unlinked')]),
                ('server.active', '=', False)])
        for study in gone:
            if not study.local_patient:
                study.local_patient = result.patient
                study.save()
            result.studies.append(Study(study.id))
        result.save()
        cls.result_by_hand = result.id

    @staticmethod
    def report():
        "Return the new result of a new request of Anna"
        Request = Model.get('gnuhealth.imaging.test.request')
        Result = Model.get('gnuhealth.imaging.test.result')
        old = Request.find([('patient.party.name', '=', "Anna")])[0]
        request = Request(
            patient=old.patient, requested_test=old.requested_test,
            doctor=old.doctor)
        request.save()
        request.click('requested')
        # Its images were not read yet
        with unittest.mock.patch.object(
                Pool('after').get(Request.__name__), 'warn_lacking_images'):
            Wizard('wizard.generate.result', [request]).actions  # noqa: B018
        result, = Result.find([('request', '=', request.id)])
        return result

    def setUp(self):
        as_user(self.admin)

    def user(self, login):
        user, = Model.get('res.user').find([('login', '=', login)])
        return user

    def study(self, key):
        Study = Model.get('gnuhealth.orthanc.study')
        study, = Study.find([
                ('institution', '=', institution(key)),
                ('server', '=', self.server.id)])
        return study

    def test_synchronized(self):
        self.assertIn(
            self.server.status, {'healthy', 'suspect'},
            self.server.last_error)

    def test_linked_while_paused(self):
        "What a person linked before all was read stays, and disturbs nothing"
        Result = Model.get('gnuhealth.imaging.test.result')
        self.assertLess(self.paused_at, 1)
        result = Result(self.result_by_hand)
        self.assertEqual(len(result.studies), 2)
        for key in ['by_hand', 'unlinked']:
            with self.subTest(key=key):
                study = self.study(key)
                self.assertIn(study.id, [s.id for s in result.studies])
                self.assertEqual(study.local_patient, result.patient)

    def test_links_stay(self):
        for key in ['auto', 'merged', 'by_hand', 'result_by_hand']:
            with self.subTest(key=key):
                self.assertEqual(
                    self.study(key).local_patient.party.name, "Anna")
        self.assertEqual(self.study('by_hand').notes.splitlines()[0],
            "Note on by_hand")

    def test_contradicted_birth(self):
        "What the old tables could not tell"
        study = self.study('contradicted_birth')
        self.assertIsNone(study.local_patient)
        self.assertEqual(study.match, 'conflict')
        self.assertEqual(study.candidate.party.name, "Anna")

    def test_missing(self):
        "What the archive no longer has keeps its link and its result"
        study = self.study('deleted')
        self.assertIsNotNone(study.missing_since)
        self.assertEqual(study.local_patient.party.name, "Anna")
        self.assertEqual(len(study.results), 1)

    def test_same_study_of_another_address(self):
        TakenOver = Model.get('gnuhealth.orthanc.taken_over')
        here = {
            study.orthanc_id: study
            for study in map(self.study, ['by_hand', 'unlinked'])}
        for row in TakenOver.find([('server_url', 'ilike', '%removed%')]):
            with self.subTest(row=row.orthanc_id):
                if row.orthanc_id in here:
                    self.assertEqual(row.study, here[row.orthanc_id])
                else:
                    self.assertIsNotNone(row.missing_since)

    def test_worklist_status(self):
        Request = Model.get('gnuhealth.imaging.test.request')
        status = {r.id: r.worklist_status for r in Request.find([])}
        self.assertEqual(status[3], 'done')

    def test_worklist_status_canceled(self):
        "Who cancels an order of the old modules takes it off the worklist"
        Request = Model.get('gnuhealth.imaging.test.request')
        request = Request.find([
                ('state', '=', 'requested'), ('studies', '=', None),
                ('worklist_status', '=', 'todo')],
            order=[('id', 'ASC')])[0]
        self.assertIn(request.id, self.requests_before)
        cancel = request.click('cancel')
        cancel.form.reason = "Pacemaker"
        cancel.execute('cancel')
        request.reload()
        self.assertEqual(
            (request.state, request.worklist_status),
            ('cancelled', 'canceled'))

    def test_edited_report(self):
        Result = Model.get('gnuhealth.imaging.test.result')
        ActionReport = Model.get('ir.action.report')
        report, = ActionReport.find([
                ('report_name', '=', 'patient.imaging_report_results'),
                ('name', '=', "Images of the result")])
        for style in ['default', 'no_images', 'no_image_comments']:
            with self.subTest(style=style):
                result = Result.find([('comment', '!=', None)])[0]
                self.set_style(result.id, style)
                _, content, *_ = Report(
                    'patient.imaging_report_results').execute(
                    [result], {'action_id': report.id})
                with zipfile.ZipFile(io.BytesIO(content)) as document:
                    text = document.read('content.xml').decode()
                text = html.unescape(text)
                self.assertTrue('Edited by the hospital' in text)
                self.assertTrue(
                    result.comment.splitlines()[0].strip() in text)

    @staticmethod
    def set_style(result, style):
        "Let the old modules have set it: what is final has a lock"
        with Transaction().start('after', 1) as transaction:
            table = Pool().get('gnuhealth.imaging.test.result').__table__()
            transaction.connection.cursor().execute(*table.update(
                    [table.report_style], [style], where=table.id == result))
            transaction.commit()

    def test_rights(self):
        "Everybody may do what a new hospital lets their group do"
        for login, group in LOGINS.items():
            access = self.may(login, [*MODELS_OF_BOTH])
            for model, rights in MODELS_OF_BOTH.items():
                with self.subTest(login=login, model=model):
                    self.assertEqual(
                        access[model], rights.get(group, ''))

    def test_told(self):
        "Who may do more or less than before is in the table of doc/switch.rst"
        changed = {}
        for login in [*LOGINS, 'night']:
            now = self.may(login, [*NOW.values()])
            before = self.before.access(login, [*NOW])
            changed[login] = {
                model: (before[model], now[NOW[model]]) for model in NOW
                if before[model] != now[NOW[model]]}
        self.assertEqual(changed, TOLD)

    def may(self, login, models):
        "What of rwcd the user has, by model"
        user = self.user(login).id
        with Transaction().start('after', user, context={
                    '_check_access': True}):
            access = Pool().get('ir.model.access').get_access(models)
        return {
            model: ''.join(
                mode[0] for mode in ['read', 'write', 'create', 'delete']
                if access[model][mode]) for model in models}

    def test_every_list(self):
        "Rows that break today's rules are shown, by each list, tab and form"
        for login in ['admin', 'orthanc_admin', 'imaging']:
            user = self.user(login).id
            with Transaction().start('after', user, readonly=True):
                context = Pool().get('res.user').get_preferences(True)
            with Transaction().start(
                    'after', user, readonly=True,
                    context={**context, '_check_access': True}):
                shown = self.show_all(login == 'admin')
            self.assertIn('gnuhealth.orthanc.study', shown)

    def show_all(self, everything):
        "Read what each tab of each list shows, and return the models"
        pool = Pool()
        Action = pool.get('ir.action.act_window')
        access = pool.get('ir.model.access')
        with without_check_access():
            actions = [
                (action.res_model, [action.domain] + [
                        tab.domain for tab in action.act_window_domains])
                for action in Action.search([
                        ('res_model', 'like', 'gnuhealth.%')])
                if set(self.modules(action)) & {
                    'health_imaging', 'health_orthanc'}]
        shown = set()
        for model, domains in actions:
            Model = pool.get(model)
            if not access.check(model, 'read', raise_exception=False):
                self.assertFalse(everything)
                continue
            for domain in domains:
                domain = PYSONDecoder(Transaction().context).decode(
                    domain or '[]')
                with self.subTest(model=model, domain=domain):
                    shown.add(model)
                    for type_ in ['tree', 'form']:
                        self.show(Model, Model.search(domain), type_)
        return shown

    @staticmethod
    def modules(action):
        data = Pool().get('ir.model.data').search([
                ('model', '=', action.__name__),
                ('db_id', '=', action.id)])
        return [row.module for row in data]

    @staticmethod
    def show(Model, records, type_):
        "Read the records as a client does for the view"
        pool = Pool()
        view_fields = Model.fields_view_get(None, type_)['fields']
        names = list(view_fields)
        for name, field in view_fields.items():
            Target = pool.get(field['relation']) if field['type'] in {
                'many2one', 'one2many', 'many2many'} else None
            if Target and field['type'] == 'many2one':
                names.append(f'{name}.rec_name')
        rows = Model.read(list(map(int, records)), names)
        for name, field in view_fields.items():
            if field['type'] in {'one2many', 'many2many'}:
                ids = [id_ for row in rows for id_ in row[name] or ()]
                pool.get(field['relation']).read(ids, ['rec_name'])

    def test_ruined_servers(self):
        "A server that can not be asked stops no other, and says why"
        Server = Model.get('gnuhealth.orthanc.config')
        with Transaction().start('after', 1) as transaction:
            Pool().get('gnuhealth.orthanc.config').synchronize_all()
            transaction.commit()
        nowhere = Server.find([('url', 'like', 'http://unknown-%')])
        self.assertTrue(nowhere)
        for server in nowhere:
            with self.subTest(server=server.label):
                server.click('check')
                server.reload()
                self.assertTrue(server.last_error)

    def test_to_settle(self):
        "What lacked something is on a tab of its own"
        Domain = Model.get('ir.action.act_window.domain')
        TakenOver = Model.get('gnuhealth.orthanc.taken_over')
        tab, = Domain.find([
                ('act_window.res_model', '=', 'gnuhealth.orthanc.taken_over'),
                ('name', '=', "Incomplete")])
        rows = TakenOver.find(PYSONDecoder().decode(tab.domain))
        self.assertEqual(len(rows), 3)
        self.assertTrue(all(row.study for row in rows))

    def test_amend(self):
        "A report of the old modules is corrected as one that was signed"
        with Transaction().start('after', 1) as transaction:
            pool = Pool()
            User, Result = map(
                pool.get, ['res.user', 'gnuhealth.imaging.test.result'])
            group = pool.get('ir.model.data').get_id(
                'health_imaging', 'group_health_imaging_reporting')
            User.write([User(1)], {'groups': [('add', [group])]})
            result, = Result.search([('comment', '!=', None)], limit=1)
            old = result.comment
            Result.correct_text(
                result, {'comment': "No fracture"}, "Wrong side")
            result = Result(result.id)
            self.assertEqual(result.state, 'amended')
            self.assertEqual(
                [v.kind for v in sorted(
                        result.versions, key=lambda v: v.number)],
                ['earlier', 'correction'])
            self.assertIn(old, [v.comment for v in result.versions])
            transaction.rollback()

    def test_menu_of_own_group(self):
        Menu = Model.get('ir.ui.menu')
        menu, = Menu.find([
                ('name', '=', "Orthanc"), ('parent.name', '=', "Imaging")])
        self.assertIn("Night Shift", [g.name for g in menu.groups])


if __name__ == '__main__':
    unittest.main()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hospital that works with GNU Health's own modules 5.0.4.

    python -m tests.upgrade.old_hospital DATABASE

runs in the environment that has these, and fills the empty database that
trytond's configuration and DATABASE name. What is there is what hospitals do
with them: through their models, wizards and buttons, with two real Orthancs;
by SQL only what no model would write any more. tests/upgrade/studies.py has
what the Orthancs hold.
"""
import datetime as dt
import sys

from proteus import Model, Wizard, config

from trytond.config import config as trytond_config
from trytond.pool import Pool
from trytond.transaction import Transaction, TransactionError

from . import studies
from .studies import NAMED, REMOVED
from demo.hospital import (
    create_health_professional, create_hospital, create_patient, create_test,
    create_user)
from demo.orthanc_server import OrthancServer

# What the modules lead people to write, and what they do not expect
TEXT = "Compare with «2019» \n\tñandú 胸部 <b>&amp;</b> 'quoted' \\ %s"
SPANISH = "Radiografía de tórax"


def fill(database):
    "Fill the database"
    config.set_trytond(f"{trytond_config.get('database', 'uri')}/{database}")
    with OrthancServer() as main, OrthancServer() as branch:
        hospital = Hospital(database)
        hospital.open()
        hospital.order()
        hospital.connect(main, branch)
        hospital.link()
        hospital.describe()
        hospital.remove(main)
        hospital.employ()
        hospital.adapt()
    in_database(database, number)
    in_database(database, inherit)
    in_database(database, ruin)


class Hospital:
    "What people do, in the order in which they do it"

    def __init__(self, database):
        self.database = database
        self.people = {}
        self.requests = {}
        self.results = {}

    def open(self):
        "Patients, a doctor, the catalogue in two languages"
        create_hospital()
        user = Model.get('res.user')(config.get_config().user)
        self.doctor = create_health_professional(user=user)
        for key, values in studies.PEOPLE.items():
            self.people[key] = create_patient(**values)
        self.tests = [
            create_test(), create_test("Head CT", 'HEAD', 'CT'),
            create_test("Old test", 'OLD', 'US')]
        test = self.tests[0]
        with config.get_config().set_context(language='es'):
            test = type(test)(test.id)
            test.name = SPANISH
            test.save()
        Template = Model.get('gnuhealth.imaging_worklist.worklist_template')
        template = Template(
            name="Hospital", charset='ISO_IR 192', comment=TEXT)
        template.save()
        self.tests[0].aetitle = 'CR1'
        self.tests[0].imaging_worklist_template = template
        self.tests[0].save()

    def order(self):
        "Orders of each state, with services, and results"
        Request = Model.get('gnuhealth.imaging.test.request')
        Service = Model.get('gnuhealth.health_service')
        service = Service(
            patient=self.people['anna'], desc="Imaging", invoice_to=None)
        service.save()
        for number, (key, person, state) in enumerate(studies.REQUESTS):
            request = Request(
                patient=self.people[person], doctor=self.doctor,
                requested_test=self.tests[number % 2], comment=TEXT,
                urgent=number % 3 == 0,
                date=dt.datetime(2026, 1, 2, 10, number))
            if person == 'anna' and number % 2:
                request.service = service
            request.save()
            if state in {'requested', 'done'}:
                request.click('requested')
            self.requests[key] = request
            if state == 'done':
                self.results[key] = self.report(request)
        wizard = Wizard(
            'gnuhealth.patient.imaging.test.request',
            [self.people['john']])
        wizard.form.tests.extend(type(t)(t.id) for t in self.tests[:2])
        wizard.form.service = None
        wizard.execute('request')
        self.tests[2].active = False
        self.tests[2].save()

    def report(self, request):
        Result = Model.get('gnuhealth.imaging.test.result')
        wizard = Wizard('wizard.generate.result', [request])
        wizard.actions  # noqa: B018  it opens the results
        result, = Result.find([('request', '=', request.id)])
        result.comment = TEXT
        result.report_style = 'no_image_comments'
        result.save()
        return result

    def connect(self, main, branch):
        "Two servers, synchronized by both wizards"
        merge_ids = {
            key: request.merge_id for key, request in self.requests.items()}
        for server, name in [(main, 'main'), (branch, 'branch')]:
            for content in studies.files(name, merge_ids, first=True):
                server.upload(content)
        for label, url, server in [
                ("Main", main.url, main),
                ("Branch", branch.url.rstrip('/'), branch)]:
            wizard = Wizard(
                'gnuhealth.imaging_orthanc.wizard.orthanc_new_connect')
            wizard.form.label = label
            wizard.form.domain = url
            wizard.form.user = server.username
            wizard.form.password = server.password
            wizard.execute('connect')
        Wizard('gnuhealth.imaging_orthanc.full_synchronize').execute(
            'synchronize')
        for server, name in [(main, 'main'), (branch, 'branch')]:
            for content in studies.files(name, merge_ids, first=False):
                server.upload(content)
        Wizard('gnuhealth.imaging_orthanc.get_new_studies').execute('update')

    def study(self, key):
        Study = Model.get('gnuhealth.imaging_orthanc.study')
        study, = Study.find([
                ('institution', '=', studies.institution(key)),
                ('server', '!=', REMOVED)])
        return study

    def link(self):
        "What people link by hand, and what they write"
        for key, study in NAMED.items():
            record = self.study(key)
            if study.patient:
                record.patient = self.people[study.patient]
            if study.result:
                record.imaging_test = self.results[study.result]
            if study.comment:
                record.merge_comment = f"Merged as {key}: ñandú 胸部 %s"
                record.notes = f"Note on {key}\n{TEXT}"
                for series in record.series:
                    series.notes = f"Note on a series of {key}\n{TEXT}"
            record.save()

    def describe(self):
        "Attachments and notes on all that can have them"
        subjects = [
            *self.people.values(), *self.requests.values(),
            *self.results.values()]
        for key in NAMED:
            study = self.study(key)
            subjects.append(study)
            subjects.extend(study.series)
            subjects.extend(
                instance for series in study.series
                for instance in series.instances[:1])
        attach(subjects)

    def remove(self, main):
        "What is deleted in the archive, and a server that is no more"
        Study = Model.get('gnuhealth.imaging_orthanc.study')
        for key, study in NAMED.items():
            if study.deleted:
                main.delete(f'studies/{self.study(key).orthanc_UID}')
        # Two that only the removed one had, two that Main has as well
        values = []
        for key in ['removed', 'removed_unlinked', 'by_hand', 'unlinked']:
            of = NAMED.get(key)
            values.append({
                    'server': REMOVED,
                    'patient': self.people['anna'].id
                    if not key.endswith('unlinked') else None,
                    'imaging_test': self.results['removed'].id
                    if key == 'removed' else None,
                    'patient_name': 'Smith^Anna',
                    'patient_id': of.patient_id if of else f'R-{key}',
                    'study_instance_UID': f'1.2.3.{len(values)}'
                    if not of else self.study(key).study_instance_UID,
                    'orthanc_UID': self.study(key).orthanc_UID if of
                    else studies.orthanc_id(
                        f'R-{key}', f'1.2.3.{len(values)}'),
                    'date': '20200102',
                    'notes': TEXT,
                    'institution': studies.institution(key),
                    })
        with Transaction().start(self.database, 1):
            Study = Pool().get('gnuhealth.imaging_orthanc.study')
            Study.create(values)
            Transaction().commit()

    def employ(self):
        "Users of each old group, and of one that the hospital made"
        Access = Model.get('ir.model.access')
        Group = Model.get('res.group')
        ModelData = Model.get('ir.model.data')
        Menu = Model.get('ir.ui.menu')
        IrModel = Model.get('ir.model')
        for login, group in studies.USERS.items():
            create_user(login, *[group] if group else [])
        group = Group(name="Night Shift")
        menu, = ModelData.find([
                ('module', '=', 'health_orthanc'),
                ('fs_id', '=', 'orthanc_menu')])
        group.menu_access.append(Menu(menu.db_id))
        group.save()
        for name in studies.OLD_MODELS:
            model, = IrModel.find([('model', '=', name)])
            Access(
                model=model, group=group, perm_read=True,
                perm_write=name.endswith('study'), perm_create=False,
                perm_delete=False).save()
        user = create_user('night')
        user.groups.append(Group(group.id))
        user.save()
        model, = IrModel.find([('model', '=', studies.OLD_MODELS[0])])
        rule_group = Model.get('ir.rule.group')(
            name="Own department", model=model, global_p=False)
        rule_group.rules.new(domain='[["institution", "=", "Hospital"]]')
        rule_group.save()

    def adapt(self):
        "An edited report, one more report, saved searches, translations"
        ActionReport = Model.get('ir.action.report')
        Translation = Model.get('ir.translation')
        Search = Model.get('ir.ui.view_search')
        report, = ActionReport.find(
            [('report_name', '=', 'patient.imaging_report_results')])
        template = report.report_content.decode()
        report.report_content = template.replace(
            '</office:text>',
            '<text:p>Edited by the hospital</text:p></office:text>').encode()
        report.save()
        ActionReport(
            name="Images of the result",
            model='gnuhealth.imaging.test.result',
            report_name='patient.imaging_report_results',
            extension='', template_extension='odt',
            report_content_custom=report.report_content).save()
        Search(
            name="Anna's", model='gnuhealth.imaging_orthanc.study',
            domain='[["patient_name", "ilike", "%Anna%"]]').save()
        label, = Translation.find([
                ('name', '=', 'gnuhealth.imaging.test.request,urgent'),
                ('type', '=', 'field'), ('lang', '=', 'es'),
                ('module', '=', 'health_imaging'),
                ('overriding_module', '=', None)], limit=1)
        label.value = "Con prisa"
        label.save()


def attach(subjects):
    "An attachment and a note on each"
    Attachment = Model.get('ir.attachment')
    Note = Model.get('ir.note')
    for subject in subjects:
        name = f'{subject.__class__.__name__},{subject.id}'
        Attachment(
            name=f"letter of {name}", resource=subject,
            data=name.encode(), description=TEXT).save()
        Note(resource=subject, message=f"{name}\n{TEXT}").save()


def in_database(database, function):
    extras = {}
    while True:
        with Transaction().start(database, 1, **extras) as transaction:
            try:
                function(Pool())
                transaction.commit()
                return
            except TransactionError as error:
                # A lock has to be taken first
                transaction.rollback()
                error.fix(extras)


def number(pool):
    "Sequences of the hospital's own"
    Configuration = pool.get('gnuhealth.sequences')
    Sequence = pool.get('ir.sequence')
    configuration = Configuration(1)
    for name in ['imaging_req_seq', 'imaging_test_sequence']:
        sequence, = Sequence.copy([getattr(configuration, name)], {
                'name': f"Own {name}", 'prefix': 'RX'})
        setattr(configuration, name, sequence)
    configuration.save()


def inherit(pool):
    "What GNU Health 4 left, in the tables whose models are deprecated"
    Attachment = pool.get('ir.attachment')
    Patient = pool.get('gnuhealth.orthanc.patient')
    Person = pool.get('gnuhealth.patient')
    Result = pool.get('gnuhealth.imaging.test.result')
    Server = pool.get('gnuhealth.orthanc.config')
    Study = pool.get('gnuhealth.orthanc.study')
    New = pool.get('gnuhealth.imaging_orthanc.study')
    people = {
        key: Person.search([('puid', '=', values['puid'])])[0]
        for key, values in studies.PEOPLE.items()}
    server, = Server.search([('label', '=', "Main")])
    for key, (name, patient_id, person, result) in studies.GNUHEALTH_4.items():
        patient, = Patient.create([{
                    'server': server.id,
                    'name': name,
                    'ident': patient_id,
                    'uuid': studies.orthanc_id(patient_id),
                    'bd': dt.date(1980, 2, 1),
                    'patient': people[person].id if person else None,
                    }])
        also = New.search([('institution', '=', studies.institution(key))])
        uid = also[0].study_instance_UID if also else f'1.2.4.{patient.id}'
        of_result = Result.search([('patient.puid', '=', result)], limit=1)
        study, = Study.create([{
                    'server': server.id,
                    'patient': patient.id,
                    'uuid': also[0].orthanc_UID if also
                    else studies.orthanc_id(patient_id, uid),
                    'instance_uid': uid,
                    'date': dt.date(2019, 3, 4),
                    'description': "Of GNU Health 4",
                    'ident': '4',
                    'institution': "Hospital",
                    'ref_phys': 'House^Gregory',
                    'req_phys': 'Wilson^James',
                    'requested_procedure_id': 'P4',
                    'merge_id': 'M4',
                    'imaging_test': of_result[0].id if of_result else None,
                    }])
        for record in [patient, study]:
            Attachment.create([{
                        'name': f"letter of {record}",
                        'resource': str(record),
                        'data': str(record).encode(),
                        }])
            pool.get('ir.note').create([{
                        'resource': str(record), 'message': str(record)}])


def ruin(pool):
    "Rows that today's rules forbid, as older versions and hands left them"
    transaction = Transaction()
    cursor = transaction.connection.cursor()
    Server = pool.get('gnuhealth.orthanc.config')
    for label, password in [
            ("Plain", 'plain:secret'), ("Fernet", 'fernet:secret')]:
        Server.create([{
                    'label': label, 'user': 'orthanc', 'password': password,
                    'domain': f'http://{label.lower()}.example.com'}])
    tables = {
        'gnuhealth_orthanc_config': ['domain', 'user', 'password'],
        'gnuhealth_orthanc_study': ['server', 'uuid'],
        'gnuhealth_orthanc_patient': ['server', 'uuid'],
        }
    if transaction.database.has_constraint(None):
        for table, columns in tables.items():
            for column in columns:
                cursor.execute(
                    f'ALTER TABLE {table} '
                    f'ALTER COLUMN "{column}" DROP NOT NULL')
            for name in ['uuid_unique', 'domain_unique']:
                cursor.execute(
                    f'ALTER TABLE {table} '
                    f'DROP CONSTRAINT IF EXISTS {table}_{name}')
    for statement in studies.RUINS:
        cursor.execute(statement)


if __name__ == '__main__':
    fill(*sys.argv[1:])

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Orthanc tells modalities what is open, through any outage.

The folder is that of Orthanc's own plugin, asked by findscu; the worklists
plugin is a stand-in, see worklists_plugin.
"""
import datetime as dt
import itertools
import tempfile
import unittest
from pathlib import Path

from proteus import Model, Wizard

from trytond.modules.health_orthanc.worklist_item import (
    dataset, file_content, read_wanted)
from trytond.modules.health_orthanc.worklist_query import Item
from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from .worklists_plugin import WorklistsPlugin
from demo.orthanc_server import OrthancServer, is_available, root_of
from tests.modality import Modality, free_port, is_dcmtk_available
from tests.tools import (
    activate, configured, create_patient, create_test, get_test_type)

PLUGIN = Path('usr/share/orthanc/plugins/libModalityWorklists.so')
_numbers = itertools.count(1)


def run_schedule():
    "What trytond-cron does each minute"
    Cron = Model.get('ir.cron')
    cron, = Cron.find([
            ('method', '=', 'gnuhealth.orthanc.config|send_worklists')])
    cron.click('run_once')


class OutboxTestCase(unittest.TestCase):
    "What the tests of both ways share"

    @classmethod
    def setUpClass(cls):
        activate()
        cls.person = create_patient(
            puid='GNU777', name="Łucja", lastname="Müller", gender='f',
            dob=dt.date(1980, 2, 1))
        cls.test = create_test("CT of the head", 'HEAD', 'CT')
        Station = Model.get('gnuhealth.imaging.station')
        for ae_title in ['CT01', 'CT02']:
            Station(
                name=ae_title, ae_title=ae_title,
                test_types=[get_test_type('CT')]).save()
        cls.station, _ = Station.find([], order=[('ae_title', 'ASC')])

    def setUp(self):
        # What an earlier test left open is not of this one
        Request = Model.get('gnuhealth.imaging.test.request')
        for request in Request.find([('state', '=', 'requested')]):
            if request.procedure_status == 'scheduled':
                request.click('start')

    def order(self, **values):
        Request = Model.get('gnuhealth.imaging.test.request')
        Doctor = Model.get('gnuhealth.healthprofessional')
        doctor, = Doctor.find([])
        values.setdefault('station', self.station)
        request = Request(
            patient=self.person, requested_test=self.test, doctor=doctor,
            **values)
        request.save()
        request.click('requested')
        return request

    def add_server(self, **values):
        server = Model.get('gnuhealth.orthanc.config')(
            label=f'{self.id()} {next(_numbers)}', **values)
        server.save()
        server.reload()
        self.addCleanup(self.leave, server.id)
        return server

    def leave(self, id_):
        "Let the server be out of the way of the next test"
        server = Model.get('gnuhealth.orthanc.config')(id_)
        server.worklist_way = None
        server.active = False
        server.save()

    def items(self, server):
        Item = Model.get('gnuhealth.orthanc.worklist_item')
        return Item.find([('server', '=', server.id)])

    def states(self, server):
        return sorted(item.state for item in self.items(server))

    def try_again(self, server):
        "Let the time pass until what failed is tried again"
        with Transaction().start(DB_NAME, 0) as transaction:
            cursor = transaction.connection.cursor()
            for name, column in [
                    ('gnuhealth.orthanc.config', 'worklist_next_try'),
                    ('gnuhealth.orthanc.worklist_item', 'next_try')]:
                table = Pool().get(name).__table__()
                cursor.execute(*table.update(
                        [getattr(table, column)], [None]))
            transaction.commit()
        run_schedule()
        server.reload()


@unittest.skipUnless(is_dcmtk_available(), "dcmtk is not installed")
@unittest.skipUnless(
    is_available() and (root_of() / PLUGIN).exists(),
    "Orthanc's plugin is not installed")
class FolderTestCase(OutboxTestCase):
    "A folder that a real plugin reads"

    def setUp(self):
        super().setUp()
        # Where the server sees it, too
        self.root = Path(self.enterContext(
                tempfile.TemporaryDirectory(dir=root_of() / 'tmp')))
        self.path = self.root / 'worklists'
        self.path.mkdir()
        self.enterContext(configured(
                'health_orthanc', worklist_folders=str(self.root)))

    def start(self, encoding='Utf8'):
        port = free_port()
        orthanc = self.enterContext(OrthancServer(
                DicomServerEnabled=True, DicomPort=port,
                DicomAlwaysAllowFindWorklist=True, Plugins=[f'/{PLUGIN}'],
                DefaultEncoding=encoding,
                Worklists={
                    'Enable': True,
                    'Database': f'/{self.path.relative_to(root_of())}'}))
        self.modality = Modality('CT01', port)
        return self.add_server(
            url=orthanc.url, username=orthanc.username,
            password=orthanc.password, worklist_way='folder',
            worklist_folder=str(self.path))

    def found(self):
        "What findscu gets, by accession number"
        return {
            item.AccessionNumber: item for item in self.modality.find()}

    def test_story(self):
        "What is open is answered, what is open no longer is not"
        server = self.start()
        self.assertTrue(server.validated)
        self.assertTrue(server.has_worklist_folder)
        self.assertFalse(server.has_worklists)
        self.assertEqual(server.default_encoding, 'Utf8')
        self.assertFalse(server.worklist_notice)
        first = self.order(clinical_question="Bleeding?")
        second = self.order()
        run_schedule()
        found = self.found()
        self.assertEqual(
            found.keys(), {first.accession_number, second.accession_number})
        item = found[first.accession_number]
        step = item.ScheduledProcedureStepSequence[0]
        self.assertEqual(item.PatientName, 'Müller^Łucja')
        self.assertEqual(item.PatientID, 'GNU777')
        self.assertEqual(item.StudyInstanceUID, first.study_instance_uid)
        self.assertEqual(item.ReasonForTheRequestedProcedure, "Bleeding?")
        self.assertEqual(step.ScheduledStationAETitle, 'CT01')
        self.assertEqual(
            step.ScheduledProcedureStepID,
            first.scheduled_procedure_step_id)
        first.reload()
        self.assertEqual(
            [(i.server, i.state) for i in first.worklist_items],
            [(server, 'sent')])
        first.click('start')
        self.person.party.name, before = "Lucia", self.person.party.name
        self.person.party.save()
        self.addCleanup(self.rename, before)
        run_schedule()
        item, = self.found().values()
        self.assertEqual(item.AccessionNumber, second.accession_number)
        self.assertEqual(item.PatientName, 'Müller^Lucia')
        first.reload()
        self.assertEqual(first.worklist_items, [])

    def rename(self, name):
        self.person.party.name = name
        self.person.party.save()

    def test_each_station(self):
        "What any station makes is there for each"
        server = self.start()
        self.order(station=None)
        run_schedule()
        self.assertEqual(
            sorted(item.station for item in self.items(server)),
            ['CT01', 'CT02'])
        self.assertEqual(
            {i.ScheduledProcedureStepSequence[0].ScheduledStationAETitle
                for i in self.modality.find()}, {'CT01', 'CT02'})

    def test_others(self):
        "What a person put there stays, and is answered too"
        theirs = Item(
            1, dt.datetime.now(), 'By^Hand', 'P1', accession_number='HAND',
            study_instance_uid='2.25.1', station_ae_title='CT01')
        content = file_content(dataset(theirs, read_wanted(), 'ISO_IR 192'))
        (self.path / 'by-hand.wl').write_bytes(content)
        server = self.start()
        request = self.order()
        run_schedule()
        self.assertEqual(
            self.found().keys(), {'HAND', request.accession_number})
        server.worklist_way = None
        server.save()
        self.assertEqual(self.found().keys(), {'HAND'})
        self.assertEqual(self.items(server), [])
        self.assertEqual(
            (self.path / 'by-hand.wl').read_bytes(), content)

    def test_encoding(self):
        "What the server would spoil is sent in Latin letters"
        server = self.start('Latin1')
        self.assertEqual(server.default_encoding, 'Latin1')
        self.assertIn("Latin1", server.worklist_notice)
        self.order()
        run_schedule()
        item, = self.modality.find()
        # Latin1 has ü but not Ł
        self.assertEqual(item.PatientName, 'Muller^Lucja')

    def test_vanished(self):
        "A folder that goes and comes back is caught up"
        server = self.start()
        first = self.order()
        run_schedule()
        away = self.root / 'away'
        self.path.rename(away)
        second = self.order()
        first.click('start')
        run_schedule()
        server.reload()
        self.assertEqual(self.states(server), ['leaving', 'waiting'])
        self.assertEqual(server.worklist_waiting, 2)
        self.assertIn(str(self.path), server.worklist_notice)
        self.assertGreater(server.worklist_next_try, dt.datetime.now())
        for item in self.items(server):
            self.assertIn(str(self.path), item.error)
            self.assertGreater(item.next_try, dt.datetime.now())
        # It is left alone until then
        away.rename(self.path)
        run_schedule()
        self.assertEqual(self.states(server), ['leaving', 'waiting'])
        self.try_again(server)
        self.assertEqual(self.found().keys(), {second.accession_number})
        self.assertFalse(server.worklist_notice)
        self.assertEqual(self.states(server), ['sent'])

    def test_emptied(self):
        "A folder that comes back empty is filled, nothing else is rewritten"
        server = self.start()
        kept, lost = self.order(), self.order()
        run_schedule()
        files = {
            path.name.partition('-')[0]: path for path in self.path.iterdir()}
        before = files[kept.study_instance_uid].stat().st_mtime_ns
        files[lost.study_instance_uid].unlink()
        run_schedule()
        self.assertEqual(len(self.found()), 2)
        self.assertEqual(
            files[kept.study_instance_uid].stat().st_mtime_ns, before)
        server.click('send_worklist')
        self.assertNotEqual(
            files[kept.study_instance_uid].stat().st_mtime_ns, before)

    def test_late_and_cancelled(self):
        "It leaves when it is late or cancelled"
        self.start()
        late, cancelled = self.order(), self.order()
        run_schedule()
        self.assertEqual(len(self.found()), 2)
        late.scheduled_date = dt.datetime.now() - dt.timedelta(days=9)
        late.save()
        cancel = Wizard('gnuhealth.imaging.test.request.cancel', [cancelled])
        cancel.form.reason = "Twice"
        cancel.execute('cancel')
        run_schedule()
        self.assertEqual(self.found(), {})
        self.assertEqual(list(self.path.iterdir()), [])

    def test_who_may(self):
        "A folder is for administrators, and inside of what is configured"
        server = self.start()
        Server = Model.get('gnuhealth.orthanc.config')
        for path in [
                '/etc', f'{self.path}/../../etc', 'worklists', '/',
                f'{self.root}2']:
            with self.subTest(path=path), self.assertRaisesRegex(
                    Exception, "may not be put"):
                Server.write([server.id], {'worklist_folder': path}, {})
        self.assertEqual(server.worklist_folder, str(self.path))


class PluginTestCase(OutboxTestCase):
    "The worklists plugin, by a stand-in"

    def start(self, **options):
        plugin = self.enterContext(WorklistsPlugin(**options))
        return plugin, self.add_server(url=plugin.url, worklist_way='rest')

    def accessions(self, plugin):
        return sorted(
            body['Tags']['AccessionNumber']
            for body in plugin.items.values())

    def test_story(self):
        "Items are put, changed and removed, and those gone stay so"
        plugin, server = self.start()
        self.assertTrue(server.has_worklists)
        self.assertFalse(server.worklist_notice)
        first, second = self.order(), self.order()
        run_schedule()
        self.assertEqual(self.accessions(plugin), sorted(
                [first.accession_number, second.accession_number]))
        body = plugin.items[
            f'{first.study_instance_uid}-{self.station.id}']
        step, = body['Tags']['ScheduledProcedureStepSequence']
        self.assertIs(body['Force'], True)
        self.assertEqual(body['Tags']['PatientName'], 'Müller^Łucja')
        self.assertEqual(step['ScheduledStationAETitle'], 'CT01')
        self.assertEqual(step['Modality'], 'CT')
        # The plugin removed it, as its study is complete
        del plugin.items[f'{second.study_instance_uid}-{self.station.id}']
        plugin.requests.clear()
        run_schedule()
        self.assertEqual(plugin.requests, [])
        first.click('start')
        second.click('start')
        run_schedule()
        self.assertEqual(plugin.items, {})
        self.assertEqual(self.items(server), [])

    def test_outage(self):
        "What fails is said, and caught up"
        down = {'all': False}
        plugin, server = self.start(
            refuse=lambda method, id_: 503 if down['all'] else None)
        first = self.order()
        run_schedule()
        down['all'] = True
        first.click('start')
        second = self.order()
        run_schedule()
        self.assertEqual(self.states(server), ['leaving', 'waiting'])
        for item in self.items(server):
            self.assertTrue(item.error)
        down['all'] = False
        self.try_again(server)
        self.assertEqual(
            self.accessions(plugin), [second.accession_number])
        self.assertEqual(
            [(i.state, i.error) for i in self.items(server)],
            [('sent', None)])

    def test_one_refused(self):
        "An item that is refused keeps no other from its place"
        bad = set()
        plugin, server = self.start(
            refuse=lambda method, id_: 400 if id_ in bad else None)
        first, second = self.order(), self.order()
        bad.add(f'{first.study_instance_uid}-{self.station.id}')
        run_schedule()
        server.reload()
        self.assertEqual(
            self.accessions(plugin), [second.accession_number])
        self.assertEqual(self.states(server), ['sent', 'waiting'])
        self.assertFalse(server.worklist_notice)

    def test_all_refused(self):
        "Who refuses ten in a row is not asked for the rest"
        bad = set()
        plugin, server = self.start(
            refuse=lambda method, id_: 500 if id_ in bad else None)
        orders = [self.order() for _ in range(12)]
        ids = [f'{o.study_instance_uid}-{self.station.id}' for o in orders]
        bad.update(ids)
        run_schedule()
        puts = [r for r in plugin.requests if r[0] == 'PUT']
        self.assertEqual(len(puts), 10)
        for item in self.items(server):
            self.assertEqual(item.state, 'waiting')
            self.assertTrue(item.error)
        # One that is taken in between shows that it is not the server
        bad.difference_update(ids[4:5])
        plugin.requests.clear()
        self.try_again(server)
        puts = [r for r in plugin.requests if r[0] == 'PUT']
        self.assertEqual(len(puts), 12)
        self.assertEqual(len(plugin.items), 1)

    def test_no_plugin(self):
        "A server without the plugin says so"
        plugin, server = self.start()
        plugin.installed = False
        server.click('check')
        server.reload()
        self.assertFalse(server.has_worklists)
        self.order()
        run_schedule()
        server.reload()
        self.assertIn("no worklists plugin", server.worklist_notice)

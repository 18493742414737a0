# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The database matches as a plain reading of the standard does"
import datetime as dt
import itertools
import random
import re
import unicodedata
import zoneinfo

from pydicom.dataset import Dataset

from trytond.modules.health_imaging.dicom import is_uid
from trytond.modules.health_orthanc import bulk
from trytond.modules.health_orthanc.worklist_query import Query
from trytond.pool import Pool
from trytond.pyson import PYSONDecoder
from trytond.tests.test_tryton import with_transaction
from trytond.transaction import Transaction

from .module_case import ModuleCase
from .test_imaging_request import create_needed, create_party

ZONE = zoneinfo.ZoneInfo('America/Bogota')  # UTC-5, no daylight saving
NAMES = [
    ("Ana", "Betz"), ("Ánna", "BETZ"), ("Jürgen", "Müller"),
    ("Łucja", "Nowak"), ("太郎", "山田"), ("Ольга", "Петрова"),
    ("O_Neil%", None), ("Zoë", "Strauß")]
STATIONS = [
    ('CT01', "CT one", "Floor 1", ['CT']), ('ct01', "ct small", None, ['CT']),
    ('MR01', "MR", "Floor 2", ['MR']), ('WS1', "Workstation", None, [])]


def plain(text):
    "Return the text as names are compared"
    letters = {
        'ł': 'l', 'ø': 'o', 'đ': 'd', 'ß': 'ss', 'æ': 'ae', 'œ': 'oe'}
    return ''.join(
        letters.get(c, c) for c in unicodedata.normalize('NFD', text).lower()
        if not unicodedata.combining(c))


def matches_text(pattern, value, compared=str):
    "Whether a value matches one with wildcards (PS3.4 C.2.2.2.1, .4)"
    if not pattern or pattern == '*':
        return True
    regex = ''.join(
        '.*' if c == '*' else '.' if c == '?' else re.escape(c)
        for c in compared(pattern))
    return re.fullmatch(regex, compared(value or ''), re.S) is not None


def matches_name(pattern, value):
    if not pattern or pattern == '*':
        return True
    padded = value + '^' * (4 - value.count('^'))
    forms = {padded[:len(value) + n] for n in range(len(padded))}
    return any(
        matches_text(group, form, plain)
        for group in pattern.split('=') if group for form in forms)


def ends(pattern, read, cut):
    if '-' in pattern:
        first, last = pattern.split('-')
    else:
        first = last = pattern
    return (
        read(first, False) if first else None,
        read(last, True) if last else None)


def read_date(text, last):
    return dt.datetime.strptime(text, '%Y%m%d').date()


def read_time(text, last):
    filled = text + ('235959' if last else '000000')[len(text):]
    return dt.time(
        int(filled[:2]), int(filled[2:4]), int(filled[4:6]),
        999999 if last else 0)


def matches_period(date, time, moment):
    dates = ends(date, read_date, None) if date else (None, None)
    times = ends(time, read_time, None) if time else (None, None)
    several = date and '-' in date
    if time and (not date or several and '-' not in time):
        day = moment.date()
        return (
            (not dates[0] or dates[0] <= day)
            and (not dates[1] or day <= dates[1])
            and (not times[0] or times[0] <= moment.time())
            and (not times[1] or moment.time() <= times[1]))
    first, last = dates
    return (
        (not first or dt.datetime.combine(
                first, times[0] or dt.time.min) <= moment)
        and (not last or moment <= dt.datetime.combine(
                last, times[1] or dt.time.max)))


class WorklistTestCase(ModuleCase):
    "Test the matching of the worklist"

    def patient(self, number, name, lastname):
        party = create_party(
            name=name, lastname=lastname, gender=['f', 'm'][number % 2],
            ref=f'P{number}', dob=dt.date(1980 + number, 2, 1),
            is_person=True, is_patient=True)
        patient, = Pool().get('gnuhealth.patient').create(
            [{'party': party.id}])
        return patient

    def orderable(self, needed):
        pool = Pool()
        Test = pool.get('gnuhealth.imaging.test')
        Type = pool.get('gnuhealth.imaging.test.type')
        test = Test(needed['requested_test'])
        types = {t.code: t for t in Type.search([])}
        mr, = Test.create([{
                    'code': 'MRB', 'name': "MR brain [head]",
                    'test_type': types['MR'].id,
                    'product': test.product.id}])
        Station = pool.get('gnuhealth.imaging.station')
        Station.create([{
                    'ae_title': ae_title, 'name': name, 'location': location,
                    'test_types': [('add', [types[c].id for c in codes])],
                    } for ae_title, name, location, codes in STATIONS])
        return {'CT': test, 'MR': mr}

    def create(self):
        "Create orders, and return what is plainly known of those open"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        needed = create_needed()
        tests = self.orderable(needed)
        patients = [
            self.patient(n, *name) for n, name in enumerate(NAMES)]
        start = dt.datetime.now().replace(
            hour=15, minute=0, second=0, microsecond=0)
        rows = []
        for number, (patient, code, hours) in enumerate(itertools.product(
                    range(len(NAMES)), tests, [-20, 0, 3, 30])):
            rows.append({
                    **needed, 'patient': patients[patient].id,
                    'requested_test': tests[code].id,
                    'urgent': bool(number % 2),
                    'scheduled_date': start + dt.timedelta(hours=hours)})
        requests = Request.create(rows)
        Request.requested(requests)
        Request.arrive(Request.browse(requests[::5]))
        requests = Request.browse(requests)
        return [self.row(request) for request in requests]

    def row(self, request):
        party = request.patient.party
        code = request.requested_test.test_type.code
        return {
            'id': request.id,
            'moment': request.scheduled_date.replace(
                tzinfo=dt.timezone.utc).astimezone(ZONE).replace(
                tzinfo=None),
            'PatientName': '^'.join(filter(
                    None, [party.lastname, party.name])),
            'PatientID': party.ref,
            'AccessionNumber': request.accession_number,
            'StudyInstanceUID': request.study_instance_uid,
            'RequestedProcedureID': request.requested_procedure_id,
            'RequestedProcedureDescription': request.requested_test.name,
            'Modality': code,
            'ScheduledProcedureStepStatus':
                request.procedure_status.upper(),
            'stations': [
                station for station in STATIONS if code in station[3]],
            }

    def expected(self, rows, asked, step, date, time):
        found = set()
        for row in rows:
            stations = [s for s in row['stations'] if matches_text(
                    step.get('ScheduledStationAETitle'), s[0])
                and matches_text(
                    step.get('ScheduledProcedureStepLocation'), s[2])]
            if (stations
                    and matches_name(
                        asked.get('PatientName'), row['PatientName'])
                    and all(
                        matches_text(value, row[key])
                        for key, value in {**asked, **step}.items()
                        if key in row and key != 'PatientName')
                    and matches_period(date, time, row['moment'])):
                found.add(row['id'])
        return found

    def found(self, asked, step, date, time):
        from trytond.modules.health_orthanc.worklist_query import read_query
        Request = Pool().get('gnuhealth.imaging.test.request')
        dataset, item = Dataset(), Dataset()
        for target, values in [(dataset, asked), (item, step)]:
            for keyword, value in values.items():
                setattr(target, keyword, value)
        item.ScheduledProcedureStepStartDate = date
        item.ScheduledProcedureStepStartTime = time
        dataset.ScheduledProcedureStepSequence = [item]
        items = list(Request.worklist(read_query(dataset), ZONE))
        ids = [item.id for item in items]
        self.assertEqual(len(ids), len(set(ids)), "an item is there twice")
        return set(ids)

    @with_transaction()
    def test_matching(self):
        "Queries at random find what a plain reading finds"
        rows = self.create()
        day = rows[0]['moment'].date()
        days = [f'{day + dt.timedelta(days=n):%Y%m%d}' for n in range(-1, 4)]
        choose = random.Random(7).choice
        texts = {
            'PatientName': [
                'betz^ana', 'B*', '*z*', 'MULLER*', 'Müller^J?rgen',
                'strauss^*', 'Nowak^Lucja^^^', '山田*', 'x=山田^太郎',
                'петрова*', 'O_N*', 'O?Neil%', 'Betz', '*^Zoe^*', 'Betz^'],
            'PatientID': ['P1', 'p1', 'P*', 'P?'],
            'AccessionNumber': [
                rows[3]['AccessionNumber'], 'IM*1', 'im*', '*5', '%'],
            'StudyInstanceUID': [rows[4]['StudyInstanceUID'], '2.25.1'],
            'RequestedProcedureID': [rows[5]['RequestedProcedureID']],
            'RequestedProcedureDescription': ['MR*[head]', 'CT', 'mr*'],
            }
        steps = {
            'ScheduledStationAETitle': ['CT01', 'ct01', 'MR*', 'XX', '?T01'],
            'Modality': ['CT', 'MR', 'ct'],
            'ScheduledProcedureStepLocation': ['Floor ?', 'Floor 2'],
            'ScheduledProcedureStepStatus': ['SCHEDULED', 'ARRIVED'],
            }
        dates = ['', *days, f'{days[0]}-{days[2]}', f'{days[1]}-',
            f'-{days[1]}']
        times = ['', '10', '1000', '1000-1300', '10-', '-13', '0900-2000']
        results = []
        for number in range(300):
            asked, step = (
                {k: choose(v) for k, v in keys.items()
                    if choose([True, False, False])}
                for keys in [texts, steps])
            if number < 60:
                key = [*texts, *steps][number % (len(texts) + len(steps))]
                (asked if key in texts else step)[key] = choose(
                    {**texts, **steps}[key])
            date, time = choose(dates), choose(times)
            with self.subTest(asked=asked, step=step, date=date, time=time):
                expected = self.expected(rows, asked, step, date, time)
                self.assertEqual(
                    self.found(asked, step, date, time), expected)
                results.append(len(expected))
        # Neither nothing nor everything always
        self.assertGreater(len(set(results)), 5)

    @with_transaction()
    def test_each_key_alone(self):
        "Every value of a key, without the others, and for each name"
        rows = self.create()
        for name in {row['PatientName'] for row in rows}:
            self.assertEqual(
                len(self.found({'PatientName': name}, {}, '', '')), 8)
        self.assertEqual(self.found({}, {}, '', ''), {
                row['id'] for row in rows})

    @with_transaction()
    def test_leaving(self):
        "What is begun, cancelled or late leaves, by a person it returns"
        Request = Pool().get('gnuhealth.imaging.test.request')
        rows = self.create()
        ids = {row['id'] for row in rows}
        requests = Request.browse([row['id'] for row in rows[:6]])
        Request.start(requests[:2])
        Request.complete(Request.browse(requests[:1]))
        Request.discontinued(requests[2:3], "Reason")
        Request.cancelled(requests[3:4], "Reason")
        Request.create_results(requests[4:5])
        Request.write(requests[5:6], {
                'scheduled_date': dt.datetime.now() - dt.timedelta(days=8)})
        gone = {int(request) for request in requests}
        self.assertEqual(self.found({}, {}, '', ''), ids - gone)
        Request.schedule_again(Request.browse(requests[2:3]))
        self.assertEqual(
            self.found({}, {}, '', ''), ids - gone | {requests[2].id})

    @with_transaction()
    def test_changes_are_seen(self):
        "Another name, station or time is in the next answer"
        from trytond.modules.health_orthanc.worklist_query import Query
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Station = pool.get('gnuhealth.imaging.station')
        request = Request(self.create()[0]['id'])

        def item(caller=None):
            return next(
                item for item in Request.worklist(Query(), ZONE, caller)
                if item.id == request.id)

        self.assertEqual(item().station_ae_title, 'CT01')
        self.assertEqual(item('ct01').station_ae_title, 'ct01')
        request.patient.party.lastname = "Other"
        request.patient.party.save()
        station, = Station.search([('ae_title', '=', 'MR01')])
        request.station = station
        request.scheduled_date += dt.timedelta(minutes=5)
        request.save()
        self.assertEqual(item().patient_name, 'Other^Ana')
        self.assertEqual(item('CT01').station_ae_title, 'MR01')
        self.assertEqual(item().scheduled.minute, 5)

    @with_transaction()
    def test_schedule_of_a_station(self):
        "It shows what the station is offered, also where none was chosen"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Station = pool.get('gnuhealth.imaging.station')
        Action = pool.get('ir.action.act_window')
        domain = Action(pool.get('ir.model.data').get_id(
                'health_imaging', 'act_schedule')).pyson_domain
        requests = Request.browse([row['id'] for row in self.create()])
        stations = {s.ae_title: s for s in Station.search([])}
        requests[0].station = stations['WS1']
        requests[1].station = stations['CT01']
        Request.save(requests[:2])
        offered = {ae_title: set() for ae_title in stations}
        for item in Request.worklist_by_station(Query(), ZONE):
            offered[item.station_ae_title].add(item.id)
        self.assertEqual(offered['WS1'], {requests[0].id})

        def schedule(station):
            return {r.id for r in Request.search(PYSONDecoder({
                            'active_model': Station.__name__,
                            'active_ids': [station.id]}).decode(domain))}

        for ae_title, station in stations.items():
            with self.subTest(station=ae_title):
                self.assertEqual(schedule(station), offered[ae_title])
        Station.write([stations['CT01']], {'active': False})
        self.assertEqual(schedule(stations['CT01']), {requests[1].id})
        self.assertEqual(
            len(Request.search(PYSONDecoder({}).decode(domain))),
            len(requests))

    @with_transaction()
    def test_upgraded(self):
        "What was requested before the upgrade is told of afterwards"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        needed = create_needed()
        self.orderable(needed)
        requests = Request.create([needed] * 3)
        Request.requested(requests[:2])
        table = Request.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.update(
                [getattr(table, name) for name in [
                        'study_instance_uid', 'accession_number',
                        'requested_procedure_id', 'procedure_status',
                        'scheduled_procedure_step_id', 'scheduled_date']],
                [None] * 6))
        Request._identify_requested(False)
        Request._schedule_requested()
        bulk.forget(Request)
        items = list(Request.worklist(Query(), ZONE))
        self.assertEqual(
            {item.id for item in items}, {r.id for r in requests[:2]})
        for item in items:
            self.assertEqual(
                {item.accession_number, item.requested_procedure_id},
                {f'R-{item.id}'})
            self.assertTrue(is_uid(item.study_instance_uid))
        self.assertEqual(len({item.study_instance_uid for item in items}), 2)
        draft = Request(requests[2].id)
        self.assertIsNone(draft.study_instance_uid)
        self.assertIsNone(draft.procedure_status)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GNU Health's own modules leave in a database, and where it goes.

GNU Health 4 had Orthanc patients and studies under the names of our tables,
which are put by first; 5.0 has studies of its own, which name the server by
its address. Everything is taken over when the modules are updated, in the
transaction of that, and what was taken over once is not again. The old tables
stay as they are.
"""
import hashlib
from collections import defaultdict
from typing import NamedTuple
from urllib.parse import urlsplit

from sql import Cast, Column, Literal, Null, Table
from sql.aggregate import Count, Max, Min
from sql.functions import Trim
from sql.operators import Concat, Exists

from trytond import backend
from trytond.pool import Pool
from trytond.transaction import Transaction

from . import bulk, dicom, matching

GNUHEALTH_4 = '4'
GNUHEALTH_5 = '5.0'
OLD_STUDY = 'gnuhealth.imaging_orthanc.study'
OLD_SERIES = 'gnuhealth.imaging_orthanc.study_series'
OLD_INSTANCES = 'gnuhealth.imaging_orthanc.series_instances'
PATIENT = 'gnuhealth.orthanc.patient'
STUDY = 'gnuhealth.orthanc.study'
SERIES_NOW = 'gnuhealth.orthanc.series'
STUDIES = Table('gnuhealth_imaging_orthanc_study')
SERIES = Table('gnuhealth_imaging_orthanc_study_series')
INSTANCES = Table('gnuhealth_imaging_orthanc_series_instances')
STUDIES_4 = Table('gnuhealth_orthanc_study_4')
PATIENTS_4 = Table('gnuhealth_orthanc_patient_4')
# Studies have to go before the patients that they refer to
_PUT_BY = {
    'gnuhealth_orthanc_study': STUDIES_4._name,
    'gnuhealth_orthanc_patient': PATIENTS_4._name,
    }
# Menus keep their row, and so those who see it and have it as a favourite
_MENUS = {
    'orthanc_menu': 'menu_orthanc',
    'imaging_orthanc_menu_patient_view': 'menu_patient_form',
    'imaging_orthanc_menu_study_view': 'menu_study_form',
    'orthanc_config_menu': 'menu_configuration',
    'orthanc_servers_menu': 'menu_server_form',
    'imaging_orthanc_add_server_menu': 'menu_server_add',
    }
PAGE = 2000  # studies that are in memory
# What has no address has this one, which no server can have (RFC 2606)
_NOWHERE = 'http://unknown.invalid/'


class Old(NamedTuple):
    """A study as one of the old modules had it.

    patient, study and series are the values of our rows; person, result and
    the others what is not a column of them.
    """
    generation: str
    id: int
    server: int
    server_url: str
    patient: dict
    study: dict
    series: list
    person: int | None
    result: int | None
    merge_id: str | None
    requested_procedure_id: str | None
    is_incomplete: bool


def begin():
    """Let SQLite change tables and rows in one transaction as well.

    Otherwise Python begins one only with the first row that is written.
    """
    connection = Transaction().connection
    if backend.name == 'sqlite' and not connection.in_transaction:
        connection.cursor().execute('BEGIN IMMEDIATE')


def put_by():
    "Make room for our tables where those of GNU Health 4's models are"
    cursor = Transaction().connection.cursor()
    cascade = '' if backend.name == 'sqlite' else 'CASCADE'
    for name, put_by_name in _PUT_BY.items():
        if 'uuid' in columns(Table(name)):
            # A table that is renamed would keep the names of its indexes
            cursor.execute(
                f'CREATE TABLE {put_by_name} AS SELECT * FROM {name}')
            cursor.execute(f'DROP TABLE {name} {cascade}')


def fill_addresses(table):
    "Let servers without an address have one, which people can correct"
    cursor = Transaction().connection.cursor()
    cursor.execute(*table.update(
            [table.url],
            [Concat('http://unknown-', Concat(
                        Cast(table.id, 'VARCHAR'), '.invalid/'))],
            where=(table.url == Null) | (table.url == '')))
    cursor.execute(*table.update(
            [table.label], [table.url],
            where=(table.label == Null) | (table.label == '')))
    # What was blank counted as none
    cursor.execute(*table.update(
            [table.public_url], [Null], where=Trim(table.public_url) == ''))


def drop_columns(handler, *names):
    "Drop columns that are no more, and first their indexes"
    if any(map(handler.column_exist, names)):
        # They are made anew at the end of the update
        handler.set_indexes([])
    for name in names:
        handler.drop_column(name)


def keep_records():
    "Let the modules' records be those that the old modules had"
    data, other = Table('ir_model_data'), Table('ir_model_data')
    of_module = data.module == 'health_orthanc'
    cursor = Transaction().connection.cursor()
    for old, new in _MENUS.items():
        cursor.execute(*data.update(
                [data.fs_id], [new],
                where=of_module & (data.fs_id == old)
                & ~Exists(other.select(
                        other.id, where=(other.module == 'health_orthanc')
                        & (other.fs_id == new)))))
    # A user can not be deleted, which each update would try
    cursor.execute(*data.delete(
            where=of_module & (data.fs_id == 'user_orthanc')))


def store():
    "Store what is there, and return the ids of the studies by generation"
    servers = _Servers()
    _store_patients_4(servers)
    # What both had keeps the row that attachments of GNU Health 4 are about
    return {
        generation: [id_ for page in read(servers) for id_ in _store(page)]
        for generation, read in [
            (GNUHEALTH_4, _read_4), (GNUHEALTH_5, _read_5)]}


def store_7_0_0():
    """Take over what our version 7.0.0 left of the studies of GNU Health 4.

    It made their rows ours, and kept two columns that nothing reads.
    """
    pool = Pool()
    Study = pool.get('gnuhealth.orthanc.study')
    study, server, of_result, taken = (
        pool.get(name).__table__() for name in [
            'gnuhealth.orthanc.study', 'gnuhealth.orthanc.config',
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study',
            'gnuhealth.orthanc.taken_over'])
    left = ['merge_id', 'requested_procedure_id']
    if not columns(study).issuperset(left):
        return
    same = [
        'orthanc_id', 'study_instance_uid', 'patient_name', 'patient_id',
        *left]
    values = {
        'create_date': Literal(bulk.now()),
        'create_uid': Literal(0),
        'generation': Literal(GNUHEALTH_4),
        'old_id': study.id,
        'study': study.id,
        'server_url': server.url,
        'patient': study.local_patient,
        'result': of_result.select(
            Min(of_result.result), where=of_result.study == study.id),
        'outcome': Literal('taken_over'),
        'is_incomplete': Literal(False),
        **{name: Column(study, name) for name in same},
        }
    Transaction().connection.cursor().execute(*taken.insert(
            [Column(taken, name) for name in values],
            study.join(server, condition=server.id == study.server).select(
                *values.values(), where=(study.merge_id != Null)
                | (study.requested_procedure_id != Null))))
    drop_columns(Study.__table_handler__('health_orthanc'), *left)


class _Servers:
    "The servers by address, those that are no more among them"

    def __init__(self):
        Server = Pool().get('gnuhealth.orthanc.config')
        table = Server.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.id, table.url, table.label, table.active,
                order_by=[table.active.desc, table.id]))
        self.labels, self.ids, self.urls = set(), {}, {}
        self.gone = set()
        for id_, url, label, active in cursor:
            self.labels.add(label)
            if not active:
                self.gone.add(id_)
            self.urls[id_] = url or label
            for key in [url, _normal(url)]:
                self.ids.setdefault(key, id_)

    def id(self, url):
        "Return the id of the server, one that is no more where none is known"
        for key in [url, _normal(url)]:
            if key in self.ids:
                return self.ids[key]
        return self._add(url)

    def nowhere(self):
        "Return the id of the server of what has none"
        return self.id(_NOWHERE)

    def _add(self, url):
        Server = Pool().get('gnuhealth.orthanc.config')
        label, number = url, 1
        while label in self.labels:
            number += 1
            label = f'{url} ({number})'
        server, = Server.create([{
                    'label': label, 'url': url or _NOWHERE, 'active': False}])
        self.labels.add(label)
        self.ids[url] = self.ids[_normal(url)] = server.id
        self.urls[server.id] = url
        self.gone.add(server.id)
        return server.id


def _normal(url):
    "Return what two addresses of one server have in common"
    try:
        parts = urlsplit((url or '').strip())
    except ValueError:
        return url
    return (
        parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip('/'))


def columns(table):
    "Return the names of the columns of a table, none where there is none"
    if not backend.TableHandler.table_exist(table._name):
        return set()
    cursor = Transaction().connection.cursor()
    cursor.execute(*table.select(where=Literal(0) == Literal(1)))
    return {column[0] for column in cursor.description}


def _rows(query):
    "Return the rows of a select as dictionaries"
    cursor = Transaction().connection.cursor()
    cursor.execute(*query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _pages(table, generation):
    "Yield the rows of a table that were not taken over, in pages"
    taken = Pool().get('gnuhealth.orthanc.taken_over').__table__()
    if not columns(table):
        return
    last = 0
    while last is not None:
        page = _rows(table.select(
                where=(table.id > last)
                & ~Exists(taken.select(
                        Literal(1),
                        where=(taken.old_id == table.id)
                        & (taken.generation == generation))),
                order_by=table.id, limit=PAGE))
        last = page[-1]['id'] if page else None
        if page:
            yield page


def _store_patients_4(servers):
    "Take over the Orthanc patients of GNU Health 4, with their links"
    Patient = Pool().get('gnuhealth.orthanc.patient')
    if not columns(PATIENTS_4) or _any(Patient):
        return
    of_server = defaultdict(list)
    for row in _rows(PATIENTS_4.select(order_by=PATIENTS_4.id)):
        server = row['server'] or servers.nowhere()
        of_server[server].append({
                'id': row['id'],
                'server': server,
                'orthanc_id': _known(row['uuid'], row['id']),
                **_demographics(row['ident'], row['name'], row['bd']),
                'name': dicom.display_name(row['name']),
                'patient': row['patient'],
                'match': matching.UNMATCHED,
                'missing_since': _missing(servers, server),
                **_stamp(row),
                })
    for server, rows in of_server.items():
        _upsert(Patient, server, rows)
    _reserve(Patient, PATIENTS_4)
    _note_links_4(Patient)


def _note_links_4(Patient):
    "A link that the ID does not explain was made by hand"
    pool = Pool()
    local = pool.get('gnuhealth.patient').__table__()
    party = pool.get('party.party').__table__()
    table = Patient.__table__()
    explained = local.join(
        party, condition=party.id == local.party).select(
        local.id, where=party.ref == table.patient_id)
    cursor = Transaction().connection.cursor()
    cursor.execute(*table.update(
            [table.match], [matching.MANUAL], where=table.patient != Null))
    cursor.execute(*table.update(
            [table.match], [matching.IDENTIFIER],
            where=table.patient.in_(explained)))


def _read_4(servers):
    "Yield pages of the studies of GNU Health 4"
    patients = {
        row['id']: row for row in (
            _rows(PATIENTS_4.select()) if columns(PATIENTS_4) else ())}
    for page in _pages(STUDIES_4, GNUHEALTH_4):
        olds = []
        for row in page:
            patient = patients.get(row['patient'], {})
            server = (
                row['server'] or patient.get('server') or servers.nowhere())
            demographics = _demographics(
                patient.get('ident'), patient.get('name'), patient.get('bd'))
            olds.append(_old(
                    servers, server, GNUHEALTH_4, row, demographics,
                    server_url=servers.urls[server],
                    patient_id=_known(
                        patient.get('uuid'),
                        patient.get('id', f"of-{row['id']}")),
                    orthanc_id=row['uuid'],
                    uid=row['instance_uid'],
                    id=row['id'],
                    date=row['date'],
                    date_reported=None,
                    description=row['description'],
                    study_id=row['ident'],
                    institution=row['institution'],
                    referring_physician=dicom.display_name(row['ref_phys']),
                    requesting_physician=dicom.display_name(row['req_phys']),
                    is_incomplete=not all(
                        [row['server'], patient, row['uuid'],
                            row['instance_uid']]),
                    person=patient.get('patient')))
        yield olds
        _reserve(Pool().get('gnuhealth.orthanc.study'), STUDIES_4)


def _read_5(servers):
    "Yield pages of the studies of GNU Health 5.0"
    for page in _pages(STUDIES, GNUHEALTH_5):
        series = _read_series([row['id'] for row in page])
        olds = []
        for row in page:
            server = (
                servers.id(row['server']) if row['server']
                else servers.nowhere())
            date = dicom.date(row['date'])
            olds.append(_old(
                    servers, server, GNUHEALTH_5, row,
                    _demographics(row['patient_id'], row['patient_name']),
                    server_url=row['server'] or servers.urls[server],
                    # As Orthanc does
                    patient_id=_hash(dicom.text(row['patient_id']) or ''),
                    orthanc_id=row['orthanc_UID'],
                    uid=row['study_instance_UID'],
                    date=date,
                    date_reported=None if date else dicom.text(row['date']),
                    institution=row['institution'],
                    # It has that of the one who referred
                    referring_physician=dicom.display_name(
                        row['performing_physician_name']),
                    notes=_join(row['notes'], row['merge_comment']),
                    series=series[row['id']],
                    is_incomplete=not all([
                            row['server'], row['orthanc_UID'],
                            row['study_instance_UID']]),
                    person=row['patient']))
        yield olds


def _read_series(study_ids):
    "Return the values of the series of studies of GNU Health 5.0"
    images = {}
    if columns(INSTANCES):
        images = dict(bulk.fetch(
                INSTANCES
                .join(SERIES, condition=SERIES.id == INSTANCES.series)
                .select(
                    SERIES.id, Count(INSTANCES.id), group_by=SERIES.id),
                SERIES.study, study_ids))
    series = defaultdict(list)
    for row in _rows(SERIES.select(
                where=SERIES.study.in_(study_ids), order_by=SERIES.id)):
        series[row['study']].append({
                'orthanc_id': _known(row['orthanc_UID'], row['id']),
                'series_instance_uid': row['series_UID'],
                'series_number': row['series_number'],
                'modality': row['modality'],
                'description': row['series_description'],
                'image_count': images.get(row['id'], 0),
                'notes': row['notes'],
                **_stamp(row),
                })
    return series


def _old(
        servers, server, generation, row, demographics, *, server_url,
        patient_id, orthanc_id, uid, person, is_incomplete, series=(),
        notes=None, **values):
    "Return the Old study, whose columns are values and what all have"
    modalities = {s['modality'] for s in series}
    missing_since = _missing(servers, server)
    return Old(
        generation, row['id'], server, server_url,
        {
            'server': server,
            'orthanc_id': patient_id,
            **demographics,
            'name': dicom.display_name(demographics['person_name']),
            'match': matching.UNMATCHED,
            'missing_since': missing_since,
            **_stamp(row),
            },
        {
            'server': server,
            'orthanc_id': _known(orthanc_id, row['id']),
            'study_instance_uid': _known(uid, row['id']),
            **demographics,
            'patient_name': dicom.display_name(demographics['person_name']),
            'match': matching.UNMATCHED,
            'modalities': ', '.join(sorted(filter(None, modalities))) or None,
            'series_count': len(series),
            'image_count': sum(s['image_count'] for s in series),
            'notes': notes,
            # Or the first synchronization would read each by itself
            'stable': True,
            'missing_since': missing_since,
            **values,
            **_stamp(row),
            },
        [{'server': server, 'missing_since': missing_since, **s}
            for s in series],
        person, row['imaging_test'], row['merge_id'],
        row.get('requested_procedure_id'), is_incomplete)


def _demographics(patient_id, name, birth_date=None):
    return {
        'patient_id': dicom.text(patient_id),
        'person_name': dicom.text(name),
        'birth_date': birth_date,
        }


def _known(identifier, id_):
    "Return the identifier, or one that no other row has"
    return dicom.text(identifier) or f'unknown-{id_}'


def _hash(*parts):
    "Return the ID that Orthanc gives to what has these identifiers"
    digest = hashlib.sha1('|'.join(parts).encode()).hexdigest()
    return '-'.join(digest[i:i + 8] for i in range(0, 40, 8))


def _join(*texts):
    return '\n'.join(dict.fromkeys(filter(None, texts))) or None


def _missing(servers, server):
    "Return since when what a server had is missing"
    return bulk.now() if server in servers.gone else None


def _stamp(row):
    return {
        'create_date': row['create_date'] or bulk.now(),
        'create_uid': row['create_uid'] or 0,
        'write_date': row['write_date'],
        'write_uid': row['write_uid'],
        }


def _any(Model):
    table = Model.__table__()
    cursor = Transaction().connection.cursor()
    cursor.execute(*table.select(table.id, limit=1))
    return cursor.fetchone() is not None


def _store(olds):
    "Insert the rows of the studies, and return the ids that they have now"
    pool = Pool()
    Patient = pool.get('gnuhealth.orthanc.patient')
    Study = pool.get('gnuhealth.orthanc.study')
    Series = pool.get('gnuhealth.orthanc.series')
    TakenOver = pool.get('gnuhealth.orthanc.taken_over')
    taken = []
    of_server = defaultdict(list)
    for old in olds:
        of_server[old.server].append(old)
    for server, olds in of_server.items():
        patients = _upsert(Patient, server, [old.patient for old in olds])
        studies = _upsert(Study, server, [
                {**old.study, 'patient': patients[old.patient['orthanc_id']]}
                for old in olds])
        _upsert(Series, server, [
                {**series, 'study': studies[old.study['orthanc_id']]}
                for old in olds for series in old.series])
        taken.extend({
                'generation': old.generation,
                'old_id': old.id,
                'study': studies[old.study['orthanc_id']],
                'server_url': old.server_url,
                'orthanc_id': old.study['orthanc_id'],
                'study_instance_uid': old.study['study_instance_uid'],
                'patient_name': old.study['patient_name'],
                'patient_id': old.study['patient_id'],
                'patient': old.person,
                'result': old.result,
                'merge_id': old.merge_id,
                'requested_procedure_id': old.requested_procedure_id,
                'outcome': 'taken_over',
                'is_incomplete': old.is_incomplete,
                } for old in olds)
    bulk.insert(TakenOver, taken)
    return [row['study'] for row in taken]


def _upsert(Model, server_id, rows):
    """Insert the rows that are new, and return the ids by Orthanc ID.

    Of those that are there already the notes are kept.
    """
    new = {}
    for row in rows:
        kept = new.setdefault(row['orthanc_id'], row)
        if 'notes' in row:
            kept['notes'] = _join(kept['notes'], row['notes'])
    known = bulk.known_rows(Model, server_id, new)
    add_notes(Model, {
            known[id_][0]: new[id_]['notes'] for id_ in known
            if new[id_].get('notes')})
    rows = [row for id_, row in new.items() if id_ not in known]
    bulk.insert(Model, rows)
    return {
        id_: values[0] for id_, values in bulk.known_rows(
            Model, server_id, new).items()}


def _reserve(Model, table):
    "Let no new row have the id of one that was put by"
    transaction = Transaction()
    cursor = transaction.connection.cursor()
    cursor.execute(*table.select(Max(table.id)))
    last, = cursor.fetchone()
    if not last:
        return
    if backend.name != 'sqlite':
        transaction.database.setnextid(
            transaction.connection, Model._table, last)
        return
    sequence = Table('sqlite_sequence')
    cursor.execute(*sequence.update(
            [sequence.seq], [last], where=(sequence.name == Model._table)
            & (sequence.seq < last)))


def add_notes(Model, notes):
    "Add notes, by id, to those of the rows"
    table = Model.__table__()
    required = [
        name for name, field in Model._fields.items() if field.required]
    rows = bulk.fetch(
        table.select(
            table.id, table.notes,
            *[Column(table, name) for name in required if name != 'id']),
        table.id, notes)
    bulk.update(Model, [{
                'id': id_,
                'notes': _join(there, notes[id_]),
                **dict(zip(
                    [n for n in required if n != 'id'], values, strict=True)),
                } for id_, there, *values in rows])

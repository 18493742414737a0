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
from sql.aggregate import Count, Max
from sql.conditionals import Coalesce
from sql.functions import Substring, Trim
from sql.operators import Concat, Exists
from trytond import backend
from trytond.model import ModelSQL, fields
from trytond.pool import Pool
from trytond.tools import grouped_slice
from trytond.transaction import Transaction

from . import bulk, decision, dicom, matching

GNUHEALTH_4 = '4'
GNUHEALTH_5 = '5.0'
_OLD_STUDY = 'gnuhealth.imaging_orthanc.study'
_OLD_SERIES = 'gnuhealth.imaging_orthanc.study_series'
_OLD_INSTANCES = 'gnuhealth.imaging_orthanc.series_instances'
_PATIENT = 'gnuhealth.orthanc.patient'
_STUDY = 'gnuhealth.orthanc.study'
_SERIES_NOW = 'gnuhealth.orthanc.series'
_STUDIES = Table('gnuhealth_imaging_orthanc_study')
_SERIES = Table('gnuhealth_imaging_orthanc_study_series')
_INSTANCES = Table('gnuhealth_imaging_orthanc_series_instances')
_STUDIES_4 = Table('gnuhealth_orthanc_study_4')
_PATIENTS_4 = Table('gnuhealth_orthanc_patient_4')
# Studies have to go before the patients that they refer to
_PUT_BY = {
    'gnuhealth_orthanc_study': _STUDIES_4._name,
    'gnuhealth_orthanc_patient': _PATIENTS_4._name,
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
# What groups may do with these, which have no access rows of the modules
_MODELS = {
    _OLD_STUDY: _STUDY,
    _OLD_SERIES: _SERIES_NOW,
    _OLD_INSTANCES: _SERIES_NOW,
    }
_PAGE = 2000  # studies that are in memory
# What has no address has this one, which no server can have (RFC 2606)
_NOWHERE = 'http://unknown.invalid/'
# While modules are updated there are no translated messages
_REASON = "Taken over from GNU Health's own modules"


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
        if 'uuid' in _columns(Table(name)):
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


def keep_rights():
    """Let the groups of the hospital have the rights on our models.

    Nobody creates or deletes what servers hold.
    """
    model = Table('ir_model')
    data = Table('ir_model_data')
    access = Table('ir_model_access')
    cursor = Transaction().connection.cursor()
    for old, new in _MODELS.items():
        writes = new == _STUDY
        cursor.execute(*access.update(
                [access.model, access.perm_write, access.perm_create,
                    access.perm_delete],
                [model.select(model.id, where=model.model == new),
                    access.perm_write if writes else Literal(False),
                    Literal(False), Literal(False)],
                where=access.model.in_(
                    model.select(model.id, where=model.model == old))
                & ~access.id.in_(data.select(
                        data.db_id, where=data.model == 'ir.model.access'))))


def take_over():
    "Take over what is there, and return the number of studies"
    servers = _Servers()
    _store_patients_4(servers)
    # What both had keeps the row that attachments of GNU Health 4 are about
    studies = {
        generation: [id_ for page in read(servers) for id_ in _store(page)]
        for generation, read in [
            (GNUHEALTH_4, _read_4), (GNUHEALTH_5, _read_5)]}
    everything = [id_ for ids in studies.values() for id_ in ids]
    _put_on_results(everything)
    # What people saw last was 5.0
    for generation in [GNUHEALTH_5, GNUHEALTH_4]:
        for ids in grouped_slice(studies[generation], _PAGE):
            _link(generation, list(ids))
    if everything:
        _refer()
    keep_rights()
    return len(everything)


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


def _columns(table):
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
    if not _columns(table):
        return
    last = 0
    while last is not None:
        page = _rows(table.select(
                where=(table.id > last)
                & ~table.id.in_(taken.select(
                        taken.old_id, where=taken.generation == generation)),
                order_by=table.id, limit=_PAGE))
        last = page[-1]['id'] if page else None
        if page:
            yield page


def _store_patients_4(servers):
    "Take over the Orthanc patients of GNU Health 4, with their links"
    Patient = Pool().get('gnuhealth.orthanc.patient')
    if not _columns(_PATIENTS_4) or _any(Patient):
        return
    of_server = defaultdict(list)
    for row in _rows(_PATIENTS_4.select(order_by=_PATIENTS_4.id)):
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
    _reserve(Patient, _PATIENTS_4)
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
            _rows(_PATIENTS_4.select()) if _columns(_PATIENTS_4) else ())}
    for page in _pages(_STUDIES_4, GNUHEALTH_4):
        olds = []
        for row in page:
            patient = patients.get(row['patient'], {})
            server = (
                row['server'] or patient.get('server') or servers.nowhere())
            demographics = _demographics(
                patient.get('ident'), patient.get('name'), patient.get('bd'))
            olds.append(_old(
                    servers, server, GNUHEALTH_4, row, demographics,
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
        _reserve(Pool().get('gnuhealth.orthanc.study'), _STUDIES_4)


def _read_5(servers):
    "Yield pages of the studies of GNU Health 5.0"
    for page in _pages(_STUDIES, GNUHEALTH_5):
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
    if _columns(_INSTANCES):
        images = dict(bulk.fetch(
                _INSTANCES
                .join(_SERIES, condition=_SERIES.id == _INSTANCES.series)
                .select(
                    _SERIES.id, Count(_INSTANCES.id), group_by=_SERIES.id),
                _SERIES.study, study_ids))
    series = defaultdict(list)
    for row in _rows(_SERIES.select(
                where=_SERIES.study.in_(study_ids), order_by=_SERIES.id)):
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
        servers, server, generation, row, demographics, *, patient_id,
        orthanc_id, uid, person, is_incomplete, series=(), notes=None,
        **values):
    "Return the Old study, whose columns are values and what all have"
    modalities = {s['modality'] for s in series}
    missing_since = _missing(servers, server)
    return Old(
        generation, row['id'], server, servers.urls[server],
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
    _add_notes(Model, {
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


def _add_notes(Model, notes):
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


def _put_on_results(ids):
    "Let results have the studies that they had"
    pool = Pool()
    Link = pool.get('gnuhealth.imaging.test.result-gnuhealth.orthanc.study')
    taken = pool.get('gnuhealth.orthanc.taken_over').__table__()
    link = Link.__table__()
    wanted = set(map(tuple, bulk.fetch(
                taken.select(
                    taken.study, taken.result, where=taken.result != Null),
                taken.study, ids)))
    there = set(map(tuple, bulk.fetch(
                link.select(link.study, link.result), link.study, ids)))
    bulk.insert(Link, [
            {'study': study, 'result': result}
            for study, result in sorted(wanted - there)])


def _link(generation, ids):
    "Link the studies to whom they were linked, unless something contradicts"
    pool = Pool()
    Patient = pool.get('gnuhealth.orthanc.patient')
    Study = pool.get('gnuhealth.orthanc.study')
    Study.rematch(ids)
    decided, conflicts = _compare(generation, ids)
    _link_by_hand(decided)
    _note_conflicts(conflicts)
    Study.rematch(study for study, _ in conflicts)
    Patient.summarize(Study._patients(ids))
    _answer_orders(ids)
    Study.match_orders(ids)


def _compare(generation, ids):
    """Compare what studies and rules say with whose they were.

    Return (id, person) of studies to link, and (id, id of the row that tells
    what was taken over) of those where something contradicts, with what.
    """
    pool = Pool()
    LocalPatient = pool.get('gnuhealth.patient')
    taken = pool.get('gnuhealth.orthanc.taken_over').__table__()
    result = pool.get('gnuhealth.imaging.test.result').__table__()
    study = pool.get('gnuhealth.orthanc.study').__table__()
    rows = bulk.fetch(
        taken
        .join(study, condition=study.id == taken.study)
        .join(result, 'LEFT', condition=result.id == taken.result)
        .select(
            taken.id, taken.study, taken.patient, result.patient,
            study.local_patient, study.match, study.person_name,
            study.birth_date, study.sex,
            where=taken.generation == generation),
        taken.study, ids)
    persons = LocalPatient.persons_by_id(
        {id_ for row in rows for id_ in row[2:4] if id_})
    said = defaultdict(set)
    for _, id_, patient, of_result, *_ in rows:
        said[id_].add(patient or of_result)
    decided, conflicts = {}, {}
    for row_id, id_, patient, of_result, now, match, *reported in rows:
        person = patient or of_result
        if not person:
            continue
        differences = [*matching.contradictions(
                matching.Reported(*reported), persons[person])]
        if of_result not in {None, person}:
            differences.append('result')
        # What says whose it is now is not overruled
        stands = generation == GNUHEALTH_4 or match in {
            matching.MANUAL, matching.IDENTIFIER}
        if said[id_] - {None, person} or (stands and now not in {
                None, person}):
            differences.append('patient')
        if differences:
            conflicts[id_, row_id] = ' '.join(differences)
        elif now != person:
            decided[id_] = person
    return decided, conflicts


def _link_by_hand(decided):
    "Link studies to persons by their ids, as people did"
    pool = Pool()
    Decision = pool.get('gnuhealth.orthanc.decision')
    Study = pool.get('gnuhealth.orthanc.study')
    table = Study.__table__()
    rows = bulk.fetch(
        table.select(
            table.id, table.server, table.orthanc_id,
            table.study_instance_uid, table.patient, table.local_patient),
        table.id, decided)
    bulk.update(Study, [{
                'id': id_,
                'server': server,
                'orthanc_id': orthanc_id,
                'study_instance_uid': uid,
                'patient': patient,
                **matching.Verdict(decided[id_], matching.MANUAL).values(),
                } for id_, server, orthanc_id, uid, patient, _ in rows])
    bulk.insert(Decision, [{
                'study': id_,
                'action': decision.LINK,
                'before': before,
                'after': decided[id_],
                'reason': _REASON,
                } for id_, *_, before in rows])


def _note_conflicts(conflicts):
    TakenOver = Pool().get('gnuhealth.orthanc.taken_over')
    table = TakenOver.__table__()
    of_kind = defaultdict(list)
    for (_, row_id), differences in conflicts.items():
        of_kind[differences].append(row_id)
    # Few kinds, whatever the number of rows
    for differences, row_ids in of_kind.items():
        bulk.change(TakenOver, table.update(
                [table.outcome, table.differences],
                ['conflict', differences]), table.id, row_ids)


def _answer_orders(ids):
    """Let orders have the studies that had their Merge ID.

    It can have been in any tag of the study; where it is the Study Instance
    UID, the rules find it.
    """
    pool = Pool()
    Decision = pool.get('gnuhealth.orthanc.decision')
    Link = pool.get('gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
    request = pool.get('gnuhealth.imaging.test.request').__table__()
    study = pool.get('gnuhealth.orthanc.study').__table__()
    taken = pool.get('gnuhealth.orthanc.taken_over').__table__()
    link = Link.__table__()
    if 'merge_id' not in _columns(request):
        return
    named = defaultdict(set)
    for id_, merge_id, order in bulk.fetch(
            taken
            .join(study, condition=study.id == taken.study)
            .join(request, condition=(request.merge_id == taken.merge_id)
                & (request.patient == study.local_patient)
                & (request.merge_id != study.study_instance_uid))
            .select(taken.study, taken.merge_id, request.id),
            taken.study, ids):
        named[id_, merge_id].add(order)
    there = set(map(tuple, bulk.fetch(
                link.select(link.study, link.request), link.study, ids)))
    wanted = sorted({
        (id_, *orders) for (id_, _), orders in named.items()
        if len(orders) == 1} - there)
    bulk.insert(Link, [
            {'study': id_, 'request': order, 'match': matching.MANUAL}
            for id_, order in wanted])
    bulk.insert(Decision, [{
                'study': id_,
                'request': order,
                'action': decision.LINK_ORDER,
                'reason': _REASON,
                } for id_, order in wanted])


def _refer():
    "Let attachments, notes and the like be about our records"
    pool = Pool()
    cursor = Transaction().connection.cursor()
    for _, Model in pool.iterobject():
        if not issubclass(Model, ModelSQL) or callable(Model.table_query):
            continue
        for name, field in Model._fields.items():
            if isinstance(field, fields.Reference) and field.sql_type():
                table = Model.__table__()
                column = Column(table, name)
                for old, query in _referred(column):
                    cursor.execute(*table.update(
                            [column], [Coalesce(query, column)],
                            where=column.like(f'{old},%')))


def _referred(column):
    "Yield the names of old models, and the select of what column is now"
    pool = Pool()
    patient = pool.get('gnuhealth.orthanc.patient').__table__()
    taken = pool.get('gnuhealth.orthanc.taken_over').__table__()
    series = pool.get('gnuhealth.orthanc.series').__table__()

    def old_id(name):
        return Cast(Substring(column, len(name) + 2), 'INTEGER')

    def reference(name, id_):
        return Concat(f'{name},', Cast(id_, 'VARCHAR'))

    for old, generation in [
            (_OLD_STUDY, GNUHEALTH_5), (_STUDY, GNUHEALTH_4)]:
        yield old, taken.select(
            reference(_STUDY, taken.study),
            where=(taken.generation == generation)
            & (taken.old_id == old_id(old)))
    if _columns(_PATIENTS_4):
        yield _PATIENT, _PATIENTS_4.join(
            patient, condition=(patient.server == _PATIENTS_4.server)
            & (patient.orthanc_id == _PATIENTS_4.uuid)).select(
            reference(_PATIENT, patient.id),
            where=_PATIENTS_4.id == old_id(_PATIENT))
    if _columns(_SERIES):
        now = (
            _SERIES
            .join(taken, condition=(taken.generation == GNUHEALTH_5)
                & (taken.old_id == _SERIES.study))
            .join(series, condition=(series.study == taken.study)
                & (series.orthanc_id == Column(_SERIES, 'orthanc_UID'))))
        yield _OLD_SERIES, now.select(
            reference(_SERIES_NOW, series.id),
            where=_SERIES.id == old_id(_OLD_SERIES))
        # There are no instances here: what was about one is about its series
        yield _OLD_INSTANCES, now.select(
            reference(_SERIES_NOW, series.id),
            where=_SERIES.id == _INSTANCES.select(
                _INSTANCES.series,
                where=_INSTANCES.id == old_id(_OLD_INSTANCES)))

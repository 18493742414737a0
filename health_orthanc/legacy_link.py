# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose the studies of GNU Health's own modules are, and what is about them.

The old link counts unless something contradicts it: then the study belongs to
nobody until a person decides, and what was taken over says whose it was.
"""
from collections import defaultdict

from sql import Cast, Column, Literal, Null
from sql.conditionals import Coalesce
from sql.functions import Substring
from sql.operators import And, Concat, Exists

from trytond.model import ModelSQL, fields
from trytond.pool import Pool
from trytond.tools import grouped_slice
from trytond.transaction import Transaction

from . import bulk, decision, matching
from .legacy import (
    GNUHEALTH_4, GNUHEALTH_5, INSTANCES, OLD_INSTANCES, OLD_SERIES, OLD_STUDY,
    PAGE, PATIENT, PATIENTS_4, SERIES, SERIES_NOW, STUDY, add_notes, columns)

# While modules are updated there are no translated messages
_REASON = "Taken over from GNU Health's own modules"


def link_all(studies):
    "Link the studies, ids by generation, and let all be about them"
    everything = [id_ for ids in studies.values() for id_ in ids]
    if not everything:
        return
    _put_on_results(everything)
    # What people saw last was 5.0
    for generation in [GNUHEALTH_5, GNUHEALTH_4]:
        for ids in grouped_slice(studies[generation], PAGE):
            _link(generation, list(ids))
    _refer(_referred)


def check(server_id):
    """Compare links with all that the studies report, once that is read.

    The old tables had no birth date and no sex. Where these contradict a link
    that nobody made or confirmed since, people have to settle it. Studies of
    a server that is no more are those of this one with the same ID.
    """
    pool = Pool()
    Patient = pool.get('gnuhealth.orthanc.patient')
    Study = pool.get('gnuhealth.orthanc.study')
    _adopt(server_id)
    for generation in [GNUHEALTH_5, GNUHEALTH_4]:
        for ids in grouped_slice(_unconfirmed(server_id, generation), PAGE):
            _, conflicts = _compare(generation, list(ids))
            contradicted = {id_ for id_, _ in conflicts}
            _note_conflicts(conflicts)
            _unlink(contradicted)
            Study.rematch(contradicted)
            Patient.summarize(Study._patients(contradicted))
            Study.match_orders(contradicted)


def _unconfirmed(server_id, generation):
    "Return the ids of studies whose links were taken over, and nothing since"
    pool = Pool()
    decided = pool.get('gnuhealth.orthanc.decision').__table__()
    study = pool.get('gnuhealth.orthanc.study').__table__()
    taken = pool.get('gnuhealth.orthanc.taken_over').__table__()
    cursor = Transaction().connection.cursor()
    cursor.execute(*taken
        .join(study, condition=study.id == taken.study)
        .select(
            study.id, distinct=True,
            where=(study.server == server_id)
            & (study.match == matching.MANUAL)
            & (study.missing_since == Null)
            & (taken.generation == generation)
            & (taken.outcome == 'taken_over')
            & ~Exists(decided.select(
                    Literal(1),
                    where=(decided.study == study.id)
                    & (decided.create_uid != 0)))))
    return [id_ for id_, in cursor]


def _unlink(ids):
    Study = Pool().get('gnuhealth.orthanc.study')
    table = Study.__table__()
    bulk.change(Study, table.update(
            [table.local_patient, table.match], [Null, matching.UNMATCHED]),
        table.id, ids)


def _adopt(server_id):
    "Let studies of servers that are no more be those of this one"
    pool = Pool()
    Decision = pool.get('gnuhealth.orthanc.decision')
    RequestStudy = pool.get(
        'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
    ResultStudy = pool.get(
        'gnuhealth.imaging.test.result-gnuhealth.orthanc.study')
    Series = pool.get('gnuhealth.orthanc.series')
    Study = pool.get('gnuhealth.orthanc.study')
    TakenOver = pool.get('gnuhealth.orthanc.taken_over')
    table, taken = Study.__table__(), TakenOver.__table__()
    now = _same_studies(server_id)
    if not now:
        return
    _refer(lambda column: _referred_now(column, server_id))
    add_notes(Study, {
            now[id_]: notes for id_, notes in bulk.fetch(
                table.select(
                    table.id, table.notes, where=table.notes != Null),
                table.id, now)})
    rows = bulk.fetch(
        taken.select(taken.id, taken.generation, taken.old_id, taken.study),
        taken.study, now)
    bulk.update(TakenOver, [{
                'id': id_, 'generation': generation, 'old_id': old_id,
                'study': now[study], 'outcome': 'taken_over',
                } for id_, generation, old_id, study in rows])
    _keep_decided(now)
    # SQLite does not look after what refers to a row
    for Model in [ResultStudy, RequestStudy, Series]:
        of_study = Model.__table__()
        bulk.change(Model, of_study.delete(), of_study.study, now)
    decided = Decision.__table__()
    bulk.change(
        Decision, decided.update([decided.study], [Null]), decided.study, now)
    bulk.change(Study, table.delete(), table.id, now)
    studies = {GNUHEALTH_4: [], GNUHEALTH_5: []}
    for _, generation, _, study in rows:
        studies[generation].append(now[study])
    link_all(studies)


def _keep_decided(now):
    """Let studies have what people decided of those that they are now.

    People can have linked these before all was read.
    """
    pool = Pool()
    decided = pool.get('gnuhealth.orthanc.decision').__table__()
    study = pool.get('gnuhealth.orthanc.study').__table__()
    _copy_links(
        'gnuhealth.imaging.test.result-gnuhealth.orthanc.study', 'result',
        now)
    _copy_links(
        'gnuhealth.imaging.test.request-gnuhealth.orthanc.study', 'request',
        now, match=matching.MANUAL)
    said = dict(bulk.fetch(
            study.select(
                study.id, study.local_patient,
                where=(study.match == matching.MANUAL)
                & study.id.in_(decided.select(
                        decided.study, where=decided.create_uid != 0))),
            study.id, now))
    free = {
        id_ for id_, in bulk.fetch(
            study.select(
                study.id, where=(study.local_patient == Null)
                & (study.match == matching.UNMATCHED)),
            study.id, [now[id_] for id_ in said])}
    _link_by_hand({
            now[id_]: person for id_, person in said.items()
            if person and now[id_] in free})


def _copy_links(name, other, now, **values):
    """Link to the studies of today what is linked to those that they were.

    values are what the links have, all where there are none.
    """
    Link = Pool().get(name)
    link = Link.__table__()
    column = Column(link, other)
    there = set(map(tuple, bulk.fetch(
                link.select(link.study, column), link.study, now.values())))
    wanted = {
        (now[study], id_) for study, id_ in bulk.fetch(
            link.select(
                link.study, column, where=And([
                        Column(link, key) == value
                        for key, value in values.items()]) or None),
            link.study, now)}
    bulk.insert(Link, [
            {'study': study, other: id_, **values}
            for study, id_ in sorted(wanted - there)])


def _same_studies(server_id):
    "Return the studies of this server by those of servers that are no more"
    pool = Pool()
    server = pool.get('gnuhealth.orthanc.config').__table__()
    Study = pool.get('gnuhealth.orthanc.study')
    old, new = Study.__table__(), Study.__table__()
    taken = pool.get('gnuhealth.orthanc.taken_over').__table__()
    cursor = Transaction().connection.cursor()
    cursor.execute(*old
        .join(server, condition=server.id == old.server)
        .join(new, condition=(new.orthanc_id == old.orthanc_id)
            & (new.server == server_id) & (new.missing_since == Null))
        .select(
            old.id, new.id,
            where=(old.server != server_id)
            & (old.missing_since != Null)
            & (server.active == Literal(False))
            & old.id.in_(taken.select(
                    taken.study, where=taken.study != Null))))
    return dict(cursor.fetchall())


def _put_on_results(ids):
    "Let results have the studies that they had"
    pool = Pool()
    Link = pool.get('gnuhealth.imaging.test.result-gnuhealth.orthanc.study')
    Result = pool.get('gnuhealth.imaging.test.result')
    taken = pool.get('gnuhealth.orthanc.taken_over').__table__()
    link, result = Link.__table__(), Result.__table__()
    wanted = set(map(tuple, bulk.fetch(
                taken
                .join(result, condition=(result.id == taken.result)
                    & Result.unsigned(result))
                .select(taken.study, taken.result),
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
    if 'merge_id' not in columns(request):
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


def _refer(referred):
    """Let attachments, notes and the like be about other records.

    referred yields for a column the names of models, and the select of what
    it has to be for a record of that model.
    """
    pool = Pool()
    cursor = Transaction().connection.cursor()
    for _, Model in pool.iterobject():
        if not issubclass(Model, ModelSQL) or callable(Model.table_query):
            continue
        for name, field in Model._fields.items():
            if isinstance(field, fields.Reference) and field.sql_type():
                table = Model.__table__()
                column = Column(table, name)
                for old, query in referred(column):
                    cursor.execute(*table.update(
                            [column], [Coalesce(query, column)],
                            where=column.like(f'{old},%')))


def _referred(column):
    "Yield the names of old models, and the select of what column is now"
    pool = Pool()
    patient = pool.get('gnuhealth.orthanc.patient').__table__()
    taken = pool.get('gnuhealth.orthanc.taken_over').__table__()
    series = pool.get('gnuhealth.orthanc.series').__table__()

    for old, generation in [
            (OLD_STUDY, GNUHEALTH_5), (STUDY, GNUHEALTH_4)]:
        yield old, taken.select(
            _reference(STUDY, taken.study),
            where=(taken.generation == generation)
            & (taken.old_id == _id(column, old)))
    if columns(PATIENTS_4):
        yield PATIENT, PATIENTS_4.join(
            patient, condition=(patient.server == PATIENTS_4.server)
            & (patient.orthanc_id == PATIENTS_4.uuid)).select(
            _reference(PATIENT, patient.id),
            where=PATIENTS_4.id == _id(column, PATIENT))
    if columns(SERIES):
        now = (
            SERIES
            .join(taken, condition=(taken.generation == GNUHEALTH_5)
                & (taken.old_id == SERIES.study))
            .join(series, condition=(series.study == taken.study)
                & (series.orthanc_id == Column(SERIES, 'orthanc_UID'))))
        yield OLD_SERIES, now.select(
            _reference(SERIES_NOW, series.id),
            where=SERIES.id == _id(column, OLD_SERIES))
        # There are no instances here: what was about one is about its series
        yield OLD_INSTANCES, now.select(
            _reference(SERIES_NOW, series.id),
            where=SERIES.id == INSTANCES.select(
                INSTANCES.series,
                where=INSTANCES.id == _id(column, OLD_INSTANCES)))


def _id(column, name):
    "Return the id in a reference to a record of the model"
    return Cast(Substring(column, len(name) + 2), 'INTEGER')


def _reference(name, id_):
    return Concat(f'{name},', Cast(id_, 'VARCHAR'))


def _referred_now(column, server_id):
    "As _referred, for what has the same Orthanc ID on this server"
    pool = Pool()
    server = pool.get('gnuhealth.orthanc.config').__table__()
    for name in [PATIENT, STUDY, SERIES_NOW]:
        old, new = (pool.get(name).__table__() for _ in range(2))
        yield name, (old
            .join(server, condition=(server.id == old.server)
                & (server.active == Literal(False)))
            .join(new, condition=(new.orthanc_id == old.orthanc_id)
                & (new.server == server_id) & (new.server != old.server))
            .select(
                _reference(name, new.id), where=old.id == _id(column, name)))

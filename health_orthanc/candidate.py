# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How those are found whose a study could be"
import datetime as dt

from sql import Literal
from sql.functions import Function, Lower, Substring

from trytond import backend
from trytond.i18n import gettext
from trytond.model import Index
from trytond.modules.health_imaging.identity import identified
from trytond.pool import Pool, PoolMeta
from trytond.transaction import (
    Transaction, check_access, inactive_records, without_check_access)

from . import dicom, matching, order_matching, spelling, suggestion
from .patient import identifier_indexes

# Of the persons who could be meant, so many are compared
_MOST_COMPARED = 500


class _Translate(Function):
    __slots__ = ()
    _function = 'TRANSLATE'


def _lookup_key(text):
    "Return the SQL of spelling.lookup_key"
    return Lower(_Translate(
            text, ''.join([*spelling.LOOKUP, *spelling.LEFT_OUT]),
            ''.join(spelling.LOOKUP.values())))


def _teach_sqlite():
    "Let SQLite know translate(), which PostgreSQL does"
    connection = Transaction().connection
    try:
        connection.execute("SELECT translate('', '', '')")
    except backend.DatabaseOperationalError:
        connection.create_function(
            'translate', 3, _translate, deterministic=True)


def _translate(text, letters, others):
    return text and text.translate(str.maketrans({
                letter: others[at:at + 1]
                for at, letter in enumerate(letters)}))


class Party(metaclass=PoolMeta):
    __name__ = 'party.party'

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        # What suggestions are looked up by
        cls._sql_indexes.update({
                *identifier_indexes(table, table.ref),
                Index(table, (table.dob, Index.Range())),
                })
        if backend.name != 'sqlite':
            cls._sql_indexes.add(
                Index(table, (_lookup_key(table.lastname), Index.Range())))


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    @property
    def reported(self):
        "What the study reports of its patient, as matching.py reads it"
        return matching.Reported(
            self.person_name, self.birth_date, self.sex)

    def suggest(self):
        "Return the persons whose it could be, as suggestion.py ranks them"
        pool = Pool()
        Decision = pool.get('gnuhealth.orthanc.decision')
        LocalPatient = pool.get('gnuhealth.patient')
        identified = self._identified()
        ordered = self._ordered()
        refused = Decision.refusals([self.id]).get(self.id, set())
        persons = LocalPatient.persons_by_id(
            (identified | ordered | self._similar()) - refused)
        return suggestion.rank(
            self.reported, persons.values(), identified, ordered)

    def _identified(self):
        "Return the ids of the persons that the IDs of the patient mean"
        LocalPatient = Pool().get('gnuhealth.patient')
        rules = self.server.rules(self.server.id)
        read = [rules.read(self.patient_id, self.issuer_of_patient_id)]
        read.extend(map(
                rules.read, (self.other_patient_ids or '').split('\\')))
        keys = {key for key, foreign in read if key and not foreign}
        persons = LocalPatient.persons_by_identifier(keys, rules)
        return {
            person.id for persons_ in persons.values() for person in persons_}

    def _similar(self):
        "Return the ids of persons with a like birth date or a like name"
        party = Pool().get('party.party').__table__()
        ids = set()
        if self.birth_date:
            dates = suggestion.possible_birth_dates(self.birth_date)
            ids |= self._persons(party.dob.in_(sorted(dates)), party)
        words = suggestion.reported_words(self.person_name)
        if words:
            if backend.name == 'sqlite':
                _teach_sqlite()
            initials = sorted({word[0] for word in words})
            ids |= self._persons(
                _lookup_key(party.lastname).in_(words)
                & _lookup_key(Substring(party.name, 1, 1)).in_(initials),
                party)
        return ids

    def _persons(self, where, party):
        local = Pool().get('gnuhealth.patient').__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*party
            .join(local, condition=local.party == party.id)
            .select(
                local.id,
                where=where & (party.active == Literal(True)),
                limit=_MOST_COMPARED))
        return {id_ for id_, in cursor}

    def _ordered(self):
        "Return the ids of persons with an open order of that modality and day"
        if not self.date:
            return set()
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        # Where midnight is depends on who looks
        day = dt.datetime.combine(self.date, dt.time())
        with without_check_access():
            requests = Request.search([
                    ('state', 'in', ['draft', 'requested']),
                    ('date', '>=', day - dt.timedelta(days=1)),
                    ('date', '<', day + dt.timedelta(days=2)),
                    ], limit=_MOST_COMPARED, order=[])
            modalities = dicom.split_modalities(self.modalities)
            return {
                request.patient.id for request in requests
                if order_matching.modality_fits(
                    request.requested_test.test_type.code, modalities)}


def suggested(studies):
    "Return (id of the person, description) of each suggestion, best first"
    LocalPatient = Pool().get('gnuhealth.patient')
    best = {}
    with without_check_access():
        for study in studies[:suggestion.MOST]:
            for suggested_ in study.suggest():
                known = best.get(suggested_.person)
                if not known or known.score < suggested_.score:
                    best[suggested_.person] = suggested_
        known = readable(best)
        ranked = sorted(
            (s for s in best.values() if s.person in known),
            key=lambda s: (-s.score, s.person))
        persons = LocalPatient.browse([s.person for s in ranked])
        return [
            (person.id, gettext(
                    'health_orthanc.msg_suggestion',
                    patient=identified(person),
                    reasons=', '.join(
                        gettext(f'health_orthanc.msg_suggestion_{reason}')
                        for reason in suggested_.reasons)))
            for person, suggested_ in zip(persons, ranked, strict=True)]


def readable(ids):
    "Return those of the ids of persons that the user may know of"
    with check_access(), inactive_records():
        return {person.id for person in Pool().get('gnuhealth.patient').search(
                [('id', 'in', list(ids))], order=[])}

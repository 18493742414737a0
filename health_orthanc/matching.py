# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose study is it: the rules, pure functions with a stated reason.

Links are made only by an identifier that is equal, and only while the name
agrees, in some ways only with the birth date, and nothing contradicts.
Similarity never links anybody.
"""
import datetime as dt
import hashlib
from typing import NamedTuple

from .names import (
    AGREES, CONTRADICTS, INCOMPARABLE, WITH_BIRTH_DATE, compare_names,
    share_a_word)

# The reasons a row is linked or not; the texts are in message.xml
IDENTIFIER = 'identifier'
CONFLICT = 'conflict'
AMBIGUOUS = 'ambiguous'
UNVERIFIED = 'unverified'
UNMATCHED = 'unmatched'
NO_IDENTIFIER = 'no_identifier'
REFUSED = 'refused'
FOLLOWS = 'follows'
CHANGED = 'changed'  # it agreed before the record of the person changed
STUDIES = 'studies'  # of an Orthanc patient: its studies say whose they are
MANUAL = 'manual'
# What can change without the person that it is about being known
DOUBTS = [CONFLICT, AMBIGUOUS, UNVERIFIED, REFUSED, CHANGED]
_DIFFERENCES = [
    'issuer', 'no_issuer', 'prefix', 'identifier', 'inactive', 'birth_date',
    'sex', 'name', 'death', 'result', 'taken_over']
# Where the studies of one Orthanc patient differ, the first of these counts
_WORST_FIRST = [
    CONFLICT, AMBIGUOUS, UNVERIFIED, REFUSED, UNMATCHED, NO_IDENTIFIER]


# What stands for a birth date that is not known, besides the first of January
# of any year
_PLACEHOLDERS = {
    dt.date(1858, 11, 17), dt.date(1899, 12, 30), dt.date(1899, 12, 31),
    dt.date(1111, 11, 11), dt.date(1911, 11, 11), dt.date(1910, 10, 10)}
# The first of January of these years says nothing of the year either
_EPOCHS = {1900, 1901, 1904, 1970}
_OLDEST = 122  # years
# What can be in an identifier for those who read it
SEPARATORS = ' -._/'


class Reported(NamedTuple):
    "A patient as DICOM reports them: PN text, date and one of M, F, O"
    person_name: str | None = None
    birth_date: dt.date | None = None
    sex: str | None = None


class Person(NamedTuple):
    """A patient as GNU Health knows them.

    names are all the names the person goes by, as (family, given), sexes the
    DICOM sexes that agree with what is recorded (none where that says
    nothing). Who is not active gets no new links.
    """
    id: int
    names: tuple = ()
    birth_date: dt.date | None = None
    sexes: frozenset = frozenset()
    is_active: bool = True
    death_date: dt.date | None = None

    def digest(self):
        "Return what tells whether that what is compared has changed"
        return digest(self.names, self.birth_date, sorted(self.sexes))


class Before(NamedTuple):
    """A link that the rules made of what the study reports now.

    person is an id, agreed_with the digest of the person when it agreed.
    """
    person: int
    agreed_with: str | None = None


class Rules(NamedTuple):
    """How the identifiers of one server are read.

    prefix begins each PatientID that is one of ours, and is no part of it.
    issuer is the Issuer of Patient ID (0010,0021) of ours: what is of another
    one, or of none that is known, is not linked. types are the types of the
    alternative identifications that count. trust_birth_date says whether an
    equal birth date is enough where the name cannot be compared.
    """
    prefix: str | None = None
    issuer: str | None = None
    ignore_case: bool = False
    types: tuple = ()
    ignore_separators: bool = False
    trust_birth_date: bool = False

    def key(self, value):
        "Return what two equal identifiers have in common"
        value = identifier(value)
        if self.ignore_separators:
            value = value.translate(dict.fromkeys(map(ord, SEPARATORS)))
        return value.casefold() if self.ignore_case else value

    def read(self, patient_id, issuer=None):
        """Return the key of a PatientID, and why it is not one of ours.

        The reason is 'issuer' or 'prefix', None where it is ours.
        """
        key, prefix = self.key(patient_id), self.key(self.prefix)
        if (key and self.issuer and identifier(issuer)
                and self.key(issuer) != self.key(self.issuer)):
            return key, 'issuer'
        if key and not key.startswith(prefix):
            return key, 'prefix'
        return key[len(prefix):].strip(), None


class Subject(NamedTuple):
    """A study whose person is looked for.

    linked says whether a person linked or unlinked the Orthanc patient,
    person is whom they linked it to, and seen what it reported then.
    refused are the ids of the persons it is not of, results those of the
    persons whose results it is on, claims those whose GNU Health's own modules
    said it was, where something contradicts. before is how it is linked now,
    unless people did or it reports something else since. date is the day of
    the study.
    """
    patient_id: str | None
    issuer: str | None
    reported: Reported
    linked: bool = False
    person: int | None = None
    seen: Reported | None = None
    refused: frozenset = frozenset()
    results: frozenset = frozenset()
    before: Before | None = None
    claims: frozenset = frozenset()
    date: dt.date | None = None


class Comparison(NamedTuple):
    """What is reported, compared with a person.

    differences are what contradicts, agreements what agrees; a name that
    agrees with the birth date only is among them where that does. name is
    the Agreement of the names.
    """
    differences: tuple
    agreements: frozenset
    name: int


class Verdict(NamedTuple):
    """What the rules say of a study: whose it is, and why.

    That is the id of the person linked, if any, the reason, and what differs.

    candidates are the ids of the persons that the identifier could mean,
    agreed_with is the digest of the person with whom it agreed, basis that of
    all that a doubt was decided on.
    """
    person: int | None
    reason: str
    differences: tuple = ()
    candidates: tuple = ()
    agreed_with: str | None = None
    basis: str | None = None

    def values(self):
        "Return the columns of a study that hold it, with their values"
        return dict(zip(COLUMNS, self.columns(), strict=True))

    def columns(self):
        "Return the values of COLUMNS"
        candidate = None
        if not self.person and len(self.candidates) == 1:
            candidate, = self.candidates
        return (
            self.person, self.reason, ' '.join(self.differences) or None,
            candidate, self.agreed_with, self.basis)


UNDECIDED = Verdict(None, UNMATCHED)
COLUMNS = (
    'local_patient', 'match', 'match_differences', 'candidate', 'agreed_with',
    'basis')


def sexes(*recorded):
    "Return the DICOM sexes that agree with what GNU Health has recorded"
    return frozenset(r.upper() for r in recorded if r in {'m', 'f'})


def identifier(value):
    "Return the identifier to compare: exact but for surrounding space"
    return (value or '').strip()


def decide(subject, rules, persons, by_id, basis=None):
    """Return what match_study does, unless that was decided on this basis.

    A doubt says what it was decided on. Who gives that gets None while it is
    the same.
    """
    if basis and basis == _basis(subject, rules, persons, by_id):
        return None
    verdict = match_study(subject, rules, persons, by_id)
    if verdict.reason not in DOUBTS:
        return verdict
    return verdict._replace(basis=_basis(subject, rules, persons, by_id))


def _basis(subject, rules, persons, by_id):
    "Return the digest of all that match_study reads of what it is given"
    people = [
        *_known(
            subject, persons,
            *rules.read(subject.patient_id, subject.issuer)),
        by_id.get(subject.person),
        subject.before and by_id.get(subject.before.person)]
    return digest(
        # Without a day of the study ages are as of today
        plain(subject._replace(date=subject.date or dt.date.today())), rules,
        list(map(plain, people)))


def plain(values):
    "Return the values of a named tuple, its sets in their order"
    return values and [
        sorted(value) if isinstance(value, frozenset) else value
        for value in values]


def digest(*values):
    "Return what tells whether these values have changed; sets are in none"
    # What cannot be encoded repr escapes
    return hashlib.blake2b(repr(values).encode(), digest_size=8).hexdigest()


def match_study(subject, rules, persons, by_id):
    """Decide whose study this is.

    persons are those who have an identifier, by its key, by_id those by id
    that Orthanc patients were linked to by hand and that studies are linked
    to now.
    """
    if subject.linked:
        owners = {subject.person}
        verdict = _follow(subject, by_id.get(subject.person))
    else:
        key, foreign = rules.read(subject.patient_id, subject.issuer)
        known = _known(subject, persons, key, foreign)
        owners = {person.id for person in known}
        verdict = _identify(subject, rules, key, foreign, known)
    verdict = _keep(subject, verdict, owners, by_id)
    # It left the person whose result it is on, or was said to be of another:
    # that is for people to settle
    claims = subject.claims - subject.refused
    others = tuple(
        name for name, persons in [
            ('result', subject.results), ('taken_over', claims)]
        if persons - {verdict.person})
    if others:
        return Verdict(
            None, CONFLICT, (*verdict.differences, *others),
            (verdict.person,) if verdict.person
            else verdict.candidates or tuple(claims))
    return verdict


def _known(subject, persons, key, foreign):
    "Return the persons who have the identifier as read, where that counts"
    return () if subject.linked or foreign or not key else persons.get(key, ())


def _follow(subject, person):
    "Decide as the person did who linked or unlinked the Orthanc patient"
    if person is None:
        return Verdict(None, FOLLOWS)
    if person.id in subject.refused:
        return Verdict(None, REFUSED)
    differences = ()
    # What they saw is not held against their decision
    if subject.reported != subject.seen:
        differences = contradictions(subject.reported, person, subject.date)
    elif _is_dead(subject.date, person):
        differences = ('death',)
    if differences:
        return Verdict(None, CONFLICT, differences, (person.id,))
    return Verdict(
        person.id, FOLLOWS, candidates=(person.id,),
        agreed_with=person.digest())


def _identify(subject, rules, key, foreign, known):
    """Decide by the identifier, and what the study reports besides.

    key and foreign are what Rules.read says of it, known who has it.
    """
    if foreign:
        return Verdict(None, UNMATCHED, (foreign,))
    if not key:
        return Verdict(None, NO_IDENTIFIER)
    if not known:
        return Verdict(None, UNMATCHED)
    left = [person for person in known if person.id not in subject.refused]
    if not left:
        return Verdict(None, REFUSED)
    # Who is not active keeps what was linked, and gets nothing new
    linked = subject.before and subject.before.person
    left = (
        [person for person in left if person.is_active]
        or [person for person in left if person.id == linked] or left)
    candidates = tuple(person.id for person in left)
    if not any(p.is_active or p.id == linked for p in left):
        return Verdict(None, CONFLICT, ('inactive',), candidates)
    if len(left) > 1:
        return Verdict(None, AMBIGUOUS, candidates=candidates)
    person, = left
    compared = compare(subject.reported, person, subject.date)
    if compared.differences:
        return Verdict(None, CONFLICT, compared.differences, candidates)
    if rules.issuer and not identifier(subject.issuer):
        return Verdict(None, UNVERIFIED, ('no_issuer',), candidates)
    if not _is_confirmed(compared, rules):
        return Verdict(None, UNVERIFIED, candidates=candidates)
    return Verdict(
        person.id, IDENTIFIER, candidates=candidates,
        agreed_with=person.digest())


def _is_confirmed(compared, rules):
    "Return whether it is the person who has the identifier"
    return 'name' in compared.agreements or (
        rules.trust_birth_date and compared.name == INCOMPARABLE
        and 'birth_date' in compared.agreements)


def _keep(subject, verdict, owners, by_id):
    """Return the verdict, or that a link stays though the record changed.

    owners are the ids of the persons who have the identifier.
    A link that agreed stays while the ID is still that of the person and the
    birth date or a word of the name agrees; one that a result was made from
    stays as well. What people decided of the study or the Orthanc patient
    counts more, and where only the rules changed they do.
    """
    before = subject.before
    person = before and by_id.get(before.person)
    if (not person or verdict.person == person.id
            or person.id in subject.refused
            or (subject.linked and subject.person != person.id)):
        return verdict
    has_identifier = person.id in owners
    has_changed = not person.is_active or (
        before.agreed_with not in {None, person.digest()})
    if person.id in subject.results:
        stays = has_changed or not has_identifier
    else:
        stays = (
            has_identifier and has_changed and not verdict.person
            and _still_agrees(subject, person))
    if not stays:
        return verdict
    return Verdict(
        person.id, CHANGED, (
            *(() if has_identifier else ('identifier',)),
            *(() if person.is_active else ('inactive',)),
            *contradictions(subject.reported, person, subject.date)),
        (person.id,), before.agreed_with)


def _still_agrees(subject, person):
    "Return whether the birth date or a word of the name agrees"
    reported = subject.reported
    return (
        'birth_date' in compare(reported, person, subject.date).agreements
        or share_a_word(reported.person_name, person.names))


def summarize(verdicts):
    """Return the Verdict of an Orthanc patient, given those of its studies.

    It is linked only where all of them are, to the same person.
    """
    verdicts = set(verdicts)
    persons = {verdict.person for verdict in verdicts}
    reasons = {verdict.reason for verdict in verdicts}
    person = persons.pop() if len(persons) == 1 else None
    for reason in _WORST_FIRST:
        if reason in reasons:
            break
    else:
        if person and reasons <= {IDENTIFIER, CHANGED}:
            reason = CHANGED if CHANGED in reasons else IDENTIFIER
        else:
            reason = STUDIES if verdicts else UNMATCHED
    differences = {
        difference for verdict in verdicts if verdict.reason == reason
        for difference in verdict.differences}
    return Verdict(
        person, reason, tuple(sorted(differences, key=_DIFFERENCES.index)))


def contradictions(reported, person, date=None):
    "Return what contradicts, if anything; date is that of the study"
    return compare(reported, person, date).differences


def compare(reported, person, date=None):
    "Return the Comparison of what a study of that date reports with a person"
    born = _birth_dates_agree(
        reported.birth_date, person.birth_date, date or dt.date.today())
    sex = _sexes_agree(reported.sex, person.sexes)
    name = compare_names(reported.person_name, person.names)
    differences = tuple(
        field for field, differs in [
            ('birth_date', born is False), ('sex', sex is False),
            ('name', name == CONTRADICTS),
            ('death', _is_dead(date, person))] if differs)
    agreements = frozenset(
        field for field, agrees in [
            ('birth_date', born), ('sex', sex),
            ('name', name == AGREES
                or name == WITH_BIRTH_DATE and born)] if agrees)
    return Comparison(differences, agreements, name)


# What is compared agrees (True), contradicts (False), or says nothing (None)

def _birth_dates_agree(reported, known, date):
    """Compare birth dates; date is that of the study.

    What stands for one that is not known says nothing, but for its year.
    """
    if not (reported and known) or any(
            _says_nothing(born, date) for born in [reported, known]):
        return None
    if any((born.month, born.day) == (1, 1) for born in [reported, known]):
        return None if reported.year == known.year else False
    return reported == known


def _says_nothing(born, date):
    "Return whether it is no birth date of somebody examined on the date"
    return (
        born in _PLACEHOLDERS
        or (born.month, born.day) == (1, 1) and born.year in _EPOCHS
        or born > date or date.year - born.year > _OLDEST)


def _sexes_agree(reported, known):
    return reported in known if reported in {'M', 'F'} and known else None


def _is_dead(date, person):
    "Return whether the person had died before the day of the study"
    return bool(date and person.death_date and date > person.death_date)

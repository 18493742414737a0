# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which order does a study answer: pure functions with a stated reason.

An order is all that was requested under one number, a request line is one
test of it.
"""
import datetime as dt
import re
from operator import attrgetter
from typing import NamedTuple

from .matching import (
    AMBIGUOUS, CONFLICT, MANUAL, NO_IDENTIFIER, UNMATCHED, UNVERIFIED, Person,
    Reported, compare, digest, identifier, plain)

# What a study and an order have in common, the surest first: the UID that was
# issued with the order, that of GNU Health's health_imaging_worklist, and
# the accession number
STUDY_INSTANCE_UID = 'study_instance_uid'
MERGE_ID = 'merge_id'
ACCESSION_NUMBER = 'accession_number'
ORDER_IDENTIFIERS = (STUDY_INSTANCE_UID, MERGE_ID, ACCESSION_NUMBER)
# What we issued for an order, so that it also names the patient
ISSUED = (STUDY_INSTANCE_UID, MERGE_ID)
# An order is named, but the patient of the study is not sure enough
UNCONFIRMED = 'unconfirmed'
# No order is named, but the number is almost that of an order of the patient
ALMOST = 'almost'
# What people have to settle, or what settles when something else changes
OPEN = (CONFLICT, AMBIGUOUS, UNCONFIRMED, ALMOST)

# A study is made after it was ordered; one that is urgent can be entered some
# hours later, and where midnight is depends on who looks
_EARLIEST = dt.timedelta(days=1)
# Controls are ordered a year ahead
_LATEST = dt.timedelta(days=400)
# What a number that was cut, or got a prefix or a suffix, must have left
_SHORTEST = 4

_XRAY = dict.fromkeys(['XR', 'RG', 'CR', 'DX'], 'DX')
# The modalities that acquire (PS3.3 C.7.3.1.1.1); codes of test types that
# are not among them say nothing, nor do reports, presentations and the like
_FAMILIES = {
    **{code: code for code in [
            'BI', 'BMD', 'CT', 'DG', 'ECG', 'EEG', 'EMG', 'EPS', 'ES', 'GM',
            'IO', 'IVOCT', 'IVUS', 'KER', 'LEN', 'MG', 'MR', 'NM', 'OAM',
            'OCT', 'OP', 'OPM', 'OPT', 'OPV', 'PT', 'PX', 'RF', 'RTIMAGE',
            'SM', 'TG', 'US', 'VA', 'XA', 'XC']},
    **_XRAY}


class RequestLine(NamedTuple):
    """A line of an order that a study could answer.

    patient is the id of its person, number what the lines of one order have
    in common, modality the code of the type of its test, day when it was
    ordered.
    """
    id: int
    patient: int
    number: str | None = None
    modality: str | None = None
    cancelled: bool = False
    day: dt.date | None = None
    accession_number: str | None = None


class Answer(NamedTuple):
    """A study whose order is looked for.

    person is the id of whom the study is linked to, reason why it is or is
    not, candidate whom its PatientID means, day when it was made. linked are
    the ids of the lines that it is linked to already.
    """
    person: int | None
    reason: str
    candidate: int | None = None
    reported: Reported = Reported()
    modalities: tuple = ()
    linked: frozenset = frozenset()
    day: dt.date | None = None
    accession_number: str | None = None


class OrderVerdict(NamedTuple):
    """The ids of the request lines linked, the reason, and what differs.

    The reason is None where no order is named. Where lines are linked and
    something differs, it is to be looked at.
    """
    lines: tuple = ()
    reason: str | None = None
    differences: tuple = ()

    def columns(self):
        "Return the values of the columns order_match, order_differences"
        return self.reason, ' '.join(self.differences) or None


class Case(NamedTuple):
    """A study whose order is looked for, and what is decided on.

    named are the lines that it names, as match_order wants them, waiting those
    of its patient that wait for images, by_hand those that people linked it
    to, persons the persons of the orders by id.
    """
    answer: Answer
    named: dict
    waiting: list
    by_hand: list
    persons: dict

    def basis(self):
        "Return the digest of all that it is decided on"
        patients = {
            line.patient for lines in self.named.values() for line in lines}
        return digest(
            # Without a day of the study ages are as of today
            plain(self.answer._replace(
                    day=self.answer.day or dt.date.today())),
            self.named, self.waiting,
            sorted(self.by_hand, key=attrgetter('id')),
            [plain(self.persons.get(id_)) for id_ in sorted(patients)])

    def is_told(self, columns):
        "Return whether the doubt that these columns tell has the same basis"
        reason, _, basis = columns
        return reason in OPEN and basis == self.basis()

    def decide(self):
        "Return the OrderVerdict of the rules, and the columns that tell it"
        verdict = match_order(self.answer, self.named, self.persons)
        if not verdict.reason:
            verdict = match_almost(self.answer, self.waiting)
        told = match_order_by_hand(verdict, self.answer, self.by_hand)
        basis = self.basis() if told.reason in OPEN else None
        return verdict, (*told.columns(), basis)


def match_order(answer, named, persons):
    """Decide which lines of an order a study answers.

    named are the lines that have an identifier of the study, by its name as
    in ORDER_IDENTIFIERS, persons the persons of the orders by id. The surest
    identifier decides. Several lines are meant only where they are of one
    order and share their accession number.
    """
    for identifier_ in ORDER_IDENTIFIERS:
        lines = named.get(identifier_, ())
        if lines:
            break
    else:
        return OrderVerdict()
    if not _are_one_order(identifier_, lines):
        return OrderVerdict(reason=AMBIGUOUS)
    patient = lines[0].patient
    confirmed, differences = _confirm(
        answer, identifier_, persons.get(patient, Person(patient)))
    differences += _other_orders(lines, named)
    fitting = [
        line for line in lines
        if modality_fits(line.modality, answer.modalities)]
    # A cancelled line attracts nothing, and keeps what it has
    live = [
        line for line in fitting
        if not line.cancelled or line.id in answer.linked]
    if not fitting:
        differences += ('modality',)
    elif not live:
        differences += ('cancelled',)
    timely = [line for line in live if date_fits(line.day, answer.day)]
    untimely = ('date',) if live and not timely else ()
    # Who typed a number typed that of another year; nobody types a UID
    if identifier_ not in ISSUED:
        live = timely
        differences += untimely
    if differences:
        return OrderVerdict(reason=CONFLICT, differences=differences)
    if not confirmed:
        return OrderVerdict(reason=UNCONFIRMED)
    return OrderVerdict(
        tuple(line.id for line in live), identifier_, untimely)


def match_almost(answer, lines):
    """Return the verdict on a study that names no order.

    lines are those of its patient that wait for images. It is linked to none
    of them, whatever they have in common.
    """
    if any(is_almost(answer, line) for line in lines):
        return OrderVerdict(reason=ALMOST)
    return OrderVerdict()


def is_almost(answer, line):
    "Return whether a line could be meant by a number that is not quite its"
    return (
        line.patient == answer.person
        and not line.cancelled
        and numbers_almost_agree(
            answer.accession_number, line.accession_number)
        and modality_fits(line.modality, answer.modalities)
        and date_fits(line.day, answer.day))


def match_order_by_hand(verdict, answer, lines):
    "Return what is to be told of a study that people linked to the lines"
    if {line.patient for line in lines} - {answer.person}:
        return verdict._replace(reason=CONFLICT, differences=('patient',))
    if lines and not {*verdict.lines} - {line.id for line in lines}:
        return verdict._replace(reason=MANUAL, differences=())
    return verdict


def is_modality(code):
    "Return whether the code is that of a modality that acquires images"
    return code.upper() in _FAMILIES


def modality_fits(code, modalities):
    """Return whether a study with the modalities can answer a test.

    code is that of the type of the test. What says nothing fits.
    """
    family = _FAMILIES.get(identifier(code).upper())
    acquired = {_FAMILIES.get(modality) for modality in modalities} - {None}
    return not family or not acquired or family in acquired


def date_fits(ordered, made):
    """Return whether a study of that day can answer an order of that one.

    It can where one of them is not known.
    """
    return not (ordered and made) or (
        ordered - _EARLIEST <= made <= ordered + _LATEST)


def numbers_almost_agree(reported, known):
    """Return whether an accession number can be another one mistyped.

    They are not equal, but for case, what separates its parts, zeros that
    begin a number, and what is before or after it or was cut off.
    """
    if identifier(reported) == identifier(known):
        return False
    shorter, longer = sorted(map(_number_key, [reported, known]), key=len)
    if shorter == longer:
        return bool(shorter)
    return len(shorter) >= _SHORTEST and (
        longer.startswith(shorter) or longer.endswith(shorter))


def _number_key(value):
    "Return what is left of a number without case, separators and zeros"
    value = ''.join(c for c in identifier(value).casefold() if c.isalnum())
    return re.sub(r'(?<![0-9])0+(?=[0-9])', '', value)


def _other_orders(lines, named):
    "Return the identifiers that name an order other than that of the lines"
    orders = {(line.number or line.id, line.patient) for line in lines}
    return tuple(
        identifier_ for identifier_ in ORDER_IDENTIFIERS
        if named.get(identifier_)
        and orders.isdisjoint(
            (line.number or line.id, line.patient)
            for line in named[identifier_]))


def _are_one_order(identifier_, lines):
    "Return whether it is one line, or lines that share their number"
    if len(lines) == 1:
        return True
    orders = {(line.number, line.patient) for line in lines}
    return (
        identifier_ == ACCESSION_NUMBER
        and len(orders) == 1 and bool(lines[0].number))


def _confirm(answer, identifier_, person):
    """Return whether the study is of the person of an order, and what differs.

    An accession number confirms nobody: the study must be linked to the
    person. A UID that was issued for the person does where the name or the
    birth date agrees, unless something contradicts or a person has to settle
    whose the study is.
    """
    if answer.person is not None:
        agrees = answer.person == person.id
        return agrees, () if agrees else ('patient',)
    if answer.candidate not in {None, person.id}:
        return False, ('patient',)
    differences, agreements, _ = compare(
        answer.reported, person, answer.day)
    if answer.reason == CONFLICT and not differences:
        differences = ('patient',)
    return (
        identifier_ in ISSUED
        and bool(agreements & {'birth_date', 'name'})
        and answer.reason in {UNMATCHED, NO_IDENTIFIER, UNVERIFIED},
        differences)


# What says of which order a performed step is, the surest first
SCHEDULED_PROCEDURE_STEP_ID = 'scheduled_procedure_step_id'
STEP_IDENTIFIERS = (
    STUDY_INSTANCE_UID, ACCESSION_NUMBER, SCHEDULED_PROCEDURE_STEP_ID)
UNSCHEDULED = 'unscheduled'


class PerformedStep(NamedTuple):
    """What a machine reports of a step that it performs for an order.

    patient_id is as it was reported.
    """
    reported: Reported = Reported()
    patient_id: str | None = None
    modality: str | None = None


def match_performed_step(step, named, persons, identifiers):
    """Decide of which line of an order a machine performs a step.

    named are the lines that have an identifier of the step, by its name as in
    STEP_IDENTIFIERS, persons the persons of the orders by id, identifiers
    those that they have. A UID that was issued needs nothing else; other
    identifiers need a patient who agrees. Nothing may contradict.
    """
    lines = _fewest(named)
    if not lines:
        return OrderVerdict(reason=UNSCHEDULED)
    if len(lines) > 1:
        return OrderVerdict(reason=CONFLICT, differences=('ambiguous',))
    line, = lines
    person = persons.get(line.patient, Person(line.patient))
    differences, agreements, _ = compare(step.reported, person)
    known = identifiers.get(line.patient, ())
    patient_id = identifier(step.patient_id)
    if patient_id and patient_id not in known:
        differences += ('identifier',)
    for name in STEP_IDENTIFIERS:
        others = named.get(name, ())
        if others and line.id not in {other.id for other in others}:
            differences += (name,)
    if not modality_fits(line.modality, [step.modality]):
        differences += ('modality',)
    if line.cancelled:
        differences += ('cancelled',)
    if differences:
        return OrderVerdict(reason=CONFLICT, differences=differences)
    reason = next(
        name for name in STEP_IDENTIFIERS if line in named.get(name, ()))
    if reason != STUDY_INSTANCE_UID and not (
            patient_id in known and agreements & {'birth_date', 'name'}):
        return OrderVerdict(reason=UNSCHEDULED)
    return OrderVerdict((line.id,), reason)


def _fewest(named):
    "Return the lines that the surest identifier names, or several of them"
    left = ()
    for name in STEP_IDENTIFIERS:
        lines = named.get(name, ())
        left = [line for line in left if line in lines] or left or lines
    return left

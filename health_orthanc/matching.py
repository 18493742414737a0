# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose study is it: the rules, pure functions with a stated reason.

Links are made only by an identifier that is equal, and only while nothing
contradicts it. Similarity never links anybody.
"""
import unicodedata
from typing import NamedTuple

from .dicom import parse_person_name

# The reasons a row is linked or not; the texts are in message.xml
IDENTIFIER = 'identifier'
CONFLICT = 'conflict'
AMBIGUOUS = 'ambiguous'
UNMATCHED = 'unmatched'
NO_IDENTIFIER = 'no_identifier'
REFUSED = 'refused'
UNVERIFIED = 'unverified'
FOLLOWS = 'follows'
STUDIES = 'studies'  # of an Orthanc patient: its studies say whose they are
MANUAL = 'manual'


class Reported(NamedTuple):
    "A patient as DICOM reports them: PN text, date and one of M, F, O"
    person_name: str | None = None
    birth_date: object | None = None
    sex: str | None = None


class Person(NamedTuple):
    """A patient as GNU Health knows them.

    names are all the names the person goes by, sexes the DICOM sexes that
    agree with what is recorded (none where that says nothing).
    """
    id: int
    identifier: str | None = None
    names: tuple = ()
    birth_date: object | None = None
    sexes: frozenset = frozenset()


class Decision(NamedTuple):
    "The id of the person linked, if any, the reason, and what differs"
    person: int | None
    reason: str
    differences: tuple = ()

    def columns(self):
        "Return the values of the columns patient, match, match_differences"
        return self.person, self.reason, ' '.join(self.differences) or None


def sexes(*recorded):
    "Return the DICOM sexes that agree with what GNU Health has recorded"
    return frozenset(r.upper() for r in recorded if r in {'m', 'f'})


def identifier(value):
    "Return the identifier to compare: exact but for surrounding space"
    return (value or '').strip()


def match_patient(patient_id, reported, persons):
    "Decide whose PatientID this is, given the persons by identifier"
    patient_id = identifier(patient_id)
    if not patient_id:
        return Decision(None, NO_IDENTIFIER)
    person = persons.get(patient_id)
    if not person:
        return Decision(None, UNMATCHED)
    differences = contradictions(reported, person)
    if differences:
        return Decision(None, CONFLICT, differences)
    return Decision(person.id, IDENTIFIER)


def match_study(reported, patient_reported, patient_decision, person):
    """Decide whose study this is, given its Orthanc patient's decision.

    One Orthanc patient is all that is filed under one PatientID, so a study
    that contradicts the person stays behind, unless a person linked the
    Orthanc patient while it said the very same.
    """
    if person is None:
        if patient_decision.reason == MANUAL:
            return Decision(None, FOLLOWS)
        return patient_decision
    if (patient_decision.reason != MANUAL
            or reported != patient_reported):
        differences = contradictions(reported, person)
        if differences:
            return Decision(None, CONFLICT, differences)
    return Decision(person.id, FOLLOWS)


def contradictions(reported, person):
    "Return which of birth_date, sex and name contradict, if any"
    differences = []
    if (reported.birth_date and person.birth_date
            and reported.birth_date != person.birth_date):
        differences.append('birth_date')
    if (reported.sex in {'M', 'F'} and person.sexes
            and reported.sex not in person.sexes):
        differences.append('sex')
    if _names_contradict(reported.person_name, person.names):
        differences.append('name')
    return tuple(differences)


def _names_contradict(person_name, names):
    """Return whether the names share no word though both can be read.

    Scripts are compared within themselves: 'Yamada' does not contradict
    a name that is only known in kanji.
    """
    reported = set()
    for group in parse_person_name(person_name):
        reported |= _words(
            ' '.join([group.family, group.given, group.middle]))
    known = set().union(*map(_words, names)) if names else set()
    comparable = {
        script for script, _ in reported} & {script for script, _ in known}
    return bool(comparable) and not reported & known


def _words(name):
    "Return (script, word) of each word, without accents and case"
    decomposed = unicodedata.normalize('NFKD', name)
    plain = ''.join(c for c in decomposed if not unicodedata.combining(c))
    # Letters, marks (the vowels of some scripts) and numbers make up words
    spaced = ''.join(
        c if unicodedata.category(c)[0] in 'LMN' else ' '
        for c in plain.casefold())
    return {(_script(w), w) for w in spaced.split()}


def _script(word):
    "Return the script of a word's first letter, as Unicode names it"
    return unicodedata.name(word[0], '').partition(' ')[0]


# Which order does it answer

# What a study and an order have in common, the surest first: the UID that was
# issued with the order, that of GNU Health's health_imaging_worklist, and
# the accession number
STUDY_INSTANCE_UID = 'study_instance_uid'
MERGE_ID = 'merge_id'
ACCESSION_NUMBER = 'accession_number'
ORDER_IDENTIFIERS = (STUDY_INSTANCE_UID, MERGE_ID, ACCESSION_NUMBER)
# An order is named, but the patient of the study is not sure enough
UNCONFIRMED = 'unconfirmed'

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


class Order(NamedTuple):
    """An order that a study could answer.

    patient is the id of its person, number what the lines of one order have
    in common, modality the code of the type of its test.
    """
    id: int
    patient: int
    number: str | None = None
    modality: str | None = None
    cancelled: bool = False


class Answer(NamedTuple):
    """A study whose order is looked for.

    person is the id of whom the study is linked to, reason why it is or is
    not, candidate whom its PatientID means. linked are the ids of the orders
    that it is linked to already.
    """
    person: int | None
    reason: str
    candidate: int | None = None
    reported: Reported = Reported()
    modalities: tuple = ()
    linked: frozenset = frozenset()


class OrderDecision(NamedTuple):
    """The ids of the orders linked, the reason, and what differs.

    The reason is None where no order is named.
    """
    orders: tuple = ()
    reason: str | None = None
    differences: tuple = ()

    def columns(self):
        "Return the values of the columns order_match, order_differences"
        return self.reason, ' '.join(self.differences) or None


def match_order(answer, named, persons):
    """Decide which orders a study answers.

    named are the orders that have an identifier of the study, by its name as
    in ORDER_IDENTIFIERS, persons the persons of the orders by id. The surest
    identifier decides. Several orders are meant only where they are lines of
    one order that share their accession number.
    """
    for identifier_ in ORDER_IDENTIFIERS:
        orders = named.get(identifier_, ())
        if orders:
            break
    else:
        return OrderDecision()
    if not _are_one_order(identifier_, orders):
        return OrderDecision(reason=AMBIGUOUS)
    patient = orders[0].patient
    confirmed, differences = _confirm(
        answer, identifier_, persons.get(patient, Person(patient)))
    numbered = named.get(ACCESSION_NUMBER, ())
    if numbered and patient not in {order.patient for order in numbered}:
        differences += (ACCESSION_NUMBER,)
    fitting = [
        order for order in orders
        if modality_fits(order.modality, answer.modalities)]
    # A cancelled order attracts nothing, and keeps what it has
    live = [
        order for order in fitting
        if not order.cancelled or order.id in answer.linked]
    if not fitting:
        differences += ('modality',)
    elif not live:
        differences += ('cancelled',)
    if differences:
        return OrderDecision(reason=CONFLICT, differences=differences)
    if not confirmed:
        return OrderDecision(reason=UNCONFIRMED)
    return OrderDecision(tuple(order.id for order in live), identifier_)


def match_order_by_hand(decision, answer, orders):
    "Return what is to be told of a study that people linked to the orders"
    if {order.patient for order in orders} - {answer.person}:
        return decision._replace(reason=CONFLICT, differences=('patient',))
    if orders and not decision.orders:
        return decision._replace(reason=MANUAL, differences=())
    return decision


def modality_fits(code, modalities):
    """Return whether a study with the modalities can answer a test.

    code is that of the type of the test. What says nothing fits.
    """
    family = _FAMILIES.get(identifier(code).upper())
    acquired = {_FAMILIES.get(modality) for modality in modalities} - {None}
    return not family or not acquired or family in acquired


def _are_one_order(identifier_, orders):
    "Return whether the orders are one, or lines that share their number"
    if len(orders) == 1:
        return True
    lines = {(order.number, order.patient) for order in orders}
    return (
        identifier_ == ACCESSION_NUMBER
        and len(lines) == 1 and bool(orders[0].number))


def _confirm(answer, identifier_, person):
    """Return whether the study is of the person of an order, and what differs.

    An accession number confirms nobody: the study must be linked to the
    person. A UID that was issued for the person does, unless the study means
    somebody else or a person has to settle whose it is.
    """
    if answer.person is not None:
        agrees = answer.person == person.id
        return agrees, () if agrees else ('patient',)
    if answer.candidate not in {None, person.id}:
        return False, ('patient',)
    differences = contradictions(answer.reported, person)
    if answer.reason == CONFLICT and not differences:
        differences = ('patient',)
    return (
        identifier_ != ACCESSION_NUMBER and answer.reason in {
            UNMATCHED, NO_IDENTIFIER, UNVERIFIED},
        differences)

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

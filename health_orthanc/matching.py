# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose study is it: the rules, pure functions with a stated reason.

Links are made only by an identifier that is equal, and only while the name
or the birth date agrees and nothing contradicts. Similarity never links
anybody.
"""
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from .dicom import parse_person_name

# The reasons a row is linked or not; the texts are in message.xml
IDENTIFIER = 'identifier'
CONFLICT = 'conflict'
AMBIGUOUS = 'ambiguous'
UNVERIFIED = 'unverified'
UNMATCHED = 'unmatched'
NO_IDENTIFIER = 'no_identifier'
REFUSED = 'refused'
FOLLOWS = 'follows'
STUDIES = 'studies'  # of an Orthanc patient: its studies say whose they are
MANUAL = 'manual'
# What can change without the person that it is about being known
DOUBTS = [CONFLICT, AMBIGUOUS, UNVERIFIED, REFUSED]
_DIFFERENCES = ['issuer', 'prefix', 'birth_date', 'sex', 'name', 'result']
# Where the studies of one Orthanc patient differ, the first of these counts
_WORST_FIRST = [
    CONFLICT, AMBIGUOUS, UNVERIFIED, REFUSED, UNMATCHED, NO_IDENTIFIER]


class Reported(NamedTuple):
    "A patient as DICOM reports them: PN text, date and one of M, F, O"
    person_name: str | None = None
    birth_date: object | None = None
    sex: str | None = None


class Person(NamedTuple):
    """A patient as GNU Health knows them.

    names are all the names the person goes by, as (family, given), sexes the
    DICOM sexes that agree with what is recorded (none where that says
    nothing).
    """
    id: int
    names: tuple = ()
    birth_date: object | None = None
    sexes: frozenset = frozenset()


class Rules(NamedTuple):
    """How the identifiers of one server are read.

    prefix begins each PatientID that is one of ours, and is no part of it.
    issuer is the Issuer of Patient ID (0010,0021) of ours, where reported.
    types are the types of the alternative identifications that count.
    """
    prefix: str | None = None
    issuer: str | None = None
    ignore_case: bool = False
    types: tuple = ()

    def key(self, value):
        "Return what two equal identifiers have in common"
        value = identifier(value)
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
    persons whose results it is on.
    """
    patient_id: str | None
    issuer: str | None
    reported: Reported
    linked: bool = False
    person: int | None = None
    seen: Reported | None = None
    refused: frozenset = frozenset()
    results: frozenset = frozenset()


class Decision(NamedTuple):
    """The id of the person linked, if any, the reason, and what differs.

    candidates are the ids of the persons that the identifier could mean.
    """
    person: int | None
    reason: str
    differences: tuple = ()
    candidates: tuple = ()

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
            candidate)


UNDECIDED = Decision(None, UNMATCHED)
COLUMNS = ('local_patient', 'match', 'match_differences', 'candidate')


def sexes(*recorded):
    "Return the DICOM sexes that agree with what GNU Health has recorded"
    return frozenset(r.upper() for r in recorded if r in {'m', 'f'})


def identifier(value):
    "Return the identifier to compare: exact but for surrounding space"
    return (value or '').strip()


def match_study(subject, rules, persons, by_id):
    """Decide whose study this is.

    persons are those who have an identifier, by its key, by_id those that
    Orthanc patients were linked to by hand, by id.
    """
    if subject.linked:
        decision = _follow(subject, by_id.get(subject.person))
    else:
        decision = _identify(subject, rules, persons)
    # It left the person whose result it is on: that is for people to settle
    if subject.results - {decision.person}:
        return Decision(
            None, CONFLICT, (*decision.differences, 'result'),
            (decision.person,) if decision.person else decision.candidates)
    return decision


def _follow(subject, person):
    "Decide as the person did who linked or unlinked the Orthanc patient"
    if person is None:
        return Decision(None, FOLLOWS)
    if person.id in subject.refused:
        return Decision(None, REFUSED)
    # What they saw is not held against their decision
    if subject.reported != subject.seen:
        differences = contradictions(subject.reported, person)
        if differences:
            return Decision(None, CONFLICT, differences, (person.id,))
    return Decision(person.id, FOLLOWS, candidates=(person.id,))


def _identify(subject, rules, persons):
    "Decide by the identifier, and what the study reports besides"
    key, foreign = rules.read(subject.patient_id, subject.issuer)
    if foreign:
        return Decision(None, UNMATCHED, (foreign,))
    if not key:
        return Decision(None, NO_IDENTIFIER)
    known = persons.get(key)
    if not known:
        return Decision(None, UNMATCHED)
    left = [person for person in known if person.id not in subject.refused]
    candidates = tuple(person.id for person in left)
    if not left:
        return Decision(None, REFUSED)
    if len(left) > 1:
        return Decision(None, AMBIGUOUS, candidates=candidates)
    person, = left
    differences, agreements = compare(subject.reported, person)
    if differences:
        return Decision(None, CONFLICT, differences, candidates)
    if not agreements & {'birth_date', 'name'}:
        return Decision(None, UNVERIFIED, candidates=candidates)
    return Decision(person.id, IDENTIFIER, candidates=candidates)


def summarize(decisions):
    """Return the Decision of an Orthanc patient, given those of its studies.

    It is linked only where all of them are, to the same person.
    """
    decisions = set(decisions)
    persons = {decision.person for decision in decisions}
    reasons = {decision.reason for decision in decisions}
    person = persons.pop() if len(persons) == 1 else None
    for reason in _WORST_FIRST:
        if reason in reasons:
            break
    else:
        if reasons == {IDENTIFIER} and person:
            reason = IDENTIFIER
        else:
            reason = STUDIES if decisions else UNMATCHED
    differences = {
        difference for decision in decisions if decision.reason == reason
        for difference in decision.differences}
    return Decision(
        person, reason, tuple(sorted(differences, key=_DIFFERENCES.index)))


def contradictions(reported, person):
    "Return which of birth_date, sex and name contradict, if any"
    return compare(reported, person)[0]


def compare(reported, person):
    "Return what of birth_date, sex and name contradicts, and what agrees"
    differences, agreements = [], set()
    for name, agrees in [
            ('birth_date', _equal(reported.birth_date, person.birth_date)),
            ('sex', _sexes_agree(reported.sex, person.sexes)),
            ('name', names_agree(reported.person_name, person.names))]:
        if agrees:
            agreements.add(name)
        elif agrees is False:
            differences.append(name)
    return tuple(differences), agreements


# What is compared agrees (True), contradicts (False), or says nothing (None)

def _equal(reported, known):
    return reported == known if reported and known else None


def _sexes_agree(reported, known):
    return reported in known if reported in {'M', 'F'} and known else None


def names_agree(person_name, names):
    """Compare a PN value with the names that a person goes by.

    Each group of the value (PS3.5 6.2 PN) must agree with one of the names;
    names in different scripts say nothing of each other.
    """
    if _are_plainly_equal(person_name, names):
        return True
    results = []
    for group in parse_person_name(person_name):
        reported = _name(group.family, f'{group.given} {group.middle}')
        comparable = [
            known for known in (_name(*name) for name in names)
            if _scripts(reported) & _scripts(known)]
        results.append(_any(_name_agrees(reported, k) for k in comparable))
    return False if False in results else True if True in results else None


def _are_plainly_equal(person_name, names):
    """Return whether a name is that of the value but for case.

    That is most often so, and takes a tenth of the time.
    """
    parts = (person_name or '').casefold().split('^')
    return any(
        [(part or '').casefold() for part in name] == parts
        for name in names) and all(
        part.isalnum() and len(part) > 1
        and unicodedata.is_normalized('NFKC', part) for part in parts)


def _any(results):
    "Return whether one agrees, or all of them contradict"
    results = set(results)
    return True if True in results else False if results == {False} else None


def _both(*results):
    "Return whether both agree, or one contradicts"
    return False if False in results else None if None in results else True


def _name_agrees(reported, known):
    """Compare two names, each a pair of what is family and given name.

    Who entered a name can have taken one for the other, or have put both in
    one place.
    """
    scripts = _scripts(reported) & _scripts(known)
    whole = [*map(bool, reported), *map(bool, known)]
    reported, known = (
        [[word for word in part if word.script in scripts] for part in name]
        for name in [reported, known])
    if [*map(bool, reported), *map(bool, known)] != whole:
        # A part is written in another script: the other alone is not enough
        return False if _parts_agree(reported, known) is False else None
    return _parts_agree(reported, known)


def _parts_agree(reported, known):
    "Compare two names in the same script, each a pair of lists of words"
    if all(map(bool, [*reported, *known])):
        family, given = reported
        # Relatives share one of them
        agrees = _any(
            _both(_part_agrees(one, known[0]), _part_agrees(other, known[1]))
            for one, other in [(family, given), (given, family)])
        # The border between them can be elsewhere: "van der Berg^Jan"
        return agrees or _same_words(
            sum(reported, []), sum(known, [])) or agrees
    return _undivided_agrees(reported, known)


def _undivided_agrees(reported, known):
    "Compare two names of which one has no parts, or lacks one"
    words, others = sum(reported, []), sum(known, [])
    if _same_words(words, others) or (
            # Scripts without spaces
            max(len(words), len(others)) > 1
            and _joined_parts(reported) & _joined_parts(known)):
        return True
    if not _part_agrees(words, others):
        return _part_agrees(words, others)
    # The one that is divided must be met in both parts
    divided = reported if all(reported) else known
    undivided = others if all(reported) else words
    if all(divided) and all(
            _part_agrees(undivided, part) for part in divided):
        return True
    return None


def _same_words(words, others):
    "Return whether the words are the same in any order, and no mere initials"
    if len(words) != len(others) or all(word.is_initial for word in words):
        return False
    left = list(others)
    for word in words:
        for other in left:
            if word.forms & other.forms:
                left.remove(other)
                break
        else:
            return False
    return True


def _part_agrees(words, others):
    """Compare two family names or two given names.

    One can lack words that the other has, as second given names are often
    left out. Initials say nothing, unless no word begins so.
    """
    if _joined(words) & _joined(others) and not all(
            word.is_initial for word in words):
        return True
    if len(words) > len(others):
        words, others = others, words
    left, unmet, met = list(others), [], False
    for word in words:
        for other in left:
            if word.forms & other.forms:
                left.remove(other)
                met |= not word.is_initial
                break
        else:
            unmet.append(word)
    for word in unmet:
        for other in left:
            if (word.is_initial or other.is_initial) and any(
                    one[0] == two[0]
                    for one in word.forms for two in other.forms):
                left.remove(other)
                break
        else:
            return False
    return True if met else None


def _joined(words):
    "Return the forms of words written as one, as 'de Souza' and 'DeSouza'"
    joined = {''}
    for word in words:
        joined = {start + form for start in joined for form in word.forms}
    return joined


def _joined_parts(name):
    return _joined(sum(name, [])) | _joined(sum(reversed(name), []))


class _Word(NamedTuple):
    "The forms a word can be written in, its script, whether it is an initial"
    forms: frozenset
    script: str
    is_initial: bool


def _name(family, given):
    return [_words(family or ''), _words(given or '')]


def _scripts(name):
    return {word.script for part in name for word in part}


# Letters that are no accented ones, and how they are written without
_LETTERS = str.maketrans({
        'ø': 'o', 'ł': 'l', 'ı': 'i', 'æ': 'ae', 'œ': 'oe', 'đ': 'd',
        'ð': 'd', 'þ': 'th', 'ħ': 'h', 'ŧ': 't', 'ĸ': 'k', 'ŋ': 'n',
        'ə': 'e'})
# How some accented letters are written out where there are none
_WRITTEN_OUT = str.maketrans({
        'ä': 'ae', 'ö': 'oe', 'ü': 'ue', 'ø': 'oe', 'å': 'aa'})
# What stands in a word without parting it, as in Italian and Catalan
_APOSTROPHES = str.maketrans(
    '', '', "'`\u00b4\u00b7\u02b9\u02bb\u02bc\u02bf\u2018\u2019\u2032")
_KATAKANA = {
    code: code - 0x60 for code in range(0x30a1, 0x30f7)}
# Where one letter alone abbreviates a name; elsewhere it can be a whole one
_ALPHABETS = {'LATIN', 'GREEK', 'CYRILLIC', 'ARMENIAN', 'GEORGIAN'}


@lru_cache(20_000)
def _words(text):
    "Return the words of a name, whatever its accents and case"
    if text.isascii():
        return [
            _Word(frozenset([word]), 'LATIN', len(word) == 1)
            for word in _split(text.casefold().translate(_APOSTROPHES))]
    text = unicodedata.normalize('NFKC', text).casefold()
    text = unicodedata.normalize('NFKC', text)
    words = []
    for word in _split(text.translate(_APOSTROPHES).translate(_KATAKANA)):
        forms = frozenset([_plain(word), _plain(word.translate(_WRITTEN_OUT))])
        letter = min(forms)
        script = unicodedata.name(letter[0], '').partition(' ')[0]
        words.append(_Word(
                forms, script, script in _ALPHABETS and len(letter) == 1))
    return words


def _split(text):
    # Letters, marks (the vowels of some scripts) and numbers make up words
    return ''.join(
        c if c.isalnum() or unicodedata.category(c)[0] in 'LMN' else ' '
        for c in text).split()


def _plain(word):
    "Return the word without accents"
    decomposed = unicodedata.normalize('NFD', word.translate(_LETTERS))
    plain = ''.join(
        c for c in decomposed if not _is_accent(unicodedata.combining(c)))
    return unicodedata.normalize('NFC', plain.translate(_LETTERS)) or word


def _is_accent(combining_class):
    """Return whether marks of that class are left out by many who write.

    They are the points of Hebrew and Arabic and what stands above and below
    letters; not the voicing of kana, nor the signs of Indic scripts and Thai.
    """
    return 10 <= combining_class <= 36 or combining_class >= 200


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
    if orders and not {*decision.orders} - {order.id for order in orders}:
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

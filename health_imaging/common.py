# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What models of both kinds, of orders and of results, have in common"
import datetime as dt
from unicodedata import east_asian_width

from trytond.modules.health.core import get_health_professional
from trytond.pool import Pool
from trytond.transaction import Transaction, without_check_access

# Of so many records that are found, their ids are searched for
_FEW = 10_000
# And of so many people, for whom a join is worse
_FEW_PEOPLE = 20_000
# What is shorter has no trigram, by which PostgreSQL finds parts of texts, but
# where it begins a word: that has blanks before
_TRIGRAM = 3
# What is before a word that is not the first
_BEFORE = " ^=-'/(."
_PATIENT = 'gnuhealth.patient'


def wanted(clause, values):
    "Return those of the values that a clause on a field asks for"
    _, operator, value = clause
    asked = set(value if isinstance(value, (list, tuple)) else [value])
    if None not in values:
        # A boolean
        asked = set(map(bool, asked))
    if operator in {'!=', 'not in'}:
        return set(values) - asked
    return set(values) & asked


def word_domain(Model, value, domain_of):
    """Return the domain of what has each word of the text somewhere.

    value is a pattern as clients send it. domain_of makes the clauses of a
    word and its patterns, of which one must hold.
    """
    words = value.strip('%').replace(',', ' ').split()
    if len(words) < 2:
        patterns = _patterns(value)
        return _any_of(Model, *_by_ids(
                Model, patterns, domain_of(value.strip('%'), patterns)))
    found, domain = None, []
    # The longest is the rarest, and what no row has needs no other word
    for word in sorted(words, key=len, reverse=True):
        if found is not None and not found:
            break
        patterns = _patterns(f'%{word}%')
        ids, common = _by_ids(Model, patterns, domain_of(word, patterns))
        if common:
            domain.append(_any_of(Model, ids, common))
        else:
            found = ids if found is None else found & ids
    if found is not None:
        domain.append(('id', 'in', sorted(found)))
    return domain


def text_domain(Model, names, clause):
    "Return the domain of what has each word of the clause in a text of these"
    _, operator, value = clause

    def domain_of(_, patterns):
        return [like(name, operator, patterns) for name in names]

    if operator in {'like', 'ilike'} and value:
        return word_domain(Model, value, domain_of)
    bool_op = 'AND' if operator.startswith(('!', 'not ')) else 'OR'
    return [bool_op, *domain_of(value, [value])]


def _patterns(value):
    """Return the patterns by which the word of this pattern is looked for.

    What is too short to be found anywhere by an index is where a word begins.
    """
    word = value.strip('%').strip()
    if (len(word) >= _TRIGRAM
            or not (value.startswith('%') and value.endswith('%'))
            or not any(letter.isalnum() for letter in word)
            # Scripts that do not divide words
            or any(east_asian_width(letter) in 'WF' for letter in word)):
        return [value]
    return [f'{word}%', *(f'%{before}{word}%' for before in _BEFORE)]


def like(name, operator, patterns):
    "Return the clause of what is like one of the patterns"
    if len(patterns) == 1:
        return name, operator, patterns[0]
    relation, _, rest = name.partition('.')
    if rest:
        return relation, 'where', [like(rest, operator, patterns)]
    domain = ['OR', *((name, operator, pattern) for pattern in patterns)]
    if not Transaction().database.has_similarity():
        # Each row is read, and few have the letters of the word at all
        domain = [(name, operator, f'%{patterns[0]}'), domain]
    return domain


def _by_ids(Model, patterns, clauses):
    """Return the ids of what the clauses find, and the clauses of the others.

    Where there are indexes for parts of texts each is looked for by its own,
    as for one of several conditions every row would be read. What finds many
    stays a clause.
    """
    clauses = list(clauses)
    if not _has_index(patterns):
        return set(), clauses
    found, common = set(), []
    with without_check_access():
        for clause in clauses:
            ids = _ids(Model, clause, _FEW)
            if len(ids) > _FEW:
                common.append(clause)
            else:
                found.update(ids)
    return found, common


def _any_of(Model, found, clauses):
    "Return the domain of what is found, or what one of the clauses finds"
    if not (found and clauses):
        return ['OR', *clauses] if clauses else [('id', 'in', sorted(found))]
    # As a subquery it keeps PostgreSQL from taking an index for what is in
    # many rows, as it takes every text for a rare one
    with without_check_access():
        query = Model.search(
            [('id', 'in', sorted(found))], order=[], query=True)
    return ['OR', ('id', 'in', query), *clauses]


def _has_index(patterns):
    "Return whether the database has an index for what is like these"
    return (
        len(patterns) > 1
        or len((patterns[0] or '').strip('%')) >= _TRIGRAM
        ) and Transaction().database.has_similarity()


def _ids(Model, clause, few):
    "Return the ids of what the clause finds, at most one more than few"
    domain = [clause]
    if 'active' in Model._fields:
        domain.append(('active', 'in', [True, False]))
    query = Model.search(domain, order=[], query=True)
    query.limit = few + 1
    cursor = Transaction().connection.cursor()
    cursor.execute(*query)
    return [id_ for id_, in cursor]


def clause_by_ids(Model, name, operator, patterns):
    """Return the clause of a domain, by the ids of related records if few fit.

    The index of these is used, where for a join or a subquery beside other
    clauses every row would be read.
    """
    relation, _, rest = name.partition('.')
    if not rest:
        return like(name, operator, patterns)
    Target = Model._fields[relation].get_target()
    clause, few = like(rest, operator, patterns), _FEW
    if Target.__name__ == _PATIENT and rest == 'rec_name':
        clause, few = _patient_clause(operator, patterns), _FEW_PEOPLE
    found = _ids(Target, clause, few)
    if len(found) > few:
        return like(name, operator, patterns)
    return relation, 'in', found


def _patient_clause(operator, patterns):
    """Return the clause by which GNU Health finds patients by a text.

    What it looks for beside the party, PUID and last name, is of the party.
    """
    if operator.endswith('like') and _has_index(patterns):
        Party = Pool().get('party.party')
        with without_check_access():
            # One text after the other, each for all patterns
            clauses = zip(*(
                    Party.search_rec_name(
                        'rec_name', ('rec_name', operator, pattern))[1:]
                    for pattern in patterns))
            parties = set().union(*(
                    _ids(Party, _like_each(alike), _FEW_PEOPLE)
                    for alike in clauses))
        if len(parties) <= _FEW_PEOPLE:
            return 'party', 'in', sorted(parties)
    return like('rec_name', operator, patterns)


def _like_each(clauses):
    "Return the clause of what one of the clauses finds by the same text"
    names = {clause[:2] for clause in clauses if len(clause) == 3}
    if len(names) != 1 or len({len(clause) for clause in clauses}) != 1:
        return ['OR', *clauses]
    (name, operator), = names
    return like(name, operator, [pattern for _, _, pattern in clauses])


class NumberPatientSearchMixin:
    "Found by its numbers, its patient and its test, and by words of these"
    __slots__ = ()

    _search_rec_names = []

    @classmethod
    def search_rec_name(cls, name, clause):
        operator, value = clause[1:3]
        if operator.startswith(('!', 'not ')):
            # What the positive search does not find: the negated search of
            # GNU Health's parties misses those without an identifier.
            positive = operator.lstrip('!').removeprefix('not ')
            found = cls.search(
                [('rec_name', positive, value)], order=[], query=True)
            return [('id', 'not in', found)]

        def domain_of(_, patterns):
            return [
                clause_by_ids(cls, name, operator, patterns)
                for name in cls._search_rec_names]

        if operator.endswith('like') and value:
            return word_domain(cls, value, domain_of)
        return ['OR', *domain_of(value, [value])]


class EnteredNowMixin:
    "Of now and of the health professional who enters it, by default"
    __slots__ = ()

    @classmethod
    def __setup__(cls):
        super().__setup__()
        # The default date must not be cached.
        cls.__rpc__['default_get'].cache = None

    @classmethod
    def default_date(cls):
        return dt.datetime.now().replace(microsecond=0)

    @classmethod
    def default_doctor(cls):
        return get_health_professional(required=False)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What models of both kinds, of orders and of results, have in common"
import datetime as dt
from collections import defaultdict
from functools import wraps
from itertools import zip_longest
from unicodedata import east_asian_width

from sql import Column

from trytond import backend
from trytond.model import Index
from trytond.modules.health.core import get_health_professional
from trytond.pool import Pool
from trytond.tools import unescape_wildcard
from trytond.transaction import Transaction, without_check_access

from .searched_char import BEFORE, SearchedChar, WordBeginning

# Of so many records that are found, their ids are searched for
_FEW = 15_000
# And of so many people, for whom a join is worse
_FEW_PEOPLE = 20_000
# What is shorter has no trigram, by which PostgreSQL finds parts of texts, but
# where it begins a word: that has blanks before
_TRIGRAM = 3
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


def with_negation(search):
    """Let a search by names answer its contrary: all that it does not find.

    The contrary of each of its clauses would miss what has no value, as GNU
    Health's search of parties does.
    """
    @wraps(search)
    def search_rec_name(cls, name, clause):
        operator, value = clause[1:3]
        if not operator.startswith(('!', 'not ')):
            return search(cls, name, clause)
        positive = operator.lstrip('!').removeprefix('not ')
        found = cls.search([(name, positive, value)], order=[], query=True)
        return [('id', 'not in', found)]

    return search_rec_name


def any_of_names(*names):
    "Return the search of a model by whichever of these fields"
    @with_negation
    def search_rec_name(cls, name, clause):
        operator, value = clause[1:3]
        # What is referred to takes the value into words itself
        return ['OR', *(
                clause_by_ids(cls, name, operator, [value])
                for name in names)]

    return classmethod(search_rec_name)


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
    return [f'{word}%', *(f'%{before}{word}%' for before in BEFORE)]


def like(Model, name, operator, patterns):
    "Return the clause of what is like one of the patterns"
    if len(patterns) == 1:
        return name, operator, patterns[0]
    relation, _, rest = name.partition('.')
    field = Model._fields[relation]
    if rest:
        return relation, 'where', [
            like(field.get_target(), rest, operator, patterns)]
    word = patterns[0].removesuffix('%')
    if isinstance(field, SearchedChar) and field.finds_beginning(word):
        return name, operator, WordBeginning(word)
    domain = ['OR', *(
            (name, operator, pattern) for pattern in dict.fromkeys(patterns))]
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
    if not _has_index(patterns) or callable(Model.table_query):
        return set(), clauses
    with without_check_access():
        found, common = _ids_of_few(Model, [
                clause for clause in clauses if clause[1] != 'in'])
        related = _joined(clause for clause in clauses if clause[1] == 'in')
        if len(related) == 1 and not found and not common:
            # Alone it is found by its index, and PostgreSQL knows how rare
            return found, related
        few, others = _ids_of_few(Model, related)
    return found | few, common + others


def _joined(clauses):
    "Return one clause for each field, of the ids that are in any of these"
    joined = defaultdict(set)
    for name, _, ids in clauses:
        joined[name].update(ids)
    return [(name, 'in', sorted(ids)) for name, ids in joined.items() if ids]


def _ids_of_few(Model, clauses):
    "Return the ids of what clauses find that find few, and the others"
    found, common = set(), []
    for clause in clauses:
        query = _query(Model, clause)
        ids = _ids(query, _FEW) if _estimate(query) <= 2 * _FEW else None
        if ids is None or len(ids) > _FEW:
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


def _query(Model, clause):
    "Return the query of the ids of what the clause finds"
    domain = [clause]
    if 'active' in Model._fields:
        domain.append(('active', 'in', [True, False]))
    return Model.search(domain, order=[], query=True)


def _ids(query, few):
    "Return the ids that a query finds, at most one more than few"
    query.limit = few + 1
    cursor = Transaction().connection.cursor()
    cursor.execute(*query)
    return [id_ for id_, in cursor]


def _estimate(query):
    "Return how many rows the database expects, 0 where it does not say"
    if backend.name != 'postgresql':
        return 0
    cursor = Transaction().connection.cursor()
    statement, values = query
    cursor.execute(f'EXPLAIN (FORMAT JSON) {statement}', values)
    (explained,), = cursor.fetchone()
    return explained['Plan']['Plan Rows']


def clause_by_ids(Model, name, operator, patterns):
    """Return the clause of a domain, by the ids of related records if few fit.

    The index of these is used, where for a join or a subquery beside other
    clauses every row would be read.
    """
    relation, _, rest = name.partition('.')
    if not rest:
        return like(Model, name, operator, patterns)
    Target = Model._fields[relation].get_target()
    clause, few = like(Target, rest, operator, patterns), _FEW
    if Target.__name__ == _PATIENT and rest == 'rec_name':
        clause = _patient_clause(Target, operator, patterns)
        few = _FEW_PEOPLE
    found = _ids(_query(Target, clause), few)
    if len(found) > few:
        return like(Model, name, operator, patterns)
    return relation, 'in', found


def _patient_clause(LocalPatient, operator, patterns):
    """Return the clause by which GNU Health finds patients by a text.

    What it looks for beside the party, PUID and last name, is of the party.
    """
    if operator.endswith('like') and _has_index(patterns):
        Party = Pool().get('party.party')
        with without_check_access():
            # One text after the other, each for all patterns
            clauses = zip_longest(*(
                    Party.search_rec_name(
                        'rec_name', ('rec_name', operator, pattern))[1:]
                    for pattern in patterns))
            parties = set().union(*(
                    _ids(_query(Party, _like_each(Party, alike)), _FEW_PEOPLE)
                    for alike in clauses))
        if len(parties) <= _FEW_PEOPLE:
            return 'party', 'in', sorted(parties)
    return like(LocalPatient, 'rec_name', operator, patterns)


def _like_each(Model, clauses):
    "Return the clause of what one of the clauses finds by the same text"
    clauses = list(filter(None, clauses))
    if not all(
            isinstance(clause, tuple) and len(clause) == 3
            and clause[:2] == clauses[0][:2] for clause in clauses):
        return ['OR', *clauses]
    name, operator, _ = clauses[0]
    return like(
        Model, name, operator, [pattern for _, _, pattern in clauses])


def text_indexes(Model, names):
    "Return the indexes by which parts of these texts of a model are found"
    table = Model.__table__()

    def column(name):
        column = Column(table, name)
        if getattr(Model, name).search_unaccented:
            return Index.Unaccent(column)
        return column

    return {
        Index(table, (column(name), Index.Similarity())) for name in names}


class WordSearchMixin:
    "Found by words of its texts, and of the names of what it refers to"
    __slots__ = ()

    _search_rec_names = ()
    # Nobody types a part of these: a word must be all of such a text
    _search_whole_names = ()

    @classmethod
    @with_negation
    def search_rec_name(cls, name, clause):
        operator, value = clause[1:3]
        is_like = operator.endswith('like')

        def domain_of(word, patterns):
            for name in cls._search_rec_names:
                yield clause_by_ids(cls, name, operator, patterns)
            for name in cls._search_whole_names:
                yield (name, operator, word) if not is_like else (
                    name, '=', unescape_wildcard((word or '').strip('%')))

        if is_like and value:
            return word_domain(cls, value, lambda word, patterns: [
                    *domain_of(word, patterns),
                    *cls._search_words(operator, word, patterns)])
        return ['OR', *domain_of(value, [value])]

    @classmethod
    def _search_words(cls, operator, word, patterns):
        "Return the clauses of what else a word can be"
        return []


class TextSearchMixin(WordSearchMixin):
    "Found by words of its texts, which have indexes for that"
    __slots__ = ()

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.update(text_indexes(cls, cls._search_rec_names))
        cls._sql_indexes.update(
            Index(table, (Column(table, name), Index.Equality()))
            for name in cls._search_whole_names)


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

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What models of both kinds, of orders and of results, have in common"
import datetime as dt

from trytond.modules.health.core import get_health_professional

# Of so many related records that are found, their ids are searched for
_FOUND = 1000


def word_domain(value, domain_of):
    """Return the domain of what has the text, or each of its words, somewhere.

    value is a pattern as clients send it. domain_of makes the clauses of one
    such pattern, of which one must hold.
    """
    words = value.strip('%').replace(',', ' ').split()
    domain = ['OR', *domain_of(value)]
    if len(words) > 1:
        domain.append([['OR', *domain_of(f'%{word}%')] for word in words])
    return domain


def clause_by_ids(Model, name, operator, value):
    """Return the clause of a domain, by the ids of related records if few fit.

    The index of these is used, where for a join or a subquery beside other
    clauses every row would be read.
    """
    relation, _, rest = name.partition('.')
    if not rest:
        return name, operator, value
    Target = Model._fields[relation].get_target()
    domain = [(rest, operator, value)]
    if 'active' in Target._fields:
        domain.append(('active', 'in', [True, False]))
    found = Target.search(domain, limit=_FOUND + 1, order=[])
    if len(found) > _FOUND:
        return name, operator, value
    return relation, 'in', list(map(int, found))


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

        def domain_of(value):
            return [
                clause_by_ids(cls, name, operator, value)
                for name in cls._search_rec_names]

        if operator.endswith('like') and value:
            return word_domain(value, domain_of)
        return ['OR', *domain_of(value)]


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

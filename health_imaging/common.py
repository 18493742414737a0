# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later


class NumberPatientSearchMixin:
    "Found by its numbers and by its patient."
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
        return ['OR', *((n, operator, value) for n in cls._search_rec_names)]

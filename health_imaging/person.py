# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The indexes by which the orders and results of people are found"
from trytond.pool import PoolMeta

from .common import text_indexes


class _FoundMixin:
    "Found by parts of texts"
    __slots__ = ()

    _found_by = ()

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._sql_indexes.update(text_indexes(cls, cls._found_by))


class Party(_FoundMixin, metaclass=PoolMeta):
    __name__ = 'party.party'
    _found_by = ('ref', 'lastname', 'federation_account')


class Identification(_FoundMixin, metaclass=PoolMeta):
    __name__ = 'gnuhealth.person_alternative_identification'
    _found_by = ('code',)


class Name(_FoundMixin, metaclass=PoolMeta):
    __name__ = 'gnuhealth.person_name'
    _found_by = ('family', 'given')


class ContactMechanism(_FoundMixin, metaclass=PoolMeta):
    __name__ = 'party.contact_mechanism'
    _found_by = ('value',)


class Insurance(_FoundMixin, metaclass=PoolMeta):
    __name__ = 'gnuhealth.insurance'
    _found_by = ('number',)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What GNU Health knows of patients that images need care for, as SQL"
from sql import Literal, Null, Select
from sql.conditionals import Case, Coalesce
from sql.functions import Function
from sql.operators import Exists

from trytond import backend
from trytond.pool import Pool
from trytond.transaction import Transaction

# The code of GNU Health's group of the conditions that are allergies
_ALLERGIC = 'ALLERGIC'
# Of the types of allergies, those that contrast media can be among
CONTRAST_TYPES = ('da', 'ma', 'mc')


class _Joined(Function):
    __slots__ = ()
    _function = (
        'GROUP_CONCAT' if backend.name == 'sqlite' else 'STRING_AGG')


def allergies(patient, types=None):
    """Return the names of the allergies of a patient, a line for each.

    NULL where none is known. patient is its id, or a column of it. An allergy
    is marked so, or is of a condition that always is one, and not healed.
    types leaves out those that are known to be of another type.
    """
    condition, pathology, member, group = (
        Pool().get(name).__table__() for name in [
            'gnuhealth.patient.disease', 'gnuhealth.pathology',
            'gnuhealth.disease_group.members', 'gnuhealth.pathology.group'])
    is_allergic = Exists(member
        .join(group, condition=group.id == member.disease_group)
        .select(member.id, where=(member.disease == pathology.id)
            & (group.code == _ALLERGIC)))
    where = (
        (condition.patient == patient)
        & ((condition.is_allergy == Literal(True)) | is_allergic)
        & (Coalesce(condition.status, '') != 'h')
        & (condition.healed_date == Null))
    if types:
        where &= (
            (condition.allergy_type == Null)
            | condition.allergy_type.in_(types))
    names = (condition
        .join(pathology, condition=pathology.id == condition.pathology)
        .select(
            pathology.name, where=where, group_by=pathology.name,
            order_by=pathology.name))
    return names.select(_Joined(names.name, '\n'))


def is_pregnant(patient):
    """Return whether GNU Health knows a patient to be pregnant.

    False says that it does not: that is known to its gynecology only.
    """
    try:
        pregnancy = Pool().get('gnuhealth.patient.pregnancy').__table__()
    except KeyError:
        return Literal(False)
    # SQLite and PostgreSQL agree on the values of a CASE
    return Case((Exists(pregnancy.select(
                    pregnancy.id,
                    where=(pregnancy.patient == patient)
                    & (pregnancy.current_pregnancy == Literal(True)))),
            Literal(True)), else_=Literal(False))


def value(expression):
    "Return the value of such an SQL expression"
    cursor = Transaction().connection.cursor()
    cursor.execute(*Select([expression]))
    found, = cursor.fetchone()
    return found

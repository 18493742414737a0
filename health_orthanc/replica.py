# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The same study on several servers"
from sql import Null

from trytond.model import fields
from trytond.pool import PoolMeta

from . import bulk


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    is_replica = fields.Function(
        fields.Boolean(
            "Replica",
            help="Whether another server has the same study, and had it "
            "first."),
        'get_is_replica', searcher='search_is_replica')

    @classmethod
    def get_is_replica(cls, studies, name):
        table, query = cls._replicas()
        replicas = {id_ for id_, in bulk.fetch(
                query, table.id, map(int, studies))}
        return {int(s): int(s) in replicas for s in studies}

    @classmethod
    def search_is_replica(cls, name, clause):
        _, operator, value = clause
        are_replicas = bool(value) == (operator == '=')
        return [(
                'id', 'in' if are_replicas else 'not in', cls._replicas()[1])]

    @classmethod
    def _replicas(cls):
        "Return the table of studies, and the query of those that are copies"
        table, other = cls.__table__(), cls.__table__()
        return table, (table
            .join(other, condition=(
                    other.study_instance_uid == table.study_instance_uid)
                & (other.server != table.server)
                & (other.id < table.id)
                & (other.missing_since == Null))
            .select(table.id))

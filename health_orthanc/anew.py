# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Which studies a run decides anew"

from trytond.pool import Pool, PoolMeta
from trytond.transaction import Transaction

from . import bulk, matching
from .patient import identifier_key


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    @classmethod
    def match_server(cls, server_id, since, everything=False):
        """Decide anew what can have changed on the side of the patients.

        What changed since is known but for what was removed, and for what
        changed of the rules: that takes everything. What is in doubt tells
        itself whether anything that it was decided on has changed.
        """
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        Server = pool.get('gnuhealth.orthanc.config')
        ids = cls.to_match(
            server_id,
            None if everything else since or Server.created(server_id))
        moved = cls.rematch(ids, anew=everything)
        Patient.summarize(cls._patients(ids))
        cls.match_server_orders(server_id, since, everything)
        return moved

    @classmethod
    def to_match(cls, server_id, since=None):
        """Return the ids of the studies whose link may have to change.

        They are those in doubt, those of persons of whom something changed
        since, and those that have an identifier of these. What a person
        decided is not among them. Without since they are all others.
        """
        pool = Pool()
        Server = pool.get('gnuhealth.orthanc.config')
        LocalPatient = pool.get('gnuhealth.patient')
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        automatic = (
            (table.server == server_id) & (table.match != matching.MANUAL))
        if not since:
            cursor.execute(*table.select(table.id, where=automatic))
            return [id_ for id_, in cursor]
        cursor.execute(*table.select(
                table.id,
                where=(table.server == server_id)
                & table.match.in_(matching.DOUBTS)))
        ids = {id_ for id_, in cursor}
        rules = Server.rules(server_id)
        changed = LocalPatient.changed_since(since, rules)
        ids.update(
            id_ for id_, in bulk.fetch(
                table.select(table.id, where=automatic),
                table.local_patient, changed))
        keys = {
            rules.key(identifier) for identifiers in changed.values()
            for identifier in identifiers}
        prefix = rules.key(rules.prefix)
        ids.update(
            id_ for id_, in bulk.fetch(
                table.select(table.id, where=automatic),
                identifier_key(table.patient_id, rules),
                [prefix + key for key in keys if key]))
        return list(ids)

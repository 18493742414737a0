# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Which studies a run decides anew"

from trytond.pool import Pool, PoolMeta
from trytond.transaction import Transaction

from . import bulk, matching
from .comparison import in_batches
from .patient import identifier_key
from .study import STEP


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    @classmethod
    def match_server(cls, server_id, since, everything=False):
        """Decide anew what can have changed on the side of the patients.

        What changed since is known but for what was removed, and for what
        changed of the rules: that takes everything. What is in doubt tells
        itself whether anything that it was decided on has changed.
        """
        for _ in cls.match_in_steps(server_id, since, everything):
            pass

    @classmethod
    def match_in_steps(cls, server_id, since, everything=False):
        """Do what match_server does, and yield where it can be committed.

        Everything is of a million studies in a large hospital.
        """
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        Server = pool.get('gnuhealth.orthanc.config')
        for ids in in_batches(
                cls.to_match(
                    server_id,
                    None if everything else since or Server.created(
                        server_id)),
                STEP):
            cls.rematch(ids, anew=everything)
            Patient.summarize(cls._patients(ids))
            yield
        cls.match_server_orders(server_id, since, everything)

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
            return bulk.each(table.select(table.id, where=automatic), table.id)
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

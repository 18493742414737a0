# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Studies that could not be read, and when to try again"


from sql import Null

from trytond.i18n import gettext
from trytond.model import ModelSQL, ModelView, fields
from trytond.model.exceptions import AccessError
from trytond.modules.health_imaging.rights import ModelRightsMixin
from trytond.pool import Pool

from . import bulk


class SetAside(
        ModelRightsMixin, bulk.ServerRowMixin, ModelSQL, ModelView):
    "Study Set Aside"
    __name__ = 'gnuhealth.orthanc.set_aside'
    _rec_name = 'orthanc_id'
    _button_rights = {'retry': ((__name__, 'write'),)}

    error_reason = fields.Char("Error Reason", readonly=True)
    error_detail = fields.Char("Error Detail", readonly=True)
    reason = fields.Function(
        fields.Char("Reason", help="Why the study could not be stored."),
        'get_reason')
    image_count = fields.Integer("Images", required=True, readonly=True)
    tries = fields.Integer("Tries", required=True, readonly=True)
    next_try = fields.DateTime(
        "Next Try", readonly=True,
        help="The first synchronization after it reads the study again.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._order = [('next_try', 'ASC NULLS FIRST'), ('id', 'ASC')]
        cls._buttons.update(retry={})

    @classmethod
    def __register__(cls, module_name):
        table_h = cls.__table_handler__(module_name)
        # Migration from 7.0.0: the reason was a text in one language
        table_h.column_rename('reason', 'error_detail')
        super().__register__(module_name)

    def get_reason(self, name):
        return gettext(
            f"health_orthanc.msg_set_aside_{self.error_reason or 'refused'}",
            detail=self.error_detail or '')

    @classmethod
    def read(cls, ids, fields_names):
        try:
            return super().read(ids, fields_names)
        except AccessError:
            # What was stored is still in front of who tried it again
            gone = cls.stored_meanwhile(ids)
            return super().read(
                [id_ for id_ in ids if id_ not in gone], fields_names) + [
                {**dict.fromkeys(fields_names), 'id': id_} for id_ in gone]

    @classmethod
    def stored_meanwhile(cls, ids):
        "Return those of the ids that are of nothing set aside any more"
        table = cls.__table__()
        present = bulk.fetch(table.select(table.id), table.id, ids)
        return set(ids) - {id_ for id_, in present}

    @classmethod
    @ModelView.button
    def retry(cls, records):
        "Let the next synchronization try again, and queue it"
        Server = Pool().get('gnuhealth.orthanc.config')
        cls.write(records, {'next_try': None})
        Server.synchronize_soon(Server.browse({r.server.id for r in records}))

    @classmethod
    def due(cls, server_id):
        "Yield the Orthanc IDs to try again now"
        table = cls.__table__()
        return cls._orthanc_ids(
            (table.server == server_id)
            & ((table.next_try == Null) | (table.next_try <= bulk.now())),
            table)

    @classmethod
    def waiting(cls, server_id):
        "Yield the Orthanc IDs to leave alone for now"
        table = cls.__table__()
        return cls._orthanc_ids(
            (table.server == server_id) & (table.next_try > bulk.now()),
            table)

    @classmethod
    def known(cls, server_id):
        "Yield the Orthanc IDs of all"
        table = cls.__table__()
        return cls._orthanc_ids(table.server == server_id, table)

    @classmethod
    def _orthanc_ids(cls, where, table):
        return bulk.each(
            table.select(table.orthanc_id, where=where), table.orthanc_id)

    @classmethod
    def note(cls, server_id, orthanc_ids, failures):
        """Note which of the studies could not be stored.

        failures are the columns that say why, by Orthanc ID; the other
        studies are no longer set aside.
        """
        table = cls.__table__()
        known = {id_: values for id_, *values in bulk.fetch(
                table.select(
                    table.orthanc_id, table.id, table.tries,
                    where=table.server == server_id),
                table.orthanc_id, orthanc_ids | failures.keys())}
        cls.forget(server_id, known.keys() - failures.keys())
        new, again = [], []
        for orthanc_id, columns in failures.items():
            id_, tries = known.get(orthanc_id, (None, 0))
            row = {
                'server': server_id,
                'orthanc_id': orthanc_id,
                **columns,
                'tries': tries + 1,
                'next_try': bulk.next_try(tries),
                }
            if id_ is None:
                new.append(row)
            else:
                again.append({'id': id_, **row})
        bulk.insert(cls, new)
        bulk.update(cls, again)

    @classmethod
    def forget(cls, server_id, orthanc_ids):
        "Studies are no longer set aside"
        table = cls.__table__()
        bulk.change(
            cls, table.delete(where=table.server == server_id),
            table.orthanc_id, orthanc_ids)

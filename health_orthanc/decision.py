# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

from sql import Null
from sql.aggregate import Max
from trytond.model import Check, Index, ModelSQL, ModelView, fields
from trytond.pool import Pool
from trytond.pyson import Bool, Eval
from trytond.tools import grouped_slice, reduce_ids
from trytond.transaction import Transaction, without_check_access

from . import bulk

# What a person decided of whom a study belongs to, and which order it answers
LINK = 'link'
UNLINK = 'unlink'
REFUSE = 'refuse'
LINK_ORDER = 'link_order'
UNLINK_ORDER = 'unlink_order'
REFUSE_ORDER = 'refuse_order'
TAKE_OFF_RESULT = 'take_off_result'
ORDER_ACTIONS = (LINK_ORDER, UNLINK_ORDER, REFUSE_ORDER, TAKE_OFF_RESULT)


class Decision(ModelSQL, ModelView):
    """Decision on a Link

    Who decided and when are create_uid and create_date. Nobody changes or
    removes what was decided.
    """
    __name__ = 'gnuhealth.orthanc.decision'

    study = fields.Many2One(
        'gnuhealth.orthanc.study', "Study", readonly=True,
        ondelete='CASCADE')
    orthanc_patient = fields.Many2One(
        'gnuhealth.orthanc.patient', "Orthanc Patient", readonly=True,
        ondelete='CASCADE')
    action = fields.Selection([
            (LINK, "Link"),
            (UNLINK, "Unlink"),
            (REFUSE, "Not This Patient"),
            (LINK_ORDER, "Link to Order"),
            (UNLINK_ORDER, "Unlink from Order"),
            (REFUSE_ORDER, "Not This Order"),
            (TAKE_OFF_RESULT, "Take off Result"),
            ], "Action", required=True, readonly=True, sort=False)
    action_string = action.translated('action')
    before = fields.Many2One(
        'gnuhealth.patient', "Before", readonly=True, ondelete='SET NULL',
        help="The patient that it was linked to.")
    after = fields.Many2One(
        'gnuhealth.patient', "After", readonly=True, ondelete='SET NULL',
        help="The patient that it was linked to from then on.")
    refused = fields.Many2One(
        'gnuhealth.patient', "Refused Patient", readonly=True,
        ondelete='SET NULL',
        states={'invisible': ~Bool(Eval('refused'))},
        help="Whose it is not.")
    request = fields.Many2One(
        'gnuhealth.imaging.test.request', "Order", readonly=True,
        ondelete='SET NULL',
        states={'invisible': ~Bool(Eval('request'))},
        help="The order that was decided on.")
    reason = fields.Char("Reason", readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('study_or_patient',
                Check(
                    table,
                    (table.study != Null) != (table.orthanc_patient != Null)),
                'health_orthanc.msg_decision_study_or_patient'),
            ]
        cls._sql_indexes.update({
                Index(
                    table, (table.study, Index.Equality()),
                    where=table.study != Null),
                Index(
                    table, (table.orthanc_patient, Index.Equality()),
                    where=table.orthanc_patient != Null),
                Index(
                    table, (table.after, Index.Equality()),
                    where=table.after != Null),
                Index(
                    table, (table.before, Index.Equality()),
                    where=table.before != Null),
                Index(
                    table, (table.refused, Index.Equality()),
                    where=table.refused != Null),
                Index(
                    table, (table.request, Index.Equality()),
                    where=table.request != Null),
                })
        cls._order = [('create_date', 'DESC'), ('id', 'DESC')]

    def get_rec_name(self, name):
        subject = self.study or self.orthanc_patient
        return f'{self.action_string} {subject.rec_name}'

    @classmethod
    def note(cls, decisions):
        """Note what the user decided; decisions are values to create.

        The context gives the reason as 'decision_reason', unless they do.
        """
        reason = Transaction().context.get('decision_reason')
        # Who may decide is a matter of what is decided on
        with without_check_access():
            return cls.create([{'reason': reason, **d} for d in decisions])

    @classmethod
    def carry_over(cls, twins, actions=(REFUSE,)):
        """Let refusals move to the study that another one is now.

        twins are new ids by old, actions those that move. Return those of
        the new ids that have some.
        """
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.id, table.study,
                where=table.action.in_(list(actions))
                & reduce_ids(table.study, list(twins))))
        moved = {}
        for id_, study in cursor:
            moved.setdefault(twins[study], []).append(id_)
        for new, ids in moved.items():
            cursor.execute(*table.update(
                    [table.study], [new], where=reduce_ids(table.id, ids)))
        return set(moved)

    @classmethod
    def refusals(cls, study_ids=(), orthanc_patient_ids=()):
        """Return the persons refused, as two dictionaries of sets of ids.

        The first is by id of the studies, the second by id of the Orthanc
        patients. A later link to the person takes the refusal back.
        """
        return (
            cls._refusals('study', study_ids),
            cls._refusals('orthanc_patient', orthanc_patient_ids))

    @classmethod
    def _refusals(cls, name, ids):
        table = cls.__table__()
        subject = getattr(table, name)
        cursor = Transaction().connection.cursor()
        refused, linked = {}, {}
        for sub_ids in grouped_slice(list(ids), bulk.MAX_PARAMETERS):
            where = reduce_ids(subject, sub_ids)
            for action, person, latest in [
                    (REFUSE, table.refused, refused),
                    (LINK, table.after, linked)]:
                cursor.execute(*table.select(
                        subject, person, Max(table.id),
                        where=where & (table.action == action)
                        & (person != Null),
                        group_by=[subject, person]))
                latest.update((row[:2], row[2]) for row in cursor)
        persons = {}
        for (id_, person), number in refused.items():
            if number > linked.get((id_, person), 0):
                persons.setdefault(id_, set()).add(person)
        return persons

    @classmethod
    def latest_on_orders(cls, study_ids, actions=ORDER_ACTIONS):
        """Return what people last decided of studies and orders.

        It is the id of the decision and its action, one of actions, by the
        ids of the study and the request. Where nobody decided of the record
        itself, what was decided of another one of the same study counts: a
        study comes back under another ID before the old one is missing.
        """
        table = cls.__table__()
        Study = Pool().get('gnuhealth.orthanc.study')
        study, same = Study.__table__(), Study.__table__()
        cursor = Transaction().connection.cursor()
        itself, others = {}, {}
        for sub_ids in grouped_slice(list(study_ids), bulk.MAX_PARAMETERS):
            cursor.execute(*study
                .join(same, condition=(
                        same.study_instance_uid == study.study_instance_uid)
                    & (same.server == study.server))
                .join(table, condition=table.study == same.id)
                .select(
                    study.id, table.request, table.id, table.action,
                    same.id,
                    where=reduce_ids(study.id, sub_ids)
                    & table.action.in_(list(actions))
                    & (table.request != Null),
                    order_by=table.id))
            for id_, request, *latest, decided_of in cursor:
                of = itself if decided_of == id_ else others
                of[id_, request] = tuple(latest)
        return {**others, **itself}

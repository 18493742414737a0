# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What was decided about whose a study is"

from sql import Null
from sql.aggregate import Max

from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.modules.health_imaging.identity import (
    IdentitiesMixin, identity_field)
from trytond.modules.health_imaging.own_patient import OwnPatientMixin
from trytond.modules.health_imaging.searched_char import SearchedChar
from trytond.pool import Pool
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction, without_check_access

from . import bulk
from .subject import ImagesAuditMixin

# What a person decided of whom a study belongs to, and which order it answers
LINK = 'link'
UNLINK = 'unlink'
REFUSE = 'refuse'
DECIDE_ANEW = 'decide_anew'
LINK_ORDER = 'link_order'
UNLINK_ORDER = 'unlink_order'
REFUSE_ORDER = 'refuse_order'
TAKE_OFF_RESULT = 'take_off_result'
LEAVE_OFF_RESULT = 'leave_off_result'
# What a person decided of a study that its server no longer has
DISMISS = 'dismiss'
LIST_AGAIN = 'list_again'
ORDER_ACTIONS = (
    LINK_ORDER, UNLINK_ORDER, REFUSE_ORDER, TAKE_OFF_RESULT, LEAVE_OFF_RESULT)
# What holds of a study under any Orthanc ID; its link is decided on anew
CARRIED_OVER = (REFUSE, DECIDE_ANEW, *ORDER_ACTIONS)


class Decision(
        IdentitiesMixin, OwnPatientMixin, ImagesAuditMixin, ModelSQL,
        ModelView):
    """Decision on a Link

    Who decided and when are create_uid and create_date. Nobody changes or
    removes what was decided.
    """
    __name__ = 'gnuhealth.orthanc.decision'
    _person_fields = ('after', 'refused', 'before')
    _patient_fields = ('study.local_patient', 'orthanc_patient.patient')
    _search_rec_names = (*ImagesAuditMixin._search_rec_names, 'reason')

    action = fields.Selection([
            (LINK, "Link"),
            (UNLINK, "Unlink"),
            (REFUSE, "Not This Patient"),
            (DECIDE_ANEW, "Decide Anew"),
            (LINK_ORDER, "Link to Order"),
            (UNLINK_ORDER, "Unlink from Order"),
            (REFUSE_ORDER, "Not This Order"),
            (TAKE_OFF_RESULT, "Take off Result"),
            (LEAVE_OFF_RESULT, "Leave off Result"),
            (DISMISS, "Dismiss"),
            (LIST_AGAIN, "List Again"),
            ], "Action", required=True, readonly=True, sort=False)
    action_string = action.translated('action')
    before = fields.Many2One(
        'gnuhealth.patient', "Before", readonly=True, ondelete='SET NULL',
        help="The patient that it was linked to.")
    before_identity = identity_field()
    after = fields.Many2One(
        'gnuhealth.patient', "After", readonly=True, ondelete='SET NULL',
        help="The patient that it was linked to from then on.")
    after_identity = identity_field()
    refused = fields.Many2One(
        'gnuhealth.patient', "Refused Patient", readonly=True,
        ondelete='SET NULL',
        states={'invisible': ~Bool(Eval('refused'))},
        help="Whose it is not.")
    refused_identity = identity_field(
        states={'invisible': ~Bool(Eval('refused'))})
    request = fields.Many2One(
        'gnuhealth.imaging.test.request', "Order", readonly=True,
        ondelete='SET NULL',
        states={'invisible': ~Bool(Eval('request'))},
        help="The order that was decided on.")
    reason = SearchedChar("Reason", readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.update({
                Index(
                    table, (table.study, Index.Range()),
                    where=table.study != Null),
                Index(
                    table, (table.orthanc_patient, Index.Range()),
                    where=table.orthanc_patient != Null),
                Index(
                    table, (table.after, Index.Range()),
                    where=table.after != Null),
                Index(
                    table, (table.before, Index.Range()),
                    where=table.before != Null),
                Index(
                    table, (table.refused, Index.Range()),
                    where=table.refused != Null),
                Index(
                    table, (table.request, Index.Range()),
                    where=table.request != Null),
                })
        cls._order = [('create_date', 'DESC'), ('id', 'DESC')]

    @classmethod
    def __register__(cls, module_name):
        # Migration from 7.0.0: a decision went with what it was on
        cls.__table_handler__(module_name).drop_constraint('study_or_patient')
        super().__register__(module_name)

    def get_rec_name(self, name):
        return ' '.join(filter(None, [self.action_string, self.subject]))

    @classmethod
    def note(cls, decisions):
        """Note what the user decided; decisions are values to create.

        The context gives the reason as 'decision_reason', unless they do.
        """
        reason = Transaction().context.get('decision_reason')
        # Who may decide is a matter of what is decided on
        with without_check_access():
            return cls.create([
                    {**d, 'reason': d.get('reason') or reason}
                    for d in decisions])

    @classmethod
    def carry_over(cls, twins):
        """Let decisions move to the study that another one is now.

        twins are new ids by old. Return those of the new ids that have some.
        """
        Study = Pool().get('gnuhealth.orthanc.study')
        table, old, new = (
            Model.__table__() for Model in [cls, Study, Study])
        is_carried_over = table.action.in_(list(CARRIED_OVER))
        decided = {
            twins[study_id] for study_id, in bulk.fetch(
                table.select(table.study, where=is_carried_over),
                table.study, twins)}
        bulk.change(cls, table.update(
                [table.study], [
                    old.join(new, condition=Study.is_twin(old, new))
                    .select(new.id, where=old.id == table.study)],
                where=is_carried_over),
            table.study, twins)
        return decided

    @classmethod
    def refusals(cls, study_ids):
        """Return the ids of the persons refused, as sets by id of the study.

        A later link to the person takes the refusal back, as does to let the
        rules decide anew.
        """
        table = cls.__table__()
        refused, linked = (
            {(id_, person): number for id_, person, number in bulk.fetch(
                    table.select(
                        table.study, column, Max(table.id),
                        where=(table.action == action) & (column != Null),
                        group_by=[table.study, column]),
                    table.study, study_ids)}
            for action, column in [
                (REFUSE, table.refused), (LINK, table.after)])
        anew = dict(bulk.fetch(
                table.select(
                    table.study, Max(table.id),
                    where=table.action == DECIDE_ANEW,
                    group_by=[table.study]),
                table.study, {id_ for id_, _ in refused}))
        persons = {}
        for (id_, person), number in refused.items():
            if number > max(linked.get((id_, person), 0), anew.get(id_, 0)):
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
        itself, others = {}, {}
        query = (study
            .join(same, condition=Study.is_same(study, same))
            .join(table, condition=table.study == same.id)
            .select(
                study.id, table.request, table.id, table.action, same.id,
                where=table.action.in_(list(actions))
                & (table.request != Null),
                order_by=table.id))
        for id_, request, *latest, decided_of in bulk.fetch(
                query, study.id, study_ids):
            of = itself if decided_of == id_ else others
            of[id_, request] = tuple(latest)
        return {**others, **itself}

    @classmethod
    def refused_orders(cls, study_ids):
        "Return what people last decided not to belong together, as pairs"
        return {
            pair for pair, (_, action) in cls.latest_on_orders(
                study_ids, [LINK_ORDER, UNLINK_ORDER, REFUSE_ORDER]).items()
            if action != LINK_ORDER}

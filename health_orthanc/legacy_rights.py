# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people may do with what GNU Health's own modules left.

Groups keep it, record rules can not: their fields have other names.
"""
import logging

from sql import Literal, Table

from trytond.transaction import Transaction

from .legacy import OLD_INSTANCES, OLD_SERIES, OLD_STUDY, SERIES_NOW, STUDY

logger = logging.getLogger(__name__)
# What is allowed on these, which have no access rows of the modules
_MODELS = {
    OLD_STUDY: STUDY,
    OLD_SERIES: SERIES_NOW,
    OLD_INSTANCES: SERIES_NOW,
    }


def keep_rights():
    """Let the groups of the hospital have the rights on our models.

    Nobody creates or deletes what servers hold.
    """
    model = Table('ir_model')
    data = Table('ir_model_data')
    access = Table('ir_model_access')
    cursor = Transaction().connection.cursor()
    for old, new in _MODELS.items():
        writes = new == STUDY
        cursor.execute(*access.update(
                [access.model, access.perm_write, access.perm_create,
                    access.perm_delete],
                [model.select(model.id, where=model.model == new),
                    access.perm_write if writes else Literal(False),
                    Literal(False), Literal(False)],
                where=access.model.in_(
                    model.select(model.id, where=model.model == old))
                & ~access.id.in_(data.select(
                        data.db_id, where=data.model == 'ir.model.access'))))


def tell_rules():
    """Tell of the record rules that end with the lists of the old modules.

    They are deleted with these, at the end of the update.
    """
    model, group, rule = map(
        Table, ['ir_model', 'ir_rule_group', 'ir_rule'])
    cursor = Transaction().connection.cursor()
    cursor.execute(*group
        .join(model, condition=model.id == group.model)
        .join(rule, 'LEFT', condition=rule.rule_group == group.id)
        .select(
            group.name, model.model, rule.domain,
            where=model.model.in_(list(_MODELS)),
            order_by=[group.id, rule.id]))
    for name, old, domain in cursor:
        logger.warning(
            "The record rule \"%s\" on %s is no more, and who it kept from "
            "records can read them: make it anew on %s, with the names that "
            "the fields have there. It was: %s",
            name, old, _MODELS[old], domain)

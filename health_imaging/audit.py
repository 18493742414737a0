# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Rows that tell what people did"
from sql import Column, Literal, Null
from sql.conditionals import Case
from sql.operators import Concat, Exists

from trytond.i18n import gettext
from trytond.model import fields
from trytond.transaction import Transaction

from .common import TextSearchMixin
from .exceptions import AuditError
from .rights import ModelRightsMixin
from .searched_char import SearchedChar


class AuditMixin(TextSearchMixin, ModelRightsMixin):
    """A row that tells what a person did, and whom it was about.

    It outlives what it describes, and says by itself what that was then. The
    system writes it: nobody changes or removes it, whatever rights an
    administrator gives.
    """
    __slots__ = ()

    patient_name = SearchedChar(
        "Patient Name", readonly=True, help="What the patient was called.")
    birth_date = fields.Date(
        "Birth Date", readonly=True,
        help="The birth date that the patient had.")
    puid = SearchedChar(
        "PUID", readonly=True,
        help="The Person Unique Identifier that the patient had.")
    study_instance_uid = fields.Char(
        "Study Instance UID", readonly=True,
        help="The identifier of the study that it was about.")

    @classmethod
    def __register__(cls, module_name):
        says_whom = cls.__table_handler__(module_name).column_exist('puid')
        super().__register__(module_name)
        if not says_whom:
            cls._migrate_subjects()

    @classmethod
    def _migrate_subjects(cls):
        # Migration from 7.0.0: rows left to others to say whom they are
        # about. What these are now is all there is.
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        for query, condition, columns in cls._described(table):
            cursor.execute(*table.update(
                    [Column(table, name) for name in columns],
                    [query.select(value, where=condition)
                        for value in columns.values()],
                    where=Exists(query.select(Literal(1), where=condition))))

    @classmethod
    def _described(cls, table):
        """Yield what rows describe, in SQL.

        That is a query, the condition that it is the one of the row, and the
        values of the columns by their names.
        """
        raise NotImplementedError

    @classmethod
    def create(cls, vlist):
        cls._check_system()
        return super().create(cls._with_subjects(vlist))

    @classmethod
    def write(cls, *args):
        cls._check_system()
        super().write(*args)

    @classmethod
    def delete(cls, rows):
        cls._check_system()
        super().delete(rows)

    @classmethod
    def _check_system(cls):
        if Transaction().check_access:
            raise cls._system_field_error(None)

    @classmethod
    def _system_field_error(cls, name):
        return AuditError(gettext(
                'health_imaging.msg_audit_read_only', **cls.__names__()))

    @classmethod
    def _with_subjects(cls, vlist):
        "Return the values to create, with what they are about"
        raise NotImplementedError


def person_name(party):
    "Return the name of a person as GNU Health writes it, in SQL"
    return Case(
        (party.lastname != Null, Concat(
                Concat(party.lastname, ', '), party.name)),
        else_=party.name)

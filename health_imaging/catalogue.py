# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What can be ordered"
from trytond.model import DeactivableMixin, Index, ModelSQL, ModelView, fields

from .common import any_of_names
from .rights import ModelRightsMixin


class CodeNameMixin:
    "Found by code or by name"
    __slots__ = ()

    code = fields.Char("Code", required=True)
    name = fields.Char("Name", required=True, translate=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.add(Index(table, (table.code, Index.Similarity())))
        cls._order.insert(0, ('name', 'ASC'))

    search_rec_name = any_of_names('code', 'name')


class TestType(CodeNameMixin, ModelRightsMixin, ModelSQL, ModelView):
    "Imaging Test Type"
    __name__ = 'gnuhealth.imaging.test.type'

    second_reader = fields.Boolean(
        "Second Reader",
        help="A report is signed by another one than who hands it over as a "
        "preliminary one.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls.code.help = (
            "The DICOM modality of the type, for example CT or MR. "
            "Worklists and the comparison with arriving studies use it.")


class Test(
        CodeNameMixin, ModelRightsMixin, DeactivableMixin, ModelSQL,
        ModelView):
    "Imaging Test"
    __name__ = 'gnuhealth.imaging.test'

    test_type = fields.Many2One(
        'gnuhealth.imaging.test.type', "Type", required=True)
    product = fields.Many2One(
        'product.product', "Product", required=True,
        help="What is charged for the test.")

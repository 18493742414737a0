# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Texts that reports are written with: templates, and macros in them"
import re

from trytond.model import (
    DeactivableMixin, Index, ModelSQL, ModelView, Unique, fields)
from trytond.tools import grouped_slice
from trytond.transaction import without_check_access

from .common import any_of_names
from .rights import ModelRightsMixin

# A word that begins with a dot, where no sentence or number has one
_MACRO = re.compile(r'(?<![\w.])\.([^\W\d]\w*)')


class Template(DeactivableMixin, ModelRightsMixin, ModelSQL, ModelView):
    "Imaging Report Template"
    __name__ = 'gnuhealth.imaging.report.template'

    name = fields.Char("Name", required=True)
    language = fields.Many2One(
        'ir.lang', "Language", ondelete='RESTRICT',
        help="The language that the template is written in; without one it "
        "is offered whatever the language.")
    tests = fields.Many2Many(
        'gnuhealth.imaging.report.template-gnuhealth.imaging.test',
        'template', 'test', "Tests",
        help="The tests whose reports are offered the template; "
        "without any it is offered to all.")
    technique = fields.Text("Technique")
    comparison = fields.Text("Comparison")
    comment = fields.Text("Findings")
    impression = fields.Text("Impression")
    recommendation = fields.Text("Recommendation")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._order = [('name', 'ASC'), ('id', 'ASC')]

    def get_rec_name(self, name):
        if self.language:
            return f'{self.name} ({self.language.name})'
        return self.name

    search_rec_name = any_of_names('name', 'language.name')


class TemplateTest(ModelRightsMixin, ModelSQL):
    "Imaging Report Template - Test"
    __name__ = 'gnuhealth.imaging.report.template-gnuhealth.imaging.test'

    template = fields.Many2One(
        'gnuhealth.imaging.report.template', "Template", required=True,
        ondelete='CASCADE')
    test = fields.Many2One(
        'gnuhealth.imaging.test', "Test", required=True, ondelete='CASCADE')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.update({
                Index(table, (table.template, Index.Equality())),
                Index(table, (table.test, Index.Equality())),
                })


class Macro(DeactivableMixin, ModelRightsMixin, ModelSQL, ModelView):
    "Imaging Report Macro"
    __name__ = 'gnuhealth.imaging.report.macro'
    _rec_name = 'code'

    code = fields.Char(
        "Code", required=True,
        help="What is written after a dot to get the text: letters, digits "
        "and underscores, the first a letter.")
    text = fields.Text("Text", required=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('code_unique', Unique(table, table.code),
                'health_imaging.msg_report_macro_unique'),
            ]
        cls._order = [('code', 'ASC'), ('id', 'ASC')]

    @classmethod
    @without_check_access
    def expand(cls, text):
        "Return the text with what macros in it stand for"
        codes = set(_MACRO.findall(text or ''))
        texts = {}
        for sub_codes in grouped_slice(codes):
            texts.update(
                (macro.code, macro.text) for macro in cls.search(
                    [('code', 'in', list(sub_codes))]))
        return expand(text, texts)


def expand(text, texts):
    """Return the text with each macro replaced by its text, by code.

    A code is written after a dot that begins a word; what is no code stays.
    """
    return _MACRO.sub(
        lambda match: texts.get(match[1], match[0]), text or '') or text

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How a report is written: its sections, and what helps to fill them"
from collections import defaultdict

from sql import Literal
from sql.conditionals import Coalesce

from trytond.i18n import gettext
from trytond.model import ModelView, fields
from trytond.modules.health.core import convert_date_timezone
from trytond.pool import Pool
from trytond.pyson import Bool, Eval
from trytond.tools import grouped_slice
from trytond.transaction import check_access

from .patient_warning import warn_of
from .report_version import OPEN, SECTIONS

_RESULT = 'gnuhealth.imaging.test.result'
# Those that only who reads the images fills
_READ = ('comment', 'impression', 'recommendation')


class ReportTextMixin:
    "A result whose report has sections"
    __slots__ = ()

    indication = fields.Text(
        "Indication",
        help="Why the test was ordered; the clinical question at first.")
    technique = fields.Text(
        "Technique", help="How the images were made, and with what contrast.")
    comparison = fields.Text(
        "Comparison", help="The former examinations that it was read with.")
    comment = fields.Text("Findings")
    impression = fields.Text(
        "Impression", help="The answer to the clinical question.")
    recommendation = fields.Text("Recommendation")
    clinical_question = fields.Function(fields.Char(
            "Clinical Question", states={
                'invisible': ~Bool(Eval('clinical_question')),
                },
            help="What the images are to answer."),
        'on_change_with_clinical_question')
    warnings = fields.Function(fields.Text(
            "Warnings", states={'invisible': ~Bool(Eval('warnings'))},
            help="Allergies and a pregnancy that GNU Health knows of."),
        'on_change_with_warnings')
    template = fields.Function(fields.Many2One(
            'gnuhealth.imaging.report.template', "Template",
            domain=[
                ['OR',
                    ('tests', '=', None),
                    ('tests', '=', Eval('requested_test', -1))],
                ['OR',
                    ('language', '=', None),
                    ('language', 'in', Eval('template_languages', []))],
                ],
            states={'invisible': ~Eval('state').in_(list(OPEN))},
            help="Fills the sections that are empty."),
        'get_nothing', setter='set_nothing')
    template_languages = fields.Function(fields.Many2Many(
            'ir.lang', None, None, "Template Languages",
            help="In which languages templates are offered: that of the user "
            "and that of the patient."),
        'on_change_with_template_languages')
    priors = fields.Function(fields.Many2Many(
            _RESULT, None, None, "Priors",
            help="The former reports of the patient: those of the same test "
            "first, then those of the same type, the newest first."),
        'get_priors')
    prior = fields.Function(fields.Many2One(
            _RESULT, "Compare with", domain=[('id', 'in', Eval('priors', []))],
            states={'invisible': ~Eval('state').in_(list(OPEN))},
            help="Adds the former examination to the comparison."),
        'get_nothing', setter='set_nothing')

    _button_rights = {'compare': ((_RESULT, 'write'),)}

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._buttons.update({
                'compare': {
                    'invisible': (
                        ~Eval('state').in_(list(OPEN))
                        | ~Bool(Eval('priors'))),
                    'depends': ['state', 'priors'],
                    },
                })

    @classmethod
    def get_nothing(cls, results, name):
        return dict.fromkeys(map(int, results))

    @classmethod
    def set_nothing(cls, results, name, value):
        "What was chosen is in the text by now"

    @fields.depends('request', '_parent_request.clinical_question')
    def on_change_with_clinical_question(self, name=None):
        return self.request.clinical_question if self.request else None

    @fields.depends('patient')
    def on_change_with_warnings(self, name=None):
        if not self.patient:
            return None
        return '\n'.join(warn_of(self.patient)) or None

    @fields.depends('patient')
    def on_change_with_template_languages(self, name=None):
        languages = {Pool().get('ir.lang').get()}
        if self.patient and self.patient.party.lang:
            languages.add(self.patient.party.lang)
        return sorted(map(int, languages))

    @fields.depends('template', *SECTIONS)
    def on_change_template(self):
        if not self.template:
            return
        for name in SECTIONS:
            text = getattr(self.template, name, None)
            if text and not (getattr(self, name) or '').strip():
                setattr(self, name, text)

    @fields.depends('indication')
    def on_change_indication(self):
        self._expand('indication')

    @fields.depends('technique')
    def on_change_technique(self):
        self._expand('technique')

    @fields.depends('comparison')
    def on_change_comparison(self):
        self._expand('comparison')

    @fields.depends('comment')
    def on_change_comment(self):
        self._expand('comment')

    @fields.depends('impression')
    def on_change_impression(self):
        self._expand('impression')

    @fields.depends('recommendation')
    def on_change_recommendation(self):
        self._expand('recommendation')

    def _expand(self, name):
        Macro = Pool().get('gnuhealth.imaging.report.macro')
        text = getattr(self, name)
        expanded = Macro.expand(text)
        if expanded != text:
            setattr(self, name, expanded)

    @fields.depends('prior', 'patient', methods=['_compare_with'])
    def on_change_prior(self):
        if self.prior and self.prior.patient == self.patient:
            self._compare_with(self.prior.prior_line())

    @fields.depends('comparison')
    def _compare_with(self, line):
        lines = (self.comparison or '').splitlines()
        if line not in lines:
            self.comparison = '\n'.join([*lines, line])

    def prior_line(self):
        "Return how a report names this examination where it is compared"
        Lang = Pool().get('ir.lang')
        values = {
            'test': self.requested_test.rec_name,
            'date': Lang.get().strftime(convert_date_timezone(
                    self.request_date or self.date).date()),
            }
        number = self.request.accession_number if self.request else None
        if number:
            return gettext(
                'health_imaging.msg_prior_accession', number=number, **values)
        return gettext('health_imaging.msg_prior', **values)

    @classmethod
    def get_priors(cls, results, name):
        former = defaultdict(list)
        with check_access():
            for sub_ids in grouped_slice({r.patient.id for r in results}):
                for prior in cls.search([
                            ('patient', 'in', list(sub_ids)),
                            ('state', '!=', 'entered_in_error')]):
                    former[prior.patient].append(prior)
        return {
            result.id: [
                prior.id for prior in sorted(
                    former[result.patient], key=result.prior_rank)
                if prior.is_before(result)]
            for result in results}

    def is_before(self, result):
        return (self.date, self.id) < (result.date, result.id)

    def prior_rank(self, prior):
        "Return what sorts former results: what is most like this one first"
        test, other = self.requested_test, prior.requested_test
        return (
            test != other, test.test_type != other.test_type,
            -prior.date.timestamp(), -prior.id)

    def latest_prior_line(self):
        "Return the line of the former examination that is most like this one"
        return self.priors[0].prior_line() if self.priors else None

    @classmethod
    @ModelView.button
    def compare(cls, results):
        "Add the former examination that is most like it to the comparison"
        for result in results:
            line = result.latest_prior_line()
            if line:
                result._compare_with(line)
        cls.save(results)

    @property
    def has_text(self):
        "Whether anybody wrote what the images show"
        return any((getattr(self, name) or '').strip() for name in _READ)

    @classmethod
    def is_written(cls, table):
        "Return the condition of the results that has_text is true of"
        condition = Literal(False)
        for name in _READ:
            condition |= Coalesce(getattr(table, name), '') != ''
        return condition

    def report_sections(self):
        "Return the texts of the report, by the names of the sections"
        return {name: getattr(self, name) for name in SECTIONS}

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How a report is printed, as it is and as it was"
import shutil
from io import BytesIO

from PIL import Image

from trytond.i18n import gettext
from trytond.modules.health.core import convert_date_timezone, get_institution
from trytond.pool import Pool
from trytond.report import Report
from trytond.transaction import Transaction

from .report_version import OPEN, SECTIONS, TEXTS, section_labels, whole_text
from .rights import ReportRightsMixin

# What a picture may take of a page, in centimetres.
PAGE_WIDTH, PAGE_HEIGHT = 17, 20


class Printed:
    """A result as templates print it, with all that its report says.

    'number' is the version that is printed, None for what holds now. With
    'then' nothing is said of the versions that came after it. All else is
    that of the result, so that templates made for GNU Health 5.0 can be used.
    """

    def __init__(self, result, number=None, then=False):
        self._result = result
        versions = sorted(result.versions, key=lambda v: v.number)
        self._last = versions[-1] if versions else None
        self._then = then
        self._versions = [
            v for v in versions if number is None or v.number <= number]
        texts = [v for v in self._versions if v.kind in TEXTS]
        is_version = number is not None or result.state not in OPEN
        self._text = texts[-1] if texts and is_version else None
        self._is_version = is_version

    def __getattr__(self, name):
        return getattr(self._result, name)

    def __int__(self):
        return int(self._result.id)

    @property
    def printed_version(self):
        "The number of the version that is printed, None for a draft"
        if self._is_version and self._versions:
            return self._versions[-1].number
        return None

    @property
    def printed_state(self):
        if self.printed_version:
            return self._versions[-1].state
        return self._result.state

    @property
    def status(self):
        "What the report is worth, as each page says it"
        parts = [gettext(f'health_imaging.msg_print_{self.printed_state}')]
        number = self.printed_version
        if self.printed_state == 'final' and not self.signer:
            parts = [gettext('health_imaging.msg_print_earlier')]
        if not self._sections():
            parts.append(gettext('health_imaging.msg_print_no_text'))
        if not number:
            return ', '.join(parts)
        last = self._last.number
        if last > number and not self._then:
            parts.append(gettext(
                    'health_imaging.msg_print_withdrawn'
                    if self._last.kind == 'error'
                    else 'health_imaging.msg_print_replaced',
                    version=number, last=last))
        elif number > 1:
            parts.append(gettext(
                    'health_imaging.msg_print_replaces', version=number,
                    earlier=number - 1))
        return ', '.join(parts)

    def _sections(self):
        if self._text:
            return self._text.sections()
        return {
            name: getattr(self._result, name) for name in SECTIONS
            if (getattr(self._result, name) or '').strip()}

    @property
    def sections(self):
        "The headings and the texts of the report"
        labels = section_labels()
        return [
            (labels[name], text) for name, text in self._sections().items()]

    @property
    def addenda(self):
        "The versions that add something"
        return [v for v in self._versions if v.kind == 'addendum']

    @property
    def comment(self):
        """All that the report says as one text.

        It is for templates that know of nothing else.
        """
        sections = self._sections()
        parts = [whole_text(sections)]
        if self.printed_state != 'final' or not sections:
            parts.insert(0, self.status)
        parts += [
            f'{self.addendum_heading(v)}\n{v.comment}' for v in self.addenda]
        return '\n\n'.join(filter(None, parts))

    def addendum_heading(self, version):
        return gettext(
            'health_imaging.msg_print_addendum', signer=version.signer,
            date=_local(version.date))

    @property
    def reason(self):
        "Why the text was corrected, or the report withdrawn"
        reasons = [v.reason for v in self._versions if v.reason]
        return reasons[-1] if reasons else None

    @property
    def signer(self):
        return self._text.signer if self._text else None

    @property
    def times(self):
        "What happened when, as pairs of labels and text"
        times = self._result.report_times()
        if self._text and self._text.signer:
            times.append((
                    gettext('health_imaging.msg_print_signed'),
                    self._text.date))
        return [(label, _local(time)) for label, time in times]

    @property
    def institution(self):
        "The name of the institution, or of the company"
        pool = Pool()
        institution = get_institution()
        if institution:
            return pool.get('gnuhealth.institution')(institution).rec_name
        company = Transaction().context.get('company')
        return pool.get('company.company')(company).rec_name if company else ''


class ResultReport(ReportRightsMixin, Report):
    __name__ = 'patient.imaging_report_results'
    _model = 'gnuhealth.imaging.test.result'

    @classmethod
    def header_key(cls, record):
        "What is of one language is printed together"
        return super().header_key(record) + (
            ('language', cls.get_language(record)),)

    @classmethod
    def get_language(cls, record):
        "Return the patient's language where it is set, else the user's"
        language = cls.get_printed(record, {}).patient.party.lang
        if language and language.translatable:
            return language.code
        return Transaction().language

    @classmethod
    def _execute(cls, records, header, data, action):
        if not records:
            return super()._execute(records, header, data, action)
        language = cls.get_language(records[0])
        for record in records:
            record.set_lang(language)
        with Transaction().set_context(language=language):
            return super()._execute(records, header, data, action)

    @classmethod
    def get_context(cls, records, header, data):
        printed = [cls.get_printed(record, data) for record in records]
        context = super().get_context(printed, header, data)
        context['local'] = convert_date_timezone
        context['picture'] = cls.get_picture
        return context

    @classmethod
    def get_printed(cls, record, data):
        return Printed(record, data.get('version'), data.get('then', False))

    @classmethod
    def pdf_of(cls, result, action, data):
        "Return the PDF of a result, by an action of which that is the format"
        records = cls._get_records([result.id], cls._model, data)
        extension, content = cls._execute(records, {}, data, action)
        if extension != 'pdf':
            raise ValueError(f"a report is printed as {extension}")
        return content

    @classmethod
    def get_picture(cls, attachment):
        "Return the content, MIME type, width and height of the picture"
        return (
            attachment.data, attachment.picture_mimetype,
            *size_on_page(attachment.data))

    @classmethod
    def convert(cls, report, data, **kwargs):
        # Without LibreOffice the report stays the document that it was made.
        if not has_converter():
            return report.template_extension, data
        return super().convert(report, data, **kwargs)


class VersionReport(ResultReport):
    __name__ = 'gnuhealth.imaging.test.result.version.report'
    _model = 'gnuhealth.imaging.test.result.version'

    @classmethod
    def get_printed(cls, record, data):
        return Printed(record.result, record.number)


def has_converter():
    "Whether there is a LibreOffice that makes PDF"
    return bool(shutil.which('soffice'))


def size_on_page(picture):
    """Return the width and height, in ODF lengths, to print the picture with.

    It is not enlarged beyond the 96 dots per inch of a screen and fits on a
    page with its caption. What can not be read as a picture gets a square.
    """
    try:
        with Image.open(BytesIO(picture)) as image:
            width, height = image.size
    except (OSError, Image.DecompressionBombError):
        width = height = PAGE_WIDTH
    scale = min(PAGE_WIDTH / width, PAGE_HEIGHT / height, 2.54 / 96)
    return f'{width * scale:.2f}cm', f'{height * scale:.2f}cm'


def _local(time):
    "Return the time as people of the institution and the language write it"
    return Report.format_datetime(convert_date_timezone(time))

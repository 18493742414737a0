# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The results of the requests, and their images"

from sql import Null
from sql.aggregate import Max

from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.modules.health.core import (
    compute_age_from_dates, convert_date_timezone)
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval, PYSONEncoder
from trytond.tools import grouped_slice, reduce_ids
from trytond.transaction import Transaction
from trytond.wizard import StateAction, Wizard

from .common import EnteredNowMixin, WordSearchMixin, text_indexes, wanted
from .exceptions import PatientMismatchError, ResultGenerationError
from .identity import ChosenPatientMixin
from .locking import forget
from .own_patient import OwnPatientMixin
from .report_life import ReportMixin
from .report_text import ReportTextMixin
from .report_version import STATES as REPORT_STATES
from .rights import ModelRightsMixin, WizardRightsMixin
from .searched_char import SearchedChar


class Result(
        ReportMixin, ReportTextMixin, EnteredNowMixin, WordSearchMixin,
        ChosenPatientMixin, OwnPatientMixin, ModelRightsMixin, ModelSQL,
        ModelView):
    "Imaging Result"
    __name__ = 'gnuhealth.imaging.test.result'
    _rec_name = 'number'
    _search_rec_names = [
        'number', 'order', 'request.accession_number', 'patient.rec_name',
        'requested_test.rec_name', 'requested_test.test_type.rec_name']

    _states = {'readonly': Bool(Eval('request'))}

    number = SearchedChar("Number", readonly=True)
    patient = fields.Many2One(
        'gnuhealth.patient', "Patient", required=True, ondelete='RESTRICT',
        states=_states)
    date = fields.DateTime("Date", required=True)
    computed_age = fields.Function(fields.Char(
            "Age",
            help="The age of the patient at the date of the result."),
        'get_computed_age')
    requested_test = fields.Many2One(
        'gnuhealth.imaging.test', "Test", required=True, ondelete='RESTRICT',
        states=_states)
    doctor = fields.Many2One(
        'gnuhealth.healthprofessional', "Evaluated by", required=True,
        ondelete='RESTRICT')
    request = fields.Many2One(
        'gnuhealth.imaging.test.request', "Request", readonly=True,
        ondelete='RESTRICT')
    order = SearchedChar(
        "Order", readonly=True,
        help="The number of the order that the result answers.")
    request_date = fields.DateTime("Request Date", readonly=True)
    images = fields.One2Many(
        'ir.attachment', 'resource', "Images", order=[('id', 'ASC')])
    report_style = fields.Selection([
            ('default', "Default"),
            ('no_images', "No Images"),
            ('no_image_comments', "No Image Comments"),
            ], "Report Style", sort=False,
        help="What the printed report shows of the images.")

    del _states

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('number_uniq', Unique(table, table.number),
                'health_imaging.msg_result_number_unique'),
            ]
        cls._sql_indexes.update({
                Index(table, (table.patient, Index.Range())),
                Index(table, (table.request, Index.Range())),
                *text_indexes(cls, ['number', 'order']),
                Index(table, (table.requested_test, Index.Range())),
                Index(table, (table.date, Index.Range(order='DESC'))),
                })
        cls._order = [('date', 'DESC'), ('id', 'DESC')]

    @classmethod
    def default_report_style(cls):
        return 'default'

    def get_computed_age(self, name):
        if self.date and self.patient and self.patient.party.dob:
            day = convert_date_timezone(self.date).date()
            return compute_age_from_dates(
                self.patient.party.dob, None, None, None, 'age', day)
        return None

    def get_rec_name(self, name):
        return ' '.join(filter(None, [
                    self.number,
                    self.patient.rec_name if self.patient else None,
                    f'({self.requested_test.rec_name})']))

    @classmethod
    def validate_fields(cls, results, field_names):
        super().validate_fields(results, field_names)
        cls._check_patient(results, field_names)
        cls._check_request(results, field_names)

    @classmethod
    def _check_patient(cls, results, field_names):
        if field_names and not field_names & {'patient', 'request'}:
            return
        for result in results:
            if result.request and result.request.patient != result.patient:
                raise PatientMismatchError(gettext(
                        'health_imaging.msg_result_patient_mismatch',
                        result=result.rec_name,
                        request=result.request.rec_name))

    @classmethod
    def _check_request(cls, results, field_names):
        if field_names and 'request' not in field_names:
            return
        for result in results:
            if result.request and result.request.state == 'cancelled':
                raise ResultGenerationError(gettext(
                        'health_imaging.msg_result_cancelled',
                        request=result.request.rec_name))

    @classmethod
    def generate_code(cls, **pattern):
        "Return the number of a new result"
        Sequences = Pool().get('gnuhealth.sequences')
        return Sequences.next_imaging_code('imaging_test_sequence', **pattern)

    @classmethod
    def create(cls, vlist):
        vlist = [values.copy() for values in vlist]
        for values in vlist:
            if not values.get('number'):
                values['number'] = cls.generate_code()
        return super().create(vlist)

    @classmethod
    def copy(cls, results, default=None):
        # A request has one result: the copy does not answer it.
        default = default.copy() if default is not None else {}
        default.setdefault('number')
        default.setdefault('request')
        default.setdefault('order')
        default.setdefault('request_date')
        return super().copy(results, default=default)

    # Templates that hospitals made for GNU Health 5.0 ask these two
    def report_has_images(self):
        "Return whether the printed report shows images"
        return bool(self.images) and self.report_style != 'no_images'

    def report_has_image_comments(self):
        "Return whether the printed report has a comment below an image"
        return self.report_style != 'no_image_comments' and any(
            image.description
            and image.description != "From GNU Health camera"
            for image in self.images)

    @property
    def report_images(self):
        "The attachments that the printed report shows"
        if self.report_style == 'no_images':
            return []
        return [i for i in self.images if i.picture_mimetype]

    def report_times(self):
        "Return the labels and the times of what led to the report"
        if not self.request_date:
            return []
        return [(
                gettext('health_imaging.msg_print_ordered'),
                self.request_date)]

    def report_image_comment(self, image):
        "Return what the printed report says below the image"
        if self.report_style == 'no_image_comments':
            return ''
        return image.description or ''


class Request(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request'

    # Stored, as the reading worklist looks for it in every request
    report_status = fields.Selection(
        [(None, ""), *REPORT_STATES], "Report", readonly=True, sort=False,
        help="What the report of its result is worth.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.add(
            Index(table, (table.report_status, Index.Range())))

    @classmethod
    def __register__(cls, module_name):
        super().__register__(module_name)
        # Migration from before it was stored: all at once, as GNU Health has
        # no index by which the result of each would be found
        table, result, every = (
            cls.__table__(), cls._reports(), cls._reports())
        last = every.select(
            Max(every.id).as_('id'),
            where=every.state != 'entered_in_error',
            group_by=[every.request])
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.update(
                [table.report_status], [result.state], from_=[result, last],
                where=(result.id == last.id) & (table.id == result.request)
                & (table.report_status == Null)))

    @classmethod
    def copy(cls, requests, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('report_status')
        return super().copy(requests, default=default)

    @classmethod
    def domain_report_status(cls, domain, tables):
        # "Not final" is what has no report, too
        table, values = (
            tables[None][0], wanted(domain, {None, *dict(REPORT_STATES)}))
        found = cls.has_report_status(table, values - {None})
        return (
            found | (table.report_status == Null) if None in values
            else found)

    @classmethod
    def has_report_status(cls, table, states):
        "Return the condition of requests whose report is worth one of these"
        # Its negation holds where there is none
        return (table.report_status != Null) & table.report_status.in_(
            sorted(states) or [''])

    @classmethod
    def keep_report_status(cls, requests):
        """Store what the reports of the requests are worth.

        It is for who changes a result. No client that shows the requests has
        to load them again, and nobody needs a right to them.
        """
        table, result = cls.__table__(), cls._reports()
        status = result.select(
            result.state, limit=1, order_by=result.id.desc,
            where=(result.request == table.id)
            & (result.state != 'entered_in_error'))
        cursor = Transaction().connection.cursor()
        for sub_ids in grouped_slice(sorted(set(map(int, requests)))):
            cursor.execute(*table.update(
                    [table.report_status], [status],
                    where=reduce_ids(table.id, sub_ids)))
        forget(cls)

    @classmethod
    def _reports(cls):
        # The state of a report is told to who may not read what it says
        return Pool().get('gnuhealth.imaging.test.result').__table__()


class GenerateResults(WizardRightsMixin, Wizard):
    "Generate Imaging Results"
    __name__ = 'wizard.generate.result'
    _rights = (
        ('gnuhealth.imaging.test.request', 'write'),
        ('gnuhealth.imaging.test.result', 'create'))
    _models = ('gnuhealth.imaging.test.request',)

    start_state = 'open_'
    open_ = StateAction('health_imaging.act_imaging_test_result_view')

    def do_open_(self, action):
        Request = Pool().get('gnuhealth.imaging.test.request')
        Request.warn_lacking_images(self.records)
        results = Request.create_results(self.records)
        action['pyson_domain'] = PYSONEncoder().encode(
            [('id', 'in', [r.id for r in results])])
        return action, {}

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The wizard that attaches a picture of a study to a report, to print with it"
from trytond.model import ModelView, fields
from trytond.modules.health_imaging.rights import (
    FormRightsMixin, WizardRightsMixin)
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Eval
from trytond.transaction import without_check_access
from trytond.wizard import Button, StateTransition, StateView, Wizard

from . import dicom
from .exceptions import OrthancError, ServerError, describe
from .thumbnail import checked

_RESULT = 'gnuhealth.imaging.test.result'
_RIGHTS = ((_RESULT, 'write'),)
# The largest width and height, in pixels: 17 cm on paper at 150 dots per inch
_SIZE = 1024


class Result(metaclass=PoolMeta):
    __name__ = _RESULT
    _button_rights = {'add_key_image': _RIGHTS}

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._buttons.update(add_key_image={
                'invisible': ~Eval('state').in_(['draft', 'preliminary'])
                | ~Eval('studies', []),
                'depends': ['state', 'studies'],
                })

    @classmethod
    @ModelView.button_action('health_orthanc.wizard_key_image')
    def add_key_image(cls, results):
        cls.check_unlocked(results)

    def key_image_series(self):
        "Return the series of its studies of which pictures may be kept"
        Series = Pool().get('gnuhealth.orthanc.series')
        return Series.search([
                ('study', 'in', [s.id for s in self.studies]),
                ('study.missing_since', '=', None),
                ('missing_since', '=', None),
                ('server.thumbnails', '=', True),
                ('image_count', '>', 0),
                ('document', '=', False),
                ['OR',
                    ('modality', '=', None),
                    ('modality', 'not in', list(dicom.DOCUMENTS))],
                ])


class KeyImageStart(FormRightsMixin, ModelView):
    "Add Key Image"
    __name__ = 'gnuhealth.orthanc.key_image.start'
    _form_rights = _RIGHTS

    result = fields.Many2One(_RESULT, "Result", readonly=True)
    choices = fields.Many2Many(
        'gnuhealth.orthanc.series', None, None, "Series to Choose From")
    series = fields.Many2One(
        'gnuhealth.orthanc.series', "Series", required=True,
        domain=[('id', 'in', Eval('choices', []))],
        help="Those of the studies of the result, on servers with Thumbnails.")
    image_count = fields.Integer("Images", readonly=True)
    number = fields.Integer(
        "Image", required=True,
        domain=[
            ('number', '>=', 1),
            ('number', '<=', Eval('image_count', 1)),
            ],
        help="Which of the images of the series, in their order.")
    caption = fields.Text(
        "Caption", help="What the printed report says below the picture.")

    @fields.depends('series', '_parent_series.image_count')
    def on_change_series(self):
        self.image_count = self.number = None
        if self.series:
            self.image_count = self.series.image_count or 0
            self.number = (self.image_count + 1) // 2


class KeyImage(WizardRightsMixin, Wizard):
    "Add Key Image"
    __name__ = 'gnuhealth.orthanc.key_image'
    _rights = _RIGHTS
    _models = (_RESULT,)

    start = StateView(
        'gnuhealth.orthanc.key_image.start',
        'health_orthanc.key_image_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button("Add", 'add', 'tryton-add', default=True),
            ])
    add = StateTransition()

    def _locked(self):
        # Others need not wait for the server: to attach it locks the report
        return ()

    def default_start(self, fields):
        type(self.record).check_unlocked([self.record])
        series = self.record.key_image_series()
        values = {
            'result': self.record.id,
            'choices': [s.id for s in series],
            }
        if len(series) == 1:
            values.update(
                series=series[0].id, image_count=series[0].image_count,
                number=(series[0].image_count + 1) // 2)
        return values

    def transition_add(self):
        Attachment = Pool().get('ir.attachment')
        series, number = self.start.series, self.start.number
        type(self.record).check_unlocked([self.record])
        if series not in self.record.key_image_series():
            # The form offers no other
            raise ServerError(describe(
                    'no_picture', None, series.server.url))
        picture = self._picture(series, number)
        Attachment.create([{
                    'resource': str(self.record),
                    'type': 'data',
                    'name': f'{series.rec_name} {number}.jpg',
                    'data': picture,
                    'description': self.start.caption,
                    }])
        return 'end'

    @without_check_access
    def _picture(self, series, number):
        "Return the JPEG of an image of the series; raises ServerError"
        try:
            with series.server.connect() as connection:
                return checked(
                    connection.picture(series.orthanc_id, _SIZE, number),
                    _SIZE)
        except OrthancError as error:
            raise ServerError(describe(
                    error.reason, error.detail, series.server.url)) from error

    def end(self):
        return 'reload'

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What Tryton's own models learn of imaging"
import hashlib
import mimetypes

from trytond.model import fields
from trytond.pool import Pool, PoolMeta
from trytond.transaction import Transaction

from .report_life import OfReportMixin, OnReportMixin
from .rights import FormRightsMixin

# What both clients and LibreOffice can show, and how such content begins.
PICTURE_SIGNATURES = {
    'image/bmp': b'BM',
    'image/gif': b'GIF8',
    'image/jpeg': b'\xff\xd8\xff',
    'image/png': b'\x89PNG\r\n\x1a\n',
    }


def picture_mimetype(name, get_data):
    """Return the MIME type of an attached picture, None for other content.

    'get_data' is called only when the extension of the name says nothing, as
    with pictures taken by a camera of the client.
    """
    mimetype, encoding = mimetypes.guess_type(name or '')
    if mimetype or encoding:
        return mimetype if mimetype in PICTURE_SIGNATURES else None
    data = get_data() or b''
    for mimetype, signature in PICTURE_SIGNATURES.items():
        if data.startswith(signature):
            return mimetype
    return None


class Attachment(OfReportMixin, FormRightsMixin, metaclass=PoolMeta):
    __name__ = 'ir.attachment'

    picture = fields.Function(fields.Binary(
            "Picture", filename='name',
            help="The attached file, if it is a picture."),
        'get_picture')

    @property
    def picture_mimetype(self):
        "The MIME type of the attached picture, None for other content"
        if self.type == 'data':
            return picture_mimetype(self.name, lambda: self.data)
        return None

    @property
    def content_digest(self):
        "The name and what is attached by it, as one line"
        content = (self.data or b'') if self.type == 'data' else (
            self.link or '').encode()
        return f'{self.name} {hashlib.sha256(content).hexdigest()}'

    def get_picture(self, name):
        if not self.picture_mimetype:
            return None
        # The clients ask first for the size of binary fields.
        size = Transaction().context.get(f'{self.__name__}.{name}')
        return len(self.data) if size == 'size' else self.data

    @classmethod
    def _reports(cls, attachments):
        return _results(attachments)


class Note(OnReportMixin, FormRightsMixin, metaclass=PoolMeta):
    "A remark, which is added to a signed report as well"
    __name__ = 'ir.note'

    @classmethod
    def write(cls, *args):
        if any(values.keys() - {'unread'} for values in args[1::2]):
            super().write(*args)
        else:
            # What each user has read is none of the remark
            super(OnReportMixin, cls).write(*args)

    @classmethod
    def _reports(cls, notes):
        return _results(notes)


def _results(resources):
    "Return the results that notes or attachments are on"
    Result = Pool().get('gnuhealth.imaging.test.result')
    return {
        r.resource for r in resources
        if isinstance(r.resource, Result) and r.resource.id >= 0}


class Cron(metaclass=PoolMeta):
    __name__ = 'ir.cron'

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls.method.selection.append((
                'gnuhealth.imaging.test.result.document|make_missing',
                "Make the PDF of Signed Reports"))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The PDF of each signed version, as it was printed when it was signed"
import hashlib
import logging

from sql import Null

from trytond.config import config
from trytond.i18n import gettext
from trytond.model import ModelSQL, ModelView, Unique, fields
from trytond.pool import Pool, PoolMeta
from trytond.tools import grouped_slice
from trytond.transaction import Transaction, without_check_access

from .common import any_of_names
from .exceptions import AuditError
from .own_patient import OwnPatientMixin
from .report_print import has_converter
from .report_version import SIGNED, digest
from .rights import ModelRightsMixin

logger = logging.getLogger(__name__)

_VERSION = 'gnuhealth.imaging.test.result.version'
# How many are made before what was made is kept
_BATCH = 20


class Document(OwnPatientMixin, ModelRightsMixin, ModelSQL, ModelView):
    "Imaging Report PDF"
    __name__ = 'gnuhealth.imaging.test.result.document'
    _patient_fields = ('version.result.patient',)

    version = fields.Many2One(
        _VERSION, "Version", required=True, readonly=True,
        ondelete='RESTRICT')
    content = fields.Binary(
        "PDF", file_id='file_id', store_prefix='imaging_report',
        filename='filename', readonly=True)
    file_id = fields.Char("File", readonly=True)
    filename = fields.Function(fields.Char("File Name"), 'get_filename')
    content_sha256 = fields.Char(
        "SHA-256 of the PDF", required=True, readonly=True)
    sha256 = fields.Char(
        "SHA-256", required=True, readonly=True,
        help="The SHA-256 of the PDF with that of the version.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('version_unique', Unique(table, table.version),
                'health_imaging.msg_report_document_unique'),
            ]
        cls._order = [('version', 'DESC'), ('id', 'DESC')]

    def get_rec_name(self, name):
        return self.version.rec_name

    search_rec_name = any_of_names('version.rec_name')

    def get_filename(self, name):
        return f'{self.version.result.number}-{self.version.number}.pdf'

    @classmethod
    def write(cls, *args):
        raise cls._locked_error()

    @classmethod
    def delete(cls, documents):
        raise cls._locked_error()

    @classmethod
    def copy(cls, documents, default=None):
        raise cls._locked_error()

    @classmethod
    def create(cls, vlist):
        if Transaction().check_access:
            raise cls._locked_error()
        return super().create(vlist)

    @classmethod
    def _locked_error(cls):
        return AuditError(gettext('health_imaging.msg_report_version_locked'))

    @classmethod
    @without_check_access
    def make(cls, versions):
        """Make the PDF of those of the versions that have none.

        What can not be printed waits for the next time.
        """
        if not has_converter():
            return []
        vlist = []
        for version in versions:
            if version.document_file:
                continue
            try:
                content = version.as_pdf()
            except Exception:
                # A template of the hospital's can raise whatever it wants
                logger.exception("No PDF of report version %s", version.id)
                continue
            hash_ = hashlib.sha256(content).hexdigest()
            vlist.append({
                    'version': version.id,
                    'content': content,
                    'content_sha256': hash_,
                    'sha256': digest(version.sha256, [hash_]),
                    })
        return cls.create(vlist)

    @classmethod
    @without_check_access
    def make_missing(cls):
        "Make the PDF of signed versions that wait for one, the newest first"
        pool = Pool()
        Version = pool.get(_VERSION)
        version, document = Version.__table__(), cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*version
            .join(document, 'LEFT', condition=document.version == version.id)
            .select(
                version.id,
                where=version.kind.in_(sorted(SIGNED))
                & (document.id == Null),
                order_by=[version.id.desc], limit=_BATCH))
        return cls.make(Version.browse([id_ for id_, in cursor]))

    def fits(self):
        "Whether the PDF is the one that was made of the version"
        hash_ = hashlib.sha256(self.content or b'').hexdigest()
        return (
            hash_ == self.content_sha256
            and self.sha256 == digest(self.version.sha256, [hash_]))


class Version(metaclass=PoolMeta):
    __name__ = _VERSION

    document_file = fields.Function(fields.Many2One(
            'gnuhealth.imaging.test.result.document', "Kept PDF"),
        'get_document_file')
    document_state = fields.Function(fields.Selection([
                (None, ""),
                ('stored', "Stored"),
                ('waiting', "Waiting"),
                ('no_converter', "No LibreOffice"),
                ], "PDF", sort=False,
            help="Whether the version is kept as it was printed."),
        'get_document_state')

    @classmethod
    def get_document_file(cls, versions, name):
        Document = Pool().get('gnuhealth.imaging.test.result.document')
        files = dict.fromkeys(map(int, versions))
        for sub_ids in grouped_slice(list(files)):
            for document in Document.search(
                    [('version', 'in', list(sub_ids))]):
                files[document.version.id] = document.id
        return files

    def get_document_state(self, name):
        if self.document_file:
            return 'stored'
        if self.kind not in SIGNED:
            return None
        return 'waiting' if has_converter() else 'no_converter'

    @classmethod
    def append(cls, results, kind, *args, **kwargs):
        Document = Pool().get('gnuhealth.imaging.test.result.document')
        versions = super().append(results, kind, *args, **kwargs)
        # Without a worker it would be made while the user waits: then the
        # schedule makes it
        if kind in SIGNED and config.getboolean(
                'queue', 'worker', default=False):
            Document.__queue__.make(versions)
        return versions

    def as_pdf(self):
        "Return the version as who signed it prints it"
        pool = Pool()
        Report = pool.get('patient.imaging_report_results', type='report')
        ActionReport = pool.get('ir.action.report')
        ModelData = pool.get('ir.model.data')
        action = ActionReport(ModelData.get_id(
                'health_imaging', 'imaging_result_report'))
        with Transaction().set_user(self.user.id), \
                Transaction().set_context(
                    language=self.user.language.code
                    if self.user.language else None,
                    company=self.user.company.id
                    if self.user.company else None):
            return Report.pdf_of(
                self.result, action, {'version': self.number, 'then': True})

    @classmethod
    def _misfit(cls, result, versions):
        number = super()._misfit(result, versions)
        misfits = [number] if number else []
        misfits += [
            v.number for v in versions
            if v.document_file and not v.document_file.fits()]
        return min(misfits, default=None)

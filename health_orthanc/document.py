# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed reports on their way back to Orthanc, as Encapsulated PDF.

What is signed leaves a row for each study that gets its document, in the same
transaction, with the UIDs that the document has whenever it is sent. A task
sends it: it first asks whether it is there already, as the answer to an
earlier try can have been lost. Nothing here can hold up who signs, nor a
synchronization.
"""
import logging

from sql import Literal, Null
from sql.aggregate import Max

from trytond.config import config
from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.modules.health_imaging.common import any_of_names
from trytond.modules.health_imaging.dicom import new_uid
from trytond.modules.health_imaging.own_patient import OwnPatientMixin
from trytond.modules.health_imaging.rights import ModelRightsMixin
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval, If
from trytond.tools import grouped_slice
from trytond.transaction import Transaction, without_check_access

from . import bulk, sync
from .exceptions import (
    Forbidden, Misfiled, NotPrinted, OrthancError, ServerError, ServerFailed,
    StudyGone, Unexpected, WriteForbidden, describe)
from .link import fits

logger = logging.getLogger(__name__)

_RESULT = 'gnuhealth.imaging.test.result'
# What is sent, and what it is called (PS3.3 C.24.2, Document Title)
_KINDS = {
    'final': "Final",
    'addendum': "With Addendum",
    'correction': "Correction",
    'error': "Entered in Error",
    }
# So many are sent by one task, which each can take as long as a print
_TASK = 20
_DONE = {'next_try': None, 'error_reason': None, 'error_detail': None}
# Where it comes in a viewer: after the images (PS3.3 C.7.3.1, Series Number)
_SERIES_NUMBER = 9000


class ReportDocument(
        OwnPatientMixin, ModelRightsMixin, ModelSQL, ModelView):
    "Report Document"
    __name__ = 'gnuhealth.orthanc.report_document'
    _patient_fields = ('result.patient',)
    _button_rights = {
        'send_again': (
            ('gnuhealth.orthanc.config', 'write'), (__name__, 'read')),
        }

    result = fields.Many2One(
        _RESULT, "Result", required=True, readonly=True, ondelete='RESTRICT')
    version = fields.Many2One(
        f'{_RESULT}.version', "Version", required=True, readonly=True,
        ondelete='RESTRICT', help="What was signed.")
    server = fields.Many2One(
        'gnuhealth.orthanc.config', "Server", required=True, readonly=True,
        ondelete='CASCADE')
    study = fields.Many2One(
        'gnuhealth.orthanc.study', "Study", required=True, readonly=True,
        ondelete='CASCADE', help="The study that gets the document.")
    state = fields.Selection([
            ('waiting', "Waiting"),
            ('sent', "Sent"),
            ('replaced', "Replaced"),
            ], "State", required=True, readonly=True, sort=False,
        help="Replaced: a later version was signed before this one was sent, "
        "and that one is sent.")
    series_instance_uid = fields.Char(
        "Series Instance UID", required=True, readonly=True)
    sop_instance_uid = fields.Char(
        "SOP Instance UID", required=True, readonly=True,
        help="The identifier of the document, which it has in each try.")
    tries = fields.Integer("Tries", required=True, readonly=True)
    next_try = fields.DateTime(
        "Next Try", readonly=True,
        states={'invisible': Eval('state') != 'waiting'},
        help="The first scheduled action after it sends the document.")
    sent_at = fields.DateTime("Sent At", readonly=True)
    error_reason = fields.Char("Error Reason", readonly=True)
    error_detail = fields.Char("Error Detail", readonly=True)
    error = fields.Function(
        fields.Text(
            "Error", states={'invisible': ~Bool(Eval('error'))},
            help="Why it could not be sent, and what to do."),
        'on_change_with_error')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ('version_study_unique', Unique(table, table.version, table.study),
                'health_orthanc.msg_report_document_unique'),
            ]
        cls._sql_indexes.update({
                Index(table, (table.result, Index.Equality())),
                Index(
                    table, (table.next_try, Index.Range()),
                    where=table.state == 'waiting'),
                })
        cls._order = [('id', 'DESC')]
        cls._buttons.update(send_again={
                'invisible': Eval('state') == 'replaced',
                'depends': ['state'],
                })

    @classmethod
    def default_state(cls):
        return 'waiting'

    @classmethod
    def default_tries(cls):
        return 0

    def get_rec_name(self, name):
        return f'{self.server.rec_name} {self.version.number}'

    search_rec_name = any_of_names('server.rec_name', 'result.rec_name')

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Bool(Eval('error_reason')), 'danger',
                    If(Eval('state') == 'replaced', 'muted', ''))),
            ]

    @fields.depends(
        'error_reason', 'error_detail', 'server', '_parent_server.url')
    def on_change_with_error(self, name=None):
        if not (self.error_reason and self.server):
            return None
        return describe(
            self.error_reason, self.error_detail, self.server.url)

    @classmethod
    @ModelView.button
    def send_again(cls, documents):
        "Let them be sent now, also what a server lost"
        off = [d for d in documents if not d.server.store_reports]
        if off:
            raise ServerError(gettext(
                    'health_orthanc.msg_report_document_off',
                    server=off[0].server.rec_name))
        table = cls.__table__()
        bulk.change(
            cls, table.update(
                [table.state, table.tries, table.next_try],
                ['waiting', 0, None],
                where=table.state != 'replaced'),
            table.id, [d.id for d in documents])
        cls._push(documents)

    @classmethod
    @without_check_access
    def prepare(cls, versions):
        "Make a row for each study that gets the document of a version"
        versions = {v.result.id: v for v in versions if v.kind in _KINDS}
        # What was withdrawn is told to those who may have it
        had = {(d.result.id, d.server.id) for d in cls.search(
                [('result', 'in', list(versions))], order=[])}
        rows = [{
                'result': result_id,
                'version': versions[result_id].id,
                'server': server_id,
                'study': study_id,
                'series_instance_uid': new_uid(),
                'sop_instance_uid': new_uid(),
                } for result_id, server_id, study_id
            in cls._targets(versions)
            if versions[result_id].kind != 'error'
            or (result_id, server_id) in had]
        documents = cls.create(rows)
        # Without worker who signs would wait for the server
        if config.getboolean('queue', 'worker', default=False):
            cls._push(documents)
        return documents

    @classmethod
    def _targets(cls, result_ids):
        """Return the ids of the result, server and study of what is sent.

        Those are the studies of the results, and their copies of the same
        patient, on servers that are set so. Of what a server has, or had,
        more than once the one there counts, and before all the one on the
        result.
        """
        pool = Pool()
        link, result, linked, study, server = (
            pool.get(name).__table__() for name in [
                'gnuhealth.imaging.test.result-gnuhealth.orthanc.study',
                _RESULT, 'gnuhealth.orthanc.study', 'gnuhealth.orthanc.study',
                'gnuhealth.orthanc.config'])
        rows = bulk.fetch(
            link.join(result, condition=result.id == link.result)
            .join(linked, condition=linked.id == link.study)
            .join(study, condition=fits(study, result) & (
                    study.study_instance_uid == linked.study_instance_uid))
            .join(server, condition=(server.id == study.server)
                & (server.active == Literal(True))
                & (server.store_reports == Literal(True)))
            .select(
                result.id, study.server, study.study_instance_uid, study.id,
                study.missing_since, linked.id),
            link.result, result_ids)
        best = {}
        for result_id, server_id, uid, study_id, missing, linked_id in rows:
            rank = (missing is not None, study_id != linked_id, study_id)
            key = (result_id, server_id, uid)
            best[key] = min(rank, best.get(key, rank))
        return sorted(
            (result_id, server_id, study_id)
            for (result_id, server_id, _), (*_, study_id) in best.items())

    @classmethod
    def send_due(cls):
        "Queue what waits and is due, on servers that are in use"
        table = cls.__table__()
        server = Pool().get('gnuhealth.orthanc.config').__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table
            .join(server, condition=server.id == table.server)
            .select(
                table.id,
                where=cls._is_due(table)
                & (server.active == Literal(True))
                & (server.store_reports == Literal(True)),
                order_by=[table.id]))
        cls._push(cls.browse([id_ for id_, in cursor]))

    @classmethod
    def _is_due(cls, table):
        return (table.state == 'waiting') & (
            (table.next_try == Null) | (table.next_try <= bulk.now()))

    @classmethod
    def _push(cls, documents):
        # The trouble of one server delays no other
        servers = {}
        for document in documents:
            servers.setdefault(document.server, []).append(document)
        for sent in servers.values():
            for some in grouped_slice(sent, _TASK):
                cls.__queue__.send(list(some))

    @classmethod
    def send(cls, documents):
        "Send those of the documents, of one server, that are due"
        waiting = cls._claim([d.id for d in documents])
        Transaction().commit()
        while waiting:
            id_, *rest = waiting
            try:
                values = cls._send(id_)
            except OrthancError as exception:
                if not _is_about_document(exception):
                    # Nor would the others come through
                    cls._note_failure(waiting, exception)
                    return
                cls._note_failure([id_], exception)
            else:
                cls._note([id_], **values)
            waiting = rest

    @classmethod
    def _claim(cls, ids):
        """Return those of the ids that are due, for whoever sends them.

        They are due again after the wait, whatever becomes of the task.
        """
        table = cls.__table__()
        due = dict(bulk.fetch(
                table.select(
                    table.id, table.tries, where=cls._is_due(table)),
                table.id, ids))
        for tries in set(due.values()):
            bulk.change(
                cls, table.update(
                    [table.tries, table.next_try],
                    [tries + 1, bulk.next_try(tries)],
                    where=table.tries == tries),
                table.id, [id_ for id_, n in due.items() if n == tries])
        return sorted(due)

    @classmethod
    def _send(cls, id_):
        """Send one, and return the values to note.

        Raises OrthancError and, where it helps to try again, what the
        database does.
        """
        Server = Pool().get('gnuhealth.orthanc.config')
        server_id = None
        try:
            document = cls(id_)
            server_id = document.server.id
            content = None
            if document.is_latest():
                content = document._print()
            study_id = document._study_there().orthanc_id
            uid, tags = document.sop_instance_uid, document._tags()
            connection = Server(server_id).connect()
            # No transaction is open while waiting for the server
            Transaction().commit()
            with connection:
                parent = _store(connection, uid, study_id, tags, content)
        except OrthancError:
            raise
        except Exception as exception:
            if bulk.is_transient(exception):
                raise
            Transaction().rollback()
            raise sync.unexpected(server_id, exception) from exception
        if parent is None:
            return {'state': 'replaced', **_DONE}
        if parent != study_id:
            raise Misfiled(parent)
        return {'state': 'sent', 'sent_at': bulk.now(), **_DONE}

    def is_latest(self):
        "Return whether nothing was signed of the result since"
        table = self.version.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                Max(table.number), where=table.result == self.result.id))
        return cursor.fetchone()[0] == self.version.number

    def _study_there(self):
        """Return the study, or what it is now where Orthanc gave it a new ID.

        Raises StudyGone where there is none of the patient.
        """
        Study = Pool().get('gnuhealth.orthanc.study')
        same = Study.search([
                ('server', '=', self.server.id),
                ('study_instance_uid', '=', self.study.study_instance_uid),
                ('local_patient', '=', self.result.patient.id),
                ('missing_since', '=', None),
                ], order=[('id', 'ASC')])
        if not same:
            raise StudyGone(self.study.study_instance_uid)
        return self.study if self.study in same else same[0]

    def _print(self):
        "Return the PDF that is kept of the version; raises NotPrinted"
        Document = Pool().get('gnuhealth.imaging.test.result.document')
        # It can come before the task that makes it
        Document.make([self.version])
        document = Document.search([('version', '=', self.version.id)])
        if not document:
            raise NotPrinted('')
        return bytes(document[0].content)

    def _tags(self):
        """Return the tags of the document (PS3.3 A.45.1).

        None is of the patient or the study: these are those of the study that
        it is put into, and one sent along would put it elsewhere.
        """
        number, kind = self.version.number, _KINDS[self.version.kind]
        # ASCII, which each study can have
        title = f'Imaging Report {number} ({kind})'
        if number > 1:
            title += f', replaces version {number - 1}'
        return {
            'SOPClassUID': '1.2.840.10008.5.1.4.1.1.104.1',
            'SOPInstanceUID': self.sop_instance_uid,
            'SeriesInstanceUID': self.series_instance_uid,
            'Modality': 'DOC',
            'SeriesNumber': str(_SERIES_NUMBER + number),
            'SeriesDescription': title,
            'InstanceNumber': str(number),
            'DocumentTitle': title,
            'MIMETypeOfEncapsulatedDocument': 'application/pdf',
            'ContentDate': f'{self.version.date:%Y%m%d}',
            'ContentTime': f'{self.version.date:%H%M%S}',
            'VerificationFlag': 'VERIFIED',
            'BurnedInAnnotation': 'YES',
            'ConversionType': 'WSD',
            }

    @classmethod
    def _note_failure(cls, ids, error):
        logger.warning(
            "Orthanc server: %s report documents not sent: %s",
            len(ids), error.reason)
        cls._note(
            ids, error_reason=error.reason, error_detail=error.detail or None)

    @classmethod
    def _note(cls, ids, **columns):
        bulk.assign(cls, ids, columns)
        Transaction().commit()


def _is_about_document(error):
    "Return whether another document could be sent to the server"
    return isinstance(
        error, (Misfiled, NotPrinted, ServerFailed, StudyGone, Unexpected))


def _store(connection, uid, study_id, tags, content):
    """Return the Orthanc ID of the study that has the document.

    It is stored where it is not there yet. None where it is not, and there is
    no content: a later version was signed.
    """
    parent = connection.study_of_instance(uid)
    if parent or content is None:
        return parent
    if not connection.has_study(study_id):
        raise StudyGone(study_id)
    try:
        return connection.store_document(study_id, tags, content)
    except Forbidden as error:
        raise WriteForbidden(error.detail) from error


class Version(metaclass=PoolMeta):
    __name__ = f'{_RESULT}.version'

    @classmethod
    def append(cls, results, kind, *args, **kwargs):
        Document = Pool().get('gnuhealth.orthanc.report_document')
        versions = super().append(results, kind, *args, **kwargs)
        Document.prepare(versions)
        return versions


class Result(metaclass=PoolMeta):
    __name__ = _RESULT

    documents = fields.One2Many(
        'gnuhealth.orthanc.report_document', 'result', "Sent to Orthanc",
        readonly=True,
        states={'invisible': ~Bool(Eval('documents'))},
        help="The documents of the report that servers store.")
    documents_error = fields.Function(
        fields.Text(
            "Not Sent",
            states={'invisible': ~Bool(Eval('documents_error'))},
            help="Why Orthanc does not have the report yet, and what to do. "
            "It is tried again."),
        'get_documents_error')

    @classmethod
    @without_check_access
    def get_documents_error(cls, results, name):
        Document = Pool().get('gnuhealth.orthanc.report_document')
        errors = {r.id: [] for r in results}
        for some in grouped_slice(results):
            for document in Document.search([
                        ('result', 'in', [r.id for r in some]),
                        ('state', '=', 'waiting'),
                        ('error_reason', '!=', None),
                        ], order=[('id', 'ASC')]):
                errors[document.result.id].append(gettext(
                        'health_orthanc.msg_report_document_error',
                        server=document.server.rec_name,
                        version=document.version.number,
                        error=document.error))
        return {
            id_: '\n'.join(texts) or None for id_, texts in errors.items()}

    @classmethod
    def copy(cls, results, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('documents')
        return super().copy(results, default=default)


class Server(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.config'

    store_reports = fields.Boolean(
        "Store Reports",
        help="Store each report that is signed from now on as a PDF document "
        "in its study on this server. The user of the server must be allowed "
        "to write there.")

    @classmethod
    def default_store_reports(cls):
        return False

    @classmethod
    def synchronize_all(cls, servers=None):
        Document = Pool().get('gnuhealth.orthanc.report_document')
        super().synchronize_all(servers)
        if servers is None:
            Document.send_due()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One small picture of each series, of servers that are set so.

A series is wanted where thumbnail_next_try is set: by the synchronization
that stored it, or by who opened a form that would show it. A task of its own
fetches what is wanted; neither of the two waits for the server. That a series
has no picture is kept as well, until the series changes.
"""
import contextlib
import io
import logging
import os

from PIL import Image
from sql import Literal, Null
from sql.conditionals import Coalesce

from trytond import backend
from trytond.config import config
from trytond.filestore import filestore
from trytond.model import Index, fields
from trytond.model.exceptions import AccessError
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction, without_check_access

from . import bulk
from .exceptions import NoPicture, OrthancError

logger = logging.getLogger(__name__)

# The largest width and height, in pixels, and what a picture may be of
SIZE = 256
_LARGEST = 4  # times the size that was asked for, as no server has to keep it
_QUALITY = 80
# So many are fetched by one task, some milliseconds each
_TASK = 100
_FORGOTTEN = {
    'thumbnail_id': None, 'thumbnail_of': None, 'thumbnail_tries': None,
    'thumbnail_next_try': None}


def checked(content, size):
    """Return the picture as a JPEG that fits into a square of that size.

    content is what a server sent, which can be anything. It is drawn anew, so
    that nothing but the picture is kept. Raises NoPicture.
    """
    try:
        with Image.open(io.BytesIO(content), formats=['JPEG', 'PNG']) as image:
            if max(image.size) > _LARGEST * size:
                raise NoPicture(f'{image.width} x {image.height} pixels')
            picture = image.convert('L' if image.mode == 'L' else 'RGB')
    except NoPicture:
        raise
    except Exception as exception:
        # What a library says of broken files is of any class
        raise NoPicture(type(exception).__name__) from exception
    picture.thumbnail((size, size))
    output = io.BytesIO()
    picture.save(output, 'JPEG', quality=_QUALITY)
    return output.getvalue()


class Series(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.series'

    thumbnail = fields.Binary(
        "Picture", readonly=True, file_id='thumbnail_id',
        help="A small picture of the image in the middle.")
    thumbnail_id = fields.Char("Picture ID", readonly=True)
    thumbnail_of = fields.Char(
        "Picture Of", readonly=True,
        help="The digest that the series had when its picture was fetched.")
    thumbnail_tries = fields.Integer("Tries for the Picture", readonly=True)
    thumbnail_next_try = fields.DateTime(
        "Next Try for the Picture", readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.update({
                Index(
                    table, (table.server, Index.Range()),
                    where=table.thumbnail_next_try != Null),
                Index(
                    table, (table.server, Index.Range()),
                    where=table.thumbnail_id != Null),
                })
        for name in [
                'thumbnail', 'thumbnail_id', 'thumbnail_of', 'thumbnail_tries',
                'thumbnail_next_try']:
            getattr(cls, name).loading = 'lazy'

    @classmethod
    def _joined(cls):
        "Return the tables of series, studies and servers, and their join"
        pool = Pool()
        table = cls.__table__()
        study, server = (
            pool.get(name).__table__() for name in [
                'gnuhealth.orthanc.study', 'gnuhealth.orthanc.config'])
        return table, study, server, (table
            .join(study, condition=study.id == table.study)
            .join(server, condition=server.id == table.server))

    @classmethod
    def _is_shown(cls, table, study, server):
        return (
            (server.thumbnails == Literal(True))
            & (study.missing_since == Null) & (table.missing_since == Null))

    @classmethod
    def want_thumbnails(cls, study_ids):
        """Note which series of these studies are to be fetched.

        They are those of linked studies that have images, and of which there
        is no picture since they changed. Return the ids of their servers.
        """
        table, study, server, query = cls._joined()
        rows = bulk.fetch(
            query.select(
                table.id, table.server,
                where=cls._is_shown(table, study, server)
                & (server.active == Literal(True))
                & (study.local_patient != Null)
                & cls.is_of_images(table)
                & (Coalesce(table.image_count, 0) > 0)
                & (table.thumbnail_next_try == Null)
                & (Coalesce(table.thumbnail_of, '')
                    != Coalesce(table.digest, '-'))),
            table.study, study_ids)
        bulk.assign(
            cls, [id_ for id_, _ in rows],
            {'thumbnail_next_try': bulk.now()})
        return {server_id for _, server_id in rows}

    @classmethod
    def has_thumbnail_work(cls, server_id):
        "Return whether there is something to fetch, or to forget"
        table, study, server, query = cls._joined()
        cursor = Transaction().connection.cursor()
        for where in [
                cls._is_due(table),
                (table.thumbnail_id != Null)
                & ~cls._is_shown(table, study, server)]:
            cursor.execute(*query.select(
                    table.id, where=(table.server == server_id) & where,
                    limit=1))
            if cursor.fetchone():
                return True
        return False

    @classmethod
    def _is_due(cls, table):
        return (table.thumbnail_next_try != Null) & (
            table.thumbnail_next_try <= bulk.now())

    @classmethod
    def update_thumbnails(cls, server_id):
        """Forget what is not shown any more, and fetch what is wanted.

        Return whether there is more to fetch. Commits.
        """
        cls.forget_thumbnails(server_id)
        wanted = cls._claim_thumbnails(server_id)
        Transaction().commit()
        if not wanted:
            return False
        try:
            connection = Pool().get(
                'gnuhealth.orthanc.config')(server_id).connect()
            Transaction().commit()
            with connection:
                for id_, orthanc_id, digest in wanted:
                    try:
                        picture = checked(
                            connection.picture(orthanc_id, SIZE), SIZE)
                    except NoPicture as error:
                        logger.debug("No picture: %s", error)
                        picture = None
                    cls._keep_thumbnail(id_, digest, picture)
        except OrthancError as error:
            # They are due again after their wait
            logger.warning(
                "Orthanc server %s: no pictures: %s", server_id, error.reason)
            return False
        return len(wanted) == _TASK

    @classmethod
    def _claim_thumbnails(cls, server_id):
        """Return id, Orthanc ID and digest of what is due, for who fetches it.

        It is due again after the wait, whatever becomes of the task.
        """
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.id, table.orthanc_id, table.digest,
                Coalesce(table.thumbnail_tries, 0),
                where=(table.server == server_id) & cls._is_due(table),
                order_by=[
                    Coalesce(table.thumbnail_tries, 0), table.id.desc],
                limit=_TASK))
        rows = cursor.fetchall()
        for tries in {row[3] for row in rows}:
            bulk.change(
                cls, table.update(
                    [table.thumbnail_tries, table.thumbnail_next_try],
                    [tries + 1, bulk.next_try(tries)]),
                table.id, [row[0] for row in rows if row[3] == tries])
        return [tuple(row[:3]) for row in rows]

    @classmethod
    def _keep_thumbnail(cls, id_, digest, picture):
        "Store the picture, or None where there is none, and commit"
        file_id = picture and filestore.set(picture, cls._file_prefix())
        table, _, server, query = cls._joined()
        # Somebody could have turned it off meanwhile
        (before, is_on), = bulk.fetch(
            query.select(
                table.thumbnail_id, server.thumbnails), table.id, [id_])
        if is_on:
            bulk.assign(cls, [id_], {
                    **_FORGOTTEN, 'thumbnail_id': file_id,
                    'thumbnail_of': digest or '-'})
        Transaction().commit()
        cls.remove_files([before, file_id])

    @classmethod
    def forget_thumbnails(cls, server_id):
        "Forget the pictures that are not shown any more, and commit"
        table, study, server, query = cls._joined()
        hidden = ~cls._is_shown(table, study, server)
        rows = bulk.fetch(
            query.select(
                table.id, table.thumbnail_id,
                where=hidden & ((table.thumbnail_id != Null)
                    | (table.thumbnail_next_try != Null))),
            table.server, [server_id])
        bulk.assign(cls, [id_ for id_, _ in rows], _FORGOTTEN)
        Transaction().commit()
        cls.remove_files([file_id for _, file_id in rows])

    @classmethod
    def _file_prefix(cls):
        # That of fields.Binary
        return cls.thumbnail.store_prefix or Transaction().database.name

    @classmethod
    def remove_files(cls, file_ids):
        """Remove the files that nothing refers to.

        Tryton's file store has no such method, and keeps equal contents once:
        that of an attachment as well.
        """
        file_ids = set(filter(None, file_ids))
        attachment = Pool().get('ir.attachment').__table__()
        table = cls.__table__()
        for query, column in [
                (table.select(table.thumbnail_id), table.thumbnail_id),
                (attachment.select(attachment.file_id), attachment.file_id)]:
            file_ids -= {id_ for id_, in bulk.fetch(query, column, file_ids)}
        for file_id in file_ids:
            # Another file store than Tryton's own keeps them
            with contextlib.suppress(OSError, AttributeError):
                os.remove(filestore._filename(file_id, cls._file_prefix()))


class ThumbnailsMixin:
    "What shows the pictures of the series of its studies"
    __slots__ = ()

    thumbnails = fields.Function(
        fields.Many2Many(
            'gnuhealth.orthanc.series', None, None, "Pictures",
            states={'invisible': ~Bool(Eval('thumbnails'))},
            help="A small picture of each series that has images."),
        'get_thumbnails')

    @classmethod
    def get_thumbnails(cls, records, name):
        "Return the series that have a picture, and let the others get one"
        Series = Pool().get('gnuhealth.orthanc.series')
        shown = {r.id: [] for r in records}
        of_study = {}
        for id_, study_id in cls._shown_studies(list(shown)):
            of_study.setdefault(study_id, []).append(id_)
        table, study, server, query = Series._joined()
        found = dict(map(tuple, bulk.fetch(
                    query.select(
                        table.id, table.study,
                        where=Series._is_shown(table, study, server)
                        & (table.thumbnail_id != Null)),
                    table.study, of_study)))
        with contextlib.suppress(AccessError):
            # What the rights and the record rules let the user see
            for series in Series.search([('id', 'in', list(found))]):
                for id_ in of_study[found[series.id]]:
                    shown[id_].append(series.id)
        _want(of_study)
        return shown

    @classmethod
    def _shown_studies(cls, ids):
        "Return pairs of the ids of the records and of their studies"
        raise NotImplementedError


@without_check_access
def _want(study_ids):
    """Let a task fetch the pictures of the studies that are wanted.

    Who opens a form must not notice: what reads does so in a transaction that
    writes nothing. Without worker the next synchronization fetches them.
    """
    pool = Pool()
    Series = pool.get('gnuhealth.orthanc.series')
    Server = pool.get('gnuhealth.orthanc.config')
    try:
        with contextlib.ExitStack() as stack:
            if Transaction().readonly and backend.name != 'sqlite':
                stack.enter_context(Transaction().new_transaction())
            servers = Series.want_thumbnails(study_ids)
            if config.getboolean('queue', 'worker', default=False):
                Server.update_thumbnails_soon(servers)
    except backend.DatabaseOperationalError:
        # Somebody else opened the same
        logger.debug("Pictures are not noted as wanted", exc_info=True)


class Study(ThumbnailsMixin, metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    @classmethod
    def _shown_studies(cls, ids):
        return [(id_, id_) for id_ in ids]

    @classmethod
    def store(cls, server_id, records):
        pool = Pool()
        Series = pool.get('gnuhealth.orthanc.series')
        Server = pool.get('gnuhealth.orthanc.config')
        studies = super().store(server_id, records)
        # What arrives; not all that a new server has
        if Server.shows_arrivals(server_id):
            Series.want_thumbnails([
                    studies.ids[i] for i
                    in studies.new | studies.changed | studies.back])
        return studies


class _LinkedThumbnailsMixin(ThumbnailsMixin):
    "What has the studies of a link"
    __slots__ = ()

    @classmethod
    def _shown_studies(cls, ids):
        Link = Pool().get(cls.studies.relation_name)
        link = Link.__table__()
        origin = getattr(link, cls.studies.origin)
        return [
            tuple(row) for row in bulk.fetch(
                link.select(origin, link.study), origin, ids)]


class Request(_LinkedThumbnailsMixin, metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request'


class Result(_LinkedThumbnailsMixin, metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.result'


class Server(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.config'

    thumbnails = fields.Boolean(
        "Thumbnails",
        help="Keep one small picture of each series of linked studies in GNU "
        "Health, and show it. Where it is off no image is saved, and those "
        "that were are deleted.")

    @classmethod
    def default_thumbnails(cls):
        return False

    @classmethod
    def shows_arrivals(cls, id_):
        "Return whether pictures of what arrives from now on are wanted"
        table = cls.__table__()
        cursor = Transaction().connection.cursor()
        cursor.execute(*table.select(
                table.id,
                where=(table.id == id_)
                & (table.thumbnails == Literal(True))
                & (table.last_success != Null)))
        return bool(cursor.fetchone())

    @classmethod
    def write(cls, *args):
        super().write(*args)
        cls._queue('update_thumbnails', [
                server for servers, values in zip(
                    args[::2], args[1::2], strict=True)
                if 'thumbnails' in values for server in servers])

    @classmethod
    def delete(cls, servers):
        Series = Pool().get('gnuhealth.orthanc.series')
        table = Series.__table__()
        file_ids = [
            file_id for file_id, in bulk.fetch(
                table.select(
                    table.thumbnail_id, where=table.thumbnail_id != Null),
                table.server, map(int, servers))]
        super().delete(servers)
        Series.remove_files(file_ids)

    @classmethod
    def synchronize(cls, servers):
        ids = list(map(int, servers))
        super().synchronize(servers)
        Series = Pool().get('gnuhealth.orthanc.series')
        cls.update_thumbnails_soon(
            filter(Series.has_thumbnail_work, ids))

    @classmethod
    def update_thumbnails_soon(cls, ids):
        "Queue the pictures of servers, by their ids"
        cls._queue('update_thumbnails', cls.browse(list(ids)))

    @classmethod
    def update_thumbnails(cls, servers):
        "Bring the pictures of the servers up to date"
        Series = Pool().get('gnuhealth.orthanc.series')
        has_worker = config.getboolean('queue', 'worker', default=False)
        for id_ in list(map(int, servers)):
            # Without worker the next synchronization goes on
            if Series.update_thumbnails(id_) and has_worker:
                cls.update_thumbnails_soon([id_])

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer modalities straight from the database: C-ECHO, worklist and MPPS.

It needs pynetdicom, which the extra "worklist" brings. Each request is a
transaction of its own, so that any number of processes can answer.
"""
import datetime as dt
import ipaddress
import logging
import threading
import time
import weakref
from contextlib import contextmanager
from functools import partial
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian,
    generate_uid)
from pynetdicom import AE, evt
from pynetdicom.dimse_messages import C_FIND_RSP
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep, ModalityWorklistInformationFind,
    Verification)

from trytond import backend
from trytond.config import config
from trytond.model.exceptions import SQLConstraintError
from trytond.pool import Pool
from trytond.transaction import Transaction, TransactionError

from . import mpps
from .worklist import company_timezone
from .worklist_item import encoded, read_wanted
from .worklist_query import QueryError, read_query

logger = logging.getLogger(__name__)

# PS3.4 K.4.1.1.4
_PENDING = 0xFF00
_PENDING_WITH_UNKNOWN_KEYS = 0xFF01
_CANCELLED = 0xFE00
_OUT_OF_RESOURCES = 0xA700
_IDENTIFIER_DOES_NOT_MATCH = 0xA900
_UNABLE_TO_PROCESS = 0xC001
# PS3.8 9.3.4: rejected permanently by the service user ...
_NOT_RECOGNIZED = 1, 1, 3
# ... or for now by its provider, as it has too much to do
_TEMPORARY = 2, 3, 1
# The bytes of one message: a report names each image with some 200
MAXIMUM_MESSAGE = 32 * 1024 * 1024
# The bytes of one PDU: we ask for those of 16 KiB
MAXIMUM_PDU = 1024 * 1024
# Those that encoded knows
_TRANSFER_SYNTAXES = [
    ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
# PDUs that wait to be sent of one association
_MOST_QUEUED = 200
# How long what is known of stations is taken for true, in seconds
_STATIONS_AGE = 5


class DatabaseAway(Exception):
    "There is no connection to the database"


class Gateway:
    """The services for one database.

    timezone is that of the institution, by default that of its company.
    """

    def __init__(self, database, timezone=None):
        self.database = database
        self._stations = None, 0
        self._lock = threading.Lock()
        # Who waits here would wait for a connection in steps of a second
        # A transaction may ask for a second one, of what the database can
        self._connections = threading.BoundedSemaphore(max(
                1, config.getint('database', 'maxconn', default=64) // 2))
        # Not every connection that is lost is told of as closed
        self._received = weakref.WeakKeyDictionary()
        self.timezone = timezone or self.retrying(
            company_timezone, readonly=True)

    @contextmanager
    def transaction(self, readonly=False):
        with self._connections:
            try:
                transaction = Transaction().start(
                    self.database, 0, readonly=readonly,
                    context={'_skip_warnings': True})
            except backend.DatabaseOperationalError as exception:
                raise DatabaseAway from exception
            with transaction:
                yield transaction

    def retrying(self, function, readonly=False):
        "Return what the function returns, tried again where others collide"
        retry = config.getint('database', 'retry')
        count = 0
        while True:
            try:
                with self.transaction(readonly) as transaction:
                    result = function()
                    if not readonly:
                        transaction.commit()
                return result
            except (
                    backend.DatabaseOperationalError,
                    backend.DatabaseIntegrityError, SQLConstraintError,
                    TransactionError):
                if count == retry:
                    raise
                count += 1
                time.sleep(0.02 * count)

    # Who may ask

    def stations(self):
        "Return (character set, networks) of the stations by AE title"
        stations, since = self._stations
        if time.monotonic() - since > _STATIONS_AGE or stations is None:
            try:
                stations = self.retrying(self._read_stations, readonly=True)
            except DatabaseAway:
                # Who was known is told so in answer to what it asks
                if stations is None:
                    raise
            else:
                self._stations = stations, time.monotonic()
        return stations

    def _read_stations(self):
        Station = Pool().get('gnuhealth.imaging.station')
        return {
            s.ae_title: (s.character_set, s.get_networks())
            for s in Station.search([])}

    def _may_ask(self, association):
        station = self.stations().get(association.requestor.ae_title)
        if station is None:
            return False
        _, networks = station
        address = ipaddress.ip_address(association.requestor.address)
        return not networks or any(address in n for n in networks)

    def on_requested(self, event):
        association = event.assoc
        association.requestor.ae_title = (
            association.requestor.primitive.calling_ae_title)
        try:
            refusal = (
                None if self._may_ask(association) else _NOT_RECOGNIZED)
        except Exception:
            logger.error("who asks can not be checked", exc_info=True)
            refusal = _TEMPORARY
        if refusal:
            logger.warning(
                "refused to answer an association from %s",
                association.requestor.address)
            association.acse.send_reject(*refusal)
            # Or the connection is closed before that is sent
            association.kill()

    def on_open(self, event):
        "Let no connection say less than a PDU for longer than the time-out"
        connection = event.assoc.dul.socket
        connection.recv = partial(
            _receive, connection, event.assoc.network_timeout)

    def on_data(self, event):
        "End an association whose message is endless"
        with self._lock:
            size = self._received.get(event.assoc, 0) + len(event.data)
            self._received[event.assoc] = size
        if size > MAXIMUM_MESSAGE:
            logger.warning("ended an association with an endless message")
            event.assoc.dul.socket.close()

    def on_message(self, event):
        with self._lock:
            self._received.pop(event.assoc, None)

    def on_closed(self, event):
        self.on_message(event)
        association = event.assoc
        if association.requestor.primitive is None:
            # It would be waited for what it asks, and count among the others
            association.dul.to_user_queue.put(None)

    # What is answered

    def on_find(self, event):
        try:
            query = read_query(event.identifier)
            wanted = read_wanted(event.identifier)
        except QueryError as exception:
            yield _failure(_IDENTIFIER_DOES_NOT_MATCH, str(exception)), None
            return
        except Exception:
            logger.warning("a query can not be read", exc_info=True)
            yield _failure(
                _UNABLE_TO_PROCESS, "The query can not be read"), None
            return
        caller = event.assoc.requestor.ae_title
        try:
            character_set, _ = self.stations()[caller]
            items = self.retrying(
                lambda: self._items(query, caller), readonly=True)
        except Exception:
            logger.error("a query can not be answered", exc_info=True)
            yield _failure(
                _OUT_OF_RESOURCES, "The database does not answer"), None
            return
        send = Answers(
            event, _PENDING if wanted.all_known
            else _PENDING_WITH_UNKNOWN_KEYS).send
        syntax = UID(event.context.transfer_syntax)
        for item in items:
            if event.is_cancelled:
                yield _CANCELLED, None
                return
            send(encoded(item, wanted, character_set, syntax))

    def _items(self, query, caller):
        Request = Pool().get('gnuhealth.imaging.test.request')
        return list(Request.worklist(query, self.timezone, caller))

    def on_create(self, event):
        uid = event.request.AffectedSOPInstanceUID
        given = uid is not None
        uid = str(uid) if given else str(generate_uid(prefix=None))

        def store():
            Performed = Pool().get('gnuhealth.imaging.performed_step')
            Performed.report_creation(
                uid, event.attribute_list, self._to_utc)

        answer = Dataset()
        if not given:
            answer.AffectedSOPInstanceUID = uid
        return self._report(store), answer

    def on_set(self, event):
        uid = str(event.request.RequestedSOPInstanceUID)

        def store():
            Performed = Pool().get('gnuhealth.imaging.performed_step')
            Performed.report_modification(
                uid, event.modification_list, self._to_utc)

        return self._report(store), Dataset()

    def _report(self, store):
        "Return the status of a report that is stored by the function"
        try:
            self.retrying(store)
        except mpps.Refusal as refusal:
            return _failure(refusal.status, str(refusal), refusal.error_id)
        except Exception:
            logger.error("a report can not be stored", exc_info=True)
            return _failure(
                mpps.PROCESSING_FAILURE, "The report can not be stored")
        return 0x0000

    def _to_utc(self, moment):
        return moment.replace(tzinfo=self.timezone).astimezone(
            dt.timezone.utc).replace(tzinfo=None)

    # Where it answers

    def start(
            self, host='127.0.0.1', port=11112, ae_title='GNUHEALTH',
            associations=100, timeout=30, ssl_context=None):
        "Answer in threads, and return the server to shut down"
        entity = AE(ae_title=ae_title)
        entity.maximum_associations = associations
        entity.acse_timeout = timeout
        entity.dimse_timeout = timeout
        entity.network_timeout = timeout
        for sop_class in [
                Verification, ModalityWorklistInformationFind,
                ModalityPerformedProcedureStep]:
            entity.add_supported_context(sop_class, _TRANSFER_SYNTAXES)
        return entity.start_server(
            (host, port), block=False,
            ssl_context=ssl_context and _LateHandshake(ssl_context),
            evt_handlers=[
                (evt.EVT_CONN_OPEN, self.on_open),
                (evt.EVT_REQUESTED, self.on_requested),
                (evt.EVT_DATA_RECV, self.on_data),
                (evt.EVT_DIMSE_RECV, self.on_message),
                (evt.EVT_CONN_CLOSE, self.on_closed),
                (evt.EVT_C_ECHO, lambda event: 0x0000),
                (evt.EVT_C_FIND, self.on_find),
                (evt.EVT_N_CREATE, self.on_create),
                (evt.EVT_N_SET, self.on_set),
                ])


class _LateHandshake:
    """A TLS context whose handshakes are in the threads of the associations.

    One that was begun where connections are accepted would let all wait.
    """

    def __init__(self, context):
        self._context = context

    def wrap_socket(self, connection, server_side):
        return self._context.wrap_socket(
            connection, server_side=server_side,
            do_handshake_on_connect=False)


def _receive(connection, timeout, size):
    """Return so many bytes, fewer where they end.

    pynetdicom would wait for ever for what was announced, and believe any
    size.
    """
    peer = connection.socket
    try:
        if size > MAXIMUM_PDU:
            raise ValueError
        return _receive_in_time(peer, timeout, size)
    except (OSError, ValueError):
        connection.close()
        peer.close()
        # Which it takes for the end
        return bytearray()


def _receive_in_time(peer, timeout, size):
    received = bytearray()
    end = time.monotonic() + timeout
    try:
        while len(received) < size:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            peer.settimeout(left)
            part = peer.recv(min(size - len(received), 2 ** 16))
            if not part:
                break
            received += part
    finally:
        # Who does not read what is sent is not waited for either
        peer.settimeout(timeout)
    return received


class Answers:
    """The pending answers to a C-FIND, which differ in their data only.

    pynetdicom would make each anew, which takes longer than to encode it.
    """

    def __init__(self, event, status):
        answer = C_FIND()
        answer.MessageID = answer.MessageIDBeingRespondedTo = (
            event.request.MessageID)
        answer.AffectedSOPClassUID = event.request.AffectedSOPClassUID
        answer.Status = status
        # Whether there is data, and not which, is in the command
        answer.Identifier = BytesIO(b'\0\0')
        message = C_FIND_RSP()
        message.primitive_to_message(answer)
        self._association = event.assoc
        self._context_id = event.context.context_id
        # PS3.8 9.3.1: of each PDU, 6 bytes are not of the fragment
        maximum = event.assoc.dimse.maximum_pdu_size
        self._size = maximum - 6 if maximum else None
        self._command = self._fragments(
            encode(message.command_set, True, True), b'\1', b'\3')

    def _fragments(self, content, control, last):
        "Return the fragments of a message (PS3.8 E.2)"
        size = self._size or len(content)
        parts = [
            content[start:start + size]
            for start in range(0, len(content), size)]
        return [
            (self._context_id, (last if part is parts[-1] else control) + part)
            for part in parts]

    def send(self, data):
        "Send an answer with these bytes of data"
        provider = self._association.dul
        while (provider.to_provider_queue.qsize() > _MOST_QUEUED
                and self._association.is_established):
            # Who does not read is not to fill the memory
            time.sleep(0.002)
        for fragment in [
                *self._command, *self._fragments(data, b'\0', b'\2')]:
            primitive = P_DATA()
            primitive.presentation_data_value_list.append(fragment)
            provider.send_pdu(primitive)


def _failure(status, comment, error_id=None):
    answer = Dataset()
    answer.Status = status
    # PS3.5 6.2 LO
    answer.ErrorComment = comment[:64]
    if error_id is not None:
        answer.ErrorID = error_id
    return answer

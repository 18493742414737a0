# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"How studies and the requests that they name are joined"
from sql import Null

from trytond.pool import Pool

from . import matching, order_matching
from .link import fits

# What can say that a study answers an order
MATCHES = [
    (order_matching.STUDY_INSTANCE_UID, "Study Instance UID"),
    (order_matching.MERGE_ID, "Merge ID"),
    (order_matching.ACCESSION_NUMBER, "Accession Number"),
    (matching.MANUAL, "By Hand"),
    ]


def same_identifier(identifier, study, request):
    "Return whether the rows of a study and a request share the identifier"
    if identifier == order_matching.ACCESSION_NUMBER:
        return study.accession_number == request.accession_number
    return study.study_instance_uid == getattr(request, identifier)


def identifiers():
    "Return the names of the identifiers that requests have"
    Request = Pool().get('gnuhealth.imaging.test.request')
    return [
        name for name in order_matching.ORDER_IDENTIFIERS
        if name in Request._fields]


def with_lines(query, request):
    "Join what makes a RequestLine, and return the columns of its values"
    pool = Pool()
    test = pool.get('gnuhealth.imaging.test').__table__()
    type_ = pool.get('gnuhealth.imaging.test.type').__table__()
    return (
        query
        .join(test, condition=test.id == request.requested_test)
        .join(type_, 'LEFT', condition=type_.id == test.test_type), [
            request.id, request.patient, request.request, type_.code,
            request.state == 'cancelled', request.date,
            request.accession_number])


def request_line(
        id_, patient, number, modality, cancelled, date, accession_number):
    "Return the order_matching.RequestLine of the columns of with_lines"
    return order_matching.RequestLine(
        id_, patient, number, modality, cancelled, date and date.date(),
        accession_number)


def numbered(request, study):
    "Join requests with the studies of their patients, both with a number"
    return request.join(study, condition=fits(study, request)
        & (study.accession_number != Null)
        & (study.accession_number != '')
        & (request.accession_number != Null))

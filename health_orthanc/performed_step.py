# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Of which order machines perform their steps."
import datetime as dt
import json
from collections import defaultdict

from trytond.pool import Pool, PoolMeta
from trytond.transaction import without_check_access

from . import mpps, order_matching
from .matching import Reported, identifier
from .order_matching import RequestLine


class PerformedStep(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.performed_step'

    @classmethod
    @without_check_access
    def report_creation(cls, sop_instance_uid, attributes, to_utc):
        """Store that a machine begins a step.

        Raise mpps.Refusal.
        """
        if cls.current(sop_instance_uid):
            raise mpps.Refusal(
                mpps.DUPLICATE_INSTANCE, 'The step is there already')
        rows = mpps.values(mpps.create(attributes), to_utc)
        for values, verdict in zip(rows, cls._match(rows), strict=True):
            values.update(cls._verdict_values(verdict))
        cls._report(sop_instance_uid, 1, rows)

    @classmethod
    @without_check_access
    def report_modification(cls, sop_instance_uid, modification, to_utc):
        """Store how a machine goes on with a step, or ends it.

        Raise mpps.Refusal.
        """
        known = cls.current(sop_instance_uid)
        if not known:
            raise mpps.Refusal(
                mpps.NO_SUCH_INSTANCE, 'There is no such step')
        attributes = mpps.modify(
            type(modification).from_json(json.loads(known[0].attributes)),
            modification)
        rows = mpps.values(attributes, to_utc)
        for values, row in zip(rows, known, strict=True):
            values.update({
                    'request': row.request and row.request.id,
                    'match': row.match,
                    'differences': row.differences,
                    'user': row.user and row.user.id,
                    })
        cls._report(sop_instance_uid, known[0].number + 1, rows)

    @classmethod
    def _report(cls, sop_instance_uid, number, rows):
        Station = Pool().get('gnuhealth.imaging.station')
        stations = {
            station.ae_title: station.id for station in Station.search([
                    ('ae_title', 'in', [r['station_ae_title'] for r in rows])
                    ])}
        received = dt.datetime.now().replace(microsecond=0)
        cls.record([{
                    **values,
                    'sop_instance_uid': sop_instance_uid,
                    'number': number,
                    'received': received,
                    'station': stations.get(values['station_ae_title']),
                    } for values in rows])

    @classmethod
    def _verdict_values(cls, verdict):
        return {
            'request': verdict.lines[0] if verdict.lines else None,
            'match': verdict.reason,
            'differences': ' '.join(verdict.differences) or None,
            }

    @classmethod
    def _match(cls, rows):
        "Return the OrderVerdict of each"
        pool = Pool()
        Patient = pool.get('gnuhealth.patient')
        Request = pool.get('gnuhealth.imaging.test.request')
        requests = Request.search(['OR', *(
                    (name, 'in', list(filter(None, (r[name] for r in rows))))
                    for name in order_matching.STEP_IDENTIFIERS)])
        persons = Patient.persons_by_id({r.patient.id for r in requests})
        identifiers = defaultdict(set)
        for request in requests:
            party = request.patient.party
            identifiers[request.patient.id].update(filter(None, map(
                        identifier, [
                            party.ref,
                            *(i.code for i in party.alternative_ids)])))
        return [
            order_matching.match_performed_step(
                order_matching.PerformedStep(
                    Reported(
                        row['patient_name'], row['birth_date'], row['sex']),
                    row['patient_id'], row['modality']),
                cls._named(row, requests), persons, identifiers)
            for row in rows]

    @classmethod
    def _named(cls, row, requests):
        "Return the lines that have an identifier of the step, by its name"
        named = defaultdict(list)
        for request in requests:
            line = RequestLine(
                request.id, request.patient.id, request.request,
                request.requested_test.test_type.code,
                # What was reopened is not to be made any more, as it stands
                request.state in {'draft', 'cancelled'})
            for name in order_matching.STEP_IDENTIFIERS:
                if row[name] and row[name] == getattr(request, name):
                    named[name].append(line)
        return named

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How requests follow what machines report"
from collections import defaultdict

from trytond.pool import Pool, PoolMeta
from trytond.transaction import without_check_access


def status_of_steps(statuses):
    """Return the status of a procedure whose performed steps have those.

    None where there is no step.
    """
    for status, name in [
            ('IN PROGRESS', 'started'),
            ('COMPLETED', 'completed'),
            ('DISCONTINUED', 'discontinued')]:
        if status in statuses:
            return name
    return None


class Request(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request'

    @classmethod
    @without_check_access
    def follow_performed_steps(cls, requests):
        "Take the procedures of the requests where their machines are"
        pool = Pool()
        Performed = pool.get('gnuhealth.imaging.performed_step')
        Step = pool.get('gnuhealth.imaging.test.request.step')
        statuses = defaultdict(set)
        reasons = {}
        for step in Performed.latest_of(requests):
            statuses[step.request.id].add(step.status)
            reasons[step.request.id] = step.discontinuation_reason
        left = cls._left_by_steps([
                r for r in requests if r.id not in statuses])
        moved = defaultdict(list)
        for request in requests:
            if request.id in statuses:
                status, reason = status_of_steps(statuses[request.id]), None
                if status == 'discontinued':
                    reason = reasons[request.id]
            else:
                status, reason = left.get(request.id, (None, None))
            if status and status != request.procedure_status:
                moved[status, reason].append(request)
        for (status, reason), moving in moved.items():
            Step.record_procedure(moving, status, reason)
            cls._set_procedure_status(moving, status)

    @classmethod
    def _left_by_steps(cls, requests):
        """Return what procedures go back to whose steps are of other requests.

        That is the status that people gave it before a machine reported of
        it, and the reason of that, by the id of the request. Where people
        said since what no machine said it stays.
        """
        pool = Pool()
        Performed = pool.get('gnuhealth.imaging.performed_step')
        Step = pool.get('gnuhealth.imaging.test.request.step')
        reports, taken = defaultdict(list), defaultdict(list)
        requests = {r.id: r for r in requests if r.state == 'requested'}
        if not requests:
            return {}
        for report in Performed.search([('request', 'in', list(requests))]):
            reports[report.request.id].append(report)
        for step in Step.search([
                    ('request', 'in', list(reports)),
                    ('procedure_status', '!=', None),
                    ], order=[('id', 'DESC')]):
            taken[step.request.id].append(step)
        left = {}
        for id_, rows in reports.items():
            reported = {status_of_steps({row.status}) for row in rows}
            since = min(row.received for row in rows)
            if requests[id_].procedure_status in reported:
                left[id_] = next((
                        (step.procedure_status, step.reason)
                        for step in taken[id_]
                        if step.procedure_status not in reported
                        or step.date < since), ('scheduled', None))
        return left

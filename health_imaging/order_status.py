# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How far orders are, for who may not read what they say"
from trytond.model import ModelSQL, ModelView, fields
from trytond.pool import Pool
from trytond.pyson import Eval, If
from trytond.transaction import without_check_access

from .common import with_negation
from .identity import PatientIdentityMixin
from .procedure import STATUSES
from .report_version import STATES as REPORT_STATES
from .rights import ModelRightsMixin
from .step import STATES


class OrderStatus(
        PatientIdentityMixin, ModelRightsMixin, ModelSQL, ModelView):
    "Imaging Order Status"
    __name__ = 'gnuhealth.imaging.order_status'
    _rec_name = 'request_line'

    request_line = fields.Char("Order Line")
    patient = fields.Many2One('gnuhealth.patient', "Patient")
    test = fields.Function(fields.Char("Test"), 'get_test')
    date = fields.DateTime("Date", required=True)
    scheduled_date = fields.DateTime("Scheduled")
    urgent = fields.Boolean("Urgent")
    state = fields.Selection(STATES, "State", sort=False)
    procedure_status = fields.Selection(STATUSES, "Procedure", sort=False)
    report_status = fields.Selection(
        [(None, ""), *REPORT_STATES], "Report", sort=False)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        cls._order = [('date', 'DESC'), ('id', 'DESC')]

    @classmethod
    def table_query(cls):
        Request = Pool().get('gnuhealth.imaging.test.request')
        request = Request.__table__()
        return request.select(*(
                getattr(request, name) for name in [
                    'id', 'create_uid', 'create_date', 'write_uid',
                    'write_date', 'request_line', 'patient', 'date',
                    'scheduled_date', 'urgent', 'state', 'procedure_status',
                    'report_status']))

    @classmethod
    @without_check_access
    def get_test(cls, orders, name):
        Request = Pool().get('gnuhealth.imaging.test.request')
        return {
            r.id: r.requested_test.rec_name
            for r in Request.browse(list(map(int, orders)))}

    @classmethod
    @with_negation
    def search_rec_name(cls, name, clause):
        Request = Pool().get('gnuhealth.imaging.test.request')
        # By the indexes of the requests
        with without_check_access():
            return [('id', 'in', Request.search(
                        [(name, *clause[1:])], order=[], query=True))]

    @classmethod
    def view_attributes(cls):
        return super().view_attributes() + [
            ('/tree', 'visual', If(
                    Eval('state') == 'cancelled', 'muted', '')),
            ]

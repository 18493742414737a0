# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"Which studies a result is made from."
from trytond.model import ModelSQL, fields
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction

from . import decision
from .link import StudyLinkMixin


class Result(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.result'

    studies = fields.Many2Many(
        'gnuhealth.imaging.test.result-gnuhealth.orthanc.study',
        'result', 'study', "Studies",
        domain=[
            ('local_patient', '=', Eval('patient', -1)),
            ],
        states={'readonly': ~Bool(Eval('patient'))},
        help="The studies of the patient that the result is about.")

    @classmethod
    def copy(cls, results, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('studies')
        return super().copy(results, default=default)

    @classmethod
    def create(cls, vlist):
        Link = Pool().get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        results = super().create(vlist)
        Link.put_on_results(
            request_ids={r.request.id for r in results if r.request})
        return results


class ResultStudy(StudyLinkMixin, ModelSQL):
    "Imaging Result - DICOM Study"
    __name__ = 'gnuhealth.imaging.test.result-gnuhealth.orthanc.study'
    _target = 'result'

    result = fields.Many2One(
        'gnuhealth.imaging.test.result', "Result", required=True,
        ondelete='CASCADE')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        # A result does not lose what it is made from
        cls.study.ondelete = 'RESTRICT'

    @classmethod
    def delete(cls, links):
        Decision = Pool().get('gnuhealth.orthanc.decision')
        # What a person takes off is not put on again
        if Transaction().check_access:
            Decision.note([{
                        'study': link.study.id,
                        'request': link.result.request.id,
                        'action': decision.TAKE_OFF_RESULT,
                        } for link in links if link.result.request])
        super().delete(links)

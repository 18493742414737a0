# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What is of the patients that a user treats: for record rules"
from sql import Union

from trytond.model import fields
from trytond.modules.health.core import get_health_professional
from trytond.pool import Pool


class OwnPatientMixin:
    """What is of a patient, one of the fields named by _patient_fields.

    A patient is one's own who has one as primary care doctor, was evaluated
    by one, or has an imaging order of one.
    """
    __slots__ = ()

    _patient_fields = ('patient',)

    of_own_patient = fields.Function(fields.Boolean(
            "Of an Own Patient",
            help="Whether the user is the doctor of the patient, evaluated "
            "the patient, or ordered imaging for the patient."),
        'get_of_own_patient', searcher='search_of_own_patient')

    @classmethod
    def get_of_own_patient(cls, records, name):
        own = set(cls.search([
                    ('id', 'in', [record.id for record in records]),
                    (name, '=', True)], order=[]))
        return {record.id: record in own for record in records}

    @classmethod
    def search_of_own_patient(cls, name, clause):
        _, operator, value = clause
        if operator in {'in', 'not in'}:
            value = True in value
        own = bool(value) == (operator in {'=', 'in'})
        domain = ['OR', *((name, 'in', cls._own())
                for name in cls._patient_fields)]
        if own:
            return domain
        return [('id', 'not in', cls.search(domain, order=[], query=True))]

    @classmethod
    def _own(cls):
        "Return the query of the ids of the user's own patients"
        pool = Pool()
        doctor = get_health_professional(required=False) or -1
        patient, evaluation, request = (
            pool.get(name).__table__() for name in [
                'gnuhealth.patient', 'gnuhealth.patient.evaluation',
                'gnuhealth.imaging.test.request'])
        return Union(
            patient.select(
                patient.id, where=patient.primary_care_doctor == doctor),
            evaluation.select(
                evaluation.patient, where=evaluation.healthprof == doctor),
            request.select(request.patient, where=request.doctor == doctor))

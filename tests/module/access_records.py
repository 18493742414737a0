# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records that test_access.py tries the rights on.

For each module a function that returns, for each of its models, the values
to create a record with (a new one each time) and a change to write.
"""
from itertools import count

from proteus import Model

from ..tools import create_patient, create_test, get_test_type

_numbers = count(1)


def imaging_records():
    HealthProfessional = Model.get('gnuhealth.healthprofessional')
    patient, test = create_patient(), create_test()
    doctor, = HealthProfessional.find([])

    return {
        'gnuhealth.imaging.test.type': (
            lambda: {'code': f'T{next(_numbers)}', 'name': "Type"},
            {'name': "Other"}),
        'gnuhealth.imaging.test': (
            lambda: {
                'code': f'T{next(_numbers)}', 'name': "Test",
                'test_type': get_test_type('CT').id,
                'product': test.product.id},
            {'name': "Other"}),
        'gnuhealth.imaging.test.request': (
            lambda: {
                'patient': patient.id, 'requested_test': test.id,
                'doctor': doctor.id},
            {'comment': "Other"}),
        'gnuhealth.imaging.test.result': (
            lambda: {
                'patient': patient.id, 'requested_test': test.id,
                'doctor': doctor.id},
            {'comment': "Other"}),
        }


RECORDS = {
    'health_imaging': imaging_records,
    }

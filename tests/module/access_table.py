# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: the table that test_access.py holds the modules to.

A model's row says for each group which of read, write, create and delete
("rwcd") its members have; a group that is not named has none of them. A
wizard's or a button's row names the groups whose members can run it.
"""

GROUPS = {
    'nobody': None,
    'front desk': 'health.group_health_frontdesk',
    'doctor': 'health.group_health_doctor',
    'health admin': 'health.group_health_admin',
    'imaging': 'health_imaging.group_health_imaging',
    'imaging admin': 'health_imaging.group_health_imaging_admin',
    }

MODELS = {
    'health_imaging': {
        'gnuhealth.imaging.test.type': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'rwcd',
            'health admin': 'r',
            },
        'gnuhealth.imaging.test': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'rwcd',
            'health admin': 'r',
            },
        # Only drafts can be deleted, see test_request.py.
        'gnuhealth.imaging.test.request': {
            'doctor': 'rwcd',
            'imaging': 'rwcd',
            'imaging admin': 'rwcd',
            'health admin': 'r',
            },
        'gnuhealth.imaging.test.result': {
            'doctor': 'rwc',
            'imaging': 'rwc',
            'imaging admin': 'rwc',
            'health admin': 'r',
            },
        },
    }

WIZARDS = {
    'health_imaging': {
        'gnuhealth.patient.imaging.test.request': {
            'doctor', 'imaging', 'imaging admin'},
        'wizard.generate.result': {
            'doctor', 'imaging', 'imaging admin'},
        },
    }

# The state that a record must be in comes with the records of the test.
BUTTONS = {
    'health_imaging': {
        ('gnuhealth.imaging.test.request', 'requested'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'generate_results'): {
            'doctor', 'imaging', 'imaging admin'},
        },
    }

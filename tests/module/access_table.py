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
    'reporting': 'health_imaging.group_health_imaging_reporting',
    'orthanc': 'health_orthanc.group_imaging_orthanc',
    'orthanc admin': 'health_orthanc.group_imaging_orthanc_admin',
    'reconciliation': 'health_orthanc.group_imaging_reconciliation',
    }

# Who sees what servers hold
READERS = {
    'doctor', 'imaging', 'imaging admin', 'health admin', 'orthanc',
    'orthanc admin', 'reconciliation'}

MODELS = {
    'health_imaging': {
        'gnuhealth.imaging.test.type': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'rwcd',
            'health admin': 'r',
            'orthanc admin': 'r',
            'reconciliation': 'r',
            },
        'gnuhealth.imaging.test': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'rwcd',
            'health admin': 'r',
            'orthanc admin': 'r',
            'reconciliation': 'r',
            },
        # Only drafts can be deleted, see test_request.py.
        'gnuhealth.imaging.test.request': {
            'doctor': 'rwcd',
            'imaging': 'rwcd',
            'imaging admin': 'rwcd',
            'health admin': 'r',
            'orthanc admin': 'r',
            'reconciliation': 'r',
            },
        # Written by the steps themselves.
        'gnuhealth.imaging.test.request.step': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            },
        'gnuhealth.imaging.test.result': {
            'doctor': 'rwc',
            'imaging': 'rwc',
            'imaging admin': 'rwc',
            'health admin': 'r',
            },
        # What reports said: written by the reports themselves.
        'gnuhealth.imaging.test.result.version': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            },
        # Made of what was signed, by the system.
        'gnuhealth.imaging.test.result.document': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            },
        'gnuhealth.imaging.report.template': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'rwcd',
            'health admin': 'r',
            },
        'gnuhealth.imaging.report.macro': {
            'doctor': 'r',
            'imaging': 'rwcd',
            'imaging admin': 'rwcd',
            'health admin': 'r',
            },
        # As with the results.
        'gnuhealth.imaging.critical_finding': {
            'doctor': 'rwc',
            'imaging': 'rwc',
            'imaging admin': 'rwc',
            'health admin': 'r',
            },
        **dict.fromkeys([
                'gnuhealth.imaging.figure.day',
                'gnuhealth.imaging.figure.time',
                'gnuhealth.imaging.figure.reader'], {
                'imaging': 'r',
                'imaging admin': 'r',
                'health admin': 'r',
                }),
        # Nurses as well.
        'gnuhealth.imaging.order_status': {
            'front desk': 'r',
            },
        'gnuhealth.imaging.station': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'rwcd',
            'health admin': 'r',
            'orthanc admin': 'r',
            'reconciliation': 'r',
            },
        # Written by what machines report.
        'gnuhealth.imaging.performed_step': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            'orthanc admin': 'r',
            'reconciliation': 'r',
            },
        },
    'health_orthanc': {
        'gnuhealth.orthanc.config': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            'orthanc': 'r',
            'orthanc admin': 'rwcd',
            'reconciliation': 'r',
            },
        # What can be written is the link, see scenario_orthanc_link.rst.
        'gnuhealth.orthanc.patient': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            'orthanc': 'r',
            'orthanc admin': 'rw',
            'reconciliation': 'rw',
            },
        'gnuhealth.orthanc.study': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            'orthanc': 'rw',
            'orthanc admin': 'rw',
            'reconciliation': 'rw',
            },
        'gnuhealth.orthanc.series': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            'orthanc': 'rw',
            'orthanc admin': 'rw',
            'reconciliation': 'rw',
            },
        # Nobody changes a link: it is made or removed.
        'gnuhealth.imaging.test.request-gnuhealth.orthanc.study': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            'orthanc': 'r',
            'orthanc admin': 'rcd',
            'reconciliation': 'rcd',
            },
        'gnuhealth.orthanc.decision': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            'orthanc': 'r',
            'orthanc admin': 'r',
            'reconciliation': 'r',
            },
        # Deleted are those that can not be removed from where they are.
        'gnuhealth.orthanc.worklist_item': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            'orthanc': 'r',
            'orthanc admin': 'rd',
            'reconciliation': 'r',
            },
        'gnuhealth.orthanc.set_aside': {
            'imaging admin': 'r',
            'health admin': 'r',
            'orthanc admin': 'rw',
            'reconciliation': 'rw',
            },
        'gnuhealth.orthanc.synchronization': {
            'imaging admin': 'r',
            'health admin': 'r',
            'orthanc admin': 'r',
            },
        # Written by what is signed, and by the task that sends it.
        'gnuhealth.orthanc.report_document': {
            'doctor': 'r',
            'imaging': 'r',
            'imaging admin': 'r',
            'health admin': 'r',
            'orthanc admin': 'r',
            },
        'gnuhealth.orthanc.reconciliation': {
            'orthanc admin': 'r',
            'reconciliation': 'r',
            },
        # Written by the upgrade.
        'gnuhealth.orthanc.taken_over': {
            'orthanc admin': 'r',
            'reconciliation': 'r',
            },
        # Written where a study is opened, and never changed.
        'gnuhealth.orthanc.access_log': {
            'health admin': 'r',
            'orthanc admin': 'r',
            },
        },
    }

WIZARDS = {
    'health_imaging': {
        'gnuhealth.patient.imaging.test.request': {
            'doctor', 'imaging', 'imaging admin'},
        'wizard.generate.result': {
            'doctor', 'imaging', 'imaging admin'},
        'gnuhealth.imaging.test.request.cancel': {
            'doctor', 'imaging', 'imaging admin'},
        # Who signs is checked where they begin, see test_report.py.
        'gnuhealth.imaging.test.result.addendum': {
            'doctor', 'imaging', 'imaging admin'},
        'gnuhealth.imaging.test.result.correct': {
            'doctor', 'imaging', 'imaging admin'},
        'gnuhealth.imaging.test.result.withdraw': {
            'doctor', 'imaging', 'imaging admin'},
        'gnuhealth.imaging.test.result.check': {
            'doctor', 'imaging', 'imaging admin'},
        'gnuhealth.imaging.procedure.discontinue': {
            'doctor', 'imaging', 'imaging admin'},
        'gnuhealth.imaging.test.request.read': {
            'doctor', 'imaging', 'imaging admin'},
        'gnuhealth.imaging.figure.orders': {
            'imaging', 'imaging admin', 'health admin'},
        'gnuhealth.imaging.figure.reports': {
            'imaging', 'imaging admin', 'health admin'},
        },
    'health_orthanc': {
        'gnuhealth.orthanc.server.add': {'orthanc admin'},
        'gnuhealth.orthanc.interval': {'orthanc admin'},
        'gnuhealth.orthanc.reconcile': {'orthanc admin', 'reconciliation'},
        'gnuhealth.orthanc.dismiss': {'orthanc admin', 'reconciliation'},
        'gnuhealth.orthanc.study.link_order': {
            'reconciliation', 'orthanc admin'},
        'gnuhealth.imaging.performed_step.settle': {
            'reconciliation', 'orthanc admin'},
        'gnuhealth.orthanc.key_image': {'doctor', 'imaging', 'imaging admin'},
        },
    }

# The state that a record must be in is in access_records.py.
BUTTONS = {
    'health_imaging': {
        ('gnuhealth.imaging.test.request', 'requested'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'generate_results'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'cancel'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'reopen'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.result', 'compare'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.result', 'preliminary'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.result', 'sign'): {'reporting'},
        ('gnuhealth.imaging.test.result', 'addendum'): {'reporting'},
        ('gnuhealth.imaging.test.result', 'correct'): {'reporting'},
        ('gnuhealth.imaging.test.result', 'withdraw_report'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'arrive'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'start'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'complete'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'discontinue'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'schedule_again'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'read_images'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'take'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.request', 'give_back'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.result', 'critical_findings'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.result', 'mark_read'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.critical_finding', 'tell'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.critical_finding', 'acknowledge'): {
            'doctor', 'imaging', 'imaging admin'},
        },
    'health_orthanc': {
        ('gnuhealth.imaging.test.result', 'open_images'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.result', 'take_in'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.result', 'leave_out'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.imaging.test.result', 'add_key_image'): {
            'doctor', 'imaging', 'imaging admin'},
        ('gnuhealth.orthanc.config', 'check'): {'orthanc admin'},
        ('gnuhealth.orthanc.config', 'sync'): {'orthanc admin'},
        ('gnuhealth.orthanc.config', 'confirm_missing'): {'orthanc admin'},
        ('gnuhealth.orthanc.config', 'send_worklist'): {'orthanc admin'},
        ('gnuhealth.orthanc.set_aside', 'retry'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.orthanc.report_document', 'send_again'): {
            'orthanc admin'},
        ('gnuhealth.orthanc.reconciliation', 'reconcile'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.orthanc.reconciliation', 'link_order'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.orthanc.reconciliation', 'dismiss'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.orthanc.study', 'dismiss'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.orthanc.study', 'list_again'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.orthanc.reconciliation', 'decide_anew'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.orthanc.study', 'decide_anew'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.orthanc.patient', 'decide_anew'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.orthanc.reconciliation', 'retry'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.orthanc.reconciliation', 'settle_step'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.imaging.performed_step', 'settle_step'): {
            'orthanc admin', 'reconciliation'},
        ('gnuhealth.orthanc.study', 'open_orthanc_explorer'): READERS,
        ('gnuhealth.orthanc.study', 'open_stone_viewer'): READERS,
        ('gnuhealth.orthanc.study', 'open_ohif_viewer'): READERS,
        ('gnuhealth.orthanc.patient', 'open_orthanc_explorer'): READERS,
        ('gnuhealth.orthanc.config', 'open_orthanc_explorer'): READERS,
        },
    }

# Who signs has all that "imaging" has.
for rows in MODELS.values():
    for grants in rows.values():
        if 'imaging' in grants:
            grants['reporting'] = grants['imaging']
for rows in [*WIZARDS.values(), *BUTTONS.values()]:
    for groups in rows.values():
        if 'imaging' in groups:
            groups.add('reporting')

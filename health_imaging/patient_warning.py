# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What users are told of what images need care for, if they may know it"
from trytond.i18n import gettext
from trytond.model.exceptions import AccessError

from . import precaution
from .rights import check_rights

_CONDITION = 'gnuhealth.patient.disease'
_PREGNANCY = 'gnuhealth.patient.pregnancy'


def warn_of(patient):
    "Yield the sentences that warn of allergies and of a pregnancy"
    yield from _warn_of_allergies(patient)
    yield from _warn_of_pregnancy(patient)


def _warn_of_allergies(patient):
    try:
        check_rights([(_CONDITION, 'read')])
    except AccessError:
        return
    names = precaution.value(
        precaution.allergies(patient.id, precaution.CONTRAST_TYPES))
    if names:
        yield gettext(
            'health_imaging.msg_order_allergy',
            allergies=', '.join(names.splitlines()))


def _warn_of_pregnancy(patient):
    # It is of GNU Health's gynecology, if that is there
    try:
        check_rights([(_PREGNANCY, 'read')])
    except (AccessError, KeyError):
        return
    if precaution.value(precaution.is_pregnant(patient.id)):
        yield gettext('health_imaging.msg_order_pregnancy')

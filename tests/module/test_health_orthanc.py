# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Tryton's own tests of health_orthanc"
from trytond.tests.test_tryton import ModuleTestCase

from .core_defects import CoreDefectsMixin


class HealthOrthancTestCase(CoreDefectsMixin, ModuleTestCase):
    "Test the health_orthanc module"
    module = 'health_orthanc'


del ModuleTestCase

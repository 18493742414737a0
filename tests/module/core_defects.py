# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What GNU Health's own core fails in Tryton's tests"
from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction

# GNU Health grants rights on it by group but denies nobody, up to 5.0.4.
WITHOUT_DEFAULT_ACCESS = {'gnuhealth.procedures.config'}


class CoreDefectsMixin:
    "ModuleTestCase with known defects of GNU Health's core left out"

    @with_transaction()
    def test_model_access(self):
        "Test missing default model access"
        Access = Pool().get('ir.model.access')

        def models(operator):
            return {
                access.model.model for access in Access.search(
                    [('group', operator, None)])}

        self.assertLessEqual(
            models('!=') - models('='), WITHOUT_DEFAULT_ACCESS)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The studies that a wizard is started on"

from trytond.modules.health_imaging.rights import WizardRightsMixin
from trytond.pool import Pool


class SelectedStudiesMixin(WizardRightsMixin):
    "A wizard on studies, selected in their list or in the worklist"
    __slots__ = ()

    _models = (
        'gnuhealth.orthanc.study', 'gnuhealth.orthanc.reconciliation')

    @property
    def studies(self):
        "The studies that are selected"
        Study = Pool().get('gnuhealth.orthanc.study')
        if issubclass(self.model, Study):
            return self.records
        return [row.study for row in self.records if row.study]

    def _locked(self):
        yield Pool().get('gnuhealth.orthanc.study'), self.studies

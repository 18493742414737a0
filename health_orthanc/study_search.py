# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How studies are found by what people type"
from trytond.modules.health_imaging.common import clause_by_ids, like
from trytond.pool import Pool, PoolMeta

from . import order_matching


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    @classmethod
    def _search_words(cls, operator, word, patterns):
        "Yield what the word can be beside a text of the study"
        pool = Pool()
        Access = pool.get('ir.model.access')
        LocalPatient = pool.get('gnuhealth.patient')
        if order_matching.is_modality(word):
            yield like(cls, 'modalities', 'ilike', patterns)
        if Access.get_access([LocalPatient.__name__])[
                LocalPatient.__name__]['read']:
            yield clause_by_ids(
                cls, 'local_patient.rec_name', operator, patterns)

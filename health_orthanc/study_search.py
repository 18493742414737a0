# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How studies are found by what people type"
from trytond.modules.health_imaging.common import (
    clause_by_ids, like, whole_clause, with_negation, word_domain)
from trytond.pool import Pool, PoolMeta

from . import order_matching


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    @classmethod
    @with_negation
    def search_rec_name(cls, name, clause):
        _, operator, value = clause

        def domain_of(word, patterns):
            for name in ['patient_name', 'patient_id', 'accession_number',
                    'description']:
                yield like(cls, name, operator, patterns)
            yield whole_clause('study_instance_uid', operator, word)

        if operator.endswith('like') and value:
            return word_domain(cls, value, lambda word, patterns: [
                    *domain_of(word, patterns),
                    *cls._words_of_others(operator, word, patterns)])
        return ['OR', *domain_of(value, [value])]

    @classmethod
    def _words_of_others(cls, operator, word, patterns):
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

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"How studies are found by what people type"
from trytond.modules.health_imaging.common import (
    clause_by_ids, like, word_domain)
from trytond.pool import Pool, PoolMeta
from trytond.tools import unescape_wildcard

from . import order_matching


class Study(metaclass=PoolMeta):
    __name__ = 'gnuhealth.orthanc.study'

    @classmethod
    def search_rec_name(cls, name, clause):
        _, operator, *value = clause
        uid = [operator, *value]
        if operator.endswith('like'):
            # Nobody types a part of it, which no index would find
            uid = [
                '!=' if operator.startswith('not ') else '=',
                unescape_wildcard((value[0] or '').strip('%'))]
        names = ['patient_name', 'patient_id', 'accession_number',
            'description']
        if operator in {'like', 'ilike'} and value[0]:
            return word_domain(cls, value[0], lambda word, patterns: [
                    *(like(cls, name, operator, patterns) for name in names),
                    ('study_instance_uid', '=', unescape_wildcard(word)),
                    *cls._words_of_others(operator, word, patterns)])
        bool_op = 'AND' if operator.startswith(('!', 'not ')) else 'OR'
        return [bool_op,
            *((name, operator, *value) for name in names),
            ('study_instance_uid', *uid),
            ]

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

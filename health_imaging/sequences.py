# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The sequences that number orders and results"
from trytond.i18n import gettext
from trytond.model import ModelSQL, ValueMixin, fields
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Id
from trytond.transaction import without_check_access

from .exceptions import SequenceMissingError

imaging_req_seq = fields.Many2One(
    'ir.sequence', "Imaging Request Sequence", required=True,
    domain=[
        ('sequence_type', '=', Id(
            'health_imaging', 'seq_type_gnuhealth_imaging_test_request')),
        ],
    help="Numbers the imaging orders.")
imaging_test_sequence = fields.Many2One(
    'ir.sequence', "Imaging Result Sequence", required=True,
    domain=[
        ('sequence_type', '=', Id(
            'health_imaging', 'seq_type_gnuhealth_imaging_test')),
        ],
    help="Numbers the imaging results.")
imaging_accession_seq = fields.Many2One(
    'ir.sequence', "Imaging Accession Number Sequence", required=True,
    domain=[
        ('sequence_type', '=', Id(
            'health_imaging', 'seq_type_gnuhealth_imaging_accession')),
        ],
    help="Makes the accession numbers of imaging requests: at most 16 "
    "characters with prefix and suffix.")
imaging_procedure_seq = fields.Many2One(
    'ir.sequence', "Imaging Procedure Sequence", required=True,
    domain=[
        ('sequence_type', '=', Id(
            'health_imaging', 'seq_type_gnuhealth_imaging_procedure')),
        ],
    help="Makes the IDs that modalities know procedures and their steps by: "
    "at most 16 characters with prefix and suffix.")


def _shipped(fs_id):
    "Return the id of the sequence that the module ships, if it still exists"
    ModelData = Pool().get('ir.model.data')
    try:
        return ModelData.get_id('health_imaging', fs_id)
    except KeyError:
        return None


class Sequences(metaclass=PoolMeta):
    __name__ = 'gnuhealth.sequences'

    imaging_req_seq = fields.MultiValue(imaging_req_seq)
    imaging_test_sequence = fields.MultiValue(imaging_test_sequence)
    imaging_accession_seq = fields.MultiValue(imaging_accession_seq)
    imaging_procedure_seq = fields.MultiValue(imaging_procedure_seq)
    imaging_accession_per_order = fields.Boolean(
        "One Accession Number per Imaging Order",
        help="The requests of an order share one accession number. "
        "Otherwise each has its own.")

    @classmethod
    def default_imaging_req_seq(cls, **pattern):
        return _shipped('seq_gnuhealth_imaging_test_request')

    @classmethod
    def default_imaging_test_sequence(cls, **pattern):
        return _shipped('seq_gnuhealth_imaging_test')

    @classmethod
    def default_imaging_accession_seq(cls, **pattern):
        return _shipped('seq_gnuhealth_imaging_accession')

    @classmethod
    def default_imaging_procedure_seq(cls, **pattern):
        return _shipped('seq_gnuhealth_imaging_procedure')

    @classmethod
    def default_imaging_accession_per_order(cls):
        return False

    @classmethod
    def next_imaging_code(cls, name, **pattern):
        """Return the next code of the sequence in the field called 'name'.

        Raise SequenceMissingError if none is set.
        """
        code, = cls.next_imaging_codes(name, 1, **pattern)
        return code

    @classmethod
    @without_check_access
    def next_imaging_codes(cls, name, count, **pattern):
        """Return that many next codes of the sequence in the field.

        Raise SequenceMissingError if none is set.
        """
        sequence = cls(1).get_multivalue(name, **pattern)
        if not sequence:
            raise SequenceMissingError(gettext(
                    'health_imaging.msg_sequence_missing',
                    **cls.__names__(name)))
        return [sequence.get() for _ in range(count)]


class RequestSequence(ModelSQL, ValueMixin):
    "Imaging Request Sequence"
    __name__ = 'gnuhealth.sequences.imaging_req_seq'

    imaging_req_seq = imaging_req_seq


class ResultSequence(ModelSQL, ValueMixin):
    "Imaging Result Sequence"
    __name__ = 'gnuhealth.sequences.imaging_test_sequence'

    imaging_test_sequence = imaging_test_sequence


class AccessionSequence(ModelSQL, ValueMixin):
    "Imaging Accession Number Sequence"
    __name__ = 'gnuhealth.sequences.imaging_accession_seq'

    imaging_accession_seq = imaging_accession_seq


class ProcedureSequence(ModelSQL, ValueMixin):
    "Imaging Procedure Sequence"
    __name__ = 'gnuhealth.sequences.imaging_procedure_seq'

    imaging_procedure_seq = imaging_procedure_seq

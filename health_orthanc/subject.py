# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"What rows are about that tell what people did with images"
from sql import Column, Null
from sql.conditionals import Coalesce

from trytond.model import Check, fields
from trytond.modules.health_imaging.audit import AuditMixin
from trytond.modules.health_imaging.searched_char import SearchedChar
from trytond.pool import Pool

_DESCRIBED = {
    'study': 'gnuhealth.orthanc.study',
    'orthanc_patient': 'gnuhealth.orthanc.patient',
    }
# The field with the name where there is no DICOM name
_NAMES = {'study': 'patient_name', 'orthanc_patient': 'name'}


class ImagesAuditMixin(AuditMixin):
    """A row that tells what a person did with images, and whose they were.

    The name and the birth date are those that the images had; the PUID is
    that of the person in GNU Health, the first of the fields in
    _person_fields that is set.
    """
    __slots__ = ()

    _person_fields = ()
    _search_rec_names = ('subject', 'patient_name', 'patient_id', 'puid')
    _search_whole_names = ('study_instance_uid',)

    study = fields.Many2One(
        'gnuhealth.orthanc.study', "Study", readonly=True,
        ondelete='SET NULL')
    orthanc_patient = fields.Many2One(
        'gnuhealth.orthanc.patient', "Orthanc Patient", readonly=True,
        ondelete='SET NULL')
    subject = SearchedChar(
        "About", readonly=True,
        help="What the study or the Orthanc patient was called.")
    patient_id = SearchedChar(
        "Patient ID", readonly=True, help="The PatientID that it had.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        # As clients show it: that of a timestamp has parts of a second
        cls.create_date.format = '%H:%M:%S'
        table = cls.__table__()
        cls._sql_constraints.append(
            ('not_study_and_patient',
                Check(
                    table,
                    (table.study == Null) | (table.orthanc_patient == Null)),
                'health_orthanc.msg_decision_study_or_patient'))

    @classmethod
    def _with_subjects(cls, vlist):
        pool = Pool()
        names = {**_DESCRIBED, **dict.fromkeys(
                cls._person_fields, 'gnuhealth.patient')}
        records = {
            name: {
                record.id: record for record in pool.get(model).browse(
                    {values[name] for values in vlist if values.get(name)})}
            for name, model in names.items()}
        return [{
                **cls._subject({
                        name: records[name][values[name]] for name in names
                        if values.get(name)}),
                **values} for values in vlist]

    @classmethod
    def _subject(cls, records):
        "Return what records are, by the names of the fields with them"
        subject = {}
        for name in _DESCRIBED.keys() & records.keys():
            record = records[name]
            subject = {
                'subject': record.rec_name,
                'patient_id': record.patient_id,
                'patient_name': record.person_name or getattr(
                    record, _NAMES[name]),
                'birth_date': record.birth_date,
                'study_instance_uid': getattr(
                    record, 'study_instance_uid', None),
                }
        for name in cls._person_fields:
            if name in records:
                subject['puid'] = records[name].party.ref
                break
        return subject

    @classmethod
    def _described(cls, table):
        study, patient, person, party = (
            Pool().get(name).__table__() for name in [
                *_DESCRIBED.values(), 'gnuhealth.patient', 'party.party'])
        yield study, study.id == table.study, {
            'subject': Coalesce(
                table.subject, study.description, study.study_instance_uid),
            'patient_id': study.patient_id,
            'patient_name': Coalesce(study.person_name, study.patient_name),
            'birth_date': study.birth_date,
            'study_instance_uid': study.study_instance_uid,
            }
        yield patient, patient.id == table.orthanc_patient, {
            'subject': Coalesce(table.subject, patient.name),
            'patient_id': patient.patient_id,
            'patient_name': Coalesce(patient.person_name, patient.name),
            'birth_date': patient.birth_date,
            }
        yield (
            person.join(party, condition=party.id == person.party),
            person.id == Coalesce(
                # SQLite wants two at least
                *(Column(table, name) for name in cls._person_fields),
                Null), {
                'puid': party.ref})

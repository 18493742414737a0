# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Who a patient is: two of them can have one name"
from trytond.i18n import gettext
from trytond.model import fields
from trytond.pool import Pool
from trytond.transaction import without_check_access


def patient_identity(patient):
    "Return the PUID, the birth date and the sex of a patient, as text"
    Lang = Pool().get('ir.lang')
    party = patient.party
    return ', '.join(filter(None, [
                gettext('health_imaging.msg_puid', puid=party.ref)
                if party.ref else None,
                Lang.get().strftime(party.dob) if party.dob else None,
                party.gender.upper()
                if party.gender and party.gender != 'u' else None]))


def identified(patient):
    "Return the name of a patient, with what tells who it is"
    identity = patient_identity(patient)
    if not identity:
        return patient.rec_name
    return gettext(
        'health_imaging.msg_patient_identified',
        patient=patient.rec_name, identity=identity)


def identity_field(**options):
    "Return a new field of IdentitiesMixin"
    return fields.Function(fields.Char(
            "PUID, Birth Date, Sex",
            help="What tells the patient from others of that name.",
            **options),
        'get_identity')


class IdentitiesMixin:
    "What is of the patients that fields have, as NAME_identity of each NAME"
    __slots__ = ()

    @classmethod
    def identified_field(cls, name):
        "Return the name of the field whose patient this field is about"
        return name.removesuffix('_identity')

    @classmethod
    @without_check_access
    def get_identity(cls, records, name):
        # Who may read the record knows whose it is
        field = cls.identified_field(name)
        patients = [getattr(r, field) for r in records]
        return {
            record.id: patient_identity(patient) if patient else None
            for record, patient in zip(records, patients, strict=True)}


class PatientIdentityMixin(IdentitiesMixin):
    "What is of the patient that the field named by _patient_field has"
    __slots__ = ()

    _patient_field = 'patient'

    patient_identity = identity_field()

    @classmethod
    def identified_field(cls, name):
        if name == 'patient_identity':
            return cls._patient_field
        return super().identified_field(name)

    def chosen_identity(self):
        "Return what tells the patient that a form has, also before it saves"
        patient = getattr(self, self._patient_field)
        return patient_identity(patient) if patient else None


class ChosenPatientMixin(PatientIdentityMixin):
    "The same where people choose the patient: the form shows who that is"
    __slots__ = ()

    @fields.depends('patient', '_parent_patient.party')
    def on_change_with_patient_identity(self, name=None):
        return self.chosen_identity()

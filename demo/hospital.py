# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small hospital in GNU Health, made through proteus.

Each function creates what it names with the current proteus configuration
and returns the record. The demonstration and the tests share them.
"""
import datetime as dt

from proteus import Model, config

from trytond.exceptions import UserWarning
from trytond.modules.company.tests.tools import create_company

__all__ = [
    'as_user', 'create_health_professional', 'create_hospital',
    'create_patient', 'create_person', 'create_test', 'create_user',
    'generate_result', 'get_test_type']


def create_hospital(name="Hospital"):
    "The company, and the institution that GNU Health finds by it"
    Party = Model.get('party.party')
    Institution = Model.get('gnuhealth.institution')

    party = Party(name=name, is_institution=True)
    party.save()
    create_company(party=party)
    institution = Institution(
        party=party, code='HOSP', institution_type='hospital',
        public_level='public')
    institution.save()
    return institution


def create_person(name, lastname=None, **values):
    Party = Model.get('party.party')

    values = {
        'gender': 'u', 'create_target': False, 'is_person': True, **values}
    person = Party(name=name, lastname=lastname)
    for field, value in values.items():
        setattr(person, field, value)
    person.save()
    return person


def create_patient(
        name="Ana", lastname="Betz", puid=None, gender='f',
        dob=dt.date(1985, 10, 4)):
    """A patient.

    Without puid, the Person Unique Identifier is one that GNU Health makes.
    With it, so is the federation account, by which a search finds, too.
    """
    Patient = Model.get('gnuhealth.patient')

    person = create_person(
        name, lastname, ref=puid, federation_account=puid and f'XXX{puid}',
        gender=gender, dob=dob, is_patient=True)
    patient = Patient(party=person)
    patient.save()
    return patient


def create_health_professional(
        name="Cameron", lastname="Cordara", user=None, license_id=None):
    "A health professional; with user, the one that this user logs in as"
    HealthProfessional = Model.get('gnuhealth.healthprofessional')

    person = create_person(
        name, lastname, is_healthprof=True, internal_user=user)
    professional = HealthProfessional(party=person, code=license_id)
    professional.save()
    return professional


def create_user(login, *groups, name=None, password=None):
    "A user in the groups, which are given by XML id: 'module.id'"
    Group = Model.get('res.group')
    ModelData = Model.get('ir.model.data')
    User = Model.get('res.user')

    user = User(name=name or login, login=login, password=password)
    for group in groups:
        module, xml_id = group.split('.')
        data, = ModelData.find(
            [('module', '=', module), ('fs_id', '=', xml_id)])
        user.groups.append(Group(data.db_id))
    user.save()
    return user


def as_user(user):
    "What follows is done as the user, until the next call"
    current = config.get_config()
    User = Model.get('res.user')
    current.user = int(user)
    current._context = User.get_preferences(True, {})


def generate_result(request):
    "The result of a request, also if no images arrived yet"
    try:
        (result,), = request.click('generate_results').actions
    except UserWarning as warning:
        config.get_config().get_proxy('res.user.warning').skip(
            warning.name, False, {})
        (result,), = request.click('generate_results').actions
    return result


def get_test_type(code):
    "The shipped test type of a DICOM modality, made where there is none"
    TestType = Model.get('gnuhealth.imaging.test.type')

    types = TestType.find([('code', '=', code)], limit=1)
    if types:
        return types[0]
    test_type = TestType(code=code, name=code)
    test_type.save()
    return test_type


def create_test(name="Chest X-ray", code='CHEST', modality='CR'):
    "An imaging test that can be ordered, with the product it needs"
    ProductTemplate = Model.get('product.template')
    ProductUom = Model.get('product.uom')
    Test = Model.get('gnuhealth.imaging.test')

    unit, = ProductUom.find([('symbol', '=', 'u')], limit=1)
    template = ProductTemplate(name=name, type='service', default_uom=unit)
    template.save()
    product, = template.products
    test = Test(
        name=name, code=code, test_type=get_test_type(modality),
        product=product)
    test.save()
    return test

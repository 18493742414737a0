# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Allergies and pregnancy are told to who orders and to modalities"
import datetime as dt
import unittest
import zoneinfo
from importlib.util import find_spec

from trytond.modules.health_orthanc.worklist_item import dataset, read_wanted
from trytond.modules.health_orthanc.worklist_query import Query
from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction

from ..tools import BOTH
from .module_case import ModuleCase
from .test_imaging_request import create_needed

UTC = zoneinfo.ZoneInfo('UTC')
GYNECOLOGY = 'health_gyneco'
has_gynecology = find_spec(f'trytond.modules.{GYNECOLOGY}') is not None


class PrecautionTestCase(ModuleCase):
    "Test what images need care for"

    modules = [*BOTH, *([GYNECOLOGY] if has_gynecology else [])]

    def condition(self, patient, name, allergic=False, **values):
        "Record that the patient has the condition"
        pool = Pool()
        Group = pool.get('gnuhealth.pathology.group')
        group, = Group.search([('code', '=', 'ALLERGIC')])
        pathology, = pool.get('gnuhealth.pathology').create([{
                    'name': name, 'code': name,
                    'groups': [('create', [{'disease_group': group.id}])]
                    if allergic else []}])
        pool.get('gnuhealth.patient.disease').create([{
                    'patient': patient, 'pathology': pathology.id, **values}])

    def conditions(self, patient):
        self.condition(patient, "Iodine", is_allergy=True, allergy_type='da')
        self.condition(patient, "Iodine again", is_allergy=True)
        self.condition(patient, "Nuts", is_allergy=True, allergy_type='fa')
        self.condition(patient, "Pollen", allergic=True)
        self.condition(patient, "Latex", is_allergy=True, status='h')
        self.condition(
            patient, "Cats", is_allergy=True,
            healed_date=dt.date.today())
        self.condition(patient, "Asthma")

    def warnings(self, patient):
        Start = Pool().get('gnuhealth.patient.imaging.test.request.start')
        start = Start(patient=patient, tests=[])
        return start.on_change_with_warnings() or ''

    def item(self, needed):
        "Return the item of an order of the patient, as it is sent"
        pool = Pool()
        Request = pool.get('gnuhealth.imaging.test.request')
        Test = pool.get('gnuhealth.imaging.test')
        test = Test(needed['requested_test'])
        pool.get('gnuhealth.imaging.station').create([{
                    'ae_title': 'CT01', 'name': "CT",
                    'test_types': [('add', [test.test_type.id])]}])
        Request.requested(Request.create([needed]))
        item, = Request.worklist(Query(), UTC)
        return dataset(item, read_wanted(), 'ISO_IR 100')

    @with_transaction()
    def test_allergies(self):
        "Who orders is told of those to drugs, modalities of all"
        needed = create_needed()
        patient = needed['patient']
        self.assertEqual(self.warnings(patient), '')
        self.conditions(patient)
        warnings = self.warnings(patient)
        for name, told in [
                ("Iodine", True), ("Iodine again", True), ("Pollen", True),
                ("Nuts", False), ("Latex", False), ("Cats", False),
                ("Asthma", False)]:
            with self.subTest(name=name):
                self.assertEqual(name in warnings, told)
        self.assertEqual(
            list(self.item(needed).Allergies),
            ["Iodine", "Iodine again", "Nuts", "Pollen"])

    @with_transaction()
    def test_long_name(self):
        "Each is one value, and not longer than it may be"
        needed = create_needed()
        self.condition(
            needed['patient'], "A\\B" + 'c' * 80, is_allergy=True)
        self.assertEqual(
            self.item(needed).Allergies, "A/B" + 'c' * 61)

    @with_transaction()
    def test_none_known(self):
        item = self.item(create_needed())
        self.assertFalse(item.Allergies)
        self.assertIsNone(item.PregnancyStatus)

    @unittest.skipUnless(has_gynecology, "GNU Health's gynecology is not here")
    @with_transaction()
    def test_pregnancy(self):
        needed = create_needed()
        patient = needed['patient']
        Pregnancy = Pool().get('gnuhealth.patient.pregnancy')
        before = {
            'patient': patient, 'gravida': 1, 'fetuses': 1,
            'current_pregnancy': False, 'reverse': True,
            'reverse_weeks': 40, 'pregnancy_end_result': 'live_birth',
            'pregnancy_end_date': dt.datetime(2020, 1, 1)}
        Pregnancy.create([before])
        self.assertEqual(self.warnings(patient), '')
        Pregnancy.create([{
                    'patient': patient, 'gravida': 2, 'fetuses': 1,
                    'current_pregnancy': True,
                    'lmp': dt.date.today() - dt.timedelta(days=90)}])
        self.assertIn("pregnant", self.warnings(patient))
        self.assertEqual(self.item(needed).PregnancyStatus, 3)

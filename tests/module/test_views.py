# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients can draw every field of our views.

ModuleTestCase checks the views against the server's schema; a widget that a
client lacks passes there and leaves the client with an empty tab.
"""
import inspect
import re

from lxml import etree

from trytond.modules.health_imaging.identity import IdentitiesMixin
from trytond.pool import Pool
from trytond.pyson import PYSONDecoder
from trytond.tests.test_tryton import with_transaction
from trytond.wizard import StateView

from .module_case import ModuleCase

MODULES = ['health_imaging', 'health_orthanc']
PACKAGES = tuple(f'trytond.modules.{module}.' for module in MODULES)
# What both clients of 7.0 have in a list; there is none for a date with time.
LIST = {
    'binary', 'boolean', 'char', 'date', 'email', 'float', 'image', 'integer',
    'many2many', 'many2one', 'multiselection', 'numeric', 'one2many',
    'progressbar', 'reference', 'selection', 'text', 'time', 'timedelta',
    'url'}
FORM = LIST | {'datetime', 'dict', 'html', 'password', 'pyson', 'timestamp'}


class ViewsTestCase(ModuleCase):
    "Test the widgets of the views"

    @staticmethod
    def shown_fields():
        "Yield each field that is shown: its view, its element and itself"
        pool = Pool()
        for view in pool.get('ir.ui.view').search([
                    ('module', 'in', MODULES), ('model', '!=', None)]):
            known = pool.get(view.model)._fields
            for element in etree.fromstring(view.arch).iter('field'):
                if field := known.get(element.get('name')):
                    yield view, element, field

    @with_transaction()
    def test_widgets(self):
        views = set()
        for view, element, field in self.shown_fields():
            views.add(view)
            known = LIST if view.rng_type == 'tree' else FORM
            with self.subTest(view=view.name, field=field.name):
                self.assertIn(element.get('widget') or field._type, known)
        self.assertGreater(len(views), 20)

    @with_transaction()
    def test_times(self):
        "Nobody is shown the parts of a second"
        pool = Pool()

        shown = 0
        for view, element, field in self.shown_fields():
            if (field._type not in {'datetime', 'time', 'timestamp'}
                    or element.get('widget') == 'date'):
                continue
            shown += 1
            Model = pool.get(view.model)
            with self.subTest(view=view.name, field=field.name):
                self.assertNotIn(
                    '%f',
                    Model.fields_get([field.name])[field.name]['format'])
        self.assertGreater(shown, 20)

    @with_transaction()
    def test_wizards(self):
        "Clients send back what a form shows, not all that it began with"
        pool = Pool()

        asked = 0
        for _, Wizard in pool.iterobject(type='wizard'):
            classes = [
                cls for cls in Wizard.__mro__
                if cls.__module__.startswith(PACKAGES)]
            source = '\n'.join(map(inspect.getsource, classes))
            for name, state in Wizard.states.items():
                if not classes or not isinstance(state, StateView):
                    continue
                Form = pool.get(state.model_name)
                names = Form._fields.keys() & set(
                    re.findall(rf'self\.{name}\.(\w+)', source))
                module, view = state.view.split('.')
                View = pool.get('ir.ui.view')
                view = View(pool.get('ir.model.data').get_id(module, view))
                shown = Form.fields_view_get(view.id, 'form')['fields']
                asked += len(names)
                with self.subTest(wizard=Wizard.__name__, state=name):
                    self.assertEqual(names - shown.keys(), set())
        self.assertGreater(asked, 20)

    @with_transaction()
    def test_first_column(self):
        "The desktop client shows no button there that depends on a field"
        View = Pool().get('ir.ui.view')

        views = View.search([
                ('module', 'in', MODULES), ('model', '!=', None)])
        for view in views:
            if view.rng_type == 'tree' and not view.inherit:
                with self.subTest(view=view.name):
                    self.assertEqual(
                        etree.fromstring(view.arch)[0].tag, 'field')

    @with_transaction()
    def test_visual(self):
        "What colours a row is PYSON as clients read it"
        View = Pool().get('ir.ui.view')

        for view in View.search([('module', 'in', MODULES)]):
            arch = etree.fromstring(view.arch)
            for element in arch.xpath('//*[@visual]'):
                with self.subTest(view=view.name):
                    PYSONDecoder(noeval=True).decode(element.get('visual'))

    @with_transaction()
    def test_identity(self):
        "What names patients says who each is, but for what is short"
        pool = Pool()
        View = pool.get('ir.ui.view')

        named = 0
        for view in View.search([
                    ('module', 'in', MODULES), ('model', '!=', None)]):
            if (view.rng_type not in {'tree', 'form'}
                    or view.name.startswith('dashboard_')
                    # It compares them in a list
                    or view.name == 'reconcile_start_form'):
                continue
            Model = pool.get(view.model)
            shown = {
                element.get('name')
                for element in etree.fromstring(view.arch).iter('field')}
            patients = {
                name for name in shown & Model._fields.keys()
                if getattr(Model._fields[name], 'model_name', None)
                == 'gnuhealth.patient'}
            identified = {
                self._identified(Model, name) for name in shown
                if name.endswith('_identity')}
            if {'puid', 'birth_date', 'sex'} <= shown:
                identified.add('patient')
            named += len(patients)
            with self.subTest(view=view.name):
                self.assertEqual(patients - identified, set())
        self.assertGreater(named, 25)

    @staticmethod
    def _identified(Model, name):
        "The field with the patient whom the field says to be who"
        if issubclass(Model, IdentitiesMixin):
            return Model.identified_field(name)
        return name.removesuffix('_identity')

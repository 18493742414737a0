# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What the documentation names is what is there"
import re
from pathlib import Path

from trytond.pool import Pool
from trytond.tests.test_tryton import with_transaction

from .access_table import BUTTONS, MODELS, WIZARDS
from .module_case import ModuleCase

ROOT = Path(__file__).resolve().parents[2]
DOC = ROOT / 'doc'
MODULES = list(MODELS)
GROUPS = [
    'doctor', 'imaging', 'reporting', 'imaging admin', 'health admin',
    'orthanc', 'orthanc admin', 'reconciliation']
# The messages that troubleshooting.rst does not explain: parts of others,
# what users of the clients never meet, good news, and what usage.rst says.
UNEXPLAINED = {
    'msg_suggestion', 'msg_suggestion_near_birth_date',
    'msg_suggestion_open_order', 'msg_suggestion_same_birth_date',
    'msg_suggestion_same_identifier', 'msg_suggestion_same_name',
    'msg_suggestion_same_sex', 'msg_suggestion_similar_name',
    'msg_suggestion_swapped_birth_date',
    'msg_compared_name', 'msg_compared_birth_date', 'msg_compared_sex',
    'msg_compared_identifier', 'msg_patient_identified', 'msg_puid',
    'msg_reconcile_differs',
    'msg_copy_label', 'msg_difference_birth_date', 'msg_difference_name',
    'msg_difference_sex', 'msg_difference_patient',
    'msg_difference_identifier', 'msg_difference_inactive',
    'msg_difference_issuer', 'msg_difference_prefix', 'msg_difference_death',
    'msg_difference_no_issuer',
    'msg_difference_result', 'msg_difference_taken_over',
    'msg_carried_over', 'msg_taken_over_unique',
    'msg_decision_study_or_patient',
    'msg_difference_modality', 'msg_difference_cancelled',
    'msg_difference_accession_number', 'msg_difference_merge_id',
    'msg_difference_date',
    'msg_order_match_study_instance_uid', 'msg_order_match_merge_id',
    'msg_order_match_accession_number',
    'msg_worklist_item_unique',
    'msg_performed_step_study_instance_uid', 'msg_performed_step_manual',
    'msg_performed_step_accession_number',
    'msg_performed_step_scheduled_procedure_step_id',
    'msg_difference_ambiguous', 'msg_difference_study_instance_uid',
    'msg_difference_scheduled_procedure_step_id',
    'msg_orthanc_id_unique', 'msg_result_number_unique',
    'msg_performed_step_number_unique', 'msg_order_again',
    'msg_order_allergy', 'msg_order_pregnancy',
    'msg_report_version_unique', 'msg_report_document_unique',
    'msg_report_macro_unique', 'msg_prior', 'msg_prior_accession',
    'msg_print_draft', 'msg_print_preliminary', 'msg_print_final',
    'msg_print_amended', 'msg_print_entered_in_error', 'msg_print_earlier',
    'msg_print_no_text', 'msg_print_replaces', 'msg_print_replaced',
    'msg_print_withdrawn', 'msg_print_addendum', 'msg_print_ordered',
    'msg_print_signed', 'msg_print_arrived',
    'msg_result_seen_unique', 'msg_result_deleted',
    'msg_report_chain_fits',
    'msg_match_identifier', 'msg_server_added', 'msg_status_first',
    'msg_status_healthy', 'msg_status_never',
    'msg_status_failing', 'msg_status_failing_unscheduled',
    'msg_status_not_validated', 'msg_status_running', 'msg_status_suspect',
    }


def read(name):
    return (DOC / f'{name}.rst').read_text('utf-8')


def everything():
    return '\n'.join(read(path.stem) for path in sorted(DOC.glob('*.rst')))


def table(text, heading):
    "The rows of the simple table whose first column has that heading"
    body = re.search(
        rf'^{heading}  .*\n=+  .*\n((?:.+\n)+?)=+  ', text, re.M)[1]
    rows = (re.split(r' {2,}', line) for line in body.splitlines())
    return {
        name: [cell.strip() for cell in cells] for name, *cells in rows
        if name}


class DocumentationTestCase(ModuleCase):
    "Test the documentation"

    @with_transaction()
    def test_menus(self):
        "Each menu that is named is there, each of ours is named"
        pool = Pool()
        Menu = pool.get('ir.ui.menu')
        Data = pool.get('ir.model.data')

        named = {
            re.sub(r'\s+', ' ', path).replace(' --> ', ' / ')
            for path in re.findall(
                r':menuselection:`([^`]+)`', everything())}
        menus = {menu.complete_name: menu for menu in Menu.search([])}
        self.assertLessEqual(named, menus.keys())
        ours = {data.db_id for data in Data.search([
                    ('module', 'in', MODULES),
                    ('model', '=', 'ir.ui.menu')])}
        self.assertLessEqual({
                path for path, menu in menus.items()
                if menu.id in ours and menu.action}, named)

    @with_transaction()
    def test_labels(self):
        "What stands on the screen stands there with these words"
        pool = Pool()
        labels = {button.string for button in pool.get(
                'ir.model.button').search([])}
        labels.update(domain.name for domain in pool.get(
                'ir.action.act_window.domain').search([]))
        labels.update(action.name for action in pool.get(
                'ir.action').search([]))
        for view in pool.get('ir.ui.view').search([
                    ('module', 'in', MODULES)]):
            labels.update(re.findall(r'string="([^"]+)"', view.arch or ''))
        for model in [
                *(name for rows in MODELS.values() for name in rows),
                'ir.cron', 'gnuhealth.sequences',
                'gnuhealth.imaging.figure.context',
                'gnuhealth.imaging.test.request.cancel.start',
                'gnuhealth.orthanc.server.add.start',
                'gnuhealth.orthanc.interval.start',
                'gnuhealth.orthanc.dismiss.start',
                'gnuhealth.orthanc.key_image.start',
                'gnuhealth.patient.imaging.test.request.start']:
            for field in pool.get(model).fields_get().values():
                labels.add(field['string'])
                if isinstance(field.get('selection'), (list, tuple)):
                    labels.update(label for _, label in field['selection'])
        for wizard in [name for rows in WIZARDS.values() for name in rows]:
            Wizard = pool.get(wizard, type='wizard')
            for state in Wizard.states.values():
                labels.update(
                    button.string for button in getattr(state, 'buttons', []))

        named = {
            re.sub(r'\s+', ' ', label) for label in re.findall(
                r':guilabel:`([^`]+)`', everything())}
        self.assertEqual(named - labels, set())

    @with_transaction()
    def test_sentences(self):
        "Each sentence that is explained is one, each is explained"
        pool = Pool()
        Message = pool.get('ir.message')
        Data = pool.get('ir.model.data')

        texts = {
            data.fs_id: Message(data.db_id).text for data in Data.search([
                    ('module', 'in', MODULES),
                    ('model', '=', 'ir.message')])}
        explained = set()
        for sentence in re.findall(
                r'^\*\*([^*]+)\*\*$', read('troubleshooting'), re.M):
            pattern = '.+'.join(map(re.escape, sentence.split('…')))
            found = {
                id_ for id_, text in texts.items() if re.match(pattern, text)}
            with self.subTest(sentence=sentence):
                self.assertEqual(len(found), 1)
            explained |= found
        self.assertEqual(texts.keys() - explained, UNEXPLAINED)

    @with_transaction()
    def test_reference(self):
        "Each model of ours has its section, with what it has"
        heading = re.compile(r'^``([\w.-]+)``\n--+\n', re.M)
        text = read('reference')
        sections = dict(zip(
                heading.findall(text), heading.split(text)[2::2],
                strict=True))
        self.assertLessEqual(
            {model for models in MODELS.values() for model in models},
            sections.keys())
        for model, section in sections.items():
            Model = Pool().get(model)
            section = re.split(r'^.+\n==+\n', section, flags=re.M)[0]
            terms = re.findall(r'^``\w+``(?:, ``\w+``)*$', section, re.M)
            self.assertTrue(terms, model)
            for name in re.findall(r'\w+', ' '.join(terms)):
                with self.subTest(model=model, name=name):
                    self.assertTrue(
                        name in Model._fields or hasattr(Model, name))

    @with_transaction()
    def test_wizards(self):
        "The states of the wizards are those of the reference"
        section = re.search(
            r'^Wizards\n=+\n(.+?)^Reports\n', read('reference'),
            re.M | re.S)[1]
        wizards = dict(re.findall(
                r'^``([\w.]+)``\n((?: .+\n)+)', section, re.M))
        self.assertEqual(wizards.keys(), {
                name for rows in WIZARDS.values() for name in rows})
        for name, description in wizards.items():
            Wizard = Pool().get(name, type='wizard')
            for state in re.findall(r'``(\w+)``', description):
                with self.subTest(wizard=name, state=state):
                    self.assertIn(state, Wizard.states)

    @with_transaction()
    def test_access_models(self):
        "The rights on models that are shown are those that are tested"
        text = read('design')
        shown = table(text, "Model")
        models = {k: v for rows in MODELS.values() for k, v in rows.items()}
        self.assertEqual(len(shown), len(models))
        for model, grants in models.items():
            name = re.search(
                rf'_model-{re.escape(model)}:\n\n(.+)\n', text)[1]
            with self.subTest(model=model):
                self.assertEqual(
                    shown[name],
                    [grants.get(group, '–') for group in GROUPS])

    @with_transaction()
    def test_access_buttons(self):
        "Who is shown to run wizards and buttons is who is tested to"
        pool = Pool()
        Action = pool.get('ir.action.wizard')
        Button = pool.get('ir.model.button')
        granted = {}
        for rows in WIZARDS.values():
            for wizard, groups in rows.items():
                action, = Action.search([('wiz_name', '=', wizard)])
                granted[action.name] = groups
        for rows in BUTTONS.values():
            for (model, name), groups in rows.items():
                button, = Button.search([
                        ('name', '=', name), ('model.model', '=', model)])
                granted[button.string] = groups
        self.assertEqual(table(read('design'), "Wizard or button"), {
                name: ['yes' if group in groups else '–' for group in GROUPS]
                for name, groups in granted.items()})

    @with_transaction()
    def test_selections(self):
        "Each status of a server and each reason of a link is explained"
        for model, field, page, heading in [
                ('gnuhealth.orthanc.config', 'status', 'usage', "Status"),
                ('gnuhealth.orthanc.study', 'match', 'design', "Match"),
                ('gnuhealth.orthanc.study', 'order_match', 'design',
                    "Order Match")]:
            selection = getattr(Pool().get(model), field).selection
            with self.subTest(field=field):
                self.assertEqual(
                    table(read(page), heading).keys(),
                    {label for value, label in selection if value})

    def test_settings(self):
        "Each setting that the modules read is explained with its default"
        settings = {}
        for path in ROOT.glob('health_*/*.py'):
            for name, default in re.findall(
                    r"(?:config\.getint\(\s*'health_\w+', '|_setting\('|"
                    r"_is_due\(\s*[\w.]+,\s*')(\w+)',\s*(?:default=)?"
                    r"([\d *]+)\)", path.read_text('utf-8')):
                settings[name] = eval(default)
        self.assertGreaterEqual(len(settings), 5)
        text = read('configuration')
        self.assertEqual({
                name: int(default) for name, default in re.findall(
                    r'_config-health_\w+\.(\w+):\n(?:(?!\.\. _).*\n)*?'
                    r'The default value is: ``(\d+)``', text)}, settings)
        self.assertEqual({
                name: int(value) for name, value in re.findall(
                    r'^   (\w+) = (\d+)$', text, re.M)}, settings)

    def test_images(self):
        "Each picture is shown, and has words for who can not see it"
        self.assertEqual(
            set(re.findall(
                    r'^\.\. image:: images/(.+)\n   :alt: \S', everything(),
                    re.M)),
            {path.name for path in DOC.glob('images/*')})

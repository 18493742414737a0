# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of all languages have room where the web client shows them.

Each view is opened once, in English. Then its texts are put in each language,
and what the client cuts of them is measured.
"""
import re
from pathlib import Path
from typing import NamedTuple

from proteus import Model

from .. import catalogues
from .browser_case import IMAGING, BrowserTestCase
from demo import story

# What the client shows of a model or a menu, in the catalogues
_SHOWN = re.compile(
    r'field:.*:$|view:|model:ir\.(model\.button,string|ui\.menu,name'
    r'|action\.act_window\.domain,name)')
# Who sees less of a text does not know what it says
_LEAST = 0.6
_MEASURE = (Path(__file__).parent / 'lengths.js').read_text()


class Cut(NamedTuple):
    "A text, and how many pixels of its width can be seen"
    place: str
    text: str
    language: str
    shown: int
    width: int


def translations():
    "What is shown, by the English text: the longest of each language"
    texts = {}
    for language in catalogues.LANGUAGES:
        for module in catalogues.MODULES:
            for entry in catalogues.read(module, language):
                if _SHOWN.match(entry.msgctxt):
                    told = texts.setdefault(entry.msgid, {})
                    told[language] = max(
                        told.get(language, ''), entry.msgstr, key=len)
    return texts


class LengthsTestCase(BrowserTestCase):
    port = 8014

    @classmethod
    def fill(cls):
        story.staff(cls.installation.password)
        User = Model.get('res.user')
        Group = Model.get('res.group')
        admin, = User.find([('login', '=', 'admin')])
        admin.groups.extend(
            Group.find([('id', 'not in', [g.id for g in admin.groups])]))
        admin.save()
        cls.views = list(cls.find_views())

    @classmethod
    def find_views(cls):
        "The views that are ours or that we extend, with the tabs of lists"
        ModelData = Model.get('ir.model.data')
        View = Model.get('ir.ui.view')
        Action = Model.get('ir.action.act_window')
        ours = [('module', 'in', catalogues.MODULES)]
        views = View.find([('id', 'in', [
                        data.db_id for data in ModelData.find(
                            [ours, ('model', '=', 'ir.ui.view')])])])
        tabs = {}
        for action in Action.find([('act_window_domains', '!=', None)]):
            if action.act_window_views:
                tabs[action.act_window_views[0].view.id] = [
                    domain.name for domain in action.act_window_domains]
        views = {view.inherit or view for view in views}
        for view in sorted(views, key=lambda view: view.id):
            if view.type in {'tree', 'form'}:
                yield {
                    'model': view.model, 'id': view.id, 'type': view.type,
                    'name': view.name, 'tabs': tabs.get(view.id, [])}

    def test_lengths(self):
        texts = translations()
        cut = []
        with self.logged_in('admin') as client:
            for folder in [IMAGING, ("Health", "Configuration")]:
                client.menu_below(*folder)
            cut += self.measure(client, '#menu', "menu", texts)
            client.open_menu(*IMAGING, "Orthanc", "Studies")
            for view in self.views:
                client.page.evaluate(f'{_MEASURE}; open', view)
                cut += self.measure(
                    client, '#tabcontent > .tab-pane.active .screen-container',
                    f"{view['model']} {view['name']}", texts)
        print(*cut, sep='\n')
        self.assertEqual(
            [text for text in cut if text.shown < text.width * _LEAST], [])

    def measure(self, client, area, place, texts):
        "The texts that are cut in the area"
        return sorted({
                Cut(place, **found)
                for found in client.page.evaluate(
                    f'{_MEASURE}; measure', [area, texts])})

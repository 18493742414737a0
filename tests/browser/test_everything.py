# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Every menu, tab, form and wizard opens without trouble, for whom they are"
import re

from .browser_case import BrowserTestCase
from demo import story
from demo.hospital import create_user

# Where there are menus of ours
_FOLDERS = [
    ("Health", "Imaging"),
    ("Health", "Configuration", "Orthanc"),
    ("Health", "Configuration", "Dx Imaging"),
    ]
_GROUPS = {
    'desk': ['health.group_health_frontdesk'],
    'orthanc': ['health_orthanc.group_imaging_orthanc_admin'],
    }
# Who patients are, which is read at a glance
_CUT = '''front => [...front.querySelectorAll('.treeview .column-char')]
    .filter(cell => cell.textContent.startsWith('PUID ')
        && cell.scrollWidth > cell.clientWidth)
    .map(cell => cell.textContent)'''
_TROUBLE = re.compile(r'#ERROR|Traceback|undefined|\bNaN\b')


class EverythingTestCase(BrowserTestCase):
    port = 8009

    @classmethod
    def fill(cls):
        cls.start_orthanc()
        story.fill_orthanc(cls.orthanc)
        password = cls.installation.password
        users = story.staff(password)
        for login, groups in _GROUPS.items():
            create_user(login, *groups, name=login.title(), password=password)
        patients = story.register_patients()
        tests = story.catalogue()
        story.add_station()
        story.schedule()
        story.synchronize(story.add_server(cls.orthanc))
        story.place_orders(users, patients, tests)

    def check(self, client, place):
        "What is in front has no error, and none was told of to the console"
        with self.subTest(place):
            self.assertIsNone(client.error)
            shown = client.front.inner_text()
            self.assertNotRegex(shown, _TROUBLE)
            self.assertEqual(client.front.evaluate(_CUT), [])
            self.assertEqual((client.errors, self.told), ([], []))
        client.errors.clear()
        self.told.clear()

    def walk(self, login):
        "Open everything that the menu has for the user; return how much"
        with self.logged_in(login) as client:
            self.told = []
            client.page.on('console', lambda message: (
                    message.type == 'error' and self.told.append(
                        f"{message.text} {message.location['url']}")))
            client.page.on('response', lambda answer: (
                    answer.status >= 400 and self.told.append(
                        f"{answer.status} {answer.request.method} "
                        f"{answer.url} {answer.request.post_data}")))
            opened = 0
            for folder in _FOLDERS:
                for names in client.menu_below(*folder):
                    client.open_menu(*names)
                    self.look(client, f"{login}: {' / '.join(names)}")
                    opened += 1
            return opened

    def look(self, client, place):
        "Look at what a menu opened, and close it"
        self.check(client, place)
        if client.page.locator('.modal.in').count():
            client.front.get_by_role('button', name="Cancel").first.click()
            client.settle()
            return
        self.screenshot(client, 'walk_' + re.sub(r'\W+', '_', place))
        tabs = client.front.get_by_role('tab').locator('visible=true')
        for number in range(tabs.count()):
            tabs.nth(number).click()
            client.settle()
            self.check(client, f"{place}, tab {number}")
        if client.rows.count():
            client.open_form(client.rows.first)
            self.check(client, f"{place}, form")
            pages = client.front.get_by_role('tab').locator('visible=true')
            for number in range(pages.count()):
                pages.nth(number).click()
                client.settle()
                self.check(client, f"{place}, page {number}")
            # From a dashboard it opens in front of it
            if client.page.locator('.modal.in').count():
                client.front.locator('.modal-footer button').first.click()
                client.settle()
        client.close_tab()
        # What was not saved is nobody's
        for answer in client.page.locator('.modal.in').get_by_role(
                'button', name="No", exact=True).all():
            answer.click()
        client.settle()

    def test_everything(self):
        for login, least in [
                ('desk', 1), ('orthanc', 8), ('radiologist', 10)]:
            with self.subTest(login):
                self.assertGreaterEqual(self.walk(login), least)

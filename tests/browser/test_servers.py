# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What an administrator sees in the web client of servers in any state"
import datetime as dt
import re

from proteus import Model

from trytond.transaction import Transaction

from .browser_case import CONFIGURATION, BrowserTestCase, expect


def _minutes(number):
    return dt.datetime.now().replace(microsecond=0) + dt.timedelta(
        minutes=number)


class ServersTestCase(BrowserTestCase):
    port = 8002

    @classmethod
    def fill(cls):
        "One server in each state"
        # Nobody else changes what is looked at
        Cron = Model.get('ir.cron')
        for cron in Cron.find([]):
            cron.next_call = dt.datetime(2999, 1, 1)
            cron.save()
        just_now = {
            'validated': True, 'version': '1.12.7', 'last_run': _minutes(-4),
            'last_success': _minutes(-4)}
        servers = {
            "Cardiology": {
                **just_now, 'cursor': 900, 'server_cursor': 900},
            "Emergency": {
                **just_now, 'last_success': _minutes(-150), 'failures': 3,
                'next_try': _minutes(50), 'error_at': _minutes(-10),
                'error_reason': 'refused', 'cursor': 900,
                'server_cursor': 1742},
            "Mammography": {
                'validated': True, 'version': '1.12.7', 'walk': 4300,
                'cursor': 900, 'server_study_count': 12000,
                'server_patient_count': 9100, 'server_image_count': 310000,
                'running_until': _minutes(120)},
            "Orthopedics": {**just_now, 'suspect': True},
            "Private Practice": {
                'error_at': _minutes(-10), 'error_reason': 'bad_credentials'},
            "Radiology": {
                **just_now, 'last_run': _minutes(-70),
                'last_success': _minutes(-70)},
            "Ultrasound": {'validated': True, 'version': '1.12.7'},
            }
        with Transaction().start(
                cls.config.database_name, 1) as transaction:
            pool = cls.config.pool
            Server = pool.get('gnuhealth.orthanc.config')
            SetAside = pool.get('gnuhealth.orthanc.set_aside')
            created = Server.create([{
                        'label': label, 'url': 'http://127.0.0.1:1/', **values}
                    for label, values in servers.items()])
            transaction.tasks.clear()
            SetAside.create([{
                        'server': created[0].id, 'orthanc_id': 'f00d-' * 8,
                        'error_reason': 'missing',
                        'error_detail': 'StudyInstanceUID',
                        'image_count': 3, 'tries': 4,
                        'next_try': _minutes(110)}])
            transaction.commit()

    def setUp(self):
        self.client = self.enterContext(self.logged_in('admin', height=860))

    def test_servers(self):
        client = self.client
        client.open_menu(*CONFIGURATION, "Servers")
        for label, status, color in [
                ("Cardiology", "Healthy", 'success'),
                ("Emergency", "Failing", 'danger'),
                ("Mammography", "Never Synchronized", None),
                ("Orthopedics", "Suspect", 'warning'),
                ("Private Practice", "Not Validated", 'warning'),
                ("Radiology", "Late", 'danger'),
                ("Ultrasound", "Never Synchronized", None)]:
            with self.subTest(label):
                row = client.row(label)
                expect(row).to_contain_text(status)
                classes = row.get_attribute('class') or ''
                self.assertEqual(
                    re.findall(r'success|danger|warning', classes),
                    [color] if color else [])
        bar = client.row("Mammography").locator('.progress-bar')
        expect(bar).to_have_text("35%")
        expect(client.row("Ultrasound").locator('.progress-bar')
            ).not_to_be_visible()

        client.open_row("Mammography")
        expect(client.field("Advice")).to_have_value(
            re.compile("4300 of 12000.* under way"))
        expect(client.front.locator('.progress-bar:visible')).to_have_text(
            "35%")
        self.screenshot(client, 'server_progress')
        client.close_tab()

        client.open_menu(*CONFIGURATION, "Servers")
        client.open_row("Emergency")
        expect(client.field("Advice")).to_have_value(
            re.compile(r"tried again in about \d+ min"))
        client.expect_value("Changes Behind", '842')

    def test_set_aside(self):
        "A study set aside is tried again at once"
        client = self.client
        client.open_menu(*CONFIGURATION, "Studies Set Aside")
        row = client.row("f00d-")
        for text in ["Cardiology", 'the "StudyInstanceUID"', "4"]:
            expect(row).to_contain_text(text)
        self.screenshot(client, 'set_aside')
        # The first click on a button in a list only selects its row
        row.locator('.widget:visible').last.click()
        client.settle()
        row.get_by_role('button', name="Retry").click()
        client.settle()
        client.close_tab()
        client.open_menu(*CONFIGURATION, "Servers")
        # Nothing listens there, so that it was asked can be seen
        expect(client.row("Cardiology")).to_contain_text("Failing")

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A day of the department in the desktop client: order, read, reconcile, open"
from .department import fill
from .desktop_case import IMAGING, DesktopTestCase


class DepartmentTestCase(DesktopTestCase):
    port = 8031

    @classmethod
    def fill(cls):
        fill(cls)

    def test_order(self):
        "A doctor orders by the wizard, and sees the order"
        with self.logged_in('doctor') as client:
            client.open_menu(*IMAGING, "Dx Imaging - New")
            client.choose("Patient", "GNU666ORG", "Adams, Eve")
            client.tick("Urgent")
            client.add("Tests", "CXR", "Chest X-ray")
            self.screenshot(client, 'order')
            client.click("Request Now")
            self.assertEqual(client.value("Test"), "Chest X-ray")
            self.assertEqual(client.value("Patient"), "Adams, Eve")
            self.assertEqual(client.value("State"), "Requested")
            self.screenshot(client, 'request')
            client.open_menu(*IMAGING, "Dx Imaging Requests")
            client.show_page("Requested")
            client.row("Chest X-ray")
            self.screenshot(client, 'requests')

    def test_read(self):
        "A radiologist takes what waits, writes the report and signs it"
        with self.logged_in('radiologist') as client:
            client.open_menu(*IMAGING, "Reading")
            client.show_page("To Read")
            client.row("CT Head")
            self.screenshot(client, 'reading')
            client.press_in_row("CT Head", "Read")
            client.write("Findings", "Bleeding on the left.")
            self.screenshot(client, 'report')
            client.click("Sign")
            client.click("Yes")
            self.assertEqual(client.value("State"), "Final")
            self.screenshot(client, 'report_signed')
            client.launch('print', "Imaging Report")
            self.assertRegex(self.save(client), rb'^%PDF|^PK')

    def test_reconcile(self):
        "A clerk says whose the study of a doubt is not"
        with self.logged_in('clerk') as client:
            client.open_menu(*IMAGING, "Orthanc", "Reconciliation")
            client.show_page("Conflict")
            client.row("JONES, BOB")
            self.screenshot(client, 'reconciliation')
            client.open_row("JONES, BOB")
            self.screenshot(client, 'reconciliation_form')
            client.click("Reconcile")
            client.fill("Reason", "Wrong label on the device")
            self.screenshot(client, 'reconcile')
            client.click("Not This Patient")
            self.assertIn(
                "does not belong", client.value("Explanation"))
            self.screenshot(client, 'reconciled')

    def test_viewer(self):
        "The viewer of a study is opened in the browser"
        with self.logged_in('radiologist') as client:
            client.open_menu(*IMAGING, "Orthanc", "Studies")
            client.open_row("Head")
            self.screenshot(client, 'study')
            client.click("Open in Orthanc Explorer")
            self.assertIn(
                'app/explorer.html#study?uuid=', self.opened.read_text())

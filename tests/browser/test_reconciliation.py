# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The worklist in the web client: doubts settled, a study opened, the log read"
import datetime as dt
import re

from .browser_case import CONFIGURATION, IMAGING, BrowserTestCase, expect
from demo import story
from demo.dicom_files import generated_study
from demo.hospital import create_patient

WORKLIST = *IMAGING, "Orthanc", "Reconciliation"


class ReconciliationTestCase(BrowserTestCase):
    port = 8003

    @classmethod
    def fill(cls):
        cls.start_orthanc()
        for values in [
                ('GNU666ORG', 'JONES^BOB', '19480101', 'M', "Liver", 'US'),
                ('X-1', 'MUELLER^LENA', '19900307', 'F', "Hand", 'DX'),
                ('X-1', 'MUELLER^LENA', '19900307', 'F', "Foot", 'DX'),
                ('Y-1', 'SMITH^ZOE', '19700101', 'F', "Brain", 'MR')]:
            cls.orthanc.upload_all(generated_study(*values))
        story.staff(cls.installation.password)
        create_patient(
            "Eve", "Adams", puid='GNU666ORG', dob=dt.date(1990, 5, 5))
        create_patient(
            "Lena", "Müller", puid='GNU555ORG', dob=dt.date(1990, 7, 3))
        create_patient(
            "Magda", "Miller", puid='GNU444ORG', dob=dt.date(1990, 3, 7))
        story.schedule()
        gone, = cls.orthanc.upload_all(generated_study(
                'Z-1', 'VAN^ISHED', '19700101', 'F', "Spine", 'MR'))
        server = story.synchronize(story.add_server(cls.orthanc))
        cls.orthanc.delete(f"studies/{gone['ParentStudy']}")
        story.synchronize(server)

    def test_reconcile(self):
        "Refuse one, link two at once, dismiss one, open one and take it off"
        with self.logged_in('radiologist') as client:
            client.open_menu(*WORKLIST)
            client.row("JONES, BOB").wait_for()
            expect(client.rows).to_have_count(1)
            client.show_page("Unmatched")
            expect(client.rows).to_have_count(3)
            self.screenshot(client, 'reconciliation')

            client.show_page("Conflict")
            client.open_row("JONES, BOB")
            client.expect_value("Name", "JONES^BOB")
            self.screenshot(client, 'reconciliation_form')
            client.click("Reconcile")
            client.row("JONES^BOB").last.wait_for()
            client.expect_value("Patient", "")
            # Seen without scrolling on a small screen
            expect(client.field("Reason")).to_be_in_viewport(ratio=1)
            self.screenshot(client, 'reconcile_conflict')
            client.fill("Reason", "Wrong label on the device")
            client.click("Not This Patient")
            client.expect_value("Explanation", re.compile("does not belong"))
            client.close_tab()

            # Two at once, with what is suggested
            client.open_menu(*WORKLIST)
            client.show_page("Unmatched")
            for row, modifiers in [("Hand", []), ("Foot", ['Control'])]:
                client.row(row).locator('.widget:visible').first.click(
                    modifiers=modifiers)
            client.launch("Reconcile")
            suggested = client.field("Suggestions").locator('option').filter(
                has_text="Müller, Lena")
            client.fill("Suggestions", suggested.inner_text())
            client.expect_value("Patient", re.compile("Müller, Lena"))
            client.fill("Reason", "Confirmed by the ward")
            self.screenshot(client, 'reconcile')
            client.click("Link")
            client.click("Yes")
            client.row("SMITH, ZOE").wait_for()

            client.show_page("Missing")
            client.row("VAN, ISHED").locator(
                '.widget:visible').first.click()
            client.launch("Dismiss Missing Studies")
            client.fill("Reason", "Sent twice")
            self.screenshot(client, 'dismiss')
            client.click("Dismiss")
            client.show_page("Unmatched")
            client.show_page("Missing")
            expect(client.rows).to_have_count(0)

            client.open_menu(*IMAGING, "Orthanc", "Studies")
            client.open_row("Foot")
            client.show_page("Decisions")
            client.row("Confirmed by the ward").wait_for()
            self.screenshot(client, 'study_decisions')
            # Orthanc asks for a password first
            client.page.context.route(
                '**/app/explorer.html*',
                lambda route: route.fulfill(body="The images"))
            with client.page.context.expect_page() as opened:
                client.click("Open in Orthanc Explorer")
            opened.value.get_by_text("The images").wait_for()
            self.assertIn('app/explorer.html#study?uuid=', opened.value.url)

            expect(client.field("Reason")).to_have_count(0)
            client.fill("Patient", "")
            client.toolbar('save')
            expect(client.front.locator('.infobar')).to_contain_text("Reason")
            client.fill("Reason", "Other hand")
            self.screenshot(client, 'study_taken_off')
            client.save()
            expect(client.field("Reason")).to_have_count(0)
            client.show_page("Decisions")
            client.row("Other hand").wait_for()
            client.close_tab()
            # Nothing is asked that was saved
            expect(client.page.locator('.modal.in')).to_have_count(0)
        with self.logged_in('admin') as client:
            client.open_menu(*CONFIGURATION, "Opened Images")
            client.row("Foot").wait_for()
            expect(client.row("Sofía Lang")).to_contain_text(
                "Orthanc Explorer")
            self.screenshot(client, 'opened_images')

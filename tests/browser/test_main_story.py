# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The main story in the web client, each step by the person whose work it is"
import re
from pathlib import Path

from .browser_case import CONFIGURATION, IMAGING, BrowserTestCase, expect
from demo import story
from demo.hospital import create_user

SERVER = "Radiology"


class MainStoryTestCase(BrowserTestCase):
    port = 8001

    @classmethod
    def fill(cls):
        cls.start_orthanc()
        story.fill_orthanc(cls.orthanc)
        story.staff(cls.installation.password)
        create_user(
            'radiographer', 'health_imaging.group_health_imaging',
            name="Rosa Luz", password=cls.installation.password)
        story.register_patients()
        story.catalogue()

    def test_main_story(self):
        "From the first sight of the server to the printed report"
        self.add_server()
        self.look_at_server()
        self.look_at_patients_and_studies()
        self.order()
        self.generate_results()
        self.cancel()
        self.report()
        self.look_at_patient()

    def fill_server(self, client, **values):
        "Fill the form of the wizard that adds a server"
        for label, value in values.items():
            client.fill(label, value)

    def add_server(self):
        "An administrator adds the server, not without mistakes"
        with self.logged_in('admin') as client:
            client.open_menu(*CONFIGURATION, "Add Orthanc Server")
            self.fill_server(
                client, Label=SERVER, URL=self.orthanc.url,
                Username=self.orthanc.username, Password="a wrong one")
            client.click("Begin")
            expect(client.text).to_have_value(re.compile(
                    "does not accept the username and password"))
            self.screenshot(client, 'add_server_failure')

            client.click("Try Again")
            client.expect_value("Label", SERVER)
            client.expect_value("Password", '')
            client.fill("Password", self.orthanc.password)
            self.screenshot(client, 'add_server')
            client.click("Begin")
            statistics = self.orthanc.get('statistics')
            expect(client.text).to_have_value(re.compile(
                    r"was added.* {CountPatients} patients, {CountStudies} "
                    r"studies and {CountInstances} images".format(
                        **statistics)))
            self.screenshot(client, 'add_server_success')
            client.click("Close")

    def look_at_server(self):
        "An administrator synchronizes the server by its button"
        with self.logged_in('admin') as client:
            client.open_menu(*CONFIGURATION, "Servers")
            client.row(SERVER).get_by_text("Never Synchronized").wait_for()
            client.open_row(SERVER)
            client.click("Sync")
            client.toolbar('reload')
            number = str(len(self.orthanc.get('studies')))
            client.expect_value("Studies", number)
            client.expect_value("Studies on the Server", number)
            client.expect_value("Password", re.compile('^x+$'))
            self.screenshot(client, 'server_form')
            client.toolbar('switch_')
            client.row(SERVER).get_by_text("Healthy").wait_for()
            self.screenshot(client, 'servers')

    def look_at_patients_and_studies(self):
        "A doctor finds the server's patients and studies"
        with self.logged_in('doctor') as client:
            client.open_menu(*IMAGING, "Orthanc", "Patients")
            self.screenshot(client, 'patients')
            client.show_page("Linked")
            client.row("BETZ, ANA").get_by_role(
                "link", name="Betz, Ana", exact=True).wait_for()
            expect(client.rows.filter(has_text="NOVAK")).to_have_count(0)
            client.show_page("Not Linked")
            client.row("NOVAK, ADA").wait_for()
            expect(client.rows.filter(has_text="BETZ")).to_have_count(0)

            client.open_menu(*IMAGING, "Orthanc", "Studies")
            self.screenshot(client, 'studies')
            client.search("Abdomen with contrast")
            expect(client.rows).to_have_count(1)
            client.open_row("Abdomen with contrast")
            client.expect_value("Modalities", "CT")
            client.expect_value("Images", "24")
            self.screenshot(client, 'study')

    def order(self):
        "The doctor orders two tests, and requests one of them"
        with self.logged_in('doctor') as client:
            client.open_menu(*IMAGING, "Dx Imaging - New")
            client.choose("Patient", "GNU777ORG", "Betz, Ana")
            client.tick("Urgent")
            client.add("Tests", "CXR", "Chest X-ray")
            client.add("Tests", "CTABD", "CT of the abdomen")
            self.screenshot(client, 'order')
            client.click("Request")
            expect(client.rows).to_have_count(2)
            client.open_row("Chest X-ray")
            client.expect_value("Requesting Doctor", "Cordara, Cameron")
            client.click("Request")
            self.screenshot(client, 'request')

    def generate_results(self):
        "A radiographer generates the result of what was requested"
        with self.logged_in('radiographer') as client:
            client.open_menu(*IMAGING, "Dx Imaging Requests")
            client.row("CT of the abdomen").wait_for()
            self.screenshot(client, 'requests')
            client.show_page("Requested")
            client.open_row("Chest X-ray")
            client.click("Generate Results")
            # Nobody made images of it
            client.click("Yes")
            client.row("Chest X-ray").wait_for()
            expect(client.rows).to_have_count(1)

    def cancel(self):
        "A radiographer cancels a request, which a doctor reopens"
        with self.logged_in('radiographer') as client:
            client.open_menu(*IMAGING, "Dx Imaging Requests")
            client.open_row("CT of the abdomen")
            client.click("Cancel")
            # The form is there once its list is.
            client.row("CT of the abdomen").wait_for()
            client.fill("Reason", "Done in another hospital last week")
            self.screenshot(client, 'cancel')
            client.click("Cancel Requests")
            client.expect_value("State", re.compile("cancelled"))
            client.show_page("Steps")
            client.row("another hospital").wait_for()
            self.screenshot(client, 'request_cancelled')
            client.toolbar('switch_')
            client.show_page("Cancelled")
            client.row("CT of the abdomen").wait_for()
            self.screenshot(client, 'requests_cancelled')
        with self.logged_in('doctor') as client:
            client.open_menu(*IMAGING, "Dx Imaging Requests")
            client.show_page("Cancelled")
            client.open_row("CT of the abdomen")
            client.click("Reopen")
            client.click("OK")
            client.expect_value("State", re.compile("draft"))

    def report(self):
        "A radiologist links the study, writes the report, signs, prints"
        with self.logged_in('radiologist') as client:
            client.open_menu(*IMAGING, "Dx Imaging - Results")
            self.screenshot(client, 'results')
            client.open_row("Betz, Ana")
            client.choose("Evaluated by", "Lang", "Lang, Sofía")
            client.section("Findings").fill(
                "No infiltrate. Heart of normal size.")
            client.section("Impression").fill("No pneumonia.")
            # What is not saved is not lost by closing
            client.close_tab()
            client.page.get_by_text("has been modified").wait_for()
            client.click("Cancel")
            expect(client.section("Findings")).to_have_value(
                "No infiltrate. Heart of normal size.")
            client.show_page("Studies")
            client.add("Studies", "Chest PA")
            client.save()
            client.row("Chest PA").get_by_role(
                'button', name="Explorer").wait_for()
            self.screenshot(client, 'result_studies')
            client.show_page("Comment")
            self.screenshot(client, 'report')
            client.click("Sign")
            client.click("OK")
            client.expect_value("State", re.compile("final"))
            expect(client.section("Findings")).not_to_be_editable()
            self.screenshot(client, 'report_signed')
            printed = client.print_report("Imaging Report")
            content = Path(printed.path()).read_bytes()
            # Without LibreOffice it stays an OpenDocument text.
            self.assertTrue(content.startswith((b'%PDF', b'PK')))

    def look_at_patient(self):
        "A doctor finds all of that from the patient's form"
        with self.logged_in('doctor') as client:
            client.open_menu("Health", "Patients")
            client.search("GNU777ORG")
            for name, text in [
                    ("Dx Imaging Requests", "Chest X-ray"),
                    ("Dx Imaging - Results", "Chest X-ray"),
                    ("Studies", "Abdomen with contrast")]:
                client.open_row("Betz, Ana")
                client.relate(name)
                client.row(text).wait_for()
                if name == "Studies":
                    self.screenshot(client, 'patient')
                client.close_tab()
                client.toolbar('switch_')
            client.open_row("Betz, Ana")
            client.launch("Dx Imaging - New")
            client.expect_value("Patient", "Betz, Ana")
            client.click("Cancel")

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"From arrived images to a signed report that the doctor read, counting clicks"
import datetime as dt
import re

from proteus import Model

from .browser_case import (
    IMAGING, BrowserTestCase, expect, make_allergic_to_contrast)
from demo import story
from demo.dicom_files import generated_study
from demo.hospital import (
    create_health_professional, create_patient, create_test, create_user,
    get_test_type)

_COUNT = "window.clicks = 0; addEventListener('click', () => clicks++, true)"


class ReadingTestCase(BrowserTestCase):
    port = 8007

    @classmethod
    def fill(cls):
        cls.start_orthanc()
        password = cls.installation.password
        users = story.staff(password)
        create_health_professional("Rita", "Roe", create_user(
                'reader', 'health.group_health_doctor',
                'health_imaging.group_health_imaging_reporting',
                name="Rita Roe", password=password))
        create_user(
            'desk', 'health.group_health_frontdesk', name="Dana Desk",
            password=password)
        patient = create_patient(
            "Eve", "Adams", puid='GNU666ORG', dob=dt.date(1990, 5, 5),
            gender='f')
        make_allergic_to_contrast(patient)
        # So that one waits for too long
        mr = get_test_type('MR')
        mr.reading_limit = dt.timedelta(seconds=1)
        mr.save()
        Request = Model.get('gnuhealth.imaging.test.request')
        HealthProfessional = Model.get('gnuhealth.healthprofessional')
        doctor, = HealthProfessional.find(
            [('party.internal_user', '=', users['doctor'].id)])
        requests = [
            Request(
                patient=patient, requested_test=test, doctor=doctor,
                urgent=urgent, clinical_question="Bleeding?")
            for test, urgent in [
                (create_test("CT Head", code='HEAD', modality='CT'), True),
                (create_test("MR Brain", code='BRAIN', modality='MR'),
                    False)]]
        for request in requests:
            request.save()
        Request.click(requests, 'requested')
        story.schedule()
        server = story.add_server(cls.orthanc)
        server.thumbnails = True
        server.save()
        # What a new server has before is no arrival, of which there are
        # pictures before anybody opens it
        server = story.synchronize(server)
        for request, modality in zip(requests, ['CT', 'MR'], strict=True):
            cls.orthanc.upload_all(generated_study(
                    patient_id='GNU666ORG', patient_name='ADAMS^EVE',
                    birth_date='19900505', sex='F', modality=modality,
                    accession_number=request.accession_number,
                    study_description=modality, series=1, images=3,
                    date=dt.date.today()))
        server = story.synchronize(server)
        # Without a worker the next run fetches them
        story.synchronize(server)

    def test_reading(self):
        self.read()
        self.read_together()
        self.tell()
        self.acknowledge()
        self.ask()
        self.count()
        self.change()

    def clicks(self, client):
        return client.page.evaluate('clicks')

    def read(self):
        "A radiologist reads the images and signs"
        with self.logged_in('reader') as client:
            client.open_menu(*IMAGING, "Reading")
            client.row("CT Head").wait_for()
            self.screenshot(client, 'reading')
            client.page.evaluate(_COUNT)
            client.press("CT Head", "Read")
            # The form is not editable before it is loaded
            expect(client.section("Findings")).to_be_editable()
            client.section("Findings").click()
            client.page.keyboard.type("B")
            expect(client.section("Findings")).to_have_value("B")
            self.assertLessEqual(self.clicks(client), 3)
            client.page.keyboard.type("leeding on the left.")
            self.screenshot(client, 'reading_report')
            client.expect_value(
                "Warnings", re.compile("Iodinated contrast"))
            client.click("Sign")
            client.click("OK")
            client.expect_value("State", re.compile('final'))
            self.assertLessEqual(self.clicks(client), 6)
            client.show_page("Pictures")
            self.screenshot(client, 'thumbnails')
            client.show_page("Priors")
            client.row("MR").wait_for()
            self.screenshot(client, 'priors')

    def read_together(self):
        """One signs while another one writes, who loses no text.

        Nor does who signs what another one signed.
        """
        with self.logged_in('reader') as first:
            second = self.beside(first, 'radiologist')
            first.open_menu(*IMAGING, "Reading")
            first.press("MR Brain", "Read")
            first.write("Findings", "Normal.")
            first.save()
            second.open_menu(*IMAGING, "Dx Imaging - Results")
            second.open_row("MR Brain")
            second.write("Findings", "A small mass.")
            first.click("Sign")
            first.click("OK")
            first.expect_value("State", re.compile('final'))
            for button in ['save', 'Sign']:
                if button == 'save':
                    second.toolbar('save')
                else:
                    second.click(button)
                    second.click("OK")
                self.assertIn("final", second.error)
                self.screenshot(second, f'signed_meanwhile_{button}')
                second.click("OK")
                expect(second.section("Findings")).to_have_value(
                    "A small mass.")

    def tell(self):
        "And tells what can not wait"
        now = dt.datetime.now()
        seen, told = (
            time.strftime('%m/%d/%Y %H:%M:%S')
            for time in [now - dt.timedelta(hours=2), now])
        with self.logged_in('reader') as client:
            client.open_menu(*IMAGING, "Dx Imaging - Results")
            client.open_row("CT Head")
            client.click("Critical Findings")
            client.toolbar('new_')
            client.fill("Category", "Minutes")
            client.fill("Seen", seen)
            client.text.fill("Bleeding")
            client.fill("Told to", "Dr. Cordara")
            client.fill("Told How", "By Phone")
            client.fill("Told", told)
            client.tick("Read Back")
            client.save()
            client.click("Told")
            client.click("OK")
            self.screenshot(client, 'critical_finding')

    def acknowledge(self):
        "The doctor who ordered acknowledges it, and reads the report"
        with self.logged_in('doctor') as client:
            client.open_menu(*IMAGING, "New Reports")
            self.screenshot(client, 'new_reports')
            client.open_menu(*IMAGING, "Critical Findings")
            client.show_page("Of My Orders")
            self.screenshot(client, 'critical_findings')
            client.press("CT Head", "Acknowledge")
            client.open_menu(*IMAGING, "New Reports")
            client.press("CT Head", "Mark as Read")

    def ask(self):
        "The front desk sees how far it is"
        with self.logged_in('desk') as client:
            client.open_menu(*IMAGING, "Order Status")
            client.row("CT Head").get_by_text("Final").wait_for()
            self.screenshot(client, 'order_status')

    def count(self):
        "Who reports sees the figures, and what is behind a point"
        with self.logged_in('reader') as client:
            for name, shot in [
                    ("By Modality", 'figures_modality'),
                    ("Times", 'figures_time'),
                    ("Readers", 'figures_reader'),
                    ("Per Day", 'figures_day')]:
                client.open_menu(*IMAGING, "Figures", name)
                client.page.locator('.c3 svg').last.wait_for()
                self.screenshot(client, shot)
            client.open_point()
            client.front.get_by_text("Orders", exact=True).click()
            client.click("OK")
            client.row("CT Head").wait_for()
            self.screenshot(client, 'figures_orders')
            # The web client opens nothing by its bars
            client.open_menu(
                *IMAGING, "Figures", "By Modality")
            client.toolbar('switch_')
            client.row("Computed").locator('.widget:visible').first.click()
            client.relate("Reports")
            client.row("CT Head").wait_for()

    def change(self):
        "What is signed is corrected, and withdrawn to be read again"
        with self.logged_in('reader') as client:
            client.open_menu(*IMAGING, "Dx Imaging - Results")
            client.show_page("All")
            client.open_row("MR Brain")
            client.click("Correct")
            client.write("Findings", "A small mass.")
            client.write("Reason", "Seen by another one.")
            client.click("Sign")
            client.expect_value("State", re.compile('amended'))
            expect(client.section("Findings")).to_have_value("A small mass.")
            client.click("Withdraw")
            client.write("Reason", "Mixed up.")
            client.click("Withdraw")
            client.expect_value("State", re.compile('entered_in_error'))
            client.open_menu(*IMAGING, "Reading")
            client.show_page("To Read")
            client.row("MR Brain").wait_for()
            self.screenshot(client, 'withdrawn_to_read')

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people need is in sight, also where the window is small.

That is 1280 pixels with the menu open, 800, where the client hides the menu,
and 420, where it shows each row of a list as a card.
"""
import datetime as dt

from .browser_case import (
    CONFIGURATION, IMAGING, BrowserTestCase, create_radiographer,
    request_tests)
from demo import story
from demo.dicom_files import generated_study
from demo.hospital import create_patient, create_test, create_user

_WIDTHS = [1280, 800, 420]
_HEIGHT = 800
_PERSON = {
    'patient_id': 'GNU666ORG', 'patient_name': 'ADAMS^EVE',
    'birth_date': '19900505', 'sex': 'F'}
# Which of the texts are not wholly in the window
_OUT_OF_SIGHT = """(front, texts) => {
    const isShown = el => {
        const {left, right, top, bottom, width} = el.getBoundingClientRect();
        return width && left >= 0 && right <= innerWidth
            && top >= 0 && bottom <= innerHeight;
    };
    const shown = [...front.querySelectorAll('th label, button, label')]
        .filter(isShown).map(el => el.textContent);
    const cards = [...front.querySelectorAll('td[data-title]')]
        .filter(isShown).map(el => el.dataset.title);
    return texts.filter(text => ![...shown, ...cards].some(
        found => found.replace(/:\\s*$/, '').trim() == text));
}"""


class InSightTestCase(BrowserTestCase):
    port = 8015

    @classmethod
    def fill(cls):
        cls.start_orthanc()
        password = cls.installation.password
        story.staff(password)
        create_radiographer(password)
        create_user(
            'orthanc', 'health_orthanc.group_imaging_orthanc_admin',
            password=password)
        patient = create_patient(
            "Eve", "Adams", puid='GNU666ORG', dob=dt.date(1990, 5, 5))
        create_patient(
            "Lena", "Müller", puid='GNU555ORG', dob=dt.date(1990, 7, 3))
        cls.order(patient)
        cls.orthanc.upload_all([
                file for values in [
                    ('X-1', 'MUELLER^LENA', '19900307', 'F', "Hand", 'DX'),
                    ('GNU666ORG', 'JONES^BOB', '19480101', 'M', "Liver", 'US')]
                for file in generated_study(*values)])
        story.schedule()
        story.synchronize(story.add_server(cls.orthanc))

    @classmethod
    def order(cls, patient):
        "One order with images and one that is still to be made"
        arrived, _ = request_tests(
            patient, [
                create_test("CT Abdomen", code='ABDOMEN', modality='CT'),
                create_test("MR Brain", code='BRAIN', modality='MR')],
            urgent=True, clinical_question="Bleeding?",
            scheduled_date=dt.datetime.now().replace(microsecond=0))
        cls.orthanc.upload_all(generated_study(
                **_PERSON, accession_number=arrived.accession_number,
                modality='CT', study_description="Abdomen", series=2,
                images=4, date=dt.date.today()))

    def look(self, client, place, *texts, wide=()):
        "The texts are in sight in all widths, others in the widest"
        for width in _WIDTHS:
            client.page.set_viewport_size({'width': width, 'height': _HEIGHT})
            self.show_menu(client, width == max(_WIDTHS))
            with self.subTest(place=place, width=width):
                self.screenshot(client, f'sight_{place}_{width}')
                needed = [*texts, *(wide if width == max(_WIDTHS) else [])]
                self.assertEqual(
                    client.front.evaluate(_OUT_OF_SIGHT, needed), [])
        client.page.set_viewport_size(
            {'width': max(_WIDTHS), 'height': _HEIGHT})
        self.show_menu(client, True)

    def show_menu(self, client, on):
        "Open or close the menu, unless a dialog is in front of it"
        client.settle()
        page = client.page
        if (not page.locator('.modal.in').count()
                and page.locator('.row-offcanvas.active').count() != on):
            page.locator('[data-toggle=offcanvas]').first.click()
            client.settle()

    def test_doctor(self):
        with self.logged_in('doctor') as client:
            client.open_menu(*IMAGING, "Dx Imaging - New")
            self.look(client, 'new', "Patient", "Request Now")
            client.click("Cancel")
            client.open_menu(*IMAGING, "Dx Imaging Requests")
            client.show_page("All")
            client.row("MR Brain").wait_for()
            self.look(
                client, 'requests', "Patient", "PUID, Birth Date, Sex",
                "Test", "State")
            client.open_row("MR Brain")
            self.look(client, 'request', "Patient", "State")

    def test_radiographer(self):
        with self.logged_in('radiographer') as client:
            client.open_menu(*IMAGING, "Department Worklist")
            client.show_page("Today")
            client.row("MR Brain").wait_for()
            self.look(
                client, 'department', "Arrived", "Patient",
                "PUID, Birth Date, Sex", "Test", "Start",
                wide=["Complete", "Time"])
            client.open_row("MR Brain")
            self.look(client, 'department_request', "State", "Arrived")

    def test_radiologist(self):
        with self.logged_in('radiologist') as client:
            client.open_menu(*IMAGING, "Reading")
            client.row("CT Abdomen").wait_for()
            self.look(
                client, 'reading', "Read", "Patient", "PUID, Birth Date, Sex",
                "Test", "Modality", wide=["Urgent", "Waiting for Report"])
            client.press("CT Abdomen", "Read")
            self.look(client, 'report', "Patient", "State", "Sign")
            client.close_tab()
            client.open_menu(*IMAGING, "Orthanc", "Studies")
            client.row("Abdomen").wait_for()
            self.look(
                client, 'studies', "Explorer", "Patient", "Modalities",
                wide=["PUID, Birth Date, Sex"])
            client.open_row("Abdomen")
            self.look(client, 'study', "Open in Orthanc Explorer", "Patient")

    def test_patient(self):
        with self.logged_in('radiologist') as client:
            client.open_menu("Health", "Patients")
            client.open_row("Adams")
            client.relate("Studies")
            client.row("Abdomen").wait_for()
            self.look(client, 'patient', "Explorer", "Modalities")

    def test_reconciliation(self):
        with self.logged_in('radiologist') as client:
            client.open_menu(*IMAGING, "Orthanc", "Reconciliation")
            client.row("JONES").wait_for()
            self.look(
                client, 'reconciliation', "Patient Name", "Birth Date",
                "Modalities", "Description", "Reconcile",
                wide=["Link to Order"])
            client.open_row("JONES")
            self.look(client, 'doubt', "Reconcile", "Explanation")

    def test_administrator(self):
        with self.logged_in('orthanc') as client:
            client.open_menu(*CONFIGURATION, "Servers")
            client.row(story.SERVER).wait_for()
            self.look(client, 'servers', "Status", "Sync")
            client.open_row(story.SERVER)
            self.look(client, 'server', "Status", "Sync")

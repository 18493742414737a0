# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"A request whose images arrived, and a study linked by hand, in the web client"
import datetime as dt

from .browser_case import IMAGING, BrowserTestCase, request_tests
from demo import story
from demo.dicom_files import generated_study
from demo.hospital import create_patient, create_test

PERSON = {
    'patient_id': 'GNU666ORG', 'patient_name': 'ADAMS^EVE',
    'birth_date': '19900505', 'sex': 'F'}


class OrdersTestCase(BrowserTestCase):
    port = 8005

    @classmethod
    def fill(cls):
        cls.start_orthanc()
        story.staff(cls.installation.password)
        patient = create_patient(
            "Eve", "Adams", puid='GNU666ORG', dob=dt.date(1990, 5, 5),
            gender='f')
        requests = request_tests(patient, [
                create_test("CT Abdomen", code='ABDOMEN', modality='CT'),
                create_test("MR Brain", code='BRAIN', modality='MR')])
        for images, values in [
                (40, {
                    'accession_number': requests[0].accession_number,
                    'modality': 'CT', 'study_description': "Abdomen"}),
                (12, {'modality': 'MR', 'study_description': "Brain"})]:
            cls.orthanc.upload_all(generated_study(
                    **PERSON, **values, series=2, images=images, size=96,
                    date=dt.date.today()))
        story.schedule()
        server = story.add_server(cls.orthanc)
        story.synchronize(server)
        server.thumbnails = True
        server.save()
        # Who opens a form gets its pictures with the next synchronization
        requests[0].reload()
        assert not requests[0].thumbnails
        story.synchronize(server)

    def test_orders(self):
        "The doctor sees what arrived; what no number links a person does"
        with self.logged_in('radiologist') as client:
            client.open_menu(*IMAGING, "Dx Imaging Requests")
            client.show_page("Images Arrived")
            client.open_row("CT Abdomen")
            client.row("Abdomen").wait_for()
            self.screenshot(client, 'request_studies')
            client.show_page("Pictures")
            client.row("Abdomen 2").wait_for()
            client.page.wait_for_function(
                "[...document.querySelectorAll('td img')].filter("
                "i => i.naturalWidth > 50).length >= 2")
            self.screenshot(client, 'request_pictures')
            client.close_tab()

            client.open_menu(*IMAGING, "Orthanc", "Studies")
            client.open_row("Brain")
            client.show_page("Orders")
            client.row("MR Brain").wait_for()
            client.launch("Link to Order")
            client.choose("Order", "002-01-01", completed="MR Brain")
            client.fill("Reason", "Made in an emergency")
            self.screenshot(client, 'link_order')
            client.click("Link")
            client.show_page("Decisions")
            client.row("Made in an emergency").wait_for()

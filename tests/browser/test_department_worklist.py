# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What is to be made, as the radiographer and who settles see it"
import datetime as dt
import re

from proteus import Model, Wizard

from .browser_case import (
    IMAGING, BrowserTestCase, create_radiographer, expect, first_doctor,
    make_allergic_to_contrast)
from demo import story
from demo.hospital import create_patient, create_test, get_test_type

PUIDS = [
    'GNU777ORG', 'MUE461123', 'YAM790217', 'OKA920830', '77654033',
    'RUI010515']


class DepartmentWorklistTestCase(BrowserTestCase):
    port = 8009

    @classmethod
    def fill(cls):
        cls.start_orthanc()
        password = cls.installation.password
        story.staff(password)
        create_radiographer(password)
        patients = story.register_patients()
        Station = Model.get('gnuhealth.imaging.station')
        for name, ae_title, code in [
                ("CT room", 'CT01', 'CT'), ("MR room", 'MR01', 'MR')]:
            Station(
                name=name, ae_title=ae_title, location="Floor 1",
                test_types=[get_test_type(code)]).save()
        tests = {
            code: create_test(name, code, modality)
            for code, name, modality in [
                ('CTHEAD', "CT of the head", 'CT'),
                ('MRKNEE', "MR of the knee", 'MR')]}
        stations = {s.ae_title: s for s in Station.find([])}
        now = dt.datetime.now().replace(second=0, microsecond=0)
        Request = Model.get('gnuhealth.imaging.test.request')
        doctor = first_doctor()
        requests = []
        for puid, code, hours, urgent, question in [
                (PUIDS[0], 'CTHEAD', -1, True, "Bleeding?"),
                (PUIDS[1], 'MRKNEE', -30, False, "Meniscus?"),
                (PUIDS[2], 'CTHEAD', 0, False, None),
                (PUIDS[3], 'MRKNEE', -2, False, "Tumour?"),
                (PUIDS[4], 'CTHEAD', -3, False, None),
                (PUIDS[5], 'CTHEAD', -4, False, "After a fall")]:
            requests.append(Request(
                    patient=patients[puid], requested_test=tests[code],
                    doctor=doctor, urgent=urgent, clinical_question=question,
                    station=stations['CT01'] if code == 'CTHEAD' else None,
                    scheduled_date=now + dt.timedelta(hours=hours)))
            requests[-1].save()
        Request.click(requests, 'requested')
        requests[3].click('start')
        discontinue = Wizard(
            'gnuhealth.imaging.procedure.discontinue', [requests[4]])
        discontinue.form.reason = "Metal in the eye"
        discontinue.execute('discontinue')
        cls.walked = cls.request_walked(
            requested_test=tests['CTHEAD'], doctor=doctor,
            station=stations['CT01'])
        story.schedule()
        cls.report_step()

    @staticmethod
    def request_walked(**values):
        "Return a request of now, of a patient allergic to contrast"
        patient = create_patient(
            "Lia", "Walker", puid='WLK880214', dob=dt.date(1988, 2, 14),
            gender='f')
        make_allergic_to_contrast(patient)
        request = Model.get('gnuhealth.imaging.test.request')(
            patient=patient, **values)
        request.save()
        request.click('requested')
        return request

    @classmethod
    def report_step(cls):
        "A machine does what nobody ordered"
        from trytond.pool import Pool
        from trytond.transaction import Transaction

        from demo.installation import DATABASE
        with Transaction().start(DATABASE, 0) as transaction:
            Pool(DATABASE).get('gnuhealth.imaging.performed_step').record([{
                        'sop_instance_uid': '2.25.1', 'number': 1, 'item': 0,
                        'status': 'COMPLETED', 'match': 'unscheduled',
                        'station_ae_title': 'CT01', 'modality': 'CT',
                        'performed_procedure_step_id': 'PPS17',
                        'patient_name': 'BETZ^ANNA', 'patient_id': 'GNU777',
                        'birth_date': dt.date(1985, 10, 4),
                        'started': dt.datetime.now().replace(microsecond=0),
                        'received': dt.datetime.now().replace(microsecond=0),
                        'series_count': 2, 'image_count': 64}])
            transaction.commit()

    def test_worklist(self):
        "The radiographer takes patients from arrival to the start"
        with self.logged_in('radiographer', width=1500) as client:
            client.open_menu(*IMAGING, "Department Worklist")
            for page, names in [
                    ("Discontinued", ["Doe, Archibald"]),
                    ("No Images Yet", ["Okafor, Ngozi"]),
                    ("Started", ["Okafor, Ngozi"]),
                    ("Waiting", ["Betz, Ana", "Müller, Jürgen"])]:
                client.show_page(page)
                for name in names:
                    client.row(name).wait_for()
            # What is urgent comes first
            expect(client.rows.first).to_contain_text("Betz, Ana")
            self.screenshot(client, 'department_worklist')

            client.row("Betz, Ana").get_by_role(
                'button', name="Arrived").click()
            client.settle()
            client.toolbar('reload')
            self.wait_arrived(client, "Betz, Ana")
            client.open_row("Betz, Ana")
            client.click("Start")
            client.expect_value("Procedure", re.compile('started'))

    def test_life(self):
        "From arrival to the end, once again after it was discontinued"
        with self.logged_in('radiographer', width=1500) as client:
            client.open_menu(*IMAGING, "Department Worklist")
            client.show_page("Today")
            self.press_of_walker(client, "Arrived")
            self.wait_arrived(client, "Walker, Lia")
            self.press_of_walker(client, "Start")
            client.open_row("Walker, Lia")
            client.click("Discontinue")
            client.fill("Reason", "The patient was unwell")
            self.screenshot(client, 'discontinue')
            client.click("Discontinue")
            client.expect_value("Procedure", re.compile('discontinued'))
            client.show_page("Steps")
            client.row("The patient was unwell").wait_for()
            client.click("Schedule Again")
            client.expect_value("Procedure", re.compile('scheduled'))
            client.toolbar('switch_')
            self.press_of_walker(client, "Start")
            self.press_of_walker(client, "Complete")
            client.row("Walker, Lia").get_by_text(
                "Completed").first.wait_for()
            self.screenshot(client, 'department_worklist_today')
        self.walked.reload()
        self.assertEqual(self.walked.procedure_status, 'completed')

    def wait_arrived(self, client, name):
        "Wait until the state says so, as the button did before"
        client.row(name).get_by_text("Arrived").locator(
            'visible=true').first.wait_for()

    def press_of_walker(self, client, name):
        "Click a button of the row; a first click may but select the row"
        button = client.row("Walker, Lia").get_by_role(
            'button', name=name, exact=True)
        button.click()
        client.settle()
        if button.is_visible():
            button.click()
            client.settle()

    def test_found(self):
        "A machine, a kind of images, a person, a number or a test is found"
        with self.logged_in('radiographer', width=1500) as client:
            client.open_menu(*IMAGING, "Department Worklist")
            client.show_page("Waiting")
            for text, found, others in [
                    ("Modality: MR", "Müller, Jürgen", "Ruiz"),
                    ('Station: "CT room"', "Ruiz, Inés", "Müller"),
                    ("ruiz", "Ruiz, Inés", "Müller"),
                    (PUIDS[1], "Müller, Jürgen", "Ruiz"),
                    (self.number_of(PUIDS[5]), "Ruiz, Inés", "Müller"),
                    ("MR of the knee", "Müller, Jürgen", "Ruiz")]:
                with self.subTest(text=text):
                    client.search(text)
                    client.row(found).wait_for()
                    expect(client.rows.filter(has_text=others)).to_have_count(
                        0)
            self.screenshot(client, 'department_worklist_found')

    def number_of(self, puid):
        request, = Model.get('gnuhealth.imaging.test.request').find(
            [('patient.puid', '=', puid)])
        return request.accession_number

    def test_order(self):
        "The doctor is warned, and sees how far the order is"
        with self.logged_in('doctor', width=1500) as client:
            for code, test, button, state, warnings in [
                    ('MRKNEE', "MR of the knee", "Request", 'draft',
                        ["Iodinated contrast"]),
                    ('MRKNEE', "MR of the knee", "Request Now", 'requested',
                        ["Iodinated contrast", "MR of the knee"])]:
                client.open_menu(*IMAGING, "Dx Imaging - New")
                client.choose("Patient", "WLK880214", "Walker, Lia")
                client.add("Tests", code, test)
                client.expect_value("PUID", "WLK880214")
                client.fill("Clinical Question", "Meniscus?")
                for warning in warnings:
                    expect(client.text).to_have_value(re.compile(warning))
                self.screenshot(client, f'order_{state}')
                client.click(button)
                client.expect_value("State", re.compile(state))
                client.expect_value("Clinical Question", "Meniscus?")
                self.screenshot(client, f'ordered_{state}')
                client.close_tab()

    def test_calendar(self):
        "Who plans drags a request to another time"
        Request = Model.get('gnuhealth.imaging.test.request')
        request, = Request.find([('patient.puid', '=', PUIDS[2])])
        # Noon leaves room to drag, whatever the hour of the test
        before = dt.datetime.combine(dt.date.today(), dt.time(12))
        other, = Request.find([('patient.puid', '=', PUIDS[3])])
        for scheduled in [request, other]:
            scheduled.scheduled_date = before
            scheduled.save()
        with self.logged_in('radiographer', width=1500) as client:
            client.open_menu(*IMAGING, "Schedule")
            event = client.page.locator('.fc-event').filter(
                has_text="Yamada").first
            event.wait_for()
            event.scroll_into_view_if_needed()
            # Ngozi Okafor's is of no station
            other = client.page.locator('.fc-event').filter(
                has_text="Okafor").first
            expect(event).to_have_css('background-color', re.compile('rgb'))
            self.assertNotEqual(*[
                shown.evaluate("e => getComputedStyle(e).backgroundColor")
                for shown in (event, other)])
            self.screenshot(client, 'schedule')
            box = event.bounding_box()
            mouse = client.page.mouse
            x, y = box['x'] + box['width'] / 2, box['y'] + 5
            mouse.move(x, y)
            mouse.down()
            mouse.move(x, y - 40, steps=8)
            mouse.move(x, y - 100, steps=8)
            mouse.up()
            client.settle()
            client.page.wait_for_timeout(500)
            client.settle()
        request.reload()
        self.assertLess(request.scheduled_date, before)

    def test_settle(self):
        "Who reconciles says of which order it was"
        with self.logged_in('radiologist', width=1500) as client:
            client.open_menu(*IMAGING, "Orthanc", "Reconciliation")
            client.show_page("Performed Step")
            client.row("BETZ^ANNA").wait_for()
            self.screenshot(client, 'reconciliation_step')
            client.open_row("BETZ^ANNA")
            client.click("Settle")
            client.choose("Order", "Ruiz", "Ruiz")
            self.screenshot(client, 'settle_step')
            client.fill("Reason", "Emergency, the order came later")
            client.click("Link")
        Step = Model.get('gnuhealth.imaging.performed_step')
        step, = Step.find([('latest', '=', True)])
        self.assertEqual(
            (step.match, step.request.patient.puid), ('manual', PUIDS[5]))

    def test_server(self):
        "The administrator sees how a server is told of the worklist"
        story.add_server(self.orthanc)
        with self.logged_in('admin', width=1500) as client:
            client.open_menu(
                "Health", "Configuration", "Orthanc", "Servers")
            client.open_row(story.SERVER)
            client.show_page("Worklist")
            client.fill("Worklist", "Worklists Plugin")
            client.save()
            client.click("Check")
            client.toolbar('reload')
            self.screenshot(client, 'server_worklist')

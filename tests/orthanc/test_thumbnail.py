# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Small pictures of the series of a real Orthanc, and what can go wrong"
import datetime as dt
import io
import os
import tempfile
import unittest
from unittest.mock import patch

from PIL import Image
from proteus import Model, Wizard
from proteus import config as proteus_config

from trytond import filestore
from trytond.exceptions import UserError
from trytond.model.exceptions import AccessError
from trytond.modules.health_orthanc import thumbnail
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from .server_case import ServerTestCase
from demo.dicom_files import generated_study
from tests.faults.misbehaving import (
    ProxyServer, answer, closed_port, hang, huge_body)
from tests.tools import create_test

PERSON = {
    'patient_id': 'GNU1', 'patient_name': 'Smith^Anna',
    'birth_date': '19800201', 'sex': 'F', 'modality': 'CT',
    'date': dt.date.today(), 'size': 64}
SERIES = 'gnuhealth.orthanc.series'


def png(width, height):
    output = io.BytesIO()
    Image.new('L', (width, height)).save(output, 'PNG')
    return output.getvalue()


class ThumbnailTestCase(ServerTestCase):
    "Show pictures of the series of a real Orthanc"

    def setUp(self):
        super().setUp()
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(patch.object(filestore, 'PATH', self.folder))
        # What a new server has is not what arrives
        self.sync()
        self.server.thumbnails = True
        self.server.save()

    def tearDown(self):
        # Others have the same pixels, which are one file
        self.server.active = self.server.thumbnails = False
        self.server.save()
        super().tearDown()

    def files(self):
        return [
            os.path.join(folder, name)
            for folder, _, names in os.walk(self.folder) for name in names]

    def open_form(self, record):
        "What the form of the record shows"
        record.reload()
        return record.thumbnails

    def as_due(self):
        "Let the time of the next try come"
        with Transaction().start(DB_NAME, 0):
            table = proteus_config.get_config().pool.get(SERIES).__table__()
            Transaction().connection.cursor().execute(*table.update(
                    [table.thumbnail_next_try], [dt.datetime(2026, 1, 1)],
                    where=table.thumbnail_next_try != None))  # noqa: E711

    def through(self, spoil):
        "Let the server be reached through a proxy that spoils its pictures"
        proxy = self.enterContext(ProxyServer(
                self.orthanc.url, lambda request, number: (
                    spoil if '/rendered' in request.path else None)))
        self.server.url = proxy.url
        self.server.password = self.orthanc.password
        self.server.timeout = 1
        self.server.save()
        return proxy

    def test_arrival(self):
        "One for each series of images, of linked studies only"
        id_ = self.upload(**PERSON, series=2, images=5)
        stranger = self.upload(patient_id='X', patient_name='No^One')
        self.sync()
        series = self.open_form(self.study(id_))
        self.assertEqual([s.series_number for s in series], ['1', '2'])
        for one in series:
            with Image.open(io.BytesIO(one.thumbnail)) as image:
                self.assertEqual(image.format, 'JPEG')
                self.assertLessEqual(max(image.size), thumbnail.SIZE)
        self.assertEqual(self.open_form(self.study(stranger)), [])
        self.assertEqual(len(self.files()), 2)

    def test_off(self):
        "Nothing is saved where it is off, and what was is deleted"
        id_ = self.upload(**PERSON)
        self.sync()
        self.assertEqual(len(self.files()), 1)
        self.server.thumbnails = False
        self.server.save()
        self.assertEqual(self.files(), [])
        study = self.study(id_)
        self.assertEqual(self.open_form(study), [])
        self.assertIsNone(study.series[0].thumbnail)
        other = self.upload(**{**PERSON, 'study_description': "Head"})
        self.sync()
        self.assertEqual(self.open_form(self.study(other)), [])
        self.assertEqual(self.files(), [])

    def test_off_leaves_attachments(self):
        "The file of a picture that somebody attached, which is the same one"
        id_ = self.upload(**PERSON)
        self.sync()
        picture = self.study(id_).series[0].thumbnail
        attachment = Model.get('ir.attachment')(
            name="picture.jpg", type='data', data=picture,
            resource=self.person)
        attachment.save()
        self.assertEqual(len(self.files()), 1)
        self.server.thumbnails = False
        self.server.save()
        self.assertEqual(len(self.files()), 1)
        attachment.reload()
        self.assertEqual(attachment.data, picture)

    def test_old_studies(self):
        "Of what was there before when somebody opens a form"
        self.server.thumbnails = False
        self.server.save()
        id_ = self.upload(**PERSON)
        self.sync()
        self.server.thumbnails = True
        self.server.save()
        self.sync()
        study = self.study(id_)
        self.assertEqual(self.files(), [])
        self.assertEqual(self.open_form(study), [])
        # Without worker the next synchronization fetches it
        self.sync()
        self.assertEqual(len(self.open_form(study)), 1)

    def test_no_picture(self):
        "That is remembered, and asked again when the series changes"
        asked = self.through(answer(415)).requests
        id_ = self.upload(**PERSON, images=1)
        self.sync()
        self.assertEqual(self.open_form(self.study(id_)), [])
        count = len([path for _, path in asked if 'rendered' in path])
        self.assertEqual(count, 1)
        self.open_form(self.study(id_))
        self.sync()
        self.as_due()
        self.sync()
        self.assertEqual(
            len([path for _, path in asked if 'rendered' in path]), 1)
        self.upload(**PERSON, images=2)
        self.sync()
        self.assertEqual(
            len([path for _, path in asked if 'rendered' in path]), 2)

    def test_bad_pictures(self):
        "What is none is not kept, and delays nothing"
        for number, bad in enumerate([
                answer(200, b''), answer(200, b'nonsense'),
                answer(200, png(5000, 5000)), huge_body, answer(500),
                answer(404)]):
            with self.subTest(number=number):
                self.through(bad)
                id_ = self.upload(**{
                        **PERSON, 'study_description': f"CT {number}"})
                self.sync()
                self.assertEqual(self.open_form(self.study(id_)), [])
                series, = self.study(id_).series
                self.assertIsNone(series.thumbnail_next_try)
                self.assertEqual(self.files(), [])

    def test_server_away(self):
        "Is tried again later, and no form waits for it"
        for number, bad in enumerate([answer(401), answer(503), hang]):
            with self.subTest(number=number):
                self.through(bad)
                id_ = self.upload(**{
                        **PERSON, 'study_description': f"CT {number}"})
                self.sync()
                series, = self.study(id_).series
                self.assertEqual(series.thumbnail_tries, 1)
                self.assertGreater(
                    series.thumbnail_next_try, dt.datetime.now())
                self.assertEqual(self.open_form(self.study(id_)), [])
        self.server.url = self.orthanc.url
        self.server.password = self.orthanc.password
        self.server.save()
        self.as_due()
        self.sync()
        self.assertEqual(
            [len(self.open_form(s)) for s in self.studies()], [1, 1, 1])
        with closed_port() as url:
            self.server.url = url
            self.server.password = self.orthanc.password
            self.server.save()
            self.assertEqual(len(self.open_form(self.study(id_))), 1)

    def test_deleted(self):
        "A picture goes with its series, equal ones stay"
        ids = [
            self.upload(**{**PERSON, 'study_description': name})
            for name in ["One", "Two"]]
        self.upload(patient_id='X')
        self.sync()
        # The same pixels are one file
        self.assertEqual(len(self.files()), 1)
        self.orthanc.delete(f'studies/{ids[0]}')
        self.sync()
        self.assertEqual(self.open_form(self.study(ids[0])), [])
        self.assertEqual(len(self.open_form(self.study(ids[1]))), 1)
        self.orthanc.delete(f'studies/{ids[1]}')
        self.sync()
        self.assertEqual(self.files(), [])

    def test_documents(self):
        "What has no images is not asked for one"
        asked = self.through(None).requests
        self.upload(**{**PERSON, 'modality': 'SR'})
        self.sync()
        self.assertFalse([path for _, path in asked if 'instances' in path])

    def test_middle(self):
        "The image in the middle, whichever was received first"
        with self.server_client() as client:
            for content in reversed(list(generated_study(
                        **PERSON, images=5))):
                self.orthanc.upload(content)
            series, = self.orthanc.get('series?expand')
            images = {
                i['ID']: i['IndexInSeries'] for i in self.orthanc.get(
                    f'series/{series["ID"]}/instances?expand')}
            self.assertEqual(
                [images[id_] for id_, _ in client._images(series['ID'])],
                [1, 2, 3, 4, 5])

    def test_key_image(self):
        "Is attached to a draft, with its caption, and is what was chosen"
        self.upload(**PERSON, images=5)
        self.sync()
        Result = Model.get('gnuhealth.imaging.test.result')
        result = Result(patient=self.person, requested_test=create_test())
        result.save()
        result.studies.extend(self.studies())
        result.save()
        result.click('add_key_image')
        wizard = Wizard('gnuhealth.orthanc.key_image', [result])
        self.assertEqual(
            (wizard.form.image_count, wizard.form.number), (5, 3))
        wizard.form.number = 2
        wizard.form.caption = "Nodule"
        proxy = self.through(None)
        wizard.execute('add')
        result.reload()
        image, = result.images
        self.assertEqual(image.description, "Nodule")
        self.assertEqual(image.name, "1 CT Chest 1 2.jpg")
        with Image.open(io.BytesIO(image.data)) as picture:
            self.assertEqual(picture.format, 'JPEG')
        second, = [
            i['ID'] for i in self.orthanc.get('instances?expand')
            if i['IndexInSeries'] == 2]
        asked, = [path for _, path in proxy.requests if 'rendered' in path]
        self.assertIn(second, asked)
        # A server that fails is told of, and nothing is lost
        self.through(answer(415))
        wizard = Wizard('gnuhealth.orthanc.key_image', [result])
        with self.assertRaisesRegex(UserError, "has no picture"):
            wizard.execute('add')
        self.assertEqual(len(Result(result.id).images), 1)

    def server_client(self):
        from trytond.modules.health_orthanc.client import Orthanc
        return Orthanc(
            self.orthanc.url, self.orthanc.username, self.orthanc.password)

    def test_rights(self):
        "Nobody writes them, whoever may read the studies"
        id_ = self.upload(**PERSON)
        self.sync()
        series, = self.study(id_).series
        proxy = proteus_config.get_config().get_proxy(SERIES)
        for values in [
                {'thumbnail': b'x'}, {'thumbnail_id': 'x'},
                {'thumbnail_of': 'x'}]:
            with self.assertRaises(AccessError):
                proxy.write([series.id], values, {})


if __name__ == '__main__':
    unittest.main()

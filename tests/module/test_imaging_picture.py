# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Pictures of a test"
import unittest
from io import BytesIO

from PIL import Image

from trytond.modules.health_imaging.ir import picture_mimetype
from trytond.modules.health_imaging.report_print import size_on_page


def picture(format, size=(1, 1)):
    content = BytesIO()
    Image.new('1', size).save(content, format)
    return content.getvalue()


class PictureTestCase(unittest.TestCase):
    "Test which attachments are pictures, and how they are printed"

    def test_by_name(self):
        "The extension decides, without reading the content"
        for name, mimetype in [
                ('a.png', 'image/png'),
                ('a.b.JPG', 'image/jpeg'),
                ('a.jpeg', 'image/jpeg'),
                ('a.gif', 'image/gif'),
                ('a.bmp', 'image/bmp'),
                # What one of the clients can not show
                ('a.tiff', None),
                ('a.svg', None),
                ('a.pdf', None),
                ('a.tar.gz', None),
                ]:
            with self.subTest(name=name):
                self.assertEqual(
                    picture_mimetype(name, self.fail), mimetype)

    def test_by_content(self):
        "Without extension the content decides"
        for data, mimetype in [
                (picture('PNG'), 'image/png'),
                (picture('JPEG'), 'image/jpeg'),
                (picture('GIF'), 'image/gif'),
                (picture('BMP'), 'image/bmp'),
                (picture('TIFF'), None),
                (b'text', None),
                (b'', None),
                (None, None),
                ]:
            for name in ["GNU Health media", "", None]:
                with self.subTest(name=name, mimetype=mimetype):
                    self.assertEqual(
                        picture_mimetype(name, lambda data=data: data),
                        mimetype)

    def test_size_on_page(self):
        "Pictures keep their proportions, are not enlarged, fit on the page"
        for size, expected in [
                ((96, 192), ('2.54cm', '5.08cm')),
                ((3400, 1700), ('17.00cm', '8.50cm')),
                ((2000, 4000), ('10.00cm', '20.00cm')),
                ]:
            with self.subTest(size=size):
                self.assertEqual(
                    size_on_page(picture('PNG', size)), expected)

    def test_size_on_page_broken(self):
        "What can not be read does not stop the report"
        for data in [b'', b'\x89PNG\r\n\x1a\n', picture('PNG')[:20]]:
            with self.subTest(data=data):
                width, height = size_on_page(data)
                self.assertEqual(width, height)

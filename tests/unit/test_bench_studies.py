# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The studies of the measurements are what they should be"
import io
import unittest

import pydicom

from tests.bench.studies import one_image_studies, values


class StudiesTestCase(unittest.TestCase):
    "The files that are not written by pydicom can be read by it"

    def test_values(self):
        # Repeated digits look like the dates of a template
        numbers = [0, 7, 111111, 99999, 1111111]
        for number, content in zip(
                numbers, one_image_studies(numbers), strict=True):
            with self.subTest(number=number):
                dataset = pydicom.dcmread(io.BytesIO(content))
                wanted = values(number)
                self.assertEqual(
                    {
                        'patient_id': dataset.PatientID,
                        'patient_name': str(dataset.PatientName),
                        'birth_date': dataset.PatientBirthDate,
                        'study_description': dataset.StudyDescription,
                        'accession_number': dataset.AccessionNumber,
                        'date': dataset.StudyDate,
                        'time': dataset.StudyTime,
                        'study_instance_uid': dataset.StudyInstanceUID,
                        'SeriesInstanceUID': dataset.SeriesInstanceUID,
                        'SOPInstanceUID': dataset.SOPInstanceUID,
                        }, wanted)
                self.assertEqual(
                    dataset.file_meta.MediaStorageSOPInstanceUID,
                    dataset.SOPInstanceUID)

    def test_prefix(self):
        content, = one_image_studies([5], 'P')
        self.assertEqual(
            pydicom.dcmread(io.BytesIO(content)).PatientID, 'P0000005')


if __name__ == '__main__':
    unittest.main()

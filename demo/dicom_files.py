# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"DICOM files for demonstration and tests: generated, and pydicom's own"
import datetime as dt
import hashlib
import io
from pathlib import Path

import pydicom
import pydicom.data
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage, CTImageStorage, ExplicitVRLittleEndian,
    MRImageStorage, SecondaryCaptureImageStorage, UltrasoundImageStorage)

__all__ = ['generated_study', 'pydicom_files', 'uid']

_STORAGE = {
    'CR': ComputedRadiographyImageStorage,
    'CT': CTImageStorage,
    'MR': MRImageStorage,
    'US': UltrasoundImageStorage,
    }


def uid(*parts):
    "Return the UID that belongs to parts, always the same (PS3.5 B.2)"
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return f'2.25.{int.from_bytes(digest[:16], "big")}'


def _pixels(size, seed):
    "Return a soft disc on a dark ground, another one for each seed"
    radius = max(size * (3 + seed % 3) // 12, 1)
    center = size // 2 + seed % 5 - 2
    pixels = bytearray()
    for y in range(size):
        for x in range(size):
            distance = (x - center) ** 2 + (y - center) ** 2
            pixels.append(max(16, 255 - 200 * distance // radius ** 2))
    return bytes(pixels)


def generated_study(
        patient_id='PAT-1', patient_name='Doe^Jane', birth_date='19800102',
        sex='F', study_description="Chest", modality='CR',
        accession_number='', date='20260102', time='101500', series=1,
        images=1, study_instance_uid=None, charset='ISO_IR 192', size=16,
        referring_physician='', **tags):
    """Yield the files of a study as bytes; the same for the same arguments.

    series is the number of series and images that of the images of each,
    size their width and height in pixels; date is text or a datetime.date.
    Further DICOM keywords are set on each image.
    """
    if isinstance(date, dt.date):
        date = date.strftime('%Y%m%d')
    study_uid = study_instance_uid or uid(
        patient_id, patient_name, study_description, modality,
        accession_number, date, time)
    for series_number in range(1, series + 1):
        pixels = _pixels(size, series_number)
        for number in range(1, images + 1):
            yield _file({
                    'SpecificCharacterSet': charset,
                    'SOPClassUID': _STORAGE.get(
                        modality, SecondaryCaptureImageStorage),
                    # One study can be under two patients, an image can not.
                    'SOPInstanceUID': uid(
                        patient_id, study_uid, series_number, number),
                    'StudyInstanceUID': study_uid,
                    'SeriesInstanceUID': uid(
                        patient_id, study_uid, series_number),
                    'PatientID': patient_id,
                    'PatientName': patient_name,
                    'PatientBirthDate': birth_date,
                    'PatientSex': sex,
                    'StudyID': '1',
                    'StudyDate': date,
                    'StudyTime': time,
                    'StudyDescription': study_description,
                    'AccessionNumber': accession_number,
                    'ReferringPhysicianName': referring_physician,
                    'Modality': modality,
                    'SeriesNumber': series_number,
                    'SeriesDescription': (
                        f"{study_description} {series_number}"),
                    'InstanceNumber': number,
                    'SamplesPerPixel': 1,
                    'PhotometricInterpretation': 'MONOCHROME2',
                    'Rows': size,
                    'Columns': size,
                    'BitsAllocated': 8,
                    'BitsStored': 8,
                    'HighBit': 7,
                    'PixelRepresentation': 0,
                    'PixelData': pixels,
                    **tags})


def _file(values):
    "Return the DICOM file (PS3.10) with those values by keyword"
    file = io.BytesIO()
    # Impossible dates and times are among what a test wants to send.
    with pydicom.config.disable_value_validation():
        dataset = Dataset()
        for keyword, value in values.items():
            setattr(dataset, keyword, value)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def pydicom_files():
    """Yield (name, bytes) of the DICOM files that pydicom is shipped with.

    Only files that are there are read; nothing is downloaded.
    """
    root = Path(pydicom.data.__file__).parent
    for path in sorted(root.rglob('*')):
        if path.is_file() and path.suffix != '.py':
            content = path.read_bytes()
            if path.suffix == '.dcm' or content[128:132] == b'DICM':
                yield path.relative_to(root).as_posix(), content

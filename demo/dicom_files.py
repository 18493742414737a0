# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""DICOM files for demonstration and tests: generated, and pydicom's own."""
import datetime
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
    """Return the UID that belongs to parts, always the same (PS3.5 B.2)."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return f'2.25.{int.from_bytes(digest[:16], "big")}'


def _pixels(size, seed):
    """Return a soft disc on a dark ground, another one for each seed."""
    radius = size * (3 + seed % 3) // 12
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
    if isinstance(date, datetime.date):
        date = date.strftime('%Y%m%d')
    study_uid = study_instance_uid or uid(
        patient_id, patient_name, study_description, modality,
        accession_number, date, time)
    for series_number in range(1, series + 1):
        pixels = _pixels(size, series_number)
        for number in range(1, images + 1):
            dataset = Dataset()
            dataset.SpecificCharacterSet = charset
            dataset.SOPClassUID = _STORAGE.get(
                modality, SecondaryCaptureImageStorage)
            # The patient is part of it, as one UID can be under two of them.
            dataset.SOPInstanceUID = uid(
                patient_id, study_uid, series_number, number)
            dataset.StudyInstanceUID = study_uid
            dataset.SeriesInstanceUID = uid(
                patient_id, study_uid, series_number)
            dataset.PatientID = patient_id
            dataset.PatientName = patient_name
            dataset.PatientBirthDate = birth_date
            dataset.PatientSex = sex
            dataset.StudyID = str(series_number)
            dataset.StudyDate = date
            dataset.StudyTime = time
            dataset.StudyDescription = study_description
            dataset.AccessionNumber = accession_number
            dataset.ReferringPhysicianName = referring_physician
            dataset.Modality = modality
            dataset.SeriesNumber = series_number
            dataset.SeriesDescription = f"{study_description} {series_number}"
            dataset.InstanceNumber = number
            dataset.SamplesPerPixel = 1
            dataset.PhotometricInterpretation = 'MONOCHROME2'
            dataset.Rows = dataset.Columns = size
            dataset.BitsAllocated = dataset.BitsStored = 8
            dataset.HighBit = 7
            dataset.PixelRepresentation = 0
            dataset.PixelData = pixels
            for keyword, value in tags.items():
                setattr(dataset, keyword, value)
            yield _written(dataset)


def _written(dataset):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    file = io.BytesIO()
    # Impossible dates and times are among what a test wants to send.
    with pydicom.config.disable_value_validation():
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

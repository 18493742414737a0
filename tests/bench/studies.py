# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many small studies, made fast, and Orthanc servers that keep them.

A study is a template whose values are replaced by others of the same length:
writing each file with pydicom would take longer than storing it.
"""
import datetime as dt
import json
import time
from pathlib import Path

from demo.dicom_files import generated_study
from demo.orthanc_server import OrthancServer

__all__ = [
    'filled_server', 'many_image_studies', 'one_image_studies', 'values']

# Syllables make 4,096 family names; 100,000 studies share them as a
# region's people do.
_SYLLABLES = [
    'ba', 'ce', 'di', 'fo', 'gu', 'ha', 'je', 'ki', 'lo', 'mu', 'na', 'pe',
    'ri', 'so', 'tu', 'va']
_GIVEN = [
    'Maria', 'Ahmed', 'Olga', 'Chen', 'Amara', 'José', 'Ingrid', 'Luis',
    'Fatima', 'Peter', 'Aisha', 'Ivan', 'Zoë', 'Samuel', 'Lucía', 'Noah']
_DESCRIPTIONS = [
    'Chest', 'Abdomen', 'Knee left', 'Knee right', 'Head', 'Spine lumbar',
    'Hand left', 'Pelvis']
_EPOCH = dt.date(2006, 1, 1)
_TEMPLATE = {
    'patient_id': 'PATIENT-0000000',
    'patient_name': 'FAMILY-NAME^GIVEN-NAME-0',
    'birth_date': 'YYYYMMDD',
    'study_description': 'DESCRIPTION-00',
    'accession_number': 'ACCESSION0000000',
    'date': 'yyyymmdd',
    'time': 'HHMMSS',
    'study_instance_uid': '2.25.1000000000',
    'SeriesInstanceUID': '2.25.2000000000',
    'SOPInstanceUID': '2.25.3000000000',
    }
# The upload of more than this is not awaited in memory.
_STEP = 2000


def values(number, prefix='BENCH-'):
    """The values of a study by keyword, always the same for a number.

    prefix is what its PatientID begins with, followed by 7 digits.
    """
    # Neighbours in number are no neighbours in name or date
    mixed = number * 2654435761 % 2 ** 32
    family = ''.join(
        _SYLLABLES[mixed >> shift & 15] for shift in (28, 24, 20))
    day = _EPOCH + dt.timedelta(days=(mixed >> 4) % 7300)
    return {
        'patient_id': f'{prefix}{number:07}',
        'patient_name': (
            f'{family.capitalize()}^{_GIVEN[mixed >> 16 & 15]}'),
        'birth_date': f'19{number % 90 + 10}0{number % 9 + 1}15',
        'study_description': _DESCRIPTIONS[number % len(_DESCRIPTIONS)],
        'accession_number': f'A{number:07}',
        'date': day.strftime('%Y%m%d'),
        'time': f'{number % 24:02}{number % 60:02}00',
        'study_instance_uid': f'2.25.1{number:09}',
        'SeriesInstanceUID': f'2.25.2{number:09}',
        'SOPInstanceUID': f'2.25.3{number:09}',
        }


def one_image_studies(numbers, prefix='BENCH-'):
    "Yield the file of the only image of each study"
    template, = generated_study(**_TEMPLATE, size=2)
    for number in numbers:
        content = template
        for keyword, value in values(number, prefix).items():
            old = _TEMPLATE[keyword].encode()
            content = content.replace(old, value.encode().ljust(len(old)))
        yield content


def many_image_studies(numbers, series, images):
    "Yield the files of studies of several series of several images"
    for number in numbers:
        yield from generated_study(
            patient_id=f'BENCH-{number}', patient_name=f'Many^{number}',
            series=series, images=images, size=2)


def filled_server(folder, count, files=one_image_studies, **options):
    """Return a server, not started, with that many studies.

    files makes those of a range of numbers. The folder is kept: what an
    earlier run has uploaded is there already.
    """
    folder = Path(folder)
    filled = folder / 'filled.json'
    server = OrthancServer(folder, **options)
    done = json.loads(filled.read_text()) if filled.exists() else 0
    if done < count:
        with server:
            while done < count:
                begin = time.monotonic()
                numbers = range(done, min(done + _STEP, count))
                server.upload_all(files(numbers))
                done = numbers.stop
                filled.write_text(json.dumps(done))
                rate = len(numbers) / (time.monotonic() - begin)
                print(
                    f"Uploaded {done} of {count} studies to {folder.name}, "
                    f"{rate:.0f}/s", flush=True)
    return server

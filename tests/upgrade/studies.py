# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the old hospital has: people, orders, studies and who may do what.

No import of trytond: the old environment and ours both read it.
"""
import datetime as dt
import hashlib
from typing import NamedTuple

from demo.dicom_files import generated_study

PEOPLE = {
    'anna': {
        'puid': 'GNU000ANNA', 'name': "Anna", 'lastname': "Smith",
        'gender': 'f', 'dob': dt.date(1980, 2, 1)},
    'olga': {
        'puid': 'GNU000OLGA', 'name': "Olga", 'lastname': "Petrova",
        'gender': 'f', 'dob': dt.date(1990, 5, 5)},
    'john': {
        'puid': 'GNU000JOHN', 'name': "John", 'lastname': "Lee",
        'gender': 'm', 'dob': dt.date(1970, 7, 7)},
    }
# (key, person, state): what the studies of the same key are about
REQUESTS = [
    ('merged', 'anna', 'done'),
    ('merged_by_description', 'anna', 'done'),
    ('arrived', 'john', 'requested'),
    ('awaited', 'olga', 'requested'),
    ('contradicted_name', 'anna', 'done'),
    ('result_by_hand', 'anna', 'done'),
    ('other_result', 'anna', 'done'),
    ('deleted', 'anna', 'done'),
    ('removed', 'anna', 'done'),
    ('draft', 'john', 'draft'),
    ]
OLD_MODELS = [
    'gnuhealth.imaging_orthanc.study',
    'gnuhealth.imaging_orthanc.study_series',
    'gnuhealth.imaging_orthanc.series_instances',
    ]
USERS = {
    'orthanc': 'health_orthanc.group_imaging_orthanc',
    'orthanc_admin': 'health_orthanc.group_imaging_orthanc_admin',
    'imaging': 'health_imaging.group_health_imaging',
    'imaging_admin': 'health_imaging.group_health_imaging_admin',
    'doctor': 'health.group_health_doctor',
    'health_admin': 'health.group_health_admin',
    'nobody': None,
    }


class Study(NamedTuple):
    """A study, and what people did with it.

    patient and result are keys of PEOPLE and REQUESTS, merge says which tag
    has the Merge ID of the request of the same key.
    """
    patient_id: str
    patient_name: str = 'Smith^Anna'
    birth_date: str = '19800201'
    server: str = 'main'
    patient: str = None
    result: str = None
    merge: str = None
    comment: bool = False
    deleted: bool = False
    first: bool = True
    tags: dict = {}  # noqa: RUF012


NAMED = {
    # Linked by the old module itself
    'auto': Study('GNU000ANNA', comment=True),
    'auto_wrong': Study('GNU000OLGA', 'Miller^Bob', '19551231'),
    'merged': Study('X4', merge='StudyInstanceUID', comment=True),
    'merged_by_description': Study('X5', merge='StudyDescription'),
    'arrived': Study(
        'X6', 'Lee^John', '19700707', merge='StudyInstanceUID', first=False,
        tags={'PatientSex': 'M'}),
    # By people
    'by_hand': Study('X1', patient='anna', comment=True),
    'contradicted_birth': Study('X2', birth_date='19800202', patient='anna'),
    'contradicted_name': Study(
        'X3', 'Miller^Bob', '', patient='anna', result='contradicted_name',
        comment=True),
    'result_by_hand': Study('X7', patient='anna', result='result_by_hand'),
    'other_result': Study(
        'X8', 'Petrova^Olga', '19900505', patient='olga',
        result='other_result'),
    'deleted': Study(
        'X10', patient='anna', result='deleted', comment=True, deleted=True),
    'branch_only': Study(
        'B1', server='branch', patient='anna', first=False),
    # By nobody
    'unlinked': Study('X9', comment=True),
    'strange': Study(
        '', '王^小东=Ñandú^José', '1980', tags={
            'StudyDate': '2026AB01', 'PatientSex': '',
            'ReferringPhysicianName': 'House^Gregory'}),
    'of_gnuhealth_4': Study('OLD1'),
    }
# The server that is no more
REMOVED = 'http://removed.example.com:8042'
# On the branch too, as images are sent on
TWICE = 'by_hand'
# (PatientName, PatientID, person, PUID of whom a result is), by key: those
# in NAMED are in both generations of tables
GNUHEALTH_4 = {
    'of_gnuhealth_4': ('Smith^Anna', 'OLD1', 'anna', None),
    'only_gnuhealth_4': ('Smith^Anna', 'OLD2', 'anna', 'GNU000ANNA'),
    'contradicted_4': ('Lee^John', 'OLD3', 'anna', 'GNU000ANNA'),
    'unlinked_4': ('Lee^John', 'OLD4', None, None),
    }
# What no model writes: rows without what is required, duplicates, a server
# that has lost the slash of the address that its studies name, or has one more
RUINS = [
    "UPDATE gnuhealth_orthanc_config SET domain = CASE "
    "WHEN domain LIKE '%/' THEN RTRIM(domain, '/') ELSE domain || '/' END "
    "WHERE label IN ('Main', 'Branch')",
    "INSERT INTO gnuhealth_orthanc_study (uuid, description) "
    "VALUES ('no-server-or-patient', 'Nowhere')",
    "INSERT INTO gnuhealth_orthanc_study (uuid, description, server) "
    "SELECT 'no-patient', 'Nobody', id FROM gnuhealth_orthanc_config "
    "WHERE label = 'Main'",
    "INSERT INTO gnuhealth_orthanc_study (description, server) "
    "SELECT 'No ID', id FROM gnuhealth_orthanc_config "
    "WHERE label = 'Main'",
    "INSERT INTO gnuhealth_orthanc_patient (name) VALUES ('No^Server')",
    "INSERT INTO gnuhealth_orthanc_study "
    "(uuid, instance_uid, description, server, patient, imaging_test) "
    "SELECT uuid, instance_uid, 'Duplicate', server, patient, imaging_test "
    "FROM gnuhealth_orthanc_study WHERE description = 'Of GNU Health 4'",
    "INSERT INTO gnuhealth_orthanc_patient "
    "(uuid, ident, name, server, patient) "
    "SELECT uuid, ident, name, server, patient "
    "FROM gnuhealth_orthanc_patient WHERE ident = 'OLD2'",
    'INSERT INTO gnuhealth_orthanc_config (label, "user", password) '
    "VALUES ('No Address', 'orthanc', 'secret')",
    ]
# What takes away those that break the constraints of version 7.0.0
CLEARINGS = [
    "DELETE FROM gnuhealth_orthanc_study WHERE server IS NULL "
    "OR patient IS NULL OR uuid IS NULL OR description = 'Duplicate'",
    "DELETE FROM gnuhealth_orthanc_patient WHERE server IS NULL OR id IN ("
    "SELECT MAX(id) FROM gnuhealth_orthanc_patient GROUP BY server, uuid "
    "HAVING COUNT(*) > 1)",
    "DELETE FROM gnuhealth_orthanc_config WHERE domain IS NULL",
    ]


def institution(key):
    "What a study has as InstitutionName, by which it is found again"
    return f"Institution {key}"


def files(server, merge_ids, first=None):
    """Yield the files of the studies of a server.

    merge_ids are those of the requests by key; first says which half, of
    those there first and those that came later.
    """
    for key, study in NAMED.items():
        if first is not None and study.first != first:
            continue
        if server == study.server:
            yield from files_of(key, merge_ids)
        elif key == TWICE:
            yield from files_of(key, merge_ids, 'branch')


def files_of(key, merge_ids, name=None):
    """Yield the files of a study.

    name is what it has as institution in place of its key.
    """
    study = NAMED[key]
    tags = {'InstitutionName': institution(name or key), **study.tags}
    values = {'study_description': f"Study {key}"}
    if study.merge == 'StudyInstanceUID':
        values['study_instance_uid'] = merge_ids[key]
    elif study.merge == 'StudyDescription':
        values['study_description'] = merge_ids[key]
        values['study_instance_uid'] = f'1.2.5.{len(key)}'
    return generated_study(
        patient_id=study.patient_id, patient_name=study.patient_name,
        birth_date=study.birth_date, series=2, images=2, **values, **tags)


def orthanc_id(*parts):
    "The ID that Orthanc gives the patient, study or series"
    digest = hashlib.sha1('|'.join(parts).encode()).hexdigest()
    return '-'.join(digest[i:i + 8] for i in range(0, 40, 8))

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The raw limit: the same JSON read, the same rows inserted, nothing else.

The studies are read in one answer, and so are their series; the rows are
those that our synchronization wrote, inserted by one statement for each
table into an empty one with the same columns, constraints and indexes.
"""
import time

import psycopg2
import requests
from psycopg2 import sql

__all__ = ['insert_limit', 'read_limit']

TABLES = [
    'gnuhealth_orthanc_patient', 'gnuhealth_orthanc_study',
    'gnuhealth_orthanc_series']


def read_limit(url, username, password):
    "Return the seconds to read all studies and their series, and how many"
    with requests.Session() as session:
        session.trust_env = False
        session.auth = (username, password)
        session.headers['Accept-Encoding'] = 'identity'
        session.get(f'{url}system').json()
        begin = time.perf_counter()
        # Without since and limit Orthanc answers with all
        studies = session.get(f'{url}studies?expand').json()
        series = session.post(f'{url}tools/bulk-content', json={
                'Resources': [study['ID'] for study in studies],
                'Level': 'Series'}).json()
        seconds = time.perf_counter() - begin
    if len(series) < len(studies):
        raise RuntimeError("Orthanc did not answer with all series.")
    return seconds, len(studies)


def insert_limit(dsn, server):
    "Return the seconds to insert the rows of a server, and how many"
    seconds = 0
    count = 0
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            for name in TABLES:
                original = sql.Identifier(name)
                copy = sql.Identifier(f'bench_{name}')
                cursor.execute(sql.SQL(
                        'CREATE TABLE {} (LIKE {} INCLUDING ALL)').format(
                        copy, original))
                cursor.execute(
                    sql.SQL('SELECT * FROM {} WHERE server = %s').format(
                        original), [server])
                columns = [column.name for column in cursor.description]
                rows = cursor.fetchall()
                begin = time.perf_counter()
                cursor.execute(
                    sql.SQL('INSERT INTO {} ({}) VALUES {}').format(
                        copy,
                        sql.SQL(', ').join(map(sql.Identifier, columns)),
                        sql.SQL(', ').join(
                            [sql.Placeholder()] * len(rows))),
                    rows)
                seconds += time.perf_counter() - begin
                count += len(rows)
            begin = time.perf_counter()
            connection.commit()
            seconds += time.perf_counter() - begin
            for name in TABLES:
                cursor.execute(sql.SQL('DROP TABLE {}').format(
                        sql.Identifier(f'bench_{name}')))
    finally:
        connection.close()
    return seconds, count

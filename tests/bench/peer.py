# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"GNU Health's own gnuhealth-orthanc 5.0.4, in an environment of its own"
import os

from trytond.config import config
from trytond.pool import Pool
from trytond.transaction import Transaction

from .process import answer, measured

MODULE = 'health_orthanc'
ADMIN = 1


def prepare(url, username, password):
    "Make the database, and note the server in it"
    from trytond.tests.tools import activate_modules

    activate_modules([MODULE])
    with Transaction().start(os.environ['DB_NAME'], ADMIN):
        # Its wizard would check the server first
        Pool().get('gnuhealth.orthanc.config').create([{
                    'label': "Bench", 'domain': url, 'user': username,
                    'password': password, 'validated': True}])


def full():
    "All studies, as its wizard synchronizes them"
    return _run('full_synchronize')


def changes():
    "What the log of changes has, as its wizard gets new studies"
    return _run('get_new_studies')


def _run(method):
    config.update_etc()
    database = os.environ['DB_NAME']
    Pool.start()
    Pool(database).init()
    with Transaction().start(database, ADMIN) as transaction:
        Study = Pool().get('gnuhealth.imaging_orthanc.study')
        before = Study.search([], count=True)
        with measured() as figures:
            getattr(Study, method)()
            transaction.commit()
        figures['studies'] = Study.search([], count=True) - before
    return figures


if __name__ == '__main__':
    answer({'prepare': prepare, 'full': full, 'changes': changes})

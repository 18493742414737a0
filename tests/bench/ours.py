# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Our modules: what trytond-cron does in one process, measured"
import cProfile
import datetime as dt
import os
import pstats

from requests import Session

from trytond.config import config
from trytond.pool import Pool
from trytond.transaction import Transaction

from . import lists
from .process import answer, measured

ROOT_USER = 0
# Seconds; so that one run does it all
BUDGET = 3600


def prepare(login, persons=()):
    """Make the database, with a user who reads studies.

    persons are dictionaries of what demo.hospital.create_patient takes.
    """
    from tests.tools import activate, create_patient, create_user

    activate()
    create_user(login, 'health_imaging.group_health_imaging')
    for person in persons:
        create_patient(
            **{**person, 'dob': dt.date.fromisoformat(person['dob'])})


def index():
    "Make the indexes, as an update of the modules does"
    # In a process of its own: trytond looks once for each extension
    pool = _start()
    with Transaction().start(pool.database_name, ROOT_USER):
        for _, Model in pool.iterobject():
            if getattr(Model, '_sql_indexes', None):
                Model._update_sql_indexes()


def add_server(label, url, username, password):
    "Add a server that was checked, and return its id"
    pool = _start()
    with Transaction().start(pool.database_name, ROOT_USER) as transaction:
        Server = pool.get('gnuhealth.orthanc.config')
        server, = Server.create([{
                    'label': label, 'url': url, 'username': username,
                    'password': password}])
        transaction.commit()
        Server.check_now([server])
        transaction.commit()
        return server.id


def synchronize(server, profile=None):
    """Synchronize the server, to the end.

    profile is the file that gets what took how long.
    """
    pool = _start()
    requests = []
    send = Session.send

    def counted(self, request, **options):
        requests.append(request.url)
        return send(self, request, **options)

    Session.send = counted
    with Transaction().start(pool.database_name, ROOT_USER) as transaction:
        Server = pool.get('gnuhealth.orthanc.config')
        Study = pool.get('gnuhealth.orthanc.study')
        table = Study.__table__()
        before = _count(table, server)
        profiler = cProfile.Profile() if profile else None
        with measured() as figures:
            if profiler:
                profiler.enable()
            Server.synchronize([Server(server)])
            transaction.commit()
            if profiler:
                profiler.disable()
        figures['studies'] = _count(table, server) - before
        figures['requests'] = len(requests)
        error = Server(server).last_error
    if error:
        raise RuntimeError(error)
    if profiler:
        with open(profile, 'w') as file:
            statistics = pstats.Stats(profiler, stream=file)
            statistics.sort_stats('tottime').print_stats(40)
            statistics.sort_stats('cumulative').print_stats(60)
    return figures


def decide(server):
    "Decide everything of the server anew, as once a day"
    Study = _start().get('gnuhealth.orthanc.study')
    with Transaction().start(
                os.environ['DB_NAME'], ROOT_USER) as transaction, \
            measured() as figures:
        for _ in Study.match_in_steps(server, dt.datetime.now(), True):
            transaction.commit()
        transaction.commit()
    return figures


def search(login, values):
    "Open the list of studies and search in it: see lists.measure"
    return lists.measure(_start().database_name, login, values)


def _start():
    config.update_etc()
    if not config.has_section('health_orthanc'):
        config.add_section('health_orthanc')
    config.set('health_orthanc', 'run_budget', str(BUDGET))
    Pool.start()
    pool = Pool(os.environ['DB_NAME'])
    pool.init()
    return pool


def _count(table, server):
    from sql import Literal
    from sql.aggregate import Count

    cursor = Transaction().connection.cursor()
    cursor.execute(*table.select(
            Count(Literal('*')), where=table.server == server))
    count, = cursor.fetchone()
    return count


if __name__ == '__main__':
    answer({
            'prepare': prepare, 'index': index, 'add_server': add_server,
            'synchronize': synchronize, 'decide': decide, 'search': search})

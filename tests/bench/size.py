# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the lists of a big hospital take to open, and to search in.

    python -m tests.bench.size [--count COUNT] [--extensions] [--sqlite]
        [--plans]

makes that many studies, orders and results of a fifth as many patients, in a
PostgreSQL of its own or in SQLite, and asks for each tab of each list, and for
what people type, as a client does for a user of the department. Apart are the
search of 1,000 rows and their count, which the targets are for, and the
reading of the first hundred and of all. With --plans only what reads rows in
vain is printed, and is an error.
"""
import argparse
import datetime as dt
import os
import subprocess
import sys
import time
from functools import partial

from .rows import DEPARTMENT, DESK, DOCTOR, fill
from tests.postgresql import running_postgresql

_SECONDS_PAGE, _SECONDS_COUNT = 0.15, 0.1
# Who opens which
_LISTS = {
    DEPARTMENT: [
        ('health_imaging', 'act_imaging_test_request_view'),
        ('health_imaging', 'act_imaging_test_result_view'),
        ('health_imaging', 'act_department_worklist'),
        ('health_imaging', 'act_schedule'),
        ('health_imaging', 'act_performed_step_form'),
        ('health_imaging', 'act_reading_worklist'),
        ('health_imaging', 'act_critical_finding_form'),
        ('health_imaging', 'act_imaging_test_request_step'),
        ('health_orthanc', 'act_study_form'),
        ('health_orthanc', 'act_patient_form'),
        ('health_orthanc', 'act_reconciliation_form'),
        ('health_orthanc', 'act_decision_form'),
        ('health_orthanc', 'act_access_log_form'),
        ('health_orthanc', 'act_document_form'),
        ('health_orthanc', 'act_synchronization_form'),
        ('health_imaging', 'act_figure_day'),
        ('health_imaging', 'act_figure_modality'),
        ('health_imaging', 'act_figure_time'),
        ('health_imaging', 'act_figure_reader'),
        ('health_imaging', 'act_dashboard_waiting'),
        ('health_imaging', 'act_dashboard_reading'),
        ('health_imaging', 'act_dashboard_critical'),
        ('health_orthanc', 'act_dashboard_reconciliation'),
        ],
    DESK: [('health_imaging', 'act_order_status_form')],
    DOCTOR: [
        ('health_imaging', 'act_imaging_test_request_view'),
        ('health_imaging', 'act_new_report'),
        ('health_imaging', 'act_critical_finding_form'),
        ],
    }


def searches(Model, count):
    "Yield what people type in a list, and what a client makes of it"
    if '.figure.' in Model.__name__:
        return
    n = count // 2
    words = [
        "okafor", f"PUID{n // 9:07}", f"ACC{n:07}", "chest", "okafor chest",
        "CT", "96", "Xu", "Xu CT", "zzzz"]
    if 'orthanc' not in Model.__name__:
        words += [f"ORD{n:07}", "Chest CT"]
    for word in words:
        yield word, [('rec_name', 'ilike', f'%{word}%')]
    date = Model._fields.get('date')
    if date is not None:
        first = dt.datetime.now().replace(
            microsecond=0) - dt.timedelta(days=1000)
        if date._type == 'date':
            first = first.date()
        yield "a month", [
            ('date', '>=', first), ('date', '<=', first + dt.timedelta(30))]


def asked(count):
    """Yield each client, what people ask of its list, and the pages of that.

    A list is opened by each of its tabs, and searched in each.
    """
    from trytond.tests.test_tryton import DB_NAME

    from .lists import Client
    for login, action in (
            (login, action) for login, actions in _LISTS.items()
            for action in actions):
        client = Client(DB_NAME, login, action)
        for name, domain in client.all_tabs:
            yield client, name, partial(client.page, domain)
        for what, words in searches(client.Model, count):
            for name, tab in client.all_tabs:
                # As a client joins them
                yield client, f"{name}: {what}", partial(
                    client.find, ['AND', words, tab])


def tables_read(client, ask):
    "Return the names of the tables of which a page reads rows in vain"
    from .lists import scanned, statements
    with statements() as sent:
        ask()
    return sorted(scanned(client.database, sent))


def measure(count):
    "Print how long each list takes, and return what misses the target"
    from trytond import backend
    slow = 0
    for client, what, ask in asked(count):
        ask()
        *_, found, parts = ask()
        read = ''
        if backend.name == 'postgresql':
            read = ', '.join(tables_read(client, ask))
        met = (
            parts['search'] < _SECONDS_PAGE
            and parts['count'] < _SECONDS_COUNT)
        slow += not met
        print(
            f"{client.action:<28} {what:<42} {found:>7} "
            + '  '.join(
                f"{part} {seconds * 1000:6.0f} ms"
                for part, seconds in parts.items())
            + f"{'' if met else '  NOT MET'}"
            f"{'  reads all of ' + read if read else ''}", flush=True)
    return slow


def read_in_vain(count):
    "Print what reads rows in vain, and return the exit status"
    status = 0
    for client, what, ask in asked(count):
        tables = tables_read(client, ask)
        if tables:
            print(client.action, what, *tables, sep='\t')
            status = 1
    return status


def run(options):
    from trytond.tests.test_tryton import DB_NAME
    from trytond.transaction import Transaction

    from tests.tools import activate
    activate()
    if options.extensions:
        from .__main__ import EXTENSIONS
        with Transaction().start(DB_NAME, 0) as transaction:
            for statement in EXTENSIONS:
                transaction.connection.cursor().execute(statement)
            transaction.commit()
            # trytond looks once for each extension
            transaction.database._has_proc.clear()
    begin = time.perf_counter()
    fill(options.count)
    if options.plans:
        return read_in_vain(options.count)
    print(f"filled in {time.perf_counter() - begin:.0f} s", flush=True)
    print(f"{measure(options.count)} do not meet the target")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--count', type=int, default=1_000_000)
    parser.add_argument('--extensions', action='store_true')
    parser.add_argument('--sqlite', action='store_true')
    parser.add_argument('--plans', action='store_true')
    options = parser.parse_args()
    if 'TRYTOND_DATABASE__URI' in os.environ:
        sys.exit(run(options))
    command = [
        sys.executable, '-W', 'ignore', '-m', 'tests.bench.size',
        *sys.argv[1:]]
    if options.sqlite:
        sys.exit(subprocess.call(command, env={
                    **os.environ, 'TRYTOND_DATABASE__URI': 'sqlite://',
                    'DB_NAME': ':memory:'}))
    with running_postgresql() as environment:
        sys.exit(subprocess.call(command, env={**os.environ, **environment}))


if __name__ == '__main__':
    main()

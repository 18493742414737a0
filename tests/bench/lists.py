# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client asks when a person opens a list or searches in it.

The calls are those of Tryton's web client, as a user with access rights:
the ids of the first thousand records, how many there are if there are more,
the fields of the list for the first hundred, and the counters of the tabs.
"""
import datetime as dt
import logging
import statistics
import time

from trytond.pool import Pool
from trytond.pyson import PYSONDecoder
from trytond.transaction import Transaction

__all__ = ['measure']

# Of Sao.config.limit, screen.js and model.js
LIMIT = 1000
COUNT_LIMIT = 100 * LIMIT
TAB_COUNT_LIMIT = 1000
READ_LIMIT = LIMIT // 10
REPEAT = 5
# Of so many rows one must be what is looked for
_IN_VAIN = 10
# A table with fewer rows is read as a whole rightly
LARGE = 10_000
LIST = ('health_orthanc', 'act_study_form')


class Client:
    "A client that shows the action's list"

    def __init__(self, database, login, action=LIST):
        self.database = database
        _, self.action = action
        pool = Pool(database)
        ActWindow = pool.get('ir.action.act_window')
        with Transaction().start(database, 1):
            ModelData = pool.get('ir.model.data')
            User = pool.get('res.user')
            action = ActWindow(ModelData.get_id(*action))
            self.Model = pool.get(action.res_model)
            view, = [id_ for id_, type_ in action.views if type_ == 'tree']
            of_all = PYSONDecoder().decode(action.pyson_domain)
            self.all_tabs = [
                (name, ['AND', of_all, PYSONDecoder().decode(domain)])
                for name, domain, _ in action.domains] or [("All", of_all)]
            self.tabs = [
                PYSONDecoder().decode(domain)
                for _, domain, count in action.domains if count]
            self.order = PYSONDecoder().decode(action.pyson_order)
            user, = User.search([('login', '=', login)])
            self.user = user.id
        with Transaction().start(database, self.user):
            self.context = User.get_preferences(context_only=True)
        fields = self.call('fields_view_get', view, 'tree')['fields']
        self.fields = ['rec_name', '_timestamp', '_write', '_delete']
        for name, definition in fields.items():
            self.fields.append(name)
            if definition['type'] == 'many2one':
                self.fields.append(f'{name}.rec_name')

    def call(self, method, *args):
        "Call a method as trytond does for a client"
        rpc = self.Model.__rpc__[method]
        with Transaction().start(
                self.database, self.user, readonly=True,
                context=dict(self.context)) as transaction:
            args, kwargs, context, _ = rpc.convert(
                self.Model, *args, dict(self.context))
            with transaction.set_context(context):
                return rpc.result(getattr(self.Model, method)(
                        *args, **kwargs))

    def page(self, domain):
        """Return how many there are, and the seconds of each part.

        Reading is apart from finding: it costs the same whatever is searched.
        """
        ids, count, parts = self.find(domain)
        clock = Clock()
        self.call('read', ids[:READ_LIMIT], self.fields)
        clock.end('slice')
        self.call('read', ids, self.fields)
        clock.end('read')
        return count, {**parts, **clock.parts}

    def find(self, domain):
        "Return the ids of a page, how many there are, and seconds of each"
        clock = Clock()
        ids = self.call('search', domain, 0, LIMIT, self.order)
        clock.end('search')
        count = self.call('search_count', domain, 0, COUNT_LIMIT)
        clock.end('count')
        return ids, count, clock.parts

    def search(self, domain, tabs=False):
        "Return how many there are, and the seconds of each part"
        clock = Clock()
        ids = self.call('search', domain, 0, LIMIT, None)
        clock.end('search')
        count = len(ids)
        if count == LIMIT:
            count = self.call('search_count', domain, 0, COUNT_LIMIT)
            clock.end('count')
        self.call('read', ids[:READ_LIMIT], self.fields)
        clock.end('read')
        for tab in self.tabs if tabs else ():
            self.call(
                'search_count', ['AND', tab, domain], 0, TAB_COUNT_LIMIT)
        if tabs:
            clock.end('tabs')
        return count, clock.parts


class Clock:
    "The seconds of each part of something"

    def __init__(self):
        self.parts = {}
        self.last = time.perf_counter()

    def end(self, part):
        now = time.perf_counter()
        self.parts[part] = now - self.last
        self.last = now


def searches(values):
    "(what, domain, whether with tabs) of what is measured"
    family = values['patient_name'].partition('^')[0]
    date = dt.datetime.strptime(values['date'], '%Y%m%d').date()
    return [
        ("Open the Studies list", [], True),
        (f"Search {family}",
            [('rec_name', 'ilike', f'%{family}%')], False),
        (f"Patient Name: {family}",
            [('patient_name', 'ilike', f'%{family}%')], False),
        (f"Patient ID: {values['patient_id']}",
            [('patient_id', 'ilike', f"%{values['patient_id']}%")], False),
        (f"Search {values['patient_id']}",
            [('rec_name', 'ilike', f"%{values['patient_id']}%")], False),
        (f"Accession Number: {values['accession_number']}",
            [('accession_number', 'ilike',
                    f"%{values['accession_number']}%")], False),
        (f"Search {values['accession_number']}",
            [('rec_name', 'ilike', f"%{values['accession_number']}%")],
            False),
        (f"Date: {date}", [('date', '=', date)], False),
        ("Date: of one month", [
                ('date', '>=', date.replace(day=1)),
                ('date', '<=', date.replace(day=28))], False),
        ]


def measure(database, login, values):
    """Search for the values of a study, and all studies.

    Return what, the number found, the seconds of each part (the medians),
    and the large tables that were read as a whole, for each.
    """
    client = Client(database, login)
    results = []
    for what, domain, tabs in searches(values):
        found, _ = client.search(domain, tabs)
        runs = [client.search(domain, tabs)[1] for _ in range(REPEAT)]
        with statements() as sent:
            client.search(domain, tabs)
        results.append({
                'what': what,
                'found': found,
                'parts': {
                    part: statistics.median(run[part] for run in runs)
                    for part in runs[0]},
                'scanned': sorted(scanned(database, sent)),
                })
    return results


class statements(logging.Handler):
    "A context manager that yields the SQL that trytond sends"

    def __enter__(self):
        self.sent = []
        self.logger = logging.getLogger('trytond.backend.postgresql.database')
        self.before = self.logger.level, self.logger.propagate
        self.logger.setLevel(logging.DEBUG)
        self.logger.propagate = False
        self.logger.addHandler(self)
        return self.sent

    def __exit__(self, *_):
        self.logger.removeHandler(self)
        self.logger.level, self.logger.propagate = self.before

    def emit(self, record):
        if isinstance(record.msg, bytes):
            self.sent.append(record.msg.decode())


def scanned(database, sent):
    """Return the names of the tables of which statements read rows in vain.

    They read them all, and not because much of it is what is looked for.
    """
    found = set()
    with Transaction().start(database, 0, readonly=True) as transaction:
        cursor = transaction.connection.cursor()
        for statement in sent:
            if not statement.startswith('SELECT'):
                continue
            # Without parameters its percent signs are none of them
            cursor.execute(
                f'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}')
            plan, = cursor.fetchone()
            found.update(
                node['Relation Name'] for node in nodes(plan[0]['Plan'])
                if node['Node Type'] == 'Seq Scan'
                and node.get('Rows Removed by Filter', 0)
                * node['Actual Loops'] >= LARGE
                and node['Rows Removed by Filter']
                > _IN_VAIN * node['Actual Rows'])
    return found


def nodes(plan):
    yield plan
    for child in plan.get('Plans', ()):
        yield from nodes(child)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Synchronize a server in this process, and print the peak of its memory.

    python -m tests.faults.memory URL
"""
import gc
import json
import re
import sys
from pathlib import Path

from trytond.pool import Pool
from trytond.tests.test_tryton import DB_NAME
from trytond.transaction import Transaction

from ..tools import activate, configured


def peak():
    "MiB that this process had at most since it was reset"
    status = Path('/proc/self/status').read_text()
    return int(re.search(r'VmHWM:\s*(\d+)', status)[1]) / 1024


def reset_peak():
    Path('/proc/self/clear_refs').write_text('5')


def main(url):
    activate()
    gc.collect()
    reset_peak()
    before = peak()
    with Transaction().start(DB_NAME, 1) as transaction, \
            configured('health_orthanc', timeout='30', run_budget='1'):
        Server = Pool().get('gnuhealth.orthanc.config')
        server, = Server.create([{
                    'label': "Huge", 'url': url, 'validated': True}])
        transaction.tasks.clear()
        transaction.commit()
        Server.check_now([server])
        Server.write([server], {'validated': True})
        transaction.commit()
        for _ in range(2):
            Server.synchronize([Server(server.id)])
        server = Server(server.id)
        print(json.dumps({
                    'before': before, 'peak': peak(),
                    'error': server.last_error,
                    'claimed': bool(server.running_until)}))


if __name__ == '__main__':
    main(sys.argv[1])

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gateway is after associations that are none.

    python -m tests.bench.garbage [COUNT]

starts it as a process, for a PostgreSQL of its own, sends COUNT (10,000 by
default), asks it every second meanwhile, and fails if it does not answer
afterwards or keeps what they brought.
"""
import argparse
import os
import sys
import threading
import time

from .worklist import create_needed, database_of_its_own, memory
from tests.faults.garbage import answers, answers_soon, send_many

_GROWTH = 30  # MiB


def files(process):
    return len(os.listdir(f'/proc/{process.pid}/fd'))


class Asking(threading.Thread):
    "Ask it every second; keep for how long each answer was waited for"

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.over = threading.Event()
        self.waits, self.refused = [], 0

    def run(self):
        while not self.over.wait(1):
            begin = time.monotonic()
            if answers(self.port):
                self.waits.append(time.monotonic() - begin)
            else:
                self.refused += 1


def measure(count):
    from tests.orthanc.gateway_process import GatewayProcess
    from tests.tools import activate
    activate()
    create_needed()
    with GatewayProcess('--timeout', '5') as gateway:
        process = gateway.process
        # What it needs anyway
        send_many(gateway.port, 200, seed=0)
        alive = answers_soon(gateway.port)
        before = memory(process), files(process)
        asking = Asking(gateway.port)
        asking.start()
        begin = time.monotonic()
        send_many(gateway.port, count)
        seconds = time.monotonic() - begin
        asking.over.set()
        asking.join()
        alive = alive and answers_soon(gateway.port)
        time.sleep(10)
        after = memory(process), files(process)
    waits = sorted(asking.waits) or [0]
    print(f"{count} associations that were none, in {seconds:.0f} s")
    print(f"{len(asking.waits)} C-ECHO answered meanwhile, "
        f"{asking.refused} not; the median after "
        f"{waits[len(waits) // 2]:.2f} s, the last after {waits[-1]:.2f} s")
    print(f"MiB before and after: {before[0]}, {after[0]}; "
        f"open files: {before[1]}, {after[1]}")
    if not alive or after[0] > before[0] + _GROWTH or after[1] > before[1] + 5:
        sys.exit("It does not answer, or keeps what it was sent.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('count', type=int, nargs='?', default=10_000)
    parser.add_argument(
        '--inside', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    with database_of_its_own(
            options.inside, 'tests.bench.garbage') as inside:
        if inside:
            measure(options.count)


if __name__ == '__main__':
    main()

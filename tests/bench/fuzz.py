# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check and synchronize a server whose answers are spoiled at random.

Prints the seed of each round that did not end as it must:

    python -m tests.bench.fuzz 10000
    python -m tests.bench.fuzz --seed 1234 1
"""
import argparse
import logging
import os
import sys
import time


def main():
    parser = argparse.ArgumentParser(
        prog='python -m tests.bench.fuzz', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('answers', type=int, nargs='?', default=10_000)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    options = parser.parse_args()
    os.environ.setdefault('TRYTOND_DATABASE__URI', 'sqlite://')
    logging.disable()
    # After the database is chosen
    from proteus import Model

    from ..faults.fuzzer import Fuzzer
    from ..tools import activate, configured

    activate()
    begin, number, troubles = time.monotonic(), 0, 0
    with configured('health_orthanc', timeout='2'), \
            Fuzzer(options.seed) as fuzzer:
        Server = Model.get('gnuhealth.orthanc.config')
        server = Server(label="Fuzz", url=fuzzer.url, validated=True)
        server.save()
        # To save it asks the server, before any round
        fuzzer.requests.clear()
        while len(fuzzer.requests) < options.answers:
            trouble = fuzzer.run(server.id, number)
            if trouble:
                troubles += 1
                print(trouble, flush=True)
            number += 1
        answers = len(fuzzer.requests)
    print(
        f"{answers} answers in {number} rounds from seed {options.seed}: "
        f"{troubles} not as they must be, "
        f"{time.monotonic() - begin:.0f} s")
    return 1 if troubles else 0


if __name__ == '__main__':
    sys.exit(main())

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured runs in a process of its own, and answers in JSON.

The peer's process shares this file, in an environment without our modules.
"""
import gc
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Failed(Exception):
    "A process did not do what it should; its output says why"


def run(python, module, environment, action, **options):
    """Do the action of a module in a process; return what it answers.

    Raises Failed with the end of its output where it fails.
    """
    process = subprocess.run(
        [str(python), '-W', 'ignore', '-m', module, action,
            json.dumps(options)],
        cwd=ROOT, env={**os.environ, **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if process.returncode:
        raise Failed(
            f"{module} {action}: {(process.stdout + process.stderr)[-4000:]}")
    return json.loads(process.stdout.splitlines()[-1])


def answer(actions):
    "Do the action of the command line, and print what it returns"
    action, options = sys.argv[1:]
    print(json.dumps(actions[action](**json.loads(options))))


@contextmanager
def measured():
    """Yield a dictionary that at the end has seconds and the peak in MiB.

    The peak is the most memory that the process ever had.
    """
    figures = {}
    # What starting left behind is not collected at its expense
    gc.collect()
    begin = time.perf_counter()
    yield figures
    figures['seconds'] = time.perf_counter() - begin
    # Not ru_maxrss, which a process inherits from the one that started it
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmHWM:'):
            figures['peak'] = int(line.split()[1]) / 1024

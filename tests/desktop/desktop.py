# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use Tryton's desktop client as a person does, on a screen of its own.

    with running_screen() as screen, running_client(
            screen, 'localhost:8000', 'admin', folder) as client:
        client.log_in('hospital', 'secret')
        client.open_menu("Health", "Imaging", "Dx Imaging Requests")
"""
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from xmlrpc.client import ServerProxy

from demo.installation import ROOT

__all__ = ['PYTHON', 'running_client', 'running_screen', 'stop']

PYTHON = ROOT / '.cache' / 'desktop' / 'bin' / 'python'
DRIVER = Path(__file__).with_name('driver.py')
CONFIGURATION = """\
[client]
check_version = False
lang = en
[login]
expanded = True
db =
profile =
"""
# What the client would give to a browser or a viewer of files
OPENER = """\
#!/bin/sh
printf '%s\\n' "$1" >>"{opened}"
"""
ENTRY = """\
[Desktop Entry]
Type=Application
Name=Opener
Exec={opener} %u
MimeType=x-scheme-handler/http;x-scheme-handler/https;application/pdf;
"""
DEFAULTS = """\
[Default Applications]
x-scheme-handler/http=opener.desktop
x-scheme-handler/https=opener.desktop
application/pdf=opener.desktop
"""


def stop(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running_screen(width=1280, height=800):
    "Yield the name of a display that nobody sees, with a window manager"
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ['Xvfb', '-displayfd', str(writing), '-nolisten', 'tcp',
            '-screen', '0', f'{width}x{height}x24'],
        pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    manager = None
    try:
        with os.fdopen(reading) as answer:
            display = f':{answer.readline().strip()}'
        manager = subprocess.Popen(
            ['openbox', '--sm-disable'],
            env={**os.environ, 'DISPLAY': display},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        yield display
    finally:
        if manager:
            stop(manager)
        stop(server)


@contextmanager
def running_client(display, server, login, folder):
    """Yield the hand of the client, see driver.py, before its first window.

    The folder gets its configuration, 'opened', the addresses and files that
    it opened elsewhere, and 'stderr'.
    """
    home = Path(folder)
    applications = home / 'data' / 'applications'
    applications.mkdir(parents=True)
    (home / 'tryton.conf').write_text(CONFIGURATION)
    opener = home / 'opener'
    opener.write_text(OPENER.format(opened=home / 'opened'))
    opener.chmod(0o700)
    (applications / 'opener.desktop').write_text(ENTRY.format(opener=opener))
    (applications / 'mimeapps.list').write_text(DEFAULTS)
    address = home / 'address'
    environment = {
        **os.environ, 'HOME': str(home), 'DISPLAY': display,
        'LANG': 'C.UTF-8', 'BROWSER': f'{opener} %s',
        'XDG_CONFIG_HOME': str(home / 'config'),
        'XDG_DATA_HOME': str(home / 'data'),
        # Its own only: a client of this session must not answer instead
        'DBUS_SESSION_BUS_ADDRESS': 'disabled:',
        'NO_AT_BRIDGE': '1', 'GDK_BACKEND': 'x11', 'GTK_THEME': 'Adwaita',
        'GSETTINGS_BACKEND': 'memory', 'PYTHONUNBUFFERED': '1'}
    with open(home / 'stderr', 'w') as log:
        process = subprocess.Popen(
            [PYTHON, DRIVER, address, '-c', home / 'tryton.conf',
                '-s', server, '-u', login],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home,
            env=environment)
    try:
        end = time.monotonic() + 60
        while not address.exists():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(
                    "The desktop client does not start: "
                    + (home / 'stderr').read_text())
            time.sleep(0.1)
        with ServerProxy(address.read_text(), allow_none=True) as hand:
            yield hand
    finally:
        stop(process)

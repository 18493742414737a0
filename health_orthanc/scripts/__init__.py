# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
import os
import sys


def use_configuration(path):
    "Let trytond read the configuration file at path, if there is one"
    path = path and os.path.abspath(path)
    if path and os.environ.get('TRYTOND_CONFIG') != path:
        # The package of a script imports trytond, which takes its database
        # from the configuration only then
        os.environ['TRYTOND_CONFIG'] = path
        os.execv(sys.executable, [sys.executable, *sys.argv])

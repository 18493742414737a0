# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What is run from the command line"
import os
import sys


def use_configuration(path, **defaults):
    """Let trytond read the configuration file at path, if there is one.

    defaults are variables of the environment, unless they are set.
    """
    variables = {
        name: os.environ.get(name, value) for name, value in defaults.items()}
    if path:
        variables['TRYTOND_CONFIG'] = os.path.abspath(path)
    if any(os.environ.get(n) != value for n, value in variables.items()):
        # The package of a script imports trytond, which takes its database
        # from the configuration only then
        os.environ.update(variables)
        os.execv(sys.executable, [sys.executable, *sys.argv])

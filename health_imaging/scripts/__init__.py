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


def add_options(parser, several=False, **config_option):
    """Let the parser take the configuration file, and the database.

    They are config_file and database, or databases where several can be
    named. config_option is what argparse is to know besides of the file.
    """
    parser.add_argument(
        '-c', '--config', dest='config_file',
        **{'help': "the trytond config file", **config_option})
    if several:
        parser.add_argument(
            '-d', '--database', dest='databases', action='append',
            required=True,
            help="the database; give it again for each further one")
    else:
        parser.add_argument(
            '-d', '--database', required=True, help="the database")

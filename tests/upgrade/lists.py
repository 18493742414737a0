# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lists of GNU Health's own modules show.

    python -m tests.upgrade.lists DATABASE

runs in the environment that has these, and prints as JSON how many records
each list has, or the error in place of it.
"""
import json
import sys

from proteus import Model, config

from trytond.config import config as trytond_config

MODELS = [
    'gnuhealth.orthanc.config', 'gnuhealth.imaging_orthanc.study',
    'gnuhealth.imaging.test.request', 'gnuhealth.imaging.test.result',
    'gnuhealth.imaging_worklist.worklist_template',
    'gnuhealth.health_service']


def lengths(database):
    config.set_trytond(f"{trytond_config.get('database', 'uri')}/{database}")
    found = {}
    for name in MODELS:
        try:
            found[name] = len([r.rec_name for r in Model.get(name).find([])])
        except Exception as error:
            found[name] = str(error)
    return found


if __name__ == '__main__':
    print(json.dumps(lengths(*sys.argv[1:])))

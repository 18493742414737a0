# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The minimum versions that setup.py requires, as constraints for pip.

    python -m tests.minimum.versions
"""
import re
from importlib.metadata import requires

DISTRIBUTION = 'health-imaging-orthanc'
# Of these extras users have what they bring; the rest is for developers
EXTRAS = ['demo', 'postgresql', 'worklist']


def minimum_versions():
    "Return the version by the name of each package, None where there is none"
    versions = {}
    for requirement in requires(DISTRIBUTION):
        requirement, _, condition = requirement.partition(';')
        extra = re.search(r'extra\s*==\s*.(\w+)', condition)
        if extra and extra[1] not in EXTRAS:
            continue
        name = re.match(r'[\w.-]+', requirement)[0]
        minimum = re.search(r'>=\s*([\w.]+)', requirement)
        versions[name] = minimum and minimum[1]
    return versions


if __name__ == '__main__':
    for name, version in sorted(minimum_versions().items()):
        print(f'{name} == {version}')

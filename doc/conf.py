# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Sphinx's configuration: sphinx-build -W -n -b html doc out"
from configparser import ConfigParser
from pathlib import Path

tryton = ConfigParser()
tryton.read(Path(__file__).parent.parent / 'health_imaging' / 'tryton.cfg')

project = "Imaging and Orthanc for GNU Health"
author = "The health_imaging and health_orthanc developers"
copyright = f"2026 {author}"
release = tryton.get('tryton', 'version')
version = '.'.join(release.split('.')[:2])

default_role = 'ref'
highlight_language = 'none'
nitpicky = True
exclude_patterns = ['_build']
html_title = f"{project} {release}"
html_show_sourcelink = False

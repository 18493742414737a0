# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Leave Python's warnings about other packages out of what people read"
import warnings

# Its import takes back what "python -W ignore" says
import trytond.report  # noqa: F401


def ignore_warnings():
    warnings.simplefilter('ignore')


# What is imported next can warn
ignore_warnings()

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The tests: see README.rst"
from unittest import TestCase


def _enter(add_cleanup, manager):
    "Enter the context manager, and return what that gives"
    result = type(manager).__enter__(manager)
    add_cleanup(type(manager).__exit__, manager, None, None, None)
    return result


# Python 3.11 has them
if not hasattr(TestCase, 'enterContext'):
    TestCase.enterContext = lambda self, manager: _enter(
        self.addCleanup, manager)
    TestCase.enterClassContext = classmethod(
        lambda cls, manager: _enter(cls.addClassCleanup, manager))

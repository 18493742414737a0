# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What tests of an activated module share"
import unittest

from trytond.tests.test_tryton import drop_db

from ..tools import BOTH, install


class ModuleCase(unittest.TestCase):
    "A database of its own with the modules"
    modules = BOTH

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        install(*cls.modules)

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

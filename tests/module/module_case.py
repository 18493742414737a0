# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What tests of an activated module share"
import unittest

from trytond.tests.test_tryton import activate_module, drop_db


class ModuleCase(unittest.TestCase):
    "A database of its own with the module, or the modules"
    module = 'health_orthanc'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        drop_db()
        activate_module(cls.module)

    @classmethod
    def tearDownClass(cls):
        drop_db()
        super().tearDownClass()

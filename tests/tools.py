# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests share: a database with a hospital in it, people, an Orthanc.

In a scenario:

    >>> from tests.tools import activate, create_patient
    >>> config = activate('health_imaging')
    >>> patient = create_patient(puid='GNU777ORG')
"""
from contextlib import contextmanager

from proteus import Model, Wizard
from proteus import config as proteus_config

from trytond.config import config as trytond_config
from trytond.pool import Pool
from trytond.tests.test_tryton import (
    DB_NAME, backup_db_cache, drop_create, drop_db, restore_db_cache)
from trytond.transaction import Transaction

from demo.hospital import (
    as_user, create_health_professional, create_hospital, create_patient,
    create_person, create_test, create_user, generate_result, get_test_type)

__all__ = [
    'activate', 'as_user', 'configured', 'create_health_professional',
    'create_hospital', 'create_patient', 'create_person', 'create_test',
    'create_user', 'generate_result', 'get_test_type', 'install']

BOTH = ('health_imaging', 'health_orthanc')


def activate(*modules, hospital=True):
    """A new database with the modules (both by default), for a scenario.

    With hospital it has a company, its institution, and a health
    professional who logs in as "admin". With the environment variable
    DB_CACHE the work is done once and then copied.
    """
    modules = list(modules or BOTH)
    # Close what an earlier test of the same process has open
    drop_db()
    if not hospital:
        return install(*modules)
    cache_name = '-'.join(['hospital', *modules])
    if restore_db_cache(cache_name):
        config = _connect()
        as_user(config.user)
        return config
    config = install(*modules)
    create_hospital()
    create_health_professional(user=Model.get('res.user')(config.user))
    backup_db_cache(cache_name)
    return config


def install(*modules):
    """A new database with the modules, installed one after the other.

    So a database with more of them is made from one with less, if the
    environment variable DB_CACHE says where that is.
    """
    *before, module = modules
    name = '-'.join(modules)
    if restore_db_cache(name):
        return _connect()
    if before:
        config = install(*before)
    else:
        drop_create()
        config = _connect()
    with Transaction().start(DB_NAME, 0):
        # What was copied can be of an environment with other modules
        Pool().get('ir.module').update_list()
    Module = Model.get('ir.module')
    record, = Module.find([('name', '=', module)])
    record.click('activate')
    Wizard('ir.module.activate_upgrade').execute('upgrade')
    backup_db_cache(name)
    if modules == BOTH:
        # As Tryton's own tests of the module call it
        backup_db_cache(module)
    return config


def _connect():
    config = proteus_config.set_trytond()
    config.pool.test = True
    return config


@contextmanager
def configured(section, **options):
    "With those options in the section of trytond's configuration"
    had_section = trytond_config.has_section(section)
    before = {
        name: trytond_config.get(section, name, default=None)
        for name in options}
    if not had_section:
        trytond_config.add_section(section)
    try:
        for name, value in options.items():
            trytond_config.set(section, name, value)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                trytond_config.remove_option(section, name)
            else:
                trytond_config.set(section, name, value)
        if not had_section:
            trytond_config.remove_section(section)

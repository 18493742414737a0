# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests share: a database with a hospital in it, people, an Orthanc.

In a scenario:

    >>> from tests.tools import activate, create_patient
    >>> config = activate('health_imaging')
    >>> patient = create_patient(puid='GNU777ORG')
"""
from contextlib import contextmanager

from proteus import Model
from proteus import config as proteus_config

from trytond.config import config as trytond_config
from trytond.tests.test_tryton import (
    backup_db_cache, drop_db, restore_db_cache)
from trytond.tests.tools import activate_modules

from demo.hospital import (
    as_user, create_health_professional, create_hospital, create_patient,
    create_person, create_test, create_user, generate_result, get_test_type)

__all__ = [
    'activate', 'as_user', 'configured', 'create_health_professional',
    'create_hospital', 'create_patient', 'create_person', 'create_test',
    'create_user', 'generate_result', 'get_test_type']

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
        return activate_modules(modules)
    cache_name = '-'.join(['hospital', *modules])
    if restore_db_cache(cache_name):
        config = proteus_config.set_trytond()
        config.pool.test = True
        as_user(config.user)
        return config
    config = activate_modules(modules)
    create_hospital()
    create_health_professional(user=Model.get('res.user')(config.user))
    backup_db_cache(cache_name)
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

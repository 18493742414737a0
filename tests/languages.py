# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What tests of the clients in other languages share"
from proteus import Model

from . import catalogues
from demo.hospital import create_user

__all__ = ['create_user_of', 'menu_names', 'words']

_RIGHT_TO_LEFT = {'ar'}


def words(language, module, contexts):
    "The words of the catalogue for these"
    told = {
        entry.msgctxt: entry.msgstr
        for entry in catalogues.read(module, language)}
    return [told[context] for context in contexts]


def create_user_of(code, password, *groups):
    """Create a radiologist who reads the language of that code.

    It is the login, too. groups are those beside the radiologist's.
    """
    Lang = Model.get('ir.lang')
    lang = next(iter(Lang.find([('code', '=', code)])), None)
    if not lang:
        lang = Lang(name=code, code=code)
        lang.direction = 'rtl' if code in _RIGHT_TO_LEFT else 'ltr'
        lang.save()
    lang.click('load_translations')
    user = create_user(
        code, 'health.group_health_doctor',
        'health_imaging.group_health_imaging_reporting', *groups,
        name=code, password=password)
    user.language = lang
    user.save()


def menu_names(config, code, module, fs_id):
    "The names of a menu and of those above it, as they are in the language"
    ModelData = Model.get('ir.model.data')
    Menu = Model.get('ir.ui.menu')
    with config.set_context(language=code):
        data, = ModelData.find([
                ('module', '=', module), ('fs_id', '=', fs_id)])
        menu, names = Menu(data.db_id), []
        while menu:
            names.insert(0, menu.name)
            menu = menu.parent
    return names

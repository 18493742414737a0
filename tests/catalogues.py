# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the catalogues of translations up to date, for bin/translate.

    python -m tests.catalogues

Each module has a locale/MODULE.pot of all that it says, as Tryton exports it,
and a locale/LANGUAGE.po of each language with the same entries. What is new
gets the translation that the same text has elsewhere in the language, or none.
"""
import sys
import warnings
from collections import Counter
from pathlib import Path

import polib

from trytond.ir.translation import TrytonPOFile
from trytond.pool import Pool
from trytond.tests.test_tryton import drop_db, with_transaction

from .tools import install

ROOT = Path(__file__).resolve().parent.parent
MODULES = ['health_imaging', 'health_orthanc']
# Tryton loads "it" for GNU Health's "it_IT" also, and "pt" for "pt_BR"; it has
# no "ja"
LANGUAGES = ['ar', 'de', 'el', 'es', 'fr', 'it', 'ja_JP', 'pt', 'vi', 'zh_CN']


def path(module, language=None):
    "Return where the catalogue is, that of the originals without language"
    name = f'{language}.po' if language else f'{module}.pot'
    return ROOT / module / 'locale' / name


def export(module):
    """Return all that a module says, by the framework's own export.

    Both modules are in the pool and the transaction.
    """
    pool = Pool()
    Set = pool.get('ir.translation.set', type='wizard')
    Translation = pool.get('ir.translation')
    session_id, _, _ = Set.create()
    Set(session_id).transition_set_()
    Set.delete(session_id)
    catalogue = polib.pofile(
        Translation.translation_export('en', module).decode())
    for entry in catalogue:
        entry.msgstr = ''
    return catalogue


def key(entry):
    return entry.msgctxt, entry.msgid


def updated(originals, translated):
    """Return the catalogue of a language with the entries of the originals.

    'translated' are all entries that the language has, of this module or not.
    """
    of_entry = {key(entry): entry for entry in translated}
    of_text = {
        entry.msgid: entry for entry in of_entry.values()
        if entry.translated()}
    catalogue = empty(originals.metadata)
    for original in originals:
        same = of_entry.get(key(original))
        if not (same and same.translated()):
            same = of_text.get(original.msgid)
        catalogue.append(polib.POEntry(
                msgctxt=original.msgctxt, msgid=original.msgid,
                msgstr=same.msgstr if same else '',
                comment=same.comment if same else '',
                tcomment=same.tcomment if same else ''))
    return catalogue


def empty(metadata):
    catalogue = TrytonPOFile(wrapwidth=78)
    catalogue.metadata = dict(metadata)
    return catalogue


def save(catalogue, file):
    file.parent.mkdir(exist_ok=True)
    catalogue.sort()
    catalogue.save(str(file))


def read(module, language):
    "Return the entries that the catalogue has, none if there is none yet"
    file = path(module, language)
    return list(polib.pofile(str(file))) if file.exists() else []


@with_transaction()
def update():
    "Bring all catalogues up to date; return how many entries lack a text"
    originals = {module: export(module) for module in MODULES}
    missing = Counter()
    for module, catalogue in originals.items():
        template = empty(catalogue.metadata)
        template.extend(catalogue)
        save(template, path(module))
    for language in LANGUAGES:
        translated = [
            entry for module in MODULES for entry in read(module, language)]
        for module, catalogue in originals.items():
            catalogue = updated(catalogue, translated)
            missing[language] += len(catalogue.untranslated_entries())
            save(catalogue, path(module, language))
    return missing


def main():
    with warnings.catch_warnings():
        # SQLite can not do all that a new database asks of it
        warnings.simplefilter('ignore')
        drop_db()
        install(*MODULES)
    missing = update()
    for language, count in sorted(missing.items()):
        print(f"{language:8} {count:5} to translate")
    return any(missing.values())


if __name__ == '__main__':
    sys.exit(main())

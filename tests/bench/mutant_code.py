# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The code of a mutant put in the place of what is loaded, or to be loaded"
import gc
import marshal
import os
import sys
import tempfile
import types
from pathlib import Path

# What processes that the tests start do first
_SITE = """
import marshal, sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

folder = Path(__file__).parent
path = Path((folder / 'path').read_text())
code = marshal.loads((folder / 'code').read_bytes())
original = SourceFileLoader.get_code

def get_code(self, fullname):
    if Path(self.path).resolve() == path:
        return code
    return original(self, fullname)

SourceFileLoader.get_code = get_code
"""


def load_instead(path, code):
    "Let the file be loaded as that code, here and by what is started"
    folder = Path(tempfile.mkdtemp())
    (folder / 'path').write_text(str(path))
    (folder / 'code').write_bytes(marshal.dumps(code))
    site = folder / 'sitecustomize.py'
    site.write_text(_SITE)
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(
            None, [str(folder), os.environ.get('PYTHONPATH')]))
    exec(compile(_SITE, str(site), 'exec'), {'__file__': str(site)})


def functions(path):
    "Yield the functions of a file that are loaded, and their places in it"
    for function in gc.get_objects():
        if isinstance(function, types.FunctionType):
            code = function.__code__
            if (code.co_filename == str(path)
                    and '<locals>' not in code.co_qualname):
                yield function, (code.co_qualname, code.co_firstlineno)


def put(path, code):
    "Let what is loaded of a file do what the code says"
    module = next(
        module for module in sys.modules.values()
        if getattr(module, '__file__', None) == str(path))
    scratch = types.ModuleType(module.__name__)
    scratch.__package__ = module.__package__
    exec(code, vars(scratch))
    loaded, changed = [], {}
    for function, place in functions(path):
        if function.__globals__ is vars(scratch):
            changed[place] = function
        else:
            loaded.append((function, place))
    for function, place in loaded:
        if new := changed.get(place):
            function.__code__ = new.__code__.replace(
                co_freevars=function.__code__.co_freevars)
            function.__defaults__ = new.__defaults__
            function.__kwdefaults__ = new.__kwdefaults__
    load_instead(path, code)

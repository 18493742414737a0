# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the plugin orthanc-worklists, over a real socket.

It answers as the source of version 0.9 says: GET /worklists, and GET, PUT and
DELETE of /worklists/{id}, with 404 for an item that is not there. That it is
so on a real one was not tried.
"""
import json
from urllib.parse import urlsplit

from tests.faults.misbehaving import SYSTEM, answer, json_answer
from tests.module.scripted_orthanc import ScriptedOrthanc

_PATH = '/worklists'


class WorklistsPlugin(ScriptedOrthanc):
    """An Orthanc with the plugin; a context manager.

    items are the bodies of what was put, by their IDs. refuse is called with
    the method and the ID, and returns the status to refuse it with, or None.
    """

    def __init__(self, encoding='Utf8', refuse=None):
        super().__init__(system={**SYSTEM, 'Version': '1.12.9'})
        self.items = {}
        self.encoding = encoding
        self.refuse = refuse or (lambda method, id_: None)
        self.installed = True

    def _answer(self, request):
        path = urlsplit(request.path).path
        if path == '/tools/default-encoding':
            answer(200, self.encoding.encode())(request)
        elif path.startswith(_PATH) and self.installed:
            self._worklists(request, path[len(_PATH):].lstrip('/'))
        else:
            super()._answer(request)

    def _worklists(self, request, id_):
        method = request.command
        status = self.refuse(method, id_)
        if status:
            answer(status)(request)
        elif not id_:
            json_answer([
                    {'ID': key, 'Tags': body['Tags']}
                    for key, body in self.items.items()])(request)
        elif method == 'PUT':
            self.items[id_] = json.loads(request.body)
            json_answer({'ID': id_, 'Path': f'{_PATH}/{id_}'})(request)
        elif id_ not in self.items:
            answer(404)(request)
        elif method == 'DELETE':
            del self.items[id_]
            json_answer({})(request)
        else:
            json_answer({'ID': id_, **self.items[id_]})(request)

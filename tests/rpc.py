# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Users who speak JSON-RPC with the server, as the web client does"
import base64
import json

from trytond.protocols.jsonrpc import JSONDecoder, JSONEncoder
from trytond.tests.test_tryton import DB_NAME, Client
from trytond.wsgi import app

PASSWORD = 'a long enough password'


class Refused(Exception):
    "The server answered with an error; its text is all that it said"


class User:
    "A user who is logged in over JSON-RPC"

    def __init__(self, login):
        self.login = login
        self.client = Client(app)
        self.headers = {'Content-Type': 'application/json'}
        session = self.call(
            'common.db.login', login, {'password': PASSWORD}, 'en')
        credentials = ':'.join([login, *map(str, session)])
        self.headers['Authorization'] = 'Session ' + base64.b64encode(
            credentials.encode()).decode()

    def call(self, method, *params):
        "Return the result of the method; raise Refused if there is an error"
        response = self.client.post(
            f'/{DB_NAME}/', headers=self.headers, data=json.dumps(
                {'id': 0, 'method': method, 'params': params},
                cls=JSONEncoder))
        text = response.get_data(as_text=True)
        if response.status_code != 200:
            raise Refused(text)
        answer = json.loads(text, object_hook=JSONDecoder())
        if answer.get('error'):
            # Without the traceback that the server adds in its test mode
            raise Refused(json.dumps(answer['error']))
        return answer['result']

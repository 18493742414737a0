# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The wizard that adds a server"

from trytond.i18n import gettext
from trytond.model import ModelView, fields
from trytond.modules.health_imaging.rights import (
    FormRightsMixin, WizardRightsMixin)
from trytond.pool import Pool
from trytond.transaction import inactive_records
from trytond.wizard import (
    Button, StateAction, StateTransition, StateView, Wizard)

from .exceptions import OrthancError, describe
from .found import Found
from .server import CONNECTION, ConnectionMixin

# What it takes to add a server
_RIGHTS = (('gnuhealth.orthanc.config', 'create'),)


def _address(url):
    "Return what addresses of one server have in common"
    return (url or '').strip().rstrip('/').casefold()


class AddStart(ConnectionMixin, FormRightsMixin, ModelView):
    "Add Orthanc Server"
    __name__ = 'gnuhealth.orthanc.server.add.start'
    _form_rights = _RIGHTS

    password = fields.Char("Password", strip=False)


class AddSuccess(FormRightsMixin, ModelView):
    "Orthanc Server Added"
    __name__ = 'gnuhealth.orthanc.server.add.success'
    _form_rights = _RIGHTS

    message = fields.Text("Message", readonly=True)
    server = fields.Many2One(
        'gnuhealth.orthanc.config', "Server", readonly=True)


class AddFailure(FormRightsMixin, ModelView):
    "Orthanc Server Not Added"
    __name__ = 'gnuhealth.orthanc.server.add.failure'
    _form_rights = _RIGHTS

    message = fields.Text("Message", readonly=True)


class Add(WizardRightsMixin, Wizard):
    "Add Orthanc Server"
    __name__ = 'gnuhealth.orthanc.server.add'
    _rights = _RIGHTS

    start = StateView(
        'gnuhealth.orthanc.server.add.start',
        'health_orthanc.server_add_start_view_form', [
            Button("Cancel", 'end', 'tryton-cancel'),
            Button("Begin", 'check', 'tryton-ok', default=True),
            ])
    check = StateTransition()
    success = StateView(
        'gnuhealth.orthanc.server.add.success',
        'health_orthanc.server_add_success_view_form', [
            Button("Close", 'end', 'tryton-ok'),
            Button("Synchronize", 'sync', 'tryton-forward', default=True),
            ])
    failure = StateView(
        'gnuhealth.orthanc.server.add.failure',
        'health_orthanc.server_add_failure_view_form', [
            Button("Close", 'end', 'tryton-cancel'),
            Button("Try Again", 'start', 'tryton-back', default=True),
            ])
    sync = StateAction('health_orthanc.act_server_form')

    def default_start(self, fields):
        "Keep what was entered, but for the password"
        return {
            name: getattr(self.start, name)
            for name in CONNECTION if hasattr(self.start, name)}

    def transition_check(self):
        Server = Pool().get('gnuhealth.orthanc.config')
        start = self.start
        known = self._known_server(start.url)
        if known:
            start.password = None
            self.failure.message = gettext(
                'health_orthanc.msg_server_known',
                server=known.rec_name, url=known.url)
            return 'failure'
        server = Server(
            timeout=Server.default_timeout(),
            **{name: getattr(start, name) for name in CONNECTION})
        password = start.password
        # The session of the wizard is stored: it must not keep the password
        start.password = None
        try:
            with server.connect_with(password) as connection:
                found = Found.ask(connection)
        except OrthancError as error:
            self.failure.message = describe(
                error.reason, error.detail, server.url)
            return 'failure'
        server.password = password
        server.validated = True
        for name, value in found.columns().items():
            setattr(server, name, value)
        same = self._same_database(found.system.database_identifier)
        server.save()
        self.success.server = server
        self.success.message = gettext(
            'health_orthanc.msg_server_added',
            server=server.rec_name,
            version=found.system.version,
            patients=found.statistics.patients,
            studies=found.statistics.studies,
            images=found.statistics.instances)
        if same:
            self.success.message += '\n' + gettext(
                'health_orthanc.msg_server_same_database',
                server=same.rec_name, url=same.url)
        return 'success'

    def _known_server(self, url):
        "Return the server that was added with that address, if any"
        Server = Pool().get('gnuhealth.orthanc.config')
        with inactive_records():
            for server in Server.search([]):
                if _address(server.url) == _address(url):
                    return server
        return None

    def _same_database(self, identifier):
        "Return a server that says to have the same database, if any"
        Server = Pool().get('gnuhealth.orthanc.config')
        if not identifier:
            return None
        with inactive_records():
            servers = Server.search(
                [('database_identifier', '=', identifier)], limit=1)
        return servers[0] if servers else None

    def default_success(self, fields):
        return {
            'message': self.success.message,
            'server': self.success.server.id,
            }

    def default_failure(self, fields):
        return {'message': self.failure.message}

    def do_sync(self, action):
        Server = Pool().get('gnuhealth.orthanc.config')
        server = self.success.server
        Server.sync([server])
        return action, {'res_id': [server.id]}

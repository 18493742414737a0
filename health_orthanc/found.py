# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What a server says of itself, when it is added or checked"
from typing import NamedTuple

from . import answers, sync
from .exceptions import OrthancError
from .sync_state import statistics_columns
from .viewer import VIEWERS


class Found(NamedTuple):
    "What a server says of itself"
    system: answers.System
    statistics: answers.Statistics
    viewers: frozenset

    @classmethod
    def ask(cls, connection):
        "Return what the server says; raises OrthancError and nothing else"
        try:
            return cls(
                connection.system(), connection.statistics(),
                connection.viewers())
        except OrthancError:
            raise
        except Exception as exception:
            raise sync.unexpected(connection.url, exception) from exception

    def columns(self):
        "Return the values of the columns of the server"
        return {
            'name': self.system.name,
            'database_identifier': self.system.database_identifier,
            'version': self.system.version,
            'reports_issuer': self.system.reports_issuer,
            **{viewer.flag: name in self.viewers
                for name, viewer in VIEWERS.items() if viewer.flag},
            **statistics_columns(self.statistics),
            }

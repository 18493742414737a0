# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

from trytond.exceptions import UserError
from trytond.model.exceptions import AccessError


class ServerError(UserError):
    pass


class LinkError(UserError):
    pass


class ReadOnlyError(AccessError):
    pass

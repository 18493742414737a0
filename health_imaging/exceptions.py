# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What imaging refuses, and what it asks first"
from trytond.exceptions import UserError, UserWarning
from trytond.model.exceptions import AccessError, ValidationError


class SequenceMissingError(UserError):
    pass


class OrderIncompleteError(UserError):
    pass


class TestInactiveError(ValidationError):
    pass


class RequestStateError(AccessError):
    pass


class ResultGenerationError(UserError):
    pass


class ReasonMissingError(UserError):
    pass


class StationError(ValidationError):
    pass


class ProcedureStatusError(AccessError):
    pass


class CancellationWarning(UserWarning):
    pass


class ImagesWarning(UserWarning):
    pass


class PatientMismatchError(ValidationError):
    pass


class IdentifierError(ValidationError):
    pass


class SystemFieldError(AccessError):
    pass


class AuditError(AccessError):
    pass


class ReportLockedError(AccessError):
    pass


class SigningError(AccessError):
    pass


class ReportStateError(UserError):
    pass


class ReportEmptyError(UserError):
    pass


class ReportChangedError(UserError):
    pass


class ReadingError(UserError):
    pass


class CriticalFindingError(UserError):
    pass


class CriticalFindingLockedError(AccessError):
    pass

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"What can be ordered in imaging, the orders and their results"
from trytond.ir.resource import ResourceAccessMixin
from trytond.model import ModelStorage
from trytond.pool import Pool

from . import (
    catalogue, critical, figures, ir, order, order_status, performed_step,
    person, procedure, reading, report_document, report_print, report_version,
    request, result, rights, sequences, station, step, template, unread)


def register():
    Pool.register(
        catalogue.TestType,
        catalogue.Test,
        request.Request,
        order.OrderStart,
        order.OrderStartTest,
        step.Step,
        step.CancelStart,
        result.Result,
        result.Request,
        report_version.Version,
        report_version.ChangeStart,
        report_version.CheckStart,
        report_document.Document,
        report_document.Version,
        template.Template,
        template.TemplateTest,
        template.Macro,
        ir.Attachment,
        ir.Note,
        ir.Cron,
        sequences.Sequences,
        sequences.RequestSequence,
        sequences.ResultSequence,
        sequences.AccessionSequence,
        sequences.ProcedureSequence,
        station.Station,
        station.StationTestType,
        station.TestType,
        station.Request,
        procedure.Step,
        procedure.Request,
        procedure.PerformedStep,
        performed_step.Request,
        procedure.DiscontinueStart,
        reading.TestType,
        reading.Request,
        critical.CriticalFinding,
        critical.Result,
        critical.Request,
        unread.Seen,
        unread.Result,
        unread.Request,
        order_status.OrderStatus,
        figures.Version,
        figures.Context,
        figures.DayFigure,
        figures.TimeFigure,
        figures.ReaderFigure,
        person.Party,
        person.Identification,
        person.Name,
        person.ContactMechanism,
        person.Insurance,
        module='health_imaging', type_='model')
    Pool.register(
        order.Order,
        step.Cancel,
        procedure.Discontinue,
        result.GenerateResults,
        report_version.Addendum,
        report_version.Correct,
        report_version.Withdraw,
        report_version.Check,
        reading.Read,
        figures.OpenOrders,
        figures.OpenReports,
        module='health_imaging', type_='wizard')
    Pool.register(
        report_print.ResultReport,
        report_print.VersionReport,
        module='health_imaging', type_='report')
    # These come before what any module adds
    Pool.register_mixin(
        rights.CheckedSearchMixin, ModelStorage, module='health_imaging')
    Pool.register_mixin(
        rights.RightsFirstMixin, rights.ModelRightsMixin,
        module='health_imaging')
    Pool.register_mixin(
        rights.ResourceRightsMixin, ResourceAccessMixin,
        module='health_imaging')

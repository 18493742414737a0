# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"Orthanc servers, what they hold, whose it is, which order it answers"
from trytond.pool import Pool

from . import (
    access_log, anew, candidate, decision, dismiss, document, history,
    interval, ir, key_image, link_order, outbox, patient, performed_step,
    reconcile, reconciliation, replica, request, result, series, server,
    server_add, set_aside, study, study_order, study_search, study_sync,
    taken_over, thumbnail, worklist)


def register():
    Pool.register(
        server.Server,
        server_add.AddStart,
        server_add.AddSuccess,
        server_add.AddFailure,
        interval.IntervalStart,
        patient.Patient,
        patient.LocalPatient,
        patient.AlternativeIdentification,
        study.Study,
        anew.Study,
        study_sync.Study,
        study_search.Study,
        replica.Study,
        series.Series,
        set_aside.SetAside,
        decision.Decision,
        history.Synchronization,
        candidate.Party,
        candidate.Study,
        dismiss.Study,
        dismiss.DismissStart,
        reconciliation.Study,
        reconciliation.Reconciliation,
        reconcile.ReconcileComparison,
        reconcile.ReconcileStart,
        access_log.AccessLog,
        access_log.Study,
        access_log.Patient,
        access_log.Server,
        result.Result,
        result.Study,
        result.ResultStudy,
        request.Request,
        request.RequestStudy,
        study_order.Study,
        link_order.LinkOrderStart,
        worklist.Request,
        performed_step.PerformedStep,
        performed_step.SettleStart,
        outbox.WorklistItem,
        outbox.Request,
        outbox.Server,
        document.ReportDocument,
        document.Version,
        document.Result,
        document.Server,
        thumbnail.Series,
        thumbnail.Study,
        thumbnail.Request,
        thumbnail.Result,
        thumbnail.Server,
        key_image.Result,
        key_image.KeyImageStart,
        ir.Cron,
        # The last: it takes over what older modules left
        taken_over.TakenOver,
        module='health_orthanc', type_='model')
    Pool.register(
        server_add.Add,
        interval.Interval,
        reconcile.Reconcile,
        dismiss.Dismiss,
        link_order.LinkOrder,
        performed_step.Settle,
        key_image.KeyImage,
        module='health_orthanc', type_='wizard')

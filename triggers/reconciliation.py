"""The reconciliation by schedule: how it begins, and what it found."""

import logging

import azure.durable_functions as df

from clients.instances import find_running, read_progress, start_only
from clients.reconciliation import find_last_report
from domain.drift_findings import ReconciliationProgress, ReconciliationReports
from domain.names import RECONCILIATION_INSTANCE
from triggers.door.calls import Answer, Call

_log = logging.getLogger("hsm_provisioner.reconciliation")


def start_reconciliation(client: df.SyncDurableFunctionsClient) -> None:
    """Start the one instance, unless it runs."""
    if not start_only("fleet_reconciliation", RECONCILIATION_INSTANCE, client):
        _log.info("a reconciliation is under way already")


def get_reconciliation_reports(call: Call) -> Answer:
    """Say how far the run is that is under way, and what the last one found that is not as recorded."""
    state = find_running(RECONCILIATION_INSTANCE, call.client)
    progress = read_progress(state) if state else {}
    view = ReconciliationReports(
        running=state is not None,
        progress=ReconciliationProgress.model_validate(progress) if progress else None,
        report=find_last_report(),
    )
    return Answer(200, view)

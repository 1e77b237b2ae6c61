"""The clean-up by schedule: how it begins, and what it found."""

import logging

import azure.durable_functions as df

from clients.cleanup import find_last_report
from clients.instances import find_running, read_progress, start_only
from domain.cleanup_reports import CleanupProgress, CleanupReports
from domain.names import CLEANUP_INSTANCE
from triggers.door.calls import Answer, Call

_log = logging.getLogger("hsm_provisioner.cleanup")


def start_cleanup(client: df.SyncDurableFunctionsClient) -> None:
    """Start the one instance, unless it runs."""
    if not start_only("fleet_cleanup", CLEANUP_INSTANCE, client):
        _log.info("a clean-up is under way already")


def get_cleanup_reports(call: Call) -> Answer:
    """Say how far the run is that is under way, and what the last one found and did."""
    state = find_running(CLEANUP_INSTANCE, call.client)
    progress = read_progress(state) if state else {}
    view = CleanupReports(
        running=state is not None,
        progress=CleanupProgress.model_validate(progress) if progress else None,
        report=find_last_report(),
    )
    return Answer(200, view)

"""The run over all stored security domains: how it begins, and what it found."""

import logging

import azure.durable_functions as df

from clients import archive
from clients.instances import find_running, start_only
from clients.verification_runs import find_begin, looked_at_since
from domain.verification_runs import VERIFICATION_INSTANCE, Tally, VerificationCounts, VerificationRuns
from triggers.door.calls import Answer, Call

_log = logging.getLogger("hsm_provisioner.verification")


def start_run(client: df.SyncDurableFunctionsClient) -> None:
    """Start the one instance, unless it runs."""
    if not start_only("security_domain_verification", VERIFICATION_INSTANCE, client):
        _log.info("the stored security domains are being verified already")


def get_verification_runs(call: Call) -> Answer:
    """Say how the run that is under way is, and what the last one found."""
    running = find_running(VERIFICATION_INSTANCE, call.client) is not None
    view = VerificationRuns(
        running=running,
        progress=_count_so_far() if running else None,
        last_run=archive.find_verification_run(),
    )
    return Answer(200, view)


def _count_so_far() -> VerificationCounts | None:
    """Count what the run under way has written down; None where it has not begun, or is recorded already."""
    begin = find_begin()
    if begin is None:
        return None
    tally = Tally()
    for hsm, finding in looked_at_since(begin):
        if finding is not None:
            tally.add(hsm, finding)
    return tally.counts

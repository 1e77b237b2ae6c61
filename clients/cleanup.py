"""What the clean-up knows of an HSM, looked at now; and where it keeps what it decided."""

from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError

from clients import archive, resource_manager, run_reports
from clients.archive import RECORDS
from clients.blob_lists import list_with_metadata
from clients.blobs import put_blob
from clients.credential import own_identity
from clients.deletion import find_deleted_hsm, find_locks
from clients.run_reports import keep_report, read_left
from domain.cleanup import DeletedAt, Facts, Warned
from domain.cleanup_reports import CleanupReport, CleanupRun, JudgedHsm
from domain.errors import service_error
from domain.records import Claim, HsmRecord
from domain.settings import deployment_policy, settings
from domain.summaries import METADATA

_RUN: Final = "cleanup-run"
_JUDGED: Final = "cleanup/"
_REPORTS: Final = "reports/cleanup/"


def is_enforced() -> bool:
    """Say whether HSMs are deleted and purged: the policy wants it, and the operators' switch lets it."""
    return deployment_policy().cleanup.enforce and not settings().stop_destruction_and_export


def look(record: HsmRecord, warned: Warned | None) -> Facts:
    """Look at what Azure shows at the place of a record; of one that was purged nothing can be there."""
    own_ids = frozenset(own_identity())
    if not record.billed:
        return Facts(record, own_ids, warned=warned)
    live = resource_manager.find_hsm(record.subscription_id, record.resource_group, record.hsm)
    deleted = find_deleted_hsm(record) if live is None else None
    return Facts(
        record,
        own_ids,
        live=live,
        deleted=DeletedAt(deleted.deleted_at, deleted.purge_protected) if deleted else None,
        warned=warned,
    )


def look_closer(facts: Facts) -> Facts:
    """Look at what may stand in the way of what is due: a hold, an operation, a lock, a try that failed."""
    name = facts.record.hsm
    held = archive.find_claim(name)
    claim = held.claim if held else None
    return facts._replace(
        held=archive.find_hold(name) is not None,
        operation_running=claim is not None and claim.running,
        own_operation=claim.operation_id if claim is not None and claim.running and is_of_cleanup(claim) else None,
        locked=facts.live is not None and _is_locked_by_others(facts.live.resource_id, facts.record.lock),
        tried_at=_failed_try(claim),
    )


def _is_locked_by_others(resource_id: str, own_lock: str | None) -> bool:
    return any(not lock.is_at(own_lock) for lock in find_locks(resource_id))


def _failed_try(claim: Claim | None) -> datetime | None:
    if claim is None or claim.running or claim.succeeded or not is_of_cleanup(claim):
        return None
    return claim.claimed_at


def is_of_cleanup(claim: Claim) -> bool:
    """Say whether an operation was begun by a clean-up."""
    return (claim.origin, claim.kind) == ("schedule", "decommission")


def find_run() -> CleanupRun | None:
    """Read the run that is under way, or was last."""
    return read_left(CleanupRun, _RUN)


def require_run() -> CleanupRun:
    """Read the run that is under way; raises ServiceError `not_claimed` where none is."""
    run = find_run()
    if run is None or run.finished:
        raise service_error("not_claimed", "No clean-up is under way.", advice="It is begun by its schedule.")
    return run


def begin_run() -> CleanupRun:
    """Begin a run; one that did not come to its end is gone on with, so that its limits hold."""
    from ulid import ULID

    run = find_run()
    if run is not None and not run.finished:
        return run
    begun = CleanupRun(id=str(ULID()), started_at=datetime.now(UTC).replace(microsecond=0))
    write_run(begun)
    return begun


def write_run(run: CleanupRun) -> None:
    """Record how a run is, in place of what it was."""
    put_blob(RECORDS, _RUN, run.to_json().encode(), {})


def find_judged(hsm: str) -> JudgedHsm | None:
    """Read what was decided last on an HSM."""
    return read_left(JudgedHsm, f"{_JUDGED}{hsm}")


def write_judged(judged: JudgedHsm) -> None:
    """Record what was decided on an HSM, in place of what was before: so they stay as many as there are HSMs."""
    put_blob(RECORDS, f"{_JUDGED}{judged.hsm}", judged.to_json().encode(), judged.to_metadata())


def list_judged(run: str) -> list[JudgedHsm]:
    """List what a run decided."""
    found = []
    for blob in list_with_metadata(RECORDS, _JUDGED):
        try:
            judged = JudgedHsm.model_validate_json(blob.metadata.get(METADATA, ""))
        except ValidationError:
            continue
        if judged.run == run:
            found.append(judged)
    return found


def write_report(report: CleanupReport) -> None:
    """Keep the report of a run."""
    keep_report(_REPORTS, report, report.run, report.started_at)


def find_last_report() -> CleanupReport | None:
    """Read the report of the last run that ended."""
    return run_reports.find_last_report(CleanupReport, _REPORTS)

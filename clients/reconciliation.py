"""What the reconciliation knows of an HSM, looked at now; and where it keeps what it found of each.

Container `hsm-records`: `reconciliation-run`; `drift/{hsm}`, what was found last of an HSM of which we have a record;
`drift-unrecorded/{hsm}` of one of which we have none; `reports/reconciliation/`.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError

from clients import archive, resource_manager, run_reports
from clients.administration import find_administrators
from clients.archive import RECORDS
from clients.backup_history import find_history
from clients.blob_lists import list_with_metadata
from clients.blobs import delete_blob, put_blob
from clients.credential import own_identity
from clients.deletion import find_deleted_hsm
from clients.handovers import wanted_handover_of
from clients.run_reports import has_reports, keep_report, read_left
from clients.surroundings import find_gone
from domain.cleanup import TRY_AGAIN_AFTER, DeletedAt
from domain.drift import Facts
from domain.drift_findings import ReconciliationReport
from domain.errors import ServiceError, service_error
from domain.handover.request import Handover, gives_up
from domain.policy import EVERYTHING, ReconciliationRules
from domain.reconciliation import HEALABLE, CheckedHsm, CheckedSummary, Obstacles, ReconciliationRun, goes_on
from domain.records import Claim, HsmRecord
from domain.settings import deployment_policy, settings
from domain.summaries import METADATA

_log = logging.getLogger("hsm_provisioner.reconciliation")
_RUN: Final = "reconciliation-run"
_REPORTS: Final = "reports/reconciliation/"
_CHECKED: Final = "drift/"
_UNRECORDED: Final = "drift-unrecorded/"


def rules() -> ReconciliationRules:
    """Give what the policy says; while an operators' switch stands, nothing is healed: they want no more begun."""
    wanted = deployment_policy().reconciliation
    stopped = settings().stop_creation or settings().stop_destruction_and_export
    return wanted.model_copy(update={"heal": []}) if stopped else wanted


def look(record: HsmRecord, claim: Claim | None, *, abandoned: bool) -> Facts:
    """Look at what Azure shows at the place of a record, and how its security domain was found last.

    Nothing is asked of one that an operation changes, one that is not abandoned, nor of one that was purged: nothing
    can be there.
    """
    own_ids = frozenset(own_identity())
    running = claim is not None and claim.running and not is_healing(claim) and not abandoned
    if running or not record.billed:
        return Facts(record, own_ids, operation_running=running)
    live = resource_manager.find_hsm(record.subscription_id, record.resource_group, record.hsm)
    deleted = find_deleted_hsm(record) if live is None else None
    handover = wanted_handover_of(record.request)
    return Facts(
        record,
        own_ids,
        live=live,
        deleted=DeletedAt(deleted.deleted_at, deleted.purge_protected) if deleted else None,
        verification=archive.find_verification(record.hsm) if record.security_domain else None,
        gives_up=gives_up(handover),
        backups=find_history(record) if handover.full_backup else None,
        backup_request=handover.full_backup,
        administrators=_find_administrators(record) if live is not None and _may_ask(record, handover) else None,
        gone=frozenset(find_gone(record)) if live is not None else frozenset(),
    )


def _find_administrators(record: HsmRecord) -> frozenset[str] | None:
    """Name who administers an HSM; where it does not answer the rest of it is looked at all the same."""
    try:
        return find_administrators(record.hsm)
    except ServiceError as error:
        _log.warning("%s does not say who administers it: %s", record.hsm, error)
        return None


def _may_ask(record: HsmRecord, handover: Handover) -> bool:
    """Say whether the service kept the role with which it sees who administers an HSM."""
    given_up = record.given_up is not None and record.given_up.done_at is not None
    return given_up and handover.administration is not None and handover.administration.keep_audit


def find_obstacles(hsm: str, claim: Claim | None, run: ReconciliationRun) -> Obstacles:
    """Look at what keeps an HSM from being healed: a hold, a healing that runs, one that failed."""
    healing = claim is not None and is_healing(claim)
    return Obstacles(
        first=run.first,
        held=archive.find_hold(hsm) is not None,
        own_operation=claim.operation_id if claim is not None and healing and claim.running else None,
        failed_lately=claim is not None and healing and _failed_lately(claim),
    )


def _failed_lately(claim: Claim) -> bool:
    # An approver may have said no.
    return not claim.running and not claim.succeeded and datetime.now(UTC) - claim.claimed_at < TRY_AGAIN_AFTER


def is_healing(claim: Claim) -> bool:
    """Say whether an operation was begun to put drift right."""
    return (claim.origin, claim.kind) == ("schedule", "update")


def find_run() -> ReconciliationRun | None:
    """Read the run that is under way, or was last."""
    return read_left(ReconciliationRun, _RUN)


def require_run() -> ReconciliationRun:
    """Read the run that is under way; raises ServiceError `not_claimed` where none is."""
    run = find_run()
    if run is None or run.finished:
        raise service_error("not_claimed", "No reconciliation is under way.", advice="It is begun by its schedule.")
    return run


def begin_run() -> ReconciliationRun:
    """Begin a run; one that did not come to its end is gone on with for a day, so that its limits hold."""
    from ulid import ULID

    run, moment = find_run(), datetime.now(UTC).replace(microsecond=0)
    if run is not None and goes_on(run, moment):
        return run
    begun = ReconciliationRun(
        id=str(ULID()),
        started_at=moment,
        first=not has_reports(_REPORTS),
        previous=run.id if run is not None else None,
        # Until somebody knows which subscriptions there are to look through, none of them was.
        unlisted=[EVERYTHING],
    )
    write_run(begun)
    return begun


def write_run(run: ReconciliationRun) -> None:
    """Record how a run is, in place of what it was."""
    put_blob(RECORDS, _RUN, run.to_json().encode(), {})


def find_checked(hsm: str) -> CheckedHsm | None:
    """Read what was found last of an HSM of which we have a record."""
    return read_left(CheckedHsm, f"{_CHECKED}{hsm}")


def write_checked(checked: CheckedHsm) -> None:
    """Record what was found of an HSM, in place of what was before: so they stay as many as there are HSMs."""
    put_blob(RECORDS, f"{_CHECKED}{checked.hsm}", checked.to_json().encode(), checked.summarise().to_metadata())


def find_unrecorded(hsm: str) -> CheckedHsm | None:
    """Read what was found last of an HSM of which we have no record."""
    return read_left(CheckedHsm, f"{_UNRECORDED}{hsm}")


def write_unrecorded(checked: CheckedHsm) -> None:
    """Record that there is an HSM of which we have no record."""
    put_blob(RECORDS, f"{_UNRECORDED}{checked.hsm}", checked.to_json().encode(), checked.summarise().to_metadata())


def forget_unrecorded(hsm: str) -> None:
    """Forget an HSM of which we had no record: it is gone, or recorded."""
    delete_blob(RECORDS, f"{_UNRECORDED}{hsm}")


def list_checked(run: str) -> list[CheckedHsm]:
    """List what a run found of the HSMs of which we have a record; only what has drift is read itself."""
    return [
        read
        for item in _list(_CHECKED)
        if item.run == run and (read := find_checked(item.hsm) if item.codes else _without_drift(item)) is not None
    ]


def list_unrecorded() -> list[CheckedHsm]:
    """List the HSMs of which we have no record, also those that an earlier run found."""
    return [read for item in _list(_UNRECORDED) if (read := find_unrecorded(item.hsm)) is not None]


def list_healable(run: str) -> list[CheckedHsm]:
    """List what a run found of those that have drift which can be healed, or that it chose to heal."""
    return [
        read
        for item in _list(_CHECKED)
        if item.run == run
        and (item.chosen or not HEALABLE.isdisjoint(item.codes))
        and (read := find_checked(item.hsm)) is not None
    ]


def _without_drift(item: CheckedSummary) -> CheckedHsm:
    return CheckedHsm(hsm=item.hsm, run=item.run, error=item.error, busy=item.busy)


def _list(folder: str) -> Iterator[CheckedSummary]:
    for blob in list_with_metadata(RECORDS, folder):
        try:
            yield CheckedSummary.model_validate_json(blob.metadata.get(METADATA, ""))
        except ValidationError:
            continue


def write_report(report: ReconciliationReport) -> None:
    """Keep the report of a run."""
    keep_report(_REPORTS, report, report.run, report.started_at)


def find_last_report() -> ReconciliationReport | None:
    """Read the report of the last run that ended."""
    return run_reports.find_last_report(ReconciliationReport, _REPORTS)

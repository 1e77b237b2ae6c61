"""What the deployment's topic is told, and when: each of these is called by the activity that makes it true.

The id of an event is made of its operation, its type and what tells two of them apart, so that an activity that runs
again tells the same event. Without a topic nothing is kept, and nothing told.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from clients import archive, outbox
from clients.restores import restore_blob_url
from domain.operations import Operation
from domain.published_events.model import (
    ApprovalRequested,
    DriftFound,
    EventData,
    Failure,
    HsmDecommissioned,
    HsmExpiring,
    HsmProvisioned,
    HsmProvisionFailed,
    RestoreBlobAwaited,
    SecurityDomainUnverified,
    wrap,
)
from domain.records import Claim, HsmRecord, Plan, sha256_of
from domain.restores import RecordedTransferKey
from domain.settings import settings
from domain.verifications import Verification


def keep_end(claim: Claim, operation: Operation) -> str | None:
    """Keep what an operation's end is to be told as, and give the event's id; None where nobody is told.

    To be called before the end is recorded, and told (`outbox.publish_soon`) once it is: whoever hears of it asks.
    """
    event = _describe_end(claim, operation)
    return _keep(event, operation.finished_at or datetime.now(UTC)) if event is not None else None


def keep_interruption(operation: Operation, resource_id: str) -> str | None:
    """Keep what is to be told of an operation that gave way to another before it could be recorded, as `keep_end` does.

    It has ended just so: whoever waits for the end of a provision hears of it.
    """
    event = _describe_failure(operation, resource_id)
    return _keep(event, operation.finished_at or datetime.now(UTC)) if event is not None else None


def announce_approval(plan: Plan) -> None:
    """Tell that a plan waits for approval, where it needs one."""
    if settings().events_topic is None or plan.approval_expires_at is None:
        return
    pinned = archive.find_pinned_plan(plan.hsm, plan.operation_id)
    if pinned is not None:
        event = ApprovalRequested(
            hsm=plan.hsm,
            resource_id=plan.resource_id,
            team=plan.team,
            operation_id=plan.operation_id,
            kind=plan.kind,
            reasons=plan.approval_reasons,
            plan_sha256=pinned.sha256,
            expires_at=plan.approval_expires_at,
        )
        _announce(event, plan.pinned_at)


def announce_transfer_key(plan: Plan, key: RecordedTransferKey) -> None:
    """Tell that a restore waits for its custodians' restore blob."""
    if plan.source is None:
        return
    event = RestoreBlobAwaited(
        hsm=plan.hsm,
        resource_id=plan.resource_id,
        team=plan.team,
        operation_id=plan.operation_id,
        source_hsm=plan.source.hsm,
        transfer_key_thumbprint=key.thumbprint,
        store_at=restore_blob_url(plan.operation_id),
        blob_awaited_until=key.blob_awaited_until,
    )
    _announce(event, key.fetched_at)


def announce_finding(record: HsmRecord, verification: Verification, told_as: str) -> None:
    """Tell how a run found a stored security domain, once for each finding that is not well.

    `told_as` is the HSM as `list_hsm_page` names it: of two that had one name each is told by itself.
    """
    if settings().events_topic is None:
        return
    finding = _name_finding(verification)
    if archive.find_told_finding(told_as) == finding:
        return
    if verification.quorum_health != "Healthy":
        event = SecurityDomainUnverified(
            hsm=record.hsm,
            resource_id=record.resource_id,
            team=record.team,
            operation_id=_last_operation(record),
            quorum_health=verification.quorum_health,
            security_domain_sha256=verification.sha256,
            verified_at=verification.verified_at,
        )
        # The day tells it from the same finding after another one.
        _announce(event, verification.verified_at, f"{verification.verified_at:%Y-%m-%d}-{finding[:8]}")
    # Afterwards: killed before, it is told once more, with the same id.
    archive.write_told_finding(told_as, finding)


def announce_expiring(record: HsmRecord, expires_at: datetime, occasion: str) -> None:
    """Tell that the time until which an HSM is needed ends soon.

    `occasion` tells this event from the next one of the HSM: the same occasion is the same event.
    """
    event = HsmExpiring(
        hsm=record.hsm,
        resource_id=record.resource_id,
        team=record.team,
        operation_id=_last_operation(record),
        expires_at=expires_at,
    )
    _announce(event, datetime.now(UTC), occasion)


def announce_drift(record: HsmRecord, codes: Sequence[str], occasion: str) -> None:
    """Tell that an HSM is not as our records have it; `occasion` is as in `announce_expiring`."""
    event = DriftFound(
        hsm=record.hsm,
        resource_id=record.resource_id,
        team=record.team,
        operation_id=_last_operation(record),
        codes=list(codes),
    )
    _announce(event, datetime.now(UTC), occasion)


def _announce(event: EventData, at: datetime, occasion: str = "") -> None:
    kept = _keep(event, at, occasion)
    if kept is not None:
        outbox.publish_soon(kept)


def _keep(event: EventData, at: datetime, occasion: str = "") -> str | None:
    if settings().events_topic is None:
        return None
    told_apart = re.sub(r"[^0-9A-Za-z]+", "-", occasion).strip("-")
    event_id = ".".join(filter(None, (event.operation_id, type(event).__name__, told_apart)))
    outbox.keep(wrap(event, event_id=event_id, source=settings().api_audience, time=at))
    return event_id


def _describe_end(claim: Claim, operation: Operation) -> EventData | None:
    place, result = claim.resource_id, operation.result
    failed = _describe_failure(operation, place)
    if failed is not None:
        return failed
    common = _describe(operation, place)
    if claim.kind == "provision" and result is not None and result.security_domain is not None:
        return HsmProvisioned(**common, uri=result.uri, security_domain_sha256=result.security_domain.sha256)
    if claim.kind == "decommission" and result is not None and result.decommissioned is not None:
        ended = result.decommissioned
        if ended.purged_at is not None:
            return HsmDecommissioned(**common, purged=True)
        retention = timedelta(days=claim.request.soft_delete_retention_days)
        until = ended.kept_until or (ended.deleted_at or ended.asked_at) + retention
        return HsmDecommissioned(**common, purged=False, billed_until=until)
    return None


def _describe_failure(operation: Operation, resource_id: str) -> EventData | None:
    error = operation.error
    if operation.kind != "provision" or error is None:
        return None
    failure = Failure(code=error.code, message=error.message, advice=error.advice, retryable=error.retryable)
    safe = operation.verified_domain
    return HsmProvisionFailed(**_describe(operation, resource_id), error=failure, security_domain_safe=safe)


def _describe(operation: Operation, resource_id: str) -> dict[str, str]:
    return {
        "hsm": operation.hsm,
        "resource_id": resource_id,
        "team": operation.team,
        "operation_id": operation.id,
    }


def _name_finding(verification: Verification) -> str:
    """Name what was found, apart from when: the same finding the next day is no news."""
    shares = [(share.thumbprint, share.lost, share.known, share.purge_protection) for share in verification.shares]
    found = [verification.sha256, verification.quorum_health, verification.faults, shares]
    return sha256_of(json.dumps(found).encode())


def _last_operation(record: HsmRecord) -> str:
    held = archive.find_claim(record.hsm)
    return held.claim.operation_id if held is not None else record.created_by

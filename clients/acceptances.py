"""That an operation was accepted, or is begun by an event, in the audit log."""

from datetime import UTC, datetime

from clients.audit_log import append, has_chain
from domain.audit import AuditEvent
from domain.records import Claim


def record_acceptance(claim: Claim) -> None:
    """Record that an operation is about to be started; raises ServiceError `audit_unavailable`: then it must not."""
    if claim.origin == "event":
        record_onboarding(claim)
    append(
        AuditEvent(
            operation_id=claim.operation_id,
            at=datetime.now(UTC),
            kind="accepted",
            hsm=claim.hsm,
            team=claim.team,
            actor=claim.requester,
            client_request_id=claim.trace.client_request_id,
            detail={
                "kind": claim.kind,
                "requestedBy": claim.requested_by,
                "digest": claim.digest,
                "source": claim.source,
                "backup": claim.backup.url if claim.backup else None,
                "backupTo": claim.backup_to,
                "sourceOperationId": claim.source_operation_id,
                "origin": claim.origin,
            },
        )
    )


def record_onboarding(claim: Claim) -> None:
    """Record that an event begins the operation of a subscription's HSM; raises ServiceError `audit_unavailable`.

    Whoever claimed it may not have come to that.
    """
    # Idempotent: it is the first of its chain, and an event that comes while the operation runs begins nothing.
    if has_chain(claim.operation_id):
        return
    append(
        AuditEvent(
            operation_id=claim.operation_id,
            at=datetime.now(UTC),
            kind="onboarding",
            hsm=claim.hsm,
            team=claim.team,
            outcome="started",
            detail={"subscriptionId": claim.request.subscription_id, "why": "It opted in, as the policy wants it."},
        )
    )

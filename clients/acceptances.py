"""That an operation was accepted, in the audit log."""

from datetime import UTC, datetime

from clients.audit_log import append
from domain.audit import AuditEvent
from domain.records import Claim


def record_acceptance(claim: Claim) -> None:
    """Record that an operation is about to be started; raises ServiceError `audit_unavailable`: then it must not."""
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
                "sourceOperationId": claim.source_operation_id,
                "origin": claim.origin,
            },
        )
    )

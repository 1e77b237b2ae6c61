"""What people and portals do, in the audit log: what was accepted, and what was refused."""

import logging
from datetime import UTC, datetime
from typing import Final, Literal

from clients.audit_log import append, record_alone
from domain.audit import AuditEvent
from domain.caller import Caller
from domain.errors import ErrorDetail, ServiceError
from domain.names import HSM_NAME, hsm_of_operation
from domain.operations import Operation
from domain.records import Claim
from domain.share_check_records import AskedCheck
from domain.trace import Trace
from triggers.door.calls import Call
from triggers.routes import Route

# Each refusal is a blob: what a flood is made of is not recorded one by one.
_NOT_RECORDED: Final = frozenset({"too_many_requests"})
_log = logging.getLogger("hsm_provisioner.api")


def record_wish(kind: Literal["decision", "cancel"], operation: Operation, call: Call, outcome: str) -> None:
    """Record what somebody wants of an operation, before it is so, or that it is so.

    `outcome` tells the one from the other: what begins with `asked` may not have come about. Raises ServiceError
    `audit_unavailable`.
    """
    append(
        AuditEvent(
            operation_id=operation.id,
            at=datetime.now(UTC),
            kind=kind,
            hsm=operation.hsm,
            team=operation.team,
            actor=call.caller.principal,
            outcome=outcome,
            client_request_id=call.trace.client_request_id,
        )
    )


def record_share_check(check: AskedCheck, operation_id: str, call: Call, outcome: str) -> None:
    """Record that somebody asked for a share check, is about to record its answer, or did.

    It belongs to the operation whose security domain it is about. Raises ServiceError `audit_unavailable`: then it must
    not be done.
    """
    append(
        AuditEvent(
            operation_id=operation_id,
            at=datetime.now(UTC),
            kind="share_check",
            # The chain is of the HSM that it was downloaded from, also where another one was restored from it.
            hsm=hsm_of_operation(operation_id) or check.hsm,
            team=check.team,
            actor=call.caller.principal,
            outcome=outcome,
            client_request_id=call.trace.client_request_id,
            detail={
                "check": check.id,
                "hsm": check.hsm,
                "thumbprint": check.thumbprint,
                "sha256": check.security_domain_sha256,
            },
        )
    )


def record_hold(claim: Claim, call: Call, outcome: str) -> None:
    """Record that somebody is about to put an HSM on hold or to lift the hold, or that it is so.

    It belongs to the last operation on the HSM. Raises ServiceError `audit_unavailable`: then it must not be done.
    """
    append(
        AuditEvent(
            operation_id=claim.operation_id,
            at=datetime.now(UTC),
            kind="hold",
            hsm=claim.hsm,
            team=claim.team,
            actor=call.caller.principal,
            outcome=outcome,
            client_request_id=call.trace.client_request_id,
        )
    )


def record_refusal(route: Route, path: dict[str, str], caller: Caller, error: ErrorDetail, trace: Trace) -> None:
    """Record that a changing request of a known caller was refused; it stays refused where that cannot be recorded."""
    if error.code in _NOT_RECORDED or error.retryable:
        return
    name = path.get("name", "").lower()
    hsm = name if HSM_NAME.fullmatch(name) else hsm_of_operation(path.get("id", ""))
    event = AuditEvent(
        at=datetime.now(UTC),
        kind="refused",
        hsm=hsm,
        actor=caller.principal,
        outcome=error.code,
        client_request_id=trace.client_request_id,
        detail={"call": route.name, "field": error.errors[0].field if error.errors else None},
    )
    try:
        record_alone(event)
    except ServiceError as failure:
        _log.error("a refusal could not be recorded: %s", failure)

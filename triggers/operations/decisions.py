"""Decisions on the pinned plan of an operation: by a person, and never by whoever asked for it."""

from datetime import UTC, datetime
from typing import Literal

from clients import archive
from clients.archive import PinnedPlan
from domain.approvals import Decision, DecisionRequest
from domain.caller import Caller
from domain.errors import service_error
from domain.operations import Operation
from domain.requests import parse_body
from triggers.door.auditing import record_wish
from triggers.door.calls import Answer, Call
from triggers.operations.views import describe_operation, find_visible_operation
from triggers.operations.waking import wake


def approve_operation(call: Call) -> Answer:
    """Approve exactly the plan that the body names."""
    return _decide(call, "approved")


def reject_operation(call: Call) -> Answer:
    """Reject the plan that the body names; its operation ends."""
    return _decide(call, "rejected")


def _decide(call: Call, verdict: Literal["approved", "rejected"]) -> Answer:
    """Store a decision, then wake who waits for it; the same decision of the same person again changes nothing."""
    _require_person(call.caller)
    asked = parse_body(DecisionRequest, call.body)
    operation = find_visible_operation(call, call.path["id"])
    _require_independent(call.caller, operation)
    pinned = _find_plan(operation, asked)
    decision = archive.find_decision(pinned.plan)
    if decision is None:
        now = datetime.now(UTC).replace(microsecond=0)
        _require_open(operation, pinned, now)
        wanted = Decision(
            decision=verdict, plan_sha256=pinned.sha256, by=call.caller.principal, at=now, comment=asked.comment
        )
        record_wish("decision", operation, call, f"asked_{verdict}")
        decision = archive.create_decision(pinned.plan, wanted)
    _require_same(decision, verdict, call.caller)
    # Of two decisions at the same instant only the one that holds gets here. Sent again it is recorded again: the first
    # time we may have died before it was.
    record_wish("decision", operation, call, decision.decision)
    # What counts is stored by now: whoever sends the same again raises a lost event again.
    wake(operation.id, call.client)
    return Answer(200, describe_operation(call, operation.id))


def _require_person(caller: Caller) -> None:
    if caller.kind != "person":
        raise service_error(
            "approver_not_a_person",
            "An application cannot decide on a plan.",
            advice="Sign in as a person, and decide with that token.",
        )


def _require_independent(caller: Caller, operation: Operation) -> None:
    """Refuse whoever asked for the operation: by themselves, or through an application that says so."""
    asked = {operation.requester.object_id, operation.requested_by}
    if caller.tenant_id == operation.requester.tenant_id and caller.object_id in asked:
        raise service_error(
            "approver_is_requester",
            "You asked for this operation, so you cannot decide on it.",
            advice="Ask another approver.",
        )


def _find_plan(operation: Operation, asked: DecisionRequest) -> PinnedPlan:
    """Find the plan that is to be decided on; it must be the one that the approver has read."""
    pinned = archive.find_pinned_plan(operation.hsm, operation.id)
    if pinned is None or not pinned.plan.approval_reasons:
        raise service_error(
            "approval_not_needed",
            "This operation does not wait for approval.",
            advice="Read the operation: its approval says whether one is needed.",
        )
    if pinned.sha256 != asked.plan_sha256:
        raise service_error(
            "plan_changed",
            "The decision is about another plan than the one that is pinned.",
            advice="Read the operation, and decide on what it says.",
        )
    return pinned


def _require_open(operation: Operation, pinned: PinnedPlan, now: datetime) -> None:
    if operation.ended:
        raise service_error("operation_ended", "The operation has ended.", advice="Nothing is left to decide.")
    expires_at = pinned.plan.approval_expires_at
    if expires_at is None or expires_at <= now:
        raise _expired()


def _require_same(decision: Decision, verdict: str, caller: Caller) -> None:
    if decision.decision == "expired":
        raise _expired()
    if decision.decision != verdict or decision.by != caller.principal:
        raise service_error(
            "approval_decided",
            f"The plan was {decision.decision} already.",
            advice="See the operation's approval for who decided, and when.",
        )


def _expired() -> Exception:
    return service_error(
        "approval_expired",
        "The time to decide on this plan is over.",
        advice="Nothing was made. The HSM can be asked for again.",
    )

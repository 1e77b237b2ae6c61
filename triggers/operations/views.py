"""How operations are shown."""

import azure.durable_functions as df

from clients import archive
from clients.interruptions import find_operation_of
from clients.restores import restore_blob_url
from domain.errors import service_error
from domain.names import hsm_of_operation
from domain.operations import Operation, replaced_operation
from domain.records import Claim, Plan
from domain.restores import RecordedTransferKey
from domain.steps import STEP_TITLES
from triggers.door.calls import Call
from triggers.representations import (
    ApprovalView,
    OperationView,
    PlannedKey,
    PlanView,
    RestoreBlobView,
    StepView,
)


def describe_operation(call: Call, operation_id: str) -> OperationView:
    """Describe an operation from its record, or while it has none from its claim and its instance.

    To whom it is not to be shown, it does not exist.

    Raises ServiceError `operation_not_found`.
    """
    return view_operation(find_visible_operation(call, operation_id))


def find_visible_operation(call: Call, operation_id: str) -> Operation:
    """Find an operation that the caller may see; raises ServiceError `operation_not_found`."""
    hsm = hsm_of_operation(operation_id)
    operation = archive.find_operation(operation_id) if hsm else None
    held = archive.find_claim(hsm) if hsm and operation is None else None
    if held is not None and held.claim.operation_id == operation_id:
        operation = find_operation_of(held.claim, call.client)
    elif held is not None:
        # Between the two looks it may have ended and been followed by another.
        operation = archive.find_operation(operation_id) or _find_replaced(held.claim, operation_id)
    if operation is None or not call.sees(operation.team):
        raise service_error("operation_not_found", "There is no such operation.", advice="Check the operation's id.")
    return operation


def _find_replaced(claim: Claim, operation_id: str) -> Operation | None:
    """Find an operation that gave way to that of a claim, whose owner died before it was recorded."""
    replaced = replaced_operation(claim)
    return replaced if replaced is not None and replaced.id == operation_id else None


def describe_claimed_operation(claim: Claim, client: df.SyncDurableFunctionsClient) -> OperationView:
    """Describe the operation of a claim."""
    return view_operation(find_operation_of(claim, client))


def view_operation(operation: Operation) -> OperationView:
    """Show an operation."""
    pinned = archive.find_pinned_plan(operation.hsm, operation.id)
    key = _find_transfer_key(operation)
    return OperationView(
        **{name: getattr(operation, name) for name in _TAKEN_OVER},
        steps=[StepView(**dict(step), title=STEP_TITLES[step.name]) for step in operation.steps],
        plan=_view_plan(pinned.plan) if pinned else None,
        approval=_view_approval(pinned) if pinned else None,
        transfer_key=key,
        restore_blob=_view_restore_blob(operation) if key else None,
    )


def _find_transfer_key(operation: Operation) -> RecordedTransferKey | None:
    fetched = operation.kind == "restore" and operation.has_begun("fetch_transfer_key")
    return archive.find_transfer_key(operation.hsm, operation.id) if fetched else None


def _view_restore_blob(operation: Operation) -> RestoreBlobView:
    return RestoreBlobView(url=restore_blob_url(operation.id), seen=archive.find_restore_blob_state(operation.id))


_TAKEN_OVER = (
    *("id", "kind", "origin", "hsm", "team", "requester", "requested_by", "status", "created_at", "finished_at"),
    *("current_step", "awaiting_approval", "percent_complete"),
    *("warnings", "downloads", "cancel", "error", "exists", "result"),
)

_TAKEN_OVER_OF_PLAN = (
    *("location", "sku", "environment", "expires_at", "administrators", "purge_protection"),
    *("soft_delete_retention_days", "public_network_access", "network", "identities", "additional_regions", "tags"),
)


def _view_plan(plan: Plan) -> PlanView:
    return PlanView(
        **{name: getattr(plan.request, name) for name in _TAKEN_OVER_OF_PLAN},
        resource_id=plan.resource_id,
        monthly_cost_usd=plan.monthly_cost_usd,
        quorum=plan.quorum,
        change=plan.change,
        found=plan.found,
        replaces=plan.replaces,
        source=plan.source,
        backup=plan.backup,
        handover=plan.handover,
        confirmed_administrators=plan.confirmed_administrators,
        deletion=plan.deletion,
        recovery=plan.recovery,
        wrapping_keys=[
            PlannedKey(custodian=key.custodian, thumbprint=key.thumbprint, certificate_id=key.certificate_id)
            for key in plan.wrapping_keys
        ],
    )


def _view_approval(pinned: archive.PinnedPlan) -> ApprovalView:
    reasons = pinned.plan.approval_reasons
    decision = archive.find_decision(pinned.plan) if reasons else None
    return ApprovalView(
        required=bool(reasons),
        reasons=reasons,
        plan_sha256=pinned.sha256,
        expires_at=pinned.plan.approval_expires_at,
        decision=decision.decision if decision else None,
        decided_by=decision.by if decision else None,
        decided_at=decision.at if decision else None,
        comment=decision.comment if decision else None,
    )

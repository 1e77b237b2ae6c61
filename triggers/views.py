"""How HSMs and operations are shown."""

from typing import NamedTuple

import azure.durable_functions as df

from clients import archive, resource_manager
from clients.ownership import is_ours
from domain.errors import service_error
from domain.hsm import Hsm
from domain.names import hsm_of_operation, resource_id
from domain.operations import Operation
from domain.policy_rules import monthly_cost
from domain.records import Claim, HsmRecord, Plan
from domain.settings import deployment_policy
from domain.steps import STEP_TITLES
from domain.verifications import Verification
from triggers.calls import Call
from triggers.instances import find_operation_of
from triggers.representations import (
    ApprovalView,
    HsmView,
    LastOperation,
    OperationView,
    PlannedKey,
    PlanView,
    StepView,
)


class DescribedHsm(NamedTuple):
    """An HSM, and the ETag of what it was described from: its claim, which every change goes through."""

    view: HsmView
    etag: str


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
        operation = archive.find_operation(operation_id)
    if operation is None or not call.sees(operation.team):
        raise service_error("operation_not_found", "There is no such operation.", advice="Check the operation's id.")
    return operation


def describe_claimed_operation(claim: Claim, client: df.SyncDurableFunctionsClient) -> OperationView:
    """Describe the operation of a claim."""
    return view_operation(find_operation_of(claim, client))


def describe_hsm(call: Call, name: str) -> DescribedHsm:
    """Describe an HSM of ours as Azure sees it now; raises ServiceError `hsm_not_found`, also where it is not shown."""
    held = archive.find_claim(name)
    if held is None or not call.sees(held.claim.team):
        raise hsm_not_found()
    record = archive.find_hsm_record(name)
    operation = find_operation_of(held.claim, call.client)
    if record is None and held.claim.kind == "adopt":
        # Whosever it is, it is not ours yet.
        raise hsm_not_found()
    if record is None or record.team != held.claim.team:
        return DescribedHsm(_view(held.claim, None, None, "NotCreated", operation), held.etag)
    _, _, subscription_id, _, resource_group, *_ = record.resource_id.split("/")
    hsm = resource_manager.find_hsm(subscription_id, resource_group, name)
    if hsm is None or not is_ours(hsm, record, record.team):
        return DescribedHsm(_view(held.claim, record, None, "NotFound", operation), held.etag)
    return DescribedHsm(view_hsm(hsm, record, held.claim, operation), held.etag)


def view_hsm(hsm: Hsm, record: HsmRecord | None, claim: Claim, operation: Operation) -> HsmView:
    """Show an HSM that exists."""
    return _view(claim, record, hsm, hsm.state, operation)


def _view(claim: Claim, record: HsmRecord | None, hsm: Hsm | None, state: str, operation: Operation) -> HsmView:
    request = record.request if record else claim.request
    verification = _find_verification(record if hsm else None)
    asked_id = resource_id(request.subscription_id, request.resource_group, claim.hsm)
    return HsmView(
        name=claim.hsm,
        team=claim.team,
        environment=request.environment,
        location=hsm.location if hsm else request.location,
        sku=hsm.sku if hsm else request.sku,
        state=state,
        uri=hsm.uri if hsm else None,
        resource_id=record.resource_id if record else asked_id,
        created_at=record.created_at if record else claim.claimed_at,
        expires_at=request.expires_at,
        monthly_cost_usd=monthly_cost(deployment_policy(), request.sku),
        quorum_health=verification.quorum_health if verification else "Unknown",
        verified_at=verification.verified_at if verification else None,
        last_operation=LastOperation(id=operation.id, kind=operation.kind, status=operation.status),
        requester=record.requester if record else claim.requester,
        administrators=hsm.administrators if hsm else request.administrators,
        purge_protection=hsm.purge_protection if hsm else request.purge_protection,
        soft_delete_retention_days=hsm.soft_delete_retention_days if hsm else request.soft_delete_retention_days,
        network=hsm.network if hsm else request.network,
        tags=hsm.tags if hsm else request.tags,
        security_domain=record.security_domain if record and hsm else None,
    )


def _find_verification(record: HsmRecord | None) -> Verification | None:
    """Find the last verification of what is stored now; one of a security domain before it says nothing."""
    receipt = record.security_domain if record else None
    verification = archive.find_verification(record.hsm) if record and receipt else None
    return verification if verification and receipt and verification.sha256 == receipt.sha256 else None


def view_operation(operation: Operation) -> OperationView:
    """Show an operation."""
    pinned = archive.find_pinned_plan(operation.hsm, operation.id)
    return OperationView(
        **{name: getattr(operation, name) for name in _TAKEN_OVER},
        percent_complete=operation.percent_complete,
        steps=[StepView(**dict(step), title=STEP_TITLES[step.name]) for step in operation.steps],
        plan=_view_plan(pinned.plan) if pinned else None,
        approval=_view_approval(pinned) if pinned else None,
    )


_TAKEN_OVER = (
    *("id", "kind", "hsm", "team", "requester", "requested_by", "status", "created_at", "finished_at"),
    *("warnings", "downloads", "cancel", "error", "exists", "result"),
)


def _view_plan(plan: Plan) -> PlanView:
    return PlanView(
        resource_id=plan.resource_id,
        location=plan.request.location,
        sku=plan.request.sku,
        environment=plan.request.environment,
        monthly_cost_usd=plan.monthly_cost_usd,
        administrators=plan.request.administrators,
        quorum=plan.quorum,
        change=plan.change,
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


def hsm_not_found() -> Exception:
    """Make the error of an HSM that does not exist, or not for this caller."""
    return service_error("hsm_not_found", "This service has no HSM of that name.", advice="Check the name.")

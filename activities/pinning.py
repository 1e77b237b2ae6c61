"""The plan of an operation that pins no wrapping keys, and what the orchestrator is told of it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from activities.context import claim_of, now
from activities.handing_over import pinned_handover_of
from clients import archive
from clients.announcements import announce_approval
from clients.preflight import Candidate
from clients.wrapping_certificates import FoundKey
from domain.adoption import FoundHsm
from domain.asking import find_refusals, require_person
from domain.backups import BackupTarget, PinnedBackup
from domain.changes import InPlaceChange
from domain.decommissioning import PURGES_USED, PlannedDeletion, PlannedRecovery
from domain.errors import refused_fields, service_error
from domain.fields import OperationKind, Origin
from domain.handover.request import Handover
from domain.handover.rules import find_pinned_violations
from domain.handover.steps import CONNECTING, steps_of
from domain.outcomes import Outcome, Work, done
from domain.policy import EnvironmentRules
from domain.policy_rules import Grant, find_approval_reasons, find_grant, grant_of_service, monthly_cost
from domain.records import Claim, Notice, PinnedKey, PinnedSource, Plan, Replaced
from domain.requests import HsmRequest, HsmSpecification
from domain.settings import deployment_policy, settings
from domain.wrapping_keys import WrappingCertificate


def check_policy(claim: Claim, request: HsmSpecification) -> None:
    """Hold what an HSM is to be against the policy again: it may have changed, and a claim may have been forged.

    Raises ServiceError that names what is refused; `requested_by_missing` where the policy wants approval by now.
    """
    _require_allowed(claim, request)
    if claim.origin != "request":
        # Nobody asked, so whoever approves it approves nothing of their own.
        return
    extends = claim.change is not None and claim.change.extends
    require_person(deployment_policy(), claim.requester, request, claim.kind, extends=extends)


def check_again(work: Work, plan: Plan) -> None:
    """Hold a plan against the policy right before it is carried out: it may have waited for its approval for weeks.

    Raises ServiceError that names what is refused, and as `claim_of` and `check_approval` do.
    """
    claim = claim_of(work, plan.kind, cancelable=True)
    _require_allowed(claim, plan.request, plan.thumbprints or None, pinned=True)
    check_pinned_handover(plan)
    check_approval(plan)


def check_pinned_handover(plan: Plan) -> None:
    """Hold what a plan hands over against the policy again; raises ServiceError that names what is refused."""
    policy = deployment_policy()
    rules = policy.environments.get(plan.request.environment, EnvironmentRules())
    errors = find_pinned_violations(policy, rules, pinned_handover_of(plan))
    if errors:
        raise refused_fields(errors)


def check_approval(plan: Plan, *, reason: str | None = None) -> None:
    """Raise ServiceError `approval_needed` where the policy wants approval by now of what was planned without.

    `reason` is as in `find_approval_reasons`.
    """
    if plan.approval_reasons:
        return
    reason = reason or _find_purge_reason(plan.deletion)
    reasons = _find_reasons(plan.request, plan.kind, plan.origin, plan.change, reason)
    if reasons:
        raise service_error(
            "approval_needed",
            f"By now this needs approval, and it was planned without. {reasons[0]}",
            advice="Send the request again, with requestedBy: its plan then waits for approval.",
        )


def _require_allowed(
    claim: Claim, request: HsmSpecification, thumbprints: list[str] | None = None, *, pinned: bool = False
) -> None:
    policy = deployment_policy()
    errors = find_refusals(
        policy,
        _grant_of(claim),
        claim.hsm,
        claim.team,
        request,
        now(),
        by_operator=claim.by_operator,
        kind=claim.kind,
        thumbprints=thumbprints,
    )
    # What is handed over was pinned with what the policy itself asked for then, and is judged by itself.
    errors = [error for error in errors if not (pinned and error.field.partition(".")[0] == "handover")]
    if errors:
        raise refused_fields(errors)


def pin(
    claim: Claim,
    resource_id: str,
    request: HsmRequest | HsmSpecification,
    *,
    change: InPlaceChange | None = None,
    found: FoundHsm | None = None,
    replaces: Replaced | None = None,
    source: PinnedSource | None = None,
    deletion: PlannedDeletion | None = None,
    confirmed_uploads: Sequence[int] = (),
    backup: PinnedBackup | None = None,
    backup_target: BackupTarget | None = None,
    handover: Handover | None = None,
    confirmed_administrators: Sequence[str] = (),
    recovery: PlannedRecovery | None = None,
    keys: list[PinnedKey] | None = None,
    reason: str | None = None,
    warnings: list[Notice],
) -> Plan:
    """Write the plan, once: what the HSM is to be, what is to change of it, and whether that needs approval.

    `change` is the claim's where it is left out. `reason` is as in `find_approval_reasons`.
    """
    policy, pinned_at = deployment_policy(), now()
    change = change or claim.change
    reason = reason or _find_purge_reason(deletion)
    reasons = _find_reasons(request, claim.kind, claim.origin, change, reason)
    return archive.create_plan(
        Plan(
            hsm=claim.hsm,
            operation_id=claim.operation_id,
            kind=claim.kind,
            origin=claim.origin,
            team=claim.team,
            requester=claim.requester,
            requested_by=claim.requested_by,
            resource_id=resource_id,
            request=request,
            change=change,
            found=found,
            replaces=replaces,
            source=source,
            deletion=deletion,
            confirmed_uploads=list(confirmed_uploads),
            backup=backup,
            backup_target=backup_target,
            handover=handover,
            confirmed_administrators=list(confirmed_administrators),
            recovery=recovery,
            monthly_cost_usd=monthly_cost(policy, request.sku, request.additional_regions),
            approval_reasons=reasons,
            approval_expires_at=pinned_at + timedelta(hours=policy.approval.expires_after_hours) if reasons else None,
            wrapping_keys=keys or [],
            warnings=warnings,
            pinned_at=pinned_at,
        )
    )


def _find_reasons(
    request: HsmSpecification, kind: OperationKind, origin: Origin, change: InPlaceChange | None, reason: str | None
) -> list[str]:
    return find_approval_reasons(
        deployment_policy(),
        request.environment,
        request.sku,
        kind,
        origin=origin,
        reason=reason,
        additional_regions=request.additional_regions,
        extends=change is not None and change.extends,
    )


def _find_purge_reason(deletion: PlannedDeletion | None) -> str | None:
    return PURGES_USED if deletion is not None and deletion.purges and deletion.was_active else None


def _grant_of(claim: Claim) -> Grant:
    policy = deployment_policy()
    if claim.origin == "request":
        return find_grant(policy, claim.grant_ids)
    return grant_of_service(claim.team, policy.requests_per_minute)


def candidate_of(claim: Claim) -> Candidate:
    """Make of a claim what is checked: the policy may have changed, and a claim may have been forged."""
    return Candidate(
        hsm=claim.hsm,
        team=claim.team,
        requester=claim.requester,
        grant=_grant_of(claim),
        by_operator=claim.by_operator,
        kind=claim.kind,
        origin=claim.origin,
        request=claim.request,
        now=now(),
    )


def pin_keys(request: HsmRequest, found: list[FoundKey]) -> list[PinnedKey]:
    """Pin the wrapping keys of a request as they were found: the exact certificates."""
    return [
        PinnedKey(
            custodian=asked.custodian,
            certificate_id=key.certificate_id,
            thumbprint=certificate.thumbprint,
            modulus_sha256=certificate.modulus_sha256,
            pem=certificate.pem,
        )
        for asked, key in zip(request.security_domain.wrapping_keys, found, strict=True)
        if isinstance(certificate := key.certificate, WrappingCertificate)
    ]


def tell(plan: Plan) -> Outcome:
    """Tell the orchestrator what it needs of a plan, and the deployment's topic that it waits for approval."""
    announce_approval(plan)
    warnings = [warning.model_dump(mode="json", by_alias=True) for warning in plan.warnings]
    approval: dict[str, Any] = {"approval": {"reasons": plan.approval_reasons}} if plan.approval_reasons else {}
    backup: dict[str, Any] = {"restoresBackup": True} if plan.backup else {}
    wanted = [*plan.wants, *(steps_of(plan.handover, plan.request) if plan.handover else [])]
    record = archive.find_hsm_record(plan.hsm) if plan.kind == "provision" else None
    if record is not None and record.makes_keys and "leave_keys" not in wanted:
        # An operation that ended too early took the role that makes keys, and has it still.
        wanted.append("leave_keys")
    wants: dict[str, Any] = {"wants": wanted} if wanted else {}
    # A restore that an earlier version began is told to reach its HSM by `wants`, too, and replays without the step.
    connecting = [step for step in wanted if step in CONNECTING] if plan.kind == "restore" else []
    connects: dict[str, Any] = {"connects": connecting} if connecting else {}
    deadline = settings().deadline_minutes * 60
    return done(warnings=warnings, deadlineSeconds=deadline, **approval, **backup, **wants, **connects)

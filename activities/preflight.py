"""Check everything that can be checked before money is spent, and pin what was checked."""

from datetime import timedelta
from typing import Any

from activities.context import claim_of, now
from clients import archive
from clients.preflight import CHECKS, Candidate
from domain.custody import find_custody_warnings
from domain.names import resource_id
from domain.outcomes import Outcome, Work, done
from domain.policy_rules import find_grant, monthly_cost
from domain.records import Claim, PinnedKey, Plan
from domain.requests import check_request
from domain.settings import deployment_policy, settings
from domain.wrapping_keys import WrappingCertificate


def preflight(work: Work) -> Outcome:
    """Check the request against Azure, pin the wrapping certificates and write the plan, which is written once."""
    claim = claim_of(work, cancelable=True)
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id)
    if plan is None:
        candidate = _candidate(claim)
        check_request(candidate.whole_request, candidate.now)
        for check in CHECKS:
            check.run(candidate)
        plan = archive.create_plan(_pin(claim, candidate))
    warnings = [warning.model_dump(mode="json", by_alias=True) for warning in plan.warnings]
    approval: dict[str, Any] = {"approval": {"reasons": plan.approval_reasons}} if plan.approval_reasons else {}
    return done(warnings=warnings, deadlineSeconds=settings().deadline_minutes * 60, **approval)


def _candidate(claim: Claim) -> Candidate:
    """Make of a claim what is checked: the policy may have changed, and a claim may have been forged."""
    return Candidate(
        hsm=claim.hsm,
        team=claim.team,
        requester=claim.requester,
        grant=find_grant(deployment_policy(), claim.grant_ids),
        by_operator=claim.by_operator,
        kind=claim.kind,
        request=claim.whole_request,
        now=now(),
    )


def _pin(claim: Claim, candidate: Candidate) -> Plan:
    request = claim.whole_request
    keys = [
        PinnedKey(
            custodian=asked.custodian,
            certificate_id=key.certificate_id,
            thumbprint=certificate.thumbprint,
            modulus_sha256=certificate.modulus_sha256,
            pem=certificate.pem,
        )
        for asked, key in zip(request.security_domain.wrapping_keys, candidate.require_keys(), strict=True)
        if isinstance(certificate := key.certificate, WrappingCertificate)
    ]
    reasons = candidate.approval_reasons
    pinned_at = now()
    expires_at = pinned_at + timedelta(hours=deployment_policy().approval.expires_after_hours)
    return Plan(
        hsm=claim.hsm,
        operation_id=claim.operation_id,
        kind=claim.kind,
        team=claim.team,
        requester=claim.requester,
        requested_by=claim.requested_by,
        resource_id=resource_id(request.subscription_id, request.resource_group, claim.hsm),
        request=request,
        monthly_cost_usd=monthly_cost(deployment_policy(), request.sku),
        approval_reasons=reasons,
        approval_expires_at=expires_at if reasons else None,
        wrapping_keys=keys,
        warnings=find_custody_warnings(request) + candidate.administration_warnings,
        pinned_at=pinned_at,
    )

"""Check everything that can be checked before money is spent, and pin what was checked."""

from datetime import timedelta
from typing import Any

from activities.context import claim_of, now, read_wrapping_certificate
from clients import archive, resource_manager
from clients.credential import own_identity
from clients.ownership import hsm_exists, is_ours, require_free_name, require_usable_subscription
from domain.asking import require_allowed
from domain.errors import FieldError, refused_fields, service_error
from domain.hsm import Hsm, find_differences
from domain.names import parse_certificate_id, resource_id
from domain.outcomes import Outcome, Work, done
from domain.policy_rules import find_approval_reasons, find_grant, monthly_cost
from domain.records import Claim, Notice, PinnedKey, Plan
from domain.requests import HsmRequest, HsmSpecification, WrappingKeyRequest, check_request
from domain.settings import deployment_policy, settings
from domain.wrapping_keys import (
    WrappingCertificate,
    WrappingKeyFault,
    check_wrapping_keys,
    read_der,
    read_pem,
)


def preflight(work: Work) -> Outcome:
    """Check the request against Azure, pin the wrapping certificates and write the plan, which is written once."""
    claim = claim_of(work, cancelable=True)
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id)
    if plan is None:
        check_request(claim.whole_request, now())
        _check_policy(claim)
        _check_subscription(claim.request)
        _check_hsm(claim)
        plan = archive.create_plan(_pin(claim))
    warnings = [warning.model_dump(mode="json", by_alias=True) for warning in plan.warnings]
    approval: dict[str, Any] = {"approval": {"reasons": plan.approval_reasons}} if plan.approval_reasons else {}
    return done(warnings=warnings, deadlineSeconds=settings().deadline_minutes * 60, **approval)


def _check_policy(claim: Claim, thumbprints: list[str] | None = None) -> None:
    """Hold the claim against the policy again: it may have changed, and a claim may have been forged."""
    policy = deployment_policy()
    require_allowed(
        policy,
        find_grant(policy, claim.grant_ids),
        claim.hsm,
        claim.team,
        claim.request,
        now(),
        by_operator=claim.by_operator,
        thumbprints=thumbprints,
    )


def _check_subscription(request: HsmSpecification) -> None:
    subscription = request.subscription_id
    require_usable_subscription(subscription, request.location)
    missing = resource_manager.find_missing_actions(subscription)
    if missing:
        raise service_error(
            "permission_missing",
            f"The function's identity may not: {', '.join(missing)}.",
            advice="Give it the roles that docs/operators.md names on this subscription, then send the request again.",
        )


def _check_hsm(claim: Claim) -> None:
    request = claim.request
    hsm = resource_manager.find_hsm(request.subscription_id, request.resource_group, claim.hsm)
    if hsm is not None:
        _check_existing(claim, hsm)
        return
    require_free_name(request.subscription_id, claim.hsm)
    used = resource_manager.count_hsms(request.subscription_id, request.location)
    if used >= settings().hsm_quota:
        raise service_error(
            "quota_exceeded",
            f"The subscription has {used} HSMs in {request.location}, deleted ones included; Azure allows "
            f"{settings().hsm_quota}.",
            advice="Purge deleted HSMs that nobody needs, or use another region or subscription.",
        )


def _check_existing(claim: Claim, hsm: Hsm) -> None:
    if not is_ours(hsm, archive.find_hsm_record(claim.hsm), claim.team):
        raise hsm_exists()
    differences = find_differences(hsm, claim.request, own_identity().object_id)
    if differences:
        raise refused_fields(differences)


def _pin(claim: Claim) -> Plan:
    request = claim.whole_request
    pinned: list[tuple[str | None, WrappingCertificate | WrappingKeyFault]] = [
        _find_certificate(index, key) for index, key in enumerate(request.security_domain.wrapping_keys)
    ]
    errors = check_wrapping_keys([certificate for _, certificate in pinned], now())
    if errors:
        raise refused_fields(errors)
    _check_policy(
        claim, [certificate.thumbprint for _, certificate in pinned if isinstance(certificate, WrappingCertificate)]
    )
    keys = [
        PinnedKey(
            custodian=asked.custodian,
            certificate_id=certificate_id,
            thumbprint=certificate.thumbprint,
            modulus_sha256=certificate.modulus_sha256,
            pem=certificate.pem,
        )
        for asked, (certificate_id, certificate) in zip(request.security_domain.wrapping_keys, pinned, strict=True)
        if isinstance(certificate, WrappingCertificate)
    ]
    reasons = find_approval_reasons(deployment_policy(), request.environment, request.sku, claim.kind)
    _require_person(claim, reasons)
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
        warnings=_find_warnings(request, keys),
        pinned_at=pinned_at,
    )


def _require_person(claim: Claim, reasons: list[str]) -> None:
    """Require to know who asks where approval is needed, which it may be only since the request was accepted."""
    if reasons and claim.requester.kind == "application" and claim.requested_by is None:
        message = "This needs approval, so name the person who asks, by object id: they cannot approve it themselves."
        raise refused_fields([FieldError(field="requestedBy", message=message, code="requested_by_missing")])


def _find_certificate(index: int, key: WrappingKeyRequest) -> tuple[str | None, WrappingCertificate | WrappingKeyFault]:
    if key.certificate_id is None:
        return None, read_pem(key.pem or "")
    found = read_wrapping_certificate(index, key.certificate_id)
    if found is None:
        return key.certificate_id, WrappingKeyFault("wrapping_key_not_found", "Key Vault has no such certificate.")
    if not found.enabled:
        return found.id, WrappingKeyFault("wrapping_key_disabled", "The certificate is disabled in its Key Vault.")
    return found.id, read_der(found.der)


def _find_warnings(request: HsmRequest, keys: list[PinnedKey]) -> list[Notice]:
    warnings = []
    vaults = {parse_certificate_id(key.certificate_id).vault if key.certificate_id else None for key in keys}
    if len(vaults) == 1 and None not in vaults:
        message = (
            "All private wrapping keys lie in one Key Vault: whoever controls it holds a quorum, and whoever "
            "deletes it loses the security domain."
        )
        warnings.append(Notice(code="wrapping_keys_in_one_vault", message=message))
    if request.security_domain.quorum == len(keys):
        message = "The quorum is all wrapping keys: losing one of them loses the security domain."
        warnings.append(Notice(code="quorum_is_all_keys", message=message))
    return warnings

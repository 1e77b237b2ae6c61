"""A request held against the deployment's policy."""

from collections.abc import Sequence
from datetime import datetime

from domain.caller import Principal
from domain.errors import FieldError, refused_fields
from domain.fields import OperationKind
from domain.names import parse_certificate_id
from domain.policy import Policy
from domain.policy_rules import Asked, AskedKey, Grant, find_approval_reasons, find_violations
from domain.requests import HsmRequest, HsmSpecification, WrappingKeyRequest
from domain.wrapping_keys import WrappingCertificate, read_pem


def require_allowed(
    policy: Policy,
    grant: Grant,
    name: str,
    team: str,
    request: HsmSpecification,
    now: datetime,
    *,
    by_operator: bool,
    kind: OperationKind = "provision",
) -> None:
    """Raise ServiceError that names each field which the policy or the caller's grant refuses."""
    errors = find_refusals(policy, grant, name, team, request, now, by_operator=by_operator, kind=kind)
    if errors:
        raise refused_fields(errors)


def find_refusals(
    policy: Policy,
    grant: Grant,
    name: str,
    team: str,
    request: HsmSpecification,
    now: datetime,
    *,
    by_operator: bool,
    kind: OperationKind = "provision",
    thumbprints: Sequence[str | None] | None = None,
) -> list[FieldError]:
    """Name each field which the policy or the caller's grant refuses.

    `thumbprints` are those of the wrapping keys that were read, in their order; without them a key in Key Vault is
    judged as far as it is known. Operators act for every team. Of an HSM that is there (`kind` update or adopt) only
    that is judged which the operation decides.
    """
    if by_operator:
        grant = grant.model_copy(update={"teams": grant.teams | {team}})
    return find_violations(policy, grant, _describe(name, team, request, now, thumbprints), kind)


def require_person(
    policy: Policy,
    requester: Principal,
    request: HsmSpecification,
    kind: OperationKind,
    *,
    reason: str | None = None,
    extends: bool = False,
) -> None:
    """Require to know the person who asks, where approval is needed: nobody may approve what they asked for.

    `reason` and `extends` are as in `find_approval_reasons`. Raises ServiceError `requested_by_not_you` or
    `requested_by_missing`.
    """
    if requester.kind == "person":
        if request.requested_by not in (None, requester.object_id):
            message = "A person asks for themselves: leave requestedBy out."
            raise refused_fields([FieldError(field="requestedBy", message=message, code="requested_by_not_you")])
        return
    reasons = find_approval_reasons(
        policy,
        request.environment,
        request.sku,
        kind,
        reason=reason,
        additional_regions=request.additional_regions,
        extends=extends,
    )
    if request.requested_by is None and reasons:
        message = "This needs approval, so name the person who asks, by object id: they cannot approve it themselves."
        raise refused_fields([FieldError(field="requestedBy", message=message, code="requested_by_missing")])


def _describe(
    name: str, team: str, request: HsmSpecification, now: datetime, thumbprints: Sequence[str | None] | None
) -> Asked:
    keys = request.security_domain.wrapping_keys if isinstance(request, HsmRequest) else []
    return Asked(
        name=name,
        team=team,
        environment=request.environment,
        subscription_id=request.subscription_id,
        location=request.location,
        sku=request.sku,
        soft_delete_retention_days=request.soft_delete_retention_days,
        purge_protection=request.purge_protection,
        network_denies_by_default=request.network.default_action == "Deny",
        network_ranges=request.network.ip_rules,
        network_service_tags=request.network.service_tags,
        additional_regions=request.additional_regions,
        identities=request.identities,
        administrators=request.administrators,
        tags=request.tags,
        expires_at=request.expires_at,
        wrapping_keys=[
            AskedKey(_vault(key), thumbprints[index] if thumbprints else _thumbprint(key))
            for index, key in enumerate(keys)
        ],
        now=now,
        handover=request.handover,
    )


def _vault(key: WrappingKeyRequest) -> str | None:
    return parse_certificate_id(key.certificate_id).vault if key.certificate_id else None


def _thumbprint(key: WrappingKeyRequest) -> str | None:
    certificate = read_pem(key.pem) if key.pem else None
    return certificate.thumbprint if isinstance(certificate, WrappingCertificate) else None

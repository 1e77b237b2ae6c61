"""A request held against the deployment's policy."""

from collections.abc import Sequence
from datetime import datetime

from domain.errors import refused_fields
from domain.fields import OperationKind
from domain.names import parse_certificate_id
from domain.policy import Policy
from domain.policy_rules import Asked, AskedKey, Grant, find_violations
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
    thumbprints: Sequence[str] | None = None,
) -> None:
    """Raise ServiceError that names each field which the policy or the caller's grant refuses.

    `thumbprints` are those of the pinned wrapping keys, in their order; without them a key in Key Vault is judged as
    far as it is known. Operators act for every team. Of an HSM that is there (`kind` update or adopt) only that is
    judged which the operation decides.
    """
    if by_operator:
        grant = grant.model_copy(update={"teams": grant.teams | {team}})
    errors = find_violations(policy, grant, _describe(name, team, request, now, thumbprints), kind)
    if errors:
        raise refused_fields(errors)


def _describe(
    name: str, team: str, request: HsmSpecification, now: datetime, thumbprints: Sequence[str] | None
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
        administrators=request.administrators,
        tags=request.tags,
        expires_at=request.expires_at,
        wrapping_keys=[
            AskedKey(_vault(key), thumbprints[index] if thumbprints else _thumbprint(key))
            for index, key in enumerate(keys)
        ],
        now=now,
    )


def _vault(key: WrappingKeyRequest) -> str | None:
    return parse_certificate_id(key.certificate_id).vault if key.certificate_id else None


def _thumbprint(key: WrappingKeyRequest) -> str | None:
    certificate = read_pem(key.pem) if key.pem else None
    return certificate.thumbprint if isinstance(certificate, WrappingCertificate) else None

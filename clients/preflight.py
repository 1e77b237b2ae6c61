"""What is checked before money is spent: by the API's dry run, and by the first step of every operation."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple

from clients import archive, resource_manager
from clients.credential import own_identity
from clients.exports import find_export_reason
from clients.hsm_limit import require_place
from clients.ownership import (
    hsm_exists,
    is_ours,
    require_free_name,
    require_not_stopped,
    require_our_subscription,
    require_region,
    require_registered,
)
from clients.resource_manager import Provider
from clients.restores import require_restore_blobs
from clients.wrapping_certificates import FoundKey, find_wrapping_key
from domain.administration import find_administration_warnings
from domain.asking import find_refusals, require_person
from domain.caller import Principal
from domain.errors import FieldError, ServiceError, refused_fields, service_error
from domain.fields import OperationKind, Origin
from domain.hsm import Hsm, find_differences, find_environment_difference
from domain.names import resource_id
from domain.policy_rules import Grant, find_approval_reasons
from domain.records import Claim, HsmRecord, Notice, whole
from domain.requests import HsmRequest, HsmSpecification
from domain.settings import deployment_policy, settings
from domain.wrapping_keys import WrappingCertificate, WrappingKeyFault, check_wrapping_keys, wrapping_key_field


@dataclass(frozen=True)
class Candidate:
    """An HSM that is asked for, by whom and for which team.

    What is there of it is looked for when it is first needed, and once.
    """

    hsm: str
    team: str
    requester: Principal
    grant: Grant
    by_operator: bool
    kind: OperationKind
    request: HsmSpecification
    now: datetime
    origin: Origin = "request"

    @property
    def whole_request(self) -> HsmRequest:
        """The request of a provision; raises TypeError where no security domain is asked for."""
        return whole(self.request)

    @cached_property
    def record(self) -> HsmRecord | None:
        """Our record of the name, whosesoever."""
        return archive.find_hsm_record(self.hsm)

    @cached_property
    def claim(self) -> Claim | None:
        """The last claim on the name."""
        held = archive.find_claim(self.hsm)
        return held.claim if held else None

    @cached_property
    def provider(self) -> Provider:
        """The provider Microsoft.KeyVault in the subscription."""
        return resource_manager.find_provider(self.request.subscription_id)

    @cached_property
    def existing(self) -> Hsm | None:
        """The HSM of that name, where the team has it by our record, else where it is asked for."""
        place = self.request.subscription_id, self.request.resource_group
        if self.record is not None and self.record.team == self.team:
            _, _, subscription_id, _, resource_group, *_ = self.record.resource_id.split("/")
            place = subscription_id, resource_group
        return resource_manager.find_hsm(*place, self.hsm)

    def find_approval_reasons(self, reason: str | None) -> list[str]:
        """Say why the operation needs approval; `reason` is the one below, where the HSM can be looked for."""
        request = self.request
        return find_approval_reasons(
            deployment_policy(), request.environment, request.sku, self.kind, origin=self.origin, reason=reason
        )

    @cached_property
    def export_reason(self) -> str | None:
        """Why the export of the team's HSM that is there needs approval; None where it needs none."""
        record = self.record
        if self.kind != "provision" or record is None or record.team != self.team or self.existing is None:
            return None
        return find_export_reason(record, self.request)

    @property
    def administration_warnings(self) -> list[Notice]:
        """Why the service may not be allowed to activate the HSM that is there."""
        return find_administration_warnings(self.existing, own_identity().object_id)

    @cached_property
    def refusals(self) -> list[FieldError]:
        """What the policy refuses, of wrapping keys in Key Vault as far as they are known before they are read."""
        return self._find_refusals(None)

    @cached_property
    def keys(self) -> list[FoundKey | ServiceError]:
        """Each wrapping key as it was found, or why its vault did not answer."""
        return [self._find_key(index) for index in range(len(self.whole_request.security_domain.wrapping_keys))]

    @cached_property
    def key_errors(self) -> list[FieldError]:
        """What is wrong with the wrapping keys that were found, and what of them the policy refuses."""
        found = [None if isinstance(key, ServiceError) else key.certificate for key in self.keys]
        errors = check_wrapping_keys(found, self.now)
        thumbprints = [key.thumbprint if isinstance(key, WrappingCertificate) else None for key in found]
        named = {error.field for error in errors}
        return errors + [
            error for error in self._find_refusals(thumbprints) if _is_of_key(error) and error.field not in named
        ]

    def require_keys(self) -> list[FoundKey]:
        """Give all wrapping keys; raises ServiceError that names those which cannot be used."""
        silent = [key for key in self.keys if isinstance(key, ServiceError)]
        if silent:
            raise silent[0]
        if self.key_errors:
            raise refused_fields(self.key_errors)
        return [key for key in self.keys if isinstance(key, FoundKey)]

    def _find_key(self, index: int) -> FoundKey | ServiceError:
        field = wrapping_key_field(index)
        refused = next((error for error in self.refusals if error.field == field), None)
        if refused is not None:
            # No vault gets a request that the policy does not allow.
            return FoundKey(None, WrappingKeyFault(refused.code, refused.message))
        try:
            return find_wrapping_key(index, self.whole_request.security_domain.wrapping_keys[index])
        except ServiceError as error:
            return error

    def _find_refusals(self, thumbprints: list[str | None] | None) -> list[FieldError]:
        return find_refusals(
            deployment_policy(),
            self.grant,
            self.hsm,
            self.team,
            self.request,
            self.now,
            by_operator=self.by_operator,
            kind=self.kind,
            thumbprints=thumbprints,
        )


class Check(NamedTuple):
    """One thing that must hold; `run` raises ServiceError where it does not.

    `needs` names the check without which it cannot be asked, `needs_allowed` the member of the request that the policy
    must not refuse: Azure is not asked about what nobody may ask for.
    """

    name: str
    title: str
    run: Callable[[Candidate], None]
    needs: str | None = None
    needs_allowed: str | None = None

    def find_missing(self, candidate: Candidate, passed: Collection[str]) -> str | None:
        """Name the check without which this cannot be asked and that did not pass; None if it can be asked."""
        if self.needs is not None and self.needs not in passed:
            return self.needs
        refused = {error.field for error in candidate.refusals}
        return "policy" if self.needs_allowed in refused else None


def _check_policy(candidate: Candidate) -> None:
    errors = [error for error in candidate.refusals if not _is_of_key(error)]
    if errors:
        raise refused_fields(errors)
    _require_asker(candidate)


def _require_asker(candidate: Candidate, reason: str | None = None) -> None:
    # Where nobody asked, whoever approves it approves nothing of their own.
    if candidate.origin == "request":
        require_person(deployment_policy(), candidate.requester, candidate.request, candidate.kind, reason=reason)


def _check_subscription(candidate: Candidate) -> None:
    require_our_subscription(candidate.request.subscription_id)


def _check_provider(candidate: Candidate) -> None:
    require_registered(candidate.provider, candidate.request.subscription_id)


def _check_region(candidate: Candidate) -> None:
    require_region(candidate.provider, candidate.request.location)


def _check_permissions(candidate: Candidate) -> None:
    missing = resource_manager.find_missing_actions(candidate.request.subscription_id)
    if missing:
        raise service_error(
            "permission_missing",
            f"The service's identity may not: {', '.join(missing)}.",
            advice="Give it the roles that docs/operators.md names on this subscription, then send the request again.",
        )


def _check_operation(candidate: Candidate) -> None:
    claim = candidate.claim
    if claim is None or not claim.running or claim.team != candidate.team:
        return
    # Its claim ends a moment after its record is there.
    if claim.digest != candidate.request.digest() and archive.find_operation(claim.operation_id) is None:
        raise service_error(
            "operation_in_progress",
            "Another request for this HSM is being carried out.",
            advice="Wait until that operation has ended, then send the request again.",
            retryable=True,
        )


def _check_name(candidate: Candidate) -> None:
    claim, record, hsm = candidate.claim, candidate.record, candidate.existing
    others = (claim is not None and claim.running and claim.team != candidate.team) or (
        record is not None and record.team != candidate.team
    )
    if others or (hsm is not None and not is_ours(hsm, record, candidate.team)):
        raise hsm_exists()
    if hsm is None:
        require_free_name(candidate.request.subscription_id, candidate.hsm)


def _check_existing(candidate: Candidate) -> None:
    hsm, record, request = candidate.existing, candidate.record, candidate.request
    if hsm is None:
        return
    wanted = resource_id(request.subscription_id, request.resource_group, candidate.hsm)
    if hsm.resource_id.lower() != wanted.lower():
        message = "The HSM is in another subscription or resource group, and cannot be moved here."
        raise refused_fields([FieldError(field="resourceGroup", message=message, code="hsm_differs")])
    differences = find_differences(hsm, request, own_identity().object_id)
    if record is not None:
        differences += find_environment_difference(record.request, request)
    if differences:
        raise refused_fields(differences)
    _require_asker(candidate, candidate.export_reason)


def _check_switches(candidate: Candidate) -> None:
    require_not_stopped(candidate.existing, candidate.kind)


def _check_quota(candidate: Candidate) -> None:
    if candidate.existing is not None:
        return
    request, quota = candidate.request, settings().hsm_quota
    used = resource_manager.count_hsms(request.subscription_id, request.location)
    if used >= quota:
        raise service_error(
            "quota_exceeded",
            f"The subscription has {used} HSMs in {request.location}, deleted ones included; Azure allows {quota}.",
            advice="Purge deleted HSMs that nobody needs, or use another region or subscription.",
        )


def _check_limit(candidate: Candidate) -> None:
    require_place(candidate.hsm)


def _check_restore_blobs(candidate: Candidate) -> None:  # noqa: ARG001 - every check takes it
    require_restore_blobs()


CHECKS: Final = (
    Check("policy", "The deployment's policy allows it", _check_policy),
    Check(
        "subscription",
        "The subscription is one of the tenant's",
        _check_subscription,
        needs_allowed="subscriptionId",
    ),
    Check("provider", "The subscription is registered for Microsoft.KeyVault", _check_provider, "subscription"),
    Check("region", "Azure has Managed HSMs in the region", _check_region, "provider"),
    Check("permissions", "The service may make an HSM there", _check_permissions, "subscription"),
    Check("operation", "No other operation changes the HSM", _check_operation),
    Check("name", "The name is free, or the team's", _check_name, "provider"),
    Check("existing", "What exists is as asked, as far as it cannot be changed", _check_existing, "name"),
    Check("switches", "The operators have not stopped it", _check_switches, "name"),
    Check("quota", "Azure's quota has room", _check_quota, "name"),
    Check("limit", "The policy's number of HSMs has room", _check_limit),
)
"""All but the wrapping keys, in the order in which an operation goes through them.

Azure's SDK registers a provider by itself when ARM says that it is missing: `provider` goes before all that asks
Microsoft.KeyVault.
"""

REWRAP_CHECKS: Final = tuple(check for check in CHECKS if check.name in ("policy", "subscription"))
"""What is checked besides the wrapping keys where only these are new."""
RESTORE_CHECKS: Final = (
    *(check for check in CHECKS if check.name != "operation"),
    Check("restore_blobs", "Restore blobs can be read and deleted", _check_restore_blobs),
)
"""What is asked of a restore: of them all but one, for its claim is of a request that names more than the HSM."""


def key_checks(candidate: Candidate) -> list[Check]:
    """Give a check for each wrapping key."""
    return [_key_check(index) for index in range(len(candidate.whole_request.security_domain.wrapping_keys))]


def _key_check(index: int) -> Check:
    def run(candidate: Candidate) -> None:
        found = candidate.keys[index]
        if isinstance(found, ServiceError):
            raise found
        errors = [error for error in candidate.key_errors if error.field == wrapping_key_field(index)]
        if errors:
            raise refused_fields(errors)

    return Check(f"wrapping_key_{index + 1}", f"Wrapping key {index + 1} can be used", run)


def _is_of_key(error: FieldError) -> bool:
    return error.field.startswith("securityDomain.wrappingKeys[")

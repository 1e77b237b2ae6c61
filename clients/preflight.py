"""What is checked before money is spent: by the API's dry run, and by the first step of every operation."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple

from clients import archive, resource_manager
from clients.administration import find_administrators, require_administration
from clients.backup_places import find_backup_target
from clients.credential import own_identity
from clients.directory import Actors, find_actors, find_principals
from clients.exports import find_export_reason, is_stored_as_requested
from clients.handovers import wanted_handover_of
from clients.hsm_limit import require_place
from clients.identities import require_identities
from clients.monitoring_checks import require_monitoring
from clients.network_checks import require_network
from clients.ownership import (
    hsm_exists,
    is_ours,
    require_additional_regions,
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
from domain.backups import BackupTarget
from domain.caller import Principal
from domain.errors import FieldError, ServiceError, refused_fields, service_error
from domain.export_approval import find_differing_parts
from domain.fields import OperationKind, Origin
from domain.handover.full_backups import BACKUP_CONTAINER
from domain.handover.giving_up import UNCONFIRMED, kept_roles
from domain.handover.opening import TemporaryOpening, describe_opening, describe_openings_of_restore
from domain.handover.principals import find_principal_warnings
from domain.handover.request import Handover, gives_up
from domain.handover.role_rules import wanted_assignments
from domain.handover.steps import needs_administration
from domain.hsm import Hsm, find_differences, find_environment_difference
from domain.names import resource_id
from domain.policy_rules import Grant, find_approval_reasons
from domain.records import Claim, HsmRecord, Notice, PinnedKey, whole
from domain.requests import HsmRequest, HsmSpecification
from domain.settings import deployment_policy, settings
from domain.wrapping_keys import WrappingCertificate, WrappingKeyFault, check_wrapping_keys, wrapping_key_field

ADMINISTRATION: Final = "administration"
"""The check after which it is known whether the service administers the HSM, where it must."""
_ONLY_US: Final = "The HSM is left to its administrators, and the service itself is none to whom it can be left."
_NOBODY: Final = "The tenant has no person, group or application with this object id."
_NO_ACCOUNT: Final = (
    "The HSM would be left to nobody: this account is disabled, or the group has no enabled one but the service's."
)
_OPENINGS: Final[dict[OperationKind, Callable[[TemporaryOpening], str]]] = {
    "provision": describe_opening,
    "restore": describe_openings_of_restore,
}


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
            deployment_policy(),
            request.environment,
            request.sku,
            self.kind,
            origin=self.origin,
            reason=reason,
            additional_regions=request.additional_regions,
        )

    @cached_property
    def export_reason(self) -> str | None:
        """Why the export of the team's HSM that is there needs approval; None where it needs none."""
        record = self.record
        if self.kind != "provision" or record is None or record.team != self.team or self.existing is None:
            return None
        return find_export_reason(record, self.request)

    @cached_property
    def handover(self) -> Handover:
        """What the HSM is to have around it, by the request and by the policy."""
        return wanted_handover_of(self.request)

    @cached_property
    def backup_target(self) -> BackupTarget | None:
        """Where the HSM is backed up to, and how it gets there; None where it is not. Raises ServiceError."""
        backup = self.handover.full_backup if self.kind == "provision" else None
        return find_backup_target(backup.container, BACKUP_CONTAINER) if backup else None

    @cached_property
    def needs_administration(self) -> bool:
        """Whether the service must administer the HSM that is there."""
        record, hsm = self.record, self.existing
        if hsm is None or not hsm.active or record is None:
            return False
        kept = record.given_up.kept if record.given_up else ()
        changes = gives_up(self.handover) and set(kept) != kept_roles(self.handover.administration)
        exports = self.kind == "rewrap" or find_export_reason(record, self.request) is not None
        stored = is_stored_as_requested(record)
        return changes or exports or not stored or needs_administration(self.handover, kept)

    @cached_property
    def left_to(self) -> list[str]:
        """The others who administer the HSM when the service gives that up; none where it does not, or did before."""
        record, hsm = self.record, self.existing
        done = record is not None and record.given_up is not None and record.given_up.done_at is not None
        if not gives_up(self.handover) or (done and not self.needs_administration):
            return []
        named = self._find_administrators() if hsm is not None and hsm.active else None
        return sorted((set(self.request.administrators) if named is None else named) - {own_identity().object_id})

    def _find_administrators(self) -> frozenset[str] | None:
        """Name who administers the HSM that is there; None where it does not say."""
        try:
            return find_administrators(self.hsm)
        except ServiceError:
            if not self.connects:
                raise
            return None

    @property
    def connects(self) -> bool:
        """Whether the HSM may be out of reach until this very operation connects it, or opens it for a while."""
        return self.kind != "rewrap" and bool(self.handover.private_endpoints or self.handover.temporary_opening)

    @cached_property
    def found_administrators(self) -> Actors:
        """What the directory says of them."""
        return find_actors(self.left_to)

    @property
    def unconfirmed_administrators(self) -> list[str]:
        """Those of them of whom nobody knows whether they can act, where nobody else is known to."""
        found = self.found_administrators
        return [] if found.acting else sorted(found.unseen)

    @property
    def reason(self) -> str | None:
        """Why the operation needs approval by what is there, whatever the policy says; None where it needs none."""
        unconfirmed = self.unconfirmed_administrators
        confirm = UNCONFIRMED.format(administrators=", ".join(unconfirmed)) if unconfirmed else ""
        return " ".join(filter(None, (self.export_reason, confirm, self._opening_reason))) or None

    @property
    def _opening_reason(self) -> str | None:
        opening = self.handover.temporary_opening
        describe = _OPENINGS.get(self.kind)
        return describe(opening) if opening is not None and describe is not None else None

    @cached_property
    def kept_keys(self) -> list[PinnedKey]:
        """The pinned wrapping keys of the security domain that is stored as asked; none where another is exported.

        Azure is asked only where our record says that the HSM is the team's.
        """
        record = self.record
        receipt = record.security_domain if record is not None and record.team == self.team else None
        if record is None or receipt is None or find_differing_parts(record.request, self.whole_request):
            return []
        hsm = self.existing
        if hsm is None or not hsm.active or not is_stored_as_requested(record):
            return []
        plan = archive.find_plan(self.hsm, receipt.operation_id)
        return plan.wrapping_keys if plan is not None and plan.thumbprints == receipt.thumbprints else []

    @property
    def administration_warnings(self) -> list[Notice]:
        """Why the service may not be allowed to activate the HSM that is there."""
        return find_administration_warnings(self.existing, own_identity().object_id)

    @property
    def principals(self) -> set[str]:
        """Who is to get a local role."""
        return {item.principal_id for item in wanted_assignments(self.handover)}

    @cached_property
    def found_principals(self) -> set[str] | None:
        """Those of them who are in the directory; None where nobody knows."""
        return find_principals(self.principals) if self.principals else set()

    @property
    def principal_warnings(self) -> list[Notice]:
        """Who is to get a local role and is not in the directory."""
        return find_principal_warnings(self.principals, self.found_principals)

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
        refused = {error.field for error in candidate.refusals} | {
            error.field.partition(".")[0] for error in candidate.refusals
        }
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
    require_additional_regions(candidate.provider, candidate.request.additional_regions)


def _check_identities(candidate: Candidate) -> None:
    # Azure is not asked about what nobody may ask for.
    require_identities(candidate.request.identities, but={error.field for error in candidate.refusals})


def _check_permissions(candidate: Candidate) -> None:
    missing = resource_manager.find_missing_actions(f"/subscriptions/{candidate.request.subscription_id}")
    if missing:
        raise service_error(
            "permission_missing",
            f"The service's identity may not: {', '.join(missing)}.",
            advice="Give it the roles that docs/operators.md names on this subscription, then send the request again.",
        )


def _check_monitoring(candidate: Candidate) -> None:
    if candidate.kind == "provision":
        require_monitoring(candidate.request.subscription_id, candidate.handover)


def _check_network(candidate: Candidate) -> None:
    require_network(candidate.request.subscription_id, candidate.handover)


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


def _check_opening(candidate: Candidate) -> None:
    if candidate.handover.temporary_opening is not None:
        _require_asker(candidate, candidate.reason)


def _check_administrators(candidate: Candidate) -> None:
    if not gives_up(candidate.handover) or (candidate.existing is not None and candidate.existing.active):
        # Of one that is active its own list counts, and the last step looks there.
        _require_asker(candidate, candidate.reason)
        return
    if not candidate.left_to:
        raise refused_fields([FieldError(field="administrators", message=_ONLY_US, code="administrator_not_found")])
    found = candidate.found_administrators
    _refuse_administrators(candidate, found.existing | found.unseen, _NOBODY, "administrator_not_found")
    if candidate.unconfirmed_administrators:
        _require_asker(candidate, candidate.reason)
    elif not found.acting:
        _refuse_administrators(candidate, frozenset(), _NO_ACCOUNT, "administrator_without_account")


def _refuse_administrators(candidate: Candidate, good: frozenset[str], message: str, code: str) -> None:
    errors = [
        FieldError(field=f"administrators[{index}]", message=message, code=code)
        for index, administrator in enumerate(candidate.request.administrators)
        if administrator in candidate.left_to and administrator not in good
    ]
    if errors:
        raise refused_fields(errors)


def _check_administration(candidate: Candidate) -> None:
    if not candidate.needs_administration:
        return
    try:
        require_administration(candidate.hsm)
    except ServiceError as error:
        gave_up = candidate.record is not None and candidate.record.given_up is not None
        unreachable = gave_up or error.detail.code == "data_plane_unreachable"
        # Where it does not answer, the step that needs the role says so.
        if error.detail.code == "administrator_required" or (unreachable and not candidate.connects):
            raise


def _check_backup_place(candidate: Candidate) -> None:
    _ = candidate.backup_target


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
    Check("monitoring", "Logs, alerts and a lock can be set up", _check_monitoring, "permissions", "handover"),
    Check("network", "Private endpoints can be made", _check_network, "permissions", "handover"),
    Check("identities", "The identities that are attached exist", _check_identities),
    Check("operation", "No other operation changes the HSM", _check_operation),
    Check("name", "The name is free, or the team's", _check_name, "provider"),
    Check("existing", "What exists is as asked, as far as it cannot be changed", _check_existing, "name"),
    Check("opening", "Who asks to have the HSM opened is named", _check_opening, "name", "handover"),
    Check(ADMINISTRATION, "The service may do what it is asked for", _check_administration, "existing"),
    Check(
        "administrators",
        "Those whom the HSM is left to exist",
        _check_administrators,
        ADMINISTRATION,
        needs_allowed="administrators",
    ),
    Check("backups", "Its full backups can be written", _check_backup_place, needs_allowed=BACKUP_CONTAINER),
    Check("switches", "The operators have not stopped it", _check_switches, "name"),
    Check("quota", "Azure's quota has room", _check_quota, "name"),
    Check("limit", "The policy's number of HSMs has room", _check_limit),
)
"""All but the wrapping keys, in the order in which an operation goes through them.

Azure's SDK registers a provider by itself when ARM says that it is missing: `provider` goes before all that asks
Microsoft.KeyVault.
"""

REWRAP_CHECKS: Final = tuple(
    check for check in CHECKS if check.name in ("policy", "subscription", ADMINISTRATION, "administrators")
)
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
        if candidate.kept_keys:
            # Nothing is exported, to whatever it would be by now.
            return
        found = candidate.keys[index]
        if isinstance(found, ServiceError):
            raise found
        errors = [error for error in candidate.key_errors if error.field == wrapping_key_field(index)]
        if errors:
            raise refused_fields(errors)

    return Check(f"wrapping_key_{index + 1}", f"Wrapping key {index + 1} can be used", run)


def _is_of_key(error: FieldError) -> bool:
    return error.field.startswith("securityDomain.wrappingKeys[")

"""The deployment's policy: who may ask for HSMs, for which teams, and which ones.

It is one JSON document, the app setting `HSM_PROVISIONER_POLICY`; docs/policy.md explains it to operators, and takes
the descriptions of the members from here. What is not listed is refused.
"""

import base64
import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from domain.backups import ContainerUrl
from domain.cost import KNOWN_MONTHLY_COST_USD
from domain.fields import IDENTITY_PATTERN, Guid, Healable, Location, OperationKind, Sku
from domain.handover.request import Handover, lacks_workspace
from domain.handover.role_rules import names_unknown_role
from domain.model import Model
from domain.patterns import find_fault
from domain.policy_mistakes import describe_mistakes, find_contradictions, read_members

EVERYTHING: Final = "*"
PRODUCTION: Final = "production"
LONGEST_NAME: Final = 24
LONGEST_TAG: Final = 256

ALWAYS_REQUIRED: Final[dict[str, dict[str, bool]]] = {
    "production": {"purge_protection": True, "deny_by_default_network": True},
    "ephemeral": {"expiry_required": True},
}
"""What an environment of this name asks for, whatever the policy says."""


class PolicyInvalid(Exception):  # noqa: N818 - it says what is
    """The policy cannot be used; `mistakes` has one sentence for each, which begins with its place."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def _mistake(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("policy_mistake", "{sentence}", {"sentence": sentence})


def _all_or_listed(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    return value if value == [EVERYTHING] else handler(value)


def _not_everything(value: object) -> object:
    if value == EVERYTHING:
        message = '"*" means all, and stands alone.'
        raise _mistake(message)
    return value


def _written_as(pattern: str, sentence: str, *, lowered: bool = False) -> Callable[[str], str]:
    def check(text: str) -> str:
        written = text.lower() if lowered else text
        if not re.fullmatch(pattern, written):
            raise _mistake(sentence)
        return written

    return check


def _thumbprint(text: str) -> str:
    try:
        return read_thumbprint(text)
    except ValueError as error:
        raise _mistake(str(error)) from None


def _pattern_for(longest: int) -> Callable[[str], str]:
    def check(pattern: str) -> str:
        fault = find_fault(pattern, longest)
        if fault:
            raise _mistake(fault)
        return pattern

    return check


def _with_known_roles(handover: Handover) -> Handover:
    if names_unknown_role(handover):
        message = "A local role that is assigned here is neither a built-in one nor defined here."
        raise _mistake(message)
    return handover


def _with_known_costs(costs: dict[Sku, float]) -> dict[Sku, float]:
    return {**KNOWN_MONTHLY_COST_USD, **costs}


def read_thumbprint(text: str) -> str:
    """Give a SHA-256 thumbprint as base64url without padding, from that or from hex with or without colons.

    Raises ValueError if it is neither.
    """
    digits = text.replace(":", "")
    if re.fullmatch(r"[0-9A-Fa-f]{64}", digits):
        return base64.urlsafe_b64encode(bytes.fromhex(digits)).rstrip(b"=").decode()
    # 32 bytes leave two bits of the last of 43 characters unused; they are zero, or one thumbprint had several names.
    if re.fullmatch(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", text):
        return text
    message = "This is a certificate's SHA-256 thumbprint: 64 hex digits, or 43 characters of base64url."
    raise ValueError(message)


_NAME_OF_ENVIRONMENT: Final = "An environment's name has 1 to 40 small letters, digits and hyphens, a letter first."
_NAME_OF_TEAM: Final = "A team's name has 1 to 40 small letters, digits and hyphens."
_NAME_OF_VAULT: Final = "This is the name of a key vault (not its URL): 3 to 24 letters, digits and hyphens."
_ID_OF_IDENTITY: Final = (
    "This is the resource id of a user-assigned identity: /subscriptions/ID/resourceGroups/GROUP"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/NAME."
)
_NAME_OF_PREFIX: Final = (
    "This has 1 to 11 small letters, digits and single hyphens, begins with a letter and does not end with a hyphen."
)
_NAME_OF_MANAGEMENT_GROUP: Final = (
    "This is a management group's name (not its display name, nor its path): 1 to 90 letters, digits and - _ ( ) ."
)
_PREFIX: Final = r"(?=.{1,11}\Z)[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
_NAME_OF_ROLE: Final = "This is the name of a role, or its GUID, of 1 to 128 characters."
_NAME_OF_TAG: Final = "A tag's name has 1 to 512 characters, none of them < > % & \\ ? /."

EnvironmentName = Annotated[str, AfterValidator(_written_as(r"[a-z][a-z0-9-]{0,39}", _NAME_OF_ENVIRONMENT))]
TeamName = Annotated[str, AfterValidator(_written_as(r"[a-z0-9-]{1,40}", _NAME_OF_TEAM))]
_TagName = Annotated[str, AfterValidator(_written_as(r"[^<>%&\\?/\x00-\x1f]{1,512}", _NAME_OF_TAG))]
_ManagementGroup = Annotated[
    str, AfterValidator(_written_as(r"[a-z0-9_().-]{1,90}", _NAME_OF_MANAGEMENT_GROUP, lowered=True))
]
_VaultName = Annotated[str, AfterValidator(_written_as(r"[a-z0-9-]{3,24}", _NAME_OF_VAULT, lowered=True))]
_Thumbprint = Annotated[str, AfterValidator(_thumbprint)]
_IdentityId = Annotated[
    str,
    AfterValidator(
        _written_as(
            IDENTITY_PATTERN,
            _ID_OF_IDENTITY,
        )
    ),
]
_ListedGuid = Annotated[Guid, BeforeValidator(_not_everything)]

_Subscriptions = Annotated[list[_ListedGuid], WrapValidator(_all_or_listed)]
_Administrators = Annotated[list[_ListedGuid], WrapValidator(_all_or_listed)]
_Vaults = Annotated[list[Annotated[_VaultName, BeforeValidator(_not_everything)]], WrapValidator(_all_or_listed)]
_Thumbprints = Annotated[list[Annotated[_Thumbprint, BeforeValidator(_not_everything)]], WrapValidator(_all_or_listed)]
_LocalRole = Annotated[str, AfterValidator(_written_as(r"[^\x00-\x1f]{1,128}", _NAME_OF_ROLE))]
_Identities = Annotated[list[Annotated[_IdentityId, BeforeValidator(_not_everything)]], WrapValidator(_all_or_listed)]
_Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(Model):
    """A part of the policy: values have their own types, and nothing is turned into another."""

    model_config = ConfigDict(strict=True)


def _whose_alerts_have_a_log(handover: Handover) -> Handover:
    if lacks_workspace(handover):
        code, message = "invalid_field", "alerts.auditLog needs diagnostics.workspace: name one, or say false."
        raise PydanticCustomError(code, message)
    return handover


class EnvironmentRules(_Part):
    """What HSMs of one environment must have."""

    purge_protection: bool = Field(
        default=False, description="Purge protection must be on. Always so in `production`; `false` is a mistake there."
    )
    deny_by_default_network: bool = Field(
        default=False,
        description=(
            "The network must deny by default, and let in no more addresses than a /8 has. Always so in `production`; "
            "`false` is a mistake there."
        ),
    )
    expiry_required: bool = Field(
        default=False, description="`expiresAt` must be given. Always so in `ephemeral`; `false` is a mistake there."
    )
    maximum_lifetime_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="How many days from now `expiresAt` may lie at most; it must then be given.",
    )
    purge_allowed: bool = Field(
        default=False, description="A deleted HSM may be purged by request, before its retention has passed."
    )
    approval: list[OperationKind] = Field(
        default_factory=list,
        description=(
            "The kinds of operations that need approval here: `provision`, `update`, `decommission`, `recover`; the "
            "others always do, and in `production` so do the last two."
        ),
    )
    temporary_opening_allowed: bool = Field(
        default=False,
        description="`handover.temporaryOpening` may have an HSM's firewall opened to the service for a while, where "
        "it cannot be reached otherwise. That always needs approval.",
    )
    handover: Annotated[Handover, AfterValidator(_whose_alerts_have_a_log), AfterValidator(_with_known_roles)] = Field(
        default_factory=Handover,
        description="What HSMs have around them when they are handed over, where a request does not say: "
        "docs/handover.md.",
    )
    local_roles: list[_LocalRole] | None = Field(
        default=None,
        description="The local roles of an HSM that a request may assign, by name or GUID; those of the request's own "
        "as well. Without it: all but *Managed HSM Administrator*, *Managed HSM Crypto Officer* and *Managed HSM "
        "Policy Administrator*, with which somebody can give themselves all others, and *Managed HSM Restore User*, "
        "with which somebody can replace all keys and roles by those of a backup.",
    )


def _with_what_is_always_required(environments: dict[str, EnvironmentRules]) -> dict[str, EnvironmentRules]:
    return {name: rules.model_copy(update=dict(ALWAYS_REQUIRED.get(name, {}))) for name, rules in environments.items()}


def _usual_environments() -> dict[str, EnvironmentRules]:
    names = ("production", "ephemeral", "development")
    return _with_what_is_always_required({name: EnvironmentRules() for name in names})


class ApprovalRules(_Part):
    """What needs approval, besides what an environment says."""

    above_monthly_cost_usd: _Cost | None = Field(
        default=None,
        description="An HSM that costs more in a month needs approval, and so does one whose cost is unknown.",
    )
    kinds: list[OperationKind] = Field(
        default_factory=list,
        description=(
            "The kinds of operations that need approval: `provision`, `update`, `decommission`, `recover`; the others "
            "always do."
        ),
    )
    expires_after_hours: int = Field(
        default=72, ge=1, le=720, description="After how many hours without a decision it is refused."
    )


class BackupPlace(_Part):
    """Where full backups of HSMs may lie."""

    container: ContainerUrl = Field(
        description="The address of the container: `https://ACCOUNT.blob.core.windows.net/CONTAINER`."
    )
    identity: _IdentityId = Field(
        description="The resource id of the user-assigned identity with which HSMs read and write it."
    )


def _each_container_once(places: list[BackupPlace]) -> list[BackupPlace]:
    if len({place.container for place in places}) < len(places):
        message = "A container is listed once: two of these are one."
        raise _mistake(message)
    return places


class CleanupRules(_Part):
    """Which HSMs are cleaned up by schedule, because they cost money for nothing."""

    enforce: bool = Field(
        default=False, description="HSMs are deleted and purged. Otherwise the report says what would be."
    )
    never_activated_after_hours: int = Field(
        default=72,
        ge=1,
        le=8760,
        description="An HSM that was never active is deleted so many hours after it was made; where its environment "
        "allows that, it is purged as well.",
    )
    warn_before_days: int = Field(
        default=3,
        ge=0,
        le=90,
        description="How many days before its expiry somebody is warned. None is deleted before a day has passed "
        "since; with 0 there is no warning.",
    )
    purge_after_days: int = Field(
        default=7,
        ge=1,
        le=90,
        description="How many days after its deletion by this service an HSM is purged, where its environment allows "
        "that; one that was active waits for approval.",
    )
    maximum_deletions: int = Field(default=5, ge=0, le=50, description="How many HSMs one run deletes at most.")
    maximum_purges: int = Field(default=5, ge=0, le=50, description="How many HSMs one run purges at most.")


class ReconciliationRules(_Part):
    """What is done where HSMs are not as they are recorded."""

    heal: list[Healable] = Field(
        default_factory=list,
        description="The kinds of drift that are put right by an update of this service: `public_access_opened`, "
        "`network_differs`, `purge_protection_off`, `tags_differ`. The others are only reported.",
    )
    maximum_heals: int = Field(default=5, ge=0, le=50, description="How many HSMs one run puts right at most.")
    verified_within_days: int = Field(
        default=3,
        ge=1,
        le=365,
        description="A stored security domain that was not verified for longer is reported: three times the schedule "
        "of the verification.",
    )


class CallerEntry(_Part):
    """What one application, or one group of people or applications, may ask for."""

    name: str = Field(max_length=200, description="Who this is: text for people, which decides nothing.")
    application: Guid | None = Field(
        default=None,
        description="The object id of an application's service principal (or of a person). Either this or `group`.",
    )
    group: Guid | None = Field(
        default=None, description="The object id of an Entra group that tokens name. Either this or `application`."
    )
    teams: list[TeamName] = Field(
        default_factory=list, description="For which teams it may ask, and whose HSMs it sees."
    )
    subscriptions: _Subscriptions = Field(
        default_factory=list,
        description='In which subscriptions; `["*"]` for all that the policy allows.',
    )
    administrators: _Administrators = Field(
        default_factory=list,
        description='The object ids that it may name as administrators; `["*"]` for any.',
    )
    wrapping_vaults: _Vaults = Field(
        default_factory=list,
        description='The names of the key vaults whose certificates may wrap a security domain; `["*"]` for any.',
    )
    wrapping_thumbprints: _Thumbprints = Field(
        default_factory=list,
        description='The SHA-256 thumbprints of certificates that may, inline PEM too; `["*"]` for any.',
    )
    requests_per_minute: int | None = Field(
        default=None, ge=1, description="How many changing requests it may send in a minute; else the policy's."
    )

    @property
    def ids(self) -> frozenset[str]:
        """The object id by which a caller is recognised; one, in a policy that was read from its document."""
        return frozenset(one for one in (self.application, self.group) if one is not None)


class OptInTag(_Part):
    """A tag of a subscription itself."""

    name: _TagName = Field(description="The tag's name, in any case.")
    value: str = Field(min_length=1, max_length=LONGEST_TAG, description="The value that it must have.")


class OptIn(_Part):
    """What a subscription must have for an HSM to be made in it; all that is given must hold."""

    tag: OptInTag | None = Field(default=None, description="A tag that the subscription itself has; see below.")
    management_groups: list[_ManagementGroup] | None = Field(
        default=None, min_length=1, description="The names of management groups of which it is in one, at any depth."
    )


class NewSubscriptions(_Part):
    """What becomes of a subscription that appears: docs/subscription-events.md."""

    opt_in: OptIn = Field(description="Which subscriptions get an HSM; see below.")
    team: TeamName = Field(description="The team that the HSMs belong to.")
    name_prefix: Annotated[str, AfterValidator(_written_as(_PREFIX, _NAME_OF_PREFIX))] = Field(
        description="What the names of the HSMs begin with; a hyphen and a hash of the subscription's id follow."
    )
    approval: bool = Field(default=True, description="Each needs approval: nobody asked for it.")
    lifetime_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="After how many days the HSMs expire, in place of `expiresAt`; never where it is absent.",
    )
    maximum_per_run: int = Field(
        default=5,
        ge=0,
        le=100,
        description=(
            "How many subscriptions whose event was lost a reconciliation begins with at most; 0: it only reports them."
        ),
    )
    request: dict[str, Any] = Field(
        description=(
            "What the HSMs are to be: the body of `PUT /api/hsms/{name}` without `subscriptionId`, `team`, "
            "`requestedBy` and `expiresAt`. It must be such that the policy allows it."
        )
    )


class Policy(_Part):
    """What may be asked for, and by whom."""

    subscriptions: _Subscriptions = Field(
        min_length=1, description='In which subscriptions HSMs may be; `["*"]` for any.'
    )
    locations: list[Location] = Field(min_length=1, description="In which Azure regions.")
    skus: list[Sku] = Field(min_length=1, description="Of which SKUs.")
    name_pattern: Annotated[str, AfterValidator(_pattern_for(LONGEST_NAME))] | None = Field(
        default=None, description="A regular expression that the whole name of an HSM must match."
    )
    required_tags: dict[_TagName, Annotated[str, AfterValidator(_pattern_for(LONGEST_TAG))]] = Field(
        default_factory=dict,
        description="Tags that every HSM must have; for each, a regular expression that the whole value must match.",
    )
    minimum_retention_days: int = Field(
        default=7, ge=7, le=90, description="How many days a deleted HSM must be kept at least."
    )
    purge_protection_required: bool = Field(
        default=False, description="Purge protection must be on in every environment."
    )
    maximum_hsms: int | None = Field(
        default=None, ge=1, description="How many HSMs there may be at most, of all teams together."
    )
    monthly_cost_usd: Annotated[dict[Sku, _Cost], AfterValidator(_with_known_costs)] = Field(
        default_factory=lambda: _with_known_costs({}),
        description="What an HSM of a SKU costs in a month, in US dollars; unknown for a SKU that is not here.",
    )
    backup_places: Annotated[list[BackupPlace], AfterValidator(_each_container_once)] = Field(
        default_factory=list,
        description="Where full backups may lie, that are made or that a restore brings back; see below.",
    )
    linked_resources: list[Annotated[str, Field(max_length=1024)]] = Field(
        default_factory=list,
        description=(
            "The resource ids of what others own and a hand-over may name: subnets, private DNS zones, workspaces, "
            "storage accounts, rules of Event Hubs namespaces, action groups. Those of `environments.*.handover` need "
            "not be listed."
        ),
    )
    identities: _Identities = Field(
        default_factory=list,
        description="Which user-assigned identities may be attached to HSMs, by resource id, besides those of "
        '`backupPlaces`; `["*"]` for any.',
    )
    approval: ApprovalRules = Field(default_factory=ApprovalRules, description="What needs approval; see below.")
    environments: Annotated[dict[EnvironmentName, EnvironmentRules], AfterValidator(_with_what_is_always_required)] = (
        Field(
            default_factory=_usual_environments,
            description="The environments that there are, each with its rules; see below.",
        )
    )
    cleanup: CleanupRules = Field(
        default_factory=CleanupRules, description="What is cleaned up by schedule; see below."
    )
    reconciliation: ReconciliationRules = Field(
        default_factory=ReconciliationRules,
        description="What is done where HSMs are not as they are recorded; see below.",
    )
    requests_per_minute: int = Field(
        default=60, ge=1, description="How many changing requests a caller may send in a minute."
    )
    new_subscriptions: NewSubscriptions | None = Field(
        default=None,
        description="Which new subscriptions get an HSM without anybody asking; see below. Absent: none does.",
    )
    callers: list[CallerEntry] = Field(
        description="Who may ask, each with what for; see below. Who has no entry may not."
    )

    @property
    def attachable_identities(self) -> list[str]:
        """The user-assigned identities that may be attached to HSMs, those of the places of backups first."""
        return list(dict.fromkeys([*(place.identity for place in self.backup_places), *self.identities]))


def parse_policy(text: str) -> Policy:
    """Read the policy; raises PolicyInvalid that names all mistakes in it at once."""
    try:
        document, mistakes = read_members(text)
    except ValueError as error:
        raise PolicyInvalid([str(error)]) from None
    mistakes += find_contradictions(document, ALWAYS_REQUIRED)
    try:
        policy = Policy.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        raise PolicyInvalid(mistakes + describe_mistakes(error)) from None
    if policy.new_subscriptions is not None:
        # What it is held against knows the policy.
        from domain.new_subscriptions import find_mistakes

        mistakes += find_mistakes(policy, policy.new_subscriptions)
    from domain.handover.rules import find_handover_mistakes

    mistakes += find_handover_mistakes(policy)
    if mistakes:
        raise PolicyInvalid(mistakes)
    return policy

"""What the policy says to one request: who may ask, what is refused, what needs approval."""

import ipaddress
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.cost import in_all_regions
from domain.errors import FieldError, refused_fields
from domain.fields import OperationKind, Origin, Sku
from domain.handover.request import Handover, resolve
from domain.handover.role_rules import find_crowded_scopes
from domain.handover.rules import find_handover_violations
from domain.model import Model
from domain.patterns import matches
from domain.policy import (
    EVERYTHING,
    LONGEST_NAME,
    LONGEST_TAG,
    PRODUCTION,
    ApprovalRules,
    BackupPlace,
    EnvironmentRules,
    Policy,
)
from domain.wrapping_keys import wrapping_key_field

# What denies by default and then lets in more than this denies nothing that matters.
_WIDEST: Final = ipaddress.IPv4Network("0.0.0.0/8")
# Service tags that hold everybody's addresses: those of the internet, or of whatever anybody runs in Azure.
OPEN_TAGS: Final = frozenset({"internet", "azurecloud"})
_SEE_POLICY: Final = "GET /api/policy lists what you may name."


class Grant(Model):
    """What one caller may ask for: all that the entries say together that name it or a group that it is in.

    `caller_ids` are the object ids of these entries. `"*"` in a set stands for everything.
    """

    caller_ids: frozenset[str]
    teams: frozenset[str]
    subscriptions: frozenset[str]
    administrators: frozenset[str]
    wrapping_vaults: frozenset[str]
    wrapping_thumbprints: frozenset[str]
    requests_per_minute: int


def grant_of_service(team: str, requests_per_minute: int) -> Grant:
    """Give what this service may ask for of itself, for a team: all that the policy allows to anybody.

    What it asks for is made of the policy and of our records, and of nothing that a caller said.
    """
    everything = frozenset({EVERYTHING})
    return Grant(
        caller_ids=frozenset(),
        teams=frozenset({team}),
        subscriptions=everything,
        administrators=everything,
        wrapping_vaults=everything,
        wrapping_thumbprints=everything,
        requests_per_minute=requests_per_minute,
    )


class AskedKey(NamedTuple):
    """A wrapping key as far as it is known: its key vault, None for PEM; its thumbprint, None for not known yet."""

    vault: str | None
    thumbprint: str | None


class Asked(NamedTuple):
    """What a request asks for, in the normal form in which `HsmRequest` has it, and when it does."""

    name: str
    team: str
    environment: str
    subscription_id: str
    location: str
    sku: str
    soft_delete_retention_days: int
    purge_protection: bool
    network_denies_by_default: bool
    network_ranges: Sequence[str]
    administrators: Sequence[str]
    tags: Mapping[str, str]
    expires_at: datetime | None
    wrapping_keys: Sequence[AskedKey]
    now: datetime
    handover: Handover | None = None
    network_service_tags: Sequence[str] = ()
    additional_regions: Sequence[str] = ()
    identities: Sequence[str] = ()


class PolicyDescription(Model):
    """What a caller may ask for: the policy as far as the caller's entries reach."""

    subscriptions: list[str]
    """The subscriptions in which HSMs may be."""
    locations: list[str]
    """The Azure regions in which HSMs may be."""
    skus: list[Sku]
    """The SKUs that HSMs may have."""
    name_pattern: str | None = None
    """A regular expression that the whole name of an HSM must match. Absent: any name that Azure takes."""
    required_tags: dict[str, str]
    """The tags that every HSM must have; for each, a regular expression that the whole value must match."""
    minimum_retention_days: int
    """How many days a deleted HSM must be kept at least."""
    purge_protection_required: bool
    """Whether purge protection must be on in every environment."""
    administrators: list[str]
    """The Entra object ids that may be named as administrators."""
    wrapping_vaults: list[str]
    """The names of the key vaults whose certificates may wrap a security domain."""
    wrapping_thumbprints: list[str]
    """The SHA-256 thumbprints of certificates that may, in PEM too."""
    environments: dict[str, EnvironmentRules]
    """The environments that there are, by their names, each with its rules."""
    maximum_hsms: int | None = None
    """How many HSMs there may be at most, of all teams together. Absent: any number."""
    monthly_cost_usd: dict[Sku, float]
    """What an HSM costs in a month, in US dollars, by its SKU; unknown for a SKU that is not here."""
    identities: list[str]
    """The resource ids of the user-assigned identities that may be attached to HSMs."""
    backup_containers: list[str]
    """The addresses of the containers in which full backups may lie: that are made, and that a restore brings back."""
    linked_resources: list[str]
    """The Azure resource ids of what others own and a hand-over may name, besides those of an environment's default."""
    approval: ApprovalRules
    """What needs approval by the policy, besides what an environment says."""
    requests_per_minute: int
    """How many changing requests the caller may send in a minute."""


def find_grant(policy: Policy, ids: Collection[str]) -> Grant:
    """Join all entries that name one of these object ids; without any, nothing is granted."""
    wanted = {text.lower() for text in ids}
    entries = [entry for entry in policy.callers if wanted & entry.ids]
    rates = [entry.requests_per_minute for entry in entries if entry.requests_per_minute is not None]
    return Grant(
        caller_ids=frozenset(one for entry in entries for one in entry.ids & wanted),
        teams=frozenset(team for entry in entries for team in entry.teams),
        subscriptions=frozenset(one for entry in entries for one in entry.subscriptions),
        administrators=frozenset(one for entry in entries for one in entry.administrators),
        wrapping_vaults=frozenset(one for entry in entries for one in entry.wrapping_vaults),
        wrapping_thumbprints=frozenset(one for entry in entries for one in entry.wrapping_thumbprints),
        requests_per_minute=max(rates, default=policy.requests_per_minute),
    )


def find_violations(policy: Policy, grant: Grant, asked: Asked, kind: OperationKind = "provision") -> list[FieldError]:
    """Name every field of a request that the policy or the caller's grant refuses; no value is repeated.

    Of an HSM that is there only that is judged which the operation decides: what cannot change any more must not keep
    an older HSM from a change that the policy wants.
    """
    rules = policy.environments.get(asked.environment, EnvironmentRules())
    errors = [
        *_check_team(grant, asked),
        *find_refused_places(policy, grant, asked.environment, asked.subscription_id),
        *_check_kind(policy, asked),
        *_check_name(policy, asked),
        *_check_tags(policy, asked),
        *_check_deletion(policy, rules, asked),
        *_check_network(rules, asked),
        *_check_identities(policy, asked),
        *_check_expiry(rules, asked),
        *_check_administrators(grant, asked),
        *_check_wrapping_keys(grant, asked),
        *find_handover_violations(policy, rules, asked.name, asked.handover),
        *find_crowded_scopes(resolve(asked.handover, rules.handover), asked.administrators),
    ]
    decided = _DECIDED.get(kind)
    return [error for error in errors if decided is None or re.split(r"[.\[]", error.field)[0] in decided]


# The members of a request that an operation on an HSM which is there decides: an update those that change in place,
# a re-wrap the wrapping keys, an adoption what it takes over. An adoption's approver sees the administrators; its tags
# and name are as they are.
_DECIDED: Final[dict[OperationKind, frozenset[str]]] = {
    "update": frozenset(
        {
            *("team", "environment", "subscriptionId", "tags", "purgeProtection", "network", "expiresAt"),
            *("identities", "additionalRegions"),
        }
    ),
    "adopt": frozenset(
        {
            *("team", "environment", "subscriptionId", "location", "sku"),
            *("softDeleteRetentionDays", "purgeProtection", "network", "expiresAt", "additionalRegions"),
        }
    ),
    "rewrap": frozenset({"team", "environment", "subscriptionId", "securityDomain"}),
    "decommission": frozenset({"team", "environment", "subscriptionId"}),
    "recover": frozenset({"team", "environment", "subscriptionId"}),
}


_IN_PRODUCTION: Final[dict[OperationKind, str]] = {"decommission": "Deleting", "recover": "Recovering"}


def _refuse(field: str, code: str, message: str) -> list[FieldError]:
    return [FieldError(field=field, message=message, code=code)]


def _includes(listed: Collection[str], value: str) -> bool:
    return EVERYTHING in listed or value in listed


def find_refused_places(policy: Policy, grant: Grant, environment: str, subscription_id: str) -> list[FieldError]:
    """Name the environment and the subscription where no HSM may be, or none of this caller's.

    What is there need not be looked at for this.
    """
    errors = []
    if environment not in policy.environments:
        message = f"There is no such environment here. There are: {_join(policy.environments)}."
        errors += _refuse("environment", "environment_unknown", message)
    if not _includes(policy.subscriptions, subscription_id):
        message = "The policy allows no HSM in this subscription."
        errors += _refuse("subscriptionId", "subscription_not_allowed", message)
    elif not _includes(grant.subscriptions, subscription_id):
        message = f"You may not ask for an HSM in this subscription. {_SEE_POLICY}"
        errors += _refuse("subscriptionId", "subscription_not_allowed", message)
    return errors


def _check_team(grant: Grant, asked: Asked) -> list[FieldError]:
    if asked.team in grant.teams:
        return []
    return _refuse("team", "team_not_yours", f"This is none of your teams. {_SEE_POLICY}")


def _check_kind(policy: Policy, asked: Asked) -> list[FieldError]:
    errors = []
    if asked.location not in policy.locations:
        message = f"The policy allows no HSM in this region, but in: {_join(policy.locations)}."
        errors += _refuse("location", "location_not_allowed", message)
    for index, region in enumerate(asked.additional_regions):
        if region not in policy.locations:
            message = f"The policy allows no HSM in this region, but in: {_join(policy.locations)}."
            errors += _refuse(f"additionalRegions[{index}]", "location_not_allowed", message)
    if asked.sku not in policy.skus:
        message = f"The policy allows no HSM of this SKU, but of: {_join(policy.skus)}."
        errors += _refuse("sku", "sku_not_allowed", message)
    return errors


def _check_name(policy: Policy, asked: Asked) -> list[FieldError]:
    pattern = policy.name_pattern
    if pattern is None or matches(pattern, asked.name, LONGEST_NAME):
        return []
    return _refuse("name", "name_not_allowed", f"The policy wants a name that matches {pattern} as a whole.")


def _check_tags(policy: Policy, asked: Asked) -> list[FieldError]:
    errors = []
    # Azure does not tell names of tags apart by case.
    tags = {name.lower(): value for name, value in asked.tags.items()}
    for name, pattern in policy.required_tags.items():
        value = tags.get(name.lower())
        if value is None:
            errors += _refuse(f"tags.{name}", "tag_required", "The policy wants this tag.")
        elif not matches(pattern, value, LONGEST_TAG):
            message = f"The policy wants a value that matches {pattern} as a whole."
            errors += _refuse(f"tags.{name}", "tag_not_allowed", message)
    return errors


def _check_deletion(policy: Policy, rules: EnvironmentRules, asked: Asked) -> list[FieldError]:
    errors = []
    if asked.soft_delete_retention_days < policy.minimum_retention_days:
        message = f"The policy wants a deleted HSM to be kept {policy.minimum_retention_days} days or more."
        errors += _refuse("softDeleteRetentionDays", "retention_too_short", message)
    if not asked.purge_protection and (policy.purge_protection_required or rules.purge_protection):
        where = "everywhere" if policy.purge_protection_required else "in this environment"
        message = f"The policy wants purge protection {where}."
        errors += _refuse("purgeProtection", "purge_protection_required", message)
    return errors


def _check_network(rules: EnvironmentRules, asked: Asked) -> list[FieldError]:
    if not rules.deny_by_default_network:
        return []
    if not asked.network_denies_by_default:
        message = "In this environment the policy wants a network that denies by default."
        return _refuse("network.defaultAction", "network_must_deny", message)
    ranges = ipaddress.collapse_addresses(ipaddress.IPv4Network(text) for text in asked.network_ranges)
    if sum(each.num_addresses for each in ranges) > _WIDEST.num_addresses:
        message = (
            f"In this environment the ranges together may hold no more addresses than a /{_WIDEST.prefixlen} does."
        )
        return _refuse("network.ipRules", "network_too_open", message)
    message = "This service tag holds addresses of everybody, and in this environment the network must not be so open."
    return [
        FieldError(field=f"network.serviceTags[{index}]", message=message, code="network_too_open")
        for index, tag in enumerate(asked.network_service_tags)
        if tag.lower().partition(".")[0] in OPEN_TAGS
    ]


def _check_identities(policy: Policy, asked: Asked) -> list[FieldError]:
    allowed = {identity.lower() for identity in policy.attachable_identities}
    message = f"The policy does not let this identity be attached to an HSM. {_SEE_POLICY}"
    return [
        FieldError(field=f"identities[{index}]", message=message, code="identity_not_allowed")
        for index, identity in enumerate(asked.identities)
        if not _includes(allowed, identity.lower())
    ]


def _check_expiry(rules: EnvironmentRules, asked: Asked) -> list[FieldError]:
    days = rules.maximum_lifetime_days
    if asked.expires_at is None:
        if not rules.expiry_required and days is None:
            return []
        return _refuse(
            "expiresAt", "expiry_required", "In this environment the policy wants to know when an HSM expires."
        )
    if asked.expires_at <= asked.now:
        return _refuse("expiresAt", "expiry_in_past", "An HSM cannot expire before it was asked for.")
    if days is not None and asked.expires_at - asked.now > timedelta(days=days):
        message = f"In this environment the policy wants an HSM to expire within {days} days."
        return _refuse("expiresAt", "expiry_too_far", message)
    return []


def _check_administrators(grant: Grant, asked: Asked) -> list[FieldError]:
    message = f"You may not make this one an administrator. {_SEE_POLICY}"
    return [
        FieldError(field=f"administrators[{index}]", message=message, code="administrator_not_allowed")
        for index, administrator in enumerate(asked.administrators)
        if not _includes(grant.administrators, administrator)
    ]


def _check_wrapping_keys(grant: Grant, asked: Asked) -> list[FieldError]:
    message = f"You may not use this wrapping key: neither its vault nor its thumbprint is allowed. {_SEE_POLICY}"
    return [
        FieldError(field=wrapping_key_field(index), message=message, code="wrapping_key_not_allowed")
        for index, key in enumerate(asked.wrapping_keys)
        if not _allows(grant, key)
    ]


def _allows(grant: Grant, key: AskedKey) -> bool:
    if key.vault is not None and _includes(grant.wrapping_vaults, key.vault):
        return True
    if key.thumbprint is not None:
        return _includes(grant.wrapping_thumbprints, key.thumbprint)
    # Preflight will read the certificate, and ask again by its thumbprint.
    return key.vault is not None and bool(grant.wrapping_thumbprints)


def find_approval_reasons(
    policy: Policy,
    environment: str,
    sku: str,
    kind: OperationKind,
    *,
    origin: Origin = "request",
    reason: str | None = None,
    additional_regions: Collection[str] = (),
    extends: bool = False,
) -> list[str]:
    """Say why an operation needs approval, a sentence for each reason; none if it needs none.

    What it costs is a reason to approve what begins to cost, not a change of what is there. `reason` says why it needs
    approval by what is there, whatever the policy says: `domain.export_approval` finds it of the export of a provision,
    `domain.decommissioning` of a purge. An update that `extends` the HSM to another region begins to cost, too.
    """
    reasons = _find_reasons_of_origin(policy, origin)
    rules = policy.environments.get(environment, EnvironmentRules())
    if kind == "adopt":
        reasons.append("Taking over an HSM that this service did not make always needs approval.")
    elif kind == "rewrap":
        reasons.append("Encrypting a security domain to other keys always needs approval.")
    elif kind == "restore":
        reasons.append("Restoring a security domain into another HSM always needs approval: it becomes a clone.")
    elif kind in policy.approval.kinds:
        reasons.append(f"The policy wants approval of every {kind}.")
    if environment == PRODUCTION and kind in _IN_PRODUCTION:
        reasons.append(f"{_IN_PRODUCTION[kind]} an HSM of production always needs approval.")
    if kind in ("provision", "rewrap", "restore", "decommission") and reason is not None:
        reasons.append(reason)
    if kind in rules.approval:
        reasons.append(f"The policy wants approval of every {kind} in the environment {environment}.")
    if kind not in ("update", "rewrap", "decommission", "recover") or extends:
        reasons += _find_reasons_of_cost(policy, sku, additional_regions)
    return reasons


def _find_reasons_of_origin(policy: Policy, origin: Origin) -> list[str]:
    if origin != "event" or (policy.new_subscriptions is not None and not policy.new_subscriptions.approval):
        return []
    return ["Nobody asked for this HSM: a subscription appeared."]


def _find_reasons_of_cost(policy: Policy, sku: str, additional_regions: Collection[str]) -> list[str]:
    limit, cost = policy.approval.above_monthly_cost_usd, monthly_cost(policy, sku, additional_regions)
    if limit is None:
        return []
    if cost is None:
        return ["What this SKU costs is not known, and the policy wants approval by cost."]
    if cost > limit:
        return [f"It costs about {cost:,.0f} USD a month; the policy wants approval above {limit:,.0f} USD."]
    return []


def require_purge_allowed(policy: Policy, environment: str) -> None:
    """Raise ServiceError `purge_not_allowed` unless the policy lets HSMs of an environment be purged by request."""
    if not policy.environments.get(environment, EnvironmentRules()).purge_allowed:
        message = "In this environment the policy lets no HSM be purged: leave this out, and it is kept as Azure does."
        raise refused_fields([FieldError(field="purge", message=message, code="purge_not_allowed")])


def monthly_cost(policy: Policy, sku: str, additional_regions: Collection[str] = ()) -> float | None:
    """Give what an HSM of this SKU costs in a month, in US dollars, in all its regions; None if nobody said."""
    cost = next((cost for known, cost in policy.monthly_cost_usd.items() if known == sku), None)
    return None if cost is None else in_all_regions(cost, len(additional_regions))


def is_within_limit(limit: int | None, name: str, begun: Mapping[str, datetime]) -> bool:
    """Say whether this HSM is among the first so many, by when each was begun, and by name where that is the same.

    `begun` holds every HSM that was recorded or claimed, this one too (else KeyError). Whoever is let in stays in,
    whatever comes later; and of two that come at once, both see the same order.
    """
    if limit is None:
        return True
    own = (begun[name], name)
    return sum((when, other) < own for other, when in begun.items()) < limit


def require_backup_place(policy: Policy, container: str, field: str = "backup.container") -> BackupPlace:
    """Find the place of backups that a container is; raises ServiceError `backup_place_not_allowed` for the field."""
    place = next((place for place in policy.backup_places if place.container == container), None)
    if place is None:
        message = f"The policy allows no full backups in this container. {_SEE_POLICY}"
        raise refused_fields(_refuse(field, "backup_place_not_allowed", message))
    return place


def describe_policy(policy: Policy, grant: Grant) -> PolicyDescription:
    """Say what this caller may ask for: where both the policy and the grant list something, what both do."""
    return PolicyDescription(
        subscriptions=_both(policy.subscriptions, grant.subscriptions),
        locations=policy.locations,
        skus=policy.skus,
        name_pattern=policy.name_pattern,
        required_tags=policy.required_tags,
        minimum_retention_days=policy.minimum_retention_days,
        purge_protection_required=policy.purge_protection_required,
        administrators=sorted(grant.administrators),
        wrapping_vaults=sorted(grant.wrapping_vaults),
        wrapping_thumbprints=sorted(grant.wrapping_thumbprints),
        environments=policy.environments,
        maximum_hsms=policy.maximum_hsms,
        monthly_cost_usd=policy.monthly_cost_usd,
        identities=policy.attachable_identities,
        backup_containers=[place.container for place in policy.backup_places],
        linked_resources=policy.linked_resources,
        approval=policy.approval,
        requests_per_minute=grant.requests_per_minute,
    )


def _both(listed: Collection[str], granted: Collection[str]) -> list[str]:
    if EVERYTHING in listed:
        return sorted(granted)
    return sorted(listed if EVERYTHING in granted else set(listed) & set(granted))


def _join(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"

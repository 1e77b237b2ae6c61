"""Azure Resource Manager: subscriptions, resource groups, permissions and Managed HSMs."""

import fnmatch
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from clients.api_versions import API_VERSIONS
from clients.arm import ask, key_vault_of, resources_of
from clients.azure_errors import our_errors
from clients.credential import own_identity
from clients.subscriptions import find_subscription
from domain.changes import InPlaceChange, change_tags
from domain.hsm import ExtendedRegion, Hsm
from domain.names import hsm_uri
from domain.requests import HsmSpecification, NetworkRequest
from domain.settings import settings

if TYPE_CHECKING:
    from azure.mgmt.keyvault.models import (
        ManagedHsm,
        ManagedHsmSku,
        ManagedServiceIdentity,
        MHSMGeoReplicatedRegion,
        MHSMNetworkRuleSet,
    )

NEEDED_ACTIONS = (
    "Microsoft.Resources/subscriptions/resourceGroups/write",
    "Microsoft.KeyVault/managedHSMs/read",
    "Microsoft.KeyVault/managedHSMs/write",
)


def find_subscription_tenant(subscription_id: str) -> str | None:
    """Give the tenant that a subscription belongs to; None, and raises, as `find_subscription` does."""
    subscription = find_subscription(subscription_id)
    return subscription.tenant_id if subscription else None


def find_missing_actions(scope: str, actions: Iterable[str] = NEEDED_ACTIONS) -> list[str]:
    """Name the control plane actions that our identity lacks at a scope, by its resource id (Permissions - List)."""
    path = f"{scope}/providers/Microsoft.Authorization/permissions"
    with our_errors("list the service's permissions"):
        status, document = ask(scope.split("/")[2], path, API_VERSIONS["Microsoft.Authorization/permissions"])
    grants = document.get("value", []) if status == 200 else []
    return [action for action in actions if not any(_grants(grant, action) for grant in grants)]


def _grants(grant: dict[str, Any], action: str) -> bool:
    def matches(patterns: list[str]) -> bool:
        return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)

    return matches(grant.get("actions", [])) and not matches(grant.get("notActions", []))


class Provider(NamedTuple):
    """Whether Microsoft.KeyVault is registered, and in which regions it has Managed HSMs."""

    registered: bool
    locations: set[str]


def find_provider(subscription_id: str) -> Provider:
    """Read the provider Microsoft.KeyVault of a subscription."""
    with our_errors("read the provider Microsoft.KeyVault"):
        provider = resources_of(subscription_id).providers.get("Microsoft.KeyVault")
    locations = {
        location.replace(" ", "").lower()
        for kind in provider.resource_types or []
        if (kind.resource_type or "").lower() == "managedhsms"
        for location in kind.locations or []
    }
    return Provider(provider.registration_state == "Registered", locations)


def resource_group_exists(subscription_id: str, resource_group: str) -> bool:
    """Say whether a resource group exists."""
    with our_errors("look for the resource group"):
        return bool(resources_of(subscription_id).resource_groups.check_existence(resource_group))


def create_resource_group(subscription_id: str, resource_group: str, location: str, tags: dict[str, str]) -> None:
    """Create a resource group; where it exists it stays as it is, but for tags, so look first."""
    from azure.mgmt.resource.resources.models import ResourceGroup

    with our_errors("create the resource group"):
        resources_of(subscription_id).resource_groups.create_or_update(
            resource_group, ResourceGroup(location=location, tags=tags)
        )


def find_hsm(subscription_id: str, resource_group: str, name: str) -> Hsm | None:
    """Read an HSM; None where there is none of that name in that resource group."""
    from azure.core.exceptions import ResourceNotFoundError

    with our_errors("read the HSM"):
        try:
            return _describe(key_vault_of(subscription_id).managed_hsms.get(resource_group, name))
        except ResourceNotFoundError:
            return None


def is_name_available(subscription_id: str, name: str) -> bool:
    """Say whether an HSM of that name can be created; names are global, and soft-deleted HSMs keep theirs."""
    from azure.mgmt.keyvault.models import CheckMhsmNameAvailabilityParameters

    with our_errors("check the name"):
        answer = key_vault_of(subscription_id).managed_hsms.check_mhsm_name_availability(
            CheckMhsmNameAvailabilityParameters(name=name)
        )
    return bool(answer.name_available)


def is_soft_deleted(subscription_id: str, name: str) -> bool:
    """Say whether a soft-deleted HSM of this subscription still holds the name."""
    with our_errors("list the deleted HSMs"):
        deleted = list(key_vault_of(subscription_id).managed_hsms.list_deleted())
    return any((hsm.name or "").lower() == name for hsm in deleted)


def count_hsms(subscription_id: str, location: str) -> int:
    """Count the HSMs that use the quota of a region: the soft-deleted ones do, too."""
    client = key_vault_of(subscription_id).managed_hsms
    with our_errors("list the HSMs"):
        live = [hsm.location or "" for hsm in client.list_by_subscription()]
        deleted = [(hsm.properties and hsm.properties.location) or "" for hsm in client.list_deleted()]
    return sum(place.replace(" ", "").lower() == location for place in [*live, *deleted])


def put_hsm(name: str, request: HsmSpecification, identities: Sequence[str] = (), existing: Hsm | None = None) -> None:
    """Ask ARM for the HSM and do not wait for it; the same PUT again changes nothing.

    Our own identity becomes an initial administrator: nobody else may download the security domain. `identities` are
    the resource ids of the user-assigned ones that are attached to it; `existing` is the HSM whose creation is tried
    again. It comes in its own region: ARM extends only one that is active.
    """
    from azure.mgmt.keyvault import models

    properties = models.ManagedHsmProperties(
        tenant_id=settings().tenant_id,
        initial_admin_object_ids=sorted({*request.administrators, own_identity().object_id}),
        enable_soft_delete=True,
        soft_delete_retention_in_days=request.soft_delete_retention_days,
        # Azure takes the absence, not false, for "off".
        enable_purge_protection=request.purge_protection or None,
        public_network_access=request.public_network_access,
        network_acls=_network_rules(request.network),
        create_mode="default",
    )
    hsm = models.ManagedHsm(location=request.location, tags=request.tags, sku=_sku(request), properties=properties)
    if identities:
        # A PUT says all of it.
        others = dict.fromkeys(existing.identities if existing else [], True)
        hsm.identity = _identity(others | dict.fromkeys(identities, True), existing)
    with our_errors("create the HSM"):
        key_vault_of(request.subscription_id).managed_hsms.begin_create_or_update(
            request.resource_group, name, hsm, polling=False
        )


def recover_hsm(name: str, resource_group: str, request: HsmSpecification) -> None:
    """Ask ARM to bring a deleted HSM back, as it was, and do not wait for it.

    Source: Managed HSMs - Create Or Update, `createMode`; what it was is not said again.
    """
    from azure.mgmt.keyvault import models

    properties = models.ManagedHsmProperties(tenant_id=settings().tenant_id, create_mode="recover")
    hsm = models.ManagedHsm(location=request.location, sku=_sku(request), properties=properties)
    with our_errors("recover the HSM"):
        key_vault_of(request.subscription_id).managed_hsms.begin_create_or_update(
            resource_group, name, hsm, polling=False
        )


def change_hsm(hsm: Hsm, change: InPlaceChange) -> None:
    """Ask ARM to change an HSM in place and do not wait for it; what the change does not name stays as it is."""
    from azure.mgmt.keyvault import models

    # Members that are left out of a PATCH stay, but tags are replaced as a whole.
    parameters = models.ManagedHsm()
    if change.tags or change.removed_tags:
        parameters.tags = change_tags(change, hsm.tags)
    properties = models.ManagedHsmProperties(
        network_acls=_network_rules(change.network) if change.network is not None else None,
        public_network_access=change.public_network_access,
        enable_purge_protection=change.purge_protection,
        regions=_regions(hsm, change.additional_regions) if change.additional_regions is not None else None,
    )
    if properties != models.ManagedHsmProperties():
        parameters.properties = properties
    if change.identities or change.removed_identities:
        parameters.identity = _change_identity(change, hsm)
    _, _, subscription_id, _, resource_group, *_ = hsm.resource_id.split("/")
    with our_errors("change the HSM"):
        key_vault_of(subscription_id).managed_hsms.begin_update(resource_group, hsm.name, parameters, polling=False)


def identity_exists(resource_id: str) -> bool:
    """Say whether a user-assigned identity exists; raises ServiceError `azure_forbidden` where we may not read it."""
    with our_errors("read the user-assigned identity"):
        status, _ = ask(resource_id.split("/")[2], resource_id, "2023-01-31")
    return status == 200


def _change_identity(change: InPlaceChange, hsm: Hsm) -> "ManagedServiceIdentity":
    """Name all the identities that an HSM is to have, and of those that it has the ones to be taken away.

    What the change does not name stays.
    """
    gone = {name.lower() for name in change.removed_identities}
    there = {name: name.lower() not in gone for name in hsm.identities}
    return _identity(there | dict.fromkeys(change.identities or [], True), hsm)


def _identity(wanted: dict[str, bool], hsm: Hsm | None) -> "ManagedServiceIdentity":
    """Write which identities an HSM is to have, each once, however it is spelled, and which not any more."""
    from azure.mgmt.keyvault import models

    each = {name.lower(): (name, kept) for name, kept in wanted.items()}
    types = ["SystemAssigned"] if hsm and hsm.has_system_identity else []
    if not any(wanted.values()):
        return models.ManagedServiceIdentity(type=types[0] if types else "None")
    return models.ManagedServiceIdentity(
        type=",".join([*types, "UserAssigned"]),
        # ARM takes away what a PATCH sets to null, and keeps what it does not name.
        user_assigned_identities={name: _assigned(kept=kept) for name, kept in each.values()},
    )


def _assigned(*, kept: bool) -> Any:
    """Give what stands beside an identity; the SDK's type knows of no null."""
    from azure.mgmt.keyvault import models

    return models.UserAssignedIdentity() if kept else None


def _regions(hsm: Hsm, additional: Sequence[str]) -> "list[MHSMGeoReplicatedRegion]":
    """Name the regions that an HSM is to be in, as the Azure CLI does (keyvault/custom.py, add_hsm_region).

    Its own is among them from the moment that it has another one.
    """
    from azure.mgmt.keyvault import models

    own = [hsm.location] if hsm.regions else []
    return [models.MHSMGeoReplicatedRegion(name=name) for name in [*own, *additional]]


def list_hsms(subscription_id: str) -> list[Hsm]:
    """List the HSMs of a subscription."""
    with our_errors("list the HSMs"):
        return [_describe(resource) for resource in key_vault_of(subscription_id).managed_hsms.list_by_subscription()]


def _sku(request: HsmSpecification) -> "ManagedHsmSku":
    from azure.mgmt.keyvault import models

    # `family` is the first letter after the underscore, as the Azure CLI derives it (keyvault/custom.py, create_hsm).
    return models.ManagedHsmSku(family=request.sku.split("_")[1][0], name=request.sku)


def _network_rules(network: NetworkRequest) -> "MHSMNetworkRuleSet":
    from azure.mgmt.keyvault import models

    return models.MHSMNetworkRuleSet(
        bypass=network.bypass,
        default_action=network.default_action,
        ip_rules=[models.MHSMIPRule(value=value) for value in network.ip_rules],
        virtual_network_rules=[models.MHSMVirtualNetworkRule(id=subnet) for subnet in network.virtual_network_rules],
        service_tags=[models.MHSMServiceTagRule(tag=tag) for tag in network.service_tags],
    )


def _read_network(rules: "MHSMNetworkRuleSet | None") -> NetworkRequest:
    if rules is None:
        return NetworkRequest()
    return NetworkRequest(
        default_action="Deny" if _word(rules.default_action).lower() == "deny" else "Allow",
        ip_rules=[rule.value for rule in rules.ip_rules or []],
        virtual_network_rules=[rule.id for rule in rules.virtual_network_rules or []],
        service_tags=[rule.tag for rule in rules.service_tags or [] if rule.tag],
        bypass="None" if _word(rules.bypass).lower() == "none" else "AzureServices",
    )


def _read_regions(regions: "list[MHSMGeoReplicatedRegion] | None", own: str) -> list[ExtendedRegion]:
    """Read the regions beside an HSM's own, which the list names as well once there is another."""
    named = [((region.name or "").replace(" ", "").lower(), region) for region in regions or []]
    return [
        ExtendedRegion(name=name, state=_word(region.provisioning_state))
        for name, region in named
        if not region.is_primary and name != own.replace(" ", "").lower()
    ]


def _describe(resource: "ManagedHsm | None") -> Hsm:
    properties = resource.properties if resource else None
    if resource is None or properties is None or resource.name is None or resource.id is None or resource.sku is None:
        message = "ARM described an HSM without its name, id, sku or properties"
        raise ValueError(message)
    domain = properties.security_domain_properties
    system = resource.system_data
    return Hsm(
        name=resource.name.lower(),
        resource_id=resource.id,
        uri=properties.hsm_uri or hsm_uri(resource.name.lower()),
        provisioning_state=_word(properties.provisioning_state),
        activation=_word(domain.activation_status if domain else None),
        location=resource.location or "",
        sku=_word(resource.sku.name),
        administrators=[administrator.lower() for administrator in properties.initial_admin_object_ids or []],
        soft_delete_retention_days=properties.soft_delete_retention_in_days or 90,
        purge_protection=bool(properties.enable_purge_protection),
        public_network_access="Disabled" if _word(properties.public_network_access) == "Disabled" else "Enabled",
        network=_read_network(properties.network_acls),
        tags=dict(resource.tags or {}),
        made_at=system.created_at if system else None,
        made_by=(system.created_by or "").lower() if system else "",
        identities=list((resource.identity.user_assigned_identities if resource.identity else None) or {}),
        regions=_read_regions(properties.regions, resource.location or ""),
        has_system_identity="SystemAssigned" in _word(resource.identity.type if resource.identity else None),
    )


def _word(value: object) -> str:
    """Read a value that the SDK gives as an enum where it knows it, and as text where Azure is newer."""
    return str(value.value if isinstance(value, Enum) else value or "Unknown")

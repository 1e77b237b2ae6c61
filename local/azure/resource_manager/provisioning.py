"""What a PUT and a PATCH do to an HSM: create it, recover it, change what can be changed, refuse the rest."""

import uuid
from typing import Any, Final

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.bodies import HsmBody, HsmIdentity, HsmRegion, HsmUpdate
from local.azure.resource_manager.callers import Caller
from local.azure.resource_manager.hsm_resource import (
    ExtendedRegion,
    HsmResource,
    Operation,
    sign,
)
from local.azure.resource_manager.locations import require_extension_location, require_location
from local.azure.resource_manager.models import ResourceManager
from local.azure.resource_manager.subscriptions import Subscription

RETENTION_DAYS: Final = 90
_CHANGEABLE: Final = ("networkAcls", "publicNetworkAccess", "enablePurgeProtection")


def put_hsm(
    manager: ResourceManager, subscription: Subscription, group: str, name: str, body: HsmBody, caller: Caller
) -> Operation:
    """Create, recover or change an HSM; the same again changes nothing, and one that failed begins anew."""
    asked = body.properties
    if (asked.tenant_id or "").lower() != subscription.tenant_id:
        raise ServiceFault(400, "BadRequest", "properties.tenantId is not the subscription's tenant.")
    if subscription.find_group(group).deletion is not None:
        message = f"The resource group '{group}' is in deprovisioning state and cannot perform this operation."
        raise ServiceFault(409, "ResourceGroupBeingDeleted", message)
    existing = manager.find_live(name)
    if existing is not None:
        if not existing.is_in(subscription.id, group):
            raise ServiceFault(409, "ConflictError", f"The name '{name}' is already in use.")
        operation = change_hsm(manager, existing, body, caller)
        if existing.provisioning.state != "Failed":
            return operation
        existing.provisioning = manager.begin_provisioning(may_fail=True)
        return manager.begin_operation(subscription.id, existing.location, existing.provisioning, existing)
    hsm = (
        _recover(manager, subscription, group, name, body)
        if asked.create_mode == "recover"
        else _create(manager, subscription, group, name, body, caller)
    )
    manager.hsms[hsm.name] = hsm
    return manager.begin_operation(subscription.id, hsm.location, hsm.provisioning, hsm)


def change_hsm(manager: ResourceManager, hsm: HsmResource, body: HsmUpdate, caller: Caller) -> Operation:
    """Change what can be changed; raises ServiceFault 400 or 409.

    That a change is refused while another is under way is an assumption, and so is its code.
    """
    if hsm.deletion is not None:
        raise ServiceFault(409, "ConflictError", f"The Managed HSM '{hsm.name}' is being deleted.")
    _require_unchanged(hsm, body)
    properties = hsm.properties | _read_changes(hsm, body)
    identity = _read_identity(manager, hsm, body)
    regions = _read_regions(manager, hsm, body.properties.regions)
    tags = hsm.tags if body.tags is None else body.tags
    before = (hsm.properties, hsm.identity, hsm.regions, hsm.tags)
    if (properties, identity, regions, tags) == before:
        under_way = hsm.update if hsm.update is not None and not hsm.update.ended else hsm.provisioning
        return manager.begin_operation(hsm.subscription_id, hsm.location, under_way, hsm)
    if hsm.state in ("Provisioning", "Updating"):
        message = f"The Managed HSM '{hsm.name}' is in the state {hsm.state} and cannot be changed now."
        raise ServiceFault(409, "ConflictError", message)
    hsm.properties, hsm.identity, hsm.regions, hsm.tags = properties, identity, regions, tags
    hsm.modified = sign(caller, manager.timing.clock)
    hsm.update = manager.begin_update()
    return manager.begin_operation(hsm.subscription_id, hsm.location, hsm.update, hsm)


def _create(
    manager: ResourceManager, subscription: Subscription, group: str, name: str, body: HsmBody, caller: Caller
) -> HsmResource:
    asked = body.properties
    if asked.initial_admin_object_ids is None:
        raise ServiceFault(400, "BadRequest", "properties.initialAdminObjectIds is required.")
    _check_creation(manager, subscription, name, body.location)
    signature = sign(caller, manager.timing.clock)
    hsm = HsmResource(
        name=name.lower(),
        subscription_id=subscription.id,
        resource_group=subscription.find_group(group).name,
        location=body.location,
        sku=body.sku.model_dump(),
        tags=body.tags or {},
        properties={
            "initialAdminObjectIds": asked.initial_admin_object_ids,
            "softDeleteRetentionInDays": asked.soft_delete_retention_in_days or RETENTION_DAYS,
        },
        provisioning=manager.begin_provisioning(may_fail=True),
        created_by=signature.by,
        created_by_type=signature.by_type,
        created_at=signature.at,
        modified=signature,
    )
    hsm.properties |= _read_changes(hsm, body)
    hsm.identity = _read_identity(manager, hsm, body)
    return hsm


def _check_creation(manager: ResourceManager, subscription: Subscription, name: str, location: str) -> None:
    subscription.require_registration()
    available, reason, message = manager.is_available(name)
    if not available:
        invalid = reason == "AccountNameInvalid"
        raise ServiceFault(400 if invalid else 409, "BadRequest" if invalid else "ConflictError", message)
    require_location(location)
    if manager.count_used(subscription.id, location) >= manager.quota:
        message = f"The subscription has {manager.quota} Managed HSMs in {location}."
        raise ServiceFault(409, "QuotaExceeded", message)
    if location in manager.regions_without_capacity:
        # Source: hashicorp/terraform-provider-azurerm, pull request 20855.
        raise ServiceFault(503, "503", "Pool creation is disabled in this region")


def _recover(manager: ResourceManager, subscription: Subscription, group: str, name: str, body: HsmBody) -> HsmResource:
    """Bring a deleted HSM back as it was, with its keys; that it must go where it was is an assumption."""
    deleted = manager.deleted.get(name.lower())
    if deleted is None or (deleted.hsm.subscription_id, deleted.hsm.location) != (subscription.id, body.location):
        message = f"There is no deleted Managed HSM '{name}' in {body.location}."
        raise ServiceFault(404, "DeletedManagedHsmNotFound", message)
    if not deleted.hsm.is_in(subscription.id, group):
        raise ServiceFault(409, "ConflictError", f"'{name}' was deleted from another resource group.")
    if deleted.purge is not None:
        raise ServiceFault(409, "ConflictError", f"The Managed HSM '{name}' is being purged.")
    del manager.deleted[name.lower()]
    deleted.hsm.provisioning = manager.begin_provisioning(may_fail=False)
    return deleted.hsm


def _require_unchanged(hsm: HsmResource, body: HsmUpdate) -> None:
    """Refuse to change what only a creation can say; which code Azure gives is an assumption."""
    asked = body.properties
    days, administrators = asked.soft_delete_retention_in_days, asked.initial_admin_object_ids
    unchanged = {
        "location": body.location in (None, hsm.location),
        "sku": body.sku is None or body.sku.name == hsm.sku["name"],
        "softDeleteRetentionInDays": days in (None, hsm.properties["softDeleteRetentionInDays"]),
        "initialAdminObjectIds": administrators is None
        or {name.lower() for name in administrators} == set(hsm.administrators),
    }
    for member, same in unchanged.items():
        if not same:
            raise ServiceFault(400, "PropertyChangeNotAllowed", f"{member} cannot be changed.")
    if hsm.properties.get("enablePurgeProtection") and asked.enable_purge_protection is False:
        raise ServiceFault(400, "BadRequest", "enablePurgeProtection cannot be set to false once it is true.")


def _read_changes(hsm: HsmResource, body: HsmUpdate) -> dict[str, Any]:
    written = body.properties.model_dump(by_alias=True, exclude_none=True)
    changes: dict[str, Any] = {name: written[name] for name in _CHANGEABLE if name in written}
    if not changes.get("enablePurgeProtection", True) and "enablePurgeProtection" not in hsm.properties:
        # What was never set is off, and setting it off changes nothing.
        del changes["enablePurgeProtection"]
    return changes


def _read_identity(manager: ResourceManager, hsm: HsmResource, body: HsmUpdate) -> dict[str, Any]:
    """Give the identity as a body has it: a PUT says all of it, a PATCH what comes or (null) goes."""
    asked = body.identity
    if asked is None:
        return hsm.identity
    document: dict[str, Any] = {"type": asked.type} if asked.type != "None" else {}
    if "SystemAssigned" in asked.type:
        principal = hsm.identity.get("principalId") or str(uuid.uuid4())
        document |= {"principalId": principal, "tenantId": manager.subscriptions[hsm.subscription_id].tenant_id}
    if "UserAssigned" in asked.type:
        known = {} if isinstance(body, HsmBody) else hsm.identity.get("userAssignedIdentities", {})
        document["userAssignedIdentities"] = _read_user_identities(manager, known, asked)
    return document


def _read_user_identities(manager: ResourceManager, known: dict[str, Any], asked: HsmIdentity) -> dict[str, Any]:
    found = dict(known)
    for resource_id, value in (asked.user_assigned_identities or {}).items():
        identity = manager.directory.find_identity(resource_id=resource_id)
        if identity is None:
            message = f"Identity operation failed: there is no user-assigned identity '{resource_id}'."
            raise ServiceFault(400, "FailedIdentityOperation", message)
        found.pop(identity.resource_id, None)
        if value is not None:
            found[identity.resource_id] = {"principalId": identity.object_id, "clientId": identity.client_id}
    if not found:
        raise ServiceFault(400, "BadRequest", "identity.userAssignedIdentities names none.")
    return found


def _read_regions(manager: ResourceManager, hsm: HsmResource, asked: list[HsmRegion] | None) -> list[ExtendedRegion]:
    """Give the regions beside the first one: those that are named come, and those that are not named go.

    That there is one at most and that the HSM must be active is documented (multi-region-replication.md); the codes are
    assumptions.
    """
    present = hsm.extended_regions
    if asked is None:
        return hsm.regions
    wanted = {region.name for region in asked} - {hsm.location}
    known = {region.name for region in present}
    for name in wanted - known:
        require_extension_location(name)
        if not hsm.active:
            raise ServiceFault(400, "400", "A Managed HSM can be extended to another region once it is activated.")
    if len(wanted) > 1:
        raise ServiceFault(400, "400", "A Managed HSM can be extended to one other region.")
    if wanted == known:
        return hsm.regions
    seconds = manager.update_duration
    begin = manager.timing.begin
    return [
        *(region for region in present if region.name in wanted),
        *(ExtendedRegion(name, begin([("Deleting", seconds)], "Gone")) for name in sorted(known - wanted)),
        *(ExtendedRegion(name, begin([("Provisioning", seconds)], "Succeeded")) for name in sorted(wanted - known)),
    ]

"""What ARM knows: subscriptions, role assignments, resource groups and Managed HSMs, and the rules over them."""

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic.alias_generators import to_camel

from local.azure.core.errors import ServiceFault
from local.azure.core.transitions import Timing, Transition
from local.azure.managed_hsm.models import ManagedHsm
from local.azure.resource_manager.bodies import HsmBody, HsmUpdateProperties, plain_location

LOCATIONS: Final = ("Norway East", "West Europe", "North Europe", "UK South", "East US 2", "Sweden Central")
QUOTA: Final = 5
ROLE_ACTIONS: Final[dict[str, list[str]]] = {"Contributor": ["*"], "Reader": ["*/read"]}
_NAME: Final = re.compile(r"[a-zA-Z](?!.*--)[-a-zA-Z0-9]{1,22}[a-zA-Z0-9]")
_STATUS_MESSAGES: Final = {
    "Provisioning": "Resource creation in progress. Starting service...",
    "Succeeded": "The Managed HSM is provisioned and ready to use.",
    "Failed": "Resource creation failed.",
}
_NOT_ACTIVATED: Final = (
    "Your HSM has been provisioned, but cannot be used for cryptographic operations until it is activated. "
    "To activate the HSM, download the security domain."
)
_ACTIVATED: Final = "Your HSM has been activated and can be used for cryptographic operations."


@dataclass
class ResourceGroup:
    """A resource group."""

    name: str
    location: str
    tags: dict[str, str]


@dataclass
class DeletedHsm:
    """A soft-deleted HSM, which keeps its name and is billed until it is purged."""

    hsm: ManagedHsm
    deleted_at: datetime

    @property
    def purge_at(self) -> datetime:
        """When Azure purges it by itself."""
        return self.deleted_at + timedelta(days=int(self.hsm.properties["softDeleteRetentionInDays"]))


@dataclass
class Subscription:
    """A subscription of our tenant."""

    id: str
    tenant_id: str
    registered: bool = True
    roles: dict[str, str] = field(default_factory=dict)
    groups: dict[str, ResourceGroup] = field(default_factory=dict)

    def require_registration(self) -> None:
        """Refuse what needs the provider Microsoft.KeyVault; raises ServiceFault 409."""
        if not self.registered:
            message = "The subscription is not registered to use namespace 'Microsoft.KeyVault'."
            raise ServiceFault(409, "MissingSubscriptionRegistration", message)


class ResourceManager:
    """All of ARM's state."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.subscriptions: dict[str, Subscription] = {}
        self.hsms: dict[str, ManagedHsm] = {}
        self.deleted: dict[str, DeletedHsm] = {}
        self.operations: dict[str, ManagedHsm | None] = {}
        self.failures_to_come = 0

    def subscription(self, subscription_id: str, tenant_id: str) -> Subscription:
        """Find a subscription of the caller's tenant; raises ServiceFault as ARM does."""
        subscription = self.subscriptions.get(subscription_id.lower())
        if subscription is None:
            message = f"The subscription '{subscription_id}' could not be found."
            raise ServiceFault(404, "SubscriptionNotFound", message)
        if subscription.tenant_id != tenant_id:
            message = (
                f"The access token is from the wrong issuer 'https://sts.windows.net/{tenant_id}/'. It must match the "
                f"tenant 'https://sts.windows.net/{subscription.tenant_id}/' associated with this subscription."
            )
            raise ServiceFault(401, "InvalidAuthenticationTokenTenant", message, challenge(subscription.tenant_id))
        return subscription

    def find_live(self, name: str) -> ManagedHsm | None:
        """Find an HSM that is not deleted."""
        return self.hsms.get(name.lower())

    def find_in_group(self, subscription_id: str, group: str, name: str) -> ManagedHsm:
        """Find an HSM where a request says that it is; raises ServiceFault 404."""
        hsm = self.find_live(name)
        place = (subscription_id.lower(), group.lower())
        if hsm is None or (hsm.subscription_id.lower(), hsm.resource_group.lower()) != place:
            message = (
                f"The Resource 'Microsoft.KeyVault/managedHSMs/{name}' under resource group '{group}' was not found."
            )
            raise ServiceFault(404, "ResourceNotFound", message)
        return hsm

    def is_available(self, name: str) -> tuple[bool, str, str]:
        """Say whether a name can be used, and if not, Azure's reason and message."""
        if not _NAME.fullmatch(name):
            return False, "AccountNameInvalid", "The name is not valid."
        if name.lower() in self.hsms or name.lower() in self.deleted:
            return False, "AlreadyExists", f"The name '{name}' is already in use."
        return True, "", ""

    def put_hsm(self, subscription: Subscription, group: str, name: str, body: HsmBody, caller: str) -> ManagedHsm:
        """Create an HSM, or update what can be changed; the same again changes nothing. One that failed begins anew."""
        if body.properties.tenant_id.lower() != subscription.tenant_id:
            raise ServiceFault(400, "BadRequest", "properties.tenantId is not the subscription's tenant.")
        if body.properties.create_mode.lower() != "default":
            raise ServiceFault(400, "NotInLocalAzure", "The local Azure cannot recover a deleted Managed HSM.")
        if group.lower() not in subscription.groups:
            raise ServiceFault(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
        existing = self.find_live(name)
        if existing is not None:
            hsm = self.find_in_group_or_conflict(subscription, group, name)
            _check_unchanged(hsm, body)
            update_hsm(hsm, body.tags or {}, body.properties)
            if hsm.provisioning.state == "Failed":
                hsm.provisioning = self._provisioning()
            return hsm
        self._check_creation(subscription, name, body)
        hsm = ManagedHsm(
            name=name.lower(),
            subscription_id=subscription.id,
            resource_group=group,
            location=body.location,
            sku=body.sku.model_dump(),
            tags=body.tags or {},
            properties=body.properties.model_dump(by_alias=True, exclude_none=True),
            provisioning=self._provisioning(),
            created_by=caller,
            identity=body.identity or {},
        )
        self.hsms[hsm.name] = hsm
        return hsm

    def find_in_group_or_conflict(self, subscription: Subscription, group: str, name: str) -> ManagedHsm:
        """Find an HSM to update; raises ServiceFault 409 where the name is somebody else's."""
        try:
            return self.find_in_group(subscription.id, group, name)
        except ServiceFault:
            raise ServiceFault(409, "ConflictError", f"The name '{name}' is already in use.") from None

    def delete_hsm(self, hsm: ManagedHsm) -> None:
        """Soft-delete an HSM."""
        del self.hsms[hsm.name]
        self.deleted[hsm.name] = DeletedHsm(hsm, datetime.now(UTC))

    def begin_operation(self, hsm: ManagedHsm | None) -> str:
        """Begin a long-running operation whose end is the HSM's state, and give its id."""
        identifier = str(uuid.uuid4())
        self.operations[identifier] = hsm
        return identifier

    def _provisioning(self) -> Transition:
        final = "Failed" if self.failures_to_come > 0 else "Succeeded"
        self.failures_to_come = max(0, self.failures_to_come - 1)
        return self.timing.begin([("Provisioning", self.timing.provisioning_seconds)], final)

    def _check_creation(self, subscription: Subscription, name: str, body: HsmBody) -> None:
        subscription.require_registration()
        available, reason, message = self.is_available(name)
        if not available:
            invalid = reason == "AccountNameInvalid"
            raise ServiceFault(400 if invalid else 409, "BadRequest" if invalid else "ConflictError", message)
        location = body.location
        if location not in {plain_location(known) for known in LOCATIONS}:
            raise ServiceFault(400, "LocationNotAvailableForResourceType", f"No Managed HSM is offered in {location}.")
        deleted = [item.hsm for item in self.deleted.values()]
        used = [hsm for hsm in [*self.hsms.values(), *deleted] if hsm.subscription_id == subscription.id]
        if sum(hsm.location == location for hsm in used) >= QUOTA:
            raise ServiceFault(409, "QuotaExceeded", f"The subscription has {QUOTA} Managed HSMs in {location}.")


def challenge(tenant_id: str) -> dict[str, str]:
    """Give the header with which ARM answers 401."""
    login = f"https://login.microsoftonline.com/{tenant_id}"
    return {"WWW-Authenticate": f'Bearer authorization_uri="{login}", error="invalid_token"'}


def update_hsm(hsm: ManagedHsm, tags: dict[str, str] | None, properties: HsmUpdateProperties) -> None:
    """Change what can be changed; raises ServiceFault 400 where purge protection would be taken away."""
    changes = properties.model_dump(by_alias=True, exclude_none=True)
    if hsm.properties.get("enablePurgeProtection") and changes.get("enablePurgeProtection") is False:
        raise ServiceFault(400, "BadRequest", "enablePurgeProtection cannot be set to false once it is true.")
    changeable = {to_camel(name) for name in HsmUpdateProperties.model_fields}
    hsm.properties |= {name: value for name, value in changes.items() if name in changeable}
    if tags is not None:
        hsm.tags = tags


def _check_unchanged(hsm: ManagedHsm, body: HsmBody) -> None:
    """Refuse to change what only a creation can say; which code Azure gives is an assumption."""
    asked = body.properties
    unchanged = {
        "location": hsm.location == body.location,
        "sku": hsm.sku["name"] == body.sku.name,
        "softDeleteRetentionInDays": hsm.properties["softDeleteRetentionInDays"] == asked.soft_delete_retention_in_days,
        "initialAdminObjectIds": set(hsm.administrators) == {name.lower() for name in asked.initial_admin_object_ids},
    }
    for member, same in unchanged.items():
        if not same:
            raise ServiceFault(400, "PropertyChangeNotAllowed", f"{member} cannot be changed.")


def describe_hsm(hsm: ManagedHsm, tenant_id: str) -> dict[str, Any]:
    """Write the resource as ARM does; the state stays Succeeded after activation."""
    state = hsm.provisioning.state
    return {
        "id": f"/subscriptions/{hsm.subscription_id}/resourceGroups/{hsm.resource_group}"
        f"/providers/Microsoft.KeyVault/managedHSMs/{hsm.name}",
        "name": hsm.name,
        "type": "Microsoft.KeyVault/managedHSMs",
        "location": hsm.location,
        "tags": hsm.tags,
        "sku": hsm.sku,
        "systemData": {
            "createdBy": hsm.created_by,
            "createdByType": "Application",
            "createdAt": hsm.created_at.isoformat().replace("+00:00", "Z"),
        },
        "properties": {
            "tenantId": tenant_id,
            "initialAdminObjectIds": hsm.properties["initialAdminObjectIds"],
            "hsmUri": f"https://{hsm.name}.managedhsm.azure.net/",
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": hsm.properties["softDeleteRetentionInDays"],
            "enablePurgeProtection": bool(hsm.properties.get("enablePurgeProtection")),
            "provisioningState": state,
            "statusMessage": _STATUS_MESSAGES[state],
            "networkAcls": hsm.properties.get("networkAcls"),
            "publicNetworkAccess": hsm.properties.get("publicNetworkAccess", "Enabled"),
            "regions": [],
            "privateEndpointConnections": [],
            "securityDomainProperties": {
                "activationStatus": "Active" if hsm.active else "NotActivated",
                "activationStatusMessage": _ACTIVATED if hsm.active else _NOT_ACTIVATED,
            },
        },
    }


def describe_deleted(deleted: DeletedHsm) -> dict[str, Any]:
    """Write a soft-deleted HSM as ARM does."""
    hsm = deleted.hsm
    prefix = f"/subscriptions/{hsm.subscription_id}"
    provider = "providers/Microsoft.KeyVault"
    return {
        "id": f"{prefix}/providers/Microsoft.KeyVault/locations/{hsm.location}/deletedManagedHSMs/{hsm.name}",
        "name": hsm.name,
        "type": "Microsoft.Keyvault/deletedManagedHSMs",
        "properties": {
            "mhsmId": f"{prefix}/resourceGroups/{hsm.resource_group}/{provider}/managedHSMs/{hsm.name}",
            "location": hsm.location,
            "deletionDate": f"{deleted.deleted_at:%Y-%m-%dT%H:%M:%SZ}",
            "scheduledPurgeDate": f"{deleted.purge_at:%Y-%m-%dT%H:%M:%SZ}",
            "purgeProtectionEnabled": bool(hsm.properties.get("enablePurgeProtection")),
            "tags": hsm.tags,
        },
    }

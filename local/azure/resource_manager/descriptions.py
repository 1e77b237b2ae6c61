"""How ARM writes what it has."""

from datetime import datetime
from typing import Any, Final

from local.azure.entra.models import ManagedIdentity
from local.azure.resource_manager.hsm_resource import DeletedHsm, HsmResource, PrivateEndpointConnection
from local.azure.resource_manager.locations import LOCATIONS
from local.azure.resource_manager.subscriptions import ResourceGroup, Subscription

_STATUS_MESSAGES: Final = {
    "Provisioning": "Resource creation in progress. Starting service...",
    "Succeeded": "The Managed HSM is provisioned and ready to use.",
    "Failed": "Resource creation failed.",
    "Updating": "Resource update in progress.",
    "Deleting": "Resource deletion in progress.",
}
_NOT_ACTIVATED: Final = (
    "Your HSM has been provisioned, but cannot be used for cryptographic operations until it is activated. "
    "To activate the HSM, download the security domain."
)
_ACTIVATED: Final = "Your HSM has been activated and can be used for cryptographic operations."


def describe_subscription(subscription: Subscription) -> dict[str, Any]:
    """Write a subscription."""
    document = {
        "id": f"/subscriptions/{subscription.id}",
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant_id,
        "displayName": subscription.display_name,
        "state": subscription.state,
    }
    return {**document, "tags": subscription.tags} if subscription.tags else document


def describe_provider(subscription: Subscription) -> dict[str, Any]:
    """Write the provider Microsoft.KeyVault as a subscription has it."""
    versions = ["2026-05-15", "2026-02-01", "2024-11-01"]
    return {
        "id": f"/subscriptions/{subscription.id}/providers/Microsoft.KeyVault",
        "namespace": "Microsoft.KeyVault",
        "registrationState": subscription.registration_state,
        "resourceTypes": [{"resourceType": "managedHSMs", "locations": list(LOCATIONS), "apiVersions": versions}],
    }


def describe_group(subscription: Subscription, group: ResourceGroup) -> dict[str, Any]:
    """Write a resource group."""
    return {
        "id": f"/subscriptions/{subscription.id}/resourceGroups/{group.name}",
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": {"provisioningState": group.state},
    }


def describe_hsm(hsm: HsmResource, tenant_id: str) -> dict[str, Any]:
    """Write an HSM; members and their order are those of azure-cli's recordings."""
    document = {
        "sku": hsm.sku,
        "id": hsm.resource_id,
        "name": hsm.name,
        "type": "Microsoft.KeyVault/managedHSMs",
        "location": hsm.location,
        "tags": hsm.tags,
        "systemData": _describe_signatures(hsm),
        "properties": _describe_properties(hsm, tenant_id),
    }
    if hsm.identity:
        document["identity"] = hsm.identity
    return document


def describe_resource(hsm: HsmResource) -> dict[str, Any]:
    """Write an HSM as a list of resources of any kind has it."""
    document = describe_hsm(hsm, "")
    return {
        name: document[name]
        for name in ("id", "name", "type", "sku", "location", "identity", "tags")
        if name in document
    }


def describe_identity_resource(identity: ManagedIdentity) -> dict[str, Any]:
    """Write a user-assigned identity as a list of resources of any kind has it."""
    return {
        "id": identity.resource_id,
        "name": identity.display_name,
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "location": identity.location,
        "tags": {},
    }


def describe_regions(hsm: HsmResource) -> list[dict[str, Any]]:
    """Write the regions of an HSM: none as long as there is but the first one (source: azure-cli's recordings)."""
    others = [
        {"name": region.name, "provisioningState": region.progress.state, "isPrimary": False}
        for region in hsm.extended_regions
    ]
    first = {"name": hsm.location, "provisioningState": "Succeeded", "isPrimary": True}
    return [first, *others] if others else []


def describe_deleted(deleted: DeletedHsm) -> dict[str, Any]:
    """Write a soft-deleted HSM; the spelling of its type is the real one."""
    hsm = deleted.hsm
    provider = f"/subscriptions/{hsm.subscription_id}/providers/Microsoft.KeyVault"
    return {
        "id": f"{provider}/locations/{hsm.location}/deletedManagedHSMs/{hsm.name}",
        "name": hsm.name,
        "type": "Microsoft.Keyvault/deletedManagedHSMs",
        "properties": {
            "mhsmId": hsm.resource_id,
            "location": hsm.location,
            "deletionDate": f"{deleted.deleted_at:%Y-%m-%dT%H:%M:%SZ}",
            "scheduledPurgeDate": f"{deleted.purge_at:%Y-%m-%dT%H:%M:%SZ}",
            "purgeProtectionEnabled": bool(hsm.properties.get("enablePurgeProtection")),
            "tags": hsm.tags,
        },
    }


def describe_connection(hsm: HsmResource, connection: PrivateEndpointConnection) -> dict[str, Any]:
    """Write a private endpoint connection as a resource."""
    return {
        "id": f"{hsm.resource_id}/privateEndpointConnections/{connection.name}",
        "name": connection.name,
        "type": "Microsoft.KeyVault/managedHSMs/privateEndpointConnections",
        "location": hsm.location,
        "etag": connection.etag,
        "properties": {
            "provisioningState": "Succeeded",
            "privateEndpoint": {"id": connection.private_endpoint_id},
            "privateLinkServiceConnectionState": connection.state.model_dump(by_alias=True),
        },
    }


def describe_link_resource(hsm: HsmResource) -> dict[str, Any]:
    """Write what a private endpoint of an HSM connects to."""
    return {
        "id": f"{hsm.resource_id}/privateLinkResources/managedhsm",
        "name": "managedhsm",
        "type": "Microsoft.KeyVault/managedHSMs/privateLinkResources",
        "properties": {
            "groupId": "managedhsm",
            "requiredMembers": ["default"],
            "requiredZoneNames": ["privatelink.managedhsm.azure.net"],
        },
    }


def _describe_signatures(hsm: HsmResource) -> dict[str, Any]:
    document = {
        "createdBy": hsm.created_by,
        "createdByType": hsm.created_by_type,
        "createdAt": _write_time(hsm.created_at),
    }
    if hsm.modified is not None:
        document |= {
            "lastModifiedBy": hsm.modified.by,
            "lastModifiedByType": hsm.modified.by_type,
            "lastModifiedAt": _write_time(hsm.modified.at),
        }
    return document


def _write_time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _describe_properties(hsm: HsmResource, tenant_id: str) -> dict[str, Any]:
    connections = [describe_connection(hsm, connection) for connection in hsm.connections.values()]
    document = {
        "tenantId": tenant_id,
        "hsmUri": f"https://{hsm.name}.managedhsm.azure.net/",
        "initialAdminObjectIds": hsm.properties["initialAdminObjectIds"],
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": hsm.properties["softDeleteRetentionInDays"],
        "enablePurgeProtection": bool(hsm.properties.get("enablePurgeProtection")),
        "provisioningState": hsm.state,
        "statusMessage": _STATUS_MESSAGES[hsm.state],
        "networkAcls": hsm.properties.get("networkAcls"),
        "publicNetworkAccess": hsm.properties.get("publicNetworkAccess", "Enabled"),
        "regions": describe_regions(hsm),
        "securityDomainProperties": {
            "activationStatus": "Active" if hsm.active else "NotActivated",
            "activationStatusMessage": _ACTIVATED if hsm.active else _NOT_ACTIVATED,
        },
    }
    if connections:
        members = ("id", "etag", "properties")
        document["privateEndpointConnections"] = [{name: item[name] for name in members} for item in connections]
    return document

"""The end of an HSM in Azure Resource Manager: deleted, soft-deleted, purged; and what stands in its way."""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from clients.arm import key_vault_of, list_all, resources_of
from clients.azure_errors import our_errors
from clients.credential import NO_RETRIES
from domain.decommissioning import Decommissioned
from domain.errors import ServiceError, service_error
from domain.hsm import Hsm
from domain.records import HsmRecord

if TYPE_CHECKING:
    from azure.mgmt.keyvault.models import DeletedManagedHsm


class DeletedHsm(NamedTuple):
    """A soft-deleted HSM; `deleted_at` tells it from another one of its name."""

    resource_id: str
    deleted_at: datetime
    kept_until: datetime | None
    purge_protected: bool


class Lock(NamedTuple):
    """A lock that keeps an HSM from being deleted: its name, and the ARM id of what it is on."""

    name: str
    scope: str

    def is_at(self, lock_id: str | None) -> bool:
        """Whether it is the lock that has this resource id."""
        own_id = f"{self.scope}/providers/microsoft.authorization/locks/{self.name}"
        return lock_id is not None and lock_id.lower() == own_id.lower()


def delete_hsm(hsm: Hsm) -> None:
    """Ask ARM to delete an HSM and do not wait for it; one that is gone is deleted."""
    from azure.core.exceptions import ResourceNotFoundError

    _, _, subscription_id, _, resource_group, *_ = hsm.resource_id.split("/")
    with our_errors("delete the HSM"):
        try:
            # Sent again by itself it would delete what was recovered meanwhile.
            managed_hsms = key_vault_of(subscription_id).managed_hsms
            managed_hsms.begin_delete(resource_group, hsm.name, polling=False, **NO_RETRIES)
        except ResourceNotFoundError:
            return


def find_deleted_hsm(record: HsmRecord) -> DeletedHsm | None:
    """Find the soft-deleted HSM of the resource id of our record; None where there is none."""
    from azure.core.exceptions import ResourceNotFoundError

    client = key_vault_of(record.subscription_id).managed_hsms
    with our_errors("read the deleted HSM"):
        try:
            deleted = _describe(client.get_deleted(record.hsm, record.request.location))
        except ResourceNotFoundError:
            return None
    return deleted if deleted.resource_id.lower() == record.resource_id.lower() else None


def purge_hsm(record: HsmRecord) -> None:
    """Ask ARM to purge the soft-deleted HSM of a record and do not wait: that may never end.

    Source: Azure/azure-rest-api-specs issue 27138. Raises RefusedByAzure `azure_conflict` against purge protection,
    and while it is purged already.
    """
    from azure.core.exceptions import ResourceNotFoundError

    with our_errors("purge the deleted HSM"):
        try:
            key_vault_of(record.subscription_id).managed_hsms.begin_purge_deleted(
                record.hsm, record.request.location, polling=False, **NO_RETRIES
            )
        except ResourceNotFoundError:
            return


def find_locks(resource_id: str) -> list[Lock]:
    """Find the locks on a resource, its resource group and its subscription: each keeps it from being deleted.

    A list of a subscription has those of all that is in it (source: Management Locks - List At Subscription Level).
    """
    subscription_id = resource_id.split("/")[2]
    path = f"/subscriptions/{subscription_id}/providers/Microsoft.Authorization/locks"
    with our_errors("list the locks"):
        listed = list_all(subscription_id, path, "2020-05-01")
    found = [
        Lock(str(lock["name"]), str(lock["id"]).lower().partition("/providers/microsoft.authorization/locks/")[0])
        for lock in listed
    ]
    return [lock for lock in found if f"{resource_id.lower()}/".startswith(f"{lock.scope}/")]


def require_unlocked(resource_id: str, own_lock: str | None) -> bool:
    """Say whether the service's own lock is on an HSM, by its resource id: it is taken away before a deletion.

    Raises ServiceError `hsm_locked` where a lock of others keeps the HSM from being deleted.
    """
    locks = find_locks(resource_id)
    others = [lock for lock in locks if not lock.is_at(own_lock)]
    if others:
        names = ", ".join(f"{lock.name} on {lock.scope}" for lock in others)
        raise service_error(
            "hsm_locked",
            f"A lock in Azure keeps the HSM from being deleted: {names}.",
            advice="Ask whoever set the lock. Once it is removed, send the request again.",
        )
    return bool(locks)


def require_can_back_up(hsm: Hsm) -> None:
    """Raise ServiceError `backup_not_possible` unless an HSM can back itself up: it must be active."""
    if not hsm.active:
        raise service_error(
            "backup_not_possible",
            "The HSM is not active, so that it cannot back itself up; it holds no keys either.",
            advice="Send the request again without backupTo.",
        )


def require_backed_up(ended: Decommissioned, container: str | None) -> None:
    """Raise ServiceError `backup_not_possible` where a backup is wanted of an HSM that was deleted without one."""
    if container is not None and (ended.backup is None or ended.backup.container != container):
        raise service_error(
            "backup_not_possible",
            "The HSM is deleted, or being deleted, and was not backed up into this container before.",
            advice="Send the request again without backupTo; or recover the HSM first, to back it up then.",
        )


def resource_group_is_empty(subscription_id: str, resource_group: str) -> bool:
    """Say whether nothing is in a resource group, and no soft-deleted HSM would have to come back to it."""
    prefix = f"/subscriptions/{subscription_id}/resourcegroups/{resource_group}/".lower()
    with our_errors("list what is in the resource group"):
        if any(True for _ in resources_of(subscription_id).resources.list_by_resource_group(resource_group)):
            return False
        deleted = list(key_vault_of(subscription_id).managed_hsms.list_deleted())
    return not any(_describe(hsm).resource_id.lower().startswith(prefix) for hsm in deleted)


def delete_resource_group(subscription_id: str, resource_group: str) -> None:
    """Ask ARM to delete a resource group and do not wait for it."""
    from azure.core.exceptions import ResourceNotFoundError

    with our_errors("delete the resource group"):
        try:
            resources_of(subscription_id).resource_groups.begin_delete(resource_group, polling=False, **NO_RETRIES)
        except ResourceNotFoundError:
            return


def _describe(deleted: "DeletedManagedHsm") -> DeletedHsm:
    properties = deleted.properties
    if properties is None or properties.mhsm_id is None or properties.deletion_date is None:
        message = "ARM described a deleted HSM without its id or the date of its deletion"
        raise ValueError(message)
    return DeletedHsm(
        resource_id=properties.mhsm_id,
        deleted_at=properties.deletion_date,
        kept_until=properties.scheduled_purge_date,
        purge_protected=bool(properties.purge_protection_enabled),
    )


def purge_protected(kept_until: datetime | None) -> ServiceError:
    """Make the error of an HSM that nobody can purge."""
    when = f"on {kept_until:%Y-%m-%d}" if kept_until else "once its retention has passed"
    return service_error(
        "purge_protected",
        "The HSM has purge protection: nobody can purge it, Microsoft neither.",
        advice=f"It is billed until Azure purges it by itself, {when}. Leave `purge` out to delete it.",
    )

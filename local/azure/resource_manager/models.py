"""All of ARM's state, and what happens to it over time."""

import re
import uuid
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from local.azure.core.errors import ServiceFault
from local.azure.core.transitions import NEVER, Timing, Transition
from local.azure.entra.models import Directory
from local.azure.resource_manager.agenda import Agenda
from local.azure.resource_manager.callers import Caller
from local.azure.resource_manager.graph_tables import Graph, make_tables
from local.azure.resource_manager.hsm_resource import DeletedHsm, HsmResource, Operation
from local.azure.resource_manager.locks import is_inside
from local.azure.resource_manager.neighbours import Neighbours
from local.azure.resource_manager.subscriptions import ResourceGroup, Subscription

QUOTA: Final = 5
PAGE_SIZE: Final = 100
GRAPH_QUOTA: Final = 15
_NAME: Final = re.compile(r"[a-zA-Z](?!.*--)[-a-zA-Z0-9]{1,22}[a-zA-Z0-9]")


class ResourceManager:
    """Subscriptions, HSMs, deleted HSMs and operations.

    What the control API decides is plain state: how many creations to come fail, and how many purges are lost, which
    operations never end, how deletions end, which regions have no capacity, the quota of a subscription in a region,
    how long the pages of lists are, and how many queries of Resource Graph a caller has.
    """

    def __init__(self, timing: Timing, directory: Directory) -> None:
        self.timing = timing
        self.directory = directory
        self.subscriptions: dict[str, Subscription] = {}
        self.operations: dict[str, Operation] = {}
        self.failures_to_come = 0
        # How many of the next private endpoints and zone groups end Failed.
        self.network_failures_to_come = 0
        # Purges that are accepted and never done: their polls stay 202, and only another request purges.
        self.lost_purges = 0
        self.deletion_end_status = 200
        self.page_size = PAGE_SIZE
        self.graph_quota = GRAPH_QUOTA
        self.graph = Graph(timing.clock, lambda: make_tables(self.subscriptions.values(), self.hsms.values()))
        # Of create, update, delete, purge: their polls stay 202 for ever. A purge ends, but its polls never say so.
        self.never_ending: set[str] = set()
        self.regions_without_capacity: set[str] = set()
        self.quota = QUOTA
        # The subnets that principals come from, by their object ids; who is not named comes from the internet.
        self.integrations: dict[str, str] = {}
        self._agenda = Agenda(timing.clock)
        self._neighbours = Neighbours()
        self._hsms: dict[str, HsmResource] = {}
        self._deleted: dict[str, DeletedHsm] = {}

    @property
    def hsms(self) -> dict[str, HsmResource]:
        """The HSMs that are not deleted, by their names."""
        self._agenda.settle()
        return self._hsms

    @property
    def deleted(self) -> dict[str, DeletedHsm]:
        """The soft-deleted HSMs, by their names."""
        self._agenda.settle()
        return self._deleted

    @property
    def neighbours(self) -> Neighbours:
        """The resources that are no HSMs."""
        self._agenda.settle()
        return self._neighbours

    def permits(self, caller: Caller, action: str, scope: str) -> bool:
        """Say whether a caller is granted an action at a scope, in whatever subscription that is."""
        subscription = self.subscriptions.get(scope.split("/")[2].lower()) if scope.count("/") > 1 else None
        if subscription is None or subscription.tenant_id != caller.tenant_id:
            return False
        return any(grant.allows(action) for grant in subscription.find_grants(caller.principals, scope))

    def find_by_id(self, resource_id: str) -> HsmResource | None:
        """Find an HSM that is not deleted by its id in ARM."""
        hsm = self.find_live(resource_id.rpartition("/")[2])
        return hsm if hsm is not None and hsm.resource_id.lower() == resource_id.lower() else None

    def find_subscription(self, subscription_id: str, tenant_id: str) -> Subscription:
        """Find a subscription of the caller's tenant; raises ServiceFault as ARM does."""
        self._agenda.settle()
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

    def register(self, subscription: Subscription) -> None:
        """Begin to register a subscription for Microsoft.KeyVault, unless it is registered or about to be."""
        if subscription.registration_state != "NotRegistered":
            return

        def end() -> None:
            # Not where the registration was taken back meanwhile.
            if subscription.registration is progress:
                subscription.registered = True

        progress = self.begin("Registering", self.timing.registration_seconds, end)
        subscription.registration = progress
        self._agenda.settle()

    def find_live(self, name: str) -> HsmResource | None:
        """Find an HSM that is not deleted."""
        return self.hsms.get(name.lower())

    def find_in_group(self, subscription_id: str, group: str, name: str) -> HsmResource:
        """Find an HSM where a request says that it is; raises ServiceFault 404."""
        hsm = self.find_live(name)
        if hsm is None or not hsm.is_in(subscription_id, group):
            message = (
                f"The Resource 'Microsoft.KeyVault/managedHSMs/{name}' under resource group '{group}' was not found. "
                "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
            )
            raise ServiceFault(404, "ResourceNotFound", message)
        return hsm

    def list_in_group(self, subscription_id: str, group: str) -> list[HsmResource]:
        """List the HSMs of a resource group."""
        return [hsm for hsm in self.hsms.values() if hsm.is_in(subscription_id, group)]

    def plant(self, hsm: HsmResource, deleted_at: datetime | None) -> None:
        """Have an HSM that was never asked for, perhaps a soft-deleted one; only the control API does that."""
        if deleted_at is None:
            self.hsms[hsm.name] = hsm
        else:
            self._keep_deleted(hsm, deleted_at)

    def forget(self, names: Collection[str]) -> None:
        """Make HSMs disappear with their locks, as if they had never been; only the control API does that."""
        gone = [self.hsms.pop(name, None) for name in names]
        gone += [item.hsm if (item := self.deleted.pop(name, None)) else None for name in names]
        for subscription in self.subscriptions.values():
            subscription.locks.forget_inside([hsm.resource_id for hsm in gone if hsm is not None])

    def is_available(self, name: str) -> tuple[bool, str, str]:
        """Say whether a name can be used, and if not, Azure's reason and message."""
        if not _NAME.fullmatch(name):
            return False, "AccountNameInvalid", "The name is not valid."
        if name.lower() in self.hsms or name.lower() in self.deleted:
            return False, "AlreadyExists", f"The name '{name}' is already in use."
        return True, "", ""

    def count_used(self, subscription_id: str, location: str) -> int:
        """Count the HSMs that use a subscription's quota in a region: the soft-deleted ones do, too."""
        used = [*self.hsms.values(), *(item.hsm for item in self.deleted.values())]
        return sum((hsm.subscription_id, hsm.location) == (subscription_id, location) for hsm in used)

    def begin_deletion(self, hsm: HsmResource) -> Operation:
        """Begin to soft-delete an HSM; raises ServiceFault 409 while it has another region.

        All other regions must go first (source: Microsoft's documentation, multi-region-replication.md); which code
        Azure gives otherwise is an assumption.
        """
        if hsm.extended_regions:
            raise ServiceFault(409, "ConflictError", f"Remove the other regions of '{hsm.name}' first.")
        if hsm.deletion is None:
            seconds = self._duration("delete", self.timing.deletion_seconds)
            hsm.deletion = self.begin("Deleting", seconds, lambda: self._soft_delete(hsm))
        operation = self.begin_operation(hsm.subscription_id, hsm.location, hsm.deletion)
        operation.end_status = self.deletion_end_status
        return operation

    def begin_group_deletion(self, subscription: Subscription, group: ResourceGroup) -> Operation:
        """Begin to delete a resource group and soft-delete its HSMs; raises ServiceFault 409 where one cannot be."""
        hsms = self.list_in_group(subscription.id, group.name)
        for hsm in hsms:
            if hsm.extended_regions:
                message = f"Deletion of resource group '{group.name}' is blocked by '{hsm.resource_id}'."
                raise ServiceFault(409, "ResourceGroupDeletionBlocked", message)

        def end() -> None:
            if subscription.groups.get(group.name.lower()) is group:
                del subscription.groups[group.name.lower()]
                self.forget_neighbours(f"/subscriptions/{subscription.id}/resourceGroups/{group.name}")

        if group.deletion is None:
            for hsm in hsms:
                self.begin_deletion(hsm)
            group.deletion = self.begin("Deleting", self._duration("delete", self.timing.deletion_seconds), end)
        return self.begin_operation(subscription.id, group.location, group.deletion)

    def begin_purge(self, deleted: DeletedHsm) -> Operation:
        """Begin to purge a deleted HSM; raises ServiceFault 409 where purge protection holds."""
        hsm = deleted.hsm
        if hsm.properties.get("enablePurgeProtection"):
            message = f"Purge protection is enabled: '{hsm.name}' cannot be purged before its scheduled date."
            raise ServiceFault(409, "MethodNotAllowed", message)
        progress = never = self.timing.begin([("InProgress", NEVER)], "")
        if self.lost_purges:
            self.lost_purges -= 1
        else:
            if deleted.purge is None:
                deleted.purge = self.begin("InProgress", self.timing.purge_seconds, lambda: self._purge(deleted))
            progress = never if "purge" in self.never_ending else deleted.purge
        return self.begin_operation(hsm.subscription_id, hsm.location, progress)

    def begin_operation(
        self, subscription_id: str, location: str, progress: Transition, hsm: HsmResource | None = None
    ) -> Operation:
        """Begin a long-running operation whose last poll gives an HSM, or nothing."""
        operation = Operation(str(uuid.uuid4()), subscription_id, location, progress, hsm)
        self.operations[operation.id] = operation
        return operation

    def begin_provisioning(self, *, may_fail: bool) -> Transition:
        """Begin to bring an HSM up."""
        fails = may_fail and self.failures_to_come > 0
        if fails:
            self.failures_to_come -= 1
        seconds = self._duration("create", self.timing.provisioning_seconds)
        return self.timing.begin([("Provisioning", seconds)], "Failed" if fails else "Succeeded")

    def begin_connecting(self) -> Transition:
        """Begin to bring a private endpoint or a zone group up."""
        fails = self.network_failures_to_come > 0
        if fails:
            self.network_failures_to_come -= 1
        return self.timing.begin([("Updating", self.timing.network_seconds)], "Failed" if fails else "Succeeded")

    def begin_update(self) -> Transition:
        """Begin to change an HSM."""
        return self.timing.begin([("Updating", self.update_duration)], "Succeeded")

    @property
    def update_duration(self) -> float:
        """How long a change takes that begins now."""
        return self._duration("update", self.timing.update_seconds)

    def _duration(self, kind: str, seconds: float) -> float:
        return NEVER if kind in self.never_ending else seconds

    def begin(self, state: str, seconds: float, effect: Callable[[], None]) -> Transition:
        """Begin something that has an effect at its end."""
        progress = self.timing.begin([(state, seconds)], "Succeeded")
        self._agenda.plan(self.timing.clock.now() + seconds, effect)
        return progress

    def forget_neighbours(self, scope: str) -> None:
        """Have no more what is in a scope; what endpoints in it were connected to has no connection any more."""
        self._neighbours.forget_inside(scope)
        for hsm in self._hsms.values():
            gone = [name for name, item in hsm.connections.items() if is_inside(item.private_endpoint_id, scope)]
            for name in gone:
                del hsm.connections[name]

    def _soft_delete(self, hsm: HsmResource) -> None:
        if self._hsms.get(hsm.name) is not hsm:
            return
        del self._hsms[hsm.name]
        # Private endpoints must be made anew after a recovery (source: Microsoft's documentation, private-link.md).
        hsm.connections.clear()
        hsm.deletion = None
        self._keep_deleted(hsm, self.timing.clock.date())

    def _keep_deleted(self, hsm: HsmResource, deleted_at: datetime) -> None:
        deleted = DeletedHsm(hsm, deleted_at)
        self._deleted[hsm.name] = deleted
        self._agenda.plan(deleted.purge_at.timestamp(), lambda: self._purge(deleted))

    def _purge(self, deleted: DeletedHsm) -> None:
        if self._deleted.get(deleted.hsm.name) is deleted:
            del self._deleted[deleted.hsm.name]


def challenge(tenant_id: str) -> dict[str, str]:
    """Give the header with which ARM answers 401."""
    login = f"https://login.microsoftonline.com/{tenant_id}"
    return {"WWW-Authenticate": f'Bearer authorization_uri="{login}", error="invalid_token"'}

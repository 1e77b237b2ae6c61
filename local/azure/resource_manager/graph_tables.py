"""The tables of Resource Graph, as they are now or, as in reality, were some time ago."""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from local.azure.resource_manager.descriptions import describe_group, describe_hsm
from local.azure.resource_manager.hsm_resource import HsmResource
from local.azure.resource_manager.subscriptions import ResourceGroup, Subscription
from local.clock import Clock

# Whether each is a text. Source: Azure Resource Graph, understanding the query language; the same for both tables.
COLUMNS: Final = {
    **dict.fromkeys(("id", "name", "type", "tenantId", "kind", "location", "resourceGroup"), True),
    **dict.fromkeys(("subscriptionId", "managedBy"), True),
    **dict.fromkeys(("sku", "plan", "properties", "tags", "identity", "zones", "extendedLocation"), False),
}


class Entry(NamedTuple):
    """A row, with what a caller must be allowed to do to see it."""

    subscription_id: str
    scope: str
    action: str
    row: dict[str, Any]


class Tables(NamedTuple):
    """All rows that there are, whoever may see them."""

    resources: list[Entry]
    resourcecontainers: list[Entry]


class Graph:
    """Gives the tables; if they lag behind, as they were found when a request to ARM had been answered.

    What changes by itself is found by the next request, and lags from then on.
    """

    def __init__(self, clock: Clock, read: Callable[[], Tables]) -> None:
        self._clock = clock
        self._read = read
        self._lag = 0.0
        self._copies: list[tuple[float, Tables]] = []

    def change_lag(self, seconds: float) -> None:
        """Say how far the tables lag behind from now on, beginning with what is there now."""
        self._lag = seconds
        self._copies = []
        self.notice()

    def notice(self) -> None:
        """Find what there is now."""
        if not self._lag:
            return
        self._copies.append((self._clock.now(), self._read()))
        due = [copy for copy in self._copies if copy[0] <= self._clock.now() - self._lag]
        # The last one that is due stands for all before it.
        self._copies = self._copies[max(0, len(due) - 1) :]

    def read(self) -> Tables:
        """Give the tables."""
        self.notice()
        return self._copies[0][1] if self._lag else self._read()


def make_tables(subscriptions: Iterable[Subscription], hsms: Iterable[HsmResource]) -> Tables:
    """Make the tables of what there is."""
    known = {subscription.id: subscription for subscription in subscriptions}
    containers = []
    for subscription in known.values():
        containers.append(_enter_subscription(subscription))
        containers += [_enter_group(subscription, group) for group in subscription.groups.values()]
    return Tables([_enter_hsm(known[hsm.subscription_id], hsm) for hsm in hsms], containers)


def _enter_hsm(subscription: Subscription, hsm: HsmResource) -> Entry:
    document = describe_hsm(hsm, subscription.tenant_id)
    members = {name: document.get(name) for name in ("id", "name", "location", "sku", "properties", "tags", "identity")}
    row = _make_row(
        subscription, type="microsoft.keyvault/managedhsms", resourceGroup=hsm.resource_group.lower(), **members
    )
    return Entry(subscription.id, hsm.resource_id, "Microsoft.KeyVault/managedHSMs/read", row)


def _enter_group(subscription: Subscription, group: ResourceGroup) -> Entry:
    document = describe_group(subscription, group)
    members = {name: document[name] for name in ("id", "name", "location", "properties", "tags")}
    kind = "microsoft.resources/subscriptions/resourcegroups"
    row = _make_row(subscription, type=kind, resourceGroup=group.name.lower(), **members)
    return Entry(subscription.id, str(row["id"]), "Microsoft.Resources/subscriptions/resourceGroups/read", row)


def _enter_subscription(subscription: Subscription) -> Entry:
    ancestors = [{"displayName": group.display_name, "name": group.name} for group in subscription.management_groups]
    row = _make_row(
        subscription,
        id=f"/subscriptions/{subscription.id}",
        name=subscription.display_name,
        type="microsoft.resources/subscriptions",
        properties={"managementGroupAncestorsChain": ancestors, "state": subscription.state},
        tags=subscription.tags,
    )
    return Entry(subscription.id, str(row["id"]), "Microsoft.Resources/subscriptions/read", row)


def _make_row(subscription: Subscription, **members: Any) -> dict[str, Any]:
    empty = dict.fromkeys(COLUMNS) | dict.fromkeys(("kind", "location", "resourceGroup", "managedBy"), "")
    row = {**empty, "tenantId": subscription.tenant_id, "subscriptionId": subscription.id, **members}
    return {**row, "tags": row["tags"] or None}

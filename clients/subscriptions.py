"""What Azure says of a subscription itself: whose it is, its tags and place, and what it is registered for."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from clients import resource_graph
from clients.arm import ask, post, resources_of
from clients.azure_errors import our_errors

REGISTERED: Final = "Registered"
REGISTERING: Final = "Registering"
ENABLED: Final = "Enabled"
_KEY_VAULT: Final = "Microsoft.KeyVault"
_GRAPH: Final = "/providers/Microsoft.ResourceGraph/resources"
_GRAPH_VERSION: Final = "2022-10-01"
_SUBSCRIPTIONS: Final = "resourcecontainers | where type =~ 'microsoft.resources/subscriptions'"
_WHERE: Final = f"{_SUBSCRIPTIONS} | project id, properties"
_ENABLED_IN_ORDER: Final = (
    f"{_SUBSCRIPTIONS} and properties.state =~ 'Enabled' | project id, subscriptionId, tenantId, tags, properties "
    "| order by id asc"
)


class Subscription(NamedTuple):
    """A subscription as ARM describes it."""

    tenant_id: str
    state: str
    tags: dict[str, str]


def find_subscription(subscription_id: str) -> Subscription | None:
    """Read a subscription; None where it is not one that we can see.

    ARM answers 401 `InvalidAuthenticationTokenTenant` for a subscription of another tenant, 404 for one that there is
    not (source: Azure Resource Manager, Subscriptions - Get). Raises ServiceError `azure_forbidden` where we may not.
    """
    with our_errors("read the subscription"):
        status, document = ask(subscription_id, f"/subscriptions/{subscription_id}", "2022-12-01")
    if status != 200:
        return None
    return Subscription(str(document["tenantId"]).lower(), str(document["state"]), document.get("tags") or {})


class ListedSubscription(NamedTuple):
    """A subscription as Resource Graph, which lags, has it: a hint, and never an answer."""

    subscription_id: str
    tenant_id: str
    tags: dict[str, str]
    management_groups: list[str]


def list_enabled_subscriptions() -> Iterator[ListedSubscription]:
    """List the enabled subscriptions that the service may read; raises ServiceError where Resource Graph gives none."""
    yield from map(_read_row, resource_graph.query(_ENABLED_IN_ORDER, "list the subscriptions"))


def _read_row(row: dict[str, Any]) -> ListedSubscription:
    return ListedSubscription(
        str(row["subscriptionId"]).lower(),
        str(row["tenantId"]).lower(),
        row.get("tags") or {},
        _names_of_groups(row),
    )


def find_management_groups(subscription_id: str) -> list[str]:
    """Name the management groups above a subscription; none while Resource Graph, which lags, does not know it.

    Source: Azure Resource Graph, table `resourcecontainers`, `managementGroupAncestorsChain`.
    """
    question = {"query": _WHERE, "subscriptions": [subscription_id]}
    with our_errors("find the management groups of the subscription"):
        _, document = post(subscription_id, _GRAPH, _GRAPH_VERSION, question)
    return [name for row in document.get("data", []) for name in _names_of_groups(row)]


def _names_of_groups(row: dict[str, Any]) -> list[str]:
    return [str(group["name"]) for group in row["properties"].get("managementGroupAncestorsChain") or []]


def find_registration(subscription_id: str) -> str:
    """Say how a subscription's registration for Microsoft.KeyVault is, in Azure's word."""
    with our_errors("read the provider Microsoft.KeyVault"):
        return str(resources_of(subscription_id).providers.get(_KEY_VAULT).registration_state)


def register(subscription_id: str) -> None:
    """Ask for a subscription's registration for Microsoft.KeyVault, and do not wait for it."""
    with our_errors("register the subscription for Microsoft.KeyVault"):
        resources_of(subscription_id).providers.register(_KEY_VAULT)

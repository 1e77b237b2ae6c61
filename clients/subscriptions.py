"""What Azure says of a subscription itself: whose it is, its tags and place, and what it is registered for."""

from typing import Final, NamedTuple

from clients.arm import ask, post, resources_of
from clients.azure_errors import our_errors

REGISTERED: Final = "Registered"
REGISTERING: Final = "Registering"
ENABLED: Final = "Enabled"
_KEY_VAULT: Final = "Microsoft.KeyVault"
_WHERE: Final = "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project id, properties"


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


def find_management_groups(subscription_id: str) -> list[str]:
    """Name the management groups above a subscription; none while Resource Graph, which lags, does not know it.

    Source: Azure Resource Graph, table `resourcecontainers`, `managementGroupAncestorsChain`.
    """
    question = {"query": _WHERE, "subscriptions": [subscription_id]}
    with our_errors("find the management groups of the subscription"):
        _, document = post(subscription_id, "/providers/Microsoft.ResourceGraph/resources", "2022-10-01", question)
    return [
        str(group["name"])
        for row in document.get("data", [])
        for group in row["properties"].get("managementGroupAncestorsChain") or []
    ]


def find_registration(subscription_id: str) -> str:
    """Say how a subscription's registration for Microsoft.KeyVault is, in Azure's word."""
    with our_errors("read the provider Microsoft.KeyVault"):
        return str(resources_of(subscription_id).providers.get(_KEY_VAULT).registration_state)


def register(subscription_id: str) -> None:
    """Ask for a subscription's registration for Microsoft.KeyVault, and do not wait for it."""
    with our_errors("register the subscription for Microsoft.KeyVault"):
        resources_of(subscription_id).providers.register(_KEY_VAULT)

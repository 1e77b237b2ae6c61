"""Subscriptions with their resource groups, and who may do what in them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from local.azure.core.errors import ServiceFault
from local.azure.core.transitions import Transition
from local.azure.resource_manager.activity_log import ActivityLog
from local.azure.resource_manager.locks import Locks
from local.azure.resource_manager.roles import Grant, Role, find_grant

# As azure-mgmt-subscription has them.
SubscriptionState = Literal["Enabled", "Warned", "PastDue", "Disabled", "Deleted"]
_READ_ONLY: Final = frozenset({"Warned", "Disabled", "Deleted"})


class ManagementGroup(NamedTuple):
    """A management group above a subscription: its name, which is its id, and its display name."""

    name: str
    display_name: str


@dataclass
class ResourceGroup:
    """A resource group."""

    name: str
    location: str
    tags: dict[str, str]
    deletion: Transition | None = None

    @property
    def state(self) -> str:
        """The provisioning state."""
        return "Succeeded" if self.deletion is None else self.deletion.state


@dataclass
class Subscription:
    """A subscription: the roles of principals in all of it, and on single resources or resource groups of it.

    Its management groups are the nearest first, as Resource Graph tells of them.
    """

    id: str
    tenant_id: str
    registered: bool = True
    roles: dict[str, Role] = field(default_factory=dict)
    resource_roles: dict[tuple[str, str], Role] = field(default_factory=dict)
    groups: dict[str, ResourceGroup] = field(default_factory=dict)
    display_name: str = "Local subscription"
    state: SubscriptionState = "Enabled"
    tags: dict[str, str] = field(default_factory=dict)
    management_groups: list[ManagementGroup] = field(default_factory=list)
    registration: Transition | None = None
    locks: Locks = field(default_factory=Locks)
    activities: ActivityLog = field(default_factory=ActivityLog, repr=False)

    @property
    def registration_state(self) -> str:
        """The state of the registration for Microsoft.KeyVault."""
        if self.registration is not None and not self.registration.ended:
            return self.registration.state
        return "Registered" if self.registered else "NotRegistered"

    def find_grants(self, principals: Collection[str], scope: str) -> list[Grant]:
        """Give what principals are granted at a scope, there and above."""
        roles = [self.roles[principal] for principal in principals if principal in self.roles]
        inside = f"{scope}/".lower()
        for (place, principal), role in self.resource_roles.items():
            if principal in principals and inside.startswith(f"{place}/".lower()):
                roles.append(role)
        return [find_grant(role) for role in roles]

    def is_visible_to(self, principals: Collection[str]) -> bool:
        """Say whether principals see the subscription: who has a role anywhere in it does."""
        return any(principal in principals for principal in (*self.roles, *(who for _, who in self.resource_roles)))

    def find_group(self, name: str) -> ResourceGroup:
        """Find a resource group; raises ServiceFault 404."""
        group = self.groups.get(name.lower())
        if group is None:
            raise ServiceFault(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        return group

    def require_enabled(self, action: str) -> None:
        """Refuse to write in a subscription that is read only; raises ServiceFault 409."""
        if self.state in _READ_ONLY and action.lower().endswith(("/write", "/action")):
            message = (
                f"The subscription '{self.id}' is disabled and therefore marked as read only. You cannot perform any "
                "write actions on this subscription until it is re-enabled."
            )
            raise ServiceFault(409, "ReadOnlyDisabledSubscription", message)

    def require_registration(self) -> None:
        """Refuse what needs the provider Microsoft.KeyVault; raises ServiceFault 409."""
        if not self.registered:
            message = (
                "The subscription is not registered to use namespace 'Microsoft.KeyVault'. "
                "See https://aka.ms/rps-not-found for how to register subscriptions."
            )
            raise ServiceFault(409, "MissingSubscriptionRegistration", message)

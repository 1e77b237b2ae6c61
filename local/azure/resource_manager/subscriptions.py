"""Subscriptions with their resource groups, and who may do what in them."""

from collections.abc import Collection
from dataclasses import dataclass, field

from local.azure.core.errors import ServiceFault
from local.azure.core.transitions import Transition
from local.azure.resource_manager.roles import Grant, Role, find_grant


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
    """A subscription: the roles of principals in all of it, and on single resources or resource groups of it."""

    id: str
    tenant_id: str
    registered: bool = True
    roles: dict[str, Role] = field(default_factory=dict)
    resource_roles: dict[tuple[str, str], Role] = field(default_factory=dict)
    groups: dict[str, ResourceGroup] = field(default_factory=dict)

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

    def require_registration(self) -> None:
        """Refuse what needs the provider Microsoft.KeyVault; raises ServiceFault 409."""
        if not self.registered:
            message = (
                "The subscription is not registered to use namespace 'Microsoft.KeyVault'. "
                "See https://aka.ms/rps-not-found for how to register subscriptions."
            )
            raise ServiceFault(409, "MissingSubscriptionRegistration", message)

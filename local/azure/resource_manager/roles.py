"""Azure roles: which control plane actions they grant."""

import fnmatch
from collections.abc import Sequence
from typing import Final, NamedTuple


class Grant(NamedTuple):
    """The actions that a role grants, but for those that it leaves out."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Say whether an action is granted; `*` stands for anything, and case does not matter."""
        return _matches(self.actions, action) and not _matches(self.not_actions, action)


# Either the name of a built-in role, or the actions of a custom one.
type Role = str | Sequence[str]

# Source: Microsoft's documentation, Azure built-in roles.
BUILT_IN_ROLES: Final = {
    "Owner": Grant(("*",)),
    "Contributor": Grant(
        ("*",),
        (
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
        ),
    ),
    "Reader": Grant(("*/read",)),
    "Network Contributor": Grant(
        (
            "Microsoft.Authorization/*/read",
            "Microsoft.Network/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        )
    ),
    "Private DNS Zone Contributor": Grant(
        (
            "Microsoft.Authorization/*/read",
            "Microsoft.Network/privateDnsZones/*",
            "Microsoft.Network/privateDnsOperationResults/*",
            "Microsoft.Network/privateDnsOperationStatuses/*",
            "Microsoft.Network/virtualNetworks/read",
            "Microsoft.Network/virtualNetworks/join/action",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        )
    ),
    "Monitoring Contributor": Grant(
        (
            "*/read",
            "Microsoft.Insights/actionGroups/*",
            "Microsoft.Insights/activityLogAlerts/*",
            "Microsoft.Insights/diagnosticSettings/*",
            "Microsoft.Insights/metricAlerts/*",
            "Microsoft.Insights/scheduledQueryRules/*",
            "Microsoft.OperationalInsights/workspaces/write",
            "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
        )
    ),
    "Managed HSM contributor": Grant(
        (
            "Microsoft.KeyVault/managedHSMs/*",
            "Microsoft.KeyVault/deletedManagedHsms/read",
            "Microsoft.KeyVault/locations/deletedManagedHsms/read",
            "Microsoft.KeyVault/locations/deletedManagedHsms/purge/action",
            "Microsoft.KeyVault/locations/managedHsmOperationResults/read",
        )
    ),
}


def find_grant(role: Role) -> Grant:
    """Give what a role grants; raises KeyError for a name that is no built-in role's."""
    return BUILT_IN_ROLES[role] if isinstance(role, str) else Grant(tuple(role))


def _matches(patterns: tuple[str, ...], action: str) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)

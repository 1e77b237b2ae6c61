"""The versions of ARM's APIs that no SDK of ours knows: each the newest stable one that the provider documents."""

from typing import Final

# Source: Azure REST API reference and Azure/azure-rest-api-specs, by provider.
API_VERSIONS: Final = {
    "Microsoft.Authorization/locks": "2020-05-01",
    "Microsoft.Authorization/permissions": "2022-04-01",
    "Microsoft.EventHub/namespaces/authorizationRules": "2024-01-01",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/activityLogAlerts": "2020-10-01",
    # There is no stable version with groups of categories.
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/metricAlerts": "2018-03-01",
    "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
    "Microsoft.Network/privateDnsZones": "2024-06-01",
    "Microsoft.Network/privateEndpoints": "2024-05-01",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "2024-05-01",
    "Microsoft.Network/virtualNetworks": "2024-05-01",
    "Microsoft.Network/virtualNetworks/subnets": "2024-05-01",
    "Microsoft.OperationalInsights/workspaces": "2023-09-01",
    "Microsoft.Storage/storageAccounts": "2024-01-01",
}
"""By the types of resources."""

_BY_LOWER_CASE: Final = {kind.lower(): version for kind, version in API_VERSIONS.items()}


def version_of(resource_id: str) -> str:
    """Give the version in which a resource is asked about; raises KeyError for a type that is not listed."""
    # What extends another resource has that one's id before its own provider.
    provider, *rest = resource_id.lower().rpartition("/providers/")[2].split("/")
    return _BY_LOWER_CASE["/".join([provider, *rest[::2]])]

"""A request for an HSM with everything that can be asked for, and the hub that it is connected to."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from local.policy import policy
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.test_decommission import PERSON
from tests.test_restore_backup import GROUP, make_identities

PREFIX: Final = "Microsoft.KeyVault/managedHsm/keys"
RELEASE: Final = {"version": "1.0.0", "anyOf": [{"authority": "https://a.attest.azure.net"}]}
# Who comes over the internet is at home in none of these.
IP_RULE: Final = "203.0.113.0/24"


class Hub(NamedTuple):
    """What others own: a network with its zone, where logs and alerts go, identities, and a container for backups."""

    stack: Stack
    consumer: str
    auditors: str

    @property
    def _subscription(self) -> str:
        return f"/subscriptions/{self.stack.azure.endpoints.subscription_id}"

    @property
    def _providers(self) -> str:
        return f"{self._subscription}/resourceGroups/rg-hub/providers"

    @property
    def network(self) -> str:
        return f"{self._providers}/Microsoft.Network/virtualNetworks/hub"

    @property
    def zone(self) -> str:
        return f"{self._providers}/Microsoft.Network/privateDnsZones/privatelink.managedhsm.azure.net"

    @property
    def diagnostics(self) -> dict[str, str]:
        return {
            "workspace": f"{self._providers}/Microsoft.OperationalInsights/workspaces/logs",
            "storageAccount": f"{self._providers}/Microsoft.Storage/storageAccounts/contosologs",
            "eventHubRule": f"{self._providers}/Microsoft.EventHub/namespaces/siem/authorizationRules/send",
        }

    @property
    def action_group(self) -> str:
        return f"{self._providers}/Microsoft.Insights/actionGroups/on-call"

    @property
    def container(self) -> str:
        return f"{self.stack.azure.endpoints.storage_account_url}/handed-over"

    def identity(self, name: str) -> str:
        provider = "Microsoft.ManagedIdentity/userAssignedIdentities"
        return f"{self._subscription}/resourceGroups/{GROUP}/providers/{provider}/{name}"

    def subnet(self, name: str) -> str:
        return f"{self.network}/subnets/{name}"

    @property
    def policy(self) -> str:
        linked = [*self.diagnostics.values(), self.action_group, self.subnet("endpoints"), self.zone]
        return policy(
            environments={"trial": {"temporaryOpeningAllowed": True}},
            linkedResources=linked,
            identities=[self.identity("team")],
            backupPlaces=[{"container": self.container, "identity": self.identity("backup")}],
        )


def make_hub(stack: Stack) -> Hub:
    """Have a hub, in whose network the service is."""
    control = stack.control
    hub = Hub(stack, control.create_application("consumer", {}).object_id, control.create_group("auditors"))
    subnets: list[dict[str, Any]] = [
        {"name": name, "properties": {"addressPrefix": f"10.9.{number}.0/24"}}
        for number, name in enumerate(("endpoints", "functions", "operators"))
    ]
    services = [{"service": "Microsoft.KeyVault"}]
    subnets.append({"name": "apps", "properties": {"addressPrefix": "10.9.9.0/24", "serviceEndpoints": services}})
    control.plant_resource(hub.network, addressSpace={"addressPrefixes": ["10.9.0.0/16"]}, subnets=subnets)
    control.plant_resource(hub.zone)
    control.plant_resource(f"{hub.zone}/virtualNetworkLinks/hub", virtualNetwork={"id": hub.network})
    for resource in (*hub.diagnostics.values(), hub.action_group):
        control.plant_resource(resource)
    make_identities(stack, hub.identity("team"), hub.identity("backup"))
    stored.service(stack).create_container("handed-over")
    control.integrate(stack.azure.endpoints.identity_object_id, hub.subnet("functions"))
    return hub


def ask_for_everything(hub: Hub, hsm: str, custodians: Sequence[Custodian], administrator: str) -> dict[str, Any]:
    """Give a request that has every member there is; lists whose order means nothing are sorted."""
    certificate = hub.stack.control.plant_certificate("custodians", hsm, custodians[2].pem)
    body = request_for(
        hub.stack,
        custodians,
        sku="Standard_B1",
        administrators=[administrator],
        softDeleteRetentionDays=30,
        purgeProtection=True,
        publicNetworkAccess="Disabled",
        network={
            "defaultAction": "Deny",
            "ipRules": [IP_RULE],
            "virtualNetworkRules": [hub.subnet("apps")],
            "serviceTags": ["AzureDevOps"],
            "bypass": "None",
        },
        identities=[hub.identity("team")],
        additionalRegions=["swedencentral"],
        environment="trial",
        expiresAt="2031-01-01T00:00:00Z",
        requestedBy=PERSON,
        team="team-a",
        handover=_hand_over(hub),
    )
    body["securityDomain"]["wrappingKeys"][2] = {"custodian": custodians[2].name, "certificateId": certificate}
    return body


def _hand_over(hub: Hub) -> dict[str, Any]:
    return {
        "privateEndpoints": [
            {"subnet": hub.subnet("endpoints")},
            {"name": "pe-operators", "subnet": hub.subnet("endpoints"), "privateDnsZone": hub.zone},
        ],
        "temporaryOpening": {"ipRule": "198.51.100.7/32", "minutes": 5},
        "localRoleDefinitions": [
            {
                "name": "Signers",
                "description": "Sign documents.",
                "dataActions": [f"{PREFIX}/encrypt/action", f"{PREFIX}/sign/action"],
                "notDataActions": [f"{PREFIX}/encrypt/action"],
            }
        ],
        "localRoleAssignments": [
            {"principalId": hub.auditors, "role": "Managed HSM Crypto Auditor", "scope": "/"},
            {"principalId": hub.consumer, "role": "Signers", "scope": "/keys"},
        ],
        "settings": {"allowKeyManagementOperationsThroughARM": True},
        "keys": [
            {
                "name": "disks",
                "size": 2048,
                "operations": ["unwrapKey", "wrapKey"],
                "rotateAfterDays": 365,
                "consumers": [{"principalId": hub.consumer, "role": "Managed HSM Crypto Service Encryption User"}],
            },
            {"name": "documents", "type": "EC-HSM", "curve": "P-384"},
            {"name": "released", "type": "oct-HSM", "exportable": True, "releasePolicy": RELEASE},
        ],
        "diagnostics": {**hub.diagnostics, "eventHub": "audit", "metrics": False},
        "alerts": {
            "actionGroup": hub.action_group,
            "availabilityBelowPercent": 95,
            "latencyAboveMilliseconds": 500,
            "activity": True,
            "auditLog": True,
        },
        "fullBackup": {"container": hub.container, "everyHours": 24, "alertAfterHours": 72},
        "lock": {"level": "CanNotDelete"},
        "administration": {"giveUp": True, "keepBackup": True, "keepAudit": True},
    }

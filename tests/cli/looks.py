"""Where the Azure CLI shows each member of the request that an HSM came of."""

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from domain.handover.local_roles import ADMINISTRATOR, AUDITOR, BACKUP_USER
from tests.cli.handed_over import GROUP, HSM, HandedOver

SETTING: Final = "AllowKeyManagementOperationsThroughARM"

type Look = Callable[[HandedOver], Any]


def _resource(hsm: HandedOver) -> Any:
    return hsm.on_hsm("show")


def _property(name: str) -> Look:
    return lambda hsm: _resource(hsm)["properties"][name]


def _rules(name: str, member: str) -> Look:
    return lambda hsm: [rule[member] for rule in hsm.on_hsm("network-rule", "list")[name]]


def _attached(hsm: HandedOver) -> list[str]:
    """The identities of the HSM, but for the one with which it reaches its backups."""
    return [name for name in _resource(hsm)["identity"]["userAssignedIdentities"] if name != hsm.hub.identity("backup")]


def _other_regions(hsm: HandedOver) -> list[str]:
    return [region["name"] for region in hsm.on_hsm("region", "list") if not region["isPrimary"]]


def _said_by_the_service(name: str) -> Look:
    """What Azure knows nothing of."""
    return lambda hsm: hsm.shown[name]


def _planned(member: str) -> Look:
    """What is there for a while only, and was approved."""
    return lambda hsm: hsm.operation["plan"]["handover"]["temporaryOpening"][member]


def _security_domain(hsm: HandedOver) -> dict[str, Any]:
    """What is stored of the security domain, in the place that the sheet names."""
    file = hsm.cli.home / "security-domain.json"
    blob = ("--blob-url", hsm.sheet["securityDomain"]["blobUrl"], "--auth-mode", "login")
    hsm.read("storage", "blob", "download", *blob, "--file", str(file), "--no-progress")
    shared: dict[str, Any] = json.loads(file.read_text())["SharedKeys"]
    return shared


def _wraps(member: str) -> Look:
    """The wrapping keys as they were asked for, where the stored security domain has a share for each."""

    def look(hsm: HandedOver) -> list[Any]:
        shares = [share["x5t_256"] for share in _security_domain(hsm)["enc_shares"]]
        keys = zip(hsm.asked["securityDomain"]["wrappingKeys"], hsm.custodians, strict=True)
        return [key.get(member) if custodian.thumbprint in shares else "no share" for key, custodian in keys]

    return look


def endpoints(hsm: HandedOver) -> list[dict[str, Any]]:
    """The private endpoints in the HSM's group, by their names."""
    listed = hsm.read("network", "private-endpoint", "list", "--resource-group", GROUP)
    return sorted(listed, key=lambda endpoint: str(endpoint["name"]))


def _zone(hsm: HandedOver, endpoint: str) -> str | None:
    where = ("--resource-group", GROUP, "--endpoint-name", endpoint)
    groups = hsm.read("network", "private-endpoint", "dns-zone-group", "list", *where)
    zones = [str(config["privateDnsZoneId"]) for group in groups for config in group["privateDnsZoneConfigs"]]
    return zones[0] if zones else None


def assignments(hsm: HandedOver) -> list[dict[str, Any]]:
    """All role assignments of the HSM."""
    listed: list[dict[str, Any]] = hsm.on_hsm("role", "assignment", "list")
    return listed


def _assigned(member: str) -> Look:
    """Of what others than administrators and the service were given, by the names of the roles."""

    def look(hsm: HandedOver) -> list[Any]:
        others = {hsm.hub.auditors, hsm.hub.consumer}
        given = [item for item in assignments(hsm) if item["principalId"] in others]
        given = [item for item in given if not item["scope"].startswith("/keys/")]
        return [item[member] for item in sorted(given, key=lambda item: str(item["roleName"]))]

    return look


def service_roles(hsm: HandedOver) -> set[tuple[str, str]]:
    """The roles that the service still has, each with its scope."""
    own = [item for item in assignments(hsm) if item["principalId"] == hsm.service]
    return {(item["roleDefinitionId"].rpartition("/")[2], item["scope"]) for item in own}


def _keeps(role: str) -> Look:
    return lambda hsm: role in {kept for kept, _ in service_roles(hsm)}


def _administrators(hsm: HandedOver) -> list[str]:
    all_of_them = [item for item in assignments(hsm) if item["roleDefinitionId"].endswith(ADMINISTRATOR)]
    return [item["principalId"] for item in all_of_them]


def definitions(hsm: HandedOver) -> list[dict[str, Any]]:
    """The HSM's own roles."""
    listed: list[dict[str, Any]] = hsm.on_hsm("role", "definition", "list", "--custom-role-only", "true")
    return listed


def _defined(member: str) -> Look:
    return lambda hsm: [item[member] for item in definitions(hsm)]


def _permitted(member: str) -> Look:
    return lambda hsm: [sorted(item["permissions"][0][member]) for item in definitions(hsm)]


def _names_of_keys(hsm: HandedOver) -> list[str]:
    return sorted(str(item["name"]) for item in hsm.on_hsm("key", "list"))


def keys(hsm: HandedOver) -> list[dict[str, Any]]:
    """The HSM's keys, by their names."""
    return [hsm.on_hsm("key", "show", "--name", name) for name in _names_of_keys(hsm)]


def _of_keys(look: Callable[[dict[str, Any]], Any]) -> Look:
    return lambda hsm: [look(key) for key in keys(hsm)]


def _size(key: dict[str, Any]) -> int | None:
    modulus = key["key"]["n"]
    return len(base64.b64decode(modulus).lstrip(b"\0")) * 8 if modulus else None


def _release_policy(key: dict[str, Any]) -> Any:
    policy = key["releasePolicy"]
    return json.loads(policy["encodedPolicy"]) if policy else None


def _rotation_days(hsm: HandedOver) -> list[int | None]:
    policies = [hsm.on_hsm("key", "rotation-policy", "show", "--name", name) for name in _names_of_keys(hsm)]
    times = [[action["timeAfterCreate"] for action in policy["lifetimeActions"]] for policy in policies]
    return [int(after[0].strip("PD")) if after else None for after in times]


def _consumers(member: str) -> Look:
    return lambda hsm: [
        [item[member] for item in assignments(hsm) if item["scope"] == f"/keys/{name}"] for name in _names_of_keys(hsm)
    ]


def diagnostic_setting(hsm: HandedOver) -> dict[str, Any]:
    """The one diagnostic setting of the HSM."""
    (setting,) = hsm.read("monitor", "diagnostic-settings", "list", "--resource", hsm.sheet["resourceId"])
    return dict(setting)


def _sent(name: str) -> Look:
    return lambda hsm: diagnostic_setting(hsm)[name]


def alert_rules(hsm: HandedOver, kind: str) -> list[dict[str, Any]]:
    """The alert rules of a kind in the HSM's group."""
    if kind == "scheduledQueryRules":
        # For these the CLI has an extension only.
        group = hsm.sheet["resourceId"].partition("/providers/")[0]
        url = f"https://management.azure.com{group}/providers/Microsoft.Insights/{kind}?api-version=2023-12-01"
        return list(hsm.read("rest", "--method", "get", "--url", url)["value"])
    return list(hsm.read("monitor", *kind.split(), "alert", "list", "--resource-group", GROUP))


def _threshold(metric: str) -> Look:
    def look(hsm: HandedOver) -> int:
        criteria = [item for rule in alert_rules(hsm, "metrics") for item in rule["criteria"]["allOf"]]
        (found,) = (item["threshold"] for item in criteria if item["metricName"] == metric)
        return int(found)

    return look


def _told(hsm: HandedOver) -> str:
    (group,) = {action["actionGroupId"] for rule in alert_rules(hsm, "metrics") for action in rule["actions"]}
    return str(group)


def blobs(hsm: HandedOver) -> list[str]:
    """The names of the blobs of the HSM's full backups."""
    account, container = hsm.hub.container.removeprefix("https://").split("/")
    place = ("--account-name", account.partition(".")[0], "--container-name", container, "--auth-mode", "login")
    return [item["name"] for item in hsm.read("storage", "blob", "list", *place, "--prefix", f"mhsm-{HSM}-")]


def _backed_up(member: str) -> Look:
    return lambda hsm: hsm.sheet["asked"]["fullBackup"][member]


def locks(hsm: HandedOver) -> list[dict[str, Any]]:
    """The locks on the HSM."""
    named = ("--resource-name", HSM, "--resource-type", "Microsoft.KeyVault/managedHSMs", "--resource-group", GROUP)
    return list(hsm.read("lock", "list", *named))


LOOKS: Final[dict[str, Look]] = {
    "subscriptionId": lambda hsm: _resource(hsm)["id"].split("/")[2],
    "resourceGroup": lambda hsm: _resource(hsm)["id"].split("/")[4],
    "location": lambda hsm: _resource(hsm)["location"],
    "sku": lambda hsm: _resource(hsm)["sku"]["name"],
    "administrators": _administrators,
    "softDeleteRetentionDays": _property("softDeleteRetentionInDays"),
    "purgeProtection": _property("enablePurgeProtection"),
    "publicNetworkAccess": _property("publicNetworkAccess"),
    "network.defaultAction": lambda hsm: hsm.on_hsm("network-rule", "list")["defaultAction"],
    "network.ipRules": _rules("ipRules", "value"),
    "network.virtualNetworkRules": _rules("virtualNetworkRules", "id"),
    "network.serviceTags": _rules("serviceTags", "tag"),
    "network.bypass": lambda hsm: hsm.on_hsm("network-rule", "list")["bypass"],
    "identities": _attached,
    "additionalRegions": _other_regions,
    "tags": lambda hsm: _resource(hsm)["tags"],
    "environment": _said_by_the_service("environment"),
    "expiresAt": lambda hsm: f"{datetime.fromisoformat(hsm.shown['expiresAt']):%Y-%m-%dT%H:%M:%SZ}",
    "team": _said_by_the_service("team"),
    "requestedBy": lambda hsm: hsm.operation["requestedBy"],
    "securityDomain.quorum": lambda hsm: _security_domain(hsm)["required"],
    "securityDomain.wrappingKeys[].custodian": _wraps("custodian"),
    "securityDomain.wrappingKeys[].certificateId": _wraps("certificateId"),
    "securityDomain.wrappingKeys[].pem": _wraps("pem"),
    "handover.privateEndpoints[].subnet": lambda hsm: [item["subnet"]["id"] for item in endpoints(hsm)],
    "handover.privateEndpoints[].privateDnsZone": lambda hsm: [_zone(hsm, item["name"]) for item in endpoints(hsm)],
    "handover.privateEndpoints[].name": lambda hsm: [item["name"] for item in endpoints(hsm)],
    "handover.temporaryOpening.ipRule": _planned("ipRule"),
    "handover.temporaryOpening.minutes": _planned("minutes"),
    "handover.localRoleDefinitions[].name": _defined("roleName"),
    "handover.localRoleDefinitions[].description": _defined("description"),
    "handover.localRoleDefinitions[].dataActions": _permitted("dataActions"),
    "handover.localRoleDefinitions[].notDataActions": _permitted("notDataActions"),
    "handover.localRoleAssignments[].principalId": _assigned("principalId"),
    "handover.localRoleAssignments[].role": _assigned("roleName"),
    "handover.localRoleAssignments[].scope": _assigned("scope"),
    "handover.settings.allowKeyManagementOperationsThroughARM": lambda hsm: (
        hsm.on_hsm("setting", "show", "--name", SETTING)["value"] == "true"
    ),
    "handover.keys[].name": _names_of_keys,
    "handover.keys[].type": _of_keys(lambda key: key["key"]["kty"]),
    "handover.keys[].size": _of_keys(_size),
    "handover.keys[].curve": _of_keys(lambda key: key["key"]["crv"]),
    "handover.keys[].operations": _of_keys(lambda key: sorted(key["key"]["keyOps"])),
    "handover.keys[].rotateAfterDays": _rotation_days,
    "handover.keys[].exportable": _of_keys(lambda key: key["attributes"]["exportable"]),
    "handover.keys[].releasePolicy": _of_keys(_release_policy),
    "handover.keys[].consumers[].principalId": _consumers("principalId"),
    "handover.keys[].consumers[].role": _consumers("roleName"),
    "handover.diagnostics.workspace": _sent("workspaceId"),
    "handover.diagnostics.storageAccount": _sent("storageAccountId"),
    "handover.diagnostics.eventHubRule": _sent("eventHubAuthorizationRuleId"),
    "handover.diagnostics.eventHub": _sent("eventHubName"),
    "handover.diagnostics.metrics": lambda hsm: any(item["enabled"] for item in diagnostic_setting(hsm)["metrics"]),
    "handover.alerts.actionGroup": _told,
    "handover.alerts.availabilityBelowPercent": _threshold("Availability"),
    "handover.alerts.latencyAboveMilliseconds": _threshold("ServiceApiLatency"),
    "handover.alerts.activity": lambda hsm: len(alert_rules(hsm, "activity-log")) == len(("changes", "purge")),
    "handover.alerts.auditLog": lambda hsm: len(alert_rules(hsm, "scheduledQueryRules")) == 1,
    "handover.fullBackup.container": lambda hsm: hsm.hub.container if blobs(hsm) else None,
    "handover.fullBackup.everyHours": _backed_up("everyHours"),
    "handover.fullBackup.alertAfterHours": _backed_up("alertAfterHours"),
    "handover.lock.level": lambda hsm: ", ".join(lock["level"] for lock in locks(hsm)),
    "handover.administration.giveUp": lambda hsm: hsm.service not in _administrators(hsm),
    "handover.administration.keepBackup": _keeps(BACKUP_USER),
    "handover.administration.keepAudit": _keeps(AUDITOR),
}
"""By the member's path: what there is of it, in the form in which it is asked for."""

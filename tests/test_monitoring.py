"""An HSM that is handed over with its logs sent, its alerts and its lock; and what becomes of these at its end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import pytest
import requests

from clients import archive
from clients.reconciliation import look
from domain.drift import find_drift
from domain.policy import ReconciliationRules
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer
from local.policy import policy
from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian, request_for
from tests.hosts import deployed
from tests.in_process import signed_in_as_the_app
from tests.kills import Moment, kill_twice
from tests.people import Person, await_step
from tests.test_decommission import PERSON, delete, states

VERSIONS: Final = {
    "diagnosticSettings": "2021-05-01-preview",
    "locks": "2020-05-01",
    "metricAlerts": "2018-03-01",
    "activityLogAlerts": "2020-10-01",
    "scheduledQueryRules": "2023-12-01",
}
STEPS: Final = ("send_diagnostics", "create_alerts", "lock_hsm")
RULES: Final = {
    "availability": "metricAlerts",
    "latency": "metricAlerts",
    "changes": "activityLogAlerts",
    "purge": "activityLogAlerts",
    "audit-log": "scheduledQueryRules",
}
PLENTY: Final = 50
# The same request is the same for as long as the tests run.
EXPIRES: Final = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Site(NamedTuple):
    """A deployment that keeps its administration, and a subscription in which the service may lock what it made."""

    stack: Stack
    portal: Portal
    approver: Person
    custodians: list[Custodian]
    subscription: str

    @property
    def hub(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/rg-hub/providers"

    @property
    def linked(self) -> dict[str, str]:
        return {
            "workspace": f"{self.hub}/Microsoft.OperationalInsights/workspaces/logs",
            "storageAccount": f"{self.hub}/Microsoft.Storage/storageAccounts/contosologs",
            "eventHubRule": f"{self.hub}/Microsoft.EventHub/namespaces/siem/authorizationRules/send",
        }

    @property
    def action_group(self) -> str:
        return f"{self.hub}/Microsoft.Insights/actionGroups/on-call"

    def group(self, name: str) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/rg-{name}"

    def hsm(self, name: str) -> str:
        return f"{self.group(name)}/providers/Microsoft.KeyVault/managedHSMs/{name}"

    def setting(self, name: str) -> str:
        return f"{self.hsm(name)}/providers/Microsoft.Insights/diagnosticSettings/hsm-provisioner"

    def lock(self, name: str) -> str:
        return f"{self.hsm(name)}/providers/Microsoft.Authorization/locks/hsm-provisioner"

    def rule(self, name: str, what: str) -> str:
        return f"{self.group(name)}/providers/Microsoft.Insights/{RULES[what]}/hsm-provisioner-{name}-{what}"

    def rules(self, name: str) -> set[str]:
        return {what for what in RULES if self.find(self.rule(name, what)) is not None}

    def handover(self, **changes: Any) -> dict[str, Any]:
        return {
            "diagnostics": dict(self.linked),
            "alerts": {"actionGroup": self.action_group, "latencyAboveMilliseconds": 500},
            "lock": {"level": "CanNotDelete"},
            **changes,
        }

    @property
    def changed(self) -> dict[str, Any]:
        alerts = {"actionGroup": self.action_group, "latencyAboveMilliseconds": 700, "auditLog": False}
        return self.handover(alerts=alerts)

    def body(self, name: str, handover: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        return request_for(
            self.stack,
            self.custodians,
            subscriptionId=self.subscription,
            resourceGroup=f"rg-{name}",
            environment="ephemeral",
            expiresAt=EXPIRES,
            handover=handover or self.handover(),
            **changes,
        )

    def find(self, resource_id: str) -> dict[str, Any] | None:
        """Read a resource as anybody would who may."""
        with self.stack.portal_credential() as credential:
            token = credential.get_token("https://management.azure.com/.default").token
        response = requests.get(
            f"https://management.azure.com{resource_id}",
            params={"api-version": VERSIONS[resource_id.split("/")[-2]]},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        if response.status_code == 404:
            return None
        response.raise_for_status()
        document: dict[str, Any] = response.json()
        return document

    def written(self, resource_id: str, method: str = "PUT") -> int:
        """How often Azure accepted a request to write or delete a resource."""
        return sum(
            (entry["method"], entry["path"].lower()) == (method, resource_id.lower()) and entry["status"] in (200, 201)
            for entry in self.stack.control.journal("resource_manager")
        )


@pytest.fixture(scope="module")
def site(stack: Stack, custodians: list[Custodian], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    subscription = stack.control.create_subscription(registered=True)
    scope, own = f"/subscriptions/{subscription}", stack.azure.endpoints.identity_object_id
    stack.control.change_role(own, scope, "Owner")
    stack.control.change_role(stack.portal.object_id, scope, "Contributor")
    stack.control.change_resource_manager(quota=PLENTY)
    bare = Site(stack, Portal(stack), Person(stack, 77, ["Hsm.Approve"]), custodians, subscription)
    for resource in (*bare.linked.values(), bare.action_group):
        stack.control.plant_resource(resource)
    keeps = {"handover": {"administration": {"giveUp": False}}}
    rules = policy(
        environments={"ephemeral": {"purgeAllowed": True, **keeps}, "development": keeps},
        linkedResources=[*bare.linked.values(), bare.action_group, f"{bare.linked['workspace']}-gone"],
    )
    settings = {"HSM_PROVISIONER_POLICY": rules, "HSM_PROVISIONER_HSM_QUOTA": str(PLENTY)}
    with deployed(stack, tmp_path_factory.mktemp("monitoring"), settings) as running:
        yield bare._replace(stack=running, portal=Portal(running), approver=Person(running, 78, ["Hsm.Approve"]))
    stack.control.change_resource_manager(quota=5)


def hand_over(site: Site, name: str, handover: dict[str, Any] | None = None) -> dict[str, Any]:
    response = site.portal.put_hsm(name, site.body(name, handover))
    assert response.status_code == 202, response.text
    operation = site.portal.follow(response.json()["id"])
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    return operation


def properties_of(site: Site, resource_id: str) -> dict[str, Any]:
    found = site.find(resource_id)
    assert found is not None, resource_id
    properties: dict[str, Any] = found["properties"]
    return properties


def test_an_hsm_is_watched_and_locked_and_a_deletion_takes_away_what_is_ours(site: Site, hsm_name: str) -> None:
    operation = hand_over(site, hsm_name)
    assert {states(operation)[step] for step in STEPS} == {"Succeeded"}
    check_what_was_made(site, hsm_name)
    check_what_changes(site, hsm_name)
    check_what_is_missed(site, hsm_name)
    check_who_is_told_of_a_lock(site, hsm_name)
    check_end(site, hsm_name)


def check_what_was_made(site: Site, name: str) -> None:
    setting = properties_of(site, site.setting(name))
    assert setting["workspaceId"] == site.linked["workspace"]
    assert setting["storageAccountId"] == site.linked["storageAccount"]
    assert setting["eventHubAuthorizationRuleId"] == site.linked["eventHubRule"]
    assert [log["category"] for log in setting["logs"] if log["enabled"]] == ["AuditEvent"]
    assert site.rules(name) == set(RULES)
    latency = properties_of(site, site.rule(name, "latency"))
    (criterion,) = latency["criteria"]["allOf"]
    assert (criterion["metricName"], criterion["operator"], criterion["threshold"]) == (
        "ServiceApiLatency",
        "GreaterThan",
        500,
    )
    assert latency["actions"] == [{"actionGroupId": site.action_group}]
    purge = properties_of(site, site.rule(name, "purge"))
    assert purge["scopes"] == [f"/subscriptions/{site.subscription}"]
    (query,) = (item["query"] for item in properties_of(site, site.rule(name, "audit-log"))["criteria"]["allOf"])
    assert site.hsm(name) in query
    assert site.stack.azure.endpoints.identity_object_id in query
    assert properties_of(site, site.lock(name))["level"] == "CanNotDelete"


def check_what_changes(site: Site, name: str) -> None:
    """The next request changes what it wants otherwise, and writes nothing that is as it is wanted."""
    hand_over(site, name, site.changed)
    assert site.rules(name) == set(RULES) - {"audit-log"}
    (criterion,) = properties_of(site, site.rule(name, "latency"))["criteria"]["allOf"]
    assert criterion["threshold"] == 700
    written = {what: site.written(site.rule(name, what)) for what in RULES}
    assert written == dict.fromkeys(RULES, 1) | {"latency": 2}
    assert (site.written(site.setting(name)), site.written(site.lock(name))) == (1, 1)


def check_what_is_missed(site: Site, name: str) -> None:
    """What somebody takes away is told, and the same request again makes it anew."""
    same = site.body(name, site.changed)
    assert site.portal.put_hsm(name, same).status_code == 200
    site.stack.control.remove_lock(site.hsm(name), "hsm-provisioner")
    site.stack.control.forget_resource(site.rule(name, "purge"))
    with signed_in_as_the_app(site.stack):
        record = archive.find_hsm_record(name)
        assert record is not None
        drift = find_drift(look(record, None, abandoned=False), ReconciliationRules(), datetime.now(UTC))
    assert [(item.code, item.expected) for item in drift] == [
        ("lock_gone", "hsm-provisioner"),
        ("alerts_gone", f"hsm-provisioner-{name}-purge"),
    ]
    hand_over(site, name, site.changed)
    assert site.find(site.lock(name)) is not None
    assert site.rules(name) == set(RULES) - {"audit-log"}


def check_who_is_told_of_a_lock(site: Site, name: str) -> None:
    site.stack.control.create_lock(site.group(name), "keep-it")
    refused = delete(site.portal, name)
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_locked")
    assert "keep-it" in refused.json()["detail"]
    assert "hsm-provisioner" not in refused.json()["detail"]
    site.stack.control.remove_lock(site.group(name), "keep-it")


def check_end(site: Site, name: str) -> None:
    """While it can be recovered somebody is told of a purge; once that is done, nothing of ours is left."""
    operation = site.portal.follow(delete(site.portal, name).json()["id"])
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    assert operation["plan"]["deletion"]["lock"].lower() == site.lock(name).lower()
    assert "own_lock_removed" in [warning["code"] for warning in operation["warnings"]]
    assert {states(operation)[step] for step in ("unlock_hsm", "delete_alerts")} == {"Succeeded"}
    assert site.rules(name) == {"purge"}
    purge = delete(site.portal, name, purge="true", requestedBy=PERSON)
    waiting = await_step(site.portal, purge.json()["id"], "await_approval")
    assert site.approver.decide(waiting, "approve").status_code == 200
    purged = site.portal.follow(waiting["id"])
    assert purged["status"] == "Succeeded", purged.get("error")
    assert states(purged)["delete_resource_group"] == "Succeeded"
    assert site.rules(name) == set()


def test_alerts_that_could_not_be_deleted_are_by_the_same_request_again(site: Site, hsm_name: str) -> None:
    hand_over(site, hsm_name)
    path = f"/hsm-provisioner-{hsm_name}-latency$"
    fault = NewFault(service="resource_manager", method="DELETE", path=path, effect=Answer(status=400))
    site.stack.control.inject_fault(fault)
    failed = site.portal.follow(delete(site.portal, hsm_name).json()["id"])
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "azure_refused")
    again = delete(site.portal, hsm_name)
    assert again.status_code == 202, again.text
    operation = site.portal.follow(again.json()["id"])
    assert operation["status"] == "Succeeded", operation.get("error")
    assert operation["plan"]["deletion"]["deletes"] is False
    assert site.rules(hsm_name) == {"purge"}
    assert delete(site.portal, hsm_name).status_code == 200


def test_what_cannot_be_set_up_is_refused_before_money_is_spent(site: Site, hsm_name: str) -> None:
    gone = site.handover(diagnostics={"workspace": f"{site.linked['workspace']}-gone"})
    assert find_failed(site, hsm_name, gone) == {"monitoring": "linked_resource_missing"}
    operation = site.portal.follow(site.portal.put_hsm(hsm_name, site.body(hsm_name, gone)).json()["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "linked_resource_missing")
    assert [error["field"] for error in operation["error"]["errors"]] == ["handover.diagnostics.workspace"]
    others = site.handover(diagnostics={"workspace": f"{site.linked['workspace']}-of-others"})
    assert find_failed(site, hsm_name, others) == {"policy": "resource_not_allowed"}
    blind = site.handover(diagnostics={"storageAccount": site.linked["storageAccount"]})
    refused = site.portal.put_hsm(hsm_name, site.body(hsm_name, blind))
    assert (refused.status_code, refused.json()["code"]) == (400, "alert_without_workspace")
    scope, own = f"/subscriptions/{site.subscription}", site.stack.azure.endpoints.identity_object_id
    site.stack.control.change_role(own, scope, "Contributor")
    try:
        assert find_failed(site, hsm_name, site.handover()) == {"monitoring": "permission_missing"}
        assert find_failed(site, hsm_name, site.handover(lock=None)) == {}
    finally:
        site.stack.control.change_role(own, scope, "Owner")
    assert site.stack.control.hsms() == []


def find_failed(site: Site, name: str, handover: dict[str, Any]) -> dict[str, str]:
    """Name the checks of a dry run that fail, each with its code."""
    asked = {member: value for member, value in handover.items() if value is not None}
    response = site.portal.send("POST", f"hsms/{name}/preflight", json=site.body(name, asked))
    assert response.status_code == 200, response.text
    return {check["name"]: check["code"] for check in response.json()["checks"] if check["verdict"] == "Failed"}


def at(activity: str, path: str, method: str = "PUT") -> Moment:
    return Moment(activity, "resource_manager", method, path)


MAKING: Final = [
    at("send_diagnostics", "/managedHSMs/{name}/providers/.*/diagnosticSettings/hsm-provisioner$"),
    at("create_alerts", "/hsm-provisioner-{name}-availability$"),
    at("create_alerts", "/hsm-provisioner-{name}-audit-log$"),
    at("lock_hsm", "/managedHSMs/{name}/providers/.*/locks/hsm-provisioner$"),
]
ENDING: Final = [
    at("unlock_hsm", "/managedHSMs/{name}/providers/.*/locks/hsm-provisioner$", "DELETE"),
    at("delete_hsm", "/managedHSMs/{name}$", "DELETE"),
    at("delete_alerts", "/hsm-provisioner-{name}-latency$", "DELETE"),
    at("delete_alerts", "/hsm-provisioner-{name}-purge$", "DELETE"),
]


def test_a_worker_that_is_killed_at_any_call_makes_and_takes_away_everything_once(site: Site) -> None:
    names = [f"watched-{number}" for number in range(len(MAKING))]
    making, ending = (dict(zip(names, moments, strict=True)) for moments in (MAKING, ENDING))
    for name, operation_id in kill_twice(site.stack, making, partial(ask_for_handover, site)).items():
        operation = site.portal.follow(operation_id)
        assert operation["status"] == "Succeeded", (name, operation.get("error"), operation["steps"])
        made = [site.setting(name), site.lock(name), *(site.rule(name, what) for what in RULES)]
        assert {resource: site.written(resource) for resource in made} == dict.fromkeys(made, 1), name
    for name, operation_id in kill_twice(site.stack, ending, partial(ask_for_end, site)).items():
        operation = site.portal.follow(operation_id)
        assert operation["status"] == "Succeeded", (name, operation.get("error"), operation["steps"])
        gone = [site.lock(name), *(site.rule(name, what) for what in RULES)]
        assert {resource: site.written(resource, "DELETE") for resource in gone} == dict.fromkeys(gone, 1), name
        assert states(operation)["delete_resource_group"] == "Succeeded"
    site.stack.control.forget_hsms()


def ask_for_handover(site: Site, name: str) -> str:
    return str(site.portal.put_hsm(name, site.body(name)).json()["id"])


def ask_for_end(site: Site, name: str) -> str:
    asked = delete(site.portal, name, purge="true", requestedBy=PERSON)
    waiting = await_step(site.portal, asked.json()["id"], "await_approval")
    assert site.approver.decide(waiting, "approve").status_code == 200
    return str(waiting["id"])

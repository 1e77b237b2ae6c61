"""Alert rules, and what they are about."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.local.azure.monitor.conftest import Watched
from tests.local.azure.network.conftest import Caller, code

type Change = Callable[[dict[str, Any]], None]


def metric_alert(watched: Watched) -> dict[str, Any]:
    criterion = {
        "name": "low",
        "criterionType": "StaticThresholdCriterion",
        "metricName": "Availability",
        "metricNamespace": "Microsoft.KeyVault/managedHSMs",
        "operator": "LessThan",
        "threshold": 99.9,
        "timeAggregation": "Average",
    }
    properties = {
        "severity": 1,
        "enabled": True,
        "scopes": [watched.hsm],
        "evaluationFrequency": "PT5M",
        "windowSize": "PT15M",
        "criteria": {
            "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
            "allOf": [criterion],
        },
        "actions": [{"actionGroupId": watched.action_group}],
    }
    return {"location": "global", "tags": {"owner": "a"}, "properties": properties}


def activity_alert(watched: Watched) -> dict[str, Any]:
    conditions = [
        {"field": "category", "equals": "Administrative"},
        {"field": "operationName", "equals": "Microsoft.KeyVault/managedHSMs/delete"},
    ]
    properties = {
        "scopes": [watched.hsm],
        "condition": {"allOf": conditions},
        "actions": {"actionGroups": [{"actionGroupId": watched.action_group}]},
    }
    return {"location": "Global", "properties": properties}


def query_rule(watched: Watched) -> dict[str, Any]:
    criterion = {
        "query": "AzureDiagnostics | where OperationName == 'SecurityDomainBackup'",
        "timeAggregation": "Count",
        "operator": "GreaterThan",
        "threshold": 0,
        "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
    }
    properties = {
        "severity": 0,
        "scopes": [watched.workspace],
        "evaluationFrequency": "PT5M",
        "windowSize": "PT5M",
        "criteria": {"allOf": [criterion]},
        "actions": {"actionGroups": [watched.action_group]},
    }
    return {"location": "Norway East", "properties": properties}


KINDS = {"metricAlerts": metric_alert, "activityLogAlerts": activity_alert, "scheduledQueryRules": query_rule}


@pytest.mark.parametrize("kind", KINDS)
def test_rules_are_made_listed_and_deleted(caller: Caller, watched: Watched, kind: str) -> None:
    rule, asked = watched.rule(kind), KINDS[kind](watched)
    made = caller("PUT", rule, asked)
    assert made.status_code == (200 if kind == "metricAlerts" else 201)
    found = caller("GET", rule).json()
    assert (found["id"], found["type"]) == (rule, f"Microsoft.Insights/{kind}")
    # What was written is kept, and what is there by default comes with it.
    assert asked["properties"].items() <= {**found["properties"], **_without_defaults(asked, found)}.items()
    assert caller("PUT", rule, asked).status_code == 200
    assert caller("GET", rule.rpartition("/")[0]).json()["value"] == [found]
    resources = caller("GET", f"{watched.net.group}/resources").json()["value"]
    assert f"Microsoft.Insights/{kind}" in [item["type"] for item in resources]
    assert caller("DELETE", rule).status_code == 200
    assert caller("DELETE", rule).status_code == 204
    assert code(caller("GET", rule)) == (404, "ResourceNotFound")


def _without_defaults(asked: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Give what has members that are there by default, once it is known to have the others."""
    known = {}
    if "criteria" in asked["properties"]:
        (before,), (after,) = (item["properties"]["criteria"]["allOf"] for item in (asked, found))
        assert before.items() <= after.items()
        known["criteria"] = asked["properties"]["criteria"]
    return known


def _set(*path: Any) -> Change:
    """Make a change that writes a value where the rest of a path leads."""
    *way, last, value = path

    def change(properties: dict[str, Any]) -> None:
        place: Any = properties
        for step in way:
            place = place[step]
        place[last] = value

    return change


NOWHERE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Insights/actionGroups/none"
FIRST = ("criteria", "allOf", 0)
REFUSED: list[tuple[str, Change, str]] = [
    ("metricAlerts", _set("scopes", ["/subscriptions/s"]), "no such Managed HSM"),
    ("metricAlerts", _set(*FIRST, "metricName", "Latency"), "Couldn't find a metric named Latency"),
    ("metricAlerts", _set(*FIRST, "metricNamespace", "Microsoft.KeyVault/vaults"), "metric namespace"),
    ("metricAlerts", _set("criteria", "odata.type", "Other"), "criteria type 'Other'"),
    ("metricAlerts", _set("windowSize", "PT1M"), "must not be longer than windowSize"),
    ("metricAlerts", _set("windowSize", "PT7M"), "windowSize 'PT7M'"),
    ("metricAlerts", _set("evaluationFrequency", "PT10M"), "evaluationFrequency 'PT10M'"),
    ("metricAlerts", _set("severity", 5), "severity"),
    ("metricAlerts", _set("actions", 0, "actionGroupId", NOWHERE), f"Arm resource {NOWHERE} is invalid"),
    ("activityLogAlerts", _set("scopes", ["/subscriptions/other"]), "not in the subscription"),
    ("activityLogAlerts", _set("condition", "allOf", [{"field": "level", "equals": "Error"}]), "field 'category'"),
    ("activityLogAlerts", _set("actions", "actionGroups", 0, "actionGroupId", NOWHERE), "is invalid"),
    ("scheduledQueryRules", _set("scopes", ["/subscriptions/s"]), "no such workspace"),
    ("scheduledQueryRules", _set(*FIRST, "query", ""), "query"),
    ("scheduledQueryRules", _set(*FIRST, "timeAggregation", "Average"), "metricMeasureColumn"),
    ("scheduledQueryRules", _set("windowSize", "PT2M"), "windowSize 'PT2M'"),
    ("scheduledQueryRules", _set("actions", "actionGroups", [NOWHERE]), "is invalid"),
]


def test_what_is_wrong_with_a_rule_is_refused(caller: Caller, watched: Watched) -> None:
    for kind, change, words in REFUSED:
        asked = deepcopy(KINDS[kind](watched))
        change(asked["properties"])
        refused = caller("PUT", watched.rule(kind), asked)
        assert code(refused) == (400, "BadRequest"), words
        assert words in refused.json()["error"]["message"]
    elsewhere = {**query_rule(watched), "location": "uksouth"}
    assert "region of its scope" in caller("PUT", watched.rule("scheduledQueryRules"), elsewhere).text
    unchecked = metric_alert(watched)
    unchecked["properties"]["criteria"]["allOf"][0] |= {"metricName": "New", "skipMetricValidation": True}
    assert caller("PUT", watched.rule("metricAlerts"), unchecked).status_code == 200


def test_workspaces_and_action_groups_are_found(caller: Caller, watched: Watched) -> None:
    workspace = caller("GET", watched.workspace).json()
    assert workspace["properties"]["customerId"]
    assert caller("GET", watched.workspace.rpartition("/")[0]).json()["value"] == [workspace]
    group = caller("GET", watched.action_group).json()
    assert group["properties"]["groupShortName"] == "on-call"
    assert caller("GET", watched.action_group.rpartition("/")[0]).json()["value"] == [group]
    assert code(caller("GET", f"{watched.workspace}-2")) == (404, "ResourceNotFound")


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_make_rules(sign_in: Callable[..., Caller], watched: Watched, kind: str) -> None:
    asked = KINDS[kind](watched)
    refused = sign_in("Network Contributor")("PUT", watched.rule(kind), asked)
    assert code(refused) == (403, "AuthorizationFailed")
    assert f"'Microsoft.Insights/{kind}/write'" in refused.json()["error"]["message"]
    assert sign_in("Monitoring Contributor")("PUT", watched.rule(kind), asked).status_code in (200, 201)
    owner = sign_in("Owner")
    lock = f"{watched.rule(kind)}/providers/Microsoft.Authorization/locks/keep"
    assert owner("PUT", lock, {"properties": {"level": "ReadOnly"}}).status_code == 201
    assert code(owner("PUT", watched.rule(kind), asked)) == (409, "ScopeLocked")
    assert owner("DELETE", lock).status_code == 200

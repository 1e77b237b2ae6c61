"""Where logs go, of what somebody is told, and what of it a request or a policy cannot say."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.handover.monitoring import Diagnostics
from domain.handover.request import Handover
from domain.policy import PolicyInvalid, parse_policy
from domain.policy_rules import find_grant, find_violations
from tests.domain.policy_documents import APPLICATION, SUBSCRIPTION, document, text_of
from tests.domain.test_policy_rules import ALLOWED

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-hub/providers"
WORKSPACE = f"{GROUP}/Microsoft.OperationalInsights/workspaces/logs"
ACCOUNT = f"{GROUP}/Microsoft.Storage/storageAccounts/contosologs"
ACTION_GROUP = f"{GROUP}/Microsoft.Insights/actionGroups/on-call"
ALERTS = {"actionGroup": ACTION_GROUP}


@pytest.mark.parametrize(
    ("diagnostics", "said"),
    [
        ({}, "one or more of"),
        ({"metrics": True}, "one or more of"),
        ({"workspace": WORKSPACE, "eventHub": "audit"}, "eventHubRule"),
        ({"workspace": ACCOUNT}, "Log Analytics workspace"),
    ],
)
def test_logs_go_somewhere(diagnostics: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Diagnostics.model_validate(diagnostics)


def find_codes(asked: dict[str, Any], default: dict[str, Any]) -> dict[str, str]:
    rules = {"development": {"handover": default}}
    policy = parse_policy(text_of(document(environments=rules, linkedResources=[WORKSPACE, ACCOUNT, ACTION_GROUP])))
    described = ALLOWED._replace(handover=Handover.model_validate(asked))
    found = find_violations(policy, find_grant(policy, [APPLICATION]), described, "provision")
    return {error.field: error.code for error in found}


@pytest.mark.parametrize(
    ("asked", "default", "refused"),
    [
        ({"alerts": ALERTS}, {}, True),
        ({"alerts": ALERTS, "diagnostics": {"storageAccount": ACCOUNT}}, {}, True),
        ({"alerts": {**ALERTS, "auditLog": False}}, {}, False),
        ({"alerts": ALERTS, "diagnostics": {"workspace": WORKSPACE}}, {}, False),
        ({"alerts": ALERTS}, {"diagnostics": {"workspace": WORKSPACE}}, False),
        # What the policy adds to what was asked is no better.
        (
            {"diagnostics": {"storageAccount": ACCOUNT}},
            {"alerts": ALERTS, "diagnostics": {"workspace": WORKSPACE}},
            True,
        ),
    ],
)
def test_alerts_on_the_audit_log_need_a_workspace(
    asked: dict[str, Any], default: dict[str, Any], refused: bool
) -> None:
    expected = {"handover.alerts.auditLog": "alert_without_workspace"} if refused else {}
    assert find_codes(asked, default) == expected


def test_a_policy_does_not_want_alerts_that_cannot_be() -> None:
    with pytest.raises(PolicyInvalid, match=r"environments\.development\.handover: .*diagnostics\.workspace"):
        parse_policy(text_of(document(environments={"development": {"handover": {"alerts": ALERTS}}})))

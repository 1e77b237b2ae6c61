"""A hand-over that was pinned is held against the policy as it is by now, by what it makes and by nothing else."""

from typing import Any, Final

import pytest

from domain.handover.request import Handover
from domain.handover.rules import find_pinned_violations
from domain.policy import parse_policy
from local.policy import policy

ACTION_GROUP: Final = (
    "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-hub"
    "/providers/Microsoft.Insights/actionGroups/on-call"
)
WORKSPACE: Final = (
    "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-hub"
    "/providers/Microsoft.OperationalInsights/workspaces/audit"
)
STORAGE: Final = (
    "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-hub"
    "/providers/Microsoft.Storage/storageAccounts/logs"
)
LOGS: Final = {"diagnostics": {"workspace": WORKSPACE}}
ALERTS: Final = {"alerts": {"actionGroup": ACTION_GROUP}}
ASSIGNED: Final = {
    "localRoleAssignments": [
        {"principalId": "00000000-0000-4000-8000-00000000c0de", "role": "Managed HSM Administrator", "scope": "/"}
    ]
}
BACKUP: Final = {"fullBackup": {"container": "https://contosobackups.blob.core.windows.net/hsm"}}
OPENING: Final = {"temporaryOpening": {"ipRule": "203.0.113.7", "minutes": 60}}


@pytest.mark.parametrize(
    ("pinned", "environment", "listed", "refused"),
    [
        (LOGS, {}, [WORKSPACE], []),
        # What the policy itself asked for when it was pinned, it may not ask for any more.
        (LOGS, {"handover": LOGS}, [], []),
        (LOGS, {}, [], [("handover.diagnostics.workspace", "resource_not_allowed")]),
        (ASSIGNED, {"handover": ASSIGNED}, [], []),
        (ASSIGNED, {}, [], [("handover.localRoleAssignments[0].role", "local_role_not_allowed")]),
        (BACKUP, {}, [], [("handover.fullBackup.container", "backup_place_not_allowed")]),
        (OPENING, {"temporaryOpeningAllowed": True}, [], []),
        (OPENING, {}, [], [("handover.temporaryOpening", "temporary_opening_not_allowed")]),
        # What the policy asks for of others by now is not made, and is nothing to refuse.
        (
            {"diagnostics": {"storageAccount": STORAGE}},
            {"handover": {**LOGS, **ALERTS}},
            [STORAGE],
            [],
        ),
        ({}, {"handover": {**LOGS, **ALERTS}}, [], []),
    ],
)
def test_what_was_pinned_is_judged_by_the_policy_of_now(
    pinned: dict[str, Any], environment: dict[str, Any], listed: list[str], refused: list[tuple[str, str]]
) -> None:
    rules = parse_policy(policy(environments={"development": environment}, linkedResources=listed))
    found = find_pinned_violations(rules, rules.environments["development"], Handover.model_validate(pinned))
    assert [(error.field, error.code) for error in found] == refused

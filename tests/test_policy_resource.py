"""What a caller is told that it may ask for."""

from pathlib import Path

import pytest

from domain.caller import ROLES
from local.policy import TEAM_A, TEAM_B, caller, policy
from local.portal import Portal
from local.stack import Stack, register_application
from tests.hosts import deployed

SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"


def portal_of(stack: Stack, roles: list[str], groups: list[str]) -> Portal:
    return Portal(stack, register_application(stack.control, "caller", roles, groups=groups))


def test_a_caller_is_told_what_the_operation_would_be_held_against(stack: Stack, tmp_path: Path) -> None:
    callers = [
        caller("a", TEAM_A, ["team-a"], subscriptions=[SUBSCRIPTION], wrappingVaults=["vault-a"], requestsPerMinute=7),
        caller("b", TEAM_B, ["team-b", "team-c"], subscriptions=[OTHER], administrators=[]),
    ]
    document = policy(
        callers=callers,
        subscriptions=[SUBSCRIPTION],
        maximumHsms=3,
        namePattern="hsm-.*",
        approval={"aboveMonthlyCostUsd": 10},
    )
    settings = {"HSM_PROVISIONER_POLICY": document, "HSM_PROVISIONER_STOP_CREATION": "true"}
    with deployed(stack, tmp_path / "host", settings) as other:
        asker = portal_of(other, ["Hsm.Request", "Hsm.Read"], [TEAM_A])
        told = asker.send("GET", "policy").json()
        both = portal_of(other, ["Hsm.Approve"], [TEAM_A, TEAM_B]).send("GET", "policy").json()
        nobody = portal_of(other, ["Hsm.Operate"], []).send("GET", "policy").json()
    assert told["caller"]["kind"] == "application"
    assert (told["caller"]["roles"], told["caller"]["teams"]) == (["Hsm.Read", "Hsm.Request"], ["team-a"])
    assert (told["subscriptions"], told["wrappingVaults"], told["administrators"]) == (
        [SUBSCRIPTION],
        ["vault-a"],
        ["*"],
    )
    assert (told["maximumHsms"], told["namePattern"], told["requestsPerMinute"]) == (3, "hsm-.*", 7)
    assert told["environments"]["production"]["purgeProtection"] is True
    assert told["monthlyCostUsd"] == {"Standard_B1": 2500}
    assert told["approval"]["aboveMonthlyCostUsd"] == 10
    assert (told["creationStopped"], told["destructionAndExportStopped"]) == (True, False)
    assert both["caller"]["teams"] == ["team-a", "team-b", "team-c"]
    assert both["subscriptions"] == [SUBSCRIPTION]
    assert (nobody["caller"]["teams"], nobody["subscriptions"]) == ([], [])


@pytest.mark.parametrize("role", ROLES)
def test_every_role_but_audit_alone_may_read_it(role: str, stack: Stack) -> None:
    response = portal_of(stack, [role], [TEAM_A]).send("GET", "policy")
    assert response.status_code == (403 if role == "Hsm.Audit" else 200)

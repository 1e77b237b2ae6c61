"""A worker killed during each activity of an update and of an adoption, before and after its effect."""

from typing import Any, get_args

import pytest
from azure.mgmt.keyvault import KeyVaultManagementClient

from local.portal import Portal
from local.stack import Stack
from tests.custodians import NO_OTHER_RULES, Custodian, request_for
from tests.kills import Moment, Phase, hold, kill
from tests.test_adopt import adopt, approve, decide, somebody, theirs
from tests.test_update import NETWORK, patch, provision

__all__ = ["somebody", "theirs"]

CHANGE = {
    "tags": {"stage": "2", "owner": None},
    "network": NETWORK,
    "purgeProtection": True,
    "additionalRegions": ["swedencentral"],
}
UPDATE = [
    Moment("preflight_update", "blob_storage", "PUT", "/plan.json"),
    Moment("update_hsm", "blob_storage", "PUT", "/claims/{name}", skip=1),
    Moment("update_hsm", "resource_manager", "PATCH", "/managedHSMs/{name}"),
    # The first GET is the API's, the others preflight's and the change's.
    Moment("await_updated", "resource_manager", "GET", "/managedHSMs/{name}", skip=3),
    Moment("await_updated", "blob_storage", "PUT", "/hsms/{name}"),
    Moment("record_operation", "blob_storage", "PUT", "/hsm-records/operations/{name}"),
    Moment("record_operation", "blob_storage", "PUT", "/claims/{name}", skip=2),
]
ADOPTION = [
    Moment("preflight_adoption", "blob_storage", "PUT", "/plan.json"),
    Moment("adopt_hsm", "blob_storage", "PUT", "/claims/{name}", skip=1),
    Moment("adopt_hsm", "blob_storage", "PUT", "/hsms/{name}"),
    Moment("record_operation", "blob_storage", "PUT", "/hsm-records/operations/{name}"),
    Moment("record_operation", "blob_storage", "PUT", "/claims/{name}", skip=2),
]


def cases(moments: list[Moment]) -> list[Any]:
    return [
        pytest.param(moment, phase, id=f"{moment.activity}-{moment.method}{moment.path}-{phase}")
        for moment in moments
        for phase in get_args(Phase)
    ]


@pytest.mark.parametrize(("moment", "phase"), cases(UPDATE))
def test_a_killed_worker_changes_nothing_in_an_update(
    moment: Moment, phase: Phase, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    held = hold(stack, moment, phase, hsm_name)
    operation_id = patch(portal, hsm_name, CHANGE).json()["id"]
    assert stack.control.await_hold(held, 30), f"no request of {moment} came"
    kill(stack, {held: phase})
    operation = portal.follow(operation_id)
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    hsm = portal.send("GET", f"hsms/{hsm_name}").json()
    assert (hsm["tags"], hsm["purgeProtection"]) == ({"stage": "2"}, True)
    assert (hsm["network"], hsm["additionalRegions"]) == (NETWORK | NO_OTHER_RULES, ["swedencentral"])
    assert (hsm["state"], hsm["lastOperation"]["id"]) == ("Active", operation_id)
    assert patch(portal, hsm_name, CHANGE).status_code == 200
    assert len(stack.control.exports(hsm_name)) == 1


@pytest.mark.parametrize(("moment", "phase"), cases(ADOPTION))
def test_a_killed_worker_changes_nothing_in_an_adoption(
    moment: Moment, phase: Phase, stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, theirs: str
) -> None:
    before = somebody.managed_hsms.get("rg-hsm", theirs)
    held = hold(stack, moment, phase, theirs)
    operation_id = adopt(stack, portal, theirs).json()["id"]
    if moment.activity != "preflight_adoption":
        decide(stack, portal, operation_id)
    assert stack.control.await_hold(held, 30), f"no request of {moment} came"
    kill(stack, {held: phase})
    operation = approve(stack, portal, operation_id)
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    hsm = portal.send("GET", f"hsms/{theirs}").json()
    assert (hsm["team"], hsm["state"]) == ("team-a", "NotActivated")
    assert somebody.managed_hsms.get("rg-hsm", theirs) == before
    assert adopt(stack, portal, theirs).json()["code"] == "hsm_ours_already"

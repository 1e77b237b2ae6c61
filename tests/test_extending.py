"""A region that is added costs as much as an HSM: the switch that stops the one stops the other."""

from typing import Any, Final

import pytest

from activities.add_regions import add_regions
from activities.preflight_update import preflight_update
from activities.update_hsm import update_hsm
from domain.changes import InPlaceChange
from domain.errors import ServiceError
from domain.fields import OperationKind
from local.portal import Portal
from local.stack import Stack
from tests.approved_plans import REGION, Approved
from tests.custodians import Custodian
from tests.in_process import signed_in_as_the_app
from tests.kills import Moment, kill_twice
from tests.planting import plant
from tests.test_decommission import delete, ephemeral, states
from tests.test_switches import STOP_CREATION

EXTENSION: Final = InPlaceChange(additional_regions=[REGION])


@pytest.mark.parametrize(("kind", "step"), [("update", update_hsm), ("provision", add_regions)])
def test_the_switch_stops_an_extension_that_was_approved(
    kind: OperationKind, step: Any, stack: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    with signed_in_as_the_app(stack, **STOP_CREATION):
        hsm = Approved(stack, custodians, hsm_name, kind).plan(change=EXTENSION if kind == "update" else None)
        with pytest.raises(ServiceError) as refused:
            step(hsm.work)
        assert refused.value.detail.code == "creation_stopped"
        assert (hsm.read().regions, hsm.read_claim().committed_at) == ([], None)


def test_the_switch_lets_other_changes_pass(stack: Stack, hsm_name: str, custodians: list[Custodian]) -> None:
    with signed_in_as_the_app(stack, **STOP_CREATION):
        hsm = Approved(stack, custodians, hsm_name, "update").plan(change=InPlaceChange(tags={"stage": "2"}))
        assert update_hsm(hsm.work).status == "done"
        assert hsm.read().tags["stage"] == "2"


def test_no_extension_is_planned_while_the_switch_stands(
    stack: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    with signed_in_as_the_app(stack, **STOP_CREATION):
        hsm = Approved(stack, custodians, hsm_name, "update")
        plant(stack, hsm.claim.model_copy(update={"change": EXTENSION, "requested_by": hsm.claim.requester.object_id}))
        with pytest.raises(ServiceError) as refused:
            preflight_update(hsm.work)
        assert refused.value.detail.code == "creation_stopped"


def test_a_worker_that_is_killed_while_it_asks_for_regions_asks_once(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    """Both for the one that is added and, when the HSM is deleted, for its own alone."""
    body = ephemeral(stack, custodians, additionalRegions=[REGION])
    adding, removing = (
        Moment(activity, "resource_manager", "PATCH", "/managedHSMs/{name}$")
        for activity in ("add_regions", "remove_regions")
    )
    added = kill_twice(stack, {hsm_name: adding}, lambda name: str(portal.put_hsm(name, body).json()["id"]))
    check_patched(stack, portal, hsm_name, added[hsm_name], adding.activity, 1)
    assert portal.send("GET", f"hsms/{hsm_name}").json()["additionalRegions"] == [REGION]
    removed = kill_twice(stack, {hsm_name: removing}, lambda name: str(delete(portal, name).json()["id"]))
    check_patched(stack, portal, hsm_name, removed[hsm_name], removing.activity, 2)


def check_patched(stack: Stack, portal: Portal, name: str, operation_id: str, step: str, times: int) -> None:
    operation = portal.follow(operation_id)
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    assert states(operation)[step] == "Succeeded"
    patches = [
        entry["status"]
        for entry in stack.control.journal("resource_manager")
        if entry["method"] == "PATCH" and entry["path"].endswith(f"/managedHSMs/{name}")
    ]
    assert sum(status in (200, 202) for status in patches) == times


def test_no_cancel_is_accepted_once_a_region_was_asked_for(
    stack: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    with signed_in_as_the_app(stack):
        hsm = Approved(stack, custodians, hsm_name, "provision").plan()
        assert add_regions(hsm.work).status == "done"
        assert hsm.read_claim().committed_at is not None
        assert hsm.read().additional_regions == [REGION]

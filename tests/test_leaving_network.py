"""What a deleted HSM leaves of its private endpoints: none that the service made, and all of others."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest
import requests
from azure.mgmt.keyvault import KeyVaultManagementClient

from clients.api_versions import version_of
from clients.reconciliation import look
from domain.drift import find_drift
from domain.handover.local_roles import ADMINISTRATOR
from domain.policy import ReconciliationRules
from local.azure.control.models import NewFault, NewHold, PlantedHsm
from local.azure.core.faults import Answer
from local.stack import Application, register_application
from tests.custodians import make_custodian
from tests.in_process import signed_in_as_the_app
from tests.kills import kill
from tests.people import await_step
from tests.test_decommission import PERSON, delete, states
from tests.test_giving_up import assignments, grant_to
from tests.test_network_steps import Site, recorded, site
from tests.test_rewrap import rewrap

__all__ = ["site"]

STEPS: Final = ("delete_private_endpoints", "await_private_endpoints_deleted")


def provision(site: Site, name: str) -> list[str]:
    """Have an HSM with two private endpoints, which our record names."""
    site.stack.control.change_role(site.stack.portal.object_id, site.scope, "Contributor")
    operation = site.ask(name, body(site, name))
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    endpoints = [site.endpoint(name), f"{site.endpoint(name)}-2"]
    assert recorded(site, name).private_endpoints == endpoints
    return endpoints


def body(site: Site, name: str) -> dict[str, Any]:
    return site.body(name, site.wanted(), site.wanted(privateDnsZone=None), environment="spare")


def ask_for_purge(site: Site, name: str) -> str:
    asked = delete(site.portal, name, purge="true", requestedBy=PERSON)
    waiting = await_step(site.portal, asked.json()["id"], "await_approval")
    assert waiting["plan"]["deletion"]["privateEndpoints"] == [site.endpoint(name), f"{site.endpoint(name)}-2"]
    assert site.approver.decide(waiting, "approve").status_code == 200
    return str(waiting["id"])


def deleted(site: Site, resource_id: str) -> int:
    """How often Azure took on to delete a resource."""
    asked = ("DELETE", resource_id.lower())
    journal = site.stack.control.journal("resource_manager")
    return sum((entry["method"], entry["path"].lower()) == asked and entry["status"] in (200, 202) for entry in journal)


def send(site: Site, method: str, resource_id: str, document: dict[str, Any] | None = None) -> requests.Response:
    """Ask Azure Resource Manager as anybody would who may."""
    with site.stack.portal_credential() as credential:
        token = credential.get_token("https://management.azure.com/.default").token
    return requests.request(
        method,
        f"https://management.azure.com{resource_id}",
        params={"api-version": version_of(resource_id)},
        headers={"Authorization": f"Bearer {token}"},
        json=document,
        timeout=30,
    )


def connect(site: Site, endpoint: str, hsm: str) -> None:
    """Make a private endpoint of somebody else's."""
    link = {"name": "theirs", "properties": {"privateLinkServiceId": hsm, "groupIds": ["managedhsm"]}}
    subnet = {"id": f"{site.network}/subnets/endpoints"}
    properties = {"subnet": subnet, "privateLinkServiceConnections": [link]}
    response = send(site, "PUT", endpoint, {"location": "norwayeast", "properties": properties})
    assert response.status_code == 201, response.text


def is_there(site: Site, resource_id: str) -> bool:
    return send(site, "GET", resource_id).status_code == 200


def fail_deletion(site: Site, endpoint: str) -> None:
    site.stack.control.inject_fault(
        NewFault(
            service="resource_manager",
            method="DELETE",
            path=f"/privateEndpoints/{endpoint.rpartition('/')[2]}$",
            effect=Answer(status=400),
        )
    )


def test_a_worker_that_is_killed_deletes_each_endpoint_once_and_then_the_group(site: Site, hsm_name: str) -> None:
    endpoints, control = provision(site, hsm_name), site.stack.control
    path, record = f"/privateEndpoints/pe-{hsm_name}$", f"/hsm-records/hsms/{hsm_name}$"
    holds = [
        NewHold(service="resource_manager", method="DELETE", path=path, phase="before"),
        NewHold(service="resource_manager", method="DELETE", path=path, phase="after"),
        # The record that names none any more.
        NewHold(service="blob_storage", method="PUT", path=record, phase="after"),
    ]
    held = control.hold(holds[0])
    operation_id = ask_for_purge(site, hsm_name)
    for hold, following in zip(holds, [*holds[1:], None], strict=True):
        assert control.await_hold(held, 60), hold
        killed, held = held, control.hold(following) if following else ""
        kill(site.stack, {killed: hold.phase})
    operation = site.portal.follow(operation_id)
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    assert {states(operation)[step] for step in (*STEPS, "delete_resource_group")} == {"Succeeded"}
    group = site.hsm(hsm_name).partition("/providers/")[0]
    assert [deleted(site, place) for place in (*endpoints, site.hsm(hsm_name), group)] == [1, 1, 1, 1]
    assert recorded(site, hsm_name).private_endpoints == []
    assert delete(site.portal, hsm_name).status_code == 200


def test_what_others_made_is_left(site: Site, hsm_name: str) -> None:
    """One is to our HSM and was never ours; the other took the place of one of ours, and is to another HSM."""
    first, second = provision(site, hsm_name)
    control, other = site.stack.control, f"{hsm_name}-other"
    control.plant_hsms(PlantedHsm(name=other, resource_group=f"rg-{other}", subscription_id=site.subscription))
    theirs = f"{site.scope}/resourceGroups/rg-hub/providers/Microsoft.Network/privateEndpoints/theirs"
    connect(site, theirs, site.hsm(hsm_name))
    control.forget_resource(second)
    connect(site, second, site.hsm(other))
    operation = site.portal.follow(delete(site.portal, hsm_name).json()["id"])
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    assert states(operation)["delete_resource_group"] == "Skipped"
    (left,) = [warning for warning in operation["warnings"] if warning["code"] == "private_endpoint_left"]
    assert second in left["message"]
    assert [is_there(site, place) for place in (first, second, theirs)] == [False, True, True]
    assert delete(site.portal, hsm_name).status_code == 200


def test_one_of_others_that_connects_to_nothing_any_more_is_not_replaced(site: Site, hsm_name: str) -> None:
    site.stack.control.change_role(site.stack.portal.object_id, site.scope, "Contributor")
    unreachable = site.ask(hsm_name, site.body(hsm_name))
    assert unreachable["error"]["code"] == "data_plane_unreachable", unreachable
    theirs = site.endpoint(hsm_name)
    connect(site, theirs, site.hsm(hsm_name))
    with site.stack.portal_credential() as credential:
        connections = KeyVaultManagementClient(credential, site.subscription).mhsm_private_endpoint_connections
        (connection,) = connections.list_by_resource(f"rg-{hsm_name}", hsm_name)
        connections.begin_delete(f"rg-{hsm_name}", hsm_name, str(connection.name)).wait()
    refused = site.ask(hsm_name, site.body(hsm_name, site.wanted()))
    assert (refused["status"], refused["error"]["code"]) == ("Failed", "private_endpoint_differs")
    assert deleted(site, theirs) == 0
    assert is_there(site, theirs)


def test_one_that_nobody_asks_for_any_more_may_go(site: Site, hsm_name: str) -> None:
    _, second = provision(site, hsm_name)
    fewer = {**body(site, hsm_name), "handover": {"privateEndpoints": [site.wanted()]}}
    assert site.ask(hsm_name, fewer)["status"] == "Succeeded"
    site.stack.control.forget_resource(second)
    assert site.portal.put_hsm(hsm_name, fewer).status_code == 200


def administrator_of(site: Site, name: str) -> Application:
    """Somebody who administers HSMs from within their network."""
    administrator = register_application(site.stack.control, f"administrator of {name}", [])
    site.stack.control.integrate(administrator.object_id, f"{site.network}/subnets/functions")
    return administrator


def test_one_that_was_given_up_and_cut_off_is_connected_first(site: Site, hsm_name: str) -> None:
    administrator = administrator_of(site, hsm_name)
    wanted = {"privateEndpoints": [site.wanted()], "administration": {"giveUp": True}}
    request = site.body(hsm_name, administrators=[administrator.object_id], handover=wanted)
    operation = site.ask(hsm_name, request)
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    grant_to(site.own, site.stack, administrator, hsm_name)
    site.stack.control.forget_resource(site.endpoint(hsm_name))
    settings = {"allowKeyManagementOperationsThroughARM": True}
    again = site.ask(hsm_name, {**request, "handover": {**wanted, "settings": settings}})
    assert again["status"] == "Succeeded", (again.get("error"), again["steps"])
    assert site.written(site.endpoint(hsm_name)) == 2
    assert assignments(site.stack, administrator, hsm_name) == {(administrator.object_id, ADMINISTRATOR)}


def test_a_rewrap_of_one_that_is_cut_off_says_what_is_in_the_way(site: Site, hsm_name: str) -> None:
    endpoints = provision(site, hsm_name)
    for endpoint in endpoints:
        site.stack.control.forget_resource(endpoint)
    successors = [make_custodian(f"successor {number}") for number in range(3)]
    operation = site.portal.follow(rewrap(site.portal, hsm_name, successors, 2).json()["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "data_plane_unreachable")
    assert states(operation)["preflight_rewrap"] == "Failed"
    assert "privateEndpoints" in operation["error"]["advice"]


def test_what_could_not_be_deleted_is_by_the_same_request_again(site: Site, hsm_name: str) -> None:
    endpoints = provision(site, hsm_name)
    fail_deletion(site, endpoints[0])
    failed = site.portal.follow(delete(site.portal, hsm_name).json()["id"])
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "azure_refused")
    again = delete(site.portal, hsm_name)
    assert again.status_code == 202, again.text
    operation = site.portal.follow(again.json()["id"])
    assert operation["status"] == "Succeeded", operation.get("error")
    assert operation["plan"]["deletion"]["deletes"] is False
    assert [deleted(site, place) for place in (*endpoints, site.hsm(hsm_name))] == [1, 1, 1]
    assert delete(site.portal, hsm_name).status_code == 200


def test_what_was_left_of_a_purge_needs_no_approval(site: Site, hsm_name: str) -> None:
    endpoints = provision(site, hsm_name)
    fail_deletion(site, endpoints[1])
    failed = site.portal.follow(ask_for_purge(site, hsm_name))
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "azure_refused")
    assert "send the request again" in failed["exists"]["resume"]
    operation = site.portal.follow(delete(site.portal, hsm_name, purge="true").json()["id"])
    assert operation["status"] == "Succeeded", operation.get("error")
    assert states(operation)["purge_hsm"] == "Skipped"
    assert states(operation)["delete_resource_group"] == "Succeeded"
    assert [deleted(site, place) for place in (*endpoints, site.hsm(hsm_name))] == [1, 1, 1]
    assert delete(site.portal, hsm_name, purge="true").status_code == 200


@pytest.mark.parametrize("fails", [False, True])
def test_a_recovered_hsm_has_them_made_again(site: Site, hsm_name: str, *, fails: bool) -> None:
    """Also those that could not be deleted: they connect to nothing any more."""
    endpoints = provision(site, hsm_name)
    assert site.portal.put_hsm(hsm_name, body(site, hsm_name)).status_code == 200
    if fails:
        fail_deletion(site, endpoints[0])
    ended = site.portal.follow(delete(site.portal, hsm_name).json()["id"])
    assert ended["status"] == ("Failed" if fails else "Succeeded"), ended.get("error")
    recovered = site.portal.follow(site.portal.send("POST", f"hsms/{hsm_name}/recover", json={}).json()["id"])
    assert recovered["status"] == "Succeeded", recovered.get("error")
    with signed_in_as_the_app(site.stack):
        facts = look(recorded(site, hsm_name), None, abandoned=False)
    drift = find_drift(facts, ReconciliationRules(), datetime.now(UTC))
    missed = [item.expected for item in drift if item.code == "private_endpoints_gone"]
    assert missed == [f"pe-{hsm_name}, pe-{hsm_name}-2"]
    again = site.ask(hsm_name, body(site, hsm_name))
    assert again["status"] == "Succeeded", (again.get("error"), again["steps"])
    assert [site.written(place) for place in endpoints] == [2, 2]

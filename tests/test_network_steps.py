"""An HSM that is closed to the internet is connected to a network, reached there, and then activated."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from azure.mgmt.keyvault import KeyVaultManagementClient

from activities import ACTIVITIES
from activities.firewall import ON_DATA_PLANE
from clients import archive, openings, resource_manager
from domain.hsm import Hsm
from domain.openings import Opening
from domain.records import HsmRecord
from domain.requests import NetworkRequest
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer, Delay
from local.policy import policy
from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian, request_for
from tests.hosts import deployed
from tests.in_process import signed_in_as_the_app
from tests.kills import Moment, Phase, hold, kill, kill_twice
from tests.people import Person, await_step
from tests.test_decommission import PERSON, ULID, states

ZONE: Final = "privatelink.managedhsm.azure.net"
APPROVING: Final = "Microsoft.KeyVault/managedHSMs/privateEndpointConnectionsApproval/action"
STEPS: Final = ("create_private_endpoints", "await_private_endpoints", "reach_data_plane")
PLENTY: Final = 50


class Site(NamedTuple):
    """A deployment whose app is in a virtual network of a subscription, with two zones of the same name there."""

    stack: Stack
    portal: Portal
    approver: Person
    custodians: list[Custodian]
    subscription: str

    @property
    def own(self) -> str:
        return self.stack.azure.endpoints.identity_object_id

    @property
    def scope(self) -> str:
        return f"/subscriptions/{self.subscription}"

    @property
    def network(self) -> str:
        return f"{self.scope}/resourceGroups/rg-hub/providers/Microsoft.Network/virtualNetworks/hub"

    @property
    def zone(self) -> str:
        """The zone that the virtual network is linked to."""
        return f"{self.scope}/resourceGroups/rg-hub/providers/Microsoft.Network/privateDnsZones/{ZONE}"

    @property
    def unlinked_zone(self) -> str:
        """The zone of the same name that no virtual network is linked to."""
        return self.zone.replace("rg-hub", "rg-lost")

    @property
    def linked_resources(self) -> list[str]:
        subnets = [f"{self.network}/subnets/endpoints", f"{self.network}/subnets/gone"]
        return [*subnets, self.zone, self.unlinked_zone]

    def hsm(self, name: str) -> str:
        return f"{self.scope}/resourceGroups/rg-{name}/providers/Microsoft.KeyVault/managedHSMs/{name}"

    def endpoint(self, name: str) -> str:
        return f"{self.scope}/resourceGroups/rg-{name}/providers/Microsoft.Network/privateEndpoints/pe-{name}"

    def body(self, name: str, *endpoints: dict[str, Any], **changes: Any) -> dict[str, Any]:
        return request_for(
            self.stack,
            self.custodians,
            subscriptionId=self.subscription,
            resourceGroup=f"rg-{name}",
            publicNetworkAccess="Disabled",
            **{"handover": {"privateEndpoints": list(endpoints)}, **changes},
        )

    def wanted(self, **changes: Any) -> dict[str, Any]:
        return {"subnet": f"{self.network}/subnets/endpoints", "privateDnsZone": self.zone, **changes}

    def ask(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self.portal.put_hsm(name, body)
        assert response.status_code == 202, response.text
        return self.portal.follow(response.json()["id"])

    def written(self, place: str, method: str = "PUT") -> int:
        """How often Azure accepted a request to write a resource, by its id, or by a pattern of ids."""
        requests = [entry for entry in self.stack.control.journal("resource_manager") if entry["method"] == method]
        asked = [entry for entry in requests if re.fullmatch(place, entry["path"], re.IGNORECASE)]
        return sum(entry["status"] in (200, 201, 202) for entry in asked)


@contextmanager
def network_site(stack: Stack, custodians: list[Custodian], directory: Path) -> Iterator[Site]:
    """Run such a deployment, and take it away."""
    control = stack.control
    subscription = control.create_subscription(registered=True)
    bare = Site(stack, Portal(stack), Person(stack, 61, ["Hsm.Approve"]), custodians, subscription)
    control.change_role(bare.own, bare.scope, "Contributor")
    control.change_resource_manager(quota=PLENTY)
    control.plant_resource(
        bare.network,
        addressSpace={"addressPrefixes": ["10.9.0.0/16"]},
        subnets=[
            {"name": "endpoints", "properties": {"addressPrefix": "10.9.1.0/24"}},
            {"name": "functions", "properties": {"addressPrefix": "10.9.2.0/24"}},
        ],
    )
    control.plant_resource(bare.zone)
    control.plant_resource(bare.unlinked_zone)
    control.plant_resource(f"{bare.zone}/virtualNetworkLinks/hub", virtualNetwork={"id": bare.network})
    control.integrate(bare.own, f"{bare.network}/subnets/functions")
    settings = {
        "HSM_PROVISIONER_POLICY": policy(
            linkedResources=bare.linked_resources,
            environments={
                "development": {},
                "trial": {"temporaryOpeningAllowed": True},
                "spare": {"purgeAllowed": True},
            },
        ),
        "HSM_PROVISIONER_HSM_QUOTA": str(PLENTY),
        "HSM_PROVISIONER_CONNECTION_MINUTES": "0.05",
    }
    with deployed(stack, directory, settings) as running:
        yield bare._replace(stack=running, portal=Portal(running), approver=Person(running, 62, ["Hsm.Approve"]))
    control.integrate(bare.own, None)
    control.change_resource_manager(quota=5)


@pytest.fixture(scope="module")
def site(stack: Stack, custodians: list[Custodian], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with network_site(stack, custodians, tmp_path_factory.mktemp("network")) as running:
        yield running


def test_a_closed_hsm_is_activated_over_its_private_endpoints(site: Site, hsm_name: str) -> None:
    operation = site.ask(hsm_name, site.body(hsm_name, site.wanted(), site.wanted(privateDnsZone=None)))
    assert operation["status"] == "Succeeded", operation.get("error")
    assert {states(operation)[step] for step in STEPS} == {"Succeeded"}
    first = site.endpoint(hsm_name)
    made = [site.hsm(hsm_name), first, f"{first}-2", zone_group(first)]
    assert [site.written(place) for place in made] == [1, 1, 1, 1]
    sheet = site.portal.send("GET", f"hsms/{hsm_name}/handover").json()
    (built,) = (part for part in sheet["parts"] if part["part"] == "privateEndpoints")
    assert (built["state"], built["where"]) == ("Built", [first, f"{first}-2"])


def test_endpoints_that_are_made_one_after_the_other_take_two_rounds(site: Site, hsm_name: str) -> None:
    site.stack.control.change_timing(network_seconds=2)
    late = NewFault(
        service="resource_manager",
        method="PUT",
        path=f"/privateEndpoints/pe-{hsm_name}-[23]$",
        count=2,
        effect=Delay(seconds=3),
    )
    site.stack.control.inject_fault(late)
    try:
        operation = site.ask(hsm_name, site.body(hsm_name, *[site.wanted()] * 3))
    finally:
        site.stack.control.change_timing(network_seconds=0)
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    (creating,) = (step for step in operation["steps"] if step["name"] == "create_private_endpoints")
    assert creating["attempts"] == 2


def zone_group(endpoint: str) -> str:
    return f"{endpoint}/privateDnsZoneGroups/default"


def test_a_zone_that_was_the_wrong_one_is_replaced_unless_the_endpoint_is_of_others(site: Site, hsm_name: str) -> None:
    lost = site.ask(hsm_name, site.body(hsm_name, site.wanted(privateDnsZone=site.unlinked_zone)))
    assert (lost["status"], lost["error"]["code"]) == ("Failed", "data_plane_unreachable")
    (endpoint,) = recorded(site, hsm_name).private_endpoints
    record_endpoints(site, hsm_name, [])
    others = site.ask(hsm_name, site.body(hsm_name, site.wanted()))
    assert (others["status"], others["error"]["code"]) == ("Failed", "private_endpoint_differs")
    assert "another zone" in others["error"]["message"]
    record_endpoints(site, hsm_name, [endpoint])
    corrected = site.ask(hsm_name, site.body(hsm_name, site.wanted()))
    assert corrected["status"] == "Succeeded", (corrected.get("error"), corrected["steps"])
    assert [site.written(place) for place in (endpoint, zone_group(endpoint))] == [1, 2]
    assert site.written(zone_group(endpoint), "DELETE") == 1


def record_endpoints(site: Site, name: str, endpoints: list[str]) -> None:
    """Have our record say that the service made these."""
    record = recorded(site, name)
    with signed_in_as_the_app(site.stack):
        archive.write_hsm_record(record.model_copy(update={"private_endpoints": endpoints}))


def test_without_a_way_to_it_the_hsm_is_not_activated_until_somebody_makes_one(site: Site, hsm_name: str) -> None:
    closed = site.ask(hsm_name, site.body(hsm_name))
    assert (closed["status"], closed["error"]["code"]) == ("Failed", "data_plane_unreachable")
    assert "firewall" in closed["error"]["message"]
    assert states(closed)["fetch_wrapping_keys"] == "NotStarted"
    forbid_approval(site)
    pending = site.ask(hsm_name, site.body(hsm_name, site.wanted()))
    assert (pending["status"], pending["error"]["code"]) == ("Failed", "private_endpoint_not_approved")
    assert f"--id {site.hsm(hsm_name)}" in pending["error"]["advice"]
    site.stack.control.change_role(site.own, site.scope, "Contributor")
    done = site.ask(hsm_name, site.body(hsm_name, site.wanted()))
    assert done["status"] == "Succeeded", (done.get("error"), done["steps"])
    assert [site.written(place) for place in (site.hsm(hsm_name), site.endpoint(hsm_name))] == [1, 1]


def test_an_endpoint_that_connects_to_nothing_any_more_is_made_anew(site: Site, hsm_name: str) -> None:
    forbid_approval(site)
    pending = site.ask(hsm_name, site.body(hsm_name, site.wanted()))
    assert pending["error"]["code"] == "private_endpoint_not_approved", pending["error"]
    with site.stack.portal_credential() as credential:
        site.stack.control.change_role(site.own, site.scope, "Contributor")
        site.stack.control.change_role(site.stack.portal.object_id, site.scope, "Contributor")
        client = KeyVaultManagementClient(credential, site.subscription)
        (connection,) = client.mhsm_private_endpoint_connections.list_by_resource(f"rg-{hsm_name}", hsm_name)
        client.mhsm_private_endpoint_connections.begin_delete(f"rg-{hsm_name}", hsm_name, str(connection.name)).wait()
    done = site.ask(hsm_name, site.body(hsm_name, site.wanted()))
    assert done["status"] == "Succeeded", done.get("error")
    assert site.written(site.endpoint(hsm_name)) == 2


def forbid_approval(site: Site) -> None:
    site.stack.control.change_role(
        site.own,
        site.scope,
        [
            *("Microsoft.Resources/*", "Microsoft.Network/*", "Microsoft.Authorization/*/read"),
            *("Microsoft.KeyVault/*/read", "Microsoft.KeyVault/managedHSMs/write"),
        ],
    )


def test_what_cannot_be_connected_is_refused_before_money_is_spent(site: Site, hsm_name: str) -> None:
    gone = site.body(hsm_name, site.wanted(subnet=f"{site.network}/subnets/gone"))
    operation = site.ask(hsm_name, gone)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "linked_resource_missing")
    assert [error["field"] for error in operation["error"]["errors"]] == ["handover.privateEndpoints[0].subnet"]
    unlisted = site.portal.put_hsm(hsm_name, site.body(hsm_name, site.wanted(subnet=f"{site.network}/subnets/other")))
    assert (unlisted.status_code, unlisted.json()["code"]) == (403, "resource_not_allowed")
    met = site.portal.put_hsm(hsm_name, site.body(hsm_name, site.wanted(), site.wanted(name=f"pe-{hsm_name}")))
    assert (met.status_code, met.json()["code"]) == (400, "invalid_field")
    assert [error["field"] for error in met.json()["errors"]] == ["handover.privateEndpoints[1].name"]
    assert site.stack.control.hsms() == []


def at(activity: str, path: str) -> list[tuple[Moment, Phase]]:
    moment = Moment(activity, "resource_manager", "PUT", path)
    return [(moment, "before"), (moment, "after")]


KILLS: Final = [
    *at("create_private_endpoints", "/privateEndpoints/pe-{name}$"),
    *at("create_private_endpoints", "/pe-{name}/privateDnsZoneGroups/default$"),
    (Moment("await_private_endpoints", "resource_manager", "GET", "/privateEndpoints/pe-{name}$", skip=1), "after"),
    (Moment("reach_data_plane", "managed_hsm", "GET", "/securitydomain/download/pending"), "after"),
]


def test_a_worker_that_is_killed_at_any_call_connects_once(site: Site) -> None:
    kills = {f"connected-{number}": where for number, where in enumerate(KILLS)}
    held = {name: hold(site.stack, moment, phase, name) for name, (moment, phase) in kills.items()}
    begun = {name: begin(site, name) for name in kills}
    for name, identifier in held.items():
        assert site.stack.control.await_hold(identifier, 90), f"no request of {name} came"
    kill(site.stack, {held[name]: phase for name, (_, phase) in kills.items()})
    for name in kills:
        operation = site.portal.follow(begun[name])
        assert operation["status"] == "Succeeded", (name, operation.get("error"))
        endpoint = site.endpoint(name)
        assert [site.written(place) for place in (endpoint, zone_group(endpoint))] == [1, 1], name
        assert recorded(site, name).private_endpoints == [endpoint], name
    site.stack.control.forget_hsms()


def recorded(site: Site, name: str) -> HsmRecord:
    with signed_in_as_the_app(site.stack):
        record = archive.find_hsm_record(name)
    assert record is not None
    return record


def test_a_worker_that_is_killed_while_it_approves_a_connection_approves_it_once(site: Site, hsm_name: str) -> None:
    """It may approve connections by then that it could only ask for before."""
    forbid_approval(site)
    pending = site.ask(hsm_name, site.body(hsm_name, site.wanted()))
    assert pending["error"]["code"] == "private_endpoint_not_approved", pending["error"]
    site.stack.control.change_role(site.own, site.scope, "Contributor")
    connections = f"{site.hsm(hsm_name)}/privateEndpointConnections/"
    approving = Moment("create_private_endpoints", "resource_manager", "PUT", connections)
    killed = kill_twice(site.stack, {hsm_name: approving}, lambda name: begin(site, name))
    operation = site.portal.follow(killed[hsm_name])
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    made = [f"{connections}[^/]+$", site.hsm(hsm_name), site.endpoint(hsm_name), zone_group(site.endpoint(hsm_name))]
    assert [site.written(place) for place in made] == [1, 1, 1, 1]


def begin(site: Site, name: str) -> str:
    return str(site.portal.put_hsm(name, site.body(name, site.wanted())).json()["id"])


def test_a_firewall_is_opened_for_as_long_as_it_takes(site: Site, hsm_name: str) -> None:
    refused = site.portal.put_hsm(hsm_name, opening_body(site, hsm_name, environment="development"))
    assert (refused.status_code, refused.json()["code"]) == (403, "temporary_opening_not_allowed")
    anonymous = {name: value for name, value in opening_body(site, hsm_name).items() if name != "requestedBy"}
    refused = site.portal.put_hsm(hsm_name, anonymous)
    assert (refused.status_code, refused.json()["code"]) == (400, "requested_by_missing")
    waiting = ask_for_opening(site, opening_body(site, hsm_name), hsm_name)
    operation = site.portal.follow(waiting["id"])
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    assert {states(operation)[step] for step in ("open_temporarily", "close_opening")} == {"Succeeded"}
    check_closed(site, hsm_name, changes=2)


def test_a_worker_that_is_killed_while_it_opens_and_closes_a_firewall_does_each_once(site: Site, hsm_name: str) -> None:
    changing = Moment("open_temporarily, close_opening", "resource_manager", "PATCH", "/managedHSMs/{name}$")
    asking = partial(ask_for_opening, site, opening_body(site, hsm_name))
    killed = kill_twice(site.stack, {hsm_name: changing}, lambda name: str(asking(name)["id"]), requests=2)
    operation = site.portal.follow(killed[hsm_name])
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    check_closed(site, hsm_name, changes=2)


def test_a_firewall_is_closed_by_who_fails_and_by_the_clock(site: Site, hsm_name: str) -> None:
    """The opening lets in somebody else, so that it is of no use; and the worker dies right after it opened it."""
    path = f"/managedHSMs/{hsm_name}$"
    held = site.stack.control.hold(NewHold(service="resource_manager", method="PATCH", path=path, phase="after"))
    waiting = ask_for_opening(site, opening_body(site, hsm_name, ip_rule="203.0.113.7"), hsm_name)
    assert "203.0.113.7/32" in " ".join(waiting["approval"]["reasons"])
    assert site.stack.control.await_hold(held, 60)
    kill(site.stack, {held: "after"})
    operation = site.portal.follow(waiting["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "data_plane_unreachable")
    assert states(operation)["close_opening"] == "Succeeded"
    check_closed(site, hsm_name, changes=2)
    leave_open(site, hsm_name)
    check_closed(site, hsm_name, changes=4)
    check_recorded(site, hsm_name)


def test_an_opening_that_was_too_short_is_told_and_the_same_request_goes_on(site: Site, hsm_name: str) -> None:
    body = opening_body(site, hsm_name)
    path = "/securitydomain/download$"
    hold = site.stack.control.hold(
        NewHold(service="managed_hsm", method="POST", host=f"^{hsm_name}[.]", path=path, phase="before")
    )
    waiting = ask_for_opening(site, body, hsm_name)
    assert site.stack.control.await_hold(hold, 60)
    with signed_in_as_the_app(site.stack):
        held = openings.find_opening(hsm_name)
        assert held is not None
        openings.write_opening(held.opening.model_copy(update={"closes_at": datetime.now(UTC)}), held.etag)
        openings.close_overdue()
    check_closed(site, hsm_name, changes=2)
    site.stack.control.release(hold)
    operation = site.portal.follow(waiting["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "temporary_opening_over")
    again = site.portal.follow(ask_for_opening(site, body, hsm_name)["id"])
    assert again["status"] == "Succeeded", (again.get("error"), again["steps"])
    check_closed(site, hsm_name, changes=4)


def test_the_clock_closes_a_firewall_also_where_that_cannot_be_recorded(site: Site, hsm_name: str) -> None:
    closed = site.ask(hsm_name, site.body(hsm_name))
    assert closed["error"]["code"] == "data_plane_unreachable", closed
    fault = NewFault(
        service="blob_storage",
        method="PUT",
        path=f"^/audit/operations/{hsm_name}-{ULID}/",
        count=100,
        effect=Answer(status=403),
    )
    identifier = site.stack.control.inject_fault(fault)
    try:
        leave_open(site, hsm_name)
        check_closed(site, hsm_name, changes=2)
    finally:
        site.stack.control.remove_fault(identifier)


def test_an_opening_that_was_rejected_changes_nothing(site: Site, hsm_name: str) -> None:
    """Somebody else opened the HSM meanwhile, which is theirs to close."""
    closed = site.ask(hsm_name, site.body(hsm_name, environment="trial"))
    assert closed["error"]["code"] == "data_plane_unreachable", closed
    response = site.portal.put_hsm(hsm_name, opening_body(site, hsm_name))
    assert response.status_code == 202, response.text
    waiting = await_step(site.portal, response.json()["id"], "await_approval")
    with signed_in_as_the_app(site.stack):
        hsm = find(site, hsm_name)
        openings.open_up(describe_opening(site, hsm_name), hsm)
    assert site.approver.decide(waiting, "reject").status_code == 200
    operation = site.portal.follow(waiting["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "approval_rejected")
    assert site.written(site.hsm(hsm_name), "PATCH") == 1
    with signed_in_as_the_app(site.stack):
        assert find(site, hsm_name).public_network_access == "Enabled"


def test_what_is_told_of_a_closed_firewall_is_told_of_steps() -> None:
    assert set(ACTIVITIES) >= ON_DATA_PLANE


def leave_open(site: Site, name: str) -> None:
    """Open it as an operation does that nobody goes on with; the clock closes it once its time is over."""
    with signed_in_as_the_app(site.stack):
        opening = describe_opening(site, name)
        openings.write_opening(opening, None)
        openings.open_up(opening, find(site, name))
        openings.close_overdue()
        assert find(site, name).public_network_access == "Enabled"
        held = openings.find_opening(name)
        assert held is not None
        openings.write_opening(opening.model_copy(update={"closes_at": datetime.now(UTC)}), held.etag)
        openings.close_overdue()


def describe_opening(site: Site, name: str) -> Opening:
    return Opening(
        hsm=name,
        resource_id=site.hsm(name),
        operation_id=f"{name}-{ULID}",
        ip_rule="203.0.113.7/32",
        closes_at=datetime.now(UTC) + timedelta(minutes=5),
        public_network_access="Disabled",
        network=NetworkRequest(),
    )


def check_recorded(site: Site, name: str) -> None:
    """What the clock did is in the chain of the operation that opened it."""
    auditor = Person(site.stack, 913, ["Hsm.Audit"], groups=[])
    told = auditor.send("GET", "audit", params={"hsm": name, "kind": "closing"}).json()["value"]
    assert [record["outcome"] for record in told] == ["asked_closed", "closed"]
    assert {(record["operationId"], record["detail"]["ipRule"]) for record in told} == {
        (f"{name}-{ULID}", "203.0.113.7/32")
    }


def opening_body(site: Site, name: str, *, environment: str = "trial", ip_rule: str = "127.0.0.1") -> dict[str, Any]:
    opening = {"temporaryOpening": {"ipRule": ip_rule, "minutes": 5}}
    return site.body(name, environment=environment, handover=opening, requestedBy=PERSON)


def ask_for_opening(site: Site, body: dict[str, Any], name: str) -> dict[str, Any]:
    response = site.portal.put_hsm(name, body)
    assert response.status_code == 202, response.text
    waiting = await_step(site.portal, response.json()["id"], "await_approval")
    assert site.approver.decide(waiting, "approve").status_code == 200
    return waiting


def check_closed(site: Site, name: str, changes: int) -> None:
    """It is as it was asked for, was changed no more often than that, and once that was seen nothing is recorded."""
    assert site.written(site.hsm(name), "PATCH") == changes
    with signed_in_as_the_app(site.stack):
        deadline = time.monotonic() + 10
        while openings.find_opening(name) is not None:
            assert time.monotonic() < deadline
            openings.close_overdue()
        hsm = find(site, name)
    assert (hsm.public_network_access, hsm.network) == ("Disabled", NetworkRequest())


def find(site: Site, name: str) -> Hsm:
    hsm = resource_manager.find_hsm(site.subscription, f"rg-{name}", name)
    assert hsm is not None
    return hsm

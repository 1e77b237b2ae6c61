"""A restore into an HSM that is closed to the internet: connected before the transfer key, opened for a while only."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest

from activities.await_restore_blob import await_restore_blob
from clients import archive
from domain.errors import ServiceError
from domain.names import instance_id
from domain.outcomes import Work
from domain.security_domain.restoring import make_restore_blob, read_transfer_key
from local.stack import Stack
from tests.custodians import Custodian
from tests.in_process import signed_in_as_the_app
from tests.kills import Moment, Phase, hold, kill
from tests.people import await_step
from tests.restoring import (
    Source,
    announce,
    approve,
    ask,
    finish,
    make_blob,
    provision_source,
    restore_request,
    store,
)
from tests.test_decommission import states
from tests.test_network_steps import Site, check_closed, find, forbid_approval, network_site, zone_group

CONNECTED: Final = ("create_private_endpoints", "await_private_endpoints", "reach_data_plane")
CHANGING: Final = Moment("open_temporarily", "resource_manager", "PATCH", "/managedHSMs/{name}$")
OPENING: Final = {"temporaryOpening": {"ipRule": "127.0.0.1", "minutes": 5}}


@pytest.fixture(scope="module")
def site(stack: Stack, custodians: list[Custodian], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with network_site(stack, custodians, tmp_path_factory.mktemp("restores")) as running:
        yield running


@pytest.fixture(scope="module")
def source(site: Site, custodians: list[Custodian]) -> Source:
    return provision_source(site.stack, site.portal, "hsm-to-restore-3", custodians)


def body(site: Site, name: str, source: Source, handover: dict[str, Any], **changes: Any) -> dict[str, Any]:
    asked = {"subscriptionId": site.subscription, "resourceGroup": f"rg-{name}", "publicNetworkAccess": "Disabled"}
    return restore_request(site.stack, source.hsm, **{**asked, "handover": handover, **changes})


def begin(site: Site, name: str, asked: dict[str, Any]) -> str:
    """Have a restore approved, and give its operation's id."""
    response = ask(site.portal, name, asked)
    assert response.status_code == 202, response.text
    approve(site.stack, response.json())
    return str(response.json()["id"])


def await_blob(site: Site, operation_id: str) -> dict[str, Any]:
    return await_step(site.portal, operation_id, "await_restore_blob")


def test_a_closed_hsm_is_restored_over_its_private_endpoint(site: Site, hsm_name: str, source: Source) -> None:
    handover = {"privateEndpoints": [site.wanted()]}
    waiting = await_blob(site, begin(site, hsm_name, body(site, hsm_name, source, handover)))
    assert {states(waiting)[step] for step in CONNECTED} == {"Succeeded"}
    assert waiting["plan"]["handover"]["privateEndpoints"] == [site.wanted()]
    ended = finish(site.stack, site.portal, waiting, source)
    assert {states(ended)[step] for step in ("open_temporarily", "close_opening")} == {"Skipped"}
    endpoint = site.endpoint(hsm_name)
    assert [site.written(place) for place in (site.hsm(hsm_name), endpoint, zone_group(endpoint))] == [1, 1, 1]
    sheet = site.portal.send("GET", f"hsms/{hsm_name}/handover").json()
    (part,) = [part for part in sheet["parts"] if part["part"] == "privateEndpoints"]
    assert (part["state"], part["operationId"]) == ("Built", ended["id"])


def test_without_a_way_no_transfer_key_is_fetched_and_the_same_request_goes_on(
    site: Site, hsm_name: str, source: Source
) -> None:
    asked = body(site, hsm_name, source, {"privateEndpoints": [site.wanted()]})
    forbid_approval(site)
    pending = site.portal.follow(begin(site, hsm_name, asked))
    assert (pending["status"], pending["error"]["code"]) == ("Failed", "private_endpoint_not_approved")
    site.stack.control.change_role(site.own, site.scope, "Contributor")
    site.stack.control.integrate(site.own, None)
    closed = site.portal.follow(begin(site, hsm_name, asked))
    site.stack.control.integrate(site.own, f"{site.network}/subnets/functions")
    assert (closed["status"], closed["error"]["code"]) == ("Failed", "data_plane_unreachable")
    assert "handover.privateEndpoints" in closed["error"]["advice"]
    assert states(closed)["fetch_transfer_key"] == "NotStarted"
    assert "transferKey" not in closed
    assert (closed["exists"]["hsm"]["state"], "monthlyCostUsd" in closed["exists"]) == ("NotActivated", True)
    assert uploads(site, hsm_name) == []
    finish(site.stack, site.portal, await_blob(site, begin(site, hsm_name, asked)), source)
    assert [site.written(place) for place in (site.hsm(hsm_name), site.endpoint(hsm_name))] == [1, 1]


def uploads(site: Site, name: str) -> list[dict[str, Any]]:
    """What an HSM was asked about an upload: its transfer key comes first."""
    journal = site.stack.control.journal("managed_hsm")
    return [entry for entry in journal if name in str(entry) and "/upload" in entry["path"]]


def test_what_cannot_be_connected_or_opened_is_refused_before_money_is_spent(
    site: Site, hsm_name: str, source: Source
) -> None:
    gone = {"privateEndpoints": [site.wanted(subnet=f"{site.network}/subnets/gone")]}
    response = ask(site.portal, hsm_name, body(site, hsm_name, source, gone))
    operation = site.portal.follow(response.json()["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "linked_resource_missing")
    other = {"privateEndpoints": [site.wanted(subnet=f"{site.network}/subnets/other")]}
    for handover, code in ((other, "resource_not_allowed"), (OPENING, "temporary_opening_not_allowed")):
        refused = ask(site.portal, hsm_name, body(site, hsm_name, source, handover))
        assert (refused.status_code, refused.json()["code"]) == (403, code)
    assert site.stack.control.hsms() == []


def test_a_firewall_is_open_only_for_the_transfer_key_and_for_each_restore_blob(
    site: Site, hsm_name: str, source: Source
) -> None:
    response = ask(site.portal, hsm_name, body(site, hsm_name, source, OPENING, environment="trial"))
    waiting = await_step(site.portal, response.json()["id"], "await_approval")
    assert "again for each restore blob" in " ".join(waiting["approval"]["reasons"])
    approve(site.stack, waiting)
    waiting = await_blob(site, waiting["id"])
    assert states(waiting)["close_opening"] == "Succeeded"
    await_closed(site, hsm_name)
    assert site.written(site.hsm(hsm_name), "PATCH") == 2
    check_late(site, waiting)
    key = read_transfer_key(json.dumps(waiting["transferKey"]["jwk"]))
    parts = dict.fromkeys(("hsm_backup", "base_enclave_backup", "partition_enclave_backup"), b"not of any HSM")
    store(site.stack, waiting["id"], make_restore_blob(parts, key))
    announce(site.portal, waiting["id"])
    again = await_round(site, waiting["id"], 2)
    assert again["restoreBlob"]["seen"]["code"] == "restore_blob_refused"
    assert states(again)["close_opening"] == "Succeeded"
    await_closed(site, hsm_name)
    ended = finish(site.stack, site.portal, waiting, source)
    assert {states(ended)[step] for step in ("open_temporarily", "close_opening")} == {"Succeeded"}
    check_closed(site, hsm_name, changes=6)


def await_round(site: Site, operation_id: str, number: int) -> dict[str, Any]:
    """Read an operation until it waits for a restore blob as often as that."""
    deadline = time.monotonic() + 60
    while True:
        operation = await_blob(site, operation_id)
        (step,) = [step for step in operation["steps"] if step["name"] == "await_restore_blob"]
        if step["round"] == number:
            return operation
        assert time.monotonic() < deadline, operation
        time.sleep(0.2)


def await_closed(site: Site, name: str) -> None:
    with signed_in_as_the_app(site.stack):
        deadline = time.monotonic() + 20
        while find(site, name).public_network_access == "Enabled":
            assert time.monotonic() < deadline
            time.sleep(0.2)


def check_late(site: Site, waiting: dict[str, Any]) -> None:
    """Whoever comes too late is told so, though a closed HSM does not say what it has."""
    with signed_in_as_the_app(site.stack):
        key = archive.find_transfer_key(waiting["hsm"], waiting["id"])
        assert key is not None
        moment = (key.blob_awaited_until + timedelta(seconds=1)).isoformat()
        work = Work(operation_id=waiting["id"], instance_id=instance_id(waiting["hsm"]), progress={"now": moment})
        with pytest.raises(ServiceError) as late:
            await_restore_blob(work)
    assert (late.value.detail.code, late.value.detail.retryable) == ("restore_blob_late", False)


def test_what_was_opened_is_closed_where_the_restore_fails_and_its_worker_dies(
    site: Site, hsm_name: str, source: Source
) -> None:
    held = hold(site.stack, CHANGING, "after", hsm_name)
    asked = body(site, hsm_name, source, OPENING, environment="trial")
    operation_id = begin(site, hsm_name, asked)
    assert site.stack.control.await_hold(held, 90)
    kill(site.stack, {held: "after"})
    waiting = await_blob(site, operation_id)
    await_closed(site, hsm_name)
    assert site.written(site.hsm(hsm_name), "PATCH") == 2
    site.stack.control.replace_transfer_key(hsm_name)
    held = hold(site.stack, CHANGING, "after", hsm_name)
    store(site.stack, operation_id, make_blob(source.domain, waiting, source.custodians))
    announce(site.portal, operation_id)
    assert site.stack.control.await_hold(held, 90)
    kill(site.stack, {held: "after"})
    operation = site.portal.follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "transfer_key_changed")
    assert states(operation)["close_opening"] == "Succeeded"
    check_closed(site, hsm_name, changes=4)


def at(activity: str, path: str) -> list[tuple[Moment, Phase]]:
    moment = Moment(activity, "resource_manager", "PUT", path)
    return [(moment, "before"), (moment, "after")]


KILLS: Final = [
    *at("create_private_endpoints", "/privateEndpoints/pe-{name}$"),
    *at("create_private_endpoints", "/pe-{name}/privateDnsZoneGroups/default$"),
    (Moment("reach_data_plane", "managed_hsm", "GET", "/securitydomain/download/pending"), "after"),
]


def test_a_worker_that_is_killed_at_any_call_connects_once(site: Site, source: Source) -> None:
    kills = {f"restored-{number}": where for number, where in enumerate(KILLS)}
    held = {name: hold(site.stack, moment, phase, name) for name, (moment, phase) in kills.items()}
    handover = {"privateEndpoints": [site.wanted()]}
    begun = {name: begin(site, name, body(site, name, source, handover)) for name in kills}
    for name, identifier in held.items():
        assert site.stack.control.await_hold(identifier, 90), f"no request of {name} came"
    kill(site.stack, {held[name]: phase for name, (_, phase) in kills.items()})
    for name in kills:
        assert await_key(site, begun[name])["transferKey"]["thumbprint"]
        endpoint = site.endpoint(name)
        assert [site.written(place) for place in (endpoint, zone_group(endpoint))] == [1, 1], name
        assert site.portal.send("POST", f"operations/{begun[name]}/cancel").status_code == 202
        assert site.portal.follow(begun[name])["status"] == "Canceled"
    site.stack.control.forget_hsms()


def await_key(site: Site, operation_id: str) -> dict[str, Any]:
    """Read an operation until it shows its transfer key; a worker that begins anew takes its time."""
    deadline = time.monotonic() + 180
    while True:
        operation = site.portal.operation(operation_id)
        if "transferKey" in operation:
            return operation
        assert time.monotonic() < deadline, states(operation)
        time.sleep(0.5)

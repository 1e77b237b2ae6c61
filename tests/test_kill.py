"""A worker killed during each activity, before and after its effect, changes nothing in the outcome."""

import os
import signal
import time
from typing import Any, Literal, get_args

import pytest

from local.azure.control.models import NewHold
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.kills import Moment, Phase, hold, kill

Mode = Literal["again", "refuse"]

MOMENTS = [
    Moment("preflight", "blob_storage", "PUT", "/plan.json"),
    Moment("create_resource_group", "resource_manager", "PUT", "/resourcegroups/rg-{name}"),
    Moment("provision_hsm", "blob_storage", "PUT", "/hsms/{name}"),
    Moment("provision_hsm", "resource_manager", "PUT", "/managedHSMs/{name}"),
    # The chain before: accepted, and the intent and the result of the resource group.
    Moment("provision_hsm", "blob_storage", "PUT", "/audit/operations/{name}", skip=3),
    Moment("provision_hsm", "blob_storage", "PUT", "/audit/operations/{name}", skip=4),
    Moment("await_ready", "resource_manager", "GET", "/managedHSMs/{name}", skip=2),
    Moment("fetch_wrapping_keys", "key_vault", "GET", "/certificates/{name}/{version}"),
    Moment("download_security_domain", "blob_storage", "PUT", "/claims/{name}", skip=1),
    # The first POST to an HSM that a process has not talked to is empty: it asks for the challenge.
    Moment("download_security_domain", "managed_hsm", "POST", "/securitydomain/download", skip=1),
    Moment("download_security_domain", "blob_storage", "PUT", "/1/security-domain.json"),
    Moment("download_security_domain", "blob_storage", "PUT", "/1/receipt.json"),
    Moment("await_activation", "managed_hsm", "GET", "/securitydomain/download/pending"),
    Moment("verify_security_domain", "blob_storage", "GET", "/1/security-domain.json", skip=1),
    Moment("verify_security_domain", "blob_storage", "PUT", "/1/confirmation.json"),
    Moment("verify_security_domain", "blob_storage", "PUT", "/hsms/{name}", skip=1),
    Moment("verify_security_domain", "blob_storage", "PUT", "/verifications/{name}"),
    Moment("record_operation", "blob_storage", "PUT", "/hsm-records/operations/{name}"),
    Moment("record_operation", "blob_storage", "PUT", "/audit/operations/{name}", skip=7),
    # Accepted, committed, ended.
    Moment("record_operation", "blob_storage", "PUT", "/claims/{name}", skip=2),
]


def modes(moment: Moment) -> tuple[Mode, ...]:
    """What a second export does matters only where there can be one."""
    return get_args(Mode) if moment.activity == "download_security_domain" else ("again",)


CASES = [
    pytest.param(moment, phase, mode, id=f"{moment.activity}-{moment.method}{moment.path}-{moment.skip}-{phase}-{mode}")
    for moment in MOMENTS
    for phase in get_args(Phase)
    for mode in modes(moment)
]


@pytest.mark.parametrize(("moment", "phase", "mode"), CASES)
def test_a_killed_worker_changes_nothing(
    moment: Moment,
    phase: Phase,
    mode: Mode,
    stack: Stack,
    portal: Portal,
    hsm_name: str,
    custodians: list[Custodian],
) -> None:
    certificate = stack.control.plant_certificate("custodians", hsm_name, custodians[2].pem)
    version = certificate.rpartition("/")[2]
    body = request_for(stack, custodians, resourceGroup=f"rg-{hsm_name}")
    unversioned = certificate.removesuffix(f"/{version}")
    body["securityDomain"]["wrappingKeys"][2] = {"custodian": "Three", "certificateId": unversioned}
    stack.control.change_export_mode(mode)
    held = hold(stack, moment, phase, hsm_name, version=version)
    operation_id = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(held, 30), f"no request of {moment} came"
    kill(stack, {held: phase})
    operation = portal.follow(operation_id)
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    check_outcome(stack, hsm_name, operation)


def test_a_dead_workers_request_that_takes_effect_late_does_not_count(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    late = stack.control.hold(
        NewHold(service="managed_hsm", method="POST", path="/securitydomain/download", phase="before", skip=1)
    )
    operation_id = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"]
    assert stack.control.await_hold(late, 30)
    stack.control.change_timing(0.6, 3)
    receipt = stack.control.hold(NewHold(service="blob_storage", method="PUT", path="/1/receipt.json", phase="before"))
    os.kill(stack.host.worker_process_id(), signal.SIGKILL)
    assert stack.control.await_hold(receipt, 30), "the next worker stored nothing"
    stack.control.release(late)
    await_exports(stack, hsm_name, 2)
    stack.control.release(receipt)
    operation = portal.follow(operation_id)
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    assert [item["outcome"] for item in operation["downloads"]] == ["Ambiguous", "Confirmed"]
    first, lost, confirmed = stack.control.exports(hsm_name)
    assert operation["downloads"][0]["sha256"] == first["sha256"]
    assert (first["outcome"], lost["outcome"], confirmed["outcome"]) == ("Superseded", "Success", "Success")
    check_outcome(stack, hsm_name, operation)


def await_exports(stack: Stack, name: str, count: int) -> None:
    deadline = time.monotonic() + 10
    while len(stack.control.exports(name)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def check_outcome(stack: Stack, name: str, operation: dict[str, Any]) -> None:
    """One HSM, one confirmed security domain, every export accounted for."""
    assert [hsm["name"] for hsm in stack.control.hsms()] == [name]
    exports = stack.control.exports(name)
    confirmed = [export for export in exports if export["outcome"] == "Success"]
    domain = operation["result"]["securityDomain"]
    assert confirmed[-1]["sha256"] == domain["sha256"]
    asked, answered = (
        [path for path in stored.paths(stack, name) if path.endswith(f"-{event}.json")]
        for event in ("asked", "answered")
    )
    assert len(asked) >= len(exports)
    downloads = operation["downloads"]
    assert isinstance(downloads, list)
    assert [item["outcome"] for item in downloads].count("Confirmed") == 1
    kept = [path for path in stored.paths(stack, name) if path.endswith("security-domain.json")]
    assert len(kept) == len(downloads) == len(answered)
    assert len({item["export"] for item in downloads}) == len(downloads)

"""The operators' two switches: they hold at once, for what is asked for and for what already runs."""

import time
from pathlib import Path
from typing import Final

import pytest

from local.azure.control.models import NewHold
from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian, request_for
from tests.hosts import deployed
from tests.test_preflight import preflight, verdicts
from tests.test_provision import provision

PERSON: Final = "00000000-0000-4000-8000-0000000a0062"
STOP_CREATION: Final = {"HSM_PROVISIONER_STOP_CREATION": "true"}
STOP_EXPORT: Final = {"HSM_PROVISIONER_STOP_DESTRUCTION_AND_EXPORT": "true"}
CODES: Final = {"creation_stopped": STOP_CREATION, "destruction_and_export_stopped": STOP_EXPORT}


def writes(stack: Stack, service: str, since: int, ending: str) -> list[str]:
    entries = stack.control.journal(service, since=since)
    return [item["path"] for item in entries if item["method"] in ("PUT", "POST") and item["path"].endswith(ending)]


@pytest.mark.parametrize("code", CODES)
def test_nothing_new_is_begun(
    code: str, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    body = request_for(stack, custodians)
    finished = f"{hsm_name}-done"
    assert provision(portal, finished, body)["status"] == "Succeeded"
    with deployed(stack, tmp_path / "host", CODES[code]) as stopped:
        other = Portal(stopped)
        refused = other.put_hsm(hsm_name, body)
        assert (refused.status_code, refused.json()["code"]) == (403, code)
        assert verdicts(preflight(other, hsm_name, body), "Failed") == {"switches": code}
        assert other.send("GET", f"hsms/{hsm_name}").status_code == 404
        if code == "creation_stopped":
            # A region costs as much as an HSM.
            extension = {"additionalRegions": ["swedencentral"], "requestedBy": PERSON}
            extended = other.send("PATCH", f"hsms/{finished}", json=extension)
            assert (extended.status_code, extended.json()["code"]) == (403, code)
        # What is finished is as asked, and can be read and verified.
        assert other.put_hsm(finished, body).status_code == 200
        assert other.send("POST", f"hsms/{finished}/security-domain/verify").status_code == 200
    assert [item["name"] for item in stack.control.hsms()] == [finished]


@pytest.mark.parametrize("code", CODES)
def test_an_operation_that_runs_makes_no_hsm_any_more(
    code: str, stack: Stack, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    body = request_for(stack, custodians, resourceGroup=f"rg-{hsm_name}")
    hold = stack.control.hold(
        NewHold(service="resource_manager", method="PUT", path=f"/resourcegroups/rg-{hsm_name}$", phase="before")
    )
    with deployed(stack, tmp_path / "host", {}) as running:
        operation_id = Portal(running).put_hsm(hsm_name, body).json()["id"]
        assert stack.control.await_hold(hold, 30)
    stack.control.release(hold, drop=True)
    with deployed(stack, tmp_path / "host", CODES[code]) as stopped:
        operation = Portal(stopped).follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", code)
    assert stack.control.hsms() == []
    with deployed(stack, tmp_path / "host", {}) as lifted:
        assert provision(Portal(lifted), hsm_name, body)["status"] == "Succeeded"


def test_an_operation_that_runs_exports_nothing_any_more(
    stack: Stack, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    stack.control.change_timing(20, 0.6)
    body = request_for(stack, custodians)
    with deployed(stack, tmp_path / "host", {}) as running:
        portal = Portal(running)
        operation_id = portal.put_hsm(hsm_name, body).json()["id"]
        _await_step(portal, operation_id, "await_ready")
    since = len(stack.control.journal())
    with deployed(stack, tmp_path / "host", STOP_EXPORT) as stopped:
        operation = Portal(stopped).follow(operation_id)
        assert (operation["status"], operation["error"]["code"]) == ("Failed", "destruction_and_export_stopped")
        assert [item["active"] for item in stack.control.hsms()] == [False]
        assert writes(stack, "managed_hsm", since, "/securitydomain/download") == []
        assert Portal(stopped).put_hsm(hsm_name, body).json()["code"] == "destruction_and_export_stopped"
    with deployed(stack, tmp_path / "host", STOP_CREATION) as lifted:
        # What exists may be finished: nothing is created.
        assert provision(Portal(lifted), hsm_name, body)["status"] == "Succeeded"


def _await_step(portal: Portal, operation_id: str, name: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        steps = {step["name"]: step["status"] for step in portal.operation(operation_id)["steps"]}
        if steps[name] == "Running":
            return
        time.sleep(0.1)
    message = f"{name} did not begin"
    raise TimeoutError(message)

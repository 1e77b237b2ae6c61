"""Every change is in the audit log before it is made, with its end after it; refusals, too."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from domain.paging import Order, Position, write_token
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer
from local.child_process import REPOSITORY
from local.copy_container import copy_container
from local.portal import Portal
from local.stack import Stack, register_application
from tests.custodians import Custodian, request_for


@pytest.fixture(scope="module")
def auditor(stack: Stack) -> Portal:
    return Portal(stack, register_application(stack.control, "an auditor", ["Hsm.Audit"]))


def records(auditor: Portal, **asked: Any) -> list[dict[str, Any]]:
    page = auditor.send("GET", "audit", params=asked).json()
    found: list[dict[str, Any]] = page["value"]
    assert page["broken"] == []
    while "nextLink" in page:
        response = auditor.send("GET", page["nextLink"].partition("/api/")[2].partition("?")[0], params=query(page))
        page = response.json()
        found += page["value"]
    return found


def query(page: dict[str, Any]) -> dict[str, str]:
    from urllib.parse import parse_qsl, urlsplit

    return dict(parse_qsl(urlsplit(page["nextLink"]).query))


def test_an_operation_is_told_by_its_chain(
    stack: Stack, portal: Portal, auditor: Portal, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    operation = portal.follow(portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"])
    chain = records(auditor, operation=operation["id"], maxpagesize=3)
    assert [(record["kind"], record.get("step"), record.get("outcome")) for record in chain] == [
        ("accepted", None, None),
        ("intent", "create_resource_group", None),
        ("result", "create_resource_group", "done"),
        ("intent", "provision_hsm", None),
        ("result", "provision_hsm", "done"),
        ("intent", "download_security_domain", None),
        ("result", "download_security_domain", "done"),
        ("ended", None, "Succeeded"),
    ]
    assert chain[0]["actor"] == operation["requester"]
    assert chain[6]["detail"]["sha256"] == operation["result"]["securityDomain"]["sha256"]
    assert [record["previousSha256"] for record in chain[1:]] == [record["sha256"] for record in chain[:-1]]
    copy_container(stack, "audit", tmp_path / "copy")
    checked = subprocess.run(
        [sys.executable, "-m", "local.verify_audit", str(tmp_path / "copy")],
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


def test_what_cannot_be_recorded_is_not_done(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    path = f"/audit/operations/{hsm_name}-"
    fault = stack.control.inject_fault(
        NewFault(service="blob_storage", method="PUT", path=path, count=1000, effect=Answer(status=503))
    )
    refused = portal.put_hsm(hsm_name, request_for(stack, custodians))
    assert (refused.status_code, refused.json()["code"]) == (503, "audit_unavailable")
    assert refused.headers["Retry-After"]
    assert portal.send("GET", f"hsms/{hsm_name}").json()["lastOperation"]["status"] == "NotStarted"
    assert stack.control.hsms() == []
    stack.control.remove_fault(fault)
    accepted = portal.put_hsm(hsm_name, request_for(stack, custodians))
    assert portal.follow(accepted.json()["id"])["status"] == "Succeeded"


def test_refusals_are_recorded_with_who_and_why(
    stack: Stack, portal: Portal, auditor: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians, location="the moon")
    assert portal.put_hsm(hsm_name, body).status_code == 403
    other = Portal(stack, register_application(stack.control, "a reader", ["Hsm.Read"]))
    assert other.put_hsm(hsm_name, body).status_code == 403
    found = records(auditor, hsm=hsm_name, kind="refused")
    assert [(record["outcome"], record["detail"]["call"]) for record in found] == [
        ("location_not_allowed", "put_hsm"),
        ("role_missing", "put_hsm"),
    ]
    assert found[0]["actor"]["objectId"] == stack.portal.object_id
    assert found[0]["detail"]["field"] == "location"


def test_records_are_found_by_their_time(
    stack: Stack, portal: Portal, auditor: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    for location in ("the moon", "mars", "venus"):
        assert portal.put_hsm(hsm_name, request_for(stack, custodians, location=location)).status_code == 403
    times = [record["at"] for record in records(auditor, hsm=hsm_name, maxpagesize=1)]
    assert times == sorted(times)
    middle = records(auditor, hsm=hsm_name, createdAfter=times[1], createdBefore=times[2])
    assert [record["at"] for record in middle] == [times[1]]


def test_only_auditors_read_it(portal: Portal) -> None:
    refused = portal.send("GET", "audit")
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"kind": "everything"}, "kind"),
        ({"createdAfter": "yesterday"}, "createdAfter"),
        ({"createdAfter": "0001-01-01T00:00:00Z"}, "createdAfter"),
        ({"createdAfter": "0001-01-01T00:00:00+14:00"}, "createdAfter"),
        ({"createdBefore": "9999-12-31T23:59:59-14:00"}, "createdBefore"),
        ({"created_before": "2026-11-01T12:00:00Z"}, "created_before"),
        ({"maxpagesize": "0"}, "maxpagesize"),
        ({"continuationToken": "../../claims/x"}, "continuationToken"),
        ({"continuationToken": write_token(Order("path"), Position(0, "../claims/x"))}, "continuationToken"),
        ({"continuationToken": write_token(Order("name"), Position(0, "x"))}, "continuationToken"),
        ({"fields": "x"}, "fields"),
    ],
)
def test_a_wrong_question_is_refused_by_its_parameter(asked: dict[str, str], field: str, auditor: Portal) -> None:
    refused = auditor.send("GET", "audit", params=asked)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == field

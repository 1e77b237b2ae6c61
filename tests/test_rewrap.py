"""Re-wrapping: the security domain of an active HSM goes to other custodians, and nothing that is stored changes."""

from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from domain.steps import STEPS
from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian, make_custodian, request_for, wrapping_keys
from tests.people import await_step
from tests.security_domain_opener import NotEnoughShares, open_security_domain
from tests.stored import read
from tests.test_adopt import ASKING, approve


@pytest.fixture
def active(stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]) -> dict[str, Any]:
    """An active HSM: the operation that made it."""
    response = portal.put_hsm(hsm_name, request_for(stack, custodians))
    operation = portal.follow(response.json()["id"])
    assert operation["status"] == "Succeeded", operation
    return operation


@pytest.fixture(scope="module")
def successors() -> list[Custodian]:
    return [make_custodian(f"successor-{number}") for number in range(5)]


def rewrap(portal: Portal, name: str, keys: list[Custodian], quorum: int = 3, **changes: Any) -> requests.Response:
    body = {
        "securityDomain": {"quorum": quorum, "wrappingKeys": wrapping_keys(keys)},
        "requestedBy": ASKING,
        **changes,
    }
    return portal.send(
        "POST",
        f"hsms/{name}/security-domain/rewrap",
        json={member: value for member, value in body.items() if value is not None},
    )


def opened(stack: Stack, receipt: dict[str, Any], custodians: list[Custodian]) -> dict[str, bytes]:
    """Open what a receipt is of with these custodians' keys."""
    keys = {one.thumbprint: one.key for one in custodians if isinstance(one.key, RSAPrivateKey)}
    return open_security_domain(read(stack, receipt["blobUrl"]), keys)


def test_new_custodians_open_what_is_exported_and_the_old_ones_what_was(
    stack: Stack,
    portal: Portal,
    hsm_name: str,
    active: dict[str, Any],
    custodians: list[Custodian],
    successors: list[Custodian],
) -> None:
    before = active["result"]["securityDomain"]
    response = rewrap(portal, hsm_name, successors)
    assert response.status_code == 202, response.text
    assert rewrap(portal, hsm_name, successors).json()["id"] == response.json()["id"]
    operation = approve(stack, portal, response.json()["id"])
    assert operation["status"] == "Succeeded", operation
    assert (operation["kind"], tuple(step["name"] for step in operation["steps"])) == ("rewrap", STEPS["rewrap"])
    assert operation["approval"]["required"]
    assert operation["plan"]["replaces"] == {"operationId": active["id"], "sha256": before["sha256"]}
    assert [key["thumbprint"] for key in operation["plan"]["wrappingKeys"]] == [key.thumbprint for key in successors]
    assert "old_quorum_still_opens" in [warning["code"] for warning in operation["warnings"]]
    after = operation["result"]["securityDomain"]
    assert (after["operationId"], after["quorum"]) == (operation["id"], 3)
    assert opened(stack, before, custodians) == opened(stack, after, successors[:3])
    with pytest.raises(NotEnoughShares):
        opened(stack, after, custodians)
    described = portal.send("GET", f"hsms/{hsm_name}/security-domain").json()
    assert (described["receipt"]["sha256"], described["quorum"]) == (after["sha256"], 3)
    assert [share["custodian"] for share in described["shares"]] == [key.name for key in successors]
    assert described["verification"]["faults"] == []


def test_the_same_custodians_are_no_new_ones(
    portal: Portal, hsm_name: str, active: dict[str, Any], custodians: list[Custodian]
) -> None:
    operation = portal.follow(rewrap(portal, hsm_name, custodians, 2).json()["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "rewrap_changes_nothing")
    assert portal.send("GET", f"hsms/{hsm_name}/security-domain").json()["receipt"]["operationId"] == active["id"]


@pytest.mark.usefixtures("active")
def test_a_put_with_the_request_of_before_does_not_undo_it(
    stack: Stack,
    portal: Portal,
    hsm_name: str,
    custodians: list[Custodian],
    successors: list[Custodian],
) -> None:
    approve(stack, portal, rewrap(portal, hsm_name, successors).json()["id"])
    refused = portal.put_hsm(hsm_name, request_for(stack, custodians))
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_differs"), refused.text
    as_it_is = request_for(stack, custodians, securityDomain={"quorum": 3, "wrappingKeys": wrapping_keys(successors)})
    assert portal.put_hsm(hsm_name, as_it_is).status_code == 200


@pytest.mark.usefixtures("active")
def test_what_cannot_be_re_wrapped_is_refused(
    portal: Portal,
    other_portal: Portal,
    hsm_name: str,
    successors: list[Custodian],
) -> None:
    assert rewrap(other_portal, hsm_name, successors).status_code == 404
    assert rewrap(portal, "no-such-hsm", successors).status_code == 404
    refused = rewrap(portal, hsm_name, successors, 9)
    assert (refused.status_code, refused.json()["code"]) == (400, "quorum_out_of_range")
    refused = rewrap(portal, hsm_name, successors, requestedBy=None)
    assert (refused.status_code, refused.json()["code"]) == (400, "requested_by_missing")


def test_until_it_is_approved_it_can_be_canceled_and_nothing_is_exported(
    portal: Portal, hsm_name: str, active: dict[str, Any], successors: list[Custodian]
) -> None:
    operation_id = rewrap(portal, hsm_name, successors).json()["id"]
    await_step(portal, operation_id, "await_approval")
    assert portal.send("POST", f"operations/{operation_id}/cancel").status_code == 202
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["downloads"]) == ("Canceled", [])
    assert portal.send("GET", f"hsms/{hsm_name}/security-domain").json()["receipt"]["operationId"] == active["id"]

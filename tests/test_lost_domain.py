"""An HSM whose only stored security domain is lost, or its quorum: it is exported again, to whom somebody approves."""

from typing import Any

import pytest
import requests

from domain.export_approval import AGAIN, FIRST, OTHER_KEYS
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, make_custodian, request_for
from tests.people import await_step
from tests.restoring import ASKING, Source, approve, begin, finish, provision_source
from tests.test_rewrap import opened, rewrap


@pytest.fixture(scope="module")
def successors() -> list[Custodian]:
    return [make_custodian(f"successor-{number}") for number in range(3)]


def restore(stack: Stack, portal: Portal, name: str, custodians: list[Custodian]) -> tuple[Source, str]:
    """Restore an HSM into a second one, whose stored security domain is then that of the first: give both."""
    first = provision_source(stack, portal, name, custodians)
    second = f"{name}-b"
    finish(stack, portal, begin(stack, portal, second, name), first)
    return first, second


def put(stack: Stack, portal: Portal, name: str, custodians: list[Custodian], **changes: Any) -> requests.Response:
    return portal.put_hsm(name, request_for(stack, custodians, **changes))


def blob_url(portal: Portal, name: str) -> str:
    url: str = portal.send("GET", f"hsms/{name}/security-domain").json()["receipt"]["blobUrl"]
    return url


def delete(stack: Stack, portal: Portal, name: str) -> None:
    """Delete what is stored of an HSM, as only somebody with rights on the account could."""
    stored.client(stack, blob_url(portal, name)).delete_blob()


def damage(stack: Stack, portal: Portal, name: str) -> None:
    blob = stored.client(stack, blob_url(portal, name))
    blob.upload_blob(blob.download_blob().readall()[:-1] + b" ", overwrite=True)


def needs_person(response: requests.Response) -> bool:
    return (response.status_code, response.json()["code"]) == (400, "requested_by_missing")


def follow_approved(
    stack: Stack, portal: Portal, response: requests.Response, reasons: list[str] | None = None
) -> dict[str, Any]:
    """Approve an operation for what it says, and follow it to its end."""
    assert response.status_code == 202, response.text
    waiting = await_step(portal, response.json()["id"], "await_approval")
    assert reasons in (None, waiting["approval"]["reasons"])
    approve(stack, waiting)
    return portal.follow(waiting["id"])


def test_what_was_restored_is_exported_to_keys_of_its_own_with_approval(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], successors: list[Custodian]
) -> None:
    first, second = restore(stack, portal, hsm_name, custodians)
    before = portal.send("GET", f"hsms/{second}").json()["securityDomain"]
    assert needs_person(put(stack, portal, second, successors))
    body = request_for(stack, successors, requestedBy=ASKING)
    forecast = portal.send("POST", f"hsms/{second}/preflight", json=body).json()
    assert forecast["approval"] == {"required": True, "reasons": [FIRST]}, forecast
    assert forecast["wouldCreate"] == [{"type": "SecurityDomain", "name": second}]
    # What was approved and failed leaves the HSM as it was: another export is approved again.
    refusing = NewFault(
        service="managed_hsm", path="/securitydomain/download", count=1000, effect=Answer(kind="answer", status=403)
    )
    fault = stack.control.inject_fault(refusing)
    failed = follow_approved(stack, portal, portal.put_hsm(second, body), [FIRST])
    stack.control.remove_fault(fault)
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "azure_forbidden"), failed
    assert needs_person(put(stack, portal, second, successors))
    assert portal.send("GET", f"hsms/{second}").json()["securityDomain"] == before
    exported = follow_approved(stack, portal, portal.put_hsm(second, body), [FIRST])
    assert exported["status"] == "Succeeded", exported
    assert exported["plan"]["replaces"] == {"operationId": before["operationId"], "sha256": before["sha256"]}
    assert "old_quorum_still_opens" in [warning["code"] for warning in exported["warnings"]]
    after = exported["result"]["securityDomain"]
    assert opened(stack, after, successors) == opened(stack, before, first.custodians)
    assert portal.put_hsm(second, body).status_code == 200
    refused = put(stack, portal, second, custodians)
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_differs")
    # Gone again, the same keys need approval too: what the HSM holds, this service did not put there.
    delete(stack, portal, second)
    assert needs_person(put(stack, portal, second, successors))
    again = follow_approved(stack, portal, portal.put_hsm(second, body), [AGAIN])
    assert (again["status"], again["plan"]["replaces"]["sha256"]) == ("Succeeded", after["sha256"]), again
    assert opened(stack, again["result"]["securityDomain"], successors)


def test_what_was_restored_is_re_wrapped_where_its_stored_bytes_are_lost(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], successors: list[Custodian]
) -> None:
    first, second = restore(stack, portal, hsm_name, custodians)
    before = portal.send("GET", f"hsms/{second}").json()["securityDomain"]
    unchanged = portal.follow(rewrap(portal, second, custodians, 2).json()["id"])
    assert unchanged["error"]["code"] == "rewrap_changes_nothing"
    delete(stack, portal, second)
    exported = follow_approved(stack, portal, rewrap(portal, second, custodians, 2))
    assert exported["status"] == "Succeeded", exported
    assert exported["plan"]["replaces"] == {"operationId": before["operationId"], "sha256": before["sha256"]}
    after = exported["result"]["securityDomain"]
    assert (after["operationId"], opened(stack, after, first.custodians) != {}) == (exported["id"], True)
    # Damaged, it goes to other keys by a PUT; meanwhile nobody can bring their own without approval.
    damage(stack, portal, second)
    assert needs_person(put(stack, portal, second, successors))
    changed = follow_approved(stack, portal, put(stack, portal, second, successors, requestedBy=ASKING), [OTHER_KEYS])
    assert changed["status"] == "Succeeded", changed
    assert opened(stack, changed["result"]["securityDomain"], successors)
    re_wrapped = follow_approved(stack, portal, rewrap(portal, second, custodians, 2))
    assert re_wrapped["status"] == "Succeeded", re_wrapped


def test_what_was_made_here_goes_to_other_keys_with_approval_once_its_stored_bytes_are_lost(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], successors: list[Custodian]
) -> None:
    provision_source(stack, portal, hsm_name, custodians)
    refused = put(stack, portal, hsm_name, successors, requestedBy=ASKING)
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_differs")
    damage(stack, portal, hsm_name)
    assert needs_person(put(stack, portal, hsm_name, successors))
    changed = follow_approved(stack, portal, put(stack, portal, hsm_name, successors, requestedBy=ASKING), [OTHER_KEYS])
    assert changed["status"] == "Succeeded", changed
    # To those that it was for it is exported as it was at first.
    damage(stack, portal, hsm_name)
    same = portal.follow(put(stack, portal, hsm_name, successors).json()["id"])
    assert (same["status"], same["approval"]["required"]) == ("Succeeded", False), same

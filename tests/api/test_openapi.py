"""The OpenAPI document as it is served; its examples are sent, and answered as it says."""

from typing import Any

from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian
from triggers.examples import ANSWERS, REQUESTS


def test_the_document_is_open_to_all_and_known_by_its_etag(portal: Portal) -> None:
    nobody = {"Authorization": ""}
    first = portal.send("GET", "openapi.json", headers=nobody)
    assert (first.status_code, first.headers["Content-Type"]) == (200, "application/json")
    assert first.json()["openapi"] == "3.1.0"
    etag = first.headers["ETag"]
    again = portal.send("GET", "openapi.json", headers={**nobody, "If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert portal.send("GET", "openapi.json", headers={**nobody, "If-None-Match": '"other"'}).status_code == 200


def test_the_example_is_accepted_and_shown_as_in_the_examples(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    for number, custodian in enumerate(custodians, start=1):
        stack.control.plant_certificate("custodians", f"custodian-{number}", custodian.pem)
    body = {**REQUESTS["put_hsm"], "subscriptionId": stack.azure.endpoints.subscription_id}
    accepted = portal.put_hsm(hsm_name, body)
    assert accepted.status_code == 202
    assert members(ANSWERS["OperationView"]) <= members(accepted.json()) | {".steps[].startedAt"}
    operation = portal.follow(accepted.json()["id"])
    assert operation["status"] == "Succeeded"
    hsm = portal.send("GET", f"hsms/{hsm_name}").json()
    assert members(ANSWERS["HsmView"]) <= members(hsm)
    assert hsm["tags"] == ANSWERS["HsmView"]["tags"]


def members(document: Any, path: str = "") -> set[str]:
    """The paths of all members."""
    if isinstance(document, list):
        return {name for item in document for name in members(item, f"{path}[]")}
    if not isinstance(document, dict):
        return set()
    own = {f"{path}.{name}" for name in document}
    return own | {found for name, value in document.items() for found in members(value, f"{path}.{name}")}

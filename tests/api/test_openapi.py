"""The OpenAPI document as it is served; its examples are sent, and answered as it says."""

import json
from typing import Any

import pytest

from local.portal import Portal
from local.stack import Stack
from tests.api.test_tokens import minted, send
from tests.custodians import Custodian
from triggers.openapi.examples import ANSWERS, REQUESTS
from triggers.routes import ROUTES, Route


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
    # What has not begun has no step that runs.
    begun = {".currentStep", ".currentStep.name", ".currentStep.status"}
    assert members(ANSWERS["OperationView"]) <= members(accepted.json()) | begun
    operation = portal.follow(accepted.json()["id"])
    assert operation["status"] == "Succeeded"
    hsm = portal.send("GET", f"hsms/{hsm_name}").json()
    assert members(ANSWERS["HsmView"]) <= members(hsm)
    assert hsm["tags"] == ANSWERS["HsmView"]["tags"]
    changed = portal.send("PATCH", f"hsms/{hsm_name}", json=REQUESTS["patch_hsm"])
    assert changed.status_code == 202
    assert portal.follow(changed.json()["id"])["status"] == "Succeeded"
    assert portal.send("GET", f"hsms/{hsm_name}").json()["network"] == REQUESTS["patch_hsm"]["network"]


@pytest.mark.parametrize("route", [route for route in ROUTES if route.body], ids=lambda route: route.name)
def test_every_body_has_an_example_and_no_fault_is_found_in_it(
    route: Route, stack: Stack, portal: Portal, hsm_name: str
) -> None:
    """What is refused is not the body: there is no such HSM or operation, and no such certificate."""
    body = dict(REQUESTS[route.name])
    if "subscriptionId" in body:
        body["subscriptionId"] = stack.azure.endpoints.subscription_id
    token = minted(person="requestedBy" not in body)(stack)
    path = route.path.format(name=hsm_name, id=f"{hsm_name}-01M865B00Y7ESBKJG8B3PHY3ZA")
    answer = send(stack, route.method, path, {"Authorization": f"Bearer {token}"}, json.dumps(body).encode())
    assert answer.status_code in (200, 202, 404), answer.text
    if answer.status_code == 202:
        portal.follow(answer.json()["id"])


def members(document: Any, path: str = "") -> set[str]:
    """The paths of all members."""
    if isinstance(document, list):
        return {name for item in document for name in members(item, f"{path}[]")}
    if not isinstance(document, dict):
        return set()
    own = {f"{path}.{name}" for name in document}
    return own | {found for name, value in document.items() for found in members(value, f"{path}.{name}")}

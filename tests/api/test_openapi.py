"""The OpenAPI document as it is served; its examples are sent, and answered as it says."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from clients.many_subscriptions import KEPT_SECONDS
from domain.error_catalogue import CATALOGUE
from domain.steps import STEP_TITLES
from local.portal import Portal
from local.stack import Stack, register_application
from tests.api.test_tokens import minted, send
from tests.custodians import NO_OTHER_RULES, Custodian, request_for
from tests.planting import ULID
from triggers.openapi.examples import ANSWERS, ANSWERS_OF_CALLS, REQUESTS
from triggers.routes import ROUTES, Route

CURRENT_STEP = (".currentStep", ".currentStep.name", ".currentStep.status")


def test_the_document_is_open_to_all_and_known_by_its_etag(portal: Portal) -> None:
    nobody = {"Authorization": ""}
    first = portal.send("GET", "openapi.json", headers=nobody)
    assert (first.status_code, first.headers["Content-Type"]) == (200, "application/json")
    assert first.json()["openapi"] == "3.1.0"
    etag = first.headers["ETag"]
    again = portal.send("GET", "openapi.json", headers={**nobody, "If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert portal.send("GET", "openapi.json", headers={**nobody, "If-None-Match": '"other"'}).status_code == 200


TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PYTHON: Final = re.compile(r"\b(?:None|True|False)\b|\b[a-z0-9]+(?:_[a-z0-9]+)+\b")


@pytest.fixture
def document(portal: Portal) -> dict[str, Any]:
    found: dict[str, Any] = portal.send("GET", "openapi.json").json()
    return found


def test_every_schema_member_and_parameter_is_described(document: dict[str, Any]) -> None:
    parts = dict(described_parts(document))
    assert len(parts) > 300
    assert [name for name, part in parts.items() if len(part.get("description", "")) < 5] == []
    assert [name for name, part in parts.items() if part["description"][-1] not in ".)"] == []


def test_what_is_described_is_said_in_words_of_the_wire(document: dict[str, Any]) -> None:
    words = {word for text in texts(document) for word in PYTHON.findall(text)}
    assert words <= {*CATALOGUE, *STEP_TITLES, "access_as_user"}


def described_parts(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that must have a description."""
    for name, schema in document["components"]["schemas"].items():
        yield name, schema
        for member, part in schema.get("properties", {}).items():
            yield f"{name}.{member}", part
    for kind in ("parameters", "headers"):
        yield from document["components"][kind].items()
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            yield f"{method} {path}", call
            for parameter in call["parameters"]:
                if "$ref" not in parameter:
                    yield f"{method} {path} {parameter['name']}", parameter


def texts(part: object) -> Iterator[str]:
    """All that is said of anything to people."""
    if isinstance(part, list):
        for item in part:
            yield from texts(item)
    elif isinstance(part, dict):
        yield from (part[name] for name in ("description", "summary") if isinstance(part.get(name), str))
        for value in part.values():
            yield from texts(value)


def test_the_example_is_accepted_and_shown_as_in_the_examples(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    for number, custodian in enumerate(custodians, start=1):
        stack.control.plant_certificate("custodians", f"custodian-{number}", custodian.pem)
    body = {**REQUESTS["put_hsm"], "subscriptionId": stack.azure.endpoints.subscription_id}
    accepted = portal.put_hsm(hsm_name, body)
    assert accepted.status_code == 202
    assert members(ANSWERS_OF_CALLS["put_hsm", 202]) == members(accepted.json())
    operation = portal.follow(accepted.json()["id"])
    assert operation["status"] == "Succeeded"
    # Nobody was asked for, nobody has to approve, and it has ended.
    of_one_that_waits = {".requestedBy", ".approval.expiresAt", *CURRENT_STEP}
    assert members(ANSWERS["OperationView"]) - members(operation) == of_one_that_waits
    hsm = portal.send("GET", f"hsms/{hsm_name}").json()
    assert members(ANSWERS["HsmView"]) <= members(hsm)
    assert hsm["tags"] == ANSWERS["HsmView"]["tags"]
    check_other_answers(stack, portal, hsm_name, body)
    changed = portal.send("PATCH", f"hsms/{hsm_name}", json=REQUESTS["patch_hsm"])
    assert changed.status_code == 202
    assert portal.follow(changed.json()["id"])["status"] == "Succeeded"
    network = portal.send("GET", f"hsms/{hsm_name}").json()["network"]
    assert network == NO_OTHER_RULES | REQUESTS["patch_hsm"]["network"]


def check_other_answers(stack: Stack, portal: Portal, hsm_name: str, body: dict[str, Any]) -> None:
    """Examples have no members that real answers do not have."""
    # Lists may show Azure's answer of before the HSM was active.
    time.sleep(KEPT_SECONDS)
    path = f"hsms/{hsm_name}"
    auditor = Portal(stack, register_application(stack.control, "an auditor", ["Hsm.Audit"]))
    real = {
        "Health": portal.send("GET", "health"),
        # The newest is the one that there is: those of other tests are gone.
        "HsmPage": portal.send("GET", "hsms", params={"orderby": "createdAt desc"}),
        "OperationPage": portal.send("GET", "operations", params={"hsm": hsm_name}),
        "Preflight": portal.send("POST", f"{path}-b/preflight", json=body),
        "Verification": portal.send("POST", f"{path}/security-domain/verify"),
        "SecurityDomainView": portal.send("GET", f"{path}/security-domain"),
        "PolicyView": portal.send("GET", "policy"),
        "Readiness": portal.send("GET", "health/ready"),
        "AuditPage": auditor.send("GET", "audit", params={"hsm": hsm_name}),
    }
    # What this run does not give: a next page, a person who asked, a step that runs, something that is missing, tags
    # that are required.
    absent = {".nextLink", ".value[].requestedBy", ".dependencies[].message", ".requiredTags.costCenter"}
    absent |= {".value[].detail.requestedBy", *(f".value[]{member}" for member in CURRENT_STEP)}
    for model, answer in real.items():
        assert answer.status_code == 200, answer.text
        assert members(ANSWERS[model]) - members(answer.json()) <= absent, model
        assert oddly_written(answer.json()) == [], model
    assert list(times(real["AuditPage"].json()))


def test_all_times_are_written_alike_however_they_were_sent(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians, expiresAt="2030-01-01T01:00:00.123456+02:00")
    accepted = portal.put_hsm(hsm_name, body)
    refused = portal.put_hsm(hsm_name, {**body, "location": "westeurope"})
    assert refused.json()["code"] == "operation_in_progress"
    operation = portal.follow(accepted.json()["id"])
    hsm = portal.send("GET", f"hsms/{hsm_name}").json()
    assert (hsm["expiresAt"], operation["plan"]["expiresAt"]) == ("2029-12-31T23:00:00.123Z",) * 2
    for answer in (accepted.json(), refused.json(), operation, hsm):
        assert list(times(answer))
        assert oddly_written(answer) == []


def oddly_written(document: Any) -> list[str]:
    return [text for text in times(document) if not TIME.fullmatch(text)]


def times(document: Any) -> Iterator[str]:
    """All texts that are times, however they are written."""
    if isinstance(document, list | dict):
        for part in document.values() if isinstance(document, dict) else document:
            yield from times(part)
    elif isinstance(document, str) and re.match(r"\d{4}-\d\d-\d\dT", document):
        yield document


@pytest.mark.parametrize("route", [route for route in ROUTES if route.body], ids=lambda route: route.name)
def test_every_body_has_an_example_and_no_fault_is_found_in_it(
    route: Route, stack: Stack, portal: Portal, hsm_name: str
) -> None:
    """What is refused is not the body: there is no such HSM or operation, and no such certificate."""
    body = dict(REQUESTS[route.name])
    if "subscriptionId" in body:
        body["subscriptionId"] = stack.azure.endpoints.subscription_id
    token = minted(person="requestedBy" not in body)(stack)
    path = route.path.format(name=hsm_name, id=f"{hsm_name}-{ULID}", check=ULID)
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

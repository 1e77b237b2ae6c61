"""The matrix of docs/authorisation.md, cell by cell: each role at each call, for what is one's own and what is not."""

import uuid
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest
import requests

from domain.caller import OPERATE_ROLE, ROLES
from local.azure.control.models import NewToken
from local.policy import TEAM_A, TEAM_B
from local.portal import Portal
from local.stack import API_AUDIENCE, Stack
from tests.custodians import Custodian, request_for
from tests.planting import ULID
from triggers.documents import cell
from triggers.openapi.examples import REQUESTS
from triggers.routes import ROUTES, Route

# Another HSM of team a, for what needs two.
SOURCE: Final = "source-of-the-matrix"
ADDRESSES: Final = {"own": TEAM_A, "other": TEAM_B}


class Thing(NamedTuple):
    """An HSM of team a, what it was asked for with, and its operation."""

    name: str
    operation_id: str
    body: dict[str, Any]
    thumbprint: str


@pytest.fixture(scope="module")
def thing(stack: Stack, custodians: list[Custodian]) -> Iterator[Thing]:
    name, body = "a-hsm-of-the-matrix", request_for(stack, custodians, resourceGroup="rg-matrix")
    portal = Portal(stack)
    for made in (SOURCE, name):
        operation = portal.follow(portal.put_hsm(made, body).json()["id"])
        assert operation["status"] == "Succeeded", operation
    yield Thing(name, operation["id"], body, custodians[0].thumbprint)
    stack.control.forget_hsms()


CELLS: Final = [
    pytest.param(route, role, whose, id=f"{route.name}-{role}-{whose}")
    for route in ROUTES
    for role in ROLES
    for whose in (ADDRESSES if route.owned else ["own"])
]


@pytest.mark.parametrize(("route", "role", "whose"), CELLS)
def test_a_cell(route: Route, role: str, whose: str, stack: Stack, thing: Thing) -> None:
    response = ask(stack, route, [role], ADDRESSES[whose], thing)
    said = cell(route, role)
    if said == "no":
        assert (response.status_code, response.json()["code"]) == (403, "role_missing")
    elif said == "own" and whose == "other":
        check_it_does_not_exist(route, thing, response)
    else:
        check_it_is_there(route, thing, response)


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.roles and route.owned], ids=lambda route: route.name
)
def test_operating_widens_every_other_role(route: Route, stack: Stack, thing: Thing) -> None:
    role = next(role for role in route.roles if role != OPERATE_ROLE)
    check_it_is_there(route, thing, ask(stack, route, [role, OPERATE_ROLE], TEAM_B, thing))


def ask(stack: Stack, route: Route, roles: list[str], group: str, thing: Thing) -> requests.Response:
    token = NewToken(audience=API_AUDIENCE, roles=roles, groups=[group], person=True, object_id=str(uuid.uuid4()))
    path = route.path.format(name=thing.name, id=thing.operation_id, check=ULID)
    headers = {"Authorization": f"Bearer {stack.control.create_token(token)}"}
    # Deleted it would be no thing any more: a purge, which the policy does not allow here, is asked for.
    query = {"purge": "true"} if route.name == "delete_hsm" else {}
    return Portal(stack).send(route.method, path, headers=headers, json=body_of(route, thing), params=query)


def body_of(route: Route, thing: Thing) -> dict[str, Any] | None:
    """Something that can be accepted, and that changes nothing of what is there."""
    if route.name in ("put_hsm", "preflight_hsm"):
        return thing.body
    if route.name == "patch_hsm":
        return {"tags": thing.body["tags"]}
    if route.name == "adopt_hsm":
        return {name: thing.body[name] for name in ("subscriptionId", "resourceGroup", "environment")}
    if route.name == "rewrap_security_domain":
        one_key = thing.body["securityDomain"]["wrappingKeys"][:1]
        return {"securityDomain": {"quorum": 2, "wrappingKeys": one_key}}
    if route.name == "recover_hsm":
        return {}
    if route.name == "ask_share_check":
        return {"thumbprint": thing.thumbprint}
    if route.name == "answer_share_check":
        return {**REQUESTS[route.name], "challengeId": ULID}
    if route.name == "restore_hsm":
        asked = {name: value for name, value in thing.body.items() if name != "securityDomain"}
        return {**asked, "source": {"hsm": SOURCE}}
    if route.name == "put_hold":
        return REQUESTS[route.name]
    return {"planSha256": "0" * 64} if route.body else None


def check_it_does_not_exist(route: Route, thing: Thing, response: requests.Response) -> None:
    """Names are everybody's: that one is taken is all that a PUT, its dry run and a restore say of it."""
    assert thing.operation_id not in response.text
    if route.name in ("list_hsms", "list_operations"):
        assert response.status_code == 200
        assert thing.name not in response.text
    elif route.name == "preflight_hsm":
        assert {check["code"] for check in response.json()["checks"] if check["verdict"] == "Failed"} == {"hsm_exists"}
    elif route.name in ("put_hsm", "restore_hsm"):
        assert (response.status_code, response.json()["code"]) == (409, "hsm_exists")
    else:
        code = "operation_not_found" if "{id}" in route.path else "hsm_not_found"
        assert (response.status_code, response.json()["code"]) == (404, code)


REFUSED: Final = {
    "adopt_hsm": (409, "hsm_ours_already"),
    "restore_hsm": (409, "hsm_ours_already"),
    "delete_hsm": (403, "purge_not_allowed"),
    "rewrap_security_domain": (400, "wrapping_key_count"),
    "announce_restore_blob": (409, "operation_ended"),
    "approve_operation": (409, "approval_not_needed"),
    "reject_operation": (409, "approval_not_needed"),
    "cancel_operation": (409, "operation_ended"),
    "answer_share_check": (404, "share_check_not_found"),
}


def check_it_is_there(route: Route, thing: Thing, response: requests.Response) -> None:
    if route.name in REFUSED:
        assert (response.status_code, response.json()["code"]) == REFUSED[route.name], response.text
        return
    assert response.status_code == next(iter(route.answers)), response.text
    if route.name == "preflight_hsm":
        assert response.json()["verdict"] == "Passed"
    elif route.owned:
        assert thing.name in response.text or thing.operation_id in response.text

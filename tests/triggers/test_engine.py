"""The API while its engine does not answer: whoever asks is told to ask again, and nothing is taken for ended."""

import json
from collections.abc import Iterator
from typing import Any, cast

import azure.durable_functions as df
import azure.functions as func
import pytest
from durabletask.client import TaskHubGrpcClient

from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian, request_for
from tests.in_process import signed_in_as_the_app
from tests.planting import make_claim, plant
from triggers.door.gateway import respond
from triggers.routes import API_VERSION, ROUTES

NAMED = {route.name: route for route in ROUTES}


@pytest.fixture(autouse=True, scope="module")
def as_the_app(stack: Stack) -> Iterator[None]:
    with signed_in_as_the_app(stack):
        yield


@pytest.fixture
def dead() -> Iterator[df.SyncDurableFunctionsClient]:
    """The client of an engine that there is not."""
    with TaskHubGrpcClient(host_address="127.0.0.1:1") as client:
        yield cast("df.SyncDurableFunctionsClient", client)


CALLS: dict[str, tuple[str, dict[str, str]]] = {
    "an operation": ("get_operation", {}),
    "a list of operations": ("list_operations", {}),
    "what runs": ("list_operations", {"status": "Running"}),
    "what waits for approval": ("list_operations", {"awaitingApproval": "true"}),
    "the same request again": ("put_hsm", {}),
    "a cancel": ("cancel_operation", {}),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_call_that_needs_the_engine_is_answered_503(
    case: str,
    stack: Stack,
    portal: Portal,
    dead: df.SyncDurableFunctionsClient,
    hsm_name: str,
    custodians: list[Custodian],
) -> None:
    route, query = CALLS[case]
    body = request_for(stack, custodians)
    claim = make_claim(stack, hsm_name, body, state="running", succeeded=None)
    plant(stack, claim)
    request = func.HttpRequest(
        NAMED[route].method,
        f"https://app.example/api/{route}",
        headers={"authorization": f"Bearer {portal.token()}", "content-type": "application/json"},
        params={"api-version": API_VERSION, **query, **({"hsm": hsm_name} if route == "list_operations" else {})},
        route_params={"name": hsm_name, "id": claim.operation_id},
        body=json.dumps(body).encode() if NAMED[route].body else b"",
    )
    response = respond(NAMED[route], request, dead)
    problem: dict[str, Any] = json.loads(response.get_body())
    assert (response.status_code, problem["code"], problem["retryable"]) == (503, "engine_unavailable", True), problem
    assert int(response.headers["Retry-After"]) > 0
    shown = portal.operation(claim.operation_id)
    assert (shown["status"], "cancel" in shown) == ("NotStarted", False)

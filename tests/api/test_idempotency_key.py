"""An Idempotency-Key through the whole: what was answered is answered again, whatever became of it meanwhile."""

from typing import Any

import pytest

from local.portal import Portal
from local.stack import Stack
from tests.api.test_tokens import minted, send
from tests.custodians import Custodian, request_for
from triggers.routes import ROUTES, Route

POSTS = [route for route in ROUTES if route.method == "POST"]


def cancel(portal: Portal, operation_id: str, key: str | None) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return portal.send("POST", f"operations/{operation_id}/cancel", headers=headers)


def test_a_cancellation_is_answered_as_the_first_time(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.change_timing(5, 5)
    operation = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"]
    key = f"key of {hsm_name}".replace(" ", "-")
    first = cancel(portal, operation, key)
    assert (first.status_code, first.headers.get("Idempotency-Replayed")) == (202, None)
    assert portal.follow(operation)["status"] == "Canceled"
    again = cancel(portal, operation, key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
    assert again.json() == first.json()
    assert again.headers["Operation-Location"] == first.headers["Operation-Location"]
    assert again.headers["x-ms-request-id"] != first.headers["x-ms-request-id"]
    assert cancel(portal, operation, None).json()["code"] == "operation_ended"
    other = cancel(portal, f"{operation[:-1]}0", key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.name)
def test_every_post_refuses_what_is_no_key(route: Route, stack: Stack) -> None:
    path = route.path.replace("{name}", "anything").replace("{id}", "anything-01HZZZZZZZZZZZZZZZZZZZZZZZ")
    headers = {"Authorization": f"Bearer {minted()(stack)}", "Idempotency-Key": "x" * 256}
    response = send(stack, "POST", path, headers, b"{}")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_header"), response.text
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"

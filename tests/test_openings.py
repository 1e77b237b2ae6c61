"""What is recorded of a firewall that is open for a while, where more than one operation has to do with it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import pytest
import requests

from clients import archive, openings, resource_manager
from clients.openings import HeldOpening
from domain.errors import ServiceError
from domain.hsm import Hsm
from domain.openings import Opening
from domain.requests import NetworkRequest
from local.azure.control.models import NewHold
from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian, request_for
from tests.in_process import signed_in_as_the_app

OURS: Final = "127.0.0.1/32"
OTHERS: Final = "198.51.100.0/24"
ULID: Final = "01M865B00Y7ESBKJG8B3PHY3ZA"


@pytest.fixture
def signed_in(stack: Stack) -> Iterator[None]:
    with signed_in_as_the_app(stack):
        yield


def opening_of(stack: Stack, name: str, operation: str, minutes: int = 60) -> Opening:
    scope = f"/subscriptions/{stack.azure.endpoints.subscription_id}/resourceGroups/rg-hsm"
    return Opening(
        hsm=name,
        resource_id=f"{scope}/providers/Microsoft.KeyVault/managedHSMs/{name}",
        operation_id=f"{name}-{operation}",
        ip_rule=OURS,
        closes_at=datetime.now(UTC) + timedelta(minutes=minutes),
        public_network_access="Disabled",
        network=NetworkRequest(),
    )


def find(name: str) -> HeldOpening:
    held = openings.find_opening(name)
    assert held is not None
    return held


@pytest.mark.usefixtures("signed_in")
def test_what_another_operation_recorded_meanwhile_is_not_overwritten(stack: Stack, hsm_name: str) -> None:
    first, second = (opening_of(stack, hsm_name, ulid) for ulid in ("FIRST", "SECOND"))
    openings.write_opening(first, None)
    read = find(hsm_name)
    openings.write_opening(second, read.etag)
    late: list[Callable[[], object]] = [
        partial(openings.close, read, datetime.now(UTC)),
        partial(openings.write_opening, first, read.etag),
        partial(openings.write_opening, first, None),
    ]
    for write in late:
        with pytest.raises(ServiceError) as changed:
            write()
        assert (changed.value.detail.code, changed.value.detail.retryable) == ("record_changed", True)
    assert find(hsm_name).opening == second


@pytest.mark.usefixtures("signed_in")
def test_what_is_asked_for_later_stays_when_an_earlier_opening_is_closed(
    stack: Stack, portal: Portal, custodians: list[Custodian], hsm_name: str
) -> None:
    """An HSM of the name was left open and purged; another is made, and then changed, so that the service is let in."""
    body = request_for(stack, custodians, network=rules(OURS))
    leave_recorded(stack, hsm_name)
    follow(portal, portal.put_hsm(hsm_name, body))
    assert close_at_last(stack, hsm_name) == ("Enabled", [OURS])
    leave_recorded(stack, hsm_name)
    follow(portal, portal.put_hsm(hsm_name, {**body, "network": rules(OURS, OTHERS)}))
    assert close_at_last(stack, hsm_name) == ("Enabled", [OURS, OTHERS])
    leave_recorded(stack, hsm_name)
    change = {"publicNetworkAccess": "Enabled", "network": rules(OURS)}
    follow(portal, portal.send("PATCH", f"hsms/{hsm_name}", json=change))
    assert close_at_last(stack, hsm_name) == ("Enabled", [OURS])


@pytest.mark.usefixtures("signed_in")
def test_who_closes_looks_once_more_whether_something_else_was_asked_for(
    stack: Stack, portal: Portal, custodians: list[Custodian], hsm_name: str
) -> None:
    follow(portal, portal.put_hsm(hsm_name, request_for(stack, custodians, network=rules(OURS))))
    leave_recorded(stack, hsm_name)
    reading = NewHold(service="resource_manager", method="GET", path=f"/managedHSMs/{hsm_name}$", phase="after")
    held = stack.control.hold(reading)
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(openings.close, find(hsm_name), datetime.now(UTC))
        assert stack.control.await_hold(held, 60)
        record = archive.find_hsm_record(hsm_name)
        assert record is not None
        openings.close_to(hsm_name, record.request)
        stack.control.release(held)
        closing.result(60)
    assert close_at_last(stack, hsm_name) == ("Enabled", [OURS])
    assert not [entry for entry in stack.control.journal("resource_manager") if is_change(entry, hsm_name)]


def is_change(entry: dict[str, Any], name: str) -> bool:
    return entry["method"] == "PATCH" and str(entry["path"]).endswith(f"/{name}")


def rules(*addresses: str) -> dict[str, Any]:
    return {"defaultAction": "Deny", "ipRules": list(addresses)}


def leave_recorded(stack: Stack, name: str) -> None:
    """Leave what is recorded of an opening that was closed, and not seen to be."""
    held = openings.find_opening(name)
    opening = opening_of(stack, name, ULID, minutes=0)
    openings.write_opening(opening, held.etag if held else None)


def follow(portal: Portal, response: requests.Response) -> None:
    assert response.status_code == 202, response.text
    operation = portal.follow(response.json()["id"])
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])


def close_at_last(stack: Stack, name: str) -> tuple[str, list[str]]:
    """Let the clock close it until that was seen, and say whom the HSM lets in then."""
    deadline = time.monotonic() + 60
    while openings.find_opening(name) is not None:
        assert time.monotonic() < deadline
        openings.close_overdue()
    hsm = find_hsm(stack, name)
    return hsm.public_network_access, hsm.network.ip_rules


def find_hsm(stack: Stack, name: str) -> Hsm:
    hsm = resource_manager.find_hsm(stack.azure.endpoints.subscription_id, "rg-hsm", name)
    assert hsm is not None
    return hsm

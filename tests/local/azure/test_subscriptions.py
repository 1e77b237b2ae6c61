"""What a subscription says of itself, and what its state and its registration allow."""

from collections.abc import Callable

import pytest
import requests
from azure.core.credentials import TokenCredential

from local.azure.control.client import ControlClient
from local.azure.launch import LocalAzure
from local.azure.resource_manager.subscriptions import SubscriptionState
from tests.local.azure.conftest import ARM, send

type Sender = Callable[..., requests.Response]


@pytest.fixture
def as_identity(azure: LocalAzure, token: Callable[..., str]) -> Sender:
    """Send as the managed identity, which is Contributor in every subscription."""
    access = token(ARM, objectId=azure.endpoints.identity_object_id)
    return lambda method, path, body=None: send(access, method, f"{ARM}/subscriptions/{path}", body)


def test_a_subscription_says_what_it_was_made_with(control: ControlClient, as_identity: Sender) -> None:
    plain = control.create_subscription()
    assert "tags" not in as_identity("GET", plain).json()
    made = control.create_subscription(display_name="Team A, production", tags={"team": "a"}, state="PastDue")
    found = as_identity("GET", made).json()
    assert found == {
        "id": f"/subscriptions/{made}",
        "subscriptionId": made,
        "tenantId": found["tenantId"],
        "displayName": "Team A, production",
        "state": "PastDue",
        "tags": {"team": "a"},
    }
    control.change_subscription(made, tags={}, state="Enabled")
    changed = as_identity("GET", made).json()
    assert (changed["displayName"], changed["state"], "tags" in changed) == ("Team A, production", "Enabled", False)


@pytest.mark.parametrize(("state", "writing"), [("PastDue", 200), ("Warned", 409), ("Disabled", 409), ("Deleted", 409)])
def test_a_disabled_subscription_is_read_only(
    control: ControlClient, as_identity: Sender, state: SubscriptionState, writing: int
) -> None:
    made = control.create_subscription(registered=True)
    group = f"{made}/resourceGroups/rg-states"
    assert as_identity("PUT", group, {"location": "norwayeast"}).status_code == 201
    control.change_subscription(made, state=state)
    refused = as_identity("PUT", group, {"location": "norwayeast"})
    assert refused.status_code == writing
    if writing == 409:
        assert refused.json()["error"]["code"] == "ReadOnlyDisabledSubscription"
        assert refused.json()["error"]["message"].startswith(f"The subscription '{made}' is disabled")
        purge = f"{made}/providers/Microsoft.KeyVault/locations/norwayeast/deletedManagedHSMs/any/purge"
        assert as_identity("POST", purge).json()["error"]["code"] == "ReadOnlyDisabledSubscription"
    assert as_identity("GET", group).status_code == 200
    assert as_identity("DELETE", group).status_code == 200


def test_a_registration_takes_its_time(control: ControlClient, as_identity: Sender) -> None:
    made = control.create_subscription()
    provider = f"{made}/providers/Microsoft.KeyVault"
    question = {"name": "a-free-name", "type": "Microsoft.KeyVault/managedHSMs"}

    def state() -> str:
        return str(as_identity("GET", provider).json()["registrationState"])

    control.change_timing(registration_seconds=100)
    try:
        assert state() == "NotRegistered"
        for _ in range(2):
            assert as_identity("POST", f"{provider}/register").json()["registrationState"] == "Registering"
        asked = as_identity("POST", f"{provider}/checkMhsmNameAvailability", question)
        assert asked.json()["error"]["code"] == "MissingSubscriptionRegistration"
        control.change_clock(advance_seconds=100)
        assert state() == "Registered"
        assert as_identity("POST", f"{provider}/checkMhsmNameAvailability", question).json()["nameAvailable"]
        as_identity("POST", f"{provider}/unregister")
        as_identity("POST", f"{provider}/register")
        as_identity("POST", f"{provider}/unregister")
        control.change_clock(advance_seconds=100)
        assert state() == "NotRegistered"
    finally:
        control.change_timing(registration_seconds=0)


def test_lists_come_in_pages(control: ControlClient, as_identity: Sender) -> None:
    made = control.create_subscription(registered=True)
    for number in range(5):
        as_identity("PUT", f"{made}/resourceGroups/rg-{number}", {"location": "norwayeast"})
    names, path = [], f"{made}/resourceGroups?$top=2"
    while path:
        page = as_identity("GET", path).json()
        assert len(page["value"]) <= 2
        names += [group["name"] for group in page["value"]]
        path = page.get("nextLink", "").removeprefix(f"{ARM}/subscriptions/")
    assert names == [f"rg-{number}" for number in range(5)]
    for wrong in ("$top=none", "$top=0", "$skiptoken=none"):
        assert as_identity("GET", f"{made}/resourceGroups?{wrong}").status_code == 400


def test_a_list_of_subscriptions_comes_in_pages(
    control: ControlClient, azure: LocalAzure, token: Callable[..., str], credential: TokenCredential
) -> None:
    control.create_subscription()
    access = token(ARM, objectId=azure.endpoints.identity_object_id)
    first = send(access, "GET", f"{ARM}/subscriptions?$top=1").json()
    assert len(first["value"]) == 1
    assert first["nextLink"]
    mine = send(credential, "GET", f"{ARM}/subscriptions").json()
    assert [item["subscriptionId"] for item in mine["value"]] == [azure.endpoints.subscription_id]
    assert "nextLink" not in mine

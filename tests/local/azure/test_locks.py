"""Locks: what they refuse, at which scope, and how they are listed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from azure.identity import ClientSecretCredential

from local.azure.control.client import ControlClient
from local.azure.launch import LocalAzure
from tests.local.azure.conftest import ARM, GROUP, send

LOCKS = "providers/Microsoft.Authorization/locks"
type Sender = Callable[..., requests.Response]


@pytest.fixture
def owner(azure: LocalAzure, control: ControlClient) -> Iterator[Sender]:
    made = control.create_application("owner", {}, "Owner")
    with ClientSecretCredential(azure.endpoints.tenant_id, made.client_id, made.client_secret) as credential:
        yield lambda method, path, body=None: send(credential, method, f"{ARM}{path}", body)


@pytest.fixture
def scopes(azure: LocalAzure, hsm: str) -> list[str]:
    """The scopes of an HSM, from the subscription to itself."""
    subscription = f"/subscriptions/{azure.endpoints.subscription_id}"
    group = f"{subscription}/resourceGroups/{GROUP}"
    return [subscription, group, f"{group}/providers/Microsoft.KeyVault/managedHSMs/{hsm}"]


def level(name: str) -> dict[str, Any]:
    return {"properties": {"level": name}}


def code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize("place", [0, 1, 2], ids=["subscription", "group", "hsm"])
def test_a_lock_keeps_an_hsm_from_being_deleted(owner: Sender, scopes: list[str], place: int) -> None:
    scope, (_, group, hsm) = scopes[place], scopes
    lock = f"{scope}/{LOCKS}/keep"
    body = {"properties": {"level": "cannotdelete", "notes": "ask team A"}}
    made = owner("PUT", lock, body)
    assert made.status_code == 201
    assert made.json() == {
        "id": lock,
        "name": "keep",
        "type": "Microsoft.Authorization/locks",
        "properties": {"level": "CanNotDelete", "notes": "ask team A"},
    }
    refused = owner("DELETE", hsm)
    assert code(refused) == (409, "ScopeLocked")
    assert refused.json()["error"]["message"] == (
        f"The scope '{hsm}' cannot perform delete operation because following scope(s) are locked: '{scope}'. "
        "Please remove the lock and try again."
    )
    # A lock on what is in a group keeps the group, too.
    assert code(owner("DELETE", group)) == (409, "ScopeLocked")
    assert owner("PATCH", hsm, {"tags": {"owner": "a"}}).status_code == 202
    assert owner("DELETE", lock.upper().replace("SUBSCRIPTIONS", "subscriptions")).status_code == 200
    assert owner("DELETE", lock).status_code == 204
    assert code(owner("GET", lock)) == (404, "LockNotFound")
    assert owner("DELETE", hsm).status_code == 202


def test_a_read_only_lock_refuses_changes_until_it_is_removed(owner: Sender, scopes: list[str]) -> None:
    _, group, hsm = scopes
    assert owner("PUT", f"{group}/{LOCKS}/freeze", level("CanNotDelete")).status_code == 201
    assert owner("PUT", f"{group}/{LOCKS}/freeze", level("ReadOnly")).status_code == 200
    for method, path, body in (
        ("PATCH", hsm, {"tags": {"owner": "a"}}),
        ("PUT", f"{group}/providers/Microsoft.KeyVault/managedHSMs/another", {}),
        ("PATCH", group, {"tags": {}}),
    ):
        refused = owner(method, path, body)
        assert code(refused) == (409, "ScopeLocked"), path
        assert "cannot perform write operation" in refused.json()["error"]["message"]
    assert code(owner("DELETE", hsm)) == (409, "ScopeLocked")
    assert owner("GET", hsm).status_code == 200
    assert owner("DELETE", f"{group}/{LOCKS}/freeze").status_code == 200
    assert owner("PATCH", hsm, {"tags": {"owner": "a"}}).status_code == 202


def test_locks_are_listed_around_a_scope_or_above_it(owner: Sender, scopes: list[str], control: ControlClient) -> None:
    subscription, group, hsm = scopes
    for number, scope in enumerate(scopes):
        control.create_lock(scope, f"lock-{number}")

    def names(scope: str, query: str = "") -> list[str]:
        return [lock["name"] for lock in owner("GET", f"{scope}/{LOCKS}{query}").json()["value"]]

    assert names(subscription) == names(group) == names(hsm) == ["lock-0", "lock-1", "lock-2"]
    assert names(subscription, "?$filter=atScope()") == ["lock-0"]
    assert names(group, "?$filter=atScope()") == ["lock-0", "lock-1"]
    assert owner("GET", f"{hsm}/{LOCKS}/lock-0").status_code == 404
    assert owner("GET", f"{hsm}/{LOCKS}?$filter=other").status_code == 400
    control.remove_lock(subscription, "lock-0")
    control.remove_lock(group, "lock-1")
    assert names(hsm) == ["lock-2"]
    control.forget_hsms()
    assert names(subscription) == []


def test_what_is_not_there_cannot_be_locked(owner: Sender, scopes: list[str]) -> None:
    subscription, group, hsm = scopes
    assert code(owner("PUT", f"{hsm}-not/{LOCKS}/a", level("ReadOnly"))) == (404, "ResourceNotFound")
    assert code(owner("PUT", f"{group}-not/{LOCKS}/a", level("ReadOnly"))) == (404, "ResourceGroupNotFound")
    assert owner("PUT", f"{subscription}/{LOCKS}/a", level("NotSpecified")).status_code == 400


def test_locks_are_for_owners_and_purges_are_not_locked(
    owner: Sender, azure: LocalAzure, token: Callable[..., str], scopes: list[str], control: ControlClient
) -> None:
    subscription, _, hsm = scopes
    contributor = token(ARM, objectId=azure.endpoints.identity_object_id)
    refused = send(contributor, "PUT", f"{ARM}{subscription}/{LOCKS}/mine", level("CanNotDelete"))
    assert code(refused) == (403, "AuthorizationFailed")
    assert owner("DELETE", hsm).status_code == 202
    control.create_lock(subscription, "late", "ReadOnly")
    try:
        place = f"{subscription}/providers/Microsoft.KeyVault/locations/norwayeast/deletedManagedHSMs"
        assert owner("POST", f"{place}/{hsm.rpartition('/')[2]}/purge").status_code == 202
    finally:
        control.remove_lock(subscription, "late")

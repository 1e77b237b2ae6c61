"""Whether the app lives, whether it is ready, and what it says of wrong settings."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from durabletask.client import TaskHubGrpcClient

from local.azure.control.models import NewFault
from local.azure.core.faults import Answer, Delay
from local.portal import Portal
from local.stack import Stack
from tests.hosts import deployed, log_lines
from triggers.readiness import look_at_engine

NAMES = ["settings", "storage", "identity", "keys", "engine"]


def ask(stack: Stack) -> requests.Response:
    """Ask without a token."""
    response = requests.get(f"{stack.host.functions_url}/api/health/ready", timeout=30)
    assert [item["name"] for item in response.json()["dependencies"]] == NAMES
    return response


def lacking(response: requests.Response) -> dict[str, str]:
    return {item["name"]: item["message"] for item in response.json()["dependencies"] if not item["ready"]}


def test_a_deployment_that_has_all_is_ready(stack: Stack) -> None:
    response = ask(stack)
    assert (response.status_code, response.json()["status"], lacking(response)) == (200, "Ready", {})


def test_a_flood_of_questions_costs_nothing(stack: Stack) -> None:
    ask(stack)
    since = len(stack.control.journal())
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(stack), range(100)))
    looks = 1 + (time.monotonic() - began) // 10
    assert {answer.status_code for answer in answers} == {200}
    assert len(stack.control.journal("blob_storage", since=since)) <= 3 * looks


def test_a_store_that_fails_is_named_and_so_is_one_that_hangs(stack: Stack, tmp_path: Path) -> None:
    fault = NewFault(service="blob_storage", method="GET", path="hsm-records", count=1000, effect=Answer(status=503))
    with deployed(stack, tmp_path / "host", {}) as other:
        broken = stack.control.inject_fault(fault)
        try:
            response = ask(other)
            assert (response.status_code, response.json()["status"]) == (503, "NotReady")
            assert list(lacking(response)) == ["storage"]
        finally:
            stack.control.remove_fault(broken)
        hanging = stack.control.inject_fault(fault.model_copy(update={"effect": Delay(seconds=30)}))
        try:
            time.sleep(10)
            began = time.monotonic()
            response = ask(other)
            assert time.monotonic() - began < 6
            assert lacking(response) == {"storage": "There was no answer within 4 s."}
        finally:
            stack.control.remove_fault(hanging)


def test_an_identity_that_gets_no_token_is_named(stack: Stack, tmp_path: Path) -> None:
    with deployed(stack, tmp_path / "host", {"IDENTITY_HEADER": "not-the-secret"}) as other:
        response = ask(other)
    assert response.status_code == 503
    assert set(lacking(response)) == {"storage", "identity"}
    assert "not-the-secret" not in response.text
    assert stack.azure.endpoints.identity_header not in response.text


def test_keys_that_cannot_be_read_are_named(stack: Stack, tmp_path: Path) -> None:
    fault = NewFault(service="entra", path="/discovery/v2.0/keys", count=1000, effect=Answer(status=503))
    with deployed(stack, tmp_path / "host", {}) as other:
        identifier = stack.control.inject_fault(fault)
        try:
            response = ask(other)
        finally:
            stack.control.remove_fault(identifier)
    assert (response.status_code, set(lacking(response))) == (503, {"keys"})


def test_an_engine_that_does_not_answer_is_named() -> None:
    with TaskHubGrpcClient(host_address="127.0.0.1:1") as client:
        assert look_at_engine(client) == "The Durable Functions engine does not answer."


WRONG: dict[str, dict[str, Any]] = {
    "a policy that is none, and two settings": {
        "settings": {
            "HSM_PROVISIONER_POLICY": json.dumps({"subscriptions": ["secret-text"], "locations": [], "callers": []}),
            "HSM_PROVISIONER_HSM_QUOTA": "secret-text",
            "HSM_PROVISIONER_STORAGE_ACCOUNT_URL": "http://secret-text",
        },
        "lacking": {"settings", "storage", "identity", "keys"},
        "mistakes": [
            "HSM_PROVISIONER_STORAGE_ACCOUNT_URL: ",
            "HSM_PROVISIONER_HSM_QUOTA: ",
            "HSM_PROVISIONER_POLICY: locations: ",
        ],
    },
    "a policy with three mistakes": {
        "settings": {
            "HSM_PROVISIONER_POLICY": json.dumps({"subscriptions": ["secret-text"], "locations": [], "callers": []})
        },
        "lacking": {"settings"},
        "mistakes": [
            "HSM_PROVISIONER_POLICY: subscriptions[0]: ",
            "HSM_PROVISIONER_POLICY: locations: ",
            "HSM_PROVISIONER_POLICY: skus: ",
        ],
    },
    "no policy": {
        "settings": {"HSM_PROVISIONER_POLICY": ""},
        "lacking": {"settings", "storage", "identity", "keys"},
        "mistakes": ["HSM_PROVISIONER_POLICY: "],
    },
}


@pytest.mark.parametrize("case", WRONG)
def test_each_mistake_in_the_settings_is_told_once_and_the_app_starts(case: str, stack: Stack, tmp_path: Path) -> None:
    wrong = WRONG[case]
    with deployed(stack, tmp_path / "host", wrong["settings"]) as other:
        response = ask(other)
        alive = requests.get(f"{other.host.functions_url}/api/health", timeout=10).status_code
        called = Portal(other).send("GET", "hsms/nobody-has-this")
    assert alive == 200
    assert set(lacking(response)) == wrong["lacking"]
    logged = [line for line in log_lines(tmp_path / "host") if "wrong setting: " in line]
    told = lacking(response).get("settings", "")
    for mistake in wrong["mistakes"]:
        assert mistake in told
        assert any(mistake in line for line in logged)
    assert (called.status_code, called.json()["code"]) == (503, "settings_invalid")
    for text in (response.text, called.text, *logged):
        assert "secret-text" not in text

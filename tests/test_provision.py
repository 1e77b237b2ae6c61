"""One HSM, end to end: made, stored, verified, and openable by a quorum of its custodians."""

from itertools import combinations
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from durabletask.client import TaskHubGrpcClient
from durabletask.history import TaskScheduledEvent

from domain.steps import PROVISION_STEPS
from local.portal import Portal
from local.stack import Stack
from orchestrations.downloading import MAXIMUM_DOWNLOADS
from tests import stored
from tests.custodians import Custodian, make_custodian, request_for
from tests.security_domain_opener import NotEnoughShares, open_security_domain

# The steps that every provision has, whatever is asked for.
ALWAYS = {
    *("preflight", "create_resource_group", "provision_hsm", "await_ready", "fetch_wrapping_keys"),
    *("download_security_domain", "await_activation", "verify_security_domain", "record_operation"),
}


def provision(portal: Portal, name: str, body: dict[str, Any]) -> dict[str, Any]:
    response = portal.put_hsm(name, body)
    assert response.status_code == 202, response.text
    return portal.follow(response.json()["id"])


def private_keys(custodians: tuple[Custodian, ...]) -> dict[str, RSAPrivateKey]:
    return {item.thumbprint: item.key for item in custodians if isinstance(item.key, RSAPrivateKey)}


def test_any_quorum_opens_the_stored_security_domain_and_fewer_do_not(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation = provision(portal, hsm_name, request_for(stack, custodians))
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    content = stored.read(stack, operation["result"]["securityDomain"]["blobUrl"])
    opened = [open_security_domain(content, private_keys(pair)) for pair in combinations(custodians, 2)]
    assert set(opened[0]) == {"hsm_backup", "base_enclave_backup", "partition_enclave_backup"}
    assert opened[0] == opened[1] == opened[2]
    for custodian in custodians:
        with pytest.raises(NotEnoughShares):
            open_security_domain(content, private_keys((custodian,)))


def test_all_steps_are_there_from_the_first_moment_and_at_the_end(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    response = portal.put_hsm(hsm_name, request_for(stack, custodians))
    first = response.json()
    assert tuple(step["name"] for step in first["steps"]) == PROVISION_STEPS
    assert response.headers["Operation-Location"].endswith(f"/api/operations/{first['id']}?api-version=2026-11-01")
    assert response.headers["Location"].endswith(f"/api/hsms/{hsm_name}?api-version=2026-11-01")
    assert int(response.headers["Retry-After"]) > 0
    operation = portal.follow(first["id"])
    statuses = {step["name"]: step["status"] for step in operation["steps"]}
    assert {name for name, status in statuses.items() if status == "Succeeded"} == ALWAYS
    assert {status for name, status in statuses.items() if name not in ALWAYS} == {"Skipped"}
    operation["steps"] = [step for step in operation["steps"] if step["name"] in ALWAYS]
    assert all(step["startedAt"] <= step["finishedAt"] and step["attempts"] >= 1 for step in operation["steps"])


def test_the_archive_tells_the_whole_story(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation = provision(portal, hsm_name, request_for(stack, custodians))
    prefix = f"{hsm_name}/{operation['id']}"
    assert sorted(stored.paths(stack, hsm_name)) == [
        f"{hsm_name}/exports/000001-answered.json",
        f"{hsm_name}/exports/000001-asked.json",
        f"{hsm_name}/exports/000001-ended.json",
        f"{prefix}/1/confirmation.json",
        f"{prefix}/1/receipt.json",
        f"{prefix}/1/security-domain.json",
        f"{prefix}/plan.json",
    ]


def test_the_finished_hsm_is_described(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation = provision(portal, hsm_name, request_for(stack, custodians))
    hsm = portal.send("GET", f"hsms/{hsm_name.upper()}").json()
    assert (hsm["state"], hsm["securityDomain"]) == ("Active", operation["result"]["securityDomain"])
    assert hsm["securityDomain"]["thumbprints"] == [custodian.thumbprint for custodian in custodians]


def test_a_failed_export_is_downloaded_again_and_its_bytes_never_count(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.queue_export_outcomes("Failed")
    operation = provision(portal, hsm_name, request_for(stack, custodians))
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    assert [item["outcome"] for item in operation["downloads"]] == ["ExportFailed", "Confirmed"]
    dead, alive = stack.control.exports(hsm_name)
    assert (dead["outcome"], alive["outcome"]) == ("Failed", "Success")
    assert operation["downloads"][0]["sha256"] == dead["sha256"]
    assert operation["result"]["securityDomain"]["sha256"] == alive["sha256"] != dead["sha256"]


def test_quorum_of_all_keys_is_warned_of(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    body["securityDomain"]["quorum"] = 3
    operation = provision(portal, hsm_name, body)
    assert [warning["code"] for warning in operation["warnings"]] == ["quorum_is_all_keys"]


def test_a_failed_provisioning_ends_the_operation_and_asking_again_resumes(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.fail_provisioning(1)
    body = request_for(stack, custodians)
    failed = provision(portal, hsm_name, body)
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "provisioning_failed")
    again = provision(portal, hsm_name, body)
    assert again["id"] != failed["id"]
    assert again["status"] == "Succeeded", again
    assert portal.operation(failed["id"])["status"] == "Failed"


def test_a_new_hsm_of_an_old_name_gets_a_security_domain_of_its_own(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    old = provision(portal, hsm_name, body)
    stack.control.forget_hsms()
    new = provision(portal, hsm_name, body)
    assert new["status"] == "Succeeded", (new.get("error"), new["steps"])
    (export,) = stack.control.exports(hsm_name)
    assert new["result"]["securityDomain"]["sha256"] == export["sha256"] != old["result"]["securityDomain"]["sha256"]
    assert stored.read(stack, old["result"]["securityDomain"]["blobUrl"])


def test_the_longest_story_fits_into_a_custom_status(stack: Stack, portal: Portal, hsm_name: str) -> None:
    custodians = [make_custodian(f"Custodian {number} of a long list") for number in range(10)]
    stack.control.queue_export_outcomes(*["Failed"] * (MAXIMUM_DOWNLOADS - 1))
    body = request_for(stack, custodians)
    body["securityDomain"]["quorum"] = 10
    operation = provision(portal, hsm_name, body)
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    assert len(operation["downloads"]) == MAXIMUM_DOWNLOADS
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as client:
        state = client.get_orchestration_state(f"hsm-{hsm_name}")
        history = client.get_orchestration_history(f"hsm-{hsm_name}")
    assert state is not None
    # Azure keeps 16 KB of UTF-16; half of that leaves room for an error that names many fields.
    assert 1000 < len((state.serialized_custom_status or "").encode("utf-16-le")) < 8192
    inputs = [event.input for event in history if isinstance(event, TaskScheduledEvent)]
    assert max(len((text or "").encode("utf-16-le")) for text in inputs) < 8192

"""The restore blob: what is refused and said so, what is uploaded once, and what is left nowhere."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.securitydomain import SecurityDomainClient
from azure.keyvault.securitydomain.models import SecurityDomain
from durabletask.client import TaskHubGrpcClient

from domain.names import restore_blob_instance_id
from domain.security_domain.restoring import make_restore_blob, read_transfer_key
from local.azure.control.models import NewHold
from local.policy import policy
from local.portal import Portal
from local.stack import Stack, running_stack
from tests.custodians import Custodian, request_for
from tests.hosts import deployed
from tests.kills import Moment, Phase, await_worker
from tests.people import await_step
from tests.restoring import (
    ASKING,
    Source,
    announce,
    approve,
    ask,
    begin,
    blob_client,
    finish,
    make_blob,
    provision_source,
    restore_request,
    store,
)
from tests.test_secrets import WINDOW, find_secrets, read_histories
from tests.test_switches import STOP_CREATION, STOP_EXPORT

HOUR = 3600.0


@pytest.fixture(scope="module")
def source(stack: Stack, portal: Portal, custodians: list[Custodian]) -> Source:
    """An HSM that was provisioned and may be gone by now: what is stored of it stays."""
    return provision_source(stack, portal, "hsm-to-restore-2", custodians)


def await_seen(portal: Portal, operation_id: str, etag: str) -> dict[str, Any]:
    """Read an operation until it has looked at the blob with this ETag, and give what it says of it."""
    deadline = time.monotonic() + 60
    while True:
        operation = portal.operation(operation_id)
        seen: dict[str, Any] = operation["restoreBlob"].get("seen", {})
        if seen.get("etag") == etag and seen["verdict"] == "Refused":
            return seen
        assert time.monotonic() < deadline, operation
        time.sleep(0.2)


def test_what_cannot_be_uploaded_is_refused_by_its_code_and_another_waited_for(
    stack: Stack, portal: Portal, hsm_name: str, source: Source
) -> None:
    operation = begin(stack, portal, hsm_name, source.hsm)
    good = make_blob(source.domain, operation, source.custodians)
    another_key = {"transferKey": {"jwk": {"x5c": [certificate(source)]}}}
    shorter = json.loads(good)
    shorter["EncData"]["data"].pop()
    broken = json.loads(good)
    part = broken["EncData"]["data"][0]["compact_jwe"]
    broken["EncData"]["data"][0]["compact_jwe"] = part[:-4] + ("AAAA" if part[-4:] != "AAAA" else "BBBB")
    bad: list[tuple[str | bytes, str, str]] = [
        (make_blob(source.domain, another_key, source.custodians), "restore_blob_for_another_key", "another key"),
        (source.domain, "restore_blob_is_security_domain", "security domain itself"),
        (b"", "restore_blob_malformed", "no JSON"),
        (good[:-1], "restore_blob_malformed", "no JSON"),
        (b"\xff", "restore_blob_malformed", "no JSON"),
        (json.dumps(shorter), "restore_blob_malformed", "each part"),
        (b" " * 1_000_001, "restore_blob_too_large", "1,000,001 bytes"),
        # Nobody but the HSM can tell, and it goes on waiting, too.
        (json.dumps(broken), "restore_blob_refused", "could not open"),
    ]
    for content, code, words in bad:
        store(stack, operation["id"], content)
        etag = str(blob_client(stack, operation["id"]).get_blob_properties().etag)
        assert announce(portal, operation["id"]).status_code == 202
        seen = await_seen(portal, operation["id"], etag)
        assert seen["code"] == code
        assert words in seen["message"]
    waiting = await_step(portal, operation["id"], "await_restore_blob")
    steps = {step["name"]: step for step in waiting["steps"]}
    assert (steps["await_restore_blob"]["round"], steps["upload_security_domain"]["status"]) == (2, "NotStarted")
    uploads = [entry for entry in stack.control.journal("managed_hsm") if entry["method"] == "POST"]
    assert len([entry for entry in uploads if hsm_name in str(entry) and entry["path"].endswith("/upload")]) <= 2
    assert "restoredFrom" not in portal.send("GET", f"hsms/{hsm_name}").json()
    finish(stack, portal, operation, source)


def certificate(source: Source) -> str:
    """A certificate that is no transfer key."""
    return "".join(source.custodians[0].pem.splitlines()[1:-1])


def test_after_the_hsm_refused_a_blob_it_can_be_canceled(
    stack: Stack, portal: Portal, hsm_name: str, source: Source
) -> None:
    operation = begin(stack, portal, hsm_name, source.hsm)
    key = read_transfer_key(json.dumps(operation["transferKey"]["jwk"]))
    parts = dict.fromkeys(("hsm_backup", "base_enclave_backup", "partition_enclave_backup"), b"not of any HSM")
    store(stack, operation["id"], make_restore_blob(parts, key))
    etag = str(blob_client(stack, operation["id"]).get_blob_properties().etag)
    announce(portal, operation["id"])
    assert await_seen(portal, operation["id"], etag)["code"] == "restore_blob_refused"
    await_step(portal, operation["id"], "upload_security_domain", "NotStarted")
    assert portal.send("POST", f"operations/{operation['id']}/cancel").status_code == 202
    assert portal.follow(operation["id"])["status"] == "Canceled"


def test_a_transfer_key_that_was_replaced_ends_the_restore_and_the_next_one_shows_the_new_key(
    stack: Stack, portal: Portal, hsm_name: str, source: Source
) -> None:
    first = begin(stack, portal, hsm_name, source.hsm)
    stack.control.replace_transfer_key(hsm_name)
    store(stack, first["id"], make_blob(source.domain, first, source.custodians))
    announce(portal, first["id"])
    ended = portal.follow(first["id"])
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "transfer_key_changed")
    assert ended["error"]["retryable"] is False
    assert ended["transferKey"] == first["transferKey"]
    assert ended["exists"]["hsm"]["state"] == "NotActivated"
    second = begin(stack, portal, hsm_name, source.hsm)
    assert second["transferKey"]["thumbprint"] != first["transferKey"]["thumbprint"]
    finish(stack, portal, second, source)


def test_what_somebody_else_uploaded_is_not_called_ours(
    stack: Stack, portal: Portal, hsm_name: str, source: Source
) -> None:
    operation = begin(stack, portal, hsm_name, source.hsm, administrators=[stack.portal.object_id])
    endpoints, application = stack.azure.endpoints, stack.portal
    with (
        ClientSecretCredential(endpoints.tenant_id, application.client_id, application.client_secret) as credential,
        SecurityDomainClient(f"https://{hsm_name}.managedhsm.azure.net", credential) as client,
    ):
        blob = SecurityDomain(value=make_blob(source.domain, operation, source.custodians))
        client.begin_upload(blob, skip_activation_polling=True).wait()
    store(stack, operation["id"], make_blob(source.domain, operation, source.custodians))
    announce(portal, operation["id"])
    ended = portal.follow(operation["id"])
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "restored_by_others")
    refused = ask(portal, hsm_name, restore_request(stack, source.hsm, administrators=[stack.portal.object_id]))
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_ours_already")
    # Nobody recorded whose secrets it holds: to export them is to take another HSM's, and needs approval.
    body = request_for(stack, source.custodians, administrators=[stack.portal.object_id])
    unapproved = portal.put_hsm(hsm_name, body)
    assert (unapproved.status_code, unapproved.json()["code"]) == (400, "requested_by_missing")
    asked = portal.put_hsm(hsm_name, {**body, "requestedBy": ASKING})
    assert asked.status_code == 202, asked.text
    waiting = await_step(portal, asked.json()["id"], "await_approval")
    assert "first time" in " ".join(waiting["approval"]["reasons"])
    portal.send("POST", f"operations/{waiting['id']}/cancel")
    assert portal.follow(waiting["id"])["status"] == "Canceled"


def test_an_upload_that_fails_ends_the_restore_and_the_next_one_goes_on(
    stack: Stack, portal: Portal, hsm_name: str, source: Source
) -> None:
    first = begin(stack, portal, hsm_name, source.hsm)
    stack.control.queue_upload_outcomes("Failed")
    store(stack, first["id"], make_blob(source.domain, first, source.custodians))
    announce(portal, first["id"])
    ended = portal.follow(first["id"])
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "restore_failed")
    assert (ended["exists"]["hsm"]["state"], ended["exists"]["monthlyCostUsd"] > 1000) == ("NotActivated", True)
    assert "securityDomain" not in portal.send("GET", f"hsms/{hsm_name}").json()
    finish(stack, portal, begin(stack, portal, hsm_name, source.hsm), source)


def test_from_the_upload_on_it_is_too_late_to_cancel(
    stack: Stack, portal: Portal, hsm_name: str, source: Source
) -> None:
    operation = begin(stack, portal, hsm_name, source.hsm)
    hold = stack.control.hold(
        NewHold(service="managed_hsm", method="POST", path="/securitydomain/upload", phase="after")
    )
    store(stack, operation["id"], make_blob(source.domain, operation, source.custodians))
    announce(portal, operation["id"])
    assert stack.control.await_hold(hold, 30)
    late = portal.send("POST", f"operations/{operation['id']}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "cancel_too_late")
    stack.control.release(hold)
    assert portal.follow(operation["id"])["status"] == "Succeeded"


MOMENTS = [
    Moment("preflight_restore", "blob_storage", "PUT", "/plan.json"),
    Moment("fetch_transfer_key", "managed_hsm", "GET", "/securitydomain/upload$"),
    Moment("fetch_transfer_key", "blob_storage", "PUT", "/transfer-key.json"),
    Moment("await_restore_blob", "blob_storage", "GET", "/restore-blobs/{name}.*/restore-blob.json"),
    Moment("upload_security_domain", "blob_storage", "PUT", "/{name}/uploads/.*-asked.json"),
    Moment("upload_security_domain", "blob_storage", "PUT", "/claims/{name}", skip=1),
    Moment("upload_security_domain", "blob_storage", "PUT", "/hsms/{name}", skip=2),
    Moment("upload_security_domain", "managed_hsm", "POST", "/securitydomain/upload"),
    Moment("upload_security_domain", "blob_storage", "PUT", "/{name}/uploads/.*-answered.json"),
    Moment("await_restored", "managed_hsm", "GET", "/securitydomain/upload/pending", skip=3),
    Moment("verify_restored", "blob_storage", "PUT", "/hsms/{name}", skip=3),
    Moment("verify_restored", "blob_storage", "PUT", "/verifications/{name}"),
    Moment("verify_restored", "blob_storage", "DELETE", "/restore-blobs/{name}-"),
    Moment("record_operation", "blob_storage", "PUT", "/claims/{name}", skip=2),
]
# The HSM has taken it in, and the answer was lost with the worker.
NEVER_ANSWERED = {("/securitydomain/upload", "after"), ("/{name}/uploads/.*-answered.json", "before")}
CASES = [
    pytest.param(moment, phase, id=f"{moment.activity}-{moment.method}{moment.path}-{phase}")
    for moment in MOMENTS
    for phase in get_args(Phase)
]


@pytest.mark.parametrize(("moment", "phase"), CASES)
def test_a_killed_worker_changes_nothing_in_a_restore(
    moment: Moment, phase: Phase, stack: Stack, portal: Portal, hsm_name: str, source: Source
) -> None:
    path = moment.path.format(name=hsm_name)
    held = stack.control.hold(
        NewHold(service=moment.service, method=moment.method, path=path, phase=phase, skip=moment.skip)
    )
    early = moment.activity in ("preflight_restore", "fetch_transfer_key")
    response = ask(portal, hsm_name, restore_request(stack, source.hsm))
    operation_id = response.json()["id"]
    if moment.activity == "preflight_restore":
        kill(stack, held, phase, moment)
    approve(stack, response.json())
    if moment.activity == "fetch_transfer_key":
        kill(stack, held, phase, moment)
    operation = await_step(portal, operation_id, "await_restore_blob")
    store(stack, operation_id, make_blob(source.domain, operation, source.custodians))
    announce(portal, operation_id)
    if not early:
        kill(stack, held, phase, moment)
    ended = portal.follow(operation_id)
    if (moment.path, phase) in NEVER_ANSWERED:
        assert ended["error"]["code"] == "upload_unconfirmed", ended
        ended = confirm(stack, portal, hsm_name, source)
    assert ended["status"] == "Succeeded", (ended.get("error"), ended["steps"])
    with pytest.raises(ResourceNotFoundError):
        blob_client(stack, operation_id).get_blob_properties()
    hsm = portal.send("GET", f"hsms/{hsm_name}").json()
    assert (hsm["state"], hsm["restoredFrom"]["operationId"]) == ("Active", operation_id)
    assert hsm["securityDomain"]["sha256"] == hsm["restoredFrom"]["sha256"]


def confirm(stack: Stack, portal: Portal, name: str, source: Source) -> dict[str, Any]:
    """Have somebody confirm whose upload the HSM has, by approving the same request again."""
    again = ask(portal, name, restore_request(stack, source.hsm))
    assert again.status_code == 202, again.text
    waiting = await_step(portal, again.json()["id"], "await_approval")
    assert [warning["code"] for warning in waiting["warnings"]] == ["upload_unconfirmed"]
    approve(stack, waiting)
    return portal.follow(waiting["id"])


def kill(stack: Stack, held: str, phase: Phase, moment: Moment) -> None:
    assert stack.control.await_hold(held, 30), f"no request of {moment} came"
    os.kill(stack.host.worker_process_id(), signal.SIGKILL)
    stack.control.release(held, drop=phase == "before")
    await_worker(stack)


def test_nothing_secret_is_anywhere(stack: Stack, portal: Portal, hsm_name: str, source: Source) -> None:
    operation = begin(stack, portal, hsm_name, source.hsm)
    # One is refused with all that it holds, another uploaded.
    store(stack, operation["id"], source.domain)
    announce(portal, operation["id"])
    etag = str(blob_client(stack, operation["id"]).get_blob_properties().etag)
    await_seen(portal, operation["id"], etag)
    blob = make_blob(source.domain, operation, source.custodians)
    store(stack, operation["id"], blob)
    announce(portal, operation["id"])
    ended = portal.follow(operation["id"])
    assert ended["status"] == "Succeeded"
    answers = [portal.send("GET", path) for path in (f"operations/{ended['id']}", f"hsms/{hsm_name}")]
    texts = {
        **read_histories(stack),
        "the host's log": stack.host.process.log_path.read_text(),
        "the local Azure's log": stack.azure.process.log_path.read_text(),
        "its journal": json.dumps(stack.control.journal()),
        **{f"answer {number}": answer.text + str(answer.headers) for number, answer in enumerate(answers)},
    }
    pieces = windows(blob) | windows(source.domain.decode())
    assert len(pieces) > 100
    assert find_secrets(texts, pieces) == []
    # The transfer key is public, and no secret; it is not carried in histories all the same.
    key = operation["transferKey"]["jwk"]["x5c"][0][100 : 100 + WINDOW]
    assert find_secrets({place: text for place, text in texts.items() if "answer 0" not in place}, {key}) == []


def windows(content: str) -> set[str]:
    """Cut the encrypted parts of a restore blob or a security domain into pieces, each enough to know it by."""
    document = json.loads(content)
    secrets = [item["compact_jwe"] for item in document["EncData"]["data"]]
    secrets += [share["enc_key"] for share in document.get("SharedKeys", {}).get("enc_shares", [])]
    secrets += [document["WrappedKey"]["enc_key"]] if "WrappedKey" in document else []
    parts = [part for secret in secrets for part in secret.split(".")[1:]]
    return {part[start : start + WINDOW] for part in parts for start in range(0, len(part) - WINDOW, WINDOW)}


def test_of_the_switches_only_that_of_creation_stops_it(
    stack: Stack, hsm_name: str, source: Source, tmp_path: Path
) -> None:
    with deployed(stack, tmp_path / "created", STOP_CREATION) as stopped:
        refused = ask(Portal(stopped), hsm_name, restore_request(stack, source.hsm))
        assert (refused.status_code, refused.json()["code"]) == (403, "creation_stopped")
    with deployed(stack, tmp_path / "exported", STOP_EXPORT) as stopped:
        other = Portal(stopped)
        finish(stopped, other, begin(stopped, other, hsm_name, source.hsm), source)


DAYS = 3


@pytest.fixture
def stack_of_its_own(tmp_path: Path) -> Iterator[Stack]:
    """Time does not go back."""
    settings = {"HSM_PROVISIONER_POLICY": policy(), "HSM_PROVISIONER_RESTORE_BLOB_DAYS": str(DAYS)}
    settings["HSM_PROVISIONER_DEADLINE_MINUTES"] = "60"
    with running_stack(
        tmp_path / "run", provisioning_seconds=0.2, activation_seconds=0.2, settings=settings, control=True
    ) as running:
        yield running


def pass_days(stack: Stack, portal: Portal, operation_id: str, days: float) -> dict[str, Any]:
    """Let days pass in steps of some hours, each time that the orchestration sleeps."""
    for _ in range(int(days * 12)):
        stack.pass_time(2 * HOUR)
        time.sleep(0.15)
    return portal.operation(operation_id)


def test_custodians_are_reminded_each_day_and_in_the_end_it_is_too_late(
    stack_of_its_own: Stack, custodians: list[Custodian]
) -> None:
    stack, portal = stack_of_its_own, Portal(stack_of_its_own)
    source = provision_source(stack, portal, "first-hsm", custodians)
    first = begin(stack, portal, "second-hsm", source.hsm)
    nearly = pass_days(stack, portal, first["id"], DAYS - 0.5)
    assert nearly["status"] == "Running"
    reminders = [line for line in stack.host.process.log_path.read_text().splitlines() if "has waited for its" in line]
    assert len(reminders) == DAYS - 1, reminders
    assert all(first["id"] in line for line in reminders)
    pass_days(stack, portal, first["id"], 1)
    late = portal.follow(first["id"])
    assert (late["status"], late["error"]["code"]) == ("Failed", "restore_blob_late")
    assert late["exists"]["hsm"]["state"] == "NotActivated"
    histories = [count_events(stack, name) for name in ("hsm-second-hsm", restore_blob_instance_id(first["id"], 1))]
    assert max(histories) < 80


def test_a_blob_that_nobody_announced_is_found_and_the_deadline_counts_from_it(
    stack_of_its_own: Stack, custodians: list[Custodian]
) -> None:
    stack, portal = stack_of_its_own, Portal(stack_of_its_own)
    source = provision_source(stack, portal, "first-hsm", custodians)
    operation = begin(stack, portal, "second-hsm", source.hsm)
    pass_days(stack, portal, operation["id"], 1)
    store(stack, operation["id"], make_blob(source.domain, operation, custodians))
    time.sleep(1)
    assert portal.operation(operation["id"])["status"] == "Running"
    stack.pass_time(HOUR / 4)
    assert portal.follow(operation["id"])["status"] == "Succeeded"


def count_events(stack: Stack, instance_id: str) -> int:
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as client:
        return len(client.get_orchestration_history(instance_id))

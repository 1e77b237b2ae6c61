"""Uploads that cross each other, or a stranger's: the app's own activities, run in this process one beside another."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from azure.keyvault.securitydomain import SecurityDomainClient
from azure.keyvault.securitydomain.models import SecurityDomain

from activities import await_restored, uploads
from activities.registration import run_activity
from clients import archive, blobs
from clients.restores import require_restore_blobs
from clients.upload_journal import list_uploads
from domain.errors import ServiceError
from domain.names import instance_id
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer, Effect, Reset
from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian
from tests.in_process import signed_in_as_the_app
from tests.restoring import Source, announce, begin, blob_client, make_blob, provision_source, store

UPLOAD: Final = "/securitydomain/upload$"
PENDING: Final = "/securitydomain/upload/pending"
OURS: Final = "restored"


@pytest.fixture(autouse=True, scope="module")
def as_the_app(stack: Stack) -> Iterator[None]:
    with signed_in_as_the_app(stack):
        yield


@pytest.fixture(scope="module")
def source(stack: Stack, portal: Portal, custodians: list[Custodian]) -> Source:
    return provision_source(stack, portal, "hsm-to-restore-3", custodians)


class Restore:
    """A restore that waits for its blob, which nobody announced: for a minute its steps are run by the test alone."""

    def __init__(self, stack: Stack, portal: Portal, name: str, source: Source) -> None:
        self._stack, self._portal, self.name = stack, portal, name
        operation = begin(stack, portal, name, source.hsm, administrators=[stack.portal.object_id])
        self.id = operation["id"]
        self.blob = make_blob(source.domain, operation, source.custodians)
        store(stack, self.id, self.blob)

    def run(self, activity: str = "upload_security_domain", **progress: Any) -> dict[str, Any]:
        work = {"operationId": self.id, "instanceId": instance_id(self.name), "progress": progress}
        return run_activity(activity, work)

    def look(self, after: timedelta = timedelta(), **progress: Any) -> dict[str, Any]:
        """Look for the blob, so long from now."""
        return self.run("await_restore_blob", now=(datetime.now(UTC) + after).isoformat(), **progress)

    def store_broken(self) -> None:
        """Store a blob that only the HSM sees to be none."""
        broken = json.loads(self.blob)
        part = broken["EncData"]["data"][0]["compact_jwe"]
        broken["EncData"]["data"][0]["compact_jwe"] = part[:-4] + ("AAAA" if part[-4:] != "AAAA" else "BBBB")
        store(self._stack, self.id, json.dumps(broken))

    def upload_as_a_stranger(self) -> None:
        url = f"https://{self.name}.managedhsm.azure.net"
        with self._stack.portal_credential() as credential, SecurityDomainClient(url, credential) as client:
            client.begin_upload(SecurityDomain(value=self.blob), skip_activation_polling=True).wait()

    def hold(self, service: Any, method: str, path: str, phase: Any = "before", skip: int = 0) -> str:
        named = {"host": self.name} if service == "managed_hsm" else {}
        return self._stack.control.hold(
            NewHold(service=service, method=method, path=path, phase=phase, skip=skip, **named)
        )

    def go_on(self) -> dict[str, Any]:
        """Let the orchestration do the rest."""
        announce(self._portal, self.id)
        return self._portal.follow(self.id)

    def journal(self) -> list[str]:
        """What became of each upload."""
        record = archive.find_hsm_record(self.name)
        assert record is not None
        found = list_uploads(self.name, record.made_at)
        return [
            next((name for name in ("failed", "answered", "refused", "lost") if getattr(one, name)), "unanswered")
            for one in found
        ]

    @property
    def written(self) -> tuple[bool, bool]:
        """Whether the claim is committed, and whether the record says what the HSM has or may have."""
        held, record = archive.find_claim(self.name), archive.find_hsm_record(self.name)
        assert held
        assert record
        return held.claim.committed_at is not None, record.restored_from is not None


@pytest.fixture
def restore(stack: Stack, portal: Portal, hsm_name: str, source: Source) -> Iterator[Restore]:
    yield Restore(stack, portal, hsm_name, source)
    stack.control.clear_faults()


@contextmanager
def held(stack: Stack, restore: Restore, *hold: Any, **more: Any) -> Iterator[Future[dict[str, Any]]]:
    """Have an execution of the upload stand at a request while something else happens."""
    identifier = restore.hold(*hold, **more)
    with ThreadPoolExecutor(1) as pool:
        execution = pool.submit(restore.run)
        try:
            assert stack.control.await_hold(identifier, 30), execution.result()
            yield execution
        finally:
            stack.control.release(identifier)


def code(outcome: dict[str, Any]) -> str:
    """Say how a step ended: by the code of its error, or by its status."""
    error = outcome.get("error")
    return str(error["code"] if error else outcome["status"])


def test_two_executions_of_which_one_is_not_answered_yet_are_both_right(stack: Stack, restore: Restore) -> None:
    with held(stack, restore, "managed_hsm", "POST", UPLOAD, "after") as first:
        assert restore.journal() == ["unanswered"]
        # Nobody knows whose it is yet: nothing is said, nothing taken back.
        second = restore.run()
        assert (code(second), OURS in second.get("result", {})) == ("done", False)
        assert code(restore.run("await_restored")) == "upload_unconfirmed"
    assert OURS in first.result()["result"]
    assert (restore.journal(), restore.written) == (["answered"], (True, True))
    # Another HSM of the name, which Azure made at another time, was given nothing.
    assert list_uploads(restore.name, datetime.now(UTC)) == []
    assert code(restore.run("await_restored")) == "done"
    # The blob is there until what was restored is verified.
    assert blob_client(stack, restore.id).exists()
    assert restore.go_on()["status"] == "Succeeded"
    assert not blob_client(stack, restore.id).exists()
    asked = [
        entry
        for entry in stack.control.journal("managed_hsm")
        if entry["path"].endswith("/securitydomain/upload") and restore.name in str(entry) and entry["status"] < 400
    ]
    # The transfer key is asked for once, and no other time.
    assert [entry["method"] for entry in asked] == ["GET", "POST"]


def test_the_slower_of_two_executions_finds_that_the_faster_ones_was_taken_in(stack: Stack, restore: Restore) -> None:
    with held(stack, restore, "managed_hsm", "POST", UPLOAD) as slower:
        assert OURS in restore.run()["result"]
    assert OURS in slower.result()["result"]
    assert (restore.journal(), restore.written) == (["refused", "answered"], (True, True))
    assert restore.go_on()["status"] == "Succeeded"


def test_an_execution_that_is_refused_takes_nothing_back_while_another_asks(stack: Stack, restore: Restore) -> None:
    restore.store_broken()
    asking = restore.hold("managed_hsm", "POST", UPLOAD, skip=1)
    with ThreadPoolExecutor(1) as pool:
        with held(stack, restore, "managed_hsm", "POST", UPLOAD) as refused:
            store(stack, restore.id, restore.blob)
            other = pool.submit(restore.run)
            assert stack.control.await_hold(asking, 30)
        assert code(refused.result()) == "restore_blob_refused"
        assert (restore.journal(), restore.written) == (["refused", "unanswered"], (True, True))
        stack.control.release(asking)
        assert OURS in other.result()["result"]
    assert restore.go_on()["status"] == "Succeeded"


def test_one_that_begins_while_another_takes_back_keeps_what_it_wrote(stack: Stack, restore: Restore) -> None:
    restore.store_broken()
    # The first writes its mark, is refused, and stands before it takes it back, having read that nobody else asks.
    with held(stack, restore, "blob_storage", "PUT", f"/hsms/{restore.name}$", skip=1) as taking_back:
        store(stack, restore.id, restore.blob)
        assert OURS in restore.run()["result"]
    # It is tried again, and finds what the HSM has.
    assert taking_back.result()["error"]["retryable"]
    assert OURS in restore.run()["result"]
    assert (restore.journal(), restore.written) == (["refused", "answered"], (True, True))
    assert restore.go_on()["status"] == "Succeeded"


def test_after_both_were_refused_all_is_as_it_was(stack: Stack, restore: Restore) -> None:
    restore.store_broken()
    with held(stack, restore, "managed_hsm", "POST", UPLOAD) as first:
        assert code(restore.run()) == "restore_blob_refused"
        assert restore.written == (True, True)
    assert code(first.result()) == "restore_blob_refused"
    assert (restore.journal(), restore.written) == (["refused", "refused"], (False, False))


def test_a_stranger_between_our_look_and_our_upload_is_not_called_ours(stack: Stack, restore: Restore) -> None:
    with held(stack, restore, "managed_hsm", "POST", UPLOAD) as ours:
        restore.upload_as_a_stranger()
    assert code(ours.result()) == "restored_by_others"
    assert (restore.journal(), restore.written) == (["refused"], (False, False))
    assert restore.go_on()["error"]["code"] == "restored_by_others"


def test_a_stranger_after_ours_was_lost_leaves_nobody_knowing(stack: Stack, restore: Restore) -> None:
    lose(stack, restore, Reset(phase="before"))
    restore.upload_as_a_stranger()
    ended = restore.go_on()
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "upload_unconfirmed")
    assert restore.written == (True, True)
    assert blob_client(stack, restore.id).exists()


def lose(stack: Stack, restore: Restore, effect: Effect) -> None:
    stack.control.inject_fault(
        NewFault(service="managed_hsm", method="POST", host=restore.name, path=UPLOAD, effect=effect)
    )
    lost = restore.run()
    assert (lost["error"]["code"], lost["error"]["retryable"]) == ("azure_unreachable", True)
    assert restore.journal()[-1] == "unanswered"


def test_what_was_lost_on_its_way_is_uploaded_again(stack: Stack, restore: Restore) -> None:
    lose(stack, restore, Reset(phase="before"))
    assert OURS in restore.run()["result"]
    assert restore.journal() == ["unanswered", "answered"]
    assert restore.go_on()["status"] == "Succeeded"


def test_one_that_was_killed_before_it_took_back_does_not_hold_the_operation(
    stack: Stack, portal: Portal, restore: Restore, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore.store_broken()
    fault = NewFault(
        service="blob_storage",
        method="PUT",
        path=f"/{restore.name}/uploads/.*-refused.json",
        count=2,
        effect=Answer(status=403),
    )
    stack.control.inject_fault(fault)
    assert code(restore.run()) == "azure_forbidden"
    assert (restore.journal(), restore.written) == (["unanswered"], (True, True))
    # For some minutes nobody knows whether it takes effect yet.
    assert (code(restore.look()), restore.written) == ("done", (True, True))
    monkeypatch.setattr(uploads, "LOST_AFTER", timedelta(seconds=-1))
    assert (code(restore.look()), restore.journal(), restore.written) == ("done", ["lost"], (False, False))
    assert portal.send("POST", f"operations/{restore.id}/cancel").status_code == 202
    assert portal.follow(restore.id)["status"] == "Canceled"


def test_before_it_says_late_it_looks_at_the_hsm(stack: Stack, restore: Restore) -> None:
    blob_client(stack, restore.id).delete_blob()
    month = timedelta(days=30)
    assert (code(restore.look()), code(restore.look(month))) == ("wait", "restore_blob_late")
    stack.control.inject_fault(
        NewFault(service="managed_hsm", host=restore.name, path=PENDING, count=2, effect=Answer(status=500))
    )
    silent = [restore.look(after)["error"] for after in (timedelta(days=14, hours=1), month)]
    assert [(error["code"], error["retryable"]) for error in silent] == [
        ("azure_unavailable", True),
        ("azure_unavailable", False),
    ]
    restore.upload_as_a_stranger()
    assert code(restore.look(month)) == "restored_by_others"


def test_what_an_execution_before_uploaded_is_gone_on_with_however_late(stack: Stack, restore: Restore) -> None:
    lose(stack, restore, Reset(phase="after"))
    blob_client(stack, restore.id).delete_blob()
    assert code(restore.look(timedelta(days=30))) == "done"


def test_people_are_reminded_while_the_blob_cannot_be_read(
    stack: Stack, restore: Restore, caplog: pytest.LogCaptureFixture
) -> None:
    stack.control.inject_fault(
        NewFault(service="blob_storage", path="/restore-blobs/", count=20, effect=Answer(status=403))
    )
    with caplog.at_level("WARNING", logger="hsm_provisioner.restores"):
        assert code(restore.look(remind=True)) == "azure_forbidden"
        assert code(restore.look()) == "azure_forbidden"
    assert [line for line in caplog.messages if "has waited for its restore blob" in line and "azure_forbidden" in line]
    assert len([line for line in caplog.messages if "has waited" in line]) == 1


def test_an_upload_that_does_not_show_at_once_is_waited_for(
    stack: Stack, restore: Restore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.control.change_timing(upload_seconds=60)
    try:
        assert OURS in restore.run()["result"]
    finally:
        stack.control.change_timing(upload_seconds=0)
    stack.control.inject_fault(
        NewFault(service="managed_hsm", host=restore.name, path=PENDING, count=2, effect=Answer(status=404))
    )
    assert code(restore.run("await_restored")) == "wait"
    monkeypatch.setattr(await_restored, "APPEARS_WITHIN", timedelta(seconds=-1))
    assert code(restore.run("await_restored")) == "restore_failed"
    assert code(restore.run("await_restored")) == "wait"


def test_a_state_that_nobody_knows_is_nobodys(restore: Restore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.managed_hsm._WORDS", {})
    assert OURS in restore.run()["result"]
    assert code(restore.run("await_restored")) == "azure_unreadable"


@pytest.mark.parametrize("method", ["HEAD", "DELETE"])
def test_a_service_that_may_not_use_restore_blobs_is_told_before_anything_is_made(method: str, stack: Stack) -> None:
    require_restore_blobs()
    fault = NewFault(service="blob_storage", method=method, path="/restore-blobs/", effect=Answer(status=403))
    stack.control.inject_fault(fault)
    with pytest.raises(ServiceError) as raised:
        require_restore_blobs()
    assert raised.value.detail.code == "azure_forbidden"
    assert "restore-blobs" in raised.value.detail.message


def test_a_container_that_is_missing_is_found() -> None:
    with pytest.raises(ServiceError) as raised:
        blobs.probe_container("no-such-container", "preflight/probe")
    assert raised.value.detail.code == "azure_not_found"

"""Full backups of HSMs: at the hand-over, by schedule afterwards, and what is told where the last one is too old."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from azure.keyvault.administration import KeyVaultAccessControlClient
from durabletask.client import TaskHubGrpcClient

from activities.begin_scheduled_backup import begin_scheduled_backup
from clients import archive
from clients.backup_history import change_history
from clients.instances import is_running
from domain.backup_history import BackupHistory, KeptBackup
from domain.errors import ServiceError
from domain.handover.full_backups import BACKUP_CONTAINER
from domain.handover.local_roles import BACKUP_USER
from domain.names import BACKUP_INSTANCE, hsm_uri
from domain.outcomes import AskedHsm
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer
from local.policy import policy
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.hosts import deployed, log_lines
from tests.in_process import signed_in_as_the_app
from tests.kills import Moment, hold, kill
from tests.people import Person, await_step
from tests.restoring import restore_request
from tests.test_giving_up import ROLE
from tests.test_restore_backup import make_identities

FUNCTION: Final = "start_fleet_backup"
# One found no container, one came to nothing, one was before the backup.
THREE_LOOKS: Final = 3
EVERY: Final = "handover.fullBackup.everyHours"
STEPS: Final = ("back_up", "await_backed_up")


class Site(NamedTuple):
    """A deployment with a place for full backups."""

    stack: Stack
    portal: Portal
    container: str
    rules: str
    directory: Path


@pytest.fixture(scope="module")
def site(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    provider = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    group = f"/subscriptions/{stack.azure.endpoints.subscription_id}/resourceGroups/rg-backup"
    identity = f"{group}/{provider}/scheduled-backup"
    make_identities(stack, identity)
    stored.service(stack).create_container("scheduled-backups")
    container = f"{stack.azure.endpoints.storage_account_url}/scheduled-backups"
    places = [
        {"container": container, "identity": identity},
        {"container": f"{container}-missing", "identity": identity},
        {"container": f"{container}-of-nobody", "identity": f"{identity}-of-nobody"},
    ]
    rules = policy(backupPlaces=places)
    directory = tmp_path_factory.mktemp("backups") / "host"
    with deployed(stack, directory, {"HSM_PROVISIONER_POLICY": rules}) as running:
        yield Site(running, Portal(running), container, rules, directory)


def asked(site: Site, custodians: list[Custodian], **backup: Any) -> dict[str, Any]:
    """A request for an HSM that is backed up."""
    return request_for(
        site.stack,
        custodians,
        administrators=[site.stack.portal.object_id],
        handover={"fullBackup": {"container": site.container, **backup}},
    )


def provision(site: Site, hsm: str, body: dict[str, Any]) -> dict[str, Any]:
    response = site.portal.put_hsm(hsm, body)
    assert response.status_code in (201, 202), response.text
    return site.portal.follow(response.json()["id"])


def states(operation: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["status"] for step in operation["steps"]}


def folders(site: Site, hsm: str) -> list[str]:
    """The full backups of an HSM that lie in the container."""
    container = stored.service(site.stack).get_container_client("scheduled-backups")
    return sorted({name.partition("/")[0] for name in container.list_blob_names(name_starts_with=f"mhsm-{hsm}-")})


def begun(site: Site, hsm: str, path: str) -> int:
    """How often the HSM accepted to begin something."""
    return sum(
        (entry["host"].partition(".")[0], entry["path"], entry["status"]) == (hsm, path, 202)
        for entry in site.stack.control.journal("managed_hsm")
    )


def shown(site: Site, hsm: str) -> dict[str, Any]:
    """How the full backups of an HSM stand, as the API shows it."""
    backup: dict[str, Any] = site.portal.send("GET", f"hsms/{hsm}").json()["backup"]
    return backup


def audited(site: Site, hsm: str) -> list[dict[str, Any]]:
    """What the audit log has of the full backups of an HSM by schedule."""
    auditor = Person(site.stack, 912, ["Hsm.Audit"], groups=[])
    query = {"hsm": hsm, "kind": "scheduled_backup"}
    records: list[dict[str, Any]] = auditor.send("GET", "audit", params=query).json()["value"]
    return records


def move_back(site: Site, hsm: str, time: timedelta) -> None:
    """Let it be that long ago that the HSM backed itself up."""
    with signed_in_as_the_app(site.stack, HSM_PROVISIONER_POLICY=site.rules):
        record = archive.find_hsm_record(hsm)
        assert record
        change_history(record, lambda history: history.model_copy(update={"good": [earlier(history, time)]}))


def earlier(history: BackupHistory, time: timedelta) -> KeptBackup:
    last = history.good[0]
    return last.model_copy(update={"ended_at": last.ended_at - time})


def run(site: Site) -> None:
    """Have a run begin and end."""
    site.stack.host.fire(FUNCTION)
    await_run(site)


def await_run(site: Site) -> None:
    deadline = time.monotonic() + 60
    with TaskHubGrpcClient(host_address=site.stack.host.durable_address) as engine:
        # A run begins a moment after it was asked for.
        time.sleep(1)
        while (state := engine.get_orchestration_state(BACKUP_INSTANCE)) is None or is_running(state):
            assert time.monotonic() < deadline
            time.sleep(0.2)


@contextmanager
def access(site: Site, hsm: str) -> Iterator[KeyVaultAccessControlClient]:
    """The HSM's local RBAC, as its administrator changes it."""
    with site.stack.portal_credential() as credential:
        yield KeyVaultAccessControlClient(hsm_uri(hsm), credential)


def logged(site: Site) -> str:
    return "\n".join(log_lines(site.directory))


def test_an_hsm_is_handed_over_with_a_full_backup_and_makes_others_by_schedule(
    site: Site, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = asked(site, custodians, everyHours=24)
    operation = provision(site, hsm_name, body)
    assert operation["status"] == "Succeeded", operation
    assert {states(operation)[name] for name in STEPS} == {"Succeeded"}
    assert (begun(site, hsm_name, "/prebackup"), begun(site, hsm_name, "/backup")) == (1, 1)
    first = shown(site, hsm_name)
    assert first["last"].items() >= {"container": site.container, "operationId": operation["id"]}.items()
    assert ([first["last"]["folder"]], first["tooOld"]) == (folders(site, hsm_name), False)
    assert site.portal.put_hsm(hsm_name, body).status_code == 200
    run(site)
    assert shown(site, hsm_name) == first
    move_back(site, hsm_name, timedelta(hours=25))
    run(site)
    second = shown(site, hsm_name)
    assert [second["last"]["folder"], second["earlier"][0]["folder"]] == folders(site, hsm_name)[::-1]
    assert (begun(site, hsm_name, "/backup"), "operationId" in second["last"]) == (2, False)
    check_restorable(site, hsm_name, second["last"])
    asked_made, made = audited(site, hsm_name)
    assert (asked_made["outcome"], asked_made["detail"]) == ("asked_made", {"container": site.container})
    assert (made["outcome"], made["detail"]) == (
        "made",
        {"container": site.container, "folder": second["last"]["folder"]},
    )
    assert {record["operationId"] for record in (asked_made, made)} == {operation["id"]}
    # What is handed over anew has the backup already.
    again = provision(site, hsm_name, asked(site, custodians, everyHours=48))
    assert ({states(again)[name] for name in STEPS}, begun(site, hsm_name, "/backup")) == ({"Succeeded"}, 2)


def check_restorable(site: Site, hsm: str, backup: dict[str, str]) -> None:
    """A restore takes the backup as the HSM shows it."""
    named = {name: backup[name] for name in ("container", "folder")}
    response = site.portal.send(
        "POST", f"hsms/{hsm}-again/restore", json=restore_request(site.stack, hsm, backup=named)
    )
    assert response.status_code == 202, response.text
    waiting = await_step(site.portal, response.json()["id"], "await_approval")
    assert waiting["plan"]["backup"].items() >= named.items()
    site.portal.send("POST", f"operations/{waiting['id']}/cancel")
    assert site.portal.follow(waiting["id"])["status"] == "Canceled"


def test_what_keeps_an_hsm_from_backing_itself_up_is_told_with_what_helps(
    site: Site, hsm_name: str, custodians: list[Custodian]
) -> None:
    assert provision(site, hsm_name, asked(site, custodians, everyHours=24))["status"] == "Succeeded"
    move_back(site, hsm_name, timedelta(hours=49))
    check_switch(site, hsm_name)
    own = site.stack.azure.endpoints.identity_object_id
    with access(site, hsm_name) as roles:
        for assignment in roles.list_role_assignments("/"):
            if assignment.properties and assignment.properties.principal_id == own:
                roles.delete_role_assignment("/", str(assignment.name))
        run(site)
        stuck = shown(site, hsm_name)
        assert (stuck["tooOld"], stuck["failure"]["code"]) == (True, "backup_not_permitted")
        assert f"--hsm-name {hsm_name} " in stuck["failure"]["advice"]
        assert f"--assignee-object-id {own} " in stuck["failure"]["advice"]
        assert f"{hsm_name} of team-a has had no good full backup since" in logged(site)
        roles.create_role_assignment("/", f"{ROLE}{BACKUP_USER}", own)
    run(site)
    well = shown(site, hsm_name)
    assert (well["tooOld"], "failure" in well, len(folders(site, hsm_name))) == (False, False, 2)
    outcomes = [record["outcome"] for record in audited(site, hsm_name)]
    assert outcomes == ["asked_made", "backup_not_permitted", "asked_made", "made"]


def check_switch(site: Site, hsm: str) -> None:
    """While the operators' switch stands, no HSM is asked."""
    switched = {"HSM_PROVISIONER_POLICY": site.rules, "HSM_PROVISIONER_STOP_DESTRUCTION_AND_EXPORT": "true"}
    with signed_in_as_the_app(site.stack, **switched), pytest.raises(ServiceError) as stopped:
        begin_scheduled_backup(AskedHsm(hsm=hsm))
    assert stopped.value.detail.code == "destruction_and_export_stopped"
    assert shown(site, hsm)["failure"]["code"] == "destruction_and_export_stopped"
    assert (begun(site, hsm, "/backup"), audited(site, hsm)) == (1, [])


def test_while_the_switch_stands_none_is_made_at_the_hand_over_either(
    site: Site, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    wanted = asked(site, custodians)
    assert provision(site, hsm_name, {**wanted, "handover": {}})["status"] == "Succeeded"
    switched = {"HSM_PROVISIONER_POLICY": site.rules, "HSM_PROVISIONER_STOP_DESTRUCTION_AND_EXPORT": "true"}
    with deployed(site.stack, tmp_path / "host", switched) as stopped:
        operation = provision(site._replace(portal=Portal(stopped)), hsm_name, wanted)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "destruction_and_export_stopped")
    assert (states(operation)["back_up"], begun(site, hsm_name, "/backup")) == ("Failed", 0)
    assert provision(site, hsm_name, wanted)["status"] == "Succeeded"
    assert begun(site, hsm_name, "/backup") == 1


def test_what_cannot_be_backed_up_is_refused_or_ends_without(
    site: Site, hsm_name: str, custodians: list[Custodian]
) -> None:
    given_up = {"administration": {"giveUp": True}}
    for handover, status, code, field in (
        ({"fullBackup": {"container": site.container, "everyHours": 24}, **given_up}, 400, "invalid_field", EVERY),
        ({"fullBackup": {"container": f"{site.container}-others"}}, 403, "backup_place_not_allowed", BACKUP_CONTAINER),
    ):
        refused = site.portal.put_hsm(hsm_name, request_for(site.stack, custodians, handover=handover))
        assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
        assert [error["field"] for error in refused.json()["errors"]] == [field]
    nobodys = asked(site, custodians, container=f"{site.container}-of-nobody")
    assert provision(site, hsm_name, nobodys)["error"]["code"] == "backup_identity_missing"
    assert hsm_name not in {hsm["name"] for hsm in site.stack.control.hsms()}
    missing = provision(site, hsm_name, asked(site, custodians, container=f"{site.container}-missing"))
    assert (missing["error"]["code"], states(missing)["back_up"]) == ("backup_failed", "Failed")
    assert begun(site, hsm_name, "/backup") == 0
    well = provision_while_busy(site, hsm_name, asked(site, custodians))
    assert (well["status"], len(folders(site, hsm_name))) == ("Succeeded", 1), well


def provision_while_busy(site: Site, hsm: str, body: dict[str, Any]) -> dict[str, Any]:
    """Hand an HSM over that others have make a backup when it is to make ours."""
    busy = NewFault(
        service="managed_hsm",
        method="POST",
        host=f"^{hsm}[.]",
        path="^/backup$",
        effect=Answer(status=409, code="Conflict"),
    )
    fault = site.stack.control.inject_fault(busy)
    operation = provision(site, hsm, body)
    site.stack.control.remove_fault(fault)
    assert begun(site, hsm, "/prebackup") == THREE_LOOKS
    return operation


def test_the_identity_of_its_backups_stays_attached(site: Site, hsm_name: str, custodians: list[Custodian]) -> None:
    (identity, *_) = [place["identity"] for place in json.loads(site.rules)["backupPlaces"]]
    missing = asked(site, custodians, container=f"{site.container}-missing", everyHours=24)
    first = provision(site, hsm_name, {**missing, "identities": [identity]})
    assert (first["error"]["code"], states(first)["back_up"]) == ("backup_failed", "Failed")
    again = provision(site, hsm_name, asked(site, custodians, everyHours=24))
    assert (again["status"], len(folders(site, hsm_name))) == ("Succeeded", 1), again
    for identities in ([identity], []):
        changed = site.portal.send("PATCH", f"hsms/{hsm_name}", json={"identities": identities})
        assert site.portal.follow(changed.json()["id"])["status"] == "Succeeded", identities
    move_back(site, hsm_name, timedelta(hours=25))
    run(site)
    assert ("failure" in shown(site, hsm_name), len(folders(site, hsm_name))) == (False, 2)


MOMENTS: Final = {
    "looks": Moment("back_up", "managed_hsm", "POST", "^/prebackup$"),
    "begins": Moment("back_up", "managed_hsm", "POST", "^/backup$"),
    "journals": Moment("back_up", "blob_storage", "PUT", "/jobs/{name}-[^/]+/backup$"),
    "polls": Moment("await_backed_up", "managed_hsm", "GET", "^/backup/[^/]+/pending$"),
    "records": Moment("await_backed_up", "blob_storage", "PUT", "/backups/{name}/"),
}


def test_a_worker_that_is_killed_in_a_step_backs_the_hsm_up_once(site: Site, custodians: list[Custodian]) -> None:
    """Where nobody wrote down which it was, another one is begun: once the one that runs has ended."""
    site.stack.control.change_timing(backup_seconds=1)
    moments = {f"backup-{what}": moment for what, moment in MOMENTS.items()}
    held = {name: hold(site.stack, moment, "after", name) for name, moment in moments.items()}
    body = asked(site, custodians, everyHours=24)
    operations = {name: site.portal.put_hsm(name, body).json()["id"] for name in moments}
    for name, identifier in held.items():
        assert site.stack.control.await_hold(identifier, 60), name
    kill(site.stack, dict.fromkeys(held.values(), "after"))
    for name, operation_id in operations.items():
        ended = site.portal.follow(operation_id)
        assert ended["status"] == "Succeeded", (name, ended)
        assert begun(site, name, "/backup") == (2 if name == "backup-begins" else 1), name
        assert shown(site, name)["last"]["operationId"] == operation_id
    check_killed_run(site, list(moments))
    site.stack.control.change_timing(backup_seconds=0)
    site.stack.control.forget_hsms()


def check_killed_run(site: Site, names: list[str]) -> None:
    """A run whose worker is killed after all began backs none up twice."""
    for name in names:
        move_back(site, name, timedelta(hours=25))
    before = {name: begun(site, name, "/backup") for name in names}
    path = f"/backups/{names[0]}/"
    held = site.stack.control.hold(NewHold(service="blob_storage", method="PUT", path=path, phase="after"))
    site.stack.host.fire(FUNCTION)
    assert site.stack.control.await_hold(held, 30)
    kill(site.stack, {held: "after"})
    await_run(site)
    for name in names:
        assert len(shown(site, name)["earlier"]) == 1, name
        # Of the others nobody may have written down that they had begun.
        assert begun(site, name, "/backup") - before[name] in ((1,) if name == names[0] else (1, 2)), name

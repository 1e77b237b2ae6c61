"""A full backup before the deletion, and a worker that is killed at each call of a whole decommission."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, get_args

import pytest
from azure.keyvault.administration import KeyVaultAccessControlClient

from clients import archive
from domain.audit import check_chain, unseal
from domain.handover.local_roles import BACKUP_USER
from domain.names import hsm_uri
from local.azure.control.models import NewHold, PlantedHsm
from local.azure.event_grid.settings import CLOUD_EVENTS, SubscriptionSettings
from local.policy import policy
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian
from tests.hosts import deployed
from tests.in_process import signed_in_as_the_app
from tests.kills import Moment, Phase, await_worker
from tests.local.azure.event_grid.receiver import Receiver, receiving
from tests.people import Person, await_step
from tests.planting import make_claim, make_operation, make_record, plant
from tests.restoring import restore_request
from tests.test_decommission import BACKUP_STEPS, OPTIONAL_STEPS, PERSON, delete, ephemeral, states
from tests.test_restore_backup import make_identities
from tests.test_update import provision, shown

TOPIC: Final = "decommissions"
ROLE: Final = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/"
LEAVING_REGIONS: Final = ("remove_regions", "await_regions_removed")


class Site(NamedTuple):
    """A deployment with places for full backups, and a topic that tells a webhook."""

    stack: Stack
    portal: Portal
    approver: Person
    receiver: Receiver
    container: str
    custodians: list[Custodian]


@pytest.fixture(scope="module")
def site(stack: Stack, custodians: list[Custodian], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    provider = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    group = f"/subscriptions/{stack.azure.endpoints.subscription_id}/resourceGroups/rg-backup"
    identity = f"{group}/{provider}/decommission-backup"
    make_identities(stack, identity)
    stored.service(stack).create_container("kept-backups")
    container = f"{stack.azure.endpoints.storage_account_url}/kept-backups"
    places = [
        {"container": container, "identity": identity},
        {"container": f"{container}-missing", "identity": identity},
        {"container": f"{container}-of-nobody", "identity": f"{identity}-of-nobody"},
    ]
    rules = policy(
        backupPlaces=places, environments={"production": {}, "development": {}, "ephemeral": {"purgeAllowed": True}}
    )
    sender = {stack.azure.endpoints.identity_object_id: ["EventGrid Data Sender"]}
    endpoint = stack.event_grid.put_topic(TOPIC, CLOUD_EVENTS, local_auth=False, assignments=sender).endpoint
    settings = {
        "HSM_PROVISIONER_POLICY": rules,
        "HSM_PROVISIONER_EVENTS_TOPIC": endpoint,
        # Many activities are held at once.
        "PYTHON_THREADPOOL_THREAD_COUNT": "32",
    }
    with receiving() as receiver:
        stack.event_grid.put_subscription(TOPIC, SubscriptionSettings(topic=TOPIC, endpoint_url=receiver.url))
        with deployed(stack, tmp_path_factory.mktemp("decommissions") / "host", settings) as running:
            approver = Person(running, 45, ["Hsm.Approve"])
            yield Site(running, Portal(running), approver, receiver, container, custodians)


def approve(site: Site, operation_id: str) -> None:
    waiting = await_step(site.portal, operation_id, "await_approval")
    assert site.approver.decide(waiting, "approve").status_code == 200


def folders(site: Site, hsm: str) -> list[str]:
    """The full backups of an HSM that lie in the container."""
    names = (
        stored.service(site.stack).get_container_client("kept-backups").list_blob_names(name_starts_with=f"mhsm-{hsm}-")
    )
    return sorted({name.partition("/")[0] for name in names})


def accepted(site: Site, service: str, method: str, path: str, host: str = "") -> int:
    """How often Azure accepted a request."""
    return sum(
        entry["method"] == method
        and entry["path"].lower().endswith(path.lower())
        and entry["host"].startswith(host)
        and entry["status"] in (200, 202)
        for entry in site.stack.control.journal(service)
    )


def test_what_is_kept_of_a_purged_hsm_is_found_by_a_restore(
    site: Site, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(site.stack, site.portal, hsm_name, ephemeral(site.stack, custodians))
    query = {"purge": "true", "requestedBy": PERSON, "backupTo": site.container}
    operation_id = delete(site.portal, hsm_name, **query).json()["id"]
    waiting = await_step(site.portal, operation_id, "await_approval")
    assert waiting["plan"]["deletion"]["backup"]["container"] == site.container
    assert delete(site.portal, hsm_name, **query).json()["id"] == operation_id
    other = delete(site.portal, hsm_name, purge="true", requestedBy=PERSON)
    assert other.json()["code"] == "operation_in_progress"
    approve(site, operation_id)
    operation = site.portal.follow(operation_id)
    assert operation["status"] == "Succeeded", operation.get("error")
    assert {name for name, status in states(operation).items() if status != "Succeeded"} == set(OPTIONAL_STEPS)
    backup = operation["result"]["decommissioned"]["backup"]
    assert (backup["container"], [backup["folder"]]) == (site.container, folders(site, hsm_name))
    hsm = shown(site.portal, hsm_name)
    assert (hsm["state"], hsm["decommissioned"]["backup"]) == ("Purged", backup)
    assert delete(site.portal, hsm_name, **query).status_code == 200
    told = Person(site.stack, 44, ["Hsm.Audit"], groups=[]).send("GET", "audit", params={"hsm": hsm_name}).json()
    kept = [record for record in told["value"] if record.get("step") == "delete_hsm" and record["kind"] == "result"]
    assert [record["detail"]["backup"] for record in kept] == [f"{backup['container']}/{backup['folder']}"]
    check_restorable(site, hsm_name, backup)


def check_restorable(site: Site, hsm: str, backup: dict[str, str]) -> None:
    """A restore takes the backup as the record of the purged HSM has it."""
    body = restore_request(site.stack, hsm, backup=backup)
    response = site.portal.send("POST", f"hsms/{hsm}-again/restore", json=body)
    assert response.status_code == 202, response.text
    waiting = await_step(site.portal, response.json()["id"], "await_approval")
    assert waiting["plan"]["backup"].items() >= backup.items()
    site.portal.send("POST", f"operations/{waiting['id']}/cancel")
    assert site.portal.follow(waiting["id"])["status"] == "Canceled"


def test_what_cannot_be_backed_up_is_not_deleted(site: Site, hsm_name: str) -> None:
    plant_hsms(site, [hsm_name])
    for ending, code in (("-missing", "backup_failed"), ("-of-nobody", "backup_identity_missing")):
        response = delete(site.portal, hsm_name, backupTo=f"{site.container}{ending}")
        operation = site.portal.follow(response.json()["id"])
        assert (operation["status"], operation["error"]["code"]) == ("Failed", code)
        assert "as before" in operation["exists"]["resume"]
        assert shown(site.portal, hsm_name)["state"] == "Active"
    for container, status, code in (
        (f"{site.container}-of-others", 403, "backup_place_not_allowed"),
        (f"{site.container}/folder", 400, "invalid_parameter"),
        ("http://localhsms.blob.core.windows.net/kept-backups", 400, "invalid_parameter"),
    ):
        refused = delete(site.portal, hsm_name, backupTo=container)
        problem = refused.json()
        assert (refused.status_code, problem["code"], problem["errors"][0]["field"]) == (status, code, "backupTo")
    assert accepted(site, "resource_manager", "DELETE", f"/managedHSMs/{hsm_name}") == 0
    without = site.portal.follow(delete(site.portal, hsm_name).json()["id"])
    assert without["status"] == "Succeeded"
    assert {states(without)[name] for name in BACKUP_STEPS} == {"Skipped"}
    late = delete(site.portal, hsm_name, backupTo=site.container)
    assert (late.status_code, late.json()["code"]) == (409, "backup_not_possible")


def test_an_hsm_that_was_left_to_others_is_backed_up_once_they_allow_it(site: Site, hsm_name: str) -> None:
    own = site.stack.azure.endpoints.identity_object_id
    plant_hsms(site, [hsm_name], administrators=[site.stack.portal.object_id])
    refused = site.portal.follow(delete(site.portal, hsm_name, backupTo=site.container).json()["id"])
    assert (refused["status"], refused["error"]["code"]) == ("Failed", "backup_not_permitted")
    for verb in ("create", "delete"):
        command = f'{verb} --hsm-name {hsm_name} --role "Managed HSM Backup User" --scope / --assignee-object-id {own}'
        assert f"az keyvault role assignment {command}" in refused["error"]["advice"]
    assert "schedule" not in refused["error"]["advice"]
    assert shown(site.portal, hsm_name)["state"] == "Active"
    with (
        site.stack.portal_credential() as credential,
        KeyVaultAccessControlClient(hsm_uri(hsm_name), credential) as roles,
    ):
        roles.create_role_assignment("/", f"{ROLE}{BACKUP_USER}", own)
    operation = site.portal.follow(delete(site.portal, hsm_name, backupTo=site.container).json()["id"])
    assert operation["status"] == "Succeeded", operation.get("error")
    assert [operation["result"]["decommissioned"]["backup"]["folder"]] == folders(site, hsm_name)


def test_an_hsm_that_is_not_active_has_nothing_to_back_up(site: Site, hsm_name: str) -> None:
    plant_hsms(site, [hsm_name], "NotActivated")
    refused = delete(site.portal, hsm_name, backupTo=site.container)
    assert (refused.status_code, refused.json()["code"]) == (409, "backup_not_possible")
    assert site.portal.follow(delete(site.portal, hsm_name).json()["id"])["status"] == "Succeeded"


def test_a_purge_shows_its_approver_the_backup_that_was_made_before(site: Site, hsm_name: str) -> None:
    plant_hsms(site, [hsm_name])
    first = site.portal.follow(delete(site.portal, hsm_name, backupTo=site.container).json()["id"])
    assert first["status"] == "Succeeded", first.get("error")
    response = delete(site.portal, hsm_name, purge="true", requestedBy=PERSON, backupTo=site.container)
    waiting = await_step(site.portal, response.json()["id"], "await_approval")
    deletion = waiting["plan"]["deletion"]
    assert deletion["backedUp"] == first["result"]["decommissioned"]["backup"]
    assert (deletion["deletes"], deletion.get("backup")) == (False, None)
    approve(site, waiting["id"])
    ended = site.portal.follow(waiting["id"])
    assert ended["result"]["decommissioned"]["backup"] == deletion["backedUp"]
    assert len(folders(site, hsm_name)) == 1


def test_use_that_the_approver_did_not_see_keeps_the_hsm(site: Site, hsm_name: str) -> None:
    plant_hsms(site, [hsm_name])
    query = {"purge": "true", "requestedBy": PERSON, "backupTo": site.container}
    operation_id = delete(site.portal, hsm_name, **query).json()["id"]
    await_step(site.portal, operation_id, "await_approval")
    site.stack.control.plant_hits(hsm_name, site.stack.control.now(), 300)
    approve(site, operation_id)
    operation = site.portal.follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "hsm_used_meanwhile")
    assert "300 requests" in operation["error"]["message"]
    # Nor is it backed up for what does not happen.
    assert (states(operation)["back_up"], folders(site, hsm_name)) == ("NotStarted", [])
    again = delete(site.portal, hsm_name, **query).json()["id"]
    waiting = await_step(site.portal, again, "await_approval")
    assert waiting["plan"]["deletion"]["usage"]["requests"] >= 300
    approve(site, again)
    assert site.portal.follow(again)["status"] == "Succeeded"


class Kill(NamedTuple):
    """A request at which a worker is killed, and whether it took effect by then."""

    moment: Moment
    phase: Phase = "after"


def around(moment: Moment) -> list[Kill]:
    return [Kill(moment, phase) for phase in get_args(Phase)]


# What a worker has done before one request is what it has done after the one before it. Those of a group are near to
# each other: no held request may be taken for lost before the last one of them came.
GROUPS: Final = {
    "begins": [
        Kill(Moment("preflight_decommission", "blob_storage", "PUT", "/{name}/[^/]+/plan.json$")),
        *around(Moment("attach_backup_identity", "resource_manager", "PATCH", "/managedHSMs/{name}$")),
        # Of a planted HSM, which nobody has talked to: its first POST is empty, and asks for the challenge.
        *around(Moment("back_up", "managed_hsm", "POST", "^/backup$", skip=1)),
    ],
    "backs up": [
        Kill(Moment("back_up", "blob_storage", "PUT", "/jobs/{name}-[^/]+/backup$")),
        Kill(Moment("await_backed_up", "managed_hsm", "GET", "^/backup/[^/]+/pending$")),
        Kill(Moment("await_backed_up", "blob_storage", "PUT", "/jobs/{name}-[^/]+/backup$", skip=1)),
        Kill(Moment("await_backed_up", "blob_storage", "PUT", "/jobs/{name}-[^/]+/backup$", skip=2)),
        Kill(Moment("delete_hsm", "blob_storage", "PUT", "/claims/{name}$", skip=1)),
    ],
    "deletes": [
        *around(Moment("delete_hsm", "resource_manager", "DELETE", "/managedHSMs/{name}$")),
        Kill(Moment("await_deleted", "blob_storage", "PUT", "/hsms/{name}$", skip=1)),
        *around(Moment("purge_hsm", "resource_manager", "POST", "/deletedManagedHSMs/{name}/purge$")),
    ],
    "ends": [
        Kill(Moment("await_purged", "blob_storage", "PUT", "/hsms/{name}$", skip=3)),
        *around(Moment("delete_resource_group", "resource_manager", "DELETE", "/resourcegroups/rg-{name}$")),
        Kill(Moment("record_operation", "blob_storage", "PUT", "/outbox/{name}-[^/]+HsmDecommissioned$")),
        Kill(Moment("record_operation", "blob_storage", "PUT", "/operations/{name}-[^/.]+$")),
        Kill(Moment("record_operation", "blob_storage", "PUT", "/claims/{name}$", skip=2)),
    ],
}


@pytest.mark.parametrize("group", GROUPS)
def test_a_worker_that_is_killed_at_any_call_deletes_backs_up_and_purges_once(site: Site, group: str) -> None:
    kills = {f"killed-{group.replace(' ', '-')}-{number}": kill for number, kill in enumerate(GROUPS[group])}
    plant_hsms(site, list(kills))
    holds = {name: hold(site.stack, name, kill) for name, kill in kills.items()}
    later = {name for name, kill in kills.items() if kill.moment.activity == "preflight_decommission"}
    operations = {name: ask(site, name) for name in kills.keys() - later}
    for operation_id in operations.values():
        approve(site, operation_id)
    operations |= {name: ask(site, name) for name in later}
    for name, held in holds.items():
        assert site.stack.control.await_hold(held, 120), f"no request of {kills[name]} came"
    os.kill(site.stack.host.worker_process_id(), signal.SIGKILL)
    for name, held in holds.items():
        site.stack.control.release(held, drop=kills[name].phase == "before")
    await_worker(site.stack)
    for name in later:
        approve(site, operations[name])
    for name, kill in kills.items():
        check_end(site, name, kill, site.portal.follow(operations[name]))
    site.stack.host.fire("publish_kept_events")
    await_told(site, list(operations.values()))
    site.stack.control.forget_hsms()


def ask(site: Site, name: str) -> str:
    """Ask for the whole of it, and give the operation's id."""
    response = delete(site.portal, name, purge="true", requestedBy=PERSON, backupTo=site.container)
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


def plant_hsms(site: Site, names: Sequence[str], state: Any = "Active", administrators: Sequence[str] = ()) -> None:
    """Have HSMs of ours there at once, each in a resource group that this service made, which administers it.

    Unless others are named, to whom it was left.
    """
    stack, made_at = site.stack, datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    own = stack.azure.endpoints.identity_object_id
    stack.control.plant_hsms(
        *(
            PlantedHsm(
                name=name,
                resource_group=f"rg-{name}",
                state=state,
                created_at=made_at,
                created_by=own,
                initial_admin_object_ids=list(administrators) or [own],
                soft_delete_retention_in_days=7,
            )
            for name in names
        )
    )
    with signed_in_as_the_app(stack):
        for name in names:
            claim = make_claim(stack, name, ephemeral(stack, site.custodians, resourceGroup=f"rg-{name}"))
            plant(stack, claim, make_record(claim, made_at=made_at), make_operation(claim))
            archive.note_resource_group(stack.azure.endpoints.subscription_id, f"rg-{name}", claim.operation_id)


def hold(stack: Stack, name: str, kill: Kill) -> str:
    moment = kill.moment
    host = f"^{name}[.]" if moment.service == "managed_hsm" else ""
    path = moment.path.format(name=name)
    return stack.control.hold(
        NewHold(service=moment.service, method=moment.method, host=host, path=path, phase=kill.phase, skip=moment.skip)
    )


def check_end(site: Site, name: str, kill: Kill, operation: dict[str, Any]) -> None:
    """All was done, and what cannot be taken back was done once."""
    assert operation["status"] == "Succeeded", (kill, operation.get("error"), operation["steps"])
    assert {name for name, status in states(operation).items() if status != "Succeeded"} == set(OPTIONAL_STEPS), kill
    hsm = shown(site.portal, name)
    assert (hsm["state"], hsm["lastOperation"]["id"]) == ("Purged", operation["id"])
    assert hsm["decommissioned"] == operation["result"]["decommissioned"]
    effects = {
        "identity": accepted(site, "resource_manager", "PATCH", f"/managedHSMs/{name}"),
        "deletion": accepted(site, "resource_manager", "DELETE", f"/managedHSMs/{name}"),
        "purge": accepted(site, "resource_manager", "POST", f"/deletedManagedHSMs/{name}/purge"),
    }
    assert effects == dict.fromkeys(effects, 1), kill
    check_backups(site, name, kill, hsm["decommissioned"]["backup"]["folder"], operation["id"])
    check_group(site, name, kill)


def check_backups(site: Site, name: str, kill: Kill, folder: str, operation_id: str) -> None:
    """One was begun; where nobody wrote down which it was, another one, and the audit log tells of both."""
    moment = kill.moment
    twice = (moment.activity, moment.service, kill.phase) == ("back_up", "managed_hsm", "after")
    assert accepted(site, "managed_hsm", "POST", "/backup", f"{name}.") == (2 if twice else 1), kill
    assert folder in folders(site, name)
    chain = read_chain(site, operation_id)
    check = check_chain(operation_id, chain)
    assert (check.closed, check.faults) == (True, []), moment
    steps = Counter((record.kind, record.step) for record in map(unseal, chain.values()))
    assert steps["intent", "back_up"] == 1 + (moment.activity == "back_up"), kill
    assert steps["ended", None] == 1


def read_chain(site: Site, operation_id: str) -> dict[int, bytes]:
    """Read the audit log of an operation, as an auditor would."""
    container = stored.service(site.stack).get_container_client("audit")
    names = container.list_blob_names(name_starts_with=f"operations/{operation_id}/")
    return {int(name[-11:-5]): container.download_blob(name).readall() for name in names}


def check_group(site: Site, name: str, kill: Kill) -> None:
    """It is gone; killed between what it forgets and what it asks for, a group stays."""
    deletions = accepted(site, "resource_manager", "DELETE", f"/resourcegroups/rg-{name}")
    stays = (kill.moment.activity, kill.phase) == ("delete_resource_group", "before")
    assert deletions == (0 if stays else 1), kill


def await_told(site: Site, operations: Sequence[str]) -> None:
    """Each end is told, as one event, however often it came; then nothing is kept to be told."""
    outbox = stored.service(site.stack).get_container_client("hsm-records")
    deadline = time.monotonic() + 20
    while list(outbox.list_blob_names(name_starts_with="outbox/killed-")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    told = {request.body["id"]: request.body["data"] for request in site.receiver.notified}
    for operation_id in operations:
        ends = [data for key, data in told.items() if key.startswith(f"{operation_id}.HsmDecommissioned")]
        assert [end["purged"] for end in ends] == [True], operation_id

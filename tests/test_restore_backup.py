"""A restore that brings the keys back: a full backup of the lost HSM, restored into the new one."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import requests
from azure.identity import ClientSecretCredential
from azure.keyvault.administration import KeyVaultAccessControlClient, KeyVaultBackupClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault import models as arm
from azure.mgmt.resource.resources import ResourceManagementClient

from activities.await_backup_restored import await_backup_restored
from activities.back_up_hsm import back_up_hsm
from activities.restore_backup import restore_backup
from clients import archive
from domain.backups import HsmJob
from domain.errors import ServiceError
from domain.names import instance_id
from domain.outcomes import Work
from domain.records import Claim, HsmRecord
from local.azure.control.models import NewHold
from local.policy import policy
from local.portal import Portal
from local.stack import Stack, running_stack
from tests import planting, stored
from tests.custodians import Custodian
from tests.hosts import deployed
from tests.in_process import signed_in_as_the_app
from tests.kills import await_worker
from tests.people import await_step
from tests.restoring import (
    Source,
    announce,
    approve,
    ask,
    begin,
    make_blob,
    provision_source,
    restore_request,
    store,
)
from tests.test_restore import ALGORITHM, using_keys

NUMBERS: Final = itertools.count(1)
GROUP: Final = "rg-backup"
HALF_AN_HOUR: Final = 1800
BACKUP_STEPS: Final = ("back_up_hsm", "await_backup", "restore_backup", "await_backup_restored")


class Site(NamedTuple):
    """A deployment whose policy has a place for full backups, on an Azure of its own: its clock is moved on."""

    stack: Stack
    portal: Portal
    container: str
    identity: str
    policy: str

    @property
    def administrators(self) -> list[str]:
        return [self.stack.portal.object_id]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory: Path = tmp_path_factory.mktemp("backups")
    with running_stack(directory / "run", provisioning_seconds=0.6, activation_seconds=0.6) as bare:
        subscription = bare.azure.endpoints.subscription_id
        provider = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
        identity = f"/subscriptions/{subscription}/resourceGroups/{GROUP}/{provider}/hsm-backup"
        make_identities(bare, identity, f"{identity}-of-others")
        stored.service(bare).create_container("hsm-backups")
        container = f"{bare.azure.endpoints.storage_account_url}/hsm-backups"
        places = [
            {"container": container, "identity": identity},
            {"container": f"{container}-of-nobody", "identity": f"{identity}-of-nobody"},
        ]
        environments = {"development": {}, "trial": {"temporaryOpeningAllowed": True}}
        rules = policy(backupPlaces=places, environments=environments)
        with deployed(bare, directory / "host", {"HSM_PROVISIONER_POLICY": rules}) as stack:
            yield Site(stack, Portal(stack), container, identity, rules)


@pytest.fixture
def hsm_name(site: Site) -> Iterator[str]:
    """A name of its own for each test, which leaves no HSM behind."""
    yield f"hsm-{next(NUMBERS)}"
    site.stack.control.forget_hsms()
    site.stack.control.change_timing(backup_seconds=0)


def make_identities(stack: Stack, *resource_ids: str) -> None:
    with stack.portal_credential() as credential:
        with ResourceManagementClient(credential, stack.azure.endpoints.subscription_id) as resources:
            resources.resource_groups.create_or_update(GROUP, {"location": "norwayeast"})
        token = credential.get_token("https://management.azure.com/.default").token
    for resource_id in resource_ids:
        url = f"https://management.azure.com{resource_id}?api-version=2023-01-31"
        headers = {"Authorization": f"Bearer {token}"}
        requests.put(url, json={"location": "norwayeast"}, headers=headers, timeout=30).raise_for_status()


@contextmanager
def resources(site: Site) -> Iterator[KeyVaultManagementClient]:
    with (
        site.stack.portal_credential() as credential,
        KeyVaultManagementClient(credential, site.stack.azure.endpoints.subscription_id) as client,
    ):
        yield client


def identities_of(site: Site, hsm: str) -> list[str]:
    with resources(site) as client:
        found = client.managed_hsms.get("rg-hsm", hsm)
    return sorted((found.identity.user_assigned_identities if found and found.identity else None) or {})


def uri(hsm: str) -> str:
    return f"https://{hsm}.managedhsm.azure.net"


def attach(site: Site, hsm: str, identity: str) -> None:
    assigned = {identity: arm.UserAssignedIdentity()}
    given = arm.ManagedServiceIdentity(type="UserAssigned", user_assigned_identities=assigned)
    with resources(site) as client:
        client.managed_hsms.begin_update("rg-hsm", hsm, arm.ManagedHsm(identity=given), polling=False)


def back_up(site: Site, hsm: str, credential: ClientSecretCredential) -> dict[str, str]:
    """Make a full backup as any administrator does, and give it as a request names it."""
    attach(site, hsm, site.identity)
    with KeyVaultBackupClient(uri(hsm), credential) as client:
        poller = client.begin_backup(site.container, use_managed_identity=True, _polling_interval=0.1)
        folder = str(poller.result().folder_url).rpartition("/")[2]
    return {"container": site.container, "folder": folder}


def store_blob(site: Site, operation: dict[str, Any], source: Source) -> None:
    store(site.stack, operation["id"], make_blob(source.domain, operation, source.custodians))
    assert announce(site.portal, operation["id"]).status_code == 202


def statuses(operation: dict[str, Any]) -> list[str]:
    """How the steps stand that bring the keys back."""
    steps = {step["name"]: step["status"] for step in operation["steps"]}
    return [steps[name] for name in BACKUP_STEPS]


def pass_half_an_hour(site: Site, operation_id: str) -> None:
    """Let the time pass that must lie between the new HSM's own full backup and the restore."""
    waiting = await_step(site.portal, operation_id, "await_backup")
    assert statuses(waiting) == ["Succeeded", "Running", "NotStarted", "NotStarted"]
    before = begun_restores(site, waiting["hsm"])
    # Azure is asked only when it says yes.
    time.sleep(1)
    assert begun_restores(site, waiting["hsm"]) == before
    site.stack.control.change_clock(advance_seconds=HALF_AN_HOUR)


def begun_restores(site: Site, hsm: str) -> list[dict[str, Any]]:
    return [
        entry
        for entry in site.stack.control.journal("managed_hsm")
        if entry["host"].startswith(f"{hsm}.") and entry["path"] == "/restore" and entry["status"] == 202
    ]


def test_the_keys_come_back_whatever_dies_meanwhile(site: Site, hsm_name: str, custodians: list[Custodian]) -> None:
    stack, portal, second = site.stack, site.portal, f"{hsm_name}-b"
    first = provision_source(stack, portal, hsm_name, custodians, administrators=site.administrators)
    with using_keys(stack, hsm_name) as (keys, credential):
        key = keys.create_rsa_key("k1", size=2048)
        sealed = CryptographyClient(key, credential).encrypt(ALGORITHM, b"kept by the first").ciphertext
        backup = back_up(site, hsm_name, credential)
    stack.control.forget_hsm(hsm_name)
    # It can be reached, so that nothing is opened.
    may_open = {"environment": "trial", "handover": {"temporaryOpening": {"ipRule": "127.0.0.1", "minutes": 5}}}
    operation = begin(stack, portal, second, hsm_name, administrators=site.administrators, backup=backup, **may_open)
    assert operation["plan"]["backup"] == {**backup, "identity": site.identity, "replacesKeys": False}
    assert identities_of(site, second) == [site.identity]
    stack.control.change_timing(backup_seconds=2)
    store_blob(site, operation, first)
    pass_half_an_hour(site, operation["id"])
    hold = stack.control.hold(NewHold(service="managed_hsm", method="GET", path="^/restore/.*/pending", phase="before"))
    assert stack.control.await_hold(hold, 30)
    os.kill(stack.host.worker_process_id(), signal.SIGKILL)
    stack.control.release(hold, drop=True)
    await_worker(stack)
    ended = portal.follow(operation["id"])
    assert ended["status"] == "Succeeded", ended
    restored = ended["result"]["restoredBackup"]
    assert {name: restored[name] for name in ("container", "folder", "operationId")} == {
        **backup,
        "operationId": operation["id"],
    }
    assert portal.send("GET", f"hsms/{second}").json()["restoredBackup"] == restored
    assert len(begun_restores(site, second)) == 1
    with stack.portal_credential() as credential, KeyClient(uri(second), credential) as keys:
        assert [item.name for item in keys.list_properties_of_keys()] == ["k1"]
        again = keys.get_key("k1", key.properties.version)
        assert CryptographyClient(again, credential).decrypt(ALGORITHM, sealed).plaintext == b"kept by the first"
    body = restore_request(stack, hsm_name, administrators=site.administrators, backup=backup, **may_open)
    refused = ask(portal, second, body)
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_ours_already")
    check_what_nobody_knows(site, second, operation["id"])


def check_what_nobody_knows(site: Site, hsm: str, operation_id: str) -> None:
    """What the HSM does not tell is not called done, and not done again, by an operation that goes on."""
    reopen(site, hsm)
    work = Work(operation_id=operation_id, instance_id=instance_id(hsm))
    with signed_in_as_the_app(site.stack, HSM_PROVISIONER_POLICY=site.policy):
        assert restore_backup(work).status == "done"
        # Another operation finds what this one had the HSM do, whether it saw the end or not.
        assert back_up_hsm(work).result == {"asked": True}
        assert await_backup_restored(work).status == "done"
        assert back_up_hsm(work).result == {"asked": True}
    with signed_in_as_the_app(site.stack), pytest.raises(ServiceError, match="backup_place_not_allowed"):
        # The policy names the place no more.
        back_up_hsm(work)
    with signed_in_as_the_app(site.stack):
        reopen(site, hsm)
        change_public_access(site, hsm, "Disabled")
        with pytest.raises(ServiceError, match="temporary_opening_over"):
            await_backup_restored(work)
        change_public_access(site, hsm, "Enabled")
        take_the_service_its_role(site, hsm)
        with pytest.raises(ServiceError, match=r"backup_restore_unknown: .* does not let the service ask any more"):
            await_backup_restored(work)
        archive.write_job(operation_id, "restore", HsmJob(asked_at=datetime.now(UTC)))
        with pytest.raises(ServiceError, match=r"backup_restore_unknown: .* nobody heard whether it began"):
            restore_backup(work)
    assert len(begun_restores(site, hsm)) == 1


def reopen(site: Site, hsm: str) -> None:
    """Have the operation of an HSM run, as if it had not seen how the restore ended."""
    container = stored.service(site.stack).get_container_client("hsm-records")
    claim = Claim.model_validate_json(container.download_blob(f"claims/{hsm}").readall())
    record = HsmRecord.model_validate_json(container.download_blob(f"hsms/{hsm}").readall())
    assert record.restored_backup
    unseen = record.restored_backup.model_copy(update={"restored_at": None})
    planting.plant(
        site.stack,
        claim.model_copy(update={"state": "running", "succeeded": None}),
        record.model_copy(update={"restored_backup": unseen}),
    )


def change_public_access(site: Site, hsm: str, wanted: str) -> None:
    properties = arm.ManagedHsmProperties(public_network_access=wanted)
    with resources(site) as client:
        client.managed_hsms.begin_update("rg-hsm", hsm, arm.ManagedHsm(properties=properties), polling=False)


def take_the_service_its_role(site: Site, hsm: str) -> None:
    """Have it as after a restore of roles that do not include the service's, and nothing seen of that yet."""
    reopen(site, hsm)
    own = site.stack.azure.endpoints.identity_object_id
    with site.stack.portal_credential() as credential, KeyVaultAccessControlClient(uri(hsm), credential) as access:
        for assignment in access.list_role_assignments("/"):
            if assignment.properties and assignment.properties.principal_id == own:
                access.delete_role_assignment("/", str(assignment.name))


def test_what_failed_is_gone_on_with_by_another_backup(site: Site, hsm_name: str, custodians: list[Custodian]) -> None:
    stack, portal, second, other = site.stack, site.portal, f"{hsm_name}-b", f"{hsm_name}-c"
    first = provision_source(stack, portal, hsm_name, custodians, administrators=site.administrators)
    provision_source(stack, portal, other, custodians, administrators=site.administrators)
    with using_keys(stack, hsm_name) as (keys, credential):
        keys.create_rsa_key("k1", size=2048)
        right, wrong = back_up(site, hsm_name, credential), back_up(site, other, credential)
    operation = begin(stack, portal, second, hsm_name, administrators=site.administrators)
    store_blob(site, operation, first)
    ended = portal.follow(operation["id"])
    assert (ended["status"], statuses(ended)) == ("Succeeded", ["Skipped"] * 4), ended
    # It has an identity of its own meanwhile, which it keeps.
    attach(site, second, f"{site.identity}-of-others")
    failed = go_on(site, second, hsm_name, wrong)
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "backup_restore_failed"), failed
    assert "SecurityDomainMismatch" in failed["error"]["message"]
    assert failed["exists"]["hsm"]["state"] == "Active"
    assert [warning["code"] for warning in failed["warnings"]] == ["backup_replaces_keys"]
    assert identities_of(site, second) == sorted([site.identity, f"{site.identity}-of-others"])
    ended = go_on(site, second, hsm_name, right)
    assert (ended["status"], ended["result"]["restoredBackup"]["folder"]) == ("Succeeded", right["folder"]), ended
    with stack.portal_credential() as credential, KeyClient(uri(second), credential) as keys:
        assert [item.name for item in keys.list_properties_of_keys()] == ["k1"]


def go_on(site: Site, hsm: str, source: str, backup: dict[str, str]) -> dict[str, Any]:
    """Have a backup restored into an HSM that has the source's security domain already."""
    body = restore_request(site.stack, source, administrators=site.administrators, backup=backup)
    response = ask(site.portal, hsm, body)
    assert response.status_code == 202, response.text
    approve(site.stack, response.json())
    pass_half_an_hour(site, response.json()["id"])
    return site.portal.follow(response.json()["id"])


def test_an_identity_that_is_not_there_is_found_before_anything_is_made_and_a_container_when_it_is_needed(
    site: Site, hsm_name: str, custodians: list[Custodian]
) -> None:
    first = provision_source(site.stack, site.portal, hsm_name, custodians)
    nobodys = {"container": f"{site.container}-of-nobody", "folder": f"mhsm-{hsm_name}-2026010203040506"}
    response = ask(site.portal, f"{hsm_name}-c", restore_request(site.stack, hsm_name, backup=nobodys))
    refused = site.portal.follow(response.json()["id"])
    assert (refused["status"], refused["error"]["code"]) == ("Failed", "backup_identity_missing"), refused
    assert [hsm["name"] for hsm in site.stack.control.hsms()] == [hsm_name]
    backup = {"container": site.container, "folder": f"mhsm-{hsm_name}-2026010203040506"}
    operation = begin(site.stack, site.portal, f"{hsm_name}-b", hsm_name, backup=backup)
    with container_gone(site):
        store_blob(site, operation, first)
        failed = site.portal.follow(operation["id"])
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "backup_failed"), failed
    assert "ResourceNotFound" in failed["error"]["message"]
    assert statuses(failed) == ["Succeeded", "Failed", "NotStarted", "NotStarted"]


@contextmanager
def container_gone(site: Site) -> Iterator[None]:
    service = stored.service(site.stack)
    service.delete_container("hsm-backups")
    yield
    service.create_container("hsm-backups")


ELSEWHERE: Final = "https://elsewhere.blob.core.windows.net/hsm-backups"


@pytest.mark.parametrize(
    ("changes", "status", "field", "code"),
    [
        ({"container": ELSEWHERE}, 403, "backup.container", "backup_place_not_allowed"),
        ({"container": "{container}-2"}, 403, "backup.container", "backup_place_not_allowed"),
        ({"container": "{container}?sv=1"}, 400, "backup.container", "invalid_field"),
        ({"container": "{container}/folder"}, 400, "backup.container", "invalid_field"),
        (
            {"container": "https://localhsms.blob.core.windows.net.example.com/hsm-backups"},
            400,
            "backup.container",
            "invalid_field",
        ),
        ({"folder": "mhsm-a-hsm"}, 400, "backup.folder", "invalid_field"),
        ({"folder": "../mhsm-a-hsm-2026010203040506"}, 400, "backup.folder", "invalid_field"),
        ({"folder": "mhsm-a-hsm-2026010203040506/x"}, 400, "backup.folder", "invalid_field"),
        ({"identity": "mine"}, 400, "backup.identity", "invalid_field"),
    ],
)
def test_each_refusal_names_its_field(changes: dict[str, str], status: int, field: str, code: str, site: Site) -> None:
    backup = {"container": site.container, "folder": "mhsm-a-hsm-2026010203040506", **changes}
    backup["container"] = backup["container"].format(container=site.container)
    refused = ask(site.portal, "hsm-refused", restore_request(site.stack, "any-hsm", backup=backup))
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["errors"][0]["field"]) == (status, code, field), problem


def test_the_policy_shows_where_backups_may_lie(site: Site) -> None:
    assert site.portal.send("GET", "policy").json()["backupContainers"] == [
        site.container,
        f"{site.container}-of-nobody",
    ]

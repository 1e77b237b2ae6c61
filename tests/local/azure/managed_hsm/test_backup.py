"""Full backups with the real SDK, into a container of the account that is here."""

import asyncio
import re
from collections.abc import Callable, Iterator

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.keyvault.administration import KeyVaultAccessControlClient, KeyVaultBackupClient
from azure.keyvault.administration.aio import KeyVaultBackupClient as AsyncKeyVaultBackupClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm
from azure.keyvault.securitydomain import SecurityDomainClient
from azure.keyvault.securitydomain.models import SecurityDomain
from azure.storage.blob import BlobServiceClient

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.custodians import Custodian
from tests.local.azure.conftest import MANAGED_HSM, send
from tests.local.azure.managed_hsm.conftest import CRYPTO_USER, activate, grant, open_domain, url
from tests.local.azure.managed_hsm.restore_blob import make_restore_blob

HALF_AN_HOUR = 1800


@pytest.fixture
def container(azure: LocalAzure, credential: TokenCredential, hsm_name: str) -> Iterator[str]:
    """The address of a container that is there."""
    with BlobServiceClient(azure.endpoints.storage_account_url, credential=credential) as service:
        service.create_container(f"backup-{hsm_name}")
        yield f"{azure.endpoints.storage_account_url}/backup-{hsm_name}"
        service.delete_container(f"backup-{hsm_name}")


@pytest.fixture
def backups(active_hsm: str, credential: TokenCredential) -> Iterator[KeyVaultBackupClient]:
    with KeyVaultBackupClient(url(active_hsm), credential) as client:
        yield client


def back_up(client: KeyVaultBackupClient, container: str) -> str:
    result = client.begin_backup(container, use_managed_identity=True, _polling_interval=0.1).result()
    return str(result.folder_url)


def restore(client: KeyVaultBackupClient, folder: str, key: str | None = None) -> None:
    client.begin_restore(folder, use_managed_identity=True, key_name=key, _polling_interval=0.1).wait()


def purge(keys: KeyClient, name: str) -> None:
    keys.begin_delete_key(name, _polling_interval=0.1).wait()
    keys.purge_deleted_key(name)


def test_a_backup_is_a_sealed_blob_in_a_folder_of_its_own(
    keys: KeyClient,
    backups: KeyVaultBackupClient,
    container: str,
    active_hsm: str,
    azure: LocalAzure,
    credential: TokenCredential,
) -> None:
    keys.create_rsa_key("a-name-that-nobody-finds-in-ciphertext")
    backups.begin_pre_backup(container, use_managed_identity=True, _polling_interval=0.1).wait()
    folder = back_up(backups, container)
    assert re.fullmatch(rf"{container}/mhsm-{active_hsm}-[0-9]{{16}}", folder)
    assert back_up(backups, container) != folder
    with BlobServiceClient(azure.endpoints.storage_account_url, credential=credential) as service:
        client = service.get_container_client(container.rpartition("/")[2])
        names = sorted(client.list_blob_names())
        # The rehearsal has left nothing.
        assert len(names) == 2
        assert names[0].startswith(folder.rpartition("/")[2])
        assert b"a-name-that-nobody-finds" not in client.download_blob(names[0]).readall()


def test_a_full_restore_brings_back_what_was_and_nothing_else(
    keys: KeyClient,
    backups: KeyVaultBackupClient,
    container: str,
    credential: TokenCredential,
    active_hsm: str,
    control: ControlClient,
    other: MadeApplication,
) -> None:
    key = keys.create_rsa_key("k1", tags={"a": "b"})
    with CryptographyClient(key, credential) as client:
        sealed = client.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"text").ciphertext
        folder = back_up(backups, container)
        purge(keys, "k1")
        keys.create_ec_key("k2")
        grant(active_hsm, credential, other.object_id, CRYPTO_USER)
        with pytest.raises(ResourceExistsError, match="at least 30 minutes before"):
            restore(backups, folder)
        control.change_clock(advance_seconds=HALF_AN_HOUR)
        backups.begin_pre_restore(folder, use_managed_identity=True, _polling_interval=0.1).wait()
        assert [item.name for item in keys.list_properties_of_keys()] == ["k2"]
        restore(backups, folder)
        assert client.decrypt(EncryptionAlgorithm.rsa_oaep_256, sealed).plaintext == b"text"
    assert keys.get_key("k1", key.properties.version).properties.tags == {"a": "b"}
    assert [item.name for item in keys.list_properties_of_keys()] == ["k1"]
    with KeyVaultAccessControlClient(url(active_hsm), credential) as roles:
        principals = [item.properties.principal_id for item in roles.list_role_assignments("/") if item.properties]
    assert other.object_id not in principals


def test_one_key_comes_back_alone(keys: KeyClient, backups: KeyVaultBackupClient, container: str) -> None:
    first = keys.create_ec_key("k1")
    keys.create_ec_key("k2")
    folder = back_up(backups, container)
    with pytest.raises(ResourceExistsError, match="exists already"):
        restore(backups, folder, "k1")
    keys.begin_delete_key("k1", _polling_interval=0.1).wait()
    with pytest.raises(ResourceExistsError, match="deleted but recoverable"):
        restore(backups, folder, "k1")
    keys.purge_deleted_key("k1")
    purge(keys, "k2")
    restore(backups, folder, "k1")
    assert keys.get_key("k1").id == first.id
    with pytest.raises(ResourceNotFoundError):
        keys.get_key("k2")
    with pytest.raises(HttpResponseError, match="ResourceNotFound"):
        restore(backups, folder, "k3")


def test_the_backup_of_a_lost_hsm_comes_into_one_with_its_security_domain_only(
    keys: KeyClient,
    backups: KeyVaultBackupClient,
    container: str,
    active_hsm: str,
    create_hsm: Callable[..., str],
    credential: TokenCredential,
    control: ControlClient,
    holders: list[Custodian],
) -> None:
    key = keys.create_rsa_key("k1")
    with CryptographyClient(key, credential) as cryptographer:
        sealed = cryptographer.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"text").ciphertext
    folder = back_up(backups, container)
    domain = open_domain(active_hsm, credential, holders)
    same, another = create_hsm(f"{active_hsm}-b"), create_hsm(f"{active_hsm}-c")
    activate(another, credential, control)
    with SecurityDomainClient(url(same), credential) as domains:
        blob = make_restore_blob(domain, str(domains.get_transfer_key().transfer_key))
        domains.begin_upload(SecurityDomain(value=blob), polling_interval=0.1).wait()
    with (
        KeyVaultBackupClient(url(same), credential) as right,
        KeyVaultBackupClient(url(another), credential) as wrong,
        KeyClient(url(same), credential) as restored,
    ):
        with pytest.raises(ResourceExistsError, match="A full backup of this HSM"):
            restore(right, folder)
        for client in (right, wrong):
            back_up(client, container)
        control.change_clock(advance_seconds=HALF_AN_HOUR)
        with pytest.raises(HttpResponseError, match="SecurityDomainMismatch"):
            restore(wrong, folder)
        restore(right, folder)
        # Roles came with the keys: the one who restored was Crypto User of the HSM that is lost.
        with CryptographyClient(restored.get_key("k1"), credential) as cryptographer:
            assert cryptographer.decrypt(EncryptionAlgorithm.rsa_oaep_256, sealed).plaintext == b"text"


def test_one_job_at_a_time_and_a_full_restore_closes_the_hsm(
    keys: KeyClient, backups: KeyVaultBackupClient, container: str, control: ControlClient
) -> None:
    keys.create_ec_key("k1")
    folder = back_up(backups, container)
    control.change_clock(advance_seconds=HALF_AN_HOUR)
    control.change_timing(backup_seconds=HALF_AN_HOUR)
    poller = backups.begin_backup(container, use_managed_identity=True, _polling_interval=0.1)
    assert poller.status() == "InProgress"
    for call in (
        lambda: backups.begin_backup(container, use_managed_identity=True),
        lambda: backups.begin_pre_restore(folder, use_managed_identity=True),
    ):
        with pytest.raises(ResourceExistsError, match="already in progress"):
            call()
    assert keys.get_key("k1").name == "k1"
    control.change_clock(advance_seconds=HALF_AN_HOUR)
    poller.wait()
    restoring = backups.begin_restore(folder, use_managed_identity=True, _polling_interval=0.1)
    with pytest.raises(ResourceExistsError, match="is being restored"):
        keys.get_key("k1")
    control.change_clock(advance_seconds=HALF_AN_HOUR)
    restoring.wait()
    assert keys.get_key("k1").name == "k1"


def test_what_is_not_there_fails_the_job(backups: KeyVaultBackupClient, container: str, control: ControlClient) -> None:
    back_up(backups, container)
    control.change_clock(advance_seconds=HALF_AN_HOUR)
    elsewhere = "https://elsewhere.blob.core.windows.net/backup"
    for call in (
        lambda: back_up(backups, f"{container}-not"),
        lambda: back_up(backups, elsewhere),
        lambda: backups.begin_pre_backup(elsewhere, use_managed_identity=True, _polling_interval=0.1).wait(),
        lambda: restore(backups, f"{container}/mhsm-not-there"),
    ):
        with pytest.raises(HttpResponseError, match="ResourceNotFound"):
            call()


@pytest.mark.parametrize(
    "address", ["http://localhsms.blob.core.windows.net/backup", "https://localhsms.blob.core.windows.net", "backup"]
)
def test_an_address_that_is_none_is_refused(backups: KeyVaultBackupClient, address: str) -> None:
    with pytest.raises(HttpResponseError, match=r"BadParameter.*storageResourceUri"):
        back_up(backups, address)


def test_a_backup_needs_an_identity(
    create_hsm: Callable[..., str],
    hsm_name: str,
    credential: TokenCredential,
    container: str,
    control: ControlClient,
) -> None:
    activate(create_hsm(hsm_name, identity=False), credential, control)
    with KeyVaultBackupClient(url(hsm_name), credential) as client:
        with pytest.raises(HttpResponseError, match="no user-assigned managed identity"):
            back_up(client, container)
        with pytest.raises(HttpResponseError, match="not with a SAS token"):
            client.begin_backup(container, sas_token="sv=1")


def test_who_has_no_role_backs_up_nothing(active_hsm: str, other_credential: TokenCredential, container: str) -> None:
    with KeyVaultBackupClient(url(active_hsm), other_credential) as client:
        for call, action in (
            (lambda: back_up(client, container), "backup/start"),
            (lambda: restore(client, f"{container}/folder"), "restore/start"),
            (lambda: restore(client, f"{container}/folder", "k1"), "restore/start"),
        ):
            with pytest.raises(HttpResponseError, match=f"AccessDenied.*{action}/action on /"):
                call()


def test_a_status_has_the_members_of_the_services(container: str, active_hsm: str, token: Callable[..., str]) -> None:
    body = {"storageResourceUri": container, "useManagedIdentity": True}
    access = token(MANAGED_HSM)
    accepted = send(access, "POST", f"{url(active_hsm)}/backup", body)
    assert (accepted.status_code, accepted.json()["status"]) == (202, "InProgress")
    pending = accepted.headers["azure-asyncoperation"]
    job = accepted.json()["jobId"]
    assert pending == f"{url(active_hsm)}/backup/{job}/pending"
    status = send(access, "GET", pending).json()
    assert re.fullmatch("[0-9a-f]{32}", job)
    assert status["startTime"] <= status["endTime"]
    assert {name: status[name] for name in ("status", "statusDetails", "error", "jobId")} == {
        "status": "Succeeded",
        "statusDetails": None,
        "error": None,
        "jobId": job,
    }
    assert status["azureStorageBlobContainerUri"].startswith(f"{container}/mhsm-{active_hsm}-")
    for other in (f"/restore/{job}/pending", "/backup/0/pending"):
        assert send(access, "GET", url(active_hsm) + other).status_code == 404


def test_the_asynchronous_client_does_the_same(
    keys: KeyClient, active_hsm: str, container: str, azure: LocalAzure, application: MadeApplication
) -> None:
    keys.create_ec_key("k1")

    async def work() -> str:
        async with (
            AsyncClientSecretCredential(
                azure.endpoints.tenant_id,
                application.client_id,
                application.client_secret,
                transport=AsyncioRequestsTransport(),
            ) as credential,
            AsyncKeyVaultBackupClient(url(active_hsm), credential, transport=AsyncioRequestsTransport()) as client,
        ):
            poller = await client.begin_backup(container, use_managed_identity=True, _polling_interval=0.1)
            return str((await poller.result()).folder_url)

    assert asyncio.run(work()).startswith(f"{container}/mhsm-{active_hsm}-")

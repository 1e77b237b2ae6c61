"""A security domain moves from one HSM to another with the real SDK, and its keys with it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm
from azure.keyvault.securitydomain import SecurityDomainClient
from azure.keyvault.securitydomain.aio import SecurityDomainClient as AsyncSecurityDomainClient
from azure.keyvault.securitydomain.models import SecurityDomain
from azure.mgmt.keyvault import KeyVaultManagementClient
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.custodians import Custodian
from tests.local.azure.conftest import GROUP, SECONDS, download_body, wrapping_certificate
from tests.local.azure.managed_hsm.conftest import (
    ADMINISTRATOR,
    CRYPTO_OFFICER,
    CRYPTO_USER,
    activate,
    grant,
    open_domain,
    url,
)
from tests.local.azure.managed_hsm.restore_blob import damage, make_restore_blob, read_certificate

ALGORITHM = EncryptionAlgorithm.rsa_oaep_256


@pytest.fixture
def second(create_hsm: Callable[..., str], hsm_name: str) -> str:
    """Another HSM, which is not active."""
    return create_hsm(f"{hsm_name}-b")


@pytest.fixture
def upload_client(second: str, credential: TokenCredential) -> Iterator[SecurityDomainClient]:
    with SecurityDomainClient(url(second), credential) as client:
        yield client


def upload(client: SecurityDomainClient, blob: str) -> None:
    client.begin_upload(SecurityDomain(value=blob), polling_interval=0.1).result()


def test_what_one_hsm_encrypted_the_other_decrypts_after_a_restore(
    keys: KeyClient,
    active_hsm: str,
    second: str,
    credential: TokenCredential,
    application: MadeApplication,
    holders: list[Custodian],
    upload_client: SecurityDomainClient,
    hsm_client: KeyVaultManagementClient,
    control: ControlClient,
) -> None:
    key = keys.create_rsa_key("k1", tags={"a": "b"})
    with CryptographyClient(key, credential) as first:
        sealed = first.encrypt(ALGORITHM, b"text").ciphertext
    backup = keys.backup_key("k1")
    domain = open_domain(active_hsm, credential, holders)
    # The first HSM is lost.
    hsm_client.managed_hsms.begin_delete(GROUP, active_hsm).result()
    hsm_client.managed_hsms.begin_purge_deleted(active_hsm, "norwayeast").result()

    transfer_key = str(upload_client.get_transfer_key().transfer_key)
    control.change_timing(upload_seconds=SECONDS)
    blob = make_restore_blob(domain, transfer_key)
    poller = upload_client.begin_upload(SecurityDomain(value=blob), polling_interval=0.1)
    assert upload_client.get_upload_status().status == "InProgress"
    found = hsm_client.managed_hsms.get(GROUP, second)
    assert found
    assert found.as_dict()["properties"]["securityDomainProperties"]["activationStatus"] == "NotActivated"
    poller.wait()
    assert upload_client.get_upload_status().status == "Success"
    found = hsm_client.managed_hsms.get(GROUP, second)
    assert found
    assert found.as_dict()["properties"]["securityDomainProperties"]["activationStatus"] == "Active"

    grant(second, credential, application.object_id, CRYPTO_USER, CRYPTO_OFFICER)
    with KeyClient(url(second), credential) as client:
        restored = client.restore_key_backup(backup)
        assert (restored.properties.version, restored.properties.tags) == (key.properties.version, {"a": "b"})
        assert str(restored.id).startswith(url(second))
        with CryptographyClient(restored, credential) as cryptographer:
            assert cryptographer.decrypt(ALGORITHM, sealed).plaintext == b"text"
    # The domain that it hands out is the first one's.
    assert open_domain(second, credential, holders) == domain


def test_a_key_backup_does_not_come_into_an_hsm_of_another_domain(
    keys: KeyClient,
    second: str,
    credential: TokenCredential,
    application: MadeApplication,
    control: ControlClient,
) -> None:
    keys.create_rsa_key("k1")
    backup = keys.backup_key("k1")
    activate(second, credential, control)
    grant(second, credential, application.object_id, CRYPTO_USER)
    with KeyClient(url(second), credential) as client:
        with pytest.raises(HttpResponseError, match="not of an HSM with this security domain"):
            client.restore_key_backup(backup)
        with pytest.raises(ResourceNotFoundError, match="KeyNotFound"):
            client.get_key("k1")


def test_the_transfer_key_is_the_hsms_own(upload_client: SecurityDomainClient, second: str) -> None:
    answer = upload_client.get_transfer_key()
    assert answer.key_format == "jwk"
    transfer_key = json.loads(str(answer.transfer_key))
    assert (transfer_key["kty"], transfer_key["kid"]) == ("RSA", "not used")
    assert "alg" not in transfer_key
    certificate = read_certificate(str(answer.transfer_key))
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == f"{second}.managedhsm.azure.net"
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc > timedelta(days=364)
    public_key = certificate.public_key()
    assert isinstance(public_key, RSAPublicKey)
    assert public_key.key_size == 4096
    certificate.verify_directly_issued_by(certificate)
    assert upload_client.get_transfer_key().transfer_key == answer.transfer_key


def test_what_is_no_security_domain_for_this_hsm_is_refused(
    active_hsm: str,
    second: str,
    credential: TokenCredential,
    holders: list[Custodian],
    upload_client: SecurityDomainClient,
    hsm_client: KeyVaultManagementClient,
) -> None:
    domain = open_domain(active_hsm, credential, holders)
    transfer_key = str(upload_client.get_transfer_key().transfer_key)
    good = make_restore_blob(domain, transfer_key)
    stranger = wrapping_certificate(0)
    changed = {**domain, "hsm_backup": domain["hsm_backup"][:-1] + bytes([domain["hsm_backup"][-1] ^ 1])}
    wrong = {
        "": "cannot be read",
        "{}": "cannot be read",
        make_restore_blob(domain, transfer_key, certificate=stranger): "not encrypted to this HSM",
        make_restore_blob(
            domain, transfer_key, certificate=stranger, x5t_256=json.loads(transfer_key)["x5t#S256"]
        ): "cannot be decrypted",
        make_restore_blob(domain, transfer_key, key_bytes=31): "wrong length",
        make_restore_blob(domain, transfer_key, kdf="other"): "key derivation",
        make_restore_blob(domain, transfer_key, kids={"hsm_backup": "other"}): "cannot be decrypted",
        make_restore_blob(changed, transfer_key): "no HSM's security domain",
        make_restore_blob({"hsm_backup": domain["hsm_backup"]}, transfer_key): "no HSM's security domain",
        **{damage(good, part): "cannot be decrypted" for part in (0, 2, 3, 4)},
    }
    for blob, expected in wrong.items():
        with pytest.raises(HttpResponseError, match=expected) as refused:
            upload(upload_client, blob)
        assert refused.value.status_code == 400
        assert refused.value.error
        assert refused.value.error.code == "BadParameter"
    with pytest.raises(ResourceNotFoundError):
        upload_client.get_upload_status()
    upload(upload_client, good)
    assert hsm_client.managed_hsms.get(GROUP, second)


def test_an_upload_needs_recovery_and_an_hsm_that_is_not_active(
    active_hsm: str,
    credential: TokenCredential,
    holders: list[Custodian],
    upload_client: SecurityDomainClient,
    control: ControlClient,
) -> None:
    domain = open_domain(active_hsm, credential, holders)
    with pytest.raises(ResourceExistsError, match="not in recovery"):
        upload(upload_client, "{}")
    blob = make_restore_blob(domain, str(upload_client.get_transfer_key().transfer_key))
    control.change_timing(upload_seconds=SECONDS)
    upload_client.begin_upload(SecurityDomain(value=blob), skip_activation_polling=True).result()
    for call in (
        lambda: upload(upload_client, blob),
        lambda: upload_client.begin_download(download_body(), skip_activation_polling=True),
        upload_client.get_transfer_key,
    ):
        with pytest.raises(ResourceExistsError, match="already in progress"):
            call()
    with SecurityDomainClient(url(active_hsm), credential) as client:
        with pytest.raises(ResourceExistsError, match="is activated"):
            client.get_transfer_key()
        with pytest.raises(ResourceExistsError, match="is activated"):
            upload(client, blob)


def test_an_upload_waits_for_a_download(upload_client: SecurityDomainClient) -> None:
    upload_client.get_transfer_key()
    upload_client.begin_download(download_body(), skip_activation_polling=True).result()
    with pytest.raises(ResourceExistsError, match="already in progress"):
        upload(upload_client, "{}")


def test_who_is_no_administrator_uploads_nothing(second: str, other_credential: TokenCredential) -> None:
    with SecurityDomainClient(url(second), other_credential) as client:
        for call, action in (
            (client.get_transfer_key, "securitydomain/transferkey/read"),
            (lambda: upload(client, "{}"), "securitydomain/upload/action"),
            (client.get_upload_status, "securitydomain/upload/read"),
        ):
            with pytest.raises(HttpResponseError, match=f"AccessDenied.*{action} on /"):
                call()


def test_an_administrator_by_assignment_may_download_too(
    active_hsm: str,
    credential: TokenCredential,
    other: MadeApplication,
    other_credential: TokenCredential,
) -> None:
    grant(active_hsm, credential, other.object_id, ADMINISTRATOR)
    with SecurityDomainClient(url(active_hsm), other_credential) as client:
        assert client.begin_download(download_body(), skip_activation_polling=True).result().value


def test_the_asynchronous_client_does_the_same(
    active_hsm: str,
    second: str,
    credential: TokenCredential,
    holders: list[Custodian],
    azure: LocalAzure,
    application: MadeApplication,
) -> None:
    domain = open_domain(active_hsm, credential, holders)

    async def work() -> None:
        async with (
            AsyncClientSecretCredential(
                azure.endpoints.tenant_id,
                application.client_id,
                application.client_secret,
                transport=AsyncioRequestsTransport(),
            ) as async_credential,
            AsyncSecurityDomainClient(url(second), async_credential, transport=AsyncioRequestsTransport()) as client,
        ):
            transfer_key = await client.get_transfer_key()
            blob = make_restore_blob(domain, str(transfer_key.transfer_key))
            poller = await client.begin_upload(SecurityDomain(value=blob), polling_interval=0.1)
            await poller.result()
            assert (await client.get_upload_status()).status == "Success"

    asyncio.run(work())

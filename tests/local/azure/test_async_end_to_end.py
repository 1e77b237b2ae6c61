"""The life of two HSMs with the asynchronous clients of all six SDKs, on their own transport.

aiohttp finds the proxy by itself (azure-core's transport trusts the environment) and reads SSL_CERT_FILE once, when it
is imported. So the story runs in a process of its own, which is started with these variables as a user's would be; a
transport of another kind, or a client's option, would be an override.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from azure.core.credentials import TokenCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import EnvironmentCredential
from azure.keyvault.administration import KeyVaultSetting
from azure.keyvault.administration.aio import (
    KeyVaultAccessControlClient,
    KeyVaultBackupClient,
    KeyVaultSettingsClient,
)
from azure.keyvault.certificates import CertificatePolicy, KeyVaultCertificate
from azure.keyvault.certificates.aio import CertificateClient
from azure.keyvault.keys.aio import KeyClient
from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm
from azure.keyvault.keys.crypto.aio import CryptographyClient
from azure.keyvault.securitydomain.aio import SecurityDomainClient
from azure.keyvault.securitydomain.models import CertificateInfo, SecurityDomain, SecurityDomainJsonWebKey
from azure.mgmt.keyvault.aio import KeyVaultManagementClient
from azure.mgmt.keyvault.models import CheckMhsmNameAvailabilityParameters, ManagedHsm
from azure.mgmt.resource.resources.aio import ResourceManagementClient
from azure.storage.blob import BlobServiceClient
from cryptography import x509

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.local.azure.conftest import ARM, send
from tests.local.azure.managed_hsm.conftest import CRYPTO_OFFICER, CRYPTO_USER, IDENTITY, ROLES, url
from tests.local.azure.managed_hsm.restore_blob import make_restore_blob
from tests.security_domain_opener import combine_shares, decode, decrypt, derive_key, thumbprint

GROUP = "rg-async-story"
REGION = "norwayeast"
SETTING = "AllowKeyManagementOperationsThroughARM"
OAEP = EncryptionAlgorithm.rsa_oaep_256
TEXT = b"what only the first one could decrypt"
SECONDS = 0.2


@pytest.fixture
def container(azure: LocalAzure, credential: TokenCredential) -> Iterator[str]:
    """A container for backups, which no client of the six makes."""
    name = f"story-{uuid.uuid4()}"
    with BlobServiceClient(azure.endpoints.storage_account_url, credential=credential) as service:
        service.create_container(name)
        yield f"{azure.endpoints.storage_account_url}/{name}"
        service.delete_container(name)


def test_two_hsms_from_nothing_to_nothing(
    azure: LocalAzure,
    control: ControlClient,
    application: MadeApplication,
    credential: TokenCredential,
    container: str,
    hsm_name: str,
) -> None:
    group = f"{ARM}/subscriptions/{azure.endpoints.subscription_id}/resourcegroups/{GROUP}"
    send(credential, "PUT", group, {"location": REGION})
    identity = send(credential, "PUT", f"{group}/{IDENTITY}", {"location": REGION}).json()["id"]
    control.create_vault(f"{hsm_name}-vault")
    control.change_timing(
        SECONDS, SECONDS, **{f"{name}_seconds": SECONDS for name in ("deletion", "purge", "upload", "backup")}
    )
    given = {
        "subscription": azure.endpoints.subscription_id,
        "tenant": azure.endpoints.tenant_id,
        "administrator": application.object_id,
        "identity": identity,
        "container": container,
        "vault": f"https://{hsm_name}-vault.vault.azure.net",
        "first": f"{hsm_name}-a",
        "second": f"{hsm_name}-b",
    }
    secrets = {
        "AZURE_TENANT_ID": azure.endpoints.tenant_id,
        "AZURE_CLIENT_ID": application.client_id,
        "AZURE_CLIENT_SECRET": application.client_secret,
    }
    try:
        ended = subprocess.run(
            [sys.executable, "-m", __name__, json.dumps(given)],
            env={**os.environ, **secrets},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        control.change_timing(deletion_seconds=0, purge_seconds=0, upload_seconds=0, backup_seconds=0)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    folder = told.pop("backup")
    assert folder.startswith(f"{container}/mhsm-{hsm_name}-a-")
    assert told == {
        "transport": "AioHttpTransport",
        "available": [True, False],
        "provisioned": ["Succeeded", "NotActivated"],
        "activated": ["Succeeded", "Active"],
        "setting": True,
        "roles": ["/", "/", "/"],
        "first decrypts": True,
        "signed": True,
        "restored key decrypts": True,
        "second is restored": "Success",
        "second decrypts": True,
        "certificates": [["custodian-1", "custodian-2"], ["custodian-0"]],
        "deleted": [f"{hsm_name}-a", f"{hsm_name}-b"],
        "recovered decrypts": True,
        "left": [],
        "group is left": False,
    }
    assert control.hsms() == []


class Story:
    """What happens, in its order, and what is told of it."""

    def __init__(self, given: dict[str, str], credential: AsyncTokenCredential, clients: AsyncExitStack) -> None:
        self.given = given
        self.credential = credential
        self.clients = clients
        self.told: dict[str, Any] = {}

    async def enter[Client](self, client: Client) -> Client:
        """Let a client be closed at the end."""
        await self.clients.enter_async_context(client)  # type: ignore[arg-type]
        return client

    async def live(self) -> None:
        given, told = self.given, self.told
        resources = await self.enter(
            ResourceManagementClient(self.credential, given["subscription"], polling_interval=0.1)
        )
        management = await self.enter(
            KeyVaultManagementClient(self.credential, given["subscription"], polling_interval=0.1)
        )
        told["transport"] = type(management._client._pipeline._transport).__name__
        await resources.resource_groups.create_or_update(GROUP, {"location": REGION})
        self.hsms = management.managed_hsms
        told["available"] = [await self.is_available(given["first"])]
        told["provisioned"] = await self.create(given["first"])
        told["available"] += [await self.is_available(given["first"])]
        domain = await self.activate(given["first"])
        told["activated"] = await self.state(given["first"])
        await self.administer(given["first"])
        keys = await self.enter(KeyClient(url(given["first"]), self.credential))
        sealed, key_backup = await self.use_keys(keys)
        await self.back_up(keys, sealed)
        await self.create(given["second"])
        await self.restore(domain, sealed, key_backup)
        await self.tidy_vault()
        await self.delete_recover_purge(sealed)
        await (await resources.resource_groups.begin_delete(GROUP)).result()
        told["group is left"] = await resources.resource_groups.check_existence(GROUP)

    async def is_available(self, name: str) -> bool:
        answer = await self.hsms.check_mhsm_name_availability(CheckMhsmNameAvailabilityParameters(name=name))
        return bool(answer.name_available)

    async def state(self, name: str) -> list[str]:
        found = await self.hsms.get(GROUP, name)
        assert found
        properties = found.as_dict()["properties"]
        return [properties["provisioningState"], properties["securityDomainProperties"]["activationStatus"]]

    async def create(self, name: str) -> list[str]:
        model = {
            "location": REGION,
            "sku": {"family": "B", "name": "Standard_B1"},
            "identity": {"type": "UserAssigned", "userAssignedIdentities": {self.given["identity"]: {}}},
            "properties": {
                "tenantId": self.given["tenant"],
                "initialAdminObjectIds": [self.given["administrator"]],
                "softDeleteRetentionInDays": 7,
            },
        }
        await (await self.hsms.begin_create_or_update(GROUP, name, ManagedHsm(model))).result()
        return await self.state(name)

    async def activate(self, name: str) -> dict[str, bytes]:
        """Download the domain for custodians whose keys never leave Key Vault, and open it with two of them."""
        vault = await self.enter(CertificateClient(self.given["vault"], self.credential))
        made: list[KeyVaultCertificate] = []
        for number in range(3):
            policy = CertificatePolicy("Self", subject=f"CN=custodian {number}", key_type="RSA", exportable=False)
            created = await vault.create_certificate(f"custodian-{number}", policy, _polling_interval=0)
            assert isinstance(created, KeyVaultCertificate)
            made.append(created)
        request = CertificateInfo(certificates=[_wrapping_key(bytes(item.cer or b"")) for item in made], required=2)
        client = await self.enter(SecurityDomainClient(url(name), self.credential))
        poller = await client.begin_download(request, polling_interval=0.1)
        document = json.loads(str((await poller.result()).value))
        assert (await client.get_download_status()).status == "Success"
        certificates = {thumbprint(x509.load_der_x509_certificate(bytes(item.cer or b""))): item for item in made[1:]}
        shares = []
        for item in document["SharedKeys"]["enc_shares"]:
            if item["x5t_256"] in certificates:
                key_id = certificates[item["x5t_256"]].key_id or ""
                cryptographer = await self.enter(CryptographyClient(key_id, self.credential))
                wrapped = decode(item["enc_key"].split(".")[1])
                key = (await cryptographer.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped)).key
                shares.append(decrypt(item["enc_key"], key))
        master = combine_shares(shares)
        data = document["EncData"]["data"]
        return {item["tag"]: decrypt(item["compact_jwe"], derive_key(master, item["tag"])) for item in data}

    async def administer(self, name: str) -> None:
        settings = await self.enter(KeyVaultSettingsClient(url(name), self.credential))
        await settings.update_setting(KeyVaultSetting(name=SETTING, value="true"))
        self.told["setting"] = (await settings.get_setting(SETTING)).getboolean()
        await self.grant(name)
        access = await self.enter(KeyVaultAccessControlClient(url(name), self.credential))
        self.told["roles"] = [
            item.properties.scope async for item in access.list_role_assignments("/") if item.properties
        ]

    async def grant(self, name: str) -> None:
        access = await self.enter(KeyVaultAccessControlClient(url(name), self.credential))
        for role in (CRYPTO_USER, CRYPTO_OFFICER):
            await access.create_role_assignment("/", f"{ROLES}/{role}", self.given["administrator"])

    async def use_keys(self, keys: KeyClient) -> tuple[bytes, bytes]:
        """Give a text that the key of the first HSM encrypted, and the key's backup."""
        key = await keys.create_rsa_key("k1", size=2048, hardware_protected=True)
        cryptographer = await self.enter(CryptographyClient(key, self.credential))
        sealed = (await cryptographer.encrypt(OAEP, TEXT)).ciphertext
        self.told["first decrypts"] = (await cryptographer.decrypt(OAEP, sealed)).plaintext == TEXT
        digest = await keys.get_random_bytes(32)
        signature = (await cryptographer.sign("RS256", digest)).signature  # type: ignore[arg-type]
        self.told["signed"] = (await cryptographer.verify("RS256", digest, signature)).is_valid  # type: ignore[arg-type]
        return sealed, await keys.backup_key("k1")

    async def decrypts(self, name: str, sealed: bytes) -> bool:
        async with KeyClient(url(name), self.credential) as keys:
            key = await keys.get_key("k1")
        async with CryptographyClient(key, self.credential) as cryptographer:
            return (await cryptographer.decrypt(OAEP, sealed)).plaintext == TEXT

    async def back_up(self, keys: KeyClient, sealed: bytes) -> None:
        backups = await self.enter(KeyVaultBackupClient(url(self.given["first"]), self.credential))
        container = self.given["container"]
        options: dict[str, Any] = {"_polling_interval": 0.1}
        folder = (
            await (await backups.begin_backup(container, use_managed_identity=True, **options)).result()
        ).folder_url
        self.told["backup"] = folder
        await keys.delete_key("k1", _polling_interval=0.1)
        await keys.purge_deleted_key("k1")
        await (await backups.begin_restore(str(folder), use_managed_identity=True, key_name="k1", **options)).result()
        self.told["restored key decrypts"] = await self.decrypts(self.given["first"], sealed)

    async def restore(self, domain: dict[str, bytes], sealed: bytes, key_backup: bytes) -> None:
        name = self.given["second"]
        client = await self.enter(SecurityDomainClient(url(name), self.credential))
        transfer_key = (await client.get_transfer_key()).transfer_key
        blob = make_restore_blob(domain, str(transfer_key))
        await (await client.begin_upload(SecurityDomain(value=blob), polling_interval=0.1)).result()
        self.told["second is restored"] = (await client.get_upload_status()).status
        await self.grant(name)
        async with KeyClient(url(name), self.credential) as keys:
            await keys.restore_key_backup(key_backup)
        self.told["second decrypts"] = await self.decrypts(name, sealed)

    async def tidy_vault(self) -> None:
        vault = await self.enter(CertificateClient(self.given["vault"], self.credential))
        await vault.delete_certificate("custodian-0", _polling_interval=0.1)
        await vault.delete_certificate("custodian-1", _polling_interval=0.1)
        await vault.recover_deleted_certificate("custodian-1", _polling_interval=0.1)
        present = [item.name async for item in vault.list_properties_of_certificates()]
        deleted = [item.name async for item in vault.list_deleted_certificates()]
        self.told["certificates"] = [sorted(map(str, present)), deleted]
        await vault.purge_deleted_certificate("custodian-0")

    async def delete_recover_purge(self, sealed: bytes) -> None:
        names = [self.given["first"], self.given["second"]]
        for name in names:
            await (await self.hsms.begin_delete(GROUP, name)).result()
        self.told["deleted"] = sorted([str(item.name) async for item in self.hsms.list_deleted()])
        sku = {"family": "B", "name": "Standard_B1"}
        properties = {"tenantId": self.given["tenant"], "createMode": "recover"}
        recovery = ManagedHsm({"location": REGION, "sku": sku, "properties": properties})
        await (await self.hsms.begin_create_or_update(GROUP, names[0], recovery)).result()
        self.told["recovered decrypts"] = await self.decrypts(names[0], sealed)
        await (await self.hsms.begin_delete(GROUP, names[0])).result()
        for name in names:
            await (await self.hsms.begin_purge_deleted(name, REGION)).result()
        self.told["left"] = [item.name async for item in self.hsms.list_deleted()]


def _wrapping_key(der: bytes) -> SecurityDomainJsonWebKey:
    x5c = base64.b64encode(der).decode()
    return SecurityDomainJsonWebKey(
        kid="", kty="RSA", key_ops=[""], n="", e="", x5_c=[x5c], x5_t="", x5_t_s256="", alg="RSA-OAEP-256"
    )


async def _tell(given: dict[str, str]) -> dict[str, Any]:
    async with AsyncExitStack() as clients:
        credential = await clients.enter_async_context(EnvironmentCredential())
        story = Story(given, credential, clients)
        await story.live()
    return story.told


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_tell(json.loads(sys.argv[1])))))

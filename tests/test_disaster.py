"""From disaster to a second HSM: the service and the custodians' tool together, wherever the private keys are."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from azure.identity import ClientSecretCredential
from azure.keyvault.certificates import CertificateClient, CertificatePolicy, KeyVaultCertificate
from azure.keyvault.keys.crypto import CryptographyClient
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local.azure.control.models import MadeApplication
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodian.terminal import Ended, plain_environment, run
from tests.custodians import make_custodian, request_for
from tests.restoring import announce, begin, blob_client
from tests.test_restore import ALGORITHM, using_keys

PASS_PHRASE = "a rowing boat without oars"
QUORUM = 2


class Holder(NamedTuple):
    """A custodian: what the request names, how their private key is used, and their own sign-in."""

    wrapping_key: dict[str, str]
    use: list[str]
    environment: dict[str, str]


def in_vault(stack: Stack, folder: Path, name: str, vault: str) -> Holder:
    """A key that never leaves a vault of its own, which only its custodian may use."""
    endpoints = stack.azure.endpoints
    application = stack.control.create_application(name, {})
    assigned = {
        application.object_id: ["Key Vault Crypto Service Encryption User", "Key Vault Certificates Officer"],
        endpoints.identity_object_id: ["Key Vault Reader"],
    }
    stack.control.create_vault(vault, restricted=True, purge_protection=True, assignments=assigned)
    with (
        ClientSecretCredential(endpoints.tenant_id, application.client_id, application.client_secret) as credential,
        CertificateClient(f"https://{vault}.vault.azure.net", credential) as client,
    ):
        policy = CertificatePolicy("Self", subject=f"CN={name}", exportable=False, key_type="RSA", key_size=2048)
        made = client.begin_create_certificate(name, policy, _polling_interval=0).result()
    assert isinstance(made, KeyVaultCertificate)
    (folder / f"{name}.cer").write_bytes(bytes(made.cer or b""))
    use = ["--key-vault-key", str(made.key_id), "--certificate", f"{name}.cer"]
    return Holder({"custodian": name, "certificateId": str(made.id)}, use, sign_in(stack, application))


def offline(folder: Path, name: str) -> Holder:
    """A key in a file, made offline."""
    custodian = make_custodian(name)
    assert isinstance(custodian.key, RSAPrivateKey)
    key = custodian.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / f"{name}.pem").write_bytes(custodian.pem.encode() + key)
    return Holder({"custodian": name, "pem": custodian.pem}, ["--key", f"{name}.pem"], {})


def sign_in(stack: Stack, application: MadeApplication) -> dict[str, str]:
    return {
        **stack.azure.environment(),
        "AZURE_TENANT_ID": stack.azure.endpoints.tenant_id,
        "AZURE_CLIENT_ID": application.client_id,
        "AZURE_CLIENT_SECRET": application.client_secret,
    }


@pytest.mark.parametrize("vaulted", [3, 0, 1], ids=["three vaults", "offline keys", "a mixture"])
def test_the_second_hsm_decrypts_what_the_first_encrypted(
    vaulted: int, stack: Stack, portal: Portal, hsm_name: str, tmp_path: Path
) -> None:
    names = ("ada", "grace", "katherine")
    holders = [in_vault(stack, tmp_path, name, f"{name}-{hsm_name[-12:]}") for name in names[:vaulted]]
    holders += [offline(tmp_path, name) for name in names[vaulted:]]
    administrators = [stack.portal.object_id]
    made = provision(stack, portal, hsm_name, holders, administrators)
    with using_keys(stack, hsm_name) as (keys, credential):
        key = keys.create_rsa_key("k1", size=2048)
        sealed = CryptographyClient(key, credential).encrypt(ALGORITHM, b"kept by the first").ciphertext
        backup = keys.backup_key("k1")
    domain = stored.read(stack, made["result"]["securityDomain"]["blobUrl"])
    (tmp_path / "security-domain.json").write_bytes(domain)
    stack.control.forget_hsm(hsm_name)

    second = f"{hsm_name}-b"
    waiting = begin(stack, portal, second, hsm_name, administrators=administrators)
    open_for(tmp_path, holders, waiting)
    blob_client(stack, waiting["id"]).upload_blob((tmp_path / "restore-blob.json").read_bytes())
    assert announce(portal, waiting["id"]).status_code == 202
    ended = portal.follow(waiting["id"])
    assert ended["status"] == "Succeeded", ended
    with using_keys(stack, second) as (keys, credential):
        restored = keys.restore_key_backup(backup)
        assert CryptographyClient(restored, credential).decrypt(ALGORITHM, sealed).plaintext == b"kept by the first"


def provision(
    stack: Stack, portal: Portal, name: str, holders: list[Holder], administrators: list[str]
) -> dict[str, Any]:
    domain = {"quorum": QUORUM, "wrappingKeys": [holder.wrapping_key for holder in holders]}
    body = request_for(stack, [], securityDomain=domain, administrators=administrators)
    made = portal.follow(portal.put_hsm(name, body).json()["id"])
    assert made["status"] == "Succeeded", made
    return made


def open_for(folder: Path, holders: list[Holder], waiting: dict[str, Any]) -> None:
    """Hold the ceremony: two custodians send their shares to a machine, which makes the restore blob."""
    key = waiting["transferKey"]
    (folder / "transfer-key.json").write_text(json.dumps(key["jwk"]))
    tool = runner(folder)
    prepared = tool({}, "prepare-opening", "opening.p12", "--json", typed=[PASS_PHRASE, PASS_PHRASE])
    fingerprint = prepared.document()["sha256"]
    shares: list[str] = []
    for number, holder in enumerate(holders[:QUORUM]):
        share = f"share-{number}.json"
        recipient = ("--for", "opening.pem", "--fingerprint", fingerprint, "--output", share)
        tool(holder.environment, "open-share", "security-domain.json", *recipient, *holder.use)
        shares += ["--share", share]
    tool(
        {},
        *("restore-blob", "security-domain.json", "transfer-key.json", "--transfer-key-sha256", key["sha256"]),
        *(*shares, "--opening-key", "opening.p12", "--output", "restore-blob.json"),
        typed=[PASS_PHRASE],
    )


def runner(folder: Path) -> Callable[..., Ended]:
    def tool(environment: dict[str, str], *arguments: str, typed: list[str] | None = None) -> Ended:
        ended = run(*arguments, folder=folder, typed=typed or [], environment=plain_environment(**environment))
        assert ended.code == 0, ended
        return ended

    return tool

"""Restoring a security domain into a new HSM: the whole flow, what is refused, and what survives."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.administration import KeyVaultAccessControlClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm

from domain.steps import STEPS
from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian
from tests.restoring import announce, ask, begin, blob_client, make_blob, provision, restore_request, store

CRYPTO_USER = "21dbd100-6940-42c2-9190-5d6cb909625b"
ROLES = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions"
ALGORITHM = EncryptionAlgorithm.rsa_oaep_256


@contextmanager
def using_keys(stack: Stack, hsm: str) -> Iterator[tuple[KeyClient, ClientSecretCredential]]:
    """Use an HSM of which the portal's application is an administrator, by the roles that it gives itself."""
    endpoints, portal, url = stack.azure.endpoints, stack.portal, f"https://{hsm}.managedhsm.azure.net"
    with ClientSecretCredential(endpoints.tenant_id, portal.client_id, portal.client_secret) as credential:
        with KeyVaultAccessControlClient(url, credential) as access:
            access.create_role_assignment("/", f"{ROLES}/{CRYPTO_USER}", portal.object_id)
        with KeyClient(url, credential) as keys:
            yield keys, credential


def test_the_second_hsm_decrypts_what_the_first_encrypted(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    second, administrators = f"{hsm_name}-b", [stack.portal.object_id]
    domain = provision(stack, portal, hsm_name, custodians, administrators=administrators)
    with using_keys(stack, hsm_name) as (keys, credential):
        key = keys.create_rsa_key("k1", size=2048)
        sealed = CryptographyClient(key, credential).encrypt(ALGORITHM, b"kept by the first").ciphertext
        backup = keys.backup_key("k1")
    # The first is lost: what is stored of it is all that there is.
    stack.control.forget_hsm(hsm_name)
    operation = begin(stack, portal, second, hsm_name, administrators=administrators)
    shown = operation["transferKey"]
    assert (len(shown["thumbprint"]), len(shown["sha256"])) == (43, 64)
    steps = {step["name"]: step for step in operation["steps"]}
    assert steps["await_restore_blob"]["waitsUntil"] > steps["await_restore_blob"]["startedAt"]
    store(stack, operation["id"], make_blob(domain, operation, custodians))
    assert announce(portal, operation["id"]).status_code == 202
    ended = portal.follow(operation["id"])
    assert ended["status"] == "Succeeded", ended
    assert (ended["kind"], tuple(step["name"] for step in ended["steps"])) == ("restore", STEPS["restore"])
    with pytest.raises(ResourceNotFoundError):
        blob_client(stack, operation["id"]).get_blob_properties()
    with using_keys(stack, second) as (keys, credential):
        restored = keys.restore_key_backup(backup)
        assert CryptographyClient(restored, credential).decrypt(ALGORITHM, sealed).plaintext == b"kept by the first"
    hsm = portal.send("GET", f"hsms/{second}").json()
    assert hsm["state"] == "Active"
    assert hsm["restoredFrom"]["hsm"] == hsm_name
    assert hsm["restoredFrom"]["operationId"] == operation["id"]
    assert hsm["securityDomain"]["sha256"] == hsm["restoredFrom"]["sha256"] == hashlib.sha256(domain).hexdigest()
    shares = portal.send("GET", f"hsms/{second}/security-domain").json()["shares"]
    assert [share["thumbprint"] for share in shares] == [custodian.thumbprint for custodian in custodians]
    assert portal.send("POST", f"hsms/{second}/security-domain/verify").json()["faults"] == []
    again = ask(portal, second, restore_request(stack, hsm_name, administrators=administrators))
    assert (again.status_code, again.json()["code"]) == (409, "hsm_ours_already")

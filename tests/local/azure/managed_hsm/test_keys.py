"""Keys with the real SDK: made, used, changed, deleted, recovered, purged; and what is refused."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.keyvault.administration import KeyVaultAccessControlClient, KeyVaultDataAction, KeyVaultPermission
from azure.keyvault.keys import (
    KeyClient,
    KeyCurveName,
    KeyReleasePolicy,
    KeyRotationLifetimeAction,
    KeyRotationPolicy,
    KeyRotationPolicyAction,
    KeyVaultKey,
)
from azure.keyvault.keys.aio import KeyClient as AsyncKeyClient
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from azure.keyvault.keys.crypto.aio import CryptographyClient as AsyncCryptographyClient

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.local.azure.conftest import MANAGED_HSM, send
from tests.local.azure.managed_hsm.conftest import CRYPTO_OFFICER, CRYPTO_USER, activate, grant, url

USES = [
    KeyVaultDataAction.ENCRYPT_HSM_KEY,
    KeyVaultDataAction.DECRYPT_HSM_KEY,
    KeyVaultDataAction.WRAP_HSM_KEY,
    KeyVaultDataAction.UNWRAP_HSM_KEY,
    KeyVaultDataAction.SIGN_HSM_KEY,
    KeyVaultDataAction.VERIFY_HSM_KEY,
]
RELEASE = {"version": "1.0.0", "anyOf": [{"authority": "https://a.attest.azure.net", "allOf": []}]}
DIGEST = hashlib.sha256(b"message").digest()


@pytest.fixture
def user(
    active_hsm: str, credential: TokenCredential, other: MadeApplication, other_credential: TokenCredential
) -> TokenCredential:
    """One who uses keys and cannot read them, so that the SDK does nothing by itself and asks the HSM."""
    with KeyVaultAccessControlClient(url(active_hsm), credential) as client:
        role = client.set_role_definition("/", role_name="user", permissions=[KeyVaultPermission(data_actions=[*USES])])
    grant(active_hsm, credential, other.object_id, str(role.name))
    return other_credential


def cryptography(key: KeyVaultKey, credential: TokenCredential) -> CryptographyClient:
    assert key.id
    return CryptographyClient(key.id, credential)


@pytest.mark.parametrize("size", [2048, 3072, 4096])
def test_rsa_keys(keys: KeyClient, active_hsm: str, size: int) -> None:
    key = keys.create_rsa_key("k1", size=size, tags={"a": "b"})
    assert key.key_type == "RSA-HSM"
    assert key.key_operations == ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
    assert len(vars(key.key)["n"]) * 8 == size
    assert str(key.id).startswith(f"{url(active_hsm)}/keys/k1/")
    properties = key.properties
    assert (properties.enabled, properties.exportable, properties.tags) == (True, False, {"a": "b"})
    assert (properties.recoverable_days, properties.recovery_level) == (7, "CustomizedRecoverable+Purgeable")


@pytest.mark.parametrize(
    ("curve", "algorithm", "digest"),
    [
        ("P-256", SignatureAlgorithm.es256, "sha256"),
        ("P-384", SignatureAlgorithm.es384, "sha384"),
        ("P-521", SignatureAlgorithm.es512, "sha512"),
        ("P-256K", SignatureAlgorithm.es256_k, "sha256"),
    ],
)
def test_elliptic_curves(keys: KeyClient, credential: TokenCredential, curve: Any, algorithm: Any, digest: str) -> None:
    key = keys.create_ec_key("k1", curve=curve)
    assert (key.key_type, vars(key.key)["crv"]) == ("EC-HSM", curve)
    content = hashlib.new(digest, b"message").digest()
    with cryptography(key, credential) as client:
        signature = client.sign(algorithm, content).signature
        # The SDK verifies with the public key, by itself.
        assert client.verify(algorithm, content, signature).is_valid
        assert not client.verify(algorithm, content, signature[:-1] + bytes([signature[-1] ^ 1])).is_valid


@pytest.mark.parametrize("algorithm", ["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"])
def test_rsa_encryption_and_wrapping(
    keys: KeyClient, credential: TokenCredential, user: TokenCredential, algorithm: str
) -> None:
    key = keys.create_rsa_key("k1")
    secret = secrets.token_bytes(32)
    with cryptography(key, user) as remote, cryptography(key, credential) as local:
        for client in (remote, local):
            encrypted = client.encrypt(EncryptionAlgorithm(algorithm), secret)
            assert remote.decrypt(EncryptionAlgorithm(algorithm), encrypted.ciphertext).plaintext == secret
            wrapped = client.wrap_key(KeyWrapAlgorithm(algorithm), secret)
            assert remote.unwrap_key(KeyWrapAlgorithm(algorithm), wrapped.encrypted_key).key == secret


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_rsa_signatures(keys: KeyClient, credential: TokenCredential, user: TokenCredential, algorithm: str) -> None:
    key = keys.create_rsa_key("k1")
    digest = hashlib.new(f"sha{algorithm[2:]}", b"message").digest()
    other = hashlib.new(f"sha{algorithm[2:]}", b"other").digest()
    with cryptography(key, user) as remote, cryptography(key, credential) as local:
        signature = remote.sign(SignatureAlgorithm(algorithm), digest).signature
        for client in (remote, local):
            assert client.verify(SignatureAlgorithm(algorithm), digest, signature).is_valid
            assert not client.verify(SignatureAlgorithm(algorithm), other, signature).is_valid


def test_symmetric_keys(keys: KeyClient, credential: TokenCredential) -> None:
    key = keys.create_oct_key("k1", size=256)
    assert (key.key_type, vars(key.key)["k"]) == ("oct-HSM", None)
    vector, text = secrets.token_bytes(16), b"a text of no whole blocks"
    with cryptography(key, credential) as client:
        sealed = client.encrypt(EncryptionAlgorithm.a256_gcm, text, additional_authenticated_data=b"a")
        opened = client.decrypt(
            EncryptionAlgorithm.a256_gcm,
            sealed.ciphertext,
            iv=sealed.iv,
            authentication_tag=sealed.tag,
            additional_authenticated_data=b"a",
        )
        assert opened.plaintext == text
        with pytest.raises(HttpResponseError, match="BadParameter"):
            client.decrypt(
                EncryptionAlgorithm.a256_gcm,
                sealed.ciphertext,
                iv=sealed.iv,
                authentication_tag=secrets.token_bytes(16),
            )
        padded = client.encrypt(EncryptionAlgorithm.a256_cbcpad, text, iv=vector)
        assert client.decrypt(EncryptionAlgorithm.a256_cbcpad, padded.ciphertext, iv=vector).plaintext == text
        blocks = client.encrypt(EncryptionAlgorithm.a256_cbc, text[:16], iv=vector)
        assert client.decrypt(EncryptionAlgorithm.a256_cbc, blocks.ciphertext, iv=vector).plaintext == text[:16]
        wrapped = client.wrap_key(KeyWrapAlgorithm.aes_256, vector)
        assert client.unwrap_key(KeyWrapAlgorithm.aes_256, wrapped.encrypted_key).key == vector
        with pytest.raises(HttpResponseError, match="Algorithm A128GCM is not supported by this key"):
            client.encrypt(EncryptionAlgorithm.a128_gcm, text)


def test_what_a_key_cannot_do_is_refused(keys: KeyClient, user: TokenCredential) -> None:
    key = keys.create_rsa_key("k1")
    with cryptography(key, user) as client:
        with pytest.raises(HttpResponseError, match="cannot be decrypted"):
            client.decrypt(EncryptionAlgorithm.rsa_oaep_256, secrets.token_bytes(256))
        with pytest.raises(HttpResponseError, match="too long"):
            client.encrypt(EncryptionAlgorithm.rsa_oaep_256, secrets.token_bytes(200))
        with pytest.raises(HttpResponseError, match="length"):
            client.sign(SignatureAlgorithm.rs512, DIGEST)
        with pytest.raises(HttpResponseError, match="ES256 is not supported by this key"):
            client.sign(SignatureAlgorithm.es256, DIGEST)


def test_state_and_operations_of_a_key_limit_its_use(keys: KeyClient, user: TokenCredential) -> None:
    encrypting = keys.create_rsa_key("k1", key_operations=["encrypt", "decrypt"])
    now, day = encrypting.properties.created_on, timedelta(days=1)
    assert now
    algorithm = EncryptionAlgorithm.rsa_oaep_256
    with cryptography(encrypting, user) as client:
        with pytest.raises(HttpResponseError, match="sign is not permitted on this key"):
            client.sign(SignatureAlgorithm.rs256, DIGEST)
        sealed = client.encrypt(algorithm, b"text").ciphertext
        keys.update_key_properties("k1", enabled=False)
        with pytest.raises(HttpResponseError, match=r"Forbidden.*disabled"):
            client.decrypt(algorithm, sealed)
        keys.update_key_properties("k1", enabled=True, expires_on=now - day)
        assert client.decrypt(algorithm, sealed).plaintext == b"text"
        with pytest.raises(HttpResponseError, match="expired"):
            client.encrypt(algorithm, b"text")
        keys.update_key_properties("k1", not_before=now + day, expires_on=now + 2 * day)
        with pytest.raises(HttpResponseError, match="not yet valid"):
            client.encrypt(algorithm, b"text")


def test_versions_and_updates(keys: KeyClient) -> None:
    first = keys.create_rsa_key("k1", tags={"number": "1"})
    second = keys.create_rsa_key("K1")
    assert second.properties.version != first.properties.version
    assert keys.get_key("k1").properties.version == second.properties.version
    assert keys.get_key("k1", first.properties.version).properties.tags == {"number": "1"}
    assert [item.version for item in keys.list_properties_of_key_versions("k1")] == [
        first.properties.version,
        second.properties.version,
    ]
    updated = keys.update_key_properties(
        "k1", first.properties.version, key_operations=["sign"], tags={"x": "y"}, enabled=False
    )
    assert (updated.key_operations, updated.properties.tags) == (["sign"], {"x": "y"})
    assert updated.properties.enabled is False
    assert keys.get_key("k1").properties.enabled is True
    keys.create_ec_key("k2")
    assert [item.name for item in keys.list_properties_of_keys()] == ["k1", "k2"]


def test_a_deleted_key_comes_back_or_goes_for_good(keys: KeyClient, credential: TokenCredential) -> None:
    key = keys.create_rsa_key("k1")
    with cryptography(key, credential) as client:
        sealed = client.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"text").ciphertext
        deleted = keys.begin_delete_key("k1", _polling_interval=0.1).result()
        assert deleted.deleted_date
        assert deleted.scheduled_purge_date == deleted.deleted_date + timedelta(days=7)
        assert [item.name for item in keys.list_deleted_keys()] == ["k1"]
        with pytest.raises(ResourceNotFoundError, match="KeyNotFound"):
            client.decrypt(EncryptionAlgorithm.rsa_oaep_256, sealed)
        with pytest.raises(ResourceExistsError, match="deleted but recoverable"):
            keys.create_rsa_key("k1")
        keys.begin_recover_deleted_key("k1", _polling_interval=0.1).wait()
        assert client.decrypt(EncryptionAlgorithm.rsa_oaep_256, sealed).plaintext == b"text"
    keys.begin_delete_key("k1", _polling_interval=0.1).wait()
    keys.purge_deleted_key("k1")
    for call in (keys.get_deleted_key, keys.get_key, keys.purge_deleted_key):
        with pytest.raises(ResourceNotFoundError, match="KeyNotFound"):
            call("k1")
    assert keys.create_rsa_key("k1").id != key.id


def test_a_deleted_key_is_purged_when_its_time_has_come(keys: KeyClient, control: ControlClient) -> None:
    keys.create_ec_key("k1")
    keys.begin_delete_key("k1", _polling_interval=0.1).wait()
    control.change_clock(advance_seconds=6 * 86400)
    assert keys.get_deleted_key("k1").name == "k1"
    control.change_clock(advance_seconds=86400)
    with pytest.raises(ResourceNotFoundError, match="KeyNotFound"):
        keys.get_deleted_key("k1")


def test_purge_protection_keeps_deleted_keys(
    create_hsm: Callable[..., str],
    hsm_name: str,
    credential: TokenCredential,
    application: MadeApplication,
    control: ControlClient,
) -> None:
    activate(create_hsm(hsm_name, enable_purge_protection=True), credential, control)
    grant(hsm_name, credential, application.object_id, CRYPTO_USER, CRYPTO_OFFICER)
    with KeyClient(url(hsm_name), credential) as client:
        assert client.create_ec_key("k1").properties.recovery_level == "CustomizedRecoverable"
        client.begin_delete_key("k1", _polling_interval=0.1).wait()
        with pytest.raises(HttpResponseError, match="Purge protection"):
            client.purge_deleted_key("k1")


def test_a_key_backup_comes_back_into_the_same_hsm(keys: KeyClient) -> None:
    key = keys.create_rsa_key("k1", tags={"a": "b"})
    keys.create_rsa_key("k1")
    backup = keys.backup_key("k1")
    with pytest.raises(ResourceExistsError, match="exists already"):
        keys.restore_key_backup(backup)
    keys.begin_delete_key("k1", _polling_interval=0.1).wait()
    with pytest.raises(ResourceExistsError, match="deleted but recoverable"):
        keys.restore_key_backup(backup)
    keys.purge_deleted_key("k1")
    keys.restore_key_backup(backup)
    assert keys.get_key("k1", key.properties.version).properties.tags == {"a": "b"}
    assert len(list(keys.list_properties_of_key_versions("k1"))) == 2
    keys.begin_delete_key("k1", _polling_interval=0.1).wait()
    keys.purge_deleted_key("k1")
    with pytest.raises(HttpResponseError, match="BadParameter"):
        keys.restore_key_backup(backup[:-1] + bytes([backup[-1] ^ 1]))


def test_random_bytes(keys: KeyClient) -> None:
    assert len(keys.get_random_bytes(128)) == 128
    assert keys.get_random_bytes(32) != keys.get_random_bytes(32)
    with pytest.raises(HttpResponseError, match="Property count has invalid value"):
        keys.get_random_bytes(129)


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({"kty": "XY"}, "kty"),
        ({}, "kty"),
        ({"kty": "RSA", "key_size": 1024}, "key_size"),
        ({"kty": "RSA", "key_size": "large"}, "key_size"),
        ({"kty": "EC", "crv": "P-1"}, "crv"),
        ({"kty": "oct-HSM", "key_size": 64}, "key_size"),
        ({"kty": "RSA", "key_ops": ["think"]}, "key_ops.0"),
        ({"kty": "RSA", "attributes": {"nbf": "soon"}}, "attributes.nbf"),
    ],
)
@pytest.mark.usefixtures("keys")
def test_a_body_that_is_none_is_refused_and_its_member_named(
    active_hsm: str, token: Callable[..., str], body: dict[str, Any], member: str
) -> None:
    answer = send(token(MANAGED_HSM), "POST", f"{url(active_hsm)}/keys/k1/create", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")
    assert f"Property {member} has invalid value" in answer.json()["error"]["message"]


def test_a_name_that_is_none_is_refused(keys: KeyClient) -> None:
    with pytest.raises(HttpResponseError, match="name is not valid"):
        keys.create_ec_key("under_score")


def test_no_secret_is_in_the_journal_nor_in_a_refusal(
    keys: KeyClient, active_hsm: str, token: Callable[..., str], control: ControlClient
) -> None:
    keys.create_rsa_key("k1")
    address = f"{url(active_hsm)}/keys/k1/encrypt"
    answer = send(token(MANAGED_HSM), "POST", address, {"alg": "RSA-OAEP-256", "value": "a secret, not encoded"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")
    assert "secret" not in answer.text
    entry = control.journal("managed_hsm")[-1]
    assert (entry["path"], entry["action"]) == ("/keys/k1/encrypt", "Microsoft.KeyVault/managedHsm/keys/encrypt/action")
    assert "secret" not in str(entry)


@pytest.mark.usefixtures("keys")
def test_the_asynchronous_clients_do_the_same(active_hsm: str, azure: LocalAzure, application: MadeApplication) -> None:
    async def work() -> None:
        async with (
            AsyncClientSecretCredential(
                azure.endpoints.tenant_id,
                application.client_id,
                application.client_secret,
                transport=AsyncioRequestsTransport(),
            ) as credential,
            AsyncKeyClient(url(active_hsm), credential, transport=AsyncioRequestsTransport()) as client,
        ):
            key = await client.create_rsa_key("k1")
            async with AsyncCryptographyClient(key, credential, transport=AsyncioRequestsTransport()) as cryptographer:
                sealed = await cryptographer.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"text")
                opened = await cryptographer.decrypt(EncryptionAlgorithm.rsa_oaep_256, sealed.ciphertext)
                assert opened.plaintext == b"text"
            await client.delete_key("k1", _polling_interval=0.1)
            with pytest.raises(ResourceNotFoundError):
                await client.get_key("k1")
            await client.purge_deleted_key("k1")

    asyncio.run(work())


def test_an_exportable_key_has_its_release_policy(keys: KeyClient) -> None:
    policy = KeyReleasePolicy(json.dumps(RELEASE).encode())
    made = keys.create_rsa_key("k1", exportable=True, release_policy=policy)
    assert made.properties.exportable
    found = keys.get_key("k1").properties.release_policy
    assert found is not None
    assert json.loads(found.encoded_policy) == RELEASE
    restored = keys.backup_key("k1")
    assert restored
    for exportable, given in ((True, None), (False, policy), (True, KeyReleasePolicy(b"{}"))):
        with pytest.raises(HttpResponseError, match="BadParameter"):
            keys.create_rsa_key("k2", exportable=exportable, release_policy=given)


def test_a_key_is_rotated_by_its_policy(keys: KeyClient) -> None:
    first = keys.create_ec_key("k1", curve=KeyCurveName.p_384)
    assert keys.get_key_rotation_policy("k1").lifetime_actions == []
    with pytest.raises(HttpResponseError, match="no rotation policy"):
        keys.rotate_key("k1")
    for wrong in ("P27D", "soon"):
        with pytest.raises(HttpResponseError, match="BadParameter"):
            keys.update_key_rotation_policy("k1", KeyRotationPolicy(), lifetime_actions=[rotation(wrong)])
    keys.update_key_rotation_policy("k1", KeyRotationPolicy(), lifetime_actions=[rotation("P90D")])
    (action,) = keys.get_key_rotation_policy("k1").lifetime_actions
    assert (action.action, action.time_after_create) == (KeyRotationPolicyAction.rotate, "P90D")
    second = keys.rotate_key("k1")
    assert (second.key_type, vars(second.key)["crv"]) == (first.key_type, "P-384")
    assert vars(second.key)["x"] != vars(first.key)["x"]
    assert keys.get_key("k1").id == second.id


def rotation(duration: str) -> KeyRotationLifetimeAction:
    return KeyRotationLifetimeAction(KeyRotationPolicyAction.rotate, time_after_create=duration)

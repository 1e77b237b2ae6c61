"""Key Vault: certificates, and what their keys and secrets do for whom."""

import asyncio
import base64
import hashlib
import itertools
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.keyvault.certificates import (
    CertificateClient,
    CertificateContentType,
    CertificatePolicy,
    KeyCurveName,
    KeyType,
    KeyUsageType,
    KeyVaultCertificate,
)
from azure.keyvault.certificates.aio import CertificateClient as AsyncCertificateClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from azure.keyvault.keys.crypto.aio import CryptographyClient as AsyncCryptographyClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.local.azure.conftest import send, wrapping_certificate

RESOURCE = "https://vault.azure.net"
_NUMBERS = itertools.count(1)
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@pytest.fixture
def vault(control: ControlClient) -> str:
    name = f"vault-{next(_NUMBERS)}"
    control.create_vault(name)
    return f"https://{name}.vault.azure.net"


@pytest.fixture
def client(vault: str, credential: TokenCredential) -> Iterator[CertificateClient]:
    with CertificateClient(vault, credential) as client:
        yield client


def create(
    client: CertificateClient, name: str, policy: CertificatePolicy, tags: dict[str, str] | None = None
) -> KeyVaultCertificate:
    made = client.begin_create_certificate(name, policy, tags=tags, _polling_interval=0).result()
    assert isinstance(made, KeyVaultCertificate)
    return made


def wrapping_policy(**changes: object) -> CertificatePolicy:
    # The SDK leaves `exportable` out where it is False and nothing else is said of the key.
    return CertificatePolicy("Self", subject="CN=Ada", exportable=False, **{"key_type": "RSA", **changes})


def read_certificate(made: KeyVaultCertificate) -> x509.Certificate:
    assert made.cer
    return x509.load_der_x509_certificate(bytes(made.cer))


def code_of(error: pytest.ExceptionInfo[HttpResponseError]) -> tuple[int | None, str | None, str | None]:
    """Give status, code and inner code."""
    body = error.value.error
    inner = (body.innererror or {}) if body else {}
    return error.value.status_code, body.code if body else None, inner.get("code")


def get_secret(credential: TokenCredential | str, vault: str, place: str) -> requests.Response:
    return send(credential, "GET", f"{vault}/secrets/{place}", scope=f"{RESOURCE}/.default")


def make_pair(bits: int = 2048) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(65537, bits)
    name = x509.Name.from_rfc4514_string("CN=Grace,O=Imports")
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


PAIR = make_pair()


def pem_of(key: rsa.RSAPrivateKey, certificate: x509.Certificate, password: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption) + certificate.public_bytes(Encoding.PEM)


def pfx_of(key: rsa.RSAPrivateKey, certificate: x509.Certificate, password: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"grace", key, certificate, None, encryption)


def pem_policy(**changes: object) -> CertificatePolicy:
    return CertificatePolicy("Self", subject="CN=any", content_type=CertificateContentType.pem, **changes)


@pytest.mark.parametrize(
    ("policy", "size"),
    [
        ({"key_type": "RSA", "key_size": 2048}, 2048),
        ({"key_type": "RSA", "key_size": 3072}, 3072),
        ({"key_type": "RSA-HSM", "key_size": 4096}, 4096),
        ({"key_type": "EC", "key_curve_name": "P-384"}, 384),
        ({"key_type": "EC-HSM", "key_curve_name": "P-521"}, 521),
    ],
    ids=str,
)
def test_a_key_is_as_the_policy_wants_it(
    client: CertificateClient, credential: TokenCredential, policy: dict[str, object], size: int
) -> None:
    made = create(client, "ada", wrapping_policy(**policy))
    assert getattr(read_certificate(made).public_key(), "key_size", 0) == size
    assert made.policy
    assert made.policy.key_type == policy["key_type"]
    assert made.policy.exportable is False
    assert made.policy.key_curve_name == (KeyCurveName(policy["key_curve_name"]) if "EC" in str(policy) else None)
    with KeyClient(client.vault_url, credential) as keys:
        key = keys.get_key("ada")
    assert key.key_type == policy["key_type"]
    assert key.properties.managed is True
    assert key.id == made.key_id


def test_a_certificate_is_as_the_policy_wants_it(client: CertificateClient) -> None:
    policy = CertificatePolicy(
        "Self",
        subject="C=NO, ST=Oslo, O=Custodians, CN=Ada Lovelace",
        san_dns_names=["ada.example"],
        san_emails=["ada@example.com"],
        san_user_principal_names=["ada@corp.example"],
        key_usage=[KeyUsageType.key_encipherment, KeyUsageType.data_encipherment],
        enhanced_key_usage=["1.3.6.1.4.1.311.10.3.4"],
        validity_in_months=18,
    )
    made = create(client, "ada", policy, tags={"team": "custodians"})
    certificate = read_certificate(made)
    assert certificate.subject.rfc4514_string() == "C=NO,ST=Oslo,O=Custodians,CN=Ada Lovelace"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["ada.example"]
    assert names.get_values_for_type(x509.RFC822Name) == ["ada@example.com"]
    assert [name.value for name in names.get_values_for_type(x509.OtherName)] == [b"\x0c\x10ada@corp.example"]
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.key_encipherment, usage.value.data_encipherment, usage.value.digital_signature) == (
        True,
        True,
        False,
    )
    days = (certificate.not_valid_after_utc - datetime.now(UTC)).days
    assert 540 <= days <= 551
    certificate.verify_directly_issued_by(certificate)
    assert made.properties
    assert made.properties.x509_thumbprint == hashlib.sha1(bytes(made.cer or b"")).digest()
    assert made.properties.tags == {"team": "custodians"}
    assert made.properties.recovery_level == "Recoverable+Purgeable"
    assert made.policy
    assert made.policy.san_user_principal_names == ["ada@corp.example"]
    assert made.policy.validity_in_months == 18
    assert made.policy.issuer_name == "Self"


def test_what_a_policy_leaves_out_is_as_the_service_has_it(client: CertificateClient) -> None:
    made = create(client, "ada", CertificatePolicy.get_default())
    assert made.policy
    assert (made.policy.key_type, made.policy.key_size, made.policy.exportable) == (KeyType.rsa, 2048, True)
    assert made.policy.key_usage == [KeyUsageType.digital_signature, KeyUsageType.key_encipherment]
    extended = read_certificate(made).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_creation_is_an_operation_that_ends(vault: str, credential: TokenCredential) -> None:
    scope = f"{RESOURCE}/.default"
    body = {"policy": {"x509_props": {"subject": "CN=Ada"}, "issuer": {"name": "Self"}}}
    begun = send(credential, "POST", f"{vault}/certificates/ada/create", body, scope=scope)
    assert begun.status_code == 202
    assert begun.json()["status"] == "inProgress"
    assert begun.headers["Location"].startswith(f"{vault}/certificates/ada/pending?api-version=")
    request = x509.load_der_x509_csr(base64.b64decode(begun.json()["csr"]))
    assert request.is_signature_valid
    ended = send(credential, "GET", f"{vault}/certificates/ada/pending", scope=scope).json()
    assert (ended["status"], ended["target"]) == ("completed", f"{vault}/certificates/ada")
    assert ended["request_id"] == begun.json()["request_id"]


def test_a_policy_is_read_and_changed(client: CertificateClient) -> None:
    create(client, "ada", wrapping_policy(key_size=2048))
    policy = client.get_certificate_policy("ada")
    assert policy.key_size == 2048
    changed = client.update_certificate_policy("ada", wrapping_policy(key_size=3072, reuse_key=True))
    assert (changed.key_size, changed.reuse_key) == (3072, True)
    first = client.get_certificate("ada")
    second = create(client, "ada", client.get_certificate_policy("ada"))
    third = create(client, "ada", client.get_certificate_policy("ada"))
    keys = [read_certificate(made).public_key() for made in (first, second, third)]
    assert keys[0] != keys[1] == keys[2]


def test_versions_are_listed_in_pages_and_found(client: CertificateClient) -> None:
    made = [create(client, "ada", wrapping_policy(key_type="EC", key_curve_name="P-256")) for _ in range(5)]
    pages = list(client.list_properties_of_certificate_versions("ada", max_page_size=2).by_page())
    assert [len(list(page)) for page in pages] == [2, 2, 1]
    listed = [item.id for item in client.list_properties_of_certificate_versions("ada", max_page_size=2)]
    assert listed == [item.id for item in made]
    assert made[2].properties
    found = client.get_certificate_version("ada", made[2].properties.version or "")
    assert (found.id, found.cer) == (made[2].id, made[2].cer)
    assert client.get_certificate("ADA").id == made[-1].id
    for number in range(26):
        client.import_certificate(f"other-{number:02}", pem_of(*PAIR), policy=pem_policy())
    assert len([item.name for item in client.list_properties_of_certificates()]) == 27
    with pytest.raises(HttpResponseError) as raised:
        list(client.list_properties_of_certificates(max_page_size=26))
    assert code_of(raised)[:2] == (400, "BadParameter")


def test_a_version_is_disabled_and_tagged_by_itself(client: CertificateClient, credential: TokenCredential) -> None:
    first, second = (create(client, "ada", wrapping_policy()) for _ in range(2))
    assert first.properties
    updated = client.update_certificate_properties(
        "ada", first.properties.version, enabled=False, tags={"state": "retired"}
    )
    assert updated.properties
    assert (updated.properties.enabled, updated.properties.tags) == (False, {"state": "retired"})
    latest = client.get_certificate("ada").properties
    assert latest
    assert (latest.enabled, latest.tags, latest.version) == (
        True,
        None,
        second.properties and second.properties.version,
    )
    wrapped = read_certificate(first).public_key().encrypt(b"secret", OAEP)  # type: ignore[union-attr]
    with (
        CryptographyClient(first.key_id or "", credential) as crypto,
        pytest.raises(HttpResponseError, match="Operation unwrapKey is not allowed on a disabled key") as raised,
    ):
        crypto.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped)
    assert code_of(raised) == (403, "Forbidden", "KeyDisabled")
    with (
        KeyClient(client.vault_url, credential) as keys,
        pytest.raises(HttpResponseError, match="Operation get is not allowed on a disabled key"),
    ):
        keys.get_key("ada", first.properties.version)
    response = get_secret(credential, client.vault_url, f"ada/{first.properties.version}")
    assert response.status_code == 403
    assert response.json()["error"]["innererror"] == {"code": "SecretDisabled"}


@pytest.mark.parametrize("password", [None, "a password"])
@pytest.mark.parametrize("form", ["pfx", "pem"])
def test_a_certificate_is_imported_and_its_key_works(
    client: CertificateClient, credential: TokenCredential, form: str, password: str | None
) -> None:
    make = pem_of if form == "pem" else pfx_of
    content = make(*PAIR, password.encode() if password else None)
    policy = pem_policy() if form == "pem" else None
    made = client.import_certificate("grace", content, password=password, policy=policy, tags={"from": form})
    assert bytes(made.cer or b"") == PAIR[1].public_bytes(Encoding.DER)
    assert made.policy
    assert (made.policy.subject, made.policy.key_size, made.policy.validity_in_months) == (
        "CN=Grace, O=Imports",
        2048,
        12,
    )
    with CryptographyClient(made.key_id or "", credential) as crypto:
        wrapped = PAIR[0].public_key().encrypt(b"secret", OAEP)
        assert crypto.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped).key == b"secret"


def test_pem_is_imported_as_text_as_the_azure_cli_sends_it(vault: str, credential: TokenCredential) -> None:
    body = {
        "value": pem_of(*PAIR).decode(),
        "policy": {"key_props": {"exportable": False}, "secret_props": {"contentType": "application/x-pem-file"}},
    }
    scope = f"{RESOURCE}/.default"
    response = send(credential, "POST", f"{vault}/certificates/grace/import", body, scope=scope)
    assert response.status_code == 200
    assert base64.b64decode(response.json()["cer"]) == PAIR[1].public_bytes(Encoding.DER)
    assert response.json()["policy"]["key_props"]["exportable"] is False


@pytest.mark.parametrize(
    ("content", "password", "policy"),
    [
        (pfx_of(*PAIR, b"right"), "wrong", None),
        (pem_of(*PAIR, b"right"), "wrong", pem_policy()),
        (pem_of(*PAIR), None, None),
        (b"nothing of the kind", None, None),
        (pem_of(make_pair()[0], PAIR[1]), None, pem_policy()),
        (pem_of(*make_pair(1024)), None, pem_policy()),
    ],
    ids=["password", "pem-password", "pem-without-its-policy", "noise", "other-key", "small-key"],
)
def test_what_cannot_be_imported_is_refused_without_a_word_of_it(
    client: CertificateClient, content: bytes, password: str | None, policy: CertificatePolicy | None
) -> None:
    with pytest.raises(HttpResponseError, match="Property value has an invalid value") as raised:
        client.import_certificate("grace", content, password=password, policy=policy)
    assert code_of(raised) == (400, "BadParameter", None)
    assert base64.b64encode(content).decode()[:40] not in str(raised.value)
    with pytest.raises(ResourceNotFoundError):
        client.get_certificate("grace")


def test_deletion_keeps_the_name_until_the_purge(
    client: CertificateClient, credential: TokenCredential, control: ControlClient
) -> None:
    made = create(client, "ada", wrapping_policy())
    deleted = client.begin_delete_certificate("ada", _polling_interval=0).result()
    assert deleted.deleted_on
    assert deleted.scheduled_purge_date
    assert deleted.scheduled_purge_date - deleted.deleted_on == timedelta(days=90)
    assert client.get_deleted_certificate("ada").recovery_id == f"{client.vault_url}/deletedcertificates/ada"
    assert [item.name for item in client.list_deleted_certificates()] == ["ada"]
    assert list(client.list_properties_of_certificates()) == []
    with pytest.raises(ResourceNotFoundError) as missing:
        client.get_certificate("ada")
    assert code_of(missing)[1] == "CertificateNotFound"
    with KeyClient(client.vault_url, credential) as keys, pytest.raises(ResourceNotFoundError) as no_key:
        keys.get_key("ada")
    assert code_of(no_key)[1] == "KeyNotFound"
    assert get_secret(credential, client.vault_url, "ada").json()["error"]["code"] == "SecretNotFound"
    with pytest.raises(ResourceExistsError) as kept:
        create(client, "ada", wrapping_policy())
    assert code_of(kept) == (409, "Conflict", "ObjectIsDeletedButRecoverable")
    with pytest.raises(ResourceExistsError) as kept:
        client.import_certificate("ada", pfx_of(*PAIR))
    assert code_of(kept) == (409, "Conflict", "ObjectIsDeletedButRecoverable")
    recovered = client.begin_recover_deleted_certificate("ada", _polling_interval=0).result()
    assert recovered.id == made.id
    client.begin_delete_certificate("ada", _polling_interval=0).result()
    client.purge_deleted_certificate("ada")
    for lost in (client.get_deleted_certificate, client.purge_deleted_certificate):
        with pytest.raises(ResourceNotFoundError, match="Deleted Certificate not found: ada") as gone:
            lost("ada")
        assert code_of(gone)[1] == "CertificateNotFound"
    assert create(client, "ada", wrapping_policy()).id != made.id
    client.begin_delete_certificate("ada", _polling_interval=0).result()
    control.change_clock(advance_seconds=90 * 86400)
    assert list(client.list_deleted_certificates()) == []


@pytest.mark.parametrize(
    ("policy", "member"),
    [
        ({"key_props": {"kty": "RSA", "key_size": 1024}}, "policy.key_props"),
        ({"key_props": {"kty": "oct"}}, "policy.key_props.kty"),
        ({"key_props": {"kty": "RSA-HSM", "exportable": True}}, "policy.key_props"),
        ({"key_props": {"kty": "EC", "crv": "P-1"}}, "policy.key_props.crv"),
        ({"x509_props": {"subject": "Ada"}}, "policy.x509_props.subject"),
        ({"x509_props": {}}, "policy.x509_props"),
        ({"x509_props": {"subject": "CN=Ada", "ekus": ["no"]}}, "policy.x509_props.ekus"),
        ({"x509_props": {"subject": "CN=Ada", "key_usage": ["everything"]}}, "policy.x509_props.key_usage.0"),
        ({"x509_props": {"subject": "CN=Ada", "validity_months": 0}}, "policy.x509_props.validity_months"),
        ({"x509_props": {"sans": {"dns_names": ["ö"]}}}, "policy.x509_props.sans"),
        ({"secret_props": {"contentType": "text/plain"}}, "policy.secret_props.contentType"),
        (None, "policy"),
    ],
    ids=str,
)
def test_what_a_policy_cannot_be_is_refused_by_name(
    vault: str, credential: TokenCredential, policy: dict[str, object] | None, member: str
) -> None:
    body = {} if policy is None else {"policy": {"x509_props": {"subject": "CN=Ada"}, **policy}}
    scope = f"{RESOURCE}/.default"
    response = send(credential, "POST", f"{vault}/certificates/ada/create", body, scope=scope)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "BadParameter"
    assert error["message"].startswith(f"Property {member} has an invalid value")


def test_what_is_not_there_is_not_found(
    client: CertificateClient, control: ControlClient, credential: TokenCredential
) -> None:
    with pytest.raises(HttpResponseError) as bad_name:
        create(client, "under_score", wrapping_policy())
    assert code_of(bad_name)[:2] == (400, "BadParameter")
    with pytest.raises(ResourceNotFoundError) as no_version:
        client.get_certificate_version("ada", "0" * 32)
    assert code_of(no_version)[1] == "CertificateNotFound"
    pem = wrapping_certificate(0).public_bytes(Encoding.PEM).decode()
    name = client.vault_url.removeprefix("https://").partition(".")[0]
    planted = control.plant_certificate(name, "planted", pem, enabled=False)
    found = client.get_certificate("planted")
    assert found.id == planted
    assert found.properties
    assert found.properties.enabled is False
    with pytest.raises(ResourceNotFoundError) as no_pending:
        client.get_certificate_operation("planted")
    assert code_of(no_pending)[1] == "PendingCertificateNotFound"
    with (
        CertificateClient("https://no-such.vault.azure.net", credential) as nowhere,
        pytest.raises(ResourceNotFoundError) as no_vault,
    ):
        nowhere.get_certificate("ada")
    assert code_of(no_vault)[1] == "VaultNotFound"


@pytest.mark.parametrize("algorithm", ["RSA-OAEP-256", "RSA-OAEP", "RSA1_5"])
def test_a_key_that_never_leaves_unwraps_and_decrypts(
    client: CertificateClient, credential: TokenCredential, algorithm: str
) -> None:
    usages = [KeyUsageType.key_encipherment, KeyUsageType.data_encipherment]
    made = create(client, "ada", wrapping_policy(key_type="RSA-HSM", key_usage=usages))
    secret = secrets.token_bytes(64)
    with CryptographyClient(made.key_id or "", credential) as crypto:
        wrapped = crypto.wrap_key(KeyWrapAlgorithm(algorithm), secret).encrypted_key
        assert crypto.unwrap_key(KeyWrapAlgorithm(algorithm), wrapped).key == secret
        encrypted = crypto.encrypt(EncryptionAlgorithm(algorithm), secret).ciphertext
        result = crypto.decrypt(EncryptionAlgorithm(algorithm), encrypted)
    assert result.plaintext == secret
    assert result.key_id == made.key_id
    # As CryptographyClient encrypts without asking where it has the public half, the service is asked, too.
    body = {"alg": algorithm, "value": base64.urlsafe_b64encode(secret).decode().rstrip("=")}
    scope = f"{RESOURCE}/.default"
    for operation, back in (("encrypt", "decrypt"), ("wrapkey", "unwrapkey")):
        there = send(credential, "POST", f"{client.vault_url}/keys/ada//{operation}", body, scope=scope).json()
        again = {"alg": algorithm, "value": there["value"]}
        found = send(credential, "POST", f"{made.key_id}/{back}", again, scope=scope).json()
        assert found == {"kid": made.key_id, "value": body["value"]}


def test_a_key_signs_what_its_certificate_verifies(client: CertificateClient, credential: TokenCredential) -> None:
    digest = hashlib.sha256(b"message").digest()
    made = create(client, "ada", CertificatePolicy.get_default())
    with CryptographyClient(made.key_id or "", credential) as crypto:
        signature = crypto.sign(SignatureAlgorithm.ps256, digest).signature
    public = read_certificate(made).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(signature, b"message", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    curve = create(client, "curve", wrapping_policy(key_type="EC", key_curve_name="P-256"))
    with CryptographyClient(curve.key_id or "", credential) as crypto:
        signature = crypto.sign(SignatureAlgorithm.es256, digest).signature
        assert crypto.verify(SignatureAlgorithm.es256, digest, signature).is_valid
    assert isinstance(read_certificate(curve).public_key(), ec.EllipticCurvePublicKey)
    url = f"{curve.key_id}/verify"
    for tampered, valid in ((signature, True), (bytes(64), False)):
        texts = [base64.urlsafe_b64encode(data).decode().rstrip("=") for data in (digest, tampered)]
        body = {"alg": "ES256", "digest": texts[0], "value": texts[1]}
        assert send(credential, "POST", url, body, scope=f"{RESOURCE}/.default").json() == {"value": valid}


def test_a_key_does_only_what_its_certificate_is_for(client: CertificateClient, credential: TokenCredential) -> None:
    made = create(client, "ada", CertificatePolicy.get_default())
    with KeyClient(client.vault_url, credential) as keys:
        assert keys.get_key("ada").key_operations == ["sign", "verify", "wrapKey", "unwrapKey"]
        assert [item.name for item in keys.list_properties_of_keys()] == ["ada"]
        assert [item.id for item in keys.list_properties_of_key_versions("ada")] == [made.key_id]
    body = {"alg": "RSA-OAEP-256", "value": "AAAA"}
    response = send(credential, "POST", f"{made.key_id}/decrypt", body, scope=f"{RESOURCE}/.default")
    assert response.status_code == 403
    error = response.json()["error"]
    assert (error["code"], error["innererror"]["code"]) == ("Forbidden", "KeyOperationForbidden")
    assert error["message"] == "Operation decrypt is not permitted on this key."


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({"alg": "RSA-OAEP-256", "value": "AAAA"}, "value"),
        ({"alg": "RSA-OAEP-256", "value": "not/base64url"}, "value"),
        ({"alg": "RSA-OAEP-256", "value": "ö"}, "value"),
        ({"alg": "A256KW", "value": "AAAA"}, "alg"),
        ({"alg": "RSA-OAEP-256"}, "value"),
    ],
    ids=str,
)
def test_what_a_key_can_do_nothing_with_is_refused_by_name(
    client: CertificateClient, credential: TokenCredential, body: dict[str, str], member: str
) -> None:
    made = create(client, "ada", wrapping_policy())
    response = send(credential, "POST", f"{made.key_id}/unwrapkey", body, scope=f"{RESOURCE}/.default")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "BadParameter"
    assert response.json()["error"]["message"].startswith(f"Property {member} has")


def test_an_sdk_sees_that_a_ciphertext_is_not_its_keys(client: CertificateClient, credential: TokenCredential) -> None:
    made = create(client, "ada", wrapping_policy())
    with CryptographyClient(made.key_id or "", credential) as crypto, pytest.raises(HttpResponseError) as raised:
        crypto.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, bytes(256))
    assert code_of(raised)[:2] == (400, "BadParameter")


@pytest.mark.parametrize("content_type", list(CertificateContentType))
@pytest.mark.parametrize("exportable", [True, False])
def test_a_private_key_leaves_only_where_the_policy_lets_it(
    client: CertificateClient, credential: TokenCredential, content_type: CertificateContentType, exportable: bool
) -> None:
    policy = CertificatePolicy(
        "Self", subject="CN=Ada", key_type="RSA", exportable=exportable, content_type=content_type
    )
    made = create(client, "ada", policy)
    assert made.properties
    secret = get_secret(credential, client.vault_url, f"ada/{made.properties.version}").json()
    assert (secret["id"], secret["kid"]) == (made.secret_id, made.key_id)
    assert secret["contentType"] == content_type
    if content_type == CertificateContentType.pkcs12:
        key, own, others = pkcs12.load_key_and_certificates(base64.b64decode(secret["value"]), None)
        certificate = own or others[0]
    else:
        certificate = x509.load_pem_x509_certificate(secret["value"].encode())
        private = "PRIVATE KEY" in secret["value"]
        key = load_pem_private_key(secret["value"].encode(), None) if private else None
    assert certificate == read_certificate(made)
    assert (key is not None) == exportable
    assert key is None or key.public_key() == certificate.public_key()


def test_a_token_is_wanted_and_for_key_vault(vault: str, token: Callable[..., str]) -> None:
    missing = send("", "GET", f"{vault}/certificates")
    assert missing.status_code == 401
    assert missing.headers["WWW-Authenticate"].endswith('resource="https://vault.azure.net"')
    assert missing.json()["error"] == {
        "code": "Unauthorized",
        "message": "AKV10000: Request is missing a Bearer or PoP token.",
    }
    for wrong in (token("https://managedhsm.azure.net"), token(RESOURCE, expiresInSeconds=-60)):
        assert send(wrong, "GET", f"{vault}/certificates").status_code == 401
    headers = {"Authorization": f"Bearer {token(RESOURCE)}"}
    response = requests.get(f"{vault}/certificates", headers=headers, timeout=5)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "BadParameter")


def test_an_sdk_sees_that_its_secret_is_wrong(azure: LocalAzure, vault: str, application: MadeApplication) -> None:
    with (
        ClientSecretCredential(azure.endpoints.tenant_id, application.client_id, "wrong") as wrong,
        CertificateClient(vault, wrong) as client,
        pytest.raises(ClientAuthenticationError),
    ):
        client.get_certificate("ada")


ACTIONS = {
    "read": ("GET", "/certificates/ada", "certificates/read"),
    "list": ("GET", "/certificates", "certificates/read"),
    "policy": ("GET", "/certificates/ada/policy", "certificates/read"),
    "create": ("POST", "/certificates/ada/create", "certificates/create/action"),
    "import": ("POST", "/certificates/ada/import", "certificates/import/action"),
    "update": ("PATCH", "/certificates/ada", "certificates/update/action"),
    "delete": ("DELETE", "/certificates/nobody", "certificates/delete"),
    "recover": ("POST", "/deletedcertificates/nobody/recover", "certificates/recover/action"),
    "purge": ("DELETE", "/deletedcertificates/nobody", "certificates/purge/action"),
    "key": ("GET", "/keys/ada", "keys/read"),
    "unwrap": ("POST", "/keys/ada//unwrapkey", "keys/unwrap/action"),
    "decrypt": ("POST", "/keys/ada//decrypt", "keys/decrypt/action"),
    "sign": ("POST", "/keys/ada//sign", "keys/sign/action"),
    "secret": ("GET", "/secrets/ada", "secrets/getSecret/action"),
}
READING = {"read", "list", "policy"}


@pytest.mark.parametrize(
    ("granted", "allowed"),
    [
        (["Key Vault Administrator"], set(ACTIONS)),
        (
            ["Key Vault Certificates Officer"],
            READING | {"create", "import", "update", "delete", "recover", "purge"},
        ),
        (["Key Vault Certificate User"], READING | {"key", "secret"}),
        (["Key Vault Crypto User"], {"key", "unwrap", "decrypt", "sign"}),
        (["Key Vault Crypto Service Encryption User"], {"key", "unwrap"}),
        (["Key Vault Reader"], READING | {"key"}),
        (["Key Vault Secrets User"], {"secret"}),
        (["Microsoft.KeyVault/vaults/certificates/*", "microsoft.keyvault/vaults/keys/unwrap/action"], None),
        ([], set()),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_roles_decide_in_a_restricted_vault(
    control: ControlClient,
    application: MadeApplication,
    token: Callable[..., str],
    granted: list[str],
    allowed: set[str] | None,
) -> None:
    if allowed is None:
        allowed = READING | {"create", "import", "update", "delete", "recover", "purge", "unwrap"}
    name = f"restricted-{next(_NUMBERS)}"
    control.create_vault(name, restricted=True, assignments={application.object_id.upper(): granted})
    pem = wrapping_certificate(0).public_bytes(Encoding.PEM).decode()
    control.plant_certificate(name, "ada", pem)
    access = token(RESOURCE)
    since = len(control.journal())
    found = set()
    for word, (method, path, _) in ACTIONS.items():
        response = send(access, method, f"https://{name}.vault.azure.net{path}", {} if method != "GET" else None)
        if response.status_code != 403 or "ForbiddenByRbac" not in response.text:
            found.add(word)
    assert found == allowed
    actions = [entry["action"] for entry in control.journal("key_vault", since=since)]
    assert actions == [f"Microsoft.KeyVault/vaults/{action}" for _, _, action in ACTIONS.values()]


def test_a_refusal_says_who_wanted_what(
    control: ControlClient, application: MadeApplication, credential: TokenCredential
) -> None:
    name = f"restricted-{next(_NUMBERS)}"
    control.create_vault(name, restricted=True)
    with (
        CertificateClient(f"https://{name}.vault.azure.net", credential) as client,
        pytest.raises(HttpResponseError, match="Caller is not authorized to perform action on resource") as raised,
    ):
        client.get_certificate("ada")
    assert code_of(raised) == (403, "Forbidden", "ForbiddenByRbac")
    assert raised.value.message
    assert f"oid={application.object_id};" in raised.value.message
    assert "Action: 'Microsoft.KeyVault/vaults/certificates/read'" in raised.value.message
    assert f"vaults/{name}/certificates/ada'" in raised.value.message
    control.create_vault(name, restricted=True, assignments={application.object_id: ["Key Vault Reader"]})
    with (
        CertificateClient(f"https://{name}.vault.azure.net", credential) as client,
        pytest.raises(ResourceNotFoundError),
    ):
        client.get_certificate("ada")


def test_a_role_that_does_not_exist_is_not_assigned(control: ControlClient) -> None:
    with pytest.raises(requests.HTTPError, match="400"):
        control.create_vault("restricted-no-role", restricted=True, assignments={"someone": ["Key Vault Wizard"]})


def test_a_secret_is_in_no_journal(
    client: CertificateClient, credential: TokenCredential, control: ControlClient
) -> None:
    made = client.import_certificate("grace", pfx_of(*PAIR, b"journal-password"), password="journal-password")
    value = get_secret(credential, client.vault_url, "grace").json()["value"]
    journal = str(control.journal("key_vault"))
    assert "/secrets/grace" in journal
    assert made.key_id
    for secret in ("journal-password", value, value[:60]):
        assert secret not in journal


def test_asynchronous_clients_do_the_same(azure: LocalAzure, vault: str, application: MadeApplication) -> None:
    async def run() -> None:
        tenant = azure.endpoints.tenant_id
        async with (
            AsyncClientSecretCredential(
                tenant, application.client_id, application.client_secret, transport=AsyncioRequestsTransport()
            ) as credential,
            AsyncCertificateClient(vault, credential, transport=AsyncioRequestsTransport()) as client,
        ):
            made = await client.create_certificate("ada", wrapping_policy(), _polling_interval=0)
            assert isinstance(made, KeyVaultCertificate)
            assert [item.name async for item in client.list_properties_of_certificates()] == ["ada"]
            public = read_certificate(made).public_key()
            assert isinstance(public, rsa.RSAPublicKey)
            transport = AsyncioRequestsTransport()
            async with AsyncCryptographyClient(made.key_id or "", credential, transport=transport) as crypto:
                wrapped = public.encrypt(b"secret", OAEP)
                assert (await crypto.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped)).key == b"secret"
            await client.delete_certificate("ada", _polling_interval=0)
            with pytest.raises(ResourceNotFoundError):
                await client.get_certificate("ada")
            await client.purge_deleted_certificate("ada")

    asyncio.run(run())


def test_a_key_is_disabled_alone(client: CertificateClient, credential: TokenCredential) -> None:
    made = create(client, "ada", wrapping_policy())
    assert made.properties
    with KeyClient(client.vault_url, credential) as keys:
        assert keys.get_key("ada").properties.enabled
        assert not keys.update_key_properties("ada", made.properties.version, enabled=False).properties.enabled
        with pytest.raises(HttpResponseError) as raised:
            keys.get_key("ada", made.properties.version)
        assert code_of(raised) == (403, "Forbidden", "KeyDisabled")
        assert [version.enabled for version in keys.list_properties_of_key_versions("ada")] == [False]
        found = client.get_certificate("ada").properties
        assert found
        assert found.enabled
        keys.update_key_properties("ada", enabled=True)
        assert keys.get_key("ada").properties.enabled


def test_purge_protection_shows_and_holds(control: ControlClient, credential: TokenCredential) -> None:
    name = f"vault-{next(_NUMBERS)}"
    control.create_vault(name, purge_protection=True)
    # On Azure nobody takes it away again.
    control.create_vault(name)
    control.plant_certificate(name, "ada", wrapping_certificate(0).public_bytes(Encoding.PEM).decode())
    with CertificateClient(f"https://{name}.vault.azure.net", credential) as client:
        properties = client.get_certificate("ada").properties
        assert properties
        assert properties.recovery_level == "Recoverable"
        with KeyClient(client.vault_url, credential) as keys:
            assert keys.get_key("ada").properties.recovery_level == "Recoverable"
        client.begin_delete_certificate("ada").wait()
        with pytest.raises(HttpResponseError, match="purge protection is enabled") as raised:
            client.purge_deleted_certificate("ada")
        assert code_of(raised)[:2] == (403, "Forbidden")
        client.begin_recover_deleted_certificate("ada").wait()

"""Restore blobs and transfer keys: what is right is taken, what is not is named, whatever it is."""

import base64
import functools
import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.security_domain.document import PARTS
from domain.security_domain.envelopes import ENCRYPTION, open_envelope, read_envelope, seal_envelope
from domain.security_domain.errors import SecurityDomainError
from domain.security_domain.opening import derive_data_key, open_part
from domain.security_domain.restoring import TransferKey, check_restore_blob, make_restore_blob, read_transfer_key
from local.azure.managed_hsm.security_domain import is_domain
from local.azure.managed_hsm.transfer_key import TransferKey as KeyPair
from local.azure.managed_hsm.transfer_key import open_restore_blob
from tests.domain.mutations import mutate
from tests.domain.named_errors import find_error
from tests.vectors.reading import form, read, read_json, read_key, unwrap_with

FOLDER: Final = "three-of-quorum-two"
PLAINTEXTS: Final = {
    tag: bytes.fromhex(text) for tag, text in read_json(f"{FOLDER}/expected.json")["plaintexts"].items()
}
MANY: Final = 2000
LONGEST_MESSAGE: Final = 800


@functools.cache
def transfer_key() -> TransferKey:
    return read_transfer_key(read("transfer-key.json"))


@functools.cache
def unwrap() -> Callable[[str, bytes], bytes]:
    return unwrap_with(read_key("keys/transfer.pem"))


def check(content: bytes) -> SecurityDomainError | None:
    key = transfer_key()
    error = find_error(lambda: check_restore_blob(content, key.thumbprint, key.modulus_bytes))
    if error is not None:
        assert error.code in {"not_json", "restore_blob_malformed", "restore_blob_for_another_key"}
        assert len(error.message) <= LONGEST_MESSAGE
    return error


def open_blob(content: bytes) -> dict[str, bytes]:
    """Open a restore blob as an HSM does; raises ValueError or SecurityDomainError."""
    blob = json.loads(content)
    envelope = read_envelope(blob["WrappedKey"]["enc_key"])
    master_key = open_envelope(envelope, unwrap()("RSA-OAEP-256", envelope.encrypted_key))
    return {
        item["tag"]: open_part(item["compact_jwe"], item["tag"], derive_data_key(master_key, item["tag"]))
        for item in blob["EncData"]["data"]
    }


def opens(content: bytes) -> bool:
    try:
        opened = open_blob(content)
    except (ValueError, SecurityDomainError):
        return False
    assert opened == PLAINTEXTS
    return True


def meaning(content: bytes) -> Any:
    try:
        blob = json.loads(content)
        data = sorted((repr(item["tag"]), repr(item["compact_jwe"])) for item in blob["EncData"]["data"])
        return repr([blob["EncData"]["kdf"], data, blob["WrappedKey"]["enc_key"], blob["WrappedKey"]["x5t_256"]])
    except (ValueError, KeyError, TypeError):
        return None


def test_every_change_of_a_restore_blob_that_matters_is_found() -> None:
    text = read(f"{FOLDER}/restore-blob.json")
    whole, checked, opened, missed = meaning(text.encode()), 0, 0, []
    changed = mutate(text, read("mixed-sizes/restore-blob.json"), 17)
    for content, how in {content: how for how, content in changed}.items():
        matters = meaning(content) != whole
        if check(content) is not None:
            checked += matters
        elif not opens(content):
            opened += matters
        elif matters:
            missed.append(how)
    assert missed == []
    assert checked + opened >= MANY, (checked, opened)
    assert checked > 0 < opened


@settings(derandomize=True, max_examples=300)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_no_restore_blob(content: bytes) -> None:
    assert check(content) is not None


def changed(change: Callable[[Any], object]) -> bytes:
    blob = read_json(f"{FOLDER}/restore-blob.json")
    change(blob)
    return json.dumps(blob).encode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda blob: blob.update(SharedKeys={}), "restore_blob_malformed"),
        (lambda blob: blob.update(secret_name=1), "restore_blob_malformed"),
        (lambda blob: blob.pop("WrappedKey"), "restore_blob_malformed"),
        (lambda blob: blob["WrappedKey"].update(secret_name=1), "restore_blob_malformed"),
        (lambda blob: blob["WrappedKey"].update(x5t_256="A" * 43), "restore_blob_for_another_key"),
        (lambda blob: blob["WrappedKey"].update(enc_key="a.b.c.d.e"), "restore_blob_malformed"),
        (lambda blob: blob["EncData"].update(kdf="other"), "restore_blob_malformed"),
        (lambda blob: blob["EncData"]["data"].pop(), "restore_blob_malformed"),
        (lambda blob: blob["EncData"]["data"].append(blob["EncData"]["data"][0]), "restore_blob_malformed"),
        (lambda blob: blob["EncData"]["data"][0].update(tag="base_enclave_backup"), "restore_blob_malformed"),
    ],
    ids=map(str, range(10)),
)
def test_what_is_wrong_with_a_restore_blob_is_named(change: Callable[[Any], object], code: str) -> None:
    error = check(changed(change))
    assert error is not None
    assert error.code == code
    assert "secret_name" not in error.message


WRAPPED: Final = {"alg": "RSA-OAEP-256", "enc": ENCRYPTION, "kid": "not used"}
PART: Final = {"alg": "dir", "enc": ENCRYPTION, "kid": "hsm_backup"}


@pytest.mark.parametrize(
    ("header", "content", "encrypted_key", "why"),
    [
        ({**WRAPPED, "alg": "RSA-OAEP"}, bytes(32), bytes(512), "its header is not as it must be"),
        ({**WRAPPED, "enc": "A128CBC-HS256"}, bytes(32), bytes(512), "its header is not as it must be"),
        ({**WRAPPED, "zip": "DEF"}, bytes(32), bytes(512), "its header is not as it must be"),
        (WRAPPED, bytes(16), bytes(512), "the length that the transfer key makes it"),
        (WRAPPED, bytes(64), bytes(512), "the length that the transfer key makes it"),
        (WRAPPED, bytes(32), bytes(256), "the length that the transfer key makes it"),
        (WRAPPED, bytes(32), b"", "the length that the transfer key makes it"),
        ({**PART, "alg": "RSA-OAEP-256"}, b"", b"", "its header is not as it must be"),
        ({**PART, "kid": "other"}, b"", b"", "its header is not as it must be"),
        ({**PART, "crit": "x"}, b"", b"", "its header is not as it must be"),
        (PART, b"", bytes(512), "a part has an encrypted key"),
    ],
    ids=map(str, range(11)),
)
def test_what_is_wrong_with_its_envelopes_is_told(
    header: dict[str, str], content: bytes, encrypted_key: bytes, why: str
) -> None:
    made = seal_envelope(content, header, bytes(64), encrypted_key)

    def change(blob: Any) -> None:
        if header["kid"] == WRAPPED["kid"]:
            blob["WrappedKey"]["enc_key"] = made
        else:
            blob["EncData"]["data"][0]["compact_jwe"] = made

    error = check(changed(change))
    assert error is not None
    assert why in error.message


def test_the_security_domain_itself_is_not_taken_for_a_restore_blob() -> None:
    error = check(read(f"{FOLDER}/security-domain.json").encode())
    assert error is not None
    assert "it is the security domain itself" in error.message


def test_what_we_make_is_a_restore_blob_for_this_key_alone() -> None:
    made = make_restore_blob(PLAINTEXTS, transfer_key()).encode()
    assert check(made) is None
    assert opens(made)
    with pytest.raises(SecurityDomainError) as raised:
        check_restore_blob(made, "A" * 43, 512)
    assert raised.value.code == "restore_blob_for_another_key"
    with pytest.raises(SecurityDomainError) as raised:
        check_restore_blob(made, transfer_key().thumbprint, 256)
    assert raised.value.code == "restore_blob_malformed"


def test_what_we_make_has_the_form_of_the_azure_cli_s_and_another_key_each_time() -> None:
    made, again = (make_restore_blob(PLAINTEXTS, transfer_key()) for _ in range(2))
    vector = read(f"{FOLDER}/restore-blob.json")
    assert len(made) == len(vector)
    assert made != again
    assert form(json.loads(made)) == form(json.loads(vector))


def test_the_local_azure_takes_what_we_make() -> None:
    certificate = x509.load_pem_x509_certificate(read("keys/transfer.cer").encode())
    key = KeyPair(certificate, read_key("keys/transfer.pem"))
    assert is_domain(open_restore_blob(make_restore_blob(PLAINTEXTS, transfer_key()), key))


def test_each_part_is_named_and_none_is_lost() -> None:
    blob = json.loads(make_restore_blob(PLAINTEXTS, transfer_key()))
    assert [item["tag"] for item in blob["EncData"]["data"]] == list(PARTS)


def read_or_name(text: str) -> TransferKey | None:
    error = find_error(lambda: read_transfer_key(text))
    if error is None:
        return read_transfer_key(text)
    assert (error.code, error.message) == ("transfer_key_unreadable", "This is no transfer key of an HSM.")
    return None


def require_named_or_known(text: str) -> bool:
    """Say whether it is refused; what is read is the same key, or has another fingerprint, which people compare."""
    key = read_or_name(text)
    if key is None:
        return True
    assert key == transfer_key() or key.sha256 != transfer_key().sha256
    if key != transfer_key():
        error = find_error(lambda: make_restore_blob(PLAINTEXTS, key)) or check(
            make_restore_blob(PLAINTEXTS, key).encode()
        )
        assert error is not None
        assert error.code in {"transfer_key_unreadable", "restore_blob_for_another_key"}
    return False


def certificate_of(content: bytes) -> Any:
    try:
        return json.loads(content)["x5c"][0]
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def test_every_change_of_a_transfer_key_is_named_or_seen_in_its_fingerprint() -> None:
    text = read("transfer-key.json")
    other = json.dumps({**json.loads(text), "x5c": [read("keys/custodian-01.cer").split("-----")[2].replace("\n", "")]})
    whole, refused = certificate_of(text.encode()), 0
    matter = 0
    for content, how in {content: how for how, content in mutate(text, other, 2)}.items():
        matters = certificate_of(content) != whole
        refused += require_named_or_known(content.decode(errors="surrogateescape"))
        matter += matters
        if not matters and read_or_name(content.decode(errors="surrogateescape")) is not None:
            assert read_transfer_key(content.decode()) == transfer_key(), how
    assert matter >= MANY
    assert refused >= MANY // 2


def test_every_byte_of_its_certificate_may_be_another() -> None:
    """Nothing in a certificate makes it fail in a way that has no name: versions, algorithms, numbers, dates."""
    text = read("transfer-key.json")
    der = transfer_key().der
    refused = 0
    with warnings.catch_warnings():
        # What cryptography warns of is not ours to judge.
        warnings.simplefilter("ignore")
        for index in range(len(der)):
            for value in {der[index] ^ 1, der[index] ^ 0x80, 0, 0xFF} - {der[index]}:
                changed = der[:index] + bytes([value]) + der[index + 1 :]
                document = {**json.loads(text), "x5c": [base64.b64encode(changed).decode()]}
                refused += require_named_or_known(json.dumps(document))
    assert refused > 300


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "\ud800",
        '{"x5c": []}',
        '{"x5c": [1]}',
        '{"x5c": "MII"}',
        '{"x5c": ["MII="]}',
        '{"x5c": ["\u00e9"]}',
        '{"x5c": ["\\ud800"]}',
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----",
        read("keys/transfer.pem"),
        '{"x5c": ["' + "A" * 1_000_000 + '"]}',
    ],
    ids=range(14),
)
def test_what_is_no_transfer_key_is_refused(text: str) -> None:
    assert read_or_name(text) is None


def test_a_jwk_that_holds_a_certificate_as_pem_besides_is_read_by_its_x5c() -> None:
    jwk = {**json.loads(read("transfer-key.json")), "kid": read("keys/custodian-01.cer")}
    assert read_transfer_key(json.dumps(jwk)) == transfer_key()
    assert read_transfer_key(f"Issued to: HSM\n{read('keys/transfer.cer')}") == transfer_key()


def certify(key: Any) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "transfer")])
    now = datetime.now(UTC)
    signer = load_pem_private_key(read("keys/transfer.pem").encode(), None)
    assert isinstance(signer, rsa.RSAPrivateKey)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(signer, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        ed25519.Ed25519PrivateKey.generate,
        lambda: rsa.generate_private_key(65537, 1024),
        lambda: rsa.generate_private_key(65537, 2047),
        lambda: rsa.generate_private_key(65537, 2056),
    ],
    ids=["EC", "Ed25519", "1024", "2047", "2056"],
)
def test_a_key_that_no_hsm_has_is_refused(make: Callable[[], Any]) -> None:
    assert read_or_name(certify(make())) is None


def test_a_key_of_2048_bits_is_taken() -> None:
    key = read_transfer_key(certify(rsa.generate_private_key(65537, 2048)))
    assert key.modulus_bytes == 256
    check_restore_blob(make_restore_blob(PLAINTEXTS, key).encode(), key.thumbprint, key.modulus_bytes)

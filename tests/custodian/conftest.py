"""A security domain of three custodians, whose keys are in files of the kinds that there are."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from domain.security_domain.encoding import encode
from domain.share_checks import ShareChallenge, encrypt_nonce
from local.azure.managed_hsm.security_domain import make_security_domain, new_domain
from tests.custodians import Custodian, make_custodian

PASS_PHRASE = "a rowing boat without oars"
NAMES = ("ada", "grace", "katherine")


class Ceremony(NamedTuple):
    """What a test is given; all files lie in `folder`.

    `ada.p12` has a pass phrase and a certificate, `grace.key` a pass phrase, `katherine.pem` neither.
    """

    folder: Path
    custodians: list[Custodian]
    secrets: dict[str, bytes]

    @property
    def domain(self) -> Path:
        return self.folder / "security-domain.json"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.domain.read_bytes()).hexdigest()

    def certificate(self, index: int) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.custodians[index].pem.encode())

    def challenge(self, nonce: bytes, index: int = 0, **changes: object) -> Path:
        """Write a challenge for one custodian's certificate."""
        der = self.certificate(index).public_bytes(Encoding.DER)
        challenge = {
            "id": "01M865QVTX4E83NPAB5GCA8VE5",
            "hsm": "contoso-hsm",
            "security_domain_sha256": self.sha256,
            "thumbprint": encode(hashlib.sha256(der).digest()),
            "encrypted_nonce": encrypt_nonce(nonce, der),
            "expires_at": "2099-01-01T00:00:00Z",
            **changes,
        }
        path = self.folder / "challenge.json"
        path.write_text(ShareChallenge.model_validate(challenge).to_json())
        return path

    def change(self, **shared: object) -> None:
        """Change members of the domain's `SharedKeys`."""
        document = json.loads(self.domain.read_bytes())
        document["SharedKeys"].update(shared)
        self.domain.write_text(json.dumps(document))

    def shares(self) -> list[dict[str, str]]:
        shares: list[dict[str, str]] = json.loads(self.domain.read_bytes())["SharedKeys"]["enc_shares"]
        return shares


@pytest.fixture(scope="session")
def three() -> list[Custodian]:
    return [make_custodian(name) for name in NAMES]


@pytest.fixture(scope="session")
def secrets() -> dict[str, bytes]:
    return new_domain()


@pytest.fixture(scope="session")
def domain_text(three: list[Custodian], secrets: dict[str, bytes]) -> str:
    certificates = [x509.load_pem_x509_certificate(custodian.pem.encode()) for custodian in three]
    return make_security_domain(secrets, certificates, 2)


@pytest.fixture
def ceremony(tmp_path: Path, three: list[Custodian], secrets: dict[str, bytes], domain_text: str) -> Ceremony:
    made = Ceremony(tmp_path, three, secrets)
    made.domain.write_text(domain_text)
    for index, custodian in enumerate(three):
        (tmp_path / f"{custodian.name}.cer").write_text(custodian.pem)
        write_key(made, index)
    return made


def write_key(ceremony: Ceremony, index: int) -> None:
    custodian, certificate = ceremony.custodians[index], ceremony.certificate(index)
    key = custodian.key
    assert isinstance(key, RSAPrivateKey)
    locked = BestAvailableEncryption(PASS_PHRASE.encode())
    match index:
        case 0:
            content = pkcs12.serialize_key_and_certificates(None, key, certificate, None, locked)
            (ceremony.folder / "ada.p12").write_bytes(content)
        case 1:
            content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
            (ceremony.folder / "grace.key").write_bytes(content)
        case _:
            content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (ceremony.folder / "katherine.pem").write_bytes(custodian.pem.encode() + content)

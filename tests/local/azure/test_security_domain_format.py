"""What the local HSM hands out is the published format, to the byte where that can be told."""

from typing import Any

import pytest
from cryptography.x509 import load_pem_x509_certificate

from domain.security_domain.checks import Pinned, PinnedCertificate, check_security_domain, find_faults
from domain.wrapping_keys import WrappingCertificate, read_pem
from local.azure.managed_hsm.security_domain import derive_key, make_security_domain, new_domain, split
from tests.custodians import Custodian
from tests.test_security_domain_opener import MASTER_KEY, SHARES

KEYS = {
    "hsm_backup": "2d34f55a1dd64e68d793ce19439e032e913bc2c83a99237a33c1bde888fb91da"
    "91626f37c72aaff2d718d3e7a37f0a39417a66839669da3c76fe4336aec9747c",
    "base_enclave_backup": "78be6b420dfb42efeb121abb53daebe68f7153b411a85a6eb209a14b608c78fa"
    "537366c5d7f0121a7bf9a1f387567393a638a4f679041629e1a11fd03b8dc74e",
    "partition_enclave_backup": "79c6bafac278e74d8c05565c0859f5c4acd0a02904534042ce0a1f6db6cc0fe0"
    "2b6c83cc3f428b50433412caf92dea7c5bd6fd885f1c77611f63ecffcf10a9e4",
}


@pytest.mark.parametrize("tag", KEYS)
def test_derives_the_published_keys(tag: str) -> None:
    assert derive_key(MASTER_KEY, tag).hex() == KEYS[tag]


def test_splits_into_the_published_shares() -> None:
    assert [share.hex() for share in split(MASTER_KEY, 3, 2, lambda index: 7 * index + 3)] == SHARES


def make(custodians: list[Custodian], quorum: int = 2) -> bytes:
    certificates = [load_pem_x509_certificate(custodian.pem.encode()) for custodian in custodians]
    return make_security_domain(new_domain(), certificates, quorum).encode()


def find_faults_of(content: bytes, custodians: list[Custodian], quorum: int = 2) -> list[str]:
    keys = [key for custodian in custodians if isinstance(key := read_pem(custodian.pem), WrappingCertificate)]
    pinned = [PinnedCertificate(key.thumbprint, key.der, key.modulus_bytes) for key in keys]
    return find_faults(check_security_domain(content, Pinned(quorum=quorum, certificates=pinned)))


def test_a_whole_security_domain_has_no_faults(custodians: list[Custodian]) -> None:
    assert find_faults_of(make(custodians), custodians) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"required": 2', b'"required": 3'),
        (b"shamir_share", b"xor_share"),
        (b"sp108_kdf", b"other"),
        (b'"version": 2', b'"version": 1'),
        (b'"x5t_256": "', b'"x5t_256": "A'),
        (b'"compact_jwe": "', b'"compact_jwe": "A'),
        (b'"enc_key": "', b'"enc_key": "*'),
        (b'"SharedKeys"', b'"SharedKey"'),
        (b"}", b""),
    ],
)
def test_each_damage_is_found_and_nothing_of_the_content_is_told(
    before: bytes, after: bytes, custodians: list[Custodian]
) -> None:
    content: Any = make(custodians)
    faults = find_faults_of(content.replace(before, after), custodians)
    assert faults
    told = " ".join(faults)
    for custodian in custodians:
        told = told.replace(custodian.thumbprint, "")
    assert not any(part in told for part in content.decode().split('"') if len(part) > 40)

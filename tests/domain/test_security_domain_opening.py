"""Opening shares and parts: only what is exactly of the format opens, and each refusal has its code."""

from collections.abc import Callable

import pytest

from domain.security_domain.document import SecurityDomain, read_security_domain
from domain.security_domain.envelopes import ENCRYPTION, seal_envelope
from domain.security_domain.opening import derive_data_key, open_data, open_part, open_share
from tests.domain.named_errors import find_code, find_error
from tests.vectors.reading import read, read_json, read_keys, unwrap_with

FOLDER = "three-of-quorum-two"
MASTER_KEY = bytes(range(32))
KEYS = read_keys(read_json(f"{FOLDER}/expected.json"))
THUMBPRINT = next(iter(KEYS))


def domain() -> SecurityDomain:
    return read_security_domain(read(f"{FOLDER}/security-domain.json").encode())


@pytest.mark.parametrize(
    ("header", "encrypted_key"),
    [
        ({"alg": "dir", "enc": ENCRYPTION, "kid": "other"}, b""),
        ({"alg": "dir", "enc": ENCRYPTION}, b""),
        ({"alg": "RSA-OAEP-256", "enc": ENCRYPTION, "kid": "hsm_backup"}, b""),
        ({"alg": "dir", "enc": ENCRYPTION, "kid": "hsm_backup"}, b"x"),
    ],
)
def test_a_part_opens_under_its_own_header_alone(header: dict[str, str], encrypted_key: bytes) -> None:
    """Also where its tag is right: it was made under this key, but not as this part."""
    key = derive_data_key(MASTER_KEY, "hsm_backup")
    part = seal_envelope(b"content", header, key, encrypted_key)
    error = find_error(lambda: open_part(part, "hsm_backup", key))
    assert error is not None
    assert (error.code, "its header is not that of a part with its tag" in error.message) == ("part_damaged", True)


def test_each_part_has_a_key_of_its_own() -> None:
    tags = ("hsm_backup", "base_enclave_backup", "", "\u00e9")
    assert len({derive_data_key(MASTER_KEY, tag) for tag in tags}) == len(tags)


def test_each_private_key_opens_its_own_share_alone() -> None:
    for thumbprint in KEYS:
        for other, key in KEYS.items():
            code = find_code(lambda thumbprint=thumbprint, key=key: open_share(domain(), thumbprint, unwrap_with(key)))  # type: ignore[misc]
            assert code == (None if thumbprint == other else "share_not_opened")


@pytest.mark.parametrize("key", [b"", bytes(32), bytes(64), bytes(65)])
def test_a_content_key_that_is_not_the_share_s_is_named(key: bytes) -> None:
    unwrap: Callable[[str, bytes], bytes] = lambda _algorithm, _key: key  # noqa: E731
    assert find_code(lambda: open_share(domain(), THUMBPRINT, unwrap)) == "share_damaged"


def test_a_share_that_is_not_there_is_named_by_the_certificate_that_was_asked_for() -> None:
    error = find_error(lambda: open_share(domain(), "A" * 43, unwrap_with(KEYS[THUMBPRINT])))
    assert error is not None
    assert error.code == "no_share_for_key"
    assert "A" * 43 in error.message


def test_shares_of_another_security_domain_do_not_open_the_parts() -> None:
    other = read_json("mixed-sizes/expected.json")
    mixed = read_security_domain(read("mixed-sizes/security-domain.json").encode())
    shares = [open_share(mixed, thumbprint, unwrap_with(key)) for thumbprint, key in read_keys(other).items()]
    assert find_code(lambda: open_data(domain(), shares)) == "part_damaged"
    ours = open_share(domain(), THUMBPRINT, unwrap_with(KEYS[THUMBPRINT]))
    assert find_code(lambda: open_data(domain(), [ours, shares[1]])) in {"shares_contradict", "part_damaged"}
    assert find_code(lambda: open_data(domain(), [ours, *shares[1:]])) == "shares_contradict"

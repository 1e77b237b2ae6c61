"""Compact JWEs and base64url are read in the one way that there is."""

import hashlib
import hmac
import json
import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.security_domain.encoding import decode, encode
from domain.security_domain.envelopes import open_envelope, read_envelope, seal_envelope
from tests.security_domain_opener import decrypt
from tests.vectors.sealing import seal

KEY = bytes(range(64))
HEADER = {"alg": "dir", "enc": "A256CBC-HS512", "kid": "hsm_backup"}
SEALED = seal(b"content", HEADER, KEY, bytes(16))


@settings(derandomize=True)
@given(st.binary(max_size=100))
def test_base64url_is_read_as_it_was_written(content: bytes) -> None:
    assert decode(encode(content)) == content


@settings(derandomize=True, max_examples=1000)
@given(st.text(alphabet="AQgw-_+/= \nB.\u00e9", max_size=8) | st.text(max_size=8))
def test_no_two_texts_are_the_same_bytes(text: str) -> None:
    try:
        content = decode(text)
    except ValueError:
        return
    assert encode(content) == text


@pytest.mark.parametrize(
    "text", ["QQ==", "QQ=", "QR", "Q", "Q Q", "QQ\n", "Q+/Q", "\u00e9\u00e9", "QQ.QQ", "QUJD====", "="]
)
def test_what_is_not_the_one_base64url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64url|ASCII"):
        decode(text)


@settings(derandomize=True)
@given(st.binary(max_size=200), st.binary(min_size=64, max_size=64))
def test_both_writers_and_both_readers_agree(content: bytes, key: bytes) -> None:
    ours, theirs = seal_envelope(content, HEADER, key), seal(content, HEADER, key, bytes(16))
    assert len(ours) == len(theirs)
    assert decrypt(ours, key) == open_envelope(read_envelope(theirs), key) == content
    assert seal_envelope(content, HEADER, key) != ours


def changed(number: int, content: bytes) -> str:
    parts = SEALED.split(".")
    return ".".join([*parts[:number], encode(content), *parts[number + 1 :]])


FIVE, LENGTH = "five parts", "a wrong length"
WHOLE, BASE64, JSON = "whole blocks", "base64url", "JSON object"


@pytest.mark.parametrize(
    ("compact", "why"),
    [
        ("", FIVE),
        (SEALED.rpartition(".")[0], FIVE),
        (f"{SEALED}.", FIVE),
        (changed(2, bytes(15)), LENGTH),
        (changed(2, bytes(17)), LENGTH),
        (changed(2, b""), LENGTH),
        *((changed(4, bytes(count)), LENGTH) for count in (0, 1, 16, 31, 33, 64)),
        (changed(3, b""), WHOLE),
        (changed(3, bytes(17)), WHOLE),
        (f"{SEALED}=", BASE64),
        (f"{SEALED[:-1]}+", BASE64),
        (f" {SEALED}", BASE64),
        (changed(0, b"{"), JSON),
        (changed(0, b"[]"), JSON),
        (changed(0, b"\xff"), JSON),
        (changed(0, b""), JSON),
        (changed(0, b'{"alg":"dir","alg":"dir"}'), JSON),
        (changed(0, b'{"a":1.5}'), JSON),
        (changed(0, b'{"a":NaN}'), JSON),
        (changed(0, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), JSON),
    ],
)
def test_what_is_no_envelope_is_told(compact: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_envelope(compact)


@pytest.mark.parametrize("number", [0, 2, 3, 4])
def test_every_bit_is_authenticated(number: int) -> None:
    content = decode(SEALED.split(".")[number])
    for index, bit in [(index, bit) for index in range(len(content)) for bit in range(8)]:
        other = content[:index] + bytes([content[index] ^ 1 << bit]) + content[index + 1 :]
        with pytest.raises(ValueError, match=r"it is not whole|JSON object"):
            open_envelope(read_envelope(changed(number, other)), KEY)


@pytest.mark.parametrize("key", [KEY[1:] + b"x", bytes(64)])
def test_another_key_does_not_open_it(key: bytes) -> None:
    with pytest.raises(ValueError, match="it is not whole"):
        open_envelope(read_envelope(SEALED), key)


@pytest.mark.parametrize("count", [0, 32, 63, 65])
def test_a_key_of_another_length_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="its content key has a wrong length"):
        open_envelope(read_envelope(SEALED), bytes(count))


def test_wrong_padding_under_the_right_key_is_told_as_what_is_not_whole() -> None:
    """Whoever has the key can write any padding: the words must not tell it from a wrong tag."""
    vector, protected = bytes(16), SEALED.partition(".")[0]
    encryptor = Cipher(algorithms.AES(KEY[32:]), modes.CBC(vector)).encryptor()
    ciphertext = encryptor.update(bytes(16)) + encryptor.finalize()
    signed = protected.encode() + vector + ciphertext + struct.pack(">Q", 8 * len(protected))
    tag = hmac.new(KEY[:32], signed, hashlib.sha512).digest()[:32]
    parts: list[Any] = [b"", vector, ciphertext, tag]
    with pytest.raises(ValueError, match="it is not whole"):
        open_envelope(read_envelope(".".join([protected, *map(encode, parts)])), KEY)


def test_the_header_is_written_without_spaces() -> None:
    header = decode(seal_envelope(b"", HEADER, KEY).partition(".")[0])
    assert header == json.dumps(HEADER, separators=(",", ":")).encode()

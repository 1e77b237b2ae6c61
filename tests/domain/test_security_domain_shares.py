"""Any quorum of shares gives the secret, fewer do not, and what does not belong together is named."""

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.security_domain.errors import SecurityDomainError
from domain.security_domain.shares import Share, combine_shares, read_share, write_share
from tests.domain.named_errors import find_code
from tests.vectors.sealing import split

SECRETS = st.binary(min_size=32, max_size=32)
VALUES = st.integers(0, 256)


def make(secret: bytes, coefficients: list[list[int]], count: int) -> list[Share]:
    return [read_share(share) for share in split(secret, coefficients, count)]


@st.composite
def polynomials(draw: st.DrawFn, quorums: st.SearchStrategy[int]) -> list[list[int]]:
    quorum = draw(quorums)
    return [draw(st.lists(VALUES, min_size=quorum - 1, max_size=quorum - 1)) for _ in range(32)]


def code_of(shares: list[Share], quorum: int) -> str | None:
    return find_code(lambda: combine_shares(shares, quorum))


@settings(derandomize=True)
@given(SECRETS, polynomials(st.integers(2, 10)), st.integers(0, 126 - 10), st.randoms(use_true_random=False))
def test_any_quorum_in_any_order_gives_the_secret(
    secret: bytes, coefficients: list[list[int]], more: int, random: Random
) -> None:
    quorum = len(coefficients[0]) + 1
    shares = make(secret, coefficients, quorum + more)
    random.shuffle(shares)
    assert combine_shares(shares[:quorum], quorum) == secret
    assert combine_shares(shares, quorum) == secret


@settings(derandomize=True)
@given(SECRETS, polynomials(st.integers(3, 10)))
def test_one_fewer_than_the_quorum_does_not(secret: bytes, coefficients: list[list[int]]) -> None:
    quorum = len(coefficients[0]) + 1
    shares = make(secret, coefficients, quorum)[:-1]
    assert code_of(shares, quorum) == "shares_too_few"
    # Whoever takes them for a smaller quorum finds another key, unless every upper coefficient is zero.
    coefficients[0][-1] = coefficients[0][-1] or 1
    shares = make(secret, coefficients, quorum)[:-1]
    code = find_code(lambda: combine_shares(shares, quorum - 1))
    assert code == "shares_contradict" or combine_shares(shares, quorum - 1) != secret


@settings(derandomize=True)
@given(SECRETS, SECRETS, st.integers(0, 31), VALUES)
def test_fewer_shares_say_nothing_of_the_secret(secret: bytes, other: bytes, index: int, coefficient: int) -> None:
    """For any other secret there is a polynomial that gives the same share: it could as well be that one."""
    (first, *_) = make(secret, [[coefficient]] * 32, 3)
    moved = [[(byte + coefficient - another) % 257] for byte, another in zip(secret, other, strict=True)]
    (same, *_) = make(other, moved, 3)
    assert same.values[index] == first.values[index]


@settings(derandomize=True)
@given(SECRETS, polynomials(st.integers(2, 6)), st.integers(0, 31), st.integers(1, 256))
def test_more_than_the_quorum_are_held_against_each_other(
    secret: bytes, coefficients: list[list[int]], index: int, change: int
) -> None:
    quorum = len(coefficients[0]) + 1
    shares = make(secret, coefficients, quorum + 1)
    for changed in range(quorum + 1):
        values = list(shares[changed].values)
        values[index] = (values[index] + change) % 257
        wrong = [*shares[:changed], shares[changed]._replace(values=tuple(values)), *shares[changed + 1 :]]
        assert code_of(wrong, quorum) == "shares_contradict"


@settings(derandomize=True)
@given(st.integers(1, 126), st.lists(VALUES, min_size=32, max_size=32))
def test_a_share_is_read_as_it_was_written(holder: int, values: list[int]) -> None:
    share = Share(holder, tuple(values))
    assert read_share(write_share(share)) == share
    assert str(share) == f"Share(holder={holder})"


@settings(derandomize=True, max_examples=1000)
@given(st.binary(max_size=70) | st.binary(min_size=64, max_size=64))
def test_any_bytes_are_a_share_or_named(content: bytes) -> None:
    code = find_code(lambda: read_share(content))
    assert code == "share_malformed" or write_share(read_share(content)) == content


WORD = (5 << 9) | 256


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([WORD] * 31, "it has 62 bytes, not 64"),
        ([WORD] * 33, "it has 66 bytes, not 64"),
        ([], "it has 0 bytes, not 64"),
        ([WORD] * 31 + [(6 << 9) | 1], "it does not name one holder throughout"),
        ([7] * 32, "it does not name one holder throughout"),
        ([(127 << 9) | 7] * 32, "it does not name one holder throughout"),
        ([WORD] * 31 + [WORD + 1], "it holds a value outside the field"),
    ],
)
def test_what_is_no_share_is_told(words: list[int], why: str) -> None:
    with pytest.raises(SecurityDomainError, match=why):
        read_share(b"".join(word.to_bytes(2, "little") for word in words))


def test_the_same_holder_twice_is_named() -> None:
    first, second, third = make(bytes(32), [[7]] * 32, 3)
    assert code_of([first, second, first], 2) == "shares_repeated"
    assert code_of([first, third, first._replace(values=second.values)], 2) == "shares_repeated"


@pytest.mark.parametrize("quorum", [1, 0, -1, -(10**30)])
def test_no_quorum_below_two_is_taken(quorum: int) -> None:
    shares = make(bytes(32), [[0]] * 32, 3)
    for count in range(4):
        assert code_of(shares[:count], quorum) == "quorum_impossible"


def test_a_key_that_is_no_byte_is_named() -> None:
    """Shares may be read as 256, which is no byte of a key."""
    shares = [Share(holder, (256,) * 32) for holder in (1, 2)]
    assert code_of(shares, 2) == "shares_contradict"


def test_every_pair_of_126_shares_gives_the_secret() -> None:
    secret = bytes(range(224, 256))
    shares = make(secret, [[200]] * 32, 126)
    assert all(
        combine_shares(list(pair), 2) == secret
        for pair in itertools.islice(itertools.permutations(shares, 2), 0, None, 37)
    )

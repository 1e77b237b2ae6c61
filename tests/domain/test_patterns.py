"""Which regular expressions the policy takes: those of which it is known that they end."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.patterns import MAXIMUM_PATTERN, find_fault, matches

LONGEST = 256
TOO_LONG, UNCOUNTABLE, NOT_ONE = "could take too long", "no look-around", "is not a regular expression"


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "[0-9]{4}",
        "[a-z]+-[a-z]+",
        "(?:prod|dev)-[a-z]{1,8}(-[0-9]{2,3})?",
        ".*-.*",
        ".{1,40}-.{1,40}-.{1,40}",
        "(ab){3}",
        "(ab)*",
        "(?:prod|dev){1,2}",
        r"[a-z.]+@contoso\.com",
        r"\(a+\)|\[b*\]",
        r"[](*+|]+",
        r"[^](\]*+|]+",
        "a{,3}{",
        "a{}{x}",
        "a+?b*+",
        r"\d+\.\d+",
        "é+",
    ],
)
def test_taken(pattern: str) -> None:
    assert find_fault(pattern, LONGEST) is None


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a+)+b", TOO_LONG),
        ("(?:a*)*", TOO_LONG),
        ("((a|b)c)+", TOO_LONG),
        ("(a|a)*", TOO_LONG),
        ("(a?){25}a{25}", TOO_LONG),
        ("a?" * 25, TOO_LONG),
        ("([a-z]+-)*[a-z]+", TOO_LONG),
        ("(a{1,2}){,40}", TOO_LONG),
        (".*.*.*x", TOO_LONG),
        ("((a+)+|[)+]*){2,}", TOO_LONG),
        (r"(a)\1", UNCOUNTABLE),
        ("(?i)a", UNCOUNTABLE),
        ("(?=a)a", UNCOUNTABLE),
        ("(?<!a)b", UNCOUNTABLE),
        ("(?P<x>a)", UNCOUNTABLE),
        ("(?P<x>a)(?P=x)", UNCOUNTABLE),
        ("(?>a+)", UNCOUNTABLE),
        ("(?#a)", UNCOUNTABLE),
        ("(", NOT_ONE),
        ("*", NOT_ONE),
        ("[a", NOT_ONE),
        ("a{3,2}", NOT_ONE),
        ("a{99999999999999999999}", NOT_ONE),
        (r"\q", NOT_ONE),
        ("[[a]", NOT_ONE),
        ("a" * (MAXIMUM_PATTERN + 1), "at most 200 characters"),
    ],
)
def test_refused(pattern: str, why: str) -> None:
    assert why in str(find_fault(pattern, LONGEST))


def test_a_short_text_lets_more_patterns_in() -> None:
    assert find_fault("[a-z]+-[a-z]+-[a-z]+", LONGEST) is not None
    assert find_fault("[a-z]+-[a-z]+-[a-z]+", 24) is None


@pytest.mark.parametrize(
    ("pattern", "text", "matched"),
    [
        ("[0-9]{4}", "1234", True),
        ("[0-9]{4}", "12345", False),
        ("[0-9]{4}", "1234\n", False),
        ("a|ab", "ab", True),
        ("a*", "a" * LONGEST, True),
        ("a*", "a" * (LONGEST + 1), False),
    ],
)
def test_the_whole_text_is_matched(pattern: str, text: str, matched: bool) -> None:
    assert matches(pattern, text, LONGEST) is matched


@given(st.text(st.sampled_from("ab(|)*+?:{},1[]^\\.-$dP<=>"), max_size=30), st.integers(0, LONGEST))
def test_what_is_taken_ends_soon(pattern: str, length: int) -> None:
    if find_fault(pattern, LONGEST) is None:
        before = time.perf_counter()
        for text in ("a" * length, "ab" * (length // 2), "a" * (length // 2) + "!"):
            re.fullmatch(pattern, text)
        assert time.perf_counter() - before < 2

"""What each constraint lets pass, as .NET reads values."""

import pytest

from local.host.http.constraints import make_constraint

ALLOWED = [
    ("int", None, ["0", "-1", "+7", " 5 ", "2147483647", "-2147483648", "0000000000000000000012"]),
    ("INT", None, ["1"]),
    ("long", None, ["9223372036854775807", "-9223372036854775808"]),
    ("bool", None, ["true", "FALSE", "True"]),
    ("decimal", None, ["1", "1.5", "-.5", "1,000.25", "79228162514264337593543950335", "5."]),
    ("double", None, ["1", "1.5e10", "-1E-3", "NaN", "Infinity", "1,000"]),
    ("float", None, ["3.14"]),
    ("guid", None, ["0d0e4f1c-6f3a-4d3c-9a0b-1f2e3d4c5b6a", "{0D0E4F1C-6F3A-4D3C-9A0B-1F2E3D4C5B6A}", "f" * 32]),
    ("datetime", None, ["2016-12-31", "2016-12-31T10:00:00", "2016-12-31 7:32pm", "12/31/2016", "31 Dec 2016"]),
    ("alpha", None, ["abc", "XyZ"]),
    ("required", None, ["x"]),
    ("length", "3", ["abc"]),
    ("length", "2,4", ["ab", "abcd"]),
    ("length", " 2 , 4 ", ["abc"]),
    ("minlength", "2", ["ab", "abc"]),
    ("maxlength", "2", ["a", "ab"]),
    ("min", "18", ["18", "9223372036854775807"]),
    ("max", "18", ["18", "-5"]),
    ("range", "-1,1", ["-1", "0", "1"]),
    ("regex", "^[a-c]+$", ["abc", "ABC"]),
    ("regex", "b", ["abc"]),
]
REFUSED = [
    ("int", None, ["", "x", "1.0", "2147483648", "-2147483649", "1" * 5000, "1_000", "٣"]),
    ("long", None, ["9223372036854775808"]),
    ("bool", None, ["1", "yes", ""]),
    ("decimal", None, ["1e5", "79228162514264337593543950336", "NaN", ".", "", "-"]),
    ("double", None, ["e5", "x", "1e", "."]),
    ("guid", None, ["0d0e4f1c6f3a-4d3c-9a0b-1f2e3d4c5b6a", "f" * 31, "g" * 32, "urn:uuid:" + "f" * 32]),
    ("datetime", None, ["2016-13-01", "tomorrow", "20161231", "20"]),
    ("alpha", None, ["a1", "a-b", "é"]),
    ("length", "3", ["ab", "abcd"]),
    ("length", "2,4", ["a", "abcde"]),
    ("minlength", "2", ["a"]),
    ("maxlength", "2", ["abc"]),
    ("min", "18", ["17", "x", "9223372036854775808"]),
    ("max", "18", ["19", ""]),
    ("range", "-1,1", ["-2", "2", "0.5"]),
    ("regex", "^[a-c]+$", ["abcd", ""]),
]


@pytest.mark.parametrize(("name", "arguments", "values"), ALLOWED)
def test_what_passes(name: str, arguments: str | None, values: list[str]) -> None:
    constraint = make_constraint(name, arguments)
    assert [value for value in values if not constraint.allows(value)] == []


@pytest.mark.parametrize(("name", "arguments", "values"), REFUSED)
def test_what_does_not_pass(name: str, arguments: str | None, values: list[str]) -> None:
    constraint = make_constraint(name, arguments)
    assert [value for value in values if constraint.allows(value)] == []


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("integer", None, "'integer' is no constraint"),
        ("int", "3", r"'int\(3\)' is no constraint"),
        ("length", None, "'length' is no constraint"),
        ("length", "1,2,3", r"'length\(1,2,3\)' is no constraint"),
        ("min", "a", r"'min\(a\)' is no constraint"),
        ("range", "1", r"'range\(1\)' is no constraint"),
        ("regex", "(", r"'regex\(\(\)' is no regular expression"),
        ("", "1", r"'\(1\)' is no constraint"),
    ],
)
def test_what_is_no_constraint(name: str, arguments: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_constraint(name, arguments)

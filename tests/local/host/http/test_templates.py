"""Templates: what they match, what values they give, what is wrong with them, and which comes first."""

import re
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from local.host.http.templates import parse_template

MATCHES = [
    ("items", "/items", {}),
    ("items", "/ITEMS/", {}),
    ("Items/Recent", "/items/rEcEnT", {}),
    ("/items/", "/items", {}),
    ("", "/", {}),
    ("a b", "/a%20b", {}),
    ("items/{id}", "/items/7", {"id": "7"}),
    ("items/{id}", "/items/a%20b%2Fc%C3%A9", {"id": "a b/cé"}),
    ("items/{id}", "/items/a+b", {"id": "a+b"}),
    ("items/{id}", "/items/7%0A8", {"id": "7\n8"}),
    ("items/{id?}", "/items", {}),
    ("items/{id?}", "/items/", {}),
    ("items/{id?}", "/items/7", {"id": "7"}),
    ("{a?}/{b?}", "/x", {"a": "x"}),
    ("items/{id=3}", "/items", {"id": "3"}),
    ("items/{id=3}", "/items/4", {"id": "4"}),
    ("items/{id=}", "/items", {"id": ""}),
    ("{a=1}/{b=2}", "/", {"a": "1", "b": "2"}),
    ("files/{*path}", "/files", {}),
    ("files/{*path}", "/files/", {}),
    ("files/{*path}", "/files/a", {"path": "a"}),
    ("files/{*path}", "/files/a/b%20c//d/", {"path": "a/b c//d/"}),
    ("files/{**path}", "/files/a/b", {"path": "a/b"}),
    ("files/{*path=x/y}", "/files", {"path": "x/y"}),
    ("{id:int}", "/7", {"id": "7"}),
    ("{id:int:min(5):max(9)}", "/7", {"id": "7"}),
    ("{id:int?}", "/", {}),
    ("{id:int=5}", "/", {"id": "5"}),
    (r"{code:regex(^\d{{3}}-[a-z]$)}", "/123-x", {"code": "123-x"}),
    ("{code:regex(a/b|c:d=e)}", "/c:d=e", {"code": "c:d=e"}),
    ("{code:regex((x)(y)):length(2)=xy}", "/", {"code": "xy"}),
    ("{user-id}", "/u1", {"user-id": "u1"}),
    ("{:odd}", "/1", {":odd": "1"}),
    ("{id:}", "/1", {"id": "1"}),
    ("{{literal}}", "/{literal}", {}),
    ("v{version}/x", "/V2/x", {"version": "2"}),
    ("{name}.json", "/a.b.json", {"name": "a.b"}),
    ("{from}-{to}", "/a-b-c", {"from": "a-b", "to": "c"}),
    ("{file}.{extension?}", "/a.b.c", {"file": "a.b", "extension": "c"}),
    ("{file}.{extension?}", "/a", {"file": "a"}),
    ("{n:int}to{m:int}", "/1to2", {"n": "1", "m": "2"}),
]
MISSES = [
    ("items", "/item"),
    ("items", "/items/7"),
    ("items", "/"),
    ("items", "//items"),
    ("items", "/items//"),
    ("items/{id}", "/items"),
    ("items/{id}", "/items/"),
    ("items/{id}", "/items//7"),
    ("items/{id}", "/items/7/8"),
    ("items/{id?}/x", "/items/x"),
    ("items/{id?}", "/items//"),
    ("files/{*path}", "/files//a"),
    ("files/{*path:int}", "/files"),
    ("files/{*path:int}", "/files/a"),
    ("{id:int}", "/x"),
    ("{id:int:min(5)}", "/4"),
    ("{id:int?}", "/x"),
    ("{id:int=x}", "/"),
    ("{file}.{extension?}", "/a."),
    ("v{version}", "/v"),
    ("v{version}", "/w2"),
]
WRONG = [
    ("a//b", "two slashes in a row"),
    ("//a", "two slashes in a row"),
    ("{", "has no partner"),
    ("a}", "has no partner"),
    ("{a", "has no partner"),
    ("{a}}", "has no partner"),
    (r"{a:regex(\d{3})}", "has no partner"),
    ("{}", "'' is no name"),
    ("{*}", "'' is no name"),
    ("{a*b}", "is no name"),
    ("{a/b}", "is no name"),
    ("a?b", "question mark"),
    ("{a}{b}", "'b' follows another"),
    ("{a}/{A}", "two parameters 'a'"),
    ("{*a}/b", "must be the last segment"),
    ("x{*a}", "must be a segment of its own"),
    ("{*a?}", "'a' cannot be marked optional"),
    ("{a=1?}", "cannot be optional and have a default"),
    ("{a}-{b?}", "optional parameter 'b'"),
    (".{b?}", "optional parameter 'b'"),
    ("{b?}.x", "optional parameter 'b'"),
    ("{a:number}", "'number' is no constraint"),
    ("{a:int(1}", "neither a constraint nor a default"),
]
# Each before the next, for the same number of segments.
ORDER = [
    "api/items/recent",
    "api/items/v{version}",
    "api/items/{id}",
    "api/items/{*rest:alpha}",
    "api/items/{*rest}",
    "api/{kind:alpha}/recent",
    "api/{kind}/recent",
    "api/{kind}/{id:int}",
    "api/{kind}/{id}",
    "api/{kind}/{*rest}",
    "{any}/items/recent",
]


@pytest.mark.parametrize(("template", "path", "values"), MATCHES)
def test_what_matches(template: str, path: str, values: dict[str, str]) -> None:
    assert parse_template(template).match(path) == values


@pytest.mark.parametrize(("template", "path"), MISSES)
def test_what_does_not_match(template: str, path: str) -> None:
    assert parse_template(template).match(path) is None


@pytest.mark.parametrize(("template", "message"), WRONG)
def test_what_is_wrong_with_a_template(template: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_template(template)


def test_the_more_specific_template_comes_first() -> None:
    backwards = ORDER[::-1]
    assert sorted(backwards, key=lambda text: parse_template(text).precedence) == ORDER


def test_the_shorter_of_two_alike_comes_first() -> None:
    assert parse_template("api/items").precedence < parse_template("api/items/{id?}").precedence


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("items/{id}", "ITEMS/{name}", True),
        ("items/{id:int}", "items/{n:int}", True),
        ("items/{id:int}", "items/{id:guid}", False),
        ("items/{id}", "items/{id?}", False),
        ("items/{id}", "items/{*id}", False),
        ("items/{id=1}", "items/{id=2}", False),
        ("items", "things", False),
    ],
)
def test_shapes(one: str, other: str, alike: bool) -> None:
    assert (parse_template(one).shape == parse_template(other).shape) is alike


NAMES = st.text(st.characters(categories=["Ll", "Nd"], max_codepoint=0x2FF), min_size=1, max_size=6)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(st.lists(st.tuples(st.sampled_from(["literal", "parameter"]), NAMES, VALUES), max_size=6))
def test_a_built_path_matches_its_own_template(segments: list[tuple[str, str, str]]) -> None:
    names = [name.lower() for kind, name, _ in segments if kind == "parameter"]
    assume(len(set(names)) == len(names))
    template = "/".join(name if kind == "literal" else f"{{{name}}}" for kind, name, _ in segments)
    path = "/" + "/".join(quote(name if kind == "literal" else value, safe="") for kind, name, value in segments)
    expected = {name: value for kind, name, value in segments if kind == "parameter"}
    assert parse_template(template).match(path) == expected
    assert parse_template(template).match(f"{path}/more") is None


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_a_catch_all_gives_back_the_rest_of_any_path(values: list[str]) -> None:
    path = "/".join(quote(value, safe="") for value in values)
    assert parse_template("files/{*rest}").match(f"/files/{path}") == {"rest": "/".join(values)}


@given(st.text(st.sampled_from("ab/{}:=?*.()1\n")), st.text(max_size=30))
def test_any_text_is_a_template_that_can_be_asked_or_says_why_not(text: str, path: str) -> None:
    try:
        template = parse_template(text)
    except ValueError:
        return
    values = template.match(f"/{path}")
    assert values is None or {parameter.name for parameter in template.parameters} >= set(values)


@given(st.text(max_size=30))
def test_any_path_can_be_asked_for(path: str) -> None:
    values = parse_template("{a}/{b:int?}/{*rest}").match(path)
    assert values is None or values["a"]

"""Which function answers where, and which triggers cannot be served."""

import pytest

from local.host.functions import Function
from local.host.http.routes import RouteError, find_route, make_routes
from tests.local.host.http.support import function_of, http_function


def names(functions: list[Function], method: str, path: str, prefix: str = "api") -> str | None:
    found = find_route(make_routes(functions, prefix), method, path)
    return found.route.function.name if found else None


def test_the_route_is_the_functions_name_where_none_is_given() -> None:
    functions = [http_function("Hello"), function_of("timerTrigger", "tick")]
    assert names(functions, "GET", "/api/hello") == "Hello"
    assert names(functions, "GET", "/api/tick") is None
    assert names(functions, "GET", "/hello") is None


@pytest.mark.parametrize(
    ("prefix", "path"), [("", "/x/1"), ("api", "/API/x/1"), ("v1/api", "/v1/api/x/1"), ("{tenant}", "/t/x/1")]
)
def test_prefixes(prefix: str, path: str) -> None:
    assert names([http_function("f", "x/{id}")], "GET", path, prefix) == "f"


def test_methods_choose_among_functions_of_one_route() -> None:
    functions = [http_function("read", "x", methods=["get"]), http_function("write", "x", methods=["POST", "PUT"])]
    assert [names(functions, method, "/api/x") for method in ("GET", "POST", "PUT")] == ["read", "write", "write"]
    assert [names(functions, method, "/api/x") for method in ("HEAD", "DELETE", "OPTIONS")] == [None] * 3


def test_no_methods_means_all() -> None:
    assert all(names([http_function("f")], method, "/api/f") for method in ("GET", "HEAD", "PATCH", "PROPFIND"))


def test_the_more_specific_route_wins_whatever_the_functions_names() -> None:
    functions = [
        http_function("a", "items/{*rest}"),
        http_function("b", "items/{id}"),
        http_function("c", "items/{id:int}"),
        http_function("d", "items/recent"),
        http_function("e", "{*all}"),
    ]
    paths = {"items/recent": "d", "items/7": "c", "items/x": "b", "items/x/y": "a", "other": "e"}
    assert {path: names(functions, "GET", f"/api/{path}") for path in paths} == paths
    assert {path: names(functions[::-1], "GET", f"/api/{path}") for path in paths} == paths


def test_a_less_specific_route_answers_to_a_method_that_the_other_does_not_take() -> None:
    functions = [http_function("specific", "items/recent", methods=["GET"]), http_function("general", "items/{id}")]
    assert names(functions, "POST", "/api/items/recent") == "general"


def test_a_catch_all_of_any_method_gets_what_no_other_route_takes() -> None:
    functions = [http_function("all", "{*path}"), http_function("read", "x/{id}", methods=["GET"])]
    functions.append(http_function("pages", "pages/{*path}", methods=["GET"]))
    cases = {("GET", "x/1"): "read", ("PUT", "x/1"): "all", ("GET", "x"): "all", ("GET", ""): "all"}
    cases |= {("GET", "pages"): "pages", ("GET", "pages/x/y"): "pages", ("HEAD", "pages/x"): "all"}
    assert {case: names(functions, case[0], f"/api/{case[1]}") for case in cases} == cases


def test_of_two_equally_specific_routes_the_first_by_name_wins() -> None:
    functions = [http_function("b", "{id:alpha}"), http_function("A", "{id:length(2)}")]
    assert names(functions, "GET", "/api/xy") == "A"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (http_function("one", "x"), http_function("two", "/X/", methods=["GET"])),
        (http_function("one", "x/{a}"), http_function("two", "x/{b}")),
        (http_function("one", "x", methods=["GET", "POST"]), http_function("two", "x", methods=["post"])),
        (http_function("one", "two"), http_function("two")),
    ],
)
def test_two_functions_of_one_route_and_method(one: Function, other: Function) -> None:
    with pytest.raises(
        RouteError, match=r"'two' cannot be served at route '.+': it conflicts .* function 'one'"
    ) as caught:
        make_routes([one, other], "")
    assert caught.value.function_name == "two"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            http_function("bad", "x/{a"),
            "function 'bad' cannot be served at route 'api/x/{a': a brace at '{a' has no partner",
        ),
        (http_function("bad", "/x"), "function 'bad' cannot be served at route 'api//x': it has two slashes in a row"),
        (http_function("bad", "x/{a:what}"), "'what' is no constraint"),
        (http_function("bad", "admin/x"), "function 'bad' .*admin or runtime are the host's own"),
        (http_function("bad", "/Runtimes"), "admin or runtime are the host's own"),
        (http_function("Administer"), "admin or runtime are the host's own"),
        (http_function("bad", level="SYSTEM"), "function 'bad' .*'SYSTEM' is no authLevel"),
    ],
)
def test_a_trigger_that_cannot_be_served(function: Function, message: str) -> None:
    with pytest.raises(RouteError, match=message):
        make_routes([http_function("good", "good"), function], "api")

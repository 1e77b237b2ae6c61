"""What is no call: by which function it is answered, and which methods a path takes."""

from typing import Final

import pytest

from function_app import app
from triggers.pages import CONSOLE_PATH, DOCS_PATH
from triggers.routes import ROUTES, Route
from triggers.unmatched import find_methods

# An app can be asked once.
FUNCTIONS: Final = app.get_functions()
ROUTES_BY_NAME: Final[dict[str, str]] = {
    str(function.get_function_name()): trigger.get_dict_repr()["route"]
    for function in FUNCTIONS
    if (trigger := function.get_trigger()) is not None and trigger.type == "httpTrigger"
}


def test_its_name_is_the_last_for_azure_tries_routes_in_the_order_of_names() -> None:
    assert max(ROUTES_BY_NAME) == "unmatched"


def test_whatever_answers_is_in_the_table_or_is_a_page_or_says_that_there_is_nothing() -> None:
    assert set(ROUTES_BY_NAME.values()) == {route.path for route in ROUTES} | {CONSOLE_PATH, DOCS_PATH, "{*path}"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_the_methods_of_a_path_are_those_of_the_table(route: Route) -> None:
    methods = sorted(other.method for other in ROUTES if other.path == route.path)
    assert find_methods(route.path.format(name="x", id="X-1", check="X")) == methods
    assert find_methods(f"{route.path.format(name='x', id='x', check='x').upper()}/") == methods


@pytest.mark.parametrize("path", ["", "hsm", "hsms//adopt", "hsms/a/b/c", "hsmsx", "x/hsms", "consolex"])
def test_what_is_no_path_takes_no_method(path: str) -> None:
    assert find_methods(path) == []


@pytest.mark.parametrize("path", ["console", "console/", "console/views/x.js", "docs"])
def test_pages_can_be_read(path: str) -> None:
    assert find_methods(path) == ["GET"]

"""The generated pages are as the code has them; every error code that is used is in the catalogue, and none besides."""

from pathlib import Path

import pytest

from domain.caller import ROLES
from domain.error_catalogue import CATALOGUE
from tests.triggers.error_codes import find_mentioned, find_used, read_sources
from triggers.documents import PAGES, cell
from triggers.route_codes import codes_of
from triggers.routes import ROUTES, Route

SOURCES = read_sources()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_page_is_as_the_code_has_it(path: Path) -> None:
    assert path.read_text() == PAGES[path](), "Write it again: make docs"


def test_every_code_that_is_used_is_in_the_catalogue() -> None:
    used = find_used(SOURCES)
    assert {"hsm_differs", "wrapping_key_size", "azure_throttled", "subscription_not_allowed"} < used
    assert used - set(CATALOGUE) == set()


def test_every_code_of_the_catalogue_is_used() -> None:
    assert set(CATALOGUE) - find_mentioned(SOURCES) == set()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_names_codes_of_the_catalogue(route: Route) -> None:
    assert set(codes_of(route)) <= set(CATALOGUE)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_whoever_the_matrix_lets_in_has_a_role_of_the_route(route: Route) -> None:
    allowed = {role for role in ROLES if cell(route, role) != "no"}
    assert allowed == set(route.roles or ROLES)

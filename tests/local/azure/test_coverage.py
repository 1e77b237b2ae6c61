"""The page that says what the local Azure does: it is what the code says, and leaves nothing out."""

import subprocess
import sys

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from local.azure.coverage import PAGE, UndocumentedError, Words, list_operations, list_places, make_page, read_words
from local.child_process import REPOSITORY

WRITE_ANEW = ".venv/bin/python -m local.azure coverage > local/azure/COVERAGE.md"


async def documented(request: Request) -> Response:
    """Do something.

    Leaves out: the | rest.

    Assumes: that it is
    right.
    """
    raise NotImplementedError


async def undocumented(request: Request) -> Response:
    raise NotImplementedError


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == make_page(), f"write it anew: {WRITE_ANEW}"


def test_the_command_prints_the_page() -> None:
    command = [sys.executable, "-m", "local.azure", "coverage"]
    printed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60)
    assert printed.stdout == make_page()


def test_every_route_of_every_app_is_on_the_page_and_documented() -> None:
    page = make_page()
    apps = {place.name: place.app for place in list_places()}
    for name, app in apps.items():
        assert f"### {name}\n" in page
        if not isinstance(app, Starlette):
            continue
        assert app.routes
        table = page.partition(f"### {name}\n")[2].partition("\n#")[0]
        operations = [name for row in table.splitlines() for name in row[2:].partition(" |")[0].split("<br>")]
        for route in app.routes:
            assert isinstance(route, Route)
            assert route.endpoint.__doc__, route
            for method in (route.methods or set()) - {"HEAD"}:
                assert any(method in name and name.endswith(f" {route.path}`") for name in operations), (method, route)
    assert [name for name, app in apps.items() if not isinstance(app, Starlette)] == ["blob.core.windows.net"]


def test_a_handlers_words_are_read() -> None:
    app = Starlette(routes=[Route("/a/{thing}", documented), Route("/a", documented, methods=["HEAD"])])
    words = Words("Do something.", "the | rest.", "that it is\nright.")
    assert list(list_operations(app)) == [("GET /a/{thing}", words), ("HEAD /a", words)]


def test_a_route_without_a_docstring_fails() -> None:
    app = Starlette(routes=[Route("/a", documented), Route("/b", undocumented, methods=["PUT"])])
    with pytest.raises(UndocumentedError, match="PUT /b has no docstring"):
        list(list_operations(app))


def test_a_route_of_another_kind_fails() -> None:
    with pytest.raises(UndocumentedError, match="of a kind"):
        list(list_operations(Starlette(routes=[Mount("/a", Starlette())])))


def test_a_paragraph_of_no_known_kind_fails() -> None:
    with pytest.raises(UndocumentedError, match="GET /a has a paragraph"):
        read_words("Do something.\n\nLeaves Out: the rest.", "GET /a")

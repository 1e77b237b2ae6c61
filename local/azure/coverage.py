"""Writes what the local Azure does, leaves out and assumes, from its routes and the docstrings of their handlers.

A docstring's first paragraph says what an operation does; a paragraph may begin with `Leaves out:`, and one with
`Assumes:`. The docstring of a service's package says the same of the whole service, after its title and a colon.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from local.azure.blob_storage.forwarding import Forwarder
from local.azure.core.certificates import make_tls_files
from local.azure.core.transitions import Timing
from local.azure.entra.managed_identity import make_identity_route
from local.azure.services import make_apps, make_courier
from local.azure.world import World

PAGE: Final = Path(__file__).with_name("COVERAGE.md")
_INTRODUCTION: Final = """\
# What the local Azure does, leaves out and assumes

Written from the code by `.venv/bin/python -m local.azure coverage > local/azure/COVERAGE.md`: change the docstrings of
the routes' handlers and of the services' packages instead of this page.

Where something is assumed, no public source tells what Azure answers: do not build on it, least of all on the codes.
"""
_HEAD: Final = "| operation | what it does | leaves out | assumes |\n|---|---|---|---|\n"
_LEAVES_OUT: Final = "Leaves out:"
_ASSUMES: Final = "Assumes:"


class UndocumentedError(Exception):
    """A docstring is missing, or has a paragraph that is of no known kind."""


class Words(NamedTuple):
    """What a docstring says."""

    does: str
    leaves_out: str
    assumes: str


class Place(NamedTuple):
    """Where operations of a service are found: a host name, or what follows the name of an HSM, a vault, an account."""

    service: str
    name: str
    app: ASGIApp


def make_page() -> str:
    """Write the whole page; raises UndocumentedError."""
    places = list_places()
    services = dict.fromkeys(place.service for place in places)
    sections = [_describe_service(name, [place for place in places if place.service == name]) for name in services]
    return "\n".join([_INTRODUCTION, *sections])


def list_places() -> list[Place]:
    """List where the services answer, with a web app for each."""
    world = World(Timing(0, 0))
    with TemporaryDirectory() as directory:
        files = make_tls_files(Path(directory))
        apps = make_apps(world, 0, files, make_courier(world, 0, files), Forwarder(0, files))
    identity = Starlette(routes=[make_identity_route(world.directory, world.identity, "")])
    places = [Place(service, name, app) for name, (service, app) in apps.items()]
    return [Place("entra", "the managed identity endpoint of App Service", identity), *places]


def list_operations(app: ASGIApp) -> Iterator[tuple[str, Words]]:
    """List the operations of a web app, and what is said of each; one that has no routes is one operation."""
    if not isinstance(app, Starlette):
        yield "any method and path", read_words(type(app).__doc__, type(app).__name__)
        return
    for route in app.routes:
        if not isinstance(route, Route):
            raise UndocumentedError(f"{route} is of a kind that the coverage page does not know")
        name = name_operation(route)
        yield name, read_words(route.endpoint.__doc__, name)


def name_operation(route: Route) -> str:
    """Give the methods and the path of a route, but HEAD only where it is no other way to GET."""
    methods = route.methods or set()
    named = methods - {"HEAD"} if "GET" in methods else methods
    return f"{', '.join(sorted(named))} {route.path}"


def read_words(docstring: str | None, owner: str) -> Words:
    """Read a docstring; raises UndocumentedError, which names its owner."""
    if not docstring:
        raise UndocumentedError(f"{owner} has no docstring")
    does, *others = docstring.strip().split("\n\n")
    found = {_LEAVES_OUT: "", _ASSUMES: ""}
    for paragraph in others:
        kind = next((kind for kind in found if paragraph.startswith(kind)), None)
        if kind is None:
            raise UndocumentedError(f"{owner} has a paragraph that begins with neither of {', '.join(found)}")
        found[kind] = paragraph.removeprefix(kind).strip()
    return Words(does, found[_LEAVES_OUT], found[_ASSUMES])


def _describe_service(package: str, places: list[Place]) -> str:
    words = read_words(import_module(f"local.azure.{package}").__doc__, package)
    title, _, does = words.does.partition(": ")
    texts = [f"## {title}\n\n{does[0].upper()}{does[1:]}\n"]
    said = {_LEAVES_OUT: words.leaves_out, _ASSUMES: words.assumes}
    texts += [_describe(kind, text) for kind, text in said.items() if text]
    texts += [f"### {place.name}\n\n{_HEAD}{''.join(_describe_operations(place.app))}" for place in places]
    return "\n".join(texts)


def _describe(kind: str, text: str) -> str:
    """Write a paragraph of a whole service, or a list below its title."""
    separator = "\n\n" if text.startswith("- ") else " "
    return f"**{kind}**{separator}{text}\n"


def _describe_operations(app: ASGIApp) -> Iterator[str]:
    """Write the rows of a table: what is said in the same words is one operation, at several paths."""
    names: dict[Words, list[str]] = {}
    for name, words in list_operations(app):
        names.setdefault(words, []).append(f"`{name}`")
    for words, alike in names.items():
        cells = ["<br>".join(alike), *(" ".join(text.split()).replace("|", "\\|") for text in words)]
        yield f"| {' | '.join(cells)} |\n"

"""Finds the error codes that the source uses, by its syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[2]
PACKAGES: Final = ("activities", "clients", "domain", "orchestrations", "triggers")
# They name codes, and use none.
LISTS: Final = ("error_catalogue.py", "examples.py", "route_codes.py", "routes.py")
# A notice is no error, nor is drift; and what only the policy's author reads is none of the API's.
NO_ERRORS: Final = ("Notice", "Difference", "DriftFinding", "_mistake")


def read_sources() -> list[ast.Module]:
    paths = [path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]
    return [ast.parse(path.read_text(), str(path)) for path in paths if path.name not in LISTS]


def find_mentioned(sources: list[ast.Module]) -> set[str]:
    """Every text constant, whatever it is for."""
    return {text for source in sources for text in _texts(source)}


def find_used(sources: list[ast.Module]) -> set[str]:
    """What is given to something as its `code`, or assigned to a variable `code`; as far as it is a constant."""
    makers = dict(_makers(sources))
    return {code for source in sources for code in _used_in(source, makers)}


def _makers(sources: list[ast.Module]) -> Iterator[tuple[str, int]]:
    """What takes a code: a function with a parameter, a class with a field of that name; and at which place."""
    yield "PydanticCustomError", 0
    for source in sources:
        for node in ast.walk(source):
            names: list[str] = []
            if isinstance(node, ast.FunctionDef):
                names = [argument.arg for argument in node.args.args]
            elif isinstance(node, ast.ClassDef):
                names = [
                    part.target.id
                    for part in node.body
                    if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
                ]
            if "code" in names and isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name not in NO_ERRORS:
                yield node.name, names.index("code")


def _used_in(source: ast.Module, makers: dict[str, int]) -> Iterator[str]:
    constants = {
        target.id: node.value
        for node in source.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    skipped = {
        id(part)
        for function in ast.walk(source)
        if isinstance(function, ast.FunctionDef) and function.name in NO_ERRORS
        for part in ast.walk(function)
    }
    for node in ast.walk(source):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Call):
            yield from _given(node, makers)
        elif isinstance(node, ast.Assign):
            yield from _assigned(node, constants)


def _given(call: ast.Call, makers: dict[str, int]) -> Iterator[str]:
    function = call.func
    name = (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )
    place = makers.get(name)
    if place is None:
        return
    given = [*call.args[place : place + 1], *(keyword.value for keyword in call.keywords if keyword.arg == "code")]
    for value in given:
        yield from _chosen(value)


def _assigned(assignment: ast.Assign, constants: dict[str, ast.expr]) -> Iterator[str]:
    target = assignment.targets[0]
    if isinstance(target, ast.Name) and target.id == "code":
        yield from _chosen(assignment.value)
    elif isinstance(target, ast.Tuple) and isinstance(target.elts[0], ast.Name) and target.elts[0].id == "code":
        named = [node.id for node in ast.walk(assignment.value) if isinstance(node, ast.Name)]
        values = [assignment.value, *(constants[name] for name in named if name in constants)]
        tuples = [part for value in values for part in ast.walk(value) if isinstance(part, ast.Tuple)]
        yield from (code for part in tuples for code in _chosen(part.elts[0]))


def _chosen(value: ast.expr) -> Iterator[str]:
    """A constant, or the two of a choice."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from _chosen(value.body)
        yield from _chosen(value.orelse)


def _texts(source: ast.Module) -> set[str]:
    return {node.value for node in ast.walk(source) if isinstance(node, ast.Constant) and isinstance(node.value, str)}

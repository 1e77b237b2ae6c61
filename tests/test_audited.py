"""Every activity that changes something in Azure is recorded in the audit log: found by what its code calls."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from activities import ACTIVITIES, ENGINE_ACTIVITIES
from activities.auditing import AUDITED

ROOT: Final = Path(__file__).parents[1]
# How Azure's SDKs call what changes something, and what our own requests say.
VERBS: Final = ("begin_", "create_", "delete_", "patch_", "purge_", "put_", "recover_", "register", "set_", "update_")
METHODS: Final = frozenset({"PUT", "POST", "PATCH", "DELETE"})
# What these change is our own: records, and events and telemetry that tell of what was done.
OURS: Final = frozenset({"clients.blobs", "clients.event_publisher", "clients.telemetry_export"})
# Questions that are a POST, and change nothing.
QUESTIONS: Final = frozenset({"clients.directory._get_by_ids", "clients.arm.post"})
OTHERWISE: Final = {
    "begin_scheduled_backup": "It records each backup in the chain of the operation that made the HSM.",
    "register_provider": "It changes a subscription before there is an operation in whose chain it could be recorded.",
    "tidy_resource_groups": "It records each group in the chain of the operation that made it.",
}


class Function(NamedTuple):
    """A function of ours, by its module and its name."""

    module: str
    name: str


@cache
def parse(module: str) -> ast.Module | None:
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return ast.parse(path.read_text()) if path.is_file() else None


@cache
def names_of(module: str) -> dict[str, Function]:
    """Say what a module's imports and definitions mean: of a module without a function the name is empty."""
    tree = parse(module)
    assert tree is not None, module
    names: dict[str, Function] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                meant = Function(inner, "") if parse(inner) else Function(node.module, alias.name)
                names[alias.asname or alias.name] = meant
    return names | {name: Function(module, name) for name in definitions_of(module)}


@cache
def definitions_of(module: str) -> dict[str, ast.AST]:
    """Give what a module defines at its top, constants too: what they refer to may be called."""
    tree = parse(module)
    assert tree is not None, module
    defined: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return defined


def is_ours(function: Function) -> bool:
    return function.module.split(".")[0] in ("activities", "clients") and parse(function.module) is not None


def refer(function: Function) -> Iterator[Function]:
    """Give the functions of ours that one refers to."""
    names = names_of(function.module)
    for node in ast.walk(definitions_of(function.module)[function.name]):
        found = None
        if isinstance(node, ast.Name):
            found = names.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = names.get(node.value.id)
            found = Function(module.module, node.attr) if module and not module.name else None
        if found and found.name and is_ours(found) and found.name in definitions_of(found.module):
            yield found


def changes_by_itself(function: Function) -> bool:
    """Say whether a client's function has Azure change something, without the functions of ours that it calls."""
    if not function.module.startswith("clients.") or function.module in OURS:
        return False
    if f"{function.module}.{function.name}" in QUESTIONS:
        return False
    names = names_of(function.module)
    calls = [node for node in ast.walk(definitions_of(function.module)[function.name]) if isinstance(node, ast.Call)]
    return any(_says_so(call, names) for call in calls)


def _says_so(call: ast.Call, names: dict[str, Function]) -> bool:
    if any(isinstance(argument, ast.Constant) and argument.value in METHODS for argument in call.args):
        return True
    called = call.func
    if not isinstance(called, ast.Attribute) or not called.attr.startswith(VERBS):
        return False
    of_ours = isinstance(called.value, ast.Name) and (meant := names.get(called.value.id)) and is_ours(meant)
    return not of_ours


def find_changes(activity: str) -> set[Function]:
    """Find the clients' functions through which an activity may change something in Azure."""
    waiting, seen = [Function(f"activities.{activity}", activity)], set[Function]()
    while waiting:
        function = waiting.pop()
        if function not in seen:
            seen.add(function)
            waiting += refer(function)
    return {function for function in seen if changes_by_itself(function)}


def test_every_activity_that_changes_something_in_azure_is_recorded() -> None:
    changing = {name: found for name in (*ACTIVITIES, *ENGINE_ACTIVITIES) if (found := find_changes(name))}
    assert {name: changing[name] for name in changing if name not in AUDITED and name not in OTHERWISE} == {}
    # Nothing here is left from what there was once.
    assert changing.keys() >= OTHERWISE.keys()


def test_what_is_recorded_is_seen_to_change_something() -> None:
    # What is taken over changes in our records only, and is recorded all the same.
    assert {name for name in AUDITED if not find_changes(name)} == {"adopt_hsm"}

"""Reads Bicep, and finds what does not fit together in it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pycep import BicepParser

_PARSER: Final = BicepParser()


def parse(text: str) -> dict[str, Any]:
    """Parse a template; raises what the parser raises."""
    return dict(_PARSER.parse(text=text))


def find_mistakes(path: Path) -> Iterator[str]:
    """Say what does not fit in a template and the modules that it names."""
    text = path.read_text()
    parsed = parse(text)
    modules = parsed.get("modules", {})
    yield from _find_unused(text, parsed)
    targets = {}
    for name, module in modules.items():
        target = path.parent / module["detail"]["path"]
        if not target.exists():
            yield f"{name}: there is no {target.name}"
            continue
        targets[name] = parse(target.read_text())
        yield from _compare_parameters(name, _configuration(module["config"]), targets[name])
    for name, output in re.findall(r"\b(\w+)\.outputs\.(\w+)", text):
        if name not in targets or output not in targets[name].get("outputs", {}):
            yield f"{name} has no output {output}"


def _find_unused(text: str, parsed: dict[str, Any]) -> Iterator[str]:
    # Neither comments nor the keys of objects are uses.
    code = re.sub(r"^\s*(//.*|@description.*|\w+:)", "", text, flags=re.MULTILINE)
    for name, parameter in parsed.get("parameters", {}).items():
        if len(re.findall(rf"\b{name}\b", code)) < 2:
            yield f"the parameter {name} is not used"
        if not any(decorator["type"] == "description" for decorator in parameter["decorators"]):
            yield f"the parameter {name} has no description"


def _configuration(config: dict[str, Any]) -> dict[str, Any]:
    while "params" not in config and "config" in config:
        config = config["config"]
    return dict(config.get("params", {}))


def _compare_parameters(name: str, passed: dict[str, Any], target: dict[str, Any]) -> Iterator[str]:
    known = target.get("parameters", {})
    for parameter in passed.keys() - known.keys():
        yield f"{name} has no parameter {parameter}"
    for parameter, declared in known.items():
        if declared.get("default") is None and parameter not in passed:
            yield f"{name} is not given {parameter}"

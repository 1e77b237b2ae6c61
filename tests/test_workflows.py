"""The workflows parse, pin what they use, and ask for no more than they need; nothing of it runs here."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from local.child_process import REPOSITORY

GITHUB: Final = REPOSITORY / ".github"
WORKFLOWS: Final = sorted((GITHUB / "workflows").glob("*.yml"))
# What an action is pinned by can be moved by nobody; the comment tells people, and Dependabot, what it is.
PINNED: Final = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def read(path: Path) -> dict[Any, Any]:
    document = yaml.safe_load(path.read_text())
    assert isinstance(document, dict)
    return document


def jobs(workflow: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    yield from workflow["jobs"].values()


def test_there_are_workflows() -> None:
    assert [path.name for path in WORKFLOWS] == ["check.yml", "deploy.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_a_commit_and_says_its_version(path: Path) -> None:
    uses = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if not PINNED.fullmatch(line)] == []


def test_an_action_is_one_version_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for action, pin in re.findall(r"uses: ([\w./-]+)@(.+)", path.read_text()):
            pins.setdefault(action.lower(), set()).add(pin)
    assert {action: pin for action, pin in pins.items() if len(pin) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_nothing_and_each_job_only_what_it_names(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow
    for job in jobs(workflow):
        assert set(job["permissions"].items()) <= {("contents", "read"), ("id-token", "write")}
        assert 0 < job["timeout-minutes"] <= 90


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_checkout_leaves_no_token_behind(path: Path) -> None:
    for job in jobs(read(path)):
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_only_behind_an_environment_a_job_signs_in_to_azure() -> None:
    for path in WORKFLOWS:
        for job in jobs(read(path)):
            signs_in = any(step.get("uses", "").startswith("azure/login@") for step in job["steps"])
            assert signs_in == ("environment" in job) == (job["permissions"].get("id-token") == "write")


def test_a_run_takes_no_text_from_an_event() -> None:
    """What a person can write into a branch's name or an input would be run by the shell."""
    for path in WORKFLOWS:
        for job in jobs(read(path)):
            assert [step["run"] for step in job["steps"] if "${{" in step.get("run", "")] == []


def test_dependabot_looks_at_each_kind_of_package() -> None:
    updates = read(GITHUB / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "npm", "github-actions"}


def test_what_is_pinned_exactly_is_moved_by_hand() -> None:
    exactly = set(re.findall(r'^    "([\w-]+)==', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE))
    (python,) = (
        update
        for update in read(GITHUB / "dependabot.yml")["updates"]
        if update["package-ecosystem"] == "pip" and update["directory"] == "/"
    )
    # A dependency of the worker library that has to fit it; it is no engine.
    assert {rule["dependency-name"] for rule in python["ignore"]} == exactly - {"opentelemetry-semantic-conventions"}

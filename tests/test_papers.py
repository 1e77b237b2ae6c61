"""What the papers name is there: files, codes, settings, links and calls of the API."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import pytest

from activities import ACTIVITIES
from domain.cleanup import Due, Obstacle
from domain.drift_findings import Drift
from domain.error_catalogue import CATALOGUE
from domain.settings import Settings
from domain.steps import STEP_TITLES
from local.child_process import REPOSITORY
from triggers.routes import ROUTES

DOCS: Final = REPOSITORY / "docs"
RUNBOOKS: Final = sorted((DOCS / "runbooks").glob("*.md"))
PAPERS: Final = [
    REPOSITORY / "SECURITY.md",
    REPOSITORY / "CONTRIBUTING.md",
    DOCS / "clouds.md",
    DOCS / "not-yet-tried-on-azure.md",
    DOCS / "threat-model.md",
    *RUNBOOKS,
]
# Where notices, and what else has a name but no place in the catalogue, get theirs.
NAMING: Final = ("domain/verifications.py", "domain/uploads.py", "activities/preflight_restore.py")
FOLDERS: Final = frozenset(path.name for path in REPOSITORY.iterdir() if path.is_dir() and path.name != "node_modules")
FILE: Final = re.compile(r"[\w./-]+\.(?:py|md|js|json|toml|txt|yml)|[\w.-]+/[\w./-]*\w/?")
PARAMETER: Final = re.compile(r"\{\w+\}|[A-Z_]+")


def inline(text: str) -> Iterator[str]:
    """Give what stands in backticks outside of blocks."""
    plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", plain)


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def known_names() -> set[str]:
    notices = {
        name for path in NAMING for name in re.findall(r'"([a-z]+(?:_[a-z0-9]+)+)"', (REPOSITORY / path).read_text())
    }
    schedules = set(re.findall(r"^def (\w+)", (REPOSITORY / "triggers" / "schedules.py").read_text(), re.MULTILINE))
    listed = {*get_args(Drift), *get_args(Due), *get_args(Obstacle), *STEP_TITLES, *ACTIVITIES}
    return {*CATALOGUE, *listed, *notices, *schedules}


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_every_link_leads_somewhere(paper: Path) -> None:
    broken = []
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", paper.read_text())):
        page = (paper.parent / target).resolve() if target else paper
        if not page.exists() or (anchor and anchor not in anchors(page)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_every_file_that_is_named_is_there(paper: Path) -> None:
    named = [
        text
        for text in inline(paper.read_text())
        if FILE.fullmatch(text) and ("/" not in text or text.split("/")[0] in FOLDERS)
    ]
    places = (REPOSITORY, paper.parent, DOCS)
    assert [text for text in named if not any((place / text).exists() for place in places)] == []


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=name_of)
def test_every_code_of_a_runbook_is_one(runbook: Path) -> None:
    words = {text for text in inline(runbook.read_text()) if re.fullmatch(r"[a-z]+(_[a-z]+)+", text)}
    assert words - known_names() == set()


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_every_setting_is_one(paper: Path) -> None:
    named = set(re.findall(r"HSM_PROVISIONER_([A-Z_]+)", paper.read_text()))
    assert named - {name.upper() for name in Settings.model_fields} == set()


def calls(text: str) -> Iterator[tuple[str, str]]:
    """Give each call of the API that a page names, in its text or in its commands: the method and the path."""
    yield from re.findall(r"`(GET|PUT|PATCH|POST|DELETE) /api/([\w{}/-]+)", text)
    for method, path in re.findall(r'call (?:-X (\w+) )?"\$API/([\w{}/-]+)', text):
        yield method or "GET", path


def is_route(method: str, path: str) -> bool:
    there = {(route.method, PARAMETER.sub("*", route.path)) for route in ROUTES}
    return (method, PARAMETER.sub("*", path)) in there


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_every_call_is_one_of_the_api(paper: Path) -> None:
    assert [call for call in calls(paper.read_text()) if not is_route(*call)] == []


def test_the_index_has_every_runbook() -> None:
    index = DOCS / "runbooks" / "README.md"
    linked = set(re.findall(r"^\| \[[^]]+\]\(([\w-]+\.md)\)", index.read_text(), re.MULTILINE))
    assert linked == {path.name for path in RUNBOOKS} - {"README.md"}


@pytest.mark.parametrize("runbook", [path for path in RUNBOOKS if path.name != "README.md"], ids=name_of)
def test_a_runbook_has_all_its_parts(runbook: Path) -> None:
    headings = re.findall(r"^## (.+)$", runbook.read_text(), re.MULTILINE)
    assert headings[:3] == ["How you notice", "What not to do", "What to look at"]
    assert headings[-1] == "How you know that it is over"

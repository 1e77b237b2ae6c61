"""The README's commands are run; its output shows the steps that there are."""

import json
import os
import re
import subprocess
from pathlib import Path

from domain.steps import PROVISION_STEPS
from local.child_process import REPOSITORY
from local.demo import NOT_NEEDED
from local.portal import Portal
from local.stack import Stack

README = (REPOSITORY / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_commands_by_curl_make_an_hsm(stack: Stack, portal: Portal, tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    values = stack.client_environment()
    stack.write_environment(tmp_path / ".local" / "local.env")
    (script,) = blocks("sh")
    plain = {name: value for name, value in os.environ.items() if name not in values}
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=plain, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    operation = json.loads((tmp_path / ".local" / "try" / "operation.json").read_text())
    assert operation["id"] in ended.stdout
    assert portal.follow(operation["id"])["status"] == "Succeeded"
    stack.control.forget_hsms()


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)\b`", README)) | {"demo", "test"} <= targets


def test_the_shown_output_has_the_steps_that_there_are() -> None:
    output = blocks("console")[0]
    shown = re.findall(r"^  (\w+): Succeeded$", output, re.MULTILINE)
    assert tuple(shown) == tuple(step for step in PROVISION_STEPS if step not in NOT_NEEDED)
    assert f"  not needed: {len(NOT_NEEDED)} of {len(PROVISION_STEPS)} steps\n" in output


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target

"""The commands of docs/restore.md are run, by a portal and its custodians, as they stand there."""

import json
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from local.child_process import REPOSITORY
from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian
from tests.people import await_step
from tests.restoring import approve, make_blob, provision_source, store
from tests.test_portal_guide import run

GUIDE: Final = REPOSITORY / "docs" / "restore.md"


def test_the_commands_restore_an_hsm(
    stack: Stack,
    portal: Portal,
    hsm_name: str,
    tmp_path: Path,
    custodians: list[Custodian],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = provision_source(stack, portal, hsm_name, custodians)
    for name, value in (("TOKEN", portal.token()), ("LOST_HSM", hsm_name), ("NEW_HSM", f"{hsm_name}-new")):
        monkeypatch.setenv(name, value)
    asking, reading, announcing = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    execute(stack, tmp_path, asking)
    approve(stack, read_operation(tmp_path))
    operation = await_step(portal, (tmp_path / "operation.id").read_text().strip(), "await_restore_blob")
    shown = execute(stack, tmp_path, asking.partition("cat > restore.json")[0] + reading)
    assert operation["transferKey"]["sha256"] in shown
    assert json.loads((tmp_path / "transfer-key.json").read_text()) == operation["transferKey"]["jwk"]
    store(stack, operation["id"], make_blob(source.domain, operation, custodians))
    shown = execute(stack, tmp_path, asking.partition("cat > restore.json")[0] + announcing)
    assert read_operation(tmp_path)["status"] == "Succeeded"
    assert f'"hsm": "{hsm_name}"' in shown.partition('"restoredFrom"')[2]


def execute(stack: Stack, folder: Path, script: str) -> str:
    ended: subprocess.CompletedProcess[str] = run(stack, folder, ["bash", "-euo", "pipefail", "-c", script])
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def read_operation(folder: Path) -> dict[str, str]:
    document: dict[str, str] = json.loads((folder / "operation.json").read_text())
    return document

"""A portal's developer has docs/portal-developers.md and nothing else: its commands and its client are run."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from domain.names import OPERATION_ID
from local.child_process import REPOSITORY
from local.portal import Portal
from local.stack import Stack, running_stack
from tests.custodians import Custodian, request_for
from tests.people import await_step

GUIDE: Final = REPOSITORY / "docs" / "portal-developers.md"
AUDITORS: Final = REPOSITORY / "docs" / "auditors.md"
APPROVERS: Final = REPOSITORY / "docs" / "approvers.md"
SOMEBODY: Final = "99999999-9999-4999-8999-999999999999"
CLIENT: Final = REPOSITORY / "docs" / "examples" / "provision.py"


def test_the_commands_by_curl_make_an_hsm(stack: Stack, tmp_path: Path) -> None:
    (script,) = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    ended = run(stack, tmp_path, ["bash", "-euo", "pipefail", "-c", script])
    assert ended.returncode == 0, ended.stderr
    operation = json.loads((tmp_path / "operation.json").read_text())
    assert operation["status"] == "Succeeded", operation
    for expected in ('"creationStopped": false', '"verdict": "Passed"', '"state": "Active"'):
        assert expected in ended.stdout
    stack.control.forget_hsms()


def test_the_client_makes_an_hsm(stack: Stack, hsm_name: str, tmp_path: Path, custodians: list[Custodian]) -> None:
    assert len(CLIENT.read_text().splitlines()) <= 40
    request = tmp_path / "request.json"
    request.write_text(json.dumps(request_for(stack, custodians)))
    ended = run(stack, tmp_path, [sys.executable, str(CLIENT), hsm_name, str(request)])
    assert ended.returncode == 0, ended.stderr
    progress, _, document = ended.stdout.partition("{")
    assert " % " in progress
    assert json.loads("{" + document)["state"] == "Active"
    request.write_text(json.dumps({**json.loads(request.read_text()), "location": "the moon"}))
    refused = run(stack, tmp_path, [sys.executable, str(CLIENT), hsm_name, str(request)])
    assert refused.returncode == 1
    assert refused.stderr.startswith("location_not_allowed: location: ")


@pytest.fixture
def asking_stack(tmp_path: Path) -> Iterator[Stack]:
    policy = (REPOSITORY / "docs" / "examples" / "policy-of-a-laptop.json").read_text()
    settings = {"HSM_PROVISIONER_POLICY": policy}
    with running_stack(tmp_path / "run", provisioning_seconds=0.2, activation_seconds=0.2, settings=settings) as stack:
        yield stack


def test_the_commands_of_an_approver_approve(
    asking_stack: Stack, tmp_path: Path, custodians: list[Custodian], monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = Portal(asking_stack)
    administrators = [asking_stack.control.create_group("HSM administrators")]
    asking_stack.control.create_person("Ada", "ada@contoso.example", groups=administrators)
    body = request_for(
        asking_stack, custodians, environment="shared", requestedBy=SOMEBODY, administrators=administrators
    )
    operation_id = portal.put_hsm("portal-hsm", body).json()["id"]
    await_step(portal, operation_id, "await_approval")
    monkeypatch.setenv("OPERATION", operation_id)
    (script,) = re.findall(r"^```sh\n(.*?)^```", APPROVERS.read_text(), re.MULTILINE | re.DOTALL)
    ended = run(asking_stack, tmp_path, ["bash", "-euo", "pipefail", "-c", script])
    assert ended.returncode == 0, ended.stderr
    assert f'"id": "{operation_id}"' in ended.stdout
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["approval"]["comment"]) == ("Succeeded", "Agreed."), ended.stdout


def test_the_commands_of_an_auditor_find_what_was_refused(stack: Stack, portal: Portal, tmp_path: Path) -> None:
    assert portal.put_hsm("portal-hsm", {}).status_code == 400
    (script,) = re.findall(r"^```sh\n(.*?)^```", AUDITORS.read_text(), re.MULTILINE | re.DOTALL)
    ended = run(stack, tmp_path, ["bash", "-euo", "pipefail", "-c", script])
    assert ended.returncode == 0, ended.stderr
    records = json.loads((tmp_path / "audit.json").read_text())["value"]
    assert "invalid_field" in {record["outcome"] for record in records}


def test_the_shown_operation_is_one() -> None:
    (text,) = re.findall(r"^```json\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert OPERATION_ID.fullmatch(json.loads(text)["id"])


def run(stack: Stack, folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
    environment = {**plain, **stack.client_environment()}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)

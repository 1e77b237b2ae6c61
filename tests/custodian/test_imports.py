"""The tool needs of this repository what it says, and of others what its requirements say."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

from local.child_process import REPOSITORY
from tests.custodian.conftest import Ceremony
from tests.custodian.terminal import plain_environment

TOOL = REPOSITORY / "custodian"
OURS = re.compile(r"domain(\.(model|share_checks|security_domain(\..*)?))?|custodian(\..*)?")
PROGRAM = """
import json, runpy, sys
before = set(sys.modules)
import custodian.key_vault
sys.argv = ["custodian", "check-share", "security-domain.json", "--key", "katherine.pem", "--json"]
try:
    runpy.run_module("custodian", run_name="__main__")
except SystemExit as end:
    assert not end.code, end
sys.stderr.write(json.dumps(sorted(set(sys.modules) - before)))
"""


def imported_by(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def packages_in(requirements: str) -> set[str]:
    names = re.findall(r"^([a-z0-9-]+)==", (TOOL / requirements).read_text(), re.MULTILINE)
    return {name.replace("-", "_") for name in names}


def test_it_imports_of_this_repository_the_format_and_the_checks_alone() -> None:
    folders = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")}
    for path in TOOL.rglob("*.py"):
        ours = {name for name in imported_by(path) if name.partition(".")[0] in folders}
        assert {name for name in ours if not OURS.fullmatch(name)} == set(), path
        assert path.name == "key_vault.py" or not [name for name in imported_by(path) if name.startswith("azure")]


def test_what_runs_is_in_its_small_requirements(ceremony: Ceremony) -> None:
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(
        command, cwd=ceremony.folder, env=plain_environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    loaded = set(json.loads(ended.stderr))
    assert "domain.security_domain.opening" in loaded
    roots = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert {name for name in loaded if name.partition(".")[0] == "domain" and not OURS.fullmatch(name)} == set()
    installed = {name for name in roots if not name.startswith("_") and name not in {"custodian", "domain"}}
    assert installed <= packages_in("requirements.txt")


def test_azure_comes_with_the_extra_requirements_only() -> None:
    small, large = packages_in("requirements.txt"), packages_in("requirements-keyvault.txt")
    assert {"cryptography", "jwcrypto", "pydantic"} <= small < large
    assert not [name for name in small if name.startswith(("azure", "msal"))]
    assert {"azure_identity", "azure_keyvault_keys"} <= large

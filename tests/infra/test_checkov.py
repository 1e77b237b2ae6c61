"""What checkov finds in the templates: nothing that has no written reason."""

import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOV = Path(".local/infra-tools/bin/checkov").absolute()


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [CHECKOV, "--directory", folder, "--framework", "bicep", "--compact", "--skip-download"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.infra
def test_checkov_finds_nothing(tmp_path: Path) -> None:
    folder = shutil.copytree("infra", tmp_path / "infra")
    registration = folder / "modules/registration.bicep"
    # checkov holds pycep at 0.5, which does not know this one statement.
    registration.write_text(registration.read_text().replace("extension microsoftGraphV1\n", ""))
    result = _run(folder)
    assert (result.returncode, "Parsing errors" in result.stdout) == (0, False), result.stdout


@pytest.mark.infra
def test_checkov_finds_a_planted_mistake(tmp_path: Path) -> None:
    storage = Path("infra/modules/storage.bicep").read_text()
    (tmp_path / "storage.bicep").write_text(storage.replace("'TLS1_2'", "'TLS1_0'"))
    assert "CKV_AZURE_44" in _run(tmp_path).stdout

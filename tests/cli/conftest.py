"""The unmodified Azure CLI in an environment of its own; it finds a local Azure by proxy and certificate alone."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure, start_local_azure
from local.child_process import REPOSITORY
from tests.custodians import make_custodian

type Az = Callable[..., Any]

PYTHON = REPOSITORY / ".local" / "azure-cli" / "bin" / "python"
GROUP = "rg-cli"
LOCATION = "norwayeast"


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """Start one in which nothing takes time: the CLI waits 30 seconds between its first look and the next."""
    running = start_local_azure(tmp_path_factory.mktemp("azure"), 0, 0)
    yield running
    running.process.stop()


@pytest.fixture(scope="session")
def application(azure: LocalAzure) -> MadeApplication:
    return ControlClient(azure.endpoints.control_url).create_application("operators", {}, "Contributor")


@pytest.fixture(scope="session")
def environment(azure: LocalAzure, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment_of(azure, tmp_path_factory.mktemp("home"))


def environment_of(azure: LocalAzure, home: Path) -> dict[str, str]:
    """Give the environment in which the CLI finds a local Azure, and whoever signs in there is known nowhere else."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AZURE_CONFIG_DIR": str(home / "azure"),
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        **azure.environment(),
    }


@pytest.fixture(scope="session")
def run(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [PYTHON, "-m", "azure.cli", *arguments, "--output", "json"]
        return subprocess.run(
            command, env={**environment, **variables}, capture_output=True, text=True, check=False, timeout=120
        )

    return run


@pytest.fixture(scope="session")
def az(run: Callable[..., subprocess.CompletedProcess[str]], azure: LocalAzure, application: MadeApplication) -> Az:
    """Run a command as a service principal that is signed in, and give what it prints."""

    def az(*arguments: str | Path, **variables: str) -> Any:
        ended = run(*arguments, **variables)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout) if ended.stdout.strip() else None

    client = ("-u", application.client_id, "-p", application.client_secret, "--tenant", azure.endpoints.tenant_id)
    (subscription,) = az("login", "--service-principal", *client)
    assert subscription["id"] == azure.endpoints.subscription_id
    assert az("group", "create", "-n", GROUP, "-l", LOCATION)["properties"]["provisioningState"] == "Succeeded"
    return az


@pytest.fixture(scope="session")
def run_many(environment: dict[str, str]) -> Callable[..., list[str | None]]:
    """Run many commands in one process, and give what each ended with: None, or what it said."""

    def run_many(commands: Sequence[Sequence[str | Path]]) -> list[str | None]:
        ended = subprocess.run(
            [PYTHON, Path(__file__).with_name("many_commands.py")],
            input=json.dumps([list(map(str, command)) for command in commands]),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert ended.returncode == 0, ended.stderr
        answers: list[str | None] = json.loads(ended.stdout)
        return answers

    return run_many


@pytest.fixture
def refused(run: Callable[..., subprocess.CompletedProcess[str]], az: Az) -> Callable[..., str]:  # noqa: ARG001
    """Run a command that is to fail, and give what it says."""

    def refused(*arguments: str | Path) -> str:
        ended = run(*arguments)
        assert ended.returncode != 0, ended.stdout
        return ended.stderr

    return refused


@pytest.fixture(scope="session")
def custodians(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make three custodians' certificates and keys, `0.cer` and `0.key` and so on, in a folder."""
    folder = tmp_path_factory.mktemp("custodians")
    for number in range(3):
        made = make_custodian(f"Custodian {number}")
        (folder / f"{number}.cer").write_text(made.pem)
        key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{number}.key").write_bytes(key)
    return folder


@pytest.fixture(scope="session")
def create(az: Az, application: MadeApplication) -> Callable[[str], Any]:
    """Create an HSM of a name, of which the application is the administrator."""

    def create(name: str) -> Any:
        place = ("-g", GROUP, "-l", LOCATION)
        administrators = ("--administrators", application.object_id)
        return az("keyvault", "create", "--hsm-name", name, *place, *administrators, "--retention-days", "7")

    return create


@pytest.fixture(scope="session")
def active_hsm(az: Az, create: Callable[[str], Any], custodians: Path) -> str:
    """An HSM that is active; its security domain lies beside the custodians' keys."""
    name = "cli-active"
    created = create(name)
    assert created["properties"]["securityDomainProperties"]["activationStatus"] == "NotActivated"
    certificates = [custodians / f"{number}.cer" for number in range(3)]
    file = custodians / "security-domain.json"
    wrapping = ("--sd-wrapping-keys", *certificates, "--sd-quorum", "2")
    answer = az(
        "keyvault", "security-domain", "download", "--hsm-name", name, *wrapping, "--security-domain-file", file
    )
    assert answer["status"] == "Success"
    assert json.loads(file.read_text())["SharedKeys"]["required"] == 2
    return name

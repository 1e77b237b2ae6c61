"""An HSM that was handed over, as its new administrator sees it by the Azure CLI."""

import json
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.cli.conftest import PYTHON, environment_of
from tests.cli.everything import Hub
from tests.custodians import Custodian

HSM: Final = "cli-handed-over"
GROUP: Final = "rg-hsm"


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    output: str
    error: str


class Cli:
    """An Azure CLI, where whoever signs in stays signed in."""

    def __init__(self, azure: LocalAzure, home: Path) -> None:
        self.home = home
        command: list[str | Path] = [PYTHON, Path(__file__).with_name("answering.py")]
        environment = environment_of(azure, home)
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str) -> Ended:
        """Run a command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([*arguments, "--output", "json"]) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))

    def stop(self) -> None:
        """End it: it ends with its input."""
        self._process.communicate(timeout=30)


@dataclass(frozen=True)
class HandedOver:
    """What was asked for, what the service says of it, and the administrator's CLI."""

    hub: Hub
    custodians: list[Custodian]
    administrator: MadeApplication
    cli: Cli
    asked: dict[str, Any]
    operation: dict[str, Any]
    shown: dict[str, Any]
    sheet: dict[str, Any]
    _answers: dict[tuple[str, ...], Any] = field(default_factory=dict)

    @property
    def service(self) -> str:
        return self.hub.stack.azure.endpoints.identity_object_id

    def az(self, *arguments: str) -> Any:
        """Run a command as the administrator that is to succeed, and give what it prints."""
        ended = self.cli.run(*arguments)
        assert ended.code == 0, (arguments, ended.error)
        return json.loads(ended.output) if ended.output.strip() else None

    def read(self, *arguments: str) -> Any:
        """Give what one printed that changes nothing: it is run once."""
        if arguments not in self._answers:
            self._answers[arguments] = self.az(*arguments)
        return self._answers[arguments]

    def on_hsm(self, *arguments: str) -> Any:
        """Read something of the HSM."""
        return self.read("keyvault", *arguments, "--hsm-name", HSM)

    def follow(self, command: str) -> Any:
        """Run a command of the sheet as a shell would."""
        program, *arguments = shlex.split(command)
        assert program == "az"
        return self.az(*arguments)

    def duty(self, name: str) -> list[str]:
        """Give the commands of something that the sheet says is to be done."""
        (commands,) = (duty["commands"] for duty in self.sheet["toDo"] if duty["name"] == name)
        return list(commands)

    def where(self, part: str) -> list[str]:
        """Give where the sheet says that a part is."""
        (places,) = (item["where"] for item in self.sheet["parts"] if item["part"] == part)
        return list(places)

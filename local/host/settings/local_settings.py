"""local.settings.json: the app settings of a developer's machine.

Facts: github Azure/azure-functions-core-tools, src/Azure.Functions.Cli (AppSettingsFile, StartHostAction).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StrictStr, field_validator
from pydantic.alias_generators import to_pascal

from local.host.settings.reading import check, read_object


class LocalSettings(NamedTuple):
    """What a developer's settings file says."""

    values: dict[str, str]
    port: int | None
    unhonoured: list[str]
    """The paths of what the local host does not honour."""


class _Host(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal)

    local_http_port: Annotated[int, Field(ge=1, le=65535)] | None = None


class _File(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal)

    is_encrypted: bool = False
    values: dict[str, StrictStr] = {}
    host: _Host = _Host()

    @field_validator("is_encrypted")
    @classmethod
    def _refuse(cls, encrypted: bool) -> bool:  # noqa: FBT001 - pydantic gives it
        if encrypted:
            message = "encrypted settings cannot be read; `func settings decrypt` decrypts them"
            raise ValueError(message)
        return encrypted


def read_local_settings(path: Path) -> LocalSettings:
    """Read a settings file, or none where there is none; raises InvalidSettings."""
    try:
        document = read_object(path)
    except FileNotFoundError:
        return LocalSettings({}, None, [])
    file = check(_File, document, path.name)
    return LocalSettings(file.values, file.host.local_http_port, sorted(_unhonoured(document)))


def _unhonoured(document: Mapping[str, Any]) -> list[str]:
    host = document.get("Host", {})
    return [
        *(name for name in document if name not in ("IsEncrypted", "Values", "Host")),
        *(f"Host.{name}" for name in host if name != "LocalHttpPort"),
    ]


def app_settings(values: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Give what the app finds in its environment.

    A variable of the process wins over a value of the file unless it is empty, as in Core Tools.
    """
    return {**values, **{name: value for name, value in environment.items() if value or name not in values}}


def overridden(values: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """Name the values of the file that variables of the process win over, with another value."""
    return sorted(name for name, value in values.items() if environment.get(name, "") not in ("", value))


def is_disabled(function: str, settings: Mapping[str, str]) -> bool:
    """Say whether a setting `AzureWebJobs.FUNCTION.Disabled` switches a function off.

    Source: Microsoft's documentation, "How to disable functions in Azure Functions".
    """
    wanted = f"azurewebjobs.{function}.disabled".casefold()
    return any(name.casefold() == wanted and value.casefold() in ("true", "1") for name, value in settings.items())

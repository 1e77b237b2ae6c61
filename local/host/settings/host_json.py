"""host.json: what the local host honours of it.

Facts: github Azure/azure-functions-host, src/WebJobs.Script/Config; github MicrosoftDocs/azure-docs,
includes/functions-host-json-durabletask.md. Names are compared without regard to case, as there; a null is as good as
nothing.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from local.host.settings.reading import InvalidSettings, check, read_object

FILE: Final = "host.json"
OVERRIDE: Final = "azurefunctionsjobhost__"


def _refuse_truth(value: Any) -> Any:
    if isinstance(value, bool):
        message = "Input should be a valid integer"
        raise ValueError(message)
    return value


Count = Annotated[int, BeforeValidator(_refuse_truth), Field(gt=0)]


def _ten_for_each_core() -> int:
    return 10 * (os.process_cpu_count() or 1)


class _Section(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class DurableHttp(_Section):
    """`extensions.durableTask.httpSettings`."""

    use_forwarded_host: bool = False


class DurableTask(_Section):
    """`extensions.durableTask`."""

    hub_name: str = "TestHubName"
    default_version: str | None = None
    version_match_strategy: Literal["None", "Strict", "CurrentOrOlder"] = "CurrentOrOlder"
    version_failure_strategy: Literal["Reject", "Fail"] = "Reject"
    max_concurrent_activity_functions: Count = Field(default_factory=_ten_for_each_core)
    max_concurrent_orchestrator_functions: Count = Field(default_factory=_ten_for_each_core)
    max_concurrent_entity_functions: Count = Field(default_factory=_ten_for_each_core)
    max_entity_operation_batch_size: Count = 5_000
    max_orchestration_actions: Count = 100_000
    overridable_existing_instance_states: Literal["NonRunningStates", "AnyState"] = "NonRunningStates"
    http_settings: DurableHttp = DurableHttp()

    @field_validator("hub_name")
    @classmethod
    def _resolve(cls, name: str, info: ValidationInfo) -> str:
        """Take a name between percent signs from the app setting; only a whole name, and no other field, can be one."""
        if whole := re.fullmatch("%(.+)%", name):
            settings = {key.casefold(): value for key, value in (info.context or {}).items()}
            found = settings.get(whole[1].casefold())
            if found is None:
                message = f"there is no app setting {whole[1]}"
                raise ValueError(message)
            name = found
        if not re.fullmatch("[A-Za-z][A-Za-z0-9]{2,44}", name):
            message = "a task hub's name has 3 to 45 letters and digits, the first a letter"
            raise ValueError(message)
        return name


class Http(_Section):
    """`extensions.http`."""

    route_prefix: str = "api"


class Extensions(_Section):
    """`extensions`."""

    http: Http = Http()
    durable_task: DurableTask = Field(default_factory=DurableTask)


class HostJson(_Section):
    """What is honoured of a host.json, with the defaults of Flex Consumption."""

    version: Literal["2.0"]
    function_timeout: float | None = 30 * 60.0
    """In seconds; None: unbounded."""
    extensions: Extensions = Field(default_factory=Extensions)

    @field_validator("function_timeout", mode="before")
    @classmethod
    def _read_time_span(cls, value: Any) -> float | None:
        """Read `hh:mm:ss`, with days before a point, or -1 for no limit; the least is a second."""
        if str(value) == "-1":
            return None
        span = re.fullmatch(r"(?:(\d{1,7})\.)?([01]?\d|2[0-3]):([0-5]?\d):([0-5]?\d)", str(value))
        seconds = 0
        if span:
            days, hours, minutes, rest = (int(part or 0) for part in span.groups())
            seconds = ((days * 24 + hours) * 60 + minutes) * 60 + rest
        if seconds < 1:
            message = "it must be a time of a second or more as hh:mm:ss, or -1 for none"
            raise ValueError(message)
        return float(seconds)


def read_document(app_directory: Path, settings: Mapping[str, str]) -> dict[str, Any]:
    """Read an app's host.json, and lay the app settings over it that override it.

    Such a setting is called `AzureFunctionsJobHost__extensions__http__routePrefix`. The names in what is given are
    spelt as the documentation spells them. Raises InvalidSettings.
    """
    try:
        document = read_object(app_directory / FILE)
    except FileNotFoundError:
        message = f"there is no {FILE} in {app_directory}"
        raise InvalidSettings(message) from None
    canonical = _canonical(document, HONOURED)
    for name, value in settings.items():
        if name.casefold().startswith(OVERRIDE):
            _override(canonical, name[len(OVERRIDE) :].split("__"), value)
    return canonical


def parse(document: Mapping[str, Any], settings: Mapping[str, str]) -> HostJson:
    """Check what is honoured of a document; raises InvalidSettings."""
    return check(HostJson, document, FILE, settings)


type Names = dict[str, "Names"]


def _honoured(model: type[BaseModel]) -> Names:
    """Give the names that a model has, each with those below it."""
    sections = {name: field.annotation for name, field in model.model_fields.items()}
    return {
        to_camel(name): _honoured(section) if isinstance(section, type) and issubclass(section, _Section) else {}
        for name, section in sections.items()
    }


HONOURED: Final = _honoured(HostJson)


def _spell(name: str, honoured: Names) -> str:
    return next((each for each in honoured if each.casefold() == name.casefold()), name)


def _canonical(document: Mapping[str, Any], honoured: Names) -> dict[str, Any]:
    return {
        (spelt := _spell(name, honoured)): _canonical(value, honoured.get(spelt, {}))
        if isinstance(value, dict)
        else value
        for name, value in document.items()
        if value is not None
    }


def _override(document: dict[str, Any], path: list[str], value: str) -> None:
    honoured = HONOURED
    for part in path[:-1]:
        name = _spell(part, honoured)
        honoured = honoured.get(name, {})
        below = document.get(name)
        document[name] = below if isinstance(below, dict) else {}
        document = document[name]
    document[_spell(path[-1], honoured)] = value

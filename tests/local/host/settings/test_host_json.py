"""host.json: what holds, what is refused, what is only told."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.child_process import REPOSITORY
from local.host.settings.host_json import HONOURED, HostJson, parse, read_document
from local.host.settings.reading import InvalidSettings
from local.host.settings.unhonoured import ACCEPTED, unhonoured


def read(directory: Path, document: Any, **settings: str) -> HostJson:
    (directory / "host.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return parse(read_document(directory, settings), settings)


def durable(**settings: Any) -> dict[str, Any]:
    return {"version": "2.0", "extensions": {"durableTask": settings}}


def test_the_defaults(tmp_path: Path) -> None:
    host = read(tmp_path, {"version": "2.0"})
    ten_for_each_core = 10 * (os.process_cpu_count() or 1)
    assert host.model_dump() == {
        "version": "2.0",
        "function_timeout": 1800.0,
        "extensions": {
            "http": {"route_prefix": "api"},
            "durable_task": {
                "hub_name": "TestHubName",
                "default_version": None,
                "version_match_strategy": "CurrentOrOlder",
                "version_failure_strategy": "Reject",
                "max_concurrent_activity_functions": ten_for_each_core,
                "max_concurrent_orchestrator_functions": ten_for_each_core,
                "max_concurrent_entity_functions": ten_for_each_core,
                "max_entity_operation_batch_size": 5000,
                "max_orchestration_actions": 100_000,
                "overridable_existing_instance_states": "NonRunningStates",
                "http_settings": {
                    "use_forwarded_host": False,
                },
            },
        },
    }


def test_all_that_is_honoured(tmp_path: Path) -> None:
    settings = durable(
        hubName="%TASKHUB_NAME%",
        defaultVersion="1.2",
        versionMatchStrategy="Strict",
        versionFailureStrategy="Fail",
        maxConcurrentActivityFunctions=1,
        maxConcurrentOrchestratorFunctions=2,
        maxConcurrentEntityFunctions=3,
        maxEntityOperationBatchSize=4,
        maxOrchestrationActions=5,
        overridableExistingInstanceStates="AnyState",
        httpSettings={"useForwardedHost": True},
    )
    settings["extensions"]["http"] = {"routePrefix": ""}
    host = read(tmp_path, {**settings, "functionTimeout": "-1"}, taskhub_name="fromSetting")
    assert unhonoured(read_document(tmp_path, {})) == []
    assert (host.function_timeout, host.extensions.http.route_prefix) == (None, "")
    task = host.extensions.durable_task
    assert (task.hub_name, task.default_version) == ("fromSetting", "1.2")
    assert (task.version_match_strategy, task.version_failure_strategy) == ("Strict", "Fail")
    assert task.max_concurrent_activity_functions == 1
    assert task.max_concurrent_orchestrator_functions == 2
    assert task.max_concurrent_entity_functions == 3
    assert (task.max_entity_operation_batch_size, task.max_orchestration_actions) == (4, 5)
    assert task.overridable_existing_instance_states == "AnyState"
    assert task.http_settings.use_forwarded_host


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:10:00", 600), ("1:2:3", 3723), ("23:59:59", 86399), ("1.00:00:01", 86401), ("-1", None), (None, 1800)],
)
def test_a_function_timeout(text: str | None, seconds: float | None, tmp_path: Path) -> None:
    assert read(tmp_path, {"version": "2.0", "functionTimeout": text}).function_timeout == seconds


@given(st.text(alphabet="0123456789:.-", max_size=12) | st.integers() | st.floats() | st.booleans())
def test_a_function_timeout_is_a_time_or_refused(value: Any) -> None:
    read: float | str | None
    try:
        read = parse({"version": "2.0", "functionTimeout": value}, {}).function_timeout
    except InvalidSettings as refused:
        read = str(refused)
    if isinstance(read, str):
        assert read == "host.json: functionTimeout: it must be a time of a second or more as hh:mm:ss, or -1 for none"
    else:
        assert read is None or read >= 1


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, "host.json: version: Field required"),
        ({"version": "1.0"}, "host.json: version: Input should be '2.0'"),
        (
            "{\n  // no\n}",
            "host.json, line 2: Expecting property name enclosed in double quotes (it must be without comments)",
        ),
        ('{"a": 1 /* no */}', "host.json, line 1: Expecting ',' delimiter (it must be without comments)"),
        ("", "host.json, line 1: Expecting value"),
        ("[]", "host.json: it must hold an object"),
        ({"version": "2.0", "extensions": 5}, "host.json: extensions: Input should be a valid dictionary"),
        ({"version": "2.0", "functionTimeout": "24:00:00"}, "host.json: functionTimeout: it must be a time"),
        ({"version": "2.0", "functionTimeout": "00:00:00"}, "host.json: functionTimeout: it must be a time"),
        (
            durable(maxConcurrentActivityFunctions=0),
            "host.json: extensions.durableTask.maxConcurrentActivityFunctions: Input should be greater than 0",
        ),
        (
            durable(maxOrchestrationActions=True),
            "host.json: extensions.durableTask.maxOrchestrationActions: Input should be a valid integer",
        ),
        (
            durable(httpSettings={"useForwardedHost": "perhaps"}),
            "host.json: extensions.durableTask.httpSettings.useForwardedHost: Input should be a valid boolean",
        ),
        (
            {"functionTimeout": "soon", "version": "1"},
            "host.json: version: Input should be '2.0'; functionTimeout: it must be a time of a second or more",
        ),
        (
            durable(versionMatchStrategy="Newer"),
            "host.json: extensions.durableTask.versionMatchStrategy: Input should be 'None', 'Strict' or 'CurrentOrO",
        ),
        (
            durable(hubName="%MISSING%"),
            "host.json: extensions.durableTask.hubName: there is no app setting MISSING",
        ),
        *[
            (durable(hubName=name), "host.json: extensions.durableTask.hubName: a task hub's name has 3 to 45 letters")
            for name in ("", "ab", "1abc", "a-bc", "a" * 46, "abc\n", "100%abc%", "%BAD%", "äbc")
        ],
    ],
)
def test_what_is_wrong_is_told_in_one_line(document: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as refused:
        read(tmp_path, document, BAD="not good")
    assert str(refused.value).startswith(text)
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"there is no host\.json in /"):
        read_document(tmp_path, {})
    (tmp_path / "host.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(InvalidSettings, match=r"host\.json: it is not UTF-8"):
        read_document(tmp_path, {})
    (tmp_path / "host.json").unlink()
    (tmp_path / "host.json").mkdir()
    with pytest.raises(InvalidSettings, match=r"host\.json: it cannot be read: Is a directory"):
        read_document(tmp_path, {})


def test_names_are_known_in_any_case_and_after_a_byte_order_mark(tmp_path: Path) -> None:
    host = read(tmp_path, '\ufeff{"Version": "2.0", "Extensions": {"durabletask": {"HUBNAME": "abc"}}}')
    assert host.extensions.durable_task.hub_name == "abc"


def test_app_settings_override(tmp_path: Path) -> None:
    document = durable(maxConcurrentActivityFunctions=1, hubName="fromFile")
    overrides = {
        "AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions": "7",
        "azurefunctionsjobhost__EXTENSIONS__durabletask__HUBNAME": "%HUB%",
        "AzureFunctionsJobHost__extensions__durableTask__httpSettings__useForwardedHost": "true",
        "AzureFunctionsJobHost__extensions__http__routePrefix": "v1",
        "AzureFunctionsJobHost__functionTimeout": "00:00:05",
        "AzureFunctionsJobHost__logging__logLevel__default": "Debug",
        "AzureFunctionsJobHost__watchDirectories__0": "Shared",
        "AzureFunctionsJobHost__mistake": "1",
        "HUB": "fromSetting",
    }
    host = read(tmp_path, document, **overrides)
    task = host.extensions.durable_task
    assert (task.max_concurrent_activity_functions, task.hub_name) == (7, "fromSetting")
    assert task.http_settings.use_forwarded_host
    assert (host.extensions.http.route_prefix, host.function_timeout) == ("v1", 5)
    assert unhonoured(read_document(tmp_path, overrides)) == ["logging", "mistake (unknown)", "watchDirectories"]


def test_an_override_of_the_wrong_type_names_the_field(tmp_path: Path) -> None:
    setting = {"AzureFunctionsJobHost__extensions__durableTask__maxOrchestrationActions": "many"}
    with pytest.raises(InvalidSettings, match=r"extensions\.durableTask\.maxOrchestrationActions: Input should be"):
        read(tmp_path, durable(), **setting)


def test_what_is_not_honoured_is_told(tmp_path: Path) -> None:
    document = {
        "$schema": "https://json.schemastore.org/host",
        "version": "2.0",
        "extensionBundle": {"id": "b"},
        "Logging": {"logLevel": {"default": "Debug"}},
        "functiontimeout": "00:01:00",
        "http": {"routePrefix": "api"},
        "extensions": {
            "queues": {},
            "novel": {},
            "http": {"routePrefix": "api", "hsts": {}, "routePrefixx": ""},
            "durableTask": {"storageProvider": {"type": "mssql"}, "extendedSessionsEnabled": True, "hubname": "abc"},
        },
        "healthMonitor": None,
    }
    read(tmp_path, document)
    assert unhonoured(read_document(tmp_path, {})) == [
        "Logging",
        "extensionBundle",
        "extensions.durableTask.extendedSessionsEnabled",
        "extensions.durableTask.storageProvider",
        "extensions.http.hsts",
        "extensions.http.routePrefixx (unknown)",
        "extensions.novel (unknown)",
        "extensions.queues",
        "http (unknown)",
    ]


def test_nothing_is_both_honoured_and_not() -> None:
    def both(honoured: Any, prefix: str) -> list[str]:
        here = [name for name in honoured if name.casefold() in ACCEPTED.get(prefix, "").casefold().split()]
        return here + [each for name in honoured for each in both(honoured[name], f"{prefix}{name}.")]

    assert both(HONOURED, "") == []
    assert set(HONOURED["extensions"]["durableTask"]["httpSettings"]) == {
        "useForwardedHost",
    }


def test_the_app_s_own_file() -> None:
    settings = {"TASKHUB_NAME": "hsmprovisioner"}
    document = read_document(REPOSITORY, settings)
    host = parse(document, settings)
    assert (host.function_timeout, host.extensions.durable_task.hub_name) == (600, "hsmprovisioner")
    assert unhonoured(document) == [
        "extensionBundle",
        "extensions.durableTask.storageProvider",
        "extensions.durableTask.tracing",
        "logging",
    ]

"""local.settings.json: values for the app, a port, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.host.settings.local_settings import LocalSettings, app_settings, overridden, read_local_settings
from local.host.settings.reading import InvalidSettings


def read(directory: Path, document: Any) -> LocalSettings:
    path = directory / "local.settings.json"
    path.write_text(json.dumps(document))
    return read_local_settings(path)


def test_without_a_file_there_are_no_settings(tmp_path: Path) -> None:
    assert read_local_settings(tmp_path / "local.settings.json") == LocalSettings({}, None, [])


def test_all_that_a_file_may_say(tmp_path: Path) -> None:
    document = {
        "IsEncrypted": False,
        "Values": {"A": "1", "B__c": ""},
        "Host": {"LocalHttpPort": 7072, "CORS": "*", "CORSCredentials": True},
        "ConnectionStrings": {"Sql": "Server=secret"},
        "Novel": 1,
    }
    settings = read(tmp_path, document)
    assert (settings.values, settings.port) == ({"A": "1", "B__c": ""}, 7072)
    assert settings.unhonoured == ["ConnectionStrings", "Host.CORS", "Host.CORSCredentials", "Novel"]


def test_values_alone_are_enough(tmp_path: Path) -> None:
    assert read(tmp_path, {"Values": {"A": "1"}}) == LocalSettings({"A": "1"}, None, [])


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"IsEncrypted": True, "Values": {"A": "c2VjcmV0"}}, "IsEncrypted: encrypted settings cannot be read"),
        ({"Values": {"A": "secret", "B": 1}}, "Values.B: Input should be a valid string"),
        ({"Values": {"A": {"B": "secret"}}}, "Values.A: Input should be a valid string"),
        ({"Values": {"A": None}}, "Values.A: Input should be a valid string"),
        ({"Values": []}, "Values: Input should be a valid dictionary"),
        ({"Host": {"LocalHttpPort": 65536}}, "Host.LocalHttpPort: Input should be less than or equal to 65535"),
        ({"Host": {"LocalHttpPort": "x"}}, "Host.LocalHttpPort: Input should be a valid integer"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_without_values(document: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as refused:
        read(tmp_path, document)
    assert str(refused.value).startswith(f"local.settings.json: {text}")
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "c2VjcmV0" not in str(refused.value)


def test_the_process_s_environment_wins_where_it_says_something() -> None:
    values = {"A": "file", "B": "file", "C": "file", "D": "same"}
    environment = {"B": "process", "C": "", "D": "same", "E": "process", "F": ""}
    settings = app_settings(values, environment)
    assert settings == {"A": "file", "B": "process", "C": "file", "D": "same", "E": "process", "F": ""}
    assert overridden(values, environment) == ["B"]

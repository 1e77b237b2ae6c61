"""The host's command line."""

from pathlib import Path

import pytest

from local.host.command_line import Arguments, parse


def test_an_app_alone_is_enough(tmp_path: Path) -> None:
    assert parse(["start", "--app", str(tmp_path)]) == Arguments(
        app=tmp_path,
        port=None,
        state_directory=tmp_path / ".local" / "host",
        settings=tmp_path / "local.settings.json",
        auth=True,
        control=False,
        log_format="text",
        until_input_ends=False,
    )


def test_everything_that_can_be_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "s.json").touch()
    monkeypatch.chdir(tmp_path)
    line = "start --app app --port 0 --state-directory kept --settings s.json --no-auth --control --log-format json"
    assert parse([*line.split(), "--until-input-ends"]) == Arguments(
        app=tmp_path / "app",
        port=0,
        state_directory=tmp_path / "kept",
        settings=tmp_path / "s.json",
        auth=False,
        control=True,
        log_format="json",
        until_input_ends=True,
    )


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("", "the following arguments are required: start"),
        ("stop", "invalid choice: 'stop'"),
        ("start", "the following arguments are required: --app"),
        ("start --app nowhere", "argument --app: there is no directory nowhere"),
        ("start --app . --settings nowhere", "argument --settings: there is no file nowhere"),
        ("start --app . --port 65536", "argument --port: 65536 is no port"),
        ("start --app . --port http", "argument --port: http is no port"),
        ("start --app . --log-format xml", "argument --log-format: invalid choice: 'xml'"),
        ("start --app . --novel", "unrecognized arguments: --novel"),
    ],
)
def test_wrong_arguments_end_the_program(
    line: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        parse(line.split())
    assert ended.value.code == 2
    assert text in capsys.readouterr().err

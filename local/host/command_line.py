"""The host's command line."""

import argparse
from pathlib import Path
from typing import Final, NamedTuple, get_args

from local.host.logs import LogFormat
from local.lifetime import UNTIL_INPUT_ENDS

DEFAULT_PORT: Final = 7071


class Arguments(NamedTuple):
    """What the host is asked to do."""

    app: Path
    port: int | None
    """None: what the settings file says, or else DEFAULT_PORT; 0: a free one."""
    state_directory: Path
    settings: Path
    auth: bool
    control: bool
    log_format: LogFormat
    until_input_ends: bool


def parse(arguments: list[str]) -> Arguments:
    """Read the arguments; ends the program with 2 and what is wrong where it cannot, as argparse does."""
    description = "Hosts an Azure Functions app of the Python v2 model."
    parser = argparse.ArgumentParser(prog="python -m local.host", description=description)
    start = parser.add_subparsers(metavar="start", required=True).add_parser("start", help="host an app until Ctrl-C")
    start.add_argument("--app", type=_directory, required=True, metavar="DIR", help="the app's directory")
    start.add_argument(
        "--port",
        type=_port,
        metavar="N",
        help=f"0: a free one; without it what local.settings.json says, or else {DEFAULT_PORT}",
    )
    start.add_argument(
        "--state-directory", type=Path, metavar="DIR", help="where it keeps its state (default: .local/host in the app)"
    )
    start.add_argument(
        "--settings", type=_file, metavar="FILE", help="the app's settings (default: local.settings.json)"
    )
    start.add_argument("--no-auth", action="store_true", help="ask nobody for a key")
    start.add_argument("--control", action="store_true", help="let tests change the host's time")
    start.add_argument("--log-format", choices=get_args(LogFormat), default="text", help="for people, or for machines")
    start.add_argument(UNTIL_INPUT_ENDS, action="store_true", help="end when standard input does")
    read = parser.parse_args(arguments)
    return Arguments(
        app=read.app,
        port=read.port,
        state_directory=(read.state_directory or read.app / ".local" / "host").resolve(),
        settings=read.settings or read.app / "local.settings.json",
        auth=not read.no_auth,
        control=read.control,
        log_format=read.log_format,
        until_input_ends=read.until_input_ends,
    )


def _directory(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_dir():
        message = f"there is no directory {text}"
        raise argparse.ArgumentTypeError(message)
    return path


def _file(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_file():
        message = f"there is no file {text}"
        raise argparse.ArgumentTypeError(message)
    return path


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= 65535:
        message = f"{text} is no port"
        raise argparse.ArgumentTypeError(message)
    return port

"""Apps of all shapes: what is found in them, what is refused and how, and what their modules may be called."""

import asyncio
import json
import logging
import os
from pathlib import Path

import pytest

from local.child_process import REPOSITORY
from local.host.functions import Function
from local.host.worker.index import AppNotIndexed
from local.host.worker.supervisor import Supervisor
from tests.local.host.worker.workers import Running, running

START = "import azure.functions as func\napp = func.FunctionApp()\n"
ROUTE = "@app.route(route='{0}')\ndef {0}(req: func.HttpRequest) -> str:\n    return '{0}'\n"


def index(directory: Path, code: str) -> list[Function]:
    (directory / "function_app.py").write_text(code)

    async def start() -> list[Function]:
        supervisor = Supervisor(directory, os.environ, function_timeout=None, log_format="text")
        functions = await supervisor.start()
        await supervisor.stop()
        return functions

    return asyncio.run(start())


def test_the_functions_of_an_app(tmp_path: Path) -> None:
    functions = index(
        tmp_path, START + ROUTE.format("one") + "@app.timer_trigger('t', '0 0 * * * *')\ndef two(t): pass"
    )
    assert [function.name for function in functions] == ["one", "two"]
    assert [binding["type"] for function in functions for binding in function.bindings] == [
        "httpTrigger",
        "http",
        "timerTrigger",
    ]
    assert functions[0].trigger["route"] == "one"
    assert functions[1].trigger["schedule"] == "0 0 * * * *"


def test_an_app_without_functions_is_served_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert index(tmp_path, START) == []
    assert caplog.record_tuples == [("local.host.worker", logging.WARNING, "the app has no functions")]


def test_a_retry_policy_is_not_honoured_in_silence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    timer = "@app.timer_trigger('t', '0 0 * * * *')\n"
    retry = "@app.retry(strategy='fixed_delay', max_retry_count='3', delay_interval='00:00:01')\n"
    index(tmp_path, f"{START}{timer}{retry}def f(t): pass\n{timer}def g(t): pass\n")
    assert [record.getMessage() for record in caplog.records] == ["function f: its retry policy is not honoured"]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "import os\nimport nothing_of_that_name\n",
            "ModuleNotFoundError: No module named 'nothing_of_that_name' (function_app.py, line 2)",
        ),
        ("def f(:\n", "SyntaxError: invalid syntax (function_app.py, line 1)"),
        ("raise ValueError('two\\nlines')\n", "ValueError: two lines (function_app.py, line 1)"),
        ("import json\njson.loads('{')\n", "JSONDecodeError: Expecting property name"),
        ("import sys\nsys.exit('enough')\n", "SystemExit: enough (function_app.py, line 2)"),
        ("import os\nos._exit(5)\n", "the worker ended with exit code 5 while it indexed the app"),
        ("x = 1\n", "ValueError: Could not find top level function app instances in function_app.py."),
        (START + ROUTE.format("f") + ROUTE.format("f"), "ValueError: Function f does not have a unique function name."),
        (
            START + "@app.route(route='f')\ndef f(request: func.HttpRequest) -> str:\n    return ''\n",
            "FunctionLoadError: cannot load the f function: the following parameters are declared in Python but not",
        ),
        (
            START + "@app.queue_trigger(arg_name='m', queue_name='q', connection='c')\ndef f(m): pass\n",
            "function f: the local host has no binding of type queueTrigger",
        ),
        (
            START
            + "@app.timer_trigger('t', '0 0 * * * *')\n@app.blob_output(arg_name='b', path='p', connection='c')\n"
            + "def f(t, b: func.Out[str]): pass\n",
            "function f: the local host has no binding of type blob",
        ),
    ],
)
def test_an_app_that_cannot_be_served_is_refused_in_one_line(code: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(AppNotIndexed) as refused:
        index(tmp_path, code)
    assert str(refused.value).startswith(text)
    assert "\n" not in str(refused.value)


def test_an_error_in_a_module_of_the_app_is_found_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "inner.py").write_text("import json\njson.loads('')\n")
    with pytest.raises(AppNotIndexed, match=r"\(package/inner\.py, line 2\)"):
        index(tmp_path, "import package.inner\n")
    # People see how it came to that.
    assert "function_app.py could not be imported\n    Traceback (most recent call last):\n" in capfd.readouterr().err


def test_a_directory_without_an_app_is_refused(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, os.environ, function_timeout=None, log_format="text")
    with pytest.raises(AppNotIndexed, match=r"there is no function_app\.py in /"):
        asyncio.run(supervisor.start())


def test_http_streaming_is_refused(tmp_path: Path) -> None:
    streaming = """
import azurefunctions.extensions.base as base

class Message:
    pass

class Request(metaclass=base.RequestTrackerMeta):
    request_type = Message
    synchronizer = True

class Response(metaclass=base.ResponseTrackerMeta):
    label = "plain"
    response_type = Message

class App(base.WebApp):
    def route(self, function):
        return function
    def get_app(self):
        return None

class Server(base.WebServer):
    async def serve(self):
        pass

WebApp, WebServer = App, Server

@app.route(route="f")
def f(req: Message) -> Message:
    return req
"""
    with pytest.raises(AppNotIndexed, match="the local host does not serve HTTP streaming"):
        index(tmp_path, START + streaming)


def test_another_script_than_function_app(tmp_path: Path) -> None:
    (tmp_path / "entry.py").write_text(START + ROUTE.format("one"))

    async def test() -> None:
        async with running(tmp_path, environment={"PYTHON_SCRIPT_FILE_NAME": "entry.py"}) as app:
            assert list(app.functions) == ["one"]

    asyncio.run(test())


COLLIDING = """
import json, os, sys
import azure.functions as func
import child.process, domain.models, local.host.functions, worker.supervisor
import log_lines, logs, messages, process, runtime_adapter, start

app = func.FunctionApp()
MINE = [child.process, domain.models, local.host.functions, worker.supervisor]
MINE += [log_lines, logs, messages, process, runtime_adapter, start]

@app.route(route="names")
def names(req: func.HttpRequest) -> str:
    modules = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    return json.dumps({"mine": [module.MINE for module in MINE], "path": sys.path, "directory": os.getcwd(),
                       "modules": modules, "python path": os.environ.get("PYTHONPATH")})
"""
MODULES = (
    "child/process domain/models local/host/functions worker/supervisor "
    "log_lines logs messages process runtime_adapter start"
)


def write_colliding_app(directory: Path) -> None:
    """Write an app that calls its modules as the host and its worker call theirs."""
    for name in MODULES.split():
        path = directory / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("MINE = True\n")
        for parent in path.relative_to(directory).parents[:-1]:
            (directory / parent / "__init__.py").touch()
    (directory / "function_app.py").write_text(COLLIDING)


async def ask_names(app: Running) -> dict[str, object]:
    output = await app.request("names")
    assert output is not None
    document: dict[str, object] = json.loads(output.value)
    return document


def test_an_app_may_call_its_modules_as_it_likes(tmp_path: Path) -> None:
    write_colliding_app(tmp_path)

    async def test() -> None:
        async with running(tmp_path, environment={"PYTHONPATH": str(REPOSITORY)}) as app:
            names = await ask_names(app)
            assert names["mine"] == [True] * 10
            assert names["directory"] == str(tmp_path)
            assert names["python path"] is None
            path, modules = names["path"], names["modules"]
            assert isinstance(path, list)
            assert isinstance(modules, dict)
            assert path[0] == str(tmp_path)
            assert not [
                each for each in path if each in ("", str(REPOSITORY), str(REPOSITORY / "local/host/worker/child"))
            ]
            assert "_local_host_worker.process" in modules
            ours = [name for name, file in modules.items() if file and file.startswith(str(REPOSITORY / "local"))]
            assert [name for name in ours if name.partition(".")[0] not in ("__main__", "_local_host_worker")] == []

    asyncio.run(test())


def test_the_repository_is_not_in_the_worker_of_an_app_without_such_modules(tmp_path: Path) -> None:
    code = """
import importlib.util, sys
FOUND = [name for name in ("local", "domain", "activities", "messages") if importlib.util.find_spec(name)]

@app.route(route="names")
def names(req: func.HttpRequest) -> str:
    return str([*FOUND, *(name for name in sys.modules if name.partition(".")[0] == "local")])
"""
    (tmp_path / "function_app.py").write_text(START + code)

    async def test() -> None:
        async with running(tmp_path) as app:
            output = await app.request("names")
            assert output is not None
            assert output.value == "[]"

    asyncio.run(test())


def test_what_an_app_brings_is_found_before_what_is_installed(tmp_path: Path) -> None:
    brought = tmp_path / ".python_packages" / "lib" / "site-packages"
    brought.mkdir(parents=True)
    (brought / "isodate.py").write_text("BROUGHT = True\n")
    (brought / "local.py").write_text("BROUGHT = True\n")
    (tmp_path / "local.py").write_text("BROUGHT = False\n")
    code = "import sys, isodate, local\nassert isodate.BROUGHT and not local.BROUGHT, sys.path\n"
    assert index(tmp_path, START + code + ROUTE.format("one"))[0].name == "one"

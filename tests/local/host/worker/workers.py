"""Supervisors of real workers, for tests."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from local.host.functions import Function, Input, Output
from local.host.worker.child.log_lines import LogFormat
from local.host.worker.supervisor import Supervisor

SMALL_APP = Path(__file__).parent / "apps" / "small"


class Running(NamedTuple):
    supervisor: Supervisor
    functions: Mapping[str, Function]

    async def act(self, name: str, value: Any, *, again: bool = True) -> Any:
        """Run an activity."""
        function = self.functions[name]
        output = await self.supervisor.invoke(
            function, [Input(function.trigger["name"], "json", json.dumps(value))], again=again
        )
        assert output is not None
        assert output.kind == "json"
        return json.loads(output.value)

    async def request(self, name: str, **value: Any) -> Output | None:
        """Send a request to an HTTP function."""
        whole = {"method": "GET", "url": "http://h/", "headers": {}, "params": {}, "query": {}, **value}
        function = self.functions[name]
        return await self.supervisor.invoke(function, [Input(function.trigger["name"], "http", whole)], again=False)


@asynccontextmanager
async def running(
    app: Path = SMALL_APP,
    *,
    function_timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
    log_format: LogFormat = "text",
) -> AsyncIterator[Running]:
    supervisor = Supervisor(
        app, {**os.environ, **(environment or {})}, function_timeout=function_timeout, log_format=log_format
    )
    functions = await supervisor.start()
    try:
        yield Running(supervisor, {function.name: function for function in functions})
    finally:
        await supervisor.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it looks at files and processes
            await asyncio.sleep(0.02)

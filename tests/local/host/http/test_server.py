"""The front behind the web server that it runs on: paths as received, cookies, and answers that have no body."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette

from local.host.functions import Input, Output
from local.lifetime import Server, open_listener
from tests.local.host.http.support import Recorder, http_function, make_app


def serve(app: Starlette, use: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """Serve an app for as long as a client uses it."""

    async def run() -> None:
        listener = open_listener()
        server = Server(uvicorn.Config(app, log_level="warning", lifespan="off", http="h11"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
                await use(client)
        finally:
            server.should_exit = True
            await serving

    asyncio.run(run())


def answer(given: Input) -> Output:
    """Answer with the status that the path names."""
    body = base64.b64encode(b"body").decode()
    cookies = [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]
    status = int(given.value["params"]["status"])
    return Output("http", {"status": status, "headers": {"content-length": "7"}, "body": body, "cookies": cookies})


def test_over_a_real_connection(tmp_path: Path) -> None:
    recorder = Recorder(answer)
    app = make_app(tmp_path, [http_function("f", "f/{status:int}/{*rest}")], recorder)

    async def use(client: httpx.AsyncClient) -> None:
        response = await client.post("/api/f/200/a%2Fb%20c/%C3%A9/?q=1", content=b"given")
        assert (response.status_code, response.content) == (200, b"body")
        assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert [(await client.get(f"/api/f/{status}")).content for status in (204, 304, 500)] == [b"", b"", b"body"]
        head = await client.head("/api/f/200")
        assert (head.headers["content-length"], head.content) == ("4", b"")
        assert (await client.post("/api/g", content=bytes(1_000_000))).status_code == 404
        assert (await client.get("/api/f/200")).status_code == 200

    serve(app, use)
    value = recorder.asked[0][1].value
    assert value["url"].endswith("/api/f/200/a%2Fb%20c/%C3%A9/?q=1")
    assert value["params"] == {"status": "200", "rest": "a/b c/é/"}
    assert base64.b64decode(value["body"]) == b"given"

"""What goes into a function of each kind, and what comes out."""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.wrappers_pb2 import StringValue

from local.host.functions import Input, InvocationFailed, Output
from tests.local.host.worker.workers import Running, running


def with_small_app(test: Callable[[Running], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running() as started:
            await test(started)

    asyncio.run(run())


def text_of(output: Output | None) -> str:
    assert output is not None
    return base64.b64decode(output.value["body"]).decode()


def test_a_request_and_its_response() -> None:
    async def test(app: Running) -> None:
        body = base64.b64encode(b"\x00body").decode()
        output = await app.request(
            "echo", method="POST", params={"word": "w"}, query={"q": "1"}, headers={"x-test": "t"}, body=body
        )
        assert output is not None
        assert output.kind == "http"
        assert output.value["status"] == 201
        assert output.value["headers"] == {"X-Answer": "yes", "content-type": "text/plain; charset=utf-8"}
        assert output.value["cookies"] == []
        assert text_of(output) == "POST {'word': 'w'} {'q': '1'} {'x-test': 't'} \x00body"

    with_small_app(test)


@pytest.mark.parametrize("body", [{}, {"body": None}, {"body": ""}])
def test_a_request_without_a_body(body: dict[str, Any]) -> None:
    async def test(app: Running) -> None:
        assert await app.request("raw", **body) == Output("string", "0")

    with_small_app(test)


def test_other_answers_than_a_response() -> None:
    async def test(app: Running) -> None:
        assert await app.request("plain", url="http://h/x") == Output("string", "http://h/x")
        output = await app.request("named_output")
        assert output is not None
        assert (output.value["status"], text_of(output)) == (202, "set")

    with_small_app(test)


def test_cookies_come_through_whatever_the_local_time_is() -> None:
    async def test() -> None:
        async with running(environment={"TZ": "America/New_York"}) as app:
            output = await app.request("cookies")
            assert output is not None
            plain, full = output.value["cookies"]
            assert plain == {
                "name": "a",
                "value": "1",
                "domain": None,
                "path": None,
                "expires": None,
                "maxAge": None,
                "secure": False,
                "httpOnly": False,
                "sameSite": None,
            }
            assert full == {
                "name": "b",
                "value": "2",
                "domain": "d.test",
                "path": "/p",
                "expires": 2098519200,
                "maxAge": 60.0,
                "secure": True,
                "httpOnly": True,
                "sameSite": "None",
            }
            assert time.gmtime(2098519200)[:4] == (2036, 7, 1, 10)
            assert "Set-Cookie" not in output.value["headers"]

    asyncio.run(test())


def test_a_timer_and_an_event(capfd: pytest.CaptureFixture[str]) -> None:
    async def test(app: Running) -> None:
        tick, receive = app.functions["tick"], app.functions["receive_event"]
        status = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": {}, "IsPastDue": True}
        assert await app.supervisor.invoke(tick, [Input("timer", "json", json.dumps(status))], again=True) is None
        event = {"id": "1", "eventType": "made", "data": {"a": 1}, "eventTime": "2026-01-01T00:00:00Z"}
        assert await app.supervisor.invoke(receive, [Input("event", "json", json.dumps(event))], again=True) is None

    with_small_app(test)
    lines = capfd.readouterr().err
    assert "past due: True" in lines
    assert "1 made {'a': 1}" in lines


def test_an_activity() -> None:
    async def test(app: Running) -> None:
        assert await app.act("double", 21) == 42

    with_small_app(test)


def test_an_orchestrator_s_turn() -> None:
    async def test(app: Running) -> None:
        request = pb.OrchestratorRequest(instanceId="i")
        request.newEvents.add().orchestratorStarted.SetInParent()
        request.newEvents.add().executionStarted.MergeFrom(
            pb.ExecutionStartedEvent(name="plan", input=StringValue(value="21"))
        )
        text = base64.b64encode(request.SerializeToString()).decode()
        plan = app.functions["plan"]
        output = await app.supervisor.invoke(plan, [Input(plan.trigger["name"], "string", text)], again=True)
        assert output is not None
        assert output.kind == "string"
        response = pb.OrchestratorResponse.FromString(base64.b64decode(output.value))
        assert [action.scheduleTask.name for action in response.actions] == ["double"]

    with_small_app(test)


def test_an_entity_s_turn() -> None:
    async def test(app: Running) -> None:
        request = pb.EntityBatchRequest(instanceId="@counter@k", entityState=StringValue(value="40"))
        request.operations.add(operation="add", requestId="r", input=StringValue(value="2"))
        text = base64.b64encode(request.SerializeToString()).decode()
        counter = app.functions["counter"]
        output = await app.supervisor.invoke(counter, [Input(counter.trigger["name"], "string", text)], again=True)
        assert output is not None
        result = pb.EntityBatchResult.FromString(base64.b64decode(output.value))
        assert result.entityState.value == "42"

    with_small_app(test)


def test_durable_client_bindings_are_filled_in() -> None:
    async def test(app: Running) -> None:
        app.supervisor.durable_client = json.dumps({"taskHubName": "hub", "rpcBaseUrl": "127.0.0.1:1"})
        assert await app.request("show_client_text") == Output("string", app.supervisor.durable_client)
        assert text_of(await app.request("show_client")) == "SyncDurableFunctionsClient"

    with_small_app(test)


@pytest.mark.parametrize("text", ["no luck: at all", ""])
def test_a_function_that_raises(text: str) -> None:
    async def test(app: Running) -> None:
        with pytest.raises(InvocationFailed) as failed:
            await app.act("fail", text)
        assert (failed.value.error_type, str(failed.value)) == ("ValueError", text)
        assert "raise ValueError(text)" in failed.value.stack

    with_small_app(test)


def test_a_function_that_raises_a_cancellation_is_answered() -> None:
    async def test(app: Running) -> None:
        with pytest.raises(InvocationFailed) as failed:
            await app.act("cancel", "stopped")
        assert (failed.value.error_type, str(failed.value)) == ("CancelledError", "stopped")

    with_small_app(test)

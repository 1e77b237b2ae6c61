"""The durable client binding and forwarded hosts: the links of the real SDK work as they are."""

import asyncio
import json
from collections.abc import Mapping
from urllib.parse import quote

import azure.durable_functions as df
import azure.functions as func
import httpx
import pytest
from starlette.requests import Request

from local.host.webhooks.durable_task.links import (
    BASE_PATH,
    Management,
    describe_durable_client,
    find_origin,
    make_own_link,
)
from tests.local.host.webhooks.conftest import MANAGEMENT, RunningEngine, Until

INSTANCE = "an instance: @home"


def call_sdk(
    engine: RunningEngine, management: Management, headers: Mapping[str, str], *, start: bool
) -> func.HttpResponse:
    """Do what a function does that starts an orchestration, or that only tells where to look."""

    async def call() -> func.HttpResponse:
        client = df.DurableFunctionsClient(describe_durable_client(engine.origin, engine.durable_address, management))
        request = func.HttpRequest(method="POST", url=f"{engine.origin}/api/start", headers=headers, body=b"")
        try:
            if start:
                await client.schedule_new_orchestration("wait_for_approval", instance_id=INSTANCE)
            return client.create_check_status_response(request, INSTANCE)
        finally:
            await client.close()

    return asyncio.run(call())


def test_the_links_of_the_sdk_work(engine: RunningEngine, until: Until) -> None:
    response = call_sdk(engine, MANAGEMENT, {}, start=True)
    links = json.loads(response.get_body())
    assert links["id"] == INSTANCE
    with httpx.Client() as client:
        assert client.get(response.headers["location"]).status_code == 202
        assert client.post(links["suspendPostUri"].format(text="a%20break")).status_code == 202
        assert client.post(links["resumePostUri"].format(text="")).status_code == 202
        assert client.post(links["sendEventPostUri"].format(eventName="approval"), json="yes").status_code == 202
        until(f"instances/{quote(INSTANCE)}", "Completed")
        assert client.get(links["statusQueryGetUri"]).json()["output"] == {"approval": "yes"}
        assert client.post(links["rewindPostUri"].format(text="none")).status_code == 410
        restarted = client.post(links["restartPostUri"]).json()
        assert client.post(restarted["terminatePostUri"].format(text="enough")).status_code == 202
        assert client.delete(links["purgeHistoryDeleteUri"]).json() == {"instancesDeleted": 1}


def test_the_creation_links_work(engine: RunningEngine) -> None:
    urls = json.loads(describe_durable_client(engine.origin, engine.durable_address, MANAGEMENT))["creationUrls"]
    create = fill(urls["createNewInstancePostUri"], {"{functionName}": "hello", "[/{instanceId}]": "/created"})
    assert httpx.post(create, json="Ada").json()["id"] == "created"
    values = {"{functionName}": "hello", "[/{instanceId}]": "", "{timeoutInSeconds}": "10", "{intervalInSeconds}": "1"}
    wait = fill(urls["createAndWaitOnNewInstancePostUri"], values)
    assert httpx.post(wait, json="Ada").json() == "Hello Ada!"


def fill(template: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(name, value)
    return template


def test_what_the_sdk_reads_of_the_binding() -> None:
    binding = json.loads(describe_durable_client("http://127.0.0.1:7071", "127.0.0.1:4711", Management("Hub", "k=")))
    assert binding["taskHubName"] == "Hub"
    assert binding["rpcBaseUrl"] == "127.0.0.1:4711"
    assert binding["baseUrl"] == binding["httpBaseUrl"] == "http://127.0.0.1:7071/runtime/webhooks/durabletask"
    assert binding["requiredQueryStringParameters"] == "taskHub=Hub&connection=Storage&code=k%3D"
    assert binding["useForwardedHost"] is False
    assert binding["maxGrpcMessageSizeInBytes"] == 2147483647
    assert binding["managementUrls"]["id"] == "INSTANCEID"


FORWARDED = {"x-forwarded-host": "public.example, inner.example", "x-forwarded-proto": "https"}


@pytest.mark.parametrize("used", [True, False])
def test_the_sdk_believes_forwarded_headers_where_the_host_does(engine: RunningEngine, *, used: bool) -> None:
    management = MANAGEMENT._replace(use_forwarded_host=used)
    links = json.loads(call_sdk(engine, management, FORWARDED, start=False).get_body())
    expected = "https://public.example" if used else engine.origin
    assert links["statusQueryGetUri"].startswith(f"{expected}{BASE_PATH}/instances/")


def make_request(headers: Mapping[str, str], query: bytes = b"") -> Request:
    raw = [(name.encode(), value.encode()) for name, value in {"host": "localhost:7071", **headers}.items()]
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/a b/@c",
        "query_string": query,
        "headers": raw,
    }
    return Request(scope)


@pytest.mark.parametrize(
    ("headers", "used", "origin"),
    [
        (FORWARDED, True, "https://public.example"),
        (FORWARDED, False, "http://localhost:7071"),
        ({"x-forwarded-host": "public.example"}, True, "http://localhost:7071"),
        ({"x-forwarded-proto": "https"}, True, "http://localhost:7071"),
        ({}, True, "http://localhost:7071"),
    ],
)
def test_the_origin_of_answers(headers: Mapping[str, str], *, used: bool, origin: str) -> None:
    management = Management("Hub", "k", use_forwarded_host=used)
    assert find_origin(make_request(headers), management) == origin


def test_the_link_that_was_followed() -> None:
    assert make_own_link(make_request({}, b"a=%20&b"), MANAGEMENT) == "http://localhost:7071/a%20b/%40c?a=%20&b"
    assert make_own_link(make_request({}), MANAGEMENT) == "http://localhost:7071/a%20b/%40c"

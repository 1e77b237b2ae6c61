"""One request can be followed by its ids: into every call to Azure that it leads to, and into the logs."""

import pytest

from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian, request_for

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_the_ids_of_a_request_reach_every_service(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    before = len(stack.control.journal())
    headers = {"x-ms-client-request-id": "portal-4711", "traceparent": TRACEPARENT}
    response = portal.send("PUT", f"hsms/{hsm_name}", json=request_for(stack, custodians), headers=headers)
    assert response.headers["x-ms-client-request-id"] == "portal-4711"
    assert response.headers["x-ms-request-id"]
    operation_id = response.json()["id"]
    while portal.operation(operation_id)["status"] != "Succeeded":
        pass
    # Each activity reads the claim first, which tells it the ids; following the operation has none.
    calls = [
        entry
        for entry in stack.control.journal()[before:]
        if entry["service"] != "entra" and not (entry["service"] == "blob_storage" and entry["method"] == "GET")
    ]
    assert {entry["clientRequestId"] for entry in calls} == {"portal-4711"}
    assert {entry["service"] for entry in calls} == {"resource_manager", "managed_hsm", "blob_storage"}
    assert {entry["path"] for entry in calls if entry["method"] == "POST"} >= {"/securitydomain/download"}
    spans = [entry["traceparent"].split("-") for entry in calls]
    assert {trace for _, trace, _, _ in spans} == {TRACE}
    assert len({span for _, _, span, _ in spans}) == len(spans)
    log = (stack.host.process.log_path).read_text()
    assert f"PUT hsms/{{name}} -> 202 request_id={response.headers['x-ms-request-id']}" in log
    assert f"client_request_id=portal-4711 trace_id={TRACE}" in log


def test_what_belongs_to_nobody_carries_nobodys_ids(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    another = "0af7651916cd43dd8448eb211c80319c"
    headers = {"x-ms-client-request-id": "portal-4712", "traceparent": TRACEPARENT.replace(TRACE, another)}
    assert portal.send("GET", "hsms/nobody-has-this", headers=headers).status_code == 404
    before = len(stack.control.journal())
    operation_id = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"]
    assert portal.follow(operation_id)["status"] == "Succeeded"
    calls = stack.control.journal()[before:]
    assert not [entry for entry in calls if "portal-4712" in (entry["clientRequestId"] or "")]
    assert not [entry for entry in calls if another in (entry["traceparent"] or "")]


@pytest.mark.parametrize("text", ["x" * 65, "a b", "a;b", "-a", "é", "a\tb", "%0d%0aX-Evil: 1", "<script>", "{}"])
def test_a_request_id_that_is_none_is_refused_and_not_repeated(text: str, portal: Portal) -> None:
    response = portal.send("GET", "hsms/x-y-z", headers={"x-ms-client-request-id": text.encode()})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_header")
    assert response.json()["errors"][0]["field"] == "x-ms-client-request-id"
    assert text not in response.text
    assert "x-ms-client-request-id" not in response.headers


@pytest.mark.parametrize(
    "text", ["", "00-0-0-0", f"00-{'0' * 32}-00f067aa0ba902b7-01", f"{TRACEPARENT}-x", "ff" + TRACEPARENT[2:]]
)
def test_a_trace_that_is_none_is_ignored(text: str, stack: Stack, portal: Portal) -> None:
    before = len(stack.control.journal())
    assert portal.send("GET", "hsms/nobody-has-this", headers={"traceparent": text}).status_code == 404
    assert not [entry for entry in stack.control.journal()[before:] if entry["traceparent"]]

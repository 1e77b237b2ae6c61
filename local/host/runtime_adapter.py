"""All use of azure-functions-runtime, Microsoft's worker library, in one place.

The library wants a `protos` module of protobuf classes; plain attribute bags are enough (see README.md).
"""

import base64
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime


class Bag(SimpleNamespace):
    """Stands for a protobuf message: attributes, and the name of the one that is set."""

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 - protobuf's name
        """Name the attribute that is set; a ParameterBinding's is always `data`."""
        if group != "data":
            return "data"
        return next(iter(vars(self)), None)


class _StatusResult(Bag):
    Failure = 0
    Success = 1


class _BindingInfo(Bag):
    undefined = 0
    inout = 2
    out = 1


_SameSite = SimpleNamespace(Lax=1, Strict=2, ExplicitNone=3, **{"None": 0})


class _Cookie(Bag):
    SameSite = _SameSite


_MESSAGES = (
    "WorkerInitResponse WorkerMetadata RpcException RpcFunctionMetadata FunctionMetadataResponse FunctionLoadResponse "
    "InvocationResponse ParameterBinding TypedData RpcHttp NullableString NullableBool NullableDouble "
    "NullableTimestamp RpcRetryOptions"
)
_PROTOS = SimpleNamespace(
    StatusResult=_StatusResult,
    BindingInfo=_BindingInfo,
    RpcHttpCookie=_Cookie,
    **dict.fromkeys(_MESSAGES.split(), Bag),
)


class IndexingFailed(Exception):  # noqa: N818 - it says what happened
    """The app could not be imported or indexed; the text is the library's."""


async def index_app(app_directory: Path) -> list[dict[str, Any]]:
    """Import the app and give its functions: name, id and bindings; raises IndexingFailed."""
    runtime.start_threadpool_executor()
    init = Bag(worker_init_request=Bag(capabilities={}, function_app_directory=str(app_directory)))
    response = await runtime.worker_init_request(_request(init))
    if response.result.status != _StatusResult.Success:
        raise IndexingFailed(f"{response.result.exception.message}\n{response.result.exception.stack_trace}")
    metadata = await runtime.functions_metadata_request(_request(Bag()))
    return [
        {"name": function.name, "id": function.function_id, "bindings": list(function.raw_bindings)}
        for function in metadata.function_metadata_results or []
    ]


async def invoke(function_id: str, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Invoke a function and give its output, or the type and text of its error."""
    invocation = Bag(
        invocation_id=uuid.uuid4().hex,
        function_id=function_id,
        input_data=[Bag(name=item["name"], data=_typed(item)) for item in inputs],
        trigger_metadata={},
        trace_context=Bag(trace_parent="", trace_state="", attributes={}),
        retry_context=Bag(retry_count=0, max_retry_count=0, exception=None),
    )
    response = await runtime.invocation_request(_request(Bag(invocation_request=invocation)))
    if response.result.status != _StatusResult.Success:
        kind, _, text = response.result.exception.message.partition(": ")
        return {"error": {"type": kind, "message": text, "stack": response.result.exception.stack_trace}}
    return {"output": _untyped(response.return_value)}


def _request(message: Bag) -> Bag:
    return Bag(request=message, properties={"protos": _PROTOS, "host": "127.0.0.1"})


def _typed(item: dict[str, Any]) -> Bag:
    if item["kind"] != "http":
        return Bag(**{item["kind"]: item["value"]})
    value = item["value"]
    body = Bag(bytes=base64.b64decode(value["body"]))
    return Bag(http=Bag(**{**value, "body": body}))


def _untyped(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    kind = value.WhichOneof("data")
    if kind != "http":
        return {"kind": kind, "value": getattr(value, kind)}
    http = value.http
    body = getattr(http.body, http.body.WhichOneof("data") or "", b"") if http.body else b""
    raw = body if isinstance(body, bytes) else str(body).encode()
    return {
        "kind": "http",
        "value": {
            "status": int(http.status_code),
            "headers": {name: str(text) for name, text in http.headers.items()},
            "body": base64.b64encode(raw).decode(),
        },
    }

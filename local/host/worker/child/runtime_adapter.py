"""All use of azure-functions-runtime, Microsoft's worker library, in one place.

The library wants a `protos` module of protobuf classes; plain attribute bags are enough.
"""

import base64
import importlib
import json
import logging
import os
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import azure_functions_runtime as runtime

_log = logging.getLogger("worker")
# What runs now: function ids are of no use to people.
_names: dict[str, str] = {}
_running: dict[str, str] = {}


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


class _Cookie(Bag):
    # A cookie's own None is ExplicitNone; None means that the function said nothing.
    SameSite = SimpleNamespace(Lax="Lax", Strict="Strict", ExplicitNone="None", **{"None": None})


_MESSAGES: Final = (
    "WorkerInitResponse WorkerMetadata RpcException RpcFunctionMetadata FunctionMetadataResponse FunctionLoadResponse "
    "InvocationResponse ParameterBinding TypedData RpcHttp NullableString NullableBool NullableDouble "
    "NullableTimestamp Timestamp RpcRetryOptions"
)
_PROTOS: Final = SimpleNamespace(
    StatusResult=_StatusResult,
    BindingInfo=_BindingInfo,
    RpcHttpCookie=_Cookie,
    **dict.fromkeys(_MESSAGES.split(), Bag),
)


class IndexingFailed(Exception):  # noqa: N818 - it says what happened
    """The app could not be imported or indexed; the text is one line."""


async def index_app(app_directory: Path) -> list[dict[str, Any]]:
    """Import the app and give its functions: name, id, bindings, whether to retry them; raises IndexingFailed."""
    _import_app(app_directory)
    runtime.start_threadpool_executor()
    init = Bag(worker_init_request=Bag(capabilities={}, function_app_directory=str(app_directory)))
    response = await runtime.worker_init_request(_request(init))
    if response.result.status != _StatusResult.Success:
        raise IndexingFailed(_one_line(response.result.exception.message))
    if "HttpUri" in response.capabilities:
        message = "the local host does not serve HTTP streaming (azurefunctions.extensions.http)"
        raise IndexingFailed(message)
    metadata = await runtime.functions_metadata_request(_request(Bag()))
    functions = metadata.function_metadata_results or []
    _names.update((function.function_id, function.name) for function in functions)
    return [
        {
            "name": function.name,
            "id": function.function_id,
            "bindings": [json.loads(binding) for binding in function.raw_bindings],
            "retries": function.retry_options is not None,
        }
        for function in functions
    ]


def _import_app(app_directory: Path) -> None:
    """Import the app before the library does, which would bury what went wrong in advice."""
    script = os.environ.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
    if not (app_directory / script).is_file():
        message = f"there is no {script} in {app_directory}"
        raise IndexingFailed(message)
    try:
        importlib.import_module(Path(script).stem)
    except (Exception, SystemExit) as error:
        _log.error("%s could not be imported", script, exc_info=error)
        message = f"{type(error).__name__}: {_one_line(str(error))}{_place(error, app_directory)}"
        raise IndexingFailed(message) from error


def _place(error: BaseException, app_directory: Path) -> str:
    """Say where in the app's own code an error was raised."""
    if isinstance(error, SyntaxError):
        # Its text says it already.
        return ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(app_directory) and "site-packages" not in path.parts:
            return f" ({path.relative_to(app_directory)}, line {frame.lineno})"
    return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


async def invoke(invocation_id: str, function_id: str, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Invoke a function and give its output, or the type, text and stack of its error."""
    # The library sets it on the threads of synchronous functions only; asynchronous ones run in this task.
    runtime.invocation_id_cv.set(invocation_id)
    _running[invocation_id] = function_id
    invocation = Bag(
        invocation_id=invocation_id,
        function_id=function_id,
        input_data=[Bag(name=item["name"], data=_typed(item)) for item in inputs],
        # Since the host leaves an HTTP request's out of it, no trigger that is served here has any.
        trigger_metadata={},
        trace_context=Bag(trace_parent="", trace_state="", attributes={}),
        retry_context=Bag(retry_count=0, max_retry_count=0, exception=None),
    )
    try:
        response = await runtime.invocation_request(_request(Bag(invocation_request=invocation)))
    finally:
        del _running[invocation_id]
    if response.result.status != _StatusResult.Success:
        kind, _, text = response.result.exception.message.partition(": ")
        return {"error": {"type": kind, "message": text, "stack": response.result.exception.stack_trace}}
    # An HTTP function returns its response or sets the one output binding that it has.
    values = [response.return_value, *(binding.data for binding in response.output_data)]
    return {"output": next((_untyped(value) for value in values if value is not None), None)}


def current_invocation() -> tuple[str | None, str | None]:
    """Give the name of the function that runs in this context, and the id of its invocation."""
    invocation_id = runtime.invocation_id_cv.get()
    return _names.get(_running.get(invocation_id, "")), invocation_id


def _request(message: Bag) -> Bag:
    return Bag(request=message, properties={"protos": _PROTOS, "host": "127.0.0.1"})


def _typed(item: dict[str, Any]) -> Bag:
    if item["kind"] != "http":
        return Bag(**{item["kind"]: item["value"]})
    value = item["value"]
    body = value.get("body")
    return Bag(http=Bag(**{**value, "body": Bag() if body is None else Bag(bytes=base64.b64decode(body))}))


def _untyped(value: Any) -> dict[str, Any]:
    kind = value.WhichOneof("data")
    content = getattr(value, kind)
    if kind == "bytes":
        content = base64.b64encode(content).decode()
    elif kind == "http":
        content = _describe_response(content)
    return {"kind": kind, "value": content}


def _describe_response(http: Bag) -> dict[str, Any]:
    return {
        "status": int(http.status_code),
        "headers": {name: str(text) for name, text in http.headers.items()},
        # azure.functions gives every response a body of bytes.
        "body": base64.b64encode(http.body.bytes).decode(),
        "cookies": [_describe_cookie(cookie) for cookie in http.cookies or []],
    }


def _describe_cookie(cookie: Bag) -> dict[str, Any]:
    return {
        "name": cookie.name,
        "value": cookie.value,
        "domain": cookie.domain.value or None,
        "path": cookie.path.value or None,
        "expires": _seconds(cookie.expires) if cookie.expires else None,
        "maxAge": cookie.max_age.value if cookie.max_age else None,
        "secure": cookie.secure.value,
        "httpOnly": cookie.http_only.value,
        "sameSite": cookie.same_site,
    }


def _seconds(expires: Bag) -> int:
    """Undo that the library takes a cookie's GMT for local time: on Azure, local time is UTC."""
    return int(datetime.fromtimestamp(expires.value.seconds).replace(tzinfo=UTC).timestamp())  # noqa: DTZ006

"""What the API reads of a request's query and body.

Names are taken in any case, and a value that cannot be read counts as not given: so it is on Azure, where whoever
mistypes a filter gets everything. Source: the extension's HttpApiHandler.cs, TryGet...QueryParameterValue.
"""

import json
import math
import re
from datetime import UTC, datetime
from typing import Final

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import StringValue
from starlette.requests import Request

from local.host.webhooks.durable_task.answers import Refusal, describe_error
from local.host.webhooks.durable_task.status import STATUS_NAMES

CONTINUATION_HEADER: Final = "x-ms-continuation-token"
_DEFAULT_PAGE: Final = 100
_STATUSES: Final = {name: number for number, name in STATUS_NAMES.items()}


def read_text(request: Request, name: str) -> str | None:
    """Read a value; those of a name that is given more than once are joined with commas."""
    found = [value for key, value in request.query_params.multi_items() if key.lower() == name.lower()]
    return ",".join(found) if found else None


def read_flag(request: Request, name: str, *, default: bool) -> bool:
    """Read `true` or `false`."""
    return {"true": True, "false": False}.get((read_text(request, name) or "").strip().lower(), default)


def read_page_size(request: Request) -> int:
    """Read `top`; by default 100."""
    text = (read_text(request, "top") or "").strip()
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,8}", text) else _DEFAULT_PAGE


def read_token(request: Request) -> StringValue | None:
    """Read where a list goes on, from the request's headers."""
    token = request.headers.get(CONTINUATION_HEADER)
    return StringValue(value=token) if token else None


def read_seconds(request: Request, name: str) -> float | None:
    """Read a duration in seconds; raises Refusal 400 for one without an end."""
    try:
        seconds = float(read_text(request, name) or "")
    except ValueError:
        return None
    if not math.isfinite(seconds):
        raise Refusal(400, describe_error("System.ArgumentException", f"{name} must be a number of seconds."))
    return seconds


def read_moment(request: Request, name: str) -> Timestamp | None:
    """Read an ISO 8601 time; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat((read_text(request, name) or "").strip())
        found = Timestamp()
        found.FromDatetime(moment.astimezone(UTC) if moment.tzinfo else moment)
    except (ValueError, OverflowError):
        return None
    return found


def read_statuses(request: Request) -> list[pb.OrchestrationStatus]:
    """Read `runtimeStatus`: names, separated by commas, in their own case."""
    names = (read_text(request, "runtimeStatus") or "").split(",")
    return [_STATUSES[name.strip()] for name in names if name.strip() in _STATUSES]


async def read_json(request: Request) -> str | None:
    """Read a body of JSON as the text that it is, None where it is empty; raises ValueError where it is none."""
    text = (await request.body()).decode("utf-8-sig")
    if not text:
        return None
    try:
        json.loads(text)
    except RecursionError:
        message = "the JSON is nested too deep"
        raise ValueError(message) from None
    return text


def is_json(request: Request) -> bool:
    """Say whether a request's content is declared to be JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0]
    return media_type.strip().lower() == "application/json"

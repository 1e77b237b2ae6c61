"""Telemetry on this machine: the settings with which the app sends it, and how what came is read."""

import re
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from local.azure.control.client import ControlClient

CONNECTION_STRING: Final = (
    "InstrumentationKey=00000000-0000-4000-8000-000000000001;"
    "IngestionEndpoint=https://norwayeast-0.in.applicationinsights.azure.com/;"
    "ApplicationId=00000000-0000-4000-8000-000000000002"
)
SETTINGS: Final = {
    "APPLICATIONINSIGHTS_CONNECTION_STRING": CONNECTION_STRING,
    # Nobody here waits for a minute.
    "OTEL_BSP_SCHEDULE_DELAY": "200",
    "OTEL_METRIC_EXPORT_INTERVAL": "500",
}
_DURATION: Final = re.compile(r"(\d+)\.(\d\d):(\d\d):(\d\d\.\d+)")


class SeenSpan(NamedTuple):
    """A span as Application Insights shows it: `target` is the host of a call, `result` the status of an answer."""

    id: str
    parent: str | None
    trace: str
    name: str
    began: datetime
    seconds: float
    success: bool
    target: str
    result: str
    properties: dict[str, str]
    is_request: bool

    @property
    def ended(self) -> datetime:
        """When it ended."""
        return self.began + timedelta(seconds=self.seconds)

    @property
    def is_call(self) -> bool:
        """Whether it is a call to Azure."""
        return bool(self.target)


def read_spans(items: Iterable[dict[str, Any]], trace: str | None = None) -> list[SeenSpan]:
    """Read the spans among what came, or those of one trace, in the order in which they began."""
    spans = [_read(item) for item in items if item["data"]["baseType"] in ("RequestData", "RemoteDependencyData")]
    return sorted((span for span in spans if trace in (None, span.trace)), key=lambda span: span.began)


def await_spans(control: ControlClient, trace: str, name: str, seconds: float = 30) -> list[SeenSpan]:
    """Wait until a trace has a span of a name, and give all its spans; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        spans = read_spans(control.telemetry(), trace)
        if any(span.name == name for span in spans):
            return spans
        time.sleep(0.2)
    message = f"no span {name} of the trace {trace} came in {seconds} s"
    raise TimeoutError(message)


def _read(item: dict[str, Any]) -> SeenSpan:
    data, tags = item["data"]["baseData"], item["tags"]
    matched = _DURATION.fullmatch(data["duration"])
    days, hours, minutes, seconds = (float(part) for part in matched.groups()) if matched else (0, 0, 0, 0)
    return SeenSpan(
        id=data["id"],
        parent=tags.get("ai.operation.parentId"),
        trace=tags["ai.operation.id"],
        name=data["name"],
        began=datetime.fromisoformat(item["time"]),
        seconds=((days * 24 + hours) * 60 + minutes) * 60 + seconds,
        success=data["success"],
        target=data.get("target", ""),
        result=str(data.get("resultCode") or data.get("responseCode") or ""),
        properties=data["properties"],
        is_request=item["data"]["baseType"] == "RequestData",
    )

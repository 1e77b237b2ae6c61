"""The metric of an HSM that tells how much it is used."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from starlette.datastructures import QueryParams

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.hsm_resource import HsmResource

METRIC: Final = "ServiceApiHit"
# Source: Azure Monitor documentation, time grains that a metric can be asked in, and how long it is kept.
_INTERVALS: Final = {
    **{f"PT{minutes}M": timedelta(minutes=minutes) for minutes in (1, 5, 15, 30)},
    **{f"PT{hours}H": timedelta(hours=hours) for hours in (1, 6, 12)},
    "P1D": timedelta(days=1),
}
_LONGEST: Final = timedelta(days=93)


class Question(NamedTuple):
    """What is asked: a span of time, and in pieces of what length."""

    begin: datetime
    end: datetime
    interval: str

    @property
    def step(self) -> timedelta:
        """How long a piece is."""
        return _INTERVALS[self.interval]

    @property
    def timespan(self) -> str:
        """The span as Azure writes it."""
        return f"{_write(self.begin)}/{_write(self.end)}"


def read_question(query: QueryParams, now: datetime) -> Question:
    """Read what is asked of the metric; raises ServiceFault 400."""
    for name, known in (("metricnames", METRIC), ("aggregation", "Count")):
        if query.get(name, "").lower() != known.lower():
            raise _refusal(f"The local Azure knows {known} alone for {name}, not '{query.get(name, '')}'.")
    if "$filter" in query:
        raise _refusal("The local Azure knows no dimensions of metrics: $filter.")
    interval = query.get("interval", "PT1M").upper()
    if interval not in _INTERVALS:
        raise _refusal(f"Detect invalid time grain input: {interval}, supported ones: {', '.join(_INTERVALS)}")
    begin, end = _read_timespan(query.get("timespan"), now)
    if not begin < end <= begin + _LONGEST:
        raise _refusal(f"Detect invalid time span: {_write(begin)}/{_write(end)}")
    return Question(begin, end, interval)


def describe_metric(hsm: HsmResource, question: Question) -> dict[str, Any]:
    """Write how many requests an HSM answered in each piece of a span of time."""
    first = question.begin.replace(second=0, microsecond=0)
    pieces = -((question.end - first) // -question.step)
    begins = [first + number * question.step for number in range(pieces)]
    counts = hsm.hits.count([begin.timestamp() for begin in begins], question.step.total_seconds())
    data = [{"timeStamp": _write(begin), "count": count} for begin, count in zip(begins, counts, strict=True)]
    return {
        "cost": 0,
        "timespan": question.timespan,
        "interval": question.interval,
        "value": [
            {
                "id": f"{hsm.resource_id}/providers/Microsoft.Insights/metrics/{METRIC}",
                "type": "Microsoft.Insights/metrics",
                "name": {"value": METRIC, "localizedValue": "Total Service Api Hits"},
                "displayDescription": "Number of total service api hits",
                "unit": "Count",
                "timeseries": [{"metadatavalues": [], "data": data}] if hsm.hits else [],
                "errorCode": "Success",
            }
        ],
        "namespace": "Microsoft.KeyVault/managedHSMs",
        "resourceregion": hsm.location,
    }


def _read_timespan(timespan: str | None, now: datetime) -> tuple[datetime, datetime]:
    if timespan is None:
        return now - timedelta(hours=1), now
    begin, _, end = timespan.partition("/")
    try:
        return _read_time(begin), _read_time(end)
    except ValueError:
        raise _refusal(f"Detect invalid time span: {timespan}") from None


def _read_time(text: str) -> datetime:
    """Read a time; one that names no time zone is UTC."""
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _write(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _refusal(message: str) -> ServiceFault:
    return ServiceFault(400, "BadRequest", message)

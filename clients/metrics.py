"""Azure Monitor: how much an HSM was used."""

from datetime import datetime
from typing import Any

from clients.arm import ask
from clients.azure_errors import our_errors, unreadable
from domain.decommissioning import EVIDENCE, UsageEvidence
from domain.errors import ServiceError


def find_usage(resource_id: str, until: datetime, since: datetime | None = None) -> UsageEvidence:
    """Count the requests that an HSM answered, over the last 30 days or since then, by the metric `ServiceApiHit`.

    Where Azure does not say it is not known: nobody's approval waits for a metric. Source: Azure Monitor, Metrics -
    List; the metrics of Microsoft.KeyVault/managedHSMs.
    """
    since = since or until - EVIDENCE
    try:
        days = _count_by_day(resource_id, since, until)
    except ServiceError:
        days = []
    if not days:
        # No point at all says nothing, not that there was no request.
        return UsageEvidence(since=since, until=until)
    used = [day for day, count in days if count > 0]
    total = sum(count for _, count in days)
    return UsageEvidence(since=since, until=until, requests=total, last_used_on=max(used, default=None))


def _count_by_day(resource_id: str, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
    subscription_id = resource_id.split("/")[2]
    parameters = {
        "metricnames": "ServiceApiHit",
        "timespan": f"{since:%Y-%m-%dT%H:%M:%SZ}/{until:%Y-%m-%dT%H:%M:%SZ}",
        "interval": "P1D",
        "aggregation": "Count",
    }
    path = f"{resource_id}/providers/Microsoft.Insights/metrics"
    with our_errors("read how much the HSM was used"):
        status, document = ask(subscription_id, path, "2018-01-01", parameters)
    try:
        told = [metric for metric in document["value"] if metric.get("errorCode", "Success") == "Success"]
        points = [point for metric in told for series in metric["timeseries"] for point in series["data"]]
        return [_read(point) for point in points] if status == 200 else []
    except (KeyError, TypeError, ValueError):
        raise unreadable("read how much the HSM was used") from None


def _read(point: dict[str, Any]) -> tuple[datetime, int]:
    # A day is named by its beginning.
    return datetime.fromisoformat(point["timeStamp"]), int(point.get("count") or 0)

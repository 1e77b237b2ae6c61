"""Metrics of HSMs: Microsoft.Insights."""

from typing import Final

from starlette.responses import JSONResponse, Response

from local.azure.resource_manager.calls import HSM, Call, Handler, perform
from local.azure.resource_manager.metrics import describe_metric, read_question


async def get_metrics(call: Call) -> Response:
    """Give `ServiceApiHit`: how many requests the HSM answered, by `timespan` and `interval`; the clock says when.

    Leaves out: the other metrics, aggregations but `Count`, dimensions (`$filter`), and the minutes by which metrics
    lag behind.

    Assumes: all requests count that reach an HSM which is provisioned, refused ones and those without a token, too. The
    pieces begin where the timespan does, at the full minute. A piece without requests has the count 0, and an HSM that
    never had one has no `timeseries`. A timespan of more than 93 days is 400.
    """
    question = read_question(call.request.query_params, call.manager.timing.clock.date())
    return JSONResponse(describe_metric(call.find_hsm(), question))


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", HSM + "/providers/Microsoft.Insights/metrics", perform("Microsoft.Insights/metrics/read", get_metrics)),
)

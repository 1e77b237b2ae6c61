"""Sends spans and measurements to Application Insights with OpenTelemetry's SDK and Azure Monitor's exporters.

Heavy: only the thread that sends loads it.
"""

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter, AzureMonitorTraceExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation import set_span_in_context

from clients.credential import credential
from clients.telemetry import Measurement
from domain.spans import Span

if TYPE_CHECKING:
    from opentelemetry.context import Context

NAME: Final = "hsm_provisioner"
# Application Insights shows no `error.type` of spans.
ERROR: Final = "hsm_provisioner.error"
# The exporters report on themselves to Microsoft, and ask it what they should do: neither serves who deployed this.
_QUIET: Final = (
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED",
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED",
)
_KINDS: Final = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
# Nothing is kept on the worker's disk; what Azure does not take after these is lost.
_PATIENCE: Final[dict[str, Any]] = {"disable_offline_storage": True, "retry_total": 3}


class _GivenIds(IdGenerator):
    """Gives spans the ids under which they were sent along; one thread makes them all."""

    trace_id = 0
    span_id = 0

    def generate_trace_id(self) -> int:
        """Give the trace that was set."""
        return self.trace_id

    def generate_span_id(self) -> int:
        """Give the span that was set."""
        return self.span_id


def make_export(connection_string: str) -> Callable[[Span | Measurement], None]:
    """Give what takes items, sends them in batches on threads of its own, and sends the last at the process's end.

    The standard's own variables say how often (OTEL_BSP_SCHEDULE_DELAY, OTEL_METRIC_EXPORT_INTERVAL; milliseconds).
    """
    os.environ.update(dict.fromkeys(_QUIET, "true"))
    # Each batch that arrived would be a line.
    logging.getLogger("azure.monitor.opentelemetry.exporter").setLevel(logging.WARNING)
    options = {"connection_string": connection_string, "credential": credential(), **_PATIENCE}
    resource = Resource.create({SERVICE_NAME: "hsm-provisioner"})
    export_span = _make_span_export(options, resource)
    record = _make_record(options, resource)

    def export(item: Span | Measurement) -> None:
        if isinstance(item, Span):
            export_span(item)
        else:
            record(item)

    return export


def _make_span_export(options: dict[str, Any], resource: Resource) -> Callable[[Span], None]:
    ids = _GivenIds()
    # Operations are few, and whoever looks for one needs all of it: whether a caller samples is not asked.
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, id_generator=ids)
    provider.add_span_processor(BatchSpanProcessor(AzureMonitorTraceExporter(**options)))
    tracer = provider.get_tracer(NAME)

    def export(span: Span) -> None:
        ids.trace_id, ids.span_id = int(span.trace_id, 16), int(span.span_id, 16)
        made = tracer.start_span(
            span.name, _parent(span), _KINDS[span.kind], attributes=span.attributes, start_time=span.began
        )
        if span.error is not None:
            made.set_attributes({"error.type": span.error, ERROR: span.error})
            made.set_status(Status(StatusCode.ERROR))
        made.end(span.ended)

    return export


def _parent(span: Span) -> "Context":
    if span.parent_id is None:
        return set_span_in_context(NonRecordingSpan(SpanContext(0, 0, is_remote=False)))
    trace_id, parent_id = int(span.trace_id, 16), int(span.parent_id, 16)
    context = SpanContext(trace_id, parent_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(context))


def _make_record(options: dict[str, Any], resource: Resource) -> Callable[[Measurement], None]:
    reader = PeriodicExportingMetricReader(AzureMonitorMetricExporter(**options))
    meter = MeterProvider([reader], resource=resource).get_meter(NAME)
    operations = meter.create_counter("hsm_provisioner.operations", "{operation}", "Operations that ended.")
    steps = meter.create_histogram("hsm_provisioner.step.duration", "s", "How long a step of an operation took.")
    hsms = meter.create_gauge("hsm_provisioner.hsms", "{hsm}", "HSMs on record that cost money.")
    cost = meter.create_gauge("hsm_provisioner.cost", "USD/h", "What they cost.")
    records: dict[str, Callable[..., None]] = {
        "hsm_provisioner.operations": operations.add,
        "hsm_provisioner.step.duration": steps.record,
        "hsm_provisioner.hsms": hsms.set,
        "hsm_provisioner.cost": cost.set,
    }

    def record(measurement: Measurement) -> None:
        records[measurement.name](measurement.value, measurement.attributes)

    return record

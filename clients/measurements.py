"""What is told when an operation ends, and of the fleet when it is counted anyway."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from clients.telemetry import Measurement, is_on, tell
from domain.operations import Operation
from domain.policy_rules import monthly_cost
from domain.records import Claim
from domain.settings import deployment_policy
from domain.spans import OPERATION_ID, Attributes, Span, span_of_operation, trace_of_operation
from domain.summaries import HsmRecordSummary

# As Azure's prices count a month.
_HOURS_OF_A_MONTH: Final = 730


def tell_end(claim: Claim, operation: Operation) -> None:
    """Tell that an operation ended: its span, one more of its kind and result, and how long its steps took."""
    if not is_on():
        return
    error = operation.error.code if operation.error else None
    span = Span(
        f"{operation.kind} operation",
        "internal",
        trace_of_operation(operation.id, claim.trace),
        span_of_operation(operation.id),
        claim.trace.span_id or None,
        _nanoseconds(claim.claimed_at),
        time.time_ns(),
        {OPERATION_ID: operation.id, "hsm_provisioner.result": operation.status},
        error,
    )
    tell(span, _count(operation, error), *_time_steps(operation))


def tell_fleet(records: Iterable[HsmRecordSummary]) -> None:
    """Tell how many HSMs on record cost money, and what they cost in an hour, by what they are.

    Without a cost where the policy knows none.
    """
    if not is_on():
        return
    hsms: Counter[str] = Counter({"being_made": 0, "in_use": 0, "soft_deleted": 0})
    costs: dict[str, float] = dict.fromkeys(hsms, 0.0)
    for record in records:
        if record.billed:
            state = _state(record)
            hsms[state] += 1
            costs[state] += monthly_cost(deployment_policy(), record.sku, record.additional_regions) or 0.0
    tell(
        *(Measurement("hsm_provisioner.hsms", count, {"state": state}) for state, count in hsms.items()),
        *(Measurement("hsm_provisioner.cost", costs[state] / _HOURS_OF_A_MONTH, {"state": state}) for state in hsms),
    )


def _state(record: HsmRecordSummary) -> str:
    if record.decommissioned is not None:
        return "soft_deleted"
    return "in_use" if record.made_at is not None else "being_made"


def _count(operation: Operation, error: str | None) -> Measurement:
    attributes: Attributes = {"kind": operation.kind, "result": operation.status}
    return Measurement("hsm_provisioner.operations", 1, attributes | ({"error.type": error} if error else {}))


def _time_steps(operation: Operation) -> Iterator[Measurement]:
    for step in operation.steps:
        if step.started_at is not None and step.finished_at is not None:
            seconds = (step.finished_at - step.started_at).total_seconds()
            attributes: Attributes = {"kind": operation.kind, "step": step.name, "result": step.status}
            yield Measurement("hsm_provisioner.step.duration", seconds, attributes)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000

"""The bodies of alert rules of Azure Monitor."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from domain.model import Model

_GLOBAL: Final = "global"
_SEVERE: Final = 1
_LESS_SEVERE: Final = 2


class _Criterion(Model):
    """A condition on a metric."""

    name: str = "condition"
    criterion_type: str = "StaticThresholdCriterion"
    metric_namespace: str = "Microsoft.KeyVault/managedHSMs"
    metric_name: str
    operator: str
    threshold: float
    time_aggregation: str = "Average"


class _MetricCriteria(Model):
    """All conditions on metrics."""

    type: str = Field(
        default="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria", serialization_alias="odata.type"
    )
    all_of: list[_Criterion]


class _MetricAction(Model):
    """Who is told by a metric alert."""

    action_group_id: str


class _MetricProperties(Model):
    """The properties of a metric alert."""

    description: str
    severity: int
    enabled: bool = True
    scopes: list[str]
    evaluation_frequency: str = "PT1M"
    window_size: str = "PT5M"
    criteria: _MetricCriteria
    auto_mitigate: bool = True
    actions: list[_MetricAction]


class MetricRule(Model):
    """The body of a metric alert."""

    location: str = _GLOBAL
    properties: _MetricProperties


def make_metric_rule(hsm_id: str, metric: str, operator: str, threshold: int, action_group: str) -> MetricRule:
    """Make a rule on the mean of a metric of an HSM over five minutes."""
    told = {"LessThan": "is below", "GreaterThan": "is above"}[operator]
    return MetricRule(
        properties=_MetricProperties(
            description=f"{metric} of the HSM {told} {threshold}.",
            severity=_SEVERE if metric == "Availability" else _LESS_SEVERE,
            scopes=[hsm_id],
            criteria=_MetricCriteria(all_of=[_Criterion(metric_name=metric, operator=operator, threshold=threshold)]),
            actions=[_MetricAction(action_group_id=action_group)],
        )
    )


class _Field(Model):
    """What a member of an entry in the activity log is to be."""

    field: str
    equals: str


class _AnyOf(Model):
    """Several of which one is to hold."""

    any_of: list[_Field]


class _Condition(Model):
    """What is to hold of an entry in the activity log."""

    all_of: list[_Field | _AnyOf]


class _ActivityAction(Model):
    """Who is told by an alert on the activity log."""

    action_group_id: str


class _ActivityActions(Model):
    """All who are told by an alert on the activity log."""

    action_groups: list[_ActivityAction]


class _ActivityProperties(Model):
    """The properties of an alert on the activity log."""

    description: str
    enabled: bool = True
    scopes: list[str]
    condition: _Condition
    actions: _ActivityActions


class ActivityRule(Model):
    """The body of an alert on the activity log."""

    location: str = _GLOBAL
    properties: _ActivityProperties


def make_activity_rule(
    scope: str, operations: Sequence[str], action_group: str, description: str, *, of: str | None = None
) -> ActivityRule:
    """Make a rule on what was done, once Azure took it on, at a scope; `of` is the resource that it was done to."""
    conditions: list[_Field | _AnyOf] = [
        _Field(field="category", equals="Administrative"),
        _AnyOf(any_of=[_Field(field="operationName", equals=operation) for operation in operations]),
        _AnyOf(any_of=[_Field(field="status", equals=status) for status in ("Accepted", "Succeeded")]),
    ]
    if of is not None:
        conditions.append(_Field(field="resourceId", equals=of))
    return ActivityRule(
        properties=_ActivityProperties(
            description=description,
            scopes=[scope],
            condition=_Condition(all_of=conditions),
            actions=_ActivityActions(action_groups=[_ActivityAction(action_group_id=action_group)]),
        )
    )


class _FailingPeriods(Model):
    """How often a condition is to hold."""

    number_of_evaluation_periods: int = 1
    min_failing_periods_to_alert: int = 1


class _QueryCriterion(Model):
    """A condition on what a query finds."""

    query: str
    time_aggregation: str = "Count"
    operator: str = "GreaterThan"
    threshold: float = 0
    failing_periods: _FailingPeriods = Field(default_factory=_FailingPeriods)


class _QueryCriteria(Model):
    """All conditions on what queries find."""

    all_of: list[_QueryCriterion]


class _QueryActions(Model):
    """All who are told by an alert on what a query finds."""

    action_groups: list[str]


class _QueryProperties(Model):
    """The properties of an alert on what a query finds.

    Logs come up to ten minutes late: it looks back further than it waits, and tells once. The columns that it reads are
    there once something was logged.
    """

    display_name: str
    description: str
    severity: int = _SEVERE
    enabled: bool = True
    scopes: list[str]
    evaluation_frequency: str = "PT5M"
    window_size: str = "PT30M"
    criteria: _QueryCriteria
    auto_mitigate: bool = False
    mute_actions_duration: str = "PT30M"
    skip_query_validation: bool = True
    actions: _QueryActions


class QueryRule(Model):
    """The body of an alert on what a query finds."""

    kind: str = "LogAlert"
    location: str
    properties: _QueryProperties


def make_query_rule(workspace: str, location: str, query: str, action_group: str) -> QueryRule:
    """Make a rule on what a query finds in the audit log."""
    return QueryRule(
        location=location,
        properties=_QueryProperties(
            display_name="Security domain or local roles of a Managed HSM",
            description="Somebody else than the HSM provisioner downloaded or uploaded the HSM's security domain, or "
            "changed its local roles.",
            scopes=[workspace],
            criteria=_QueryCriteria(all_of=[_QueryCriterion(query=query)]),
            actions=_QueryActions(action_groups=[action_group]),
        ),
    )

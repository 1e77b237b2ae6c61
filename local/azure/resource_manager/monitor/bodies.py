"""What Azure Monitor takes; members of alert rules that it does not look at are kept as they are written."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from local.azure.resource_manager.bodies import Body, spelled_as
from local.azure.resource_manager.locations import plain_location

type Severity = Annotated[int, Field(ge=0, le=4)]
type Operator = Annotated[
    Literal["Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"],
    spelled_as("Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"),
]


class KeptBody(Body):
    """A body whose other members are kept."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="allow", ser_json_inf_nan="null"
    )

    def write(self) -> dict[str, Any]:
        """Write it as it came, with what is there by default."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class LogSettings(KeptBody):
    """Logs that go somewhere: of a category, or of a group of categories."""

    category: str | None = None
    category_group: str | None = None
    enabled: bool = False


class MetricSettings(KeptBody):
    """Metrics that go somewhere."""

    category: str | None = None
    enabled: bool = False


class DiagnosticProperties(Body):
    """The properties of a diagnostic setting."""

    workspace_id: str | None = None
    storage_account_id: str | None = None
    event_hub_authorization_rule_id: str | None = None
    event_hub_name: str | None = None
    marketplace_partner_id: str | None = None
    log_analytics_destination_type: str | None = None
    logs: list[LogSettings] = Field(default_factory=list)
    metrics: list[MetricSettings] = Field(default_factory=list)


class DiagnosticBody(Body):
    """The body of a diagnostic setting's PUT."""

    properties: DiagnosticProperties


class MetricAction(KeptBody):
    """An action group that an alert calls."""

    action_group_id: str


class MetricCriterion(KeptBody):
    """A condition on a metric."""

    name: str
    metric_name: str
    metric_namespace: str | None = None
    time_aggregation: Annotated[
        Literal["Average", "Count", "Minimum", "Maximum", "Total"],
        spelled_as("Average", "Count", "Minimum", "Maximum", "Total"),
    ]
    operator: Operator | None = None
    threshold: float | None = None
    skip_metric_validation: bool = False


class MetricCriteria(KeptBody):
    """The conditions on metrics, all of which are to hold."""

    type: Annotated[str, Field(alias="odata.type")]
    all_of: Annotated[list[MetricCriterion], Field(min_length=1)]


class MetricAlertProperties(KeptBody):
    """The properties of a metric alert."""

    severity: Severity
    enabled: bool
    scopes: Annotated[list[str], Field(min_length=1)]
    evaluation_frequency: str
    window_size: str
    criteria: MetricCriteria
    auto_mitigate: bool = True
    actions: list[MetricAction] = Field(default_factory=list)


class MetricAlertBody(Body):
    """The body of a metric alert's PUT; metric alerts are in no region."""

    location: Annotated[Literal["global"], spelled_as("global")]
    tags: dict[str, str] = Field(default_factory=dict)
    properties: MetricAlertProperties


class ActivityCondition(KeptBody):
    """A condition on a member of an activity."""

    field: str | None = None
    any_of: list[dict[str, Any]] | None = None


class ActivityConditions(KeptBody):
    """The conditions on an activity, all of which are to hold."""

    all_of: Annotated[list[ActivityCondition], Field(min_length=1)]


class ActivityActions(KeptBody):
    """The action groups that an alert calls."""

    action_groups: list[MetricAction] = Field(default_factory=list)


class ActivityAlertProperties(KeptBody):
    """The properties of an activity log alert."""

    scopes: Annotated[list[str], Field(min_length=1)]
    condition: ActivityConditions
    actions: ActivityActions
    enabled: bool = True


class ActivityAlertBody(Body):
    """The body of an activity log alert's PUT."""

    location: Annotated[
        Literal["global", "westeurope", "northeurope", "eastus2euap"],
        spelled_as("global", "westeurope", "northeurope", "eastus2euap"),
    ] = "global"
    tags: dict[str, str] = Field(default_factory=dict)
    properties: ActivityAlertProperties


class QueryCriterion(KeptBody):
    """A condition on what a query finds."""

    query: Annotated[str, Field(min_length=1)]
    time_aggregation: Annotated[
        Literal["Average", "Count", "Minimum", "Maximum", "Total"],
        spelled_as("Average", "Count", "Minimum", "Maximum", "Total"),
    ]
    metric_measure_column: str | None = None
    operator: Operator
    threshold: float


class QueryCriteria(KeptBody):
    """The conditions on what queries find: there is one."""

    all_of: Annotated[list[QueryCriterion], Field(min_length=1, max_length=1)]


class QueryActions(KeptBody):
    """The action groups that an alert calls, by their ids."""

    action_groups: list[str] = Field(default_factory=list)


class QueryRuleProperties(KeptBody):
    """The properties of a log search alert."""

    severity: Severity
    enabled: bool = True
    scopes: Annotated[list[str], Field(min_length=1, max_length=1)]
    evaluation_frequency: str
    window_size: str
    criteria: QueryCriteria
    actions: QueryActions = Field(default_factory=QueryActions)


class QueryRuleBody(Body):
    """The body of a log search alert's PUT."""

    location: Annotated[str, AfterValidator(plain_location)]
    tags: dict[str, str] = Field(default_factory=dict)
    kind: str = "LogAlert"
    properties: QueryRuleProperties

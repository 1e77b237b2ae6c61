"""What can be said of a subscription to events, in Azure's words."""

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Schema = Literal["EventGridSchema", "CloudEventSchemaV1_0"]
EVENT_GRID: Final[Schema] = "EventGridSchema"
CLOUD_EVENTS: Final[Schema] = "CloudEventSchemaV1_0"


def _check_endpoint(url: str) -> str:
    """Refuse what is not on this machine: nothing leaves it. Azure takes HTTPS alone."""
    parts = urlsplit(url)
    # A port that cannot be is a ValueError of its own.
    if parts.scheme != "http" or parts.hostname != "127.0.0.1" or parts.port is None:
        message = "a webhook is at http://127.0.0.1:PORT"
        raise ValueError(message)
    return url


class _Settings(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid", frozen=True
    )


class AdvancedFilter(_Settings):
    """Takes events in which the value at a key, such as `data.color`, is or begins with one of these."""

    operator_type: Literal["StringIn", "StringBeginsWith"]
    key: str
    values: list[str] = Field(min_length=1, max_length=25)


class Filter(_Settings):
    """Which events a subscription gets: all, at first."""

    included_event_types: list[str] | None = None
    subject_begins_with: str = ""
    subject_ends_with: str = ""
    is_subject_case_sensitive: bool = False
    advanced_filters: list[AdvancedFilter] = Field(default_factory=list, max_length=25)


class RetryPolicy(_Settings):
    """How long an event is tried: whichever limit is reached first ends it."""

    max_delivery_attempts: int = Field(default=30, ge=1, le=30)
    event_time_to_live_in_minutes: int = Field(default=1440, ge=1, le=1440)


class SubscriptionSettings(_Settings):
    """A subscription to a custom topic by its name, or, without one, to a system topic, whose events are injected.

    The schema of deliveries is the topic's unless another is named; a dead letter goes to a container of the account.
    """

    topic: str | None = None
    endpoint_url: Annotated[str, AfterValidator(_check_endpoint)]
    event_delivery_schema: Schema | None = None
    max_events_per_batch: int = Field(default=1, ge=1, le=5000)
    filter: Filter = Field(default_factory=Filter)
    retry_policy: RetryPolicy = Field(default_factory=RetryPolicy)
    dead_letter_container: str | None = None


class Disorder(_Settings):
    """What Event Grid does not promise and may do: deliver an event several times, late, or after a later one.

    While events are held none is sent; what was held goes out with the next change that holds no more. In another order
    than the published one, each delivery waits for the first attempt of the one before it.
    """

    copies: int = Field(default=1, ge=1, le=1000)
    delay_seconds: float = Field(default=0, ge=0)
    hold: bool = False
    order: Literal["published", "reversed", "shuffled"] = "published"

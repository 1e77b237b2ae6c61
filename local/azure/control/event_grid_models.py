"""What the control API takes and gives of Event Grid; settings of subscriptions are in the service's own words."""

from typing import Any

from pydantic import Field

from local.azure.control.models import ControlModel
from local.azure.event_grid.settings import EVENT_GRID, Schema


class NewTopic(ControlModel):
    """A custom topic, and who may publish by a token: roles or patterns of data actions by object ids.

    One that is there is changed; who was assigned a role before keeps it.
    """

    region: str = "norwayeast"
    input_schema: Schema = EVENT_GRID
    local_auth: bool = True
    assignments: dict[str, list[str]] = Field(default_factory=dict)


class MadeTopic(ControlModel):
    """Where a topic takes events, and its keys."""

    endpoint: str
    resource_id: str
    keys: tuple[str, str]


class InjectedEvents(ControlModel):
    """Events as they are to arrive, with every member: those of a system topic."""

    events: list[dict[str, Any]] = Field(min_length=1)

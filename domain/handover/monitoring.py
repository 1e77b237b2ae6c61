"""Where an HSM's logs go, and of what somebody is told."""

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, StrictBool, StrictInt, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from domain.handover.resource_ids import ActionGroupId, EventHubRuleId, StorageAccountId, WorkspaceId
from domain.model import Model

_TARGETS_SCHEMA: Final[JsonDict] = {
    "anyOf": [{"required": [name]} for name in ("workspace", "storageAccount", "eventHubRule")],
    "dependentRequired": {"eventHub": ["eventHubRule"]},
}


class Diagnostics(Model):
    """Where the HSM's audit log and metrics are sent: to one or more of these."""

    model_config = ConfigDict(json_schema_extra=_TARGETS_SCHEMA)

    workspace: WorkspaceId | None = None
    """The Azure resource id of a Log Analytics workspace."""
    storage_account: StorageAccountId | None = None
    """The Azure resource id of a storage account."""
    event_hub_rule: EventHubRuleId | None = None
    """The Azure resource id of an authorisation rule of an Event Hubs namespace."""
    event_hub: Annotated[str, Field(max_length=256)] | None = None
    """The name of the event hub. Absent: one that Azure names."""
    metrics: StrictBool = True
    """Whether metrics are sent, too."""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        code, message = "invalid_field", "This names one or more of workspace, storageAccount and eventHubRule."
        if not (self.workspace or self.storage_account or self.event_hub_rule):
            raise PydanticCustomError(code, message)
        if self.event_hub and not self.event_hub_rule:
            message = "An eventHub is named together with the eventHubRule of its namespace."
            raise PydanticCustomError(code, message)
        return self


class Alerts(Model):
    """Of what an action group is told."""

    action_group: ActionGroupId
    """The Azure resource id of the action group."""
    availability_below_percent: Annotated[StrictInt, Field(ge=1, le=100)] = 99
    """Below which availability, of five minutes."""
    latency_above_milliseconds: Annotated[StrictInt, Field(ge=1, le=60_000)] = 1000
    """Above which mean latency, of five minutes."""
    activity: StrictBool = True
    """Whether it is told of a deletion or purge, and of a change of the HSM in Azure."""
    audit_log: StrictBool = True
    """Whether it is told of downloads and uploads of the security domain and of changes of local roles.

    It is read from the workspace that the audit log is sent to, which must be named then.
    """

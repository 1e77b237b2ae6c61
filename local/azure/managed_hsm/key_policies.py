"""What a key may have besides: to whom it is released, and when it is rotated."""

import json
import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from local.azure.managed_hsm.bodies import UrlBytes
from local.azure.managed_hsm.faults import bad_parameter

# Source: Microsoft's "Configure key auto-rotation in Azure Managed HSM".
SHORTEST_DAYS: Final = 28
_DURATION: Final = re.compile(r"P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?")


class ReleasePolicy(BaseModel):
    """To what environment a key is released; source: azure-keyvault-keys 4.11.3, `KeyReleasePolicy`."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)

    content_type: str = "application/json; charset=utf-8"
    data: UrlBytes
    immutable: bool = False

    def check(self) -> None:
        """Refuse what has not the outer form of a policy; raises ServiceFault 400."""
        try:
            document = json.loads(self.data)
        except ValueError:
            document = None
        if not isinstance(document, dict) or "version" not in document or not ({"anyOf", "allOf"} & document.keys()):
            raise bad_parameter("Property release_policy has invalid value.")


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Trigger(_Part):
    """When something is done."""

    time_after_create: str | None = None
    time_before_expiry: str | None = None


class ActionType(_Part):
    """What is done; a Managed HSM gives no notice."""

    type: Literal["Rotate", "rotate"]


class LifetimeAction(_Part):
    """What is done with a key, and when."""

    trigger: Trigger
    action: ActionType


class RotationAttributes(_Part):
    """After how long new versions expire."""

    expiry_time: str | None = None
    created: int | None = None
    updated: int | None = None


class RotationPolicy(_Part):
    """When a key is rotated."""

    lifetime_actions: Annotated[list[LifetimeAction], Field(max_length=1)] = Field(default_factory=list)
    attributes: RotationAttributes = Field(default_factory=RotationAttributes)

    def check(self) -> None:
        """Refuse what nobody waits for; raises ServiceFault 400."""
        for action in self.lifetime_actions:
            times = action.trigger.time_after_create, action.trigger.time_before_expiry
            if sum(time is not None for time in times) != 1:
                raise bad_parameter("A trigger has exactly one of timeAfterCreate and timeBeforeExpiry.")
            if times[0] is not None and _days(times[0]) < SHORTEST_DAYS:
                raise bad_parameter(f"A key is rotated after {SHORTEST_DAYS} days or more.")
            if times[1] is not None and self.attributes.expiry_time is None:
                raise bad_parameter("Before its expiry a key is rotated only where it expires.")
        if self.attributes.expiry_time is not None and _days(self.attributes.expiry_time) < SHORTEST_DAYS:
            raise bad_parameter(f"A key expires after {SHORTEST_DAYS} days or more.")

    def describe(self, base: str, name: str) -> dict[str, Any]:
        """Write it as the service does."""
        return {"id": f"{base}/keys/{name}/rotationpolicy", **self.model_dump(by_alias=True)}


def _days(duration: str) -> int:
    matched = _DURATION.fullmatch(duration)
    if matched is None:
        raise bad_parameter("This is no duration of years, months and days.")
    years, months, days = (int(part or 0) for part in matched.groups())
    return years * 365 + months * 30 + days

"""The settings of one HSM."""

from typing import Any, Final, Literal

from local.azure.managed_hsm.bodies import Body
from local.azure.managed_hsm.faults import refusal

# Source: azure-keyvault-administration 4.7.2, which knows this one.
ALLOW_RESOURCE_MANAGER: Final = "AllowKeyManagementOperationsThroughARM"


class SettingUpdate(Body):
    """The body of a change."""

    value: Literal["true", "false"]


class Settings:
    """Switches, all off at first."""

    def __init__(self) -> None:
        self._values = {ALLOW_RESOURCE_MANAGER: "false"}

    def list(self) -> list[dict[str, Any]]:
        """List all."""
        return [self.get(name) for name in self._values]

    def get(self, name: str) -> dict[str, Any]:
        """Give one; raises ServiceFault 404."""
        known = {key.lower(): key for key in self._values}.get(name.lower())
        if known is None:
            raise refusal(404, "SettingNotFound", f"There is no setting {name}.")
        return {"name": known, "value": self._values[known], "type": "boolean"}

    def change(self, name: str, value: str) -> dict[str, Any]:
        """Change one; raises ServiceFault 404."""
        self._values[self.get(name)["name"]] = value
        return self.get(name)

"""The settings of an HSM's data plane."""

from pydantic import Field, StrictBool

from domain.model import Model


class HsmSettings(Model):
    """What the HSM is set to. What is absent stays as it is."""

    allow_key_management_operations_through_arm: StrictBool | None = Field(
        default=None, alias="allowKeyManagementOperationsThroughARM"
    )
    """Whether keys can be made through Azure Resource Manager as well, by whoever Azure RBAC lets."""

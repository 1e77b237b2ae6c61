"""An HSM as Azure describes it, and whether it is still what a request asks for."""

from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import AwareDatetime, Field

from domain.errors import FieldError
from domain.model import Model
from domain.requests import HsmSpecification, NetworkRequest

# How long ARM may answer 404 after it accepted a PUT.
APPEARS_WITHIN: Final = timedelta(minutes=5)


class ExtendedRegion(Model):
    """A region beside the first one, in which an HSM is, is coming, or is going."""

    name: str
    state: str

    @property
    def going(self) -> bool:
        """Whether it is being taken away."""
        return self.state in ("Deleting", "Cleanup")


class Hsm(Model):
    """The parts of a `Microsoft.KeyVault/managedHSMs` resource that we decide by.

    `made_at` and `made_by` are ARM's own, from `systemData`, which nobody else can write; `made_by` is an id of a
    principal or of its application. `identities` are the resource ids of its user-assigned identities, `regions` those
    beside its `location`.
    """

    name: str
    resource_id: str
    uri: str
    provisioning_state: str
    activation: str
    location: str
    sku: str
    administrators: list[str]
    soft_delete_retention_days: int
    purge_protection: bool
    public_network_access: Literal["Enabled", "Disabled"]
    network: NetworkRequest
    tags: dict[str, str]
    made_at: AwareDatetime | None
    made_by: str
    identities: list[str] = Field(default_factory=list)
    has_system_identity: bool = False
    regions: list[ExtendedRegion] = Field(default_factory=list)

    def has_identity(self, resource_id: str) -> bool:
        """Say whether a user-assigned identity is attached to it."""
        return resource_id.lower() in {identity.lower() for identity in self.identities}

    @property
    def additional_regions(self) -> list[str]:
        """The regions beside the first one in which it is, or is to be."""
        return [region.name for region in self.regions if not region.going]

    @property
    def regions_settled(self) -> bool:
        """Whether no region is coming or going."""
        return all(region.state in ("Succeeded", "Failed") for region in self.regions)

    @property
    def active(self) -> bool:
        """Whether it can be used, that is, whether a security domain was downloaded and confirmed."""
        return self.activation == "Active"

    @property
    def state(self) -> str:
        """One word for people: Provisioning, Failed, NotActivated or Active (or what else Azure says)."""
        return self.activation if self.provisioning_state == "Succeeded" else self.provisioning_state


def find_differences(hsm: Hsm, request: HsmSpecification, own_object_id: str) -> list[FieldError]:
    """Name what the request wants other than it is and Azure does not change.

    `own_object_id` is an administrator besides those of the request. What Azure changes in place is no difference
    (`domain/changes.py`): tags, network rules, public network access, purge protection that is put on, identities and
    additional regions.
    """
    asked: dict[str, tuple[object, object]] = {
        "location": (hsm.location.replace(" ", "").lower(), request.location),
        "sku": (hsm.sku.lower(), request.sku.lower()),
        "softDeleteRetentionDays": (hsm.soft_delete_retention_days, request.soft_delete_retention_days),
        # It can be put on, and never off.
        "purgeProtection": (hsm.purge_protection and not request.purge_protection, False),
    }
    errors = [
        FieldError(field=field, message=f"The HSM has {current!r}, which cannot be changed here.", code="hsm_differs")
        for field, (current, wanted) in asked.items()
        if current != wanted
    ]
    if {*request.administrators, own_object_id} != {*hsm.administrators, own_object_id}:
        message = "The HSM was created with other initial administrators, which cannot be changed."
        errors.append(FieldError(field="administrators", message=message, code="hsm_differs"))
    return errors


def find_environment_difference(before: HsmSpecification, request: HsmSpecification) -> list[FieldError]:
    """Name the environment where it is not that of our record: it decides rules and approval, and never changes."""
    if before.environment == request.environment:
        return []
    message = "The HSM was made for another environment, whose rules it follows."
    return [FieldError(field="environment", message=message, code="hsm_differs")]


def reach(network: NetworkRequest) -> dict[str, Any]:
    """Give what network rules let in: two that give the same are the same to Azure."""
    return network.canonical()

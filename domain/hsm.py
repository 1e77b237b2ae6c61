"""An HSM as Azure describes it, and whether it is still what a request asks for."""

from pydantic import AwareDatetime

from domain.errors import FieldError
from domain.model import Model
from domain.requests import HsmRequest, NetworkRequest


class Hsm(Model):
    """The parts of a `Microsoft.KeyVault/managedHSMs` resource that we decide by.

    `made_at` and `made_by` are ARM's own, from `systemData`, which nobody else can write; `made_by` is an id of a
    principal or of its application.
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
    network: NetworkRequest
    tags: dict[str, str]
    made_at: AwareDatetime | None
    made_by: str

    @property
    def active(self) -> bool:
        """Whether it can be used, that is, whether a security domain was downloaded and confirmed."""
        return self.activation == "Active"

    @property
    def state(self) -> str:
        """One word for people: Provisioning, Failed, NotActivated or Active (or what else Azure says)."""
        return self.activation if self.provisioning_state == "Succeeded" else self.provisioning_state


def find_differences(hsm: Hsm, request: HsmRequest, own_object_id: str) -> list[FieldError]:
    """Name what the request wants other than it is and Azure does not change.

    `own_object_id` is an administrator besides those of the request. Tags are not looked at: they are for people, and
    others may change them.
    """
    asked: dict[str, tuple[object, object]] = {
        "location": (hsm.location.replace(" ", "").lower(), request.location),
        "sku": (hsm.sku.lower(), request.sku.lower()),
        "softDeleteRetentionDays": (hsm.soft_delete_retention_days, request.soft_delete_retention_days),
        "purgeProtection": (hsm.purge_protection, request.purge_protection),
    }
    errors = [
        FieldError(field=field, message=f"The HSM has {current!r}, which cannot be changed here.", code="hsm_differs")
        for field, (current, wanted) in asked.items()
        if current != wanted
    ]
    if _reach(hsm.network) != _reach(request.network):
        message = "This version does not change the network rules of an HSM that exists."
        errors.append(FieldError(field="network", message=message, code="hsm_differs"))
    if {*request.administrators, own_object_id} != {*hsm.administrators, own_object_id}:
        message = "The HSM was created with other initial administrators, which cannot be changed."
        errors.append(FieldError(field="administrators", message=message, code="hsm_differs"))
    return errors


def _reach(network: NetworkRequest) -> tuple[str, frozenset[str]]:
    return network.default_action, frozenset(network.ip_rules)

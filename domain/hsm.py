"""An HSM as Azure describes it, and whether it is still what a request asks for."""

from domain.errors import FieldError
from domain.model import Model
from domain.requests import HsmRequest


class Hsm(Model):
    """The parts of a `Microsoft.KeyVault/managedHSMs` resource that we decide by."""

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
    tags: dict[str, str]

    @property
    def active(self) -> bool:
        """Whether it can be used, that is, whether a security domain was downloaded and confirmed."""
        return self.activation == "Active"

    @property
    def state(self) -> str:
        """One word for people: Provisioning, Failed, NotActivated or Active (or what else Azure says)."""
        return self.activation if self.provisioning_state == "Succeeded" else self.provisioning_state


def find_differences(hsm: Hsm, request: HsmRequest) -> list[FieldError]:
    """Name what the request wants other than it is and Azure, or this version of ours, does not change."""
    asked: dict[str, tuple[object, object]] = {
        "location": (hsm.location.replace(" ", "").lower(), request.location),
        "sku": (hsm.sku.lower(), request.sku.lower()),
        "softDeleteRetentionDays": (hsm.soft_delete_retention_days, request.soft_delete_retention_days),
        "purgeProtection": (hsm.purge_protection, request.purge_protection),
        "tags": (hsm.tags, request.tags),
    }
    errors = [
        FieldError(field=field, message=f"The HSM has {current!r}, which cannot be changed here.", code="hsm_differs")
        for field, (current, wanted) in asked.items()
        if current != wanted
    ]
    missing = set(request.administrators) - {administrator.lower() for administrator in hsm.administrators}
    if missing:
        message = "The HSM was created with other initial administrators."
        errors.append(FieldError(field="administrators", message=message, code="hsm_differs"))
    return errors

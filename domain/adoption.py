"""Taking over an HSM that this service did not make: what is asked, and what was found."""

from pydantic import AwareDatetime, ValidationError

from domain.errors import FieldError, refused_fields
from domain.fields import Guid
from domain.hsm import Hsm
from domain.model import Model
from domain.requests import (
    EnvironmentField,
    HsmSpecification,
    ResourceGroup,
    TeamField,
    digest_of,
    parse_body,
    refused_by_model,
)


class AdoptionRequest(Model):
    """The body of `POST /api/hsms/{name}/adopt`: where the HSM is, and as what it is taken over."""

    subscription_id: Guid
    """The Azure subscription that the HSM is in."""
    resource_group: ResourceGroup
    """The resource group that the HSM is in."""
    environment: EnvironmentField
    """The environment of the deployment's policy whose rules the HSM is to follow. It never changes."""
    expires_at: AwareDatetime | None = None
    """Until when the HSM is needed. Absent: no end is known."""
    team: TeamField | None = None
    """The team that the HSM is to belong to. A caller of one team may leave it out."""
    requested_by: Guid | None = None
    """The Entra object id of the person for whom an application asks. A person leaves it out."""

    def digest(self) -> str:
        """Give the SHA-256 by which two requests are the same; who asks, and for which team, stands beside it."""
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"team", "requested_by"})
        return digest_of({**document, "resourceGroup": self.resource_group.lower()})


class FoundHsm(Model):
    """Which HSM was found, so that no other of its name is taken for it."""

    made_at: AwareDatetime
    """When Azure says that the HSM was made (`systemData.createdAt` of the resource)."""
    state: str
    """What Azure said of it then, such as `Active`."""


def parse_adoption(body: bytes) -> AdoptionRequest:
    """Read the body of an adoption; raises ServiceError that names each field which cannot be accepted."""
    return parse_body(AdoptionRequest, body)


def specify(hsm: Hsm, asked: AdoptionRequest | HsmSpecification) -> HsmSpecification:
    """Describe an HSM that is there as if it had been asked for, with what only a caller can say of it.

    Raises ServiceError that names what this service cannot have, such as a SKU that it does not know.
    """
    try:
        return HsmSpecification(
            subscription_id=asked.subscription_id,
            resource_group=asked.resource_group,
            location=hsm.location,
            sku=hsm.sku,
            administrators=hsm.administrators,
            soft_delete_retention_days=hsm.soft_delete_retention_days,
            purge_protection=hsm.purge_protection,
            public_network_access=hsm.public_network_access,
            network=hsm.network,
            # Identities are left out: what others attached was never asked for, and is never detached.
            additional_regions=hsm.additional_regions,
            tags=hsm.tags,
            environment=asked.environment,
            expires_at=asked.expires_at,
            requested_by=asked.requested_by,
        )
    except ValidationError as error:
        if any(detail["loc"] == ("sku",) for detail in error.errors()):
            message = "The HSM there is of a SKU that the policy does not allow."
            raise refused_fields([FieldError(field="sku", message=message, code="sku_not_allowed")]) from None
        raise refused_by_model(error) from None


def is_same(seen: HsmSpecification, now: HsmSpecification) -> bool:
    """Say whether an HSM is still what was seen of it; tags are for people, and do not count."""
    return {**seen.canonical(), "tags": None} == {**now.canonical(), "tags": None}

"""What ARM takes for a Managed HSM, in camelCase JSON; what a client may only read is ignored."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from local.azure.core.errors import ServiceFault

# Source: azure-mgmt-keyvault 14.1.0, models/_enums.py, ManagedHsmSkuName.
SKUS: Final = frozenset(
    {
        *(f"Standard_{size}" for size in ("B1", "B1v2", "B5v2", "B10v2", "B15v2", "B20v2")),
        *(f"Custom_{size}" for size in ("B6", "B32", "C10", "C42")),
    }
)


def plain_location(location: str) -> str:
    """Give a region's name as ARM writes it: `Norway East` is `norwayeast`."""
    return location.replace(" ", "").lower()


def _known_sku(name: str) -> str:
    if name not in SKUS:
        message = "not a SKU"
        raise ValueError(message)
    return name


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class HsmSku(_Body):
    """The SKU."""

    family: str
    name: Annotated[str, AfterValidator(_known_sku)]


class HsmUpdateProperties(_Body):
    """What can be changed after the creation."""

    network_acls: dict[str, Any] | None = None
    public_network_access: str | None = None
    enable_purge_protection: bool | None = None


class HsmProperties(HsmUpdateProperties):
    """All that a creation says; the Azure CLI sends the number of days as a string."""

    tenant_id: str
    initial_admin_object_ids: Annotated[list[str], Field(min_length=1)]
    soft_delete_retention_in_days: Annotated[int, Field(ge=7, le=90)] = 90
    create_mode: str = "default"


class HsmBody(_Body):
    """The body of a PUT."""

    location: Annotated[str, AfterValidator(plain_location)]
    sku: HsmSku
    tags: dict[str, str] | None = None
    identity: dict[str, Any] | None = None
    properties: HsmProperties


class HsmUpdate(_Body):
    """The body of a PATCH."""

    tags: dict[str, str] | None = None
    properties: HsmUpdateProperties = Field(default_factory=HsmUpdateProperties)


def read_body[Body: _Body](kind: type[Body], text: bytes) -> Body:
    """Read a body; raises ServiceFault 400 that names the first faulty member."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        member = ".".join(str(part) for part in first["loc"])
        raise ServiceFault(400, "BadRequest", f"{member}: {first['msg']}") from None

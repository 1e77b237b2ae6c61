"""What Azure changes of an HSM in place: as it is asked for, as it is pinned, and what of it is still to be done."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from domain.fields import Guid
from domain.hsm import Hsm, reach
from domain.model import Model
from domain.requests import (
    HsmSpecification,
    IpRules,
    NetworkRequest,
    PublicNetworkAccess,
    TagName,
    TagValue,
    check_tag_names,
    parse_body,
    refused_by_model,
)

_CHANGING: Final = ("tags", "network", "publicNetworkAccess", "purgeProtection", "expiresAt")


def _not_null(value: object) -> object:
    if value is None:
        code, message = "invalid_field", "Leave this out if it is not to change: it cannot be removed."
        raise PydanticCustomError(code, message)
    return value


def _only_on(value: object) -> object:
    if value is not True and value is not None:
        code, message = "invalid_field", "Purge protection can be put on, and never off."
        raise PydanticCustomError(code, message)
    return value


def _say_no_null(schema: dict[str, Any]) -> None:
    kinds = [kind for kind in schema.pop("anyOf") if kind != {"type": "null"}]
    schema.pop("default", None)
    schema.update(*kinds)


# Absent is None in these models, and null is refused: what is not named does not change.
_GIVEN: Final = (BeforeValidator(_not_null), Field(json_schema_extra=_say_no_null))


TagChanges = Annotated[dict[TagName, TagValue | None], Field(max_length=100), AfterValidator(check_tag_names)]


class NetworkChange(Model):
    """What is to change of the network rules; the ranges that are named replace all that there are."""

    default_action: Annotated[Literal["Allow", "Deny"] | None, *_GIVEN] = None
    """What is to happen to a caller whose address is in none of the ranges. Absent: as before."""
    ip_rules: Annotated[IpRules | None, *_GIVEN] = None
    """The IPv4 addresses and ranges that are to be let in, in place of all before. Absent: as before."""


class HsmChange(Model):
    """The body of `PATCH /api/hsms/{name}`, a merge patch (RFC 7396): what it does not name stays as it is.

    `null` removes a tag, or the expiry, and nothing else.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [name]} for name in _CHANGING]})

    tags: Annotated[TagChanges | None, *_GIVEN] = None
    """Tags to set, and with `null` to remove. Those that are not named stay."""
    network: Annotated[NetworkChange | None, *_GIVEN] = None
    """What is to change of the network rules."""
    public_network_access: Annotated[PublicNetworkAccess | None, *_GIVEN] = None
    """Whether the HSM is to be reached from the internet, within its network rules. Absent: as before."""
    purge_protection: Annotated[Literal[True] | None, BeforeValidator(_only_on), *_GIVEN] = None
    """Puts purge protection on. It can never be put off."""
    expires_at: AwareDatetime | None = None
    """Until when the HSM is needed; `null` says that no end is known. Absent: as before."""
    requested_by: Annotated[Guid | None, *_GIVEN] = None
    """The Entra object id of the person for whom an application asks. It changes nothing of the HSM."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"requested_by"}:
            code, message = "invalid_field", "Name what is to change: {members}."
            raise PydanticCustomError(code, message, {"members": ", ".join(_CHANGING)})
        return self


class InPlaceChange(Model):
    """What an update changes: tags to set and to remove, and what the rest becomes. What is absent stays as it is."""

    tags: dict[str, str] = Field(default_factory=dict)
    """The tags that are set, with their values."""
    removed_tags: list[str] = Field(default_factory=list)
    """The names of the tags that are removed."""
    network: NetworkRequest | None = None
    """The network rules afterwards."""
    public_network_access: Literal["Enabled", "Disabled"] | None = None
    """Whether the HSM can be reached from the internet afterwards."""
    purge_protection: Literal[True] | None = None
    """That purge protection is put on."""
    removes_expiry: bool = False
    """Whether the expiry is removed. Azure knows of none, so that it would show nowhere else."""

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        return self == InPlaceChange()


def parse_change(body: bytes) -> HsmChange:
    """Read the body of a PATCH; raises ServiceError that names each field which cannot be accepted."""
    return parse_body(HsmChange, body)


def merge[Specification: HsmSpecification](change: HsmChange, before: Specification) -> Specification:
    """Give what an HSM is to be after a change; raises ServiceError that names what it cannot be."""
    changes: dict[str, Any] = {"requested_by": change.requested_by}
    if change.tags is not None:
        changes["tags"] = _merge_tags(before.tags, change.tags)
    if change.network is not None:
        named = {name: getattr(change.network, name) for name in change.network.model_fields_set}
        changes["network"] = before.network.model_copy(update=named)
    if change.public_network_access is not None:
        changes["public_network_access"] = change.public_network_access
    if change.purge_protection is not None:
        changes["purge_protection"] = True
    if "expires_at" in change.model_fields_set:
        changes["expires_at"] = change.expires_at
    try:
        return type(before).model_validate({**dict(before), **changes})
    except ValidationError as error:
        raise refused_by_model(error) from None


def asked_of_azure(change: HsmChange, merged: HsmSpecification) -> InPlaceChange:
    """Give the part of a change that Azure makes; `merged` is what the HSM is to be after it.

    It is read from the change alone: the same change sent again is the same.
    """
    tags = change.tags or {}
    return InPlaceChange(
        tags={name: value for name, value in tags.items() if value is not None},
        removed_tags=[name for name, value in tags.items() if value is None],
        network=merged.network if change.network is not None else None,
        public_network_access=change.public_network_access,
        purge_protection=change.purge_protection,
        removes_expiry="expires_at" in change.model_fields_set and change.expires_at is None,
    )


def find_change(hsm: Hsm, before: HsmSpecification, wanted: HsmSpecification) -> InPlaceChange:
    """Find what Azure has to change in place so that an HSM is as wanted.

    Tags are held against what was asked for before, not against what they have become: they are for people, and others
    may have changed them.
    """
    known = {name.lower(): value for name, value in before.tags.items()}
    kept = {name.lower() for name in wanted.tags}
    change = InPlaceChange(
        tags={name: value for name, value in wanted.tags.items() if known.get(name.lower()) != value},
        removed_tags=[name for name in before.tags if name.lower() not in kept],
        network=wanted.network,
        public_network_access=wanted.public_network_access,
        purge_protection=True if wanted.purge_protection else None,
    )
    return find_pending(change, hsm)


def find_pending(change: InPlaceChange, hsm: Hsm) -> InPlaceChange:
    """Give what of a change is still to be done."""
    has = {name.lower(): value for name, value in hsm.tags.items()}
    network, access = change.network, change.public_network_access
    return InPlaceChange(
        tags={name: value for name, value in change.tags.items() if has.get(name.lower()) != value},
        removed_tags=[name for name in change.removed_tags if name.lower() in has],
        network=network if network is not None and reach(network) != reach(hsm.network) else None,
        public_network_access=access if access != hsm.public_network_access else None,
        purge_protection=None if hsm.purge_protection else change.purge_protection,
    )


def change_tags(change: InPlaceChange, tags: dict[str, str]) -> dict[str, str]:
    """Give the tags after a change, with those that it does not name; names differ in more than case."""
    return _merge_tags(tags, {**change.tags, **dict.fromkeys(change.removed_tags)})


def _merge_tags(tags: dict[str, str], change: dict[str, Any]) -> dict[str, str]:
    # Azure does not tell names of tags apart by case.
    named = {name.lower() for name in change}
    kept = {name: value for name, value in tags.items() if name.lower() not in named}
    return kept | {name: value for name, value in change.items() if value is not None}

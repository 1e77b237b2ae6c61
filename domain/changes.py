"""What Azure changes of an HSM in place: as it is asked for, as it is pinned, and what of it is still to be done."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from domain.errors import FieldError, ServiceError, refused_fields
from domain.fields import Guid
from domain.hsm import Hsm, reach
from domain.model import Model
from domain.requests import (
    AdditionalRegions,
    Bypass,
    HsmSpecification,
    Identities,
    IpRules,
    NetworkRequest,
    PublicNetworkAccess,
    ServiceTags,
    TagName,
    TagValue,
    VirtualNetworkRules,
    check_tag_names,
    parse_body,
    refused_by_model,
)

_CHANGING: Final = (
    *("tags", "network", "publicNetworkAccess", "purgeProtection", "identities", "additionalRegions"),
    "expiresAt",
)

_ANOTHER: Final = "Ask for another HSM, and restore the security domain and a backup of this one into it."
IMMUTABLE: Final = {
    "subscriptionId": f"Azure moves no HSM to another subscription. {_ANOTHER}",
    "resourceGroup": f"This service moves no HSM to another resource group. {_ANOTHER}",
    "location": f"An HSM stays in the region that it was made in: additionalRegions extends it. {_ANOTHER}",
    "sku": f"Azure changes the SKU of no HSM. {_ANOTHER}",
    "administrators": (
        "Azure takes the first administrators once, when it makes the HSM. "
        "Assign the role Managed HSM Administrator in the HSM itself."
    ),
    "softDeleteRetentionDays": f"Azure takes the retention once, when it makes the HSM. {_ANOTHER}",
    "environment": f"The environment decides which rules hold for the HSM, so it stays. {_ANOTHER}",
    "team": "The HSM stays its team's, and so does what is stored of it. Ask the operators if another team takes over.",
    "handover": (
        "What is around the HSM is built by an operation with many steps. Send the PUT with another handover: it "
        "brings an HSM that is there to it, and changes nothing else."
    ),
    "securityDomain": (
        "Its keys are the custodians', and an export may need approval. "
        "POST /api/hsms/{name}/security-domain/rewrap encrypts it to other keys; of an HSM that is not active yet, "
        "send the PUT again."
    ),
}
"""Members of a PUT that a PATCH refuses: why, and what to do instead."""


def _not_null(value: object) -> object:
    if value is None:
        code, message = "invalid_field", "Leave this out if it is not to change: it cannot be removed."
        raise PydanticCustomError(code, message)
    return value


def _only_on(value: object) -> object:
    if value is not True and value is not None:
        # What was meant is to put it off, or nothing that there is.
        code = "property_immutable" if value is False else "invalid_field"
        message = "Purge protection can be put on, and never off: not even Microsoft can. Leave this out."
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
    """What is to change of the network rules; a list that is named replaces all that there was of its kind."""

    default_action: Annotated[Literal["Allow", "Deny"] | None, *_GIVEN] = None
    """What is to happen to a caller whom none of the rules lets in. Absent: as before."""
    ip_rules: Annotated[IpRules | None, *_GIVEN] = None
    """The IPv4 addresses and ranges that are to be let in, in place of all before. Absent: as before."""
    virtual_network_rules: Annotated[VirtualNetworkRules | None, *_GIVEN] = None
    """The resource ids of the subnets that are to be let in, in place of all before. Absent: as before."""
    service_tags: Annotated[ServiceTags | None, *_GIVEN] = None
    """The service tags of Azure that are to be let in, in place of all before. Absent: as before."""
    bypass: Annotated[Bypass | None, *_GIVEN] = None
    """Whether the services that Microsoft trusts are to be let in whatever the rules say. Absent: as before."""


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
    identities: Annotated[Identities | None, *_GIVEN] = None
    """The user-assigned identities that are to be attached. Of the others that the HSM has, those that were asked for
    before are detached, and those that somebody else attached stay. Absent: as before."""
    additional_regions: Annotated[AdditionalRegions | None, *_GIVEN] = None
    """The region to which the HSM is to be extended; empty where it is to be in its own only. Absent: as before."""
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
    identities: list[str] | None = None
    """The user-assigned identities that are attached, besides those that the HSM has."""
    removed_identities: list[str] = Field(default_factory=list)
    """The user-assigned identities that are detached: those that were asked for before, and are not any more."""
    additional_regions: list[str] | None = None
    """The regions afterwards, besides its own; empty where it is in its own only."""
    removes_expiry: bool = False
    """Whether the expiry is removed. Azure knows of none, so that it would show nowhere else."""

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        return self == InPlaceChange()

    @property
    def extends(self) -> bool:
        """Whether the HSM may come to cost more by it."""
        return bool(self.additional_regions)


def parse_change(body: bytes) -> HsmChange:
    """Read the body of a PATCH; raises ServiceError that names each field which cannot be accepted."""
    try:
        return parse_body(HsmChange, body)
    except ServiceError as error:
        raise refused_fields([_say_if_immutable(each) for each in error.detail.errors]) from None


def _say_if_immutable(error: FieldError) -> FieldError:
    why = IMMUTABLE.get(error.field)
    return FieldError(field=error.field, message=why, code="property_immutable") if why else error


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
    changes |= {
        name: value for name in ("identities", "additional_regions") if (value := getattr(change, name)) is not None
    }
    if "expires_at" in change.model_fields_set:
        changes["expires_at"] = change.expires_at
    try:
        # By the names of the wire: what is refused is named by them.
        fields = type(before).model_fields
        whole = {**dict(before), **changes}
        return type(before).model_validate({fields[name].alias or name: value for name, value in whole.items()})
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
        identities=change.identities,
        additional_regions=change.additional_regions,
        removes_expiry="expires_at" in change.model_fields_set and change.expires_at is None,
    )


def find_change(hsm: Hsm, before: HsmSpecification, wanted: HsmSpecification) -> InPlaceChange:
    """Find what Azure has to change in place so that an HSM is as wanted.

    Tags are held against what was asked for before, not against what they have become: they are for people, and others
    may have changed them. So are identities and regions that are not wanted: what others added stays.
    """
    known = {name.lower(): value for name, value in before.tags.items()}
    asked_for_regions = bool(wanted.additional_regions or before.additional_regions)
    kept = {name.lower() for name in wanted.tags}
    change = InPlaceChange(
        tags={name: value for name, value in wanted.tags.items() if known.get(name.lower()) != value},
        removed_tags=[name for name in before.tags if name.lower() not in kept],
        network=wanted.network,
        public_network_access=wanted.public_network_access,
        purge_protection=True if wanted.purge_protection else None,
        identities=wanted.identities,
        removed_identities=find_removed_identities(before, wanted),
        additional_regions=wanted.additional_regions if asked_for_regions else None,
    )
    return find_pending(change, hsm)


def find_removed_identities(before: HsmSpecification, wanted: HsmSpecification) -> list[str]:
    """Name the identities that were asked for before and are not any more."""
    kept = {identity.lower() for identity in wanted.identities}
    return [identity for identity in before.identities if identity.lower() not in kept]


def keep_identities(change: InPlaceChange, needed: Iterable[str]) -> InPlaceChange:
    """Give a change that detaches none of the identities that are needed."""
    kept = {identity.lower() for identity in needed}
    removed = [identity for identity in change.removed_identities if identity.lower() not in kept]
    return change.model_copy(update={"removed_identities": removed})


def find_pending(change: InPlaceChange, hsm: Hsm) -> InPlaceChange:
    """Give what of a change is still to be done."""
    has = {name.lower(): value for name, value in hsm.tags.items()}
    network, access, regions = change.network, change.public_network_access, change.additional_regions
    return InPlaceChange(
        tags={name: value for name, value in change.tags.items() if has.get(name.lower()) != value},
        removed_tags=[name for name in change.removed_tags if name.lower() in has],
        network=network if network is not None and reach(network) != reach(hsm.network) else None,
        public_network_access=access if access != hsm.public_network_access else None,
        purge_protection=None if hsm.purge_protection else change.purge_protection,
        identities=[name for name in change.identities or [] if not hsm.has_identity(name)] or None,
        removed_identities=[name for name in change.removed_identities if hsm.has_identity(name)],
        additional_regions=regions if regions is not None and {*regions} != {*hsm.additional_regions} else None,
    )


def change_tags(change: InPlaceChange, tags: dict[str, str]) -> dict[str, str]:
    """Give the tags after a change, with those that it does not name; names differ in more than case."""
    return _merge_tags(tags, {**change.tags, **dict.fromkeys(change.removed_tags)})


def _merge_tags(tags: dict[str, str], change: dict[str, Any]) -> dict[str, str]:
    # Azure does not tell names of tags apart by case.
    named = {name.lower() for name in change}
    kept = {name: value for name, value in tags.items() if name.lower() not in named}
    return kept | {name: value for name, value in change.items() if value is not None}

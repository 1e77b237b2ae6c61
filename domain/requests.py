"""The request for an HSM, its rules, and its canonical form."""

import hashlib
import json
import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from domain.addresses import AddressRange
from domain.cloud import VAULT_SUFFIX
from domain.errors import FieldError, ServiceError, refused_fields
from domain.fields import Guid, IdentityId, Location, Sku, SubnetId
from domain.handover.request import Handover
from domain.model import Model
from domain.names import parse_certificate_id
from domain.wording import explain
from domain.wrapping_keys import WrappingCertificate, WrappingKeyFault, check_wrapping_keys, read_pem

MINIMUM_KEYS: Final = 3
MAXIMUM_KEYS: Final = 10
MINIMUM_QUORUM: Final = 2
MINIMUM_RETENTION: Final = 7
MAXIMUM_RETENTION: Final = 90

_OWN_CODES: Final = frozenset(
    {
        "wrapping_key_count",
        "wrapping_key_source",
        "certificate_id_invalid",
        "quorum_out_of_range",
        "retention_out_of_range",
        "property_immutable",
        "invalid_field",
    }
)


def _certificate_id(text: str) -> str:
    try:
        return str(parse_certificate_id(text))
    except ValueError as error:
        code, message = "certificate_id_invalid", "{reason}"
        raise PydanticCustomError(code, message, {"reason": str(error)}) from None


def _retention(days: int) -> int:
    if not MINIMUM_RETENTION <= days <= MAXIMUM_RETENTION:
        message = f"A deleted HSM is kept {MINIMUM_RETENTION} to {MAXIMUM_RETENTION} days."
        code = "retention_out_of_range"
        raise PydanticCustomError(code, message)
    return days


def check_tag_names[Value](tags: dict[str, Value]) -> dict[str, Value]:
    """Give tags whose names Azure takes; raises PydanticCustomError."""
    if len({name.lower() for name in tags}) < len(tags) or any(re.search(r"[<>%&\\?/]", name) for name in tags):
        code, message = "invalid_field", "Tag names differ in more than case and hold none of < > % & \\ ? /."
        raise PydanticCustomError(code, message)
    return tags


def _elsewhere(regions: list[str], info: ValidationInfo) -> list[str]:
    if info.data.get("location") in regions:
        code, message = "invalid_field", "This is the region that the HSM is in: name another one, or none."
        raise PydanticCustomError(code, message)
    return regions


# What functions check, said for who reads the JSON schema as well.
_CERTIFICATE_SCHEMA: Final = {
    "pattern": rf"^https://[A-Za-z0-9-]{{3,24}}\.{re.escape(VAULT_SUFFIX)}/certificates/[0-9A-Za-z-]{{1,127}}"
    r"(/[0-9A-Za-z]{32})?/?$"
}
_ONE_SOURCE_SCHEMA: Final[JsonDict] = {"oneOf": [{"required": ["certificateId"]}, {"required": ["pem"]}]}
_KEYS_SCHEMA: Final[JsonDict] = {"minItems": MINIMUM_KEYS, "maxItems": MAXIMUM_KEYS}
_QUORUM_SCHEMA: Final[JsonDict] = {"minimum": MINIMUM_QUORUM, "maximum": MAXIMUM_KEYS}
_RETENTION_SCHEMA: Final[JsonDict] = {"minimum": MINIMUM_RETENTION, "maximum": MAXIMUM_RETENTION}
_TAG_NAME_SCHEMA: Final = {"pattern": r"^[^<>%&\\?/]+$"}

TagName = Annotated[str, Field(min_length=1, max_length=512, json_schema_extra=_TAG_NAME_SCHEMA)]
TagValue = Annotated[str, Field(max_length=256)]
Tags = Annotated[
    dict[TagName, TagValue],
    Field(max_length=50),
    AfterValidator(check_tag_names),
]
CertificateIdText = Annotated[
    str, Field(max_length=400, json_schema_extra=_CERTIFICATE_SCHEMA), AfterValidator(_certificate_id)
]
RetentionDays = Annotated[StrictInt, AfterValidator(_retention), Field(json_schema_extra=_RETENTION_SCHEMA)]
PublicNetworkAccess = Literal["Enabled", "Disabled"]
IpRules = Annotated[list[AddressRange], Field(max_length=1000)]
VirtualNetworkRules = Annotated[list[SubnetId], Field(max_length=200)]
ServiceTags = Annotated[list[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9.]{0,79}$")]], Field(max_length=100)]
Bypass = Literal["AzureServices", "None"]
Identities = Annotated[list[IdentityId], Field(max_length=20)]
# Azure extends an HSM to one other region (source: Microsoft, Managed HSM, multi-region-replication.md).
AdditionalRegions = Annotated[list[Location], Field(max_length=1)]

ResourceGroup = Annotated[str, Field(max_length=90, pattern=r"^[-\w.()]*[-\w()]$")]
EnvironmentField = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
TeamField = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


class NetworkRequest(Model):
    """From where the HSM can be reached publicly: from everywhere, or from some addresses and subnets only."""

    default_action: Literal["Allow", "Deny"] = "Allow"
    """What happens to a caller whom none of the rules lets in."""
    ip_rules: IpRules = Field(default_factory=list)
    """The IPv4 addresses and ranges that are let in; none where it is empty."""
    virtual_network_rules: VirtualNetworkRules = Field(default_factory=list)
    """The resource ids of the subnets that are let in; none where it is empty."""
    service_tags: ServiceTags = Field(default_factory=list)
    """The service tags of Azure whose addresses are let in; none where it is empty."""
    bypass: Bypass = "AzureServices"
    """Whether the services that Microsoft trusts are let in whatever the rules say."""

    def canonical(self) -> dict[str, Any]:
        """Give the rules with what Azure does not tell apart written in one way.

        Earlier versions knew of no more than the first two members: the others are left out where they have their
        defaults, so that a request that was accepted then has the same digest now.
        """
        later: dict[str, Any] = {
            "virtualNetworkRules": sorted({rule.lower() for rule in self.virtual_network_rules}),
            "serviceTags": sorted({tag.lower() for tag in self.service_tags}),
            "bypass": None if self.bypass == "AzureServices" else self.bypass,
        }
        first = {"defaultAction": self.default_action, "ipRules": sorted(set(self.ip_rules))}
        return first | {name: value for name, value in later.items() if value}


class WrappingKeyRequest(Model):
    """One custodian's wrapping key: a certificate in a Key Vault, or in PEM, one of the two."""

    model_config = ConfigDict(json_schema_extra=_ONE_SOURCE_SCHEMA)

    custodian: Annotated[str, Field(max_length=200)] = ""
    """Who holds the private key: text for people, which decides nothing."""
    certificate_id: CertificateIdText | None = None
    """The certificate's address in its Key Vault; without a version the newest is pinned. Absent where `pem` is."""
    pem: Annotated[str, Field(min_length=1, max_length=16_384)] | None = None
    """The X.509 certificate itself, without any private key. Absent where `certificateId` is given."""

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        if (self.certificate_id is None) == (self.pem is None):
            code, message = "wrapping_key_source", "A wrapping key has exactly one of certificateId and pem."
            raise PydanticCustomError(code, message)
        return self


class SecurityDomainRequest(Model):
    """To whom the security domain is encrypted, and how many of them open it."""

    quorum: Annotated[StrictInt, Field(json_schema_extra=_QUORUM_SCHEMA)]
    """How many of the wrapping keys together open the security domain: at most as many as there are."""
    wrapping_keys: Annotated[list[WrappingKeyRequest], Field(json_schema_extra=_KEYS_SCHEMA)]
    """The keys to which the shares are encrypted, one share each."""


class HsmSpecification(Model):
    """What an HSM is, or is to be, but for its security domain.

    Defaults are Azure's own: what cannot be undone (purge protection) has to be asked for.
    """

    subscription_id: Guid
    """The Azure subscription that the HSM is in, and is billed to."""
    resource_group: ResourceGroup
    """The resource group that the HSM is in; it is made where there is none."""
    location: Location
    """The Azure region."""
    sku: Sku = "Standard_B1"
    """The kind of HSM, which decides what it costs."""
    administrators: Annotated[list[Guid], Field(min_length=1, max_length=20)]
    """The Entra object ids of the HSM's first administrators. They cannot be changed once it is made."""
    soft_delete_retention_days: RetentionDays = 90
    """How many days the HSM is kept after it was deleted. It cannot be changed once it is made."""
    purge_protection: StrictBool = False
    """Whether nobody can purge the HSM before its retention has passed. Once on, it cannot be put off."""
    public_network_access: PublicNetworkAccess = "Enabled"
    """Whether the HSM can be reached from the internet, within its network rules."""
    network: NetworkRequest = Field(default_factory=NetworkRequest)
    """From where the HSM can be reached; from everywhere where it is absent."""
    identities: Identities = Field(default_factory=list)
    """The resource ids of the user-assigned identities that are attached to the HSM. Others that it has stay."""
    additional_regions: Annotated[AdditionalRegions, AfterValidator(_elsewhere)] = Field(default_factory=list)
    """The other region to which the HSM is extended once it is active; it then costs twice as much."""
    tags: Tags = Field(default_factory=dict)
    """Labels for people, on the Azure resource."""
    environment: EnvironmentField
    """The environment of the deployment's policy whose rules the HSM follows. It never changes."""
    expires_at: AwareDatetime | None = None
    """Until when the HSM is needed. Absent: no end is known."""
    handover: Handover | None = None
    """What the HSM is to have around it when it is handed over. Absent: what the policy has for its environment."""
    requested_by: Guid | None = None
    """The Entra object id of the person for whom an application asks. A person leaves it out."""

    def specification(self) -> "HsmSpecification":
        """Give what an HSM is to be, without anything else that is asked."""
        return HsmSpecification.model_validate({name: getattr(self, name) for name in HsmSpecification.model_fields})

    def canonical(self) -> dict[str, Any]:
        """Give what is asked after defaults, with what Azure does not tell apart written in one way.

        Who asked, and for which team, is left out: that stands beside the request.
        """
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"team", "requested_by"})
        document["network"] = self.network.canonical()
        document["identities"] = sorted({identity.lower() for identity in self.identities})
        for name in ("identities", "additionalRegions"):
            # An earlier version knew none of them, and its digests count.
            if not document[name]:
                del document[name]
        document["resourceGroup"] = self.resource_group.lower()
        document["administrators"] = sorted(set(self.administrators))
        return document

    def differs_in_handover_only(self, other: "HsmSpecification") -> bool:
        """Say whether another request asks for the same HSM, whatever is to be around it."""
        return (
            self.model_copy(update={"handover": None}).digest() == other.model_copy(update={"handover": None}).digest()
        )

    def digest(self) -> str:
        """Give the SHA-256 of the canonical form: two requests are the same if and only if this is."""
        return digest_of(self.canonical())


class HsmRequest(HsmSpecification):
    """All that a caller decides about an HSM; the body of `PUT /api/hsms/{name}`."""

    security_domain: SecurityDomainRequest
    """To whom the security domain is encrypted."""
    team: TeamField | None = None
    """The team that the HSM belongs to. A caller of one team may leave it out."""

    def canonical(self) -> dict[str, Any]:
        """Give the request after defaults, with what Azure does not tell apart written in one way.

        The custodians' names are left out: they are text for people and decide nothing.
        """
        document = super().canonical()
        for key in document["securityDomain"]["wrappingKeys"]:
            del key["custodian"]
            if "pem" in key:
                certificate = read_pem(key["pem"])
                if isinstance(certificate, WrappingCertificate):
                    key["pem"] = certificate.pem
        return document


def digest_of(document: dict[str, Any]) -> str:
    """Give the SHA-256 of a JSON document, in hexadecimal digits; the order of members does not matter."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def parse_request(body: bytes) -> HsmRequest:
    """Read a request and check all that it shows by itself, but not the dates of its certificates: see `check_request`.

    Raises ServiceError that names each field which cannot be accepted.
    """
    request = parse_body(HsmRequest, body)
    check_request(request)
    return request


def parse_body[Body: Model](kind: type[Body], body: bytes) -> Body:
    """Read a body of JSON; raises ServiceError that names each field which cannot be accepted."""
    if not body.strip():
        raise refused_fields([FieldError(field="body", message="The request has no body.", code="body_missing")])
    try:
        body.decode()
    except UnicodeDecodeError:
        raise refused_fields(
            [FieldError(field="body", message="The body is not UTF-8.", code="body_not_utf8")]
        ) from None
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise refused_by_model(error) from None


def check_request(request: HsmRequest, now: datetime | None = None) -> None:
    """Check the rules that span fields; raises ServiceError that names the fields.

    Without `now` certificates need not be valid: their dates matter only where something is encrypted to them.
    """
    counts = _check_counts(request)
    if counts:
        # Of thousands of keys none is read.
        raise refused_fields(counts)
    keys: list[WrappingCertificate | WrappingKeyFault | None] = [
        read_pem(key.pem) if key.pem else None for key in request.security_domain.wrapping_keys
    ]
    errors = _check_certificate_ids(request) + check_wrapping_keys(keys, now)
    if errors:
        raise refused_fields(errors)


def _check_counts(request: HsmRequest) -> list[FieldError]:
    domain = request.security_domain
    count = len(domain.wrapping_keys)
    if not MINIMUM_KEYS <= count <= MAXIMUM_KEYS:
        message = f"A security domain has {MINIMUM_KEYS} to {MAXIMUM_KEYS} wrapping keys; these are {count}."
        return [FieldError(field="securityDomain.wrappingKeys", message=message, code="wrapping_key_count")]
    if not MINIMUM_QUORUM <= domain.quorum <= count:
        message = f"The quorum is {MINIMUM_QUORUM} to the number of wrapping keys, {count}."
        return [FieldError(field="securityDomain.quorum", message=message, code="quorum_out_of_range")]
    return []


def _check_certificate_ids(request: HsmRequest) -> list[FieldError]:
    seen: dict[str, int] = {}
    errors = []
    for index, key in enumerate(request.security_domain.wrapping_keys):
        if key.certificate_id is None:
            continue
        first = seen.setdefault(key.certificate_id.lower(), index)
        if first != index:
            message = f"This is the certificate of securityDomain.wrappingKeys[{first}]."
            field = f"securityDomain.wrappingKeys[{index}]"
            errors.append(FieldError(field=field, message=message, code="wrapping_key_duplicated"))
    return errors


def refused_by_model(error: ValidationError) -> ServiceError:
    """Name the fields that pydantic refused; its message never repeats what was sent."""
    details = error.errors(include_url=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        return refused_fields([FieldError(field="body", message="The body is not JSON.", code="body_not_json")])
    return refused_fields(
        [
            FieldError(
                field=_field(detail["loc"]),
                message=explain(detail),
                code=detail["type"] if detail["type"] in _OWN_CODES else "invalid_field",
            )
            for detail in details[:50]
        ]
    )


def _field(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return text[:200] or "body"

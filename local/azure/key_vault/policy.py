"""A certificate's policy: what its next version is made of."""

import time
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

PKCS12: Final = "application/x-pkcs12"
PEM: Final = "application/x-pem-file"
CURVE_SIZES: Final = {"P-256": 256, "P-256K": 256, "P-384": 384, "P-521": 521}
_RSA_SIZES: Final = (2048, 3072, 4096)
# Server and client authentication.
_USUAL_EXTENDED_USAGES: Final = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]

KeyType = Literal["RSA", "RSA-HSM", "EC", "EC-HSM"]
CurveName = Literal["P-256", "P-256K", "P-384", "P-521"]
KeyUsageName = Literal[
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
]
_USUAL_USAGES: Final[list[KeyUsageName]] = ["digitalSignature", "keyEncipherment"]


class WireModel(BaseModel):
    """A part of a body; members that nobody here needs are passed over."""

    model_config = ConfigDict(extra="ignore", validate_by_name=True, validate_by_alias=True)


class KeyProperties(WireModel):
    """What key pair a version gets."""

    exportable: bool | None = None
    kty: KeyType = "RSA"
    key_size: int | None = None
    reuse_key: bool = False
    crv: CurveName | None = None

    @model_validator(mode="after")
    def complete(self) -> Self:
        """Fill in what was not said, and refuse what no key can be; raises ValueError.

        That a key of an HSM is not exportable is documented; which error says so is not.
        """
        if self.exportable is None:
            self.exportable = not self.kty.endswith("-HSM")
        if self.exportable and self.kty.endswith("-HSM"):
            message = f"a key of type {self.kty} is not exportable"
            raise ValueError(message)
        if self.kty.startswith("RSA"):
            self.key_size = self.key_size or _RSA_SIZES[0]
            if self.key_size not in _RSA_SIZES:
                message = f"key_size is none of {_RSA_SIZES}"
                raise ValueError(message)
        else:
            self.crv = self.crv or "P-256"
            self.key_size = CURVE_SIZES[self.crv]
        return self


class SecretProperties(WireModel):
    """In which form the secret is that belongs to a certificate."""

    content_type: Literal["application/x-pkcs12", "application/x-pem-file"] = Field(PKCS12, alias="contentType")


class SubjectAlternativeNames(WireModel):
    """The subject's other names."""

    dns_names: list[str] | None = None
    emails: list[str] | None = None
    upns: list[str] | None = None
    uris: list[str] | None = None
    ip_addresses: list[str] | None = Field(None, alias="ipAddresses")


class BasicConstraints(WireModel):
    """Whether a certificate is an authority's."""

    ca: bool = False


def _sort(usages: list[KeyUsageName]) -> list[KeyUsageName]:
    return sorted(set(usages))


class X509Properties(WireModel):
    """What a version's certificate says. Usages default as the service's do (source: About Key Vault certificates)."""

    subject: str | None = None
    sans: SubjectAlternativeNames | None = None
    ekus: list[str] = Field(default_factory=_USUAL_EXTENDED_USAGES.copy)
    key_usage: Annotated[list[KeyUsageName], AfterValidator(_sort)] = Field(default_factory=_USUAL_USAGES.copy)
    validity_months: int = Field(12, ge=1, le=1200)
    basic_constraints: BasicConstraints = Field(default_factory=BasicConstraints)

    @model_validator(mode="after")
    def drop_empty_names(self) -> Self:
        """Take empty alternative names for none: the SDKs send them so."""
        if self.sans is not None and not any(self.sans.model_dump().values()):
            self.sans = None
        return self


class Trigger(WireModel):
    """When an action is due."""

    lifetime_percentage: int | None = Field(None, ge=1, le=99)
    days_before_expiry: int | None = Field(None, ge=0)


class Action(WireModel):
    """What is to happen then; here it never does."""

    action_type: Literal["AutoRenew", "EmailContacts"]


class LifetimeAction(WireModel):
    """What Key Vault does by itself towards a version's end."""

    trigger: Trigger
    action: Action


class Issuer(WireModel):
    """Who signs."""

    name: str = "Self"
    cty: str | None = None
    cert_transparency: bool | None = None


def _usual_actions() -> list[LifetimeAction]:
    return [LifetimeAction(trigger=Trigger(lifetime_percentage=80), action=Action(action_type="AutoRenew"))]


class Policy(WireModel):
    """A certificate's policy, with all that a body left to the service."""

    key_props: KeyProperties = Field(default_factory=KeyProperties)
    secret_props: SecretProperties = Field(default_factory=SecretProperties)
    x509_props: X509Properties = Field(default_factory=X509Properties)
    lifetime_actions: list[LifetimeAction] = Field(default_factory=_usual_actions)
    issuer: Issuer = Field(default_factory=Issuer)

    def write(self) -> dict[str, Any]:
        """Write it as the service does."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class StoredPolicy:
    """A certificate's policy and when it was made and changed."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.created = self.updated = int(time.time())

    def change(self, policy: Policy) -> None:
        """Put another in its place."""
        self.policy, self.updated = policy, int(time.time())

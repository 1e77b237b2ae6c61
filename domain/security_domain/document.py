"""The parts of a security domain, read strictly from its JSON document."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.security_domain.documents import read_document
from domain.security_domain.errors import SecurityDomainError

WHAT: Final = "a security domain"
PARTS: Final = ("hsm_backup", "base_enclave_backup", "partition_enclave_backup")
"""The parts of the data by their tags, as every recorded security domain has them."""


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


class Datum(_Part):
    """One part of the HSM's secrets, encrypted under the key that is derived for its tag."""

    compact_jwe: str
    tag: Annotated[str, Field(min_length=1, max_length=100)]


class EncryptedData(_Part):
    """All parts of the HSM's secrets."""

    data: Annotated[list[Datum], Field(min_length=1, max_length=20)]
    kdf: Literal["sp108_kdf"]


class EncryptedShare(_Part):
    """The master key's share of one custodian; `x5t_256` is base64url of the SHA-256 of the certificate's DER."""

    enc_key: str
    x5t_256: str


class SharedKeys(_Part):
    """The shares of the master key, of which any `required` give it."""

    enc_shares: Annotated[list[EncryptedShare], Field(max_length=126)]
    key_algorithm: Literal["shamir_share"]
    required: int


class SecurityDomain(_Part):
    """A security domain, version 2."""

    enc_data: EncryptedData = Field(alias="EncData")
    shared_keys: SharedKeys = Field(alias="SharedKeys")
    version: Literal[2]

    def find_share(self, thumbprint: str) -> EncryptedShare:
        """Find the share of one certificate; raises SecurityDomainError `no_share_for_key`."""
        shares = [share for share in self.shared_keys.enc_shares if share.x5t_256 == thumbprint]
        if len(shares) != 1:
            raise SecurityDomainError(
                "no_share_for_key",
                f"{len(shares) or 'No'} shares of this security domain are for the certificate {thumbprint}.",
            )
        return shares[0]


def read_security_domain(content: bytes) -> SecurityDomain:
    """Read a security domain; raises SecurityDomainError `not_json`, `version_1`, `version_unknown` or `malformed`.

    Version 1, which split the key by XOR (`SplitKeys`), is recognised and refused.
    """
    document = read_document(content, WHAT)
    require_version_2(document)
    try:
        return SecurityDomain.model_validate(document)
    except ValidationError as error:
        raise SecurityDomainError("malformed", f"It is not of the format: {'; '.join(tell(error))}.") from None


def require_version_2(document: dict[str, Any]) -> None:
    """Raise SecurityDomainError `version_1` or `version_unknown` for any other version."""
    version = document.get("version")
    if "SplitKeys" in document or version == 1:
        raise SecurityDomainError(
            "version_1", "It is version 1 of the format, which this does not open: download the security domain anew."
        )
    if type(version) is not int or version != 2:
        raise SecurityDomainError("version_unknown", "It does not say that it is version 2 of the format.")


def tell(error: ValidationError) -> list[str]:
    """Say which members are wrong and how, never their values nor a name that they made up; the first five of them."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    told = []
    for detail in details[:5]:
        kind = detail["type"]
        place = detail["loc"][:-1] if kind == "extra_forbidden" else detail["loc"]
        told.append(f"{'.'.join(map(str, place)) or 'the document'}: {kind}")
    return told + ([f"{len(details) - 5} more"] if len(details) > 5 else [])


def find_unknown_members(document: dict[str, Any]) -> list[str]:
    """Name the places that hold members which the format does not have, of a document that is of the format."""
    shares, data = document["SharedKeys"]["enc_shares"], document["EncData"]["data"]
    places: list[tuple[str, dict[str, Any], type[BaseModel]]] = [
        ("the document", document, SecurityDomain),
        ("EncData", document["EncData"], EncryptedData),
        ("SharedKeys", document["SharedKeys"], SharedKeys),
        *((f"EncData.data.{index}", datum, Datum) for index, datum in enumerate(data)),
        *((f"SharedKeys.enc_shares.{index}", share, EncryptedShare) for index, share in enumerate(shares)),
    ]
    return [place for place, members, model in places if members.keys() - _names(model)]


def _names(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}

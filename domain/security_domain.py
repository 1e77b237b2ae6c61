"""The security domain's outer form: what can be checked without any private key.

The format is what the service returns and every restore reads: `EncData` with JWEs encrypted under keys derived from a
master key, `SharedKeys` with the master key's Shamir shares, each encrypted to one wrapping certificate and found by
its `x5t_256` (source: azure-cli, command_modules/keyvault/security_domain).
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_ENCRYPTION: Final = "A256CBC-HS512"
_WRAPPINGS: Final = ("RSA-OAEP-256", "RSA-OAEP")
_TOLD: Final = 5
_TAG_BYTES: Final = 32
_IV_BYTES: Final = 16


class _Part(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)


class _Datum(_Part):
    compact_jwe: str
    tag: str = Field(min_length=1)


class _EncData(_Part):
    data: list[_Datum] = Field(min_length=1)
    kdf: Literal["sp108_kdf"]


class _Share(_Part):
    enc_key: str
    x5t_256: str


class _SharedKeys(_Part):
    enc_shares: list[_Share]
    key_algorithm: Literal["shamir_share"]
    required: int


class _SecurityDomain(_Part):
    enc_data: _EncData = Field(alias="EncData")
    shared_keys: _SharedKeys = Field(alias="SharedKeys")
    version: Literal[2] = 2


def find_faults(content: bytes, thumbprints: Sequence[str], quorum: int) -> list[str]:
    """Say what is wrong with a stored security domain; an empty list where all that can be seen is right.

    The texts name parts of the form, never a value of it.
    """
    try:
        domain = _SecurityDomain.model_validate_json(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        return [f"{'.'.join(map(str, detail['loc'])) or 'document'}: {detail['type']}" for detail in details]
    return [*_find_share_faults(domain.shared_keys, thumbprints, quorum), *_find_data_faults(domain.enc_data)]


def summarize(faults: Sequence[str]) -> str:
    """Write faults in one line that stays short, however many there are."""
    more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
    return "; ".join(fault[:200] for fault in faults[:_TOLD]) + more


def _find_share_faults(shared: _SharedKeys, thumbprints: Sequence[str], quorum: int) -> list[str]:
    faults = []
    if shared.required != quorum:
        faults.append("SharedKeys.required is not the quorum that was asked for")
    if len(shared.enc_shares) != len(thumbprints):
        faults.append("SharedKeys.enc_shares is not one share for each wrapping key")
    if sorted(share.x5t_256 for share in shared.enc_shares) != sorted(thumbprints):
        faults.append("SharedKeys.enc_shares: the thumbprints are not those of the wrapping certificates")
    for index, share in enumerate(shared.enc_shares):
        header = _jwe_header(share.enc_key, with_key=True)
        if header is None or header.get("alg") not in _WRAPPINGS or header.get("enc") != _ENCRYPTION:
            faults.append(f"SharedKeys.enc_shares.{index}.enc_key is not a JWE to a wrapping key")
    return faults


def _find_data_faults(data: _EncData) -> list[str]:
    faults = []
    for index, datum in enumerate(data.data):
        header = _jwe_header(datum.compact_jwe, with_key=False)
        expected = {"alg": "dir", "enc": _ENCRYPTION, "kid": datum.tag}
        if header is None or any(header.get(name) != value for name, value in expected.items()):
            faults.append(f"EncData.data.{index}.compact_jwe is not a JWE under the key of its tag")
    return faults


def _jwe_header(compact: str, *, with_key: bool) -> dict[str, Any] | None:
    """Read the header of a compact JWE whose five parts have the lengths that they must have."""
    parts = compact.split(".")
    if len(parts) != 5:
        return None
    try:
        header, key, vector, ciphertext, tag = (
            base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True) for part in parts
        )
        document = json.loads(header)
    except (binascii.Error, ValueError):
        return None
    well_formed = bool(key) == with_key and len(vector) == _IV_BYTES and len(tag) == _TAG_BYTES
    well_formed = well_formed and len(ciphertext) > 0 and len(ciphertext) % _IV_BYTES == 0
    return document if well_formed and isinstance(document, dict) else None

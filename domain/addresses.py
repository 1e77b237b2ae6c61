"""IPv4 addresses and ranges, as a firewall's rules have them."""

import ipaddress
from typing import Annotated, Final

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError


def _address_range(text: object) -> str:
    try:
        network = ipaddress.ip_network(text if isinstance(text, str) else "", strict=False)
    except ValueError:
        network = None
    if network is None or network.version != 4:
        code, message = "invalid_field", "This is an IPv4 address or range such as 203.0.113.0/24."
        raise PydanticCustomError(code, message)
    return str(network)


# What a function checks, said for who reads the JSON schema as well.
_BYTE: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS_SCHEMA: Final = {"pattern": rf"^{_BYTE}(\.{_BYTE}){{3}}(/([12]?[0-9]|3[0-2]))?$"}

AddressRange = Annotated[str, BeforeValidator(_address_range), Field(json_schema_extra=_ADDRESS_SCHEMA)]

"""Which exports of the security domain of an HSM that is there need approval, whatever the policy says, and why."""

from typing import Final

from domain.records import HsmRecord
from domain.requests import HsmRequest, HsmSpecification

FIRST: Final = "The HSM was taken over, or restored; its security domain is exported for the first time."
AGAIN: Final = (
    "The HSM was taken over, or restored; what is stored of its security domain is gone or damaged, and it is exported "
    "again."
)
OTHER_KEYS: Final = "The security domain of the HSM is exported to other keys, or with another quorum, than before."
_PARTS: Final = ("quorum", "wrappingKeys")


def find_export_reason(record: HsmRecord, request: HsmRequest, *, kept: bool) -> str | None:
    """Say why a provision of an HSM that is there needs approval: whoever provisions it takes all that it holds.

    `kept` says that the bytes which the record's receipt is for are there, and are those.
    """
    if record.security_domain is None:
        return FIRST if record.may_hold_others else None
    if not isinstance(record.request, HsmRequest):
        return FIRST
    if find_differing_parts(record.request, request):
        return OTHER_KEYS
    return AGAIN if record.may_hold_others and not kept else None


def find_differing_parts(before: HsmSpecification, request: HsmRequest) -> list[str]:
    """Name what of the security domain is asked for otherwise than before."""
    had, wanted = before.canonical().get("securityDomain", {}), request.canonical()["securityDomain"]
    return [part for part in _PARTS if had.get(part) != wanted[part]]

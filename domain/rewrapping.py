"""Re-wrapping: the security domain of an HSM that is active is exported again, for other custodians."""

from datetime import datetime
from typing import Final

from pydantic import ValidationError

from domain.fields import Guid
from domain.model import Model
from domain.records import Notice
from domain.requests import (
    HsmRequest,
    HsmSpecification,
    SecurityDomainRequest,
    check_request,
    parse_body,
    refused_by_model,
)

OLD_QUORUM_STILL_OPENS: Final = Notice(
    code="old_quorum_still_opens",
    message=(
        "Re-wrapping revokes nothing: the security domain that was stored before and its wrapping keys still open the "
        "HSM. Destroy only keys that no stored security domain needs any more, neither this HSM's new one nor another "
        "HSM's; where they are compromised, move to a new HSM."
    ),
)


class RewrapRequest(Model):
    """The body of `POST /api/hsms/{name}/security-domain/rewrap`: the new custodians and their quorum."""

    security_domain: SecurityDomainRequest
    """To whom the security domain is encrypted from now on, and how many of them open it."""
    requested_by: Guid | None = None
    """The Entra object id of the person for whom an application asks. A person leaves it out."""


def parse_rewrap(body: bytes) -> RewrapRequest:
    """Read the body of a re-wrap; raises ServiceError that names each field which cannot be accepted."""
    return parse_body(RewrapRequest, body)


def rewrap(before: HsmSpecification, asked: RewrapRequest, now: datetime) -> HsmRequest:
    """Give what the HSM is to be: as it is, with a security domain for other keys, whether or not it had keys here.

    Raises ServiceError that names the fields which cannot be accepted.
    """
    changes = {"security_domain": asked.security_domain, "requested_by": asked.requested_by}
    try:
        request = HsmRequest.model_validate({**dict(before), **changes})
    except ValidationError as error:
        raise refused_by_model(error) from None
    check_request(request, now)
    return request

"""Recovering: a deleted HSM that is not purged yet is brought back, with all that it holds."""

from datetime import datetime
from typing import Final

from domain.fields import Guid
from domain.model import Model
from domain.records import Notice
from domain.requests import HsmSpecification, parse_body

PRIVATE_ENDPOINTS_GONE: Final = Notice(
    code="private_endpoints_gone",
    message=(
        "Azure cut the HSM's private endpoint connections when it was deleted, and the service deleted the private "
        "endpoints that it had made: the HSM's PUT makes these again. Whoever made others makes them again."
    ),
)
EXPIRED: Final = Notice(
    code="hsm_expired",
    message="The time until which the HSM was needed is over: give it another expiresAt, or it may be deleted again.",
)


class RecoverRequest(Model):
    """The body of `POST /api/hsms/{name}/recover`; what the HSM is to be is what it was."""

    requested_by: Guid | None = None
    """The Entra object id of the person for whom an application asks. A person leaves it out."""


def parse_recovery(body: bytes) -> RecoverRequest:
    """Read the body of a recovery; raises ServiceError that names each field which cannot be accepted."""
    return parse_body(RecoverRequest, body)


def find_recovery_warnings(request: HsmSpecification, now: datetime) -> list[Notice]:
    """Say what people should do once the HSM is back."""
    expired = request.expires_at is not None and request.expires_at <= now
    return [PRIVATE_ENDPOINTS_GONE, *([EXPIRED] if expired else [])]

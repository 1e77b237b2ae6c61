"""A hold: somebody says that an HSM must be kept, whatever its expiry, a schedule or a request say."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from domain.approvals import Comment
from domain.caller import Principal
from domain.errors import ServiceError, service_error
from domain.model import Model


class HoldRequest(Model):
    """Why an HSM must be kept."""

    reason: Annotated[Comment, Field(min_length=1)]
    """Why it must be kept: text for people."""


class Hold(Model):
    """That an HSM must be kept, until the hold is lifted."""

    by: Principal
    """Who put it on hold."""
    at: AwareDatetime
    """When."""
    reason: str
    """Why: text for people."""


def hsm_held(hold: Hold) -> ServiceError:
    """Make the error of an HSM that must be kept."""
    return service_error(
        "hsm_held",
        f"The HSM is on hold since {hold.at:%Y-%m-%d}: it is neither deleted nor purged.",
        advice="Read why in the HSM's hold. Once it is lifted, send the request again.",
    )

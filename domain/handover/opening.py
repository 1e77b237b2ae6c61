"""An HSM's firewall that is opened to the service for a while, where it cannot be reached otherwise."""

import ipaddress
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StrictInt
from pydantic_core import PydanticCustomError

from domain.addresses import AddressRange
from domain.errors import ServiceError, service_error
from domain.model import Model

_SHORTEST_PREFIX: Final = 24


def _narrow(text: str) -> str:
    if ipaddress.ip_network(text).prefixlen < _SHORTEST_PREFIX:
        code, message = "invalid_field", f"An HSM is opened to no more addresses than a /{_SHORTEST_PREFIX} has."
        raise PydanticCustomError(code, message)
    return text


class TemporaryOpening(Model):
    """Lets the service in from the internet to activate the HSM and hand it over, if no other way leads there.

    The policy's environment must allow it, and it always needs approval.
    """

    ip_rule: Annotated[AddressRange, AfterValidator(_narrow)]
    """The IPv4 addresses that the service comes from: no more than a /24 has."""
    minutes: Annotated[StrictInt, Field(ge=1, le=240)]
    """After how many minutes it is closed at the latest, whatever became of the operation.

    A restore closes it while custodians are waited for: they are counted anew for each restore blob.
    """


def describe_opening(opening: TemporaryOpening) -> str:
    """Say for whoever approves it what may be opened."""
    return (
        f"If the service cannot reach the HSM, its firewall is opened to {opening.ip_rule} until it is handed over, "
        f"for {opening.minutes} minutes at most."
    )


def describe_openings_of_restore(opening: TemporaryOpening) -> str:
    """Say for whoever approves a restore what may be opened: it is closed while custodians are waited for."""
    return (
        f"If the service cannot reach the HSM, its firewall is opened to {opening.ip_rule} while it fetches the "
        f"transfer key, and again for each restore blob that custodians store, for {opening.minutes} minutes at most "
        "each time."
    )


def opening_not_allowed(environment: str) -> ServiceError:
    """Make the error of an opening that the policy does not allow (any more)."""
    return service_error(
        "temporary_opening_not_allowed",
        f"The policy lets no HSM of the environment {environment} be opened for a while.",
        advice="Make another way to the HSM (docs/handover.md), then send the request again without temporaryOpening.",
    )


def opening_over() -> ServiceError:
    """Make the error of an opening whose time was over before the HSM was handed over."""
    return service_error(
        "temporary_opening_over",
        "The time for which the HSM's firewall could be opened is over.",
        advice="It is closed, and what was done stays. Send the request again, with more minutes where they were too "
        "few: once that is approved, it opens the firewall anew and goes on from here.",
    )

"""Whether an HSM's data plane can be reached from here, and what is in the way."""

import re
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from clients import managed_hsm
from clients.azure_errors import our_errors
from domain.handover.reaching import Obstacle

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

# How the service words that the network is to blame, and not a role: of an address, and without public access.
_BY_FIREWALL: Final = re.compile(
    rb"caller is not a trusted service|not from a trusted service|ForbiddenByFirewall|ForbiddenByConnection"
)
_LONGEST_CHAIN: Final = 20


def find_obstacle(name: str) -> Obstacle | None:
    """Ask an HSM, as our identity, how its last export went; None where it answers, whatever it says.

    Its firewall judges only who has signed in, for it lets trusted services in: a request without a token is answered
    with a challenge from everywhere. Raises ServiceError where our identity gets no token.
    """
    from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError

    with our_errors("say whether it can be reached"):
        try:
            return _judge(managed_hsm.ask(name, "GET", "/securitydomain/download/pending"))
        except ClientAuthenticationError:
            raise
        except (ServiceRequestError, ServiceResponseError) as error:
            return _classify(error)


def _judge(response: "HttpResponse") -> Obstacle | None:
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "unavailable"
    if response.status_code == HTTPStatus.FORBIDDEN and _BY_FIREWALL.search(response.read()):
        return "firewall"
    return None


def _classify(error: BaseException) -> Obstacle:
    """Name what kept a request from being answered, by the exceptions that the SDK's transport wraps."""
    from requests import Timeout
    from urllib3.exceptions import NameResolutionError
    from urllib3.exceptions import TimeoutError as PoolTimeoutError

    kinds: tuple[tuple[Obstacle, tuple[type[BaseException], ...]], ...] = (
        ("name", (socket.gaierror, NameResolutionError)),
        # urllib3 counts whatever was not connected as late.
        ("refused", (ConnectionRefusedError,)),
        ("timeout", (TimeoutError, Timeout, PoolTimeoutError)),
        # The other side went away: that says nothing of its certificate.
        ("broken", (ssl.SSLEOFError, ssl.SSLZeroReturnError)),
        ("certificate", (ssl.SSLError,)),
    )
    causes = list(_unwrap(error))
    return next((obstacle for obstacle, types in kinds if any(isinstance(cause, types) for cause in causes)), "broken")


def _unwrap(error: BaseException) -> Iterator[BaseException]:
    """Give an exception and those that it holds, however the layers of the transport hold them."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _LONGEST_CHAIN:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        held = (one.__cause__, one.__context__, getattr(one, "inner_exception", None), getattr(one, "reason", None))
        waiting += [item for item in (*held, *one.args) if isinstance(item, BaseException)]

"""The door of a topic: its name, then who publishes, by a token or by one of its keys.

What is refused is 401 in every case (source of the text for a known caller: Azure/azure-sdk-for-net issue 22831).
"""

import hmac
from typing import Final

from starlette.requests import Request

from local.azure.core.errors import ServiceFault
from local.azure.core.journal import note_action
from local.azure.core.tokens import TokenAuthority
from local.azure.event_grid.faults import no_topic, unauthorized
from local.azure.event_grid.models import SEND, EventGrid, Topic

AUDIENCES: Final = ["https://eventgrid.azure.net", "https://eventgrid.azure.net/"]
_KEY: Final = "aeg-sas-key"


class Door:
    """What every request passes first."""

    def __init__(self, grid: EventGrid, authority: TokenAuthority) -> None:
        self._grid = grid
        self._authority = authority

    def enter(self, request: Request) -> Topic:
        """Give the topic that a caller may publish to; raises ServiceFault 401, 404."""
        note_action(request, SEND)
        host = request.headers["host"].partition(":")[0].lower()
        topic = self._grid.find_topic(host)
        if topic is None:
            raise no_topic(host)
        if "authorization" in request.headers:
            self._check_token(request, topic)
        elif _KEY in request.headers:
            _check_key(request.headers[_KEY], topic)
        else:
            message = f"Request must contain one of the following authorization signature: aeg-sas-token, {_KEY}."
            raise unauthorized(message)
        return topic

    def _check_token(self, request: Request, topic: Topic) -> None:
        try:
            caller = str(self._authority.validate(request, AUDIENCES)["oid"])
        except ServiceFault as fault:
            raise unauthorized(f"Unable to read access token. {fault.message}") from None
        if not topic.access.allows(caller, SEND):
            message = (
                "The principal associated with access token presented with the incoming request does not have "
                f"permission to send data to {topic.resource_id}."
            )
            raise unauthorized(message)


def _check_key(key: str, topic: Topic) -> None:
    known = any(hmac.compare_digest(key.encode(), own.encode()) for own in topic.keys)
    if not topic.local_auth or not known:
        reason = "" if topic.local_auth else " Local authentication is disabled."
        raise unauthorized(f"The request authorization key is not authorized for {topic.host.upper()}.{reason}")

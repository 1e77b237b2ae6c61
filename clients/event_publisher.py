"""The Event Grid topic that the deployment publishes its events to."""

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from clients.azure_errors import our_errors
from clients.credential import RETRIES, credential
from clients.transport import make_transport
from domain.published_events.model import PublishedEvent

if TYPE_CHECKING:
    from azure.eventgrid import EventGridPublisherClient

_PATIENCE_SECONDS: Final = 10


@lru_cache(maxsize=1)
def _client(endpoint: str) -> "EventGridPublisherClient":
    from azure.eventgrid import EventGridPublisherClient

    return EventGridPublisherClient(endpoint, credential(), transport=make_transport(_PATIENCE_SECONDS), **RETRIES)


def publish(endpoint: str, event: PublishedEvent) -> None:
    """Send an event; raises ServiceError where the topic did not say that it took it."""
    from azure.core.messaging import CloudEvent

    with our_errors("take the event"):
        _client(endpoint).send(CloudEvent.from_dict(json.loads(event.to_json())))

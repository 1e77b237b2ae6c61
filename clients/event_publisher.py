"""The Event Grid topic that the deployment publishes its events to."""

import json
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from clients.azure_errors import our_errors
from clients.credential import RETRIES, credential
from clients.transport import make_transport
from domain.cloud import EVENT_GRID_SCOPE
from domain.published_events.model import PublishedEvent

if TYPE_CHECKING:
    from azure.eventgrid import EventGridPublisherClient

_PATIENCE_SECONDS: Final = 10
_VERSION: Final = "2018-01-01"


@lru_cache(maxsize=1)
def _client(endpoint: str) -> "EventGridPublisherClient":
    from azure.eventgrid import EventGridPublisherClient

    return EventGridPublisherClient(endpoint, credential(), transport=make_transport(_PATIENCE_SECONDS), **RETRIES)


def publish(endpoint: str, event: PublishedEvent) -> None:
    """Send an event; raises ServiceError where the topic did not say that it took it."""
    from azure.core.messaging import CloudEvent

    with our_errors("take the event"):
        _client(endpoint).send(CloudEvent.from_dict(json.loads(event.to_json())))


def require_topic(endpoint: str) -> None:
    """Raise ServiceError unless the topic takes events of this service; it is sent none, so nobody hears of it.

    An empty batch is refused as 400 (github fbeltrao/AzureFunctionExtensions issue 6), and before that whoever may not
    publish, as 401, and a topic that there is not.
    """
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy
    from azure.core.rest import HttpRequest, HttpResponse

    headers = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
    nothing = HttpRequest("POST", endpoint, params={"api-version": _VERSION}, headers=headers, content=b"[]")
    policies = [BearerTokenCredentialPolicy(credential(), EVENT_GRID_SCOPE)]
    # The SDK's own client sends events alone. Whoever asks for this asks again soon: nothing is tried again.
    client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
        endpoint, policies=policies, transport=make_transport(_PATIENCE_SECONDS)
    )
    with our_errors("let the service publish events"), client:
        response = client.send_request(nothing)
        if response.status_code != HTTPStatus.BAD_REQUEST:
            response.raise_for_status()

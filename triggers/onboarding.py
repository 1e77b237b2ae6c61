"""What is done with an event: it is recorded, and each subscription that it names is looked at.

Whatever an event is, it is answered as taken: sent again it would be the same. What is raised is of ours, and passes,
so that Event Grid sends the event again.
"""

import logging
import time
from datetime import UTC, datetime
from typing import Final

import azure.durable_functions as df

from clients.instances import engine_unavailable, start_only
from clients.onboardings import ask_to_look, note_event
from domain.names import onboarding_instance_id
from domain.onboarding import EventRecord
from domain.settings import deployment_policy
from domain.subscription_events.model import RefusedEvent, SubscriptionEvent
from domain.subscription_events.normalise import normalise_event
from triggers.whole_events import WholeEvent

START_ATTEMPTS: Final = 10
PAUSE_SECONDS: Final = 0.5
_log = logging.getLogger("hsm_provisioner.events")


def take_event(event: WholeEvent, client: df.SyncDurableFunctionsClient) -> None:
    """Record an event once, and have each subscription looked at that it names, if the policy says anything of them.

    Raises ServiceError where Azure or the engine does not answer.
    """
    # A message of no records at all is none of anything.
    results = normalise_event(event.read()) or [RefusedEvent(reason="unknown_shape")]
    note_event(EventRecord(received_at=datetime.now(UTC), results=results), event.content)
    for reason in dict.fromkeys(result.reason for result in results if isinstance(result, RefusedEvent)):
        _log.info("an event says of no subscription to look at it: %s", reason)
    if deployment_policy().new_subscriptions is None:
        return
    for subscription_id in dict.fromkeys(one.subscription_id for one in results if isinstance(one, SubscriptionEvent)):
        _have_looked_at(subscription_id, client)


def _have_looked_at(subscription_id: str, client: df.SyncDurableFunctionsClient) -> None:
    import grpc

    instance = onboarding_instance_id(subscription_id)
    try:
        before = _find_beginning(instance, client)
        awaited = ask_to_look(subscription_id)
        for _ in range(START_ATTEMPTS):
            if start_only("subscription_onboarding", instance, client):
                return
            # Whoever runs has yet to conclude, and then sees that there was another event; or began after it had come.
            if awaited or _find_beginning(instance, client) != before:
                return
            # It has concluded, and ends in a moment: it would not look again.
            time.sleep(PAUSE_SECONDS)
    except grpc.RpcError:
        raise engine_unavailable() from None
    raise engine_unavailable()


def _find_beginning(instance: str, client: df.SyncDurableFunctionsClient) -> datetime | None:
    state = client.get_orchestration_state(instance)
    return state.created_at if state is not None else None

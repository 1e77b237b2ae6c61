"""What is done with an event: it is recorded, and each subscription that it names is looked at.

Whatever an event is, it is answered as taken: sent again it would be the same. What is raised is of ours, and passes,
so that Event Grid sends the event again.
"""

import logging
from datetime import UTC, datetime

import azure.durable_functions as df

from clients.looks import have_looked_at
from clients.onboardings import note_event
from domain.onboarding import EventRecord
from domain.settings import deployment_policy
from domain.subscription_events.model import RefusedEvent, SubscriptionEvent
from domain.subscription_events.normalise import normalise_event
from triggers.whole_events import WholeEvent

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
        have_looked_at(subscription_id, client)

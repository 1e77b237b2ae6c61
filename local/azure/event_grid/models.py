"""Topics, subscriptions to them, and every delivery with what became of it."""

import base64
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from local.azure.core.data_access import DataAccess, Roles
from local.azure.core.errors import ServiceFault
from local.azure.event_grid.events import Event, render, stamp
from local.azure.event_grid.filters import matches
from local.azure.event_grid.settings import CLOUD_EVENTS, EVENT_GRID, Disorder, Schema, SubscriptionSettings
from local.azure.resource_manager.locations import LOCATIONS, plain_location

SEND: Final = "Microsoft.EventGrid/events/send/action"
# Source: Microsoft Learn, Azure built-in roles for Integration.
ROLES: Final[Roles] = {"EventGrid Data Sender": [SEND]}
REGIONS: Final = frozenset(plain_location(location) for location in LOCATIONS)
_NAME: Final = re.compile(r"[a-zA-Z0-9-]{3,50}")
State = Literal["pending", "delivered", "deadLettering", "deadLettered", "dropped"]


def _make_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass
class Topic:
    """A custom topic; nobody may publish by a token who was not assigned that."""

    name: str
    region: str
    schema: Schema
    local_auth: bool
    resource_id: str
    keys: tuple[str, str] = field(default_factory=lambda: (_make_key(), _make_key()), repr=False)
    access: DataAccess = field(default_factory=lambda: DataAccess(ROLES, restricted=True))

    @property
    def host(self) -> str:
        """The name under which it takes events."""
        return f"{self.name}.{self.region}-1.eventgrid.azure.net".lower()


@dataclass(frozen=True)
class Attempt:
    """One request to a webhook: when it ended, and how."""

    time: float
    status: int | None
    outcome: str


@dataclass
class EventSubscription:
    """A subscription, with what waits to be sent."""

    name: str
    settings: SubscriptionSettings
    schema: Schema
    disorder: Disorder = field(default_factory=Disorder)
    deleted: bool = False
    outbox: list["Delivery"] = field(default_factory=list)


@dataclass
class Delivery:
    """One event on its way to one subscription."""

    subscription: EventSubscription
    event: Event
    published: float
    state: State = "pending"
    attempts: list[Attempt] = field(default_factory=list)
    dead_letter_reason: str | None = None
    dead_letter_blob: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class EventGrid:
    """All of Event Grid's state."""

    def __init__(self, azure_subscription_id: str) -> None:
        self._scope = f"/subscriptions/{azure_subscription_id}/resourceGroups/rg-events/providers"
        self._topics: dict[str, Topic] = {}
        self._subscriptions: dict[str, EventSubscription] = {}
        self.deliveries: list[Delivery] = []

    def put_topic(self, name: str, region: str, schema: Schema, *, local_auth: bool) -> Topic:
        """Make a topic, or change one, which keeps its keys; raises ServiceFault 400."""
        if not _NAME.fullmatch(name) or region not in REGIONS:
            raise ServiceFault(400, "InvalidRequest", f"There can be no topic {name} in {region}.")
        topic = self._topics.get(name.lower())
        if topic is None:
            resource_id = f"{self._scope}/Microsoft.EventGrid/topics/{name}"
            topic = self._topics[name.lower()] = Topic(name, region, schema, local_auth, resource_id)
        topic.region, topic.schema, topic.local_auth = region, schema, local_auth
        return topic

    def find_topic(self, host: str) -> Topic | None:
        """Find a topic by its host name."""
        return next((topic for topic in self._topics.values() if topic.host == host), None)

    def draw_up(self, name: str, settings: SubscriptionSettings) -> EventSubscription:
        """Draw a subscription up, which is none until it is kept; raises ServiceFault 400, 404."""
        topic = None if settings.topic is None else self._topics.get(settings.topic.lower())
        if not _NAME.fullmatch(name):
            raise ServiceFault(400, "InvalidRequest", f"There can be no event subscription {name}.")
        if settings.topic is not None and topic is None:
            raise ServiceFault(404, "ResourceNotFound", f"There is no topic {settings.topic}.")
        published = topic.schema if topic else None
        delivered = settings.event_delivery_schema or published or EVENT_GRID
        if (published, delivered) == (CLOUD_EVENTS, EVENT_GRID):
            raise ServiceFault(400, "InvalidRequest", "Event Grid does not make Event Grid events of CloudEvents.")
        return EventSubscription(name, settings, delivered)

    def keep(self, drawn_up: EventSubscription) -> EventSubscription:
        """Make a subscription, or change the one of that name, also for what is on its way."""
        kept = self._subscriptions.setdefault(drawn_up.name.lower(), drawn_up)
        kept.settings, kept.schema = drawn_up.settings, drawn_up.schema
        return kept

    def find_subscription(self, name: str) -> EventSubscription:
        """Find a subscription; raises ServiceFault 404."""
        found = self._subscriptions.get(name.lower())
        if found is None:
            raise ServiceFault(404, "ResourceNotFound", f"There is no event subscription {name}.")
        return found

    def delete_subscription(self, name: str) -> None:
        """Forget a subscription; what is on its way is dropped when its time comes. Raises ServiceFault 404."""
        self.find_subscription(name).deleted = True
        del self._subscriptions[name.lower()]

    def route(self, topic: Topic, events: Sequence[Event], now: float) -> list[EventSubscription]:
        """Put events into the outboxes of those who subscribed to a topic, and give those who got any."""
        stamped = [stamp(event, topic.resource_id) for event in events] if topic.schema == EVENT_GRID else events
        subscribed = [
            subscription
            for subscription in self._subscriptions.values()
            if (subscription.settings.topic or "").lower() == topic.name.lower()
        ]
        return [subscription for subscription in subscribed if self.enter(subscription, stamped, now)]

    def enter(self, subscription: EventSubscription, events: Sequence[Event], now: float) -> list[Delivery]:
        """Put those events into an outbox that a subscription wants, as often as it is to get them."""
        wanted = [event for event in events if matches(subscription.settings.filter, event)]
        made = [
            Delivery(subscription, render(event, subscription.schema), now)
            for event in wanted
            for _ in range(subscription.disorder.copies)
        ]
        subscription.outbox += made
        self.deliveries += made
        return made


def describe_delivery(delivery: Delivery) -> dict[str, Any]:
    """Describe a delivery for the control API."""
    return {
        "id": delivery.id,
        "subscription": delivery.subscription.name,
        "event": delivery.event,
        "state": delivery.state,
        "attempts": [vars(attempt) for attempt in delivery.attempts],
        "deadLetterReason": delivery.dead_letter_reason,
        "deadLetterBlob": delivery.dead_letter_blob,
    }

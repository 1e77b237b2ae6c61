"""A client of the control API's part of Event Grid, for tests and demonstrations."""

from collections.abc import Mapping, Sequence
from typing import Any

import requests
from pydantic import BaseModel

from local.azure.control.event_grid_models import InjectedEvents, MadeTopic, NewTopic
from local.azure.event_grid.settings import EVENT_GRID, Disorder, Schema, SubscriptionSettings


class EventGridControl:
    """Makes topics and subscriptions, and says what Event Grid does to events on their way."""

    def __init__(self, control_url: str) -> None:
        self._url = f"{control_url}/event-grid"
        self._session = requests.Session()
        self._session.trust_env = False

    def put_topic(
        self,
        name: str,
        input_schema: Schema = EVENT_GRID,
        *,
        local_auth: bool = True,
        assignments: Mapping[str, list[str]] | None = None,
    ) -> MadeTopic:
        """Make a custom topic, or change one; `assignments` are roles or patterns of data actions by object ids."""
        new = NewTopic(input_schema=input_schema, local_auth=local_auth, assignments=dict(assignments or {}))
        return MadeTopic.model_validate(self._send("PUT", f"topics/{name}", new))

    def put_subscription(self, name: str, settings: SubscriptionSettings) -> None:
        """Make a subscription, or change one, after the handshake with its webhook."""
        self._send("PUT", f"subscriptions/{name}", settings)

    def delete_subscription(self, name: str) -> None:
        """Forget a subscription, with what is on its way."""
        self._send("DELETE", f"subscriptions/{name}")

    def change_disorder(self, name: str, disorder: Disorder) -> None:
        """Say how a subscription's events come from now on, and let go what was held."""
        self._send("PUT", f"subscriptions/{name}/disorder", disorder)

    def inject(self, name: str, events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Give events to a subscription as a system topic does; gives the deliveries that this makes."""
        made: list[dict[str, Any]] = self._send(
            "POST", f"subscriptions/{name}/events", InjectedEvents(events=list(events))
        )
        return made

    def deliveries(self, name: str) -> list[dict[str, Any]]:
        """List a subscription's deliveries with their state and every attempt."""
        found: list[dict[str, Any]] = self._send("GET", f"subscriptions/{name}/deliveries")
        return found

    def _send(self, method: str, path: str, body: BaseModel | None = None) -> Any:
        text = body.model_dump_json(by_alias=True) if body is not None else None
        response = self._session.request(method, f"{self._url}/{path}", data=text, timeout=120)
        response.raise_for_status()
        return response.json()

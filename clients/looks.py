"""Has a subscription looked at: whether it opted in, and if so its HSM is begun."""

import time
from datetime import datetime
from typing import Final

import azure.durable_functions as df

from clients.instances import engine_unavailable, start_only
from clients.onboardings import ask_to_look
from domain.names import onboarding_instance_id

START_ATTEMPTS: Final = 10
PAUSE_SECONDS: Final = 0.5


def have_looked_at(subscription_id: str, client: df.SyncDurableFunctionsClient) -> None:
    """Have a look that begins after this was asked; raises ServiceError where Azure or the engine does not answer."""
    import grpc

    instance = onboarding_instance_id(subscription_id)
    try:
        before = _find_beginning(instance, client)
        awaited = ask_to_look(subscription_id)
        for _ in range(START_ATTEMPTS):
            if start_only("subscription_onboarding", instance, client):
                return
            # Whoever runs has yet to conclude, and then sees that it was asked again; or began after that.
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

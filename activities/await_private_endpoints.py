"""Ask once whether the HSM's private endpoints are made, connected and entered; the orchestrator waits."""

from typing import Final

from activities.connecting import waited_long_enough, wanted_endpoints
from clients.private_endpoints import find_endpoint, find_zone_group
from domain.handover.network import WantedEndpoint, endpoint_failed, endpoint_not_approved
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings

_OPEN: Final = ("Pending", "Unknown")
# One for the endpoints, one for their zone groups, one for what was in their way, and more for what vanishes meanwhile.
_MAXIMUM_ROUNDS: Final = 6


def await_private_endpoints(work: Work) -> Outcome:
    """Read each endpoint: done when all are connected, or when the step before has something left to ask for.

    `connected` says which, and `endpoints` where they are. Who may approve is waited for; a rejection ends the wait.
    """
    connected, wanted = wanted_endpoints(work)
    states = [(endpoint, *_find_state(endpoint)) for endpoint in wanted]
    # First: what the others lack is asked for in one go once none is being made, so that a few rounds are enough.
    if any(state == "made" for _, state, _ in states):
        return wait(settings().poll_seconds)
    missing = [endpoint for endpoint, state, _ in states if state == "missing"]
    if missing:
        if work.attempt >= _MAXIMUM_ROUNDS:
            raise endpoint_failed(missing[0].name)
        return done(connected=False)
    for endpoint, _, connection in states:
        if connection == "Approved":
            continue
        if connection in _OPEN and not waited_long_enough(work):
            return wait(settings().poll_seconds)
        raise endpoint_not_approved(connected.hsm.resource_id, endpoint.name, connection)
    return done(connected=True, endpoints=[endpoint.resource_id for endpoint in wanted])


def _find_state(endpoint: WantedEndpoint) -> tuple[str, str]:
    """Say whether an endpoint lacks something, is being made or is there, and how its connection stands.

    Raises ServiceError `private_endpoint_failed`.
    """
    found = find_endpoint(endpoint.resource_id)
    if found is None:
        return "missing", ""
    parts = [found.provisioning_state]
    if found.provisioning_state == "Succeeded" and endpoint.zone is not None:
        group = find_zone_group(endpoint.resource_id)
        if group is None or (group.provisioning_state == "Succeeded" and not group.keeps_in(endpoint.zone)):
            return "missing", found.connection
        parts.append(group.provisioning_state)
    if "Failed" in parts:
        raise endpoint_failed(endpoint.name)
    if found.connection == "Disconnected":
        return "missing", found.connection
    return ("there" if set(parts) == {"Succeeded"} else "made"), found.connection

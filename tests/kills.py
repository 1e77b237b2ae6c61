"""Workers that are killed while a chosen request to Azure is held, before or after it takes effect."""

import os
import signal
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, get_args

from local.azure.control.models import NewHold, ServiceName
from local.portal import Portal
from local.stack import Stack

Phase = Literal["before", "after"]


class Moment(NamedTuple):
    """A request of an activity at which its worker is killed; `skip` requests like it come before.

    What its path has in braces is filled in: `{name}` is the HSM's name.
    """

    activity: str
    service: ServiceName
    method: str
    path: str
    skip: int = 0


def hold(stack: Stack, moment: Moment, phase: Phase, name: str, **others: str) -> str:
    """Hold the request of a moment, of the HSM of a name; gives the hold's id."""
    return stack.control.hold(
        NewHold(
            service=moment.service,
            method=moment.method,
            host=f"^{name}[.]" if moment.service == "managed_hsm" else "",
            path=moment.path.format(name=name, **others),
            phase=phase,
            skip=moment.skip,
        )
    )


def kill(stack: Stack, held: Mapping[str, Phase]) -> None:
    """Kill the worker while its requests are held; those that were held before they took effect never do."""
    os.kill(stack.host.worker_process_id(), signal.SIGKILL)
    for identifier, phase in held.items():
        stack.control.release(identifier, drop=phase == "before")
    await_worker(stack)


def kill_twice(
    stack: Stack, moments: Mapping[str, Moment], ask: Callable[[str], str], requests: int = 1
) -> dict[str, str]:
    """Kill the worker before the request of each HSM's moment takes effect, and once more after it did.

    `ask` begins an HSM's operation, which makes so many of these `requests` one after the other; gives the operations'
    ids by the HSMs' names.
    """

    def hold_all(phase: Phase) -> dict[str, str]:
        return {name: hold(stack, moment, phase, name) for name, moment in moments.items()}

    held = hold_all("before")
    operations = {name: ask(name) for name in moments}
    phases: list[Phase] = [*get_args(Phase)] * requests
    for phase, then in zip(phases, [*phases[1:], None], strict=True):
        for name, identifier in held.items():
            assert stack.control.await_hold(identifier, 60), f"no request of {moments[name]} came"
        following = hold_all(then) if then else {}
        kill(stack, dict.fromkeys(held.values(), phase))
        held = following
    return operations


def await_worker(stack: Stack) -> None:
    """A request that was in flight in the dead worker is gone with it: the next one is answered by the next worker."""
    response = None
    for _ in range(20):
        response = Portal(stack, stack.portal).send("GET", "health")
        if response.status_code == 200:
            return
    raise AssertionError(response)
